//! A datagram's way in: sorted by kind and path id, opened by its owner.

use crate::{Gateway, Reject};
use ntm_proto::Path;
use ntm_proto::handshake::is_addressed_to;
use ntm_proto::id::PathId;
use ntm_proto::message::Message;
use ntm_proto::wire::{Kind, Opening};
use std::ops::Range;
use std::time::Instant;

impl Gateway {
    /// Takes a datagram that came in by `path`, and opens it where it lies. Which of its bytes are now a packet, ready
    /// for the TUN interface; `None`: it was for the gateway itself.
    pub fn handle_datagram(
        &mut self,
        path: Path,
        datagram: &mut [u8],
        now: Instant,
    ) -> Result<Option<Range<usize>>, Reject> {
        let result = self.sort(path, datagram, now);
        result.map_err(|reject| self.count(reject))
    }

    fn sort(
        &mut self,
        path: Path,
        datagram: &mut [u8],
        now: Instant,
    ) -> Result<Option<Range<usize>>, Reject> {
        let opening = Opening::decode(datagram).map_err(|_| Reject::MalformedDatagram)?;
        let slot = self.peers.slot_of_path(opening.receiver);
        if let (Kind::Data, Some(slot)) = (opening.kind, slot) {
            let packet = self.handle_data(slot, path, opening.generation, datagram, now);
            return packet.map(Some);
        }
        let result = match (opening.kind, slot) {
            (Kind::Control, Some(slot)) => {
                self.handle_control(slot, path, opening.generation, datagram, now)
            }
            (Kind::HandshakeInit, Some(slot)) => self.handle_init(slot, path, datagram, now),
            (Kind::HandshakeResponse, Some(slot)) => self.at_peer(slot, |peer, env| {
                peer.handle_response(path, datagram, env, now)
            }),
            (Kind::CookieReply, Some(slot)) => {
                self.at_peer(slot, |peer, env| peer.handle_cookie(datagram, env, now))
            }
            (Kind::RelayChallenge | Kind::RelayBound, Some(slot)) => self
                .at_peer(slot, |peer, env| {
                    peer.handle_binding(path, datagram, env, now)
                }),
            (Kind::Notice, _) => self.handle_notice(path, opening.receiver, datagram, now),
            (Kind::HandshakeResponse | Kind::CookieReply | Kind::Control, None) => {
                if self.coordination.is_dc(path.remote) {
                    self.coordination.handle_datagram(path, datagram, now)
                } else {
                    Err(Reject::UnknownPath)
                }
            }
            (Kind::HandshakeInit | Kind::Data | Kind::RelayChallenge | Kind::RelayBound, None) => {
                Err(Reject::UnknownPath)
            }
            (Kind::Data | Kind::RelayBind | Kind::RelayConfirm, _) => {
                Err(Reject::UnexpectedMessage)
            }
        };
        result?;
        if let Some(slot) = slot {
            self.peers.wake(slot, now);
        }
        self.handle_coordinator(now);
        self.ask_for_lost_peers(now);
        self.settle(now);
        Ok(None)
    }

    fn handle_data(
        &mut self,
        slot: usize,
        path: Path,
        generation: u8,
        datagram: &mut [u8],
        now: Instant,
    ) -> Result<Range<usize>, Reject> {
        let peer = self.peers.get(slot).ok_or(Reject::UnknownPath)?;
        let (packet, opened) = peer.open(path, generation, datagram, now)?;
        if opened.confirmed || opened.wants_challenge || opened.goes_on {
            self.at_peer(slot, |peer, env| {
                peer.opened(opened, path, env, now);
                Ok(())
            })?;
            self.peers.wake(slot, now);
        }
        if opened.confirmed {
            // The tunnel is up by this: pings wait for it.
            self.settle(now);
        }
        let length = self.deliver(slot, &mut datagram[packet.clone()], now)?;
        Ok(packet.start..packet.start + length)
    }

    fn handle_control(
        &mut self,
        slot: usize,
        path: Path,
        generation: u8,
        datagram: &mut [u8],
        now: Instant,
    ) -> Result<(), Reject> {
        let peer = self.peers.get(slot).ok_or(Reject::UnknownPath)?;
        let (plain, opened) = peer.open(path, generation, datagram, now)?;
        let message = Message::decode(&datagram[plain]).map_err(|_| Reject::UnexpectedMessage);
        self.at_peer(slot, |peer, env| {
            peer.opened(opened, path, env, now);
            if peer.handle_message(path, &message?, env, now) {
                Ok(())
            } else {
                Err(Reject::UnexpectedMessage)
            }
        })
    }

    /// A Tunnel Request. Cheap proof first: nothing is computed for who does not know our key, and under load
    /// nothing for who has not shown its address.
    fn handle_init(
        &mut self,
        slot: usize,
        path: Path,
        datagram: &[u8],
        now: Instant,
    ) -> Result<(), Reject> {
        let checked = is_addressed_to(datagram, &self.peers.mac1_key);
        let (before, mac1, mac2) = checked.map_err(|_| Reject::Forged)?;
        if self.peers.is_under_load(now)
            && !self
                .peers
                .jar
                .is_proven(path.remote, before, mac2, &mut self.random, now)
        {
            let sender = PathId(u32::from_be_bytes([
                datagram[8],
                datagram[9],
                datagram[10],
                datagram[11],
            ]));
            let reply = self
                .peers
                .jar
                .reply(path.remote, sender, mac1, &mut self.random, now);
            self.output.push_back(crate::Output::Send {
                path,
                datagram: reply.to_vec(),
            });
            return Err(Reject::UnderLoad);
        }
        self.at_peer(slot, |peer, env| peer.handle_init(path, datagram, env, now))
    }

    fn handle_notice(
        &mut self,
        path: Path,
        about: PathId,
        datagram: &[u8],
        now: Instant,
    ) -> Result<(), Reject> {
        if let Some(slot) = self.peers.slot_of_path(about) {
            return self.at_peer(slot, |peer, env| peer.relay_disowned(path.remote, env, now));
        }
        if self.coordination.is_dc(path.remote) {
            return self.coordination.handle_datagram(path, datagram, now);
        }
        Err(Reject::UnknownPath)
    }

    fn at_peer(
        &mut self,
        slot: usize,
        work: impl FnOnce(&mut crate::peer::Peer, &mut crate::peers::Env<'_>) -> Result<(), Reject>,
    ) -> Result<(), Reject> {
        self.with_peers(|peers, env| match peers.get(slot) {
            Some(peer) => work(peer, env),
            None => Err(Reject::UnknownPath),
        })
    }
}
