//! The relays and their load.

use super::table::{seen, table};
use super::{View, begin, number, online, remove_card, rows, text};
use crate::html::Html;
use crate::operator::words::Word;
use serde_json::Value;

pub(super) fn page(html: &mut Html, value: &Value, view: &View<'_>) {
    begin(html, Word::Relays, Some(view.say(Word::RelaysText)), view);
    if rows(&value["rows"]).is_empty() {
        html.leaf("p", &[("class", "empty")], view.say(Word::NoRelays));
        return;
    }
    table(
        html,
        value,
        &[
            (Word::Name, &|html, row| html.name(text(&row["name"]))),
            (Word::State, &|html, row| {
                online(html, row["online"] == true, view);
            }),
            (Word::Paths, &|html, row| load(html, row, view)),
            (Word::Addresses, &|html, row| seen(html, row, view)),
            (Word::Starts, &|html, row| {
                html.text(&number(&row["starts"]).to_string());
            }),
            (Word::Release, &|html, row| html.text(text(&row["release"]))),
        ],
        view,
    );
    for row in rows(&value["rows"]) {
        remove_card(
            html,
            (Word::RemoveTitle, Word::RemoveText, Word::Remove),
            "/nodes/remove",
            ("name", label(text(&row["name"]))),
            view,
        );
    }
}

fn label(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

/// Paths in use of those it is willing to carry: a bar, and the figures.
fn load(html: &mut Html, row: &Value, view: &View<'_>) {
    let (paths, capacity) = (number(&row["paths"]), number(&row["capacity"]));
    let values = [("n", &*paths.to_string()), ("m", &*capacity.to_string())];
    let words = Word::Load.with(view.lang, &values);
    if capacity > 0 {
        meter(html, paths as f64 / capacity as f64);
    }
    html.text(&words);
}

/// A bar that is full at 1.
pub(super) fn meter(html: &mut Html, share: f64) {
    let share = share.clamp(0.0, 1.0);
    let attrs = [
        ("class", "meter"),
        ("viewBox", "0 0 100 8"),
        ("preserveAspectRatio", "none"),
        ("aria-hidden", "true"),
    ];
    html.el("svg", &attrs, |html| {
        let class = if share > 0.85 { "full" } else { "part" };
        let width = format!(
            "{:.1}",
            (share * 100.0).max(if share > 0.0 { 1.0 } else { 0.0 })
        );
        let attrs = [("class", class), ("width", width.as_str()), ("height", "8")];
        html.leaf("rect", &attrs, "");
    });
}
