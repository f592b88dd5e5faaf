//! The settings as the daemon tells them, and what is asked of it when somebody changes them.

use crate::pages::{self, View};
use crate::request::{Fields, Response};
use crate::routes::Page;
use crate::words::Word;
use crate::{Asker, Site};
use serde_json::{Map, Value, json};
use std::time::Instant;

/// The most ways out of one form.
const MOST_WAYS: usize = 10;

/// What the page shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    pub(crate) file: String,
    pub(crate) is_uci: bool,
    pub(crate) editable: bool,
    /// By this the daemon knows which text was shown.
    pub(crate) fingerprint: String,
    pub(crate) settings: Vec<Setting>,
    pub(crate) policies: Vec<Policy>,
    pub(crate) ways: Vec<Way>,
    pub(crate) entries: Vec<Entry>,
    /// Why what was entered is not taken.
    pub(crate) wrong: Option<Wrong>,
    /// Fields that are no settings, as they were entered.
    entered: Map<String, Value>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Setting {
    /// Like `lan.dhcp`.
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) choices: Vec<String>,
    pub(crate) usual: String,
    /// Empty: as usual.
    pub(crate) value: String,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Policy {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) action: String,
    pub(crate) enabled: bool,
}

/// What is said of a device.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entry {
    /// One hardware address, or several.
    pub(crate) mac: String,
    pub(crate) address: String,
    pub(crate) name: String,
    pub(crate) identity: bool,
    pub(crate) keep: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(crate) name: String,
    pub(crate) is_network: bool,
    pub(crate) metered: bool,
    /// Megabytes a month, as they were entered; empty: no limit.
    pub(crate) limit_mb: String,
    pub(crate) enabled: bool,
}

impl Default for Way {
    fn default() -> Self {
        Self {
            name: String::new(),
            is_network: false,
            metered: false,
            limit_mb: String::new(),
            enabled: true,
        }
    }
}

