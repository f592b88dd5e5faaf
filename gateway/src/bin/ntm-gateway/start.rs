//! `ntm-gateway run`: reads what is configured, makes what the machine needs around it, and takes it back at the end.

use crate::asker::Asker;
use crate::behind::Behind;
use crate::configure::Configure;
use crate::ctl::Control;
use crate::dhcp::{Devices, LanDhcp, listed_devices};
use crate::dns::DnsServer;
use crate::first;
use crate::follow::Follow;
use crate::lan::Residents;
use crate::log;
use crate::meter::Meter;
use crate::netlink::Netlink;
use crate::nft::Firewall;
use crate::processor;
use crate::question::CHANNEL;
use crate::reload::Reload;
use crate::routing::Routing;
use crate::settings::Settings;
use crate::shell::{Shell, Ways};
use crate::tun::Tun;
use crate::udp::{LanSide, SocketOptions, Sockets};
use crate::wan::{self, Reasons};
use crate::web::{self, Page};
use anyhow::{Context, Result, bail, ensure};
use ntm_enrolment::state::{self, Node};
use ntm_gateway::config::{Config, Leases, Tunnel};
use ntm_gateway::dns::Zone;
use ntm_gateway::{Gateway, Setup};
use std::io::{self, IsTerminal};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tracing::{debug, info};

/// The most files we may have open, if the hard limit allows it.
const MAX_FILES: libc::rlim_t = 1 << 16;

/// How long the kernel may take at the end.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether `run` would find the configuration right. Before enrolment that is all there is to see.
pub(crate) fn check(dir: &Path, settings: &Settings) -> Result<()> {
    let config = settings.read(dir)?;
    if dir.join(state::NODE_FILE).exists() {
        fits(&config, &state::load(dir)?)?;
    }
    Ok(())
}

/// Runs until a signal says stop.
pub(crate) fn run(dir: &Path, settings: &Settings) -> Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let pages = if dir.join(state::NODE_FILE).exists() {
        Vec::new()
    } else {
        match runtime.block_on(first::run(dir, settings))? {
            Some(pages) => pages,
            None => return Ok(()),
        }
    };
    let node = state::load(dir)?;
    let config = settings.read(dir)?;
    let (vip4, vip6) = fits(&config, &node)?;
    log::start(config.log)?;
    allow_many_files();
    let reload = Reload {
        dir: dir.to_owned(),
        settings: settings.clone(),
        config,
    };
    match runtime.block_on(serve(reload, &node, vip4, vip6, pages))? {
        Ended::Stopped => Ok(()),
        Ended::Anew => Err(anew()),
    }
}

/// The same program with the same words in the same process: who watches over it sees no end, and a program that was replaced
/// meanwhile is the new one. Returns only why it could not be.
fn anew() -> anyhow::Error {
    let mut words = std::env::args_os();
    let own = words.next().unwrap_or_default();
    let error = Command::new(own).args(words).exec();
    anyhow::Error::new(error).context("cannot start anew")
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Somebody said stop.
    Stopped,
    /// It shall begin once more.
    Anew,
}

/// Each TCP connection and each forwarded question of the DNS server is an open file: the usual limit of 1024 is
/// one that a single busy host on the LAN could reach, and then nobody's name is found.
fn allow_many_files() {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the kernel writes one `rlimit`, which outlives the call.
    #[expect(unsafe_code, reason = "no safe wrapper for resource limits")]
    let known = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } == 0;
    limit.rlim_cur = limit.rlim_max.min(MAX_FILES).max(limit.rlim_cur);
    // SAFETY: the kernel reads one `rlimit`, which outlives the call.
    #[expect(unsafe_code, reason = "no safe wrapper for resource limits")]
    let raised = known && unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } == 0;
    if !raised {
        debug!(error = %io::Error::last_os_error(), "the limit of open files stays as it is");
    }
}

/// What configuration and membership can only be checked for together.
fn fits(config: &Config, node: &Node) -> Result<(Ipv4Addr, Ipv6Addr)> {
    let (Some(vip4), Some(vip6)) = (node.vip4, node.vip6) else {
        bail!(
            "this directory belongs to a relay; enrol a gateway in another one, with a code from `ntm-dc gateway-code`"
        )
    };
    let (lan, range) = (config.lan.net, node.prefixes.v4);
    ensure!(
        !range.contains(&lan.addr()) && !lan.contains(&range.addr()),
        "the LAN {} overlaps the domain's virtual range {range}; give the LAN another address under [lan]",
        lan.trunc()
    );
    Ok((vip4, vip6))
}

fn setup(node: &Node, vip4: Ipv4Addr, vip6: Ipv6Addr, tunnel: &Tunnel) -> Result<Setup> {
    Ok(Setup {
        node: node.node,
        name: node.name.clone(),
        domain: node.domain.clone(),
        key: node.key.clone(),
        dc_key: node.dc_key,
        dc_addresses: node.dc_addresses.clone(),
        prefixes: node.prefixes,
        vip4,
        vip6,
        instance: random()?,
        aes: tunnel.aes && processor::has_aes(),
        limits: tunnel.limits,
    })
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).context("the kernel gives no randomness")?;
    Ok(bytes)
}

