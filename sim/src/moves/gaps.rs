//! How long sessions were silent after moves, by kind.

use super::{Kind, PATIENCE};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Silences and stalls of many moves.
#[derive(Default)]
pub struct Gaps {
    moves: BTreeMap<Kind, u64>,
    /// Silences of streams: seconds, and multiples of the round trip.
    silences: BTreeMap<Kind, Vec<(f32, f32)>>,
    /// How long probes stood still, in seconds.
    stalls: BTreeMap<Kind, Vec<f32>>,
}

impl Gaps {
    pub(super) fn moved(&mut self, kind: Kind) {
        *self.moves.entry(kind).or_default() += 1;
    }

    pub(super) fn silence(&mut self, kind: Kind, gap: Duration, rtt: Duration) {
        let multiple = gap.as_secs_f32() / rtt.as_secs_f32().max(1e-3);
        let gaps = self.silences.entry(kind).or_default();
        gaps.push((gap.as_secs_f32(), multiple));
    }

    pub(super) fn stall(&mut self, kind: Kind, stall: Duration) {
        let stalls = self.stalls.entry(kind).or_default();
        stalls.push(stall.as_secs_f32());
    }

    /// Moves of all kinds.
    pub fn moves(&self) -> u64 {
        self.moves.values().sum()
    }

    /// Adds another's.
    pub fn merge(&mut self, other: Self) {
        for (kind, count) in other.moves {
            *self.moves.entry(kind).or_default() += count;
        }
        for (kind, gaps) in other.silences {
            self.silences.entry(kind).or_default().extend(gaps);
        }
        for (kind, stalls) in other.stalls {
            self.stalls.entry(kind).or_default().extend(stalls);
        }
    }
}

/// The middle, the 99th of a hundred, the worst.
fn marks(mut values: Vec<f32>) -> [f32; 3] {
    values.sort_by(f32::total_cmp);
    let at = |part: f64| {
        let last = values.len().saturating_sub(1) as f64;
        values.get((last * part) as usize).copied().unwrap_or(0.0)
    };
    [at(0.5), at(0.99), at(1.0)]
}

impl fmt::Display for Gaps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let late = |all: &Vec<(f32, f32)>| {
            let long = all
                .iter()
                .filter(|(seconds, _)| *seconds > PATIENCE.as_secs_f32());
            long.count()
        };
        let all: usize = self.silences.values().map(Vec::len).sum();
        let long: usize = self.silences.values().map(late).sum();
        writeln!(
            f,
            "  of {all} silences {long} were longer than {PATIENCE:?}"
        )?;
        let heads = [
            "silence, round trips",
            "silence, s",
            "probe stands still, s",
        ];
        write!(f, "  {:24}", "")?;
        heads
            .iter()
            .try_for_each(|head| write!(f, "   {head:^26}"))?;
        write!(f, "\n  {:<16}{:>8}", "kind", "moves")?;
        heads
            .iter()
            .try_for_each(|_| write!(f, "   {:>8}{:>9}{:>9}", "p50", "p99", "worst"))?;
        writeln!(f)?;
        let none = Vec::new();
        for (kind, count) in &self.moves {
            let gaps = self.silences.get(kind).unwrap_or(&none);
            let trips = marks(gaps.iter().map(|(_, trips)| *trips).collect());
            let seconds = marks(gaps.iter().map(|(seconds, _)| *seconds).collect());
            let stalls = marks(self.stalls.get(kind).cloned().unwrap_or_default());
            write!(f, "  {:<16}{count:>8}", format!("{kind:?}"))?;
            for [middle, most, worst] in [trips, seconds, stalls] {
                write!(f, "   {middle:>8.2}{most:>9.2}{worst:>9.2}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
