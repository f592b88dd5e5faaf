//! The nftables table `inet ntm`: virtual addresses stay inside the tunnel, segments fit it, and, where we are the
//! router, LAN devices go out by NAT.
//!
//! The table is ours alone: replaced in one transaction at start, deleted at a clean stop, and it never touches
//! another. After a crash it stays, and goes on keeping virtual addresses off the WANs.

use anyhow::{Context, Result, bail};
use nftables::batch::Batch;
use nftables::expr::{
    CT, Expression, Meta, MetaKey, NamedExpression, Payload, PayloadField, Prefix, RT, RTKey,
    SetItem, TcpOption,
};
use nftables::helper::{NftablesError, apply_ruleset};
use nftables::schema::{Chain, NfListObject, Nftables, Rule, Table};
use nftables::stmt::{Mangle, Match, Operator, Statement};
use nftables::types::{NfChainPolicy, NfChainType, NfFamily, NfHook};
use ntm_gateway::config::Config;
use ntm_proto::id::VirtualPrefixes;
use std::borrow::Cow;
use std::net::IpAddr;
use tracing::{info, warn};

const TABLE: &str = "ntm";
/// The priority called `mangle`: before conntrack-based filters decide.
const MANGLE: i32 = -150;
/// The priority called `srcnat`.
const SRCNAT: i32 = 100;

/// The table, while it is there.
pub(crate) struct Firewall;

impl Firewall {
    /// Replaces the table by the one that fits `config`, and lets the kernel forward.
    pub(crate) fn apply(config: &Config, prefixes: VirtualPrefixes) -> Result<Self> {
        match apply_ruleset(&ruleset(config, prefixes)) {
            Ok(()) => {}
            Err(NftablesError::NftExecution { inner, .. }) => {
                bail!("cannot run nft ({inner}): install the package nftables")
            }
            Err(NftablesError::NftFailed { stderr, .. }) => {
                bail!("nft refused our rules: {}", stderr.trim())
            }
            Err(error) => return Err(error).context("cannot set the firewall's rules"),
        }
        enable_forwarding();
        Ok(Self)
    }

    /// Deletes the table.
    pub(crate) fn remove(self) {
        let mut batch = Batch::new();
        batch.delete(table());
        if let Err(error) = apply_ruleset(&batch.to_nftables()) {
            warn!("the table inet {TABLE} stays: {error}");
        }
    }
}

fn enable_forwarding() {
    const PATH: &str = "/proc/sys/net/ipv4/ip_forward";
    if std::fs::read_to_string(PATH).is_ok_and(|value| value.trim() == "1") {
        return;
    }
    match std::fs::write(PATH, "1") {
        Ok(()) => info!("this machine forwards IPv4 packets from now on (net.ipv4.ip_forward = 1)"),
        Err(error) => {
            warn!("cannot set net.ipv4.ip_forward = 1 ({error}): devices reach nothing through us")
        }
    }
}

fn ruleset(config: &Config, prefixes: VirtualPrefixes) -> Nftables<'static> {
    let (lan, tun) = (
        config.lan.interface.as_str(),
        config.tunnel.interface.as_str(),
    );
    let mut batch = Batch::new();
    // Added first so that deleting it cannot fail; all of this is one transaction.
    batch.add(table());
    batch.delete(table());
    batch.add(table());
    batch.add(chain(
        "guard",
        NfChainType::Filter,
        NfHook::Prerouting,
        MANGLE,
    ));
    batch.add(chain(
        "forward",
        NfChainType::Filter,
        NfHook::Forward,
        MANGLE,
    ));
    for (protocol, address, length) in virtual_ranges(prefixes) {
        let range = |field| equals(payload(protocol, field), prefix(address, length));
        // Nobody outside may speak to, or as, a virtual address. Our own packets to ourselves go by lo.
        batch.add(rule(
            "guard",
            vec![
                other_than(MetaKey::Iifname, &[tun, "lo"]),
                range("saddr"),
                Statement::Drop(None),
            ],
        ));
        batch.add(rule(
            "guard",
            vec![
                other_than(MetaKey::Iifname, &[lan, tun, "lo"]),
                range("daddr"),
                Statement::Drop(None),
            ],
        ));
        // When the tunnel's route is missing, packets to virtual addresses must not leave in clear.
        batch.add(rule(
            "forward",
            vec![
                other_than(MetaKey::Oifname, &[lan, tun]),
                range("daddr"),
                Statement::Drop(None),
            ],
        ));
    }
    for key in [MetaKey::Iifname, MetaKey::Oifname] {
        batch.add(rule(
            "forward",
            vec![equals(meta(key), text(tun)), is_syn(), clamp()],
        ));
    }
    if config.wan.masquerade {
        masquerade(&mut batch, config);
    }
    batch.to_nftables()
}

