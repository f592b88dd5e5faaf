//! How much data each WAN has carried: since the start, and by day and month where the date is known.
//!
//! It goes by the interface's own counters: what a WAN's operator counts is all that goes by it, and not our tunnels alone.
//!
//! A router without a battery does not know the date when it starts. What is counted before counts as of the day that turns
//! out to be today if that is soon, else it stays without a date. Nothing here knows a clock: see [`Usage::read`].

mod limit;

pub use limit::{News, Stage};

use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::fmt::{self, Write as _};
use std::time::{Duration, Instant};

/// Days and months that are kept of each WAN.
const DAYS: usize = 31;
const MONTHS: usize = 12;
/// WANs that are kept; the one that has carried nothing for longest makes room, but for those with a limit.
const WANS: usize = 4;
/// The most lines that are read of what an earlier run wrote.
const LINES: usize = (crate::config::MAX_LIST + WANS) * (DAYS + MONTHS);
/// How long after the start the date may come for all before to be of that day.
const SOON: Duration = Duration::from_secs(3600);
/// How long after the start what is new is written, and after how much longer again: twice as long each time, up to the second
/// value. A router in a car has its power cut after every drive, and shall know of most of it; one that runs for days writes
/// three times in each, some 7 KiB at most.
const BETWEEN: (Duration, Duration) = (Duration::from_secs(900), Duration::from_secs(8 * 3600));
/// Less than so much, in bytes, is not worth a write: what keeps an idle gateway known is less in a day.
const LITTLE: u64 = 8_000_000;
/// 2026 began so many seconds after 1970 (UTC). A clock that says less has not been set.
const SET: u64 = 1_767_225_600;

/// A date, in UTC: a router need not know where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day {
    /// Like 2026.
    pub year: u64,
    /// From 1.
    pub month: u8,
    /// From 1.
    pub day: u8,
}

impl Day {
    /// The day with this second since 1970; `None` from a clock that nobody has set.
    pub fn of(unix: u64) -> Option<Self> {
        let days = Some(unix).filter(|unix| *unix >= SET)? / 86_400;
        // Years that begin in March have their leap day at the end, and eras of 400 of them are all alike.
        let since = days + 719_468;
        let (era, day) = (since / 146_097, since % 146_097);
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let of_year = day - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let (in_year, is_next) = ((month + 2) % 12 + 1, month >= 10);
        Some(Self {
            year: era * 400 + year + u64::from(is_next),
            month: in_year as u8,
            day: (of_year - (153 * month + 2) / 5 + 1) as u8,
        })
    }
}

impl Day {
    /// Like `2026-11`.
    fn name_of_month(self) -> String {
        let Self { year, month, .. } = self;
        format!("{year:04}-{month:02}")
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { year, month, day } = self;
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// Bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Bytes {
    /// That left.
    pub sent: u64,
    /// That came.
    pub received: u64,
}

impl Bytes {
    /// Both ways.
    pub fn sum(self) -> u64 {
        self.sent.saturating_add(self.received)
    }

    fn add(&mut self, more: Self) {
        self.sent = self.sent.saturating_add(more.sent);
        self.received = self.received.saturating_add(more.received);
    }

    /// What has come since the counters were at `last`. An interface that was made anew counts from zero.
    fn since(self, last: Self) -> Self {
        if self.sent < last.sent || self.received < last.received {
            return self;
        }
        Self {
            sent: self.sent - last.sent,
            received: self.received - last.received,
        }
    }
}

/// What went in some time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct During {
    /// Like `2026-11-22` or `2026-11`.
    pub when: String,
    /// How much.
    #[serde(flatten)]
    pub bytes: Bytes,
}

/// What one WAN has carried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Carried {
    /// Since the process started.
    pub start: Bytes,
    /// Of this run, as long as the date is not known.
    pub undated: Bytes,
    /// By day, the last one at the end.
    pub days: VecDeque<During>,
    /// By month, likewise.
    pub months: VecDeque<During>,
    /// The interface's counters when they were last read.
    #[serde(skip)]
    last: Option<Bytes>,
}

/// What all have carried.
#[derive(Debug)]
pub struct Usage {
    wans: BTreeMap<String, Carried>,
    /// The WANs as they were last heard of, the latest at the end.
    heard: Vec<String>,
    started: Instant,
    /// When it was last written, in this run, and how long to wait from then.
    written: Instant,
    pause: Duration,
    /// Bytes that a power cut would make us forget.
    unwritten: u64,
    limits: limit::Limits,
}

impl Usage {
    /// What an earlier run wrote, as far as it can be read. `limit_mb`: see [`Self::set_limits`].
    pub fn new(text: &str, limit_mb: &BTreeMap<String, u32>, now: Instant) -> Self {
        let mut usage = Self {
            wans: BTreeMap::new(),
            heard: Vec::new(),
            started: now,
            written: now,
            pause: BETWEEN.0,
            unwritten: 0,
            limits: limit::Limits::default(),
        };
        usage.set_limits(limit_mb);
        for line in text.lines().take(LINES) {
            usage.read_line(line);
        }
        usage
    }

