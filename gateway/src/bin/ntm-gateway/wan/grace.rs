//! A default route that is gone for a blink, as when a DHCP client sets it anew, does not take its WAN away. Pure.

use super::{DefaultRoute, Snapshot};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// For so long a route may be gone: a script deletes one and adds the next in some 10 ms, on a busy router in 50.
const BLINK: Duration = Duration::from_millis(100);

/// The best metric of an interface and IP version, and since when it is gone.
#[derive(Debug)]
struct Known {
    metric: u32,
    gone: Option<Instant>,
}

/// Remembers the default routes of the last look.
#[derive(Debug, Default)]
pub(super) struct Grace {
    /// By interface, whether it is IPv6's, and whether it is the main table's.
    known: BTreeMap<(u32, bool, bool), Known>,
}

impl Grace {
    /// Puts routes back that have just vanished while their interface is up; an address that is gone stays gone.
    /// Returns when to look again.
    pub(super) fn mend(&mut self, snapshot: &mut Snapshot, now: Instant) -> Option<Instant> {
        let mut fresh = BTreeMap::new();
        for route in &snapshot.routes {
            let key = (route.index, route.v6, route.is_main);
            let best = fresh.entry(key).or_insert(route.metric);
            *best = route.metric.min(*best);
        }
        let is_up = |index| {
            let mut links = snapshot.links.iter();
            links.any(|link| link.index == index && link.up)
        };
        self.known.retain(|key, known| {
            if !fresh.contains_key(key) {
                known.gone.get_or_insert(now);
            }
            let blinks = known.gone.is_none_or(|gone| now < gone + BLINK);
            fresh.contains_key(key) || (blinks && is_up(key.0))
        });
        for (key, metric) in fresh {
            self.known.insert(key, Known { metric, gone: None });
        }
        let mut again = None;
        for (&(index, v6, is_main), known) in &self.known {
            let Some(gone) = known.gone else { continue };
            snapshot.routes.push(DefaultRoute {
                index,
                v6,
                metric: known.metric,
                is_main,
            });
            again = Some(again.map_or(gone + BLINK, |at: Instant| at.min(gone + BLINK)));
        }
        again
    }
}

#[cfg(test)]
mod tests {
    use super::super::Link;
    use super::*;

    fn look(grace: &mut Grace, up: bool, metrics: &[u32], now: Instant) -> (Vec<u32>, bool) {
        let mut snapshot = Snapshot {
            links: vec![Link {
                index: 3,
                name: "wan0".into(),
                up,
            }],
            ..Snapshot::default()
        };
        let route = |&metric| DefaultRoute {
            index: 3,
            v6: false,
            metric,
            is_main: true,
        };
        snapshot.routes = metrics.iter().map(route).collect();
        let again = grace.mend(&mut snapshot, now);
        let metrics = snapshot.routes.iter().map(|route| route.metric).collect();
        (metrics, again.is_some())
    }

    #[test]
    fn a_route_set_anew_is_never_missed_and_one_that_stays_away_is() {
        let (mut grace, start) = (Grace::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(look(&mut grace, true, &[200, 100], at(0)).0, [200, 100]);
        assert_eq!(look(&mut grace, true, &[], at(10)), (vec![100], true));
        assert_eq!(look(&mut grace, true, &[50], at(90)), (vec![50], false));
        assert_eq!(look(&mut grace, true, &[], at(200)), (vec![50], true));
        assert_eq!(look(&mut grace, true, &[], at(299)), (vec![50], true));
        assert_eq!(look(&mut grace, true, &[], at(300)), (vec![], false));
        assert_eq!(look(&mut grace, true, &[], at(301)), (vec![], false));
    }

    #[test]
    fn an_interface_that_is_down_gets_no_grace() {
        let (mut grace, now) = (Grace::default(), Instant::now());
        look(&mut grace, true, &[100], now);
        assert_eq!(look(&mut grace, false, &[], now), (vec![], false));
        assert_eq!(look(&mut grace, true, &[], now), (vec![], false));
    }
}
