//! The words that change a cable: `delay=30ms ab.loss=1% at 2s blackhole=both at 5s blackhole=none`.
//!
//! `KEY=VALUE` sets both directions, `ab.KEY=VALUE` the one from the first end to the second, `ba.` the other. What
//! follows `at TIME` happens that long after the command came; times may stand in any order. A `#` hides the rest of its line.

use crate::settings::{Blackhole, Offload, Queue, Share};
use std::time::Duration;
use thiserror::Error;

const MAX_TIME: Duration = Duration::from_secs(60);
const MAX_AT: Duration = Duration::from_secs(24 * 3600);
const MAX_RATE: u64 = 100_000_000_000;
const MAX_QUEUE: u64 = 64 << 20;

/// What is wrong with a command.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WordError {
    /// No such word.
    #[error(
        "no such word: {0:?}; there are [ab.|ba.] delay jitter rate queue loss duplicate reorder reorder_by blackhole mtu (=VALUE), \
         carrier=up|down, offload=auto|on|off, seed=NUMBER, at TIME, reset, cancel"
    )]
    Unknown(String),
    /// A value that cannot be.
    #[error("{word:?}: a value is needed like {like}")]
    Value {
        /// The word as it stands.
        word: String,
        /// What would be right.
        like: &'static str,
    },
    /// Only both directions together have this.
    #[error("{0:?}: this is of the whole cable, without ab. or ba.")]
    Whole(String),
    /// The agenda is full.
    #[error("more than {0} changes wait already")]
    TooMany(usize),
}

/// A change and when it is to happen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Order {
    pub(crate) after: Duration,
    pub(crate) change: Change,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Change {
    Set(Way, Setting),
    Carrier(bool),
    Offload(Offload),
    Seed(u64),
    Reset,
    Cancel,
}

/// Which direction a setting is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Ab,
    Ba,
    Both,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Setting {
    Delay(Duration),
    Jitter(Duration),
    Rate(Option<u64>),
    Queue(Queue),
    Loss(Share),
    Duplicate(Share),
    Reorder(Share),
    ReorderBy(Duration),
    Blackhole(Blackhole),
    Mtu(Option<usize>),
}

pub(crate) fn parse(text: &str) -> Result<Vec<Order>, WordError> {
    let mut after = Duration::ZERO;
    let mut orders = Vec::new();
    let mut words = text
        .lines()
        .flat_map(|line| line.split('#').next().unwrap_or("").split_whitespace());
    while let Some(word) = words.next() {
        if word == "at" {
            let at = words.next().unwrap_or("");
            after = time(at, MAX_AT).ok_or_else(|| wrong(&format!("at {at}"), "at 2.5s"))?;
        } else {
            let change = change(word)?;
            orders.push(Order { after, change });
        }
    }
    Ok(orders)
}

fn change(word: &str) -> Result<Change, WordError> {
    let (way, bare) = match word.split_once('.') {
        Some(("ab", rest)) => (Way::Ab, rest),
        Some(("ba", rest)) => (Way::Ba, rest),
        _ => (Way::Both, word),
    };
    if let Some(whole) = whole(bare) {
        return match way {
            Way::Both => whole,
            Way::Ab | Way::Ba => Err(WordError::Whole(word.to_owned())),
        };
    }
    let (key, value) = bare
        .split_once('=')
        .ok_or_else(|| WordError::Unknown(word.to_owned()))?;
    let (setting, like) = match key {
        "delay" => (time(value, MAX_TIME).map(Setting::Delay), "delay=20ms"),
        "jitter" => (time(value, MAX_TIME).map(Setting::Jitter), "jitter=3ms"),
        "rate" => (
            or_none(value, rate).map(Setting::Rate),
            "rate=50mbit or rate=none",
        ),
        "queue" => (
            queue(value).map(Setting::Queue),
            "queue=100ms or queue=256KiB",
        ),
        "loss" => (share(value).map(Setting::Loss), "loss=1.5%"),
        "duplicate" => (share(value).map(Setting::Duplicate), "duplicate=1%"),
        "reorder" => (share(value).map(Setting::Reorder), "reorder=1%"),
        "reorder_by" => (
            time(value, MAX_TIME).map(Setting::ReorderBy),
            "reorder_by=10ms",
        ),
        "blackhole" => (
            blackhole(value).map(Setting::Blackhole),
            "blackhole=4, 6, both, all or none",
        ),
        "mtu" => (
            or_none(value, mtu).map(Setting::Mtu),
            "mtu=1280 or mtu=none",
        ),
        _ => return Err(WordError::Unknown(word.to_owned())),
    };
    setting
        .map(|setting| Change::Set(way, setting))
        .ok_or_else(|| wrong(word, like))
}

/// What is of the whole cable.
fn whole(word: &str) -> Option<Result<Change, WordError>> {
    let (key, value) = word.split_once('=').unwrap_or((word, ""));
    let (change, like) = match (key, value) {
        ("reset", "") => (Some(Change::Reset), ""),
        ("cancel", "") => (Some(Change::Cancel), ""),
        ("carrier", "up") => (Some(Change::Carrier(true)), ""),
        ("carrier", "down") => (Some(Change::Carrier(false)), ""),
        ("carrier", _) => (None, "carrier=up or carrier=down"),
        ("offload", "auto") => (Some(Change::Offload(Offload::Auto)), ""),
        ("offload", "on") => (Some(Change::Offload(Offload::On)), ""),
        ("offload", "off") => (Some(Change::Offload(Offload::Off)), ""),
        ("offload", _) => (None, "offload=auto, on or off"),
        ("seed", _) => (value.parse().ok().map(Change::Seed), "seed=42"),
        _ => return None,
    };
    Some(change.ok_or_else(|| wrong(word, like)))
}

