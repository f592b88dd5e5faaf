//! What the owner wants of a device, as a person says it: which device is meant, and what is to change.
//!
//! [`crate::asker::Asker`] has the machine say which device that is, has the file changed, and then has it taken up, so that
//! what is acknowledged is on the disk, and the disk keeps no packet waiting.

use ntm_gateway::config::{DeviceChange, parse_mac};
use ntm_gateway::status::DeviceStatus;
use ntm_proto::id::Label;

/// As it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    /// The device: its name, or one of its addresses.
    pub(crate) device: String,
    /// `rename`, `keep`, `identity`, `merge` or `forget`.
    pub(crate) change: String,
    /// What that needs, else nothing.
    pub(crate) to: String,
}

/// A wish that is understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The hardware address of the device that is meant.
    pub(crate) mac: [u8; 6],
    /// What is to change.
    pub(crate) change: DeviceChange,
}

impl Wish {
    /// Which device is meant, and what is to change.
    pub(crate) fn read(&self, devices: &[DeviceStatus]) -> Result<Wanted, String> {
        let mac = find(devices, &self.device)?;
        let to = self.to.as_str();
        let switch = || match to {
            "on" => Ok(true),
            "off" => Ok(false),
            _ => Err(format!("{to:?} is neither; write on or off")),
        };
        let change = match self.change.as_str() {
            "rename" if to.is_empty() => DeviceChange::Rename(None),
            "rename" => {
                let name = Label::parse(to);
                let name = name.map_err(|error| format!("{to:?} is no name: {error}"))?;
                DeviceChange::Rename(Some(name))
            }
            "keep" => DeviceChange::Keep(switch()?),
            "identity" => DeviceChange::Identity(switch()?),
            // One that has never been here may be named by its hardware address.
            "merge" => DeviceChange::Merge(parse_mac(to).map_or_else(|| find(devices, to), Ok)?),
            "forget" => DeviceChange::Forget,
            other => {
                return Err(format!(
                    "{other:?} is unknown; there are rename, keep, identity, merge and forget"
                ));
            }
        };
        Ok(Wanted { mac, change })
    }
}

/// The hardware address of the device that a person calls so.
fn find(devices: &[DeviceStatus], text: &str) -> Result<[u8; 6], String> {
    let mac = parse_mac(text).map(ntm_gateway::status::mac_text);
    let name = text.to_ascii_lowercase();
    let label = |full: &str| full.split('.').next().unwrap_or_default().to_owned();
    let is_it = |it: &&DeviceStatus| {
        mac.as_ref().is_some_and(|mac| it.macs.contains(mac))
            || (!name.is_empty() && (it.name == name || label(&it.name) == name))
            || (!text.is_empty() && it.lan_address == text)
    };
    let found: Vec<&DeviceStatus> = devices.iter().filter(is_it).collect();
    match found[..] {
        [device] => parse_mac(&device.mac).ok_or_else(|| "a device without address".into()),
        [] => Err(format!(
            "there is no device {text:?}; see `ntm-gateway devices`"
        )),
        _ => {
            let macs: Vec<&str> = found.iter().map(|device| device.mac.as_str()).collect();
            Err(format!(
                "{text:?} could be {}; write one of these",
                macs.join(" or ")
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(name: &str, last: u8) -> DeviceStatus {
        let mac = format!("02:00:00:00:00:{last:02x}");
        DeviceStatus {
            name: name.to_owned(),
            node_id: String::new(),
            macs: vec![mac.clone()],
            mac,
            hostname: None,
            lan_address: format!("192.168.1.{last}"),
            vip4: String::new(),
            vip6: String::new(),
            online: true,
            identity: true,
            keep: false,
            sent: 0,
            received: 0,
            sent_packets: 0,
            received_packets: 0,
        }
    }

    fn read(device_name: &str, change: &str, to: &str) -> Result<(u8, DeviceChange), String> {
        let mut all = [
            device("phone.car.ntm.test", 1),
            device("tv.car.ntm.test", 2),
            device("", 3),
        ];
        all[0].macs.push("02:00:00:00:00:09".into());
        let wish = Wish {
            device: device_name.into(),
            change: change.into(),
            to: to.into(),
        };
        let Wanted { mac, change } = wish.read(&all)?;
        Ok((mac[5], change))
    }

    #[test]
    fn a_device_is_found_by_what_a_person_sees_of_it() {
        for (text, last) in [
            ("phone", 1),
            ("Phone.Car.NTM.test", 1),
            ("02-00-00-00-00-09", 1),
            ("192.168.1.2", 2),
            ("02:00:00:00:00:03", 3),
        ] {
            assert_eq!(
                read(text, "forget", ""),
                Ok((last, DeviceChange::Forget)),
                "{text}"
            );
        }
        for text in ["", "nas", "192.168.1.9", "02:00:00:00:00:0a", "<script>"] {
            assert!(read(text, "forget", "").is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_wanted_is_said_in_words() {
        let merge = DeviceChange::Merge([2, 0, 0, 0, 0, 2]);
        for (change, to, wanted) in [
            ("keep", "on", DeviceChange::Keep(true)),
            ("identity", "off", DeviceChange::Identity(false)),
            ("rename", "", DeviceChange::Rename(None)),
            ("merge", "tv", merge.clone()),
            ("merge", "02:00:00:00:00:02", merge),
        ] {
            assert_eq!(read("phone", change, to), Ok((1, wanted)), "{change} {to}");
        }
        for (change, to, why) in [
            ("rename", "a b", "is no name"),
            ("rename", &"x".repeat(64), "is no name"),
            ("keep", "yes", "write on or off"),
            ("merge", "nas", "there is no device"),
            ("reboot", "", "there are rename"),
        ] {
            let error = read("phone", change, to).unwrap_err();
            assert!(error.contains(why), "{change} {to}: {error}");
        }
    }
}
