//! `DIR/ntm-relay.toml`: what the operator decides. Every rule is checked here, and every error says where it is.

use crate::Limits;
use ntm_proto::address::canonical;
use ntm_proto::message::MAX_RELAY_ADDRESSES;
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};
use toml::Spanned;
use tracing::Level;

/// The file's name in the daemon's directory.
pub const FILE: &str = "ntm-relay.toml";

/// The operator's decisions.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Public addresses, told to the DC and by it to gateways.
    pub listen: Vec<IpAddr>,
    /// Addresses to bind.
    pub bind: Vec<IpAddr>,
    /// UDP port.
    pub port: u16,
    /// Paths and rate.
    pub limits: Limits,
    /// What to log.
    pub log: Level,
}

/// A mistake in the file, as one line that says what to write instead.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {what}")]
pub struct ConfigError {
    file: String,
    line: usize,
    what: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    listen: Option<Vec<Spanned<String>>>,
    bind: Option<Vec<Spanned<String>>>,
    port: Option<Spanned<i64>>,
    max_paths: Option<Spanned<i64>>,
    rate_per_path: Option<Spanned<String>>,
    log: Option<Spanned<String>>,
}

/// The text being read and its name.
#[derive(Clone, Copy)]
struct Source<'a> {
    text: &'a str,
    file: &'a str,
}

impl Config {
    /// Reads the text of the file called `file`.
    pub fn parse(text: &str, file: &str) -> Result<Self, ConfigError> {
        let source = Source { text, file };
        let raw: Raw = toml::from_str(text).map_err(|error| source.syntax(&error))?;
        let listen = source.addresses("listen", raw.listen.unwrap_or_default())?;
        if !(1..=MAX_RELAY_ADDRESSES).contains(&listen.len()) {
            let line = text.lines().position(|line| line.starts_with("listen"));
            let what = "listen: write one to four public IP addresses of this machine, such as listen = [\"203.0.113.30\"]";
            return Err(source.error(line.unwrap_or(0) + 1, what.to_owned()));
        }
        let bind = source.addresses("bind", raw.bind.unwrap_or_default())?;
        let defaults = Limits::default();
        let right = "write a port from 1 to 65535, such as 4750";
        let port = source.value("port", right, raw.port, |n| {
            u16::try_from(*n).ok().filter(|port| *port != 0)
        })?;
        let right = "write a number from 1 to 1000000";
        let paths = source.value("max_paths", right, raw.max_paths, |n| {
            let paths = usize::try_from(*n).ok();
            paths.filter(|paths| (1..=1_000_000).contains(paths))
        })?;
        let right = "write bits per second such as \"100M\", \"500k\" or \"0\" for no limit";
        let rate = source.value("rate_per_path", right, raw.rate_per_path, |t| rate(t))?;
        let right = "write one of \"error\", \"warn\", \"info\", \"debug\", \"trace\"";
        let log = source.value("log", right, raw.log, |text| text.parse().ok())?;
        Ok(Self {
            bind: if bind.is_empty() {
                listen.clone()
            } else {
                bind
            },
            listen,
            port: port.unwrap_or(ntm_proto::UDP_PORT),
            limits: Limits {
                paths: paths.unwrap_or(defaults.paths),
                rate: rate.unwrap_or(defaults.rate),
                ..defaults
            },
            log: log.unwrap_or(Level::INFO),
        })
    }

    /// Socket addresses told to the DC.
    pub fn public(&self) -> Vec<SocketAddr> {
        self.with_port(&self.listen)
    }

    /// Socket addresses to bind.
    pub fn sockets(&self) -> Vec<SocketAddr> {
        self.with_port(&self.bind)
    }

    fn with_port(&self, addresses: &[IpAddr]) -> Vec<SocketAddr> {
        let socket = |&ip: &IpAddr| SocketAddr::new(ip, self.port);
        addresses.iter().map(socket).collect()
    }
}

impl Source<'_> {
    fn addresses(self, key: &str, list: Vec<Spanned<String>>) -> Result<Vec<IpAddr>, ConfigError> {
        let right = "write IP addresses without a port, such as \"203.0.113.30\"";
        let read = |text: Spanned<String>| self.value(key, right, Some(text), |text| usable(text));
        let all: Result<Vec<_>, _> = list.into_iter().map(read).collect();
        Ok(all?.into_iter().flatten().collect())
    }

    fn value<T: std::fmt::Debug, U>(
        self,
        key: &str,
        right: &str,
        raw: Option<Spanned<T>>,
        read: impl FnOnce(&T) -> Option<U>,
    ) -> Result<Option<U>, ConfigError> {
        let Some(raw) = raw else { return Ok(None) };
        let value = raw.get_ref();
        let wrong = || {
            self.error(
                self.line(raw.span().start),
                format!("{key}: {value:?}: {right}"),
            )
        };
        read(value).map(Some).ok_or_else(wrong)
    }

    /// What the TOML reader says, with the line it says it of.
    fn syntax(self, error: &toml::de::Error) -> ConfigError {
        let line = self.line(error.span().map_or(0, |span| span.start));
        let written = self.text.lines().nth(line - 1).unwrap_or_default().trim();
        self.error(line, format!("{} in `{written}`", error.message()))
    }

    fn line(self, at: usize) -> usize {
        let before = &self.text.as_bytes()[..at.min(self.text.len())];
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    }

    /// One line, and nothing that a terminal would obey: it quotes what somebody wrote.
    fn error(self, line: usize, what: String) -> ConfigError {
        let file = self.file.to_owned();
        let what = what.replace(char::is_control, " ");
        ConfigError { file, line, what }
    }
}

