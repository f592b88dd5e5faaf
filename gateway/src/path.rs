//! The ways to one peer: candidates, proof, choice.
//!
//! A way is a pair of socket addresses, direct or through a relay. It carries handshakes and control from the start,
//! bulk traffic only after proof: the peer answered something unpredictable on it (a handshake, or a challenge),
//! or used keys it could only have from us by that way. Ways are learned from the DC's candidates, from our own
//! sockets, from the relay binding, and from authentic datagrams that come from somewhere new (a NAT's mapping, or a
//! peer that moved).
//!
//! # Choice
//!
//! Among proven ways a direct one beats a relayed one. Of two direct ways the quicker is better, by a margin; so
//! that both ends come to the same choice, one of them *leads* and the other follows to where it hears it. A way
//! that was given up is *barred*, each time for longer: it may prove itself meanwhile, but takes traffic from
//! another that works only when the bar is over. So a way that comes and goes does not drag the tunnel along.

use ntm_proto::Path;
use ntm_proto::random::Random;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

mod choice;
mod quality;
mod way;

pub(crate) use choice::Evidence;
pub(crate) use quality::{LAST_RESORT, Verdict};
use way::Way;

/// Most ways to one peer, relayed one included.
const LIMIT: usize = 12;
/// How long a proof holds without a sign of life on the way: a little longer than ways are kept warm.
const PROOF_LIFE: Duration = Duration::from_secs(150);
/// Most relay addresses remembered: of the relay we use, and of those we used.
const RELAYS: usize = 8;
/// Challenges without an answer after which a way is dead.
pub(crate) const GIVE_UP_AFTER: u32 = 4;

/// Challenges without an answer after which a way that was only heard is not tried again.
const UNHEEDED: u32 = 2;

/// Silence after which a way that was only heard leads nowhere any more: a little more than NATs keep mappings.
const STALE_AFTER: Duration = Duration::from_secs(45);

/// Ways learned from datagrams at once, and the pause after which one more may be. Two NATs that give every remote
/// port a port of its own make a new way of each challenge and of each answer, without end.
const NEWCOMERS: u32 = 6;
const NEWCOMER_PAUSE: Duration = Duration::from_secs(4);

/// All ways to one peer.
#[derive(Debug)]
pub(crate) struct Paths {
    ways: Vec<Way>,
    /// Ways learned from datagrams since that moment.
    newcomers: (Option<Instant>, u32),
    active: Option<Path>,
    /// Addresses of relays, the newest first: what comes from there is no direct way.
    relays: Vec<SocketAddr>,
    /// Whether this end chooses between direct ways; the other follows.
    leads: bool,
    /// Our sockets, each with its WAN's place in our order.
    ranks: Vec<(SocketAddr, u8)>,
    metered: Vec<SocketAddr>,
    /// How often the way in use has vanished under us: the peer is told by challenges.
    era: u32,
    /// The newest era the peer spoke of.
    peer_era: u64,
    /// When a way was last left because it was slow.
    left_slow: Option<Instant>,
    allowance: choice::Allowance,
}

impl Paths {
    pub(crate) fn new(leads: bool) -> Self {
        Self {
            ways: Vec::new(),
            newcomers: (None, 0),
            active: None,
            relays: Vec::new(),
            leads,
            ranks: Vec::new(),
            metered: Vec::new(),
            era: 0,
            peer_era: 0,
            left_slow: None,
            allowance: choice::Allowance::default(),
        }
    }

    /// The way bulk traffic takes.
    pub(crate) fn active(&self) -> Option<&Way> {
        self.active
            .and_then(|path| self.ways.iter().find(|way| way.path == path))
    }

    /// Where bulk traffic goes.
    pub(crate) fn active_path(&self) -> Option<Path> {
        self.active
    }

    /// Whether bulk traffic goes straight to the peer.
    pub(crate) fn is_direct(&self) -> bool {
        self.active().is_some_and(|way| !way.relayed)
    }

    /// Whether bulk traffic goes through a relay.
    pub(crate) fn is_relayed(&self) -> bool {
        self.active().is_some_and(|way| way.relayed)
    }

    /// The relay has these addresses.
    pub(crate) fn know_relay(&mut self, addresses: &[SocketAddr]) {
        self.relays.retain(|known| !addresses.contains(known));
        self.relays.splice(0..0, addresses.iter().copied());
        self.relays.truncate(RELAYS);
    }

    /// Whether `path` leads to a relay that we use or used.
    pub(crate) fn is_relay(&self, path: Path) -> bool {
        self.relays.contains(&path.remote)
    }

    /// Every way there is, for handshakes.
    pub(crate) fn all(&self) -> impl Iterator<Item = Path> {
        self.ways.iter().map(|way| way.path)
    }

