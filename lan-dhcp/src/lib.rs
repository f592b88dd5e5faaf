//! A DHCPv4 server for one LAN (RFC 2131), as a machine: datagrams, probe replies and time go in, [`Output`]s come
//! out. The shell owns the socket on port 67, the ping socket, the lease file and the clock, and drains
//! [`DhcpServer::poll_output`] after each call.
//!
//! # Model
//!
//! A device is its hardware address; it has at most one lease. An address is, for one device,
//! * *settled*: its static lease, or the live lease it has. Offered and acknowledged at once, whatever is full;
//! * *remembered*: its lease ended and nobody else needed the place. Offered again, after a probe;
//! * *on offer*: probed for [`PROBE_WAIT`], then offered for [`OFFER_TIME`]; at most [`MAX_OFFERS`] at a time;
//! * *in quarantine*: somebody answered the probe, or the client declined it. Out of use for [`QUARANTINE`], also
//!   as a static lease: its device gets another address meanwhile.
//!
//! A client without an address gets its remembered one, else the one it asks for, else the first free one after a
//! place in the range that its hardware address decides, else the one of the lease that ended longest ago.
//!
//! A client that names an address it has from an earlier life of this server keeps it if it is free: restarting
//! the router cuts nobody off. If it is not free, or of another network, the client gets a NAK: on this LAN we are
//! the authority. So `max_leases` and the range bound the table, and the offers are few and short: a flood of
//! invented clients can use up the range for new ones, never for known ones.
//!
//! # A hostile host
//!
//! Whoever is on the LAN can speak in any device's name. So a RELEASE ends nothing: if nobody answers at the address any
//! more, its lease is the first to go when a new device needs a place, else it expires. A DECLINE counts only soon after
//! the address was given. New devices come in a burst of [`NEW_AT_ONCE`] and then one
//! after each [`NEW_AFTER`]: the flash, and the coordinator's identities, are not for made-up hosts.
//!
//! # Saved before acknowledged
//!
//! A new lease or a changed address gives [`Output::Save`] before the [`Output::Send`] that tells the client. If the
//! file cannot be written ([`DhcpServer::save_failed`]), the client is not told: it asks again, and so do we after
//! [`SAVE_RETRY`]. Names, and devices that are back, can wait: they are saved after [`SAVE_DELAY`], and where there are many, each
//! three hours; the file has their addresses already. Renewals and ends are not saved, to spare the flash (see
//! [`DhcpServer::export`]).
//!
//! Replies to a client without an address are broadcast: a UDP socket cannot reach a host that answers no ARP yet.

mod answer;
mod config;
mod file;
mod follow;
mod fresh;
mod hostname;
mod lease;
mod leaving;
mod offer;
mod pace;
mod packet;
mod pool;
mod reject;

pub use config::{
    Config, ConfigError, MAX_LEASE_TIME, MAX_LEASES, MIN_LEASE_TIME, Mac, StaticLease,
};
pub use file::{IMPORT_GRACE, Imported};
pub use follow::{FollowOutput, Followed, Follower};
pub use fresh::{BURST as NEW_AT_ONCE, PAUSE as NEW_AFTER};
pub use lease::Lease;
pub use leaving::LINGER;
pub use ntm_proto::id::Label as HostLabel;
pub use offer::{MAX_OFFERS, OFFER_TIME, PROBE_WAIT};
pub use packet::MAX_REQUEST;
pub use pool::QUARANTINE;
pub use reject::Reject;

use fresh::Fresh;
use lease::Table;
use leaving::{Due, Leaving};
use offer::{Offers, State};
use pace::Pace;
use packet::Reply;
use pool::Quarantine;
use reject::Counts;
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

/// How long a new name of a known device, or its return, waits to be saved where that is seldom.
pub const SAVE_DELAY: Duration = Duration::from_secs(300);
/// How long after a failed save the next one is due.
pub const SAVE_RETRY: Duration = Duration::from_secs(30);

/// What the shell has to do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send this from port 67 on the LAN interface.
    Send {
        /// The message.
        datagram: Vec<u8>,
        /// The limited broadcast address, or a client's; port 68.
        to: SocketAddrV4,
    },
    /// Ping this address once; give what answers to [`DhcpServer::handle_probe_reply`].
    Probe(Ipv4Addr),
    /// This device is new, came back, or has another address, name or client id. Replaces what was known of its
    /// `mac`. Mere renewals are not told.
    LeaseChanged(Lease),
    /// This device's lease expired, was declined, or was given back and is needed.
    LeaseEnded(Lease),
    /// Write [`DhcpServer::export`] to the lease file before handling what follows. If that fails, call
    /// [`DhcpServer::save_failed`] before the next [`DhcpServer::poll_output`], which takes it for done.
    Save,
}

/// The server of one LAN.
#[derive(Debug)]
pub struct DhcpServer {
    config: Config,
    table: Table,
    offers: Offers,
    quarantine: Quarantine,
    leaving: Leaving,
    fresh: Fresh,
    /// New devices that count as such, and are not saved yet.
    unsaved: u32,
    /// When a change that could wait is to be saved.
    save_by: Option<Instant>,
    pace: Pace,
    /// The shell was told to save, and has not said that it failed.
    saving: bool,
    outputs: VecDeque<Output>,
    rejects: Counts,
}

