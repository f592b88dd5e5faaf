//! What must hold while gateways move: a path that exists is found within a bound.

use super::play::Game;
use super::{Kind, MOST_WAYS};
use crate::run::reason;
use crate::spec::{V4Kind, V6Kind, WanSpec};
use crate::world::{Node, Process};
use ntm_gateway::Limits;
use std::time::{Duration, Instant};

/// What the model knows of a session's two gateways.
#[derive(PartialEq, Eq)]
pub(super) struct Scene {
    path: bool,
    running: Vec<Process>,
    /// Each WAN, and whether it is a black hole.
    wans: Vec<(WanSpec, bool)>,
    touched: u64,
}

/// Within this after the network is good a stream is heard where lines lose datagrams, and transmissions in a row of which
/// one gets through there.
const BOUND_LOSSY: Duration = Duration::from_secs(20);
const TRIES_LOSSY: u32 = 12;
/// Elsewhere one may be under way while the way changes.
const TRIES: u32 = 2;
/// A probe whose gateway has kept what it said last is woken within this.
const SLEEP: Duration = Duration::from_secs(20);
/// The same for who is hidden: until its gateway finds out by itself.
const BOUND_HIDDEN: Duration = Duration::from_secs(60);

impl Game {
    /// Sees what changed, and judges.
    pub(super) fn look(&mut self) {
        let now = self.world.now;
        let changed = self.dirty
            || self.holes.iter().any(|end| *end <= now)
            || self.running != self.world.process;
        if changed {
            self.dirty = false;
            self.holes.retain(|end| *end > now);
            self.running.clone_from(&self.world.process);
            self.look_again(now);
        }
        for number in 0..self.scenes.len() {
            if let Some(good) = self.scenes[number].1 {
                self.judge(number, good);
            }
        }
    }

    fn look_again(&mut self, now: Instant) {
        for number in 0..self.scenes.len() {
            let scene = self.scene(number);
            if scene == self.scenes[number].0 {
                continue;
            }
            let sure = scene.path.then(|| now + self.bound_of(number));
            let session = &mut self.sessions.list[number];
            if let Some(tcp) = &mut session.tcp {
                tcp.look(sure, now);
            }
            for stream in &mut session.streams {
                stream.look(now);
            }
            if scene.path {
                session.pace(true, now);
            }
            let good = scene.path.then_some(now);
            self.scenes[number] = (scene, good);
        }
    }

    /// How long this session may take to be back.
    ///
    /// A NAT that forgot whom it lets in, or a WAN that is a black hole, hides a gateway that sends nothing of its own
    /// accord: nobody reaches it, and it waits for nothing. It finds out when it next speaks of itself.
    fn bound_of(&self, number: usize) -> Duration {
        let hides = [
            Kind::NatForgets,
            Kind::NatReaddressed,
            Kind::SameInside,
            Kind::CutSilent,
        ];
        let session = &self.sessions.list[number];
        let calls = session.tcp.as_ref().is_some_and(|tcp| !tcp.paused);
        let [away, towards] = &session.streams;
        let both_speak = (away.on || calls) && towards.on;
        let is_hidden = self.moving.is_some_and(|(kind, _)| hides.contains(&kind));
        let bound = if is_hidden && !both_speak {
            BOUND_HIDDEN
        } else if self.lossy {
            BOUND_LOSSY
        } else {
            Duration::ZERO
        };
        bound.max(self.patience)
    }

    fn judge(&mut self, number: usize, good: Instant) {
        let (now, bound) = (self.world.now, self.bound_of(number));
        let session = &self.sessions.list[number];
        let (from, to) = (session.from, session.to);
        let (mut late, mut who) = (None, (from, to));
        for (side, stream) in session.streams.iter().enumerate() {
            let silent = now.duration_since(stream.heard.max(good));
            if stream.on && silent > bound + session.beat() {
                who = if side == 0 { (from, to) } else { (to, from) };
                late = Some("a stream is silent".to_owned());
            }
        }
        if let Some(tcp) = &session.tcp
            && tcp.is_waiting()
            && !self.lossy
            && now.duration_since(tcp.heard.max(good)) > bound.max(SLEEP)
        {
            late = Some("a probe sleeps".to_owned());
        }
        let tries = if self.lossy { TRIES_LOSSY } else { TRIES };
        if let Some(tcp) = &session.tcp
            && tcp.is_stuck(tries, now)
        {
            late = Some("a probe stands still".to_owned());
        }
        if let Some(late) = late {
            let why = reason(&self.world, from, to);
            let (from, to) = who;
            let since = (good - self.world.born).as_secs_f64();
            let situation = self.situation();
            let text = format!(
                "{late} {situation}: {from:?} to {to:?}, and a path exists since {since:.3} s; {why}"
            );
            self.world.fail(text);
        }
    }

