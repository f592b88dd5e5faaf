//! The domain at one look.

use super::{View, begin, chart, number, picture, rows, text};
use crate::html::Html;
use crate::operator::words::Word;
use crate::pages::span;
use serde_json::Value;

pub(super) fn page(html: &mut Html, value: &Value, view: &View<'_>) {
    html.el("div", &[("class", "title")], |html| {
        html.el("h1", &[], |html| html.name(text(&value["domain"])));
        // To the minute: else the whole page would change each second.
        let running = span(number(&value["uptime_s"]) / 60 * 60, view.lang);
        let words = Word::Running.with(view.lang, &[("t", &running)]);
        html.leaf("p", &[("class", "when")], &words);
    });
    if view.said.is_some() {
        begin(html, Word::Overview, None, view);
    }
    if rows(&value["accounts"]).is_empty() {
        html.leaf("p", &[("class", "notice")], view.say(Word::FirstSteps));
    }
    html.el("ul", &[("class", "tiles")], |html| {
        tile(html, "/gateways", Word::Gateways, &value["gateways"], view);
        tile(html, "/devices", Word::Devices, &value["devices"], view);
        tile(html, "/relays", Word::Relays, &value["relays"], view);
        html.el("li", &[], |html| {
            html.leaf("span", &[("class", "what")], view.say(Word::Tunnels));
            html.leaf("strong", &[], &number(&value["tunnels"]).to_string());
            html.leaf("span", &[("class", "when")], view.say(Word::TunnelsText));
        });
    });
    html.el("div", &[("class", "picture")], |html| {
        picture::draw(html, value, picture::Shape::Wide, view);
        picture::draw(html, value, picture::Shape::Tall, view);
    });
    html.leaf("h2", &[], view.say(Word::HistoryTitle));
    html.el("section", &[("class", "card history")], |html| {
        html.leaf("p", &[("class", "hint")], view.say(Word::HistoryText));
        chart::draw(html, &value["history"], view);
    });
}

fn tile(html: &mut Html, to: &'static str, word: Word, counts: &Value, view: &View<'_>) {
    html.el("li", &[], |html| {
        html.el("span", &[("class", "what")], |html| {
            html.leaf("a", &[("href", to)], view.say(word));
        });
        let (all, online) = (number(&counts["all"]), number(&counts["online"]));
        html.leaf("strong", &[], &online.to_string());
        let values = [("n", &*online.to_string()), ("m", &*all.to_string())];
        let words = Word::OnlineOf.with(view.lang, &values);
        html.leaf("span", &[("class", "when")], &words);
    });
}
