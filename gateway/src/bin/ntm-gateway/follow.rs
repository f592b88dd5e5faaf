//! The devices of a LAN that dnsmasq or odhcpd serves, as on OpenWrt: the files of their leases are read whenever the
//! kernel says that one has changed.

mod watch;

use crate::lan::Residents;
use anyhow::{Context, Result};
use lan_dhcp::{Change, Follower};
use ntm_gateway::config::{Config, StaticLease};
use ntm_gateway::{Gateway, LanDevice, Limits};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::task::{self, Poll};
use std::time::{Duration, Instant};
use tracing::{debug, warn};
use watch::Watch;

/// Most bytes of a file that are read: some thousand leases.
const MOST: u64 = 512 << 10;
/// From a change until the file is read: who writes it does so in several pieces.
const SETTLES: Duration = Duration::from_millis(100);

/// The files, and who was in them.
pub(crate) struct Follow {
    follower: Follower,
    /// Devices that are in the configuration; what the files say of them does not count.
    fixed: Vec<StaticLease>,
    files: Vec<PathBuf>,
    watch: Watch,
    due: Option<Instant>,
    residents: Residents,
    /// The last reading failed, which the log has.
    failing: bool,
}

impl Follow {
    /// Reads them as soon as there is time.
    pub(crate) fn start(config: &Config, residents: Residents, now: Instant) -> Result<Self> {
        let lan = &config.lan;
        let follower = Follower::new(
            lan.address(),
            lan.net.prefix_len(),
            Limits::default().devices,
        );
        Ok(Self {
            follower,
            fixed: lan.fixed.clone(),
            files: lan.lease_files.iter().map(PathBuf::from).collect(),
            watch: Watch::open().context("the kernel does not watch files (inotify)")?,
            due: Some(now),
            residents,
            failing: false,
        })
    }

    pub(crate) fn poll_readable(&self, cx: &mut task::Context<'_>) -> Poll<()> {
        self.watch.poll_readable(cx)
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// Reads the files if it is time, and tells `gateway` who came, changed and left.
    pub(crate) fn work(&mut self, gateway: &mut Gateway, now: Instant) {
        if self.watch.drain() {
            self.due.get_or_insert(now + SETTLES);
        }
        if self.due.is_none_or(|due| due > now) {
            return;
        }
        self.due = None;
        // Watched first: what changes while they are read is read again.
        for file in &self.files {
            if let Err(error) = self.watch.add(file) {
                debug!(%error, "{} is not watched", file.display());
            }
        }
        let Some(texts) = self.read() else { return };
        for change in self.follower.update(texts.iter().map(String::as_str)) {
            match change {
                Change::Seen(found) if self.is_fixed(found.mac, Some(found.address)) => {}
                Change::Seen(found) => {
                    let device = LanDevice {
                        mac: found.mac,
                        address: found.address,
                        hostname: found.hostname,
                    };
                    self.residents.arrive(device, gateway, now);
                }
                Change::Gone(mac) if self.is_fixed(mac, None) => {}
                Change::Gone(mac) => self.residents.leave(mac, gateway, now),
            }
        }
    }

    fn is_fixed(&self, mac: [u8; 6], address: Option<Ipv4Addr>) -> bool {
        let is_it = |it: &StaticLease| it.mac == mac || Some(it.address) == address;
        self.fixed.iter().any(is_it)
    }

    /// All of them, or nothing: who is in one that cannot be read has not left. One that is not there has nobody in it.
    fn read(&mut self) -> Option<Vec<String>> {
        let mut texts = Vec::new();
        for path in &self.files {
            let mut bytes = Vec::new();
            let read = File::open(path).and_then(|file| file.take(MOST).read_to_end(&mut bytes));
            if let Err(error) = read
                && error.kind() != ErrorKind::NotFound
            {
                if !self.failing {
                    let file = path.display();
                    warn!(
                        "cannot read {file}: {error}; until it works, who comes and leaves is not known"
                    );
                }
                self.failing = true;
                return None;
            }
            texts.push(String::from_utf8_lossy(&bytes).into_owned());
        }
        self.failing = false;
        Some(texts)
    }
}
