//! Table `retired`: virtual addresses of removed nodes, which nobody gets again.

use super::column;
use ntm_proto::id::Label;
use rusqlite::{Connection, Transaction};
use std::net::{Ipv4Addr, Ipv6Addr};

pub(super) const TABLE: &str = "CREATE TABLE retired (
    vip4 TEXT PRIMARY KEY,
    vip6 TEXT NOT NULL
) STRICT, WITHOUT ROWID";

pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<(Ipv4Addr, Ipv6Addr)>> {
    let mut query = connection.prepare("SELECT vip4, vip6 FROM retired")?;
    let read = |row: &rusqlite::Row<'_>| Ok((column::address(row, 0)?, column::address(row, 1)?));
    query.query_map((), read)?.collect()
}

/// Keeps the addresses of a device.
pub(super) fn add(tx: &Transaction<'_>, vip4: Ipv4Addr, vip6: Ipv6Addr) -> rusqlite::Result<()> {
    let sql = "INSERT OR IGNORE INTO retired (vip4, vip6) VALUES (?1, ?2)";
    tx.execute(sql, [vip4.to_string(), vip6.to_string()])
        .map(drop)
}

/// Keeps the addresses of the gateway of this name and of its devices, which are about to be removed.
pub(super) fn keep(tx: &Transaction<'_>, gateway: &Label) -> rusqlite::Result<()> {
    let sql = "INSERT OR IGNORE INTO retired (vip4, vip6)
        SELECT vip4, vip6 FROM gateway WHERE name = ?1
        UNION SELECT device.vip4, device.vip6 FROM device
            JOIN gateway ON device.gateway = gateway.node WHERE gateway.name = ?1";
    tx.execute(sql, [gateway.as_str()]).map(drop)
}
