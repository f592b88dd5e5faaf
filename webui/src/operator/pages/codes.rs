//! Enrolment codes: those there are, and the one that has just been made.

use super::table::table;
use super::{View, begin, button, card_form, number, rows, text};
use crate::html::Html;
use crate::operator::words::Word;
use crate::pages::{badge, span};
use crate::words::Lang;
use serde_json::Value;

/// Light around a picture, in its own dots (ISO/IEC 18004 section 9.1).
const QUIET: usize = 4;

pub(super) fn page(html: &mut Html, value: &Value, view: &View<'_>) {
    begin(html, Word::Codes, Some(view.say(Word::CodesText)), view);
    card_form(
        html,
        view.say(Word::NewCode),
        "/codes",
        &[
            ("name", view.say(Word::CodeName), true),
            ("account", view.say(Word::CodeAccount), false),
            ("valid", view.say(Word::CodeValid), false),
        ],
        Word::MakeCode,
        view,
    );
    html.leaf("h2", &[], view.say(Word::Codes));
    if rows(&value["rows"]).is_empty() {
        html.leaf("p", &[("class", "empty")], view.say(Word::NoCodes));
        return;
    }
    let state = |html: &mut Html, row: &Value| {
        // In minutes: a list that counts seconds would change all the time.
        let spoken = |name: &str| span(number(&row[name]).div_ceil(60) * 60, view.lang);
        let (class, words) = match text(&row["state"]) {
            "open" => (
                "good",
                Word::CodeOpen.with(view.lang, &[("t", &spoken("expires_s"))]),
            ),
            "used" => (
                "idle",
                Word::CodeUsed.with(view.lang, &[("t", &spoken("used_s"))]),
            ),
            _ => ("bad", view.say(Word::CodeExpired).to_owned()),
        };
        badge(html, class, &words);
    };
    let revoke = |html: &mut Html, row: &Value| {
        if row["state"] == "open" {
            button(
                html,
                "/codes/revoke",
                &[("name", text(&row["name"]))],
                Word::Revoke,
                view,
            );
        }
    };
    table(
        html,
        value,
        &[
            (Word::Name, &|html, row| html.name(text(&row["name"]))),
            (Word::Kind, &|html, row| {
                html.text(view.say(match text(&row["kind"]) {
                    "relay" => Word::KindRelay,
                    _ => Word::KindGateway,
                }));
            }),
            (Word::Account, &|html, row| html.name(text(&row["account"]))),
            (Word::State, &state),
            (Word::Revoke, &revoke),
        ],
        view,
    );
}

/// The one time that a code is seen.
pub(crate) fn made(value: &Value, lang: Lang) -> String {
    let mut html = Html::default();
    let code = text(&value["code"]);
    let title = Word::CodeMade.with(lang, &[("name", text(&value["name"]))]);
    html.leaf("h1", &[], &title);
    let good = span(number(&value["expires_s"]), lang);
    let about = Word::CodeMadeText.with(lang, &[("t", &good)]);
    html.leaf("p", &[("class", "lead")], &about);
    html.el("section", &[("class", "card made")], |html| {
        picture(html, &value["qr"], &title);
        html.el("div", &[], |html| {
            html.el("p", &[("class", "code")], |html| {
                html.leaf("code", &[("id", "code")], code);
            });
            html.leaf("p", &[("class", "hint")], Word::CodeRun.say(lang));
            let program = match text(&value["kind"]) {
                "relay" => "ntm-relay enrol CODE",
                _ => "ntm-gateway enrol CODE",
            };
            html.leaf("code", &[], program);
        });
    });
    html.el("p", &[("class", "turn")], |html| {
        let attrs = [("class", "button second"), ("href", "/codes")];
        html.leaf("a", &attrs, Word::Back.say(lang));
    });
    html.into_string()
}

/// A QR code from its rows of `0` and `1`: dark on light in every theme, or scanners would not see it.
fn picture(html: &mut Html, rows_of: &Value, label: &str) {
    let lines: Vec<&str> = rows(rows_of).iter().map(text).collect();
    if lines.is_empty() {
        return;
    }
    let size = (lines.len() + 2 * QUIET).to_string();
    let frame = format!("0 0 {size} {size}");
    let attrs = [
        ("class", "qr"),
        ("viewBox", frame.as_str()),
        ("role", "img"),
        ("aria-label", label),
        ("shape-rendering", "crispEdges"),
    ];
    html.el("svg", &attrs, |html| {
        let mut path = String::new();
        for (y, line) in lines.iter().enumerate() {
            for (x, _) in line.bytes().enumerate().filter(|(_, dot)| *dot == b'1') {
                path += &format!("M{} {}h1v1h-1z", x + QUIET, y + QUIET);
            }
        }
        html.leaf("path", &[("d", &path)], "");
    });
}
