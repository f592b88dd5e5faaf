//! A packet's way out: from the TUN interface into a tunnel.

use crate::{Gateway, Reject, translate};
use ntm_proto::Forward;
use ntm_proto::ip::{Field, Ipv4View, replace_address};
use std::time::Instant;

impl Gateway {
    /// Takes a packet that the kernel routed to the TUN interface: from a LAN device, or from the router itself,
    /// to a virtual address. `out` gets what to send, whole.
    pub fn handle_packet(
        &mut self,
        packet: &[u8],
        out: &mut Vec<u8>,
        now: Instant,
    ) -> Result<Forward, Reject> {
        let result = self.route_packet(packet, out, now);
        // A question to the DC, if the packet made one, must not wait for the next timeout.
        if matches!(result, Ok(Forward::Nowhere)) {
            self.settle(now);
        }
        result.map_err(|reject| self.count(reject))
    }

    pub(crate) fn route_packet(
        &mut self,
        packet: &[u8],
        out: &mut Vec<u8>,
        now: Instant,
    ) -> Result<Forward, Reject> {
        if packet.first().is_some_and(|first| first >> 4 == 6) {
            return Err(Reject::InnerV6);
        }
        let view = Ipv4View::new(packet).map_err(|_| Reject::MalformedPacket)?;
        let (source, destination) = (view.source(), view.destination());
        if !self.setup.prefixes.v4.contains(&destination) {
            return Err(Reject::NotVirtual);
        }
        let device = self
            .devices
            .by_address(source)
            .ok_or(Reject::UnknownDevice)?
            .ok_or(Reject::NoIdentity)?;
        let (node, vip) = (device.node, device.vip4);
        if let Some(lan) = self.devices.lan_address(destination) {
            // Both live here: the packet turns round in the router, with virtual addresses on both sides.
            out.clear();
            out.extend_from_slice(view.bytes());
            translate::outbound(out, vip);
            translate::inbound(out, lan);
            return Ok(Forward::Tun);
        }
        let Some(&slot) = self.pairs.get(&(vip, destination)) else {
            self.ask_for_packet(view.bytes(), node, (vip, destination), now)?;
            return Ok(Forward::Nowhere);
        };
        let limit = self.setup.limits.waiting_packets;
        let peer = self.peers.get(slot).ok_or(Reject::UnknownPath)?;
        let path = peer.seal_packet(view.bytes(), vip, out, limit, now)?;
        self.peers.hasten(slot, now);
        Ok(path.map_or(Forward::Nowhere, Forward::Udp))
    }

    /// Takes a packet out of the tunnel of the peer in `slot`: only from a device that the DC said lives there, and
    /// only to the device it may talk to.
    pub(crate) fn deliver(
        &mut self,
        slot: usize,
        out: &mut Vec<u8>,
        now: Instant,
    ) -> Result<Forward, Reject> {
        let view = Ipv4View::new(out).map_err(|_| Reject::MalformedPacket)?;
        let (source, destination, length) = (view.source(), view.destination(), view.bytes().len());
        if self.pairs.get(&(destination, source)) != Some(&slot) {
            return Err(Reject::Spoofed);
        }
        let lan = self
            .devices
            .lan_address(destination)
            .ok_or(Reject::UnknownDevice)?;
        out.truncate(length);
        if lan != destination {
            translate::inbound(out, lan);
        } else {
            replace_address(out, Field::Destination, lan);
        }
        if let Some(peer) = self.peers.get(slot) {
            peer.delivered(length, now);
        }
        Ok(Forward::Tun)
    }
}
