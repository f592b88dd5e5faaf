//! What must survive a restart, in one SQLite file that the daemon and the command line open side by side.
//!
//! Each table's SQL is in one child. Every change is one transaction, on disk before it is acknowledged; when the
//! disk is full or read-only the change fails as a whole and what was acknowledged stays.

mod account;
mod code;
mod column;
mod device;
mod domain;
mod gateway;
mod relay;
mod retired;
mod schema;

pub(crate) use code::{Enrolled, Identity, NewCode, Redeem, Refused};

use crate::files;
use anyhow::{Result, anyhow, bail};
use ntm_dc::{DomainRecord, Record, Snapshot};
use ntm_proto::id::{Fqdn, Label, NodeId};
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The open file.
pub(crate) struct Store {
    connection: Connection,
    path: PathBuf,
}

impl Store {
    /// Makes `dir`'s store for `domain`; refuses to touch one that exists.
    pub(crate) fn create(dir: &Path, domain: &Fqdn) -> Result<()> {
        if Self::exists(dir) {
            bail!(
                "{} has a store already; choose another --dir, or move it away first",
                dir.display()
            );
        }
        files::make_dir(dir)?;
        let path = path(dir);
        // SQLite gives its other files the mode of this one.
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        options
            .open(&path)
            .map_err(|error| anyhow!("cannot write {}: {error}", path.display()))?;
        let mut store = Self::connect(path)?;
        store.write(|tx| schema::make(tx, domain))
    }

    /// Whether `dir` has a store with something in it.
    pub(crate) fn exists(dir: &Path) -> bool {
        let made = |store: Self| schema::domain(&store.connection);
        path(dir).exists() && !matches!(Self::connect(path(dir)).map(made), Ok(Ok(None)))
    }

    /// Opens `dir`'s store, which must be `domain`'s.
    pub(crate) fn open(dir: &Path, domain: &Fqdn) -> Result<Self> {
        let path = path(dir);
        if !path.exists() {
            bail!(
                "{} has no store; make it with `ntm-dc init --domain {domain} --dir {}`",
                dir.display(),
                dir.display()
            );
        }
        let store = Self::connect(path)?;
        let found = schema::domain(&store.connection).map_err(|error| store.explain(error))?;
        match found {
            Some(found) if found == domain.as_str() => {
                let tables = [domain::TABLES, gateway::INDEX].concat();
                let made = store.connection.execute_batch(&tables);
                made.map_err(|error| store.explain(error))?;
                Ok(store)
            }
            Some(found) => bail!(
                "{} belongs to the domain {found}, the configuration says {domain}; set `domain` back in {}",
                store.path.display(),
                dir.join(crate::config::FILE).display()
            ),
            None => bail!(
                "{} is of another version of ntm-dc, or `ntm-dc init` was interrupted; run it again",
                store.path.display()
            ),
        }
    }

    /// All that a coordinator starts with.
    pub(crate) fn snapshot(&self) -> Result<Snapshot> {
        let all = || {
            Ok(Snapshot {
                gateways: gateway::all(&self.connection)?,
                relays: relay::all(&self.connection)?,
                devices: device::all(&self.connection)?,
                groups: account::groups(&self.connection)?,
                foreign: domain::members(&self.connection)?,
                domains: domain::all(&self.connection)?,
                retired: retired::all(&self.connection)?,
            })
        };
        all().map_err(|error| self.explain(error))
    }

    /// How long to wait for other programs that write: the daemon, which serves everybody, waits less than a
    /// command that a person typed.
    pub(crate) fn set_patience(&self, patience: Duration) -> Result<()> {
        let set = self.connection.busy_timeout(patience);
        set.map_err(|error| self.explain(error))
    }

    /// Writes what the coordinator changed; tells for each record whether it is on disk now.
    pub(crate) fn save(&mut self, records: &[Record]) -> Vec<bool> {
        let all = self.transact(|tx| records.iter().try_for_each(|record| save(tx, record)));
        match all {
            Ok(()) => return vec![true; records.len()],
            Err(error) if is_of_the_store(&error) => {
                // The next one would wait and fail like this one, and nobody is served meanwhile.
                tracing::error!("{:#}", self.explain(error));
                return vec![false; records.len()];
            }
            Err(_) => {}
        }
        let one = |record| {
            let saved = self.write(|tx| save(tx, record));
            if let Err(error) = &saved {
                tracing::error!("{error:#}");
            }
            saved.is_ok()
        };
        records.iter().map(one).collect()
    }

