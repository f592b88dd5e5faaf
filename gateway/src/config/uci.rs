//! `/etc/config/ntm`: UCI's sections as what the configuration file has.
//!
//! ```text
//! config gateway 'gateway'     everything but what follows
//! config wan                   a way out, best first
//! config device                what the owner says of a device
//! config policy                who may begin something with whom; the first that matches decides
//! ```
//!
//! UCI names netifd's networks; which device and address each has is told beside the file ([`Network`]).

mod networks;
pub(super) mod syntax;

use super::Config;
use super::device;
use super::keys::{self, KEYS};
use super::policies;
use super::reader::{ConfigError, Document, Value, suggestion};
use super::tree::{Entry, Item, Node, Table};
use ipnet::Ipv4Net;
use syntax::{Block, Setting};

/// A network of netifd's as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its name, like `lan`.
    pub name: String,
    /// Its interface, like `br-lan`.
    pub device: String,
    /// The router's address on it.
    pub address: Option<Ipv4Net>,
}

/// What `config gateway` has beside [`KEYS`], which are in the other file, too: for the init script, and netifd's name of the LAN.
const OWN: [&str; 2] = ["enabled", "lan"];
const KINDS: [&str; 4] = ["gateway", "wan", "device", "policy"];

impl Config {
    /// Reads UCI's file; `file` is what faults call it, `networks` is what netifd knows.
    pub fn parse_uci(file: &str, text: &str, networks: &[Network]) -> Result<Self, ConfigError> {
        let fault = |(line, message)| ConfigError {
            file: file.to_owned(),
            line,
            message,
        };
        let blocks = syntax::parse(text).map_err(fault)?;
        let source = File {
            name: file,
            networks,
        };
        let root = source.root(&blocks).map_err(fault)?;
        let mut config = Self::read(&Document::of_uci(file, root))?;
        // Also while netifd knows none of them: their devices come later, and others are no WANs meanwhile.
        config.wan.only_listed |= source.chooses_wans(&blocks).map_err(fault)?;
        Ok(config)
    }
}

/// Whether UCI's file has the gateway switched on. One that is wrong, or says nothing of it, has not.
pub fn is_switched_on(text: &str) -> bool {
    let source = File {
        name: "",
        networks: &[],
    };
    let blocks = syntax::parse(text).unwrap_or_default();
    let gateway = blocks.iter().find(|block| block.kind == "gateway");
    gateway.is_some_and(|block| source.is_on("", block, OWN[0], false).unwrap_or(false))
}

struct File<'a> {
    name: &'a str,
    networks: &'a [Network],
}

impl File<'_> {
    /// The tables that the other file would have.
    fn root(&self, blocks: &[Block]) -> Result<Table, syntax::Fault> {
        if let Some(odd) = blocks
            .iter()
            .find(|block| !KINDS.contains(&block.kind.as_str()))
        {
            let hint = suggestion(&odd.kind, &KINDS);
            return Err((
                odd.line,
                format!("section type {:?} is unknown; {hint}", odd.kind),
            ));
        }
        let mut gateways = blocks.iter().filter(|block| block.kind == "gateway");
        let gateway = gateways.next().ok_or((
            1,
            "section \"gateway\" is missing; write config gateway 'gateway' and its options below"
                .to_owned(),
        ))?;
        if let Some(second) = gateways.next() {
            return Err((
                second.line,
                "a second section of type \"gateway\"; there is one for all".to_owned(),
            ));
        }
        let mut tables: Vec<(&str, Table)> = ["lan", "wan", "dns", "tunnel", "log", "web"]
            .map(|name| (name, Table::default()))
            .into();
        let mut put = |section: &str, key: &str, item: Item| {
            if let Some((_, table)) = tables.iter_mut().find(|(name, _)| *name == section) {
                table.add(key, item);
            }
        };
        let name = called(gateway, blocks);
        for setting in &gateway.options {
            if OWN.contains(&setting.key.as_str()) {
                continue;
            }
            let Some(key) = keys::of_option(&setting.key) else {
                let ours = KEYS.iter().filter(|key| !key.option.is_empty());
                let known: Vec<&str> = ours.map(|key| key.option).chain(OWN).collect();
                return Err(unknown(&name, setting, &known));
            };
            put(key.section, key.key, item(&name, setting));
        }
        let (interface, address) = self.lan(gateway, &name)?;
        put("lan", "interface", interface);
        put("lan", "address", address);
        // dnsmasq and odhcpd serve the LAN there.
        if !gateway.has("dhcp") {
            put("lan", "dhcp", given(gateway.line, &name, "dhcp", "follow"));
        }
        let ways = self.wans(blocks)?;
        put("wan", "interfaces", list(ways.interfaces));
        put("wan", "metered", list(ways.metered));
        put("wan", "limit_mb", ways.limit_mb);
        put("lan", "static", devices(blocks)?);
        let mut root = Table::default();
        for (name, table) in tables {
            root.add(
                name,
                Item {
                    node: Node::Table(table),
                    line: gateway.line,
                    called: name.to_owned(),
                },
            );
        }
        root.add("policy", self.policies(blocks)?);
        Ok(root)
    }

    /// The policies that are not switched off.
    fn policies(&self, blocks: &[Block]) -> Result<Item, syntax::Fault> {
        const OFF_OR_ON: &str = "enabled";
        let known: Vec<&str> = policies::KEYS.into_iter().chain([OFF_OR_ON]).collect();
        let mut all = Vec::new();
        for block in blocks.iter().filter(|block| block.kind == "policy") {
            let (section, mut item) = section(block, blocks, &known)?;
            if self.is_on(&section, block, OFF_OR_ON, true)? {
                if let Node::Table(table) = &mut item.node {
                    table.0.retain(|entry| entry.key != OFF_OR_ON);
                }
                all.push(item);
            }
        }
        Ok(list(all))
    }

    fn text(&self, section: &str, setting: &Setting) -> Result<String, syntax::Fault> {
        let item = item(section, setting);
        let text = Value::of_uci(self.name, &item).text().map(str::to_owned);
        text.map_err(|fault| (fault.line, fault.message))
    }

    /// A switch of `block`, or what it is if that does not say.
    fn is_on(
        &self,
        section: &str,
        block: &Block,
        key: &str,
        usual: bool,
    ) -> Result<bool, syntax::Fault> {
        let Some(setting) = block.get(key) else {
            return Ok(usual);
        };
        let item = item(section, setting);
        let is_on = Value::of_uci(self.name, &item).boolean();
        is_on.map_err(|fault| (fault.line, fault.message))
    }
}

