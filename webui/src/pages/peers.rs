//! The tunnels to other gateways.

use super::{View, badge, bytes, fact, form, hidden, ms, rate, span};
use crate::html::{Html, short};
use crate::snapshot::Tunnel;
use crate::words::{Lang, Word};
use serde_json::Value;

pub(super) fn page(html: &mut Html, view: &View<'_>) {
    html.leaf("h1", &[], view.say(Word::Peers));
    html.leaf("p", &[("class", "lead")], view.say(Word::PeersText));
    if view.snapshot.tunnels.is_empty() {
        html.leaf("p", &[("class", "empty")], view.say(Word::CheckPeersNone));
    }
    html.el("ul", &[("class", "cards wide")], |html| {
        for tunnel in &view.snapshot.tunnels {
            let attrs = [("class", "card"), ("data-key", tunnel.peer.as_str())];
            html.el("li", &attrs, |html| card(html, tunnel, view));
        }
    });
    ping(html, view);
}

fn card(html: &mut Html, tunnel: &Tunnel, view: &View<'_>) {
    let gauge = view.meter.of(&tunnel.peer);
    html.el("h2", &[], |html| {
        html.name(&short(&tunnel.peer, 80));
        let (kind, word) = match tunnel.state.as_str() {
            "up" => ("good", Word::StateUp),
            "handshake" => ("idle", Word::StateHandshake),
            _ => ("bad", Word::StateWaiting),
        };
        badge(html, kind, view.say(word));
        badge(
            html,
            if tunnel.is_relayed() { "relay" } else { "" },
            path(&tunnel.path, view.lang),
        );
    });
    if !tunnel.key_before.is_empty() {
        other_key(html, tunnel, view);
    }
    let trip = gauge.rtts.last().copied().map(ms).unwrap_or_default();
    spark(
        html,
        "spark",
        &gauge.rtts,
        1.0,
        view.say(Word::RoundTrip),
        &trip,
    );
    let loss = lost(&gauge.losses);
    if gauge.losses.iter().any(|loss| *loss > 0.0) {
        spark(
            html,
            "spark bad",
            &gauge.losses,
            0.01,
            view.say(Word::Loss),
            &loss,
        );
    }
    html.el("dl", &[], |html| {
        fact(html, view.say(Word::Why), &tunnel.why);
        fact(
            html,
            view.say(Word::RoundTrip),
            &tunnel.rtt_ms.map(ms).unwrap_or_default(),
        );
        let heard = tunnel.heard_s.map(|seconds| match seconds {
            0..=1 => view.say(Word::HeardJustNow).to_owned(),
            _ => Word::Ago.with(view.lang, &[("t", &span(seconds, view.lang))]),
        });
        fact(html, view.say(Word::Heard), &heard.unwrap_or_default());
        fact(html, view.say(Word::Loss), &loss);
        let traffic = format!("{} / {}", bytes(tunnel.sent), bytes(tunnel.received));
        fact(html, view.say(Word::Traffic), &traffic);
        let speed = gauge
            .rate
            .map(|(out, into)| format!("{} / {}", rate(out), rate(into)));
        fact(html, view.say(Word::Speed), &speed.unwrap_or_default());
        fact(html, view.say(Word::Via), &tunnel.wan);
        fact(html, view.say(Word::Remote), &tunnel.remote);
        let mtu = tunnel
            .mtu
            .map(|mtu| Word::Bytes.with(view.lang, &[("n", &mtu.to_string())]));
        fact(html, view.say(Word::Longest), &mtu.unwrap_or_default());
        fact(html, view.say(Word::Cipher), &tunnel.cipher);
        fact(
            html,
            view.say(Word::DevicesThere),
            &tunnel.devices.join(", "),
        );
        fact(html, view.say(Word::KeyOf), &tunnel.key);
    });
}

