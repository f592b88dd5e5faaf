//! The ways to one peer: candidates, proof, choice.
//!
//! A way is a pair of socket addresses, direct or through a relay. It carries handshakes and control from the start,
//! bulk traffic only after proof: the peer answered something unpredictable on it (a handshake, or a challenge),
//! or used keys it could only have from us by that way. Among proven ways a direct one beats a relayed one; a way
//! in use is kept until it is silent. Ways are learned from the DC's candidates, from our own sockets, from the relay
//! binding, and from authentic datagrams that come from somewhere new (a NAT's mapping, or a peer that moved).

use ntm_proto::Path;
use ntm_proto::random::Random;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Most ways to one peer, relayed one included.
const LIMIT: usize = 12;
/// How long a proof holds without a sign of life on the way: a little longer than ways are kept warm.
const PROOF_LIFE: Duration = Duration::from_secs(60);
/// Challenges without an answer after which a way is dead.
pub(crate) const GIVE_UP_AFTER: u32 = 4;
/// Pause between challenges on one way.
pub(crate) const PROBE_PAUSE: Duration = Duration::from_millis(500);

/// One way.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(crate) path: Path,
    pub(crate) relayed: bool,
    /// The DC's candidate, as against learned from a datagram.
    directed: bool,
    proven: bool,
    /// The challenge under way: its token and when it left.
    challenge: Option<(u64, Instant)>,
    unanswered: u32,
    pub(crate) rtt: Option<Duration>,
    pub(crate) heard: Option<Instant>,
}

/// All ways to one peer.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    ways: Vec<Way>,
    active: Option<Path>,
}

impl Paths {
    /// The way bulk traffic takes.
    pub(crate) fn active(&self) -> Option<&Way> {
        self.active
            .and_then(|path| self.ways.iter().find(|way| way.path == path))
    }

    /// Where bulk traffic goes.
    pub(crate) fn active_path(&self) -> Option<Path> {
        self.active
    }

    /// Every way there is, for handshakes.
    pub(crate) fn all(&self) -> impl Iterator<Item = Path> {
        self.ways.iter().map(|way| way.path)
    }

    /// Makes the ways from our `sockets` to the peer's `candidates`, keeping what is known of those that stay.
    pub(crate) fn direct(&mut self, sockets: &[SocketAddr], candidates: &[SocketAddr]) {
        let pairs: Vec<Path> = candidates
            .iter()
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
            if !self.ways.iter().any(|way| way.path == path) && self.ways.len() < LIMIT {
                self.ways.push(Way::new(path, false, true));
            }
        }
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
                Way::new(path, false, way.directed)
            }));
        }
        self.ways.retain(|way| sockets.contains(&way.path.local));
        for way in moved {
            if !self.ways.iter().any(|old| old.path == way.path) && self.ways.len() < LIMIT {
                self.ways.push(way);
            }
        }
        self.drop_lost_active();
    }

    /// The relay is bound by this way, or (`None`) not any more.
    pub(crate) fn relay_bound(&mut self, bound: Option<Path>) {
        self.ways
            .retain(|way| !way.relayed || Some(way.path) == bound);
        if let Some(path) = bound
            && !self.ways.iter().any(|way| way.path == path)
        {
            self.ways.push(Way::new(path, true, true));
        }
        self.drop_lost_active();
    }

    /// Something authentic came by `path`. Whether that way wants a challenge: it is new, or the peer speaks by it
    /// and we use another.
    pub(crate) fn heard(&mut self, path: Path, now: Instant) -> bool {
        let active = self.active;
        if let Some(way) = self.ways.iter_mut().find(|way| way.path == path) {
            way.heard = Some(now);
            let rested = |(_, at): (u64, Instant)| now.duration_since(at) >= PROBE_PAUSE;
            return active != Some(path) && way.challenge.is_none_or(rested);
        }
        if self.ways.len() >= LIMIT {
            let spare = |way: &&Way| !way.relayed && Some(way.path) != active;
            let oldest = self
                .ways
                .iter()
                .filter(spare)
                .min_by_key(|way| (way.directed, way.heard));
            let Some(oldest) = oldest.map(|way| way.path) else {
                return false;
            };
            self.ways.retain(|way| way.path != oldest);
        }
        self.ways.push(Way {
            heard: Some(now),
            ..Way::new(path, false, false)
        });
        true
    }

    /// The peer proved that it receives on `path`, by answering what left at `asked`. Whether bulk traffic takes
    /// another way now.
    pub(crate) fn prove(&mut self, path: Path, asked: Instant, now: Instant) -> bool {
        let Some(way) = self.ways.iter_mut().find(|way| way.path == path) else {
            return false;
        };
        way.proven = true;
        way.unanswered = 0;
        way.heard = Some(now);
        self.choose(path, asked)
    }

    /// An answer to a challenge came by `path`: if the token is right, the way is proven. Returns whether the
    /// answer was one, and whether bulk traffic takes another way now.
    pub(crate) fn answered(&mut self, path: Path, token: u64, now: Instant) -> (bool, bool) {
        let mut ways = self.ways.iter_mut();
        let Some(way) = ways.find(|way| way.path == path) else {
            return (false, false);
        };
        let Some((_, asked)) = way.challenge.take_if(|(sent, _)| *sent == token) else {
            return (false, false);
        };
        way.rtt = Some(now.duration_since(asked));
        (true, self.prove(path, asked, now))
    }

    /// The last round trip on `path`.
    pub(crate) fn rtt(&self, path: Path) -> Option<Duration> {
        self.ways.iter().find(|way| way.path == path)?.rtt
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
        if way.challenge.is_some() {
            way.unanswered += 1;
        }
        way.challenge = Some((token, now));
        Some(token)
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
        self.ways.retain(|way| way.directed || way.path != active);
        for way in &mut self.ways {
            let stale = way
                .heard
                .is_none_or(|at| now.duration_since(at) >= PROOF_LIFE);
            if way.path == active || stale {
                (way.proven, way.challenge, way.unanswered) = (false, None, 0);
            }
        }
        self.active = self.best();
        true
    }

    /// Nothing is proven any more: the peer has other keys now.
    pub(crate) fn forget_proofs(&mut self) {
        self.active = None;
        for way in &mut self.ways {
            (way.proven, way.challenge, way.unanswered) = (false, None, 0);
        }
    }

    /// Prefers `newcomer` to the way in use if it is direct and that is relayed, or if nothing has come by the way
    /// in use since `asked`, when the newcomer's challenge left.
    fn choose(&mut self, newcomer: Path, asked: Instant) -> bool {
        let before = self.active;
        let new = self.ways.iter().find(|way| way.path == newcomer);
        let better = match (self.active(), new) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(old), Some(new)) if old.relayed != new.relayed => old.relayed,
            (Some(old), Some(new)) => {
                new.path != old.path && old.heard.is_none_or(|heard| heard < asked)
            }
        };
        if better {
            self.active = Some(newcomer);
        }
        self.active != before
    }

    fn best(&self) -> Option<Path> {
        let proven = self.ways.iter().filter(|way| way.proven);
        proven
            .min_by_key(|way| (way.relayed, way.rtt))
            .map(|way| way.path)
    }

    fn drop_lost_active(&mut self) {
        if self
            .active
            .is_some_and(|path| !self.ways.iter().any(|way| way.path == path))
        {
            self.active = self.best();
        }
    }
}

