//! What the gateway sends, and what the DC and the peer answer to it.

use super::*;

impl Car {
    /// Does what the gateway wants done, and what the others answer; what was sent, and where.
    pub(super) fn drain(&mut self) -> Vec<(SocketAddr, usize)> {
        let (mut sent, mut rounds) = (Vec::new(), 0);
        loop {
            while let Some(output) = self.gateway.poll_output() {
                rounds += 1;
                assert!(rounds < 5000, "the world spins");
                match output {
                    Output::Send { path, datagram } | Output::Probe { path, datagram } => {
                        sent.push((path.remote, datagram.len()));
                        self.deliver(path.remote, &datagram);
                    }
                    Output::Deliver(packet) => self.check_delivered(&packet, Side::Either),
                    Output::Answer { query, .. } | Output::Pong { query, .. } => {
                        assert!(
                            self.unanswered.remove(&query).is_some(),
                            "one answer for each question"
                        );
                    }
                    Output::Domains(domains) => assert!(domains.len() <= MAX_DOMAINS),
                    Output::Event(_) => {}
                }
            }
            let Some((from, datagram)) = self.inbound.pop_front() else {
                return sent;
            };
            self.take(from, &datagram);
        }
    }

    pub(super) fn deliver(&mut self, to: SocketAddr, datagram: &[u8]) {
        let Ok(opening) = Opening::decode(datagram) else {
            panic!("a gateway's own datagram");
        };
        match opening.kind {
            Kind::HandshakeInit if to == parse(DC) => {
                let answer = self.pay().then(|| {
                    self.dc
                        .answer(Purpose::Control, datagram, DC_PATH, self.now)
                });
                self.inbound
                    .extend(answer.flatten().map(|answer| (to, answer)));
            }
            Kind::HandshakeInit if to == parse(PEER) => {
                let purpose = Purpose::Tunnel {
                    tunnel: TUNNEL,
                    initiator: node(1),
                    responder: node(2),
                };
                let answer = self
                    .pay()
                    .then(|| self.peer.answer(purpose, datagram, PEER_PATH, self.now));
                self.inbound
                    .extend(answer.flatten().map(|answer| (to, answer)));
            }
            Kind::HandshakeResponse => self.peer_response = Some(datagram.to_vec()),
            Kind::Control if opening.receiver == DC_PATH => self.at_the_dc(datagram),
            Kind::Control if opening.receiver == PEER_PATH => self.at_the_peer(to, datagram),
            Kind::RelayBind => {
                if let Ok(binding) = Binding::decode(datagram) {
                    self.nonce = binding.nonce;
                }
            }
            Kind::Data if opening.receiver == PEER_PATH => drop(self.check_carried(datagram)),
            Kind::HandshakeInit
            | Kind::Control
            | Kind::CookieReply
            | Kind::Data
            | Kind::Notice
            | Kind::RelayChallenge
            | Kind::RelayConfirm
            | Kind::RelayBound => {}
        }
    }

    pub(super) fn pay(&mut self) -> bool {
        self.handshakes += 1;
        self.handshakes <= HANDSHAKES
    }

    pub(super) fn at_the_dc(&mut self, datagram: &[u8]) {
        let Some(plain) = self.dc.open(datagram, self.now) else {
            return;
        };
        let message = Message::decode(&plain).expect("a gateway's own message");
        let answer = if let Message::RegistrationRequest(asked) = message {
            Message::RegistrationResponse(RegistrationResponse {
                request: asked.request,
                epoch: 1,
                lifetime: 75,
                observed: parse(WAN4),
            })
        } else if let Message::KeepAlive(asked) = message {
            Message::KeepAliveResponse(KeepAliveResponse {
                request: asked.request,
                observed: asked.local,
                release: ntm_proto::release::Release::OURS,
            })
        } else if let Message::DeviceRequest(asked) = message {
            let result = Ok(self.identity(asked.key));
            Message::DeviceResponse(DeviceResponse {
                request: asked.request,
                key: asked.key,
                result,
            })
        } else if let Message::DirectionRequest(asked) = message {
            let mut direction = direction(true);
            let remote = &direction.remote;
            if [Target::Name(remote.name.clone()), Target::V4(remote.vip4)].contains(&asked.target)
            {
                direction.request = asked.request;
                direction.local = asked.device;
                self.note(&direction);
                Message::RouteDirection(Box::new(direction))
            } else {
                Message::DirectionRefused(DirectionRefused {
                    request: asked.request,
                    refusal: Refusal::Unknown,
                })
            }
        } else {
            return;
        };
        if let Some(sealed) = self.dc.seal(Kind::Control, &answer.encode(), self.now) {
            self.inbound.push_back((parse(DC), sealed));
        }
    }

    /// Each device key gets the next identity, for ever.
    pub(super) fn identity(&mut self, key: DeviceKey) -> Identity {
        let at = self
            .given
            .iter()
            .position(|(known, _)| *known == key)
            .unwrap_or_else(|| {
                let vip = Ipv4Addr::new(198, 18, 1, self.given.len() as u8 + 1);
                self.given.push((key, vip));
                self.vips.insert(vip);
                self.given.len() - 1
            });
        let number = at as u8 + 1;
        Identity {
            node: node(100 + number),
            name: Fqdn::parse(&format!("d{number}.car.ntm.test")).expect("a name"),
            vip4: self.given[at].1,
            vip6: format!("fd00:1::1:{number:x}").parse().expect("an address"),
        }
    }

    pub(super) fn at_the_peer(&mut self, to: SocketAddr, datagram: &[u8]) {
        let Some(plain) = self.peer.open(datagram, self.now) else {
            return;
        };
        let message = Message::decode(&plain).expect("a gateway's own message");
        if let Message::PathChallenge(challenge) = message {
            let response = PathResponse {
                token: challenge.token,
                observed: Some(parse(WAN4)),
                standing: Standing::default(),
            };
            let plain = Message::PathResponse(response).encode();
            let sealed = self.peer.seal(Kind::Control, &plain, self.now);
            self.inbound.extend(sealed.map(|sealed| (to, sealed)));
        }
    }
}
