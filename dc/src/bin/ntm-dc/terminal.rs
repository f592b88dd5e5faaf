//! Standard output and error, for people and for pipes.

use serde_json::Value;
use std::io::{self, IsTerminal, Write};

/// Whether a person looks at standard output.
pub(crate) fn is_watched() -> bool {
    io::stdout().is_terminal()
}

/// Writes a line, or more. A reader that went away is no error.
pub(crate) fn say(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Writes a line to standard error.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Writes JSON, indented.
pub(crate) fn say_json(value: &Value) {
    say(&format!("{value:#}"));
}

/// A table of `rows`: for each column its heading and the key of its value.
pub(crate) fn table(rows: &Value, columns: &[(&str, &str)]) -> String {
    let headings = columns.iter().map(|(heading, _)| (*heading).to_owned());
    let mut lines: Vec<Vec<String>> = vec![headings.collect()];
    for row in rows.as_array().into_iter().flatten() {
        lines.push(
            columns
                .iter()
                .map(|(_, key)| cell(key, &row[*key]))
                .collect(),
        );
    }
    let width = |column: usize| {
        let cells = lines.iter().map(|line| line[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let text = lines.iter().map(|line| {
        let cells = line
            .iter()
            .zip(&widths)
            .map(|(cell, &width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    text.collect::<Vec<_>>().join("\n")
}

fn cell(key: &str, value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "-".into(),
        Value::Array(items) => items
            .iter()
            .map(|item| cell(key, item))
            .collect::<Vec<_>>()
            .join(", "),
        Value::Number(number) if key.ends_with("_s") => format!("{number} s ago"),
        Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

/// A QR code of half-block characters, dark on light whatever the terminal's colours.
pub(crate) fn qr(text: &str) -> Option<String> {
    use qrcode::render::unicode::Dense1x2;
    let code = qrcode::QrCode::with_error_correction_level(text, qrcode::EcLevel::L).ok()?;
    let image = code.render::<Dense1x2>().quiet_zone(true).build();
    let line = |line: &str| format!("\x1b[30;107m{line}\x1b[0m");
    Some(image.lines().map(line).collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tables_are_aligned() {
        let rows = json!([
            {"name": "home.ntm.test", "online": true, "last_seen_s": 3},
            {"name": "x", "online": false, "last_seen_s": null},
        ]);
        let columns = [
            ("NAME", "name"),
            ("ONLINE", "online"),
            ("SEEN", "last_seen_s"),
        ];
        let expected =
            "NAME           ONLINE  SEEN\nhome.ntm.test  yes     3 s ago\nx              no      -";
        assert_eq!(table(&rows, &columns), expected);
    }

    #[test]
    fn codes_fit_into_a_qr_code() {
        let image = qr(&format!("NTM1-{}", "A7".repeat(90))).unwrap();
        let width = image
            .lines()
            .next()
            .unwrap()
            .chars()
            .filter(|c| " ▀▄█".contains(*c))
            .count();
        assert!(width < 75, "{width} columns");
    }
}