    /// The counters of a WAN's interface are these now. What they had before they were first read is not counted. `day`:
    /// today, if that is known.
    pub fn read(&mut self, wan: &str, counters: Bytes, day: Option<Day>, now: Instant) {
        let known = self.wans.get(wan).and_then(|carried| carried.last);
        let more = known.map_or(Bytes::default(), |last| counters.since(last));
        if known.is_some() && more == Bytes::default() {
            return;
        }
        let is_soon = now.saturating_duration_since(self.started) <= SOON;
        let carried = self.of(wan);
        carried.last = Some(counters);
        carried.start.add(more);
        match day {
            Some(day) => {
                if is_soon {
                    let early = std::mem::take(&mut carried.undated);
                    carried.dated(day, early);
                }
                carried.dated(day, more);
                self.unwritten = self.unwritten.saturating_add(more.sum());
            }
            None => carried.undated.add(more),
        }
    }

    /// What the WAN has carried.
    pub fn carried(&self, wan: &str) -> Carried {
        self.wans.get(wan).cloned().unwrap_or_default()
    }

    /// The text to write, if it is time and worth it; at the end it is if anything is new.
    pub fn due(&mut self, is_end: bool, now: Instant) -> Option<String> {
        let is_time = is_end || now.saturating_duration_since(self.written) >= self.pause;
        let worth = if is_end { 1 } else { LITTLE };
        if !is_time || self.unwritten < worth {
            return None;
        }
        (self.written, self.unwritten) = (now, 0);
        self.pause = BETWEEN.1.min(self.pause * 2);
        Some(self.text())
    }

    fn text(&self) -> String {
        let mut text = String::new();
        // Those heard of last are the last to make room, also after this is read.
        for wan in &self.heard {
            let Some(carried) = self.wans.get(wan) else {
                continue;
            };
            for During { when, bytes } in carried.months.iter().chain(&carried.days) {
                let Bytes { sent, received } = bytes;
                let _ = writeln!(text, "{when} {sent} {received} {wan}");
            }
        }
        text
    }

    /// `WHEN SENT RECEIVED WAN`; anything else is no line of ours.
    fn read_line(&mut self, line: &str) -> Option<()> {
        let mut words = line.splitn(4, ' ');
        let (when, sent, received) = (words.next()?, words.next()?, words.next()?);
        let wan = words.next().filter(|wan| is_name(wan))?;
        let bytes = Bytes {
            sent: sent.parse().ok()?,
            received: received.parse().ok()?,
        };
        let date = is_date(when)?;
        let carried = self.of(wan);
        let (list, most) = match date {
            Date::Day => (&mut carried.days, DAYS),
            Date::Month => (&mut carried.months, MONTHS),
        };
        put(list, most, when.to_owned(), bytes);
        Some(())
    }

    fn of(&mut self, wan: &str) -> &mut Carried {
        self.heard.retain(|heard| heard != wan);
        self.heard.push(wan.to_owned());
        // What a limit is judged by is not forgotten, nor takes it a place of the others.
        let is_free = |wan: &String| self.limits.mb(wan).is_none();
        if self.heard.iter().filter(|wan| is_free(wan)).count() > WANS
            && let Some(oldest) = self.heard.iter().position(is_free)
        {
            let oldest = self.heard.remove(oldest);
            self.wans.remove(&oldest);
        }
        self.wans.entry(wan.to_owned()).or_default()
    }
}

impl Carried {
    fn dated(&mut self, day: Day, more: Bytes) {
        if more == Bytes::default() {
            return;
        }
        put(&mut self.days, DAYS, day.to_string(), more);
        put(&mut self.months, MONTHS, day.name_of_month(), more);
    }
}

/// Adds to what is there, in the order of time; a clock that was set back finds its day again.
fn put(list: &mut VecDeque<During>, most: usize, when: String, bytes: Bytes) {
    let at = list.partition_point(|other| other.when < when);
    match list.get_mut(at).filter(|other| other.when == when) {
        Some(known) => known.bytes.add(bytes),
        None => list.insert(at, During { when, bytes }),
    }
    if list.len() > most {
        list.pop_front();
    }
}

enum Date {
    Day,
    Month,
}

/// `2026-11` or `2026-11-22`: digits where digits belong is enough.
fn is_date(text: &str) -> Option<Date> {
    let fits = |at: usize, c: char| match at {
        4 | 7 => c == '-',
        _ => c.is_ascii_digit(),
    };
    let fits = text.chars().enumerate().all(|(at, c)| fits(at, c));
    match text.len() {
        7 if fits => Some(Date::Month),
        10 if fits => Some(Date::Day),
        _ => None,
    }
}

/// What may be the name of an interface.
fn is_name(text: &str) -> bool {
    (1..=crate::config::MAX_INTERFACE_NAME).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_graphic())
}

#[cfg(test)]
mod tests;
