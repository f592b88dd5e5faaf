//! Every key that has one value or a list of words, in both forms of the file, for who reads, writes or shows them.

use super::reader::ConfigError;

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The section in `ntm-gateway.toml`.
    pub section: &'static str,
    /// Its name there.
    pub key: &'static str,
    /// The option of UCI's `config gateway`; empty: UCI has none.
    pub option: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// What holds where it is not written, as it would be written; empty: nothing, or what other keys say.
    pub usual: &'static str,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Words of its own rules.
    Text,
    /// One of these.
    Choice(&'static [&'static str]),
    /// A whole number.
    Number,
    /// On or off.
    Switch,
    /// A time like `15m`.
    Time,
    /// Words.
    List,
    /// Some of these.
    Some(&'static [&'static str]),
}

const fn key(
    section: &'static str,
    key: &'static str,
    option: &'static str,
    kind: Kind,
    usual: &'static str,
) -> Key {
    Key {
        section,
        key,
        option,
        kind,
        usual,
    }
}

/// Of these two UCI has one: netifd's name of the LAN, which has both.
const NOT_UCI: &str = "";

/// All of them, in the order in which a person meets them. The ways out have an order of their own and are not here.
pub const KEYS: &[Key] = &[
    key("lan", "interface", NOT_UCI, Kind::Text, ""),
    key("lan", "address", NOT_UCI, Kind::Text, ""),
    key(
        "lan",
        "dhcp",
        "dhcp",
        Kind::Choice(&["server", "follow", "off"]),
        "server",
    ),
    key("lan", "range", "range", Kind::Text, ""),
    key("lan", "lease_time", "lease_time", Kind::Time, "12h"),
    key("lan", "leases", "leases", Kind::List, ""),
    key(
        "lan",
        "bind_addresses",
        "bind_addresses",
        Kind::Switch,
        "true",
    ),
    key("wan", "masquerade", "masquerade", Kind::Switch, "false"),
    key("wan", "port", "port", Kind::Number, "4750"),
    key("dns", "upstream", "dns", Kind::List, ""),
    key("dns", "port", "dns_port", Kind::Number, ""),
    key("tunnel", "interface", "interface", Kind::Text, "ntm0"),
    key("tunnel", "mtu", "mtu", Kind::Number, "1440"),
    key("tunnel", "table", "table", Kind::Number, "4750"),
    key("tunnel", "mark", "mark", Kind::Number, "78"),
    key("tunnel", "aes", "aes", Kind::Switch, "true"),
    key(
        "tunnel",
        "offload",
        "offload",
        Kind::Some(&["tun", "send", "receive"]),
        "tun send receive",
    ),
    key("tunnel", "memory", "memory", Kind::Number, "6144"),
    key("tunnel", "resend", "resend", Kind::Number, "256"),
    key("tunnel", "hold", "hold", Kind::Number, "64"),
    key("tunnel", "idle", "idle", Kind::Time, "15m"),
    key("tunnel", "outage", "outage", Kind::Time, "15m"),
    key(
        "log",
        "level",
        "log_level",
        Kind::Choice(&["error", "warn", "info", "debug", "trace"]),
        "info",
    ),
    key("web", "enabled", "web", Kind::Switch, "true"),
    key("web", "port", "web_port", Kind::Number, "4752"),
];

/// What a block about a device has, by the same names in both forms. [`super::EXAMPLE`] tells what each means.
pub const DEVICE_KEYS: [Key; 5] = [
    key("lan.static", MAC, MAC, Kind::List, ""),
    key("lan.static", ADDRESS, ADDRESS, Kind::Text, ""),
    key("lan.static", NAME, NAME, Kind::Text, ""),
    key("lan.static", IDENTITY, IDENTITY, Kind::Switch, "true"),
    key("lan.static", KEEP, KEEP, Kind::Switch, "false"),
];
pub(super) const MAC: &str = "mac";
pub(super) const ADDRESS: &str = "address";
pub(super) const NAME: &str = "name";
pub(super) const IDENTITY: &str = "identity";
pub(super) const KEEP: &str = "keep";

/// The key of this name.
pub fn find(section: &str, name: &str) -> Option<&'static Key> {
    let mut keys = KEYS.iter();
    keys.find(|key| key.section == section && key.key == name)
}

/// The key of this option of UCI's `config gateway`.
pub(super) fn of_option(option: &str) -> Option<&'static Key> {
    let mut keys = KEYS.iter().filter(|key| !key.option.is_empty());
    keys.find(|key| key.option == option)
}

impl Key {
    /// Whether the fault is one of this key's value.
    pub fn is_at_fault(&self, error: &ConfigError) -> bool {
        let toml = format!("key \"{}.{}\"", self.section, self.key);
        let of_gateway = |option: &str| {
            // The section may have any name, or none.
            let (section, rest) = error.message.split_once(", option ").unwrap_or_default();
            let is_block = ["@wan[", "@device[", "@policy["];
            !is_block.iter().any(|block| section.contains(block))
                && rest.starts_with(&format!("\"{option}\""))
        };
        error.message.starts_with(&toml) || (!self.option.is_empty() && of_gateway(self.option))
    }
}
