//! The domain's name server: sockets around [`Zone`], which knows what to answer.
//!
//! UDP runs on hickory's server; TCP on a loop of our own that bounds connections. Each network may have so many
//! answers per second; past that every second query is told to come by TCP, which proves its address, and the
//! others get nothing, so the server is no amplifier.

mod tcp;

use crate::allowance::Allowance;
use crate::desk::Desk;
use anyhow::Result;
use hickory_proto::op::{Header, HeaderCounts, MessageType, Metadata, ResponseCode};
use hickory_server::Server;
use hickory_server::net::runtime::Time;
use hickory_server::net::xfer::Protocol;
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;
use ntm_dc::dns::{Plan, Reply, Zone, echo, edns, metadata};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::Semaphore;

/// Answers per second and network, and how many networks are told apart.
const ANSWERS: u32 = 50;
const NETWORKS: usize = 2048;
/// Queries by UDP worked on at a time; past that they are as good as lost, and resolvers ask again.
const QUERIES: usize = 64;

/// The sockets of one name server.
#[derive(Default)]
pub(crate) struct Sockets {
    pub(crate) udp: Vec<UdpSocket>,
    pub(crate) tcp: Vec<TcpListener>,
}

/// Serves until dropped.
pub(crate) async fn serve(sockets: Sockets, zone: Zone, desk: Desk) -> Result<()> {
    let handler = Handler(Arc::new(Inner {
        zone,
        desk,
        limit: Mutex::new(Limit::new()),
        places: Semaphore::new(QUERIES),
    }));
    let mut server = Server::new(handler.clone());
    for socket in sockets.udp {
        server.register_socket(socket);
    }
    let connections = tcp::connections();
    for listener in sockets.tcp {
        tokio::spawn(tcp::serve(listener, handler.clone(), connections.clone()));
    }
    server.block_until_done().await?;
    Ok(())
}

/// Answers requests; shared by all sockets.
#[derive(Clone)]
struct Handler(Arc<Inner>);

struct Inner {
    zone: Zone,
    desk: Desk,
    limit: Mutex<Limit>,
    places: Semaphore,
}

struct Limit {
    allowance: Allowance,
    refused: u64,
}

impl Limit {
    fn new() -> Self {
        Self {
            allowance: Allowance::new(2 * ANSWERS, Duration::from_secs(2), NETWORKS),
            refused: 0,
        }
    }

    /// `None`: answer. `Some(true)`: tell it to come by TCP. `Some(false)`: silence.
    fn check(&mut self, request: &Request, now: Instant) -> Option<bool> {
        if request.protocol() != Protocol::Udp || self.allowance.take(request.src().ip(), now) {
            return None;
        }
        self.refused += 1;
        Some(self.refused.is_multiple_of(2))
    }
}

impl Handler {
    /// The reply, or `None` for silence.
    async fn reply(&self, request: &Request) -> Option<Reply> {
        let limited = {
            let mut limit = self.0.limit.lock().unwrap_or_else(PoisonError::into_inner);
            limit.check(request, Instant::now())
        };
        match limited {
            Some(true) => return Some(Reply::truncated()),
            Some(false) => return None,
            None => {}
        }
        // TCP has its own bound, by connections.
        let is_udp = request.protocol() == Protocol::Udp;
        let _place = match self.0.places.try_acquire() {
            Ok(place) => Some(place),
            Err(_) if is_udp => return None,
            Err(_) => None,
        };
        let (query, look) = match self.0.zone.plan(request) {
            Plan::Say(code) => return Some(Reply::code(code)),
            Plan::Look(query, look) => (query, look),
        };
        let facts = self.0.desk.look(look).await;
        let failed = || Reply::code(ResponseCode::ServFail);
        Some(facts.map_or_else(failed, |facts| self.0.zone.answer(&query, &facts)))
    }
}

// By hand what `#[async_trait]` would write.
impl RequestHandler for Handler {
    fn handle_request<'life0, 'life1, 'async_trait, R, T>(
        &'life0 self,
        request: &'life1 Request,
        mut out: R,
    ) -> Pin<Box<dyn Future<Output = ResponseInfo> + Send + 'async_trait>>
    where
        R: ResponseHandler + 'async_trait,
        T: Time + 'async_trait,
        'life0: 'async_trait,
        'life1: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            let nothing = || {
                let id = request.metadata.id;
                let metadata = Metadata::new(id, MessageType::Response, request.metadata.op_code);
                let counts = HeaderCounts::default();
                ResponseInfo::from(Header { metadata, counts })
            };
            let Some(reply) = self.reply(request).await else {
                return nothing();
            };
            let edns = edns(request);
            let queries = echo(request);
            let builder = MessageResponseBuilder::new(&queries, edns.as_ref());
            let response = builder.build(
                metadata(request, &reply),
                &reply.answers,
                &reply.authority,
                &[],
                &reply.additional,
            );
            out.send_response(response).await.unwrap_or_else(|error| {
                tracing::debug!(%error, source = %request.src(), "DNS answer not sent");
                nothing()
            })
        })
    }
}
