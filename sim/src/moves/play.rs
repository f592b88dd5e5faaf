//! A journey from its start to its verdict.

use super::gaps::Gaps;
use super::{Do, Journey, Kind, Move};
use crate::attack::{Attack, Attacker, Loot};
use crate::run::{IDLE, LANS, check_end, check_quiet, is_lossy, panicked, tunnels};
use crate::session::{Session, Sessions, Tcp};
use crate::trace::Trace;
use crate::watch::{Failure, LEAKS};
use crate::world::{Node, Process, World};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// Until the DC has named all devices.
const START: Duration = Duration::from_secs(5);
/// Quick beats before a move, and after the sessions are back.
const EYE: Duration = Duration::from_millis(300);
const SETTLED: Duration = Duration::from_millis(900);
/// Pause between looks whether a move is over.
const LOOK: Duration = Duration::from_millis(300);
/// No move takes longer.
const LONGEST: Duration = Duration::from_secs(1800);
/// Until what waits at the end has found its way or was dropped.
const REST: Duration = Duration::from_secs(60);

/// What came of a journey.
pub struct Report {
    /// The rule that was broken, if any.
    pub failure: Option<Failure>,
    /// During which move it was, or how many there were.
    pub at_move: usize,
    /// Silences.
    pub gaps: Gaps,
    /// What attackers got.
    pub loot: Loot,
    /// Everything that happened, if it was wanted.
    pub trace: Option<Trace>,
    /// A number that differs when anything on the wire does.
    pub fingerprint: u64,
}

impl Journey {
    /// Plays it. A panic of a machine is a broken rule too.
    pub fn run(&self, traced: bool) -> Report {
        self.play(traced, |game| game.play(&self.moves))
    }

    /// Plays it with an attacker on the path, until that has raced as often as it will.
    pub fn attacked(&self, how: Attack, traced: bool) -> Report {
        self.play(traced, |game| game.suffer(Attacker::new(how, self.seed)))
    }

    /// Sealed bytes look like a LAN address by chance, and do so whatever the LAN.
    fn play(&self, traced: bool, how: impl Fn(&mut Game)) -> Report {
        let leaks = |report: &Report| {
            let failure = report.failure.as_ref();
            failure.is_some_and(|failure| failure.what.contains(LEAKS))
        };
        let mut reports = LANS.into_iter().map(|lan| self.play_on(lan, traced, &how));
        let first = reports.next().expect("there are LANs");
        if leaks(&first) {
            reports.find(|other| !leaks(other)).unwrap_or(first)
        } else {
            first
        }
    }

    fn play_on(&self, lan: [u8; 3], traced: bool, how: &impl Fn(&mut Game)) -> Report {
        let mut game = Game::new(self, lan, traced);
        let played = catch_unwind(AssertUnwindSafe(|| how(&mut game)));
        if let Err(panic) = played {
            panicked(&mut game.world, panic.as_ref());
        }
        Report {
            failure: game.world.watch.failure.take(),
            at_move: game.at_move,
            loot: game.world.watch.loot.take().unwrap_or_default(),
            gaps: game.gaps,
            fingerprint: game.world.net.fingerprint(),
            trace: game.world.trace.take(),
        }
    }
}

/// A world and its sessions.
pub(super) struct Game {
    pub(super) world: World,
    pub(super) sessions: Sessions,
    gaps: Gaps,
    /// What the model saw of each session's gateways when something last changed for them, and since when a path
    /// exists and nothing has changed.
    pub(super) scenes: Vec<(super::model::Scene, Option<Instant>)>,
    /// For each gateway how often something was done to it.
    pub(super) touched: Vec<u64>,
    /// When the holes in lines end, and whether something was done since the model last looked.
    pub(super) holes: Vec<Instant>,
    pub(super) dirty: bool,
    pub(super) running: Vec<Process>,
    /// What is done next, last first.
    script: Vec<(Instant, Do)>,
    attacker: Option<Attacker>,
    /// Whether lines lose datagrams.
    pub(super) lossy: bool,
    pub(super) patience: Duration,
    at_move: usize,
    /// The move under way, and whether its devices only listen.
    pub(super) moving: Option<(Kind, bool)>,
}

