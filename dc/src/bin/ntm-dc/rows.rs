//! The tables that `nodes` and `relays` show, as JSON: from the running coordinator, or from the store alone.

use ntm_dc::{Account, NodeStatus, RelayStatus, Snapshot};
use ntm_proto::id::{Fqdn, NodeId};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// One row per gateway, each followed by its devices. `age`: seconds since something came from an address.
pub(crate) fn nodes(
    nodes: &[NodeStatus],
    accounts: &[Account],
    age: impl Fn(SocketAddr) -> Option<u64>,
) -> Value {
    let owner = |id: i64| {
        accounts
            .iter()
            .find(|account| account.id == id)
            .map(|account| account.name.as_str())
    };
    let mut sorted: Vec<&NodeStatus> = nodes.iter().collect();
    sorted.sort_by(|left, right| left.name.cmp(&right.name));
    let mut rows = Vec::new();
    for node in sorted {
        let account = owner(node.account);
        let seen = node.address.and_then(&age);
        rows.push(json!({
            "name": node.name,
            "node_id": node.node,
            "kind": "gateway",
            "gateway": null,
            "account": account,
            "vip4": node.vip4,
            "vip6": node.vip6,
            "online": node.online,
            "address": node.address,
            "last_seen_s": seen,
            "key": node.key,
            "starts": node.epoch,
            "key_used_twice": node.contested,
            "reach": node.reach,
            "release": node.release,
        }));
        for device in &node.devices {
            let online = device.online && node.online;
            rows.push(json!({
                "name": device.name,
                "node_id": device.node,
                "kind": "device",
                "gateway": node.name,
                "account": account,
                "vip4": device.vip4,
                "vip6": device.vip6,
                "online": online,
                "address": node.address.filter(|_| online),
                "last_seen_s": seen.filter(|_| online),
            }));
        }
    }
    Value::Array(rows)
}

/// One row per relay.
pub(crate) fn relays(relays: &[RelayStatus], age: impl Fn(SocketAddr) -> Option<u64>) -> Value {
    let row = |relay: &RelayStatus| {
        json!({
            "name": relay.name,
            "node_id": relay.node,
            "online": relay.online,
            "addresses": relay.addresses,
            "paths": relay.paths,
            "capacity": relay.capacity,
            "last_seen_s": relay.addresses.iter().filter_map(|&address| age(address)).min(),
            "key": relay.key,
            "starts": relay.epoch,
            "release": relay.release,
        })
    };
    relays.iter().map(row).collect()
}

/// The gateways of a store whose daemon does not run: all are offline.
pub(crate) fn stored_nodes(snapshot: &Snapshot, accounts: &[Account], domain: &Fqdn) -> Value {
    let mut devices: BTreeMap<NodeId, Vec<ntm_dc::DeviceStatus>> = BTreeMap::new();
    let names: BTreeMap<NodeId, &str> = snapshot
        .gateways
        .iter()
        .map(|gateway| (gateway.node, gateway.name.as_str()))
        .collect();
    for device in &snapshot.devices {
        let gateway = names.get(&device.gateway).copied().unwrap_or_default();
        devices
            .entry(device.gateway)
            .or_default()
            .push(ntm_dc::DeviceStatus {
                node: device.node.to_string(),
                name: format!("{}.{gateway}.{domain}", device.label),
                vip4: device.vip4,
                vip6: device.vip6,
                online: false,
            });
    }
    let status = |gateway: &ntm_dc::GatewayRecord| NodeStatus {
        node: gateway.node.to_string(),
        name: format!("{}.{domain}", gateway.name),
        account: gateway.account,
        key: gateway.key.to_string(),
        vip4: gateway.vip4,
        vip6: gateway.vip6,
        online: false,
        epoch: gateway.epoch,
        contested: false,
        address: gateway.last_address,
        reach: Vec::new(),
        release: None,
        devices: devices.remove(&gateway.node).unwrap_or_default(),
    };
    let statuses: Vec<NodeStatus> = snapshot.gateways.iter().map(status).collect();
    nodes(&statuses, accounts, |_| None)
}

/// The relays of a store whose daemon does not run.
pub(crate) fn stored_relays(snapshot: &Snapshot, domain: &Fqdn) -> Value {
    let status = |relay: &ntm_dc::RelayRecord| RelayStatus {
        node: relay.node.to_string(),
        name: format!("{}.{domain}", relay.name),
        key: relay.key.to_string(),
        online: false,
        epoch: relay.epoch,
        addresses: relay.last_address.into_iter().collect(),
        paths: 0,
        capacity: 0,
        release: None,
    };
    let statuses: Vec<RelayStatus> = snapshot.relays.iter().map(status).collect();
    relays(&statuses, |_| None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ntm_dc::{DeviceRecord, GatewayRecord};
    use ntm_proto::id::{DeviceKey, Label};
    use ntm_proto::key::PublicKey;

    #[test]
    fn gateways_come_with_their_devices() {
        let node = NodeId::from_random([1; 16]);
        let label = |text| Label::parse(text).unwrap();
        let gateway = GatewayRecord {
            node,
            account: 1,
            name: label("home"),
            key: PublicKey([3; 32]),
            epoch: 2,
            instance: None,
            vip4: [198, 18, 0, 1].into(),
            vip6: "fd00::1".parse().unwrap(),
            last_address: Some("192.0.2.1:4750".parse().unwrap()),
        };
        let device = DeviceRecord {
            node: NodeId::from_random([2; 16]),
            gateway: node,
            key: DeviceKey([1; 16]),
            label: label("laptop"),
            vip4: [198, 18, 0, 2].into(),
            vip6: "fd00::2".parse().unwrap(),
        };
        let snapshot = Snapshot {
            gateways: vec![gateway],
            devices: vec![device],
            ..Snapshot::default()
        };
        let accounts = [Account {
            id: 1,
            name: label("anna"),
        }];
        let rows = stored_nodes(&snapshot, &accounts, &Fqdn::parse("ntm.test").unwrap());
        assert_eq!(rows[0]["name"], "home.ntm.test");
        assert_eq!(rows[0]["account"], "anna");
        assert_eq!(rows[0]["address"], "192.0.2.1:4750");
        assert_eq!(rows[1]["name"], "laptop.home.ntm.test");
        assert_eq!(
            (&rows[1]["kind"], &rows[1]["vip4"]),
            (&json!("device"), &json!("198.18.0.2"))
        );
        assert_eq!(rows[1]["gateway"], "home.ntm.test");
        assert_eq!(rows[1]["online"], false);
    }
}
