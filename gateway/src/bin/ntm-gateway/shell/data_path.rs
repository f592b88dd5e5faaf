//! Packets through the shell: from the TUN interface to the sockets, and back.
//!
//! In its turn a source is read until nothing is left, or so much that others must have theirs. The buffers are used
//! again, so that nothing is allocated per packet. What was made of a turn's packets leaves together: as trains of
//! datagrams, and as super-packets for the kernel.

use super::Shell;
use super::train::Leaving;
use crate::tun::Joins;
use ntm_proto::{Forward, Path};
use std::io;
use std::ops::Range;
use std::time::Instant;
use tracing::trace;
use udp_trains::ROOM;

/// How often a source is read in one turn.
const READS: usize = 64;
/// About how many bytes a source may bring in one turn: some milliseconds of sealing on a small router.
pub(super) const TURN: usize = 256 << 10;
/// What is first in a turn and no longer than this goes on before anything else is looked for: somebody waits for it.
const SHORT: usize = 512;
/// What arrives begins at a multiple of this.
const ALIGNMENT: usize = 16;

impl Shell {
    /// The TUN interface's turn.
    pub(super) fn packets(&mut self) -> io::Result<()> {
        let mut taken = 0;
        for number in 0..READS {
            if taken >= TURN {
                break;
            }
            let (offload, place) = match self.tun.try_recv(&mut self.packet) {
                Ok(Some(packet)) => packet,
                Ok(None) => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let now = Instant::now();
            taken += place.len();
            let is_first_word = number == 0 && place.len() <= SHORT;
            let start = self.train.bytes.len();
            let packet = &self.packet[place];
            let out = &mut self.train.bytes;
            match self.gateway.handle_super_packet(packet, offload, out, now) {
                Ok(handled) => match handled.forward {
                    Forward::Udp(path) => self.couple(path, handled.length),
                    Forward::Tun => {
                        let pieces = out[start..].chunks(handled.length.max(1));
                        pieces.for_each(|piece| self.tun.send(piece));
                        out.truncate(start);
                    }
                    Forward::Nowhere => {}
                },
                // The machine counts them; `status` shows the counts.
                Err(reject) => trace!(?reject, "refused"),
            }
            if is_first_word {
                self.send_train();
            }
            self.drain();
        }
        self.send_train();
        Ok(())
    }

    /// What the machine appended to the train leaves with it, or after it.
    fn couple(&mut self, path: Path, each: usize) {
        if let Some(leaving) = self.train.couple(path, each) {
            self.send(leaving);
        }
    }

    /// What is coupled leaves.
    pub(super) fn send_train(&mut self) {
        if let Some(leaving) = self.train.all() {
            self.send(leaving);
        }
    }

    fn send(&mut self, leaving: Leaving) {
        let bytes = &self.train.bytes[..leaving.length];
        let sockets = &self.ways.sockets;
        let (path, each) = (leaving.path, leaving.each);
        if !sockets.send_train(path, bytes, each) {
            self.gateway.train_was_cut(path, each, Instant::now());
        }
        self.train.left(leaving);
    }

    /// A socket's turn.
    pub(super) fn datagrams(&mut self, at: usize) {
        let mut used = 0;
        for number in 0..READS {
            let Some(room) = self.arrivals.get_mut(used..).filter(|it| it.len() >= ROOM) else {
                break;
            };
            // A socket's errors are about single datagrams; a broken interface shows as a WAN that is gone.
            let Ok((arrived, path)) = self.ways.sockets.try_recv(at, room) else {
                break;
            };
            // Read anew for each: an answer may come within the batch that its question left in.
            let now = Instant::now();
            let end = used + arrived.length;
            loop {
                let next = end.min(used + arrived.each);
                self.datagram(path, used..next, now);
                used = next;
                if used == end {
                    break;
                }
            }
            if number == 0 && arrived.length <= SHORT {
                self.deliver();
            }
            used = used.next_multiple_of(ALIGNMENT);
        }
        self.deliver();
    }

    fn datagram(&mut self, path: Path, place: Range<usize>, now: Instant) {
        let datagram = &mut self.arrivals[place.clone()];
        match self.gateway.handle_datagram(path, datagram, now) {
            Ok(Some(packet)) => {
                let packet = place.start + packet.start..place.start + packet.end;
                match self.tun.joins() {
                    Joins::Nothing => self.tun.send(&self.arrivals[packet]),
                    Joins::Tcp => self.coalescer.add(&self.arrivals, packet, false),
                    Joins::TcpAndUdp => self.coalescer.add(&self.arrivals, packet, true),
                }
            }
            Ok(None) => {}
            Err(reject) => trace!(?reject, "refused"),
        }
        if self.coalescer.is_full() {
            self.deliver();
        }
        self.drain();
    }

    /// Hands the kernel the packets that have arrived.
    pub(super) fn deliver(&mut self) {
        let (tun, arrivals) = (&self.tun, &mut self.arrivals);
        self.coalescer
            .finish(arrivals, |joined| tun.send_joined(&joined));
    }
}
