//! `ntm-dc run`: reads everything, binds everything, then serves until told to stop.

use crate::account_server::{AccountServer, Api};
use crate::config::Config;
use crate::desk::Desk;
use crate::shell::Shell;
use crate::store::Store;
use crate::{ctl, dns, keys, log, sockets};
use anyhow::{Context, Result, bail};
use std::fs::{File, TryLockError};
use std::path::Path;
use tokio::signal::unix::{SignalKind, signal};

/// Serves `dir`'s domain.
pub(crate) fn run(dir: &Path) -> Result<()> {
    let config = Config::load(dir)?;
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
fn lock(dir: &Path) -> Result<File> {
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

async fn serve(dir: &Path, config: Config) -> Result<()> {
    let store = Store::open(dir, &config.domain)?;
    let key = keys::load_key(dir)?;
    let (desk, questions) = Desk::new();
    let api = Api::new(config.clone(), key.clone(), desk.clone());
    let accounts = AccountServer::new(keys::load_certificate(dir)?, api)?;
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
    let zone = dns::Zone::new(&config)?;
    let local = ctl::bind(dir)?;
    let shell = Shell::new(config.clone(), key, store, control)?;
    for listener in enrolment {
        tokio::spawn(accounts.clone().serve(listener));
    }
    tokio::spawn(ctl::serve(local, desk.clone()));
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

async fn answer_names(sockets: Option<dns::Sockets>, zone: dns::Zone, desk: Desk) -> Result<()> {
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