    /// The ways that need no relay and may work: not those that were only heard and have not answered for a while. A
    /// NAT that gives every remote port a port of its own makes ever more of these.
    pub(crate) fn worth_a_trial(&self) -> impl Iterator<Item = Path> {
        let silent = |way: &&Way| !way.directed && !way.proven && way.unanswered >= UNHEEDED;
        let direct = self
            .ways
            .iter()
            .filter(move |way| !way.relayed && !silent(way));
        direct.map(|way| way.path)
    }

    /// Pause between challenges on the way in use: so long that an answer is clearly missing (RFC 6298).
    pub(crate) fn pace(&self) -> Duration {
        let (least, most) = (Duration::from_millis(100), Duration::from_millis(500));
        let way = self.active().or_else(|| self.latest());
        let late = way.and_then(Way::pace);
        late.map_or(most, |late| late.clamp(least, most))
    }

    /// The way by which the peer was heard last, of those that more than a datagram speaks for.
    fn latest(&self) -> Option<&Way> {
        let heard = |way: &&Way| way.heard.is_some() && way.is_vouched_for();
        let ways = self.ways.iter().filter(heard);
        ways.max_by_key(|way| way.heard)
    }

    /// Where a peer that no way leads to for now is likeliest to be heard again: where it was heard last, and the relay.
    pub(crate) fn likeliest(&self) -> impl Iterator<Item = Path> {
        let latest = self.active().or_else(|| self.latest());
        let latest = latest.map(|way| way.path);
        let relayed = self.ways.iter().find(|way| way.relayed);
        let relayed = relayed.map(|way| way.path).filter(|it| latest != Some(*it));
        latest.into_iter().chain(relayed)
    }

    /// Silence on the way in use, after something was sent, that makes it doubtful.
    pub(crate) fn patience(&self) -> Duration {
        let (least, most) = (Duration::from_millis(300), Duration::from_millis(1000));
        let rtt = self.active().and_then(|way| way.rtt);
        rtt.map_or(most, |rtt| (rtt * 5).clamp(least, most))
    }

    /// Makes the ways from our `sockets` to the peer's `candidates`, keeping what is known of those that stay.
    pub(crate) fn direct(&mut self, sockets: &[SocketAddr], candidates: &[SocketAddr]) {
        let pairs: Vec<Path> = candidates
            .iter()
            // Two homes behind one carrier's NAT may have the same inside address: that one is ours.
            .filter(|remote| !sockets.contains(remote) && !self.relays.contains(remote))
            .flat_map(|remote| {
                sockets.iter().map(|local| Path {
                    local: *local,
                    remote: *remote,
                })
            })
            .filter(|path| path.local.is_ipv4() == path.remote.is_ipv4())
            .take(LIMIT - 4)
            .collect();
        let active = self.active;
        self.ways.retain(|way| {
            let alive = sockets.contains(&way.path.local);
            alive
                && (way.relayed
                    || !way.directed
                    || Some(way.path) == active
                    || pairs.contains(&way.path))
        });
        for path in pairs {
            if let Some(known) = self.ways.iter_mut().find(|way| way.path == path) {
                known.directed |= !known.relayed;
            } else if self.has_room() {
                self.make_room();
                self.add(Way::new(path, false, true));
            }
        }
        self.rank_ways();
        self.drop_lost_active();
    }

    /// Our sockets changed: ways that left from one that is gone leave from one of the same family now, unproven.
    pub(crate) fn move_to(&mut self, sockets: &[SocketAddr]) {
        let mut moved: Vec<Way> = Vec::new();
        let gone = |way: &&Way| !way.relayed && !sockets.contains(&way.path.local);
        for way in self.ways.iter().filter(gone) {
            let remote = way.path.remote;
            let same_family = sockets
                .iter()
                .filter(|socket| socket.is_ipv4() == remote.is_ipv4());
            moved.extend(same_family.map(|local| {
                let path = Path {
                    local: *local,
                    remote,
                };
                Way::instead_of(way, path)
            }));
        }
        self.ways.retain(|way| sockets.contains(&way.path.local));
        for way in moved {
            if !self.ways.iter().any(|old| old.path == way.path) && self.ways.len() < LIMIT {
                self.add(way);
            }
        }
        self.rank_ways();
        self.drop_lost_active();
    }

    /// The relay is bound by this way, or (`None`) not any more.
    pub(crate) fn relay_bound(&mut self, bound: Option<Path>) {
        self.ways
            .retain(|way| !way.relayed || Some(way.path) == bound);
        if let Some(path) = bound
            && !self.ways.iter().any(|way| way.path == path)
        {
            self.make_room();
            self.add(Way::new(path, true, true));
            self.rank_ways();
        }
        self.drop_lost_active();
    }

