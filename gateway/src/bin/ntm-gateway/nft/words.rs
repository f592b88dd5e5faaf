//! The words our rules are made of, as nft's JSON has them.

use super::TABLE;
use nftables::expr::{
    Expression, Meta, MetaKey, NamedExpression, Payload, PayloadField, Prefix, RT, RTKey, SetItem,
    TcpOption,
};
use nftables::schema::{Chain, NfListObject, Rule, Set, SetType, SetTypeValue, Table};
use nftables::stmt::{Mangle, Match, Operator, Statement};
use nftables::types::{NfChainPolicy, NfChainType, NfFamily, NfHook};
use std::borrow::Cow;
use std::net::IpAddr;

pub(super) fn table() -> NfListObject<'static> {
    NfListObject::Table(Table {
        family: NfFamily::INet,
        name: TABLE.into(),
        handle: None,
    })
}

pub(super) fn chain(
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

pub(super) fn rule(
    chain: &'static str,
    statements: Vec<Statement<'static>>,
) -> NfListObject<'static> {
    NfListObject::Rule(Rule {
        family: NfFamily::INet,
        table: TABLE.into(),
        chain: chain.into(),
        expr: Cow::Owned(statements),
        ..Rule::default()
    })
}

pub(super) fn text(text: &str) -> Expression<'static> {
    Expression::String(Cow::Owned(text.to_owned()))
}

pub(super) fn set<'a>(names: impl Iterator<Item = &'a str>) -> Expression<'static> {
    Expression::Named(NamedExpression::Set(
        names.map(|name| SetItem::Element(text(name))).collect(),
    ))
}

pub(super) fn meta(key: MetaKey) -> Expression<'static> {
    Expression::Named(NamedExpression::Meta(Meta { key }))
}

pub(super) fn payload(protocol: &'static str, field: &'static str) -> Expression<'static> {
    let field = PayloadField {
        protocol: protocol.into(),
        field: field.into(),
    };
    Expression::Named(NamedExpression::Payload(Payload::PayloadField(field)))
}

pub(super) fn prefix(address: IpAddr, length: u8) -> Expression<'static> {
    let addr = Box::new(text(&address.to_string()));
    Expression::Named(NamedExpression::Prefix(Prefix {
        addr,
        len: length.into(),
    }))
}

pub(super) fn equals(left: Expression<'static>, right: Expression<'static>) -> Statement<'static> {
    Statement::Match(Match {
        left,
        right,
        op: Operator::EQ,
    })
}

pub(super) fn other_than(key: MetaKey, names: &[&str]) -> Statement<'static> {
    Statement::Match(Match {
        left: meta(key),
        right: set(names.iter().copied()),
        op: Operator::NEQ,
    })
}

pub(super) fn is_syn() -> Statement<'static> {
    Statement::Match(Match {
        left: payload("tcp", "flags"),
        right: text("syn"),
        op: Operator::IN,
    })
}

/// Tells both ends of a TCP connection, while it opens, what fits the tunnel.
pub(super) fn clamp() -> Statement<'static> {
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

/// A set of the table, by its name, without elements.
pub(super) fn named_set(name: &'static str, kinds: &'static [SetType]) -> Set<'static> {
    Set {
        family: NfFamily::INet,
        table: TABLE.into(),
        name: name.into(),
        set_type: match kinds {
            [single] => SetTypeValue::Single(*single),
            several => SetTypeValue::Concatenated(Cow::Borrowed(several)),
        },
        ..Set::default()
    }
}

pub(super) fn joined(parts: Vec<Expression<'static>>) -> Expression<'static> {
    Expression::Named(NamedExpression::Concat(parts))
}

pub(super) fn differs(left: Expression<'static>, right: Expression<'static>) -> Statement<'static> {
    Statement::Match(Match {
        left,
        right,
        op: Operator::NEQ,
    })
}
