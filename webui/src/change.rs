//! What is asked for about a device, by its page or by a program.

use crate::request::{Fields, Request, Response};
use crate::snapshot::Snapshot;
use crate::{Asker, api, pages};
use serde_json::Value;

/// The longest text of a change, in bytes.
const MOST: usize = 253;

/// What the owner wants of a device, as it was asked for: the daemon knows what is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceChange {
    /// Its name, or one of its addresses.
    pub device: String,
    /// `rename`, `keep`, `identity`, `merge` or `forget`.
    pub change: String,
    /// The new name, `on` or `off`, or the other device; empty where nothing is to be said.
    pub to: String,
}

/// As a form has it; `None`: it is about nobody.
pub(crate) fn entered(fields: &Fields) -> Option<DeviceChange> {
    let field = |name| fields.get(name).trim().to_owned();
    let change = DeviceChange {
        device: field("device"),
        change: field("change"),
        to: field("to"),
    };
    change.is_whole().then_some(change)
}

/// As a program sends it, or what is wrong with that.
pub(crate) fn sent(request: &Request) -> Result<DeviceChange, Response> {
    let change = DeviceChange {
        device: api::word(request, "device")?,
        change: api::word(request, "change")?,
        to: api::word(request, "to")?,
    };
    if change.to.len() > MOST {
        return Err(api::wrong(&format!("to: at most {MOST} bytes")));
    }
    if !change.is_whole() {
        return Err(api::wrong("device: its name or an address is missing"));
    }
    Ok(change)
}

/// The page about the device with this hardware address; where there is none, all of them.
pub(crate) fn page(result: &Result<Value, String>, mac: &str, asker: &Asker) -> Response {
    let snapshot = match result {
        Ok(value) => Snapshot::read(value),
        Err(_) => Snapshot::default(),
    };
    let page = pages::device(&snapshot, mac, asker.lang, &asker.token);
    page.map_or_else(
        || Response::see("/devices"),
        |page| Response::html(200, page),
    )
}

impl DeviceChange {
    fn is_whole(&self) -> bool {
        !self.device.is_empty() && self.to.len() <= MOST
    }
}
