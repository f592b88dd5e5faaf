//! What the daemon said of itself, as the pages read it. What is missing is empty: a page never fails for that.

use serde_json::Value;

/// The answer to [`crate::Ask::Show`]. The members are those that `ntm-gateway status --json` and its like print.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) status: Status,
    pub(crate) devices: Vec<Device>,
    pub(crate) tunnels: Vec<Tunnel>,
    pub(crate) wans: Vec<Wan>,
    /// The last first.
    pub(crate) moves: Vec<Move>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Status {
    pub(crate) name: String,
    pub(crate) vip4: String,
    pub(crate) dc_state: String,
    pub(crate) dc_observed: String,
    pub(crate) dc_rtt_ms: Option<f64>,
    pub(crate) uptime_s: u64,
    pub(crate) release: String,
    /// A newer one, which the coordinator runs.
    pub(crate) update: String,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Device {
    pub(crate) name: String,
    pub(crate) mac: String,
    /// All that lead to it, that one first.
    pub(crate) macs: Vec<String>,
    /// What it calls itself.
    pub(crate) hostname: String,
    pub(crate) lan_address: String,
    pub(crate) vip4: String,
    pub(crate) vip6: String,
    pub(crate) online: bool,
    /// It shall have no name and no virtual addresses.
    pub(crate) is_plain: bool,
    pub(crate) keep: bool,
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Tunnel {
    pub(crate) peer: String,
    pub(crate) state: String,
    pub(crate) path: String,
    pub(crate) why: String,
    pub(crate) wan: String,
    pub(crate) remote: String,
    pub(crate) rtt_ms: Option<f64>,
    pub(crate) mtu: Option<u64>,
    pub(crate) cipher: String,
    pub(crate) heard_s: Option<u64>,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    /// Datagrams of the other end's under the keys in use, and those of them that have not come.
    pub(crate) expected: u64,
    pub(crate) missing: u64,
    pub(crate) key: String,
    /// The one that the owner knows, if it has another one now.
    pub(crate) key_before: String,
    pub(crate) devices: Vec<String>,
}

impl Tunnel {
    pub(crate) fn is_up(&self) -> bool {
        self.state == "up"
    }

    pub(crate) fn is_relayed(&self) -> bool {
        self.path == "relay"
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Wan {
    pub(crate) name: String,
    pub(crate) addresses: Vec<String>,
    pub(crate) observed: Vec<String>,
    pub(crate) nat: Option<bool>,
    pub(crate) mapping: String,
    pub(crate) active: bool,
    pub(crate) metered: bool,
    pub(crate) preferred: bool,
    /// Megabytes a month.
    pub(crate) limit_mb: Option<u32>,
    pub(crate) limit: Limit,
    pub(crate) data: Data,
}

/// How near a WAN is to its month's limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Limit {
    /// There is none, or the date is not known.
    #[default]
    None,
    Below,
    Near,
    Reached,
}

/// What went by a WAN, in bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Data {
    /// Like `2026-11-22`; empty while the clock is not set.
    pub(crate) today: String,
    pub(crate) since_start: u64,
    /// By day, the last at the end: those on which anything went.
    pub(crate) days: Vec<(String, u64)>,
    pub(crate) months: Vec<(String, u64)>,
}

impl Data {
    /// What went in this month, if anybody knows which it is.
    pub(crate) fn this_month(&self) -> Option<u64> {
        let (month, _) = self.today.rsplit_once('-')?;
        let found = self.months.iter().find(|(other, _)| other == month);
        Some(found.map_or(0, |(_, count)| *count))
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Move {
    pub(crate) peer: String,
    pub(crate) cause: String,
    pub(crate) from: Hop,
    pub(crate) to: Hop,
    pub(crate) ago_s: u64,
    pub(crate) done: bool,
    /// Milliseconds from its beginning: see [`STEPS`].
    pub(crate) steps: [Option<f64>; 6],
    pub(crate) gap_ms: Option<f64>,
    pub(crate) again: u64,
    pub(crate) lost: u64,
}

/// The members with [`Move::steps`], in their order.
pub(crate) const STEPS: [&str; 6] = [
    "detect_ms",
    "address_ms",
    "register_ms",
    "direct_ms",
    "tunnel_ms",
    "packet_ms",
];

/// One end of a move; empty if there is none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hop {
    pub(crate) path: String,
    pub(crate) local: String,
    pub(crate) remote: String,
}

impl Snapshot {
    pub(crate) fn read(value: &Value) -> Self {
        let status = &value["status"];
        let dc = &status["dc"];
        let mut moves = all(&value["handovers"], handover);
        moves.reverse();
        Self {
            status: Status {
                name: text(&status["name"]),
                vip4: text(&status["vip4"]),
                dc_state: text(&dc["state"]),
                dc_observed: text(&dc["observed"]),
                dc_rtt_ms: dc["rtt_ms"].as_f64(),
                uptime_s: number(&status["uptime_s"]),
                release: text(&status["release"]),
                update: text(&status["update"]),
            },
            devices: all(&value["devices"], device),
            tunnels: all(&value["tunnels"], tunnel),
            wans: all(&value["wans"], wan),
            moves,
        }
    }

    /// How many tunnels are up.
    pub(crate) fn tunnels_up(&self) -> usize {
        self.tunnels.iter().filter(|tunnel| tunnel.is_up()).count()
    }

    /// Whether a tunnel leaves by this WAN.
    /// The quickest round trip of the tunnels that go by the WAN, in milliseconds.
    pub(crate) fn quickest_by(&self, wan: &Wan) -> Option<f64> {
        let by = |tunnel: &&Tunnel| tunnel.is_up() && tunnel.wan == wan.name;
        let trips = self.tunnels.iter().filter(by).filter_map(|it| it.rtt_ms);
        trips.min_by(f64::total_cmp)
    }

    pub(crate) fn carries(&self, wan: &Wan) -> bool {
        let mut tunnels = self.tunnels.iter();
        tunnels.any(|tunnel| tunnel.is_up() && tunnel.wan == wan.name)
    }

    /// How many devices are on the LAN now.
    pub(crate) fn devices_online(&self) -> usize {
        self.devices.iter().filter(|device| device.online).count()
    }
}

fn device(value: &Value) -> Device {
    Device {
        name: text(&value["name"]),
        mac: text(&value["mac"]),
        macs: all(&value["macs"], text),
        hostname: text(&value["hostname"]),
        lan_address: text(&value["lan_address"]),
        vip4: text(&value["vip4"]),
        vip6: text(&value["vip6"]),
        online: value["online"] == true,
        is_plain: value["identity"] == false,
        keep: value["keep"] == true,
        sent: number(&value["sent"]),
        received: number(&value["received"]),
    }
}

fn tunnel(value: &Value) -> Tunnel {
    Tunnel {
        peer: text(&value["peer"]),
        state: text(&value["state"]),
        path: text(&value["path"]),
        why: text(&value["why"]),
        wan: text(&value["wan"]),
        remote: text(&value["remote"]),
        rtt_ms: value["rtt_ms"].as_f64(),
        mtu: value["mtu"].as_u64(),
        cipher: text(&value["cipher"]),
        heard_s: value["heard_s"].as_u64(),
        sent: number(&value["sent"]),
        received: number(&value["received"]),
        expected: number(&value["expected"]),
        missing: number(&value["missing"]),
        key: text(&value["key"]),
        key_before: text(&value["key_before"]),
        devices: all(&value["devices"], text),
    }
}

fn wan(value: &Value) -> Wan {
    Wan {
        name: text(&value["name"]),
        addresses: all(&value["addresses"], text),
        observed: all(&value["observed"], text),
        nat: value["nat"].as_bool(),
        mapping: text(&value["mapping"]),
        active: value["active"] == true,
        metered: value["metered"] == true,
        preferred: value["preferred"] == true,
        limit_mb: value["limit_mb"].as_u64().and_then(|mb| mb.try_into().ok()),
        limit: match value["limit_state"].as_str() {
            Some("below") => Limit::Below,
            Some("near") => Limit::Near,
            Some("reached") => Limit::Reached,
            Some(_) | None => Limit::None,
        },
        data: data(&value["data"]),
    }
}

fn data(value: &Value) -> Data {
    let sum = |value: &Value| number(&value["sent"]).saturating_add(number(&value["received"]));
    let during = |value: &Value| (text(&value["when"]), sum(value));
    Data {
        today: text(&value["today"]),
        since_start: sum(&value["start"]),
        days: all(&value["days"], during),
        months: all(&value["months"], during),
    }
}

fn handover(value: &Value) -> Move {
    Move {
        peer: text(&value["peer"]),
        cause: text(&value["cause"]),
        from: hop(&value["from"]),
        to: hop(&value["to"]),
        ago_s: number(&value["ago_s"]),
        done: value["done"] == true,
        steps: STEPS.map(|step| value[step].as_f64()),
        gap_ms: value["gap_ms"].as_f64(),
        again: number(&value["again"]),
        lost: number(&value["lost"]),
    }
}

fn hop(value: &Value) -> Hop {
    Hop {
        path: text(&value["path"]),
        local: text(&value["local"]),
        remote: text(&value["remote"]),
    }
}

fn all<T>(value: &Value, read: impl FnMut(&Value) -> T) -> Vec<T> {
    let entries = value.as_array().map(Vec::as_slice).unwrap_or_default();
    entries.iter().map(read).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_missing_or_of_another_kind_is_empty() {
        for odd in [
            json!(null),
            json!([]),
            json!({"status": 7, "devices": {"a": 1}, "tunnels": [null, 3, {"peer": 5, "devices": "x"}], "handovers": [{}]}),
        ] {
            let snapshot = Snapshot::read(&odd);
            assert_eq!(snapshot.status.name, "");
            assert!(snapshot.devices.is_empty());
        }
    }
}
