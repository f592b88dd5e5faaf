//! How the links with the coordinators of other domains are made, kept and dropped.
//!
//! DNS (or the operator) says where a coordinator may be, never who it is: the handshake with its pinned key does.
//! Whatever fails ends in a pause that doubles, during which everybody who asks is refused at once.

use crate::peers::{ADDRESSES, Dialing, FIRST_PAUSE, LONGEST_PAUSE, Peer};
use crate::save::ReplyTo;
use crate::{Coordinator, Event, Output, Reject};
use ntm_proto::Path;
use ntm_proto::id::{Fqdn, NodeId};
use ntm_proto::link::{LinkReject, Received};
use ntm_proto::message::{Hello, Message, PeerMessage};
use ntm_proto::wire::Kind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

/// How long finding and connecting may take: less than a gateway waits for its answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// A link that nobody used for this long is dropped.
const IDLE: Duration = Duration::from_secs(600);
/// How long after the first Hello on a link the second one follows.
const HELLO_AGAIN: Duration = Duration::from_secs(1);
/// A peer that says again and again that it started anew is told again once in this time.
const STARTS: Duration = Duration::from_secs(5);
/// Bounds of how long an answer of DNS holds.
const TTL: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(3600));

/// The way a message of a peer came, and its answer goes.
#[derive(Clone, Copy)]
pub(crate) enum Via {
    /// Over the peer's own link.
    Session(ReplyTo),
    /// Over ours.
    Link,
}

impl Coordinator {
    /// DNS has answered [`Output::FindDomain`]: where the coordinator of `domain` is, best first, and for how long
    /// that holds. No addresses: nowhere.
    pub fn handle_domain_found(
        &mut self,
        domain: &Fqdn,
        addresses: Vec<SocketAddr>,
        life: Duration,
        now: Instant,
    ) {
        let addresses: Vec<_> = addresses
            .into_iter()
            .filter(|address| self.is_real(*address))
            .take(ADDRESSES)
            .collect();
        let Some(peer) = self.peers.by_domain_mut(domain) else {
            return;
        };
        let Dialing::Finding(deadline) = peer.dialing else {
            return;
        };
        let id = peer.id;
        peer.found = Some((addresses, now + life.clamp(TTL.0, TTL.1)));
        if peer.candidates(now).is_empty() {
            let domain = domain.clone();
            self.output
                .push_back(Output::Event(Event::DomainNotFound { domain }));
            self.peer_failed(id, now);
        } else {
            peer.dialing = Dialing::Connecting(deadline);
            peer.link.connect(now);
        }
        self.finish(now);
    }

    /// Says something to a peer; what cannot be said at once waits for the link.
    pub(crate) fn say_peer(&mut self, id: NodeId, message: Message, now: Instant) {
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        peer.used = now;
        if peer.link.is_up(now) {
            self.say_over_link(id, &message, now);
        } else if let Some(reply) = peer.incoming(now) {
            if !std::mem::replace(&mut peer.greeted, true) {
                let hello = self.hello();
                self.answer(id, reply, &hello, now);
            }
            self.answer(id, reply, &message, now);
        } else {
            peer.keep(message);
            self.dial(id, now);
        }
    }

    /// Answers a peer the way it asked.
    pub(crate) fn answer_peer(&mut self, id: NodeId, via: Via, message: &Message, now: Instant) {
        match via {
            Via::Session(reply) => self.answer(id, reply, message, now),
            Via::Link => self.say_over_link(id, message, now),
        }
    }

    /// Lets all peers know that we have just started, and have forgotten what they told us.
    pub(crate) fn greet_peers(&mut self, now: Instant) {
        let peers: Vec<NodeId> = self.peers.iter().map(|peer| peer.id).collect();
        peers.into_iter().for_each(|id| self.dial(id, now));
        self.flush_links(now);
    }

