//! The first run: the page before there is a gateway. Its first visitor sets the password, says which networks there are and
//! gives the enrolment code; then the gateway starts, in this process, and the page goes on with it.
//!
//! There it may be seen by whom it is for, and by nobody else: with a configuration that is its LAN; without one, the
//! interface of `--lan`, or each one with a private address (RFC 1918) that no default route leads over. Of several the one
//! the visitor comes by is as good as any other.

use crate::behind::Behind;
use crate::configure::{Configure, tell};
use crate::log;
use crate::netlink::Netlink;
use crate::settings::{Settings, hand};
use crate::start::{Signals, Word};
use crate::wan::Snapshot;
use crate::web::{self, Page};
use anyhow::{Context, Result, bail, ensure};
use ntm_enrolment::client;
use ntm_enrolment::state::{NODE_FILE, write_atomically};
use ntm_gateway::config::edit::{Form, apply, spoken};
use ntm_gateway::config::{Config, EXAMPLE, FILE_NAME, LogLevel};
use ntm_proto::enrol::{EnrolmentCode, Role};
use ntm_webui::Ask;
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::{Mutex, Notify};
use tracing::info;

/// How often we look whether there is a LAN, or whether somebody has enrolled on the command line.
const LOOK: Duration = Duration::from_secs(2);

/// Serves the pages until there is a gateway; `None`: a signal said stop.
pub(crate) async fn run(dir: &Path, settings: &Settings) -> Result<Option<Vec<Page>>> {
    log::start(LogLevel::Info)?;
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let mut signals = Signals::new()?;
    let (netlink, _changes) = Netlink::open()?;
    let config = settings.read(dir).ok();
    let port = config
        .as_ref()
        .map_or(Some(web_port()), |config| config.web.port);
    let Some(port) = port else {
        bail!(
            "this gateway is not enrolled, and its page is switched off: `ntm-gateway enrol CODE` first"
        );
    };
    let joining = Arc::new(Joining {
        dir: dir.to_owned(),
        settings: settings.clone(),
        netlink: netlink.clone(),
        done: Notify::new(),
        one: Mutex::new(()),
        wrote: AtomicBool::new(false),
    });
    let mut pages: Vec<(Ipv4Addr, Page)> = Vec::new();
    loop {
        let snapshot = netlink.snapshot().await?;
        for (address, prefix) in places(&snapshot, config.as_ref(), settings.lan.as_deref()) {
            if pages.iter().any(|(known, _)| *known == address) {
                continue;
            }
            let configure = Configure::new(dir, settings);
            let behind = Behind::new(configure, dir, Some(joining.clone()));
            if let Some(page) = web::open(address, prefix, port, behind) {
                info!("not enrolled yet: begin at http://{address}:{port}");
                pages.push((address, page));
            }
        }
        tokio::select! {
            () = joining.done.notified() => break,
            // Also on the command line.
            () = tokio::time::sleep(LOOK) => {
                let may_start = || settings.read(dir).is_ok() && settings.is_switched_on(dir);
                if dir.join(NODE_FILE).exists() && may_start() {
                    break;
                }
            },
            word = signals.wait() => if let Word::Stop = word {
                return Ok(None);
            },
        }
    }
    info!("enrolled: the gateway starts");
    Ok(Some(pages.into_iter().map(|(_, page)| page).collect()))
}

fn web_port() -> u16 {
    // The one that the example leaves as it is.
    let example = Config::parse(FILE_NAME, EXAMPLE);
    example
        .ok()
        .and_then(|config| config.web.port)
        .unwrap_or(4752)
}

/// The addresses where the page is for the LAN.
fn places(snapshot: &Snapshot, config: Option<&Config>, lan: Option<&str>) -> Vec<(Ipv4Addr, u8)> {
    if let Some(config) = config {
        return vec![(config.lan.address(), config.lan.net.prefix_len())];
    }
    let mut places = Vec::new();
    for link in &snapshot.links {
        let leads_out = snapshot
            .routes
            .iter()
            .any(|route| route.index == link.index);
        let is_wanted = lan.map_or(!leads_out, |lan| lan == link.name);
        let of_link = snapshot
            .addresses
            .iter()
            .filter(|it| it.index == link.index);
        for address in of_link {
            if let IpAddr::V4(ip) = address.ip
                && is_wanted
                && ip.is_private()
                && (8..=30).contains(&address.prefix)
            {
                places.push((ip, address.prefix));
            }
        }
    }
    places
}

/// How an unenrolled gateway becomes one.
pub(crate) struct Joining {
    dir: PathBuf,
    settings: Settings,
    netlink: Netlink,
    done: Notify,
    /// Two browsers at once would use up one code twice.
    one: Mutex<()>,
    /// Whether the configuration is of this run.
    wrote: AtomicBool,
}

