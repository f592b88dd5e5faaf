//! Makes a failing story small: drops parts of it as long as the same rule breaks without them.

use crate::moves::Journey;
use crate::run::Plan;

/// Most plays spent on one story.
const PLAYS: usize = 150;

/// Something that is played, and made of parts of which some can be left out.
pub trait Story: Clone {
    /// How many parts there are.
    fn len(&self) -> usize;
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Without `count` parts from the one at `at`, or as many as there are; how many milliseconds they waited.
    fn drop_parts(&mut self, at: usize, count: usize) -> u64;
    /// The part at `at`, if there is one, waits so many milliseconds more. Whether there is one.
    fn wait(&mut self, at: usize, ms: u64) -> bool;
    /// The rule it breaks, if any.
    fn broken(&self) -> Option<String>;
}

impl Story for Plan {
    fn len(&self) -> usize {
        self.steps.len()
    }

    fn drop_parts(&mut self, at: usize, count: usize) -> u64 {
        let end = (at + count).min(self.steps.len());
        self.steps.drain(at..end).map(|step| step.after_ms).sum()
    }

    fn wait(&mut self, at: usize, ms: u64) -> bool {
        let step = self.steps.get_mut(at);
        step.map(|step| step.after_ms += ms).is_some()
    }

    fn broken(&self) -> Option<String> {
        self.run(false).failure.map(|failure| failure.what)
    }
}

impl Story for Journey {
    fn len(&self) -> usize {
        self.moves.len()
    }

    fn drop_parts(&mut self, at: usize, count: usize) -> u64 {
        let end = (at + count).min(self.moves.len());
        self.moves.drain(at..end).map(|step| step.after_ms).sum()
    }

    fn wait(&mut self, at: usize, ms: u64) -> bool {
        let step = self.moves.get_mut(at);
        step.map(|step| step.after_ms += ms).is_some()
    }

    fn broken(&self) -> Option<String> {
        self.run(false).failure.map(|failure| failure.what)
    }
}

/// The smallest story found that fails like `story` does.
pub fn shrink<S: Story>(story: &S) -> S {
    let mut best = story.clone();
    let Some(what) = best.broken() else {
        return best;
    };
    let kind = kind(&what);
    let fails = |story: &S| {
        let found = story.broken();
        found.is_some_and(|found| self::kind(&found) == kind)
    };
    let mut plays = 0;
    let mut size = best.len().div_ceil(2).max(1);
    loop {
        let mut at = 0;
        while at < best.len() && plays < PLAYS {
            let mut smaller = best.clone();
            // The time of what was dropped still goes by: it may be what matters.
            let waited = smaller.drop_parts(at, size);
            let mut variants = vec![smaller.clone()];
            if smaller.wait(at, waited) {
                variants.push(smaller);
            }
            plays += variants.len();
            match variants.into_iter().find(fails) {
                Some(variant) => best = variant,
                None => at += size,
            }
        }
        if size == 1 || plays >= PLAYS {
            return best;
        }
        size = size.div_ceil(2);
    }
}

/// What a failure is called without its numbers.
pub fn kind(what: &str) -> String {
    let head = what.split(':').next().unwrap_or(what);
    head.chars().filter(|c| !c.is_ascii_digit()).collect()
}
