//! Answers for people: aligned columns, and `-` for what is not known.

use ntm_webui::used_of;
use serde_json::{Value, json};

/// A column: its heading and the member it shows.
type Column = (&'static str, &'static str);

const DEVICES: [Column; 8] = [
    ("NAME", "name"),
    ("ONLINE", "online"),
    ("LAN ADDRESS", "lan_address"),
    ("VIRTUAL IPV4", "vip4"),
    ("VIRTUAL IPV6", "vip6"),
    ("MAC", "mac"),
    ("SENT", "sent"),
    ("RECEIVED", "received"),
];
/// Only shown where there are any.
const ALSO: Column = ("ALSO", "also");
const TUNNELS: [Column; 11] = [
    ("PEER", "peer"),
    ("STATE", "state"),
    ("PATH", "path"),
    ("RTT MS", "rtt_ms"),
    ("LOST", "loss"),
    ("WAN", "wan"),
    ("REMOTE", "remote"),
    ("AGE S", "age_s"),
    ("SENT", "sent"),
    ("RECEIVED", "received"),
    ("WHY", "why"),
];
/// Only shown where there are any.
const KEY_BEFORE: Column = ("KEY CHANGED, WAS", "key_before");
/// Only shown where there are any.
const ALIASES: Column = ("OTHER DOMAINS' DEVICES", "aliases");
const HANDOVERS: [Column; 14] = [
    ("AGO S", "ago_s"),
    ("PEER", "peer"),
    ("CAUSE", "cause"),
    ("FROM", "from"),
    ("TO", "to"),
    ("GAP", "gap_ms"),
    ("DETECT", "detect_ms"),
    ("ADDRESS", "address_ms"),
    ("REGISTER", "register_ms"),
    ("DIRECT", "direct_ms"),
    ("TUNNEL", "tunnel_ms"),
    ("PACKET", "packet_ms"),
    ("AGAIN", "again"),
    ("LOST", "lost"),
];
const POLICIES: [Column; 6] = [
    ("NO", "number"),
    ("FROM", "from"),
    ("TO", "to"),
    ("ACTION", "action"),
    ("PAIRS", "pairs"),
    ("DECIDED", "decided"),
];
/// Only shown where there are any.
const UNKNOWN: Column = ("NOT KNOWN HERE", "unknown");
const WANS: [Column; 9] = [
    ("NO", "number"),
    ("INTERFACE", "name"),
    ("STATE", "state"),
    ("METERED", "metered"),
    ("ADDRESSES", "addresses"),
    ("SEEN AS", "observed"),
    ("NAT", "nat"),
    ("TODAY", "today"),
    ("THIS MONTH", "month"),
];

/// The answer to `devices`.
pub(crate) fn devices(value: &Value) -> String {
    let mut value = value.clone();
    let mut columns = DEVICES.to_vec();
    for device in value.as_array_mut().into_iter().flatten() {
        let others: Vec<Value> = device["macs"]
            .as_array()
            .into_iter()
            .flatten()
            .skip(1)
            .cloned()
            .collect();
        if !others.is_empty() {
            device["also"] = others.into();
            columns.truncate(DEVICES.len());
            columns.push(ALSO);
        }
    }
    table(
        &value,
        &columns,
        "no devices yet: they appear when they ask for an address by DHCP\n",
    )
}

/// The answer to `tunnels`.
pub(crate) fn tunnels(value: &Value) -> String {
    let lends = |tunnel: &Value| {
        tunnel["aliases"]
            .as_object()
            .is_some_and(|all| !all.is_empty())
    };
    let mut columns = TUNNELS.to_vec();
    if value.as_array().is_some_and(|all| all.iter().any(lends)) {
        columns.push(ALIASES);
    }
    let has_changed = |tunnel: &Value| tunnel["key_before"].is_string();
    if value
        .as_array()
        .is_some_and(|all| all.iter().any(has_changed))
    {
        columns.insert(1, KEY_BEFORE);
    }
    let mut value = value.clone();
    for tunnel in value.as_array_mut().into_iter().flatten() {
        let count = |name: &str| tunnel[name].as_f64().unwrap_or(0.0);
        if count("expected") > 0.0 {
            let percent = count("missing") / count("expected") * 100.0;
            tunnel["loss"] = json!(format!("{percent:.1} %"));
        }
    }
    table(
        &value,
        &columns,
        "no tunnels: they are built when a device looks up another's name\n",
    )
}

