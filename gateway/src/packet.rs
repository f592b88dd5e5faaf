//! A packet's way out: from the TUN interface into a tunnel.

use crate::peer::LONG;
use crate::policy::{Side, Verdict};
use crate::segment::{Offload, Segments};
use crate::translate::{self, Ends};
use crate::{Gateway, Output, Reject, unreachable};
use ntm_proto::ip::Ipv4View;
use ntm_proto::wire::{HEADER_LEN, TAG_LEN};
use ntm_proto::{Forward, Path};
use std::net::Ipv4Addr;
use std::time::Instant;

/// What became of a packet, or of the packets that a super-packet stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handled {
    /// Where all of them go.
    pub forward: Forward,
    /// How long each is, but the last, which may be shorter.
    pub length: usize,
}

/// Where packets between two addresses go.
enum Route {
    /// Both devices live here: the packet turns round in the router, with virtual addresses on both sides, to the device of
    /// this number.
    Here(usize, Ends),
    /// To the peer in this slot, if the policies let it.
    Tunnel(usize, Ends, Verdict),
    /// The DC has to be asked.
    Unknown,
}

impl Gateway {
    /// Takes a packet that the kernel routed to the TUN interface: from a LAN device, or from the router itself,
    /// to a virtual address. `out` gets what to send, whole.
    pub fn handle_packet(
        &mut self,
        packet: &[u8],
        out: &mut Vec<u8>,
        now: Instant,
    ) -> Result<Forward, Reject> {
        out.clear();
        let handled = self.handle_super_packet(packet, Offload::default(), out, now)?;
        Ok(handled.forward)
    }

    /// As [`Self::handle_packet`], for a packet that the kernel did not finish: it may stand for many. What to send is
    /// appended to `out`, one piece after the other.
    pub fn handle_super_packet(
        &mut self,
        packet: &[u8],
        offload: Offload,
        out: &mut Vec<u8>,
        now: Instant,
    ) -> Result<Handled, Reject> {
        let start = out.len();
        let result = self.route_packet(packet, offload, out, now);
        if result.is_err() {
            out.truncate(start);
        }
        // A question to the DC, if the packet made one, must not wait for the next timeout.
        if result.is_ok_and(|handled| handled.forward == Forward::Nowhere) {
            self.settle(now);
        }
        result.map_err(|reject| self.count(reject))
    }

    pub(crate) fn route_packet(
        &mut self,
        packet: &[u8],
        offload: Offload,
        out: &mut Vec<u8>,
        now: Instant,
    ) -> Result<Handled, Reject> {
        if packet.first().is_some_and(|first| first >> 4 == 6) {
            return Err(Reject::InnerV6);
        }
        let view = Ipv4View::new(packet).map_err(|_| Reject::MalformedPacket)?;
        let (source, destination) = (view.source(), view.destination());
        if !self.setup.prefixes.v4.contains(&destination) {
            return Err(Reject::NotVirtual);
        }
        let (number, device) = self
            .devices
            .by_address(source)
            .ok_or(Reject::UnknownDevice)?;
        let device = device.ok_or(Reject::NoIdentity)?;
        let (node, vip) = (device.node, device.vip4);
        let route = self.route(vip, destination);
        let mut pieces = Pieces::new(view, offload)?;
        let start = out.len();
        let mut handled = Handled {
            forward: Forward::Nowhere,
            length: 0,
        };
        match route {
            Route::Here(receiver, ends) => {
                pieces.translate(ends);
                for number in 0..pieces.count() {
                    pieces.write(number, out);
                    if number == 0 {
                        handled.length = out.len() - start;
                    }
                }
                handled.forward = Forward::Tun;
                if let Some(receiver) = self.devices.at_mut(receiver) {
                    receiver.received.add(pieces.count(), pieces.bytes());
                }
            }
            Route::Tunnel(slot, ends, verdict) => {
                if !verdict.is_free() {
                    self.may_leave(verdict, (vip, destination), &view, now)?;
                }
                pieces.translate(ends);
                if let Some((path, length)) = self.seal_pieces(slot, &pieces, out, now)? {
                    handled.forward = Forward::Udp(path);
                    handled.length = length;
                    self.tell_too_long(slot, packet, length - HEADER_LEN - TAG_LEN, now);
                }
                self.peers.hasten(slot, now);
            }
            Route::Unknown => {
                // No more of them are kept.
                let most = self.setup.limits.waiting_packets.max(1);
                for number in 0..pieces.count().min(most) {
                    pieces.write(number, out);
                    let asked = self.ask_for_packet(&out[start..], node, (vip, destination), now);
                    out.truncate(start);
                    asked?;
                }
            }
        }
        if let Some(device) = self.devices.at_mut(number) {
            device.sent.add(pieces.count(), pieces.bytes());
        }
        Ok(handled)
    }