    /// Something authentic came by `path`. Whether that way wants a challenge: it is not proven yet, or the peer
    /// sends its traffic by it and we use another. A mere challenge on a proven way asks for nothing but its answer,
    /// or two ends that use different ways would challenge each other for ever.
    /// It does too if it comes by a relay where we are not bound.
    pub(crate) fn heard(&mut self, path: Path, is_traffic: bool, now: Instant) -> bool {
        let (active, pace) = (self.active, self.pace());
        if let Some(way) = self.ways.iter_mut().find(|way| way.path == path) {
            way.hear(now);
            let (is_used, asks) = (
                active == Some(path) && way.proven,
                is_traffic || !way.proven,
            );
            // What is heard from somewhere but never answered there is asked ever less.
            let learned = !way.directed && !way.proven;
            let pause = pace
                * if learned {
                    1 << way.unanswered.min(8)
                } else {
                    1
                };
            return !is_used && asks && way.has_rested(pause, now);
        }
        if self.relays.contains(&path.remote) {
            return true;
        }
        if !self.admits_newcomer(now) {
            return false;
        }
        if self.ways.len() >= LIMIT {
            let spare = |way: &&Way| !way.relayed && Some(way.path) != active;
            let oldest = self
                .ways
                .iter()
                .filter(spare)
                .min_by_key(|way| (way.directed, way.proven, way.heard));
            let Some(oldest) = oldest.map(|way| way.path) else {
                return false;
            };
            self.ways.retain(|way| way.path != oldest);
        }
        let mut way = Way::new(path, false, false);
        way.hear(now);
        self.add(way);
        self.rank_ways();
        true
    }

    /// The peer may be found at `addresses`: ways to there are worth a trial. Whether there is a new one.
    pub(crate) fn suggest(
        &mut self,
        sockets: &[SocketAddr],
        addresses: &[SocketAddr],
        now: Instant,
    ) -> bool {
        let mut is_new = false;
        for remote in addresses {
            if self.relays.contains(remote) || sockets.contains(remote) {
                continue;
            }
            let same_family = |local: &&SocketAddr| local.is_ipv4() == remote.is_ipv4();
            for local in sockets.iter().filter(same_family) {
                let path = Path {
                    local: *local,
                    remote: *remote,
                };
                let known = self.ways.iter().any(|way| way.path == path);
                if !known && self.has_room() && self.admits_newcomer(now) {
                    self.make_room();
                    self.add(Way::new(path, false, false));
                    is_new = true;
                }
            }
        }
        self.rank_ways();
        is_new
    }

    /// One way more. It takes half a kilobyte, and a gateway may have a thousand peers: no room is kept for others.
    fn add(&mut self, way: Way) {
        self.ways.reserve_exact(1);
        self.ways.push(way);
    }

    /// Whether one more way has a place: a free one, or that of one learned from a datagram.
    fn has_room(&self) -> bool {
        self.ways.len() < LIMIT || self.oldest_learned().is_some()
    }

    /// Gives the place of the oldest learned way away if there is no other.
    fn make_room(&mut self) {
        let oldest = self.oldest_learned().filter(|_| self.ways.len() >= LIMIT);
        self.ways.retain(|way| Some(way.path) != oldest);
    }

    fn oldest_learned(&self) -> Option<Path> {
        let spare = |way: &&Way| !way.relayed && !way.directed && Some(way.path) != self.active;
        let oldest = self.ways.iter().filter(spare);
        let oldest = oldest.min_by_key(|way| (way.proven, way.heard));
        oldest.map(|way| way.path)
    }

    /// Drops ways that were only heard, and long ago, but for the newest: a peer that is lost is looked for by every way.
    pub(crate) fn forget_stale(&mut self, now: Instant) {
        let is_stale = |way: &Way| {
            let is_learned = !way.relayed && !way.directed && !way.proven;
            let unheeded = way.unanswered >= UNHEEDED;
            let old = |at| now.duration_since(at) >= STALE_AFTER;
            is_learned && way.heard.map_or(unheeded, old)
        };
        let stale = self.ways.iter().filter(|way| is_stale(way));
        let newest = stale.max_by_key(|way| way.heard).map(|way| way.path);
        let active = self.active;
        let stays = |path| [active, newest].contains(&Some(path));
        self.ways.retain(|way| !is_stale(way) || stays(way.path));
    }

    fn admits_newcomer(&mut self, now: Instant) -> bool {
        let (since, count) = &mut self.newcomers;
        let since = since.get_or_insert(now);
        while *count > 0 && now.duration_since(*since) >= NEWCOMER_PAUSE {
            *since += NEWCOMER_PAUSE;
            *count -= 1;
        }
        if *count == 0 {
            *since = now;
        }
        let admits = *count < NEWCOMERS;
        *count += u32::from(admits);
        admits
    }

