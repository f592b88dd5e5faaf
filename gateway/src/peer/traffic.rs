//! Packets through the tunnel: sealed, opened, counted, and held while there is no way yet.

use super::{Peer, RelayEnd};
use crate::peers::Env;
use crate::translate::{self, Ends};
use crate::{Limits, Output, Reject};
use ntm_proto::Path;
use ntm_proto::id::Identity;
use ntm_proto::wire::{HEADER_LEN, Kind};
use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// The devices behind a peer, by their virtual addresses.
type Remotes = BTreeMap<Ipv4Addr, Identity>;

/// Longest packet worth holding: the longest the TUN interface gives.
const LONGEST_WAITING: usize = 2048;
/// What holding a packet costs besides its bytes: more packets than that allows would be slow to count.
const SLOT: usize = 128;
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
}

impl Traffic {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            sent: 0,
            received: 0,
            last: now,
            arrived: None,
        }
    }
}

impl Peer {
    /// Seals `packet`, with the addresses it has in the tunnel, into `out`; where to send it. `None`: it waits for the tunnel.
    pub(crate) fn seal_packet(
        &mut self,
        packet: &[u8],
        ends: Ends,
        out: &mut Vec<u8>,
        limits: &Limits,
        now: Instant,
    ) -> Result<Option<Path>, Reject> {
        out.clear();
        out.resize(HEADER_LEN, 0);
        out.extend_from_slice(packet);
        translate::rewrite(&mut out[HEADER_LEN..], ends);
        self.traffic.last = now;
        let is_up = self.keys.is_up(now);
        let path = is_up.then(|| self.paths.carry(out.len())).flatten();
        let Some(path) = path else {
            return self.hold(out, limits).map(|()| None);
        };
        self.keys.seal(Kind::Data, self.peer_path, out, now)?;
        self.recent.keep(out, limits.resend, now);
        self.traffic.sent += packet.len() as u64;
        self.watch.sent(now);
        Ok(Some(path))
    }

    /// Opens a Data or Control datagram into `out`. Whether it came under keys confirmed just now.
    pub(crate) fn open(
        &mut self,
        path: Path,
        generation: u8,
        datagram: &[u8],
        out: &mut Vec<u8>,
        now: Instant,
    ) -> Result<Opened, Reject> {
        let confirmed = self.keys.open(generation, datagram, out, now)?;
        let is_traffic = datagram.first() == Some(&Kind::Data.byte());
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
        if is_traffic {
            self.arrived(path, now);
        }
        Ok(Opened {
            confirmed,
            wants_challenge,
        })
    }

    /// Notes an inner packet that was delivered. Whether something may be due earlier for it: trials and the relay
    /// rest while there is no traffic.
    pub(crate) fn delivered(&mut self, bytes: usize, now: Instant) -> bool {
        let idle = now.duration_since(self.traffic.last) >= IDLE;
        self.traffic.received += bytes as u64;
        self.traffic.last = now;
        idle || self.relay.as_ref().is_some_and(RelayEnd::is_asleep)
    }

    /// What another tunnel to the same gateway goes on with: its devices, and the packets that wait.
    pub(crate) fn take_over(&mut self) -> (Remotes, VecDeque<Vec<u8>>) {
        (
            std::mem::take(&mut self.remotes),
            std::mem::take(&mut self.waiting),
        )
    }

    /// Goes on with what the tunnel before had.
    pub(crate) fn inherit(&mut self, remotes: Remotes, waiting: VecDeque<Vec<u8>>) {
        self.remotes.extend(remotes);
        self.waiting = waiting;
    }

    /// Sends what was lost and what waited. Called when the tunnel has come up, or takes another way.
    pub(super) fn release(&mut self, env: &mut Env<'_>, now: Instant) {
        if !self.keys.is_up(now) {
            return;
        }
        self.send_again(env, now);
        while let Some(waiting) = self.waiting.front()
            && let Some(path) = self.paths.carry(waiting.len())
            && let Some(mut datagram) = self.waiting.pop_front()
        {
            self.traffic.sent += (datagram.len() - HEADER_LEN) as u64;
            if self
                .keys
                .seal(Kind::Data, self.peer_path, &mut datagram, now)
                .is_ok()
            {
                self.recent.keep(&datagram, env.setup.limits.resend, now);
                self.watch.sent(now);
                env.output.push_back(Output::Send { path, datagram });
            }
        }
    }

    /// Keeps a translated packet until the tunnel is up; the oldest makes room.
    fn hold(&mut self, out: &[u8], limits: &Limits) -> Result<(), Reject> {
        if out.len() > LONGEST_WAITING {
            return Err(Reject::QueueFull);
        }
        // Small packets may be more: first words of many devices at once.
        let room = limits.waiting_packets * LONGEST_WAITING;
        let mut lost = 0;
        let mut held: usize = self.waiting.iter().map(|packet| packet.len() + SLOT).sum();
        while held + out.len() + SLOT > room
            && let Some(oldest) = self.waiting.pop_front()
        {
            held -= oldest.len() + SLOT;
            lost += 1;
        }
        self.waiting.push_back(out.to_vec());
        self.record(|handover| handover.lost += lost);
        Ok(())
    }
}

/// What opening a datagram showed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opened {
    /// The peer has the new keys.
    pub(crate) confirmed: bool,
    /// It came by a way that has to prove itself.
    pub(crate) wants_challenge: bool,
}
