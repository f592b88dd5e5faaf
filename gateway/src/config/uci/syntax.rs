//! UCI's files as OpenWrt's own programs read them: sections with options, lists and places.
//!
//! ```text
//! config gateway 'gateway'
//!         option port '4750'
//!         list offload 'tun'
//! ```
//!
//! A word is in single quotes, in double quotes with backslashes, or bare; words that touch are one. Quoted words may go
//! over lines; `#` and `;` outside of quotes end a word, and the line or the statement with it. The first letter of
//! `package`, `config`, `option` and `list` will do. Sections of one name are one, and an option without a value, or with
//! an empty one, is not set. All that as libuci has it, by which init scripts and LuCI read the same file. Stricter than
//! it: a list has values, and a name that sections of two types have is a fault.

use std::iter::Peekable;
use std::ops::Range;
use std::str::CharIndices;

/// Longest file that is read.
const MAX_FILE: usize = 256 << 10;
/// Most sections, and most options of one.
const MAX_PARTS: usize = 512;

/// What is wrong, and in which line.
pub(in super::super) type Fault = (usize, String);

/// A section.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct Block {
    pub(in super::super) kind: String,
    pub(in super::super) name: Option<String>,
    pub(in super::super) line: usize,
    pub(in super::super) options: Vec<Setting>,
}

/// An option with one value, or a list.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct Setting {
    pub(in super::super) key: String,
    pub(in super::super) line: usize,
    pub(in super::super) is_list: bool,
    /// Each with its line; an option has one.
    pub(in super::super) values: Vec<(usize, String)>,
}

/// Reads a whole file.
pub(in super::super) fn parse(text: &str) -> Result<Vec<Block>, Fault> {
    if text.len() > MAX_FILE {
        return Err((1, format!("the file is longer than {} KiB", MAX_FILE >> 10)));
    }
    let mut words = Words::of(text);
    let mut blocks: Vec<Block> = Vec::new();
    // The section that options are in.
    let mut at = None;
    while let Some((line, statement)) = words.statement()? {
        let parts: Vec<&str> = statement.iter().map(String::as_str).collect();
        match parts[..] {
            ["package" | "p", _] => {}
            ["config" | "c", kind] => at = Some(open(&mut blocks, kind, None, line)?),
            ["config" | "c", kind, name] => at = Some(open(&mut blocks, kind, Some(name), line)?),
            ["option" | "o", key] | ["option" | "o", key, ""] => {
                let key = identifier(key, line)?;
                let block = current(&mut blocks, at, line)?;
                block.options.retain(|setting| setting.key != key);
            }
            [how @ ("option" | "o" | "list" | "l"), key, value] => {
                let is_list = how.starts_with('l');
                let (key, value) = (identifier(key, line)?, (line, value.to_owned()));
                set(current(&mut blocks, at, line)?, is_list, key, value)?;
            }
            [first, ..] => {
                return Err((
                    line,
                    format!(
                        "{first:?} with {} words behind it is nothing UCI knows; a line is config TYPE 'NAME', option NAME 'VALUE' or list NAME 'VALUE'",
                        parts.len() - 1
                    ),
                ));
            }
            [] => {}
        }
        if blocks.len() > MAX_PARTS {
            return Err((line, format!("more than {MAX_PARTS} sections")));
        }
    }
    Ok(blocks)
}

/// Begins a section, or goes on with the one that has the name already; where it is.
fn open(
    blocks: &mut Vec<Block>,
    kind: &str,
    name: Option<&str>,
    line: usize,
) -> Result<usize, Fault> {
    let kind = identifier(kind, line)?;
    // An empty name is none.
    let name = name.filter(|name| !name.is_empty());
    let name = name.map(|name| identifier(name, line)).transpose()?;
    let same = blocks
        .iter()
        .position(|it| name.is_some() && it.name == name);
    if let Some(at) = same {
        let before = &blocks[at];
        if before.kind != kind {
            return Err((
                line,
                format!(
                    "section {:?} is of type {:?} in line {}, and here of type {kind:?}; give one another name",
                    name.unwrap_or_default(),
                    before.kind,
                    before.line
                ),
            ));
        }
        return Ok(at);
    }
    blocks.push(Block {
        kind,
        name,
        line,
        options: Vec::new(),
    });
    Ok(blocks.len() - 1)
}

/// The section that an option in `line` is in.
fn current(blocks: &mut [Block], at: Option<usize>, line: usize) -> Result<&mut Block, Fault> {
    at.and_then(|at| blocks.get_mut(at)).ok_or_else(|| {
        let message =
            "an option or list stands before any section; write config gateway 'gateway' above";
        (line, message.to_owned())
    })
}

