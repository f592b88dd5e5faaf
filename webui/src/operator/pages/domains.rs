//! Other domains that are trusted.

use super::table::table;
use super::{View, begin, card_form, number, remove_card, rows, text};
use crate::html::Html;
use crate::operator::words::Word;
use crate::pages::badge;
use serde_json::Value;

pub(super) fn page(html: &mut Html, value: &Value, view: &View<'_>) {
    begin(html, Word::Domains, Some(view.say(Word::DomainsText)), view);
    match rows(&value["rows"]).is_empty() {
        true => html.leaf("p", &[("class", "empty")], view.say(Word::NoDomains)),
        false => domains(html, value, view),
    }
    html.el("section", &[("class", "card")], |html| {
        html.leaf("h2", &[], view.say(Word::OwnKey));
        html.leaf("code", &[], text(&value["key"]));
        html.leaf("p", &[("class", "hint")], view.say(Word::OwnKeyText));
        html.leaf("code", &[], text(&value["paste"]));
    });
    card_form(
        html,
        view.say(Word::TrustTitle),
        "/domains",
        &[
            ("domain", view.say(Word::Domain), true),
            ("key", view.say(Word::Key), true),
            ("address", view.say(Word::DomainAddress), false),
        ],
        Word::Trust,
        view,
    );
    for row in rows(&value["rows"]) {
        remove_card(
            html,
            (Word::ForgetTitle, Word::ForgetText, Word::ForgetButton),
            "/domains/forget",
            ("domain", text(&row["domain"])),
            view,
        );
    }
}

fn domains(html: &mut Html, value: &Value, view: &View<'_>) {
    let state = |html: &mut Html, row: &Value| match row["linked"] == true {
        true => badge(html, "good", view.say(Word::Linked)),
        false => badge(html, "idle", view.say(Word::NotLinked)),
    };
    table(
        html,
        value,
        &[
            (Word::Domain, &|html, row| html.name(text(&row["domain"]))),
            (Word::State, &state),
            (Word::SeenAt, &|html, row| {
                html.leaf("code", &[], text(&row["address"]));
            }),
            (Word::Guests, &|html, row| {
                html.text(&number(&row["guests"]).to_string());
            }),
            (Word::Key, &|html, row| {
                html.leaf("code", &[], text(&row["key"]));
            }),
        ],
        view,
    );
}