    /// A peer says which run of it this is. One that started anew is told again of all tunnels with its gateways.
    pub(crate) fn handle_hello(&mut self, id: NodeId, hello: Hello, now: Instant) {
        self.tell_closed_again(id, now);
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        let old = peer.instance.replace(hello.instance);
        if old.is_some_and(|old| old != hello.instance) {
            let pause = peer.told_again.map(|at| at + STARTS);
            peer.tell_again = Some(pause.unwrap_or(now).max(now));
            self.tell_peers_again(now);
        }
    }

    /// Tells peers that started anew again, when their time has come.
    fn tell_peers_again(&mut self, now: Instant) {
        let mut started = Vec::new();
        for peer in self.peers.iter_mut() {
            if peer.tell_again.is_some_and(|at| at <= now) {
                (peer.tell_again, peer.told_again) = (None, Some(now));
                started.push(peer.id);
            }
        }
        for id in started {
            for guest in self.registry.guests.of(id) {
                self.tell_all_again(guest, now);
            }
        }
    }

    /// The first Hello may be lost, and a peer that missed it would not tell us of its tunnels.
    fn greet_again(&mut self, now: Instant) {
        let mut due = Vec::new();
        for peer in self.peers.iter_mut() {
            if peer.hello_again.is_some_and(|at| at <= now) {
                peer.hello_again = None;
                due.push(peer.id);
            }
        }
        let hello = self.hello();
        due.into_iter()
            .for_each(|id| self.say_over_link(id, &hello, now));
    }

    fn hello(&self) -> Message {
        let instance = self.instance;
        Message::Peer(PeerMessage::Hello(Hello { instance }))
    }

    /// What came for one of our links, from `path.remote`.
    pub(crate) fn take_from_link(
        &mut self,
        path: Path,
        kind: Kind,
        datagram: &[u8],
        now: Instant,
    ) -> Result<(), Reject> {
        if kind == Kind::Notice {
            // It forgot its sessions, perhaps the one that we answer by, too.
            let from = |peer: &&mut Peer| {
                peer.incoming
                    .is_some_and(|(reply, _)| reply.path.remote == path.remote)
            };
            self.peers
                .iter_mut()
                .filter(from)
                .for_each(|peer| peer.incoming = None);
        }
        let mut result = Err(Reject::UnknownSession);
        for id in self.peers.at(path.remote, now) {
            let Some(peer) = self.peers.get_mut(id) else {
                continue;
            };
            match peer.link.handle_datagram(datagram, now) {
                Err(LinkReject::UnknownSession) => {}
                Err(reject) => result = Err(reject.into()),
                Ok(Received::Nothing) => result = Ok(()),
                Ok(Received::Up { .. }) => {
                    self.linked(id, path.remote, now);
                    return Ok(());
                }
                Ok(Received::Message(message)) => {
                    return self.take_peer_message(id, *message, Via::Link, now);
                }
            }
        }
        result
    }

    /// Makes, repeats, renews and drops links as time wants it.
    pub(crate) fn links_timeout(&mut self, now: Instant) {
        self.tell_peers_again(now);
        self.greet_again(now);
        let mut failed = Vec::new();
        for peer in self.peers.iter_mut() {
            if peer.dialing.deadline().is_some_and(|at| at <= now) {
                failed.push(peer.id);
                continue;
            }
            peer.link.handle_timeout(now);
            let is_idle = now.saturating_duration_since(peer.used) >= IDLE;
            let is_lost = peer.dialing == Dialing::No && !peer.link.is_up(now);
            if peer.dialing == Dialing::No && (is_idle || is_lost) {
                peer.link.disconnect();
            }
        }
        for id in failed {
            if let Some(peer) = self.peers.get(id) {
                let (domain, tried) = (peer.record.domain.clone(), peer.candidates(now));
                let event = match peer.dialing {
                    Dialing::Connecting(_) => Event::DomainSilent { domain, tried },
                    Dialing::Finding(_) | Dialing::No => Event::DomainNotFound { domain },
                };
                self.output.push_back(Output::Event(event));
            }
            self.peer_failed(id, now);
        }
    }

