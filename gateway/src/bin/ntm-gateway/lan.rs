//! Which hardware address speaks as which LAN address, told to the firewall and to the kernel's neighbour table.
//!
//! A device's LAN address stands for its identity, so nobody else on the LAN may send into the tunnel from it
//! ([`crate::nft::bind`]), and what comes out of the tunnel for it must not follow a forged ARP answer: its entry in
//! the neighbour table is permanent as long as the device is there. One task does both, beside the loop, always with
//! the newest list: however fast devices come and go, one change of the firewall is under way at a time.

use crate::dhcp::listed_devices;
use crate::netlink::Netlink;
use crate::nft;
use ntm_gateway::config::Config;
use ntm_gateway::{Gateway, LanDevice};
use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{sleep_until, timeout};
use tracing::{debug, warn};

/// How often the neighbour table is looked after: an interface that went down and up again has lost it.
const REFRESH: Duration = Duration::from_secs(30);
/// The pause after a failure.
const RETRY: Duration = Duration::from_secs(1);
/// The least pause between two rounds of work; the second takes in all that changed meanwhile.
const LEAST_PAUSE: Duration = Duration::from_millis(250);

type List = BTreeMap<[u8; 6], Ipv4Addr>;

/// Who is on the LAN. When it is dropped, the neighbour table is the kernel's again.
pub(crate) struct Residents {
    list: watch::Sender<List>,
}

impl Residents {
    /// Nobody yet; the task ends when `Self` is dropped.
    pub(crate) fn start(config: &Config, netlink: Netlink) -> (Self, JoinHandle<()>) {
        let (list, changes) = watch::channel(List::new());
        let (interface, binds) = (config.lan.interface.clone(), config.lan.bind_addresses);
        let handle = tokio::spawn(async move {
            if binds {
                keep(changes, &interface, &netlink).await;
            }
        });
        (Self { list }, handle)
    }

    /// For whoever makes the firewall forget them.
    pub(crate) fn retell(&self) -> Retell {
        Retell(self.list.clone())
    }

    /// A device came, or has another address or name: for the machine, too.
    pub(crate) fn arrive(&self, device: LanDevice, gateway: &mut Gateway, now: Instant) {
        debug!(address = %device.address, "a device is on the LAN");
        self.seen(device.mac, device.address);
        gateway.device_seen(device, now);
    }

    /// A device left: for the machine, too.
    pub(crate) fn leave(&self, mac: [u8; 6], gateway: &mut Gateway, now: Instant) {
        debug!("a device left the LAN");
        self.gone(mac);
        gateway.device_gone(mac, now);
    }

    /// The devices that are listed are others now: those of `new`, where `old` held.
    pub(crate) fn relist(&self, old: &Config, new: &Config, gateway: &mut Gateway, now: Instant) {
        let left = listed_devices(old).filter(|it| listed_devices(new).all(|is| is.mac != it.mac));
        left.for_each(|device| self.leave(device.mac, gateway, now));
        listed_devices(new).for_each(|device| self.arrive(device, gateway, now));
    }

    /// The device with this hardware address has this address, and no other has.
    fn seen(&self, mac: [u8; 6], address: Ipv4Addr) {
        self.list.send_if_modified(|list| {
            let before = list.len();
            list.retain(|other, theirs| *other == mac || *theirs != address);
            list.insert(mac, address) != Some(address) || list.len() != before
        });
    }

    /// The device left.
    fn gone(&self, mac: [u8; 6]) {
        self.list
            .send_if_modified(|list| list.remove(&mac).is_some());
    }
}

/// Has the firewall told who is there, again.
pub(crate) struct Retell(watch::Sender<List>);

impl Retell {
    pub(crate) fn all(&self) {
        self.0.send_modify(|_| {});
    }
}

