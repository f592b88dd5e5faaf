//! An emulated cable between two network interfaces: delay, rate, loss and the rest, under the caller's clock.
//!
//! # Model
//! A [`Cable`] has two ends and a direction each way. A frame that comes in at one end is judged at once: dropped
//! for one of the causes in [`Dropped`], or held until it is due at the other end. Commands ([`command`]) change the
//! settings now, or later by the agenda, which is what makes a fault strike at a known moment of a transfer.
//!
//! A frame may be a super-packet of many segments, whose checksum the kernel has left to whoever cuts it (`frame.rs`).
//! A cable that treats all packets alike carries those as they are, which is fast; one that picks packets by chance
//! or has a rate asks for single packets ([`Output::Segment`]), so that a loss is the loss of one packet.

mod chance;
pub mod command;
mod direction;
mod frame;
mod settings;
mod status;

pub use command::WordError;
pub use direction::EARLY;
pub use settings::{Blackhole, Queue, Settings, Share};
pub use status::{DirectionStatus, Dropped, Status};

use command::{Change, Order, Way};
use direction::Direction;
use settings::Offload;
use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

/// Most changes that wait for their time.
const MAX_AGENDA: usize = 4096;

/// One end of a cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The end named first.
    A,
    /// The end named second.
    B,
}

/// What the shell has to do to the interfaces at both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// The carrier comes or goes.
    Carrier(bool),
    /// Single packets from now on, or super-packets too.
    Segment(bool),
}

/// A cable with two ends.
pub struct Cable {
    ab: Direction,
    ba: Direction,
    carrier: bool,
    offload: Offload,
    segmented: bool,
    /// Changes to come, by their time and the order they were given in.
    agenda: BTreeMap<(Instant, u64), Change>,
    given: u64,
    /// Two kinds of output, of which only the last one of each counts: never long.
    outputs: VecDeque<Output>,
}

impl Cable {
    /// A cable with the default [`Settings`], carrier up. Both ends hand over super-packets at first.
    #[must_use]
    pub fn new() -> Self {
        Self {
            ab: Direction::new(1),
            ba: Direction::new(2),
            carrier: true,
            offload: Offload::Auto,
            segmented: false,
            agenda: BTreeMap::new(),
            given: 0,
            outputs: VecDeque::new(),
        }
    }

    /// Takes one frame, with the kernel's offload header before it, that was sent into the cable at `end`.
    pub fn handle_frame(&mut self, end: End, frame: &[u8], now: Instant) {
        let carrier = self.carrier;
        self.from(end).handle_frame(frame, carrier, now);
    }

    /// The next frame that is due, and the end it comes out at; `None` when there is none for now.
    pub fn poll_frame(&mut self, now: Instant) -> Option<(End, Box<[u8]>)> {
        if let Some(frame) = self.ab.poll_frame(now) {
            return Some((End::B, frame));
        }
        self.ba.poll_frame(now).map(|frame| (End::A, frame))
    }

    /// The kernel did not take a frame that came out at `end`: the interface is down there.
    pub fn handle_refusal(&mut self, end: End) {
        let sender = match end {
            End::A => End::B,
            End::B => End::A,
        };
        self.from(sender).handle_refusal();
    }

    /// Obeys the words of [`command`]: all of them, or none if one is wrong.
    ///
    /// # Errors
    /// The word that is wrong and what would be right.
    pub fn handle_command(&mut self, words: &str, now: Instant) -> Result<(), WordError> {
        let orders = command::parse(words)?;
        if self.agenda.len() + orders.len() > MAX_AGENDA {
            return Err(WordError::TooMany(MAX_AGENDA));
        }
        for Order { after, change } in orders {
            if after.is_zero() {
                self.apply(change);
            } else {
                self.given += 1;
                self.agenda.insert((now + after, self.given), change);
            }
        }
        self.settle();
        Ok(())
    }

    /// Makes the changes whose time has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        let mut changed = false;
        while let Some(entry) = self.agenda.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let change = entry.remove();
            self.apply(change);
            changed = true;
        }
        if changed {
            self.settle();
        }
    }

    /// When something happens next: a frame is due, or a change.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let change = self.agenda.first_key_value().map(|((at, _), _)| *at);
        [self.ab.poll_timeout(), self.ba.poll_timeout(), change]
            .into_iter()
            .flatten()
            .min()
    }

    /// What is to be done to the interfaces.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Settings and counters, for people and scenarios.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            carrier: if self.carrier { "up" } else { "down" },
            segmented: self.segmented,
            pending: self.agenda.len(),
            ab: self.ab.status(),
            ba: self.ba.status(),
        }
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Set(way, setting) => {
                if way != Way::Ba {
                    self.ab.set(setting);
                }
                if way != Way::Ab {
                    self.ba.set(setting);
                }
            }
            Change::Carrier(up) => self.switch(up),
            Change::Offload(offload) => self.offload = offload,
            Change::Seed(seed) => {
                self.ab.seed(seed);
                self.ba.seed(seed.wrapping_add(1));
            }
            Change::Reset => {
                self.ab.reset();
                self.ba.reset();
            }
            Change::Cancel => self.agenda.clear(),
        }
    }

    /// What is on its way when the cable is pulled never arrives.
    fn switch(&mut self, up: bool) {
        if self.carrier && !up {
            self.ab.lose_all();
            self.ba.lose_all();
        }
        self.carrier = up;
        self.outputs.retain(|o| !matches!(o, Output::Carrier(_)));
        self.outputs.push_back(Output::Carrier(up));
    }

    /// Super-packets or single ones, by the settings as they are now.
    fn settle(&mut self) {
        let segment = match self.offload {
            Offload::On => false,
            Offload::Off => true,
            Offload::Auto => self.ab.wants_single_packets() || self.ba.wants_single_packets(),
        };
        if segment != self.segmented {
            self.segmented = segment;
            self.outputs.retain(|o| !matches!(o, Output::Segment(_)));
            self.outputs.push_back(Output::Segment(segment));
        }
    }

    fn from(&mut self, end: End) -> &mut Direction {
        match end {
            End::A => &mut self.ab,
            End::B => &mut self.ba,
        }
    }
}

impl Default for Cable {
    fn default() -> Self {
        Self::new()
    }
}
