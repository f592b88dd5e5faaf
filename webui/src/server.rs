//! The shell around [`Site`]: a thread of its own with HTTP, bounded in everything a stranger could make large.
//!
//! One task owns the site; each connection's task asks it, and asks the daemon where the site says so. The daemon's thread
//! is never waited for by packets: it gets a question as from the command line, and everything slow happens here.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the shell owns clock and sockets"
)]

mod connection;
mod download;
mod live;
pub mod local;
#[cfg(test)]
mod tests;

use crate::{Gateway, Kind, Pending, Place, Request, Response, Setup, Site, Step, Watch};
use serde_json::Value;
use socket2::{Domain, Socket, TcpKeepalive, Type};
use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener as StdListener};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};

/// The most connections, and those of one address.
const MAX_CONNECTIONS: usize = 32;
const MAX_OF_ONE: usize = 12;
/// The most pages that are kept up to date at a time.
const MAX_LIVE: usize = 8;
/// A browser that takes nothing of what we send is gone.
const TAKES_NOTHING: Duration = Duration::from_secs(20);
/// How many requests may wait for the site; no connection has more than one.
const CHANNEL: usize = MAX_CONNECTIONS;
/// How often the password's file is looked at, at most.
const LOOK: Duration = Duration::from_secs(1);

/// A future answer of the daemon.
pub type Asked = Pin<Box<dyn Future<Output = Result<Value, String>> + Send>>;

/// The daemon, as the page knows it.
pub trait Daemon<K: Kind = Gateway>: Send + Sync + 'static {
    /// Puts a question; the error is a sentence for people.
    fn ask(&self, ask: K::Ask) -> Asked;
    /// The password's hash as it is kept; `None`: there is none.
    fn password(&self) -> Option<String>;
    /// The gateway's own name, by which the page is found as well; `None`: it has none yet.
    fn name(&self) -> Option<String> {
        None
    }
}

/// Asks, and goes on with it when nobody waits any more: half a change, on disk but not in force, is worse than none.
async fn ask<K: Kind>(daemon: &dyn Daemon<K>, ask: K::Ask) -> Result<Value, String> {
    let asked = tokio::spawn(daemon.ask(ask));
    asked
        .await
        .unwrap_or_else(|error| Err(format!("it went wrong: {error}")))
}

/// What the owner of the site is told.
enum Word<K: Kind> {
    Request(Box<Request>, oneshot::Sender<Step<K>>),
    Result(
        Box<(Pending<K>, Result<Value, String>)>,
        oneshot::Sender<Response>,
    ),
    Look(
        Watch<K>,
        Result<Value, String>,
        oneshot::Sender<Option<String>>,
    ),
}

/// What connections share.
struct Hall<K: Kind> {
    daemon: Arc<dyn Daemon<K>>,
    words: mpsc::Sender<Word<K>>,
    lives: Arc<Semaphore>,
    by_address: Mutex<BTreeMap<IpAddr, usize>>,
}

/// The server. It ends with this value, as the process does: nothing of it is worth waiting for.
pub struct Server {
    _stop: oneshot::Sender<()>,
}

impl Server {
    /// Serves on the LAN's address, from a thread of its own. The address may come later than we do.
    pub fn start(setup: Setup, daemon: Arc<dyn Daemon>) -> io::Result<Self> {
        let listener = listen(&setup.place)?;
        Self::open(setup, daemon, listener)
    }

    /// Serves any kind of site. Each kind calls it from this crate, so that its code is built as this crate's is.
    pub(crate) fn open<K: Kind>(
        setup: Setup<K::Place>,
        daemon: Arc<dyn Daemon<K>>,
        listener: StdListener,
    ) -> io::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        thread::Builder::new()
            .name("web".into())
            // musl's default is 128 KiB, and a debug build's futures are large.
            .stack_size(512 << 10)
            .spawn(move || runtime.block_on(serve(setup, daemon, listener, stopped)))?;
        Ok(Self { _stop: stop })
    }
}

fn listen(place: &Place) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None)?;
    socket.set_freebind_v4(true)?;
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::new(place.address.into(), place.port).into())?;
    socket.listen(32)?;
    Ok(socket.into())
}

async fn serve<K: Kind>(
    setup: Setup<K::Place>,
    daemon: Arc<dyn Daemon<K>>,
    listener: StdListener,
    mut stopped: oneshot::Receiver<()>,
) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "no page"),
    };
    let (words, told) = mpsc::channel(CHANNEL);
    let mut site = Site::<K>::new(setup, daemon.password(), Instant::now());
    site.named(daemon.name());
    tokio::spawn(own(site, daemon.clone(), told));
    let hall = Arc::new(Hall {
        daemon,
        words,
        lives: Arc::new(Semaphore::new(MAX_LIVE)),
        by_address: Mutex::new(BTreeMap::new()),
    });
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            _ = &mut stopped => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Some(seat) = Seat::take(&hall, peer.ip()) else {
                    continue;
                };
                if let Err(error) = bound(&stream) {
                    tracing::debug!(%error, "a connection to the page is gone");
                    continue;
                }
                tokio::spawn(async move {
                    connection::serve(stream, peer, &seat.hall).await;
                    drop((seat, place));
                });
            }
            Err(error) => {
                tracing::debug!(%error, "no connection to the page");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// What is sent and never taken must not be kept for long.
fn bound(stream: &TcpStream) -> io::Result<()> {
    let socket = socket2::SockRef::from(stream);
    socket.set_tcp_user_timeout(Some(TAKES_NOTHING))?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(TAKES_NOTHING))?;
    socket.set_tcp_nodelay(true)
}

/// One of the places that an address has.
struct Seat<K: Kind> {
    hall: Arc<Hall<K>>,
    address: IpAddr,
}

impl<K: Kind> Seat<K> {
    fn take(hall: &Arc<Hall<K>>, address: IpAddr) -> Option<Self> {
        let mut all = hall
            .by_address
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let taken = all.entry(address).or_insert(0);
        if *taken >= MAX_OF_ONE {
            return None;
        }
        *taken += 1;
        Some(Self {
            hall: hall.clone(),
            address,
        })
    }
}

impl<K: Kind> Drop for Seat<K> {
    fn drop(&mut self) {
        let all = self.hall.by_address.lock();
        let mut all = all.unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = all.get_mut(&self.address) {
            *taken -= 1;
            if *taken == 0 {
                all.remove(&self.address);
            }
        }
    }
}

/// The one task that has the site.
async fn own<K: Kind>(
    mut site: Site<K>,
    daemon: Arc<dyn Daemon<K>>,
    mut told: mpsc::Receiver<Word<K>>,
) {
    let mut looked = Instant::now();
    while let Some(word) = told.recv().await {
        let now = Instant::now();
        // `ntm-gateway password` may have changed it.
        if now.saturating_duration_since(looked) >= LOOK {
            looked = now;
            site.password_changed(daemon.password());
            site.named(daemon.name());
        }
        // Who asked may be gone: fine.
        match word {
            Word::Request(request, reply) => drop(reply.send(site.handle_request(&request, now))),
            Word::Result(result, reply) => {
                let (pending, result) = *result;
                drop(reply.send(site.handle_result(pending, result, now)));
            }
            Word::Look(watch, result, reply) => {
                drop(reply.send(site.handle_look(&watch, &result, now)));
            }
        }
    }
}

impl<K: Kind> Hall<K> {
    async fn tell<T>(&self, word: impl FnOnce(oneshot::Sender<T>) -> Word<K>) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.words.send(word(reply)).await.ok()?;
        answer.await.ok()
    }
}
