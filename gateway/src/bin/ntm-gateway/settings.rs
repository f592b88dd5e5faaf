//! Where the configuration is: `ntm-gateway.toml` in the state directory, or UCI's file on OpenWrt.

use anyhow::{Context, Result, anyhow, bail};
use ntm_enrolment::socket::control_socket;
use ntm_enrolment::state::write_atomically;
use ntm_gateway::config::edit::{self, Form};
use ntm_gateway::config::{Config, EXAMPLE, FILE_NAME, Network, is_switched_on};
use std::io::ErrorKind;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// Where systems keep what programs keep.
const STATE: &str = "/etc";
/// UCI's file of the package that has the directory `ntm` there, below the same.
const OF_PACKAGE: &str = "config/ntm";

/// Where its init script keeps copies.
const COPIES: [&str; 2] = ["/var/run/ntm", "/tmp/run/ntm"];

/// What switches the package's gateway on, once it is enrolled.
const SWITCH_ON: &str = "\
switch the gateway on, whose settings are in /etc/config/ntm:
  uci set 'ntm.@gateway[0].enabled=1' && uci commit ntm && /etc/init.d/ntm-gateway start
`/etc/init.d/ntm-gateway enrol CODE` does all of it at once, the next time.
";

/// What the command line says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// UCI's file.
    pub(crate) uci: Option<PathBuf>,
    /// What netifd knows of the networks that the file names.
    pub(crate) networks: Vec<Network>,
    /// Where the page is served as long as there is no configuration; without it, on every LAN there seems to be.
    pub(crate) lan: Option<String>,
}

impl Settings {
    /// Reads it; `dir` is the state directory.
    pub(crate) fn read(&self, dir: &Path) -> Result<Config> {
        let source = self.source(dir);
        Ok(edit::read(&source.name, &source.read()?, source.form())?)
    }

    /// Whether a gateway may start by it: UCI's has a switch, which the init script obeys before us.
    pub(crate) fn is_switched_on(&self, dir: &Path) -> bool {
        self.uci.is_none()
            || self
                .source(dir)
                .read()
                .is_ok_and(|text| is_switched_on(&text))
    }

    /// Where it is.
    pub(crate) fn source(&self, dir: &Path) -> Source<'_> {
        let path = self.uci.clone().unwrap_or_else(|| dir.join(FILE_NAME));
        let (is_ours, missing) = match &self.uci {
            Some(path) => (!is_copy(path), "openwrt/README.md shows one"),
            None if is_packaged(dir, Path::new(STATE)) => (
                false,
                "the settings here are in /etc/config/ntm, and `/etc/init.d/ntm-gateway start` runs the gateway by them",
            ),
            None => (
                true,
                "`ntm-gateway enrol` writes an example, README.md shows one",
            ),
        };
        Source {
            name: path.display().to_string(),
            path,
            networks: self.uci.as_ref().map(|_| self.networks.as_slice()),
            hand: hand(dir).filter(|_| !is_ours && self.uci.is_some()),
            is_ours,
            missing,
        }
    }
}

/// The file with the settings.
pub(crate) struct Source<'a> {
    /// As faults call it.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// What netifd knows, if it is UCI's.
    pub(crate) networks: Option<&'a [Network]>,
    /// Whether what we write there is what the next start reads.
    pub(crate) is_ours: bool,
    /// Else who writes for us, if anybody does: the pipe to the package's script.
    pub(crate) hand: Option<PathBuf>,
    missing: &'static str,
}

impl Source<'_> {
    pub(crate) fn form(&self) -> Form<'_> {
        self.networks.map_or(Form::Toml, Form::Uci)
    }

    pub(crate) fn read(&self) -> Result<String> {
        match std::fs::read_to_string(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                bail!("{} is missing; {}", self.name, self.missing)
            }
            other => other.with_context(|| format!("cannot read {}", self.name)),
        }
    }
}

