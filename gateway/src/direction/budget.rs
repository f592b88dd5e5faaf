//! How many questions one device may have asked of the DC: its neighbours on the LAN need an answer, too.
//!
//! Packets to addresses that nobody has make a question each, and the DC hears so many a second of one gateway.

use ntm_proto::id::NodeId;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Time that pays for one question.
const COST: Duration = Duration::from_millis(100);
/// Questions at once.
const BURST: u32 = 40;
/// Questions of one device without an answer yet.
pub(super) const OPEN: usize = 32;
/// Devices after which those that asked nothing lately are forgotten.
const MANY: usize = 64;

/// For each device, until when the time that comes is spent.
#[derive(Default)]
pub(super) struct Budgets {
    spent: BTreeMap<NodeId, Instant>,
}

impl Budgets {
    /// Takes one question of this device, if it has one left.
    pub(super) fn take(&mut self, device: NodeId, now: Instant) -> bool {
        if self.spent.len() >= MANY {
            self.spent.retain(|_, until| *until > now);
        }
        let until = self
            .spent
            .get(&device)
            .map_or(now, |until| (*until).max(now));
        let after = until + COST;
        let is_left = after <= now + COST * BURST;
        if is_left {
            self.spent.insert(device, after);
        }
        is_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_device_asks_in_a_burst_and_then_ten_times_a_second_and_spares_the_others() {
        let start = Instant::now();
        let node = |byte| NodeId::from_random([byte; 16]);
        let mut budgets = Budgets::default();
        let mut taken = |byte, now| (0..100).filter(|_| budgets.take(node(byte), now)).count();
        assert_eq!((taken(1, start), taken(2, start)), (40, 40));
        assert_eq!(taken(1, start + Duration::from_secs(1)), 10);
        assert_eq!(taken(1, start + Duration::from_secs(100)), 40);
        for byte in 0..250 {
            taken(
                byte,
                start + Duration::from_secs(1000 + 10 * u64::from(byte)),
            );
        }
        assert!(budgets.spent.len() <= MANY);
    }
}
