//! What each message of a client does (RFC 2131 section 4.3), and which address it may have.

use crate::config::Mac;
use crate::file::dynamic_count;
use crate::lease::Lease;
use crate::offer::{OFFER_TIME, Offer, PROBE_WAIT, State};
use crate::packet::{self, Kind, Reply, Request};
use crate::{DhcpServer, MIN_LEASE_TIME, Output, Reject, SAVE_DELAY, pool};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

const CLIENT_PORT: u16 = 68;
/// How long after it got an address a client may still find it in use and decline it.
const DECLINE_TIME: Duration = Duration::from_secs(10);

impl DhcpServer {
    pub(crate) fn answer(&mut self, request: Request, now: Instant) -> Result<(), Reject> {
        if request.server_id.is_some_and(|id| id != self.config.server) {
            // The client chose another server: what we offered is free again.
            self.offers.remove(request.mac);
            return Err(Reject::OtherServer);
        }
        match request.kind {
            Kind::Discover => self.discover(request, now),
            Kind::Request => self.request(request, now),
            Kind::Decline => self.decline(&request, now),
            Kind::Release => self.release(&request, now),
            Kind::Inform => self.inform(&request),
        }
    }

    fn discover(&mut self, request: Request, now: Instant) -> Result<(), Reject> {
        let mac = request.mac;
        let lease_time = self.lease_time(&request);
        if let Some(address) = self.settled(mac, now) {
            self.offers.remove(mac);
            self.send(
                &request,
                Reply::Offer {
                    address,
                    lease_time,
                },
            );
            return Ok(());
        }
        if let Some(offer) = self.offers.get_mut(mac) {
            // Asked again: answer the newer question, now or when the probe is over.
            offer.request = request.clone();
            if offer.state == State::Offered {
                offer.until = now + OFFER_TIME;
                let address = offer.address;
                self.send(
                    &request,
                    Reply::Offer {
                        address,
                        lease_time,
                    },
                );
            }
            return Ok(());
        }
        let address = self
            .choose(&request, now)
            .or_else(|| self.choose_released(&request, now))
            .ok_or(Reject::NoAddress)?;
        if !self.offers.make_room() {
            return Err(Reject::Busy);
        }
        self.probe(request, address, 1, now);
        Ok(())
    }

    /// SELECTING, INIT-REBOOT, RENEWING and REBINDING (RFC 2131 section 4.3.2) differ in where the address stands
    /// and agree in the rest: the client may have it, or is told no.
    fn request(&mut self, request: Request, now: Instant) -> Result<(), Reject> {
        let has = (!request.ciaddr.is_unspecified()).then_some(request.ciaddr);
        let address = match request.server_id {
            Some(_) => request.requested.or(has),
            None => has.or(request.requested),
        };
        let address = address.ok_or(Reject::BadAddress)?;
        let granted = self.may_have(request.mac, address, now);
        // What the configuration lists is nobody's invention.
        let fixed = self.config.static_of(request.mac);
        let listed = fixed.is_some_and(|fixed| fixed.address == address);
        if granted && !listed && !self.table.is_filed(request.mac, address) {
            if !self.fresh.take(now) {
                return Err(Reject::Busy);
            }
            self.unsaved += 1;
        }
        self.offers.remove(request.mac);
        if granted {
            self.leaving.stays(request.mac);
            self.acknowledge(&request, address, now);
        } else {
            self.send(&request, Reply::Nak);
        }
        Ok(())
    }

    fn decline(&mut self, request: &Request, now: Instant) -> Result<(), Reject> {
        let mac = request.mac;
        let address = request.requested.ok_or(Reject::BadAddress)?;
        // Only what the client could have: or one host could take the whole range out of use.
        let leased = self
            .table
            .live(mac)
            .is_some_and(|lease| lease.address == address)
            && self.table.given_since(mac, now) < DECLINE_TIME;
        if !leased && self.offers.offered(mac) != Some(address) {
            return Err(Reject::NotYours);
        }
        self.offers.remove(mac);
        self.quarantine.add(address, now);
        if leased && let Some(lease) = self.table.forget(mac) {
            self.outputs.push_back(Output::LeaseEnded(lease));
            self.save_later(now);
        }
        Ok(())
    }

    fn release(&mut self, request: &Request, now: Instant) -> Result<(), Reject> {
        let lease = self.table.live(request.mac).ok_or(Reject::NotYours)?;
        if lease.address != request.ciaddr {
            return Err(Reject::NotYours);
        }
        if self.leaving.add(request.mac, request.ciaddr, now) {
            Ok(())
        } else {
            Err(Reject::Busy)
        }
    }

    fn inform(&mut self, request: &Request) -> Result<(), Reject> {
        if !self.config.is_host(request.ciaddr) {
            return Err(Reject::BadAddress);
        }
        self.send(request, Reply::Parameters);
        Ok(())
    }

    fn acknowledge(&mut self, request: &Request, address: Ipv4Addr, now: Instant) {
        let mac = request.mac;
        self.make_place(mac);
        let lease_time = self.lease_time(request);
        let fixed = self
            .config
            .static_of(mac)
            .and_then(|fixed| fixed.hostname.clone());
        let before = self.table.get(mac).map(|entry| &entry.lease);
        let lease = Lease {
            mac,
            client_id: request
                .client_id
                .clone()
                .or_else(|| before?.client_id.clone()),
            address,
            hostname: fixed
                .or_else(|| request.hostname.clone())
                .or_else(|| before?.hostname.clone()),
            expires: now + lease_time,
        };
        let granted = self.table.grant(lease.clone(), now);
        self.outputs
            .extend(granted.displaced.map(Output::LeaseEnded));
        if granted.changed {
            self.outputs.push_back(Output::LeaseChanged(lease));
        }
        if granted.must_save {
            self.save(now);
        } else if granted.changed {
            // Renamed or back: the file has the address, and a client that comes and goes shall not wear the flash.
            self.save_later(now);
        }
        self.send(
            request,
            Reply::Ack {
                address,
                lease_time,
            },
        );
    }

