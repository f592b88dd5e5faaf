//! The WANs as the shell has them: the list, what a person prefers of it, the sockets that belong to it, and what they have
//! carried of what they may.

use crate::meter::Meter;
use crate::udp::Sockets;
use crate::wan::WanInterface;
use crate::wan::choice::Choice;
use crate::wan::pace::Backoff;
use ntm_gateway::usage::{News, Stage};
use ntm_gateway::{Gateway, Wan};
use ntm_webui::used_of;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use tracing::{info, warn};

/// How long after a WAN's socket did not open we try again, doubled up to the second value:
/// nothing else tells when it would.
const REBUILD: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// The WANs and their sockets.
pub(crate) struct Ways {
    pub(super) sockets: Sockets,
    choice: Choice,
    meter: Meter,
    /// What the machine was told last.
    told: Vec<Wan>,
    /// When to make the list anew, as some WAN has no socket, or another limit is reached.
    rebuild: Option<Instant>,
    backoff: Backoff,
}

impl Ways {
    /// No WAN yet.
    pub(crate) fn new(sockets: Sockets, meter: Meter) -> Self {
        Self {
            sockets,
            choice: Choice::default(),
            meter,
            told: Vec::new(),
            rebuild: None,
            backoff: Backoff::new(REBUILD.0, REBUILD.1),
        }
    }

    /// These are the WANs now. Returns what to tell the machine.
    pub(super) fn changed(&mut self, list: Vec<WanInterface>, now: Instant) -> Vec<Wan> {
        // Of those that go this is the last.
        self.count(now);
        if let Some(name) = self.choice.replace(list) {
            info!(name, "the preferred WAN is gone; back to the usual order");
        }
        self.count(now);
        self.backoff.reset();
        self.build(now)
    }

    /// Puts a WAN first, or with `None` back to its place. Returns what to tell the machine.
    pub(super) fn prefer(&mut self, name: Option<&str>, now: Instant) -> Result<Vec<Wan>, String> {
        match name {
            Some(name) => self.choice.prefer(name)?,
            None => self.choice.auto(),
        }
        Ok(self.build(now))
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.rebuild
    }

    /// Tries again what did not open, and takes up another order. Returns what to tell the machine, if anything is new.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Option<Vec<Wan>> {
        self.rebuild.take_if(|at| *at <= now)?;
        let before = std::mem::take(&mut self.told);
        let wans = self.build(now);
        (wans != before).then_some(wans)
    }

    /// What is known of each WAN, best first.
    pub(crate) fn report(&mut self, gateway: &Gateway, now: Instant) -> Value {
        self.count(now);
        let mut report = self.choice.report(&self.told, &gateway.wans());
        let today = Meter::today().map(|day| day.to_string());
        for entry in report.as_array_mut().into_iter().flatten() {
            let name = entry["name"].as_str().unwrap_or_default();
            let (limit, stage) = self.meter.limit(name);
            let carried = self.meter.carried(name);
            (entry["limit_mb"], entry["limit_state"]) = (json!(limit), json!(stage));
            entry["data"] = json!(carried);
            entry["data"]["today"] = json!(today);
        }
        report
    }

    /// The limits are these now, by interface, in megabytes a month.
    pub(super) fn limits_changed(&mut self, limit_mb: &BTreeMap<String, u32>, now: Instant) {
        self.meter.set_limits(limit_mb);
        self.count(now);
    }

    /// Looks at what the WANs have carried, if it is time.
    pub(super) fn count_by_the_way(&mut self, now: Instant) {
        if self.meter.look(self.choice.names(), now) {
            self.judge(now);
        }
    }

    /// It is the end: what they have carried is written.
    pub(super) fn stop(&mut self, now: Instant) {
        self.count(now);
        self.meter.write(true, now);
    }

    fn count(&mut self, now: Instant) {
        self.meter.read_counters(self.choice.names(), now);
        self.judge(now);
    }

    /// Looks who has reached a limit: that is said, and makes another order, which the machine is told of at once.
    fn judge(&mut self, now: Instant) {
        let mut spent = BTreeSet::new();
        for name in self.choice.names() {
            if let Some(news) = self.meter.news(name) {
                log_limit(name, &news);
                // A restart shall not undo it for want of what was not written yet.
                if news.stage == Stage::Reached {
                    self.meter.write(true, now);
                }
            }
            if self.meter.limit(name).1 == Stage::Reached {
                spent.insert(name.to_owned());
            }
        }
        if self.choice.set_spent(spent) {
            self.rebuild = Some(now);
        }
    }

    fn build(&mut self, now: Instant) -> Vec<Wan> {
        self.told = self.sockets.rebuild(&self.choice.ordered());
        let missing = self.sockets.is_incomplete();
        self.rebuild = missing.then(|| now + self.backoff.pause());
        self.told.clone()
    }
}

