//! The time line of moves: a bar for each, and all of them as CSV.

use super::{View, badge, fact, ms, peers, span};
use crate::html::Html;
use crate::snapshot::{Hop, Move, STEPS, Snapshot};
use crate::words::{Lang, Word, cause};

/// What the steps are called, in the order of [`Move::steps`].
const NAMES: [Word; 6] = [
    Word::StepDetect,
    Word::StepAddress,
    Word::StepRegister,
    Word::StepDirect,
    Word::StepTunnel,
    Word::StepPacket,
];
/// Their colours in `style.css`.
const CLASSES: [&str; 6] = ["s0", "s1", "s2", "s3", "s4", "s5"];
/// The most moves on the page; the file has all.
const MOST: usize = 50;

pub(super) fn page(html: &mut Html, view: &View<'_>) {
    let moves = &view.snapshot.moves;
    html.leaf("h1", &[], view.say(Word::Moves));
    html.leaf("p", &[("class", "lead")], view.say(Word::MovesText));
    if moves.is_empty() {
        html.leaf("p", &[("class", "empty")], view.say(Word::MovesNone));
        return;
    }
    html.el("p", &[], |html| {
        let attrs = [
            ("href", "/moves.csv"),
            ("download", "ntm-moves.csv"),
            ("class", "button second"),
        ];
        html.leaf("a", &attrs, view.say(Word::Csv));
    });
    html.el("ol", &[("class", "cards wide")], |html| {
        for each in moves.iter().take(MOST) {
            html.el("li", &[("class", "card")], |html| card(html, each, view));
        }
    });
}

fn card(html: &mut Html, each: &Move, view: &View<'_>) {
    html.el("h2", &[], |html| {
        html.name(cause(&each.cause, view.lang));
        let ago = Word::Ago.with(view.lang, &[("t", &span(each.ago_s, view.lang))]);
        html.leaf("span", &[("class", "when")], &ago);
        match (each.done, each.gap_ms) {
            (false, _) => badge(html, "bad", view.say(Word::StillMoving)),
            (true, Some(gap)) => {
                let text = format!("{} {}", view.say(Word::Gap), ms(gap));
                badge(html, if gap < 1000.0 { "good" } else { "idle" }, &text);
            }
            (true, None) => badge(html, "", view.say(Word::NoStream)),
        }
    });
    bar(html, each, view);
    html.el("dl", &[], |html| {
        fact(html, view.say(Word::OtherEnd), &each.peer);
        fact(html, view.say(Word::Before), &way(&each.from, view.lang));
        fact(html, view.say(Word::After), &way(&each.to, view.lang));
        fact(html, view.say(Word::Replayed), &each.again.to_string());
        fact(html, view.say(Word::LostPackets), &each.lost.to_string());
    });
}

/// A way for people.
fn way(hop: &Hop, lang: Lang) -> String {
    match hop.path.as_str() {
        "" => String::new(),
        path => format!(
            "{}, {} > {}",
            peers::path(path, lang),
            hop.local,
            hop.remote
        ),
    }
}

/// A way for programs.
fn hop(hop: &Hop) -> String {
    match hop.path.as_str() {
        "" => String::new(),
        path => format!("{path} {} > {}", hop.local, hop.remote),
    }
}