/// We are the router: devices go out as us, and nothing comes in that they did not ask for.
fn masquerade(batch: &mut Batch<'static>, config: &Config) {
    let (lan, tun) = (
        config.lan.interface.as_str(),
        config.tunnel.interface.as_str(),
    );
    let wan = |key| match config.wan.interfaces.as_slice() {
        [] => other_than(key, &[lan, tun, "lo"]),
        names => Statement::Match(Match {
            left: meta(key),
            right: set(names.iter().map(String::as_str)),
            op: Operator::EQ,
        }),
    };
    let to_lan = || equals(meta(MetaKey::Oifname), text(lan));
    let known = Match {
        left: Expression::Named(NamedExpression::CT(CT {
            key: "state".into(),
            family: None,
            dir: None,
        })),
        right: Expression::List(vec![text("established"), text("related")]),
        op: Operator::IN,
    };
    batch.add(rule(
        "forward",
        vec![
            wan(MetaKey::Iifname),
            to_lan(),
            Statement::Match(known),
            Statement::Accept(None),
        ],
    ));
    batch.add(rule(
        "forward",
        vec![wan(MetaKey::Iifname), to_lan(), Statement::Drop(None)],
    ));
    batch.add(chain(
        "outside",
        NfChainType::NAT,
        NfHook::Postrouting,
        SRCNAT,
    ));
    let net = config.lan.net;
    let from_lan = equals(
        payload("ip", "saddr"),
        prefix(net.network().into(), net.prefix_len()),
    );
    batch.add(rule(
        "outside",
        vec![wan(MetaKey::Oifname), from_lan, Statement::Masquerade(None)],
    ));
}

fn virtual_ranges(prefixes: VirtualPrefixes) -> [(&'static str, IpAddr, u8); 2] {
    [
        ("ip", prefixes.v4.network().into(), prefixes.v4.prefix_len()),
        (
            "ip6",
            prefixes.v6.network().into(),
            prefixes.v6.prefix_len(),
        ),
    ]
}

fn table() -> NfListObject<'static> {
    NfListObject::Table(Table {
        family: NfFamily::INet,
        name: TABLE.into(),
        handle: None,
    })
}

fn chain(
    name: &'static str,
    kind: NfChainType,
    hook: NfHook,
    priority: i32,
) -> NfListObject<'static> {
    NfListObject::Chain(Chain {
        family: NfFamily::INet,
        table: TABLE.into(),
        name: name.into(),
        _type: Some(kind),
        hook: Some(hook),
        prio: Some(priority),
        policy: Some(NfChainPolicy::Accept),
        ..Chain::default()
    })
}

fn rule(chain: &'static str, statements: Vec<Statement<'static>>) -> NfListObject<'static> {
    NfListObject::Rule(Rule {
        family: NfFamily::INet,
        table: TABLE.into(),
        chain: chain.into(),
        expr: Cow::Owned(statements),
        ..Rule::default()
    })
}

fn text(text: &str) -> Expression<'static> {
    Expression::String(Cow::Owned(text.to_owned()))
}

fn set<'a>(names: impl Iterator<Item = &'a str>) -> Expression<'static> {
    Expression::Named(NamedExpression::Set(
        names.map(|name| SetItem::Element(text(name))).collect(),
    ))
}

fn meta(key: MetaKey) -> Expression<'static> {
    Expression::Named(NamedExpression::Meta(Meta { key }))
}

fn payload(protocol: &'static str, field: &'static str) -> Expression<'static> {
    let field = PayloadField {
        protocol: protocol.into(),
        field: field.into(),
    };
    Expression::Named(NamedExpression::Payload(Payload::PayloadField(field)))
}

fn prefix(address: IpAddr, length: u8) -> Expression<'static> {
    let addr = Box::new(text(&address.to_string()));
    Expression::Named(NamedExpression::Prefix(Prefix {
        addr,
        len: length.into(),
    }))
}

fn equals(left: Expression<'static>, right: Expression<'static>) -> Statement<'static> {
    Statement::Match(Match {
        left,
        right,
        op: Operator::EQ,
    })
}

