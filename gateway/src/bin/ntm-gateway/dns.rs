//! The devices' DNS server: names of our domain and of those it trusts are asked of the machine, all others are
//! forwarded.
//!
//! ```text
//! name in the domain or under one it trusts, or the reverse name of a virtual address
//!     ours            our virtual address, at once
//!     known           A: the virtual address, for another domain's device its alias here; AAAA and the rest: NODATA
//!     unknown         NXDOMAIN         not allowed   REFUSED
//!     unreachable now SERVFAIL: resolvers do not keep that, so the next question may go well
//! anything else       forwarded; addresses of the virtual range and of the LAN are taken out of the answer
//! ```

mod forward;
mod share;
mod tcp;

use crate::question::Question;
use anyhow::{Context, Result};
use forward::Forwarder;
use hickory_proto::op::{Edns, Header, HeaderCounts, Metadata, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name};
use hickory_proto::serialize::binary::BinEncoder;
use hickory_server::Server;
use hickory_server::net::runtime::Time;
use hickory_server::net::xfer::Protocol;
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;
use ipnet::{IpNet, Ipv4Net};
use ntm_gateway::Unresolved;
use ntm_gateway::config::Config;
use ntm_gateway::dns::answer::{self, Answer, Asked};
use ntm_gateway::dns::{MAX_UDP, Zone, echo, is_readable};
use ntm_proto::id::{Fqdn, Identity};
use share::{Share, Shares};
use socket2::{Domain, Socket, Type};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::debug;

/// How long the machine may take for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many questions are worked on at a time.
const MAX_QUESTIONS: usize = 256;
/// Of one host.
const OF_ONE: Share = Share {
    open: 32,
    per_second: 50.0,
    burst: 200.0,
};

/// Of a server that asks for all of them.
const OF_ALL: Share = Share {
    open: MAX_QUESTIONS,
    per_second: 500.0,
    burst: 1000.0,
};
/// Where that server is.
const LOOPBACK: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::LOCALHOST, 8);

/// The server. It ends with this value.
pub(crate) struct DnsServer {
    _server: Server<Handler>,
    tcp: JoinHandle<()>,
}

impl DnsServer {
    /// Serves the LAN, or the DNS server that does, and nobody else.
    pub(crate) fn start(
        config: &Config,
        zone: Zone,
        questions: mpsc::Sender<Question>,
        trusted: watch::Receiver<Vec<Fqdn>>,
    ) -> Result<Self> {
        let address = config.dns.listen;
        // Beside another server, we are asked by that alone, for all devices and for our names.
        let beside = address.ip().is_loopback();
        let lan = config.lan.net;
        let served = if beside { LOOPBACK } else { lan };
        let resolver = Arc::new(Resolver {
            forwarder: Forwarder::new(config.dns.upstream.clone(), lan, zone.prefixes),
            beside,
            zone,
            lan,
            questions,
            trusted,
            places: Semaphore::new(MAX_QUESTIONS),
            shares: Shares::new(if beside { OF_ALL } else { OF_ONE }),
        });
        let everyone_else: [IpNet; 2] =
            [Ipv4Net::default().into(), ipnet::Ipv6Net::default().into()];
        let mut server = Server::with_access(
            Handler(resolver.clone()),
            everyone_else,
            [IpNet::V4(served.trunc())],
        );
        let taken = || {
            format!(
                "cannot serve DNS on {address}; does another DNS server hold the port? Where dnsmasq serves the LAN, set the LAN's dhcp to \"follow\""
            )
        };
        server.register_socket(UdpSocket::from_std(
            bind(address, Type::DGRAM).with_context(taken)?.into(),
        )?);
        let listener = bind(address, Type::STREAM).with_context(taken)?;
        listener.listen(64).with_context(taken)?;
        let listener = TcpListener::from_std(listener.into())?;
        Ok(Self {
            _server: server,
            tcp: tokio::spawn(tcp::serve(listener, resolver, served)),
        })
    }
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        self.tcp.abort();
    }
}

