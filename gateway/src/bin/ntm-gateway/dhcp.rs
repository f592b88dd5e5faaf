//! The DHCP server on the LAN, which is also how devices become known: the machine is told of every lease.

use crate::follow::Follow;
use crate::lan::Residents;
use crate::probe::Pinger;
use anyhow::{Context, Result, bail};
use lan_dhcp::{DhcpServer, Output, StaticLease};
use ntm_enrolment::state::write_atomically;
use ntm_gateway::config::{Config, DeviceEntry, Dhcp};
use ntm_gateway::{Gateway, LanDevice, Limits};
use ntm_proto::id::Fqdn;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::task::{self, Poll};
use std::time::Instant;
use tokio::net::UdpSocket;
use tracing::{debug, info, warn};

/// The lease file's name inside the state directory.
const FILE_NAME: &str = "leases";
/// A DHCP message with room for every option.
const MAX_MESSAGE: usize = 1500;
/// How many messages are handled before others have their turn.
const BATCH: usize = 32;

/// How devices become known.
pub(crate) enum Devices {
    /// By our leases.
    Served(Box<LanDhcp>),
    /// By another server's.
    Followed(Box<Follow>),
    /// Those in the configuration; the neighbour table is theirs as long as this is there.
    Listed(Residents),
}

impl Devices {
    pub(crate) fn poll_readable(&self, cx: &mut task::Context<'_>) -> Poll<()> {
        match self {
            Self::Served(dhcp) => dhcp.poll_readable(cx),
            Self::Followed(follow) => follow.poll_readable(cx),
            Self::Listed(_) => Poll::Pending,
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Served(dhcp) => dhcp.poll_timeout(),
            Self::Followed(follow) => follow.poll_timeout(),
            Self::Listed(_) => None,
        }
    }

    /// Handles what came in and what is due, and tells `gateway` who is there.
    pub(crate) fn work(&mut self, gateway: &mut Gateway, now: Instant) {
        match self {
            Self::Served(dhcp) => dhcp.work(gateway, now),
            Self::Followed(follow) => follow.work(gateway, now),
            Self::Listed(_) => {}
        }
    }

    /// The owner says something else of devices: `new`, where `old` held so far. Of the rest of both nothing differs.
    pub(crate) fn reconfigure(
        &mut self,
        old: &Config,
        new: &Config,
        gateway: &mut Gateway,
        now: Instant,
    ) -> Result<()> {
        match self {
            Self::Served(dhcp) => dhcp.reconfigure(new, gateway, now),
            Self::Followed(follow) => {
                follow.reconfigure(old, new, gateway, now);
                Ok(())
            }
            Self::Listed(residents) => {
                residents.relist(old, new, gateway, now);
                Ok(())
            }
        }
    }

    /// Saves what could wait.
    pub(crate) fn stop(&mut self, now: Instant) {
        match self {
            Self::Served(dhcp) => dhcp.stop(now),
            Self::Followed(follow) => follow.stop(),
            Self::Listed(_) => {}
        }
    }
}

/// The server, its socket, its pings and its file.
pub(crate) struct LanDhcp {
    server: DhcpServer,
    config: lan_dhcp::Config,
    socket: UdpSocket,
    pinger: Pinger,
    file: PathBuf,
    residents: Residents,
    /// The last save failed, which the log has.
    failing: bool,
}

