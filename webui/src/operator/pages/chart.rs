//! Registrations over the last day: one bar for each quarter of an hour.

use super::{View, number, rows};
use crate::html::Html;
use crate::operator::words::Word;
use serde_json::Value;

/// The size of the drawing.
const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 140.0;

pub(super) fn draw(html: &mut Html, history: &Value, view: &View<'_>) {
    let bars: Vec<(u64, u64)> = rows(history)
        .iter()
        .map(|bar| (number(&bar["registered"]), number(&bar["enrolled"])))
        .collect();
    let most = bars
        .iter()
        .map(|(one, other)| one.saturating_add(*other))
        .max();
    let most = most.unwrap_or_default();
    let sum = |part: fn(&(u64, u64)) -> u64| -> u64 {
        bars.iter().map(part).fold(0, u64::saturating_add)
    };
    let label = Word::HistoryLabel.with(
        view.lang,
        &[
            ("n", &sum(|bar| bar.0).to_string()),
            ("m", &sum(|bar| bar.1).to_string()),
            ("k", &most.to_string()),
        ],
    );
    let frame = format!("0 0 {WIDTH} {HEIGHT}");
    let attrs = [
        ("class", "chart"),
        ("viewBox", frame.as_str()),
        ("preserveAspectRatio", "none"),
        ("role", "img"),
        ("aria-label", label.as_str()),
    ];
    html.el("svg", &attrs, |html| {
        for at in 0..=4 {
            let y = format!("{:.1}", f64::from(at) / 4.0 * (HEIGHT - 2.0) + 1.0);
            let attrs = [
                ("class", "grid"),
                ("x1", "0"),
                ("x2", "960"),
                ("y1", &y),
                ("y2", &y),
            ];
            html.leaf("line", &attrs, "");
        }
        let step = WIDTH / bars.len().max(1) as f64;
        for (at, (registered, enrolled)) in bars.iter().enumerate() {
            let x = at as f64 * step + step * 0.12;
            let high = |count: u64| count as f64 / most.max(1) as f64 * (HEIGHT - 6.0);
            let below = high(*registered);
            bar(html, "registered", x, step * 0.76, HEIGHT, below);
            bar(
                html,
                "enrolled",
                x,
                step * 0.76,
                HEIGHT - below,
                high(*enrolled),
            );
        }
    });
    html.el("p", &[("class", "axis")], |html| {
        html.leaf("span", &[], view.say(Word::DayAgo));
        html.leaf("span", &[], view.say(Word::Now));
    });
    html.el("ul", &[("class", "legend")], |html| {
        html.leaf(
            "li",
            &[("class", "registered")],
            view.say(Word::Registrations),
        );
        html.leaf("li", &[("class", "enrolled")], view.say(Word::Enrolments));
    });
    html.leaf("p", &[("class", "hint")], &label);
}

/// A bar that stands on `ground`.
fn bar(html: &mut Html, class: &'static str, x: f64, width: f64, ground: f64, height: f64) {
    if height <= 0.0 {
        return;
    }
    let place = [x, ground - height, width, height].map(|value| format!("{value:.1}"));
    let [x, y, width, height] = &place;
    let attrs = [
        ("class", class),
        ("x", x.as_str()),
        ("y", y),
        ("width", width),
        ("height", height),
    ];
    html.leaf("rect", &attrs, "");
}
