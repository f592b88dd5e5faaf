//! Takes keys out of a TOML table one by one and knows on which line each of them is.

use super::ConfigError;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The keys not taken yet.
pub(super) struct Reader<'a> {
    text: &'a str,
    file: &'a str,
    left: DeTable<'a>,
    known: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    /// Reads the whole text; an error is a mistake in its TOML.
    pub(super) fn new(text: &'a str, file: &'a str) -> Result<Self, ConfigError> {
        let table = DeTable::parse(text).map_err(|error| ConfigError {
            file: file.to_owned(),
            line: line(text, error.span().unwrap_or_default().start),
            what: format!("this is no TOML: {}", error.message()),
        })?;
        Ok(Self {
            text,
            file,
            left: table.into_inner(),
            known: Vec::new(),
        })
    }

    /// A string that `read` understands.
    pub(super) fn text<T>(
        &mut self,
        key: &'static str,
        right: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        self.value(key, &format!("{right}, in quotes"), |value| {
            value.as_str().and_then(&read)
        })
    }

    /// A list of such strings.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        right: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<Vec<T>>, ConfigError> {
        let Some((span, value)) = self.take(key) else {
            return Ok(None);
        };
        let right = format!("each is {right}");
        let Some(array) = value.as_array() else {
            return Err(self.wrong(span, key, &format!("a list in [ ], where {right}")));
        };
        let read = |item: &Spanned<DeValue<'_>>| {
            let found = item.get_ref().as_str().and_then(&read);
            found.ok_or_else(|| self.wrong(item.span(), key, &right))
        };
        array.iter().map(read).collect::<Result<_, _>>().map(Some)
    }

    /// A port number.
    pub(super) fn port(&mut self, key: &'static str) -> Result<Option<u16>, ConfigError> {
        self.value(key, "a number from 1 to 65535", |value| {
            let number = value.as_integer()?;
            let port = u16::from_str_radix(number.as_str(), number.radix()).ok()?;
            (port != 0).then_some(port)
        })
    }

    /// True or false.
    pub(super) fn boolean(&mut self, key: &'static str) -> Result<Option<bool>, ConfigError> {
        self.value(key, "true or false, without quotes", |value| {
            value.as_bool()
        })
    }

    /// The error for a key that must be there.
    pub(super) fn missing(&self, key: &str, example: &str) -> ConfigError {
        let what = format!("key \"{key}\" is missing; add a line such as: {example}");
        self.error(0, what)
    }

    /// Fails on the first key that nobody took.
    pub(super) fn finish(self) -> Result<(), ConfigError> {
        let first = self.left.keys().min_by_key(|key| key.span().start);
        let Some(key) = first else {
            return Ok(());
        };
        let name: &str = key.get_ref();
        let nearest = self.known.iter().min_by_key(|known| distance(known, name));
        let near = nearest.filter(|known| distance(known, name) <= name.len().div_ceil(3));
        let advice = match near {
            Some(known) => format!("did you mean \"{known}\"?"),
            None => format!("known keys: {}", self.known.join(", ")),
        };
        let what = format!("key \"{}\" is not known; {advice}", name.escape_default());
        Err(self.error(key.span().start, what))
    }

    fn value<T>(
        &mut self,
        key: &'static str,
        right: &str,
        read: impl Fn(&DeValue<'_>) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        let Some((span, value)) = self.take(key) else {
            return Ok(None);
        };
        let read = read(&value).ok_or_else(|| self.wrong(span, key, right));
        read.map(Some)
    }

    fn take(&mut self, key: &'static str) -> Option<(Range<usize>, DeValue<'a>)> {
        self.known.push(key);
        let value = self.left.remove(key)?;
        Some((value.span(), value.into_inner()))
    }

    fn wrong(&self, span: Range<usize>, key: &str, right: &str) -> ConfigError {
        let found = self.text.get(span.clone()).unwrap_or_default();
        let found: String = found.chars().filter(|c| !c.is_control()).take(60).collect();
        self.error(
            span.start,
            format!("key \"{key}\": {found} is not right; write {right}"),
        )
    }

    fn error(&self, at: usize, what: String) -> ConfigError {
        ConfigError {
            file: self.file.to_owned(),
            line: line(self.text, at),
            what,
        }
    }
}

fn line(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or_default();
    1 + before.iter().filter(|&&byte| byte == b'\n').count()
}

/// How many letters differ (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &r) in right.iter().enumerate() {
            let changed = diagonal + usize::from(l != r);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}
