//! The TUN interface: where packets of the devices to virtual addresses come out, and the answers go in.

use crate::netlink::Netlink;
use anyhow::{Context, Result, bail};
use ipnet::Ipv4Net;
use ntm_gateway::config::Tunnel;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::task::{self, Poll};
use std::time::Duration;
use tracing::debug;
use tun_rs::{AsyncDevice, DeviceBuilder};

/// How often, and how far apart, a name that another process still holds is asked for.
const TRIES: u32 = 30;
const BETWEEN_TRIES: Duration = Duration::from_millis(100);

/// The interface. It and its routes vanish with this value.
pub(crate) struct Tun {
    device: AsyncDevice,
}

impl Tun {
    /// Makes the interface, gives it the gateway's own virtual address, and routes the virtual range into it.
    pub(crate) async fn open(
        config: &Tunnel,
        vip4: Ipv4Addr,
        range: Ipv4Net,
        netlink: &Netlink,
    ) -> Result<Self> {
        let device = create(config).await?;
        let index = device
            .if_index()
            .context("the TUN interface has no index")?;
        set(&config.interface, "ipv6", "disable_ipv6", "1");
        set(&config.interface, "ipv4", "rp_filter", "0");
        device
            .enabled(true)
            .with_context(|| format!("cannot bring {} up", config.interface))?;
        netlink
            .add_address(index, vip4)
            .await
            .with_context(|| format!("cannot give {} the address {vip4}", config.interface))?;
        netlink
            .add_route(index, range, vip4)
            .await
            .with_context(|| format!("cannot route {range} into {}", config.interface))?;
        Ok(Self { device })
    }

    pub(crate) fn poll_readable(&self, cx: &mut task::Context<'_>) -> Poll<io::Result<()>> {
        self.device.poll_readable(cx)
    }

    pub(crate) fn try_recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.device.try_recv(buffer)
    }

    /// Hands a packet to the kernel. One that does not fit is lost, as on any network.
    pub(crate) fn send(&self, packet: &[u8]) {
        if let Err(error) = self.device.try_send(packet) {
            debug!(%error, length = packet.len(), "the kernel did not take a packet");
        }
    }
}

async fn create(config: &Tunnel) -> Result<AsyncDevice> {
    let mut tries = 0;
    loop {
        let made = DeviceBuilder::new()
            .name(&config.interface)
            .mtu(config.mtu)
            .enable(false)
            .build_async();
        match made {
            Ok(device) => return Ok(device),
            // The process before us was killed a moment ago: its interface goes when the kernel has closed its files.
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) && tries < TRIES => {
                tries += 1;
                tokio::time::sleep(BETWEEN_TRIES).await;
            }
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => bail!(
                "interface {} belongs to another program; stop it, or set another name under [tunnel]",
                config.interface
            ),
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => {
                bail!(
                    "may not make the interface {}: run as root",
                    config.interface
                )
            }
            Err(error) if !Path::new("/dev/net/tun").exists() => {
                bail!("this kernel has no TUN ({error}): install kmod-tun, or modprobe tun")
            }
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("cannot make interface {}", config.interface));
            }
        }
    }
}

/// Sets a kernel parameter of the interface; kernels without the protocol have none.
fn set(interface: &str, protocol: &str, key: &str, value: &str) {
    let path = format!("/proc/sys/net/{protocol}/conf/{interface}/{key}");
    if let Err(error) = std::fs::write(&path, value) {
        debug!(%error, path, "not set");
    }
}
