//! Changes of one WAN of a gateway while its others stay, told to it as its shell would, or not at all.

use crate::spec::WanSpec;
use crate::world::{Node, PORT, SPARE_PORT, World};
use ntm_gateway::Wan;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// Inside networks that differ by this number.
const PLACES: u64 = 200;

impl World {
    /// The gateway has only this WAN from now on. Like another Wi-Fi: the interface stays the same, and the network
    /// behind it is new; with `same_inside` it happens to give the inside address that the last one gave.
    pub(crate) fn replace_wan(&mut self, site: usize, spec: &WanSpec, same_inside: bool) {
        let old = self.places[site];
        self.clear(site);
        let place = if same_inside { old } else { self.new_place() };
        self.attach_wan(site, 0, place, spec);
        self.tell(site);
    }

    /// The gateway has no WAN any more.
    pub(crate) fn unplug_all(&mut self, site: usize) {
        self.clear(site);
        self.tell(site);
    }

    /// One WAN more, the least liked.
    pub(crate) fn add_wan(&mut self, site: usize, spec: &WanSpec) {
        let is_free = |id: &u8| self.sites[site].wans.iter().all(|wan| wan.id != *id);
        if let Some(id) = (0..4).find(is_free) {
            let place = self.new_place();
            self.attach_wan(site, id, place, spec);
            self.tell(site);
        }
    }

    /// The least liked WAN becomes the one liked best.
    pub(crate) fn prefer_last(&mut self, site: usize) {
        let own = &mut self.sites[site];
        if own.wans.len() > 1 {
            own.wans.rotate_right(1);
            own.specs.rotate_right(1);
            self.tell(site);
        }
    }

    /// The gateway loses one WAN, and sees it.
    pub(crate) fn drop_wan(&mut self, site: usize, at: usize) {
        if at < self.sites[site].wans.len() {
            let wan = self.sites[site].wans.remove(at);
            self.sites[site].specs.remove(at);
            let node = self.number(Node::Site(site));
            for socket in wan.sockets {
                self.net.detach(node, socket.ip());
            }
            self.tell(site);
        }
    }

    /// The WAN's network gives it other addresses.
    pub(crate) fn renumber_wan(&mut self, site: usize, at: usize) {
        let node = self.number(Node::Site(site));
        let Some(wan) = self.sites[site].wans.get(at) else {
            return;
        };
        let old: Vec<IpAddr> = wan.sockets.iter().map(SocketAddr::ip).collect();
        let fresh: Vec<IpAddr> = old
            .into_iter()
            .filter_map(|ip| self.net.renumber(node, ip))
            .collect();
        let wan = &mut self.sites[site].wans[at];
        (wan.sockets, wan.spares) = sockets(&fresh);
        self.tell(site);
    }

    /// What goes by this WAN vanishes until then, and nobody tells the gateway.
    pub(crate) fn hole_wan(&mut self, site: usize, at: usize, until: Instant) {
        let node = self.number(Node::Site(site));
        if let Some(wan) = self.sites[site].wans.get(at) {
            let sockets = wan.sockets.iter();
            sockets.for_each(|socket| self.net.hole(node, socket.ip(), until));
        }
    }

    fn clear(&mut self, site: usize) {
        let node = self.number(Node::Site(site));
        self.net.unplug(node);
        self.sites[site].wans.clear();
        self.sites[site].specs.clear();
    }

    fn new_place(&mut self) -> usize {
        self.sequence += 1;
        (4 + self.sequence % PLACES) as usize
    }

    fn attach_wan(&mut self, site: usize, id: u8, place: usize, spec: &WanSpec) {
        let node = self.number(Node::Site(site));
        self.places[site] = place;
        let (sockets, spares) = sockets(&self.net.plug(node, place, spec));
        self.sites[site].specs.push(*spec);
        self.sites[site].wans.push(Wan {
            id,
            name: format!("wan{id}"),
            sockets,
            spares,
            metered: false,
            last_resort: false,
        });
    }

    fn tell(&mut self, site: usize) {
        if self.is_running(Node::Site(site)) {
            let own = &mut self.sites[site];
            own.machine.wans_changed(own.wans.clone(), self.now);
            self.settle(Node::Site(site));
        }
    }
}

fn sockets(addresses: &[IpAddr]) -> (Vec<SocketAddr>, Vec<SocketAddr>) {
    let on = |port| addresses.iter().map(move |ip| SocketAddr::new(*ip, port));
    (on(PORT).collect(), on(SPARE_PORT).collect())
}