/// What went in the time that is called so.
fn used(list: &Value, when: &str) -> String {
    format!("{:.1} MB", sum(list, when) as f64 / 1e6)
}

/// The same in bytes.
fn sum(list: &Value, when: &str) -> u64 {
    let mut entries = list.as_array().into_iter().flatten();
    let found = entries.find(|entry| entry["when"] == when);
    let count = |name| found.and_then(|it| it[name].as_u64()).unwrap_or(0);
    count("sent").saturating_add(count("received"))
}

/// The answer to `wans`.
pub(crate) fn wans(value: &Value) -> String {
    let mut value = value.clone();
    for wan in value.as_array_mut().into_iter().flatten() {
        if wan["preferred"] == true {
            wan["state"] = json!(format!("{}, preferred", cell(&wan["state"])));
        }
        // How it maps is worth knowing only where there is one.
        if wan["nat"] == true && wan["mapping"].is_string() {
            wan["nat"] = json!(format!("yes, {}", cell(&wan["mapping"])));
        }
        if wan["limit_state"] == "reached" {
            wan["state"] = json!(format!("{}, limit reached", cell(&wan["state"])));
        }
        let limit = wan["limit_mb"].as_u64();
        let limit = limit.and_then(|limit| u32::try_from(limit).ok());
        let data = &wan["data"];
        let today = data["today"].as_str().map(str::to_owned);
        if let Some((day, month)) = today.as_deref().and_then(|day| Some((day, day.get(..7)?))) {
            let month = match limit {
                Some(limit) => used_of(sum(&data["months"], month), limit).join(" of "),
                None => used(&data["months"], month),
            };
            let day = used(&data["days"], day);
            (wan["today"], wan["month"]) = (json!(day), json!(month));
        }
    }
    table(
        &value,
        &WANS,
        "no WAN: no interface outside the LAN is up with an address and a default route\n",
    )
}

/// The answer to `handovers`.
pub(crate) fn handovers(value: &Value) -> String {
    let mut value = value.clone();
    for handover in value.as_array_mut().into_iter().flatten() {
        for end in ["from", "to"] {
            let hop = &handover[end];
            if hop.is_object() {
                let [path, local, remote] = ["path", "local", "remote"].map(|it| cell(&hop[it]));
                handover[end] = json!(format!("{path} {local}>{remote}"));
            }
        }
    }
    table(
        &value,
        &HANDOVERS,
        "no handovers: no tunnel has taken another path since the gateway was started\n",
    )
}

/// The answer to `policies` and `reload`.
pub(crate) fn policies(value: &Value) -> String {
    let has_unknown = |policy: &Value| {
        policy["unknown"]
            .as_array()
            .is_some_and(|it| !it.is_empty())
    };
    let mut columns = POLICIES.to_vec();
    if value
        .as_array()
        .is_some_and(|all| all.iter().any(has_unknown))
    {
        columns.push(UNKNOWN);
    }
    table(
        value,
        &columns,
        "no policies: whoever the coordinator lets talk may begin\n",
    )
}

