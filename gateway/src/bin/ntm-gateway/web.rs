//! The page on the LAN, with a thread of its own.

use crate::asker::Asker;
use crate::behind::Behind;
use crate::configure::Configure;
use crate::password;
use crate::reload::Reload;
use anyhow::{Context, Result};
use ntm_webui::password::Cost;
use ntm_webui::server::Server;
use ntm_webui::{Place, Setup};
use std::net::Ipv4Addr;
use std::sync::Arc;
use tracing::{info, warn};

/// A page that is served; it ends with this value.
pub(crate) struct Page {
    _server: Server,
    behind: Arc<Behind>,
    address: Ipv4Addr,
    port: u16,
}

/// Starts it, if it is wanted, or goes on with one of those that were there before the gateway. Without the page everything
/// else runs as ever, so that what keeps it away is only said.
pub(crate) fn start(reload: &Reload, asker: &Arc<Asker>, before: Vec<Page>) -> Option<Page> {
    let lan = &reload.config.lan;
    let port = reload.config.web.port?;
    let mut before = before.into_iter();
    let page = before.find(|page| (page.address, page.port) == (lan.address(), port));
    let page = page.or_else(|| {
        let configure = Configure::new(&reload.dir, &reload.settings);
        open(
            lan.address(),
            lan.net.prefix_len(),
            port,
            Behind::new(configure, &reload.dir, None),
        )
    })?;
    page.behind.enrolled(asker.clone());
    if password::kept(&reload.dir).is_none() {
        info!(
            "the page at http://{}:{port} has no password yet: its first visitor sets one",
            lan.address()
        );
    }
    Some(page)
}

/// Serves a page; `None` if it cannot, and that is said.
pub(crate) fn open(address: Ipv4Addr, prefix: u8, port: u16, behind: Behind) -> Option<Page> {
    let place = Place {
        address,
        prefix,
        port,
        names: Vec::new(),
    };
    let behind = Arc::new(behind);
    match serve(place, behind.clone()) {
        Ok(server) => Some(Page {
            _server: server,
            behind,
            address,
            port,
        }),
        Err(error) => {
            warn!("no page at http://{address}:{port}: {error:#}");
            None
        }
    }
}

fn serve(place: Place, behind: Arc<Behind>) -> Result<Server> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).context("the kernel gives no randomness")?;
    let setup = Setup {
        place,
        seed,
        cost: Cost::ROUTER,
    };
    Server::start(setup, behind).context("cannot listen; does another program hold the port?")
}
