//! The loop around the coordinator: one task owns it and the store, and does what it says.
//!
//! Datagrams, questions of the other tasks and time go in; after each the outputs are drained to the last. Records
//! to save are written in one transaction per round, before the coordinator hears that they are safe.

mod answers;

use crate::config::Config;
use crate::desk::Question;
use crate::journal::Journal;
use crate::store::Store;
use crate::{finder, keys};
use anyhow::Result;
use ntm_dc::{Coordinator, Event, Limits, Output, Record, Setup};
use ntm_proto::id::Fqdn;
use ntm_proto::key::SecretKey;
use ntm_proto::message::MAX_DOMAINS;
use ntm_proto::{MAX_DATAGRAM, Path};
use serde_json::Value;
use socket2::SockRef;
use std::collections::HashMap;
use std::future::poll_fn;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::net::UdpSocket;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Datagrams taken from one socket before the others have their turn.
const TURN: usize = 64;
/// Addresses whose last sign of life is remembered.
const MAX_SEEN: usize = 65_536;

/// Where the coordinator of a domain is, and for how long that holds.
type Found = (Fqdn, Vec<SocketAddr>, Duration);

/// The one owner.
pub(crate) struct Shell {
    config: Config,
    coordinator: Coordinator,
    store: Store,
    sockets: Vec<(SocketAddr, UdpSocket)>,
    /// Where those report who ask DNS, and what they reported.
    found: (Sender<Found>, Receiver<Found>),
    /// Added to the zone's serial number, so that it grows over restarts, too.
    serial: u32,
    seen: HashMap<SocketAddr, Instant>,
    journal: Journal,
    /// Counts for the operator's page, and when they were made.
    census: Option<(Instant, Value)>,
    started: Instant,
    received: u64,
    sent: u64,
}

impl Shell {
    /// A shell around a coordinator that knows what `store` holds.
    pub(crate) fn new(
        config: Config,
        key: &SecretKey,
        store: Store,
        sockets: Vec<UdpSocket>,
        journal: Journal,
    ) -> Result<Self> {
        let now = Instant::now();
        let coordinator = coordinator(&config, key, &store, now)?;
        let with_address = |socket: UdpSocket| Ok((socket.local_addr()?, socket));
        Ok(Self {
            config,
            coordinator,
            store,
            sockets: sockets
                .into_iter()
                .map(with_address)
                .collect::<Result<_>>()?,
            found: channel(MAX_DOMAINS),
            // RFC 1982 arithmetic: it may wrap.
            serial: wall_seconds() as u32,
            seen: HashMap::new(),
            journal,
            census: None,
            started: now,
            received: 0,
            sent: 0,
        })
    }

