//! The WANs' interfaces' counters, and the file that keeps what they come to.
//!
//! They are read when somebody asks, and when the gateway is awake anyway: once a minute at most, or six times where there is a
//! limit. So an idle gateway is not woken by it, and what a modem counted in the last minute before it was pulled may be missing.

use crate::kept;
use ntm_enrolment::state::write_atomically;
use ntm_gateway::usage::{Bytes, Carried, Day, News, Stage, Usage};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tracing::warn;

/// The file's name inside the state directory.
const FILE_NAME: &str = "usage";
const BETWEEN: Duration = Duration::from_secs(60);
/// The same where a WAN has a limit: what a quick one carries meanwhile is over it.
const BETWEEN_LIMITED: Duration = Duration::from_secs(10);

pub(crate) struct Meter {
    usage: Usage,
    file: PathBuf,
    /// When the counters were last read.
    looked: Option<Instant>,
}

impl Meter {
    /// `limit_mb`: see [`Usage::set_limits`].
    pub(crate) fn new(dir: &Path, limit_mb: &BTreeMap<String, u32>, now: Instant) -> Self {
        let file = dir.join(FILE_NAME);
        let text = kept::read(&file, "data are counted from zero");
        let usage = Usage::new(&text, limit_mb, now);
        Self {
            usage,
            file,
            looked: None,
        }
    }

    /// Reads the counters of these interfaces, if it is time. Whether it was.
    pub(crate) fn look<'a>(&mut self, wans: impl Iterator<Item = &'a str>, now: Instant) -> bool {
        let between = match self.usage.has_limits() {
            true => BETWEEN_LIMITED,
            false => BETWEEN,
        };
        let is_time = self.looked.is_none_or(|looked| now >= looked + between);
        if is_time {
            self.read_counters(wans, now);
        }
        // Also while somebody asks all the time.
        self.write(false, now);
        is_time
    }

    /// Reads the counters of these interfaces.
    pub(crate) fn read_counters<'a>(&mut self, wans: impl Iterator<Item = &'a str>, now: Instant) {
        self.looked = Some(now);
        let today = Self::today();
        for wan in wans {
            if let Some(counters) = counters(wan) {
                self.usage.read(wan, counters, today, now);
            }
        }
    }

    /// `None`: nobody has set the clock.
    pub(crate) fn today() -> Option<Day> {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH);
        unix.ok().and_then(|unix| Day::of(unix.as_secs()))
    }

    /// What the WAN of this name has carried.
    pub(crate) fn carried(&self, wan: &str) -> Carried {
        self.usage.carried(wan)
    }

    /// The limits are these now.
    pub(crate) fn set_limits(&mut self, limit_mb: &BTreeMap<String, u32>) {
        self.usage.set_limits(limit_mb);
    }

    /// The limit of the WAN of this name in megabytes a month, if it has one, and how near it is.
    pub(crate) fn limit(&self, wan: &str) -> (Option<u32>, Stage) {
        let stage = self.usage.stage(wan, Self::today());
        (self.usage.limit_mb(wan), stage)
    }

    /// What a person shall hear of the WAN's limit.
    pub(crate) fn news(&mut self, wan: &str) -> Option<News> {
        self.usage.news(wan, Self::today())
    }

    /// Writes what is new, if it is time or the end.
    pub(crate) fn write(&mut self, is_end: bool, now: Instant) {
        let Some(text) = self.usage.due(is_end, now) else {
            return;
        };
        if let Err(error) = write_atomically(&self.file, text.as_bytes(), 0o600) {
            warn!(
                "cannot write {}: {error}; what the WANs have carried is forgotten at a restart",
                self.file.display()
            );
        }
    }
}

/// `None`: there is no such interface any more.
fn counters(interface: &str) -> Option<Bytes> {
    let count = |name| {
        let file = format!("/sys/class/net/{interface}/statistics/{name}");
        std::fs::read_to_string(file).ok()?.trim().parse().ok()
    };
    Some(Bytes {
        sent: count("tx_bytes")?,
        received: count("rx_bytes")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_has_counters_and_what_is_none_has_not() {
        assert!(counters("lo").is_some());
        assert_eq!(counters("no-such-interface"), None);
    }

    #[test]
    fn what_was_counted_is_in_the_file_at_the_end_and_read_at_the_next_start() {
        let dir = std::env::temp_dir().join(format!("ntm-meter-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let now = Instant::now();
        std::fs::write(dir.join(FILE_NAME), "2001-01 5 6 lo\n").unwrap();
        let mut meter = Meter::new(&dir, &BTreeMap::new(), now);
        meter.look(["lo"].into_iter(), now);
        let asked = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        asked
            .send_to(&[0; 100], asked.local_addr().unwrap())
            .unwrap();
        meter.look(["lo"].into_iter(), now);
        assert_eq!(meter.carried("lo").start, Bytes::default(), "too soon");
        meter.read_counters(["lo"].into_iter(), now);
        assert!(meter.carried("lo").start.sent >= 100);
        meter.write(true, now);
        let again = Meter::new(&dir, &BTreeMap::new(), now).carried("lo");
        assert_eq!(again.months[0].bytes.sent, 5);
        // On a machine whose clock nobody has set there is no day to keep it by.
        let kept = again.days.iter().map(|it| it.bytes.sent).sum::<u64>();
        assert!(kept >= 100 || Meter::today().is_none());
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
