//! Where the operator's pages are served, and under which names.

use crate::guard::{self, Door};
use crate::request::{Request, Response};

/// An address of the server's, and perhaps a proxy before it.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    /// What browsers show when a reverse proxy stands before us: `https://dc.example.net`, without a path.
    pub origin: Option<String>,
}

impl Gate {
    /// `Host` and scheme behind the proxy.
    fn proxied(&self) -> Option<(&str, &str)> {
        let origin = self.origin.as_deref()?;
        let at = origin.find("://")? + 3;
        Some((&origin[at..], &origin[..at]))
    }

    /// Behind TLS a browser shall never send our cookies without it.
    pub(super) fn closed(&self, mut response: Response) -> Response {
        if self
            .proxied()
            .is_some_and(|(_, scheme)| scheme == "https://")
        {
            let cookies = response.headers.iter_mut();
            for (_, value) in cookies.filter(|(name, _)| *name == "Set-Cookie") {
                value.push_str("; Secure");
            }
        }
        response
    }
}

impl Door for Gate {
    /// Who could connect may come: the socket is bound where the operator said.
    fn may_come(&self, _: &Request) -> bool {
        true
    }

    /// The address that was connected to, the name behind the proxy, and where that address is this machine's own the
    /// names of this machine: with `ssh -L` the port is one that the operator's own machine had free.
    fn is_host(&self, request: &Request) -> bool {
        let Some(host) = request.host.as_deref() else {
            return false;
        };
        let own = std::net::SocketAddr::new(request.own.ip().to_canonical(), request.own.port());
        let is_here = || {
            let bare = host.rsplit_once(':').filter(|(_, port)| is_port(port));
            let name = bare.map_or(host, |(name, _)| name);
            own.ip().is_loopback() && ["localhost", "127.0.0.1", "[::1]"].contains(&name)
        };
        host == own.to_string() || self.proxied().is_some_and(|(name, _)| host == name) || is_here()
    }

    fn is_foreign(&self, request: &Request) -> bool {
        let proxied = self
            .proxied()
            .filter(|(name, _)| request.host.as_deref() == Some(*name));
        guard::is_foreign(request, proxied.map_or("http://", |(_, scheme)| scheme))
    }
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit())
}