/// The pipe to `ntm.hand.sh`, which writes /etc/config/ntm for us: our jail keeps us from it.
pub(crate) fn hand(dir: &Path) -> Option<PathBuf> {
    let pipe = control_socket(dir).with_file_name("hand");
    let is_pipe = std::fs::metadata(&pipe).is_ok_and(|data| data.file_type().is_fifo());
    is_pipe.then_some(pipe)
}

/// Whether this is the package's copy of what is written: ntm.settings.sh makes it anew.
fn is_copy(path: &Path) -> bool {
    COPIES.iter().any(|dir| path.starts_with(dir))
}

/// Sees to it that a gateway that has just been enrolled in `dir` by hand has a configuration; what comes next, for a person.
pub(crate) fn after_enrolment(dir: &Path) -> Result<String> {
    next_step(dir, Path::new(STATE))
}

fn next_step(dir: &Path, state: &Path) -> Result<String> {
    if is_packaged(dir, state) {
        return Ok(SWITCH_ON.to_owned());
    }
    let config = dir.join(FILE_NAME);
    let mut next = String::new();
    if !config.exists() {
        let file = config.display();
        write_atomically(&config, EXAMPLE.as_bytes(), 0o644)
            .with_context(|| format!("cannot write {file}"))?;
        next = format!("check {file}, then ");
    }
    let dir = dir.display();
    next += &format!("start it with `ntm-gateway run --dir {dir}`.\n");
    Ok(next)
}

/// Whether `dir` is the one of OpenWrt's package, whose init script reads UCI's file and no other.
fn is_packaged(dir: &Path, state: &Path) -> bool {
    dir == state.join("ntm") && state.join(OF_PACKAGE).is_file()
}

/// `NAME=DEVICE` or `NAME=DEVICE,ADDRESS/LENGTH`.
pub(crate) fn network(text: &str) -> Result<Network> {
    let parsed = text.split_once('=').and_then(|(name, rest)| {
        let (device, address) = match rest.split_once(',') {
            Some((device, address)) => (device, Some(address.parse().ok()?)),
            None => (rest, None),
        };
        let is_there = !name.is_empty() && !device.is_empty();
        is_there.then(|| Network {
            name: name.to_owned(),
            device: device.to_owned(),
            address,
        })
    });
    parsed.ok_or_else(|| {
        anyhow!("--network {text:?} is none; write NAME=DEVICE or NAME=DEVICE,ADDRESS/LENGTH, like lan=br-lan,192.168.1.1/24")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_comes_after_enrolment_is_what_will_be_read() {
        let state = std::env::temp_dir().join(format!("ntm-enrolled-{}", std::process::id()));
        let (dir, other) = (state.join("ntm"), state.join("other"));
        for dir in [&dir, &other, &state.join("config")] {
            fs::create_dir_all(dir).unwrap();
        }
        fs::write(state.join(OF_PACKAGE), "config gateway\n").unwrap();

        // The package's: nobody reads a file of ours there.
        assert_eq!(next_step(&dir, &state).unwrap(), SWITCH_ON);
        assert_eq!(next_step(&state.join("ntm/"), &state).unwrap(), SWITCH_ON);
        assert!(!dir.join(FILE_NAME).exists());

        // Another directory of the same router, or a system without the package.
        let said = next_step(&other, &state).unwrap();
        assert!(
            said.starts_with("check ") && said.contains("/other`"),
            "{said}"
        );
        fs::remove_file(state.join(OF_PACKAGE)).unwrap();
        next_step(&dir, &state).unwrap();
        for dir in [&dir, &other] {
            let written = fs::read_to_string(dir.join(FILE_NAME)).unwrap();
            assert_eq!(written, EXAMPLE);
        }

        // What is there stays.
        fs::write(dir.join(FILE_NAME), "mine").unwrap();
        let said = next_step(&dir, &state).unwrap();
        assert!(said.starts_with("start it with"), "{said}");
        assert_eq!(fs::read_to_string(dir.join(FILE_NAME)).unwrap(), "mine");
        fs::remove_dir_all(&state).unwrap();
    }
}