fn log_limit(name: &str, news: &News) {
    let mb = news.limit_mb.unwrap_or_default();
    let month = || used_of(news.used, mb).join(" of ");
    match news.stage {
        Stage::Reached => warn!(
            name,
            month = month(),
            "a WAN's limit is reached: it is used only if no other works, or if it is preferred"
        ),
        Stage::Near => info!(name, month = month(), "a WAN is near its limit"),
        Stage::Below | Stage::None => {
            info!(name, "a WAN is used as before: its limit is not reached")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::udp::{LanSide, SocketOptions};
    use std::net::Ipv4Addr;
    use tokio::sync::mpsc;

    fn ways() -> Ways {
        let lan = LanSide {
            interface: "lo".into(),
            net: "192.168.1.0/24".parse().unwrap(),
        };
        let sockets = Sockets::new(0, lan, SocketOptions::default(), mpsc::channel(1).0);
        let dir = std::env::temp_dir().join("ntm-ways-without-a-file");
        Ways::new(sockets, Meter::new(&dir, &BTreeMap::new(), Instant::now()))
    }

    fn wan(index: u32, address: [u8; 4]) -> WanInterface {
        WanInterface {
            index,
            name: "lo".into(),
            v4: Some(Ipv4Addr::from(address)),
            v6: None,
            metered: false,
            last_resort: false,
        }
    }

    #[tokio::test]
    async fn a_socket_that_does_not_open_is_tried_again_soon_and_then_more_rarely() {
        let (mut ways, mut now) = (ways(), Instant::now());
        assert!(ways.changed(vec![wan(1, [203, 0, 113, 7])], now).is_empty());
        for pause in [50, 100, 200, 400, 800, 1000, 1000] {
            let due = ways.poll_timeout().unwrap();
            assert_eq!(due - now, Duration::from_millis(pause));
            assert_eq!(ways.handle_timeout(due - Duration::from_millis(1)), None);
            assert_eq!(ways.handle_timeout(due), None, "nothing new to tell");
            now = due;
        }
        assert_eq!(ways.changed(vec![wan(1, [127, 0, 0, 1])], now).len(), 1);
        assert_eq!(ways.poll_timeout(), None);
    }

    #[tokio::test]
    async fn a_limit_that_is_reached_makes_another_order_at_once() {
        let Some(today) = Meter::today() else {
            return; // A machine whose clock nobody has set.
        };
        let dir = std::env::temp_dir().join(format!("ntm-ways-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let month = &today.to_string()[..7];
        std::fs::write(dir.join("usage"), format!("{month} 900000 100000 lo\n")).unwrap();
        let (limits, now) = ([("lo".to_owned(), 1)].into(), Instant::now());
        let mut ways = ways();
        ways.meter = Meter::new(&dir, &limits, now);
        let mut told = ways.changed(vec![wan(1, [127, 0, 0, 1])], now);
        assert!(told[0].last_resort, "it was reached before");
        for (limits, is_reached) in [(BTreeMap::new(), false), (limits, true)] {
            ways.limits_changed(&limits, now);
            assert_eq!(ways.poll_timeout(), Some(now));
            told[0].last_resort = is_reached;
            assert_eq!(ways.handle_timeout(now), Some(told.clone()));
            assert_eq!(ways.poll_timeout(), None);
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[tokio::test]
    async fn a_preference_is_what_the_machine_is_told() {
        let (mut ways, now) = (ways(), Instant::now());
        let mut told = ways.changed(vec![wan(1, [127, 0, 0, 1])], now);
        assert!(
            ways.prefer(Some("wan9"), now)
                .unwrap_err()
                .contains("there are lo")
        );
        assert_eq!(ways.prefer(Some("lo"), now), Ok(told.clone()));
        told[0].metered = true;
        let mut metered = wan(1, [127, 0, 0, 1]);
        metered.metered = true;
        assert_eq!(ways.changed(vec![metered], now), told, "the same sockets");
        assert_eq!(ways.prefer(None, now), Ok(told));
    }
}
