//! Every device of the LAN.

use super::{View, badge, fact, label};
use crate::html::{Html, short};
use crate::snapshot::Device;
use crate::words::Word;

pub(super) fn page(html: &mut Html, view: &View<'_>) {
    html.leaf("h1", &[], view.say(Word::Devices));
    html.leaf("p", &[("class", "lead")], view.say(Word::DevicesText));
    if view.snapshot.devices.is_empty() {
        html.leaf("p", &[("class", "empty")], view.say(Word::CheckDevicesNone));
        return;
    }
    let mut devices: Vec<&Device> = view.snapshot.devices.iter().collect();
    devices.sort_by_key(|device| (!device.online, device.name.clone()));
    html.el("ul", &[("class", "cards")], |html| {
        for device in devices {
            html.el("li", &[("class", "card")], |html| card(html, device, view));
        }
    });
}

fn card(html: &mut Html, device: &Device, view: &View<'_>) {
    html.el("h2", &[], |html| {
        let name = if device.name.is_empty() {
            &device.mac
        } else {
            &device.name
        };
        html.name(&short(label(name), 63));
        let (kind, word) = match device.online {
            true => ("good", Word::Online),
            false => ("idle", Word::Offline),
        };
        badge(html, kind, view.say(word));
    });
    html.el("dl", &[], |html| {
        fact(html, view.say(Word::Name), &device.name);
        html.el("div", &[], |html| {
            html.leaf("dt", &[], view.say(Word::VirtualAddresses));
            html.el("dd", &[], |html| {
                for address in [&device.vip4, &device.vip6] {
                    html.leaf("code", &[], address);
                    html.raw("<br>");
                }
            });
        });
        fact(html, view.say(Word::LanAddress), &device.lan_address);
        let mac = match is_private(&device.mac) {
            true => format!("{} ({})", device.mac, view.say(Word::PrivateMac)),
            false => device.mac.clone(),
        };
        fact(html, view.say(Word::Mac), &mac);
    });
}

/// An address that the device made up itself, as phones do for each network (IEEE 802-2014 clause 8.4, the local bit).
fn is_private(mac: &str) -> bool {
    let first = mac
        .get(..2)
        .and_then(|octet| u8::from_str_radix(octet, 16).ok());
    first.is_some_and(|octet| octet & 2 != 0)
}
