//! One connection: HTTP/1 in, plain [`Request`]s to the site, its [`Response`]s out, with the headers that all have.

use super::live::{self, Live};
use super::{Hall, Word, download};
use crate::{Kind, MAX_BODY, Method, Request, Response, Step};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request as HttpRequest;
use axum::http::{HeaderMap, HeaderValue, Method as HttpMethod, StatusCode, header};
use axum::response::Response as HttpResponse;
use http_body_util::{BodyExt, Limited};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long the header of a request may take, and how long a connection may be silent before the next.
pub(super) const HEADER: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 10 });
/// How long its body may take.
pub(super) const BODY: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 10 });
/// The longest life of a connection; browsers make a new one.
const LIFE: Duration = Duration::from_secs(15 * 60);
/// The longest header, in bytes (hyper's least), and the most fields.
const MAX_HEADER: usize = 8 << 10;
const MAX_FIELDS: usize = 64;

/// What every response says. Nothing from elsewhere, nothing inside the page but what is its own: names come from
/// networks, and should one ever get past the escaping, it finds nothing that would run it.
const EVERYWHERE: [(&str, &str); 6] = [
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    (
        "Permissions-Policy",
        "camera=(), microphone=(), geolocation=()",
    ),
];

pub(super) async fn serve<K: Kind>(stream: TcpStream, peer: SocketAddr, hall: &Arc<Hall<K>>) {
    let Ok(own) = stream.local_addr() else {
        return;
    };
    let hall = hall.clone();
    // The table of routes is the site's; axum gives the types and the service.
    let router: Router = Router::new().fallback(move |request: HttpRequest| {
        let hall = hall.clone();
        async move { answer(&hall, request, peer, own).await }
    });
    speak(Box::new(stream), router).await;
}

/// A connection of whatever kind: by one type, HTTP is in the program once.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// HTTP/1 on a connection, to its end.
pub(super) async fn speak(stream: Box<dyn Stream>, router: Router) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER)
        .max_buf_size(MAX_HEADER)
        .max_headers(MAX_FIELDS)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    if let Ok(Err(error)) = timeout(LIFE, connection).await {
        tracing::debug!(%error, "a connection broke");
    }
}

async fn answer<K: Kind>(
    hall: &Arc<Hall<K>>,
    request: HttpRequest,
    peer: SocketAddr,
    own: SocketAddr,
) -> HttpResponse {
    let is_head = request.method() == HttpMethod::HEAD;
    let request = match read(request, peer, own).await {
        Ok(request) => request,
        Err(response) => return finish(response, is_head),
    };
    let stopping = || Response::text(503, "It is stopping.");
    let step = hall
        .tell(|reply| Word::Request(Box::new(request), reply))
        .await;
    let mut response = match step {
        None => stopping(),
        Some(Step::Answer(response)) => response,
        Some(Step::Ask(ask, pending)) => {
            let result = super::ask(&*hall.daemon, ask).await;
            let word = |reply| Word::Result(Box::new((pending, result)), reply);
            hall.tell(word).await.unwrap_or_else(stopping)
        }
        Some(Step::Watch(watch)) => {
            return match hall.lives.clone().try_acquire_owned() {
                Ok(place) => stream(live::start(hall.clone(), watch, place)),
                Err(_) => finish(Response::text(503, "Too many pages are open."), false),
            };
        }
    };
    if K::FILES
        && let Some(path) = response.from.take()
    {
        return match download::open(&path) {
            Ok((length, content)) => {
                let length = ("Content-Length", length.to_string());
                response.headers.push(length);
                let mut out = finish(response, true);
                *out.body_mut() = Body::new(content);
                out
            }
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "a file that was to be sent is gone");
                finish(Response::text(500, "It is gone."), is_head)
            }
        };
    }
    finish(response, is_head)
}

pub(super) async fn read(
    request: HttpRequest,
    peer: SocketAddr,
    own: SocketAddr,
) -> Result<Request, Response> {
    let (head, body) = request.into_parts();
    let field = |name| one(&head.headers, name);
    let (method, path) = (method(&head.method), head.uri.path().to_owned());
    let query = head.uri.query().unwrap_or_default().to_owned();
    let (host, origin) = (field("host"), field("origin"));
    let (fetch_site, cookie) = (field("sec-fetch-site"), field("cookie"));
    let (language, content_type) = (field("accept-language"), field("content-type"));
    let (etag, token) = (field("if-none-match"), field("x-ntm-token"));
    let collected = timeout(BODY, Limited::new(body, MAX_BODY).collect()).await;
    let body = match collected {
        Ok(Ok(body)) => body.to_bytes().to_vec(),
        Ok(Err(_)) => return Err(Response::text(413, "That is too much.")),
        Err(_) => return Err(Response::text(408, "That took too long.")),
    };
    Ok(Request {
        method,
        path,
        query,
        host,
        origin,
        fetch_site,
        cookie,
        language,
        content_type,
        etag,
        token,
        body,
        peer,
        own,
    })
}

fn method(method: &HttpMethod) -> Method {
    match *method {
        HttpMethod::GET | HttpMethod::HEAD => Method::Get,
        HttpMethod::POST => Method::Post,
        HttpMethod::PUT => Method::Put,
        _ => Method::Other,
    }
}

/// A field that is there once. Of two, one might be judged and the other believed.
fn one(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut all = headers.get_all(name).iter();
    let first = all.next()?;
    if all.next().is_some() {
        // Neither may be taken for none: two hosts, or two origins, are nobody's.
        return Some(String::new());
    }
    Some(first.to_str().unwrap_or_default().to_owned())
}

pub(super) fn finish(response: Response, is_head: bool) -> HttpResponse {
    let body = match response.body {
        _ if is_head => Body::empty(),
        Cow::Borrowed(bytes) => Body::from(Bytes::from_static(bytes)),
        Cow::Owned(bytes) => Body::from(bytes),
    };
    let mut out = HttpResponse::new(body);
    *out.status_mut() =
        StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = out.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(response.content_type),
    );
    let keeps = response
        .headers
        .iter()
        .any(|(name, _)| *name == "Cache-Control");
    if !keeps {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    for (name, value) in EVERYWHERE {
        headers.insert(name, HeaderValue::from_static(value));
    }
    for (name, value) in response.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.append(name, value);
        }
    }
    out
}

fn stream(live: Live) -> HttpResponse {
    let events = Response {
        status: 200,
        content_type: "text/event-stream",
        headers: Vec::new(),
        body: Vec::new().into(),
        from: None,
    };
    let mut out = finish(events, true);
    *out.body_mut() = Body::new(live);
    out
}
