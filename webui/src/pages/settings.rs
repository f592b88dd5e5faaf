//! Everything that is in the configuration, to see and to change.

use super::{View, badge, entries, form, hidden};
use crate::html::Html;
use crate::settings::{Policy, Setting, Shown, Way};
use crate::words::Word;
use crate::words::settings::{GROUPS, field};

/// How many rows for ways out there are more than ways out.
const SPARE: usize = 1;

/// What is inside `main`; `shown`: what the file says, and what somebody has just entered.
pub(crate) fn page(html: &mut Html, view: &View<'_>, shown: &Shown) {
    html.leaf("h1", &[], view.say(Word::Settings));
    html.leaf("p", &[("class", "lead")], view.say(Word::SettingsText));
    if let Some(said) = view.said {
        html.leaf("p", &[("class", "notice"), ("role", "status")], said);
    }
    if let Some(wrong) = shown.wrong.as_ref().filter(|wrong| wrong.name.is_empty()) {
        let attrs = [("class", "notice bad"), ("role", "alert"), ("id", "notice")];
        html.el("p", &attrs, |html| {
            if wrong.is_stale {
                html.text(view.say(Word::Stale));
            } else {
                html.text(view.say(Word::NothingChanged));
                html.text(" ");
                html.name(&wrong.message);
            }
        });
    }
    if !shown.editable {
        html.leaf("p", &[("class", "notice")], view.say(Word::ByUci));
    }
    for (group, title) in GROUPS {
        let inside: Vec<&Setting> = shown.of_group(group).collect();
        if !inside.is_empty() {
            card(html, view, shown, title[view.lang as usize], &inside);
        }
    }
    ways(html, view, shown);
    entries::section(html, view, shown);
    policies(html, view, shown);
    file(html, view, shown);
    more(html, view);
}

fn card(html: &mut Html, view: &View<'_>, shown: &Shown, title: &str, settings: &[&Setting]) {
    html.open("section", &[("class", "card")]);
    html.leaf("h2", &[], title);
    form(html, "/settings", view.token, |html| {
        hidden(html, "fingerprint", &shown.fingerprint);
        html.open("div", &[("class", "fields")]);
        for setting in settings {
            html.el("div", &[], |html| one(html, view, shown, setting));
        }
        html.close("div");
        save(html, view, shown);
    });
    html.close("section");
}

fn one(html: &mut Html, view: &View<'_>, shown: &Shown, setting: &Setting) {
    let (title, help) = field(&setting.name, view.lang);
    let wrong = shown.wrong.as_ref().filter(|it| it.name == setting.name);
    let (hint, fault) = (
        format!("{}-help", setting.name),
        format!("{}-wrong", setting.name),
    );
    html.leaf("label", &[("for", &setting.name)], title);
    let described = if wrong.is_some() {
        format!("{fault} {hint}")
    } else {
        hint.clone()
    };
    let mut attrs = vec![
        ("id", setting.name.as_str()),
        ("name", setting.name.as_str()),
        ("aria-describedby", described.as_str()),
    ];
    if wrong.is_some() {
        attrs.extend([("aria-invalid", "true"), ("autofocus", "")]);
    }
    if !shown.editable {
        attrs.push(("disabled", ""));
    }
    let usual = match setting.usual.as_str() {
        "true" => view.say(Word::On),
        "false" => view.say(Word::Off),
        other => other,
    };
    let switch = ["true".to_owned(), "false".to_owned()];
    let choices = match setting.kind.as_str() {
        "switch" => &switch,
        "choice" => &setting.choices[..],
        _ => &[],
    };
    if choices.is_empty() {
        attrs.extend([("value", setting.value.as_str()), ("placeholder", usual)]);
        if setting.kind == "number" {
            attrs.push(("inputmode", "numeric"));
        }
        attrs.extend([("autocomplete", "off"), ("spellcheck", "false")]);
        html.open("input", &attrs);
    } else {
        html.el("select", &attrs, |html| {
            let as_usual = Word::AsUsual.with(view.lang, &[("value", usual)]);
            option(html, "", &as_usual, setting.value.is_empty());
            for choice in choices {
                let shown = match choice.as_str() {
                    "true" => view.say(Word::On),
                    "false" => view.say(Word::Off),
                    other => other,
                };
                option(html, choice, shown, *choice == setting.value);
            }
        });
    }
    if let Some(wrong) = wrong {
        let attrs = [
            ("class", "wrong"),
            ("role", "alert"),
            ("id", fault.as_str()),
        ];
        html.el("p", &attrs, |html| html.name(&wrong.message));
    }
    html.leaf("p", &[("class", "hint"), ("id", &hint)], help);
}

