//! The nftables table `inet ntm`: virtual addresses stay inside the tunnel, segments fit it, and, where we are the
//! router, LAN devices go out by NAT.
//!
//! The table is ours alone: replaced in one transaction at start, deleted at a clean stop, put back when somebody
//! takes it away, and it never touches another. After a crash it stays, and goes on keeping virtual addresses off the
//! WANs.

mod devices;
mod watch;
mod words;

pub(crate) use devices::bind;

use crate::lan::Retell;
use anyhow::{Context, Result, bail};
use nftables::batch::Batch;
use nftables::expr::{CT, Expression, MetaKey, NamedExpression};
use nftables::helper::{NftablesError, apply_ruleset};
use nftables::schema::Nftables;
use nftables::stmt::{Match, Operator, Statement};
use nftables::types::{NfChainType, NfHook};
use ntm_gateway::config::Config;
use ntm_proto::id::VirtualPrefixes;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::sleep;
use tracing::{debug, info, warn};
use watch::{Lost, Watch};
use words::{
    chain, clamp, equals, is_syn, meta, other_than, payload, prefix, rule, set, table, text,
};

const TABLE: &str = "ntm";
/// The priority called `mangle`: before conntrack-based filters decide.
const MANGLE: i32 = -150;
/// The priority called `srcnat`.
const SRCNAT: i32 = 100;

/// The least pause between two times of putting the table back: somebody may be as stubborn as we are.
const LEAST_PAUSE: Duration = Duration::from_secs(1);

/// Whether the kernel forwards IPv4 packets: 1 or 0.
const FORWARDING: &str = "/proc/sys/net/ipv4/ip_forward";

/// What nft reads when it is told to read `-`, which OpenWrt does not have.
const STDIN: &str = "/dev/stdin";

fn make_stdin() {
    let path = Path::new(STDIN);
    if path.symlink_metadata().is_err()
        && let Err(error) = std::os::unix::fs::symlink("/proc/self/fd/0", path)
    {
        debug!("there is no {STDIN}, and none can be made: {error}");
    }
    if !path.exists() {
        warn!("{STDIN} leads nowhere (is /proc there?), so nft will not read our rules");
    }
}

/// The table. It goes with this value.
pub(crate) struct Firewall {
    /// The kernel forwards because we said so.
    enabled_forwarding: bool,
    keeper: Option<JoinHandle<()>>,
}

impl Firewall {
    /// Replaces the table by the one that fits `config`, and lets the kernel forward.
    pub(crate) fn apply(config: &Config, prefixes: VirtualPrefixes) -> Result<Self> {
        run(&ruleset(config, prefixes))?;
        Ok(Self {
            enabled_forwarding: enable_forwarding(),
            keeper: None,
        })
    }

    /// From now on puts the table back when somebody takes it away, and has its devices told again.
    pub(crate) fn keep(&mut self, config: &Config, prefixes: VirtualPrefixes, residents: Retell) {
        let rules = ruleset(config, prefixes);
        match Watch::open() {
            Ok(watch) => self.keeper = Some(tokio::spawn(keep(watch, rules, residents))),
            Err(error) => {
                warn!("nobody will see it if the table inet {TABLE} is removed: {error:#}")
            }
        }
    }

    /// Whoever takes the table away from now on may.
    pub(crate) async fn unkeep(&mut self) {
        if let Some(keeper) = self.keeper.take() {
            keeper.abort();
            // What it held is let go of: its end, not its result.
            drop(keeper.await);
        }
    }
}

async fn keep(mut watch: Watch, rules: Nftables<'static>, residents: Retell) {
    let mut is_new = true;
    loop {
        let lost = match watch.lost().await {
            Ok(lost) => lost,
            Err(error) => {
                return warn!("nobody will see it if the table inet {TABLE} is removed: {error}");
            }
        };
        let rules = rules.clone();
        match spawn_blocking(move || run(&rules)).await {
            Ok(Ok(())) if is_new && lost == Lost::Certainly => {
                is_new = false;
                warn!(
                    "another program removed the table inet {TABLE}, or part of it; it is put back whenever that happens"
                );
            }
            Ok(Ok(())) => debug!("the table inet {TABLE} is back"),
            Ok(Err(error)) => warn!("the table inet {TABLE} is gone: {error:#}"),
            Err(_) => return,
        }
        residents.all();
        sleep(LEAST_PAUSE).await;
    }
}

impl Drop for Firewall {
    fn drop(&mut self) {
        // Before the table goes: without its rules this machine forwards only if it did before us.
        if self.enabled_forwarding
            && let Err(error) = std::fs::write(FORWARDING, "0")
        {
            warn!("cannot set net.ipv4.ip_forward back to 0: {error}");
        }
        let mut batch = Batch::new();
        batch.delete(table());
        if let Err(error) = apply_ruleset(&batch.to_nftables()) {
            warn!("the table inet {TABLE} stays: {error}");
        }
    }
}