    pub(crate) fn links_due(&self) -> Option<Instant> {
        let of = |peer: &Peer| {
            let link = peer.link.poll_timeout();
            let idle = peer.link.poll_timeout().map(|_| peer.used + IDLE);
            let again = [peer.tell_again, peer.hello_again];
            [peer.dialing.deadline(), link, idle]
                .into_iter()
                .chain(again)
        };
        self.peers.iter().flat_map(of).flatten().min()
    }

    /// Sends what the links want to send.
    pub(crate) fn flush_links(&mut self, now: Instant) {
        for peer in self.peers.iter_mut() {
            while let Some(datagram) = peer.link.poll_output() {
                let to = match peer.address.filter(|_| peer.link.is_up(now)) {
                    Some(address) => vec![address],
                    // The first message may go to all: they are one coordinator, which answers the same each time.
                    None => peer.candidates(now),
                };
                for remote in to {
                    self.output.push_back(Output::Send {
                        path: from_any(remote),
                        datagram: datagram.clone(),
                    });
                }
            }
        }
    }

    /// The peer did not answer a question: its link is worth nothing until it is made anew.
    pub(crate) fn suspect(&mut self, id: NodeId) {
        if let Some(peer) = self.peers.get_mut(id).filter(|p| p.dialing == Dialing::No) {
            peer.link.disconnect();
            peer.incoming = None;
            peer.address = None;
            peer.found = None;
        }
    }

    fn say_over_link(&mut self, id: NodeId, message: &Message, now: Instant) {
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        if let (Some(remote), Some(datagram)) = (peer.address, peer.link.seal(message, now)) {
            let path = from_any(remote);
            self.output.push_back(Output::Send { path, datagram });
        }
    }

    fn dial(&mut self, id: NodeId, now: Instant) {
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        if peer.dialing != Dialing::No {
            return;
        }
        if peer.not_before.is_some_and(|at| at > now) {
            peer.outbox.clear();
            self.refuse_asked(id, now);
            return;
        }
        if peer.candidates(now).is_empty() {
            peer.dialing = Dialing::Finding(now + PATIENCE);
            let domain = peer.record.domain.clone();
            self.output.push_back(Output::FindDomain { domain });
        } else {
            peer.dialing = Dialing::Connecting(now + PATIENCE);
            peer.link.connect(now);
        }
    }

    fn linked(&mut self, id: NodeId, address: SocketAddr, now: Instant) {
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        let is_new = peer.dialing != Dialing::No;
        peer.address = Some(address);
        peer.dialing = Dialing::No;
        peer.pause = FIRST_PAUSE;
        peer.not_before = None;
        peer.heard = Some(now);
        let (waiting, domain) = (std::mem::take(&mut peer.outbox), peer.record.domain.clone());
        if is_new {
            self.output
                .push_back(Output::Event(Event::DomainLinked { domain, address }));
        }
        peer.greeted = true;
        peer.hello_again = Some(now + HELLO_AGAIN);
        // At once, so that it knows that its answer arrived, and whether to tell us again what we may have forgotten.
        let hello = self.hello();
        for message in std::iter::once(hello).chain(waiting) {
            self.say_over_link(id, &message, now);
        }
        self.tell_closed_again(id, now);
    }

    fn peer_failed(&mut self, id: NodeId, now: Instant) {
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        peer.link.disconnect();
        peer.dialing = Dialing::No;
        peer.address = None;
        peer.found = None;
        peer.incoming = None;
        peer.outbox.clear();
        peer.not_before = Some(now + peer.pause);
        peer.pause = (peer.pause * 2).min(LONGEST_PAUSE);
        self.refuse_asked(id, now);
    }
}

/// From any socket of the family.
fn from_any(remote: SocketAddr) -> Path {
    let unspecified = match remote {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    Path {
        local: SocketAddr::new(unspecified, 0),
        remote,
    }
}
