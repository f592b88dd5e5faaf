//! Changes to the file as data: text and changes in, the changed text out, in either of the file's forms.
//!
//! What is not changed stays byte for byte as a person wrote it: comments, order, empty lines. A new key goes below the
//! comment that shows it, else to the end of its section; a new block behind the last of its kind. What comes out has been
//! read by the real reader, so that what is written can be run by, and a fault has that reader's words.
//!
//! ```text
//! toml.rs     ntm-gateway.toml: the parser's own events say where each statement stands
//! uci.rs      /etc/config/ntm: so do the statements of our reader of UCI
//! devices.rs  what is said of a device, as such changes
//! ```
//!
//! For TOML there is `toml_edit`; it needs a second tree with all decorations, where the places of the statements are
//! enough, and those our parser tells.

pub mod devices;
pub mod spoken;
mod toml;
mod uci;
mod written;

#[cfg(test)]
mod tests;

pub use written::{Block, Written};

use super::reader::ConfigError;
use super::{Config, Key, Kind, Network};
use std::ops::Range;

/// How a file is written.
#[derive(Clone, Copy, Debug)]
pub enum Form<'a> {
    /// `ntm-gateway.toml`.
    Toml,
    /// UCI's file, and what netifd knows.
    Uci(&'a [Network]),
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// This key has this value.
    Set {
        /// The section in TOML; UCI's option is found by [`super::KEYS`].
        section: String,
        /// The key there.
        key: String,
        /// Its value.
        value: Value,
    },
    /// This key is not written: what is usual holds.
    Clear {
        /// See [`Change::Set`].
        section: String,
        /// The key there.
        key: String,
    },
    /// These keys of a block; `None` takes a key away. Where no block is meant by `which`, there is a new one.
    Put {
        /// Which kind of block.
        list: List,
        /// Which of them.
        which: Which,
        /// Its keys, which are the same in both forms.
        values: Vec<(String, Option<Value>)>,
    },
    /// Takes a block away.
    Remove {
        /// Which kind of block.
        list: List,
        /// Which of them.
        which: Which,
    },
    /// Puts a block where another of its kind stands; those between make room.
    Move {
        /// Which kind of block.
        list: List,
        /// Its place now, from 0.
        from: usize,
        /// Its place then.
        to: usize,
    },
    /// All the ways out, best first.
    Ways(Vec<Way>),
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Text.
    Text(String),
    /// A whole number.
    Number(u64),
    /// On or off.
    Switch(bool),
    /// Words. UCI knows no empty list: there it is like none at all.
    List(Vec<String>),
}

/// Blocks of which there may be many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum List {
    /// `[[lan.static]]`, `config device`.
    Device,
    /// `[[policy]]`, `config policy`.
    Policy,
}

/// Which block of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// A new one at the end.
    New,
    /// The one at this place, from 0. UCI's that are switched off count as well.
    At(usize),
    /// The one with this value of this key, or with it among others; a hardware address may be written in any way.
    By(&'static str, String),
}

/// A way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// The interface, or netifd's name of a network.
    pub name: String,
    /// Whether it is netifd's name; there are none in TOML.
    pub is_network: bool,
    /// Whether its traffic costs money.
    pub metered: bool,
    /// Its month's limit in megabytes, if there is one. What is no number is left for the reader to refuse.
    pub limit_mb: Option<Value>,
    /// Whether it is used. TOML has no place for those that are not.
    pub enabled: bool,
}

/// The text with these changes, one after the other. Nothing is changed if one of them cannot be, or if the reader
/// refuses what comes of all.
pub fn apply(
    file: &str,
    text: &str,
    form: Form<'_>,
    changes: &[Change],
) -> Result<String, ConfigError> {
    let mut text = text.to_owned();
    for change in changes {
        text = match form {
            Form::Toml => toml::apply(file, &text, change)?,
            Form::Uci(_) => uci::apply(file, &text, change)?,
        };
    }
    read(file, &text, form)?;
    Ok(text)
}

/// What the reader makes of the text.
pub fn read(file: &str, text: &str, form: Form<'_>) -> Result<Config, ConfigError> {
    match form {
        Form::Toml => Config::parse(file, text),
        Form::Uci(networks) => Config::parse_uci(file, text, networks),
    }
}

