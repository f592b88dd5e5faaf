//! The `[web]` section: the page on the LAN.

use super::reader::{ConfigError, Section};

/// Beside the tunnels' UDP port, and that of an Account Server on the same router; 80 and 443 are the router's own pages'.
const PORT: u16 = 4752;

/// The page on the LAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Web {
    /// Its TCP port on the router's LAN address; `None`: there is no page.
    pub port: Option<u16>,
}

impl Web {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        section.only(&["enabled", "port"])?;
        let enabled = section.get("enabled").map(|value| value.boolean());
        let port = section.get("port").map(|value| value.number(1024, 65_535));
        let port = port.transpose()?.unwrap_or(PORT);
        Ok(Self {
            port: enabled.transpose()?.unwrap_or(true).then_some(port),
        })
    }
}
