//! The page's password: where its hash is kept, and `ntm-gateway password`.

use crate::cli;
use anyhow::{Context, Result, ensure};
use ntm_enrolment::state::write_atomically;
use ntm_webui::password::{self, Cost, Unfit};
use ntm_webui::prompt;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The file in the state directory.
const FILE: &str = "web.password";
/// The longest file that is read: a hash has about a hundred bytes.
const MAX_FILE: u64 = 1024;

fn file(dir: &Path) -> PathBuf {
    dir.join(FILE)
}

/// The hash that is kept. A file that holds none is like a password that nobody knows: the page stays closed until
/// another is set here.
pub(crate) fn kept(dir: &Path) -> Option<String> {
    let mut text = String::new();
    let opened = fs::File::open(file(dir));
    match opened.and_then(|file| file.take(MAX_FILE).read_to_string(&mut text)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        _ => Some(text.trim_end().to_owned()),
    }
}

/// Keeps a hash.
pub(crate) fn keep(dir: &Path, phc: &str) -> io::Result<()> {
    write_atomically(&file(dir), format!("{phc}\n").as_bytes(), 0o600)
}

/// Asks for a password and keeps its hash.
pub(crate) fn set(dir: &Path) -> Result<()> {
    ensure!(
        dir.is_dir(),
        "{} is no directory; enrol the gateway first",
        dir.display()
    );
    let new = prompt::new_password().context("no new password")?;
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).context("the kernel gives no randomness")?;
    let phc = password::hash(&new, salt, Cost::ROUTER).map_err(|unfit| match unfit {
        Unfit::Short => anyhow::anyhow!(
            "too short: at least {} characters; nothing has changed",
            password::SHORTEST
        ),
        Unfit::Long => anyhow::anyhow!(
            "too long: at most {} bytes; nothing has changed",
            password::LONGEST
        ),
    })?;
    keep(dir, &phc).with_context(|| format!("cannot write {}", file(dir).display()))?;
    cli::print("The page has this password now; nobody is logged in there any more.\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_kept_and_a_broken_file_is_no_open_door() {
        let dir = std::env::temp_dir().join(format!("ntm-password-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        assert_eq!(kept(&dir), None);
        keep(&dir, "$argon2id$x").unwrap();
        assert_eq!(kept(&dir).as_deref(), Some("$argon2id$x"));
        fs::write(file(&dir), [0xff; 5000]).unwrap();
        assert!(kept(&dir).is_some_and(|text| !password::is_hash(&text)));
        fs::write(file(&dir), "").unwrap();
        assert!(kept(&dir).is_some_and(|text| !password::verify("", &text)));
        fs::remove_dir_all(&dir).unwrap();
    }
}
