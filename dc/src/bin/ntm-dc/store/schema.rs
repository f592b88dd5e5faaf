//! The tables, and which version of them a file has.

use ntm_proto::id::Fqdn;
use rusqlite::{Connection, OptionalExtension, Transaction};

const VERSION: i64 = 1;

const META: &str = "CREATE TABLE meta (
    schema INTEGER NOT NULL,
    domain TEXT NOT NULL
) STRICT";

/// Makes all tables.
pub(super) fn make(tx: &Transaction<'_>, domain: &Fqdn) -> rusqlite::Result<()> {
    let tables = [
        META,
        super::account::TABLES,
        super::gateway::TABLE,
        super::relay::TABLE,
        super::device::TABLE,
        super::code::TABLE,
        super::retired::TABLE,
        super::domain::TABLES,
    ];
    tables.iter().try_for_each(|sql| tx.execute_batch(sql))?;
    let sql = "INSERT INTO meta (schema, domain) VALUES (?1, ?2)";
    tx.execute(sql, (VERSION, domain.as_str())).map(drop)
}

/// The domain of a file that this version made; `None` for an empty file or another version.
pub(super) fn domain(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE name = 'meta'";
    let tables: i64 = connection.query_row(sql, (), |row| row.get(0))?;
    if tables == 0 {
        return Ok(None);
    }
    let sql = "SELECT domain FROM meta WHERE schema = ?1";
    connection
        .query_row(sql, [VERSION], |row| row.get(0))
        .optional()
}