/// What only somebody knows who knows what was done to the other gateway.
fn other_key(html: &mut Html, tunnel: &Tunnel, view: &View<'_>) {
    html.el(
        "div",
        &[("class", "notice bad"), ("role", "alert")],
        |html| {
            html.leaf("p", &[], view.say(Word::OtherKey));
            html.el("dl", &[], |html| {
                fact(html, view.say(Word::KeyBefore), &tunnel.key_before);
                fact(html, view.say(Word::KeyOf), &tunnel.key);
            });
            form(html, "/peers/accept", view.token, |html| {
                hidden(html, "peer", &tunnel.peer);
                let label = format!("{}: {}", view.say(Word::AcceptKey), tunnel.peer);
                let attrs = [("class", "second"), ("aria-label", label.as_str())];
                html.leaf("button", &attrs, view.say(Word::AcceptKey));
            });
        },
    );
}

/// `direct`, `relay` or `none`.
pub(super) fn path(path: &str, lang: Lang) -> &'static str {
    match path {
        "direct" | "local" => Word::Direct,
        "relay" => Word::Relayed,
        _ => Word::NoPath,
    }
    .say(lang)
}

/// Of all that is remembered, for people; empty if that is nothing.
fn lost(losses: &[f64]) -> String {
    let count = losses.len();
    if count == 0 {
        return String::new();
    }
    let percent = losses.iter().sum::<f64>() / count as f64 * 100.0;
    format!("{percent:.1} %")
}

/// The last values as a line: 240 wide, 40 high, from zero up to the highest, or up to `least` where none is higher.
fn spark(html: &mut Html, class: &str, values: &[f64], least: f64, what: &str, last: &str) {
    if values.len() < 2 {
        return;
    }
    let most = values.iter().copied().fold(least, f64::max);
    let step = 240.0 / (values.len() - 1) as f64;
    let points = values.iter().enumerate().map(|(at, value)| {
        let (x, y) = (at as f64 * step, 38.0 - value / most * 34.0);
        format!("{x:.1},{y:.1}")
    });
    let points: Vec<String> = points.collect();
    let label = format!("{what}: {last}");
    let attrs = [
        ("class", class),
        ("viewBox", "0 0 240 40"),
        ("role", "img"),
        ("aria-label", label.as_str()),
        ("preserveAspectRatio", "none"),
    ];
    html.el("svg", &attrs, |html| {
        let line = points.join(" ");
        html.leaf("polygon", &[("points", &format!("0,40 {line} 240,40"))], "");
        html.leaf("polyline", &[("points", &line)], "");
    });
}

fn ping(html: &mut Html, view: &View<'_>) {
    html.el("section", &[("class", "card")], |html| {
        html.leaf("h2", &[], view.say(Word::PingTitle));
        form(html, "/peers", view.token, |html| {
            html.leaf("label", &[("for", "name")], view.say(Word::PingField));
            html.el("div", &[("class", "row")], |html| {
                let names = view
                    .snapshot
                    .tunnels
                    .iter()
                    .flat_map(|tunnel| &tunnel.devices);
                html.open(
                    "input",
                    &[
                        ("id", "name"),
                        ("name", "name"),
                        ("list", "names"),
                        ("required", ""),
                        ("autocomplete", "off"),
                        ("autocapitalize", "none"),
                        ("spellcheck", "false"),
                    ],
                );
                html.el("datalist", &[("id", "names")], |html| {
                    for name in names {
                        html.leaf("option", &[("value", name)], "");
                    }
                });
                html.leaf("button", &[], view.say(Word::Ping));
            });
        });
        if let Some(said) = view.said {
            html.el("p", &[("class", "notice"), ("role", "status")], |html| {
                html.name(said)
            });
        }
    });
}

/// The result of a ping, in words.
pub(crate) fn pinged(name: &str, result: &Result<Value, String>, lang: Lang) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match result {
        Ok(report) => Word::PingDone.with(
            lang,
            &[
                ("name", &text(&report["name"])),
                ("t", &report["rtt_ms"].as_f64().map(ms).unwrap_or_default()),
                ("path", path(&text(&report["path"]), lang)),
                ("remote", &text(&report["remote"])),
            ],
        ),
        Err(why) if why.starts_with(name) => why.clone(),
        Err(why) => Word::PingFailed.with(lang, &[("name", name), ("why", why)]),
    }
}
