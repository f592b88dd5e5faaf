//! The picture: accounts with their gateways on one side, relays and other domains on the other, the coordinator between.
//!
//! From left to right; on a phone from top to bottom. Both are in the page, and its style shows the one that fits.

use super::{View, number, rows, text};
use crate::html::{Html, short};
use crate::operator::words::Word;
use serde_json::Value;

/// How it lies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Wide,
    Tall,
}

/// The most of each kind; their pages have them all.
const MOST: usize = 5;
/// A box's size, and from one to the next.
const BOX: (i32, i32) = (250, 56);
const PITCH: i32 = 76;

/// One box: what it is called, what stands below, how full its bar is, and how it is joined to the coordinator.
struct Spot {
    name: String,
    below: String,
    share: Option<f64>,
    class: &'static str,
    line: &'static str,
}

pub(super) fn draw(html: &mut Html, value: &Value, shape: Shape, view: &View<'_>) {
    let (left, right) = (accounts(value, view), others(value, view));
    let most = left.len().max(right.len()).max(1);
    let rows = |count: usize| i32::try_from(count).unwrap_or(1) * PITCH;
    let (width, height) = match shape {
        Shape::Wide => (1000, rows(most) + 12),
        Shape::Tall => (360, rows(left.len()) + rows(right.len()) + 130),
    };
    let (class, id) = match shape {
        Shape::Wide => ("wide", "picture-wide"),
        Shape::Tall => ("tall", "picture-tall"),
    };
    let attrs = [
        ("class", class),
        ("viewBox", &*format!("0 0 {width} {height}")),
        ("role", "img"),
        ("aria-labelledby", id),
    ];
    html.el("svg", &attrs, |html| {
        html.leaf("title", &[("id", id)], &described(&left, &right, view));
        let centre = match shape {
            Shape::Wide => (500, height / 2),
            Shape::Tall => (180, rows(left.len()) + 62),
        };
        for (at, spot) in left.iter().enumerate() {
            let place = match shape {
                Shape::Wide => (135, spread(at, left.len(), height)),
                Shape::Tall => (180, rows(at) + 34),
            };
            join(html, spot, place, centre, shape);
        }
        for (at, spot) in right.iter().enumerate() {
            let place = match shape {
                Shape::Wide => (865, spread(at, right.len(), height)),
                Shape::Tall => (180, centre.1 + 90 + rows(at)),
            };
            join(html, spot, place, centre, shape);
        }
        let own = Spot {
            name: short(text(&value["domain"]), 24),
            below: view.say(Word::Product).to_owned(),
            share: None,
            class: "spot gateway",
            line: "",
        };
        boxed(html, &own, centre);
    });
}

/// The middle of the row `at` of `count`, all of them in the middle of `height`.
fn spread(at: usize, count: usize, height: i32) -> i32 {
    let (at, count) = (
        i32::try_from(at).unwrap_or(0),
        i32::try_from(count).unwrap_or(1),
    );
    height / 2 + (2 * at - count + 1) * PITCH / 2
}

fn accounts(value: &Value, view: &View<'_>) -> Vec<Spot> {
    let all = rows(&value["accounts"]);
    let mut spots: Vec<Spot> = all
        .iter()
        .take(MOST)
        .map(|row| {
            let (online, count) = (number(&row["online"]), number(&row["gateways"]));
            let values = [("n", &*online.to_string()), ("m", &*count.to_string())];
            Spot {
                name: short(text(&row["name"]), 24),
                below: Word::OnlineOf.with(view.lang, &values),
                share: (count > 0).then(|| online as f64 / count as f64),
                class: if online > 0 { "spot" } else { "spot off" },
                line: if online > 0 {
                    "line on"
                } else {
                    "line standby"
                },
            }
        })
        .collect();
    let more = number(&value["accounts_in_all"]).saturating_sub(spots.len() as u64);
    if more > 0 {
        spots.push(note(
            Word::MoreOf.with(view.lang, &[("n", &more.to_string())]),
        ));
    }
    if spots.is_empty() {
        spots.push(note(view.say(Word::NoAccounts).to_owned()));
    }
    spots
}

