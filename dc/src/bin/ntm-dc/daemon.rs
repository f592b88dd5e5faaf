//! `ntm-dc run`: reads everything, binds everything, then serves until told to stop.

use crate::account_server::{AccountServer, Api};
use crate::config::Config;
use crate::desk::Desk;
use crate::journal::Journal;
use crate::shell::Shell;
use crate::store::Store;
use crate::{ctl, dns, files, keys, log, sockets, web};
use anyhow::{Context, Result, bail};
use ntm_dc::dns::Zone;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How long the daemon waits for another program that writes to the store.
const PATIENCE: Duration = Duration::from_millis(250);

/// Serves `dir`'s domain.
pub(crate) fn run(dir: &Path) -> Result<()> {
    let config = files::config(dir)?;
    log::start(config.log);
    let _lock = lock(dir)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let served = runtime.block_on(serve(dir, config));
    ctl::unbind(dir);
    served
}

/// One daemon per directory; the lock goes with the process.
pub(crate) fn lock(dir: &Path) -> Result<File> {
    let path = dir.join("lock");
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!(
            "another ntm-dc serves {} already; end it first",
            dir.display()
        ),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

/// Whoever was given an address keeps it, so a range cannot change under those who have one.
fn check_ranges(config: &Config, store: &Store) -> Result<()> {
    let snapshot = store.snapshot()?;
    let gateways = snapshot
        .gateways
        .iter()
        .map(|gateway| (gateway.vip4, gateway.vip6));
    let devices = snapshot
        .devices
        .iter()
        .map(|device| (device.vip4, device.vip6));
    let (v4, v6) = (config.prefixes.v4, config.prefixes.v6);
    for (vip4, vip6) in gateways.chain(devices) {
        if !v4.contains(&vip4) {
            bail!(
                "the key \"virtual4\" is {v4}, but {vip4} was given to a node already; set it back to a range that has it"
            );
        }
        if !v6.contains(&vip6) {
            bail!(
                "the key \"virtual6\" is {v6}, but {vip6} was given to a node already; set it back to a range that has it"
            );
        }
    }
    Ok(())
}

async fn serve(dir: &Path, config: Config) -> Result<()> {
    let store = Store::open(dir, &config.domain)?;
    store.set_patience(PATIENCE)?;
    check_ranges(&config, &store)?;
    let key = keys::load_key(dir)?;
    let (desk, questions) = Desk::new();
    let journal = Journal::start(dir)?;
    let api = Api::new(config.clone(), key.clone(), desk.clone(), journal.clone());
    let accounts = AccountServer::new(keys::load_certificate(dir, &config.domain)?, api)?;
    let control = sockets::all(
        &config.bind_addresses(config.udp_port),
        "udp_port",
        sockets::udp,
    )?;
    let enrolment = sockets::all(
        &config.bind_addresses(config.as_port),
        "as_port",
        sockets::tcp,
    )?;
    let names = names(&config)?;
    let zone = Zone::new(&config)?;
    let local = ctl::bind(dir)?;
    let shell = Shell::new(config.clone(), &key, store, control, journal.clone())?;
    for listener in enrolment {
        tokio::spawn(accounts.clone().serve(listener));
    }
    tokio::spawn(ctl::serve(local, desk.clone()));
    let _pages = web::start(dir, &config, desk.clone(), journal);
    announce(&config);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        () = shell.run(questions) => {}
        ended = answer_names(names, zone, desk) => ended.context("the name server ended")?,
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopped");
    Ok(())
}

fn names(config: &Config) -> Result<Option<dns::Sockets>> {
    let Some(port) = config.dns_port else {
        return Ok(None);
    };
    let addresses = config.bind_addresses(port);
    Ok(Some(dns::Sockets {
        udp: sockets::all(&addresses, "dns_port", sockets::udp)?,
        tcp: sockets::all(&addresses, "dns_port", sockets::tcp)?,
    }))
}

async fn answer_names(sockets: Option<dns::Sockets>, zone: Zone, desk: Desk) -> Result<()> {
    match sockets {
        Some(sockets) => dns::serve(sockets, zone, desk).await,
        None => std::future::pending().await,
    }
}

fn announce(config: &Config) {
    tracing::info!(
        domain = %config.domain,
        udp = config.udp_port,
        accounts = config.as_port,
        dns = config.dns_port,
        "serving"
    );
    if config.advertise.is_empty() {
        tracing::warn!(
            "`listen` and `advertise` are both empty: nodes are not told where this machine is, and no codes can be made"
        );
    }
}
