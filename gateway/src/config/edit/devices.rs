//! What the owner says of a device, as changes to the file: one hand for the page, the command line and both forms.

use super::super::device::DeviceEntry;
use super::super::keys::{ADDRESS, IDENTITY, KEEP, MAC, NAME};
use super::super::reader::ConfigError;
use super::super::{DeviceChange, Unchangeable, changed};
use super::{Change, Form, List, Value, Which, apply, read};
use crate::status::mac_text;

/// Why a text is not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsayable {
    /// It is not right as it is, or would not be.
    #[error("{0}")]
    Wrong(#[from] ConfigError),
    /// What is asked for makes no sense.
    #[error("{0}")]
    Not(#[from] Unchangeable),
    /// Its blocks are written in a way that we do not follow.
    #[error(
        "{0} says something of devices in a way that only a person can change; do that, then `ntm-gateway reload`"
    )]
    Unusual(String),
}

/// The text with this change about the device with the hardware address `mac`; `file` is what faults call it.
pub fn say(
    file: &str,
    text: &str,
    form: Form<'_>,
    mac: [u8; 6],
    change: &DeviceChange,
) -> Result<String, Unsayable> {
    let before = read(file, text, form)?;
    let entries = changed(&before.lan.devices, mac, change)?;
    let changes = changes(&before.lan.devices, &entries);
    let after = apply(file, text, form, &changes)?;
    // Of a value that is written twice the later counts, and we might have changed the other.
    let mut config = read(file, &after, form)?;
    let is_said = |entry: &DeviceEntry| config.lan.devices.contains(entry);
    let is_all = config.lan.devices.len() == entries.len() && entries.iter().all(is_said);
    config.lan.devices.clone_from(&before.lan.devices);
    if !is_all || config != before {
        return Err(Unsayable::Unusual(file.to_owned()));
    }
    Ok(after)
}

/// What makes the one list the other. A device's block is the one that begins with the same hardware address.
fn changes(before: &[DeviceEntry], after: &[DeviceEntry]) -> Vec<Change> {
    let list = List::Device;
    let is = |one: &DeviceEntry, other: &DeviceEntry| one.macs.first() == other.macs.first();
    let mut changes = Vec::new();
    // From behind, so that those before stay where they are; and before their addresses go to another block.
    for (at, old) in before.iter().enumerate().rev() {
        if !after.iter().any(|new| is(new, old)) {
            let which = Which::At(at);
            changes.push(Change::Remove { list, which });
        }
    }
    for new in after {
        let old = before.iter().find(|old| is(old, new));
        let values = values(old, new);
        if values.is_empty() {
            continue;
        }
        let which = match (old, new.macs.first()) {
            (Some(_), Some(mac)) => Which::By(MAC, mac_text(*mac)),
            _ => Which::New,
        };
        changes.push(Change::Put {
            list,
            which,
            values,
        });
    }
    changes
}

/// The keys whose values are not what they were. What is usual is not written.
fn values(old: Option<&DeviceEntry>, new: &DeviceEntry) -> Vec<(String, Option<Value>)> {
    let old = old.map(spoken).unwrap_or_default();
    let mut values = Vec::new();
    for (at, (key, value)) in spoken(new).into_iter().enumerate() {
        let before = old.get(at).and_then(|(_, before)| before.as_ref());
        if before != value.as_ref() {
            values.push((key.to_owned(), value));
        }
    }
    values
}

