//! One gateway: what is known of it, its devices, its tunnels, and its end.

use super::table::{device_rows, seen, table, virtual_addresses};
use super::{View, begin, joined, number, online, remove_card, rows, text};
use crate::html::Html;
use crate::operator::address;
use crate::operator::routes::Page;
use crate::operator::words::Word;
use crate::pages::fact;
use serde_json::{Value, json};

pub(super) fn page(html: &mut Html, value: &Value, view: &View<'_>) {
    let one = &value["gateway"];
    let name = text(&one["name"]);
    if name.is_empty() {
        begin(html, Word::Gateway, None, view);
        html.leaf("p", &[("class", "empty")], view.say(Word::NoSuchGateway));
        return;
    }
    html.el("h1", &[("class", "titled")], |html| {
        html.name(name);
        online(html, one["online"] == true, view);
    });
    if one["key_used_twice"] == true {
        html.leaf("p", &[("class", "notice bad")], view.say(Word::KeyTwice));
    }
    html.el("section", &[("class", "card")], |html| {
        html.el("dl", &[], |html| {
            fact(html, view.say(Word::Account), text(&one["account"]));
            html.el("div", &[], |html| {
                html.leaf("dt", &[], view.say(Word::VirtualAddresses));
                html.el("dd", &[], |html| virtual_addresses(html, one));
            });
            html.el("div", &[], |html| {
                html.leaf("dt", &[], view.say(Word::SeenAt));
                html.el("dd", &[], |html| seen(html, one, view));
            });
            fact(html, view.say(Word::Reach), &joined(&one["reach"]));
            let starts = number(&one["starts"]).to_string();
            fact(html, view.say(Word::Starts), &starts);
            fact(html, view.say(Word::Release), text(&one["release"]));
            fact(html, view.say(Word::NodeId), text(&one["node_id"]));
            fact(html, view.say(Word::Key), text(&one["key"]));
        });
    });
    html.leaf("h2", &[], view.say(Word::Devices));
    match rows(&value["devices"]["rows"]).is_empty() {
        true => html.leaf("p", &[("class", "empty")], view.say(Word::NoDevices)),
        false => device_rows(html, &value["devices"], view),
    }
    if value["devices"]["after"].is_string() {
        let to = address(Page::Devices.path(), &[("of", &name.to_owned())]);
        html.el("p", &[("class", "turn")], |html| {
            let attrs = [("class", "button second"), ("href", to.as_str())];
            html.leaf("a", &attrs, view.say(Word::AllDevices));
        });
    }
    html.leaf("h2", &[], view.say(Word::Tunnels));
    tunnels(html, name, &value["tunnels"], view);
    remove_card(
        html,
        (Word::RemoveTitle, Word::RemoveText, Word::Remove),
        "/nodes/remove",
        ("name", name),
        view,
    );
}

fn tunnels(html: &mut Html, name: &str, tunnels: &Value, view: &View<'_>) {
    if rows(tunnels).is_empty() {
        html.leaf("p", &[("class", "empty")], view.say(Word::NoTunnels));
        return;
    }
    let is_ours = |full: &str| full.split('.').next() == Some(name);
    let other = |row: &Value| match is_ours(text(&row["one"])) {
        true => text(&row["other"]).to_owned(),
        false => text(&row["one"]).to_owned(),
    };
    let way = |html: &mut Html, row: &Value| match row["relay"].as_str() {
        Some(relay) => {
            html.name(&Word::Through.with(view.lang, &[("name", relay)]));
        }
        None => html.text(view.say(Word::Direct)),
    };
    table(
        html,
        &json!({"rows": tunnels}),
        &[
            (Word::OtherEnd, &|html, row| html.name(&other(row))),
            (Word::Way, &way),
            (Word::Why, &|html, row| html.name(text(&row["why"]))),
        ],
        view,
    );
}
