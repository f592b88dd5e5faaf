//! Home: the picture, what goes on now, and whether all is well.

use super::wans::used_of_limit;
use super::{View, ms, picture, rate, span};
use crate::html::Html;
use crate::snapshot::Limit;
use crate::words::Word;

/// For opkg (24.10 and before), and for apk.
const HOW_TO_UPDATE: &str =
    "opkg update; opkg upgrade ntm-gateway (apk update; apk upgrade ntm-gateway)";

/// The most WANs that are named; their page has them all.
const MOST_NAMES: usize = 8;

pub(super) fn page(html: &mut Html, view: &View<'_>) {
    let status = &view.snapshot.status;
    html.el("div", &[("class", "title")], |html| {
        html.el("h1", &[], |html| html.name(&status.name));
        let uptime = Word::Running.with(view.lang, &[("t", &span(status.uptime_s, view.lang))]);
        let release = Word::Release.with(view.lang, &[("v", &status.release)]);
        html.leaf("p", &[("class", "when")], &format!("{uptime} · {release}"));
    });
    if !status.update.is_empty() {
        let values = [
            ("new", &*status.update),
            ("old", &*status.release),
            ("how", HOW_TO_UPDATE),
        ];
        let text = Word::Update.with(view.lang, &values);
        html.leaf("p", &[("class", "notice")], &text);
    }
    if let Some(said) = view.said {
        html.el("p", &[("class", "notice"), ("role", "status")], |html| {
            html.name(said)
        });
    }
    html.el("div", &[("class", "picture")], |html| {
        picture::draw(html, view, picture::Shape::Wide);
        picture::draw(html, view, picture::Shape::Tall);
    });
    tiles(html, view);
    checklist(html, view);
}

fn tiles(html: &mut Html, view: &View<'_>) {
    let total = view.meter.total();
    let speed = |bits: Option<f64>| bits.map_or_else(|| view.say(Word::NotKnown).into(), rate);
    html.el("ul", &[("class", "tiles")], |html| {
        tile(
            html,
            view.say(Word::NowOut),
            &speed(total.map(|total| total.0)),
            "",
        );
        tile(
            html,
            view.say(Word::NowIn),
            &speed(total.map(|total| total.1)),
            "",
        );
        let last = view.snapshot.moves.first();
        let (gap, when) = match last {
            None => (view.say(Word::NoMoveYet).to_owned(), String::new()),
            Some(last) => {
                let gap = match (last.done, last.gap_ms) {
                    (false, _) => view.say(Word::StillMoving).to_owned(),
                    (true, Some(gap)) => ms(gap),
                    (true, None) => view.say(Word::NoStream).to_owned(),
                };
                (
                    gap,
                    Word::Ago.with(view.lang, &[("t", &span(last.ago_s, view.lang))]),
                )
            }
        };
        tile(html, view.say(Word::LastGap), &gap, &when);
    });
}

fn tile(html: &mut Html, title: &str, value: &str, below: &str) {
    html.el("li", &[], |html| {
        html.leaf("span", &[("class", "what")], title);
        html.leaf("strong", &[], value);
        html.leaf("span", &[("class", "when")], below);
    });
}

/// How a line of the list stands.
#[derive(Clone, Copy)]
enum State {
    Good,
    Bad,
    Idle,
}

