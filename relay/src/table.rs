//! Which paths there are, where their legs are bound, and when they end.
//!
//! Announced by the DC -> one leg bound -> both bound: data flows -> gone. A path whose ends do not both come within
//! [`BIND_WITHIN`] is gone, and so is one without data and binds for the idle time. A new announcement of the same
//! tunnel keeps the address of each leg whose id and key stayed the same. A leg has one address at a time.

use crate::bucket::Bucket;
use crate::{FULL, Limits, Reject, Removal};
use ntm_proto::Path;
use ntm_proto::bind::LegKey;
use ntm_proto::id::{PathId, TunnelId};
use ntm_proto::message::{Leg, Refusal, RelayDirection};
use ntm_proto::wire::{Kind, Opening};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long both ends have to bind.
pub const BIND_WITHIN: Duration = Duration::from_secs(60);
/// How often expiry is looked at while there are paths.
const SWEEP: Duration = Duration::from_secs(5);
/// How long an announcement that the network delayed can still arrive after a newer one.
const REORDER: Duration = Duration::from_secs(10);
/// Bytes of a path's bucket that only handshakes and control may use, so that bulk data cannot starve them.
const CONTROL_RESERVE: u64 = 16 * 1024;
/// Smallest burst of a path, in bytes.
const MIN_BURST: u64 = 128 * 1024;

/// One end's half of a path.
#[derive(Clone, Copy, Debug)]
pub struct LegState {
    /// The end's receiver path id.
    pub path: PathId,
    /// What the end proves itself with.
    pub key: LegKey,
    /// Where the end is: our socket address and its own.
    pub bound: Option<Path>,
    /// Counts its confirms.
    pub generation: u32,
    /// Datagrams forwarded to this end.
    pub packets: u64,
    /// Bytes forwarded to this end.
    pub bytes: u64,
    bucket: Bucket,
}

/// Two legs.
#[derive(Clone, Copy, Debug)]
pub struct Allocation {
    /// The tunnel it serves.
    pub tunnel: TunnelId,
    /// Its ends.
    pub legs: [LegState; 2],
    /// Last datagram, bind or announcement.
    pub active: Instant,
    announced: Instant,
    sequence: u32,
    complete: bool,
}

/// All paths of a relay.
pub struct Table {
    limits: Limits,
    legs: HashMap<PathId, Place>,
    tunnels: BTreeMap<TunnelId, usize>,
    slots: Vec<Option<Allocation>>,
    free: Vec<usize>,
    sweep: Instant,
    removed: VecDeque<(TunnelId, Removal)>,
}

#[derive(Clone, Copy)]
struct Place {
    slot: usize,
    leg: usize,
}

impl Table {
    /// An empty table.
    pub fn new(limits: Limits, now: Instant) -> Self {
        Self {
            limits,
            legs: HashMap::new(),
            tunnels: BTreeMap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            sweep: now + SWEEP,
            removed: VecDeque::new(),
        }
    }

    /// Paths there are.
    pub fn len(&self) -> usize {
        self.tunnels.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.tunnels.is_empty()
    }

    /// All paths.
    pub fn iter(&self) -> impl Iterator<Item = &Allocation> {
        self.tunnels
            .values()
            .filter_map(|&slot| self.slots[slot].as_ref())
    }

    /// The leg with this path id.
    pub fn leg(&self, path: PathId) -> Option<&LegState> {
        let place = self.legs.get(&path)?;
        let allocation = self.slots[place.slot].as_ref()?;
        Some(&allocation.legs[place.leg])
    }

    /// The leg whose end speaks to the one with this path id.
    pub fn sender(&self, path: PathId) -> Option<&LegState> {
        let place = self.legs.get(&path)?;
        let allocation = self.slots[place.slot].as_ref()?;
        Some(&allocation.legs[1 - place.leg])
    }

    /// Where a datagram of `length` bytes from `source` goes on.
    pub fn forward(
        &mut self,
        source: SocketAddr,
        opening: Opening,
        length: usize,
        now: Instant,
    ) -> Result<Path, Reject> {
        let (allocation, leg) = self.place(opening.receiver).ok_or(Reject::UnknownPath)?;
        let sender = allocation.legs[1 - leg].bound;
        if sender.is_none_or(|path| path.remote != source) {
            return Err(Reject::UnknownSource);
        }
        let receiver = &mut allocation.legs[leg];
        let to = receiver.bound.ok_or(Reject::Unbound)?;
        let reserve = if opening.kind == Kind::Data {
            CONTROL_RESERVE
        } else {
            0
        };
        if !receiver.bucket.take(length as u64, reserve, now) {
            return Err(Reject::Rate);
        }
        receiver.packets += 1;
        receiver.bytes += length as u64;
        allocation.active = now;
        Ok(to)
    }

