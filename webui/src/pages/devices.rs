//! Every device of the LAN.

use super::{View, badge, bytes, fact, label};
use crate::html::{Html, short};
use crate::snapshot::Device;
use crate::words::{Lang, Word};

pub(super) fn page(html: &mut Html, view: &View<'_>) {
    html.leaf("h1", &[], view.say(Word::Devices));
    html.leaf("p", &[("class", "lead")], view.say(Word::DevicesText));
    if let Some(said) = view.said {
        html.el("p", &[("class", "notice"), ("role", "status")], |html| {
            html.name(said)
        });
    }
    if view.snapshot.devices.is_empty() {
        html.leaf("p", &[("class", "empty")], view.say(Word::CheckDevicesNone));
        return;
    }
    let mut devices: Vec<&Device> = view.snapshot.devices.iter().collect();
    devices.sort_by_key(|device| (!device.online, device.name.clone()));
    html.el("ul", &[("class", "cards")], |html| {
        for device in devices {
            let attrs = [("class", "card"), ("data-key", device.mac.as_str())];
            html.el("li", &attrs, |html| card(html, device, view));
        }
    });
}

fn card(html: &mut Html, device: &Device, view: &View<'_>) {
    title(html, "h2", device, view.lang);
    facts(html, device, view.lang);
    let path = format!("/device?mac={}", query(&device.mac));
    let label = format!("{} {}", view.say(Word::Change), called(device));
    html.el("p", &[("class", "more")], |html| {
        let attrs = [("href", path.as_str()), ("aria-label", label.as_str())];
        html.leaf("a", &attrs, view.say(Word::Change));
    });
}

/// What a person calls it by.
pub(super) fn called(device: &Device) -> &str {
    let names = [&device.name, &device.hostname, &device.mac];
    let name = names.into_iter().find(|name| !name.is_empty());
    label(name.map_or("", |name| name.as_str()))
}

pub(super) fn title(html: &mut Html, tag: &'static str, device: &Device, lang: Lang) {
    html.el(tag, &[], |html| {
        html.name(&short(called(device), 63));
        let (kind, word) = match device.online {
            true => ("good", Word::Online),
            false => ("idle", Word::Offline),
        };
        badge(html, kind, word.say(lang));
        if device.is_plain {
            badge(html, "relay", Word::WithoutIdentity.say(lang));
        }
        if device.keep {
            badge(html, "", Word::Kept.say(lang));
        }
    });
}

pub(super) fn facts(html: &mut Html, device: &Device, lang: Lang) {
    html.el("dl", &[], |html| {
        fact(html, Word::Name.say(lang), &device.name);
        if !device.vip4.is_empty() {
            html.el("div", &[], |html| {
                html.leaf("dt", &[], Word::VirtualAddresses.say(lang));
                html.el("dd", &[], |html| {
                    for address in [&device.vip4, &device.vip6] {
                        html.leaf("code", &[], address);
                        html.raw("<br>");
                    }
                });
            });
        }
        if let Some(kind) = kind(device) {
            let text = Word::KindBy.with(lang, &[("kind", kind.say(lang))]);
            fact(html, Word::Kind.say(lang), &text);
        }
        fact(html, Word::LanAddress.say(lang), &device.lan_address);
        let macs: &[String] = match device.macs.is_empty() {
            true => std::slice::from_ref(&device.mac),
            false => &device.macs,
        };
        let texts = macs.iter().map(|mac| match is_private(mac) {
            true => format!("{mac} ({})", Word::PrivateMac.say(lang)),
            false => mac.clone(),
        });
        let texts: Vec<String> = texts.collect();
        fact(html, Word::Mac.say(lang), &texts.join(", "));
        if device.sent + device.received > 0 {
            let traffic = format!("{} / {}", bytes(device.sent), bytes(device.received));
            fact(html, Word::Traffic.say(lang), &traffic);
        }
    });
}

