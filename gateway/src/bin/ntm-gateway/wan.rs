//! Which interfaces lead out now: from what the kernel has to an ordered list, soon after each change.
//!
//! An interface is a WAN for IPv4 when it is up, has an IPv4 address and a default route; for IPv6 likewise. The
//! LAN and the TUN never are. The order is the configuration's, or that of the routes' metrics with what costs money
//! last; what has reached its month's limit is behind all, and what a person prefers before all ([`choice`]).
//!
//! A look is one snapshot of everything: half a millisecond, so that to ask only for what changed would gain nothing,
//! and would be wrong whenever a message is lost. The first change after quiet makes us look at once; the steps
//! that follow, a few milliseconds apart, each again; what flaps, fifty times a second ([`pace`]).

pub(crate) mod choice;
mod grace;
pub(crate) mod pace;
mod select;

use crate::netlink::Netlink;
use grace::Grace;
use ntm_gateway::config::Config;
use pace::{Backoff, Pace};
use select::select;
use std::future::pending;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::{sleep, sleep_until};
use tracing::{trace, warn};

/// How soon the kernel is asked again if it did not answer; doubled each time up to the second value.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// How soon one more failure to send makes us look again; doubled each time nothing was found, up to the second value.
const HINT: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(5));
/// So long after the last such look the next one is about something else.
const FORGOTTEN: Duration = Duration::from_secs(10);
/// The most WANs at a time.
const MAX_WANS: usize = 16;

/// A network interface.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) index: u32,
    pub(crate) name: String,
    /// Up, with a carrier, and not the loopback.
    pub(crate) up: bool,
}

/// An address of global scope, in use.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) index: u32,
    pub(crate) ip: IpAddr,
    /// How many of its bits are the network's.
    pub(crate) prefix: u8,
    /// IPv4: not the first of its network; IPv6: a temporary one (RFC 8981).
    pub(crate) second: bool,
}

/// A way to everywhere.
#[derive(Clone, Debug)]
pub(crate) struct DefaultRoute {
    pub(crate) index: u32,
    pub(crate) v6: bool,
    pub(crate) metric: u32,
    /// It is in the main table: for everybody, and not for what another program steers, as into its tunnel.
    pub(crate) is_main: bool,
}

/// What the kernel has at one moment.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) links: Vec<Link>,
    pub(crate) addresses: Vec<Address>,
    pub(crate) routes: Vec<DefaultRoute>,
}

/// A WAN interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WanInterface {
    pub(crate) index: u32,
    pub(crate) name: String,
    pub(crate) v4: Option<Ipv4Addr>,
    pub(crate) v6: Option<Ipv6Addr>,
    /// Whether traffic on it costs money.
    pub(crate) metered: bool,
    /// Whether it is used only if no other works, as it has reached its limit: [`choice`] knows.
    pub(crate) last_resort: bool,
}

/// What makes us look.
pub(crate) struct Reasons {
    /// The kernel says that something changed.
    pub(crate) changes: mpsc::Receiver<()>,
    /// A WAN did not take a datagram, as if it had changed.
    pub(crate) hints: mpsc::Receiver<()>,
}

/// Watches for good, and sends each list that differs from the last.
pub(crate) async fn watch(
    config: Config,
    netlink: Netlink,
    mut reasons: Reasons,
    lists: mpsc::Sender<Vec<WanInterface>>,
) {
    let mut last = None;
    let (mut pace, mut grace) = (Pace::default(), Grace::default());
    let mut retry = Backoff::new(RETRY.0, RETRY.1);
    let mut hints = Hints::new();
    loop {
        sleep(pace.wait(Instant::now())).await;
        // What has been said so far this look sees; what is said from now on is a reason for the next.
        let _ = reasons.changes.try_recv();
        let begun = Instant::now();
        pace.looked(begun);
        let again = match netlink.snapshot().await {
            Ok(mut snapshot) => {
                retry.reset();
                let again = grace.mend(&mut snapshot, Instant::now());
                let list = select(&snapshot, &config);
                let is_new = last.as_ref() != Some(&list);
                trace!(took = ?begun.elapsed(), is_new, "looked at the interfaces");
                if is_new {
                    hints.found();
                    last = Some(list.clone());
                    if lists.send(list).await.is_err() {
                        return;
                    }
                }
                again
            }
            Err(error) => {
                let pause = retry.pause();
                warn!("cannot read the interfaces: {error:#}; trying again in {pause:?}");
                Some(Instant::now() + pause)
            }
        };
        if wait(&mut reasons, &mut hints, again).await.is_none() {
            return;
        }
    }
}

/// Waits for a reason to look; `None` when there will not be one any more.
async fn wait(reasons: &mut Reasons, hints: &mut Hints, again: Option<Instant>) -> Option<()> {
    let due = async {
        match again {
            Some(at) => sleep_until(at.into()).await,
            None => pending().await,
        }
    };
    let ready = hints.ready;
    let hint = async {
        if let Some(at) = ready {
            sleep_until(at.into()).await;
        }
        reasons.hints.recv().await
    };
    tokio::select! {
        change = reasons.changes.recv() => change,
        () = due => Some(()),
        Some(()) = hint => {
            hints.taken(Instant::now());
            Some(())
        }
    }
}

/// When a failure to send is a reason to look again: it may last, with every datagram.
struct Hints {
    ready: Option<Instant>,
    backoff: Backoff,
}

impl Hints {
    fn new() -> Self {
        Self {
            ready: None,
            backoff: Backoff::new(HINT.0, HINT.1),
        }
    }

    /// One makes us look now.
    fn taken(&mut self, now: Instant) {
        if self.ready.is_none_or(|ready| now > ready + FORGOTTEN) {
            self.backoff.reset();
        }
        self.ready = Some(now + self.backoff.pause());
    }

    /// Something had changed: the next failure is about something else.
    fn found(&mut self) {
        self.backoff.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_that_last_make_us_look_ever_more_rarely() {
        let (mut hints, mut now) = (Hints::new(), Instant::now());
        let start = now;
        let mut looks = 0;
        while now < start + Duration::from_secs(60) {
            hints.taken(now);
            looks += 1;
            now = hints.ready.unwrap();
        }
        assert!((10..=25).contains(&looks), "{looks} looks in a minute");
        now += FORGOTTEN + Duration::from_secs(1);
        hints.taken(now);
        assert_eq!(hints.ready, Some(now + HINT.0), "after quiet");
        hints.taken(now + HINT.0);
        hints.found();
        hints.taken(now + HINT.0 * 5);
        assert_eq!(hints.ready, Some(now + HINT.0 * 6), "after a change");
    }
}