fn wrong(word: &str, like: &'static str) -> WordError {
    WordError::Value {
        word: word.to_owned(),
        like,
    }
}

fn or_none<T>(value: &str, parse: fn(&str) -> Option<T>) -> Option<Option<T>> {
    if value == "none" {
        Some(None)
    } else {
        parse(value).map(Some)
    }
}

/// A number that is not negative, and what stands behind it.
fn number(value: &str) -> Option<(f64, &str)> {
    let unit = value
        .find(|c: char| c != '.' && !c.is_ascii_digit())
        .unwrap_or(value.len());
    let (digits, unit) = value.split_at(unit);
    Some((digits.parse().ok()?, unit))
}

fn time(value: &str, most: Duration) -> Option<Duration> {
    let (number, unit) = number(value)?;
    let scale = match unit {
        "s" => 1.0,
        "ms" => 1e-3,
        "us" | "µs" => 1e-6,
        "ns" => 1e-9,
        "" if number == 0.0 => 1.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number * scale)
        .ok()
        .filter(|time| *time <= most)
}

fn rate(value: &str) -> Option<u64> {
    let (number, unit) = number(value)?;
    let scale = match unit {
        "bit" => 1.0,
        "kbit" => 1e3,
        "mbit" => 1e6,
        "gbit" => 1e9,
        _ => return None,
    };
    whole_number(number * scale, MAX_RATE).filter(|rate| *rate >= 1000)
}

fn queue(value: &str) -> Option<Queue> {
    if let Some(time) = time(value, MAX_TIME) {
        return Some(Queue::Time(time));
    }
    let (number, unit) = number(value)?;
    let scale = match unit {
        "B" => 1.0,
        "kB" => 1e3,
        "KiB" => 1024.0,
        "MB" => 1e6,
        "MiB" => 1048576.0,
        _ => return None,
    };
    whole_number(number * scale, MAX_QUEUE).map(Queue::Bytes)
}

fn share(value: &str) -> Option<Share> {
    let (number, unit) = number(value)?;
    let scale = match unit {
        "%" => 1e4,
        "" if number == 0.0 => 1e4,
        _ => return None,
    };
    let ppm = whole_number(number * scale, 1_000_000)?;
    Share::of_million(u32::try_from(ppm).ok()?)
}

fn blackhole(value: &str) -> Option<Blackhole> {
    Some(match value {
        "none" => Blackhole::None,
        "4" => Blackhole::V4,
        "6" => Blackhole::V6,
        "both" => Blackhole::Both,
        "all" => Blackhole::All,
        _ => return None,
    })
}

fn mtu(value: &str) -> Option<usize> {
    value.parse().ok().filter(|mtu| (68..=65_535).contains(mtu))
}

fn whole_number(number: f64, most: u64) -> Option<u64> {
    let rounded = number.round();
    // In range, so nothing is cut off.
    (rounded <= most as f64).then_some(rounded as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[test]
    fn a_time_table_is_read() {
        let table =
            "at 2.0s blackhole=both ab.loss=1%  # the fault\nat 4500ms blackhole=none carrier=down";
        let orders = parse(table).unwrap();
        let at: Vec<u128> = orders.iter().map(|o| o.after.as_millis()).collect();
        assert_eq!(at, [2000, 2000, 4500, 4500]);
        assert_eq!(
            orders[1].change,
            Change::Set(Way::Ab, Setting::Loss(Share::of_million(10_000).unwrap()))
        );
    }

    #[test]
    fn settings_are_shown_as_the_words_that_set_them() {
        let words = "delay=1.5ms jitter=250us rate=2.5mbit queue=64KiB loss=0.1% duplicate=100% reorder=5% reorder_by=7ms \
                     blackhole=6 mtu=1280";
        let mut direction = crate::direction::Direction::new(1);
        for shown in [words.to_owned(), Settings::default().to_string()] {
            for order in parse(&shown).unwrap() {
                let Change::Set(Way::Both, setting) = order.change else {
                    panic!("{order:?}")
                };
                direction.set(setting);
            }
            let first = direction.status().settings;
            for order in parse(&first).unwrap() {
                let Change::Set(Way::Both, setting) = order.change else {
                    panic!("{order:?}")
                };
                direction.set(setting);
            }
            assert_eq!(direction.status().settings, first);
        }
        assert_eq!(direction.status().settings, Settings::default().to_string());
    }

    #[test]
    fn a_wrong_word_is_named_with_what_would_be_right() {
        for word in [
            "delay",
            "delay=",
            "delay=20",
            "delay=-1ms",
            "delay=61s",
            "delay=1e3s",
            "loss=101%",
            "loss=1",
            "rate=0bit",
            "rate=1",
            "rate=999gbit",
            "queue=",
            "queue=1GB",
            "mtu=67",
            "mtu=65536",
            "blackhole=5",
            "carrier=on",
            "ab.carrier=up",
            "ab.reset",
            "seed=x",
            "ab.",
            "=",
            ".",
            "at",
            "at x",
            "xy.delay=1ms",
            "delay=.ms",
            "delay=1.2.3s",
        ] {
            let error = parse(word).unwrap_err().to_string();
            assert!(error.contains(word), "{word}: {error}");
        }
    }
}