impl Way {
    fn new(path: Path, relayed: bool, directed: bool) -> Self {
        Self {
            path,
            relayed,
            directed,
            proven: false,
            challenge: None,
            unanswered: 0,
            rtt: None,
            heard: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(local: &str, remote: &str) -> Path {
        Path {
            local: local.parse().unwrap(),
            remote: remote.parse().unwrap(),
        }
    }

    fn sockets() -> Vec<SocketAddr> {
        vec![
            "10.0.0.2:4750".parse().unwrap(),
            "[2001:db8::2]:4750".parse().unwrap(),
        ]
    }

    #[test]
    fn ways_pair_equal_families_and_carry_nothing_unproven() {
        let mut paths = Paths::default();
        let candidates = [
            "[2001:db8::9]:1".parse().unwrap(),
            "203.0.113.9:2".parse().unwrap(),
        ];
        paths.direct(&sockets(), &candidates);
        assert_eq!(paths.all().count(), 2);
        assert_eq!(paths.active_path(), None);
        let now = Instant::now();
        let way = path("10.0.0.2:4750", "203.0.113.9:2");
        assert!(paths.prove(way, now, now));
        assert_eq!(paths.active_path(), Some(way));
    }

    #[test]
    fn a_direct_way_replaces_the_relay_and_a_silent_one_gives_way_to_it() {
        let (mut paths, now) = (Paths::default(), Instant::now());
        let mut random = Random::from_seed([0; 32]);
        let relay = path("10.0.0.2:4750", "203.0.113.20:4750");
        let direct = path("10.0.0.2:4750", "203.0.113.9:2");
        paths.relay_bound(Some(relay));
        paths.prove(relay, now, now);
        paths.direct(&sockets(), &[direct.remote]);
        let token = paths.challenge(direct, &mut random, now).unwrap();
        assert_eq!(paths.answered(direct, token ^ 1, now), (false, false));
        assert_eq!(paths.answered(direct, token, now), (true, true));
        assert_eq!(paths.active_path(), Some(direct));
        for _ in 0..=GIVE_UP_AFTER {
            paths.challenge(direct, &mut random, now).unwrap();
        }
        assert!(paths.give_up_silent(now));
        assert_eq!(paths.active_path(), Some(relay));
    }

    #[test]
    fn a_copied_datagram_alone_moves_nothing() {
        let (mut paths, now) = (Paths::default(), Instant::now());
        let home = path("10.0.0.2:4750", "203.0.113.9:2");
        paths.direct(&sockets(), &[home.remote]);
        paths.prove(home, now, now);
        for port in 1..100 {
            paths.heard(path("10.0.0.2:4750", &format!("192.0.2.66:{port}")), now);
        }
        assert_eq!(paths.active_path(), Some(home));
        assert!(paths.all().count() <= LIMIT);
    }
}
