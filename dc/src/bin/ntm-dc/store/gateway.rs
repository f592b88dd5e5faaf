//! Table `gateway`.

use super::column;
use ntm_dc::GatewayRecord;
use ntm_proto::id::{Label, NodeId};
use ntm_proto::key::PublicKey;
use rusqlite::{Connection, OptionalExtension, Row, Transaction};

pub(super) const TABLE: &str = "CREATE TABLE gateway (
    node TEXT PRIMARY KEY,
    account INTEGER NOT NULL REFERENCES account (id),
    name TEXT NOT NULL UNIQUE,
    key TEXT NOT NULL UNIQUE,
    epoch INTEGER NOT NULL,
    instance BLOB,
    vip4 TEXT NOT NULL UNIQUE,
    vip6 TEXT NOT NULL UNIQUE,
    last_address TEXT
) STRICT";

/// For the pages: an account's gateways by name. Made when a store of before is opened, too.
pub(super) const INDEX: &str =
    "CREATE INDEX IF NOT EXISTS gateway_account ON gateway (account, name);";

const SELECT: &str =
    "SELECT node, account, name, key, epoch, instance, vip4, vip6, last_address FROM gateway";

pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<GatewayRecord>> {
    let mut query = connection.prepare(SELECT)?;
    query.query_map((), read)?.collect()
}

pub(super) fn by_key(
    tx: &Transaction<'_>,
    key: &PublicKey,
) -> rusqlite::Result<Option<GatewayRecord>> {
    let sql = format!("{SELECT} WHERE key = ?1");
    tx.query_row(&sql, [key.to_string()], read).optional()
}

pub(super) fn has_name(tx: &Transaction<'_>, name: &Label) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM gateway WHERE name = ?1)";
    tx.query_row(sql, [name.as_str()], |row| row.get(0))
}

pub(super) fn insert(tx: &Transaction<'_>, gateway: &GatewayRecord) -> rusqlite::Result<()> {
    let sql =
        "INSERT INTO gateway (node, account, name, key, epoch, instance, vip4, vip6, last_address)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let values = (
        gateway.node.to_string(),
        gateway.account,
        gateway.name.as_str(),
        gateway.key.to_string(),
        gateway.epoch,
        gateway.instance,
        gateway.vip4.to_string(),
        gateway.vip6.to_string(),
        gateway.last_address.map(|address| address.to_string()),
    );
    tx.execute(sql, values).map(drop)
}

/// Writes what changes in a gateway's life. Fails when it was removed meanwhile: it must not come back.
pub(super) fn update(tx: &Transaction<'_>, gateway: &GatewayRecord) -> rusqlite::Result<()> {
    let sql = "UPDATE gateway SET epoch = ?2, instance = ?3, last_address = ?4 WHERE node = ?1";
    let values = (
        gateway.node.to_string(),
        gateway.epoch,
        gateway.instance,
        gateway.last_address.map(|address| address.to_string()),
    );
    match tx.execute(sql, values)? {
        0 => Err(rusqlite::Error::QueryReturnedNoRows),
        _ => Ok(()),
    }
}

pub(super) fn remove(tx: &Transaction<'_>, name: &Label) -> rusqlite::Result<Option<NodeId>> {
    super::retired::keep(tx, name)?;
    let sql = "DELETE FROM gateway WHERE name = ?1 RETURNING node";
    tx.query_row(sql, [name.as_str()], |row| column::node(row, 0))
        .optional()
}

fn read(row: &Row<'_>) -> rusqlite::Result<GatewayRecord> {
    Ok(GatewayRecord {
        node: column::node(row, 0)?,
        account: row.get(1)?,
        name: column::label(row, 2)?,
        key: column::key(row, 3)?,
        epoch: row.get(4)?,
        instance: row.get(5)?,
        vip4: column::address(row, 6)?,
        vip6: column::address(row, 7)?,
        last_address: column::hint(row, 8)?,
    })
}
