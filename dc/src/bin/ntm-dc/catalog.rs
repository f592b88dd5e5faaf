//! What the operator's pages read from the store, on a thread of their own, a page at a time.
//!
//! The file is in write-ahead mode: who reads sees one moment of it and keeps nobody from writing, so the daemon's own
//! thread never waits for a page. A table goes by its order's own key (the last row's name, not its number), found by an
//! index, so the thousandth page costs what the first does. A search for an address or an id is a look into an index; one
//! for a part of a name walks along an index and stops when the page is full, and nothing is copied but that page.

use crate::admin::open;
use crate::config::Config;
use crate::store;
use anyhow::{Context, Result};
use ntm_proto::id::{Fqdn, NodeId};
use ntm_webui::operator::{Page, Part, Sight};
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OpenFlags, Row, params_from_iter};
use serde_json::{Value, json};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Rows of a page.
pub(crate) const PAGE: usize = 50;
/// The most rows of what is never long, but where somebody makes it so.
const MOST: usize = 500;
/// A read that waits longer than this for the file is given up.
const PATIENCE: Duration = Duration::from_secs(2);

/// The store, to be read only.
pub(crate) struct Catalog {
    connection: Connection,
    config: Config,
    path: PathBuf,
}

/// A part of a table: its rows, the nodes they are of, and the keys of the parts before and after.
pub(crate) struct Slice {
    pub(crate) rows: Vec<Value>,
    pub(crate) nodes: Vec<NodeId>,
    before: Option<String>,
    after: Option<String>,
    took: Duration,
}

impl Slice {
    /// As a page has it.
    pub(crate) fn into_value(self) -> Value {
        json!({
            "rows": self.rows,
            "before": self.before,
            "after": self.after,
            "took_ms": self.took.as_micros() as f64 / 1000.0,
        })
    }
}

/// A question to a table, as it grows: conditions, what stands for their marks, and the order.
struct Query {
    select: &'static str,
    conditions: Vec<String>,
    values: Vec<Sql>,
    order: &'static [&'static str],
}

impl Query {
    fn new(select: &'static str, order: &'static [&'static str]) -> Self {
        Self {
            select,
            conditions: Vec::new(),
            values: Vec::new(),
            order,
        }
    }

    /// A condition with `?` where the values go.
    fn only(&mut self, condition: &str, values: impl IntoIterator<Item = String>) {
        let mut text = String::new();
        let mut values = values.into_iter();
        for part in condition.split_inclusive('?') {
            match (part.strip_suffix('?'), values.next()) {
                (Some(before), Some(value)) => {
                    self.values.push(value.into());
                    text += &format!("{before}?{}", self.values.len());
                }
                _ => text += part,
            }
        }
        self.conditions.push(text);
    }

    fn sql(&self, is_backwards: bool) -> String {
        let mut sql = self.select.to_owned();
        for (at, condition) in self.conditions.iter().enumerate() {
            sql += if at == 0 { " WHERE " } else { " AND " };
            sql += &format!("({condition})");
        }
        let way = if is_backwards { " DESC" } else { "" };
        let order: Vec<String> = self.order.iter().map(|by| format!("{by}{way}")).collect();
        format!("{sql} ORDER BY {} LIMIT {}", order.join(", "), PAGE + 1)
    }
}

impl Catalog {
    /// Opens the store in `dir`.
    pub(crate) fn open(dir: &Path) -> Result<Self> {
        // Once by those who may write: they make what a store of before lacks.
        let (config, _) = open(dir)?;
        let path = store::path(dir);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags)
            .with_context(|| format!("cannot read {}", path.display()))?;
        connection.busy_timeout(PATIENCE)?;
        Ok(Self {
            connection,
            config,
            path,
        })
    }

