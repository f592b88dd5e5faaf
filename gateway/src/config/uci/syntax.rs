//! UCI's files as OpenWrt's own programs read them: sections with options, lists and places.
//!
//! ```text
//! config gateway 'gateway'
//!         option port '4750'
//!         list offload 'tun'
//! ```
//!
//! A word is in single quotes, in double quotes with backslashes, or bare; words that touch are one. Quoted words may go
//! over lines. What the `uci` program would refuse is a fault here, too.

use std::iter::Peekable;
use std::str::Chars;

/// Longest file that is read.
const MAX_FILE: usize = 256 << 10;
/// Most sections, and most options of one.
const MAX_PARTS: usize = 512;

/// What is wrong, and in which line.
pub(super) type Fault = (usize, String);

/// A section.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) kind: String,
    pub(super) name: Option<String>,
    pub(super) line: usize,
    pub(super) options: Vec<Setting>,
}

/// An option with one value, or a list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) key: String,
    pub(super) line: usize,
    pub(super) is_list: bool,
    /// Each with its line; an option has one.
    pub(super) values: Vec<(usize, String)>,
}

/// Reads a whole file.
pub(super) fn parse(text: &str) -> Result<Vec<Block>, Fault> {
    if text.len() > MAX_FILE {
        return Err((1, format!("the file is longer than {} KiB", MAX_FILE >> 10)));
    }
    let mut words = Words {
        chars: text.chars().peekable(),
        line: 1,
    };
    let mut blocks: Vec<Block> = Vec::new();
    while let Some((line, statement)) = words.statement()? {
        let parts: Vec<&str> = statement.iter().map(String::as_str).collect();
        match parts[..] {
            ["package", _] => {}
            ["config", kind] => blocks.push(block(kind, None, line)?),
            ["config", kind, name] => blocks.push(block(kind, Some(name), line)?),
            [how @ ("option" | "list"), key, value] => {
                let Some(block) = blocks.last_mut() else {
                    return Err((
                        line,
                        format!(
                            "{how} {key:?} stands before any section; write config gateway 'gateway' above"
                        ),
                    ));
                };
                set(
                    block,
                    how == "list",
                    identifier(key, line)?,
                    (line, value.to_owned()),
                )?;
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

fn block(kind: &str, name: Option<&str>, line: usize) -> Result<Block, Fault> {
    Ok(Block {
        kind: identifier(kind, line)?,
        // An empty name is none.
        name: name
            .filter(|name| !name.is_empty())
            .map(|name| identifier(name, line))
            .transpose()?,
        line,
        options: Vec::new(),
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

/// The words of a text.
struct Words<'a> {
    chars: Peekable<Chars<'a>>,
    line: usize,
}

impl Words<'_> {
    /// The words of the next line that has any, and the line of the last of them.
    fn statement(&mut self) -> Result<Option<(usize, Vec<String>)>, Fault> {
        let mut words = Vec::new();
        let mut last = self.line;
        loop {
            match self.chars.peek() {
                Some(' ' | '\t' | '\r') => self.skip(),
                Some('#') => {
                    while self.chars.peek().is_some_and(|c| *c != '\n') {
                        self.skip();
                    }
                }
                Some('\n') | None if !words.is_empty() => return Ok(Some((last, words))),
                Some('\n') => self.skip(),
                None => return Ok(None),
                Some(_) => {
                    last = self.line;
                    words.push(self.word()?);
                }
            }
        }
    }

    fn skip(&mut self) {
        self.line += usize::from(self.chars.next() == Some('\n'));
    }

    fn word(&mut self) -> Result<String, Fault> {
        let mut word = String::new();
        while let Some(c) = self.chars.next_if(|c| !" \t\r\n".contains(*c)) {
            match c {
                '\'' | '"' => self.quoted(c, &mut word)?,
                '\\' => match self.chars.next() {
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
        while let Some(mut c) = self.chars.next() {
            if c == quote {
                return Ok(());
            }
            if c == '\\' && quote == '"' {
                c = self.chars.next().unwrap_or(c);
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
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<String> {
        let blocks = parse(&format!("config a\n{text}")).unwrap();
        let settings = blocks.into_iter().flat_map(|block| block.options);
        let values = settings.flat_map(|setting| setting.values);
        values.map(|(_, value)| value).collect()
    }

    #[test]
    fn sections_options_and_lists_have_their_lines() {
        let text = "package ntm\n\n# of the router\nconfig gateway 'gateway'\n\toption port '4750'\n\tlist dns 203.0.113.1\n\
                    \tlist dns \"203.0.113.2\" # the second\n\nconfig wan\n\toption network\twan\n";
        let blocks = parse(text).unwrap();
        assert_eq!(blocks.len(), 2);
        assert_eq!(
            (
                blocks[0].kind.as_str(),
                blocks[0].name.as_deref(),
                blocks[0].line
            ),
            ("gateway", Some("gateway"), 4)
        );
        let dns = &blocks[0].options[1];
        assert!(dns.is_list && dns.line == 6);
        assert_eq!(
            dns.values,
            [(6, "203.0.113.1".to_owned()), (7, "203.0.113.2".to_owned())]
        );
        assert_eq!((blocks[1].name.as_deref(), blocks[1].line), (None, 9));
        assert_eq!(parse(""), Ok(Vec::new()));
        assert_eq!(parse("# nothing\n\n  \t\r\n"), Ok(Vec::new()));
    }

    #[test]
    fn words_are_as_ucis() {
        assert_eq!(values("option a 'it'\\''s'\n"), ["it's"]);
        assert_eq!(values("option a \"a \\\"b\\\" \\\\\"\n"), ["a \"b\" \\"]);
        assert_eq!(
            values("option a 'two\nlines'\noption b c"),
            ["two\nlines", "c"]
        );
        assert_eq!(values("option a 'x'y\"z\"\n"), ["xyz"]);
        assert_eq!(
            values("option a '$(reboot) `id` # \\'\n"),
            ["$(reboot) `id` # \\"]
        );
        assert_eq!(values("option a ''\n"), [""]);
        assert_eq!(
            values("option a 1\noption a 2\n"),
            ["2"],
            "the later one counts"
        );
        assert_eq!(values("list a 1\noption a 2\nlist a 3\n"), ["3"]);
        assert_eq!(values("option a b\\\nc\r\n"), ["bc"]);
    }

    #[test]
    fn what_uci_would_refuse_is_told_by_line() {
        let fault = |text: &str| parse(text).unwrap_err();
        assert_eq!(fault("config a\n\n\toption b\n").0, 3);
        assert_eq!(fault("option a 'b'\n").0, 1);
        assert!(
            fault("config a\noption b 'c\n\n")
                .1
                .contains("nothing ends")
        );
        assert_eq!(fault("config a\noption b 'c\n\n").0, 2);
        assert!(fault("config a\noption 'b c' d\n").1.contains("no name"));
        assert!(fault("config 'a b'\n").1.contains("no name"));
        assert!(fault("konfig a\n").1.contains("config TYPE"));
        assert!(fault("[lan]\n").1.contains("config TYPE"));
        assert!(
            fault(&"config a\n".repeat(MAX_PARTS + 1))
                .1
                .contains("sections")
        );
        assert!(
            fault(&format!("config a\n{}", "list b c\n".repeat(MAX_PARTS + 1)))
                .1
                .contains("values")
        );
        assert!(fault(&" ".repeat(MAX_FILE + 1)).1.contains("longer"));
    }

    #[test]
    fn nothing_makes_it_panic() {
        let text = "config gateway 'g'\n\toption a \"b\\\\\"\n\tlist c 'd'\n";
        for end in 0..=text.len() {
            let _ = parse(&text[..end]);
            for odd in ['\'', '"', '\\', '\n', '#', '\u{202e}'] {
                let _ = parse(&format!("{}{odd}{}", &text[..end], &text[end..]));
            }
        }
    }
}