/// Parts of names that devices give themselves, and what they are a hint of. No more than a hint: anybody may call itself
/// anything.
const HINTS: [(&str, Word); 34] = [
    ("iphone", Word::KindPhone),
    ("ipad", Word::KindTablet),
    ("tablet", Word::KindTablet),
    ("galaxy-tab", Word::KindTablet),
    ("kindle", Word::KindTablet),
    ("android", Word::KindPhone),
    ("galaxy", Word::KindPhone),
    ("pixel", Word::KindPhone),
    ("phone", Word::KindPhone),
    ("appletv", Word::KindTv),
    ("apple-tv", Word::KindTv),
    ("chromecast", Word::KindTv),
    ("bravia", Word::KindTv),
    ("roku", Word::KindTv),
    ("homepod", Word::KindSpeaker),
    ("sonos", Word::KindSpeaker),
    ("echo", Word::KindSpeaker),
    ("printer", Word::KindPrinter),
    ("epson", Word::KindPrinter),
    ("brother", Word::KindPrinter),
    ("canon", Word::KindPrinter),
    ("camera", Word::KindCamera),
    ("doorbell", Word::KindCamera),
    ("diskstation", Word::KindStorage),
    ("synology", Word::KindStorage),
    ("playstation", Word::KindConsole),
    ("xbox", Word::KindConsole),
    ("nintendo", Word::KindConsole),
    ("shelly", Word::KindThing),
    ("tasmota", Word::KindThing),
    ("laptop", Word::KindComputer),
    ("desktop", Word::KindComputer),
    ("macbook", Word::KindComputer),
    ("imac", Word::KindComputer),
];
/// And whole words of them.
const WORDS: [(&str, Word); 7] = [
    ("tv", Word::KindTv),
    ("cam", Word::KindCamera),
    ("nas", Word::KindStorage),
    ("pc", Word::KindComputer),
    ("thinkpad", Word::KindComputer),
    ("esp32", Word::KindThing),
    ("esp8266", Word::KindThing),
];

/// What its name is a hint of: what it calls itself, or what it is called.
fn kind(device: &Device) -> Option<Word> {
    let of = |name: &str| {
        let name = label(name).to_ascii_lowercase();
        let by_part = HINTS.iter().find(|(part, _)| name.contains(part));
        let is_word = |word: &str| name.split(['-', '_']).any(|it| it == word);
        let by_word = || WORDS.iter().find(|(word, _)| is_word(word));
        by_part.or_else(by_word).map(|(_, kind)| *kind)
    };
    of(&device.hostname).or_else(|| of(&device.name))
}

/// An address that the device made up itself, as phones do for each network (IEEE 802-2014 clause 8.4, the local bit).
fn is_private(mac: &str) -> bool {
    let first = mac
        .get(..2)
        .and_then(|octet| u8::from_str_radix(octet, 16).ok());
    first.is_some_and(|octet| octet & 2 != 0)
}

/// As it may stand in a query: a hardware address stays as it is, and nothing else comes here.
fn query(text: &str) -> String {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '.');
    text.chars().filter(is_plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_hint_of_what_a_device_is() {
        for (hostname, name, hint) in [
            ("Annas-iPhone", "", Some(Word::KindPhone)),
            ("DESKTOP-4F2KQ1", "", Some(Word::KindComputer)),
            ("", "tv.car.ntm.test", Some(Word::KindTv)),
            ("living-room-tv", "", Some(Word::KindTv)),
            ("tvind", "", None),
            ("esp32-a1b2", "", Some(Word::KindThing)),
            (
                "android-4711",
                "annas-laptop.car.ntm.test",
                Some(Word::KindPhone),
            ),
            ("", "x.camera.ntm.test", None),
            ("", "", None),
        ] {
            let device = Device {
                hostname: hostname.into(),
                name: name.into(),
                ..Device::default()
            };
            assert_eq!(kind(&device), hint, "{hostname} {name}");
        }
    }
}
