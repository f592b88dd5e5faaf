//! The page's password: where its hash is kept, and `ntm-gateway password`.

use crate::cli;
use anyhow::{Context, Result, bail, ensure};
use ntm_enrolment::state::write_atomically;
use ntm_webui::password::{self, Cost, Unfit};
use std::fs;
use std::io::{self, BufRead, IsTerminal, Read};
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
    let new = if io::stdin().is_terminal() {
        let _silent = Silent::begin()?;
        let new = line("New password: ")?;
        if line("The same again: ")? != new {
            bail!("the two are not the same; nothing has changed");
        }
        new
    } else {
        line("")?
    };
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

fn line(prompt: &str) -> Result<String> {
    cli::print(prompt)?;
    let mut text = String::new();
    let mut input = io::stdin().lock().take(MAX_FILE);
    input.read_line(&mut text).context("cannot read it")?;
    if !prompt.is_empty() {
        cli::print("\n")?;
    }
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// A terminal that does not show what is typed, as long as this lives.
struct Silent(libc::termios);

impl Silent {
    #[expect(unsafe_code, reason = "no safe wrapper for terminals")]
    fn begin() -> Result<Self> {
        // SAFETY: all zeros is a `termios`, and the kernel overwrites it.
        let mut before: libc::termios = unsafe { std::mem::zeroed() };
        // SAFETY: the kernel writes one `termios`, which outlives the call.
        if unsafe { libc::tcgetattr(libc::STDIN_FILENO, &raw mut before) } != 0 {
            return Err(io::Error::last_os_error()).context("the terminal says nothing of itself");
        }
        let mut silent = before;
        silent.c_lflag &= !libc::ECHO;
        // SAFETY: the kernel reads one `termios`, which outlives the call.
        if unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSAFLUSH, &raw const silent) } != 0 {
            return Err(io::Error::last_os_error()).context("the terminal would show the password");
        }
        Ok(Self(before))
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        // SAFETY: the kernel reads one `termios`, which outlives the call.
        #[expect(unsafe_code, reason = "no safe wrapper for terminals")]
        unsafe {
            libc::tcsetattr(libc::STDIN_FILENO, libc::TCSAFLUSH, &raw const self.0);
        }
    }
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
