//! Addresses on their way to a client: probed for a conflict, then offered. Bounded in number and in time.

use crate::config::Mac;
use crate::packet::Request;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// How long we listen for somebody who answers the probe of an address (RFC 2131 section 2.2).
pub const PROBE_WAIT: Duration = Duration::from_millis(500);
/// How long an offered address is kept for the client.
pub const OFFER_TIME: Duration = Duration::from_secs(60);
/// How many addresses are probed or on offer at a time.
pub const MAX_OFFERS: usize = 32;
/// How many addresses are tried for one DISCOVER: clients ask again after 4 s (RFC 2131 section 4.1).
pub(crate) const MAX_PROBES: u8 = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// A probe is out, the given number for this client.
    Probing(u8),
    /// Nobody answered, the client was told.
    Offered,
}

#[derive(Debug)]
pub(crate) struct Offer {
    pub(crate) address: Ipv4Addr,
    pub(crate) state: State,
    /// When the probe is over, or the offer void.
    pub(crate) until: Instant,
    /// The DISCOVER to answer.
    pub(crate) request: Request,
}

#[derive(Debug, Default)]
pub(crate) struct Offers {
    by_mac: BTreeMap<Mac, Offer>,
}

impl Offers {
    pub(crate) fn len(&self) -> usize {
        self.by_mac.len()
    }

    pub(crate) fn get_mut(&mut self, mac: Mac) -> Option<&mut Offer> {
        self.by_mac.get_mut(&mac)
    }

    /// The address on offer to `mac`.
    pub(crate) fn offered(&self, mac: Mac) -> Option<Ipv4Addr> {
        self.by_mac
            .get(&mac)
            .filter(|offer| offer.state == State::Offered)
            .map(|offer| offer.address)
    }

    pub(crate) fn remove(&mut self, mac: Mac) -> Option<Offer> {
        self.by_mac.remove(&mac)
    }

    /// Whether `address` is probed for or offered to another client than `mac`.
    pub(crate) fn held_from(&self, address: Ipv4Addr, mac: Mac) -> bool {
        self.by_mac
            .iter()
            .any(|(&other, offer)| other != mac && offer.address == address)
    }

    /// Who waits for the probe of `address`.
    pub(crate) fn probing(&self, address: Ipv4Addr) -> Option<Mac> {
        let waits =
            |offer: &Offer| offer.address == address && matches!(offer.state, State::Probing(_));
        self.by_mac
            .iter()
            .find(|(_, offer)| waits(offer))
            .map(|(&mac, _)| mac)
    }

    /// Whether one more fits. Drops the oldest unanswered offer if that is what it takes.
    pub(crate) fn make_room(&mut self) -> bool {
        if self.by_mac.len() < MAX_OFFERS {
            return true;
        }
        let stale = self
            .by_mac
            .iter()
            .filter(|(_, offer)| offer.state == State::Offered);
        let oldest = stale
            .min_by_key(|(_, offer)| offer.until)
            .map(|(&mac, _)| mac);
        oldest.is_some_and(|mac| self.by_mac.remove(&mac).is_some())
    }

    /// Notes an offer; call [`Offers::make_room`] before.
    pub(crate) fn insert(&mut self, mac: Mac, offer: Offer) {
        self.by_mac.insert(mac, offer);
        debug_assert!(self.by_mac.len() <= MAX_OFFERS);
    }

    /// Takes out an offer whose time is over.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<(Mac, Offer)> {
        let mac = self
            .by_mac
            .iter()
            .find(|(_, offer)| offer.until <= now)
            .map(|(&mac, _)| mac)?;
        self.by_mac.remove_entry(&mac)
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.by_mac.values().map(|offer| offer.until).min()
    }
}
