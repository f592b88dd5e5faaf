//! What the DC, the peer, the relay, strangers and the LAN say to the gateway.

use super::*;

impl Car {
    pub(super) fn stranger(&mut self, which: u8, datagram: &[u8]) {
        let remote = parse(STRANGERS[usize::from(which) % STRANGERS.len()]);
        self.unproven(remote, datagram);
    }

    /// A datagram that nobody sealed, whoever its source says it is from: one answer at most, to that source, and no
    /// byte more than came, wherever to. What was due goes out with it, and "I do not know you" of those the gateway
    /// knows makes it prove itself anew: so more than that may go out, but not to a stranger, and not again.
    pub(super) fn unproven(&mut self, remote: SocketAddr, datagram: &[u8]) {
        let from = plain(remote);
        let known = self.known.contains(&from) || [DC, PEER, RELAY].map(parse).contains(&from);
        for again in [false, true] {
            let sent = self.datagram(remote, datagram);
            let total: usize = sent.iter().map(|(_, length)| length).sum();
            let to_source = sent.iter().filter(|(to, _)| plain(*to) == from);
            if sent.len() == to_source.clone().count() && sent.len() <= 1 && total <= datagram.len()
            {
                return;
            }
            let bytes: usize = to_source.map(|(_, length)| length).sum();
            assert!(
                known || bytes <= datagram.len(),
                "a stranger gets {sent:?} for {}",
                datagram.len()
            );
            assert!(!again, "{sent:?} for the same {} again", datagram.len());
        }
    }

    pub(super) fn dc_says(&mut self, plain: &[u8]) {
        if let Ok(Message::RouteDirection(direction)) = Message::decode(plain) {
            self.note(&direction);
        }
        if let Some(datagram) = self.dc.seal(Kind::Control, plain, self.now) {
            self.datagram(parse(DC), &datagram);
        }
    }

    pub(super) fn peer_says(&mut self, kind: Kind, step: Step<'_>) {
        let mut plain = step.bytes.to_vec();
        // Two in three packets come from and go to where they may.
        if kind == Kind::Data && !step.which.is_multiple_of(3) && plain.len() >= 20 {
            let vip = self
                .vips
                .iter()
                .nth(usize::from(step.which >> 4))
                .copied()
                .unwrap_or(OWN);
            plain[12..16].copy_from_slice(&CAMERA.octets());
            plain[16..20].copy_from_slice(&vip.octets());
        }
        if let Some(datagram) = self.peer.seal(kind, &plain, self.now) {
            let mut from = parse(PEER);
            if step.which & 0x80 != 0 {
                from.set_port(5000 + u16::from(step.which & 3));
            }
            self.datagram(from, &datagram);
        }
    }

    /// A LAN host sends a packet.
    pub(crate) fn packet(&mut self, packet: &[u8]) {
        let mut out = std::mem::take(&mut self.out);
        let handled = self.gateway.handle_packet(packet, &mut out, self.now);
        match handled {
            Ok(Forward::Tun) => self.check_delivered(&out, Side::Lan),
            Ok(Forward::Udp(_)) => drop(self.check_sent(packet, &out)),
            Ok(Forward::Nowhere) | Err(_) => {}
        }
        self.out = out;
        self.drain();
    }

    pub(crate) fn wait(&mut self, which: u8) {
        let until = self.now + span(which);
        let mut wakes = 0;
        while let Some(at) = self.gateway.poll_timeout().filter(|at| *at <= until) {
            wakes += 1;
            assert!(wakes < 1000, "wakes up for nothing");
            self.now = self.now.max(at);
            self.gateway.handle_timeout(self.now);
            self.drain();
        }
        self.now = until;
        let late = self.unanswered.iter().find(|(_, latest)| **latest < until);
        assert!(late.is_none(), "a question waits for ever: {late:?}");
        if which & 0x40 != 0 {
            let status = self.gateway.status(self.now);
            assert!(status.tunnels <= 4 && status.devices <= 7);
        }
    }

    pub(super) fn device(&mut self, which: u8, name: &[u8]) {
        let mac = [2, 0, 0, 0, 0, which % 12];
        // Now and then one takes the address of another.
        let address = Ipv4Addr::new(192, 168, 1, which % 12 + (which & 0x80) / 128);
        let hostname = std::str::from_utf8(name)
            .ok()
            .and_then(|name| Label::parse(name).ok());
        self.gateway.device_seen(
            LanDevice {
                mac,
                address,
                hostname,
            },
            self.now,
        );
        let mac_text = text(mac);
        // With too many devices it may not be taken.
        if self.gateway.devices().iter().any(|d| d.mac == mac_text) {
            self.seen.insert(mac, address);
            self.owners.insert(address, mac);
        }
        self.drain();
    }