async fn keep(mut changes: watch::Receiver<List>, interface: &str, netlink: &Netlink) {
    let mut pinned = List::new();
    let mut failing = false;
    let first = changes.borrow().clone();
    unpin_strangers(&first, interface, netlink).await;
    loop {
        let began = Instant::now();
        let list = changes.borrow_and_update().clone();
        let devices: Vec<_> = list.iter().map(|(mac, address)| (*mac, *address)).collect();
        // Who left before who came: a device may have the address of one that left.
        let news = changes_of(&pinned, &list);
        pin(&news, interface, netlink).await;
        pinned = list;
        let bound = spawn_blocking(move || nft::bind(&devices)).await;
        if let Ok(Err(error)) = &bound
            && !failing
        {
            warn!("cannot tell the firewall which device has which address: {error:#}");
        }
        failing = !matches!(bound, Ok(Ok(())));
        let pause = if failing { RETRY } else { REFRESH };
        // As long again as it took: whoever makes devices come and go shall not keep a core busy.
        let rest = if failing { RETRY } else { LEAST_PAUSE };
        let free = Instant::now() + began.elapsed().max(rest);
        loop {
            match timeout(pause, changes.changed()).await {
                Ok(Ok(())) => break sleep_until(free.into()).await,
                Ok(Err(_)) => {
                    let news = changes_of(&pinned, &List::new());
                    return pin(&news, interface, netlink).await;
                }
                Err(_) if failing => break,
                Err(_) => pin(&changes_of(&List::new(), &pinned), interface, netlink).await,
            }
        }
    }
}

/// Who left or moved, not to be sure of any more, then who came or moved, to be pinned.
fn changes_of(old: &List, new: &List) -> Vec<([u8; 6], Ipv4Addr, bool)> {
    let only = |these: &List, others: &List, permanent| {
        let differs = |(mac, address): &(&[u8; 6], &Ipv4Addr)| others.get(*mac) != Some(*address);
        let these = these.iter().filter(differs);
        let these = these.map(|(mac, address)| (*mac, *address, permanent));
        these.collect::<Vec<_>>()
    };
    [only(old, new, false), only(new, old, true)].concat()
}

/// Makes the neighbour table follow.
async fn pin(news: &[([u8; 6], Ipv4Addr, bool)], interface: &str, netlink: &Netlink) {
    // An interface that is away comes back without a neighbour; the refresh sees to it.
    let Some(index) = index_of(interface) else {
        return;
    };
    for (mac, address, permanent) in news {
        let set = netlink.set_neighbour(index, *address, *mac, *permanent);
        if let Err(error) = set.await {
            debug!(%address, %error, "the neighbour table stays as it is");
        }
    }
}

/// What an earlier process pinned and did not come to let go of: the address may be another device's by now.
async fn unpin_strangers(list: &List, interface: &str, netlink: &Netlink) {
    let Some(index) = index_of(interface) else {
        return;
    };
    match netlink.permanent_neighbours(index).await {
        Ok(old) => {
            let strangers = old
                .into_iter()
                .filter(|(mac, address)| list.get(mac) != Some(address));
            let news: Vec<_> = strangers
                .map(|(mac, address)| (mac, address, false))
                .collect();
            pin(&news, interface, netlink).await;
        }
        Err(error) => debug!(%error, "cannot read the neighbour table"),
    }
}

fn index_of(interface: &str) -> Option<u32> {
    let text = fs::read_to_string(format!("/sys/class/net/{interface}/ifindex")).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_belongs_to_the_device_that_got_it_last() {
        let (list, changes) = watch::channel(List::new());
        let residents = Residents { list };
        let (one, other) = ([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
        let at = |last| Ipv4Addr::new(192, 168, 1, last);
        residents.seen(one, at(10));
        residents.seen(other, at(11));
        residents.seen(other, at(10));
        assert_eq!(*changes.borrow(), List::from([(other, at(10))]));
        residents.gone(one);
        assert_eq!(changes.borrow().len(), 1);
        residents.gone(other);
        assert!(changes.borrow().is_empty());
    }

    #[test]
    fn only_what_differs_is_pinned_and_who_left_goes_first() {
        let at = |last| Ipv4Addr::new(192, 168, 1, last);
        let old = List::from([([1; 6], at(10)), ([2; 6], at(11)), ([3; 6], at(12))]);
        let new = List::from([([1; 6], at(11)), ([3; 6], at(12)), ([4; 6], at(10))]);
        let news = changes_of(&old, &new);
        let left = [([1; 6], at(10), false), ([2; 6], at(11), false)];
        let came = [([1; 6], at(11), true), ([4; 6], at(10), true)];
        assert_eq!(news, [left, came].concat());
        assert!(changes_of(&new, &new).is_empty());
    }

    #[test]
    fn a_renewal_is_no_change() {
        let (list, mut changes) = watch::channel(List::new());
        let residents = Residents { list };
        residents.seen([2; 6], Ipv4Addr::new(192, 168, 1, 10));
        assert!(changes.has_changed().unwrap());
        changes.mark_unchanged();
        residents.seen([2; 6], Ipv4Addr::new(192, 168, 1, 10));
        residents.gone([4; 6]);
        assert!(!changes.has_changed().unwrap());
    }
}