/// From when the last packet had come up to the last step; what each stretch ended with has its colour.
fn bar(html: &mut Html, each: &Move, view: &View<'_>) {
    let parts = stretches(each);
    let whole: f64 = parts.iter().map(|(_, length)| length).sum();
    if whole <= 0.0 {
        return;
    }
    let text =
        |(step, length): &(usize, f64)| format!("{} {}", NAMES[*step].say(view.lang), ms(*length));
    let label: Vec<String> = parts.iter().map(text).collect();
    let label = label.join(", ");
    let attrs = [
        ("class", "bar"),
        ("viewBox", "0 0 1000 20"),
        ("preserveAspectRatio", "none"),
        ("role", "img"),
        ("aria-label", label.as_str()),
    ];
    html.el("svg", &attrs, |html| {
        let mut x = 0.0;
        for (step, length) in &parts {
            // What took nearly no time shall be seen as well.
            let width = (length / whole * 1000.0).max(3.0);
            let (at, wide) = (format!("{x:.1}"), format!("{width:.1}"));
            let attrs = [
                ("class", CLASSES[*step]),
                ("x", at.as_str()),
                ("y", "0"),
                ("width", wide.as_str()),
                ("height", "20"),
            ];
            html.leaf("rect", &attrs, "");
            x += width;
        }
    });
    html.el(
        "ul",
        &[("class", "legend"), ("aria-hidden", "true")],
        |html| {
            for part in &parts {
                html.el("li", &[("class", CLASSES[part.0])], |html| {
                    html.text(&text(part))
                });
            }
        },
    );
}

/// Which step ended each stretch, and its length in milliseconds, in the order of time.
fn stretches(each: &Move) -> Vec<(usize, f64)> {
    let good = |(step, time): (usize, Option<f64>)| {
        let time = time.filter(|time| time.is_finite() && *time >= 0.0)?;
        Some((step, time))
    };
    let mut steps: Vec<(usize, f64)> = (1..STEPS.len())
        .map(|step| (step, each.steps[step]))
        .filter_map(good)
        .collect();
    steps.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut parts: Vec<(usize, f64)> = good((0, each.steps[0])).into_iter().collect();
    let mut before = 0.0;
    for (step, at) in steps {
        parts.push((step, at - before));
        before = at;
    }
    parts
}

/// All moves, the last first, for a spreadsheet.
pub(crate) fn csv(snapshot: &Snapshot) -> String {
    let mut out = String::from("ago_s,peer,cause,from,to,done,gap_ms");
    for step in STEPS {
        out.push(',');
        out.push_str(step);
    }
    out.push_str(",again,lost\r\n");
    for each in &snapshot.moves {
        let time = |time: Option<f64>| time.map(|time| format!("{time:.1}")).unwrap_or_default();
        let mut cells = vec![
            each.ago_s.to_string(),
            cell(&each.peer),
            cell(&each.cause),
            cell(&hop(&each.from)),
            cell(&hop(&each.to)),
            each.done.to_string(),
            time(each.gap_ms),
        ];
        cells.extend(each.steps.map(time));
        cells.extend([each.again.to_string(), each.lost.to_string()]);
        out.push_str(&cells.join(","));
        out.push_str("\r\n");
    }
    out
}

/// In quotes (RFC 4180), and never a formula: spreadsheets calculate what begins with one of these.
fn cell(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        "'"
    } else {
        ""
    };
    format!(
        "\"{guard}{}\"",
        text.replace('"', "\"\"").replace(['\r', '\n'], " ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn steps_are_stretches_of_time_in_their_order() {
        let handover = json!({"detect_ms": 200.0, "address_ms": 0.0, "register_ms": 60.0, "direct_ms": 40.0, "tunnel_ms": null, "packet_ms": 90.0});
        let snapshot = Snapshot::read(&json!({"handovers": [handover]}));
        let parts = stretches(&snapshot.moves[0]);
        assert_eq!(
            parts,
            [(0, 200.0), (1, 0.0), (3, 40.0), (2, 20.0), (5, 30.0)]
        );
    }

    #[test]
    fn a_spreadsheet_gets_text_and_no_formulas() {
        let handover = json!({"peer": "=HYPERLINK(\"http://evil\")", "cause": "a\r\nb,c", "ago_s": 3, "done": true, "gap_ms": 12.34});
        let csv = csv(&Snapshot::read(&json!({"handovers": [handover]})));
        assert_eq!(
            csv.lines().nth(1),
            Some("3,\"'=HYPERLINK(\"\"http://evil\"\")\",\"a  b,c\",\"\",\"\",true,12.3,,,,,,,0,0")
        );
        assert_eq!(csv.lines().count(), 2);
    }
}