    /// Runs until dropped.
    pub(crate) async fn run(mut self, mut questions: Receiver<Question>) {
        let mut buffer = vec![0; MAX_DATAGRAM];
        self.drain();
        loop {
            let due = self.coordinator.poll_timeout();
            tokio::select! {
                () = readable(&self.sockets) => {
                    self.receive(&mut buffer);
                    // A flood would keep name server, logins and signals waiting: the runtime looks for others' work only
                    // when it has its turn.
                    tokio::task::yield_now().await;
                }
                Some(question) = questions.recv() => self.answer(question),
                Some((domain, addresses, life)) = self.found.1.recv() => {
                    let now = Instant::now();
                    self.coordinator.handle_domain_found(&domain, addresses, life, now);
                }
                () = until(due) => self.coordinator.handle_timeout(Instant::now()),
            }
            self.drain();
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) {
        for (local, socket) in &self.sockets {
            for _ in 0..TURN {
                let (length, remote) = match socket.try_recv_from(buffer) {
                    Ok(received) => received,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => {
                        tracing::debug!(%local, %error, "cannot receive");
                        break;
                    }
                };
                self.received += 1;
                let path = Path {
                    local: *local,
                    remote,
                };
                let now = Instant::now();
                match self
                    .coordinator
                    .handle_datagram(path, &buffer[..length], now)
                {
                    Ok(()) => see(&mut self.seen, remote, now),
                    Err(reject) => tracing::debug!(%remote, length, "rejected: {reject}"),
                }
            }
        }
    }

    /// Does all that the coordinator wants, until it wants nothing.
    fn drain(&mut self) {
        loop {
            let mut records = Vec::new();
            let mut tickets = Vec::new();
            while let Some(output) = self.coordinator.poll_output() {
                match output {
                    Output::Send { path, datagram } => self.send(path, &datagram),
                    Output::Save { ticket, record } => {
                        tickets.push(ticket);
                        records.push(record);
                    }
                    Output::FindDomain { domain } => self.find(domain),
                    Output::Event(event) => {
                        log(&event);
                        self.journal.note(kind(&event), || event.to_string());
                    }
                }
            }
            if tickets.is_empty() {
                return;
            }
            self.save(&tickets, &records);
        }
    }

    fn save(&mut self, tickets: &[u64], records: &[Record]) {
        let saved = self.store.save(records);
        let now = Instant::now();
        for (&ticket, saved) in tickets.iter().zip(saved) {
            self.coordinator.handle_saved(ticket, saved, now);
        }
    }

    fn send(&mut self, path: Path, datagram: &[u8]) {
        let fits = |local: &SocketAddr| match path.local.ip().is_unspecified() {
            true => local.is_ipv4() == path.remote.is_ipv4(),
            false => *local == path.local,
        };
        let Some((local, socket)) = self.sockets.iter().find(|(local, _)| fits(local)) else {
            tracing::debug!(remote = %path.remote, "no socket to send from");
            return;
        };
        // Past the runtime, which believes that a socket is full until it has heard otherwise.
        match SockRef::from(socket).send_to(datagram, &path.remote.into()) {
            Ok(_) => self.sent += 1,
            // As good as lost on the way: the coordinator says it again.
            Err(error) => tracing::debug!(%local, remote = %path.remote, %error, "cannot send"),
        }
    }

    fn find(&self, domain: Fqdn) {
        let report = self.found.0.clone();
        tokio::spawn(async move {
            let (addresses, life) = finder::find(&domain).await;
            // The coordinator has its own patience.
            let _ = report.send((domain, addresses, life)).await;
        });
    }
}

fn coordinator(
    config: &Config,
    key: &SecretKey,
    store: &Store,
    now: Instant,
) -> Result<Coordinator> {
    let setup = Setup {
        domain: config.domain.clone(),
        key: key.clone(),
        prefixes: config.prefixes,
        limits: Limits::default(),
    };
    let mut coordinator = Coordinator::new(setup, store.snapshot()?, keys::random()?, now);
    coordinator.greetings(now);
    Ok(coordinator)
}

/// Seconds since 1970 by this machine's clock.
pub(crate) fn wall_seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs().cast_signed())
}

fn see(seen: &mut HashMap<SocketAddr, Instant>, remote: SocketAddr, now: Instant) {
    if seen.len() >= MAX_SEEN && !seen.contains_key(&remote) {
        let fresh = Duration::from_secs(600);
        seen.retain(|_, at| now.saturating_duration_since(*at) < fresh);
        if seen.len() >= MAX_SEEN {
            return;
        }
    }
    seen.insert(remote, now);
}

async fn readable(sockets: &[(SocketAddr, UdpSocket)]) {
    poll_fn(|context| {
        // All are polled, so that each one wakes us.
        let ready = sockets
            .iter()
            .filter(|(_, socket)| socket.poll_recv_ready(context).is_ready())
            .count();
        if ready > 0 {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

fn log(event: &Event) {
    match event {
        Event::Registered { .. }
        | Event::Offline { .. }
        | Event::Moved { .. }
        | Event::Named { .. }
        | Event::Forgotten { .. }
        | Event::Directed { .. }
        | Event::DomainLinked { .. }
        | Event::DomainForgotten { .. } => {
            tracing::info!("{event}");
        }
        Event::Refused { .. } => tracing::debug!("{event}"),
        Event::Clone { .. }
        | Event::RelayFailed { .. }
        | Event::DomainNotFound { .. }
        | Event::DomainSilent { .. } => tracing::warn!("{event}"),
        Event::NotSaved { .. } => tracing::error!("{event}"),
    }
}

/// The journal's word for it.
fn kind(event: &Event) -> &'static str {
    match event {
        Event::Registered { .. } => "registered",
        Event::Offline { .. } => "offline",
        Event::Moved { .. } => "moved",
        Event::Named { .. } | Event::Forgotten { .. } => "named",
        Event::Directed { .. } => "directed",
        Event::Refused { .. } => "refused",
        Event::DomainLinked { .. } | Event::DomainForgotten { .. } => "domain",
        Event::Clone { .. }
        | Event::RelayFailed { .. }
        | Event::DomainNotFound { .. }
        | Event::DomainSilent { .. }
        | Event::NotSaved { .. } => "trouble",
    }
}