    /// Makes an account.
    pub(crate) fn add_account(&mut self, name: &Label) -> Result<()> {
        match self.write(|tx| account::add(tx, name))? {
            true => Ok(()),
            false => bail!("there is an account {name} already"),
        }
    }

    /// Removes an account with its codes and its places in groups, if it owns no gateway; how many it owns.
    pub(crate) fn remove_account(&mut self, account: i64) -> Result<usize> {
        self.write(|tx| account::remove(tx, account))
    }

    /// The names of these accounts, in their order.
    pub(crate) fn account_names(&self, accounts: impl Iterator<Item = i64>) -> Result<Vec<String>> {
        let names = accounts.map(|account| account::name(&self.connection, account));
        names
            .collect::<rusqlite::Result<_>>()
            .map_err(|error| self.explain(error))
    }

    /// Makes the unused codes for this name worthless; how many there were.
    pub(crate) fn revoke_codes(&mut self, name: &Label) -> Result<usize> {
        self.write(|tx| code::revoke(tx, name))
    }

    /// Makes all unused codes worthless; how many there were.
    pub(crate) fn void_codes(&mut self) -> Result<usize> {
        self.write(code::void)
    }

    /// Whether the file is sound, in all its parts.
    pub(crate) fn check(&self) -> Result<()> {
        let sql = "PRAGMA integrity_check(1)";
        let found = self
            .connection
            .query_row(sql, (), |row| row.get::<_, String>(0));
        match found.map_err(|error| self.explain(error))?.as_str() {
            "ok" => self.snapshot().map(drop),
            what => bail!("{what}"),
        }
    }

    /// Puts everything into the one file, and closes it.
    pub(crate) fn close(self) -> Result<()> {
        let mode = self
            .connection
            .pragma_update(None, "journal_mode", "DELETE");
        mode.map_err(|error| self.explain(error))?;
        self.connection
            .close()
            .map_err(|(_, error)| explain(&self.path, error))
    }

    /// The accounts' numbers and names, by name.
    pub(crate) fn accounts(&self) -> Result<Vec<ntm_dc::Account>> {
        account::all(&self.connection).map_err(|error| self.explain(error))
    }

    /// The account called `name`.
    pub(crate) fn account(&self, name: &Label) -> Result<i64> {
        let found = self
            .accounts()?
            .into_iter()
            .find(|account| account.name == *name);
        found.map(|account| account.id).ok_or_else(|| {
            anyhow!("there is no account {name}; make it with `ntm-dc account add {name}`, or see `ntm-dc account list`")
        })
    }

    /// Who is in which group.
    pub(crate) fn groups(&self) -> Result<Vec<(String, i64)>> {
        account::groups(&self.connection).map_err(|error| self.explain(error))
    }

    /// Puts accounts, and names of other domains, into a group.
    pub(crate) fn add_to_group(
        &mut self,
        group: &Label,
        accounts: &[i64],
        foreign: &[Fqdn],
    ) -> Result<()> {
        self.write(|tx| {
            account::join(tx, group, accounts)?;
            domain::join(tx, group, foreign)
        })
    }

    /// Who of other domains is in which group.
    pub(crate) fn foreign(&self) -> Result<Vec<(String, Fqdn)>> {
        domain::members(&self.connection).map_err(|error| self.explain(error))
    }

    /// The trusted domains, by name.
    pub(crate) fn domains(&self) -> Result<Vec<DomainRecord>> {
        domain::all(&self.connection).map_err(|error| self.explain(error))
    }

    /// Trusts a domain, or another key of it.
    pub(crate) fn trust(&mut self, record: &DomainRecord) -> Result<()> {
        self.write(|tx| domain::put(tx, record))
    }

    /// Trusts a domain no more; how many of its names were in groups. `None`: it was not trusted.
    pub(crate) fn forget_domain(&mut self, name: &Fqdn) -> Result<Option<usize>> {
        self.write(|tx| domain::remove(tx, name))
    }

