//! What is said of devices, written into `ntm-gateway.toml`: the blocks that change, and no other line.
//!
//! The reader has the last word: a text that does not say just what it shall, or says anything else differently, is not
//! given back. So the lines may be looked at simply: who writes them in a rare way is asked to change them.

use super::device::{DeviceEntry, KEYS};
use super::{Config, ConfigError};
use crate::status::mac_text;
use std::ops::Range;

const HEADER: &str = "[[lan.static]]";

/// Why a text is not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unwritable {
    /// It is not right as it is, or would not be.
    #[error("{0}")]
    Wrong(#[from] ConfigError),
    /// Its blocks are written in a way that we do not follow.
    #[error(
        "{0} has blocks [[lan.static]] that are written in a way only a person can change; do that, then `ntm-gateway reload`"
    )]
    Unusual(String),
}

/// `text` with these `entries` in place of those it has; `file` is what faults call it.
pub fn with_devices(file: &str, text: &str, entries: &[DeviceEntry]) -> Result<String, Unwritable> {
    let before = Config::parse(file, text)?;
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let unusual = || Unwritable::Unusual(file.to_owned());
    let blocks = blocks(&lines);
    if blocks.len() != before.lan.devices.len() {
        return Err(unusual());
    }
    let mut out = String::new();
    let mut from = 0;
    for (block, old) in blocks.into_iter().zip(&before.lan.devices) {
        out.extend(lines[from..block.start].iter().copied());
        let is_it = |new: &&DeviceEntry| new.macs.first() == old.macs.first();
        match entries.iter().find(is_it) {
            Some(new) if new == old => out.extend(lines[block.clone()].iter().copied()),
            Some(new) => rewrite(&lines[block.clone()], new, &mut out),
            None => {}
        }
        from = block.end;
    }
    out.extend(lines[from..].iter().copied());
    let known = |new: &&DeviceEntry| {
        let mut old = before.lan.devices.iter();
        old.any(|old| new.macs.first() == old.macs.first())
    };
    for new in entries.iter().filter(|new| !known(new)) {
        if !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
        out.push_str(&format!("\n{HEADER}\n{}", keys(new)));
    }
    let mut after = Config::parse(file, &out)?;
    let is_said = |entry: &DeviceEntry| after.lan.devices.contains(entry);
    if after.lan.devices.len() != entries.len() || !entries.iter().all(is_said) {
        return Err(unusual());
    }
    after.lan.devices.clone_from(&before.lan.devices);
    if after != before {
        return Err(unusual());
    }
    Ok(out)
}

/// Where the blocks are; what stands between the last key of one and whatever follows is not its.
fn blocks(lines: &[&str]) -> Vec<Range<usize>> {
    let begins = |line: &&str| line.trim_start().starts_with('[');
    let is_key = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let starts = lines.iter().enumerate();
    let starts = starts.filter(|(_, line)| line.trim_start().starts_with(HEADER));
    let block = |(start, _): (usize, &&str)| {
        let rest = &lines[start + 1..];
        let length = rest.iter().position(begins).unwrap_or(rest.len());
        let keys = rest[..length].iter().rposition(is_key);
        start..start + 1 + keys.map_or(0, |last| last + 1)
    };
    starts.map(block).collect()
}

/// A block with what is said now; its comments stay.
fn rewrite(block: &[&str], entry: &DeviceEntry, out: &mut String) {
    let is_ours = |line: &str| {
        let key = line.split_once('=').map(|(key, _)| key.trim());
        key.is_some_and(|key| KEYS.contains(&key))
    };
    let (header, rest) = block.split_at(1);
    out.extend(header.iter().copied());
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out.push_str(&keys(entry));
    out.extend(rest.iter().copied().filter(|line| !is_ours(line)));
}

