//! DNS over TCP (RFC 7766): a bounded number of connections, each with a time limit per message.

use super::Handler;
use crate::allowance::Crowd;
use anyhow::Result;
use hickory_server::net::xfer::Protocol;
use hickory_server::server::Request;
use ntm_dc::dns::encode;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Connections at a time, on all sockets.
const CONNECTIONS: usize = 64;
/// Of one network.
const OF_ONE: usize = 16;
/// How long a client may take for one message, or stay silent.
const PATIENCE: Duration = Duration::from_secs(5);
/// No query we can answer is longer.
const MAX_QUERY: usize = 4096;
/// Messages on one connection.
const MESSAGES: usize = 100;

/// The places for connections, in all and of each network.
pub(super) fn connections() -> (Arc<Semaphore>, Crowd) {
    (Arc::new(Semaphore::new(CONNECTIONS)), Crowd::new(OF_ONE))
}

/// Accepts for ever.
pub(super) async fn serve(
    listener: TcpListener,
    handler: Handler,
    (places, crowd): (Arc<Semaphore>, Crowd),
) {
    loop {
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, source)) => {
                // Hung up on at once: it must not keep a place from others.
                let Some(present) = crowd.enter(source.ip()) else {
                    continue;
                };
                let handler = handler.clone();
                tokio::spawn(async move {
                    let done = converse(stream, source, &handler).await;
                    if let Err(error) = done {
                        tracing::debug!(%source, "DNS over TCP ended: {error:#}");
                    }
                    drop((place, present));
                });
            }
            Err(error) => {
                // Out of file descriptors, for one: wait for some to come back.
                tracing::warn!(%error, "cannot accept a DNS connection");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn converse(mut stream: TcpStream, source: SocketAddr, handler: &Handler) -> Result<()> {
    for _ in 0..MESSAGES {
        let Some(query) = timeout(PATIENCE, read(&mut stream)).await?? else {
            return Ok(());
        };
        let request = Request::from_bytes(query, source, Protocol::Tcp)?;
        if request.metadata.message_type != hickory_proto::op::MessageType::Query {
            return Ok(());
        }
        let Some(reply) = handler.reply(&request).await else {
            return Ok(());
        };
        let answer = encode(&request, &reply)?;
        timeout(PATIENCE, stream.write_all(&answer)).await??;
    }
    Ok(())
}

async fn read(stream: &mut TcpStream) -> Result<Option<Vec<u8>>> {
    let Ok(length) = stream.read_u16().await else {
        return Ok(None);
    };
    let length = usize::from(length);
    anyhow::ensure!(length <= MAX_QUERY, "a query of {length} bytes");
    let mut query = vec![0; length];
    stream.read_exact(&mut query).await?;
    Ok(Some(query))
}
