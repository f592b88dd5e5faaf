//! Sections and values that know their line, so that a fault can name it.

use super::tree::{self, Entry, Item, Node, Syntax, Table};
use std::borrow::Cow;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;
use toml::de::DeTable;

/// What is wrong with the file, ready to be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {message}")]
pub struct ConfigError {
    /// The file, as its caller names it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The key, and what would be right.
    pub message: String,
}

/// Where faults happen.
#[derive(Clone, Copy)]
struct Source<'a> {
    file: &'a str,
    syntax: Syntax,
}

impl Source<'_> {
    fn fault(&self, line: usize, message: String) -> ConfigError {
        ConfigError {
            file: self.file.to_owned(),
            line,
            message,
        }
    }
}

/// A whole file.
pub(super) struct Document<'a> {
    source: Source<'a>,
    root: Table,
}

/// One table, or the absence of it.
pub(super) struct Section<'a> {
    source: Source<'a>,
    name: Cow<'a, str>,
    table: Option<&'a Table>,
    line: usize,
    /// What faults call it in UCI.
    called: &'a str,
}

/// One value and its key.
pub(super) struct Value<'a> {
    source: Source<'a>,
    item: &'a Item,
}

impl<'a> Document<'a> {
    pub(super) fn parse(file: &'a str, text: &'a str) -> Result<Self, ConfigError> {
        let source = Source {
            file,
            syntax: Syntax::Toml,
        };
        let root = DeTable::parse(text).map_err(|error| {
            let what = error.message().lines().next().unwrap_or("not TOML");
            let at = error.span().unwrap_or(0..0);
            let key = key_of_line(text, at.start);
            source.fault(
                tree::line_of(text, &at),
                format!("{key}{what}; a line looks like key = \"value\""),
            )
        })?;
        let root = tree::from_toml(text, root.get_ref(), "");
        Ok(Self { source, root })
    }

    /// What was read from UCI.
    pub(super) fn of_uci(file: &'a str, root: Table) -> Self {
        let source = Source {
            file,
            syntax: Syntax::Uci,
        };
        Self { source, root }
    }

    /// All of it, without its rules.
    pub(super) fn table(&self) -> &Table {
        &self.root
    }

    pub(super) fn root(&'a self) -> Section<'a> {
        Section {
            source: self.source,
            name: Cow::Borrowed(""),
            table: Some(&self.root),
            line: 1,
            called: "",
        }
    }
}

impl<'a> Section<'a> {
    /// Refuses keys that are not in `known`, with a suggestion where one is near.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), ConfigError> {
        let Some(Table(entries)) = self.table else {
            return Ok(());
        };
        let unknown = entries
            .iter()
            .filter(|entry| !known.contains(&entry.key.as_str()));
        let Some(entry) = unknown.min_by_key(|entry| entry.order) else {
            return Ok(());
        };
        let (path, hint) = (self.path(&entry.key), suggestion(&entry.key, known));
        Err(self
            .source
            .fault(entry.line, format!("key {path:?} is unknown; {hint}")))
    }

    /// The table `name` inside this one; an empty one if there is none.
    pub(super) fn section(&self, name: &'a str) -> Result<Self, ConfigError> {
        let Some(value) = self.get(name) else {
            return Ok(Section {
                source: self.source,
                name: self.path(name).into(),
                table: None,
                line: self.line,
                called: self.called,
            });
        };
        let Node::Table(table) = &value.item.node else {
            return Err(value.fault(format!(
                "is a section; write [{}] and its keys below",
                self.path(name)
            )));
        };
        Ok(Section {
            source: self.source,
            name: self.path(name).into(),
            table: Some(table),
            line: value.item.line,
            called: &value.item.called,
        })
    }