    /// Takes an announcement of the DC. The same again changes nothing.
    pub fn install(&mut self, direction: &RelayDirection, now: Instant) -> Result<(), Refusal> {
        let RelayDirection {
            sequence,
            tunnel,
            one,
            other,
        } = *direction;
        let usable = |leg: &Leg| leg.path != PathId::NONE;
        if one.path == other.path || !usable(&one) || !usable(&other) {
            return Err(FULL);
        }
        let known = self.tunnels.get(&tunnel).and_then(|&slot| self.slots[slot]);
        if known.is_some_and(|known| known.is_newer_than(sequence, now)) {
            return Ok(());
        }
        if known.is_none() && self.tunnels.len() >= self.limits.paths {
            return Err(FULL);
        }
        for path in [one.path, other.path] {
            let owner = self.place(path).map(|(allocation, _)| allocation.tunnel);
            if let Some(owner) = owner.filter(|owner| *owner != tunnel) {
                self.take_out(owner, Removal::Displaced);
            }
        }
        let legs = [one, other].map(|leg| self.keep_or_make(leg, known.as_ref(), now));
        self.put(Allocation {
            tunnel,
            legs,
            active: now,
            announced: now,
            sequence,
            complete: legs.iter().all(|leg| leg.bound.is_some()),
        });
        Ok(())
    }

    /// The end of the leg `path` proved that it is there.
    pub fn bind(&mut self, path: PathId, at: Path, now: Instant) {
        if let Some((allocation, leg)) = self.place(path) {
            let leg = &mut allocation.legs[leg];
            leg.bound = Some(at);
            leg.generation = leg.generation.wrapping_add(1);
            allocation.active = now;
            allocation.complete |= allocation.legs.iter().all(|leg| leg.bound.is_some());
        }
    }

    /// The end of the leg `path` is still where it was.
    pub fn refresh(&mut self, path: PathId, now: Instant) {
        if let Some((allocation, _)) = self.place(path) {
            allocation.active = now;
        }
    }

    /// The DC says that a tunnel is over.
    pub fn remove(&mut self, tunnel: TunnelId) {
        self.take_out(tunnel, Removal::Closed);
    }

    /// Lets go of what is past its time.
    pub fn handle_timeout(&mut self, now: Instant) {
        if now < self.sweep {
            return;
        }
        self.sweep = now + SWEEP;
        let idle = self.limits.idle;
        let over: Vec<_> = self
            .iter()
            .filter_map(|path| Some((path.tunnel, path.end(idle, now)?)))
            .collect();
        for (tunnel, why) in over {
            self.take_out(tunnel, why);
        }
    }

    /// When [`Self::handle_timeout`] has something to look at.
    pub fn poll_timeout(&self) -> Option<Instant> {
        (!self.is_empty()).then_some(self.sweep)
    }

    /// A path that is gone.
    pub fn poll_removed(&mut self) -> Option<(TunnelId, Removal)> {
        self.removed.pop_front()
    }

    fn place(&mut self, path: PathId) -> Option<(&mut Allocation, usize)> {
        let place = *self.legs.get(&path)?;
        Some((self.slots[place.slot].as_mut()?, place.leg))
    }

    fn keep_or_make(&self, leg: Leg, known: Option<&Allocation>, now: Instant) -> LegState {
        let kept = known
            .into_iter()
            .flat_map(|known| known.legs)
            .find(|old| old.path == leg.path && old.key == leg.key);
        let rate = self.limits.rate;
        kept.unwrap_or_else(|| LegState {
            path: leg.path,
            key: leg.key,
            bound: None,
            generation: 0,
            packets: 0,
            bytes: 0,
            bucket: Bucket::new(rate, (rate / 4).max(MIN_BURST), now),
        })
    }

    fn put(&mut self, allocation: Allocation) {
        self.erase(allocation.tunnel);
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        for (leg, state) in allocation.legs.iter().enumerate() {
            self.legs.insert(state.path, Place { slot, leg });
        }
        self.tunnels.insert(allocation.tunnel, slot);
        self.slots[slot] = Some(allocation);
    }

    fn erase(&mut self, tunnel: TunnelId) -> Option<Allocation> {
        let slot = self.tunnels.remove(&tunnel)?;
        let allocation = self.slots[slot].take()?;
        self.free.push(slot);
        for leg in &allocation.legs {
            self.legs.remove(&leg.path);
        }
        Some(allocation)
    }

    fn take_out(&mut self, tunnel: TunnelId, why: Removal) {
        if self.erase(tunnel).is_some() {
            self.removed.push_back((tunnel, why));
        }
    }
}

impl Allocation {
    /// Whether both legs were bound.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    fn end(&self, idle: Duration, now: Instant) -> Option<Removal> {
        if !self.complete && now.saturating_duration_since(self.announced) >= BIND_WITHIN {
            Some(Removal::NeverBound)
        } else if now.saturating_duration_since(self.active) >= idle {
            Some(Removal::Idle)
        } else {
            None
        }
    }

    /// Whether an announcement with this number is an older one that the network delayed. Numbers start anew with
    /// the DC, so they are compared only while a delay can be the reason.
    fn is_newer_than(&self, sequence: u32, now: Instant) -> bool {
        let behind = self.sequence.wrapping_sub(sequence);
        behind != 0
            && behind < u32::MAX / 2
            && now.saturating_duration_since(self.announced) < REORDER
    }
}
