//! Table `relay`.

use super::column;
use ntm_dc::RelayRecord;
use ntm_proto::id::{Label, NodeId};
use ntm_proto::key::PublicKey;
use rusqlite::{Connection, OptionalExtension, Row, Transaction};

pub(super) const TABLE: &str = "CREATE TABLE relay (
    node TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    key TEXT NOT NULL UNIQUE,
    epoch INTEGER NOT NULL,
    instance BLOB,
    last_address TEXT
) STRICT";

const SELECT: &str = "SELECT node, name, key, epoch, instance, last_address FROM relay";

pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<RelayRecord>> {
    let mut query = connection.prepare(SELECT)?;
    query.query_map((), read)?.collect()
}

pub(super) fn by_key(
    tx: &Transaction<'_>,
    key: &PublicKey,
) -> rusqlite::Result<Option<RelayRecord>> {
    let sql = format!("{SELECT} WHERE key = ?1");
    tx.query_row(&sql, [key.to_string()], read).optional()
}

pub(super) fn has_name(tx: &Transaction<'_>, name: &Label) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM relay WHERE name = ?1)";
    tx.query_row(sql, [name.as_str()], |row| row.get(0))
}

pub(super) fn insert(tx: &Transaction<'_>, relay: &RelayRecord) -> rusqlite::Result<()> {
    let sql = "INSERT INTO relay (node, name, key, epoch, instance, last_address)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let values = (
        relay.node.to_string(),
        relay.name.as_str(),
        relay.key.to_string(),
        relay.epoch,
        relay.instance,
        relay.last_address.map(|address| address.to_string()),
    );
    tx.execute(sql, values).map(drop)
}

/// Writes what changes in a relay's life. Fails when it was removed meanwhile: it must not come back.
pub(super) fn update(tx: &Transaction<'_>, relay: &RelayRecord) -> rusqlite::Result<()> {
    let sql = "UPDATE relay SET epoch = ?2, instance = ?3, last_address = ?4 WHERE node = ?1";
    let values = (
        relay.node.to_string(),
        relay.epoch,
        relay.instance,
        relay.last_address.map(|address| address.to_string()),
    );
    match tx.execute(sql, values)? {
        0 => Err(rusqlite::Error::QueryReturnedNoRows),
        _ => Ok(()),
    }
}

pub(super) fn remove(tx: &Transaction<'_>, name: &Label) -> rusqlite::Result<Option<NodeId>> {
    let sql = "DELETE FROM relay WHERE name = ?1 RETURNING node";
    tx.query_row(sql, [name.as_str()], |row| column::node(row, 0))
        .optional()
}

fn read(row: &Row<'_>) -> rusqlite::Result<RelayRecord> {
    Ok(RelayRecord {
        node: column::node(row, 0)?,
        name: column::label(row, 1)?,
        key: column::key(row, 2)?,
        epoch: row.get(3)?,
        instance: row.get(4)?,
        last_address: column::hint(row, 5)?,
    })
}
