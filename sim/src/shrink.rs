//! Makes a failing plan small: drops acts as long as the same rule breaks without them.

use crate::run::Plan;

/// Most plays spent on one plan.
const PLAYS: usize = 150;

/// The smallest plan found that fails like `plan` does.
pub fn shrink(plan: &Plan) -> Plan {
    let mut best = plan.clone();
    let Some(failure) = best.run(false).failure else {
        return best;
    };
    let kind = kind(&failure.what);
    let mut plays = 0;
    let mut size = best.steps.len().div_ceil(2).max(1);
    loop {
        let mut at = 0;
        while at < best.steps.len() && plays < PLAYS {
            let mut smaller = best.clone();
            let dropped: Vec<_> = smaller
                .steps
                .drain(at..(at + size).min(best.steps.len()))
                .collect();
            // The time of the dropped acts still goes by: it may be what matters.
            let waited: u64 = dropped.iter().map(|step| step.after_ms).sum();
            let mut variants = vec![smaller.clone()];
            if let Some(next) = smaller.steps.get_mut(at) {
                next.after_ms += waited;
                variants.push(smaller);
            }
            let fails = |plan: &Plan| {
                plan.run(false)
                    .failure
                    .is_some_and(|found| self::kind(&found.what) == kind)
            };
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
