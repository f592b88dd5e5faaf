//! Copies of the store: made while the daemon runs, and taken back while it does not.

use crate::admin::open;
use crate::catalog::Catalog;
use crate::daemon::lock;
use crate::{files, store, terminal};
use anyhow::{Context, Result, bail, ensure};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// `backup`
pub(crate) fn make(dir: &Path, to: &Path) -> Result<()> {
    ensure!(!to.exists(), "{} is there already", to.display());
    copy(&Catalog::open(dir)?, to)?;
    terminal::say(&format!("Wrote {}.", to.display()));
    terminal::note(&format!(
        "The keys are not in it. Once, copy {} to a safe place.",
        keys_of(dir)
    ));
    Ok(())
}

/// Writes the copy, for its owner alone.
pub(crate) fn copy(catalog: &Catalog, to: &Path) -> Result<()> {
    // SQLite takes an empty file, and leaves its mode.
    files::touch(to).with_context(|| format!("cannot write {}", to.display()))?;
    let copied = catalog.copy(to);
    if copied.is_err() {
        let _ = fs::remove_file(to);
    }
    copied
}

/// What a restored store needs besides.
pub(crate) fn keys_of(dir: &Path) -> String {
    let names = ["dc.key", "as.key", "as.crt", ntm_dc::config::FILE];
    names
        .map(|name| dir.join(name).display().to_string())
        .join(" ")
}

/// `restore`
pub(crate) fn restore(dir: &Path, from: &Path) -> Result<()> {
    ensure!(from.exists(), "there is no {}", from.display());
    let config = files::config(dir)?;
    let _lock = lock(dir).context("the daemon has to be stopped for this")?;
    // Beside it first: should the copy be no store, or the disk full, nothing has changed.
    let aside = dir.join("restore");
    let _ = fs::remove_dir_all(&aside);
    files::make_dir(&aside)?;
    let tried = try_on(&aside, from, &config);
    let result = tried.and_then(|codes| {
        let (now, before) = (
            store::path(dir),
            store::path(dir).with_extension("db.before"),
        );
        // All of it in one file, so that there is a whole store under its name at any moment; of a damaged one there is no more.
        let _ = store::Store::open(dir, &config.domain).and_then(store::Store::close);
        for end in ["-wal", "-shm", ""] {
            let (now, before) = (with_end(&now, end), with_end(&before, end));
            let _ = fs::remove_file(&before);
            if now.exists() {
                let kept = match end {
                    "" => fs::hard_link(&now, &before),
                    _ => fs::rename(&now, &before),
                };
                kept.with_context(|| format!("cannot keep {}", now.display()))?;
            }
        }
        files::put(&store::path(&aside), &now)
            .with_context(|| format!("cannot write {}", now.display()))?;
        Ok(codes)
    });
    let _ = fs::remove_dir_all(&aside);
    let codes = result?;
    open(dir)?;
    terminal::say(&format!("{} is the store now.", from.display()));
    if codes > 0 {
        terminal::note(&format!(
            "{codes} codes that were unused when it was made are worthless now."
        ));
    }
    Ok(())
}

/// Makes it a store in `aside`; how many codes it made worthless: they may have been used since.
fn try_on(aside: &Path, from: &Path, config: &ntm_dc::config::Config) -> Result<usize> {
    let path = store::path(aside);
    files::touch(&path)?;
    fs::copy(from, &path).with_context(|| format!("cannot copy {}", from.display()))?;
    let mut store = store::Store::open(aside, &config.domain)
        .with_context(|| format!("{} is no copy of this domain's store", from.display()))?;
    if let Err(error) = store.check() {
        bail!("{} is damaged: {error:#}", from.display());
    }
    let codes = store.void_codes()?;
    store.close()?;
    Ok(codes)
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin;
    use crate::cli::Command;
    use crate::scratch::Scratch;
    use ntm_proto::id::{Fqdn, Label};

    fn account(name: &str) -> Command {
        Command::AccountAdd(Label::parse(name).unwrap())
    }

    fn accounts(dir: &Path) -> Vec<String> {
        let (_, store) = open(dir).unwrap();
        let accounts = store.accounts().unwrap().into_iter();
        accounts.map(|account| account.name.to_string()).collect()
    }

    #[test]
    fn a_copy_is_taken_back_and_what_was_there_is_kept() {
        let scratch = Scratch::new();
        let dir = scratch.path().join("dc");
        let (domain, listen) = (
            Fqdn::parse("ntm.test").unwrap(),
            ["192.0.2.1".parse().unwrap()],
        );
        admin::init(&dir, &domain, &listen).unwrap();
        let change = |command: &Command| admin::change(&dir, command).unwrap().unwrap();
        change(&account("anna"));
        let code = Command::GatewayCode {
            name: Label::parse("home").unwrap(),
            account: Label::parse("anna").unwrap(),
            valid: None,
        };
        change(&code);
        let to = scratch.path().join("copy.db");
        make(&dir, &to).unwrap();
        assert!(make(&dir, &to).is_err(), "nothing is overwritten");
        change(&account("ben"));
        assert_eq!(accounts(&dir), ["anna", "ben"]);

        let held = lock(&dir).unwrap();
        assert!(restore(&dir, &to).is_err(), "the daemon runs");
        drop(held);
        restore(&dir, &to).unwrap();
        assert_eq!(accounts(&dir), ["anna"]);
        let codes = Catalog::open(&dir).unwrap().codes(0).unwrap();
        assert_eq!(
            codes["rows"],
            serde_json::json!([]),
            "it may have been used since"
        );
        assert!(dir.join("store.db.before").exists());

        let odd = scratch.path().join("odd.db");
        for bytes in [&b"no store at all, but a letter"[..], b""] {
            fs::write(&odd, bytes).unwrap();
            assert!(restore(&dir, &odd).is_err());
        }
        let mut damaged = fs::read(&to).unwrap();
        let middle = damaged.len() / 2;
        damaged[middle..].fill(0xaa);
        fs::write(&odd, &damaged).unwrap();
        assert!(restore(&dir, &odd).is_err());
        let other = scratch.path().join("other");
        admin::init(&other, &Fqdn::parse("b.test").unwrap(), &listen).unwrap();
        assert!(restore(&other, &to).is_err(), "another domain's");
        assert_eq!(
            accounts(&dir),
            ["anna"],
            "and nothing has changed by all that"
        );

        // What is there may be what has to be replaced.
        fs::write(dir.join("store.db"), &damaged).unwrap();
        restore(&dir, &to).unwrap();
        assert_eq!(accounts(&dir), ["anna"]);
        let kept = fs::read(dir.join("store.db.before")).unwrap();
        assert!(kept[middle..] == damaged[middle..], "it is kept as it is");
    }
}
