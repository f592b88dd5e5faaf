//! A month's limit for what a WAN carries: how near each is to its own, and what of that a person shall hear.
//!
//! Nothing is cut off at a limit: a WAN that has reached it goes behind those that have not. A month is the calendar's, by UTC;
//! while the date is not known there is none, and nothing is decided.

use super::{Day, Usage};
use serde::Serialize;
use std::collections::BTreeMap;

/// A megabyte, as networks count.
const MB: u64 = 1_000_000;
/// How many percent of a limit are near it.
const NEAR: u64 = 80;

/// How near a WAN is to its limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// There is no limit, or nobody knows which month it is.
    #[default]
    None,
    /// Far from it.
    Below,
    /// Four fifths and more are used.
    Near,
    /// All is used.
    Reached,
}

impl Stage {
    /// Of so many bytes in the month.
    fn of(used: u64, limit_mb: u32) -> Self {
        let limit = u64::from(limit_mb) * MB;
        if used >= limit {
            return Self::Reached;
        }
        // Below a limit of 32 bits in megabytes nothing overflows.
        if used * 100 >= limit * NEAR {
            Self::Near
        } else {
            Self::Below
        }
    }
}

/// A WAN that stands otherwise to its limit than a person was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// How it stands now.
    pub stage: Stage,
    /// Bytes in this month.
    pub used: u64,
    /// Megabytes a month, if it still has a limit.
    pub limit_mb: Option<u32>,
}

/// The limits, and what was told of each WAN: of which month, and how it stood.
#[derive(Debug, Default)]
pub(super) struct Limits {
    mb: BTreeMap<String, u32>,
    told: BTreeMap<String, (String, Stage)>,
}

impl Limits {
    pub(super) fn mb(&self, wan: &str) -> Option<u32> {
        self.mb.get(wan).copied()
    }
}

impl Usage {
    /// The limits by interface are these now, in megabytes a month, both ways together.
    pub fn set_limits(&mut self, limit_mb: &BTreeMap<String, u32>) {
        self.limits.mb.clone_from(limit_mb);
    }

    /// Whether any WAN has one.
    pub fn has_limits(&self) -> bool {
        !self.limits.mb.is_empty()
    }

    /// The WAN's limit, in megabytes a month.
    pub fn limit_mb(&self, wan: &str) -> Option<u32> {
        self.limits.mb(wan)
    }

    /// How near the WAN is to its limit; `today`: if the date is known.
    pub fn stage(&self, wan: &str, today: Option<Day>) -> Stage {
        match (self.limit_mb(wan), today) {
            (Some(limit), Some(today)) => Stage::of(self.in_month_of(today, wan), limit),
            (_, None) | (None, _) => Stage::None,
        }
    }

    /// What a person shall hear of the WAN: in each month once that it is near its limit, once that it has reached it, and that
    /// this is over when it is.
    pub fn news(&mut self, wan: &str, today: Option<Day>) -> Option<News> {
        let stage = self.stage(wan, today);
        let month = today.map(Day::name_of_month).unwrap_or_default();
        let told = self.limits.told.get(wan);
        let (same, before) = told.map_or((false, Stage::None), |(known, stage)| {
            (*known == month, *stage)
        });
        if before == stage && (same || stage == Stage::None) {
            return None;
        }
        let is_over = before == Stage::Reached && stage < Stage::Reached;
        let is_nearer = stage >= Stage::Near && (!same || stage > before);
        match stage {
            Stage::None => self.limits.told.remove(wan),
            Stage::Below | Stage::Near | Stage::Reached => {
                self.limits.told.insert(wan.to_owned(), (month, stage))
            }
        };
        let used = today.map_or(0, |today| self.in_month_of(today, wan));
        (is_over || is_nearer).then(|| News {
            stage,
            used,
            limit_mb: self.limit_mb(wan),
        })
    }

    fn in_month_of(&self, day: Day, wan: &str) -> u64 {
        let month = day.name_of_month();
        let carried = self.wans.get(wan);
        let months = carried.into_iter().flat_map(|it| &it.months);
        let mut same = months.filter(|it| it.when == month);
        same.next().map_or(0, |it| it.bytes.sum())
    }
}

#[cfg(test)]
mod tests;
