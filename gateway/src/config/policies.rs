//! `[[policy]]`: who may begin something with whom.

use super::reader::{ConfigError, Section};
use crate::policy::{Action, MAX_POLICIES, Party, Policy};

pub(super) const KEYS: [&str; 3] = ["from", "to", "action"];

pub(super) fn read(root: &Section<'_>) -> Result<Vec<Policy>, ConfigError> {
    let sections = root.sections("policy", MAX_POLICIES)?;
    sections.iter().map(read_one).collect()
}

fn read_one(section: &Section<'_>) -> Result<Policy, ConfigError> {
    section.only(&KEYS)?;
    let value = section.required("action", "\"deny\"")?;
    let text = value.text()?;
    let action = Action::parse(text)
        .ok_or_else(|| value.fault(format!("{text:?} is unknown; write \"allow\" or \"deny\"")))?;
    Ok(Policy {
        from: read_party(section, "from")?,
        to: read_party(section, "to")?,
        action,
    })
}

fn read_party(section: &Section<'_>, key: &str) -> Result<Party, ConfigError> {
    let Some(value) = section.get(key) else {
        return Ok(Party::Anyone);
    };
    let text = value.text()?;
    Party::parse(text).map_err(|error| {
        value.fault(format!(
            "{text:?} is no name: {error}; write \"*\", a device here like \"nas\", or a full name of a device, a gateway or a domain, like \"phone.car.example.net\""
        ))
    })
}
