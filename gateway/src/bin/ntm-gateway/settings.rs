//! Where the configuration is: `ntm-gateway.toml` in the state directory, or UCI's file on OpenWrt.

use anyhow::{Context, Result, anyhow, bail};
use ntm_enrolment::state::write_atomically;
use ntm_gateway::config::{Config, EXAMPLE, FILE_NAME, Network};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Where systems keep what programs keep.
const STATE: &str = "/etc";
/// UCI's file of the package that has the directory `ntm` there, below the same.
const OF_PACKAGE: &str = "config/ntm";

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
}

impl Settings {
    /// Reads it; `dir` is the state directory.
    pub(crate) fn read(&self, dir: &Path) -> Result<Config> {
        let (path, missing) = match &self.uci {
            Some(path) => (path.clone(), "openwrt/README.md shows one"),
            None if is_packaged(dir, Path::new(STATE)) => (
                dir.join(FILE_NAME),
                "the settings here are in /etc/config/ntm, and `/etc/init.d/ntm-gateway start` runs the gateway by them",
            ),
            None => (
                dir.join(FILE_NAME),
                "`ntm-gateway enrol` writes an example, README.md shows one",
            ),
        };
        let name = path.display().to_string();
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                bail!("{name} is missing; {missing}")
            }
            other => other.with_context(|| format!("cannot read {name}"))?,
        };
        let config = match &self.uci {
            Some(_) => Config::parse_uci(&name, &text, &self.networks),
            None => Config::parse(&name, &text),
        };
        Ok(config?)
    }
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