    /// The tables of the list `name`, as `[[section.name]]` makes them.
    pub(super) fn sections(&self, name: &str, most: usize) -> Result<Vec<Self>, ConfigError> {
        let path = self.path(name);
        let blocks = |value: &Value<'_>| {
            value.fault(format!(
                "is a list of blocks; write [[{path}]] and its keys below"
            ))
        };
        let one = self.get(name);
        if let Some(value) = one.filter(|it| matches!(it.item.node, Node::Table(_))) {
            return Err(blocks(&value));
        }
        let values = self.list(name, most)?;
        let section = |value: Value<'a>| {
            let Node::Table(table) = &value.item.node else {
                return Err(blocks(&value));
            };
            Ok(Section {
                source: value.source,
                name: path.clone().into(),
                table: Some(table),
                line: value.item.line,
                called: &value.item.called,
            })
        };
        values.into_iter().map(section).collect()
    }

    pub(super) fn get(&self, key: &str) -> Option<Value<'a>> {
        let item = self.table?.get(key)?;
        Some(Value {
            source: self.source,
            item,
        })
    }

    /// The value, or a fault that shows what to write.
    pub(super) fn required(&self, key: &str, like: &str) -> Result<Value<'a>, ConfigError> {
        self.get(key).ok_or_else(|| {
            let message = match self.source.syntax {
                Syntax::Toml => format!(
                    "key {:?} is missing; write {key} = {like} under [{}]",
                    self.path(key),
                    self.name
                ),
                Syntax::Uci => format!(
                    "{}: option {key:?} is missing; write option {key} '{}'",
                    self.called,
                    like.trim_matches('"')
                ),
            };
            self.source.fault(self.line, message)
        })
    }

    /// The values of a list; none if there is no such key.
    pub(super) fn list(&self, key: &str, most: usize) -> Result<Vec<Value<'a>>, ConfigError> {
        let Some(value) = self.get(key) else {
            return Ok(Vec::new());
        };
        let items = match (&value.item.node, value.source.syntax) {
            (Node::List(items), _) => items.as_slice(),
            (Node::Text(_), Syntax::Uci) => std::slice::from_ref(value.item),
            _ => return Err(value.fault("is a list; write it like [\"one\", \"two\"]".into())),
        };
        if items.len() > most {
            return Err(value.fault(format!("has {} entries; at most {most}", items.len())));
        }
        let source = value.source;
        Ok(items.iter().map(|item| Value { source, item }).collect())
    }

    /// The value, or the values of a list; none if there is no such key.
    pub(super) fn one_or_more(
        &self,
        key: &str,
        most: usize,
    ) -> Result<Vec<Value<'a>>, ConfigError> {
        match self.get(key) {
            Some(value) if !matches!(value.item.node, Node::List(_)) => Ok(vec![value]),
            Some(_) | None => self.list(key, most),
        }
    }

    /// Its keys, which are names of their own, and their values, in the file's order.
    pub(super) fn entries(&self, most: usize) -> Result<Vec<(&'a str, Value<'a>)>, ConfigError> {
        let entries = self.table.map_or(&[][..], |Table(entries)| entries);
        if entries.len() > most {
            let (name, count) = (&self.name, entries.len());
            let message = format!("key {name:?}: has {count} entries; at most {most}");
            return Err(self.source.fault(self.line, message));
        }
        let mut entries: Vec<_> = entries.iter().collect();
        entries.sort_by_key(|entry| entry.order);
        let source = self.source;
        let value = |entry: &'a Entry| {
            (
                entry.key.as_str(),
                Value {
                    source,
                    item: &entry.item,
                },
            )
        };
        Ok(entries.into_iter().map(value).collect())
    }

    fn path(&self, key: &str) -> String {
        if self.name.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.name)
        }
    }
}

impl<'a> Value<'a> {
    /// A value of UCI's.
    pub(super) fn of_uci(file: &'a str, item: &'a Item) -> Self {
        let source = Source {
            file,
            syntax: Syntax::Uci,
        };
        Self { source, item }
    }

    /// A fault at this value.
    pub(super) fn fault(&self, message: String) -> ConfigError {
        let Item { line, called, .. } = self.item;
        self.source.fault(*line, format!("{called}: {message}"))
    }

    /// Whether it is a section, or a table of one line.
    pub(super) fn is_table(&self) -> bool {
        matches!(self.item.node, Node::Table(_))
    }

