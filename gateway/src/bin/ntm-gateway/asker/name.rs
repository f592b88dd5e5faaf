//! What a person types as a device's name, made a full name: pure.

use ntm_proto::id::Fqdn;
use serde_json::Value;

/// The names in the answers to `devices` and `tunnels`.
pub(super) fn known(devices: &Value, tunnels: &Value) -> Vec<Fqdn> {
    let entries = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let ours = entries(devices)
        .into_iter()
        .map(|device| device["name"].clone());
    let theirs = entries(tunnels)
        .into_iter()
        .flat_map(|tunnel| entries(&tunnel["devices"]));
    let mut names: Vec<Fqdn> = ours
        .chain(theirs)
        .filter_map(|name| Fqdn::parse(name.as_str().unwrap_or_default()).ok())
        .collect();
    names.sort();
    names.dedup();
    names
}

/// The other domains in the answer to `status`.
pub(super) fn trusted(status: &Value) -> Vec<Fqdn> {
    let domains = status["domains"].as_array().cloned().unwrap_or_default();
    domains
        .iter()
        .filter_map(|name| Fqdn::parse(name.as_str().unwrap_or_default()).ok())
        .collect()
}

/// A full name as it is, also one of another domain that is trusted; else the one known name that starts like it; else the name relative to the domain.
pub(super) fn complete(
    text: &str,
    own: &Fqdn,
    domain: &Fqdn,
    trusted: &[Fqdn],
    known: &[Fqdn],
) -> Result<Fqdn, String> {
    let name = Fqdn::parse(text).map_err(|error| format!("{text:?} is no name: {error}"))?;
    let is_full = |domain: &Fqdn| name.is_within(domain);
    if is_full(domain) || trusted.iter().any(is_full) {
        return Ok(name);
    }
    let starts = |full: &&Fqdn| {
        full.as_str()
            .strip_prefix(name.as_str())
            .is_some_and(|rest| rest.starts_with('.'))
    };
    let fitting: Vec<&Fqdn> = known.iter().filter(starts).collect();
    // A device here goes before others of its name: that is what its own LAN would take the name for.
    let here = fitting.iter().find(|full| full.is_within(own));
    match (here, fitting.as_slice()) {
        (Some(full), _) | (None, [full]) => Ok((*full).clone()),
        (None, []) => Fqdn::parse(&format!("{name}.{domain}"))
            .map_err(|error| format!("{text:?} in {domain}: {error}")),
        (None, several) => {
            let names: Vec<&str> = several.iter().map(|full| full.as_str()).collect();
            Err(format!(
                "{text:?} could be {}; write one in full",
                names.join(" or ")
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn completed(text: &str) -> Result<String, String> {
        let devices =
            json!([{"name": "laptop.car.ntm.test"}, {"name": ""}, {"name": "tv.car.ntm.test"}]);
        let tunnels = json!([
            {"devices": ["camera.home.ntm.test", "tv.home.ntm.test", "nas.home.ntm.test"]},
            {"devices": ["nas.office.ntm.test"]},
        ]);
        let fqdn = |text| Fqdn::parse(text).unwrap();
        complete(
            text,
            &fqdn("car.ntm.test"),
            &fqdn("ntm.test"),
            &trusted(&json!({"domains": ["b.test"]})),
            &known(&devices, &tunnels),
        )
        .map(|name| name.to_string())
    }

    #[test]
    fn names_are_completed_from_what_is_known() {
        for (typed, full) in [
            ("camera.home.ntm.test", "camera.home.ntm.test"),
            ("Camera.Home.ntm.test.", "camera.home.ntm.test"),
            ("camera", "camera.home.ntm.test"),
            ("camera.home", "camera.home.ntm.test"),
            ("printer.home", "printer.home.ntm.test"),
            ("home", "home.ntm.test"),
            ("camera.home.b.test", "camera.home.b.test"),
            ("camera.home.c.test", "camera.home.c.test.ntm.test"),
            ("tv", "tv.car.ntm.test"),
        ] {
            assert_eq!(completed(typed).as_deref(), Ok(full), "{typed}");
        }
    }

    #[test]
    fn a_doubtful_name_is_asked_back() {
        assert!(
            completed("nas")
                .unwrap_err()
                .contains("nas.home.ntm.test or nas.office.ntm.test")
        );
        assert!(completed("$(reboot)").unwrap_err().contains("is no name"));
        assert!(completed("").is_err());
    }
}
