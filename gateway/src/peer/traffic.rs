//! Packets through the tunnel: sealed, opened, counted, and held while there is no way yet.

use super::size::LONG;
use super::waiting::{Turn, Waiting, tcp_tag};
use super::{Peer, RelayEnd};
use crate::peers::Env;
use crate::{Limits, Output, Reject};
use ntm_proto::Path;
use ntm_proto::id::Identity;
use ntm_proto::wire::{HEADER_LEN, Kind};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::ops::Range;
use std::time::{Duration, Instant};

/// The devices behind a peer, by their virtual addresses.
type Remotes = BTreeMap<Ipv4Addr, Identity>;

/// Silence after which a packet is the beginning of something.
const IDLE: Duration = Duration::from_secs(1);

/// Bytes and times of inner packets.
pub(crate) struct Traffic {
    pub(crate) sent: u64,
    pub(crate) received: u64,
    /// The last inner packet in either direction.
    pub(crate) last: Instant,
    /// The last one that was received.
    pub(super) arrived: Option<Instant>,
    /// The longest pause before one lately, and when it ended.
    pub(super) paused: Option<(Duration, Instant)>,
}

impl Traffic {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            sent: 0,
            received: 0,
            last: now,
            arrived: None,
            paused: None,
        }
    }
}

impl Peer {
    /// Seals what `out` holds from `start` on: room for a header, then a packet with its addresses in the tunnel. Where
    /// to send it; `None`: it waits for the tunnel, and is in `out` no more.
    pub(crate) fn seal_packet(
        &mut self,
        out: &mut Vec<u8>,
        start: usize,
        limits: &Limits,
        now: Instant,
    ) -> Result<Option<Path>, Reject> {
        self.traffic.last = now;
        let (is_up, length) = (self.keys.is_up(now), out.len() - start);
        let path = is_up.then(|| self.paths.carry(length, now)).flatten();
        let Some((path, is_sure)) = path else {
            let held = self.hold(&out[start..], limits, now);
            out.truncate(start);
            return held.map(|()| None);
        };
        self.seal_data(out, start, (path, is_sure), limits, now)?;
        Ok(Some(path))
    }

    /// Opens a Data or Control datagram where it lies: where its plain text is, and what it shows.
    pub(crate) fn open(
        &mut self,
        path: Path,
        generation: u8,
        datagram: &mut [u8],
        now: Instant,
    ) -> Result<(Range<usize>, Opened), Reject> {
        let is_traffic = datagram.first() == Some(&Kind::Data.byte());
        let (plain, confirmed) = self.keys.open(generation, datagram, now)?;
        // Only the way in use takes doubt away from itself.
        match self.paths.active_path() {
            Some(active) if active != path => self.watch.heard = Some(now),
            Some(_) | None => {
                self.watch.heard(now);
                if is_traffic {
                    self.watch.rhythm.beat(now);
                }
            }
        }
        let wants_challenge = self.paths.heard(path, is_traffic, now);
        let goes_on = !self.paths.is_sure() && self.paths.lean_if_lost(path, now);
        if is_traffic {
            self.arrived(path, now);
        }
        let opened = Opened {
            confirmed,
            wants_challenge,
            goes_on,
        };
        Ok((plain, opened))
    }

    /// Notes an inner packet that was delivered. Whether something may be due earlier for it: trials and the relay
    /// rest while there is no traffic, and a stream that stops is asked after.
    pub(crate) fn delivered(&mut self, bytes: usize, now: Instant) -> bool {
        let idle = now.duration_since(self.traffic.last) >= IDLE;
        self.traffic.received += bytes as u64;
        self.traffic.last = now;
        let has_rhythm = self.watch.rhythm.has_just_begun();
        idle || has_rhythm || self.relay.as_ref().is_some_and(RelayEnd::is_asleep)
    }

    /// What another tunnel to the same gateway goes on with: its devices, and the packets that wait.
    pub(crate) fn take_over(&mut self) -> (Remotes, Waiting) {
        self.waiting.recall_all();
        (std::mem::take(&mut self.remotes), self.waiting.take_all())
    }

