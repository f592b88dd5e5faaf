//! Who is let in: what every request must be like before anything is done for it.
//!
//! ```text
//! from the LAN, to our LAN address      else 403: nobody else should have come as far as this
//! Host is a name of ours                else 421: a page elsewhere whose name was pointed at us (DNS rebinding)
//! there is such a route                 else 404, 405
//! no other site's doing                 else 403: Origin, and Sec-Fetch-Site where something changes
//! the owner's session, where needed     else the login page, or 401
//! a token, where something changes      else 403
//! ```

use crate::request::{Method, Request};
use std::net::{IpAddr, Ipv4Addr};

/// Where a site is served, and what a request must look like to be one of its own.
pub trait Door {
    /// Whether who asks may be heard at all.
    fn may_come(&self, request: &Request) -> bool;
    /// Whether `Host` is us.
    fn is_host(&self, request: &Request) -> bool;
    /// Whether another site has made the browser ask this.
    fn is_foreign(&self, request: &Request) -> bool;
    /// The daemon has a name, or another one: for a place that goes by it.
    fn named(&mut self, _name: Option<String>) {}
}

/// Where the gateway's page is served.
#[derive(Clone, Debug)]
pub struct Place {
    /// The router's address on the LAN.
    pub address: Ipv4Addr,
    /// The length of the LAN's prefix.
    pub prefix: u8,
    /// The port.
    pub port: u16,
    /// The router's names, in lower case.
    pub names: Vec<String>,
}

impl Place {
    /// Whether both ends of the connection are on the LAN.
    pub(crate) fn is_lan(&self, request: &Request) -> bool {
        let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix.min(32)));
        let net = |address: Ipv4Addr| address.to_bits() & mask.unwrap_or(0);
        let peer = match request.peer.ip().to_canonical() {
            IpAddr::V4(peer) => peer,
            IpAddr::V6(_) => return false,
        };
        request.own.ip().to_canonical() == IpAddr::V4(self.address)
            && net(peer) == net(self.address)
            && !peer.is_unspecified()
    }

    /// Whether `Host` is us: our address or a name of ours, and our port.
    pub(crate) fn is_host(&self, request: &Request) -> bool {
        request.host.as_deref().is_some_and(|host| self.is_us(host))
    }

    fn is_us(&self, host: &str) -> bool {
        let Some((name, port)) = host.rsplit_once(':') else {
            return false;
        };
        let name = name.strip_suffix('.').unwrap_or(name);
        port == self.port.to_string()
            && (name == self.address.to_string()
                || self
                    .names
                    .iter()
                    .any(|ours| name.eq_ignore_ascii_case(ours)))
    }

    /// Whether another site has made the browser ask this.
    pub(crate) fn is_foreign(&self, request: &Request) -> bool {
        is_foreign(request, "http://")
    }
}

impl Door for Place {
    fn may_come(&self, request: &Request) -> bool {
        self.is_lan(request)
    }

    fn is_host(&self, request: &Request) -> bool {
        self.is_host(request)
    }

    fn is_foreign(&self, request: &Request) -> bool {
        self.is_foreign(request)
    }

    fn named(&mut self, name: Option<String>) {
        self.names = name.into_iter().collect();
    }
}

/// Whether another site than the one under `scheme` and `Host` has made the browser ask this. A browser that says nothing
/// of it is one that keeps our cookie from other sites' requests (`SameSite`), or none at all.
pub(crate) fn is_foreign(request: &Request, scheme: &str) -> bool {
    let other_origin = request.origin.as_deref().is_some_and(|origin| {
        let ours = origin.strip_prefix(scheme);
        ours.is_none() || ours != request.host.as_deref()
    });
    let other_site = request
        .fetch_site
        .as_deref()
        .is_some_and(|site| site != "same-origin" && site != "none");
    other_origin || (other_site && request.method != Method::Get)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{get, place};

    #[test]
    fn only_the_lan_is_let_in() {
        let lan = |peer: &str, own: &str| {
            let mut request = get("/");
            request.peer = peer.parse().unwrap();
            request.own = own.parse().unwrap();
            place().is_lan(&request)
        };
        let own = "192.168.1.1:4752";
        assert!(lan("192.168.1.10:5000", own));
        assert!(lan("[::ffff:192.168.1.10]:5000", own));
        for (peer, own) in [
            ("192.168.2.10:5000", own),
            ("203.0.113.9:5000", own),
            ("127.0.0.1:5000", own),
            ("0.0.0.0:5000", own),
            ("[fe80::1]:5000", own),
            ("[::1]:5000", own),
            ("192.168.1.10:5000", "192.168.1.2:4752"),
            ("192.168.1.10:5000", "203.0.113.7:4752"),
            ("192.168.1.10:5000", "198.18.0.1:4752"),
        ] {
            assert!(!lan(peer, own), "{peer} -> {own}");
        }
    }

    #[test]
    fn a_name_that_is_not_ours_is_not_answered() {
        let host = |host: &str| {
            let mut request = get("/");
            request.host = Some(host.to_owned());
            place().is_host(&request)
        };
        assert!(
            host("192.168.1.1:4752") && host("Car.NTM.test:4752") && host("car.ntm.test.:4752")
        );
        for bad in [
            "",
            ":4752",
            "192.168.1.1",
            "192.168.1.1:80",
            "192.168.1.1:04752",
            "192.168.1.2:4752",
            "evil.test:4752",
            "192.168.1.1.evil.test:4752",
            "car.ntm.test.evil.test:4752",
            "car.ntm.test@evil.test:4752",
            "evil.test/192.168.1.1:4752",
            "0xc0a80101:4752",
            "3232235777:4752",
            "localhost:4752",
            "[::ffff:192.168.1.1]:4752",
            "car.ntm.test:4752:4752",
            "car.ntm.test..:4752",
            " 192.168.1.1:4752",
        ] {
            assert!(!host(bad), "{bad:?}");
        }
        let mut none = get("/");
        none.host = None;
        assert!(!place().is_host(&none));
    }

    #[test]
    fn another_sites_doing_is_known() {
        let foreign = |method, origin: Option<&str>, site: Option<&str>| {
            let mut request = get("/");
            request.method = method;
            request.origin = origin.map(str::to_owned);
            request.fetch_site = site.map(str::to_owned);
            place().is_foreign(&request)
        };
        let ours = Some("http://192.168.1.1:4752");
        assert!(!foreign(Method::Post, ours, Some("same-origin")));
        assert!(!foreign(Method::Post, None, None));
        assert!(
            !foreign(Method::Get, None, Some("cross-site")),
            "a link to us"
        );
        for (origin, site) in [
            (Some("http://evil.test"), None),
            (Some("null"), None),
            (Some("https://192.168.1.1:4752"), None),
            (Some("http://192.168.1.1"), None),
            (Some("http://192.168.1.1:80"), None),
            (Some("http://192.168.1.1:47521"), None),
            (ours, Some("cross-site")),
            (ours, Some("same-site")),
            (None, Some("cross-site")),
        ] {
            assert!(foreign(Method::Post, origin, site), "{origin:?} {site:?}");
        }
    }
}