    /// A time like `90s`, `30m`, `12h` or `7d`. A fault for one out of bounds begins with `what` and shows what to write.
    pub(super) fn duration(
        &self,
        bounds: RangeInclusive<Duration>,
        what: &str,
        like: &str,
    ) -> Result<Duration, ConfigError> {
        let text = self.text()?;
        let seconds = text.char_indices().next_back().and_then(|(at, unit)| {
            let unit = match unit {
                's' => 1,
                'm' => 60,
                'h' => 3600,
                'd' => 86_400,
                _ => return None,
            };
            text[..at].parse::<u64>().ok()?.checked_mul(unit)
        });
        let seconds = seconds.ok_or_else(|| {
            self.fault(format!(
                "{text:?} is no time; write it like {like:?}, with s, m, h or d"
            ))
        })?;
        let time = Duration::from_secs(seconds);
        if bounds.contains(&time) {
            return Ok(time);
        }
        let (least, most) = (
            bounds.start().as_secs() / 60,
            bounds.end().as_secs() / 86_400,
        );
        Err(self.fault(format!(
            "{what} from {least}m to {most}d, not {text}; write it like {like:?}"
        )))
    }

    pub(super) fn text(&self) -> Result<&'a str, ConfigError> {
        match (&self.item.node, self.source.syntax) {
            (Node::Text(text), _) => Ok(text),
            (_, Syntax::Uci) => Err(self.fault("is one value; write option, not list".into())),
            (other, Syntax::Toml) => Err(self.fault(format!(
                "is text, not {}; put it in quotes, like \"text\"",
                other.kind()
            ))),
        }
    }

    pub(super) fn boolean(&self) -> Result<bool, ConfigError> {
        match (&self.item.node, self.source.syntax) {
            (Node::Switch(is_on), _) => Ok(*is_on),
            (Node::Text(text), Syntax::Uci) => match text.as_str() {
                "1" | "on" | "yes" | "true" | "enabled" => Ok(true),
                "0" | "off" | "no" | "false" | "disabled" => Ok(false),
                other => Err(self.fault(format!("{other:?} is no switch; write '1' or '0'"))),
            },
            (_, Syntax::Uci) => Err(self.fault("is a switch; write '1' or '0'".into())),
            (_, Syntax::Toml) => {
                Err(self.fault("is a switch; write true or false, without quotes".into()))
            }
        }
    }

    /// A whole number from `least` to `most`.
    pub(super) fn number<T>(&self, least: T, most: T) -> Result<T, ConfigError>
    where
        T: TryFrom<u64> + PartialOrd + fmt::Display,
    {
        let (number, quotes) = match (&self.item.node, self.source.syntax) {
            (Node::Number(number), _) => (*number, ", without quotes"),
            (Node::Text(text), Syntax::Uci) => (text.parse().ok(), ""),
            (_, Syntax::Uci) => (None, ""),
            (_, Syntax::Toml) => (None, ", without quotes"),
        };
        let number = number.and_then(|number| T::try_from(number).ok());
        number
            .filter(|number| (&least..=&most).contains(&number))
            .ok_or_else(|| self.fault(format!("is a whole number from {least} to {most}{quotes}")))
    }
}

/// What somebody who wrote `key` may have meant.
pub(super) fn suggestion(key: &str, known: &[&str]) -> String {
    // Of two that are as near, the one that starts alike: people rarely miss the first letter.
    let near = known.iter().map(|&name| {
        let starts_alike = name.chars().next() == key.chars().next();
        (distance(key, name), !starts_alike, name)
    });
    match near.min() {
        Some((steps, _, name)) if steps <= 2 => format!("did you mean {name:?}?"),
        _ => format!("known here: {}", known.join(", ")),
    }
}

/// The key that the line around `at` sets, for a text that is no TOML and has no keys yet.
fn key_of_line(text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    match line.split_once('=') {
        Some((key, _)) => format!("key {:?}: ", key.trim()),
        None => String::new(),
    }
}

/// Levenshtein's distance: how many letters to add, drop or change.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().take(64).enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, &to) in b.iter().enumerate() {
            let change = corner + usize::from(from != to);
            corner = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}
