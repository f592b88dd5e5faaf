//! What the file says, key by key, as it is written: for a form that shows it.

use super::super::keys::{KEYS, Key};
use super::super::reader::{ConfigError, Document};
use super::super::tree::{Item, Node, Table};
use super::super::uci::syntax::{self, Setting};
use super::{Form, List, Value, Way, number};

/// A block's keys and values.
pub type Block = Vec<(String, Value)>;

/// What a file says. What holds where it says nothing is [`Key::usual`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    pub(super) values: Vec<(&'static Key, Value)>,
    pub(super) devices: Vec<Block>,
    pub(super) policies: Vec<Block>,
    /// The ways out that the file names, best first.
    pub ways: Vec<Way>,
    /// Whether each interface with a default route is a way out, named or not.
    pub(super) takes_all: bool,
}

impl Written {
    /// Reads a text, right or wrong, as far as it has a form.
    pub fn read(file: &str, text: &str, form: Form<'_>) -> Result<Self, ConfigError> {
        match form {
            Form::Toml => Ok(Self::of_toml(Document::parse(file, text)?.table())),
            Form::Uci(_) => {
                let blocks = syntax::parse(text).map_err(|(line, message)| ConfigError {
                    file: file.to_owned(),
                    line,
                    message,
                })?;
                Ok(Self::of_uci(&blocks))
            }
        }
    }

    /// What this key has.
    pub fn get(&self, key: &Key) -> Option<&Value> {
        let mut values = self.values.iter();
        values.find(|(known, _)| *known == key).map(|(_, it)| it)
    }

    /// The blocks of a list, in their order.
    pub fn blocks(&self, list: List) -> &[Block] {
        match list {
            List::Device => &self.devices,
            List::Policy => &self.policies,
        }
    }

    fn of_toml(root: &Table) -> Self {
        let inside = |section: &str, key: &str| {
            let Node::Table(table) = &root.get(section)?.node else {
                return None;
            };
            table.get(key)
        };
        let values = KEYS.iter().filter_map(|key| {
            let value = value(inside(key.section, key.key)?)?;
            Some((key, value))
        });
        let words = |key| {
            let Some(Value::List(words)) = inside("wan", key).and_then(value) else {
                return Vec::new();
            };
            words
        };
        let metered = words("metered");
        let limits = match inside("wan", "limit_mb").map(|it| &it.node) {
            Some(Node::Table(Table(entries))) => entries.as_slice(),
            Some(_) | None => &[],
        };
        let limit_of = |name: &str| {
            let entry = limits.iter().find(|entry| entry.key == name);
            entry.and_then(|entry| value(&entry.item))
        };
        let mut names = words("interfaces");
        let takes_all = names.is_empty();
        // Without an order of its own every way out is one, and some cost money or have a limit.
        for name in metered.iter().chain(limits.iter().map(|entry| &entry.key)) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        let ways = names.into_iter().map(|name| Way {
            metered: metered.contains(&name),
            limit_mb: limit_of(&name),
            name,
            is_network: false,
            enabled: true,
        });
        Self {
            values: values.collect(),
            devices: inside("lan", "static").map(blocks).unwrap_or_default(),
            policies: root.get("policy").map(blocks).unwrap_or_default(),
            ways: ways.collect(),
            takes_all,
        }
    }

    fn of_uci(blocks: &[syntax::Block]) -> Self {
        let of_kind = |kind: &'static str| blocks.iter().filter(move |block| block.kind == kind);
        let all = |kind| {
            let blocks = of_kind(kind);
            let keys = |block: &syntax::Block| block.options.iter().map(option).collect();
            blocks.map(keys).collect()
        };
        let mut written = Self {
            devices: all(List::Device.kind()),
            policies: all(List::Policy.kind()),
            ..Self::default()
        };
        if let Some(gateway) = of_kind("gateway").next() {
            let set = |key: &&Key| gateway.options.iter().find(|it| it.key == key.option);
            let ours = KEYS.iter().filter(|key| !key.option.is_empty());
            let values = ours.filter_map(|key| set(&key).map(|setting| (key, option(setting).1)));
            written.values = values.collect();
        }
        for block in of_kind("wan") {
            let get = |key: &str| {
                let setting = block.options.iter().find(|it| it.key == key)?;
                setting.values.first().map(|(_, value)| value.clone())
            };
            let (device, network) = (get("device"), get("network"));
            let is_network = device.is_none();
            let Some(name) = device.or(network) else {
                continue;
            };
            written.ways.push(Way {
                name,
                is_network,
                metered: get("metered").is_some_and(|text| is_on(&text)),
                limit_mb: get("limit_mb").and_then(|text| number(&text)),
                enabled: get("enabled").is_none_or(|text| is_on(&text)),
            });
        }
        written
    }
}

fn is_on(text: &str) -> bool {
    matches!(text, "1" | "on" | "yes" | "true" | "enabled")
}

fn blocks(item: &Item) -> Vec<Block> {
    let Node::List(items) = &item.node else {
        return Vec::new();
    };
    let one = |item: &Item| {
        let Node::Table(Table(entries)) = &item.node else {
            return Vec::new();
        };
        let mut entries: Vec<_> = entries.iter().collect();
        entries.sort_by_key(|entry| entry.order);
        let known = entries.into_iter();
        known
            .filter_map(|entry| Some((entry.key.clone(), value(&entry.item)?)))
            .collect()
    };
    items.iter().map(one).collect()
}

fn value(item: &Item) -> Option<Value> {
    Some(match &item.node {
        Node::Text(text) => Value::Text(text.clone()),
        Node::Switch(is_on) => Value::Switch(*is_on),
        Node::Number(number) => Value::Number((*number)?),
        Node::List(items) => {
            let words = items.iter().filter_map(|item| Some(value(item)?.entered()));
            Value::List(words.collect())
        }
        Node::Table(_) | Node::Other(_) => return None,
    })
}

fn option(setting: &Setting) -> (String, Value) {
    let values = setting.values.iter().map(|(_, text)| text.clone());
    let value = match &setting.values[..] {
        [(_, text)] if !setting.is_list => Value::Text(text.clone()),
        _ => Value::List(values.collect()),
    };
    (setting.key.clone(), value)
}
