//! Tables `domain` and `foreign_member`: which domains are trusted, and who of them is in a group.

use super::column;
use ntm_dc::DomainRecord;
use ntm_proto::id::{Fqdn, Label};
use rusqlite::{Connection, Transaction};

/// Made when a store of before is opened, too.
pub(super) const TABLES: &str = "
CREATE TABLE IF NOT EXISTS domain (
    name TEXT PRIMARY KEY,
    key TEXT NOT NULL,
    address TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS foreign_member (
    name TEXT NOT NULL,
    member TEXT NOT NULL,
    PRIMARY KEY (name, member)
) STRICT, WITHOUT ROWID;";

pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<DomainRecord>> {
    let mut query = connection.prepare("SELECT name, key, address FROM domain ORDER BY name")?;
    let rows = query.query_map((), |row| {
        Ok(DomainRecord {
            domain: column::name(row, 0)?,
            key: column::key(row, 1)?,
            address: column::hint(row, 2)?,
        })
    })?;
    rows.collect()
}

/// Adds a domain, or replaces what is known of it.
pub(super) fn put(tx: &Transaction<'_>, record: &DomainRecord) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO domain (name, key, address) VALUES (?1, ?2, ?3)";
    let values = (
        record.domain.as_str(),
        record.key.to_string(),
        record.address.map(|address| address.to_string()),
    );
    tx.execute(sql, values).map(drop)
}

/// Forgets a domain and takes its names out of all groups; how many those were. `None`: there is no such domain.
pub(super) fn remove(tx: &Transaction<'_>, domain: &Fqdn) -> rusqlite::Result<Option<usize>> {
    if tx.execute("DELETE FROM domain WHERE name = ?1", [domain.as_str()])? == 0 {
        return Ok(None);
    }
    let mut taken = 0;
    for (group, member) in members(tx)? {
        if member.is_within(domain) {
            let sql = "DELETE FROM foreign_member WHERE name = ?1 AND member = ?2";
            taken += tx.execute(sql, (group, member.as_str()))?;
        }
    }
    Ok(Some(taken))
}

pub(super) fn members(connection: &Connection) -> rusqlite::Result<Vec<(String, Fqdn)>> {
    let sql = "SELECT name, member FROM foreign_member ORDER BY name, member";
    let mut query = connection.prepare(sql)?;
    let rows = query.query_map((), |row| Ok((row.get(0)?, column::name(row, 1)?)))?;
    rows.collect()
}

pub(super) fn join(tx: &Transaction<'_>, group: &Label, names: &[Fqdn]) -> rusqlite::Result<()> {
    let sql = "INSERT OR IGNORE INTO foreign_member (name, member) VALUES (?1, ?2)";
    let join = |name: &Fqdn| tx.execute(sql, (group.as_str(), name.as_str())).map(drop);
    names.iter().try_for_each(join)
}

pub(super) fn leave(
    tx: &Transaction<'_>,
    group: &Label,
    names: &[Fqdn],
) -> rusqlite::Result<usize> {
    let sql = "DELETE FROM foreign_member WHERE name = ?1 AND member = ?2";
    let leave = |name: &Fqdn| tx.execute(sql, (group.as_str(), name.as_str()));
    names.iter().map(leave).sum()
}

/// Takes everybody out of a group.
pub(super) fn clear(tx: &Transaction<'_>, group: &Label) -> rusqlite::Result<usize> {
    tx.execute(
        "DELETE FROM foreign_member WHERE name = ?1",
        [group.as_str()],
    )
}
