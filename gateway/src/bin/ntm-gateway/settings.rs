//! Where the configuration is: `ntm-gateway.toml` in the state directory, or UCI's file on OpenWrt.

use anyhow::{Context, Result, anyhow, bail};
use ntm_gateway::config::{Config, FILE_NAME, Network};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

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
