//! What the API's description says is there is what the gateway says.

use ntm_gateway::status::{
    DcStatus, DeviceStatus, HandoverStatus, HopStatus, PingReport, PolicyStatus, Status,
    TunnelStatus, WanStatus,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The members of a schema, and of what the gateway really says.
fn same(described: &Value, schema: &str, said: &Value, beside: &[&str]) {
    let members = |value: &Value| -> BTreeSet<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    let mut ours = members(said);
    ours.extend(beside.iter().map(|name| (*name).to_owned()));
    let schema = &described["components"]["schemas"][schema]["properties"];
    assert_eq!(members(schema), ours);
}

#[test]
fn the_api_describes_what_the_gateway_says() {
    let described = include_str!("../../../../../webui/assets/openapi.json");
    let described: Value = serde_json::from_str(described).unwrap();
    let text = String::new;
    let dc = DcStatus {
        state: text(),
        address: None,
        observed: None,
        rtt_ms: None,
        release: None,
    };
    same(&described, "Dc", &json!(dc), &[]);
    let status = Status {
        name: text(),
        node_id: text(),
        domain: text(),
        vip4: text(),
        domains: vec![],
        dc,
        devices: 0,
        tunnels: 0,
        uptime_s: 0,
        release: text(),
        update: None,
        rejects: BTreeMap::new(),
    };
    same(&described, "Status", &json!(status), &[]);
    let device = DeviceStatus {
        name: text(),
        node_id: text(),
        mac: text(),
        lan_address: text(),
        vip4: text(),
        vip6: text(),
        online: true,
        macs: vec![],
        hostname: None,
        identity: true,
        keep: false,
        sent: 0,
        received: 0,
        sent_packets: 0,
        received_packets: 0,
    };
    same(&described, "Device", &json!(device), &[]);
    let tunnel = TunnelStatus {
        peer: text(),
        state: text(),
        path: text(),
        why: text(),
        wan: None,
        remote: None,
        rtt_ms: None,
        age_s: 0,
        mtu: None,
        cipher: None,
        heard_s: None,
        sent: 0,
        received: 0,
        expected: 100,
        missing: 1,
        key: text(),
        key_before: None,
        devices: vec![],
        aliases: BTreeMap::new(),
    };
    same(&described, "Tunnel", &json!(tunnel), &[]);
    let wan = WanStatus {
        name: text(),
        addresses: vec![],
        observed: vec![],
        nat: None,
        mapping: None,
        active: false,
    };
    let beside = [
        "number",
        "metered",
        "preferred",
        "state",
        "limit_mb",
        "limit_state",
        "data",
    ];
    same(&described, "Wan", &json!(wan), &beside);
    let hop = HopStatus {
        path: text(),
        local: text(),
        remote: text(),
    };
    same(&described, "Hop", &json!(hop), &[]);
    let handover = HandoverStatus {
        peer: text(),
        cause: text(),
        from: None,
        to: None,
        ago_s: 0,
        done: false,
        detect_ms: None,
        address_ms: None,
        register_ms: None,
        direct_ms: None,
        tunnel_ms: None,
        packet_ms: None,
        gap_ms: None,
        again: 0,
        lost: 0,
    };
    same(&described, "Handover", &json!(handover), &[]);
    let policy = PolicyStatus {
        number: 1,
        from: text(),
        to: text(),
        action: text(),
        pairs: 0,
        decided: 0,
        unknown: vec![],
    };
    same(&described, "Policy", &json!(policy), &[]);
    let report = PingReport {
        name: text(),
        vip4: text(),
        gateway: text(),
        rtt_ms: 0.0,
        path: text(),
        why: text(),
        remote: text(),
    };
    same(&described, "PingReport", &json!(report), &[]);
}
