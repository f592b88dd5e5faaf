//! One direction of a cable: what is sent in is judged at once, and held until it is due at the other end.
//!
//! In the order of a real line: the fault (carrier, MTU, black hole, chance) comes first, then the queue before the
//! bottleneck, then the line. When a packet leaves the queue follows from what was let in before it, so the queue
//! is one point in time, `free`: when the bottleneck has sent all of it.

use crate::chance::Chance;
use crate::command::Setting;
use crate::frame::{Family, Frame};
use crate::settings::{Blackhole, Queue, Settings};
use crate::status::{Counters, DirectionStatus, Dropped};
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

/// Most memory of what is under way: 1 Gbit/s for half a second.
const MAX_HELD: usize = 64 << 20;
/// What a held frame takes besides its bytes.
const OVERHEAD: usize = 96;
/// What is due this soon comes out now: fewer wake-ups, and on average as early as a busy shell sees frames late.
pub const EARLY: Duration = Duration::from_micros(100);

/// One direction.
pub(crate) struct Direction {
    settings: Settings,
    chance: Chance,
    held: BinaryHeap<Reverse<Held>>,
    held_bytes: usize,
    /// When the bottleneck has sent all that was let in.
    free: Option<Instant>,
    /// When the last frame in order is due: the next is not before.
    last_due: Option<Instant>,
    taken: u64,
    counters: Counters,
    /// The last frame that came out, in case the kernel refuses it.
    last_out: (u64, u64),
}