    /// The kernel sent the datagrams of a train by `path` one by one, `each` bytes long: they may be too long for the
    /// first link.
    pub fn train_was_cut(&mut self, path: Path, each: usize, now: Instant) {
        let peers = self.peers.iter_mut();
        peers.for_each(|peer| peer.doubt_size(path, each, now));
    }

    /// A packet has left that is `length` bytes long in its tunnel, or several: if that is more than goes through whole,
    /// its device is told.
    fn tell_too_long(&mut self, slot: usize, packet: &[u8], length: usize, now: Instant) {
        if length <= LONG || !unreachable::must_not_be_cut(packet) {
            return;
        }
        let mtu = self
            .peers
            .get(slot)
            .and_then(|peer| peer.too_long(length, now));
        if let Some(answer) = mtu.and_then(|mtu| unreachable::too_long(packet, mtu)) {
            self.output.push_back(Output::Deliver(answer));
        }
    }

    fn route(&self, ours: Ipv4Addr, seen: Ipv4Addr) -> Route {
        let source = Some(ours);
        if let Some((number, lan)) = self.devices.by_vip(seen) {
            let destination = Some(lan);
            let ends = Ends {
                source,
                destination,
            };
            return Route::Here(number, ends);
        }
        match self.pairs.outbound(ours, seen) {
            Some(pair) => {
                let destination = pair.real;
                Route::Tunnel(
                    pair.slot,
                    Ends {
                        source,
                        destination,
                    },
                    pair.verdict,
                )
            }
            None => Route::Unknown,
        }
    }

    /// Whether the policies let our device send this; it hears so if not.
    #[cold]
    fn may_leave(
        &mut self,
        verdict: Verdict,
        pair: (Ipv4Addr, Ipv4Addr),
        view: &Ipv4View<'_>,
        now: Instant,
    ) -> Result<(), Reject> {
        let judged = self.policies.judge(verdict, pair, Side::Ours, view, now);
        if judged.is_err() {
            self.tell_denied(view.bytes(), now);
        }
        judged
    }

    /// Seals translated packets for the peer in `slot`, each behind the one before. Where to send them, and how long the
    /// longest is; `None`: they wait for the tunnel.
    fn seal_pieces(
        &mut self,
        slot: usize,
        pieces: &Pieces<'_>,
        out: &mut Vec<u8>,
        now: Instant,
    ) -> Result<Option<(Path, usize)>, Reject> {
        let peer = self.peers.get(slot).ok_or(Reject::UnknownPath)?;
        let (mut sent, mut refused) = (None, Vec::new());
        for number in 0..pieces.count() {
            let start = out.len();
            out.resize(start + HEADER_LEN, 0);
            pieces.write(number, out);
            let path = match peer.seal_packet(out, start, &self.setup.limits, now) {
                Ok(Some(path)) => path,
                Ok(None) => continue,
                Err(reject) => {
                    out.truncate(start);
                    refused.push(reject);
                    continue;
                }
            };
            if let Some(path) = peer.copies(out.len() - start, now) {
                let datagram = out[start..].to_vec();
                self.output.push_back(Output::Send { path, datagram });
            }
            if sent.is_none() {
                sent = Some((path, out.len() - start));
            }
        }
        // The caller counts the one it is told of.
        let told = if sent.is_none() { refused.pop() } else { None };
        for reject in refused {
            self.count(reject);
        }
        told.map_or(Ok(sent), Err)
    }