/// What is set twice has the later value; a list grows.
fn set(block: &mut Block, is_list: bool, key: String, value: (usize, String)) -> Result<(), Fault> {
    let (line, most) = (value.0, block.options.len() >= MAX_PARTS);
    match block.options.iter_mut().find(|setting| setting.key == key) {
        Some(setting) if is_list && setting.is_list => {
            setting.values.push(value);
            if setting.values.len() > MAX_PARTS {
                return Err((
                    line,
                    format!("list {key:?} has more than {MAX_PARTS} values"),
                ));
            }
        }
        Some(setting) => {
            (setting.is_list, setting.line, setting.values) = (is_list, line, vec![value])
        }
        None if most => {
            return Err((
                line,
                format!("more than {MAX_PARTS} options in one section"),
            ));
        }
        None => block.options.push(Setting {
            key,
            line,
            is_list,
            values: vec![value],
        }),
    }
    Ok(())
}

fn identifier(text: &str, line: usize) -> Result<String, Fault> {
    let is_known = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if text.is_empty() || text.len() > 64 || !text.chars().all(is_known) {
        return Err((
            line,
            format!("{text:?} is no name; it has 1 to 64 letters, digits and '_'"),
        ));
    }
    Ok(text.to_owned())
}

/// The words of each statement, and where in the text they stand, for who changes it. Nothing if it cannot be read.
pub(in super::super) fn statements(text: &str) -> Vec<(Range<usize>, Vec<String>)> {
    let mut words = Words::of(text);
    let mut all = Vec::new();
    while let Ok(Some((_, statement))) = words.statement() {
        all.push((words.range.clone(), statement));
    }
    all
}

/// The words of a text.
struct Words<'a> {
    chars: Peekable<CharIndices<'a>>,
    line: usize,
    length: usize,
    /// From the first word of the last statement to the end of its last.
    range: Range<usize>,
}

impl<'a> Words<'a> {
    fn of(text: &'a str) -> Self {
        Self {
            chars: text.char_indices().peekable(),
            line: 1,
            length: text.len(),
            range: 0..0,
        }
    }

    /// The words of the next statement that has any, and the line of the last of them.
    fn statement(&mut self) -> Result<Option<(usize, Vec<String>)>, Fault> {
        let mut words = Vec::new();
        let mut last = self.line;
        loop {
            match self.chars.peek().map(|(_, c)| c) {
                Some(' ' | '\t' | '\r') => self.skip(),
                Some('#') => {
                    while self.chars.peek().is_some_and(|(_, c)| *c != '\n') {
                        self.skip();
                    }
                }
                Some('\n' | ';') | None if !words.is_empty() => return Ok(Some((last, words))),
                Some('\n' | ';') => self.skip(),
                None => return Ok(None),
                Some(_) => {
                    last = self.line;
                    if words.is_empty() {
                        self.range.start = self.place();
                    }
                    words.push(self.word()?);
                    self.range.end = self.place();
                }
            }
        }
    }

    /// Of what comes next.
    fn place(&mut self) -> usize {
        self.chars.peek().map_or(self.length, |(at, _)| *at)
    }

    fn next(&mut self) -> Option<char> {
        self.chars.next().map(|(_, c)| c)
    }

    fn skip(&mut self) {
        self.line += usize::from(self.next() == Some('\n'));
    }

    fn word(&mut self) -> Result<String, Fault> {
        let mut word = String::new();
        let goes_on = |(_, c): &(usize, char)| !" \t\r\n#;".contains(*c);
        while let Some((_, c)) = self.chars.next_if(goes_on) {
            match c {
                '\'' | '"' => self.quoted(c, &mut word)?,
                '\\' => match self.next() {
                    Some('\n') => self.line += 1,
                    next => word.extend(next),
                },
                c => word.push(c),
            }
        }
        Ok(word)
    }

    /// Up to the next `quote`.
    fn quoted(&mut self, quote: char, word: &mut String) -> Result<(), Fault> {
        let begin = self.line;
        while let Some(mut c) = self.next() {
            if c == quote {
                return Ok(());
            }
            if c == '\\' && quote == '"' {
                c = self.next().unwrap_or(c);
            }
            self.line += usize::from(c == '\n');
            word.push(c);
        }
        Err((
            begin,
            format!("a {quote} that nothing ends; write it once more behind the value"),
        ))
    }
}

#[cfg(test)]
mod tests;