fn others(value: &Value, view: &View<'_>) -> Vec<Spot> {
    let relay = |row: &Value| {
        let (paths, capacity) = (number(&row["paths"]), number(&row["capacity"]));
        let values = [("n", &*paths.to_string()), ("m", &*capacity.to_string())];
        let online = row["online"] == true;
        Spot {
            name: short(text(&row["name"]), 24),
            below: match online {
                true => Word::Load.with(view.lang, &values),
                false => view.say(Word::Offline).to_owned(),
            },
            share: (online && capacity > 0).then(|| paths as f64 / capacity as f64),
            class: if online { "spot" } else { "spot off" },
            line: if online { "line on" } else { "line standby" },
        }
    };
    let domain = |row: &Value| {
        let linked = row["linked"] == true;
        Spot {
            name: short(text(&row["domain"]), 24),
            below: view
                .say(if linked {
                    Word::Linked
                } else {
                    Word::NotLinked
                })
                .to_owned(),
            share: None,
            class: if linked { "spot" } else { "spot off" },
            line: if linked { "line word" } else { "line standby" },
        }
    };
    let (relays, domains) = (rows(&value["relay_rows"]), rows(&value["domains"]));
    let mut spots: Vec<Spot> = relays.iter().take(MOST).map(relay).collect();
    if relays.is_empty() {
        spots.push(note(view.say(Word::NoRelays).to_owned()));
    }
    spots.extend(domains.iter().take(MOST).map(domain));
    let more = relays.len().saturating_sub(MOST) + domains.len().saturating_sub(MOST);
    if more > 0 {
        spots.push(note(
            Word::MoreOf.with(view.lang, &[("n", &more.to_string())]),
        ));
    }
    spots
}

/// A box that only says something.
fn note(text: String) -> Spot {
    Spot {
        name: text,
        below: String::new(),
        share: None,
        class: "spot none",
        line: "",
    }
}

/// The same in words.
fn described(left: &[Spot], right: &[Spot], view: &View<'_>) -> String {
    let mut words = view.say(Word::PictureTitle).to_owned();
    for spot in left.iter().chain(right) {
        words += &format!(". {}", spot.name);
        if !spot.below.is_empty() {
            words += &format!(": {}", spot.below);
        }
    }
    words
}

fn join(html: &mut Html, spot: &Spot, at: (i32, i32), centre: (i32, i32), shape: Shape) {
    if !spot.line.is_empty() {
        let (ax, ay, bx, by, mx, my);
        match shape {
            Shape::Wide => {
                let side = if at.0 < centre.0 { 1 } else { -1 };
                (ax, ay) = (at.0 + side * BOX.0 / 2, at.1);
                (bx, by) = (centre.0 - side * BOX.0 / 2, centre.1);
                (mx, my) = ((ax + bx) / 2, 0);
            }
            // Past the boxes between, by a gutter on the side.
            Shape::Tall => {
                let side = if at.1 < centre.1 { -1 } else { 1 };
                (ax, ay) = (at.0 + side * BOX.0 / 2, at.1);
                (bx, by) = (centre.0 + side * BOX.0 / 2, centre.1);
                (mx, my) = (180 + side * 170, 1);
            }
        }
        let curve = match my {
            0 => format!("M{ax} {ay}C{mx} {ay} {mx} {by} {bx} {by}"),
            _ => format!(
                "M{ax} {ay}C{mx} {ay} {mx} {ay} {mx} {}L{mx} {}C{mx} {by} {mx} {by} {bx} {by}",
                (ay + by) / 2,
                (ay + by) / 2
            ),
        };
        html.leaf("path", &[("class", spot.line), ("d", &curve)], "");
    }
    boxed(html, spot, at);
}

fn boxed(html: &mut Html, spot: &Spot, (x, y): (i32, i32)) {
    html.el("g", &[("class", spot.class)], |html| {
        let (left, top) = (x - BOX.0 / 2, y - BOX.1 / 2);
        let attrs = [
            ("x", &*left.to_string()),
            ("y", &*top.to_string()),
            ("width", &*BOX.0.to_string()),
            ("height", &*BOX.1.to_string()),
            ("rx", "14"),
        ];
        html.leaf("rect", &attrs, "");
        let is_bare = spot.below.is_empty();
        let name_y = (if is_bare { y + 5 } else { y - 3 }).to_string();
        let middle = x.to_string();
        let words = |class, y: &str, words: &str, html: &mut Html| {
            let attrs = [
                ("class", class),
                ("x", middle.as_str()),
                ("y", y),
                ("text-anchor", "middle"),
            ];
            html.leaf("text", &attrs, words);
        };
        words("name", &name_y, &spot.name, html);
        if !is_bare {
            words("below", &(y + 15).to_string(), &spot.below, html);
        }
        if let Some(share) = spot.share {
            let whole = f64::from(BOX.0 - 28);
            let wide = format!("{:.1}", whole * share.clamp(0.0, 1.0));
            let (left, top) = ((left + 14).to_string(), (y + BOX.1 / 2 - 7).to_string());
            let of = whole.to_string();
            for (class, width) in [("rail", of.as_str()), ("level", wide.as_str())] {
                let attrs = [
                    ("class", class),
                    ("x", left.as_str()),
                    ("y", top.as_str()),
                    ("width", width),
                    ("height", "3"),
                ];
                html.leaf("rect", &attrs, "");
            }
        }
    });
}