    /// The address nobody else can get before `mac` does.
    fn settled(&self, mac: Mac, now: Instant) -> Option<Ipv4Addr> {
        let fixed = self.config.static_of(mac).map(|fixed| fixed.address);
        let leased = || self.table.live(mac).map(|lease| lease.address);
        fixed
            .filter(|&address| !self.quarantine.contains(address, now))
            .or_else(leased)
    }

    /// The address `mac` had, if it can have it again.
    fn remembered_address(&self, mac: Mac, now: Instant) -> Option<Ipv4Addr> {
        let address = self.table.get(mac)?.lease.address;
        self.is_usable(address, mac, now).then_some(address)
    }

    fn may_have(&self, mac: Mac, address: Ipv4Addr, now: Instant) -> bool {
        if let Some(settled) = self.settled(mac, now) {
            return address == settled;
        }
        if !self.has_place(mac) {
            return false;
        }
        if self.offers.offered(mac) == Some(address) {
            return true;
        }
        match self.remembered_address(mac, now) {
            Some(own) => address == own,
            // Unknown to us: perhaps we were restarted and lost the file.
            None => self.is_usable(address, mac, now),
        }
    }

    /// The address to probe and offer to a client without a settled one.
    pub(crate) fn choose(&self, request: &Request, now: Instant) -> Option<Ipv4Addr> {
        let mac = request.mac;
        if !self.has_place(mac) {
            return None;
        }
        let usable = |address: &Ipv4Addr| self.is_usable(*address, mac, now);
        self.remembered_address(mac, now)
            .or_else(|| request.requested.filter(usable))
            .or_else(|| pool::candidates(&self.config, mac).find(usable))
            .or_else(|| {
                let oldest = self.table.ended().map(|lease| lease.address);
                oldest
                    .into_iter()
                    .find(|&address| self.is_unclaimed(address, mac, now))
            })
    }

    /// No address is left: the lease that was given back longest ago ends.
    fn choose_released(&mut self, request: &Request, now: Instant) -> Option<Ipv4Addr> {
        let lease = self.table.end_released(now)?;
        self.outputs.push_back(Output::LeaseEnded(lease));
        self.choose(request, now)
    }

    /// Whether `mac` can have `address` and nobody is remembered for it.
    fn is_usable(&self, address: Ipv4Addr, mac: Mac, now: Instant) -> bool {
        self.table.owner(address).is_none_or(|owner| owner == mac)
            && self.is_unclaimed(address, mac, now)
    }

    fn is_unclaimed(&self, address: Ipv4Addr, mac: Mac, now: Instant) -> bool {
        self.config.is_dynamic(address)
            && !self.quarantine.contains(address, now)
            && !self.offers.held_from(address, mac)
    }

    /// Whether the table has a place for `mac`, or can make one.
    fn has_place(&self, mac: Mac) -> bool {
        self.has_free_place(mac) || self.oldest_remembered().is_some()
    }

    fn has_free_place(&self, mac: Mac) -> bool {
        self.table.get(mac).is_some()
            || self.config.static_of(mac).is_some()
            || dynamic_count(&self.table, &self.config) < self.config.max_leases
    }

    /// The remembered device to forget first. Static ones need no place.
    fn oldest_remembered(&self) -> Option<Mac> {
        self.table
            .ended()
            .map(|lease| lease.mac)
            .find(|&mac| self.config.static_of(mac).is_none())
    }

    fn make_place(&mut self, mac: Mac) {
        if !self.has_free_place(mac)
            && let Some(oldest) = self.oldest_remembered()
        {
            self.table.forget(oldest);
        }
    }

    pub(crate) fn probe(&mut self, request: Request, address: Ipv4Addr, tried: u8, now: Instant) {
        let offer = Offer {
            address,
            state: State::Probing(tried),
            until: now + PROBE_WAIT,
            request,
        };
        self.offers.insert(offer.request.mac, offer);
        self.outputs.push_back(Output::Probe(address));
    }

    /// What the client asks for, within bounds; else what is configured.
    pub(crate) fn lease_time(&self, request: &Request) -> Duration {
        let most = self.config.lease_time;
        request
            .lease_time
            .map_or(most, |time| time.clamp(MIN_LEASE_TIME.min(most), most))
    }

    /// Where a reply goes: RFC 2131 section 4.1.
    pub(crate) fn send(&mut self, request: &Request, reply: Reply) {
        let reachable = self.config.is_host(request.ciaddr) && !matches!(reply, Reply::Nak);
        let to = if reachable {
            request.ciaddr
        } else {
            Ipv4Addr::BROADCAST
        };
        let datagram = packet::encode(request, &self.config, reply);
        self.outputs.push_back(Output::Send {
            datagram,
            to: SocketAddrV4::new(to, CLIENT_PORT),
        });
    }

    pub(crate) fn save(&mut self, now: Instant) {
        self.save_by = None;
        self.pace.writes(now);
        self.table.writing();
        self.outputs.push_back(Output::Save);
    }

    fn save_later(&mut self, now: Instant) {
        let due = self.pace.due(SAVE_DELAY, now);
        self.save_by.get_or_insert(due);
    }
}
