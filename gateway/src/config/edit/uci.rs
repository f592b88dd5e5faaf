//! Changes to UCI's file, by the places of its statements.
//!
//! Not by the `uci` program: inside the daemon's jail there is none, and it writes the whole file anew, without the comments
//! that explain it. Of what it does we keep: a value in single quotes; a file that is replaced whole, by its new name
//! (who writes sees to that); a section that is there twice by one name is one, and the later value of an option counts.
//! What somebody has set and not committed is in /tmp/.uci, which we neither read nor touch: `uci commit` adds it to
//! what is then in the file.

use super::super::keys;
use super::super::reader::ConfigError;
use super::super::tree::line_of;
use super::super::uci::syntax;
use super::{Change, Draft, List, Value, Way, Which};
use std::ops::Range;

/// A section: each place where it is spoken of, and its options there.
struct Block {
    kind: String,
    name: Option<String>,
    heads: Vec<Range<usize>>,
    options: Vec<Place>,
}

/// An option, or one value of a list.
struct Place {
    key: String,
    value: String,
    range: Range<usize>,
}

pub(super) fn apply(file: &str, text: &str, change: &Change) -> Result<String, ConfigError> {
    syntax::parse(text).map_err(|(line, message)| ConfigError {
        file: file.to_owned(),
        line,
        message,
    })?;
    let mut edit = Edit {
        file,
        draft: Draft(text.to_owned()),
    };
    match change {
        Change::Set {
            section,
            key,
            value,
        } => {
            let option = edit.option(section, key)?;
            edit.set(option, Some(value))?;
        }
        Change::Clear { section, key } => {
            let option = edit.option(section, key)?;
            edit.set(option, None)?;
        }
        Change::Put {
            list,
            which,
            values,
        } => edit.put(*list, which, values)?,
        Change::Remove { list, which } => {
            let at = edit.find(*list, which)?;
            edit.remove(&at);
        }
        Change::Move { list, from, to } => edit.carry(*list, *from, *to)?,
        Change::Ways(ways) => edit.ways(ways)?,
    }
    Ok(edit.draft.0)
}

struct Edit<'a> {
    file: &'a str,
    draft: Draft,
}

