//! The devices of a LAN that dnsmasq or odhcpd serves, as on OpenWrt: the files of their leases are read whenever the
//! kernel says that one has changed.

mod ask;
mod watch;

use crate::dhcp::listed_devices;
use crate::lan::Residents;
use anyhow::{Context, Result};
use ask::Asker;
use lan_dhcp::{FollowOutput, Follower};
use ntm_enrolment::state::write_atomically;
use ntm_gateway::config::Config;
use ntm_gateway::{Gateway, LanDevice, Limits};
use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Read};
use std::net::Ipv4Addr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::task::{self, Poll};
use std::time::{Duration, Instant};
use tracing::{debug, warn};
use watch::Watch;

/// The list's name inside the state directory.
const FILE_NAME: &str = "followed";
/// Most bytes of a file that are read: some thousand leases.
const MOST: u64 = 512 << 10;
/// From the last of some changes, or at most from the first, until the files are read: whoever writes one does so in pieces.
const SETTLES: Duration = Duration::from_millis(100);
const SETTLES_AT_MOST: Duration = Duration::from_secs(1);
/// How many words of the LAN are taken before others have their turn: anybody there can send any number.
const BATCH: usize = 32;
/// How often files are read that the kernel does not watch.
const UNWATCHED: Duration = Duration::from_secs(60);

/// The files, and who was in them.
pub(crate) struct Follow {
    follower: Follower,
    /// Devices that are in the configuration; what the files say of them does not count.
    fixed: Vec<LanDevice>,
    files: Vec<PathBuf>,
    watch: Watch,
    /// When the files are read.
    due: Option<Instant>,
    /// No later than that.
    due_at_last: Option<Instant>,
    residents: Residents,
    lan: (String, Ipv4Addr),
    /// There while somebody is asked for.
    asker: Option<Asker>,
    list: PathBuf,
    troubles: Troubles,
}

/// What the log has already been told, until it works again.
#[derive(Default)]
struct Troubles {
    reading: bool,
    watching: bool,
    asking: bool,
    saving: bool,
}

impl Follow {
    /// Reads them as soon as there is time, and asks for those of the last run.
    pub(crate) fn start(
        config: &Config,
        dir: &Path,
        residents: Residents,
        now: Instant,
    ) -> Result<Self> {
        let lan = &config.lan;
        let mut follower = Follower::new(
            lan.address(),
            lan.net.prefix_len(),
            Limits::default().devices,
        );
        let list = dir.join(FILE_NAME);
        match read_file(&list) {
            Ok(text) => follower.import(&text, now),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => warn!(
                "cannot read {}: {error}; starting without it",
                list.display()
            ),
        }
        Ok(Self {
            follower,
            fixed: listed_devices(config).collect(),
            files: lan.lease_files.iter().map(PathBuf::from).collect(),
            watch: Watch::open().context("the kernel does not watch files (inotify)")?,
            due: Some(now),
            due_at_last: None,
            residents,
            lan: (lan.interface.clone(), lan.address()),
            asker: None,
            list,
            troubles: Troubles::default(),
        })
    }

    pub(crate) fn poll_readable(&self, cx: &mut task::Context<'_>) -> Poll<()> {
        let asker = self.asker.as_ref();
        if asker.is_some_and(|asker| asker.poll_readable(cx).is_ready()) {
            return Poll::Ready(());
        }
        self.watch.poll_readable(cx)
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.due
            .into_iter()
            .chain(self.follower.poll_timeout())
            .min()
    }

    /// Reads the files if it is time, asks who is to be asked, and tells `gateway` who came, changed and left.
    pub(crate) fn work(&mut self, gateway: &mut Gateway, now: Instant) {
        if self.watch.drain() {
            let at_last = *self.due_at_last.get_or_insert(now + SETTLES_AT_MOST);
            self.due = Some((now + SETTLES).min(at_last));
        }
        if self.due.is_some_and(|due| due <= now) {
            (self.due, self.due_at_last) = (None, None);
            self.read_all(now);
        }
        if let Some(asker) = &self.asker {
            for (mac, address) in asker.answers(BATCH) {
                self.follower.handle_answer(mac, address, now);
            }
        }
        self.follower.handle_timeout(now);
        while let Some(output) = self.follower.poll_output() {
            self.does(output, gateway, now);
        }
        if self.follower.is_certain() {
            self.asker = None;
        }
    }

