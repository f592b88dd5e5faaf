//! The files that browsers get as they are. `build.rs` has packed them.

use crate::request::{Request, Response};

/// A file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asset {
    Style,
    Script,
    Icon,
    OpenApi,
}

/// In the order of `build.rs`: its ETag, and it as gzip.
const PACKED: [(&str, &[u8]); 4] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The operator's style, and the description of that API.
const OPERATORS: [(&str, &[u8]); 2] = include!(concat!(env!("OUT_DIR"), "/operator.rs"));

impl Asset {
    /// What a browser gets.
    pub(crate) fn response(self, request: &Request) -> Response {
        packed(PACKED[self as usize], self.content_type(), request)
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Style => "text/css; charset=utf-8",
            Self::Script => "text/javascript; charset=utf-8",
            Self::Icon => "image/svg+xml",
            Self::OpenApi => "application/json",
        }
    }
}

/// The gateway's style and the operator's own.
pub(crate) fn operator_style(request: &Request) -> Response {
    packed(OPERATORS[0], Asset::Style.content_type(), request)
}

/// What the operator's API is.
pub(crate) fn operator_api(request: &Request) -> Response {
    packed(OPERATORS[1], Asset::OpenApi.content_type(), request)
}

/// All browsers take gzip (RFC 9110 section 8.4.1.3).
fn packed(
    (etag, packed): (&str, &'static [u8]),
    content_type: &'static str,
    request: &Request,
) -> Response {
    let mut headers = vec![
        ("ETag", etag.to_owned()),
        ("Cache-Control", "no-cache".to_owned()),
    ];
    let is_there = request.etag.as_deref() == Some(etag);
    if !is_there {
        headers.push(("Content-Encoding", "gzip".to_owned()));
    }
    Response {
        status: if is_there { 304 } else { 200 },
        content_type,
        headers,
        body: if is_there {
            Vec::new().into()
        } else {
            packed.into()
        },
        from: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_first_visit_takes_is_small() {
        let all: usize = PACKED[..3].iter().map(|(_, packed)| packed.len()).sum();
        // Home itself is not packed; `pages::tests` weighs it.
        assert!(all < 20_000, "{all}");
        assert!(
            PACKED
                .iter()
                .all(|(_, packed)| packed.starts_with(&[0x1f, 0x8b]))
        );
    }
}
