//! The loop: sockets, clock and signals in, the relay's wishes out.

use crate::config::Config;
use crate::ctl::Control;
use crate::report::Report;
use crate::udp::Sockets;
use anyhow::{Context, Result, bail};
use ntm_enrolment::state::Node;
use ntm_proto::{Forward, Path, address};
use ntm_relay::{Event, Output, Relay, Removal, Setup};
use std::ops::Range;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep_until;

/// The longest sleep when the relay wants none; any will do.
const LONG: Duration = Duration::from_secs(3600);
/// How long packets alone may keep us: the runtime sees signals and questions only when it has its turn.
const SLICE: Duration = Duration::from_millis(1);

/// Is the relay until a signal ends it.
pub(crate) async fn run(dir: &std::path::Path, node: Node, config: &Config) -> Result<()> {
    let control = Control::open(dir).await?;
    let mut sockets = Sockets::open(&config.sockets())?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot watch signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot watch signals")?;
    greet(&node, config);
    let started = Instant::now();
    let mut relay = Relay::new(setup(node, config)?, random()?, started);
    let mut buffer = vec![0; udp_trains::ROOM];
    let mut rested = started;
    loop {
        drain(&mut relay, &mut sockets);
        let due = relay.poll_timeout();
        let wake = due.unwrap_or_else(|| Instant::now() + LONG);
        tokio::select! {
            () = sockets.readable() => receive(&mut relay, &mut sockets, &mut buffer),
            () = sleep_until(wake.into()) => {}
            asker = control.accept() => {
                let now = Instant::now();
                let report = Report {
                    version: env!("CARGO_PKG_VERSION").to_owned(),
                    uptime: (now - started).as_secs(),
                    dropped_full: sockets.full,
                    dropped_refused: sockets.refused,
                    status: relay.status(now),
                };
                control.answer(asker, report.json());
            }
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
        let now = Instant::now();
        if relay.poll_timeout().is_some_and(|at| at <= now) {
            relay.handle_timeout(now);
        }
        if now - rested >= SLICE {
            tokio::task::yield_now().await;
            rested = now;
        }
    }
    tracing::info!("ends on a signal");
    Ok(())
}

fn receive(relay: &mut Relay, sockets: &mut Sockets, buffer: &mut [u8]) {
    sockets.receive(buffer, |sockets, path, train, each| {
        let now = Instant::now();
        // Datagrams that go on by one way, as they lie.
        let mut run: Option<(Path, Range<usize>)> = None;
        let send = |sockets: &mut Sockets, run: Option<(Path, Range<usize>)>| {
            if let Some((to, place)) = run {
                sockets.send_train(to, &train[place], each);
            }
        };
        for start in (0..train.len().max(1)).step_by(each.max(1)) {
            let place = start..train.len().min(start + each);
            let datagram = &train[place.clone()];
            match relay.handle_datagram(path, datagram, now) {
                Ok(Forward::Udp(to)) => match &mut run {
                    Some((way, places)) if *way == to && places.end == start => {
                        places.end = place.end;
                    }
                    Some(_) | None => send(sockets, run.replace((to, place))),
                },
                Ok(Forward::Nowhere | Forward::Tun) => drain(relay, sockets),
                Err(reject) => {
                    tracing::trace!(from = %path.remote, length = datagram.len(), %reject, "dropped");
                    drain(relay, sockets);
                }
            }
        }
        send(sockets, run);
    });
}

fn drain(relay: &mut Relay, sockets: &mut Sockets) {
    while let Some(output) = relay.poll_output() {
        match output {
            Output::Send { path, datagram } => sockets.send(path, &datagram),
            Output::Event(event) => log(event),
        }
    }
}

fn setup(node: Node, config: &Config) -> Result<Setup> {
    let addresses = config.public();
    let same_family = |dc: &std::net::SocketAddr| {
        let mut own = config.sockets().into_iter();
        own.any(|own| own.is_ipv4() == dc.is_ipv4())
    };
    if !node.dc_addresses.iter().any(same_family) {
        bail!(
            "the coordinator is at {:?}, and this relay listens on no address of that kind: add one to `listen` in {}",
            node.dc_addresses,
            crate::config::FILE
        );
    }
    let instance = random::<8>()?;
    Ok(Setup {
        key: node.key,
        dc_key: node.dc_key,
        dc_addresses: node.dc_addresses,
        addresses,
        instance,
        limits: config.limits,
    })
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).context("the kernel gives no randomness")?;
    Ok(bytes)
}

fn greet(node: &Node, config: &Config) {
    tracing::info!(name = %node.name, node = %node.node, addresses = ?config.public(), "relay starts");
    for public in config.public() {
        if !address::is_candidate(public) {
            tracing::warn!(address = %public, "gateways never use such an address: fine for a trial, no more");
        }
    }
}

fn log(event: Event) {
    let hex = |tunnel: ntm_proto::id::TunnelId| {
        let bytes = tunnel.0.iter().map(|byte| format!("{byte:02x}"));
        bytes.collect::<String>()
    };
    match event {
        Event::Connected(dc) => tracing::info!(%dc, "coordinator answers"),
        Event::Registered { observed } => tracing::info!(%observed, "registered"),
        Event::Disconnected => tracing::warn!("coordinator is silent; paths go on, looking for it"),
        Event::Announced(tunnel) => tracing::debug!(tunnel = hex(tunnel), "path announced"),
        Event::Refused(tunnel) => tracing::warn!(tunnel = hex(tunnel), "path refused: limit"),
        Event::Bound {
            path,
            before,
            address,
        } => match before {
            None => tracing::debug!(%path, %address, "end is here"),
            Some(before) => tracing::debug!(%path, %before, %address, "end moved"),
        },
        Event::Removed(tunnel, why) => {
            let why = match why {
                Removal::Closed => "closed",
                Removal::NeverBound => "an end never came",
                Removal::Idle => "idle",
                Removal::Displaced => "displaced",
            };
            tracing::debug!(tunnel = hex(tunnel), why, "path gone");
        }
    }
}
