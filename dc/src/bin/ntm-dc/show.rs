//! The commands that only look: at the running daemon, or at its store when it does not run.

use crate::admin::open;
use crate::config::Config;
use crate::ctl;
use crate::desk::Control;
use crate::store::Store;
use crate::terminal::{self, note, say, say_json};
use anyhow::Result;
use serde_json::{Value, json};
use std::path::Path;

/// `nodes`
pub(crate) fn nodes(dir: &Path, json: bool) -> Result<()> {
    let table = live_or(dir, Control::Nodes, |config, store| {
        Ok(crate::rows::stored_nodes(
            &store.snapshot()?,
            &store.accounts()?,
            &config.domain,
        ))
    })?;
    let columns = [
        ("NAME", "name"),
        ("KIND", "kind"),
        ("ACCOUNT", "account"),
        ("VIP4", "vip4"),
        ("VIP6", "vip6"),
        ("ONLINE", "online"),
        ("ADDRESS", "address"),
        ("HEARD", "last_seen_s"),
        ("RELEASE", "release"),
    ];
    rows(&table, &columns, json);
    Ok(())
}

/// `relays`
pub(crate) fn relays(dir: &Path, json: bool) -> Result<()> {
    let table = live_or(dir, Control::Relays, |config, store| {
        Ok(crate::rows::stored_relays(
            &store.snapshot()?,
            &config.domain,
        ))
    })?;
    let columns = [
        ("NAME", "name"),
        ("ONLINE", "online"),
        ("ADDRESSES", "addresses"),
        ("PATHS", "paths"),
        ("CAPACITY", "capacity"),
        ("HEARD", "last_seen_s"),
        ("RELEASE", "release"),
    ];
    rows(&table, &columns, json);
    Ok(())
}

/// `tunnels`
pub(crate) fn tunnels(dir: &Path, json: bool) -> Result<()> {
    let table = live_or(dir, Control::Tunnels, |_, _| Ok(json!([])))?;
    let columns = [
        ("ONE", "one"),
        ("OTHER", "other"),
        ("DIRECT", "direct"),
        ("RELAY", "relay"),
        ("SETTLED", "settled"),
        ("PAIRS", "pairs"),
        ("WHY", "why"),
    ];
    rows(&table, &columns, json);
    Ok(())
}

/// `status`
pub(crate) fn status(dir: &Path, json: bool) -> Result<()> {
    let status = live_or(dir, Control::Status, |config, store| {
        let snapshot = store.snapshot()?;
        Ok(json!({
            "running": false,
            "version": env!("CARGO_PKG_VERSION"),
            "domain": config.domain.as_str(),
            "gateways": snapshot.gateways.len(),
            "devices": snapshot.devices.len(),
            "relays": snapshot.relays.len(),
        }))
    })?;
    if json {
        say_json(&status);
        return Ok(());
    }
    for (key, value) in status.as_object().into_iter().flatten() {
        match value.as_object() {
            Some(counts) => {
                for (what, count) in counts.iter().filter(|(_, count)| **count != json!(0)) {
                    say(&format!("{key}: {what}: {count}"));
                }
            }
            None => say(&format!(
                "{key}: {}",
                value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned)
            )),
        }
    }
    Ok(())
}

/// Prints rows as a table or as JSON.
pub(crate) fn rows(rows: &Value, columns: &[(&str, &str)], json: bool) {
    if json {
        say_json(rows);
    } else {
        say(&terminal::table(rows, columns));
    }
}

fn live_or(
    dir: &Path,
    control: Control,
    stored: impl FnOnce(&Config, &Store) -> Result<Value>,
) -> Result<Value> {
    if let Some(answer) = ctl::ask(dir, control)? {
        return Ok(answer);
    }
    let (config, store) = open(dir)?;
    note("The daemon is not running; this is what its store holds.");
    stored(&config, &store)
}
