//! What was seen in many worlds, counted.

use crate::act::{Act, Step};
use crate::spec::{V4Kind, V6Kind};
use crate::world::World;
use std::collections::BTreeMap;
use std::fmt;

/// Counts by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<String, u64>);

impl Tally {
    pub(crate) fn of(world: &World, steps: &[Step]) -> Self {
        let mut tally = Self::default();
        tally.add("gateways", world.sites.len() as u64);
        tally.add("datagrams", world.net.sent);
        tally.add("packets delivered", world.watch.arrived);
        tally.add("questions answered", world.watch.answers.0);
        tally.add("questions refused", world.watch.answers.1);
        tally.add("virtual minutes", (world.now - world.born).as_secs() / 60);
        for step in steps {
            let name = match &step.act {
                Act::Send(..) => "act: send",
                Act::Resolve(..) => "act: resolve",
                Act::Ping(..) => "act: ping",
                Act::Move(..) => "act: move",
                Act::Restart(..) => "act: restart",
                Act::Freeze(..) => "act: freeze",
                Act::Reboot(..) => "act: NAT reboot",
                Act::Burst(..) => "act: loss burst",
                Act::Leave(_) => "act: device leaves",
                Act::Return(..) => "act: device returns",
                Act::Rename(..) => "act: rename",
                Act::Remove(_) => "act: gateway removed",
                Act::Befriend => "act: group joined",
                Act::StoreFails(_) => "act: store fails",
                Act::Inject(..) => "act: forgery",
            };
            tally.add(name, 1);
        }
        for site in &world.sites {
            for wan in &site.specs {
                for nat in wan.nats(&world.spec.shared) {
                    tally.add(&format!("NAT {}", nat.cell()), 1);
                }
                let v4 = match wan.v4 {
                    V4Kind::None => "IPv4 none",
                    V4Kind::Global => "IPv4 global",
                    V4Kind::Firewall(_) => "IPv4 firewall",
                    V4Kind::Nat(_) => "IPv4 NAT",
                    V4Kind::Carrier(..) => "IPv4 two NATs",
                    V4Kind::Shared(_) => "IPv4 shared NAT",
                    V4Kind::BehindShared(..) => "IPv4 NAT behind shared",
                };
                let v6 = match wan.v6 {
                    V6Kind::None => "IPv6 none",
                    V6Kind::Global => "IPv6 global",
                    V6Kind::Firewall(_) => "IPv6 firewall",
                };
                tally.add(v4, 1);
                tally.add(v6, 1);
            }
            for tunnel in site.machine.tunnels(world.now) {
                tally.add(&format!("tunnel {} {}", tunnel.state, tunnel.path), 1);
            }
        }
        tally
    }

    fn add(&mut self, name: &str, count: u64) {
        *self.0.entry(name.to_owned()).or_default() += count;
    }

    /// Adds another's counts.
    pub fn merge(&mut self, other: &Self) {
        for (name, count) in &other.0 {
            self.add(name, *count);
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cells: Vec<String> = self
            .0
            .iter()
            .map(|(name, count)| format!("{name:<24} {count:>10}"))
            .collect();
        let rows = cells.len().div_ceil(3);
        for row in 0..rows {
            let line: Vec<&str> = (0..3)
                .filter_map(|column| cells.get(column * rows + row).map(String::as_str))
                .collect();
            writeln!(f, "  {}", line.join("   "))?;
        }
        Ok(())
    }
}