    /// Goes on with what the tunnel before had.
    pub(crate) fn inherit(&mut self, remotes: Remotes, waiting: Waiting) {
        self.remotes.extend(remotes);
        self.waiting = waiting;
    }

    /// Sends what was lost and what waited. Called when the tunnel has come up, or takes another way.
    pub(super) fn release(&mut self, env: &mut Env<'_>, now: Instant) {
        if !self.keys.is_up(now) {
            return;
        }
        let lost = self.waiting.drop_stale(now);
        self.record(|handover| handover.lost += lost);
        self.send_left(env, now);
        let ahead = self.send_waiting(Turn::First, env, now);
        self.send_again(ahead, env, now);
        self.send_waiting(Turn::Last, env, now);
    }

    /// Sends by the way in use what has left by another that was not sure.
    fn send_left(&mut self, env: &mut Env<'_>, now: Instant) {
        let Some(path) = self.paths.active_path() else {
            return;
        };
        let is_sure = self.paths.is_sure();
        if !is_sure && self.moving.left_by.is_none_or(|by| by == path) {
            return;
        }
        self.moving.left_by = Some(path).filter(|_| !is_sure);
        let keys = &self.keys;
        let can_open = |sealed: &[u8]| keys.is_of_now(sealed, now);
        for datagram in self.waiting.recall(is_sure, can_open) {
            if self.paths.carry(datagram.len(), now).is_some() {
                env.output.push_back(Output::Send { path, datagram });
            }
        }
    }

    /// How many have left.
    fn send_waiting(&mut self, turn: Turn, env: &mut Env<'_>, now: Instant) -> usize {
        let mut count = 0;
        while let Some(length) = self.waiting.next_len(turn)
            && let Some((path, is_sure)) = self.paths.carry(length, now)
            && let Some(mut datagram) = self.waiting.take(turn)
        {
            let limits = &env.setup.limits;
            let sealed = self.seal_data(&mut datagram, 0, (path, is_sure), limits, now);
            if sealed.is_ok() {
                env.output.push_back(Output::Send { path, datagram });
                count += 1;
            }
        }
        count
    }

    /// Seals a translated packet, in `out` from `start` on, that leaves `by` a way, of which is known whether it is sure.
    fn seal_data(
        &mut self,
        out: &mut Vec<u8>,
        start: usize,
        by: (Path, bool),
        limits: &Limits,
        now: Instant,
    ) -> Result<(), Reject> {
        let (path, is_sure) = by;
        let inner = out.len() - start - HEADER_LEN;
        let tcp = tcp_tag(&out[start + HEADER_LEN..]);
        let stays =
            tcp.is_some() && !is_sure && self.waiting.keep_leaving(&out[start..], limits.hold, now);
        self.keys
            .seal(Kind::Data, self.peer_path, out, start, now)?;
        let sealed = &out[start..];
        if stays {
            self.waiting.note_left(sealed);
            self.moving.left_by = Some(path);
        }
        self.recent.keep(sealed, tcp, limits.resend, now);
        self.traffic.sent += inner as u64;
        self.size.is_wanted |= inner > LONG;
        self.watch.sent(now);
        Ok(())
    }

    /// Keeps a translated packet until there is a way.
    fn hold(&mut self, out: &[u8], limits: &Limits, now: Instant) -> Result<(), Reject> {
        let dropped = self.waiting.keep(out, limits.hold, now);
        let lost = dropped.unwrap_or(1);
        self.record(|handover| handover.lost += lost);
        dropped.map(drop).ok_or(Reject::QueueFull)
    }
}

/// What opening a datagram showed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opened {
    /// The peer has the new keys.
    pub(crate) confirmed: bool,
    /// It came by a way that has to prove itself.
    pub(crate) wants_challenge: bool,
    /// Traffic that had no way goes where this came from.
    pub(crate) goes_on: bool,
}
