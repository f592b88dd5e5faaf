//! The Account Server's sockets: TLS and HTTP/1 around [`Api`], with a bound on connections and on every wait.

mod api;

pub(crate) use api::Api;

use crate::allowance::{Allowance, Crowd};
use crate::keys::Certificate;
use anyhow::{Context, Result};
use axum::Extension;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use ntm_proto::address::canonical;
use rustls::ServerConfig;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// Connections at a time.
const CONNECTIONS: usize = 64;
/// Of one network.
const OF_ONE: usize = 16;
/// For the handshake, and for each request's header.
const PATIENCE: Duration = Duration::from_secs(10);
/// For a whole connection.
const LIFE: Duration = Duration::from_secs(30);
/// Connections per minute from one network, so that none can hold all places.
const PER_MINUTE: u32 = 60;
const NETWORKS: usize = 4096;

/// What all sockets share.
#[derive(Clone)]
pub(crate) struct AccountServer {
    tls: TlsAcceptor,
    api: Arc<Api>,
    places: Arc<Semaphore>,
    allowance: Arc<Mutex<Allowance>>,
    crowd: Crowd,
}

impl AccountServer {
    /// A server that shows `certificate`.
    pub(crate) fn new(certificate: Certificate, api: Api) -> Result<Self> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .context("TLS")?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.certificate], certificate.key)
            .context("as.crt and as.key do not belong together; restore both from a backup")?;
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let allowance = Allowance::new(PER_MINUTE, Duration::from_secs(60), NETWORKS);
        Ok(Self {
            tls: TlsAcceptor::from(Arc::new(tls)),
            api: Arc::new(api),
            places: Arc::new(Semaphore::new(CONNECTIONS)),
            allowance: Arc::new(Mutex::new(allowance)),
            crowd: Crowd::new(OF_ONE),
        })
    }

    /// Accepts for ever.
    pub(crate) async fn serve(self, listener: TcpListener) {
        loop {
            let Ok(place) = self.places.clone().acquire_owned().await else {
                return;
            };
            let stream = match listener.accept().await {
                Ok((stream, source)) if self.may_come(source.ip()) => (stream, source.ip()),
                Ok((_, source)) => {
                    tracing::debug!(%source, "too many connections to the account server");
                    continue;
                }
                Err(error) => {
                    // Out of file descriptors, for one: wait for some to come back.
                    tracing::warn!(%error, "cannot accept a connection to the account server");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                }
            };
            let Some(present) = self.crowd.enter(stream.1) else {
                tracing::debug!(source = %stream.1, "too many open connections to the account server");
                continue;
            };
            let server = self.clone();
            tokio::spawn(async move {
                let (stream, source) = stream;
                let source = canonical(source);
                match timeout(LIFE, server.converse(stream, source)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::debug!(%source, "enrolment connection: {error:#}"),
                    Err(_) => tracing::debug!(%source, "enrolment connection took too long"),
                }
                drop((place, present));
            });
        }
    }

    fn may_come(&self, source: IpAddr) -> bool {
        let mut allowance = self
            .allowance
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        allowance.take(source, Instant::now())
    }

    async fn converse(&self, stream: TcpStream, source: IpAddr) -> Result<()> {
        let stream = timeout(PATIENCE, self.tls.accept(stream)).await??;
        let router = api::router(self.api.clone()).layer(Extension(source));
        hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .max_buf_size(32 * 1024)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
            .await?;
        Ok(())
    }
}
