//! Who is on the LAN where dnsmasq or odhcpd gives the addresses, as OpenWrt has it: from the files they keep.
//!
//! ```text
//! dnsmasq   1763812345 02:00:5e:00:00:01 192.168.1.117 laptop 01:02:00:5e:00:00:01
//! odhcpd    # br-lan 02005e000001 ipv4 laptop 1763812345 c0a80175 32 192.168.1.117/32
//! ```
//!
//! A lease that is not there any more is a suspicion, no proof. The files lie in tmpfs, so a router that boots has none,
//! while its devices behind a switch see nothing of that and ask for nothing for hours; both servers end leases by the
//! wall clock, which in a router leaps from 1970 to now; and dnsmasq writes its file anew in place, so that a reader may
//! find half of it. So a device without a lease is asked (ARP), and stays as long as it answers; and who was there is
//! remembered beyond the end of the process.
//!
//! What a line says is a device's own word, and a name that is no label is none. The times in it are not looked at.

mod line;
#[cfg(test)]
mod tests;

use crate::config::Mac;
use crate::pace::Pace;
use ntm_proto::id::Label;
use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// How long an answer may take, and how many are waited for before a device has left.
const ANSWER: Duration = Duration::from_millis(500);
const QUESTIONS: u32 = 3;
/// How often one that answers is asked again.
const CARE: Duration = Duration::from_secs(60);
/// The pause until one that has left is asked again, doubled each time, and how often: for a quarter of an hour.
const ABSENT: Duration = Duration::from_secs(1);
const ABSENT_QUESTIONS: u32 = 10;
/// Most questions at a time, and the pause until the next so many.
const BURST: usize = 32;
const BETWEEN_BURSTS: Duration = Duration::from_millis(100);
/// From a change until the list is saved.
const SAVED_AFTER: Duration = Duration::from_secs(5);

/// A device whose address another server gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followed {
    /// Its hardware address.
    pub mac: Mac,
    /// Its address.
    pub address: Ipv4Addr,
    /// Its name.
    pub hostname: Option<Label>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FollowOutput {
    /// The device is there, or its address or name is another one.
    Seen(Followed),
    /// It is not there any more.
    Gone(Mac),
    /// Ask who has the address (RFC 826), and tell [`Follower::handle_answer`].
    Ask(Ipv4Addr),
    /// Write [`Follower::export`] where [`Follower::import`] finds it the next time.
    Save,
}

/// Who is there, and who was.
#[derive(Debug)]
pub struct Follower {
    own: Ipv4Addr,
    prefix_len: u8,
    most: usize,
    devices: BTreeMap<Mac, (Followed, State)>,
    outputs: VecDeque<FollowOutput>,
    pace: Pace,
    save_due: Option<Instant>,
}

/// What is known of a device.
#[derive(Clone, Copy, Debug)]
enum State {
    /// It has a lease.
    Leased,
    /// It has none. It has not answered the last `asked` questions; the next is due.
    Doubtful {
        present: bool,
        asked: u32,
        due: Instant,
    },
}

impl State {
    fn is_present(self) -> bool {
        matches!(self, Self::Leased | Self::Doubtful { present: true, .. })
    }
}

impl Follower {
    /// Of the LAN on which `own` is the router's address, up to `most` devices.
    pub fn new(own: Ipv4Addr, prefix_len: u8, most: usize) -> Self {
        Self {
            own,
            prefix_len,
            most,
            devices: BTreeMap::new(),
            outputs: VecDeque::new(),
            pace: Pace::default(),
            save_due: None,
        }
    }

    /// Those of an earlier run: they are asked whether they are there.
    pub fn import(&mut self, text: &str, now: Instant) {
        let found = text.lines().filter_map(line::parse_own);
        for device in found.filter(|it| is_here(self.own, self.prefix_len, it.address)) {
            let is_taken = self
                .devices
                .values()
                .any(|(it, _)| it.address == device.address);
            if self.devices.len() < self.most && !is_taken {
                let state = State::Doubtful {
                    present: false,
                    asked: 0,
                    due: now,
                };
                self.devices.entry(device.mac).or_insert((device, state));
            }
        }
    }

    /// All devices, as [`Self::import`] reads them.
    pub fn export(&self) -> String {
        let devices = self.devices.values();
        devices.map(|(device, _)| line::to_own(device)).collect()
    }

    /// Whether somebody is missing in, or too much in, what was saved last.
    pub fn is_unsaved(&self) -> bool {
        self.save_due.is_some()
    }

    /// Whether every device has a lease, so that nobody is asked.
    pub fn is_certain(&self) -> bool {
        let mut states = self.devices.values().map(|(_, state)| state);
        states.all(|state| matches!(state, State::Leased))
    }

