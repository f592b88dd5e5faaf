//! Accounts, and the groups that let them talk.

use super::table::table;
use super::{View, begin, button, card_form, number, remove_card, rows, text};
use crate::html::Html;
use crate::operator::address;
use crate::operator::routes::Page;
use crate::operator::words::Word;
use serde_json::Value;

pub(super) fn page(html: &mut Html, value: &Value, view: &View<'_>) {
    begin(
        html,
        Word::Accounts,
        Some(view.say(Word::AccountsText)),
        view,
    );
    card_form(
        html,
        view.say(Word::NewAccount),
        "/accounts",
        &[("name", view.say(Word::Name), true)],
        Word::AddAccount,
        view,
    );
    html.leaf("h2", &[], view.say(Word::Accounts));
    match rows(&value["rows"]).is_empty() {
        true => html.leaf("p", &[("class", "empty")], view.say(Word::NoAccounts)),
        false => accounts(html, value, view),
    }
    html.leaf("h2", &[], view.say(Word::Groups));
    if rows(&value["groups"]).is_empty() {
        html.leaf("p", &[("class", "empty")], view.say(Word::NoGroups));
    }
    html.el("ul", &[("class", "cards")], |html| {
        for group in rows(&value["groups"]) {
            let attrs = [("class", "card"), ("data-key", text(&group["name"]))];
            html.el("li", &attrs, |html| members(html, group, view));
        }
    });
    card_form(
        html,
        view.say(Word::JoinTitle),
        "/groups/join",
        &[
            ("group", view.say(Word::Group), true),
            ("member", view.say(Word::Member), true),
        ],
        Word::Join,
        view,
    );
    // Only one that owns nothing can go.
    let empty = rows(&value["rows"]).iter();
    for row in empty.filter(|row| number(&row["gateways"]) == 0) {
        remove_card(
            html,
            (Word::RemoveTitle, Word::AccountRemoveText, Word::Remove),
            "/accounts/remove",
            ("name", text(&row["name"])),
            view,
        );
    }
}

fn accounts(html: &mut Html, value: &Value, view: &View<'_>) {
    let owned = |html: &mut Html, row: &Value| {
        let count = number(&row["gateways"]).to_string();
        let to = address(
            Page::Gateways.path(),
            &[("of", &text(&row["name"]).to_owned())],
        );
        html.leaf("a", &[("href", &to)], &count);
    };
    table(
        html,
        value,
        &[
            (Word::Account, &|html, row| html.name(text(&row["name"]))),
            (Word::Gateways, &owned),
            (Word::Groups, &|html, row| {
                html.name(&super::joined(&row["groups"]))
            }),
        ],
        view,
    );
}

fn members(html: &mut Html, group: &Value, view: &View<'_>) {
    let name = text(&group["name"]);
    html.el("h2", &[], |html| html.name(name));
    let members = rows(&group["accounts"])
        .iter()
        .chain(rows(&group["foreign"]));
    html.el("ul", &[("class", "members")], |html| {
        for member in members.map(text) {
            html.el("li", &[("data-key", member)], |html| {
                html.name(member);
                let fields = [("group", name), ("member", member)];
                button(html, "/groups/leave", &fields, Word::Leave, view);
            });
        }
    });
}
