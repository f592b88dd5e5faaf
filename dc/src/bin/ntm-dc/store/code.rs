//! Table `code`: enrolment codes, each good once. The token itself is never stored, its SHA-256 is.
//!
//! Redeeming checks the code, writes the node and marks the code used in one transaction, so of many who try one
//! code at once exactly one gets in. The one who got in may ask again and gets the same answer.

use super::{column, gateway, relay};
use crate::keys::sha256;
use data_encoding::HEXLOWER;
use ntm_dc::{GatewayRecord, Record, RelayRecord};
use ntm_proto::enrol::Role;
use ntm_proto::id::{Label, NodeId};
use ntm_proto::key::PublicKey;
use rusqlite::{OptionalExtension, Row, Transaction};
use std::net::{Ipv4Addr, Ipv6Addr};

pub(super) const TABLE: &str = "CREATE TABLE code (
    token_hash TEXT PRIMARY KEY,
    role TEXT NOT NULL CHECK (role IN ('gateway', 'relay')),
    name TEXT NOT NULL,
    account INTEGER REFERENCES account (id),
    expires INTEGER NOT NULL,
    used_by TEXT,
    used_at INTEGER,
    CHECK ((role = 'gateway') = (account IS NOT NULL))
) STRICT, WITHOUT ROWID";

/// How long an expired code is still told apart from nonsense, in seconds.
const MEMORY: i64 = 7 * 86_400;

/// A code about to be given out.
pub(crate) struct NewCode<'a> {
    pub(crate) token: [u8; 16],
    pub(crate) name: &'a Label,
    /// The owner of a gateway; `None` for a relay.
    pub(crate) account: Option<i64>,
    /// Wall time in seconds since 1970.
    pub(crate) expires: i64,
}

/// A node that wants in.
#[derive(Clone)]
pub(crate) struct Redeem {
    pub(crate) token: [u8; 16],
    pub(crate) role: Role,
    pub(crate) key: PublicKey,
}

/// What a new node gets.
pub(crate) type Identity = (NodeId, Ipv4Addr, Ipv6Addr);

/// A node that is in.
#[derive(Debug, PartialEq)]
pub(crate) struct Enrolled {
    pub(crate) record: Record,
    /// False when it asked again.
    pub(crate) is_new: bool,
}

/// Why a node does not get in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error(
        "this enrolment code is not known here; make a new one with `ntm-dc gateway-code` or `relay-code`"
    )]
    Unknown,
    #[error("this enrolment code has expired; make a new one with `ntm-dc {0}`")]
    Expired(&'static str),
    #[error(
        "this enrolment code was used by another node already; make a new one with `ntm-dc {0}`"
    )]
    Used(&'static str),
    #[error("this enrolment code is for a {0}")]
    Role(&'static str),
    #[error(
        "this key is enrolled as {0} already; remove that with `ntm-dc node remove {0}`, or make a new key on this node"
    )]
    KeyTaken(Label),
    #[error("the name {0} was taken meanwhile; make a code with another name")]
    NameTaken(Label),
    #[error("the domain has no virtual address left; remove nodes that are no longer used")]
    Full,
}

struct Code {
    is_gateway: bool,
    name: Label,
    account: Option<i64>,
    expires: i64,
    used_by: Option<String>,
}

/// False when a node has the name.
pub(super) fn add(tx: &Transaction<'_>, code: &NewCode<'_>, now: i64) -> rusqlite::Result<bool> {
    if gateway::has_name(tx, code.name)? || relay::has_name(tx, code.name)? {
        return Ok(false);
    }
    tx.execute("DELETE FROM code WHERE expires < ?1", [now - MEMORY])?;
    let sql =
        "INSERT INTO code (token_hash, role, name, account, expires) VALUES (?1, ?2, ?3, ?4, ?5)";
    let role = role_name(code.account.is_some());
    let values = (
        hash(&code.token),
        role,
        code.name.as_str(),
        code.account,
        code.expires,
    );
    tx.execute(sql, values)?;
    Ok(true)
}

