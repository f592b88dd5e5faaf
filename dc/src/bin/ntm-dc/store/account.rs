//! Tables `account` and `group_member`: who owns gateways, and who may talk to whom.

use super::column;
use ntm_dc::Account;
use ntm_proto::id::Label;
use rusqlite::{Connection, Transaction};

pub(super) const TABLES: &str = "
CREATE TABLE account (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE group_member (
    name TEXT NOT NULL,
    account INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    PRIMARY KEY (name, account)
) STRICT, WITHOUT ROWID;";

/// False when there is one of this name.
pub(super) fn add(tx: &Transaction<'_>, name: &Label) -> rusqlite::Result<bool> {
    let sql = "INSERT OR IGNORE INTO account (name) VALUES (?1)";
    Ok(tx.execute(sql, [name.as_str()])? == 1)
}

/// How many gateways it owns; if none, it is gone.
pub(super) fn remove(tx: &Transaction<'_>, account: i64) -> rusqlite::Result<usize> {
    let sql = "SELECT count(*) FROM gateway WHERE account = ?1";
    let owned: i64 = tx.query_row(sql, [account], |row| row.get(0))?;
    if owned > 0 {
        return Ok(usize::try_from(owned).unwrap_or(usize::MAX));
    }
    for sql in [
        "DELETE FROM code WHERE account = ?1",
        "DELETE FROM group_member WHERE account = ?1",
        "DELETE FROM account WHERE id = ?1",
    ] {
        tx.execute(sql, [account])?;
    }
    Ok(0)
}

pub(super) fn name(connection: &Connection, account: i64) -> rusqlite::Result<String> {
    let mut query = connection.prepare("SELECT name FROM account WHERE id = ?1")?;
    query.query_row([account], |row| row.get(0))
}

pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<Account>> {
    let mut query = connection.prepare("SELECT id, name FROM account ORDER BY name")?;
    let rows = query.query_map((), |row| {
        Ok(Account {
            id: row.get(0)?,
            name: column::label(row, 1)?,
        })
    })?;
    rows.collect()
}

pub(super) fn groups(connection: &Connection) -> rusqlite::Result<Vec<(String, i64)>> {
    let sql = "SELECT name, account FROM group_member ORDER BY name, account";
    let mut query = connection.prepare(sql)?;
    let rows = query.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

pub(super) fn join(tx: &Transaction<'_>, group: &Label, accounts: &[i64]) -> rusqlite::Result<()> {
    let sql = "INSERT OR IGNORE INTO group_member (name, account) VALUES (?1, ?2)";
    let join = |account| tx.execute(sql, (group.as_str(), account)).map(drop);
    accounts.iter().try_for_each(join)
}

pub(super) fn leave(
    tx: &Transaction<'_>,
    group: &Label,
    accounts: &[i64],
) -> rusqlite::Result<usize> {
    if accounts.is_empty() {
        return tx.execute("DELETE FROM group_member WHERE name = ?1", [group.as_str()]);
    }
    let sql = "DELETE FROM group_member WHERE name = ?1 AND account = ?2";
    let leave = |account| tx.execute(sql, (group.as_str(), account));
    accounts.iter().map(leave).sum()
}
