//! Table `device`. A device goes with its gateway.

use super::column;
use ntm_dc::DeviceRecord;
use ntm_proto::id::DeviceKey;
use rusqlite::{Connection, Row, Transaction};

pub(super) const TABLE: &str = "CREATE TABLE device (
    node TEXT PRIMARY KEY,
    gateway TEXT NOT NULL REFERENCES gateway (node) ON DELETE CASCADE,
    key BLOB NOT NULL,
    label TEXT NOT NULL,
    vip4 TEXT NOT NULL UNIQUE,
    vip6 TEXT NOT NULL UNIQUE,
    UNIQUE (gateway, key),
    UNIQUE (gateway, label)
) STRICT";

pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<DeviceRecord>> {
    let sql = "SELECT node, gateway, key, label, vip4, vip6 FROM device";
    let mut query = connection.prepare(sql)?;
    query.query_map((), read)?.collect()
}

/// Inserts a device, or writes its new name; the rest of it never changes.
pub(super) fn put(tx: &Transaction<'_>, device: &DeviceRecord) -> rusqlite::Result<()> {
    let sql = "INSERT INTO device (node, gateway, key, label, vip4, vip6)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT (node) DO UPDATE SET label = excluded.label";
    let values = (
        device.node.to_string(),
        device.gateway.to_string(),
        device.key.0,
        device.label.as_str(),
        device.vip4.to_string(),
        device.vip6.to_string(),
    );
    tx.execute(sql, values).map(drop)
}

/// Removes a device; nobody gets its addresses again.
pub(super) fn forget(tx: &Transaction<'_>, device: &DeviceRecord) -> rusqlite::Result<()> {
    super::retired::add(tx, device.vip4, device.vip6)?;
    let sql = "DELETE FROM device WHERE node = ?1";
    tx.execute(sql, [device.node.to_string()]).map(drop)
}

fn read(row: &Row<'_>) -> rusqlite::Result<DeviceRecord> {
    Ok(DeviceRecord {
        node: column::node(row, 0)?,
        gateway: column::node(row, 1)?,
        key: DeviceKey(row.get(2)?),
        label: column::label(row, 3)?,
        vip4: column::address(row, 4)?,
        vip6: column::address(row, 5)?,
    })
}