/// The file that `enrol` writes.
pub fn example(listen: &[IpAddr]) -> String {
    let quoted: Vec<_> = listen.iter().map(|ip| format!("\"{ip}\"")).collect();
    let line = if quoted.is_empty() {
        "# listen = [\"203.0.113.30\", \"2001:db8::30\"]".to_owned()
    } else {
        format!("listen = [{}]", quoted.join(", "))
    };
    include_str!("config/example.toml").replace("@listen@", &line)
}

/// An address that a socket can have and a datagram can go to.
pub fn usable(text: &str) -> Option<IpAddr> {
    let address = canonical(text.parse().ok()?);
    (!address.is_unspecified() && !address.is_multicast()).then_some(address)
}

/// Bytes per second out of `500k`, `100M`, `1G` bits per second.
fn rate(text: &str) -> Option<u64> {
    let (number, unit) = match text.strip_suffix(['k', 'K']) {
        Some(number) => (number, 1_000),
        None => match (text.strip_suffix('M'), text.strip_suffix('G')) {
            (Some(number), _) => (number, 1_000_000),
            (_, Some(number)) => (number, 1_000_000_000),
            (None, None) => (text, 1),
        },
    };
    let bits = number.parse::<u64>().ok()?.checked_mul(unit)?;
    // Below this not even a handshake passes; above, the arithmetic of the bucket would end.
    let fits = bits == 0 || (64_000..=1_000_000_000_000).contains(&bits);
    fits.then_some(bits / 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Config::parse(text, "f").unwrap_err().to_string()
    }

    #[test]
    fn the_example_is_a_configuration() {
        let listen = [
            "203.0.113.30".parse().unwrap(),
            "2001:db8::30".parse().unwrap(),
        ];
        let config = Config::parse(&example(&listen), "f").unwrap();
        assert_eq!(config.public(), config.sockets());
        assert_eq!(config.public()[1], "[2001:db8::30]:4750".parse().unwrap());
        assert_eq!(config.limits, Limits::default());
        let all = example(&listen)
            .replace("# bind", "bind")
            .replace("# port", "port");
        let all = all
            .replace("# max_", "max_")
            .replace("# rate_", "rate_")
            .replace("# log", "log");
        let config = Config::parse(&all, "f").unwrap();
        assert_eq!(config.sockets(), ["10.0.0.5:4750".parse().unwrap()]);
        assert!(error(&example(&[])).contains("listen: write one to four"));
    }

    #[test]
    fn mistakes_name_file_line_key_and_what_is_right() {
        let ok = "listen = [\"203.0.113.30\"]\n";
        for (text, start, part) in [
            (
                "listen = [\n\"203.0.113.30\",\n\"nonsense\"]",
                "f:3: listen",
                "203.0.113.30",
            ),
            (
                "listen = [\"203.0.113.30:4750\"]",
                "f:1: listen",
                "without a port",
            ),
            ("# x\nlisten = []", "f:2: listen", "one to four"),
            (&format!("{ok}port = 0"), "f:2: port", "1 to 65535"),
            (&format!("{ok}port = 70000"), "f:2: port", "1 to 65535"),
            (
                &format!("{ok}\nmax_paths = 0"),
                "f:3: max_paths",
                "1 to 1000000",
            ),
            (
                &format!("{ok}rate_per_path = \"fast\""),
                "f:2: rate_per_path",
                "\"100M\"",
            ),
            (&format!("{ok}log = \"loud\""), "f:2: log", "\"info\""),
            (
                &format!("{ok}colour = 1"),
                "f:2: unknown field `colour`",
                "expected",
            ),
            (&format!("{ok}port = \"x\""), "f:2: ", "port = \"x\""),
            (&format!("{ok}port = "), "f:2: ", "port ="),
        ] {
            let error = error(text);
            assert!(error.starts_with(start) && error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_fault_is_one_line_without_control_characters() {
        for text in [
            "listen = [\"2\u{1b}[31m\"]",
            "\"a\\u001b\\n\" = 1",
            "x = [\n\r",
        ] {
            let error = error(text);
            assert!(!error.contains(char::is_control), "{error:?}");
        }
    }

    #[test]
    fn rates_are_bits_per_second() {
        assert_eq!(rate("100M"), Some(12_500_000));
        assert_eq!(rate("500k"), Some(62_500));
        assert_eq!(rate("1G"), Some(125_000_000));
        assert_eq!(rate("0"), Some(0));
        for bad in ["", "M", "-1M", "1.5M", "1T", "99999999999999G", "1k"] {
            assert_eq!(rate(bad), None, "{bad}");
        }
    }
}