async fn serve(
    reload: Reload,
    node: &Node,
    vip4: Ipv4Addr,
    vip6: Ipv6Addr,
    pages: Vec<Page>,
) -> Result<Ended> {
    let (dir, config) = (reload.dir.clone(), reload.config.clone());
    let (dir, config) = (dir.as_path(), &config);
    let mut signals = Signals::new()?;
    let (questions, asked) = mpsc::channel(CHANNEL);
    let configure = Configure::new(dir, &reload.settings);
    let asker = Arc::new(Asker::new(
        node.name.clone(),
        node.domain.clone(),
        questions.clone(),
        configure.clone(),
    ));
    let behind = Behind::new(configure, dir, None);
    behind.enrolled(asker.clone());
    // First of all: it tells whether another gateway runs here.
    let control = Control::start(dir, Arc::new(behind)).await?;
    let mut gateway = Gateway::new(
        setup(node, vip4, vip6, &config.tunnel)?,
        random()?,
        Instant::now(),
    );
    gateway.policies_changed(&config.policies, Instant::now());
    gateway.entries_changed(&config.lan.devices, Instant::now());
    let (netlink, changes) = Netlink::open()?;
    let mut firewall = Firewall::apply(config, node.prefixes)?;
    let tun = Tun::open(&config.tunnel, vip4, &netlink).await?;
    let virtual_range = (node.prefixes.v4, vip4);
    let routing = Routing::set(
        &config.tunnel,
        &tun,
        virtual_range,
        &netlink,
        changes.routing,
    );
    let routing = routing.await?;
    let (residents, keeper) = Residents::start(config, netlink.clone());
    firewall.keep(config, node.prefixes, residents.retell());
    let now = Instant::now();
    if !matches!(config.lan.dhcp, Leases::Server(_)) {
        for device in listed_devices(config) {
            residents.arrive(device, &mut gateway, now);
        }
    }
    let devices = match config.lan.dhcp {
        Leases::Server(dhcp) => {
            let (own, domain) = (&node.name, &node.domain);
            let dhcp = LanDhcp::start(config, dhcp, own, domain, dir, residents, now)?;
            Devices::Served(Box::new(dhcp))
        }
        Leases::Follow => Devices::Followed(Box::new(Follow::start(config, dir, residents, now)?)),
        Leases::Off => Devices::Listed(residents),
    };
    let zone = Zone {
        domain: node.domain.clone(),
        own: node.name.clone(),
        vip4,
        prefixes: node.prefixes,
    };
    let (domains, trusted) = watch::channel(Vec::new());
    let page = web::start(&reload, &asker, pages);
    let dns = DnsServer::start(config, zone, questions, trusted)?;
    let (lists, wans) = mpsc::channel(4);
    let (hint, hints) = mpsc::channel(1);
    let reasons = Reasons {
        changes: changes.wans,
        hints,
    };
    tokio::spawn(wan::watch(config.clone(), netlink, reasons, lists));
    info!("{} runs with the virtual address {vip4}", node.name);

    let lan = LanSide {
        interface: config.lan.interface.clone(),
        net: config.lan.net,
    };
    let options = SocketOptions {
        offload: config.tunnel.offload,
        mark: config.tunnel.steering.mark(),
    };
    let sockets = Sockets::new(config.wan.port, lan, options, hint);
    let ways = Ways::new(sockets, Meter::new(dir, &config.wan.limit_mb, now));
    let ended = Shell::new(gateway, tun, ways, devices, asked, wans, domains, reload)
        .run(&mut signals)
        .await;

    // The TUN and its routes went with the shell; what remains is what others would see.
    drop((page, dns, control));
    firewall.unkeep().await;
    routing.remove().await;
    if timeout(PATIENCE, keeper).await.is_err() {
        debug!("the neighbour table keeps its entries");
    }
    drop(firewall);
    info!("stopped");
    ended
}

/// What a signal says.
pub(crate) enum Word {
    /// The end.
    Stop,
    /// The configuration may have changed.
    Reload,
}

/// The signals that are for us.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    /// A hangup says that this is gone: the end, or the firewall's table would outlive us. Else somebody wants the
    /// configuration read.
    has_terminal: bool,
}

impl Signals {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            has_terminal: io::stdin().is_terminal(),
        })
    }

    /// Waits for one.
    pub(crate) async fn wait(&mut self) -> Word {
        tokio::select! {
            _ = self.terminate.recv() => Word::Stop,
            _ = self.interrupt.recv() => Word::Stop,
            _ = self.hangup.recv() => if self.has_terminal { Word::Stop } else { Word::Reload },
        }
    }
}