    pub(super) fn device_gone(&mut self, which: u8) {
        self.gateway
            .device_gone([2, 0, 0, 0, 0, which % 12], self.now);
        self.drain();
    }

    pub(super) fn resolve(&mut self, step: Step<'_>) {
        self.asked += 1;
        let (query, asker) = (self.asked, Ipv4Addr::new(192, 168, 1, step.which % 12));
        let name = std::str::from_utf8(step.bytes)
            .ok()
            .and_then(|text| Fqdn::parse(text).ok());
        let address = <[u8; 4]>::try_from(step.bytes).ok();
        let is_ping = address.is_none() && step.which & 0x80 != 0;
        let patience = if is_ping { PING } else { QUESTION };
        self.unanswered.insert(query, self.now + patience);
        match (name, address) {
            (_, Some(v4)) => self
                .gateway
                .resolve_address(query, asker, IpAddr::from(v4), self.now),
            (Some(name), None) if step.which & 0x80 != 0 => {
                self.gateway.ping(query, name, self.now)
            }
            (Some(name), None) => self.gateway.resolve(query, asker, name, self.now),
            (None, None) => drop(self.unanswered.remove(&query)),
        }
        self.drain();
        assert!(self.unanswered.len() <= 100, "questions without an answer");
    }

    /// A binding message with a right mac: the fuzzer chooses all else.
    pub(super) fn binding(&mut self, step: Step<'_>) {
        let byte = |at: usize| step.bytes.get(at).copied().unwrap_or_default();
        let kind = if byte(0) & 1 == 0 {
            Kind::RelayChallenge
        } else {
            Kind::RelayBound
        };
        let nonce = if byte(1) & 1 == 0 {
            self.nonce
        } else {
            [byte(2); 8]
        };
        let observed = (kind == Kind::RelayBound).then(|| parse(WAN4));
        let binding = Binding {
            kind,
            path: LOCAL_PATH,
            nonce,
            challenge: [byte(3); 16],
            observed,
        };
        self.datagram(
            parse(if step.which & 1 == 0 { RELAY } else { PEER }),
            &binding.encode(&LEG),
        );
    }

    pub(super) fn wans(&mut self, which: u8) {
        let wan = |id: u8, address: &str| Wan {
            id,
            name: format!("wan{id}"),
            sockets: vec![parse(address)],
            metered: false,
            last_resort: false,
            spares: Vec::new(),
        };
        let all = [wan(0, WAN4), wan(1, WAN6), wan(2, "10.0.0.2:4750")];
        let chosen = (0..3).filter(|bit| which & 1 << bit != 0);
        let wans = chosen.map(|bit| all[bit].clone()).collect();
        self.gateway.wans_changed(wans, self.now);
        self.drain();
    }

    /// A Tunnel Request with a right mac1: of the peer, or of a stranger who knows the gateway's key.
    pub(super) fn request(&mut self, step: Step<'_>) {
        self.requests += 1;
        if self.requests > REQUESTS {
            return;
        }
        if step.bytes.is_empty() {
            let purpose = Purpose::Tunnel {
                tunnel: TUNNEL,
                initiator: node(2),
                responder: node(1),
            };
            let offer = TunnelOffer {
                aes: true,
                epoch: 1,
                counter: self.requests,
                generation: step.which,
            };
            let public = Party::new(1).public();
            let (mut pending, init) =
                self.peer
                    .start(purpose, &public, LOCAL_PATH, PEER_PATH, &offer.encode());
            self.datagram(parse(PEER), &init);
            if let Some(response) = self.peer_response.take() {
                self.peer
                    .finish(&mut pending, &response, step.which, self.now);
            }
            return;
        }
        let mut datagram = step.bytes.to_vec();
        if let Some(to_mac1) = datagram.len().checked_sub(2 * MAC_LEN) {
            let mac1 = mac(&self.mac1_key, &[&datagram[..to_mac1]]);
            datagram[to_mac1..to_mac1 + MAC_LEN].copy_from_slice(&mac1);
        }
        self.stranger(step.which, &datagram);
    }
}