    /// The files have these texts now.
    pub fn update<'a>(&mut self, texts: impl IntoIterator<Item = &'a str>, now: Instant) {
        let mut leases: BTreeMap<Mac, Followed> = BTreeMap::new();
        let lines = texts.into_iter().flat_map(str::lines);
        for found in lines.filter_map(line::parse_lease) {
            if !is_here(self.own, self.prefix_len, found.address) {
                continue;
            }
            // The newest line of an address is at the end.
            leases.retain(|_, other| other.address != found.address);
            if leases.len() < self.most || leases.contains_key(&found.mac) {
                leases.insert(found.mac, found);
            }
        }
        self.make_room(&leases, now);
        for (mac, (_, state)) in &mut self.devices {
            if matches!(state, State::Leased) && !leases.contains_key(mac) {
                *state = State::Doubtful {
                    present: true,
                    asked: 0,
                    due: now,
                };
            }
        }
        for (mac, found) in leases {
            let old = self.devices.insert(mac, (found.clone(), State::Leased));
            let is_known = old.as_ref().is_some_and(|(device, _)| *device == found);
            if !is_known {
                self.save_soon(now);
            }
            if !is_known || old.is_some_and(|(_, state)| !state.is_present()) {
                self.outputs.push_back(FollowOutput::Seen(found));
            }
        }
    }

    /// Whoever has no lease goes if its address is another's now, or if there are too many; the absent first.
    fn make_room(&mut self, leases: &BTreeMap<Mac, Followed>, now: Instant) {
        let is_taken = |device: &Followed| leases.values().any(|it| it.address == device.address);
        let others = || {
            self.devices
                .iter()
                .filter(|(mac, _)| !leases.contains_key(*mac))
        };
        let mut leaving: Vec<Mac> = others()
            .filter(|(_, (device, _))| is_taken(device))
            .map(|(mac, _)| *mac)
            .collect();
        let mut rest: Vec<(bool, Mac)> = others()
            .filter(|(mac, _)| !leaving.contains(mac))
            .map(|(mac, (_, state))| (state.is_present(), *mac))
            .collect();
        rest.sort_unstable();
        let excess = (leases.len() + rest.len()).saturating_sub(self.most);
        leaving.extend(rest.into_iter().take(excess).map(|(_, mac)| mac));
        for mac in leaving {
            self.forget(mac, now);
        }
    }

    fn forget(&mut self, mac: Mac, now: Instant) {
        if let Some((_, state)) = self.devices.remove(&mac) {
            if state.is_present() {
                self.outputs.push_back(FollowOutput::Gone(mac));
            }
            self.save_soon(now);
        }
    }

    /// This hardware says that it has this address. What nobody asked for counts as well: it is the same word.
    pub fn handle_answer(&mut self, mac: Mac, address: Ipv4Addr, now: Instant) {
        let Some((device, state)) = self.devices.get_mut(&mac) else {
            return;
        };
        if matches!(state, State::Leased) || device.address != address {
            return;
        }
        if !state.is_present() {
            self.outputs.push_back(FollowOutput::Seen(device.clone()));
        }
        *state = State::Doubtful {
            present: true,
            asked: 0,
            due: now + CARE,
        };
    }

    /// When [`Self::handle_timeout`] has something to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let due = self.devices.values().filter_map(|(_, state)| match state {
            State::Leased => None,
            State::Doubtful { due, .. } => Some(*due),
        });
        due.chain(self.save_due).min()
    }

    /// Asks who is to be asked, and lets those go that do not answer.
    pub fn handle_timeout(&mut self, now: Instant) {
        let (mut room, mut forgotten) = (BURST, Vec::new());
        for (mac, (device, state)) in &mut self.devices {
            let State::Doubtful {
                present,
                asked,
                due,
            } = state
            else {
                continue;
            };
            if *due > now {
                continue;
            }
            if *present && *asked == QUESTIONS {
                self.outputs.push_back(FollowOutput::Gone(*mac));
                (*present, *asked, *due) = (false, 0, now + ABSENT);
                continue;
            }
            if !*present && *asked == ABSENT_QUESTIONS {
                forgotten.push(*mac);
                continue;
            }
            if room == 0 {
                *due = now + BETWEEN_BURSTS;
                continue;
            }
            room -= 1;
            self.outputs.push_back(FollowOutput::Ask(device.address));
            *due = now
                + if *present {
                    ANSWER
                } else {
                    ABSENT * (1 << *asked)
                };
            *asked += 1;
        }
        for mac in forgotten {
            self.forget(mac, now);
        }
        if self.save_due.is_some_and(|due| due <= now) {
            self.save_due = None;
            self.pace.writes(now);
            self.outputs.push_back(FollowOutput::Save);
        }
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<FollowOutput> {
        self.outputs.pop_front()
    }

    fn save_soon(&mut self, now: Instant) {
        let due = self.pace.due(SAVED_AFTER, now);
        self.save_due.get_or_insert(due);
    }
}

/// Whether a host of the LAN, other than the router itself, can have the address.
fn is_here(own: Ipv4Addr, prefix_len: u8, address: Ipv4Addr) -> bool {
    let hosts = u32::MAX.checked_shr(prefix_len.into()).unwrap_or(0);
    let (address, own) = (u32::from(address), u32::from(own));
    let host = address & hosts;
    address & !hosts == own & !hosts && address != own && host != 0 && host != hosts
}