fn other_than(key: MetaKey, names: &[&str]) -> Statement<'static> {
    Statement::Match(Match {
        left: meta(key),
        right: set(names.iter().copied()),
        op: Operator::NEQ,
    })
}

fn is_syn() -> Statement<'static> {
    Statement::Match(Match {
        left: payload("tcp", "flags"),
        right: text("syn"),
        op: Operator::IN,
    })
}

/// Tells both ends of a TCP connection, while it opens, what fits the tunnel.
fn clamp() -> Statement<'static> {
    let option = TcpOption {
        name: "maxseg".into(),
        field: Some("size".into()),
    };
    Statement::Mangle(Mangle {
        key: Expression::Named(NamedExpression::TcpOption(option)),
        value: Expression::Named(NamedExpression::RT(RT {
            key: RTKey::MTU,
            family: None,
        })),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn rules(wan: &str) -> Vec<Value> {
        let text =
            format!("[lan]\ninterface = \"br-lan\"\naddress = \"192.168.1.1/24\"\n[wan]\n{wan}\n");
        let config = Config::parse("test", &text).unwrap();
        let prefixes = VirtualPrefixes {
            v4: "198.18.0.0/15".parse().unwrap(),
            v6: "fd00:1::/48".parse().unwrap(),
        };
        let value = serde_json::to_value(ruleset(&config, prefixes)).unwrap();
        value["nftables"].as_array().unwrap().clone()
    }

    fn of_chain(rules: &[Value], chain: &str) -> Vec<Value> {
        let rules = rules.iter().map(|rule| &rule["add"]["rule"]);
        rules
            .filter(|rule| rule["chain"] == chain)
            .map(|rule| rule["expr"].clone())
            .collect()
    }

    #[test]
    fn the_table_is_replaced_and_no_other_is_named() {
        let rules = rules("");
        let table = json!({"table": {"family": "inet", "name": "ntm"}});
        assert_eq!(
            rules[..3],
            [
                json!({"add": table}),
                json!({"delete": table}),
                json!({"add": table})
            ]
        );
        for command in &rules[3..] {
            let object = command["add"].as_object().unwrap().values().next().unwrap();
            assert_eq!(
                (&object["table"], &object["family"]),
                (&json!("ntm"), &json!("inet"))
            );
        }
    }

    #[test]
    fn virtual_addresses_come_by_the_tunnel_alone() {
        let guard = of_chain(&rules(""), "guard");
        assert_eq!(guard.len(), 4);
        assert_eq!(
            guard[0],
            json!([
                {"match": {"left": {"meta": {"key": "iifname"}}, "right": {"set": ["ntm0", "lo"]}, "op": "!="}},
                {"match": {
                    "left": {"payload": {"protocol": "ip", "field": "saddr"}},
                    "right": {"prefix": {"addr": "198.18.0.0", "len": 15}}, "op": "==",
                }},
                {"drop": null},
            ])
        );
        assert_eq!(
            guard[3][1]["match"]["right"],
            json!({"prefix": {"addr": "fd00:1::", "len": 48}})
        );
    }

    #[test]
    fn segments_are_clamped_both_ways() {
        let forward = of_chain(&rules(""), "forward");
        let clamps: Vec<_> = forward
            .iter()
            .filter(|rule| rule[2]["mangle"].is_object())
            .collect();
        assert_eq!(clamps.len(), 2);
        assert_eq!(
            clamps[0][2]["mangle"]["value"],
            json!({"rt": {"key": "mtu"}})
        );
    }

    #[test]
    fn only_a_router_masquerades_and_never_into_the_tunnel() {
        assert!(of_chain(&rules("masquerade = false"), "outside").is_empty());
        let listed = of_chain(
            &rules("masquerade = true\ninterfaces = [\"wan0\"]"),
            "outside",
        );
        assert_eq!(listed[0][0]["match"]["right"], json!({"set": ["wan0"]}));
        assert_eq!(
            listed[0][1]["match"]["right"],
            json!({"prefix": {"addr": "192.168.1.0", "len": 24}})
        );
        let any = of_chain(&rules("masquerade = true"), "outside");
        assert_eq!(
            any[0][0]["match"],
            json!({
                "left": {"meta": {"key": "oifname"}}, "right": {"set": ["br-lan", "ntm0", "lo"]}, "op": "!=",
            })
        );
        let forward = of_chain(&rules("masquerade = true"), "forward");
        assert_eq!(forward.last().unwrap()[2], json!({"drop": null}));
    }
}