impl Edit<'_> {
    fn option(&self, section: &str, key: &str) -> Result<&'static str, ConfigError> {
        match (section, key) {
            // What only this file has.
            ("gateway", "enabled") => return Ok("enabled"),
            ("lan", "network") => return Ok("lan"),
            _ => {}
        }
        let known = keys::find(section, key).map(|key| key.option);
        known.filter(|option| !option.is_empty()).ok_or_else(|| {
            self.fault(format!(
                "key {:?} is none of UCI's; netifd has what it says",
                format!("{section}.{key}")
            ))
        })
    }

    fn set(&mut self, option: &str, value: Option<&Value>) -> Result<(), ConfigError> {
        let gateway = |draft: &Draft| blocks(&draft.0, "gateway").into_iter().next();
        if gateway(&self.draft).is_none() {
            self.draft.append_block("config gateway 'gateway'");
        }
        match gateway(&self.draft) {
            Some(block) => self.set_in(&block, option, value),
            None => Err(self.fault("section \"gateway\" is missing".to_owned())),
        }
    }

    /// In a block that stands where it says.
    fn set_in(
        &mut self,
        block: &Block,
        key: &str,
        value: Option<&Value>,
    ) -> Result<(), ConfigError> {
        let lines = value
            .map(|value| statements(key, value))
            .unwrap_or_default();
        for line in &lines {
            if line.contains(['\n', '\r', '\0']) {
                return Err(self.fault(format!("option {key:?}: has a line's end in its value")));
            }
        }
        let old: Vec<&Place> = block.options.iter().filter(|it| it.key == key).collect();
        // From behind, so that what is before stays where it is. The first makes way for what is new.
        let at = match old.split_first() {
            Some((first, others)) => {
                for place in others.iter().rev() {
                    self.drop_statement(place.range.clone());
                }
                let [line] = &lines[..] else {
                    let at = self.draft.lines(first.range.clone()).start;
                    self.drop_statement(first.range.clone());
                    self.insert(at, &lines);
                    return Ok(());
                };
                self.draft.0.replace_range(first.range.clone(), line);
                return Ok(());
            }
            None => self.place(block, key),
        };
        self.insert(at, &lines);
        Ok(())
    }

    fn insert(&mut self, at: usize, lines: &[String]) {
        if !lines.is_empty() {
            self.draft
                .insert_lines(at, &format!("\t{}", lines.join("\n\t")));
        }
    }

    /// Where a new option goes: below a comment that shows it, else to the block's end.
    fn place(&self, block: &Block, key: &str) -> usize {
        let text = &self.draft.0;
        let start = block.heads.first().map_or(0, |head| head.end);
        let next = syntax::statements(text).into_iter().find(|(range, words)| {
            range.start >= start && words.first().is_some_and(|it| it.starts_with('c'))
        });
        let end = next.map_or(text.len(), |(range, _)| range.start);
        let mut at = start;
        let mut shown = None;
        for line in text[start..end].split_inclusive('\n') {
            let words: Vec<&str> = line.split_whitespace().collect();
            if matches!(words[..], ["#option" | "#list", name, ..] if name == key) {
                shown = Some(at..at + line.trim_end().len());
            }
            at += line.len();
        }
        let last = block.options.iter().filter(|it| it.range.start < end);
        let last = last.map(|it| it.range.clone()).next_back();
        let head = block.heads.first().cloned();
        let beside = shown.or(last).or(head);
        self.draft.lines(beside.unwrap_or(start..start)).end
    }

    fn put(
        &mut self,
        list: List,
        which: &Which,
        values: &[(String, Option<Value>)],
    ) -> Result<(), ConfigError> {
        let kind = list.kind();
        let found = match (self.find(list, which), which) {
            (Ok(block), _) => Some(block),
            (Err(fault), Which::At(_)) => return Err(fault),
            (Err(_), Which::New | Which::By(..)) => None,
        };
        let Some(block) = found else {
            self.add(kind, which, values);
            return Ok(());
        };
        let first = block.heads[0].start;
        for (key, value) in values {
            // Each change moves what stands below, and nothing above.
            let now = blocks(&self.draft.0, kind);
            if let Some(block) = now.iter().find(|block| block.heads[0].start == first) {
                self.set_in(block, key, value.as_ref())?;
            }
        }
        Ok(())
    }

    fn add(&mut self, kind: &str, which: &Which, values: &[(String, Option<Value>)]) {
        let mut new = format!("config {kind}");
        let mut add = |key: &str, value: &Value| {
            for line in statements(key, value) {
                new += &format!("\n\t{line}");
            }
        };
        if let Which::By(key, value) = which
            && values.iter().all(|(other, _)| other != key)
        {
            add(key, &Value::Text(value.clone()));
        }
        for (key, value) in values {
            if let Some(value) = value {
                add(key, value);
            }
        }
        match blocks(&self.draft.0, kind).last() {
            Some(last) => {
                let at = region(&self.draft, last).end;
                self.draft.insert_lines(at, &format!("\n{new}"));
            }
            None => self.draft.append_block(&new),
        }
    }

    fn find(&self, list: List, which: &Which) -> Result<Block, ConfigError> {
        let mut blocks = blocks(&self.draft.0, list.kind());
        let found = which.find(blocks.len(), |at, key| {
            let options = blocks[at].options.iter().filter(|it| it.key == key);
            options.map(|option| option.value.clone()).collect()
        });
        let at = found.ok_or_else(|| self.fault(which.missing()))?;
        Ok(blocks.swap_remove(at))
    }

    /// All of it, wherever it is spoken of.
    fn remove(&mut self, block: &Block) {
        let options = block.options.iter().map(|option| option.range.clone());
        let mut ranges: Vec<_> = block.heads.iter().cloned().chain(options).collect();
        ranges.sort_by_key(|range| range.start);
        for range in ranges.into_iter().rev() {
            self.drop_statement(range);
        }
    }

    /// A statement, and its line if nothing else is there.
    fn drop_statement(&mut self, range: Range<usize>) {
        let lines = self.draft.lines(range.clone());
        let text = &self.draft.0;
        let before = &text[lines.start..range.start];
        let after = text[range.end..lines.end].trim();
        let is_alone = before.trim().is_empty() && (after.is_empty() || after.starts_with('#'));
        let gone = if is_alone { lines } else { range };
        self.draft.0.replace_range(gone, "");
    }

    fn carry(&mut self, list: List, from: usize, to: usize) -> Result<(), ConfigError> {
        let (from, to) = (
            self.find(list, &Which::At(from))?,
            self.find(list, &Which::At(to))?,
        );
        let (from, to) = (region(&self.draft, &from), region(&self.draft, &to));
        if from != to {
            self.draft.carry(from, to);
        }
        Ok(())
    }

    /// The sections there are, in this order, with what else is in them; those that are not named any more go.
    fn ways(&mut self, ways: &[Way]) -> Result<(), ConfigError> {
        for (at, way) in ways.iter().enumerate() {
            let key = if way.is_network { "network" } else { "device" };
            let is_it = |block: &Block| {
                let named = |key: &str| {
                    let mut options = block.options.iter().rev();
                    options.find(|it| it.key == key).map(|it| it.value.clone())
                };
                // An interface goes before the network it belongs to, as in the reader.
                let is_device = named("device").is_some();
                is_device != way.is_network && named(key).as_ref() == Some(&way.name)
            };
            let place = |draft: &Draft| blocks(&draft.0, "wan").iter().position(is_it);
            let here = match place(&self.draft) {
                Some(here) => here,
                None => {
                    let name = (key.to_owned(), Some(Value::Text(way.name.clone())));
                    self.add("wan", &Which::New, &[name]);
                    blocks(&self.draft.0, "wan").len() - 1
                }
            };
            if here != at {
                let now = blocks(&self.draft.0, "wan");
                let (from, to) = (
                    region(&self.draft, &now[here]),
                    region(&self.draft, &now[at]),
                );
                self.draft.carry(from, to);
            }
            self.switch(at, "metered", way.metered, false);
            if let Some(block) = blocks(&self.draft.0, "wan").get(at) {
                self.set_in(block, "limit_mb", way.limit_mb.as_ref())?;
            }
            self.switch(at, "enabled", way.enabled, true);
        }
        for block in blocks(&self.draft.0, "wan").iter().skip(ways.len()).rev() {
            self.remove(block);
        }
        Ok(())
    }

    /// A switch of a way out; it is written where it is not as usual, or was written already.
    fn switch(&mut self, at: usize, key: &str, is_on: bool, usual: bool) {
        let Some(block) = blocks(&self.draft.0, "wan").into_iter().nth(at) else {
            return;
        };
        if is_on != usual || block.options.iter().any(|option| option.key == key) {
            // A switch has no line's end in it.
            let _ = self.set_in(&block, key, Some(&Value::Switch(is_on)));
        }
    }

    fn fault(&self, message: String) -> ConfigError {
        ConfigError {
            file: self.file.to_owned(),
            line: line_of(&self.draft.0, &(0..0)),
            message,
        }
    }
}