fn run(rules: &Nftables<'_>) -> Result<()> {
    make_stdin();
    match apply_ruleset(rules) {
        Ok(()) => Ok(()),
        Err(NftablesError::NftExecution { inner, .. }) => {
            bail!("cannot run nft ({inner}): install the package nftables")
        }
        Err(NftablesError::NftFailed { stderr, .. }) => {
            bail!("nft refused our rules: {}", stderr.trim())
        }
        Err(error) => Err(error).context("cannot set the firewall's rules"),
    }
}

/// Whether it was off and now is on.
fn enable_forwarding() -> bool {
    let before = std::fs::read_to_string(FORWARDING);
    if before.as_ref().is_ok_and(|value| value.trim() == "1") {
        return false;
    }
    match std::fs::write(FORWARDING, "1") {
        Ok(()) => {
            info!("this machine forwards IPv4 packets until we stop (net.ipv4.ip_forward = 1)");
            before.is_ok_and(|value| value.trim() == "0")
        }
        Err(error) => {
            warn!("cannot set net.ipv4.ip_forward = 1 ({error}): devices reach nothing through us");
            false
        }
    }
}

fn ruleset(config: &Config, prefixes: VirtualPrefixes) -> Nftables<'static> {
    let (lan, tun) = (
        config.lan.interface.as_str(),
        config.tunnel.interface.as_str(),
    );
    let mut batch = Batch::new();
    // Added first so that deleting it cannot fail; all of this is one transaction.
    batch.add(table());
    batch.delete(table());
    batch.add(table());
    batch.add(chain(
        "guard",
        NfChainType::Filter,
        NfHook::Prerouting,
        MANGLE,
    ));
    batch.add(chain(
        "forward",
        NfChainType::Filter,
        NfHook::Forward,
        MANGLE,
    ));
    keep_inside(&mut batch, lan, tun, prefixes);
    if config.lan.bind_addresses {
        devices::guard(&mut batch, lan, prefixes);
    }
    for key in [MetaKey::Iifname, MetaKey::Oifname] {
        batch.add(rule(
            "forward",
            vec![equals(meta(key), text(tun)), is_syn(), clamp()],
        ));
    }
    // Of WANs that are listed none is known: there is nothing to be a router to.
    let has_wans = !(config.wan.only_listed && config.wan.interfaces.is_empty());
    if config.wan.masquerade && has_wans {
        masquerade(&mut batch, config);
    }
    batch.to_nftables()
}

/// Virtual addresses are spoken to, and from, through the tunnel alone.
fn keep_inside(batch: &mut Batch<'static>, lan: &str, tun: &str, prefixes: VirtualPrefixes) {
    for (protocol, address, length) in virtual_ranges(prefixes) {
        let range = |field| equals(payload(protocol, field), prefix(address, length));
        let mut drop = |chain, key, allowed: &[&str], field| {
            batch.add(rule(
                chain,
                vec![
                    other_than(key, allowed),
                    range(field),
                    Statement::Drop(None),
                ],
            ));
        };
        // Nobody outside may speak to, or as, a virtual address. Our own packets to ourselves go by lo.
        drop("guard", MetaKey::Iifname, &[tun, "lo"], "saddr");
        drop("guard", MetaKey::Iifname, &[lan, tun, "lo"], "daddr");
        // When the tunnel's route is missing, packets to virtual addresses must not leave in clear.
        drop("forward", MetaKey::Oifname, &[lan, tun], "daddr");
    }
}

/// We are the router: devices go out as us, and nothing comes in that they did not ask for.
fn masquerade(batch: &mut Batch<'static>, config: &Config) {
    let (lan, tun) = (
        config.lan.interface.as_str(),
        config.tunnel.interface.as_str(),
    );
    let wan = |key| match config.wan.interfaces.as_slice() {
        [] => other_than(key, &[lan, tun, "lo"]),
        names => Statement::Match(Match {
            left: meta(key),
            right: set(names.iter().map(String::as_str)),
            op: Operator::EQ,
        }),
    };
    let to_lan = || equals(meta(MetaKey::Oifname), text(lan));
    let known = Match {
        left: Expression::Named(NamedExpression::CT(CT {
            key: "state".into(),
            family: None,
            dir: None,
        })),
        right: Expression::List(vec![text("established"), text("related")]),
        op: Operator::IN,
    };
    batch.add(rule(
        "forward",
        vec![
            wan(MetaKey::Iifname),
            to_lan(),
            Statement::Match(known),
            Statement::Accept(None),
        ],
    ));
    batch.add(rule(
        "forward",
        vec![wan(MetaKey::Iifname), to_lan(), Statement::Drop(None)],
    ));
    batch.add(chain(
        "outside",
        NfChainType::NAT,
        NfHook::Postrouting,
        SRCNAT,
    ));
    let net = config.lan.net;
    let from_lan = equals(
        payload("ip", "saddr"),
        prefix(net.network().into(), net.prefix_len()),
    );
    batch.add(rule(
        "outside",
        vec![wan(MetaKey::Oifname), from_lan, Statement::Masquerade(None)],
    ));
}