/// By this a text is known again. It need not stand against malice: who may change the file may change it.
pub fn fingerprint(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

impl Key {
    /// What a person wrote into a field for this key; nothing there clears it. What does not fit stays text, so that the
    /// reader says what would be right. Words of a list are apart by spaces, commas or lines.
    pub fn change(&self, entered: &str) -> Change {
        let (section, key) = (self.section.to_owned(), self.key.to_owned());
        match self.value(entered) {
            Some(value) => Change::Set {
                section,
                key,
                value,
            },
            None => Change::Clear { section, key },
        }
    }

    /// The value that was entered, if any.
    fn value(&self, entered: &str) -> Option<Value> {
        let entered = entered.trim();
        if entered.is_empty() {
            return None;
        }
        let text = || Value::Text(entered.to_owned());
        Some(match self.kind {
            Kind::Number => number(entered)?,
            Kind::Switch => match entered {
                "true" | "1" | "on" => Value::Switch(true),
                "false" | "0" | "off" => Value::Switch(false),
                _ => text(),
            },
            Kind::List | Kind::Some(_) => Value::List(words(entered)),
            Kind::Text | Kind::Choice(_) | Kind::Time => text(),
        })
    }
}

/// A whole number, or what was entered instead; `None` if nothing was.
fn number(entered: &str) -> Option<Value> {
    let entered = entered.trim();
    let text = || Value::Text(entered.to_owned());
    let number = || entered.parse().map_or_else(|_| text(), Value::Number);
    (!entered.is_empty()).then(number)
}

fn words(text: &str) -> Vec<String> {
    let words = text.split([' ', ',', '\n', '\r', '\t']);
    let words = words.filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

impl Value {
    /// As a person would enter it.
    pub fn entered(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Switch(is_on) => is_on.to_string(),
            Self::List(words) => words.join(" "),
        }
    }
}

impl List {
    /// The list's key in TOML.
    fn path(self) -> &'static [&'static str] {
        match self {
            Self::Device => &["lan", "static"],
            Self::Policy => &["policy"],
        }
    }

    /// The sections' type in UCI.
    fn kind(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Policy => "policy",
        }
    }
}

impl Which {
    /// The place among blocks, each of which says what values a key has there; `None`: there is none like it.
    fn find(&self, count: usize, values_of: impl Fn(usize, &str) -> Vec<String>) -> Option<usize> {
        match self {
            Self::New => None,
            Self::At(place) => (*place < count).then_some(*place),
            Self::By(key, wanted) => (0..count).find(|at| {
                let values = values_of(*at, key);
                values.iter().any(|value| is_like(value, wanted))
            }),
        }
    }

    fn missing(&self) -> String {
        match self {
            Self::New => "a new block is none that is there".to_owned(),
            Self::At(place) => format!("there is no block number {}", place + 1),
            Self::By(key, value) => format!("there is no block whose {key} is {value:?}"),
        }
    }
}

/// A hardware address has capitals or not, and colons or hyphens.
fn is_like(a: &str, b: &str) -> bool {
    a.replace('-', ":")
        .eq_ignore_ascii_case(&b.replace('-', ":"))
}

/// A text that is being changed.
struct Draft(String);

impl Draft {
    fn end_of_line(&self) -> &'static str {
        if self.0.contains("\r\n") {
            "\r\n"
        } else {
            "\n"
        }
    }

    /// The lines that this range touches, with the end of the last.
    fn lines(&self, range: Range<usize>) -> Range<usize> {
        let start = self.0[..range.start].rfind('\n').map_or(0, |at| at + 1);
        let end = self.0[range.end..].find('\n');
        start..end.map_or(self.0.len(), |at| range.end + at + 1)
    }

    /// Puts a line, or several, where another begins, or at the end.
    fn insert_lines(&mut self, at: usize, lines: &str) {
        let eol = self.end_of_line();
        let mut new = lines.replace('\n', eol);
        if at > 0 && !self.0[..at].ends_with('\n') {
            new.insert_str(0, eol);
        }
        new.push_str(eol);
        self.0.insert_str(at, &new);
    }

    /// A block behind all others, with an empty line before it.
    fn append_block(&mut self, block: &str) {
        let gap = if self.0.trim().is_empty() || self.0.ends_with("\n\n") {
            ""
        } else {
            "\n"
        };
        self.insert_lines(self.0.len(), &format!("{gap}{block}"));
    }

    /// Puts one range of whole lines where another begins, or behind it if it comes later.
    fn carry(&mut self, from: Range<usize>, to: Range<usize>) {
        let mut moved = self.0[from.clone()].to_owned();
        let eol = self.end_of_line();
        if !moved.ends_with('\n') {
            moved.push_str(eol);
        }
        if from.start < to.start {
            if !self.0[..to.end].ends_with('\n') {
                self.0.insert_str(to.end, eol);
                return self.carry(from, to.start..to.end + eol.len());
            }
            self.0.insert_str(to.end, &moved);
            self.0.replace_range(from, "");
        } else {
            self.0.replace_range(from, "");
            self.0.insert_str(to.start, &moved);
        }
    }
}
