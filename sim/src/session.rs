//! Sessions between devices: what must not notice that a gateway moves.
//!
//! Each has a probe like TCP, with sequence numbers, acknowledgements and repetition with back-off as Linux does it,
//! which gives up when nothing gets through for about a quarter of an hour; or streams like a call's, one in each
//! direction, which show every gap; or both.

use crate::act::DeviceAt;
use crate::packets::Transport;
use crate::world::World;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

mod tcp;

use tcp::Payload;
pub(crate) use tcp::Tcp;

/// Pause between the packets of a stream while somebody looks, and else.
const BEAT: Duration = Duration::from_millis(75);
const SLOW_BEAT: Duration = Duration::from_millis(1500);
/// Bytes of a packet.
const LENGTH: usize = 60;
/// Packets under way of which more than this are forgotten as lost.
const UNDER_WAY: usize = 20_000;

/// Packets in one direction, one each beat.
pub(crate) struct Stream {
    /// Whether it was drawn to be there.
    base: bool,
    /// Whether it runs now.
    pub(crate) on: bool,
    next: Instant,
    /// When something last arrived.
    pub(crate) heard: Instant,
    /// When the newest that arrived had left.
    pub(crate) left: Instant,
    /// The longest silence since somebody began to look.
    worst: Duration,
}

impl Stream {
    /// The longest silence, but for the pause between packets.
    pub(crate) fn gap(&self) -> Duration {
        self.worst.saturating_sub(BEAT)
    }

    /// Silence counts from here.
    pub(crate) fn look(&mut self, now: Instant) {
        self.heard = now;
        self.worst = Duration::ZERO;
    }
}

/// Two devices that talk.
pub(crate) struct Session {
    /// The one that calls.
    pub(crate) from: DeviceAt,
    /// The one that is called.
    pub(crate) to: DeviceAt,
    /// The probe, from the caller to the called.
    pub(crate) tcp: Option<Tcp>,
    /// Away from the caller, and towards it.
    pub(crate) streams: [Stream; 2],
    /// Whether beats are quick.
    pub(crate) fast: bool,
}

impl Session {
    /// A session that begins now, with a probe or without, and with these streams.
    pub(crate) fn new(
        from: DeviceAt,
        to: DeviceAt,
        tcp: bool,
        streams: [bool; 2],
        now: Instant,
    ) -> Self {
        let stream = |base| Stream {
            base,
            on: base,
            next: now,
            heard: now,
            left: now,
            worst: Duration::ZERO,
        };
        Self {
            from,
            to,
            tcp: tcp.then(|| Tcp::new(now)),
            streams: streams.map(stream),
            fast: false,
        }
    }

    /// Devices behind this gateway only listen from now on; `None`: everything is as it was drawn.
    pub(crate) fn mute(&mut self, site: Option<usize>, now: Instant) {
        let ends = [self.from.0, self.to.0];
        let muted = site.filter(|site| ends.contains(site));
        if let Some(tcp) = &mut self.tcp {
            tcp.paused = muted.is_some();
        }
        for (stream, source) in self.streams.iter_mut().zip(ends) {
            let on = muted.map_or(stream.base, |muted| muted != source);
            if on && !stream.on {
                (stream.next, stream.left) = (now, now);
                stream.look(now);
            }
            stream.on = on;
        }
    }

    /// Its beats become quick or slow.
    pub(crate) fn pace(&mut self, fast: bool, now: Instant) {
        if fast != self.fast {
            self.fast = fast;
            let soonest = now + self.beat();
            for stream in &mut self.streams {
                stream.next = stream.next.min(soonest);
            }
            if let Some(tcp) = &mut self.tcp {
                tcp.hurry(fast, now);
            }
        }
    }

    /// Pause between a stream's packets.
    pub(crate) fn beat(&self) -> Duration {
        if self.fast { BEAT } else { SLOW_BEAT }
    }

    fn next_at(&self) -> Option<Instant> {
        let streams = self.streams.iter().filter(|stream| stream.on);
        let tcp = self.tcp.as_ref().and_then(Tcp::next_at);
        streams.map(|stream| stream.next).chain(tcp).min()
    }
}

/// All sessions of a world.
#[derive(Default)]
pub(crate) struct Sessions {
    pub(crate) list: Vec<Session>,
    /// What packets under way mean: the session, and what is said in it.
    meaning: BTreeMap<u32, (usize, Payload)>,
}

impl Sessions {
    /// When the next packet is due.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.list.iter().filter_map(Session::next_at).min()
    }

    /// Sends what is due.
    pub(crate) fn handle_timeout(&mut self, world: &mut World) {
        let now = world.now;
        for number in 0..self.list.len() {
            let session = &mut self.list[number];
            let beat = session.beat();
            let mut due = Vec::new();
            for (side, stream) in session.streams.iter_mut().enumerate() {
                if stream.on && stream.next <= now {
                    stream.next = now + beat;
                    due.push(Payload::Stream(side, now));
                }
            }
            if let Some(tcp) = &mut session.tcp {
                match tcp.due(session.fast, now) {
                    Ok(payload) => due.extend(payload),
                    Err(silence) => {
                        let (from, to) = (session.from, session.to);
                        let silence = silence.as_secs();
                        world.fail(format!(
                            "the session {from:?} to {to:?} is lost after {silence} s"
                        ));
                    }
                }
            }
            for payload in due {
                self.send(number, payload, world);
            }
        }
    }

    /// Takes the packets that arrived.
    pub(crate) fn take_arrivals(&mut self, world: &mut World) {
        while let Some(serial) = world.watch.inbox.as_mut().and_then(Vec::pop) {
            if let Some((number, payload)) = self.meaning.remove(&serial) {
                self.arrived(number, payload, world);
            }
        }
    }

    fn arrived(&mut self, number: usize, payload: Payload, world: &mut World) {
        let now = world.now;
        let Some(session) = self.list.get_mut(number) else {
            return;
        };
        let answer = match (payload, &mut session.tcp) {
            (Payload::Stream(side, left), _) => {
                let stream = &mut session.streams[side];
                stream.worst = stream.worst.max(now.duration_since(stream.heard));
                stream.heard = now;
                stream.left = stream.left.max(left);
                None
            }
            (Payload::Segment(seq, left), Some(tcp)) => Some(tcp.segment(seq, left)),
            (Payload::Ack(upto, left), Some(tcp)) => tcp.ack(upto, left, now),
            (Payload::Segment(..) | Payload::Ack(..), None) => None,
        };
        if let Some(answer) = answer {
            self.send(number, answer, world);
        }
    }

    fn send(&mut self, number: usize, payload: Payload, world: &mut World) {
        let session = &self.list[number];
        let (transport, forth) = match payload {
            Payload::Segment(..) => (Transport::Tcp, true),
            Payload::Ack(..) => (Transport::Tcp, false),
            Payload::Stream(side, _) => (Transport::Udp, side == 0),
        };
        let (from, to) = if forth {
            (session.from, session.to)
        } else {
            (session.to, session.from)
        };
        if let Some(serial) = world.send_inner(transport, from, to, LENGTH) {
            self.meaning.insert(serial, (number, payload));
        }
        if self.meaning.len() > UNDER_WAY {
            self.meaning.pop_first();
        }
    }
}