/// Makes the unused codes for this name worthless; how many there were.
pub(super) fn revoke(tx: &Transaction<'_>, name: &Label) -> rusqlite::Result<usize> {
    let sql = "DELETE FROM code WHERE name = ?1 AND used_by IS NULL";
    tx.execute(sql, [name.as_str()])
}

pub(super) fn void(tx: &Transaction<'_>) -> rusqlite::Result<usize> {
    tx.execute("DELETE FROM code WHERE used_by IS NULL", ())
}

pub(super) fn redeem(
    tx: &Transaction<'_>,
    redeem: &Redeem,
    identity: impl FnOnce() -> Option<Identity>,
    now: i64,
) -> rusqlite::Result<Result<Enrolled, Refused>> {
    let hash = hash(&redeem.token);
    let sql =
        "SELECT role = 'gateway', name, account, expires, used_by FROM code WHERE token_hash = ?1";
    let Some(code) = tx.query_row(sql, [&hash], read).optional()? else {
        return Ok(Err(Refused::Unknown));
    };
    let command = if code.is_gateway {
        "gateway-code"
    } else {
        "relay-code"
    };
    if code.is_gateway != (redeem.role == Role::Gateway) {
        return Ok(Err(Refused::Role(role_name(code.is_gateway))));
    }
    let known = by_key(tx, &redeem.key)?;
    if let Some(used_by) = code.used_by {
        let again =
            known.filter(|record| used_by == redeem.key.to_string() && *name(record) == code.name);
        let enrolled = again.map(|record| Enrolled {
            record,
            is_new: false,
        });
        return Ok(enrolled.ok_or(Refused::Used(command)));
    }
    if code.expires < now {
        return Ok(Err(Refused::Expired(command)));
    }
    if let Some(record) = known {
        return Ok(Err(Refused::KeyTaken(name(&record).clone())));
    }
    if gateway::has_name(tx, &code.name)? || relay::has_name(tx, &code.name)? {
        return Ok(Err(Refused::NameTaken(code.name)));
    }
    let Some(identity) = identity() else {
        return Ok(Err(Refused::Full));
    };
    let record = insert(tx, &code, redeem.key, identity)?;
    let sql = "UPDATE code SET used_by = ?2, used_at = ?3 WHERE token_hash = ?1";
    tx.execute(sql, (&hash, redeem.key.to_string(), now))?;
    Ok(Ok(Enrolled {
        record,
        is_new: true,
    }))
}

fn insert(
    tx: &Transaction<'_>,
    code: &Code,
    key: PublicKey,
    (node, vip4, vip6): Identity,
) -> rusqlite::Result<Record> {
    let name = code.name.clone();
    if let Some(account) = code.account {
        let record = GatewayRecord {
            node,
            account,
            name,
            key,
            epoch: 0,
            instance: None,
            vip4,
            vip6,
            last_address: None,
        };
        gateway::insert(tx, &record)?;
        return Ok(Record::Gateway(record));
    }
    let record = RelayRecord {
        node,
        name,
        key,
        epoch: 0,
        instance: None,
        last_address: None,
    };
    relay::insert(tx, &record)?;
    Ok(Record::Relay(record))
}

fn by_key(tx: &Transaction<'_>, key: &PublicKey) -> rusqlite::Result<Option<Record>> {
    let gateway = gateway::by_key(tx, key)?.map(Record::Gateway);
    Ok(match gateway {
        Some(gateway) => Some(gateway),
        None => relay::by_key(tx, key)?.map(Record::Relay),
    })
}

fn name(record: &Record) -> &Label {
    match record {
        Record::Gateway(gateway) => &gateway.name,
        Record::Relay(relay) => &relay.name,
        Record::Device(device) | Record::Forgotten(device) => &device.label,
    }
}

fn role_name(is_gateway: bool) -> &'static str {
    if is_gateway { "gateway" } else { "relay" }
}

fn hash(token: &[u8; 16]) -> String {
    HEXLOWER.encode(&sha256(token))
}

fn read(row: &Row<'_>) -> rusqlite::Result<Code> {
    Ok(Code {
        is_gateway: row.get(0)?,
        name: column::label(row, 1)?,
        account: row.get(2)?,
        expires: row.get(3)?,
        used_by: row.get(4)?,
    })
}
