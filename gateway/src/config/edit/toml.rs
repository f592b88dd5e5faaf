//! Changes to TOML: where each statement stands is what the parser's events say, and only that is touched.

mod layout;

use super::super::reader::ConfigError;
use super::super::tree::line_of;
use super::{Change, Draft, Form, List, Value, Way, Which, Written};
use layout::Layout;
use std::collections::BTreeMap;
use std::ops::Range;
use toml::de::DeValue;

pub(super) fn apply(file: &str, text: &str, change: &Change) -> Result<String, ConfigError> {
    // What is no TOML has no places.
    super::super::reader::Document::parse(file, text)?;
    let mut edit = Edit {
        file,
        layout: Layout::of(text),
        draft: Draft(text.to_owned()),
    };
    match change {
        Change::Set {
            section,
            key,
            value,
        } => edit.set(&[section, key], value)?,
        Change::Clear { section, key } => edit.clear(&[section, key]),
        Change::Put {
            list,
            which,
            values,
        } => edit.put(*list, which, values)?,
        Change::Remove { list, which } => edit.remove(*list, which)?,
        Change::Move { list, from, to } => edit.carry(*list, *from, *to)?,
        Change::Ways(ways) => return edit.ways(ways),
    }
    Ok(edit.draft.0)
}

struct Edit<'a> {
    file: &'a str,
    layout: Layout,
    draft: Draft,
}

