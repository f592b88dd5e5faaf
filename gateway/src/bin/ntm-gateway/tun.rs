//! The TUN interface: where packets of the devices to virtual addresses come out, and the answers go in.

mod virtio;

use crate::netlink::Netlink;
use anyhow::{Context, Result, bail};
use ntm_gateway::Offload;
use ntm_gateway::coalesce::{Joined, MOST_PARTS};
use ntm_gateway::config::Tunnel;
use std::io::{self, IoSlice};
use std::net::Ipv4Addr;
use std::ops::Range;
use std::path::Path;
use std::task::{self, Poll};
use std::time::Duration;
use tracing::debug;
use tun_rs::{AsyncDevice, DeviceBuilder};

/// How often, and how far apart, a name that another process still holds is asked for.
const TRIES: u32 = 30;
const BETWEEN_TRIES: Duration = Duration::from_millis(100);

/// The longest super-packet and what lies before it.
pub(crate) const LONGEST: usize = virtio::LENGTH + 65_535;

/// The interface. It and its routes vanish with this value.
pub(crate) struct Tun {
    device: AsyncDevice,
    index: u32,
}

/// Of what the kernel takes and gives many packets in one piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Joins {
    /// Of nothing.
    Nothing,
    /// Of a TCP flow.
    Tcp,
    /// Of a UDP flow, too (since Linux 6.2).
    TcpAndUdp,
}

impl Tun {
    /// Makes the interface, and gives it the gateway's own virtual address.
    pub(crate) async fn open(config: &Tunnel, vip4: Ipv4Addr, netlink: &Netlink) -> Result<Self> {
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
        let tun = Self { device, index };
        debug!(joins = ?tun.joins(), "many packets at once, to the kernel and from it");
        Ok(tun)
    }

    /// What the kernel calls it.
    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    pub(crate) fn poll_readable(&self, cx: &mut task::Context<'_>) -> Poll<io::Result<()>> {
        self.device.poll_readable(cx)
    }

    pub(crate) fn joins(&self) -> Joins {
        match (self.device.tcp_gso(), self.device.udp_gso()) {
            (false, _) => Joins::Nothing,
            (true, false) => Joins::Tcp,
            (true, true) => Joins::TcpAndUdp,
        }
    }

    /// A packet, where it lies in `buffer`, and what the kernel left to be done to it. `None`: one was lost, as it is
    /// nothing that we said we can take.
    pub(crate) fn try_recv(
        &self,
        buffer: &mut [u8],
    ) -> io::Result<Option<(Offload, Range<usize>)>> {
        let has_header = self.device.tcp_gso();
        let length = match self.device.try_recv(buffer) {
            Ok(length) => length,
            // What the kernel has no words for in the header it drops, and says so.
            Err(error) if has_header && error.raw_os_error() == Some(libc::EINVAL) => {
                debug!("the kernel dropped a super-packet of a strange kind");
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        if !has_header {
            return Ok(Some((Offload::default(), 0..length)));
        }
        let header = buffer[..length].first_chunk();
        let offload = header.and_then(virtio::decode);
        if offload.is_none() {
            debug!(length, "a super-packet of a strange kind");
        }
        Ok(offload.map(|offload| (offload, virtio::LENGTH..length)))
    }

    /// Hands a packet to the kernel. One that does not fit is lost, as on any network.
    pub(crate) fn send(&self, packet: &[u8]) {
        self.write(&[0; virtio::LENGTH], std::iter::once(packet));
    }

    /// Hands over a packet, or many in one.
    pub(crate) fn send_joined(&self, joined: &Joined<'_>) {
        self.write(&virtio::encode(joined), joined.parts());
    }

    fn write<'a>(&self, header: &[u8], parts: impl Iterator<Item = &'a [u8]>) {
        let mut slices = [IoSlice::new(&[]); MOST_PARTS + 1];
        slices[0] = IoSlice::new(header);
        let mut count = 1;
        for (slice, part) in slices[1..].iter_mut().zip(parts) {
            *slice = IoSlice::new(part);
            count += 1;
        }
        let skipped = usize::from(!self.device.tcp_gso());
        if let Err(error) = self.device.try_send_vectored(&slices[skipped..count]) {
            debug!(%error, parts = count - 1, "the kernel did not take a packet");
        }
    }
}

async fn create(config: &Tunnel) -> Result<AsyncDevice> {
    let (mut tries, mut offload) = (0, config.offload.tun);
    loop {
        let made = DeviceBuilder::new()
            .name(&config.interface)
            .mtu(config.limits.mtu)
            .enable(false)
            .offload(offload)
            .build_async();
        match made {
            Ok(device) => return Ok(device),
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) && offload => {
                debug!("this kernel's TUN takes packets one by one");
                offload = false;
            }
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