fn spoken(entry: &DeviceEntry) -> Vec<(&'static str, Option<Value>)> {
    let macs: Vec<String> = entry.macs.iter().map(|mac| mac_text(*mac)).collect();
    let mac = match &macs[..] {
        [mac] => Value::Text(mac.clone()),
        _ => Value::List(macs),
    };
    let text = |it: Option<String>| it.map(Value::Text);
    let address = text(entry.address.map(|it| it.to_string()));
    let name = text(entry.name.as_ref().map(|it| it.to_string()));
    let identity = (!entry.identity).then_some(Value::Switch(false));
    let keep = entry.keep.then_some(Value::Switch(true));
    vec![
        (MAC, Some(mac)),
        (ADDRESS, address),
        (NAME, name),
        (IDENTITY, identity),
        (KEEP, keep),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{EXAMPLE, Network};
    use ntm_proto::id::Label;

    const FILE: &str = "file";
    const PHONE: [u8; 6] = [2, 0, 0, 0, 0, 1];
    const TV: [u8; 6] = [2, 0, 0, 0, 0, 2];
    const UCI: &str = include_str!("../../../../openwrt/net/ntm/files/ntm.config");

    fn networks() -> [Network; 1] {
        [Network {
            name: "lan".into(),
            device: "br-lan".into(),
            address: "192.168.1.1/24".parse().ok(),
        }]
    }

    fn toml(text: &str, mac: [u8; 6], change: &DeviceChange) -> String {
        say(FILE, text, Form::Toml, mac, change).unwrap()
    }

    fn named(name: &str) -> DeviceChange {
        DeviceChange::Rename(Label::parse(name).ok())
    }

    #[test]
    fn only_the_block_of_the_device_changes_and_what_comes_goes_again() {
        let one = toml(EXAMPLE, PHONE, &named("phone"));
        let block = "\n[[lan.static]]\nmac = \"02:00:00:00:00:01\"\nname = \"phone\"\n";
        assert_eq!(one, format!("{EXAMPLE}{block}"));
        let two = toml(&one, TV, &DeviceChange::Identity(false));
        assert!(two.starts_with(&one) && two.ends_with("identity = false\n"));
        let two = toml(&two, PHONE, &DeviceChange::Keep(true));
        assert!(
            two.contains("name = \"phone\"\nkeep = true\n[[lan.static]]"),
            "{two}"
        );
        let merged = toml(&two, PHONE, &DeviceChange::Merge(TV));
        let macs = "mac = [\"02:00:00:00:00:01\", \"02:00:00:00:00:02\"]";
        assert!(merged.contains(macs) && merged.matches("\n[[lan.static]]").count() == 1);
        let gone = toml(&merged, TV, &DeviceChange::Forget);
        assert_eq!(gone.trim_end(), EXAMPLE.trim_end());
    }

    #[test]
    fn ucis_file_is_changed_by_the_same_hand() {
        let networks = networks();
        let form = Form::Uci(&networks);
        let mut text = UCI.to_owned();
        let mut entries = Vec::new();
        for (mac, change) in [
            (PHONE, named("phone")),
            (TV, DeviceChange::Identity(false)),
            (PHONE, DeviceChange::Keep(true)),
            (PHONE, DeviceChange::Merge(TV)),
            (TV, DeviceChange::Rename(None)),
            (TV, named("tv")),
        ] {
            entries = changed(&entries, mac, &change).unwrap();
            text = say(FILE, &text, form, mac, &change).unwrap();
            assert_eq!(read(FILE, &text, form).unwrap().lan.devices, entries);
        }
        for line in [
            "\tlist mac '02:00:00:00:00:01'\n\tlist mac '02:00:00:00:00:02'\n",
            "\toption name 'tv'\n",
            "\toption keep '1'\n",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        let text = say(FILE, &text, form, PHONE, &DeviceChange::Forget).unwrap();
        assert_eq!(text.trim_end(), UCI.trim_end());
    }

    #[test]
    fn comments_and_everything_else_stay() {
        let text = "# mine\n[lan]\ninterface = \"br-lan\" # here\naddress = \"192.168.1.1/24\"\n\
            [[lan.static]] # the camera\n  mac = \"02-00-00-00-00-01\"\n# on the roof\naddress = \"192.168.1.20\"\n\
            \n# below\n[wan]\nport = 4751";
        let camera = toml(text, PHONE, &named("camera"));
        let line = "address = \"192.168.1.20\"\n\n";
        let expected = text.replace(line, &line.replace("\n\n", "\nname = \"camera\"\n\n"));
        assert_eq!(camera, expected);
        assert_eq!(toml(&camera, PHONE, &DeviceChange::Rename(None)), text);
        let more = toml(&camera, TV, &DeviceChange::Keep(true));
        assert!(more.starts_with("# mine\n") && more.ends_with("port = 4751"));
        // Also one of which nothing is said: it is not the one that was meant.
        let bare = text.replace("address = \"192.168.1.20\"\n", "");
        assert!(toml(&bare, TV, &named("tv")).contains("02-00-00-00-00-01"));
    }

    #[test]
    fn what_is_written_in_other_ways_is_followed_or_left_to_a_person() {
        let lan = "[lan]\ninterface = \"br-lan\"\naddress = \"192.168.1.1/24\"\n";
        for followed in [
            "[[lan.static]]\nmac = [\n\"02:00:00:00:00:01\",\n\"02:00:00:00:00:03\"]\nname = \"a\"\n",
            "[[ lan.static ]]\nmac = \"02:00:00:00:00:01\"\nname = \"a\"\n",
        ] {
            let text = toml(&format!("{lan}{followed}"), PHONE, &named("b"));
            assert!(text.contains("name = \"b\""), "{text}");
        }
        let inline = format!("{lan}static = [{{ mac = \"02:00:00:00:00:01\", name = \"a\" }}]\n");
        let fault = say(FILE, &inline, Form::Toml, PHONE, &named("b")).unwrap_err();
        assert!(
            fault.to_string().contains("write a block [[lan.static]]"),
            "{fault}"
        );
        let wrong = say(FILE, "[lan]\n", Form::Toml, PHONE, &named("b"));
        assert!(matches!(wrong, Err(Unsayable::Wrong(_))));
        let networks = networks();
        let twice = "config gateway\nconfig device\n\toption mac '02:00:00:00:00:01'\n\toption mac '02:00:00:00:00:02'\n\toption name 'a'\n";
        let form = Form::Uci(&networks);
        let forgotten = say(FILE, twice, form, TV, &DeviceChange::Forget).unwrap();
        assert!(read(FILE, &forgotten, form).unwrap().lan.devices.is_empty());
    }
}