impl Edit<'_> {
    fn set(&mut self, path: &[&str; 2], value: &Value) -> Result<(), ConfigError> {
        self.set_written(path, &written(value))
    }

    fn set_written(&mut self, path: &[&str; 2], written: &str) -> Result<(), ConfigError> {
        if let Some(statement) = self.layout.find(path) {
            self.draft.0.replace_range(statement.value.clone(), written);
            return Ok(());
        }
        let [section, key] = *path;
        let line = format!("{key} = {written}");
        if let Some(table) = self.layout.header(section) {
            let at = self.place(table, key);
            self.draft.insert_lines(at, &line);
            return Ok(());
        }
        if let Some(inline) = self.layout.find(&[section]) {
            return Err(self.fault(
                &inline.range,
                format!(
                    "key {section:?}: is written in one line; write [{section}] and its keys below"
                ),
            ));
        }
        // Keys with dots, like `lan.dhcp`: such a section cannot have a header as well.
        let last = self.layout.statements.iter().rev().find(|statement| {
            statement.table == 0 && statement.path.first().is_some_and(|first| first == section)
        });
        match last {
            Some(last) => {
                let at = self.draft.lines(last.range.clone()).end;
                self.draft.insert_lines(at, &format!("{section}.{line}"));
            }
            None => self.draft.append_block(&format!("[{section}]\n{line}")),
        }
        Ok(())
    }

    /// Where a new key of a table goes: below a comment that shows it, else to the table's end.
    fn place(&self, table: usize, key: &str) -> usize {
        let start = self.layout.tables[table].range.start;
        let after = self.layout.tables.get(table + 1);
        let end = after.map_or(self.draft.0.len(), |after| after.range.start);
        let shows = |comment: &&Range<usize>| {
            let text = self.draft.0[(*comment).clone()].trim_start_matches('#');
            let shown = text.split_once('=').map(|(key, _)| key.trim());
            (start..end).contains(&comment.start) && shown == Some(key)
        };
        let inside = self.layout.statements.iter().rev();
        let mut inside = inside.filter(|statement| statement.table == table);
        let last = inside.next().map(|statement| statement.range.clone());
        let beside = self.layout.comments.iter().find(shows).cloned();
        let above = self.layout.tables[table].range.clone();
        self.draft.lines(beside.or(last).unwrap_or(above)).end
    }

    fn clear(&mut self, path: &[&str]) {
        if let Some(statement) = self.layout.find(path) {
            let lines = self.draft.lines(statement.range.clone());
            self.draft.0.replace_range(lines, "");
        }
    }

    fn put(
        &mut self,
        list: List,
        which: &Which,
        values: &[(String, Option<Value>)],
    ) -> Result<(), ConfigError> {
        let blocks = self.blocks(list)?;
        let found = self.find(&blocks, which);
        let Some(block) = found else {
            if let Which::At(_) = which {
                return Err(self.fault(&(0..0), which.missing()));
            }
            self.add(list, which, values, &blocks);
            return Ok(());
        };
        self.put_in(blocks[block], values);
        Ok(())
    }

    /// These keys of a table; `None` takes a key away.
    fn put_in(&mut self, table: usize, values: &[(String, Option<Value>)]) {
        for (key, value) in values {
            // Each change moves what stands below.
            self.layout = Layout::of(&self.draft.0);
            let place = self.layout.statement_in(table, key);
            match (place, value) {
                (Some(statement), Some(value)) => {
                    let place = statement.value.clone();
                    self.draft.0.replace_range(place, &written(value));
                }
                (Some(statement), None) => {
                    let lines = self.draft.lines(statement.range.clone());
                    self.draft.0.replace_range(lines, "");
                }
                (None, Some(value)) => {
                    let at = self.end_of(table);
                    let line = format!("{} = {}", key_of(key), written(value));
                    self.draft.insert_lines(at, &line);
                }
                (None, None) => {}
            }
        }
    }

    fn add(
        &mut self,
        list: List,
        which: &Which,
        values: &[(String, Option<Value>)],
        blocks: &[usize],
    ) {
        let mut new = format!("[[{}]]", list.path().join("."));
        let mut line = |key: &str, value: &Value| new += &format!("\n{key} = {}", written(value));
        if let Which::By(key, value) = which
            && values.iter().all(|(other, _)| other != key)
        {
            line(key, &Value::Text(value.clone()));
        }
        for (key, value) in values {
            if let Some(value) = value {
                line(key, value);
            }
        }
        match blocks.last() {
            Some(last) => self.draft.insert_lines(self.end_of(*last), &new),
            None => self.draft.append_block(&new),
        }
    }

    fn remove(&mut self, list: List, which: &Which) -> Result<(), ConfigError> {
        let blocks = self.blocks(list)?;
        let Some(block) = self.find(&blocks, which) else {
            return Err(self.fault(&(0..0), which.missing()));
        };
        let lines = self.region(blocks[block]);
        self.draft.0.replace_range(lines, "");
        Ok(())
    }

    fn carry(&mut self, list: List, from: usize, to: usize) -> Result<(), ConfigError> {
        let blocks = self.blocks(list)?;
        for place in [from, to] {
            if place >= blocks.len() {
                return Err(self.fault(&(0..0), Which::At(place).missing()));
            }
        }
        if from != to {
            let (from, to) = (self.region(blocks[from]), self.region(blocks[to]));
            self.draft.carry(from, to);
        }
        Ok(())
    }

    /// Those that are not used have no place here.
    fn ways(mut self, ways: &[Way]) -> Result<String, ConfigError> {
        let names = |ways: &mut dyn Iterator<Item = &Way>| {
            Value::List(ways.map(|way| way.name.clone()).collect())
        };
        let used = || ways.iter().filter(|way| way.enabled);
        // Where every interface is a way out, to say what one costs or may carry does not make it the only one.
        let before = Written::read(self.file, &self.draft.0, Form::Toml)?;
        let is_remark = |way: &Way| {
            let is_known = || before.ways.iter().any(|it| it.name == way.name);
            way.metered || way.limit_mb.is_some() || is_known()
        };
        if !before.takes_all || !used().all(is_remark) {
            self.set(&["wan", "interfaces"], &names(&mut used()))?;
        }
        self.layout = Layout::of(&self.draft.0);
        let metered = names(&mut used().filter(|way| way.metered));
        self.set(&["wan", "metered"], &metered)?;
        let limits = used().filter_map(|way| Some((&way.name, way.limit_mb.as_ref()?)));
        self.limits(&limits.collect())?;
        Ok(self.draft.0)
    }

    /// The limits of these ways out, and of no others: in a section of their own if there is one, else in one line.
    fn limits(&mut self, limits: &BTreeMap<&String, &Value>) -> Result<(), ConfigError> {
        const PATH: [&str; 2] = ["wan", "limit_mb"];
        self.layout = Layout::of(&self.draft.0);
        if let Some(table) = self.layout.tables.iter().position(|it| it.path == PATH) {
            let inside = self.layout.statements.iter().filter(|it| it.table == table);
            let gone = inside
                .filter_map(|it| it.path.first())
                .filter(|it| !limits.contains_key(it));
            let mut values: Vec<_> = gone.map(|name| (name.clone(), None)).collect();
            let stay = limits
                .iter()
                .map(|(name, value)| ((*name).clone(), Some((*value).clone())));
            values.extend(stay);
            self.put_in(table, &values);
            return Ok(());
        }
        // One key with dots for each says the same.
        while let Some(dotted) = self.layout.statements.iter().find(|it| {
            let table = &self.layout.tables[it.table];
            let path: Vec<&String> = table.path.iter().chain(&it.path).collect();
            path.len() == 3 && path[..2] == PATH
        }) {
            let lines = self.draft.lines(dotted.range.clone());
            self.draft.0.replace_range(lines, "");
            self.layout = Layout::of(&self.draft.0);
        }
        if limits.is_empty() {
            self.clear(&PATH);
            return Ok(());
        }
        let limit =
            |(name, value): (&&String, &&Value)| format!("{} = {}", key_of(name), written(value));
        let limits: Vec<String> = limits.iter().map(limit).collect();
        self.set_written(&PATH, &format!("{{ {} }}", limits.join(", ")))
    }

    /// The tables of a list.
    fn blocks(&self, list: List) -> Result<Vec<usize>, ConfigError> {
        let path = list.path();
        if let Some(inline) = self.layout.find(path) {
            let path = path.join(".");
            return Err(self.fault(
                &inline.range,
                format!("key {path:?}: is written in one line; write a block [[{path}]] for each, and its keys below"),
            ));
        }
        let tables = self.layout.tables.iter().enumerate();
        let ours = tables.filter(|(_, table)| table.is_block && table.path == path);
        Ok(ours.map(|(at, _)| at).collect())
    }

    fn find(&self, blocks: &[usize], which: &Which) -> Option<usize> {
        which.find(blocks.len(), |at, key| {
            let statement = self.layout.statement_in(blocks[at], key);
            let text = statement.and_then(|it| self.draft.0.get(it.value.clone()));
            let value = text.and_then(|text| DeValue::parse(text).ok());
            let words: Vec<String> = match value.as_ref().map(|value| value.get_ref()) {
                Some(DeValue::Array(items)) => {
                    let texts = items.iter().filter_map(|item| item.get_ref().as_str());
                    texts.map(str::to_owned).collect()
                }
                Some(other) => other.as_str().map(str::to_owned).into_iter().collect(),
                None => Vec::new(),
            };
            words
        })
    }

    /// From the header's line to that of the last statement.
    fn region(&self, table: usize) -> Range<usize> {
        self.draft
            .lines(self.layout.tables[table].range.clone())
            .start..self.end_of(table)
    }

    fn end_of(&self, table: usize) -> usize {
        let inside = self.layout.statements.iter().rev();
        let mut inside = inside.filter(|statement| statement.table == table);
        let last = inside.next().map(|statement| statement.range.clone());
        let last = last.unwrap_or_else(|| self.layout.tables[table].range.clone());
        self.draft.lines(last).end
    }

    fn fault(&self, at: &Range<usize>, message: String) -> ConfigError {
        ConfigError {
            file: self.file.to_owned(),
            line: line_of(&self.draft.0, at),
            message,
        }
    }
}

/// A value as TOML has it.
fn written(value: &Value) -> String {
    match value {
        Value::Text(text) => quoted(text),
        Value::Number(number) => number.to_string(),
        Value::Switch(is_on) => is_on.to_string(),
        Value::List(words) => {
            let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
            format!("[{}]", words.join(", "))
        }
    }
}

/// A key as TOML has it: one with other signs than these is a basic string, too.
fn key_of(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(is_bare) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

/// A basic string (TOML 1.0, "String").
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out += &format!("\\u{:04x}", u32::from(c)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