/// The answer to `status`: one line for each member, and for each kind of refused packet.
pub(crate) fn status(value: &Value) -> String {
    let dc = &value["dc"];
    let mut coordinator = cell(&dc["state"]);
    for (word, key) in [("at", "address"), ("seen as", "observed")] {
        if dc[key].is_string() {
            coordinator += &format!(", {word} {}", cell(&dc[key]));
        }
    }
    if dc["rtt_ms"].is_number() {
        coordinator += &format!(", {} ms", cell(&dc["rtt_ms"]));
    }
    let mut lines = vec![
        ["name".to_owned(), cell(&value["name"])],
        ["node id".to_owned(), cell(&value["node_id"])],
        ["virtual IPv4".to_owned(), cell(&value["vip4"])],
        ["other domains".to_owned(), cell(&value["domains"])],
        ["coordinator".to_owned(), coordinator],
        ["devices".to_owned(), cell(&value["devices"])],
        ["tunnels".to_owned(), cell(&value["tunnels"])],
        [
            "up for".to_owned(),
            format!("{} s", cell(&value["uptime_s"])),
        ],
    ];
    let mut release = cell(&value["release"]);
    if value["update"].is_string() {
        release += &format!(
            ", and the coordinator runs {}: update ntm-gateway",
            cell(&value["update"])
        );
    }
    lines.push(["release".to_owned(), release]);
    for (reason, count) in value["rejects"].as_object().into_iter().flatten() {
        lines.push([format!("refused, {reason}"), cell(count)]);
    }
    let width = lines
        .iter()
        .map(|[key, _]| key.chars().count())
        .max()
        .unwrap_or(0);
    lines
        .iter()
        .map(|[key, value]| format!("{key:width$}  {value}\n"))
        .collect()
}

