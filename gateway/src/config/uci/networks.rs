//! From netifd's names, the LAN's and the WANs', to interfaces.

use super::super::reader::Value;
use super::super::tree::{Item, Node, Table};
use super::super::wans;
use super::syntax::{self, Block};
use super::{File, called, given, unknown};

/// What `config wan` may have.
pub(super) const WAN: [&str; 5] = ["network", "device", "metered", LIMIT_MB, "enabled"];
const LIMIT_MB: &str = "limit_mb";

/// The ways out, by their interfaces.
pub(super) struct Ways {
    pub(super) interfaces: Vec<Item>,
    /// Those that cost money.
    pub(super) metered: Vec<Item>,
    /// A table with the limits of those that have one.
    pub(super) limit_mb: Item,
}

impl File<'_> {
    /// The LAN's interface and the router's address there.
    pub(super) fn lan(
        &self,
        gateway: &Block,
        section: &str,
    ) -> Result<(Item, Item), syntax::Fault> {
        let setting = gateway.options.iter().find(|setting| setting.key == "lan");
        let line = setting.map_or(gateway.line, |setting| setting.line);
        let name = match setting {
            Some(setting) => self.text(section, setting)?,
            None => "lan".to_owned(),
        };
        let network = self.networks.iter().find(|network| network.name == name);
        let found = network.and_then(|network| Some((network, network.address?)));
        let (network, address) = found.ok_or_else(|| {
            let known: Vec<&str> = self.networks.iter().map(|it| it.name.as_str()).collect();
            let message = format!(
                "{section}, option \"lan\": netifd has no network {name:?} with an IPv4 address; there are: {}; `ifstatus` shows one",
                known.join(", ")
            );
            (line, message)
        })?;
        let interface = given(line, section, "lan", &network.device);
        Ok((interface, given(line, section, "lan", &address.to_string())))
    }

    /// The WANs that are not switched off, as far as netifd knows their interfaces.
    pub(super) fn wans(&self, blocks: &[Block]) -> Result<Ways, syntax::Fault> {
        let (mut interfaces, mut metered) = (Vec::new(), Vec::new());
        let mut limits = Table::default();
        for block in blocks.iter().filter(|block| block.kind == "wan") {
            let section = called(block, blocks);
            if let Some(odd) = block
                .options
                .iter()
                .find(|it| !WAN.contains(&it.key.as_str()))
            {
                return Err(unknown(&section, odd, &WAN));
            }
            let costs = self.is_on(&section, block, "metered", false)?;
            let limit = block.get(LIMIT_MB).map(|it| super::item(&section, it));
            if let Some(limit) = &limit {
                // Also of one that is not used, so that nobody is surprised when it is.
                let checked = wans::read_limit(&Value::of_uci(self.name, limit));
                checked.map_err(|fault| (fault.line, fault.message))?;
            }
            if !self.is_on(&section, block, "enabled", true)? {
                continue;
            }
            let (setting, device) = match (block.get("device"), block.get("network")) {
                (Some(device), _) => (device, Some(self.text(&section, device)?)),
                (None, Some(network)) => {
                    let name = self.text(&section, network)?;
                    let known = self.networks.iter().find(|it| it.name == name);
                    (network, known.map(|it| it.device.clone()))
                }
                (None, None) => {
                    return Err((
                        block.line,
                        format!(
                            "{section}: option \"network\" is missing; write option network 'wan'"
                        ),
                    ));
                }
            };
            // As if it were down: netifd will say when it has a device.
            let Some(device) = device else { continue };
            let given = || given(setting.line, &section, &setting.key, &device);
            interfaces.push(given());
            if costs {
                metered.push(given());
            }
            if let Some(limit) = limit {
                limits.add(&device, limit);
            }
        }
        Ok(Ways {
            interfaces,
            metered,
            limit_mb: Item {
                node: Node::Table(limits),
                line: 1,
                called: String::new(),
            },
        })
    }

    /// Whether the file says which ways out there are.
    pub(super) fn chooses_wans(&self, blocks: &[Block]) -> Result<bool, syntax::Fault> {
        for block in blocks.iter().filter(|block| block.kind == "wan") {
            if self.is_on(&called(block, blocks), block, "enabled", true)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
