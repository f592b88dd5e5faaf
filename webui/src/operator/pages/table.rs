//! Long tables: a search, a part of the rows, and the way to the parts before and after it.

use super::{View, begin, number, online, rows, text};
use crate::html::{Attr, Html};
use crate::operator::routes::Page;
use crate::operator::words::Word;
use crate::operator::{Part, Sight, address};
use crate::pages::{badge, ms, span};
use serde_json::Value;

/// A column: its heading, and what stands in it.
type Column<'a> = (Word, &'a dyn Fn(&mut Html, &Value));

pub(super) fn gateways(html: &mut Html, value: &Value, view: &View<'_>) {
    begin(html, Word::Gateways, None, view);
    search(html, Word::SearchGateways, view);
    if is_empty(html, value, Word::NoGateways, view) {
        return;
    }
    let state = |html: &mut Html, row: &Value| {
        online(html, row["online"] == true, view);
        if row["key_used_twice"] == true {
            badge(html, "bad", "!");
        }
    };
    let columns: [Column<'_>; 7] = [
        (Word::Name, &|html, row| {
            gateway_link(html, text(&row["name"]))
        }),
        (Word::State, &state),
        (Word::Account, &|html, row| {
            link(html, Page::Gateways, text(&row["account"]));
        }),
        (Word::VirtualAddresses, &virtual_addresses),
        (Word::SeenAt, &|html, row| seen(html, row, view)),
        (Word::Devices, &|html, row| {
            let (name, count) = (text(&row["name"]), number(&row["devices"]).to_string());
            let to = address(Page::Devices.path(), &[("of", &name.to_owned())]);
            html.leaf("a", &[("href", &to)], &count);
        }),
        (Word::Release, &|html, row| html.text(text(&row["release"]))),
    ];
    table(html, value, &columns, view);
    turn(html, value, view);
}

pub(super) fn devices(html: &mut Html, value: &Value, view: &View<'_>) {
    begin(html, Word::Devices, None, view);
    search(html, Word::SearchDevices, view);
    if is_empty(html, value, Word::NoDevices, view) {
        return;
    }
    device_rows(html, value, view);
    turn(html, value, view);
}

/// The table of devices alone.
pub(super) fn device_rows(html: &mut Html, value: &Value, view: &View<'_>) {
    let columns: [Column<'_>; 4] = [
        (Word::Name, &|html, row| html.name(text(&row["name"]))),
        (Word::State, &|html, row| {
            online(html, row["online"] == true, view);
        }),
        (Word::Gateway, &|html, row| {
            gateway_link(html, text(&row["gateway"]));
        }),
        (Word::VirtualAddresses, &virtual_addresses),
    ];
    table(html, value, &columns, view);
}

pub(super) fn events(html: &mut Html, value: &Value, view: &View<'_>) {
    let most = number(&value["most"]).to_string();
    let about = Word::EventsText.with(view.lang, &[("n", &most)]);
    begin(html, Word::Events, Some(&about), view);
    kinds(html, view);
    search(html, Word::SearchEvents, view);
    if is_empty(html, value, Word::NoEvents, view) {
        return;
    }
    let columns: [Column<'_>; 3] = [
        (Word::When, &|html, row| {
            html.leaf("code", &[], text(&row["at"]));
        }),
        (Word::Kind, &|html, row| {
            let (class, word) = kind(text(&row["kind"]));
            badge(html, class, view.say(word));
        }),
        (Word::What, &|html, row| html.name(text(&row["text"]))),
    ];
    table(html, value, &columns, view);
    turn(html, value, view);
}

/// The kinds of events, by the words that the journal has for them.
const KINDS: [(&str, &str, Word); 10] = [
    ("enrolled", "good", Word::KindEnrolled),
    ("refused", "bad", Word::KindRefused),
    ("registered", "good", Word::KindRegistered),
    ("offline", "idle", Word::KindOffline),
    ("moved", "relay", Word::KindMoved),
    ("named", "idle", Word::KindNamed),
    ("directed", "", Word::KindDirected),
    ("trouble", "bad", Word::KindTrouble),
    ("domain", "", Word::KindDomain),
    ("operator", "relay", Word::KindOperator),
];

fn kind(name: &str) -> (&'static str, Word) {
    let known = KINDS.iter().find(|(known, ..)| *known == name);
    known.map_or(("", Word::KindTrouble), |(_, class, word)| (class, *word))
}

fn kinds(html: &mut Html, view: &View<'_>) {
    html.el("p", &[("class", "chips")], |html| {
        let mut chip = |name: &str, label: &str| {
            let sight = Sight {
                of: name.to_owned(),
                part: Part::First,
                ..view.sight.clone()
            };
            let to = sight.address();
            let mut attrs: Vec<Attr<'_>> = vec![("href", &to)];
            if view.sight.of == name {
                attrs.push(("aria-current", "true"));
            }
            html.leaf("a", &attrs, label);
        };
        chip("", view.say(Word::All));
        for (name, _, word) in KINDS {
            chip(name, view.say(word));
        }
    });
}

