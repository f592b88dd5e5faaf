//! What a browser asks and what it is told: plain values, without a socket.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The longest body taken, in bytes. Our longest form is a whole file of settings.
pub const MAX_BODY: usize = 64 << 10;
/// The most fields of a form or a query that are looked at.
const MAX_FIELDS: usize = 64;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// To read.
    Get,
    /// To change something.
    Post,
    /// To put something in the place of what is there.
    Put,
    /// Nothing we have.
    Other,
}

/// One request. Header fields are `None` if they are missing, given twice, or not ASCII.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is asked for.
    pub method: Method,
    /// The path, not decoded.
    pub path: String,
    /// What follows `?`.
    pub query: String,
    /// `Host`.
    pub host: Option<String>,
    /// `Origin`.
    pub origin: Option<String>,
    /// `Sec-Fetch-Site`.
    pub fetch_site: Option<String>,
    /// `Cookie`.
    pub cookie: Option<String>,
    /// `Accept-Language`.
    pub language: Option<String>,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `If-None-Match`.
    pub etag: Option<String>,
    /// `X-NTM-Token`: the token of a program, which has no form.
    pub token: Option<String>,
    /// What follows the header.
    pub body: Vec<u8>,
    /// Who asks.
    pub peer: SocketAddr,
    /// At which of our addresses.
    pub own: SocketAddr,
}

impl Request {
    /// The value of the cookie `name`.
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        let pairs = self.cookie.as_deref()?.split(';');
        pairs
            .filter_map(|pair| pair.trim().split_once('='))
            .find_map(|(key, value)| (key == name).then_some(value))
    }

    /// The fields of the query.
    pub(crate) fn query(&self) -> Fields {
        Fields::parse(self.query.as_bytes())
    }

    /// Whether the body is a form.
    pub(crate) fn is_form(&self) -> bool {
        self.has_type("application/x-www-form-urlencoded")
    }

    /// Whether the body is JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.has_type("application/json")
    }

    fn has_type(&self, wanted: &str) -> bool {
        let text = self.content_type.as_deref().unwrap_or_default();
        let bare = text.split(';').next().unwrap_or_default().trim();
        bare.eq_ignore_ascii_case(wanted)
    }
}

/// The fields of a form, decoded.
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads `application/x-www-form-urlencoded`. What is not UTF-8 becomes U+FFFD.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let pairs = bytes
            .split(|byte| *byte == b'&')
            .filter(|pair| !pair.is_empty());
        let fields = pairs.take(MAX_FIELDS).map(|pair| {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let half = |half: Option<&[u8]>| decode(half.unwrap_or_default());
            (half(halves.next()), half(halves.next()))
        });
        Self(fields.collect())
    }

    /// The first field of this name; empty if there is none.
    pub(crate) fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }

    /// All of them, in their order.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }
}

fn decode(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'+', _) => out.push(b' '),
            (b'%', [high, low, after @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    out.push(high << 4 | low);
                    rest = after;
                }
                _ => out.push(b'%'),
            },
            (byte, _) => out.push(*byte),
        }
    }
    match String::from_utf8(out) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    }
}

fn digit(c: u8) -> Option<u8> {
    let value = char::from(c).to_digit(16)?;
    u8::try_from(value).ok()
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// Other header fields.
    pub headers: Vec<(&'static str, String)>,
    /// The content.
    pub body: Cow<'static, [u8]>,
    /// A file with the content, in its place; it goes when it has been opened.
    pub from: Option<PathBuf>,
}

impl Response {
    /// A page.
    pub(crate) fn html(status: u16, page: String) -> Self {
        Self::of(status, "text/html; charset=utf-8", page)
    }

    /// Something for programs.
    pub(crate) fn json(status: u16, value: &serde_json::Value) -> Self {
        Self::of(status, "application/json", value.to_string())
    }

    /// A short word.
    pub(crate) fn text(status: u16, text: &'static str) -> Self {
        Self::of(status, "text/plain; charset=utf-8", text.to_owned())
    }

    /// A file that the browser keeps by its own name.
    pub(crate) fn file(content_type: &'static str, name: &str, content: String) -> Self {
        let mut response = Self::of(200, content_type, content);
        response.headers.push((
            "Content-Disposition",
            format!("attachment; filename=\"{name}\""),
        ));
        response
    }

    /// Go there, by GET (RFC 9110 section 15.4.4).
    pub(crate) fn see(path: &str) -> Self {
        let mut response = Self::of(303, "text/plain; charset=utf-8", String::new());
        response.headers.push(("Location", path.to_owned()));
        response
    }

    /// The same, and this cookie with it.
    pub(crate) fn with_cookie(mut self, name: &str, value: &str, seconds: u64) -> Self {
        self.headers.push((
            "Set-Cookie",
            format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict"),
        ));
        self
    }

    fn of(status: u16, content_type: &'static str, body: String) -> Self {
        Self {
            status,
            content_type,
            headers: Vec::new(),
            body: body.into_bytes().into(),
            from: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_decoded_and_what_is_broken_stays_text() {
        let fields = Fields::parse(b"a=1+2&b=%e3%82%ab%3D&c&d=%&e=%4&f=%zz&g=%ff&a=second");
        let got = ["a", "b", "c", "d", "e", "f", "g", "h"].map(|name| fields.get(name).to_owned());
        assert_eq!(got, ["1 2", "カ=", "", "%", "%4", "%zz", "\u{fffd}", ""]);
    }

    #[test]
    fn a_flood_of_fields_is_not_kept() {
        let many = "a=1&".repeat(10_000);
        assert_eq!(Fields::parse(many.as_bytes()).0.len(), MAX_FIELDS);
    }
}