impl Direction {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            settings: Settings::default(),
            chance: Chance::new(seed),
            held: BinaryHeap::new(),
            held_bytes: 0,
            free: None,
            last_due: None,
            taken: 0,
            counters: Counters::default(),
            last_out: (0, 0),
        }
    }

    pub(crate) fn handle_frame(&mut self, bytes: &[u8], carrier: bool, now: Instant) {
        let Some(frame) = Frame::parse(bytes) else {
            self.counters.dropped.malformed += 1;
            return;
        };
        self.counters.packets_in += frame.packets;
        self.counters.bytes_in += frame.wire;
        match self.judge(frame, bytes.len(), carrier, now) {
            Ok(due) => self.hold(due, frame, bytes),
            Err(cause) => *cause(&mut self.counters.dropped) += frame.packets,
        }
    }

    pub(crate) fn poll_frame(&mut self, now: Instant) -> Option<Box<[u8]>> {
        if self.held.peek()?.0.due > now + EARLY {
            return None;
        }
        let Reverse(held) = self.held.pop()?;
        self.held_bytes -= held.bytes.len() + OVERHEAD;
        let late = now.saturating_duration_since(held.due).as_micros();
        let late = u64::try_from(late).unwrap_or(u64::MAX);
        let counters = &mut self.counters;
        counters.late_us_max = counters.late_us_max.max(late);
        counters.late_us_sum = counters.late_us_sum.saturating_add(late);
        counters.frames_out += 1;
        counters.packets_out += held.packets;
        counters.bytes_out += held.wire;
        self.last_out = (held.packets, held.wire);
        Some(held.bytes)
    }

    /// The frame that came out last was not taken.
    pub(crate) fn handle_refusal(&mut self) {
        let (packets, wire) = std::mem::take(&mut self.last_out);
        self.counters.packets_out -= packets;
        self.counters.bytes_out -= wire;
        self.counters.dropped.refused += packets;
    }

    pub(crate) fn set(&mut self, setting: Setting) {
        let settings = &mut self.settings;
        match setting {
            Setting::Delay(delay) => settings.delay = delay,
            Setting::Jitter(jitter) => settings.jitter = jitter,
            Setting::Rate(rate) => settings.rate = rate,
            Setting::Queue(queue) => settings.queue = queue,
            Setting::Loss(share) => settings.loss = share,
            Setting::Duplicate(share) => settings.duplicate = share,
            Setting::Reorder(share) => settings.reorder = share,
            Setting::ReorderBy(time) => settings.reorder_by = time,
            Setting::Blackhole(blackhole) => settings.blackhole = blackhole,
            Setting::Mtu(mtu) => settings.mtu = mtu,
        }
    }

    pub(crate) fn seed(&mut self, seed: u64) {
        self.chance = Chance::new(seed);
    }

    pub(crate) fn reset(&mut self) {
        self.counters = Counters::default();
        self.last_out = (0, 0);
    }

    /// The cable is pulled.
    pub(crate) fn lose_all(&mut self) {
        let lost: u64 = self.held.drain().map(|Reverse(held)| held.packets).sum();
        self.counters.dropped.carrier += lost;
        self.held_bytes = 0;
        self.free = None;
        self.last_due = None;
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.held.peek().map(|Reverse(held)| held.due)
    }

    /// Whether packets of one super-packet may fare differently.
    pub(crate) fn wants_single_packets(&self) -> bool {
        let s = &self.settings;
        s.rate.is_some()
            || [s.loss, s.duplicate, s.reorder]
                .iter()
                .any(|share| share.ppm() > 0)
    }

    pub(crate) fn status(&self) -> DirectionStatus {
        let mut counters = self.counters;
        counters.late_us_mean = counters
            .late_us_sum
            .checked_div(counters.frames_out)
            .unwrap_or(0);
        DirectionStatus {
            settings: self.settings.to_string(),
            counters,
            held_frames: self.held.len(),
            held_bytes: self.held_bytes,
        }
    }

    /// When the frame leaves the bottleneck, or why it never does.
    fn judge(
        &mut self,
        frame: Frame,
        length: usize,
        carrier: bool,
        now: Instant,
    ) -> Result<Instant, Cause> {
        if !carrier {
            return Err(|d| &mut d.carrier);
        }
        if self.settings.mtu.is_some_and(|mtu| frame.longest > mtu) {
            return Err(|d| &mut d.mtu);
        }
        if swallows(self.settings.blackhole, frame.family) {
            return Err(|d| &mut d.blackhole);
        }
        // A lost ARP question costs a second, and is the cable's loss, not the path's that is emulated.
        if frame.family != Family::Neighbour && self.chance.picks(self.settings.loss) {
            return Err(|d| &mut d.loss);
        }
        if self.held_bytes + length + OVERHEAD > MAX_HELD {
            return Err(|d| &mut d.memory);
        }
        self.enqueue(frame.wire, now).ok_or(|d| &mut d.queue)
    }

    /// When the bottleneck has sent it; `None` if it found no room. There is always room in an empty queue.
    fn enqueue(&mut self, wire: u64, now: Instant) -> Option<Instant> {
        let start = self.free.unwrap_or(now).max(now);
        let Some(rate) = self.settings.rate else {
            // What waited for a rate that is no more keeps its turn.
            return Some(start);
        };
        let waiting = start - now;
        let room = match self.settings.queue {
            Queue::Time(most) => waiting <= most,
            Queue::Bytes(most) => bytes_in(waiting, rate) + wire <= most,
        };
        if !room && !waiting.is_zero() {
            return None;
        }
        let free = start + time_of(wire, rate);
        self.free = Some(free);
        Some(free)
    }

    fn hold(&mut self, sent: Instant, frame: Frame, bytes: &[u8]) {
        let by_chance = frame.family != Family::Neighbour;
        let mut due = (sent + self.travel()).max(self.last_due.unwrap_or(sent));
        if by_chance && self.chance.picks(self.settings.reorder) {
            self.counters.reordered += frame.packets;
            due += self.settings.reorder_by;
        } else {
            self.last_due = Some(due);
        }
        let twice = by_chance && self.chance.picks(self.settings.duplicate);
        if twice && self.held_bytes + 2 * (bytes.len() + OVERHEAD) <= MAX_HELD {
            self.counters.duplicated += frame.packets;
            self.push(due, frame, bytes);
        }
        self.push(due, frame, bytes);
    }

    /// A copy of its own for each frame: then what is held is exactly what is under way, however long the frames are.
    fn push(&mut self, due: Instant, frame: Frame, bytes: &[u8]) {
        self.taken += 1;
        self.held_bytes += bytes.len() + OVERHEAD;
        self.held.push(Reverse(Held {
            due,
            order: self.taken,
            packets: frame.packets,
            wire: frame.wire,
            bytes: bytes.into(),
        }));
    }

    fn travel(&mut self) -> Duration {
        let Settings { delay, jitter, .. } = self.settings;
        if jitter.is_zero() {
            return delay;
        }
        let range = u64::try_from(jitter.as_nanos()).unwrap_or(u64::MAX / 2) * 2;
        (delay + Duration::from_nanos(self.chance.below(range + 1))).saturating_sub(jitter)
    }
}

/// Which counter a drop goes to.
type Cause = fn(&mut Dropped) -> &mut u64;

fn swallows(blackhole: Blackhole, family: Family) -> bool {
    match blackhole {
        Blackhole::None => false,
        Blackhole::V4 => family == Family::V4,
        Blackhole::V6 => family == Family::V6,
        Blackhole::Both => matches!(family, Family::V4 | Family::V6),
        Blackhole::All => true,
    }
}

fn time_of(bytes: u64, rate: u64) -> Duration {
    Duration::from_nanos((u128::from(bytes) * 8_000_000_000 / u128::from(rate)) as u64)
}

fn bytes_in(time: Duration, rate: u64) -> u64 {
    u64::try_from(time.as_nanos() * u128::from(rate) / 8_000_000_000).unwrap_or(u64::MAX / 2)
}

/// A frame under way.
struct Held {
    due: Instant,
    /// Frames due at the same moment come out as they came in.
    order: u64,
    packets: u64,
    wire: u64,
    bytes: Box<[u8]>,
}

impl Ord for Held {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.due, self.order).cmp(&(other.due, other.order))
    }
}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Held {}