    /// Takes a packet out of the tunnel of the peer in `slot`: only from a device that the DC said lives there, and
    /// only to the device it may talk to. Translates it where it lies; how long it is.
    pub(crate) fn deliver(
        &mut self,
        slot: usize,
        packet: &mut [u8],
        now: Instant,
    ) -> Result<usize, Reject> {
        let view = Ipv4View::new(packet).map_err(|_| Reject::MalformedPacket)?;
        let (source, destination, length) = (view.source(), view.destination(), view.bytes().len());
        let Some((seen, verdict)) = self.pairs.inbound(slot, source, destination) else {
            return Err(self.hold_early(slot, (source, destination), packet, now));
        };
        if !verdict.is_free() {
            let pair = (destination, seen);
            self.policies
                .judge(verdict, pair, Side::Theirs, &view, now)?;
        }
        let (number, lan) = self
            .devices
            .by_vip(destination)
            .ok_or(Reject::UnknownDevice)?;
        let ends = Ends {
            source: (seen != source).then_some(seen),
            destination: (lan != destination).then_some(lan),
        };
        translate::rewrite(&mut packet[..length], ends);
        if let Some(device) = self.devices.at_mut(number) {
            device.received.add(1, length);
        }
        if self
            .peers
            .get(slot)
            .is_some_and(|peer| peer.delivered(length, now))
        {
            self.peers.hasten(slot, now);
        }
        Ok(length)
    }

    /// The peer in `slot` may not send this, or may not yet: the DC's word may be on its way.
    fn hold_early(
        &mut self,
        slot: usize,
        ends: (Ipv4Addr, Ipv4Addr),
        packet: &[u8],
        now: Instant,
    ) -> Reject {
        let (source, destination) = ends;
        let is_ours = self.devices.lan_address(destination).is_some();
        let is_anothers = self.pairs.contains(destination, source);
        match self.peers.get(slot) {
            Some(peer) if is_ours && !is_anothers => {
                self.early.hold(peer.local_path, ends, packet, now);
                for _ in 0..self.early.take_unclaimed() {
                    self.count(Reject::Spoofed);
                }
                Reject::Early
            }
            Some(_) | None => Reject::Spoofed,
        }
    }

    /// There is a new pair with the peer in `slot`: what came too early for it is delivered.
    pub(crate) fn deliver_early(&mut self, slot: usize, now: Instant) {
        let Some(tunnel) = self.peers.get(slot).map(|peer| peer.local_path) else {
            return;
        };
        let pairs = &self.pairs;
        let is_known = |(from, to)| pairs.inbound(slot, from, to).is_some();
        for mut packet in self.early.take(tunnel, is_known, now) {
            match self.deliver(slot, &mut packet, now) {
                Ok(length) => {
                    packet.truncate(length);
                    self.output.push_back(Output::Deliver(packet));
                }
                Err(reject) => {
                    self.count(reject);
                }
            }
        }
    }
}

/// The packets to be made of what the kernel handed over.
enum Pieces<'a> {
    One {
        packet: &'a [u8],
        offload: Offload,
        ends: Option<Ends>,
    },
    Many(Segments<'a>),
}

impl<'a> Pieces<'a> {
    fn new(view: Ipv4View<'a>, offload: Offload) -> Result<Self, Reject> {
        Ok(match offload.segment {
            0 => Self::One {
                packet: view.bytes(),
                offload,
                ends: None,
            },
            segment => Self::Many(Segments::new(&view, segment)?),
        })
    }

    fn translate(&mut self, to: Ends) {
        match self {
            Self::One { ends, .. } => *ends = Some(to),
            Self::Many(segments) => segments.translate(to),
        }
    }

    fn count(&self) -> usize {
        match self {
            Self::One { .. } => 1,
            Self::Many(segments) => segments.count(),
        }
    }

    /// Of all of them together.
    fn bytes(&self) -> usize {
        match self {
            Self::One { packet, .. } => packet.len(),
            Self::Many(segments) => segments.bytes(),
        }
    }

    fn write(&self, number: usize, out: &mut Vec<u8>) {
        match self {
            Self::One {
                packet,
                offload,
                ends,
            } => {
                let start = out.len();
                out.extend_from_slice(packet);
                offload.finish(&mut out[start..]);
                if let Some(ends) = ends {
                    translate::rewrite(&mut out[start..], *ends);
                }
            }
            Self::Many(segments) => segments.write(number, out),
        }
    }
}

#[cfg(test)]
mod tests;
