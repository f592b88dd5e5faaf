//! What the DC sends, and what must hold of it.

use super::*;

impl Domain {
    /// Does what the coordinator wants done, and what its nodes then say; what was sent, and where.
    pub(super) fn drain(&mut self) -> Vec<(SocketAddr, usize)> {
        let (mut sent, mut rounds) = (Vec::new(), 0);
        loop {
            let Some(output) = self.dc.poll_output() else {
                if !self.answer_the_coordinator() {
                    return sent;
                }
                continue;
            };
            rounds += 1;
            assert!(rounds < 5000, "the world spins");
            match output {
                Output::Send { path, datagram } => {
                    assert!(datagram.len() <= MAX_DATAGRAM);
                    sent.push((path.remote, datagram.len()));
                    self.deliver(&datagram);
                }
                Output::Save { ticket, .. } => {
                    self.dc.handle_saved(ticket, self.store_works, self.now)
                }
                Output::FindDomain { domain } => self.found.push_back(domain),
                Output::Event(event) => assert!(!event.to_string().contains('\n')),
            }
        }
    }

    /// What the other coordinator, and DNS about it, answer; whether there was anything.
    pub(super) fn answer_the_coordinator(&mut self) -> bool {
        let other: SocketAddr = OTHER_ADDRESS.parse().expect("an address");
        if let Some(domain) = self.found.pop_front() {
            let life = Duration::from_secs(60);
            self.dc
                .handle_domain_found(&domain, vec![other], life, self.now);
            return true;
        }
        let Some(datagram) = self.inbound.pop_front() else {
            return false;
        };
        let _ = self.dc.handle_datagram(path(other), &datagram, self.now);
        true
    }

    pub(super) fn deliver(&mut self, datagram: &[u8]) {
        let opening = Opening::decode(datagram).expect("a coordinator's own datagram");
        if opening.kind == Kind::HandshakeInit && self.handshakes < HANDSHAKES {
            self.handshakes += 1;
            let answer = self
                .dialed
                .answer(Purpose::Control, datagram, DIALED, self.now);
            self.inbound.extend(answer);
        }
        if opening.receiver == DIALED && opening.kind == Kind::Control {
            let plain = self.dialed.open(datagram, self.now);
            assert!(plain.is_none_or(|plain| Message::decode(&plain).is_ok()));
            return;
        }
        if opening.kind != Kind::Control {
            return;
        }
        let Some(at) = self
            .nodes
            .iter()
            .position(|node| node.local == opening.receiver)
        else {
            return;
        };
        let Some(plain) = self.nodes[at].party.open(datagram, self.now) else {
            return;
        };
        let message = Message::decode(&plain).expect("a coordinator's own message");
        let sequence = if let Message::RouteDirection(direction) = &message {
            direction.sequence
        } else if let Message::RelayDirection(direction) = &message {
            direction.sequence
        } else if let Message::DeviceResponse(response) = message {
            return self.check_identity(at, response);
        } else {
            return;
        };
        if let Message::RouteDirection(direction) = &message {
            self.check_direction(at, direction);
        }
        let node = &mut self.nodes[at];
        if node.acks {
            let ack = Message::DirectionAck(DirectionAck {
                sequence,
                refusal: None,
            })
            .encode();
            if let Some(sealed) = node.party.seal(Kind::Control, &ack, self.now) {
                let from = path(node.address);
                let _ = self.dc.handle_datagram(from, &sealed, self.now);
            }
        }
    }

    /// Accounts that share no group are kept apart, and a node's name comes with its own key.
    pub(super) fn check_direction(&self, at: usize, direction: &RouteDirection) {
        let own = Fqdn::parse("ntm.test").expect("a name");
        let name = &direction.peer_name;
        let (local, remote) = (direction.local, &direction.remote);
        if !name.is_within(&own) {
            assert_ne!(at, OFFICE, "office and {name} are in no group together");
            let other = Fqdn::parse("other.test").expect("a name");
            assert!(name.is_within(&other) && remote.name.is_within(name));
        } else {
            let peer = self.ids.iter().position(|id| *id == direction.peer);
            let peer = peer.expect("a node of ours");
            assert_eq!(name.as_str(), format!("{}.ntm.test", NODES[peer].0));
            assert_eq!(direction.peer_key, self.nodes[peer].party.public());
            assert!(
                remote.name.is_within(name),
                "{} is not behind {name}",
                remote.name
            );
            let apart = at != peer && (at == OFFICE || peer == OFFICE);
            assert!(
                !apart,
                "{} and {name} are in no group together",
                NODES[at].0
            );
        }
        let mut others = self.ids.iter().enumerate();
        let is_anothers = others.any(|(node, id)| node != at && *id == local);
        let mut devices = self.named.iter();
        let is_anothers =
            is_anothers || devices.any(|((node, _), device)| *node != at && device.node == local);
        assert!(!is_anothers, "{local} is not behind {}", NODES[at].0);
    }

    pub(super) fn check_identity(&mut self, at: usize, response: DeviceResponse) {
        let Ok(identity) = response.result else {
            return;
        };
        let owner = (at, response.key);
        assert!(
            identity
                .name
                .is_within(&Fqdn::parse("ntm.test").expect("a name"))
        );
        for address in [IpAddr::V4(identity.vip4), IpAddr::V6(identity.vip6)] {
            assert_eq!(
                *self.owners.entry(address).or_insert(owner),
                owner,
                "{address} changed hands"
            );
        }
        let first = self.named.entry(owner).or_insert_with(|| identity.clone());
        let same =
            (first.node, first.vip4, first.vip6) == (identity.node, identity.vip4, identity.vip6);
        assert!(same, "a device keeps its identity");
    }
}