fn bind(address: SocketAddr, kind: Type) -> Result<Socket> {
    let socket = Socket::new(Domain::IPV4, kind.nonblocking(), None)?;
    // The LAN's address may come later than we do.
    socket.set_freebind_v4(true)?;
    if kind == Type::STREAM {
        socket.set_reuse_address(true)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Answers one question at a time, many times at once.
struct Resolver {
    zone: Zone,
    lan: Ipv4Net,
    questions: mpsc::Sender<Question>,
    /// The other domains that ours trusts.
    trusted: watch::Receiver<Vec<Fqdn>>,
    forwarder: Forwarder,
    /// Whether another server serves the LAN, and asks us for our names.
    beside: bool,
    places: Semaphore,
    shares: Shares,
}

impl Resolver {
    async fn answer(&self, request: &Request) -> Answer {
        let Some(_share) = self.shares.take(request.src().ip(), Instant::now()) else {
            return Answer::code(ResponseCode::ServFail);
        };
        let Ok(_place) = self.places.try_acquire() else {
            return Answer::code(ResponseCode::ServFail);
        };
        if request.metadata.op_code != OpCode::Query {
            return Answer::code(ResponseCode::NotImp);
        }
        let Ok(info) = request.request_info() else {
            return Answer::code(ResponseCode::FormErr);
        };
        if !is_readable(request) {
            return Answer::code(ResponseCode::FormErr);
        }
        if info.query.query_class() != DNSClass::IN {
            return Answer::code(ResponseCode::Refused);
        }
        let query = info.query.original();
        let asked = answer::classify(query.name(), &self.zone, &self.trusted.borrow());
        if asked != Asked::Foreign {
            return self
                .answer_ours(query, asked, self.asker(request.src()))
                .await;
        }
        if self.beside {
            // It may be whom we would ask.
            return Answer::code(ResponseCode::Refused);
        }
        let dnssec = request
            .edns
            .as_ref()
            .is_some_and(|edns| edns.flags().dnssec_ok);
        let tcp = request.protocol() == Protocol::Tcp;
        self.forwarder.ask(query, info.metadata, dnssec, tcp).await
    }

    async fn answer_ours(&self, query: &Query, asked: Asked, asker: Ipv4Addr) -> Answer {
        let (name, kind, zone) = (query.name(), query.query_type(), &self.zone);
        match asked {
            Asked::Apex => Answer::nothing_here(zone),
            Asked::Own => Answer::of_name(name, kind, zone.vip4, zone),
            Asked::NoName | Asked::Foreign => Answer::no_such_name(zone),
            Asked::Name(fqdn) => {
                let found = self.ask_name(asker, fqdn).await;
                self.found(name, zone, found, |identity| {
                    Answer::of_name(name, kind, identity.vip4, zone)
                })
            }
            Asked::Trusted {
                domain,
                name: asked,
            } => {
                let zone = &Zone {
                    domain,
                    ..zone.clone()
                };
                let Some(asked) = asked else {
                    return Answer::no_such_name(zone);
                };
                let found = self.ask_name(asker, asked).await;
                self.found(name, zone, found, |identity| {
                    Answer::of_name(name, kind, identity.vip4, zone)
                })
            }
            Asked::Address(address) if address == IpAddr::V4(zone.vip4) => {
                Answer::of_address(name, kind, &zone.own, zone)
            }
            Asked::Address(address) => {
                let found = self
                    .ask(|reply| Question::Address {
                        asker,
                        address,
                        reply,
                    })
                    .await;
                self.found(name, zone, found, |identity| {
                    Answer::of_address(name, kind, &identity.name, zone)
                })
            }
        }
    }

    /// The router's own programs ask as the router, which is a device, too: at its virtual address. So does a server that
    /// asks for others: whose question it is shows with the first packet.
    fn asker(&self, from: SocketAddr) -> Ipv4Addr {
        match from.ip() {
            IpAddr::V4(address) if address != self.lan.addr() && !address.is_loopback() => address,
            IpAddr::V4(_) | IpAddr::V6(_) => self.zone.vip4,
        }
    }

    async fn ask_name(&self, asker: Ipv4Addr, name: Fqdn) -> Option<Result<Identity, Unresolved>> {
        self.ask(|reply| Question::Name { asker, name, reply })
            .await
    }

    async fn ask(
        &self,
        question: impl FnOnce(oneshot::Sender<Result<Identity, Unresolved>>) -> Question,
    ) -> Option<Result<Identity, Unresolved>> {
        let (reply, answer) = oneshot::channel();
        self.questions.try_send(question(reply)).ok()?;
        timeout(PATIENCE, answer).await.ok()?.ok()
    }

    fn found(
        &self,
        name: &Name,
        zone: &Zone,
        found: Option<Result<Identity, Unresolved>>,
        answer: impl FnOnce(Identity) -> Answer,
    ) -> Answer {
        match found {
            Some(Ok(identity)) => answer(identity),
            Some(Err(error)) => {
                let code = answer::code_of(error);
                // Below INFO: any host on the LAN can ask for as many names as it likes.
                debug!(%name, "{error}");
                if code == ResponseCode::NXDomain {
                    Answer::no_such_name(zone)
                } else {
                    Answer::code(code)
                }
            }
            None => {
                debug!(%name, "the coordinator is too slow, or too many ask");
                Answer::code(ResponseCode::ServFail)
            }
        }
    }

    async fn respond(&self, request: &Request, mut handle: impl ResponseHandler) -> ResponseInfo {
        let answer = self.answer(request).await;
        let edns = edns(request);
        let queries = echo(request);
        let response = MessageResponseBuilder::new(&queries, edns.as_ref()).build(
            metadata(request, &answer),
            &answer.answers,
            &answer.authorities,
            [],
            &answer.additionals,
        );
        match handle.send_response(response).await {
            Ok(info) => info,
            Err(error) => {
                debug!(%error, "an answer was not sent");
                failed(&request.metadata)
            }
        }
    }

    /// The answer as TCP carries it: its length before it.
    async fn framed(&self, request: &Request) -> Result<Vec<u8>> {
        let answer = self.answer(request).await;
        let edns = edns(request);
        let queries = echo(request);
        let response = MessageResponseBuilder::new(&queries, edns.as_ref()).build(
            metadata(request, &answer),
            &answer.answers,
            &answer.authorities,
            [],
            &answer.additionals,
        );
        let mut bytes = Vec::with_capacity(512);
        let mut encoder = BinEncoder::new(&mut bytes);
        encoder.set_max_size(u16::MAX);
        response.destructive_emit(&mut encoder)?;
        let length = u16::try_from(bytes.len()).context("a long answer")?;
        let mut framed = length.to_be_bytes().to_vec();
        framed.append(&mut bytes);
        Ok(framed)
    }
}

fn metadata(request: &Request, answer: &Answer) -> Metadata {
    let mut metadata = Metadata::response_from_request(&request.metadata);
    metadata.recursion_available = true;
    metadata.authoritative = answer.ours;
    metadata.truncation = answer.truncated;
    metadata.response_code = answer.code;
    metadata
}

fn edns(request: &Request) -> Option<Edns> {
    request.edns.as_ref().map(|asked| {
        let mut edns = Edns::new();
        edns.set_max_payload(asked.max_payload().clamp(512, MAX_UDP))
            .set_dnssec_ok(asked.flags().dnssec_ok);
        edns
    })
}

/// What became of a response that was not sent.
fn failed(request: &Metadata) -> ResponseInfo {
    let mut metadata = Metadata::response_from_request(request);
    metadata.response_code = ResponseCode::ServFail;
    let counts = HeaderCounts::default();
    Header { metadata, counts }.into()
}

/// What the server calls.
struct Handler(Arc<Resolver>);

impl RequestHandler for Handler {
    // What #[async_trait] makes of the trait's method, written out: one use is not worth the macro.
    fn handle_request<'a, 'b, 'c, R, T>(
        &'a self,
        request: &'b Request,
        response_handle: R,
    ) -> Pin<Box<dyn Future<Output = ResponseInfo> + Send + 'c>>
    where
        R: ResponseHandler + 'c,
        T: Time + 'c,
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(self.0.respond(request, response_handle))
    }
}