    /// Takes members out of a group, or all when none is named; how many were in it.
    pub(crate) fn remove_from_group(
        &mut self,
        group: &Label,
        accounts: &[i64],
        foreign: &[Fqdn],
    ) -> Result<usize> {
        self.write(|tx| match (accounts, foreign) {
            ([], []) => Ok(account::leave(tx, group, &[])? + domain::clear(tx, group)?),
            ([], foreign) => domain::leave(tx, group, foreign),
            (accounts, foreign) => {
                Ok(account::leave(tx, group, accounts)? + domain::leave(tx, group, foreign)?)
            }
        })
    }

    /// Keeps a new code; fails when a node of that name exists.
    pub(crate) fn add_code(&mut self, code: &NewCode<'_>, now: i64) -> Result<()> {
        match self.write(|tx| code::add(tx, code, now))? {
            true => Ok(()),
            false => bail!(
                "there is a gateway or relay {} already; choose another name, or `ntm-dc node remove {}` first",
                code.name,
                code.name
            ),
        }
    }

    /// Uses a code up and writes the new node, or says why not. `identity` is asked only when the code is good.
    pub(crate) fn redeem(
        &mut self,
        redeem: &Redeem,
        identity: impl FnOnce() -> Option<Identity>,
        now: i64,
    ) -> Result<Result<Enrolled, Refused>> {
        let mut refused = None;
        let done = self.write(|tx| {
            let result = code::redeem(tx, redeem, identity, now)?;
            refused = result.as_ref().err().cloned();
            Ok(result.ok())
        })?;
        Ok(done.ok_or_else(|| refused.unwrap_or(Refused::Unknown)))
    }

    /// Forgets the gateway (with its devices) or relay of this name.
    pub(crate) fn remove_node(&mut self, name: &Label) -> Result<Option<NodeId>> {
        self.write(|tx| Ok(gateway::remove(tx, name)?.or(relay::remove(tx, name)?)))
    }

    fn connect(path: PathBuf) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let set_up = || {
            let connection = Connection::open_with_flags(&path, flags)?;
            connection.busy_timeout(Duration::from_secs(5))?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "foreign_keys", true)?;
            Ok(connection)
        };
        match set_up() {
            Ok(connection) => Ok(Self { connection, path }),
            Err(error) => Err(explain(&path, error)),
        }
    }

    /// One transaction that others cannot come between.
    fn write<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let done = self.transact(work);
        done.map_err(|error| self.explain(error))
    }

    fn transact<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let behavior = TransactionBehavior::Immediate;
        let tx = self.connection.transaction_with_behavior(behavior)?;
        let done = work(&tx)?;
        tx.commit()?;
        Ok(done)
    }

    fn explain(&self, error: rusqlite::Error) -> anyhow::Error {
        explain(&self.path, error)
    }
}

pub(crate) fn path(dir: &Path) -> PathBuf {
    dir.join("store.db")
}

fn save(tx: &Transaction<'_>, record: &Record) -> rusqlite::Result<()> {
    match record {
        Record::Gateway(gateway) => gateway::update(tx, gateway),
        Record::Relay(relay) => relay::update(tx, relay),
        Record::Device(device) => device::put(tx, device),
        Record::Forgotten(device) => device::forget(tx, device),
    }
}

/// Whether a fault is the store's, so that every record would meet it, and not one record's.
fn is_of_the_store(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DiskFull
                | ErrorCode::ReadOnly
                | ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::SystemIoFailure
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
        )
    )
}

/// What went wrong, where, and what to do about it.
fn explain(path: &Path, error: rusqlite::Error) -> anyhow::Error {
    if matches!(error, rusqlite::Error::QueryReturnedNoRows) {
        return anyhow!("{}: the node was removed meanwhile", path.display());
    }
    let advice = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => {
            "the disk is full; free some space. Nothing acknowledged was lost"
        }
        Some(ErrorCode::ReadOnly) => {
            "it cannot be written; check its owner, and whether the disk is mounted read-only"
        }
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            "it cannot be opened; check the owner and the rights of it and its directory, and whether the disk is mounted read-only"
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another program keeps it locked; try again, and end that program if this stays"
        }
        Some(ErrorCode::SystemIoFailure) => "the disk reports errors; check it and its free space",
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            "it is damaged; restore it from a backup"
        }
        _ => "this should not happen; please report it",
    };
    anyhow!("{}: {advice} ({error})", path.display())
}

#[cfg(test)]
mod tests;
