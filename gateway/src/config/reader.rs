//! TOML with places: sections and values that know their line, so that a fault can name it.

use std::borrow::Cow;
use std::ops::{Range, RangeInclusive};
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

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

/// The file's text and name.
#[derive(Clone, Copy)]
struct Source<'a> {
    file: &'a str,
    text: &'a str,
}

impl Source<'_> {
    fn fault(&self, at: Range<usize>, message: String) -> ConfigError {
        let before = self
            .text
            .as_bytes()
            .get(..at.start)
            .unwrap_or(self.text.as_bytes());
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
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
    root: Spanned<DeTable<'a>>,
}

/// One table, or the absence of it.
pub(super) struct Section<'a> {
    source: Source<'a>,
    name: Cow<'a, str>,
    table: Option<&'a DeTable<'a>>,
    at: Range<usize>,
}

/// One value and its key.
pub(super) struct Value<'a> {
    source: Source<'a>,
    key: String,
    value: &'a DeValue<'a>,
    at: Range<usize>,
}

impl<'a> Document<'a> {
    pub(super) fn parse(file: &'a str, text: &'a str) -> Result<Self, ConfigError> {
        let source = Source { file, text };
        let root = DeTable::parse(text).map_err(|error| {
            let what = error.message().lines().next().unwrap_or("not TOML");
            let at = error.span().unwrap_or(0..0);
            let key = key_of_line(text, at.start);
            source.fault(
                at,
                format!("{key}{what}; a line looks like key = \"value\""),
            )
        })?;
        Ok(Self { source, root })
    }

    pub(super) fn root(&'a self) -> Section<'a> {
        Section {
            source: self.source,
            name: Cow::Borrowed(""),
            table: Some(self.root.get_ref()),
            at: 0..0,
        }
    }
}

impl<'a> Section<'a> {
    /// Refuses keys that are not in `known`, with a suggestion where one is near.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), ConfigError> {
        let Some(table) = self.table else {
            return Ok(());
        };
        let unknown = table
            .iter()
            .map(|(key, _)| key)
            .filter(|key| !known.contains(&key.get_ref().as_ref()));
        // The first in the file: the table itself is sorted by name.
        let Some(key) = unknown.min_by_key(|key| key.span().start) else {
            return Ok(());
        };
        // Of two that are as near, the one that starts alike: people rarely miss the first letter.
        let near = known.iter().map(|&name| {
            let starts_alike = name.chars().next() == key.get_ref().chars().next();
            (distance(key.get_ref(), name), !starts_alike, name)
        });
        let near = near.min();
        let hint = match near {
            Some((steps, _, name)) if steps <= 2 => format!("did you mean {name:?}?"),
            _ => format!("known here: {}", known.join(", ")),
        };
        Err(self.source.fault(
            key.span(),
            format!("key {:?} is unknown; {hint}", self.path(key.get_ref())),
        ))
    }

    /// The table `name` inside this one; an empty one if there is none.
    pub(super) fn section(&self, name: &'a str) -> Result<Self, ConfigError> {
        let Some(value) = self.get(name) else {
            return Ok(Section {
                source: self.source,
                name: self.path(name).into(),
                table: None,
                at: self.at.clone(),
            });
        };
        let DeValue::Table(table) = value.value else {
            return Err(value.fault(format!(
                "is a section; write [{}] and its keys below",
                value.key
            )));
        };
        Ok(Section {
            source: self.source,
            name: value.key.into(),
            table: Some(table),
            at: value.at,
        })
    }

    /// The tables of the list `name`, as `[[section.name]]` makes them.
    pub(super) fn sections(&self, name: &str, most: usize) -> Result<Vec<Self>, ConfigError> {
        let values = self.list(name, most)?;
        let section = |value: Value<'a>| {
            let DeValue::Table(table) = value.value else {
                return Err(value.fault(format!(
                    "is a list of blocks; write [[{}]] and its keys below",
                    value.key
                )));
            };
            Ok(Section {
                source: value.source,
                name: value.key.into(),
                table: Some(table),
                at: value.at,
            })
        };
        values.into_iter().map(section).collect()
    }

    pub(super) fn get(&self, key: &str) -> Option<Value<'a>> {
        let value = self.table?.get(key)?;
        Some(Value {
            source: self.source,
            key: self.path(key),
            value: value.get_ref(),
            at: value.span(),
        })
    }

    /// The value, or a fault that shows what to write.
    pub(super) fn required(&self, key: &str, like: &str) -> Result<Value<'a>, ConfigError> {
        self.get(key).ok_or_else(|| {
            let path = self.path(key);
            self.source.fault(
                self.at.clone(),
                format!(
                    "key {path:?} is missing; write {key} = {like} under [{}]",
                    self.name
                ),
            )
        })
    }

    /// The values of a list; none if there is no such key.
    pub(super) fn list(&self, key: &str, most: usize) -> Result<Vec<Value<'a>>, ConfigError> {
        let Some(value) = self.get(key) else {
            return Ok(Vec::new());
        };
        let DeValue::Array(items) = value.value else {
            return Err(value.fault("is a list; write it like [\"one\", \"two\"]".into()));
        };
        if items.len() > most {
            return Err(value.fault(format!("has {} entries; at most {most}", items.len())));
        }
        let entry = |item: &'a Spanned<DeValue<'a>>| Value {
            source: value.source,
            key: value.key.clone(),
            value: item.get_ref(),
            at: item.span(),
        };
        Ok(items.iter().map(entry).collect())
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
    /// A fault at this value.
    pub(super) fn fault(&self, message: String) -> ConfigError {
        self.source
            .fault(self.at.clone(), format!("key {:?}: {message}", self.key))
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
        self.value.as_str().ok_or_else(|| {
            self.fault(format!(
                "is text, not {}; put it in quotes, like \"text\"",
                self.value.type_str()
            ))
        })
    }

    pub(super) fn boolean(&self) -> Result<bool, ConfigError> {
        self.value
            .as_bool()
            .ok_or_else(|| self.fault("is a switch; write true or false, without quotes".into()))
    }

    /// A whole number from `least` to `most`.
    pub(super) fn number(&self, least: u16, most: u16) -> Result<u16, ConfigError> {
        let number = self.value.as_integer().and_then(|number| {
            let digits = number.as_str();
            u16::from_str_radix(digits, number.radix()).ok()
        });
        number
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| {
                self.fault(format!(
                    "is a whole number from {least} to {most}, without quotes"
                ))
            })
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
