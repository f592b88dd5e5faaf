//! The password of the operator's pages: where its hash is kept, and `ntm-dc password`.

use crate::admin::open;
use crate::{files, keys, terminal};
use anyhow::{Context, Result, anyhow};
use ntm_webui::password::{self, Cost, Unfit};
use ntm_webui::prompt;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// The longest file that is read: a hash has about a hundred bytes.
const MAX_FILE: u64 = 1024;
/// A server has more memory than a router: 19 MiB and two passes, of the OWASP password storage cheat sheet.
pub(crate) const COST: Cost = Cost {
    kib: 19 << 10,
    passes: 2,
};

fn path(dir: &Path) -> PathBuf {
    dir.join("web.password")
}

/// The hash that is kept. A file that holds none is a password that nobody knows.
pub(crate) fn kept(dir: &Path) -> Option<String> {
    let mut text = String::new();
    let read = File::open(path(dir)).and_then(|file| file.take(MAX_FILE).read_to_string(&mut text));
    match read {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        _ => Some(text.trim_end().to_owned()),
    }
}

/// Keeps a hash.
pub(crate) fn keep(dir: &Path, phc: &str) -> Result<()> {
    files::write(&path(dir), format!("{phc}\n").as_bytes())
}

/// `password`
pub(crate) fn set(dir: &Path) -> Result<()> {
    let (config, _) = open(dir)?;
    let new = prompt::new_password().context("no new password")?;
    let phc = password::hash(&new, keys::random()?, COST).map_err(|unfit| match unfit {
        Unfit::Short => anyhow!(
            "too short: at least {} characters; nothing has changed",
            password::SHORTEST
        ),
        Unfit::Long => anyhow!(
            "too long: at most {} bytes; nothing has changed",
            password::LONGEST
        ),
    })?;
    keep(dir, &phc)?;
    terminal::say("The pages have this password now; nobody is logged in there any more.");
    match config.web_listen {
        Some(at) => terminal::note(&format!("They are at http://{at} while the daemon runs.")),
        None => terminal::note("They are not served: `web = false` in the configuration."),
    }
    Ok(())
}