fn table(value: &Value, columns: &[Column], empty: &str) -> String {
    let entries = value.as_array().map(Vec::as_slice).unwrap_or_default();
    if entries.is_empty() {
        return empty.to_owned();
    }
    let mut rows = vec![
        columns
            .iter()
            .map(|(heading, _)| (*heading).to_owned())
            .collect::<Vec<_>>(),
    ];
    rows.extend(
        entries
            .iter()
            .map(|entry| columns.iter().map(|(_, key)| cell(&entry[*key])).collect()),
    );
    let width = |at: usize| {
        rows.iter()
            .map(|row| row[at].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, &width)| format!("{cell:width$}"))
            .collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        Value::Number(number) if number.is_f64() => {
            format!("{:.1}", number.as_f64().unwrap_or(0.0))
        }
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.is_empty() => "-".into(),
        // Names are labels, but a terminal must be safe from whatever else there is.
        Value::String(text) => text.chars().filter(|c| !c.is_control()).collect(),
        Value::Array(items) if items.is_empty() => "-".into(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(" "),
        Value::Object(members) if members.is_empty() => "-".into(),
        Value::Object(members) => {
            let text =
                |(key, value): (&String, &Value)| format!("{}={}", cell(&json!(key)), cell(value));
            members.iter().map(text).collect::<Vec<_>>().join(" ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_gaps_marked() {
        let text = wans(&json!([
            {"number": 0, "name": "wan0", "state": "ready", "metered": true, "preferred": true, "addresses": ["10.0.0.2:4750", "[2001:db8::2]:4750"],
             "observed": [], "nat": true, "mapping": "same port for all",
             "data": {"today": "2026-11-23", "days": [{"when": "2026-11-22", "sent": 9, "received": 9}],
                "months": [{"when": "2026-11", "sent": 1_000_000, "received": 540_000}]}},
            {"number": 12, "name": "a-longer-name", "state": "active", "metered": false, "addresses": [], "observed": ["x"], "nat": null, "mapping": "unknown"},
        ]));
        assert_eq!(
            text,
            "NO  INTERFACE      STATE             METERED  ADDRESSES                         SEEN AS  NAT                     TODAY   THIS MONTH\n\
             0   wan0           ready, preferred  yes      10.0.0.2:4750 [2001:db8::2]:4750  -        yes, same port for all  0.0 MB  1.5 MB\n\
             12  a-longer-name  active            no       -                                 x        -                       -       -\n"
        );
    }

    #[test]
    fn a_limit_stands_beside_what_was_used_of_it() {
        let mut wan = json!({"name": "wwan0", "state": "active", "limit_mb": 10_000, "limit_state": "below",
            "data": {"today": "2026-11-23", "months": [{"when": "2026-11", "sent": 100_000_000, "received": 3_060_000_000_u64}]}});
        assert!(wans(&json!([wan])).ends_with("  3.1 of 10 GB\n"));
        wan["limit_state"] = json!("reached");
        assert!(wans(&json!([wan])).contains("active, limit reached "));
        wan["data"]["today"] = Value::Null;
        assert!(wans(&json!([wan])).ends_with("  -\n"));
    }

    #[test]
    fn a_device_of_another_domain_has_its_address_beside_its_name() {
        let mut tunnel = json!({"peer": "home.b.test", "why": "both behind NAT", "aliases": {}});
        assert!(!tunnels(&json!([tunnel])).contains("OTHER"));
        tunnel["aliases"] = json!({"camera.home.b.test": "198.19.200.1"});
        let text = tunnels(&json!([tunnel]));
        assert!(
            text.contains("WHY              OTHER DOMAINS' DEVICES\n"),
            "{text}"
        );
        assert!(text.ends_with("both behind NAT  camera.home.b.test=198.19.200.1\n"));
    }

    #[test]
    fn a_handover_is_one_line_from_path_to_path() {
        let hop = |path, local| json!({"path": path, "local": local, "remote": "203.0.113.2:4750"});
        let text = handovers(&json!([{
            "ago_s": 7, "peer": "home.ntm.test", "cause": "own address changed", "done": true,
            "from": hop("relay", "10.0.0.2:4750"), "to": hop("direct", "10.9.0.2:4750"),
            "gap_ms": 77.04, "detect_ms": null, "tunnel_ms": 71.5, "again": 3, "lost": 0,
        }]));
        let row = text.lines().nth(1).unwrap_or_default();
        assert!(row.starts_with(
            "7      home.ntm.test  own address changed  relay 10.0.0.2:4750>203.0.113.2:4750  "
        ));
        assert!(
            row.ends_with("77.0  -       -        -         -       71.5    -       3      0"),
            "{row}"
        );
    }

    #[test]
    fn a_policy_that_names_nobody_known_is_marked() {
        let mut policy = json!({"number": 1, "from": "*", "to": "nas.car.ntm.test", "action": "deny",
            "pairs": 2, "decided": 17, "unknown": []});
        assert_eq!(
            policies(&json!([policy])),
            "NO  FROM  TO                ACTION  PAIRS  DECIDED\n\
             1   *     nas.car.ntm.test  deny    2      17\n"
        );
        policy["unknown"] = json!(["nas.car"]);
        assert!(policies(&json!([policy])).ends_with("17       nas.car\n"));
    }

    #[test]
    fn an_empty_list_says_what_would_fill_it() {
        assert!(devices(&json!([])).contains("DHCP"));
        assert!(tunnels(&json!([])).contains("looks up"));
        assert!(wans(&json!([])).contains("default route"));
        assert!(handovers(&json!([])).contains("another path"));
        assert!(policies(&json!([])).contains("may begin"));
    }

    #[test]
    fn nothing_reaches_the_terminal_that_it_would_act_on() {
        assert_eq!(cell(&json!("a\u{1b}[31mb\n")), "a[31mb");
    }

    #[test]
    fn the_status_is_one_line_for_each_fact() {
        let text = status(&json!({
            "name": "car.ntm.test", "node_id": "n", "domain": "ntm.test", "vip4": "198.18.0.1",
            "dc": {"state": "registered", "address": "203.0.113.10:4750", "observed": null, "rtt_ms": 1.26},
            "devices": 1, "tunnels": 0, "uptime_s": 7, "release": "0.1.0", "update": "0.2.0", "rejects": {"Forged": 3},
        }));
        assert!(
            text.contains("coordinator      registered, at 203.0.113.10:4750, 1.3 ms\n"),
            "{text}"
        );
        assert!(
            text.contains("0.1.0, and the coordinator runs 0.2.0"),
            "{text}"
        );
        assert!(text.ends_with("refused, Forged  3\n"), "{text}");
    }
}