impl DhcpServer {
    /// A server without leases. For another configuration make a new one, and [`DhcpServer::import`] into it what
    /// the old one exports.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self {
            config,
            table: Table::default(),
            offers: Offers::default(),
            quarantine: Quarantine::default(),
            leaving: Leaving::default(),
            fresh: Fresh::default(),
            unsaved: 0,
            save_by: None,
            pace: Pace::default(),
            saving: false,
            outputs: VecDeque::new(),
            rejects: Counts::default(),
        })
    }

    /// Takes a datagram that came in on port 67 of the LAN interface. An error says why it got no answer; it is
    /// counted, and nothing else needs to be done.
    pub fn handle_datagram(&mut self, datagram: &[u8], now: Instant) -> Result<(), Reject> {
        self.handle_timeout(now);
        let handled = packet::decode(datagram).and_then(|request| self.answer(request, now));
        handled.inspect_err(|&reject| self.rejects.add(reject))
    }

    /// Somebody answered the probe of `address`: it is in use, the client gets another one.
    pub fn handle_probe_reply(&mut self, address: Ipv4Addr, now: Instant) {
        if self.leaving.answered(address) {
            self.rejects.add(Reject::StillThere);
        }
        let Some(mac) = self.offers.probing(address) else {
            return;
        };
        self.quarantine.add(address, now);
        let Some(offer) = self.offers.remove(mac) else {
            return;
        };
        let State::Probing(tried) = offer.state else {
            return;
        };
        let next = self
            .choose(&offer.request, now)
            .filter(|_| tried < offer::MAX_PROBES);
        match next {
            Some(next) => self.probe(offer.request, next, tried + 1, now),
            None => self.rejects.add(Reject::NoAddress),
        }
    }

    /// Does what is due. Harmless when early, late or repeated.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(lease) = self.table.expire(now) {
            self.outputs.push_back(Output::LeaseEnded(lease));
        }
        while let Some(due) = self.leaving.take_due(PROBE_WAIT, now) {
            match due {
                Due::Ask(address) => self.outputs.push_back(Output::Probe(address)),
                Due::Gone(mac) => self.table.release(mac, now),
            }
        }
        while let Some((mac, mut offer)) = self.offers.take_due(now) {
            if offer.state == State::Offered {
                continue;
            }
            let reply = Reply::Offer {
                address: offer.address,
                lease_time: self.lease_time(&offer.request),
            };
            self.send(&offer.request, reply);
            offer.state = State::Offered;
            offer.until = now + OFFER_TIME;
            self.offers.insert(mac, offer);
        }
        if self.save_by.is_some_and(|by| by <= now) {
            self.save(now);
        }
    }

    /// When to call [`DhcpServer::handle_timeout`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        [
            self.table.next_expiry(),
            self.offers.next_deadline(),
            self.leaving.next_deadline(),
            self.save_by,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The next thing to do.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<Output> {
        if self.saving {
            self.table.written();
            self.unsaved = 0;
        }
        let output = self.outputs.pop_front();
        self.saving = output == Some(Output::Save);
        output
    }

    /// The file of the last [`Output::Save`] was not written: the answers behind it are not sent, as what is
    /// acknowledged must be on the disk. Saves again after [`SAVE_RETRY`] at the latest.
    pub fn save_failed(&mut self, now: Instant) {
        self.saving = false;
        self.table.not_written();
        self.pace.failed();
        self.fresh.give_back(std::mem::take(&mut self.unsaved));
        self.save_by = Some(now + SAVE_RETRY);
        self.outputs.retain(|output| match output {
            Output::Send { .. } | Output::Save => false,
            Output::Probe(_) | Output::LeaseChanged(_) | Output::LeaseEnded(_) => true,
        });
    }

    /// The live leases, in the order of their hardware addresses.
    pub fn leases(&self) -> impl Iterator<Item = &Lease> {
        self.table
            .entries()
            .filter(|entry| !entry.ended)
            .map(|entry| &entry.lease)
    }

    /// The live lease of `address`.
    pub fn lease_by_address(&self, address: Ipv4Addr) -> Option<&Lease> {
        self.table.live(self.table.owner(address)?)
    }

    /// How many devices have a place in the table, those whose lease ended and is remembered included.
    pub fn remembered(&self) -> usize {
        self.table.len()
    }

    /// How many addresses are probed or on offer.
    pub fn pending_offers(&self) -> usize {
        self.offers.len()
    }

    /// How often each reason made a datagram get no answer, those that never did included.
    pub fn rejects(&self) -> impl Iterator<Item = (Reject, u64)> {
        self.rejects.iter()
    }

    /// The lease file's text: one line per lease with the seconds it has left, rounded up. As renewals do not ask
    /// to be saved, the file is right about who has which address, and about the time only as of its writing.
    pub fn export(&self, now: Instant) -> String {
        file::export(&self.table, now)
    }

    /// Reads what [`DhcpServer::export`] wrote, in an earlier life perhaps. Skips what is no lease and what the
    /// configuration does not allow. Every live lease taken counts for [`IMPORT_GRACE`] at least and comes out as
    /// [`Output::LeaseChanged`].
    pub fn import(&mut self, text: &str, now: Instant) -> Imported {
        let imported = file::import(&mut self.table, &self.config, text, now);
        let live = self.table.entries().filter(|entry| !entry.ended);
        self.outputs
            .extend(live.map(|entry| Output::LeaseChanged(entry.lease.clone())));
        imported
    }
}
