//! The files that browsers get as they are. `build.rs` has packed them.

use crate::request::{Request, Response};

/// A file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asset {
    Style,
    Script,
    Icon,
    OpenApi,
}

/// In the order of `build.rs`: its ETag, and it as gzip.
const PACKED: [(&str, &[u8]); 4] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

impl Asset {
    /// What a browser gets. All of them take gzip (RFC 9110 section 8.4.1.3).
    pub(crate) fn response(self, request: &Request) -> Response {
        let (etag, packed) = PACKED[self as usize];
        let mut headers = vec![
            ("ETag", etag.to_owned()),
            ("Cache-Control", "no-cache".to_owned()),
        ];
        if request.etag.as_deref() == Some(etag) {
            return Response {
                status: 304,
                content_type: self.content_type(),
                headers,
                body: Vec::new().into(),
            };
        }
        headers.push(("Content-Encoding", "gzip".to_owned()));
        Response {
            status: 200,
            content_type: self.content_type(),
            headers,
            body: packed.into(),
        }
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
