//! What a configuration file says, whatever it was written in: tables and values with their places.

use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// How the file is written; faults show what to write in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syntax {
    /// `key = "value"` under `[section]`.
    Toml,
    /// OpenWrt's `option key 'value'` under `config section`. Every value is text.
    Uci,
}

/// A value, where it stands and what faults call it.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) node: Node,
    /// From 1.
    pub(super) line: usize,
    /// Like `key "lan.dhcp"`.
    pub(super) called: String,
}

/// A value.
#[derive(Debug)]
pub(super) enum Node {
    Text(String),
    Switch(bool),
    /// A whole number that fits, else `None`.
    Number(Option<u64>),
    List(Vec<Item>),
    Table(Table),
    /// What no key is, by its name.
    Other(&'static str),
}

impl Node {
    /// What kind of value it is.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "string",
            Self::Switch(_) => "boolean",
            Self::Number(_) => "integer",
            Self::List(_) => "array",
            Self::Table(_) => "table",
            Self::Other(kind) => kind,
        }
    }
}

/// Keys and their values, and where each key stands.
#[derive(Debug, Default)]
pub(super) struct Table(pub(super) Vec<Entry>);

/// One of them.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) line: usize,
    /// Which comes first in the file.
    pub(super) order: usize,
    pub(super) item: Item,
}

impl Table {
    pub(super) fn get(&self, key: &str) -> Option<&Item> {
        let entry = self.0.iter().find(|entry| entry.key == key);
        entry.map(|entry| &entry.item)
    }
}

/// The line in which this byte of the text is.
pub(super) fn line_of(text: &str, at: &Range<usize>) -> usize {
    let before = text.as_bytes().get(..at.start).unwrap_or(text.as_bytes());
    1 + before.iter().filter(|&&byte| byte == b'\n').count()
}

/// A whole TOML file; `path` is what its keys are below.
pub(super) fn from_toml(text: &str, table: &DeTable<'_>, path: &str) -> Table {
    let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
        let name: &str = AsRef::as_ref(key.get_ref());
        let path = match path {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        };
        Entry {
            key: name.to_owned(),
            line: line_of(text, &key.span()),
            order: key.span().start,
            item: item(text, value, &path),
        }
    };
    Table(table.iter().map(entry).collect())
}

fn item(text: &str, value: &Spanned<DeValue<'_>>, path: &str) -> Item {
    let node = match value.get_ref() {
        DeValue::String(text) => Node::Text(text.to_string()),
        DeValue::Boolean(is_on) => Node::Switch(*is_on),
        DeValue::Integer(number) => {
            Node::Number(u64::from_str_radix(number.as_str(), number.radix()).ok())
        }
        DeValue::Array(items) => Node::List(items.iter().map(|it| item(text, it, path)).collect()),
        DeValue::Table(table) => Node::Table(from_toml(text, table, path)),
        other @ (DeValue::Float(_) | DeValue::Datetime(_)) => Node::Other(other.type_str()),
    };
    Item {
        node,
        line: line_of(text, &value.span()),
        called: format!("key {path:?}"),
    }
}