fn search(html: &mut Html, hint: Word, view: &View<'_>) {
    let sight = view.sight;
    let attrs = [
        ("action", sight.page.path()),
        ("role", "search"),
        ("class", "search"),
    ];
    html.el("form", &attrs, |html| {
        if !sight.of.is_empty() {
            html.open(
                "input",
                &[("type", "hidden"), ("name", "of"), ("value", &sight.of)],
            );
        }
        let hint = view.say(hint);
        html.open(
            "input",
            &[
                ("type", "search"),
                ("name", "q"),
                ("value", &sight.text),
                ("placeholder", hint),
                ("aria-label", hint),
                ("autocapitalize", "none"),
                ("spellcheck", "false"),
            ],
        );
        html.leaf("button", &[], view.say(Word::Search));
        if !sight.text.is_empty() || !sight.of.is_empty() {
            let attrs = [("class", "button second"), ("href", sight.page.path())];
            html.leaf("a", &attrs, view.say(Word::All));
        }
    });
    if !sight.of.is_empty() && sight.page != Page::Events {
        html.el("p", &[("class", "hint")], |html| html.name(&sight.of));
    }
}

fn is_empty(html: &mut Html, value: &Value, none: Word, view: &View<'_>) -> bool {
    if !rows(&value["rows"]).is_empty() {
        return false;
    }
    let is_all = view.sight.text.is_empty() && view.sight.of.is_empty();
    let word = if is_all { none } else { Word::NothingFound };
    html.leaf("p", &[("class", "empty")], view.say(word));
    true
}

/// On a phone each row is a card, and each cell says what it is.
pub(super) fn table(html: &mut Html, value: &Value, columns: &[Column<'_>], view: &View<'_>) {
    html.el("div", &[("class", "sheet")], |html| {
        html.el("table", &[], |html| {
            html.el("thead", &[], |html| {
                html.el("tr", &[], |html| {
                    for (heading, _) in columns {
                        html.leaf("th", &[("scope", "col")], view.say(*heading));
                    }
                });
            });
            html.el("tbody", &[], |html| {
                for row in rows(&value["rows"]) {
                    html.el("tr", &[("data-key", subject(row))], |html| {
                        for (heading, cell) in columns {
                            let label = [("data-label", view.say(*heading))];
                            html.el("td", &label, |html| cell(html, row));
                        }
                    });
                }
            });
        });
    });
}

/// What a row is about: by that it is found again when others have come or gone.
fn subject(row: &Value) -> &str {
    let names = [&row["name"], &row["domain"]];
    names
        .into_iter()
        .find_map(Value::as_str)
        .unwrap_or_default()
}

fn turn(html: &mut Html, value: &Value, view: &View<'_>) {
    html.el("p", &[("class", "turn")], |html| {
        let mut way = |key: &Value, part: fn(String) -> Part, word: Word| {
            let Some(key) = key.as_str() else { return };
            let sight = Sight {
                part: part(key.to_owned()),
                ..view.sight.clone()
            };
            let to = sight.address();
            let attrs = [("class", "button second"), ("href", to.as_str())];
            html.leaf("a", &attrs, view.say(word));
        };
        way(&value["before"], Part::Before, Word::Earlier);
        way(&value["after"], Part::After, Word::Later);
    });
    // Only who searches wants to know, and a page that looks on would change each second.
    if let Some(took) = value["took_ms"]
        .as_f64()
        .filter(|_| !view.sight.text.is_empty())
    {
        let text = Word::Took.with(view.lang, &[("t", &ms(took.ceil()))]);
        html.leaf("p", &[("class", "hint")], &text);
    }
}

fn gateway_link(html: &mut Html, name: &str) {
    let to = address(Page::Gateway.path(), &[("of", &name.to_owned())]);
    html.el("a", &[("href", &to)], |html| html.name(name));
}

fn link(html: &mut Html, page: Page, of: &str) {
    let to = address(page.path(), &[("of", &of.to_owned())]);
    html.el("a", &[("href", &to)], |html| html.name(of));
}

pub(super) fn virtual_addresses(html: &mut Html, row: &Value) {
    html.leaf("code", &[], text(&row["vip4"]));
    html.raw("<br>");
    html.leaf("code", &[], text(&row["vip6"]));
}

/// Where a node is, or was.
pub(super) fn seen(html: &mut Html, row: &Value, view: &View<'_>) {
    let at = text(&row["address"]);
    if at.is_empty() {
        return html.text("–");
    }
    if row["online"] != true {
        html.leaf("span", &[("class", "hint")], view.say(Word::LastSeenAt));
        html.text(" ");
    }
    html.leaf("code", &[], at);
    if let Some(seconds) = row["last_seen_s"].as_u64() {
        // Fresh is fresh: a figure that grows each second would only flicker.
        let seconds = if seconds < 60 { return } else { seconds };
        let ago = Word::Ago.with(view.lang, &[("t", &span(seconds, view.lang))]);
        html.raw("<br>");
        html.leaf("span", &[("class", "hint")], &ago);
    }
}
