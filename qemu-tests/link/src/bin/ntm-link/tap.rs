//! One end of the cable: a TAP interface, and the descriptor its frames come and go by.
//!
//! The interface hands over super-packets with checksums left open, each behind the kernel's offload header; the same
//! header goes with the frame into the other interface. Nothing is ever cut, summed or looked for in between.

use anyhow::{Context, Result, bail};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Command, Stdio};

/// Longest that is read: offload and Ethernet header, VLAN tag, the longest IP packet.
pub(crate) const MAX_FRAME: usize = 10 + 14 + 4 + 65_535;
/// Frames the kernel keeps for us while we are not running: 40 ms of 100 000 packets per second.
const KERNEL_QUEUE: &str = "4000";

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    Taken,
    Refused,
    /// The interface is no more.
    Gone,
}

pub(crate) struct Tap {
    device: File,
    netns: String,
    iface: String,
}

impl Tap {
    /// A new interface in a namespace (a name below /run/netns), with all offloads on, down, and with carrier. It is gone
    /// when this is dropped.
    pub(crate) fn new(netns: &str, iface: &str) -> Result<Self> {
        let device = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open("/dev/net/tun")
            .context("cannot open /dev/net/tun (is this root?)")?;
        // Made here and then moved: a descriptor opened there would keep the namespace alive.
        let name = attach(&device).context("TUNSETIFF")?;
        ip(&["link", "set", &name, "txqueuelen", KERNEL_QUEUE])?;
        ip(&["link", "set", &name, "netns", netns, "name", iface])?;
        let tap = Self {
            device,
            netns: netns.to_owned(),
            iface: iface.to_owned(),
        };
        tap.segment(false)?;
        // Only a carrier that came is an operational state of UP; before that it is UNKNOWN.
        for up in [false, true] {
            tap.carrier(up)?.wait().context("cannot wait for ip")?;
        }
        Ok(tap)
    }

    /// The next frame with its offload header; `None` when there is none for now.
    pub(crate) fn read(&self, frame: &mut [u8]) -> io::Result<Option<usize>> {
        match (&self.device).read(frame) {
            Ok(length) => Ok(Some(length)),
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    pub(crate) fn write(&self, frame: &[u8]) -> Written {
        match (&self.device).write(frame) {
            Ok(_) => Written::Taken,
            Err(error) if is_gone(&error) => Written::Gone,
            // Down, or out of memory: a cable does not try again.
            Err(_) => Written::Refused,
        }
    }

    /// Whether the kernel cuts super-packets before it hands them over. Checksums stay open either way.
    pub(crate) fn segment(&self, segment: bool) -> Result<()> {
        let all = libc::TUN_F_TSO4 | libc::TUN_F_TSO6 | libc::TUN_F_TSO_ECN;
        let udp = libc::TUN_F_USO4 | libc::TUN_F_USO6;
        if segment {
            return set_offload(&self.device, libc::TUN_F_CSUM).context("TUNSETOFFLOAD");
        }
        // Kernels before 6.2 know no UDP segmentation here.
        set_offload(&self.device, libc::TUN_F_CSUM | all | udp)
            .or_else(|_| set_offload(&self.device, libc::TUN_F_CSUM | all))
            .context("TUNSETOFFLOAD")
    }

    /// Switches the carrier. The kernel tells listeners up to a second later, unless somebody asks for the link's state:
    /// that is what the returned process does.
    pub(crate) fn carrier(&self, up: bool) -> Result<Child> {
        set_carrier(&self.device, up).context("TUNSETCARRIER")?;
        Command::new("ip")
            .args(["-n", &self.netns, "link", "show", "dev", &self.iface])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot run ip")
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}

fn ip(words: &[&str]) -> Result<()> {
    let status = Command::new("ip")
        .args(words)
        .status()
        .context("cannot run ip")?;
    if !status.success() {
        bail!("ip {} failed", words.join(" "));
    }
    Ok(())
}

/// What the descriptor says once its interface was deleted, and (EFAULT) while that goes on.
pub(crate) fn is_gone(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EBADFD | libc::EFAULT))
}

/// Makes an interface with a name of the kernel's choice, and returns that.
#[expect(unsafe_code, reason = "an ioctl that no safe interface of std offers")]
fn attach(device: &File) -> io::Result<String> {
    // SAFETY: `ifreq` is plain old data, for which all zeroes are a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (slot, byte) in request.ifr_name.iter_mut().zip(b"end%d") {
        *slot = byte.cast_signed() as libc::c_char;
    }
    let flags = libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR;
    request.ifr_ifru.ifru_flags = flags as libc::c_short;
    // SAFETY: TUNSETIFF reads and writes one `ifreq`, which lives past the call.
    check(unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETIFF, &raw mut request) })?;
    let name = request.ifr_name.iter().take_while(|c| **c != 0);
    Ok(name.map(|c| char::from(c.cast_unsigned())).collect())
}

#[expect(unsafe_code, reason = "an ioctl that no safe interface of std offers")]
fn set_offload(device: &File, flags: libc::c_uint) -> io::Result<()> {
    // SAFETY: TUNSETOFFLOAD takes its flags by value.
    check(unsafe {
        libc::ioctl(
            device.as_raw_fd(),
            libc::TUNSETOFFLOAD,
            libc::c_ulong::from(flags),
        )
    })
}

#[expect(unsafe_code, reason = "an ioctl that no safe interface of std offers")]
fn set_carrier(device: &File, up: bool) -> io::Result<()> {
    let carrier = libc::c_int::from(up);
    // SAFETY: TUNSETCARRIER reads one int, which lives past the call.
    check(unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETCARRIER, &raw const carrier) })
}

fn check(returned: libc::c_int) -> io::Result<()> {
    if returned < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