impl Game {
    fn new(journey: &Journey, lan: [u8; 3], traced: bool) -> Self {
        let mut world = World::with_lan(journey.spec.clone(), journey.seed, traced, lan);
        world.watch.inbox = Some(Vec::new());
        let lossy = is_lossy(&world);
        world.run_for(START);
        let mut sessions = Sessions::default();
        for (number, talk) in journey.talks.iter().enumerate() {
            let (from, to) = ((talk.sites.0, number % 2), (talk.sites.1, number / 2 % 2));
            let session = Session::new(from, to, talk.tcp, talk.streams, world.now);
            sessions.list.push(session);
        }
        let mut game = Self {
            gaps: Gaps::default(),
            scenes: Vec::new(),
            touched: vec![0; world.sites.len()],
            holes: Vec::new(),
            dirty: false,
            running: world.process.clone(),
            script: Vec::new(),
            attacker: None,
            lossy,
            patience: journey.patience,
            at_move: 0,
            moving: None,
            sessions,
            world,
        };
        let (now, count) = (game.world.now, game.sessions.list.len());
        let scenes = (0..count).map(|number| (game.scene(number), Some(now)));
        game.scenes = scenes.collect();
        game
    }

    fn play(&mut self, moves: &[Move]) {
        self.pass(EYE * 10);
        for (number, step) in moves.iter().enumerate() {
            self.at_move = number;
            if self.world.watch.failure.is_some() {
                return;
            }
            self.step(step);
        }
        self.at_move = moves.len();
        self.finish();
    }

    /// Nobody moves, and somebody copies what is sent. Afterwards all is as it was.
    fn suffer(&mut self, attacker: Attacker) {
        self.pass(EYE * 10);
        for session in &mut self.sessions.list {
            session.pace(true, self.world.now);
        }
        self.world.net.tap = Some(Vec::new());
        self.world.watch.loot = Some(Loot::default());
        self.attacker = Some(attacker);
        while self.world.watch.failure.is_none()
            && self.attacker.as_ref().is_some_and(|one| !one.is_done())
        {
            self.pass(Duration::from_secs(10));
        }
        if let Some(attacker) = self.attacker.take() {
            attacker.look(&mut self.world);
        }
        self.world.net.tap = None;
        self.finish();
    }

    fn step(&mut self, step: &Move) {
        self.pass(Duration::from_millis(step.after_ms));
        let now = self.world.now;
        let listens = step.only_listens.then_some(step.movers[0]);
        for session in &mut self.sessions.list {
            session.mute(listens, now);
            let ends = [session.from.0, session.to.0];
            session.pace(step.movers.iter().any(|mover| ends.contains(mover)), now);
        }
        self.moving = Some((step.kind, step.only_listens));
        self.pass(EYE);
        let (kind, started) = (step.kind, self.world.now);
        self.world
            .note(Node::Site(step.movers[0]), || format!("*** {kind:?}"));
        let mut at = started;
        for (after, what) in &step.script {
            at += Duration::from_millis(*after);
            self.script.insert(0, (at, what.clone()));
        }
        while self.world.watch.failure.is_none() && !self.is_over() {
            self.pass(LOOK);
            if self.world.now.duration_since(started) > LONGEST {
                self.world
                    .fail("a move does not come to its end".to_owned());
            }
        }
        self.note_gaps(step);
        let now = self.world.now;
        for session in &mut self.sessions.list {
            session.mute(None, now);
            session.pace(false, now);
        }
    }

    /// Whether everything was done, and each session is back and has been for a moment.
    fn is_over(&mut self) -> bool {
        let now = self.world.now;
        let mut over = self.script.is_empty() && self.world.later.is_empty();
        for (session, (_, good)) in self.sessions.list.iter_mut().zip(&self.scenes) {
            let Some(good) = *good else {
                session.pace(false, now);
                over = false;
                continue;
            };
            let mut streams = session.streams.iter().filter(|stream| stream.on);
            let heard = streams.all(|stream| stream.left >= good);
            let settled = heard && now.duration_since(good) >= SETTLED;
            let waits = |tcp: &Tcp| tcp.left < good && tcp.is_waiting();
            let waits = session.tcp.as_ref().is_some_and(waits);
            if settled && waits {
                session.pace(false, now);
            }
            over &= settled && !waits;
        }
        over
    }

