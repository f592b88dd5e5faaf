//! What is written and what shall change, as the page and its API say it: JSON.

use super::super::keys::{DEVICE_KEYS, KEYS, Key, Kind, find};
use super::super::reader::ConfigError;
use super::{Block, Change, Form, List, Value, Way, Which, Written, fingerprint, number};
use serde_json::{Value as Json, json};

/// Everything a form shows of a file.
pub fn described(file: &str, text: &str, form: Form<'_>) -> Result<Json, ConfigError> {
    let written = Written::read(file, text, form)?;
    let is_uci = matches!(form, Form::Uci(_));
    let keys = KEYS.iter().filter(|key| !is_uci || !key.option.is_empty());
    let settings: Vec<Json> = keys.map(|key| setting(key, &written, is_uci)).collect();
    let devices = written.blocks(List::Device).iter().map(device);
    let policies = written.blocks(List::Policy).iter().map(policy);
    let ways = written.ways.iter().map(|way| {
        json!({"name": way.name, "network": way.is_network, "metered": way.metered, "enabled": way.enabled,
            "limit_mb": way.limit_mb.as_ref().map(said)})
    });
    Ok(json!({
        "file": file,
        "form": if is_uci { "uci" } else { "toml" },
        "fingerprint": fingerprint(text),
        "settings": settings,
        "devices": devices.collect::<Vec<Json>>(),
        "policies": policies.collect::<Vec<Json>>(),
        "ways": ways.collect::<Vec<Json>>(),
    }))
}

/// As a number if it is one.
fn said(value: &Value) -> Json {
    if let Value::Number(number) = value {
        return json!(number);
    }
    json!(value.entered())
}

fn setting(key: &Key, written: &Written, is_uci: bool) -> Json {
    let (kind, choices): (_, &[&str]) = match key.kind {
        Kind::Text => ("text", &[]),
        Kind::Choice(choices) => ("choice", choices),
        Kind::Number => ("number", &[]),
        Kind::Switch => ("switch", &[]),
        Kind::Time => ("time", &[]),
        Kind::List => ("list", &[]),
        Kind::Some(choices) => ("some", choices),
    };
    // dnsmasq serves the LAN there.
    let usual = match (key.key, is_uci) {
        ("dhcp", true) => "follow",
        _ => key.usual,
    };
    let value = written.get(key).map(|value| entered(key, value));
    let name = format!("{}.{}", key.section, key.key);
    json!({"name": name, "kind": kind, "choices": choices, "usual": usual, "value": value})
}

/// As a person would enter it, whichever word for a switch the file has.
fn entered(key: &Key, value: &Value) -> String {
    match (key.kind, value.entered()) {
        (Kind::Switch, text) => match text.as_str() {
            "1" | "on" | "yes" | "true" | "enabled" => "true".to_owned(),
            "0" | "off" | "no" | "false" | "disabled" => "false".to_owned(),
            _ => text,
        },
        (_, text) => text,
    }
}

fn device(block: &Block) -> Json {
    let members = DEVICE_KEYS.iter().map(|key| {
        // Of a value that is there twice the later counts.
        let written = block.iter().rev().find(|(known, _)| known == key.key);
        let value = written.map(|(_, value)| entered(key, value));
        (key.key.to_owned(), value.unwrap_or_default().into())
    });
    Json::Object(members.collect())
}

fn policy(block: &Block) -> Json {
    let get = |key: &str| {
        let entry = block.iter().find(|(known, _)| known == key);
        entry.map(|(_, value)| value.entered()).unwrap_or_default()
    };
    let is_off = matches!(
        get("enabled").as_str(),
        "0" | "off" | "no" | "false" | "disabled"
    );
    json!({"from": get("from"), "to": get("to"), "action": get("action"), "enabled": !is_off})
}