pub(super) fn option(html: &mut Html, value: &str, shown: &str, is_chosen: bool) {
    let mut attrs = vec![("value", value)];
    if is_chosen {
        attrs.push(("selected", ""));
    }
    html.leaf("option", &attrs, shown);
}

fn save(html: &mut Html, view: &View<'_>, shown: &Shown) {
    if shown.editable {
        html.leaf("button", &[], view.say(Word::Save));
    }
}

fn ways(html: &mut Html, view: &View<'_>, shown: &Shown) {
    html.open("section", &[("class", "card")]);
    html.leaf("h2", &[], view.say(Word::Wans));
    html.leaf("p", &[("class", "hint")], view.say(Word::WaysText));
    form(html, "/settings/ways", view.token, |html| {
        hidden(html, "fingerprint", &shown.fingerprint);
        html.open("ol", &[("class", "rows")]);
        let empty = Way::default();
        let rows = shown.ways.iter();
        let rows = rows.chain(std::iter::repeat_n(&empty, SPARE));
        for (at, way) in rows.enumerate() {
            html.el("li", &[], |html| row(html, view, shown, at, way));
        }
        html.close("ol");
        save(html, view, shown);
    });
    html.close("section");
}

fn row(html: &mut Html, view: &View<'_>, shown: &Shown, at: usize, way: &Way) {
    let names = ["place", "name", "network", "metered", "limit_mb", "enabled"]
        .map(|key| format!("{key}.{at}"));
    let [place, name, network, metered, limit, enabled] = names.each_ref().map(String::as_str);
    let number = (at + 1).to_string();
    let labels = [Word::Place, Word::Interface, Word::LimitMb]
        .map(|word| format!("{} {number}", view.say(word)));
    let attrs = [
        ("name", place),
        ("value", number.as_str()),
        ("inputmode", "numeric"),
        ("class", "short"),
        ("aria-label", labels[0].as_str()),
    ];
    html.open("input", &attrs);
    let attrs = [
        ("name", name),
        ("value", way.name.as_str()),
        ("placeholder", if shown.is_uci { "wan" } else { "eth1" }),
        ("autocomplete", "off"),
        ("aria-label", labels[1].as_str()),
    ];
    html.open("input", &attrs);
    if shown.is_uci {
        // A new one is a network of netifd's.
        let is_network = way.is_network || way.name.is_empty();
        hidden(html, network, if is_network { "1" } else { "" });
    }
    tick(html, metered, view.say(Word::Metered), way.metered);
    let attrs = [
        ("name", limit),
        ("value", way.limit_mb.as_str()),
        ("placeholder", view.say(Word::LimitMb)),
        ("inputmode", "numeric"),
        ("autocomplete", "off"),
        ("class", "mb"),
        ("aria-label", labels[2].as_str()),
    ];
    html.open("input", &attrs);
    if shown.is_uci {
        tick(html, enabled, view.say(Word::Used), way.enabled);
    } else {
        hidden(html, enabled, "1");
    }
}

pub(super) fn tick(html: &mut Html, name: &str, label: &str, is_on: bool) {
    let mut attrs = vec![("type", "checkbox"), ("name", name), ("value", "1")];
    if is_on {
        attrs.push(("checked", ""));
    }
    html.el("label", &[("class", "tick")], |html| {
        html.open("input", &attrs);
        html.leaf("span", &[], label);
    });
}

fn policies(html: &mut Html, view: &View<'_>, shown: &Shown) {
    html.open("section", &[("class", "card"), ("id", "policies")]);
    html.leaf("h2", &[], view.say(Word::Policies));
    html.leaf("p", &[("class", "hint")], view.say(Word::PoliciesText));
    if shown.policies.is_empty() {
        html.leaf("p", &[("class", "empty")], view.say(Word::NoPolicies));
    }
    html.open("ol", &[("class", "rows")]);
    for (at, policy) in shown.policies.iter().enumerate() {
        html.el("li", &[], |html| rule(html, view, shown, at, policy));
    }
    html.close("ol");
    if shown.editable {
        form(html, "/settings/policy", view.token, |html| {
            hidden(html, "fingerprint", &shown.fingerprint);
            html.el("div", &[("class", "fields")], |html| {
                for (name, word) in [("from", Word::From), ("to", Word::To)] {
                    html.el("div", &[], |html| {
                        html.leaf("label", &[("for", name)], view.say(word));
                        let attrs = [
                            ("id", name),
                            ("name", name),
                            ("value", shown.entered(name)),
                            ("placeholder", "*"),
                            ("autocomplete", "off"),
                        ];
                        html.open("input", &attrs);
                    });
                }
                html.el("div", &[], |html| {
                    html.leaf("label", &[("for", "action")], view.say(Word::Action));
                    let attrs = [("id", "action"), ("name", "action")];
                    html.el("select", &attrs, |html| {
                        let chosen = shown.entered("action");
                        option(html, "deny", view.say(Word::Deny), chosen != "allow");
                        option(html, "allow", view.say(Word::Allow), chosen == "allow");
                    });
                });
            });
            html.leaf("button", &[], view.say(Word::AddPolicy));
        });
    }
    html.close("section");
}