    /// The configuration.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Gateways by name; of an account, or that one.
    pub(crate) fn gateways(&self, sight: &Sight) -> Result<Slice> {
        const SELECT: &str =
            "SELECT gateway.node, gateway.name, account.name, vip4, vip6, key, epoch, last_address,
            (SELECT count(*) FROM device WHERE device.gateway = gateway.node)
            FROM gateway JOIN account ON account.id = gateway.account";
        let mut query = Query::new(SELECT, &["gateway.name"]);
        if sight.page == Page::Gateway {
            query.only("gateway.name = ?", [sight.of.clone()]);
        } else if !sight.of.is_empty() {
            let of = "gateway.account = (SELECT id FROM account WHERE name = ?)";
            query.only(of, [sight.of.clone()]);
        }
        match what(&sight.text, &self.config.domain) {
            Sought::All => {}
            Sought::Address(address) => {
                let seen = match address {
                    IpAddr::V4(v4) => format!("{v4}:%"),
                    IpAddr::V6(v6) => format!("[{v6}]:%"),
                };
                let text = address.to_string();
                // Each part by its own index; where it was last seen has none, which would be written at every move.
                let any = "gateway.node IN (SELECT node FROM gateway WHERE vip4 = ? UNION SELECT node FROM gateway WHERE vip6 = ?
                    UNION SELECT node FROM gateway WHERE last_address LIKE ?)";
                query.only(any, [text.clone(), text, seen]);
            }
            Sought::Node(node) => query.only("gateway.node = ?", [node.to_string()]),
            Sought::Name(part) => query.only("instr(gateway.name, ?)", [part]),
        }
        let read = |row: &Row<'_>| {
            let value = json!({
                "node_id": text(row, 0)?, "name": text(row, 1)?, "account": text(row, 2)?, "vip4": text(row, 3)?, "vip6": text(row, 4)?,
                "key": text(row, 5)?, "starts": row.get::<_, i64>(6)?, "address": row.get::<_, Option<String>>(7)?,
                "devices": row.get::<_, i64>(8)?,
            });
            Ok((text(row, 1)?, value))
        };
        let past = |query: &mut Query, key: &str, sign: char| {
            query.only(&format!("gateway.name {sign} ?"), [key.to_owned()]);
        };
        self.slice(query, &sight.part, past, read)
    }

    /// Devices by gateway and name; of a gateway.
    pub(crate) fn devices(&self, sight: &Sight) -> Result<Slice> {
        // The order of the loops is the order of the rows: no sorting, however many there are.
        const SELECT: &str =
            "SELECT device.node, device.label, gateway.name, device.vip4, device.vip6
            FROM gateway CROSS JOIN device ON device.gateway = gateway.node";
        let mut query = Query::new(SELECT, &["gateway.name", "device.label"]);
        if !sight.of.is_empty() {
            query.only("gateway.name = ?", [sight.of.clone()]);
        }
        match what(&sight.text, &self.config.domain) {
            Sought::All => {}
            Sought::Address(address) => {
                let text = address.to_string();
                let any = "gateway.node IN (SELECT gateway FROM device WHERE vip4 = ? OR vip6 = ?)
                    AND device.node IN (SELECT node FROM device WHERE vip4 = ? OR vip6 = ?)";
                query.only(any, [text.clone(), text.clone(), text.clone(), text]);
            }
            Sought::Node(node) => {
                let one = "gateway.node IN (SELECT gateway FROM device WHERE node = ?) AND device.node = ?";
                query.only(one, [node.to_string(), node.to_string()]);
            }
            Sought::Name(part) => {
                // With a dot it is the end of a device's name and the beginning of its gateway's, which an index finds.
                match part.split_once('.') {
                    Some((label, gateway)) => {
                        let end = format!("{gateway}\u{7f}");
                        let both =
                            "gateway.name >= ? AND gateway.name < ? AND instr(device.label, ?)";
                        query.only(both, [gateway.to_owned(), end, label.to_owned()]);
                    }
                    None => {
                        let either = "instr(gateway.name, ?) OR instr(device.label, ?)";
                        query.only(either, [part.clone(), part]);
                    }
                }
            }
        }
        let read = |row: &Row<'_>| {
            let (label, gateway) = (text(row, 1)?, text(row, 2)?);
            let value = json!({
                "node_id": text(row, 0)?, "name": format!("{label}.{gateway}"), "gateway": gateway, "vip4": text(row, 3)?, "vip6": text(row, 4)?,
            });
            Ok((format!("{gateway}/{label}"), value))
        };
        let past = |query: &mut Query, key: &str, sign: char| {
            let (gateway, label) = key.split_once('/').unwrap_or((key, ""));
            let past = format!(
                "gateway.name {sign}= ? AND (gateway.name {sign} ? OR device.label {sign} ?)"
            );
            query.only(&past, [gateway, gateway, label].map(str::to_owned));
        };
        self.slice(query, &sight.part, past, read)
    }

    fn slice(
        &self,
        mut query: Query,
        part: &Part,
        past: impl Fn(&mut Query, &str, char),
        read: impl Fn(&Row<'_>) -> rusqlite::Result<(String, Value)>,
    ) -> Result<Slice> {
        let began = Instant::now();
        let is_backwards = matches!(part, Part::Before(_));
        match part {
            Part::First => {}
            Part::After(key) => past(&mut query, key, '>'),
            Part::Before(key) => past(&mut query, key, '<'),
        }
        let mut statement = self.connection.prepare(&query.sql(is_backwards))?;
        let found = statement.query_map(params_from_iter(&query.values), |row| read(row))?;
        let mut rows: Vec<(String, Value)> = found.collect::<rusqlite::Result<_>>()?;
        let has_more = rows.len() > PAGE;
        rows.truncate(PAGE);
        if is_backwards {
            rows.reverse();
        }
        let first = rows.first().map(|(key, _)| key.clone());
        let last = rows.last().map(|(key, _)| key.clone());
        let (before, after) = match part {
            Part::First => (None, last.filter(|_| has_more)),
            Part::After(_) => (first, last.filter(|_| has_more)),
            Part::Before(_) => (first.filter(|_| has_more), last),
        };
        let id = |value: &Value| value["node_id"].as_str().and_then(NodeId::parse);
        Ok(Slice {
            nodes: rows.iter().filter_map(|(_, value)| id(value)).collect(),
            rows: rows.into_iter().map(|(_, value)| value).collect(),
            before,
            after,
            took: began.elapsed(),
        })
    }

    /// How the store would go about it.
    #[cfg(test)]
    fn plan(&self, sql: &str, values: &[Sql]) -> String {
        let mut statement = self
            .connection
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap();
        let lines = statement.query_map(params_from_iter(values), |row| row.get::<_, String>(3));
        lines
            .unwrap()
            .collect::<rusqlite::Result<Vec<_>>>()
            .unwrap()
            .join("\n")
    }

    /// Enrolment codes, those that are good first.
    pub(crate) fn codes(&self, now: i64) -> Result<Value> {
        let sql = format!(
            "SELECT code.name, role, account.name, expires, used_by IS NOT NULL, used_at FROM code
            LEFT JOIN account ON account.id = code.account ORDER BY used_by IS NOT NULL, expires DESC, code.name LIMIT {MOST}"
        );
        let mut statement = self.connection.prepare(&sql)?;
        let rows = statement.query_map((), |row| {
            let (expires, is_used): (i64, bool) = (row.get(3)?, row.get(4)?);
            let state = match (is_used, expires < now) {
                (true, _) => "used",
                (false, true) => "expired",
                (false, false) => "open",
            };
            let used = row.get::<_, Option<i64>>(5)?.map(|at| (now - at).max(0));
            Ok(json!({
                "name": text(row, 0)?, "kind": text(row, 1)?, "account": row.get::<_, Option<String>>(2)?, "state": state,
                "expires_s": (expires - now).max(0), "used_s": used,
            }))
        })?;
        Ok(json!({"rows": rows.collect::<rusqlite::Result<Vec<_>>>()?}))
    }

    /// Accounts and groups.
    pub(crate) fn accounts(&self) -> Result<Value> {
        let sql = format!(
            "SELECT name, (SELECT count(*) FROM gateway WHERE gateway.account = account.id),
            (SELECT group_concat(name, ' ') FROM group_member WHERE group_member.account = account.id)
            FROM account ORDER BY name LIMIT {MOST}"
        );
        let mut statement = self.connection.prepare(&sql)?;
        let rows = statement.query_map((), |row| {
            let groups: Option<String> = row.get(2)?;
            let groups = groups.unwrap_or_default();
            let groups: Vec<&str> = groups.split_whitespace().collect();
            Ok(json!({"name": text(row, 0)?, "gateways": row.get::<_, i64>(1)?, "groups": groups}))
        })?;
        let rows: Vec<Value> = rows.collect::<rusqlite::Result<_>>()?;
        let sql = format!(
            "SELECT group_member.name, account.name, 0 FROM group_member JOIN account ON account.id = group_member.account
            UNION ALL SELECT name, member, 1 FROM foreign_member ORDER BY 1, 3, 2 LIMIT {MOST}"
        );
        let mut statement = self.connection.prepare(&sql)?;
        let members = statement.query_map((), |row| {
            Ok((text(row, 0)?, text(row, 1)?, row.get::<_, bool>(2)?))
        })?;
        let mut groups: Vec<Value> = Vec::new();
        for member in members {
            let (group, name, is_foreign) = member?;
            if groups.last().is_none_or(|last| last["name"] != group) {
                groups.push(json!({"name": group, "accounts": [], "foreign": []}));
            }
            let kind = if is_foreign { "foreign" } else { "accounts" };
            let list = groups.last_mut().and_then(|last| last[kind].as_array_mut());
            list.into_iter().for_each(|list| list.push(json!(name)));
        }
        Ok(json!({"rows": rows, "groups": groups}))
    }

    /// How many bytes the store's file has.
    pub(crate) fn bytes(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(0, |file| file.len())
    }

    /// Writes a consistent copy into a new file.
    pub(crate) fn copy(&self, to: &Path) -> Result<()> {
        let name = to.to_str().context("the file's name is not UTF-8")?;
        self.connection
            .execute("VACUUM INTO ?1", [name])
            .with_context(|| format!("cannot write {}; is the disk full?", to.display()))?;
        Ok(())
    }
}

/// What somebody searches for.
enum Sought {
    All,
    Address(IpAddr),
    Node(NodeId),
    /// A part of a name. Names are kept in small letters, so that each is compared byte by byte.
    Name(String),
}

fn what(text: &str, domain: &Fqdn) -> Sought {
    let text = text.trim().trim_end_matches('.').to_ascii_lowercase();
    if text.is_empty() {
        return Sought::All;
    }
    if let Ok(address) = text.trim_matches(['[', ']']).parse() {
        return Sought::Address(address);
    }
    if let Some(node) = NodeId::parse(&text) {
        return Sought::Node(node);
    }
    // A full name, as a person copies it from elsewhere.
    let own = text.strip_suffix(domain.as_str());
    let bare = own.and_then(|head| head.strip_suffix('.')).unwrap_or(&text);
    Sought::Name(bare.to_owned())
}

fn text(row: &Row<'_>, index: usize) -> rusqlite::Result<String> {
    row.get(index)
}

#[cfg(test)]
mod tests;