fn virtual_ranges(prefixes: VirtualPrefixes) -> [(&'static str, IpAddr, u8); 2] {
    [
        ("ip", prefixes.v4.network().into(), prefixes.v4.prefix_len()),
        (
            "ip6",
            prefixes.v6.network().into(),
            prefixes.v6.prefix_len(),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn rules(wan: &str) -> Vec<Value> {
        let text =
            format!("[lan]\ninterface = \"br-lan\"\naddress = \"192.168.1.1/24\"\n[wan]\n{wan}\n");
        let config = Config::parse("test", &text).unwrap();
        let prefixes = VirtualPrefixes {
            v4: "198.18.0.0/15".parse().unwrap(),
            v6: "fd00:1::/48".parse().unwrap(),
        };
        let value = serde_json::to_value(ruleset(&config, prefixes)).unwrap();
        value["nftables"].as_array().unwrap().clone()
    }

    fn of_chain(rules: &[Value], chain: &str) -> Vec<Value> {
        let rules = rules.iter().map(|rule| &rule["add"]["rule"]);
        rules
            .filter(|rule| rule["chain"] == chain)
            .map(|rule| rule["expr"].clone())
            .collect()
    }

    #[test]
    fn the_table_is_replaced_and_no_other_is_named() {
        let rules = rules("");
        let table = json!({"table": {"family": "inet", "name": "ntm"}});
        assert_eq!(
            rules[..3],
            [
                json!({"add": table}),
                json!({"delete": table}),
                json!({"add": table})
            ]
        );
        for command in &rules[3..] {
            let object = command["add"].as_object().unwrap().values().next().unwrap();
            assert_eq!(
                (&object["table"], &object["family"]),
                (&json!("ntm"), &json!("inet"))
            );
        }
    }

    #[test]
    fn virtual_addresses_come_by_the_tunnel_alone() {
        let guard = of_chain(&rules(""), "guard");
        assert_eq!(guard.len(), 5);
        assert_eq!(
            guard[0],
            json!([
                {"match": {"left": {"meta": {"key": "iifname"}}, "right": {"set": ["ntm0", "lo"]}, "op": "!="}},
                {"match": {
                    "left": {"payload": {"protocol": "ip", "field": "saddr"}},
                    "right": {"prefix": {"addr": "198.18.0.0", "len": 15}}, "op": "==",
                }},
                {"drop": null},
            ])
        );
        assert_eq!(
            guard[3][1]["match"]["right"],
            json!({"prefix": {"addr": "fd00:1::", "len": 48}})
        );
    }

    #[test]
    fn a_devices_address_is_good_from_its_own_hardware_alone() {
        let guard = of_chain(&rules(""), "guard");
        assert_eq!(
            guard[4],
            json!([
                {"match": {"left": {"meta": {"key": "iifname"}}, "right": "br-lan", "op": "=="}},
                {"match": {
                    "left": {"payload": {"protocol": "ip", "field": "daddr"}},
                    "right": {"prefix": {"addr": "198.18.0.0", "len": 15}}, "op": "==",
                }},
                {"match": {
                    "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": "@taken", "op": "==",
                }},
                {"match": {
                    "left": {"concat": [
                        {"payload": {"protocol": "ether", "field": "saddr"}},
                        {"payload": {"protocol": "ip", "field": "saddr"}},
                    ]},
                    "right": "@devices", "op": "!=",
                }},
                {"drop": null},
            ])
        );
    }

    #[test]
    fn segments_are_clamped_both_ways() {
        let forward = of_chain(&rules(""), "forward");
        let clamps: Vec<_> = forward
            .iter()
            .filter(|rule| rule[2]["mangle"].is_object())
            .collect();
        assert_eq!(clamps.len(), 2);
        assert_eq!(
            clamps[0][2]["mangle"]["value"],
            json!({"rt": {"key": "mtu"}})
        );
    }

    #[test]
    fn only_a_router_masquerades_and_never_into_the_tunnel() {
        assert!(of_chain(&rules("masquerade = false"), "outside").is_empty());
        let listed = of_chain(
            &rules("masquerade = true\ninterfaces = [\"wan0\"]"),
            "outside",
        );
        assert_eq!(listed[0][0]["match"]["right"], json!({"set": ["wan0"]}));
        assert_eq!(
            listed[0][1]["match"]["right"],
            json!({"prefix": {"addr": "192.168.1.0", "len": 24}})
        );
        let any = of_chain(&rules("masquerade = true"), "outside");
        assert_eq!(
            any[0][0]["match"],
            json!({
                "left": {"meta": {"key": "oifname"}}, "right": {"set": ["br-lan", "ntm0", "lo"]}, "op": "!=",
            })
        );
        let forward = of_chain(&rules("masquerade = true"), "forward");
        assert_eq!(forward.last().unwrap()[2], json!({"drop": null}));
    }
}
