//! Pictures of what happened: one column for each node, arrows with kinds and times; as text and as SVG.

use crate::net::Fate;
use crate::trace::{Entry, Trace, What};
use std::fmt::Write;
use std::time::Duration;

const WIDTH: usize = 14;

/// The last `most` entries up to `until`, as text.
pub fn text(trace: &Trace, until: Duration, most: usize) -> String {
    let mut out = format!("{:>11} ", "seconds");
    for column in &trace.columns {
        let _ = write!(out, "{column:^WIDTH$}");
    }
    out.push('\n');
    for entry in around(trace, until, most) {
        let mut line: Vec<char> = (0..trace.columns.len())
            .flat_map(|_| format!("{:^WIDTH$}", "|").chars().collect::<Vec<_>>())
            .collect();
        let tail = draw(entry, &mut line);
        let at = entry.at.as_secs_f64();
        let line: String = line.into_iter().collect();
        let _ = writeln!(out, "{at:>11.3} {line} {tail}");
    }
    out
}

fn around(trace: &Trace, until: Duration, most: usize) -> impl Iterator<Item = &Entry> {
    let shown: Vec<&Entry> = trace
        .entries
        .iter()
        .filter(|entry| entry.at <= until)
        .collect();
    let skip = shown.len().saturating_sub(most);
    shown.into_iter().skip(skip)
}

fn centre(column: usize) -> usize {
    column * WIDTH + (WIDTH - 1) / 2
}

/// Draws one entry into its line; what stands beside it.
fn draw(entry: &Entry, line: &mut [char]) -> String {
    match &entry.what {
        What::Note(text) => {
            line[centre(entry.node)] = 'o';
            text.clone()
        }
        What::Datagram {
            to,
            fate,
            kind,
            length,
            remote,
        } => {
            let from = centre(entry.node);
            let label = format!("{kind} {length}");
            let mark = match fate {
                Fate::Sent(_) => "",
                Fate::Lost => " LOST",
                Fate::Blocked => " BLOCKED",
            };
            if let Some(to) = to.map(centre) {
                let (low, high) = (from.min(to), from.max(to));
                line[low + 1..high].fill('-');
                line[to] = if to > from { '>' } else { '<' };
                if to == from {
                    line[to] = '@';
                }
                let start = low + 1 + (high - low).saturating_sub(label.len() + 1) / 2;
                for (at, letter) in (start..high).zip(label.chars()) {
                    line[at] = letter;
                }
            } else {
                line[from] = 'x';
            }
            format!("{label} to {remote}{mark}")
        }
    }
}

/// The same as an SVG inside an HTML page.
pub fn html(trace: &Trace, until: Duration, most: usize, title: &str) -> String {
    let (column, row) = (150, 18);
    let entries: Vec<&Entry> = around(trace, until, most).collect();
    let (width, height) = (trace.columns.len() * column + 700, entries.len() * row + 60);
    let mut out = format!(
        "<!doctype html><meta charset=utf-8><title>{0}</title><pre>{0}</pre>\n<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' font-family='monospace' font-size='11'>\n<defs><marker id='a' viewBox='0 0 8 8' refX='8' refY='4' markerWidth='7' markerHeight='7' orient='auto'><path d='M0 0L8 4L0 8z'/></marker></defs>\n",
        escape(title)
    );
    let x = |node: usize| 80 + column / 2 + node * column;
    for (node, name) in trace.columns.iter().enumerate() {
        let at = x(node);
        let _ = writeln!(
            out,
            "<text x='{at}' y='20' text-anchor='middle' font-weight='bold'>{name}</text><line x1='{at}' y1='26' x2='{at}' y2='{height}' stroke='#bbb'/>"
        );
    }
    for (number, entry) in entries.iter().enumerate() {
        let y = 44 + number * row;
        let from = x(entry.node);
        let at = entry.at.as_secs_f64();
        let _ = write!(out, "<text x='4' y='{y}' fill='#777'>{at:.3}</text>");
        let beside = trace.columns.len() * column + 90;
        match &entry.what {
            What::Note(text) => {
                let text = escape(text);
                let _ = writeln!(
                    out,
                    "<circle cx='{from}' cy='{}' r='4' fill='#06c'/><text x='{beside}' y='{y}' fill='#06c'>{text}</text>",
                    y - 4
                );
            }
            What::Datagram {
                to,
                fate,
                kind,
                length,
                remote,
            } => {
                let label = format!("{kind} {length}");
                let line = y - 3;
                if let Some(to) = to.map(x) {
                    let middle = (from + to) / 2;
                    let _ = writeln!(
                        out,
                        "<line x1='{from}' y1='{line}' x2='{to}' y2='{line}' stroke='#000' marker-end='url(#a)'/><text x='{middle}' y='{}' text-anchor='middle'>{label}</text>",
                        y - 5
                    );
                } else {
                    let fate = if *fate == Fate::Lost {
                        "lost"
                    } else {
                        "blocked"
                    };
                    let _ = writeln!(
                        out,
                        "<text x='{from}' y='{y}' fill='#c00'>x {label} to {remote} {fate}</text>"
                    );
                }
            }
        }
    }
    out.push_str("</svg>\n");
    out
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