    fn note_gaps(&mut self, step: &Move) {
        if self.world.watch.failure.is_some() {
            return;
        }
        self.gaps.moved(step.kind);
        for (number, session) in self.sessions.list.iter().enumerate() {
            let ends = [session.from.0, session.to.0];
            let Some(good) = self.scenes[number].1 else {
                continue;
            };
            if !step.movers.iter().any(|mover| ends.contains(mover)) {
                continue;
            }
            let rtt = self.round_trip(ends);
            for stream in session.streams.iter().filter(|stream| stream.on) {
                self.gaps.silence(step.kind, stream.gap(), rtt);
            }
            let tcp = session.tcp.as_ref().filter(|tcp| !tcp.paused);
            if let Some(stall) = tcp.and_then(|tcp| tcp.stall(good)) {
                self.gaps.stall(step.kind, stall);
            }
        }
    }

    /// Lets `span` go by.
    fn pass(&mut self, span: Duration) {
        let end = self.world.now + span;
        while self.world.watch.failure.is_none() {
            let script = self.script.last().map(|(at, _)| *at);
            let parts = [self.world.next_at(), self.sessions.next_at(), script];
            let next = parts.into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else {
                self.world.now = end;
                self.look();
                break;
            };
            self.world.now = self.world.now.max(next);
            while let Some((at, _)) = self.script.last()
                && *at <= self.world.now
                && let Some((_, what)) = self.script.pop()
            {
                self.act(&what);
            }
            self.world.step();
            if let Some(attacker) = &mut self.attacker {
                attacker.strike(&mut self.world);
            }
            self.sessions.take_arrivals(&mut self.world);
            self.look();
            self.sessions.handle_timeout(&mut self.world);
        }
    }

    fn act(&mut self, what: &Do) {
        self.dirty = true;
        let world = &mut self.world;
        let node = match what {
            Do::Down(node, _) => *node,
            Do::Replace(site, _) | Do::ReplaceAlike(site, _) | Do::Unplug(site) => {
                Node::Site(*site)
            }
            Do::Renumber(site) | Do::Add(site, _) | Do::PreferLast(site) => Node::Site(*site),
            Do::Drop(site, _) | Do::Hole(site, ..) | Do::Reboot(site, _) => Node::Site(*site),
        };
        world.note(node, || format!("*** {what:?}"));
        if let Node::Site(site) = node {
            self.touched[site] += 1;
        }
        match what {
            Do::Replace(site, wan) => world.replace_wan(*site, wan, false),
            Do::ReplaceAlike(site, wan) => world.replace_wan(*site, wan, true),
            Do::Unplug(site) => world.unplug_all(*site),
            Do::Renumber(site) => world.renumber_wan(*site, 0),
            Do::Add(site, wan) => world.add_wan(*site, wan),
            Do::PreferLast(site) => world.prefer_last(*site),
            Do::Drop(site, at) => world.drop_wan(*site, *at),
            Do::Hole(site, at, ms) => {
                let until = world.now + Duration::from_millis(*ms);
                self.holes.push(until);
                world.hole_wan(*site, *at, until);
            }
            Do::Reboot(site, readdress) => {
                let number = world.number(Node::Site(*site));
                world.net.reboot_boxes(number, *readdress);
                // Others may stand behind the same NAT.
                self.touched.iter_mut().for_each(|count| *count += 1);
            }
            Do::Down(node, ms) => world.stop(*node, Process::Down, *ms),
        }
    }

    /// When all is over the world is quiet, and holds no more than its gateways and devices.
    fn finish(&mut self) {
        self.sessions.list.clear();
        self.scenes.clear();
        self.pass(REST);
        self.check_held();
        self.pass(IDLE / 2);
        let (before, tunnels) = (self.world.net.sent, tunnels(&self.world));
        self.pass(IDLE);
        let sent = self.world.net.sent - before;
        check_quiet(&mut self.world, sent, tunnels);
        check_end(&mut self.world);
    }
}
