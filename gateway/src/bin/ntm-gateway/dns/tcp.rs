//! DNS over TCP (RFC 7766) for the LAN: a bounded number of connections, of each host and in all.

use super::Resolver;
use super::share::{Share, Shares};
use anyhow::{Result, ensure};
use hickory_server::net::xfer::Protocol;
use hickory_server::server::Request;
use ipnet::Ipv4Net;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tracing::debug;

/// Connections at a time.
const CONNECTIONS: usize = 64;
/// Of one host.
const OF_ONE: Share = Share {
    open: 8,
    per_second: 20.0,
    burst: 40.0,
};
/// How long a connection may be silent, or an answer take to be written.
const PATIENCE: Duration = Duration::from_secs(5);
/// No question we can answer is longer.
const MAX_QUESTION: usize = 4096;
/// Questions on one connection.
const MESSAGES: usize = 100;

/// Accepts for ever.
pub(super) async fn serve(listener: TcpListener, resolver: Arc<Resolver>, lan: Ipv4Net) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let shares = Arc::new(Shares::new(OF_ONE));
    loop {
        let (stream, source) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, for one: wait for some to come back.
                debug!(%error, "cannot accept a DNS connection");
                sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        // A host past its share, or beyond the LAN, is hung up on: waiting would be at the others' cost.
        let is_local = matches!(source.ip(), IpAddr::V4(v4) if lan.contains(&v4));
        let Some(place) = places.clone().try_acquire_owned().ok().filter(|_| is_local) else {
            continue;
        };
        let (resolver, shares) = (resolver.clone(), shares.clone());
        tokio::spawn(async move {
            if let Some(_share) = shares.take(source.ip(), Instant::now())
                && let Err(error) = converse(stream, source, &resolver).await
            {
                debug!(%source, "DNS over TCP ended: {error:#}");
            }
            drop(place);
        });
    }
}

async fn converse(mut stream: TcpStream, source: SocketAddr, resolver: &Resolver) -> Result<()> {
    for _ in 0..MESSAGES {
        let Some(question) = timeout(PATIENCE, read(&mut stream)).await?? else {
            return Ok(());
        };
        let request = Request::from_bytes(question, source, Protocol::Tcp)?;
        if request.metadata.message_type != hickory_proto::op::MessageType::Query {
            return Ok(());
        }
        let answer = resolver.framed(&request).await?;
        timeout(PATIENCE, stream.write_all(&answer)).await??;
    }
    Ok(())
}

async fn read(stream: &mut TcpStream) -> Result<Option<Vec<u8>>> {
    let Ok(length) = stream.read_u16().await else {
        return Ok(None);
    };
    let length = usize::from(length);
    ensure!(length <= MAX_QUESTION, "a question of {length} bytes");
    let mut question = vec![0; length];
    stream.read_exact(&mut question).await?;
    Ok(Some(question))
}
