//! What must hold: only what was directed is delivered or carried.

use super::*;

impl Car {
    /// The DC directs a pair.
    pub(super) fn note(&mut self, direction: &RouteDirection) {
        let relays = direction.relay.iter().flat_map(|leg| &leg.addresses);
        let all = direction.candidates.iter().chain(relays);
        self.known.extend(all.map(|address| plain(*address)));
        let given = self.given.iter().enumerate();
        let mut ours = given.filter(|(at, _)| node(101 + *at as u8) == direction.local);
        let local = if direction.local == node(1) {
            OWN
        } else if let Some((_, (_, vip))) = ours.next() {
            *vip
        } else {
            // No device of ours, so far.
            return;
        };
        let remote = &direction.remote;
        self.carried.insert((local, remote.vip4));
        if remote
            .name
            .is_within(&Fqdn::parse("ntm.test").expect("a name"))
        {
            self.directed.insert((local, remote.vip4));
        } else {
            self.elsewhere.insert((local, remote.name.clone()));
        }
    }

    /// What a device gets is for it, who is there, and comes from whom the DC directed it to or from one beside it.
    pub(super) fn check_delivered(&self, packet: &[u8], from: Side) {
        let view = Ipv4View::new(packet).expect("a whole packet");
        let (source, destination) = (view.source(), view.destination());
        assert!(is_virtual(source), "{source} is no virtual address");
        assert_eq!(view.bytes().len(), packet.len());
        let device = self.device_at(destination);
        let Some(device) = device else {
            panic!("nobody is at {destination}");
        };
        let beside = from != Side::Tunnel && self.vips.contains(&source);
        let directed = self.directed.contains(&(device, source));
        assert!(
            beside || directed || self.is_alias_of_directed(device, source),
            "{source} was not directed to {device}"
        );
    }

    /// The virtual address of who was seen last at this address of the LAN.
    pub(super) fn device_at(&self, lan: Ipv4Addr) -> Option<Ipv4Addr> {
        if lan == OWN {
            return Some(OWN);
        }
        let mac = self.owners.get(&lan)?;
        if self.seen.get(mac) != Some(&lan) {
            return None;
        }
        let devices = self.gateway.devices();
        let device = devices.iter().find(|device| device.mac == text(*mac))?;
        device.vip4.parse().ok()
    }

    /// Whether `source` stands here for a device of another domain that was directed to ours.
    pub(super) fn is_alias_of_directed(&self, device: Ipv4Addr, source: Ipv4Addr) -> bool {
        let tunnels = self.gateway.tunnels(self.now);
        let mut aliases = tunnels.iter().flat_map(|tunnel| &tunnel.aliases);
        aliases.any(|(name, alias)| {
            let name = Fqdn::parse(name).expect("a name");
            *alias == source.to_string() && self.elsewhere.contains(&(device, name))
        })
    }

    /// What leaves is whole, and goes where [`Self::check_carried`] says; whether the peer can open it.
    pub(super) fn check_sent(&mut self, packet: &[u8], datagram: &[u8]) -> bool {
        let opening = Opening::decode(datagram).expect("sealed");
        assert_eq!(opening.kind, Kind::Data);
        let length = self.check_carried(datagram);
        let sent = Ipv4View::new(packet).expect("routed").bytes().len();
        assert!(length.is_none_or(|length| length == sent));
        length.is_some()
    }

    /// What leaves is sealed for the peer, between two whom the DC directed; its length, if the peer can open it.
    pub(super) fn check_carried(&mut self, datagram: &[u8]) -> Option<usize> {
        assert!(datagram.len() > HEADER_LEN + 16);
        let plain = self.peer.open(datagram, self.now)?;
        if plain.is_empty() {
            // It keeps the way open.
            return None;
        }
        let view = Ipv4View::new(&plain).expect("a whole packet");
        let pair = (view.source(), view.destination());
        assert!(self.vips.contains(&pair.0), "{} leaves the LAN", pair.0);
        assert!(self.carried.contains(&pair), "{pair:?} were not directed");
        Some(plain.len())
    }
}