/// The changes that are asked for; the error says what makes no sense. Their members:
///
/// ```text
/// set             {"tunnel.mtu": "1400"}; an empty text: what is usual
/// device          {"at": 0, "mac": "02:00:5e:00:00:01", "name": "tv", "keep": "true"}; without a place: a new one
/// device_remove   0
/// policy_add      {"from": "", "to": "nas", "action": "deny"}
/// policy_remove   0
/// policy_move     [0, 1]
/// ways            [{"name": "eth1", "network": false, "metered": false, "limit_mb": 10000, "enabled": true}]; without a
///                 limit, or with null: none
/// ```
pub fn changes(asked: &Json) -> Result<Vec<Change>, String> {
    let mut changes = Vec::new();
    for (name, value) in asked["set"].as_object().into_iter().flatten() {
        let key = name
            .split_once('.')
            .and_then(|(section, key)| find(section, key));
        let key = key.ok_or_else(|| format!("there is no setting {name:?}"))?;
        let entered = value.as_str().ok_or_else(|| format!("{name}: send text"))?;
        changes.push(key.change(entered));
    }
    let place = |value: &Json| {
        let place = value.as_u64().and_then(|place| usize::try_from(place).ok());
        place.ok_or_else(|| "a place is a whole number from 0".to_owned())
    };
    if let Some(said) = asked.get("device") {
        let which = match said.get("at") {
            Some(at) => Which::At(place(at)?),
            None => Which::New,
        };
        changes.push(put_device(which, said)?);
    }
    if let Some(removed) = asked.get("device_remove") {
        changes.push(Change::Remove {
            list: List::Device,
            which: Which::At(place(removed)?),
        });
    }
    let list = List::Policy;
    if let Some(added) = asked.get("policy_add") {
        let values = ["from", "to", "action"].map(|key| {
            let text = added[key].as_str().unwrap_or_default().trim();
            let value = (!text.is_empty()).then(|| Value::Text(text.to_owned()));
            (key.to_owned(), value)
        });
        changes.push(Change::Put {
            list,
            which: Which::New,
            values: values.into(),
        });
    }
    if let Some(removed) = asked.get("policy_remove") {
        let which = Which::At(place(removed)?);
        changes.push(Change::Remove { list, which });
    }
    if let Some(moved) = asked.get("policy_move") {
        let (from, to) = (place(&moved[0])?, place(&moved[1])?);
        changes.push(Change::Move { list, from, to });
    }
    if let Some(ways) = asked.get("ways") {
        let ways = ways.as_array().ok_or("ways: send a list")?;
        let ways: Result<Vec<Way>, String> = ways.iter().map(way).collect();
        changes.push(Change::Ways(ways?));
    }
    Ok(changes)
}

/// What is not mentioned stays; an empty text takes it away.
fn put_device(which: Which, said: &Json) -> Result<Change, String> {
    let mut values = Vec::new();
    for key in &DEVICE_KEYS {
        let Some(value) = said.get(key.key) else {
            continue;
        };
        let entered = value
            .as_str()
            .ok_or_else(|| format!("device: {}: send text", key.key))?;
        let value = match key.value(entered) {
            // One is written as one.
            Some(Value::List(mut words)) if words.len() == 1 => words.pop().map(Value::Text),
            value => value,
        };
        values.push((key.key.to_owned(), value));
    }
    Ok(Change::Put {
        list: List::Device,
        which,
        values,
    })
}

fn way(asked: &Json) -> Result<Way, String> {
    let name = asked["name"].as_str().unwrap_or_default().trim();
    if name.is_empty() {
        return Err("ways: each has a name".to_owned());
    }
    Ok(Way {
        name: name.to_owned(),
        is_network: asked["network"] == true,
        metered: asked["metered"] == true,
        limit_mb: match (&asked["limit_mb"], asked["limit_mb"].as_str()) {
            (_, Some(entered)) => number(entered),
            (Json::Null, None) => None,
            // What is no number the reader refuses.
            (other, None) => number(&other.to_string()),
        },
        enabled: asked["enabled"] != false,
    })
}

/// Why the reader refuses it, and the setting whose value is wrong, if it is one's.
pub fn refused(fault: &ConfigError) -> Json {
    let key = KEYS.iter().find(|key| key.is_at_fault(fault));
    let name = key.map(|key| format!("{}.{}", key.section, key.key));
    // At its field nobody needs to be told which key it is, nor writes quotes.
    let message = match key {
        Some(_) => {
            let (_, right) = fault
                .message
                .split_once(": ")
                .unwrap_or(("", &fault.message));
            right.trim_end_matches(", without quotes")
        }
        None => fault.message.trim_end_matches(", without quotes"),
    };
    json!({"refused": {"name": name, "message": message, "line": fault.line}})
}