/// What the owner says of devices.
fn devices(blocks: &[Block]) -> Result<Item, syntax::Fault> {
    let devices = blocks.iter().filter(|block| block.kind == "device");
    let tables = devices.map(|block| section(block, blocks, &device::KEYS).map(|(_, item)| item));
    Ok(list(tables.collect::<Result<_, _>>()?))
}

/// What faults call a section, and its options as a table; they are of those `known`.
fn section(
    block: &Block,
    blocks: &[Block],
    known: &[&str],
) -> Result<(String, Item), syntax::Fault> {
    let section = called(block, blocks);
    let mut table = Table::default();
    for setting in &block.options {
        if !known.contains(&setting.key.as_str()) {
            return Err(unknown(&section, setting, known));
        }
        table.add(&setting.key, item(&section, setting));
    }
    let item = Item {
        node: Node::Table(table),
        line: block.line,
        called: section.clone(),
    };
    Ok((section, item))
}

/// How faults call a section: as the `uci` program does.
fn called(block: &Block, blocks: &[Block]) -> String {
    let alike = blocks.iter().filter(|it| it.kind == block.kind);
    match &block.name {
        Some(name) => format!("section {name:?}"),
        None => {
            let number = alike.take_while(|it| it.line != block.line).count();
            format!("section \"@{}[{number}]\"", block.kind)
        }
    }
}

fn unknown(section: &str, setting: &Setting, known: &[&str]) -> syntax::Fault {
    let hint = suggestion(&setting.key, known);
    (
        setting.line,
        format!("{section}, option {:?} is unknown; {hint}", setting.key),
    )
}

fn item(section: &str, setting: &Setting) -> Item {
    let called = format!("{section}, option {:?}", setting.key);
    let text = |(line, text): &(usize, String)| Item {
        node: Node::Text(text.clone()),
        line: *line,
        called: called.clone(),
    };
    match &setting.values[..] {
        [value] if !setting.is_list => text(value),
        values => Item {
            node: Node::List(values.iter().map(text).collect()),
            line: setting.line,
            called: called.clone(),
        },
    }
}

/// A value that stands there in other words.
fn given(line: usize, section: &str, option: &str, text: &str) -> Item {
    Item {
        node: Node::Text(text.to_owned()),
        line,
        called: format!("{section}, option {option:?}"),
    }
}

fn list(items: Vec<Item>) -> Item {
    Item {
        line: items.first().map_or(1, |item| item.line),
        node: Node::List(items),
        called: String::new(),
    }
}

impl Block {
    fn get(&self, key: &str) -> Option<&Setting> {
        self.options.iter().find(|setting| setting.key == key)
    }

    fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }
}

impl Table {
    fn add(&mut self, key: &str, item: Item) {
        let entry = Entry {
            key: key.to_owned(),
            line: item.line,
            order: self.0.len(),
            item,
        };
        self.0.push(entry);
    }
}

#[cfg(test)]
mod tests;
