//! `domain trust`, `domain list`, `domain show`, `domain forget`: which other domains this one works with.

use crate::admin::{Done, open};
use crate::desk::Control;
use crate::terminal::{note, say, say_json};
use crate::{ctl, keys, show};
use anyhow::{Result, bail};
use ntm_dc::DomainRecord;
use ntm_proto::id::Fqdn;
use ntm_proto::key::PublicKey;
use ntm_proto::message::MAX_DOMAINS;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;

pub(crate) fn trust(
    dir: &Path,
    domain: &Fqdn,
    key: PublicKey,
    address: Option<SocketAddr>,
) -> Result<Done> {
    let (config, mut store) = open(dir)?;
    let known = store.domains()?;
    let overlaps = |other: &Fqdn| domain.is_within(other) || other.is_within(domain);
    if overlaps(&config.domain) {
        bail!("{domain} and this domain, {}, overlap", config.domain);
    }
    if keys::load_key(dir)?.public() == key {
        bail!(
            "this is this domain's own key; ask the operator of {domain} for `ntm-dc domain show`"
        );
    }
    for other in known.iter().filter(|other| other.domain != *domain) {
        if overlaps(&other.domain) {
            bail!(
                "{domain} overlaps with {}, which is trusted already; `ntm-dc domain forget {}` first",
                other.domain,
                other.domain
            );
        }
        if other.key == key {
            bail!(
                "this is the key of {}, which is trusted already",
                other.domain
            );
        }
    }
    let old = known.iter().find(|other| other.domain == *domain);
    if old.is_none() && known.len() >= MAX_DOMAINS {
        bail!("{MAX_DOMAINS} domains are trusted already; `ntm-dc domain forget` one first");
    }
    store.trust(&DomainRecord {
        domain: domain.clone(),
        key,
        address,
    })?;
    let said = match old.filter(|old| old.key != key) {
        Some(old) => format!(
            "{domain} has another key now; {} is not trusted any more.",
            old.key
        ),
        None => format!("Trusting {domain}."),
    };
    let mut done = Done::new(said, domain.as_str(), Some(Control::ReloadDomains));
    done.notes = vec![
        format!(
            "Its operator has to trust this domain, too: {}",
            paste(dir, &config.domain)?
        ),
        format!(
            "Nobody may talk before both sides say who: `ntm-dc group add GROUP ACCOUNT {domain}`."
        ),
    ];
    Ok(done)
}

pub(crate) fn forget(dir: &Path, domain: &Fqdn) -> Result<Done> {
    let (_, mut store) = open(dir)?;
    let said = match store.forget_domain(domain)? {
        None => bail!("{domain} is not trusted; see `ntm-dc domain list`"),
        Some(0) => format!("{domain} is not trusted any more."),
        Some(count) => {
            format!("{domain} is not trusted any more; {count} of its names left their groups.")
        }
    };
    Ok(Done::new(
        said,
        domain.as_str(),
        Some(Control::ReloadDomains),
    ))
}

/// `domain show`
pub(crate) fn show(dir: &Path, json: bool) -> Result<()> {
    let (config, _) = open(dir)?;
    let key = keys::load_key(dir)?.public().to_string();
    if json {
        say_json(&json!({"domain": config.domain.as_str(), "key": key}));
        return Ok(());
    }
    say(&format!("domain: {}", config.domain));
    say(&format!("key:    {key}"));
    note("The operator of another domain trusts this one with:");
    say(&paste(dir, &config.domain)?);
    Ok(())
}

/// `domain list`
pub(crate) fn list(dir: &Path, json: bool) -> Result<()> {
    let rows: Value = match ctl::ask(dir, Control::Domains)? {
        Some(rows) => rows,
        None => {
            let row = |record: DomainRecord| {
                json!({
                    "domain": record.domain.as_str(),
                    "key": record.key.to_string(),
                    "address": record.address,
                    "linked": false,
                    "guests": 0,
                })
            };
            open(dir)?.1.domains()?.into_iter().map(row).collect()
        }
    };
    let columns = [
        ("DOMAIN", "domain"),
        ("KEY", "key"),
        ("ADDRESS", "address"),
        ("LINKED", "linked"),
        ("GUESTS", "guests"),
    ];
    show::rows(&rows, &columns, json);
    Ok(())
}

/// What the other operator types.
pub(crate) fn paste(dir: &Path, domain: &Fqdn) -> Result<String> {
    let key = keys::load_key(dir)?.public();
    Ok(format!("ntm-dc domain trust {domain} --key {key}"))
}