    /// The peer proved that it receives on `path`, by answering what left at `asked`. Whether bulk traffic takes
    /// another way now.
    pub(crate) fn prove(&mut self, path: Path, asked: Instant, now: Instant) -> bool {
        let Some(way) = self.ways.iter_mut().find(|way| way.path == path) else {
            return false;
        };
        let awaited = !way.proven && self.active == Some(path);
        way.prove(now);
        self.choose(path, asked, now) || awaited
    }

    /// An answer to a challenge came by `path`: if the token is right, the way that was challenged is proven. The
    /// round trip if it was, and whether bulk traffic takes another way now. The answer may come by another way than
    /// its challenge left (a NAT between, or somebody who is faster with a copy): what it proves is where the
    /// challenge arrived (RFC 9000 section 8.2.3). Of a way that nobody vouches for that is too little, and a relay's
    /// word says nothing of the way back from where it is not.
    pub(crate) fn answered(
        &mut self,
        path: Path,
        token: u64,
        now: Instant,
    ) -> (Option<Duration>, bool) {
        let by_relay = self.is_relay(path);
        let counts = |way: &&mut Way| {
            let elsewhere = way.is_vouched_for() && (way.relayed || !by_relay);
            way.path == path || elsewhere
        };
        let mut ways = self.ways.iter_mut();
        let Some(way) = ways.find(|way| way.has_asked(token)).filter(counts) else {
            return (None, false);
        };
        let challenged = way.path;
        let Some(asked) = way.take_answer(token, now) else {
            return (None, false);
        };
        let rtt = now.duration_since(asked);
        (Some(rtt), self.prove(challenged, asked, now))
    }

    /// Whether a Tunnel Response that comes by `path` proves it: a way that is only known from datagrams may be that of
    /// somebody who was faster with a copy.
    pub(crate) fn is_vouched_for(&self, path: Path) -> bool {
        let mut ways = self.ways.iter();
        ways.any(|way| way.path == path && way.is_vouched_for())
    }

    /// By which ways an answer goes to a challenge that came by `path`: by that, and if that is not proven, by those the
    /// peer surely listens on. The challenge may be a copy, whose original will be refused.
    pub(crate) fn answer_by(&self, path: Path) -> Vec<Path> {
        let is_proven = |way: &&Way| way.proven;
        let own = self.ways.iter().find(|way| way.path == path);
        if own.filter(is_proven).is_some() {
            return vec![path];
        }
        let active = self.active().filter(is_proven).map(|way| way.path);
        let others = self.ways.iter().filter(|way| match active {
            Some(active) => way.path == active,
            None => way.is_vouched_for(),
        });
        let others = others.map(|way| way.path).filter(|other| *other != path);
        [path].into_iter().chain(others).collect()
    }

    /// A token for a challenge on `path`, if that is a way.
    pub(crate) fn challenge(
        &mut self,
        path: Path,
        random: &mut Random,
        now: Instant,
    ) -> Option<u64> {
        let way = self.ways.iter_mut().find(|way| way.path == path)?;
        let token = u64::from_be_bytes(random.bytes());
        way.challenge(token, now);
        Some(token)
    }

    /// A token for a challenge on `path`, if that is a way: the one before if its answer may be under way.
    pub(crate) fn repeat_challenge(
        &mut self,
        path: Path,
        random: &mut Random,
        now: Instant,
    ) -> Option<u64> {
        let pace = self.pace();
        let mut ways = self.ways.iter_mut();
        let known = ways.find(|way| way.path == path);
        let repeated = known?.repeat_challenge(pace, now);
        repeated.or_else(|| self.challenge(path, random, now))
    }

    /// Whether enough challenges on the way in use went unanswered; then it is not used any more.
    pub(crate) fn give_up_silent(&mut self, now: Instant) -> bool {
        let Some(active) = self.active else {
            return false;
        };
        let is_dead = |way: &Way| way.path == active && way.unanswered >= GIVE_UP_AFTER;
        if !self.ways.iter().any(is_dead) {
            return false;
        }
        for way in &mut self.ways {
            let stale = way
                .heard
                .is_none_or(|at| now.duration_since(at) >= PROOF_LIFE);
            if way.path == active {
                way.bar(now);
            }
            if way.path == active || stale {
                way.lose_proof();
            }
        }
        self.active = self.best(now);
        true
    }

    /// Nothing is proven any more: the peer has other keys now.
    pub(crate) fn forget_proofs(&mut self) {
        self.active = None;
        self.ways.iter_mut().for_each(Way::forget_proof);
        self.forget_standings();
    }
}

#[cfg(test)]
mod tests;
