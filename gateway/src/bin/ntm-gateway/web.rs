//! The page on the LAN: what it asks goes to the machine's owner as from the command line, and runs on a thread of its own.

use crate::ctl::Asker;
use crate::owner::Wish;
use crate::password;
use crate::question::{Question, Show};
use anyhow::{Context, Result};
use ntm_gateway::config::Config;
use ntm_proto::id::Fqdn;
use ntm_webui::password::Cost;
use ntm_webui::server::{Asked, Daemon, Server};
use ntm_webui::{Ask, DeviceChange, Place, Setup};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::mpsc;
use tracing::{info, warn};

/// Starts it, if it is wanted. Without the page everything else runs as ever, so that what keeps it away is only said.
pub(crate) fn start(
    dir: &Path,
    config: &Config,
    own: &Fqdn,
    domain: &Fqdn,
    questions: mpsc::Sender<Question>,
) -> Option<Server> {
    let port = config.web.port?;
    let place = Place {
        address: config.lan.address(),
        prefix: config.lan.net.prefix_len(),
        port,
        names: vec![own.to_string()],
    };
    let at = format!("http://{}:{port}", place.address);
    let asker = Asker::new(own.clone(), domain.clone(), questions);
    match serve(dir, place, asker) {
        Ok(server) => {
            if password::kept(dir).is_none() {
                info!("the page at {at} has no password yet: its first visitor sets one");
            }
            Some(server)
        }
        Err(error) => {
            warn!("no page at {at}: {error:#}");
            None
        }
    }
}

fn serve(dir: &Path, place: Place, asker: Asker) -> Result<Server> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).context("the kernel gives no randomness")?;
    let setup = Setup {
        place,
        seed,
        cost: Cost::ROUTER,
    };
    let daemon = Arc::new(Behind {
        asker: Arc::new(asker),
        dir: dir.to_owned(),
    });
    Server::start(setup, daemon).context("cannot listen; does another program hold the port?")
}

/// The gateway behind the page.
struct Behind {
    asker: Arc<Asker>,
    dir: PathBuf,
}

impl Daemon for Behind {
    fn ask(&self, ask: Ask) -> Asked {
        let (asker, dir) = (self.asker.clone(), self.dir.clone());
        Box::pin(async move {
            match ask {
                Ask::Show => everything(&asker).await,
                Ask::Prefer(name) => asker.prefer(name).await,
                Ask::Ping(name) => asker.ping(&name).await,
                Ask::Device(change) => {
                    let DeviceChange { device, change, to } = change;
                    asker.want(Wish { device, change, to }).await
                }
                Ask::Keep(phc) => {
                    let kept = password::keep(&dir, &phc);
                    kept.map(|()| Value::Null)
                        .map_err(|error| error.to_string())
                }
            }
        })
    }

    fn password(&self) -> Option<String> {
        password::kept(&self.dir)
    }
}

async fn everything(asker: &Asker) -> Result<Value, String> {
    let mut all = json!({});
    for what in [
        Show::Status,
        Show::Devices,
        Show::Tunnels,
        Show::Wans,
        Show::Handovers,
    ] {
        all[what.name()] = asker.show(what).await?;
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use ntm_gateway::status::{
        DcStatus, DeviceStatus, HandoverStatus, HopStatus, PingReport, Status, TunnelStatus,
        WanStatus,
    };
    use serde_json::{Value, json};
    use std::collections::{BTreeMap, BTreeSet};

    /// The members of a schema, and of what the gateway really says.
    fn same(described: &Value, schema: &str, said: &Value, beside: &[&str]) {
        let members = |value: &Value| -> BTreeSet<String> {
            value.as_object().unwrap().keys().cloned().collect()
        };
        let mut ours = members(said);
        ours.extend(beside.iter().map(|name| (*name).to_owned()));
        let schema = &described["components"]["schemas"][schema]["properties"];
        assert_eq!(members(schema), ours);
    }

    #[test]
    fn the_api_describes_what_the_gateway_says() {
        let described = include_str!("../../../../webui/assets/openapi.json");
        let described: Value = serde_json::from_str(described).unwrap();
        let text = String::new;
        let dc = DcStatus {
            state: text(),
            address: None,
            observed: None,
            rtt_ms: None,
        };
        same(&described, "Dc", &json!(dc), &[]);
        let status = Status {
            name: text(),
            node_id: text(),
            domain: text(),
            vip4: text(),
            domains: vec![],
            dc,
            devices: 0,
            tunnels: 0,
            uptime_s: 0,
            rejects: BTreeMap::new(),
        };
        same(&described, "Status", &json!(status), &[]);
        let device = DeviceStatus {
            name: text(),
            node_id: text(),
            mac: text(),
            lan_address: text(),
            vip4: text(),
            vip6: text(),
            online: true,
            macs: vec![],
            hostname: None,
            identity: true,
            keep: false,
            sent: 0,
            received: 0,
            sent_packets: 0,
            received_packets: 0,
        };
        same(&described, "Device", &json!(device), &[]);
        let tunnel = TunnelStatus {
            peer: text(),
            state: text(),
            path: text(),
            why: text(),
            wan: None,
            remote: None,
            rtt_ms: None,
            age_s: 0,
            mtu: None,
            cipher: None,
            heard_s: None,
            sent: 0,
            received: 0,
            key: text(),
            devices: vec![],
            aliases: BTreeMap::new(),
        };
        same(&described, "Tunnel", &json!(tunnel), &[]);
        let wan = WanStatus {
            name: text(),
            addresses: vec![],
            observed: vec![],
            nat: None,
            mapping: None,
            active: false,
        };
        let beside = ["number", "metered", "preferred", "state"];
        same(&described, "Wan", &json!(wan), &beside);
        let hop = HopStatus {
            path: text(),
            local: text(),
            remote: text(),
        };
        same(&described, "Hop", &json!(hop), &[]);
        let handover = HandoverStatus {
            peer: text(),
            cause: text(),
            from: None,
            to: None,
            ago_s: 0,
            done: false,
            detect_ms: None,
            address_ms: None,
            register_ms: None,
            direct_ms: None,
            tunnel_ms: None,
            packet_ms: None,
            gap_ms: None,
            again: 0,
            lost: 0,
        };
        same(&described, "Handover", &json!(handover), &[]);
        let report = PingReport {
            name: text(),
            vip4: text(),
            gateway: text(),
            rtt_ms: 0.0,
            path: text(),
            why: text(),
            remote: text(),
        };
        same(&described, "PingReport", &json!(report), &[]);
    }
}