/// The sections of a type, as the reader tells them apart.
fn blocks(text: &str, wanted: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut at = None;
    for (range, words) in syntax::statements(text) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words[..] {
            ["config" | "c", kind, ref rest @ ..] => {
                let name = rest.first().filter(|name| !name.is_empty());
                let name = name.map(|name| (*name).to_owned());
                let same = blocks
                    .iter()
                    .position(|block| name.is_some() && block.name == name);
                at = Some(same.unwrap_or(blocks.len()));
                match same {
                    Some(same) => blocks[same].heads.push(range),
                    None => blocks.push(Block {
                        kind: kind.to_owned(),
                        name,
                        heads: vec![range],
                        options: Vec::new(),
                    }),
                }
            }
            ["option" | "o" | "list" | "l", key, ref rest @ ..] => {
                let Some(block) = at.and_then(|at| blocks.get_mut(at)) else {
                    continue;
                };
                block.options.push(Place {
                    key: key.to_owned(),
                    value: rest.first().copied().unwrap_or_default().to_owned(),
                    range,
                });
            }
            _ => {}
        }
    }
    blocks.retain(|block| block.kind == wanted);
    blocks
}

/// The lines from a section's first word to the end of what stands there of it.
fn region(draft: &Draft, block: &Block) -> Range<usize> {
    let head = block.heads[0].clone();
    let again = block.heads.get(1).map_or(usize::MAX, |head| head.start);
    let inside = block.options.iter();
    let last = inside.filter(|option| (head.end..again).contains(&option.range.start));
    let last = last.map(|option| option.range.clone()).next_back();
    let start = draft.lines(head.clone()).start;
    start..draft.lines(last.unwrap_or(head)).end
}

/// One for an option, one for each value of a list.
fn statements(key: &str, value: &Value) -> Vec<String> {
    let option = |text: &str| vec![format!("option {key} {}", quoted(text))];
    match value {
        Value::Text(text) => option(text),
        Value::Number(number) => option(&number.to_string()),
        Value::Switch(is_on) => option(if *is_on { "1" } else { "0" }),
        Value::List(words) => {
            let lines = words.iter();
            lines
                .map(|word| format!("list {key} {}", quoted(word)))
                .collect()
        }
    }
}

/// In single quotes; one in the text ends them, stands by itself, and begins them anew.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