impl Joining {
    /// What the page asks meanwhile.
    pub(crate) async fn answer(&self, ask: Ask) -> Result<Value, String> {
        match ask {
            // Enrolled a moment ago.
            Ask::Show if self.is_member() => Err("the gateway is starting".into()),
            Ask::Show => self.choices().await.map_err(|error| format!("{error:#}")),
            Ask::Begin(asked) => {
                let _one = self.one.lock().await;
                self.begin(&asked)
                    .await
                    .map_err(|error| format!("{error:#}"))
            }
            Ask::Part(_)
            | Ask::Reload
            | Ask::Prefer(_)
            | Ask::Ping(_)
            | Ask::Accept(_)
            | Ask::Device(_)
            | Ask::Keep(_)
            | Ask::Settings
            | Ask::Change(_)
            | Ask::Export
            | Ask::Log
            | Ask::Diagnose
            | Ask::Restart => Err("this gateway is not enrolled yet".into()),
        }
    }

    fn is_member(&self) -> bool {
        self.dir.join(NODE_FILE).exists()
    }

    /// What came of it; where it failed, with what there is to choose from.
    async fn begin(&self, asked: &Value) -> Result<Value> {
        let mut failed = match self.join(asked).await {
            Ok(Ok(name)) => return Ok(json!({"done": name})),
            Ok(Err(refused)) => refused,
            Err(error) => json!({"failed": format!("{error:#}")}),
        };
        failed["first"] = self.choices().await?["first"].take();
        Ok(failed)
    }

    /// The interfaces there are to choose from; the member `first` says that this is the first run.
    async fn choices(&self) -> Result<Value> {
        let snapshot = self.netlink.snapshot().await?;
        let mut interfaces = Vec::new();
        for link in snapshot.links.iter().filter(|link| link.name != "lo") {
            let addresses = snapshot
                .addresses
                .iter()
                .filter(|it| it.index == link.index);
            let addresses: Vec<String> = addresses
                .filter(|it| it.ip.is_ipv4())
                .map(|it| format!("{}/{}", it.ip, it.prefix))
                .collect();
            let leads_out = snapshot
                .routes
                .iter()
                .any(|route| route.index == link.index);
            interfaces.push(json!({
                "name": link.name, "up": link.up, "addresses": addresses, "leads_out": leads_out,
            }));
        }
        // What a person wrote stays as it is; what was chosen here a moment ago may be chosen anew.
        let is_set = !self.wrote.load(Relaxed) && self.settings.read(&self.dir).is_ok();
        Ok(json!({"first": {"interfaces": interfaces, "configured": is_set}}))
    }

    /// The gateway's new name, or what the reader refuses. Everything is checked before the code is used: it is good once.
    async fn join(&self, asked: &Value) -> Result<Result<String, Value>> {
        ensure!(!self.is_member(), "this gateway is enrolled already");
        let code = asked["code"].as_str().unwrap_or_default();
        let code = EnrolmentCode::parse(code.trim())?;
        let text = match asked.get("lan") {
            Some(_) => match self.configuration(asked)? {
                Ok(text) => Some(text),
                Err(refused) => return Ok(Err(refused)),
            },
            None => {
                self.settings.read(&self.dir)?;
                None
            }
        };
        // Before the membership: a gateway that has both is one, also after a power cut.
        if let Some(text) = &text {
            let file = self.dir.join(FILE_NAME);
            write_atomically(&file, text.as_bytes(), 0o644)
                .with_context(|| format!("cannot write {}", file.display()))?;
            self.wrote.store(true, Relaxed);
        }
        let membership = client::enrol(&code, Role::Gateway, &self.dir).await?;
        // On OpenWrt the firewall, dnsmasq and the switch in the settings are the init script's.
        if let Some(pipe) = self.settings.uci.as_ref().and_then(|_| hand(&self.dir)) {
            tell(&pipe, "joined\n").map_err(anyhow::Error::msg)?;
        }
        self.done.notify_one();
        Ok(Ok(membership.name))
    }

    /// The example with what was chosen, or what is wrong with that.
    fn configuration(&self, asked: &Value) -> Result<Result<String, Value>> {
        ensure!(
            self.settings.uci.is_none()
                && (self.wrote.load(Relaxed) || !self.dir.join(FILE_NAME).exists()),
            "the networks are chosen in the configuration already; give the code alone"
        );
        let lan = asked["lan"].as_str().unwrap_or_default();
        let (interface, address) = lan.split_once(' ').unwrap_or((lan, ""));
        let dhcp = asked["dhcp"].as_str().unwrap_or("server");
        let changes = spoken::changes(&json!({
            "set": {
                "lan.interface": interface,
                "lan.address": address,
                "lan.dhcp": dhcp,
                "wan.masquerade": asked["masquerade"].as_str().unwrap_or_default(),
            },
            "ways": asked["ways"],
        }));
        let changes = changes.map_err(anyhow::Error::msg)?;
        let made = apply(FILE_NAME, EXAMPLE, Form::Toml, &changes);
        Ok(made.map_err(|fault| spoken::refused(&fault)))
    }
}