impl Way {
    fn read(value: &Value) -> Self {
        Self {
            name: text(&value["name"]),
            is_network: value["network"] == true,
            metered: value["metered"] == true,
            limit_mb: match value["limit_mb"].as_number() {
                Some(number) => number.to_string(),
                None => text(&value["limit_mb"]),
            },
            enabled: value["enabled"] != false,
        }
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Wrong {
    /// The setting; empty: it is none's value.
    pub(crate) name: String,
    pub(crate) message: String,
    /// The file has changed since it was shown.
    pub(crate) is_stale: bool,
}

impl Shown {
    pub(crate) fn read(value: &Value) -> Self {
        Self {
            file: text(&value["file"]),
            is_uci: value["form"] == "uci",
            editable: value["editable"] == true,
            fingerprint: text(&value["fingerprint"]),
            settings: all(&value["settings"], |it| Setting {
                name: text(&it["name"]),
                kind: text(&it["kind"]),
                choices: all(&it["choices"], text),
                usual: text(&it["usual"]),
                value: text(&it["value"]),
            }),
            policies: all(&value["policies"], |it| Policy {
                from: text(&it["from"]),
                to: text(&it["to"]),
                action: text(&it["action"]),
                enabled: it["enabled"] != false,
            }),
            ways: all(&value["ways"], Way::read),
            entries: all(&value["devices"], |it| Entry {
                mac: text(&it["mac"]),
                address: text(&it["address"]),
                name: text(&it["name"]),
                identity: it["identity"] != "false",
                keep: it["keep"] == "true",
            }),
            wrong: None,
            entered: Map::new(),
        }
    }

    /// What was refused, over what the file says: nobody has to enter anything twice.
    fn refused(result: &Value, asked: &Value) -> Self {
        let mut shown = Self::read(&result["settings"]);
        let refused = &result["refused"];
        shown.wrong = Some(Wrong {
            name: text(&refused["name"]),
            message: text(&refused["message"]),
            is_stale: result["stale"] == true,
        });
        // Where the file is another one by now, a person looks at it first.
        if result["stale"] == true {
            return shown;
        }
        for setting in &mut shown.settings {
            if let Some(entered) = asked["set"].get(&setting.name) {
                setting.value = text(entered);
            }
        }
        let known = |name: &str| shown.settings.iter().any(|it| it.name == name);
        if let Some(wrong) = shown.wrong.as_mut().filter(|wrong| !known(&wrong.name)) {
            wrong.name.clear();
        }
        if let Some(added) = asked["policy_add"].as_object() {
            shown.entered.clone_from(added);
        }
        // Of a new one; another row shows what the file says.
        let device = asked["device"].as_object();
        if let Some(device) = device.filter(|device| !device.contains_key("at")) {
            shown.entered.clone_from(device);
        }
        if asked["ways"].is_array() {
            shown.ways = all(&asked["ways"], Way::read);
        }
        if let Some(text) = asked.get("import") {
            shown.entered.insert("text".into(), text.clone());
        }
        shown
    }

    pub(crate) fn of_group(&self, group: &str) -> impl Iterator<Item = &Setting> {
        let inside = move |it: &&Setting| it.name.split('.').next() == Some(group);
        self.settings.iter().filter(inside)
    }

    pub(crate) fn entered(&self, name: &str) -> &str {
        let entered = self.entered.get(name);
        entered.and_then(Value::as_str).unwrap_or_default()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn all<T>(value: &Value, read: impl FnMut(&Value) -> T) -> Vec<T> {
    value.as_array().into_iter().flatten().map(read).collect()
}

/// A group's fields.
pub(crate) fn set(fields: &Fields) -> Value {
    let set: Map<String, Value> = fields
        .all()
        .filter(|(name, _)| name.contains('.'))
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    json!({"fingerprint": fields.get("fingerprint"), "set": set})
}

/// A policy comes, goes or moves by one place.
pub(crate) fn policy(fields: &Fields) -> Value {
    let mut asked = json!({"fingerprint": fields.get("fingerprint")});
    let at: u64 = fields.get("at").parse().unwrap_or_default();
    match fields.get("do") {
        "up" => asked["policy_move"] = json!([at, at.saturating_sub(1)]),
        "down" => asked["policy_move"] = json!([at, at.saturating_add(1)]),
        "remove" => asked["policy_remove"] = at.into(),
        _ => {
            let [from, to, action] = ["from", "to", "action"].map(|key| fields.get(key));
            asked["policy_add"] = json!({"from": from, "to": to, "action": action});
        }
    }
    asked
}

/// What is said of a device changes, comes or goes.
pub(crate) fn device(fields: &Fields) -> Value {
    let mut asked = json!({"fingerprint": fields.get("fingerprint")});
    let at: Option<u64> = fields.get("at").parse().ok();
    if let (Some(at), "remove") = (at, fields.get("do")) {
        asked["device_remove"] = at.into();
        return asked;
    }
    let is_on = |key: &str| !fields.get(key).is_empty();
    // What is usual is not written.
    let [identity, keep] = [
        if is_on("identity") { "" } else { "false" },
        if is_on("keep") { "true" } else { "" },
    ];
    let [mac, address, name] = ["mac", "address", "name"].map(|key| fields.get(key));
    asked["device"] =
        json!({"mac": mac, "address": address, "name": name, "identity": identity, "keep": keep});
    if let Some(at) = at {
        asked["device"]["at"] = at.into();
    }
    asked
}

/// The rows that have a name, by the numbers before them.
pub(crate) fn ways(fields: &Fields) -> Value {
    let mut rows: Vec<(u64, Value)> = Vec::new();
    for at in 0..MOST_WAYS {
        let field = |key: &str| fields.get(&format!("{key}.{at}"));
        let name = field("name").trim();
        if name.is_empty() {
            continue;
        }
        let is_on = |key: &str| !field(key).is_empty();
        let limit = field("limit_mb").trim();
        let row = json!({
            "name": name,
            "network": is_on("network"),
            "metered": is_on("metered"),
            "limit_mb": (!limit.is_empty()).then_some(limit),
            "enabled": is_on("enabled"),
        });
        rows.push((field("place").trim().parse().unwrap_or(u64::MAX), row));
    }
    rows.sort_by_key(|(place, _)| *place);
    let rows: Vec<Value> = rows.into_iter().map(|(_, row)| row).collect();
    json!({"fingerprint": fields.get("fingerprint"), "ways": rows})
}

/// A whole file.
pub(crate) fn import(fields: &Fields) -> Value {
    json!({
        "fingerprint": fields.get("fingerprint"),
        "import": fields.get("text"),
        "try": !fields.get("try").is_empty(),
    })
}

impl Site {
    /// The page, as the file is.
    pub(crate) fn settings(&mut self, value: &Value, asker: &Asker, now: Instant) -> Response {
        self.settings_page(200, &Shown::read(value), asker, now)
    }

    /// What came of a change: the page once more, with what is wrong or what was done.
    pub(crate) fn changed(
        &mut self,
        asked: &Value,
        result: Result<Value, String>,
        asker: &Asker,
        now: Instant,
    ) -> Response {
        let word = match &result {
            Ok(value) if value["done"] == "now" => Word::TakenUp,
            Ok(value) if value["done"] == "soon" => Word::Soon,
            Ok(value) if value["done"] == "restart" => Word::StartsAnew,
            Ok(value) if value["done"] == "same" && asked["try"] == true => Word::WouldDo,
            Ok(value) if value["done"] == "same" => Word::SameAsBefore,
            Ok(value) => {
                let status = if value["stale"] == true { 409 } else { 422 };
                return self.settings_page(status, &Shown::refused(value, asked), asker, now);
            }
            Err(error) => {
                self.say(asker, Page::Settings, error.clone(), now);
                return Response::see("/settings");
            }
        };
        self.say(asker, Page::Settings, word.say(asker.lang).to_owned(), now);
        Response::see("/settings")
    }

    fn settings_page(
        &mut self,
        status: u16,
        shown: &Shown,
        asker: &Asker,
        now: Instant,
    ) -> Response {
        self.forget_said(Page::Settings.path(), asker, now);
        let session = asker.session.and_then(|key| self.sessions.get(&key, now));
        let said = session.and_then(|session| session.take_said(Page::Settings.path()));
        let view = View {
            lang: asker.lang,
            snapshot: &Default::default(),
            meter: &self.own,
            token: &asker.token,
            said: said.as_deref(),
        };
        let main = pages::settings(&view, shown);
        Response::html(
            status,
            pages::whole(Some(Page::Settings), main, asker.lang, &asker.token),
        )
    }
}