fn rule(html: &mut Html, view: &View<'_>, shown: &Shown, at: usize, policy: &Policy) {
    let anybody = |text: &str| match text {
        "" | "*" => view.say(Word::Everybody).to_owned(),
        text => text.to_owned(),
    };
    let (kind, word) = match policy.action.as_str() {
        "allow" => ("good", Word::Allow),
        _ => ("bad", Word::Deny),
    };
    let title = format!("{} → {}", anybody(&policy.from), anybody(&policy.to));
    html.el("span", &[("class", "grow")], |html| html.name(&title));
    badge(html, kind, view.say(word));
    if !policy.enabled {
        badge(html, "idle", view.say(Word::Off));
    }
    if !shown.editable {
        return;
    }
    let last = shown.policies.len() - 1;
    let steps = [
        ("up", Word::Up, at > 0),
        ("down", Word::Down, at < last),
        ("remove", Word::Remove, true),
    ];
    for (what, word, _) in steps.into_iter().filter(|(.., is_there)| *is_there) {
        form(html, "/settings/policy", view.token, |html| {
            hidden(html, "fingerprint", &shown.fingerprint);
            hidden(html, "at", &at.to_string());
            step(html, what, view.say(word), &format!(": {title}"));
        });
    }
}

/// A button of a row; `whose` tells those who only hear it which row that is.
pub(super) fn step(html: &mut Html, what: &str, text: &str, whose: &str) {
    let label = format!("{text}{whose}");
    let attrs = [
        ("class", "second"),
        ("name", "do"),
        ("value", what),
        ("aria-label", label.as_str()),
    ];
    html.leaf("button", &attrs, text);
}

fn file(html: &mut Html, view: &View<'_>, shown: &Shown) {
    html.open("section", &[("class", "card")]);
    html.leaf("h2", &[], view.say(Word::File));
    html.el("p", &[("class", "hint")], |html| html.name(&shown.file));
    let link = [("class", "button second"), ("href", "/settings/export")];
    html.el("p", &[], |html| {
        html.leaf("a", &link, view.say(Word::Export))
    });
    if shown.editable {
        let open = if shown.entered("text").is_empty() {
            ("class", "")
        } else {
            ("open", "")
        };
        html.open("details", &[open]);
        html.leaf("summary", &[], view.say(Word::Import));
        form(html, "/settings/import", view.token, |html| {
            hidden(html, "fingerprint", &shown.fingerprint);
            html.leaf("label", &[("for", "text")], view.say(Word::ImportText));
            let attrs = [
                ("id", "text"),
                ("name", "text"),
                ("rows", "12"),
                ("spellcheck", "false"),
                ("autocomplete", "off"),
            ];
            html.leaf("textarea", &attrs, shown.entered("text"));
            // The script reads it into the field above; without the script it is not there.
            html.el("p", &[("class", "file"), ("hidden", "")], |html| {
                html.leaf("label", &[("for", "file")], view.say(Word::ImportFile));
                let attrs = [
                    ("id", "file"),
                    ("type", "file"),
                    ("data-into", "text"),
                    ("accept", ".toml,.conf,.txt,text/plain"),
                ];
                html.open("input", &attrs);
            });
            html.el("div", &[("class", "row")], |html| {
                html.leaf("button", &[], view.say(Word::ImportDo));
                let attrs = [("class", "second"), ("name", "try"), ("value", "1")];
                html.leaf("button", &attrs, view.say(Word::ImportTry));
            });
        });
        html.close("details");
    }
    html.close("section");
}

fn more(html: &mut Html, view: &View<'_>) {
    html.open("section", &[("class", "card")]);
    html.leaf("h2", &[], view.say(Word::Upkeep));
    html.open("div", &[("class", "row wrap")]);
    for (path, word) in [
        ("/log", Word::Log),
        ("/diagnostics.json", Word::Diagnostics),
        ("/password", Word::ChangePassword),
    ] {
        let link = [("class", "button second"), ("href", path)];
        html.leaf("a", &link, view.say(word));
    }
    form(html, "/restart", view.token, |html| {
        html.leaf("button", &[("class", "second")], view.say(Word::Restart));
    });
    html.close("div");
    html.leaf("p", &[("class", "hint")], view.say(Word::UpkeepText));
    html.close("section");
}
