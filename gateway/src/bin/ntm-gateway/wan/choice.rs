//! What a person prefers among the WANs, which of them have reached their limit, and what is told about them. Pure.

use super::WanInterface;
use ntm_gateway::Wan;
use ntm_gateway::status::WanStatus;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The WANs there are, and the one that shall go first.
#[derive(Debug, Default)]
pub(crate) struct Choice {
    list: Vec<WanInterface>,
    preferred: Option<String>,
    /// Those that have reached their limit.
    spent: BTreeSet<String>,
}

impl Choice {
    /// These are the WANs now. Returns the name of a preferred one that is gone: it is preferred no more.
    pub(crate) fn replace(&mut self, list: Vec<WanInterface>) -> Option<String> {
        self.list = list;
        let list = &self.list;
        self.preferred
            .take_if(|name| !list.iter().any(|wan| wan.name == *name))
    }

    /// What they are called.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|wan| wan.name.as_str())
    }

    /// Puts one first until [`Self::auto`], or until it is gone.
    ///
    /// # Errors
    /// No WAN has that name now; says which there are.
    pub(crate) fn prefer(&mut self, name: &str) -> Result<(), String> {
        let names: Vec<&str> = self.names().collect();
        if !names.contains(&name) {
            return Err(match names.as_slice() {
                [] => format!("{name:?} is no WAN now, and there is none at all"),
                _ => format!("{name:?} is no WAN now; there are {}", names.join(", ")),
            });
        }
        self.preferred = Some(name.to_owned());
        Ok(())
    }

    /// Back to the order of configuration and routes.
    pub(crate) fn auto(&mut self) {
        self.preferred = None;
    }

    /// These have reached their limit. Whether that is new.
    pub(crate) fn set_spent(&mut self, spent: BTreeSet<String>) -> bool {
        let before = std::mem::replace(&mut self.spent, spent);
        before != self.spent
    }

    /// The WANs, best first. A person's word goes before a limit.
    pub(crate) fn ordered(&self) -> Vec<WanInterface> {
        let mut list = self.list.clone();
        let is_first = |wan: &WanInterface| Some(&wan.name) == self.preferred.as_ref();
        for wan in &mut list {
            wan.last_resort = self.spent.contains(&wan.name) && !is_first(wan);
        }
        // Stable: the others keep their order.
        list.sort_by_key(|wan| (!is_first(wan), wan.last_resort));
        list
    }

    /// What is known of each, best first: `told` is what the machine was told of, `status` what it says about them.
    pub(crate) fn report(&self, told: &[Wan], status: &[WanStatus]) -> Value {
        let list = self.ordered();
        let entries = list.iter().map(|interface| {
            let wan = told.iter().find(|wan| wan.name == interface.name);
            let known = status.iter().find(|known| known.name == interface.name);
            let mut entry = match known {
                Some(known) => json!(known),
                None => json!({"name": interface.name, "addresses": [], "observed": [], "active": false}),
            };
            entry["number"] = json!(wan.map(|wan| wan.id));
            entry["metered"] = json!(interface.metered);
            entry["preferred"] = json!(self.preferred.as_ref() == Some(&interface.name));
            entry["state"] = json!(match known {
                Some(known) if known.active => "active",
                Some(_) => "ready",
                None => "no socket",
            });
            entry
        });
        Value::Array(entries.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(name: &str) -> WanInterface {
        WanInterface {
            index: 1,
            name: name.into(),
            v4: None,
            v6: None,
            metered: name.starts_with("ww"),
            last_resort: false,
        }
    }

    fn names(choice: &Choice) -> Vec<String> {
        let list = choice.ordered();
        list.into_iter().map(|wan| wan.name).collect()
    }

    #[test]
    fn the_preferred_one_goes_first_until_auto() {
        let mut choice = Choice::default();
        assert!(choice.prefer("wan0").unwrap_err().contains("none at all"));
        choice.replace(["wan0", "wlan0", "wwan0"].map(interface).into());
        choice.prefer("wwan0").unwrap();
        assert_eq!(names(&choice), ["wwan0", "wan0", "wlan0"]);
        assert_eq!(
            choice.prefer("eth9").unwrap_err(),
            "\"eth9\" is no WAN now; there are wan0, wlan0, wwan0"
        );
        assert_eq!(names(&choice)[0], "wwan0", "a wrong name changes nothing");
        choice.replace(["wlan0", "wan0", "wwan0"].map(interface).into());
        assert_eq!(names(&choice), ["wwan0", "wlan0", "wan0"]);
        choice.auto();
        assert_eq!(names(&choice), ["wlan0", "wan0", "wwan0"]);
    }

    #[test]
    fn who_has_reached_the_limit_goes_last_until_it_has_not() {
        let mut choice = Choice::default();
        choice.replace(["wan0", "wlan0", "wwan0"].map(interface).into());
        let spent = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        assert!(choice.set_spent(spent(&["wan0"])));
        assert!(!choice.set_spent(spent(&["wan0"])), "nothing new");
        assert_eq!(
            names(&choice),
            ["wlan0", "wwan0", "wan0"],
            "also behind what costs money"
        );
        let last: Vec<bool> = choice.ordered().iter().map(|wan| wan.last_resort).collect();
        assert_eq!(last, [false, false, true]);
        choice.prefer("wan0").unwrap();
        assert_eq!(
            names(&choice),
            ["wan0", "wlan0", "wwan0"],
            "a person's word is stronger"
        );
        assert!(choice.ordered().iter().all(|wan| !wan.last_resort));
        choice.auto();
        choice.set_spent(spent(&["wan0", "wlan0", "wwan0"]));
        assert_eq!(
            names(&choice),
            ["wan0", "wlan0", "wwan0"],
            "all are alike again"
        );
        assert!(choice.set_spent(spent(&[])));
        assert!(choice.ordered().iter().all(|wan| !wan.last_resort));
    }

    #[test]
    fn one_that_went_away_comes_back_as_any_other() {
        let mut choice = Choice::default();
        choice.replace(["wan0", "wwan0"].map(interface).into());
        choice.prefer("wwan0").unwrap();
        let gone = choice.replace(vec![interface("wan0")]);
        assert_eq!(gone.as_deref(), Some("wwan0"));
        choice.replace(["wan0", "wwan0"].map(interface).into());
        assert_eq!(names(&choice), ["wan0", "wwan0"]);
    }

    #[test]
    fn a_report_has_also_what_has_no_socket_yet() {
        let mut choice = Choice::default();
        choice.replace(["wan0", "wwan0"].map(interface).into());
        choice.prefer("wwan0").unwrap();
        let told = [Wan {
            id: 4,
            name: "wwan0".into(),
            sockets: vec![],
            spares: vec![],
            metered: true,
            last_resort: false,
        }];
        let status = WanStatus {
            name: "wwan0".into(),
            addresses: vec!["100.64.0.9:4750".into()],
            observed: vec![],
            nat: Some(true),
            mapping: None,
            active: true,
        };
        let report = choice.report(&told, &[status]);
        let (first, second) = (&report[0], &report[1]);
        assert_eq!(
            (&first["number"], &first["state"]),
            (&json!(4), &json!("active"))
        );
        assert_eq!(
            (&first["metered"], &first["preferred"]),
            (&json!(true), &json!(true))
        );
        assert_eq!(first["addresses"][0], "100.64.0.9:4750");
        assert_eq!(
            (&second["number"], &second["state"]),
            (&Value::Null, &json!("no socket"))
        );
        assert_eq!(
            (&second["metered"], &second["preferred"]),
            (&json!(false), &json!(false))
        );
    }
}