    /// Saves what could wait.
    pub(crate) fn stop(&mut self) {
        if self.follower.is_unsaved() {
            self.save();
        }
    }

    /// Other devices are listed. One that no longer is comes back by the files if it is there.
    pub(crate) fn reconfigure(
        &mut self,
        old: &Config,
        new: &Config,
        gateway: &mut Gateway,
        now: Instant,
    ) {
        self.residents.relist(old, new, gateway, now);
        self.fixed = listed_devices(new).collect();
    }

    fn read_all(&mut self, now: Instant) {
        // Watched first: what changes while they are read is read again.
        let mut failed = None;
        for file in &self.files {
            if let Err(error) = self.watch.add(file) {
                failed = Some((file, error));
            }
        }
        if let Some((file, error)) = &failed {
            if !self.troubles.watching {
                let file = file.display();
                warn!("the kernel does not watch {file}: {error}; it is read each minute");
            }
            self.due = Some(now + UNWATCHED);
        }
        self.troubles.watching = failed.is_some();
        if let Some(texts) = self.read() {
            self.follower.update(texts.iter().map(String::as_str), now);
        }
    }

    fn does(&mut self, output: FollowOutput, gateway: &mut Gateway, now: Instant) {
        match output {
            FollowOutput::Seen(found) if self.is_fixed(found.mac, Some(found.address)) => {}
            FollowOutput::Seen(found) => {
                let device = LanDevice {
                    mac: found.mac,
                    address: found.address,
                    hostname: found.hostname,
                };
                self.residents.arrive(device, gateway, now);
            }
            FollowOutput::Gone(mac) if self.is_fixed(mac, None) => {}
            FollowOutput::Gone(mac) => self.residents.leave(mac, gateway, now),
            FollowOutput::Ask(address) => self.ask(address),
            FollowOutput::Save => self.save(),
        }
    }

    /// Where nobody can be asked, nobody answers either: whoever has no lease has left.
    fn ask(&mut self, address: Ipv4Addr) {
        if self.asker.is_none() {
            match Asker::open(&self.lan.0, self.lan.1) {
                Ok(asker) => {
                    self.asker = Some(asker);
                    self.troubles.asking = false;
                }
                Err(error) => {
                    if !self.troubles.asking {
                        warn!("cannot ask the LAN who is there: {error:#}");
                    }
                    self.troubles.asking = true;
                }
            }
        }
        let is_asked = self.asker.as_ref().is_some_and(|asker| asker.ask(address));
        if !is_asked {
            self.asker = None;
        }
    }

    fn save(&mut self) {
        let written = write_atomically(&self.list, self.follower.export().as_bytes(), 0o600);
        if let Err(error) = &written
            && !self.troubles.saving
        {
            let list = self.list.display();
            warn!(
                "cannot write {list}: {error}; after a boot, devices are known when they ask for an address"
            );
        }
        self.troubles.saving = written.is_err();
    }

    fn is_fixed(&self, mac: [u8; 6], address: Option<Ipv4Addr>) -> bool {
        let is_it = |it: &LanDevice| it.mac == mac || Some(it.address) == address;
        self.fixed.iter().any(is_it)
    }

    /// All of them, or nothing: who is in one that cannot be read has not left. One that is not there has nobody in it.
    fn read(&mut self) -> Option<Vec<String>> {
        let mut texts = Vec::new();
        for path in &self.files {
            match read_file(path) {
                Ok(text) => texts.push(text),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => {
                    if !self.troubles.reading {
                        let file = path.display();
                        warn!(
                            "cannot read {file}: {error}; until it works, who comes and leaves is not known"
                        );
                    }
                    self.troubles.reading = true;
                    return None;
                }
            }
        }
        self.troubles.reading = false;
        Some(texts)
    }
}

/// A regular file's beginning. In /tmp anybody may put anything there, a pipe that nobody writes to, say.
fn read_file(path: &Path) -> io::Result<String> {
    let mut options = OpenOptions::new();
    let file = options
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    file.take(MOST).read_to_end(&mut bytes)?;
    debug!(bytes = bytes.len(), "{} is read", path.display());
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