#[cfg(test)]
mod tests {
    use super::super::{apply, read};
    use super::*;
    use crate::config::EXAMPLE;

    #[test]
    fn what_is_shown_can_be_sent_back_and_changes_nothing() {
        let shown = described("f", EXAMPLE, Form::Toml).unwrap();
        let set: serde_json::Map<String, Json> = shown["settings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|setting| {
                let entered = setting["value"].as_str().unwrap_or_default();
                (setting["name"].as_str().unwrap().to_owned(), entered.into())
            })
            .collect();
        assert_eq!(set["lan.dhcp"], "server");
        let changes = changes(&json!({ "set": set })).unwrap();
        assert_eq!(changes.len(), KEYS.len());
        let after = apply("f", EXAMPLE, Form::Toml, &changes).unwrap();
        let config = |text| read("f", text, Form::Toml).unwrap();
        assert_eq!(config(&after), config(EXAMPLE));
    }

    #[test]
    fn a_fault_is_said_at_its_field() {
        let asked = json!({"set": {"tunnel.mtu": "12"}});
        let fault = apply("f", EXAMPLE, Form::Toml, &changes(&asked).unwrap()).unwrap_err();
        let said = &refused(&fault)["refused"];
        assert_eq!(said["name"], "tunnel.mtu");
        assert_eq!(said["message"], "is a whole number from 1280 to 9000");
        let asked = json!({"policy_add": {"to": "nas", "action": "drop"}});
        let fault = apply("f", EXAMPLE, Form::Toml, &changes(&asked).unwrap()).unwrap_err();
        let said = &refused(&fault)["refused"];
        assert!(
            said["name"].is_null() && said["message"].as_str().unwrap().contains("policy.action")
        );
    }

    #[test]
    fn what_is_said_of_a_device_is_shown_and_changed() {
        let mut text = EXAMPLE.to_owned();
        for (asked, shown) in [
            (
                json!({"device": {"mac": "02:00:00:00:00:01 02:00:00:00:00:02", "name": "phone", "identity": ""}}),
                json!([{"mac": "02:00:00:00:00:01 02:00:00:00:00:02", "address": "", "name": "phone", "identity": "", "keep": ""}]),
            ),
            (
                json!({"device": {"at": 0, "mac": "02:00:00:00:00:01", "name": "", "identity": "false", "keep": "true"}}),
                json!([{"mac": "02:00:00:00:00:01", "address": "", "name": "", "identity": "false", "keep": "true"}]),
            ),
            (json!({"device_remove": 0}), json!([])),
        ] {
            text = apply("f", &text, Form::Toml, &changes(&asked).unwrap()).unwrap();
            assert_eq!(
                described("f", &text, Form::Toml).unwrap()["devices"],
                shown,
                "{text}"
            );
        }
        assert_eq!(text.trim_end(), EXAMPLE.trim_end());
        for wrong in [
            json!({"device": {"name": "tv"}}),
            json!({"device": {"mac": "tv"}}),
        ] {
            let fault = apply("f", EXAMPLE, Form::Toml, &changes(&wrong).unwrap()).unwrap_err();
            assert!(fault.message.contains("lan.static.mac"), "{fault}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_no_change() {
        for odd in [
            json!({"set": {"lan": "x"}}),
            json!({"set": {"lan.dhcp": 5}}),
            json!({"set": {"nothing.here": "x"}}),
            json!({"policy_remove": -1}),
            json!({"policy_move": [0]}),
            json!({"ways": "eth1"}),
            json!({"device": {"at": "first"}}),
            json!({"device": {"mac": 5}}),
            json!({"device_remove": -1}),
            json!({"ways": [{}]}),
        ] {
            assert!(changes(&odd).is_err(), "{odd}");
        }
        for nothing in [json!(null), json!([]), json!({"set": []})] {
            assert_eq!(changes(&nothing), Ok(Vec::new()));
        }
    }
}