fn keys(entry: &DeviceEntry) -> String {
    let macs = entry.macs.iter().map(|mac| format!("{:?}", mac_text(*mac)));
    let macs: Vec<String> = macs.collect();
    let mut text = match &macs[..] {
        [mac] => format!("mac = {mac}\n"),
        macs => format!("mac = [{}]\n", macs.join(", ")),
    };
    if let Some(address) = entry.address {
        text += &format!("address = \"{address}\"\n");
    }
    if let Some(name) = &entry.name {
        text += &format!("name = \"{name}\"\n");
    }
    if !entry.identity {
        text += "identity = false\n";
    }
    if entry.keep {
        text += "keep = true\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DeviceChange, EXAMPLE, changed};
    use ntm_proto::id::Label;

    const FILE: &str = "ntm-gateway.toml";
    const PHONE: [u8; 6] = [2, 0, 0, 0, 0, 1];
    const TV: [u8; 6] = [2, 0, 0, 0, 0, 2];

    fn change(text: &str, mac: [u8; 6], change: &DeviceChange) -> String {
        let entries = Config::parse(FILE, text).unwrap().lan.devices;
        with_devices(FILE, text, &changed(&entries, mac, change).unwrap()).unwrap()
    }

    fn named(name: &str) -> DeviceChange {
        DeviceChange::Rename(Label::parse(name).ok())
    }

    #[test]
    fn only_the_block_of_the_device_changes_and_what_comes_goes_again() {
        let one = change(EXAMPLE, PHONE, &named("phone"));
        let block = "\n[[lan.static]]\nmac = \"02:00:00:00:00:01\"\nname = \"phone\"\n";
        assert_eq!(one, format!("{EXAMPLE}{block}"));
        let two = change(&one, TV, &DeviceChange::Identity(false));
        assert!(two.starts_with(&one) && two.ends_with("identity = false\n"));
        let two = change(&two, PHONE, &DeviceChange::Keep(true));
        assert!(two.contains("name = \"phone\"\nkeep = true\n\n[[lan.static]]"));
        let merged = change(&two, PHONE, &DeviceChange::Merge(TV));
        let macs = "mac = [\"02:00:00:00:00:01\", \"02:00:00:00:00:02\"]";
        assert!(merged.contains(macs) && merged.matches(HEADER).count() == 2);
        let gone = change(&merged, TV, &DeviceChange::Forget);
        assert_eq!(gone.trim_end(), EXAMPLE.trim_end());
    }

    #[test]
    fn comments_and_everything_else_stay() {
        let text = "# mine\n[lan]\ninterface = \"br-lan\" # here\naddress = \"192.168.1.1/24\"\n\
            [[lan.static]] # the camera\n  mac = \"02-00-00-00-00-01\"\n# on the roof\naddress = \"192.168.1.20\"\n\
            \n# below\n[wan]\nport = 4751";
        let named = change(text, PHONE, &named("camera"));
        assert_eq!(
            named,
            "# mine\n[lan]\ninterface = \"br-lan\" # here\naddress = \"192.168.1.1/24\"\n\
            [[lan.static]] # the camera\nmac = \"02:00:00:00:00:01\"\naddress = \"192.168.1.20\"\nname = \"camera\"\n\
            # on the roof\n\n# below\n[wan]\nport = 4751"
        );
        let more = change(&named, TV, &DeviceChange::Keep(true));
        assert!(more.starts_with(&format!("{named}\n")));
    }

    #[test]
    fn what_is_written_in_a_rare_way_is_left_to_a_person() {
        let lan = "[lan]\ninterface = \"br-lan\"\naddress = \"192.168.1.1/24\"\n";
        for odd in [
            "static = [{ mac = \"02:00:00:00:00:01\", name = \"a\" }]\n",
            "[[lan.static]]\nmac = [\n\"02:00:00:00:00:01\",\n\"02:00:00:00:00:03\"]\nname = \"a\"\n",
            "[[ lan.static ]]\nmac = \"02:00:00:00:00:01\"\nname = \"a\"\n",
        ] {
            let text = format!("{lan}{odd}");
            let entries = Config::parse(FILE, &text).unwrap().lan.devices;
            let wanted = changed(&entries, PHONE, &named("b")).unwrap();
            assert!(with_devices(FILE, &text, &wanted).is_err(), "{odd}");
        }
        let wrong = with_devices(FILE, "[lan]\n", &[]);
        assert!(matches!(wrong, Err(Unwritable::Wrong(_))));
    }
}