fn checklist(html: &mut Html, view: &View<'_>) {
    let snapshot = view.snapshot;
    let status = &snapshot.status;
    html.leaf("h2", &[], view.say(Word::Checklist));
    html.open("ul", &[("class", "checks")]);
    let wans = snapshot.wans.iter().take(MOST_NAMES);
    let names: Vec<&str> = wans.map(|wan| wan.name.as_str()).collect();
    let (state, text) = match names.is_empty() {
        true => (State::Bad, view.say(Word::CheckWanNone).to_owned()),
        false => (State::Good, names.join(", ")),
    };
    check(html, view, state, Word::CheckWan, &text);
    limits(html, view);
    let registered = status.dc_state == "registered";
    let (state, text) = match (registered, status.dc_rtt_ms) {
        (true, Some(rtt)) => (
            State::Good,
            Word::CheckDcYes.with(view.lang, &[("t", &ms(rtt))]),
        ),
        (true, None) => (State::Good, view.say(Word::CheckDcYesPlain).to_owned()),
        (false, _) => (State::Bad, view.say(Word::CheckDcNo).to_owned()),
    };
    check(html, view, state, Word::CheckDc, &text);
    let (state, text) = match status.dc_observed.as_str() {
        "" => (State::Idle, view.say(Word::CheckOutsideNo)),
        seen => (State::Good, seen),
    };
    check(html, view, state, Word::CheckOutside, text);
    if let Some(wan) = snapshot.wans.iter().find(|wan| wan.active) {
        let state = if wan.nat.is_some() {
            State::Good
        } else {
            State::Idle
        };
        check(
            html,
            view,
            state,
            Word::CheckNat,
            super::wans::nat(wan, view.lang),
        );
    }
    let name = format!("{} ({})", status.name, status.vip4);
    check(html, view, State::Good, Word::CheckName, &name);
    let (state, text) = match (snapshot.devices_online(), snapshot.devices.len()) {
        (_, 0) => (State::Idle, view.say(Word::CheckDevicesNone).to_owned()),
        (online, known) => {
            let values = [("n", &*online.to_string()), ("m", &*known.to_string())];
            (State::Good, Word::CheckDevicesSome.with(view.lang, &values))
        }
    };
    check(html, view, state, Word::CheckDevices, &text);
    let (state, text) = match snapshot.tunnels_up() {
        0 if snapshot.tunnels.is_empty() => {
            (State::Idle, view.say(Word::CheckPeersNone).to_owned())
        }
        up => {
            let state = if up == snapshot.tunnels.len() {
                State::Good
            } else {
                State::Idle
            };
            (
                state,
                Word::CheckPeersSome.with(view.lang, &[("n", &up.to_string())]),
            )
        }
    };
    check(html, view, state, Word::CheckPeers, &text);
    html.close("ul");
}

/// The WANs that are near their month's limit, or have reached it.
fn limits(html: &mut Html, view: &View<'_>) {
    for wan in view.snapshot.wans.iter().take(MOST_NAMES) {
        let state = match wan.limit {
            Limit::None | Limit::Below => continue,
            Limit::Near => State::Idle,
            Limit::Reached => State::Bad,
        };
        let used = used_of_limit(wan, view.lang).unwrap_or_default();
        let text = format!("{}: {used}", wan.name);
        check(html, view, state, Word::UsedThisMonth, &text);
    }
}

fn check(html: &mut Html, view: &View<'_>, state: State, title: Word, text: &str) {
    let (class, word) = match state {
        State::Good => ("good", Word::Good),
        State::Bad => ("bad", Word::Bad),
        State::Idle => ("idle", Word::Idle),
    };
    html.el("li", &[("class", class)], |html| {
        // The colour is not all there is to see, or to hear.
        let label = [
            ("class", "mark"),
            ("role", "img"),
            ("aria-label", view.say(word)),
        ];
        html.el("span", &label, |html| {
            html.raw(match state {
                State::Good => "<svg aria-hidden=\"true\" viewBox=\"0 0 20 20\"><path d=\"M4 10l4 4 8-8\"/></svg>",
                State::Bad => "<svg aria-hidden=\"true\" viewBox=\"0 0 20 20\"><path d=\"M10 4v8M10 15v1\"/></svg>",
                State::Idle => {
                    "<svg aria-hidden=\"true\" viewBox=\"0 0 20 20\"><path d=\"M5 10h.1M10 10h.1M15 10h.1\"/></svg>"
                }
            });
        });
        html.el("div", &[], |html| {
            html.leaf("strong", &[], view.say(title));
            html.el("span", &[], |html| html.name(text));
        });
    });
}