impl LanDhcp {
    /// Starts serving with the leases of the last run.
    pub(crate) fn start(
        config: &Config,
        dhcp: Dhcp,
        own: &Fqdn,
        domain: &Fqdn,
        dir: &Path,
        residents: Residents,
        now: Instant,
    ) -> Result<Self> {
        let served = server_config(config, dhcp, own, domain);
        let mut server = DhcpServer::new(served.clone()).context("DHCP")?;
        let interface = &config.lan.interface;
        let socket = open(interface)?;
        let pinger = Pinger::open(interface)?;
        let file = dir.join(FILE_NAME);
        match std::fs::read_to_string(&file) {
            Ok(text) => {
                let imported = server.import(&text, now);
                debug!("{} leases from the last run", imported.accepted);
                if imported.skipped > 0 {
                    warn!(
                        "{} lines of {} are no leases of this LAN",
                        imported.skipped,
                        file.display()
                    );
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => warn!(
                "cannot read {}: {error}; starting without leases",
                file.display()
            ),
        }
        Ok(Self {
            server,
            config: served,
            socket,
            pinger,
            file,
            residents,
            failing: false,
        })
    }

    pub(crate) fn poll_readable(&self, cx: &mut task::Context<'_>) -> Poll<()> {
        if self.socket.poll_recv_ready(cx).is_ready() || self.pinger.poll_readable(cx).is_ready() {
            return Poll::Ready(());
        }
        Poll::Pending
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.server.poll_timeout()
    }

    /// Handles what came in and what is due, and tells `gateway` who is there.
    pub(crate) fn work(&mut self, gateway: &mut Gateway, now: Instant) {
        // First of all: after a stall the probe may be over, and its answer must not come too late.
        while let Some(address) = self.pinger.try_recv() {
            self.server.handle_probe_reply(address, now);
        }
        let mut message = [0; MAX_MESSAGE];
        for _ in 0..BATCH {
            let Ok((length, from)) = self.socket.try_recv_from(&mut message) else {
                break;
            };
            if let Err(reject) = self.server.handle_datagram(&message[..length], now) {
                debug!(%from, ?reject, "a DHCP message got no answer");
            }
            self.drain(gateway, now);
        }
        self.server.handle_timeout(now);
        self.drain(gateway, now);
    }

    /// Saves what could wait.
    pub(crate) fn stop(&mut self, now: Instant) {
        self.save(now);
    }

    /// Other devices have a fixed address or name.
    fn reconfigure(&mut self, config: &Config, gateway: &mut Gateway, now: Instant) -> Result<()> {
        let static_leases = static_leases(config);
        if static_leases == self.config.static_leases {
            return Ok(());
        }
        let served = lan_dhcp::Config {
            static_leases,
            ..self.config.clone()
        };
        let mut server = DhcpServer::new(served.clone()).context("DHCP")?;
        server.import(&self.server.export(now), now);
        (self.server, self.config) = (server, served);
        self.drain(gateway, now);
        Ok(())
    }

    fn drain(&mut self, gateway: &mut Gateway, now: Instant) {
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Send { datagram, to } => {
                    if let Err(error) = SockRef::from(&self.socket).send_to(&datagram, &to.into()) {
                        debug!(%error, %to, "a DHCP answer was not sent");
                    }
                }
                Output::Probe(address) => self.pinger.ping(address),
                Output::LeaseChanged(lease) => {
                    let device = LanDevice {
                        mac: lease.mac,
                        address: lease.address,
                        hostname: lease.hostname,
                    };
                    self.residents.arrive(device, gateway, now);
                }
                Output::LeaseEnded(lease) => {
                    self.residents.leave(lease.mac, gateway, now);
                }
                Output::Save => {
                    if !self.save(now) {
                        self.server.save_failed(now);
                    }
                }
            }
        }
    }

    /// Whether the file is written.
    fn save(&mut self, now: Instant) -> bool {
        let text = self.server.export(now);
        let written = write_atomically(&self.file, text.as_bytes(), 0o600);
        let file = self.file.display();
        match &written {
            Err(error) if !self.failing => {
                warn!("cannot write {file}: {error}; new devices get no address until it works");
            }
            Ok(()) if self.failing => info!("{file} is written again"),
            Ok(()) | Err(_) => {}
        }
        self.failing = written.is_err();
        written.is_ok()
    }
}

/// The devices of a LAN whose addresses somebody else gives: those in the configuration.
pub(crate) fn listed_devices(config: &Config) -> impl Iterator<Item = LanDevice> {
    let device = |entry: &DeviceEntry| {
        Some(LanDevice {
            mac: *entry.macs.last()?,
            address: entry.address?,
            hostname: entry.name.clone(),
        })
    };
    config.lan.devices.iter().filter_map(device)
}

/// Those that always get the same address: by the hardware address they use now.
fn static_leases(config: &Config) -> Vec<StaticLease> {
    let lease = |device: LanDevice| StaticLease {
        mac: device.mac,
        address: device.address,
        hostname: device.hostname,
    };
    listed_devices(config).map(lease).collect()
}

fn server_config(config: &Config, dhcp: Dhcp, own: &Fqdn, domain: &Fqdn) -> lan_dhcp::Config {
    let lan = &config.lan;
    lan_dhcp::Config {
        server: lan.address(),
        prefix_len: lan.net.prefix_len(),
        first: dhcp.first,
        last: dhcp.last,
        router: lan.address(),
        dns: vec![lan.address()],
        domain: Some(own.clone()),
        search: vec![own.clone(), domain.clone()],
        lease_time: dhcp.lease_time,
        static_leases: static_leases(config),
        max_leases: Limits::default().devices,
    }
}

fn open(interface: &str) -> Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    socket.set_broadcast(true)?;
    // Several of our kind, each on its own interface, may share the port.
    socket.set_reuse_address(true)?;
    socket
        .bind_device(Some(interface.as_bytes()))
        .with_context(|| {
            format!("no interface {interface}; set lan.interface to one that `ip link` lists")
        })?;
    let address = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 67);
    match socket.bind(&address.into()) {
        Ok(()) => Ok(UdpSocket::from_std(socket.into())?),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => bail!(
            "another DHCP server (dnsmasq?) serves {interface}; stop it there, or let us follow its leases: set the LAN's dhcp to \"follow\""
        ),
        Err(error) => Err(error).context("cannot open the DHCP port 67"),
    }
}
