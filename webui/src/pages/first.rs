//! The first run: which networks there are, and the enrolment code.

use super::settings::{option, tick};
use super::{View, form};
use crate::html::Html;
use crate::request::Fields;
use crate::words::Word;
use serde_json::{Value, json};

/// The most interfaces that can be chosen from.
const MOST: usize = 16;

/// What the daemon is asked to do with a form.
pub(crate) fn asked(fields: &Fields) -> Value {
    let mut asked = json!({"code": fields.get("code")});
    if fields.get("lan").is_empty() {
        return asked;
    }
    let on = |name: String| !fields.get(&name).is_empty();
    let ways = (0..MOST).filter(|at| on(format!("use.{at}"))).map(|at| {
        let name = fields.get(&format!("name.{at}"));
        json!({"name": name, "metered": on(format!("metered.{at}"))})
    });
    asked["ways"] = ways.collect::<Vec<_>>().into();
    for key in ["lan", "dhcp", "masquerade"] {
        asked[key] = fields.get(key).into();
    }
    asked
}

/// What is inside `main`. `entered`: what came back with a fault.
pub(crate) fn page(html: &mut Html, view: &View<'_>, shown: &Value, entered: Option<&Value>) {
    html.open("div", &[("class", "narrow")]);
    html.leaf("h1", &[], view.say(Word::FirstRun));
    html.leaf("p", &[("class", "lead")], view.say(Word::FirstText));
    let failed = shown["failed"].as_str();
    let refused = shown["refused"]["message"].as_str();
    if let Some(why) = failed.or(refused) {
        let attrs = [("class", "notice bad"), ("role", "alert"), ("id", "notice")];
        html.el("p", &attrs, |html| html.name(why));
    }
    let first = &shown["first"];
    form(html, "/setup", view.token, |html| {
        html.leaf("label", &[("for", "code")], view.say(Word::Code));
        let code = entered
            .and_then(|it| it["code"].as_str())
            .unwrap_or_default();
        let attrs = [
            ("id", "code"),
            ("name", "code"),
            ("rows", "4"),
            ("required", ""),
            ("autocomplete", "off"),
            ("spellcheck", "false"),
            ("placeholder", "ntm1-…"),
        ];
        html.leaf("textarea", &attrs, code);
        html.leaf("p", &[("class", "hint")], view.say(Word::CodeHelp));
        if first["configured"] != true {
            networks(html, view, first, entered);
        }
        html.leaf("button", &[], view.say(Word::Begin));
    });
    html.close("div");
}

fn networks(html: &mut Html, view: &View<'_>, first: &Value, entered: Option<&Value>) {
    let empty = Vec::new();
    let all = first["interfaces"].as_array().unwrap_or(&empty);
    let name = |interface: &Value| interface["name"].as_str().unwrap_or_default().to_owned();
    let was = |key: &str| entered.and_then(|it| it[key].as_str()).unwrap_or_default();
    html.leaf("label", &[("for", "lan")], view.say(Word::WhichLan));
    let attrs = [("id", "lan"), ("name", "lan"), ("required", "")];
    html.el("select", &attrs, |html| {
        for interface in all.iter().filter(|it| it["leads_out"] != true) {
            for address in interface["addresses"].as_array().into_iter().flatten() {
                let choice = format!(
                    "{} {}",
                    name(interface),
                    address.as_str().unwrap_or_default()
                );
                option(html, &choice, &choice, choice == was("lan"));
            }
        }
    });
    html.leaf("p", &[("class", "hint")], view.say(Word::WhichLanHelp));
    html.leaf("label", &[("for", "dhcp")], view.say(Word::WhoGives));
    html.el("select", &[("id", "dhcp"), ("name", "dhcp")], |html| {
        for (value, word) in [
            ("server", Word::GivesGateway),
            ("follow", Word::GivesDnsmasq),
            ("off", Word::GivesNobody),
        ] {
            option(html, value, view.say(word), value == was("dhcp"));
        }
    });
    html.leaf("label", &[("for", "masquerade")], view.say(Word::WhoRoutes));
    html.el(
        "select",
        &[("id", "masquerade"), ("name", "masquerade")],
        |html| {
            for (value, word) in [("false", Word::RoutesOther), ("true", Word::RoutesGateway)] {
                option(html, value, view.say(word), value == was("masquerade"));
            }
        },
    );
    html.open("fieldset", &[]);
    html.leaf("legend", &[], view.say(Word::WhichWans));
    html.leaf("p", &[("class", "hint")], view.say(Word::WhichWansHelp));
    html.open("ul", &[("class", "rows")]);
    let ways = entered.and_then(|it| it["ways"].as_array());
    for (at, interface) in all.iter().take(MOST).enumerate() {
        let name = name(interface);
        let chosen = ways.and_then(|ways| ways.iter().find(|way| way["name"] == *name));
        html.el("li", &[], |html| {
            super::hidden(html, &format!("name.{at}"), &name);
            let state = if interface["leads_out"] == true {
                format!("{name} ({})", view.say(Word::LeadsOut))
            } else {
                name.clone()
            };
            tick(html, &format!("use.{at}"), &state, chosen.is_some());
            let metered = chosen.is_some_and(|way| way["metered"] == true);
            tick(
                html,
                &format!("metered.{at}"),
                view.say(Word::Metered),
                metered,
            );
        });
    }
    html.close("ul");
    html.close("fieldset");
}
