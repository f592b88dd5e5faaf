//! Which hardware address speaks as which LAN address, told to the firewall and to the kernel's neighbour table.
//!
//! A device's LAN address stands for its identity, so nobody else on the LAN may send into the tunnel from it
//! ([`crate::nft::bind`]), and what comes out of the tunnel for it must not follow a forged ARP answer: its entry in
//! the neighbour table is permanent as long as the device is there. One task does both, beside the loop, always with
//! the newest list: however fast devices come and go, one change of the firewall is under way at a time.

use crate::netlink::Netlink;
use crate::nft;
use ntm_gateway::config::Config;
use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

/// How often the neighbour table is looked after: an interface that went down and up again has lost it.
const REFRESH: Duration = Duration::from_secs(30);
/// The pause after a failure.
const RETRY: Duration = Duration::from_secs(1);

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

    /// The device with this hardware address has this address, and no other has.
    pub(crate) fn seen(&self, mac: [u8; 6], address: Ipv4Addr) {
        self.list.send_if_modified(|list| {
            let before = list.len();
            list.retain(|other, theirs| *other == mac || *theirs != address);
            list.insert(mac, address) != Some(address) || list.len() != before
        });
    }

    /// The device left.
    pub(crate) fn gone(&self, mac: [u8; 6]) {
        self.list
            .send_if_modified(|list| list.remove(&mac).is_some());
    }
}

async fn keep(mut changes: watch::Receiver<List>, interface: &str, netlink: &Netlink) {
    let mut pinned = List::new();
    let mut failing = false;
    loop {
        let list = changes.borrow_and_update().clone();
        let devices: Vec<_> = list.iter().map(|(mac, address)| (*mac, *address)).collect();
        // Who left before who came: a device may have the address of one that left.
        pin(&mut pinned, list, interface, netlink).await;
        let bound = spawn_blocking(move || nft::bind(&devices)).await;
        if let Ok(Err(error)) = &bound
            && !failing
        {
            warn!("cannot tell the firewall which device has which address: {error:#}");
        }
        failing = !matches!(bound, Ok(Ok(())));
        if failing {
            sleep(RETRY).await;
            continue;
        }
        loop {
            match timeout(REFRESH, changes.changed()).await {
                Ok(Ok(())) => break,
                Ok(Err(_)) => {
                    pin(&mut pinned, List::new(), interface, netlink).await;
                    return;
                }
                Err(_) => pin(&mut pinned.clone(), pinned.clone(), interface, netlink).await,
            }
        }
    }
}

/// Makes the neighbour table say `list`, and no more be sure of those in `pinned` that are not in it.
async fn pin(pinned: &mut List, list: List, interface: &str, netlink: &Netlink) {
    let Some(index) = index_of(interface) else {
        // It will come back, without a neighbour; the refresh sees to it.
        *pinned = list;
        return;
    };
    let gone = pinned
        .iter()
        .filter(|&(mac, address)| list.get(mac) != Some(address));
    for ((mac, address), permanent) in gone
        .map(|device| (device, false))
        .chain(list.iter().map(|device| (device, true)))
    {
        let set = netlink.set_neighbour(index, *address, *mac, permanent);
        if let Err(error) = set.await {
            debug!(%address, %error, "the neighbour table stays as it is");
        }
    }
    *pinned = list;
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
