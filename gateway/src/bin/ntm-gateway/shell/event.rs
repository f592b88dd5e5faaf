//! What happened, for the log: keys and names of others never above DEBUG unless the owner must know.

use ntm_gateway::{Event, Wan};
use ntm_proto::id::Fqdn;
use tracing::{debug, info, warn};

pub(super) fn log(event: &Event) {
    match event {
        Event::Registered { observed, epoch } => {
            info!(%observed, epoch, "registered with the coordinator")
        }
        Event::KeyInUse => warn!(
            "another machine uses this gateway's key and was there first; the coordinator refuses this one: \
             if this is the rightful one, have it removed at the coordinator and enrol it anew"
        ),
        Event::CoordinatorLost => warn!("the coordinator does not answer"),
        Event::DeviceNamed(identity) => {
            info!(name = %identity.name, vip4 = %identity.vip4, "a device has its identity");
            debug!(name = %identity.name, node = %identity.node, "");
        }
        Event::DeviceForgotten => info!("the coordinator has forgotten a device"),
        Event::DeviceRefused(refusal) => warn!("the coordinator refused a device: {refusal}"),
        Event::TunnelUp { peer, path, why } => info!(%peer, path, why, "a tunnel is up"),
        Event::PathChanged { peer, path } => info!(%peer, path, "a tunnel moved"),
        Event::PathLost { peer } => info!(%peer, "nothing comes back on the tunnel's path"),
        Event::TunnelClosed { peer } => info!(%peer, "a tunnel is closed"),
        Event::KeyChanged { peer, key } => {
            warn!(%peer, %key, "this gateway has another key than before: was it installed anew? If you know why, `ntm-gateway accept {peer}`");
        }
    }
}

pub(super) fn log_domains(domains: &[Fqdn]) {
    let names: Vec<&str> = domains.iter().map(Fqdn::as_str).collect();
    info!("names of other domains that lead to devices: {names:?}");
}

pub(super) fn log_wans(wans: &[Wan]) {
    if wans.is_empty() {
        warn!("no WAN is up");
    }
    for (place, wan) in wans.iter().enumerate() {
        info!(place, name = wan.name, sockets = ?wan.sockets, "WAN");
    }
}
