//! The last lines of the log.

use super::View;
use super::settings::option;
use crate::html::Html;
use crate::words::Word;

/// As `tracing` writes them, the worst first.
const LEVELS: [&str; 5] = ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"];

/// Which lines are shown.
#[derive(Debug, Default)]
pub struct Filter {
    /// One of [`LEVELS`], in any letters, or none.
    pub(crate) level: String,
    /// What stands in the line.
    pub(crate) text: String,
}

pub(crate) fn page(html: &mut Html, view: &View<'_>, lines: &[String], filter: &Filter) {
    html.leaf("h1", &[], view.say(Word::Log));
    html.leaf("p", &[("class", "lead")], view.say(Word::LogText));
    html.open(
        "form",
        &[("method", "get"), ("action", "/log"), ("class", "row wrap")],
    );
    let attrs = [("name", "level"), ("aria-label", view.say(Word::Level))];
    html.el("select", &attrs, |html| {
        option(html, "", view.say(Word::AllLevels), filter.level.is_empty());
        for level in &LEVELS[..4] {
            let is_chosen = level.eq_ignore_ascii_case(&filter.level);
            option(html, &level.to_ascii_lowercase(), level, is_chosen);
        }
    });
    let attrs = [
        ("type", "search"),
        ("name", "text"),
        ("value", filter.text.as_str()),
        ("aria-label", view.say(Word::Contains)),
        ("placeholder", view.say(Word::Contains)),
    ];
    html.open("input", &attrs);
    html.leaf("button", &[("class", "second")], view.say(Word::Filter));
    html.close("form");
    let kept = kept(lines, filter);
    if kept.is_empty() {
        html.leaf("p", &[("class", "empty")], view.say(Word::NoLines));
        return;
    }
    html.open(
        "ol",
        &[
            ("class", "log"),
            ("tabindex", "0"),
            ("aria-label", view.say(Word::Log)),
        ],
    );
    for (level, line) in kept.iter().rev() {
        let class = LEVELS[*level].to_ascii_lowercase();
        html.leaf("li", &[("class", &class)], line);
    }
    html.close("ol");
}

/// The lines that pass, each with its level. A line without one belongs to the line before.
fn kept<'a>(lines: &'a [String], filter: &Filter) -> Vec<(usize, &'a str)> {
    let of = |word: &str| LEVELS.iter().position(|it| it.eq_ignore_ascii_case(word));
    let most = of(&filter.level).unwrap_or(LEVELS.len() - 1);
    let wanted = filter.text.to_lowercase();
    let mut last = 2;
    let mut kept = Vec::new();
    for line in lines {
        last = line.split_whitespace().nth(1).and_then(of).unwrap_or(last);
        if last <= most && line.to_lowercase().contains(&wanted) {
            kept.push((last, line.as_str()));
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_pass_by_level_and_text() {
        let lines = [
            "t  INFO one",
            "t  WARN Two",
            "  more of two",
            "t ERROR three",
            "t DEBUG four",
        ];
        let lines = lines.map(str::to_owned);
        let passed = |level: &str, text: &str| {
            let filter = Filter {
                level: level.into(),
                text: text.into(),
            };
            kept(&lines, &filter).len()
        };
        assert_eq!(passed("", ""), 5);
        assert_eq!(passed("warn", ""), 3);
        assert_eq!(passed("ERROR", ""), 1);
        assert_eq!(passed("", "two"), 2);
        assert_eq!(passed("nonsense", "two"), 2);
    }
}