    /// In what it happens: the move, and what is not as usual.
    fn situation(&self) -> String {
        let mut words = Vec::new();
        words.extend(self.moving.map(|(kind, _)| format!("{kind:?}")));
        if self.moving.is_some_and(|(_, only_listens)| only_listens) {
            words.push("only listens".to_owned());
        }
        if self.world.watch.loot.is_some() {
            words.push("under attack".to_owned());
        }
        let mut relays = (0..self.world.relays.len()).map(Node::Relay);
        if relays.any(|relay| !self.world.is_running(relay)) {
            words.push("relay down".to_owned());
        }
        format!("({})", words.join(", "))
    }

    pub(super) fn scene(&self, number: usize) -> Scene {
        let session = &self.sessions.list[number];
        let ends = [session.from.0, session.to.0];
        Scene {
            path: self.path_exists(ends),
            running: self.world.process.clone(),
            touched: ends.iter().map(|site| self.touched[*site]).sum(),
            wans: ends.iter().flat_map(|site| self.wans(*site)).collect(),
        }
    }

    /// A gateway's WANs, and which are black holes.
    fn wans(&self, site: usize) -> impl Iterator<Item = (WanSpec, bool)> {
        let world = &self.world;
        let node = world.number(Node::Site(site));
        let own = &world.sites[site];
        own.specs.iter().zip(&own.wans).map(move |(spec, wan)| {
            let mut sockets = wan.sockets.iter();
            let dead = sockets.any(|socket| world.net.is_holed(node, socket.ip(), world.now));
            (*spec, dead)
        })
    }

    /// Whether datagrams of these two gateways can get through: by a relay that both reach, or straight, where one of
    /// them has a global address of a family of the other's. Who has just come finds the other with the DC's help.
    fn path_exists(&self, ends: [usize; 2]) -> bool {
        let world = &self.world;
        let alive = ends.map(|site| {
            let wans = self.wans(site).filter(|(_, dead)| !dead);
            wans.map(|(spec, _)| spec).collect::<Vec<WanSpec>>()
        });
        let families = [0, 1].map(|end: usize| {
            let all = alive[end].iter().map(WanSpec::families);
            all.fold((false, false), |sum, one| (sum.0 || one.0, sum.1 || one.1))
        });
        let relayed = (0..world.relays.len()).any(|relay| {
            let (v4, v6) = world.spec.relays[relay].families;
            let reached = families.iter().all(|own| (own.0 && v4) || (own.1 && v6));
            reached && world.is_running(Node::Relay(relay))
        });
        let is_open = |one: usize, other: usize| {
            alive[one].iter().any(|wan| {
                let (v4, v6) = wan.families();
                (v4 && wan.v4 == V4Kind::Global && families[other].0)
                    || (v6 && wan.v6 == V6Kind::Global && families[other].1)
            })
        };
        world.is_running(Node::Dc(0)) && (relayed || is_open(0, 1) || is_open(1, 0))
    }

    /// How long a datagram takes there and back by the first WANs, without a relay.
    pub(super) fn round_trip(&self, ends: [usize; 2]) -> Duration {
        let lines = ends.iter().filter_map(|site| {
            let wan = self.world.sites[*site].specs.first()?;
            Some(wan.link.up_ms + wan.link.down_ms)
        });
        Duration::from_millis(lines.sum::<u64>() + 2 * self.world.spec.core_ms)
    }

    /// Each gateway holds no more than there is to hold.
    pub(super) fn check_held(&mut self) {
        let sites = self.world.sites.len();
        let devices: usize = self.world.sites.iter().map(|site| site.devices.len()).sum();
        for number in 0..sites {
            let held = self.world.sites[number].machine.held();
            let fits = held.peers < sites
                && held.ways <= MOST_WAYS * held.peers
                && held.pairs <= devices * devices
                && held.packets == 0
                && held.bytes <= Limits::default().memory;
            if !fits {
                self.world
                    .fail(format!("GW{number} holds too much: {held:?}"));
            }
        }
    }
}
