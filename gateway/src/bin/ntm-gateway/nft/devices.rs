//! Which hardware address may send into the tunnel from which LAN address: two sets of the table.
//!
//! An address that no device has is not our matter here: the machine knows no identity for it.

use super::words::{differs, equals, joined, meta, named_set, payload, prefix, rule, text};
use super::{TABLE, run};
use anyhow::Result;
use nftables::batch::Batch;
use nftables::expr::{Expression, MetaKey};
use nftables::schema::{Element, FlushObject, NfCmd, NfListObject, Nftables, Set, SetType};
use nftables::stmt::Statement;
use nftables::types::NfFamily;
use ntm_proto::id::VirtualPrefixes;
use std::borrow::Cow;
use std::net::Ipv4Addr;

/// A device: hardware address and LAN address.
type Device = ([u8; 6], Ipv4Addr);

/// The addresses that devices have.
const TAKEN: &str = "taken";
/// The devices that have them.
const DEVICES: &str = "devices";

/// Adds the sets, empty, and the rule that asks them.
pub(super) fn guard(batch: &mut Batch<'static>, lan: &str, prefixes: VirtualPrefixes) {
    let range = prefix(prefixes.v4.network().into(), prefixes.v4.prefix_len());
    for set in sets() {
        batch.add(NfListObject::Set(Box::new(set)));
    }
    let source = || payload("ip", "saddr");
    let device = joined(vec![payload("ether", "saddr"), source()]);
    batch.add(rule(
        "guard",
        vec![
            equals(meta(MetaKey::Iifname), text(lan)),
            equals(payload("ip", "daddr"), range),
            equals(source(), text(&format!("@{TAKEN}"))),
            differs(device, text(&format!("@{DEVICES}"))),
            Statement::Drop(None),
        ],
    ));
}

/// Says who has which address from now on. Blocks until nft is done.
pub(crate) fn bind(devices: &[Device]) -> Result<()> {
    run(&binding(devices))
}

/// Both sets replaced, in one transaction.
fn binding(devices: &[Device]) -> Nftables<'static> {
    let mut batch = Batch::new();
    for set in sets() {
        batch.add_cmd(NfCmd::Flush(FlushObject::Set(Box::new(set))));
    }
    if !devices.is_empty() {
        let address = |&(_, address): &Device| text(&address.to_string());
        let device = |of: &Device| joined(vec![text(&mac(of.0)), address(of)]);
        batch.add(elements(TAKEN, devices.iter().map(address)));
        batch.add(elements(DEVICES, devices.iter().map(device)));
    }
    batch.to_nftables()
}

fn sets() -> [Set<'static>; 2] {
    [
        named_set(TAKEN, &[SetType::Ipv4Addr]),
        named_set(DEVICES, &[SetType::EtherAddr, SetType::Ipv4Addr]),
    ]
}

fn elements(
    set: &'static str,
    elements: impl Iterator<Item = Expression<'static>>,
) -> NfListObject<'static> {
    NfListObject::Element(Element {
        family: NfFamily::INet,
        table: TABLE.into(),
        name: set.into(),
        elem: Cow::Owned(elements.collect()),
    })
}

fn mac(bytes: [u8; 6]) -> String {
    bytes.map(|byte| format!("{byte:02x}")).join(":")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_sets_are_replaced_in_one_transaction() {
        let devices = [([2, 0, 0, 0, 0xa0, 1], Ipv4Addr::new(192, 168, 1, 10))];
        let value = serde_json::to_value(binding(&devices)).unwrap();
        let commands = value["nftables"].as_array().unwrap();
        assert_eq!(commands.len(), 4);
        assert_eq!(commands[0]["flush"]["set"]["name"], json!("taken"));
        assert_eq!(commands[1]["flush"]["set"]["name"], json!("devices"));
        let element = &commands[2]["add"]["element"];
        assert_eq!(element["elem"], json!(["192.168.1.10"]));
        assert_eq!(
            commands[3]["add"]["element"]["elem"],
            json!([{"concat": ["02:00:00:00:a0:01", "192.168.1.10"]}])
        );
    }

    #[test]
    fn an_empty_lan_empties_the_sets() {
        let value = serde_json::to_value(binding(&[])).unwrap();
        assert_eq!(value["nftables"].as_array().unwrap().len(), 2);
    }
}
