//! Trains of UDP datagrams: many in one system call, to one receiver or from one sender.
//!
//! A train lies in one buffer, its datagrams one after the other, all of one length but the last, which may be shorter.
//! Linux cuts one that leaves (`UDP_SEGMENT`, since 4.18) and puts arriving datagrams together (`UDP_GRO`, since 5.0), and
//! most of what a datagram costs it then costs once a train. Kernels and drivers that cannot are found out as they are
//! met, and everything goes on one by one.
//!
//! Why not quinn-udp, which has both: it forbids IP fragments on every socket it touches, and takes `EINVAL` for a kernel
//! without the feature, for good. Here that error comes with every move, from an address that is gone.

use socket2::{SockAddr, SockRef};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;

/// Most datagrams in one train (the kernel's `UDP_MAX_SEGMENTS`).
pub const MOST: usize = 64;
/// Most bytes in one train that leaves: an IP packet's, less its headers.
pub const LONGEST: usize = 65_535 - 40 - 8;
/// Room that takes whatever arrives.
pub const ROOM: usize = 65_535;

/// `UDP_SEGMENT` and `UDP_GRO` of `linux/udp.h`.
const SEGMENT: libc::c_int = 103;
const GRO: libc::c_int = 104;

/// Room for a control message with a number in it, aligned as one must be.
#[repr(C, align(8))]
struct Control([u8; 64]);

/// What has arrived: the first `length` bytes of the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Who sent it.
    pub remote: SocketAddr,
    /// Bytes of all datagrams together.
    pub length: usize,
    /// Bytes of each but the last.
    pub each: usize,
}

/// How a train has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// In as few calls as can be.
    Whole,
    /// One datagram a call: the kernel, the driver or a link too narrow for them did not take a train.
    OneByOne,
}

/// Datagrams that the kernel did not take.
#[derive(Debug)]
pub struct Refused {
    /// How many.
    pub count: usize,
    /// Why not the first of them.
    pub error: io::Error,
}

/// Whether this kernel cuts trains that leave by the socket. One that does not know how takes no notice of the wish, and
/// sends them as one datagram.
pub fn cuts(socket: SockRef<'_>) -> bool {
    let (mut value, mut length): (libc::c_int, _) = (0, 4);
    // SAFETY: the kernel writes at most `length` bytes to `value`, and both outlive the call.
    #[expect(unsafe_code, reason = "no safe wrapper for this socket option")]
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_UDP,
            SEGMENT,
            std::ptr::from_mut(&mut value).cast(),
            &raw mut length,
        )
    };
    result == 0
}

/// Has the kernel put together what arrives at the socket, or not. Whether it does: each call to [`receive`] needs [`ROOM`] then.
pub fn join(socket: SockRef<'_>, on: bool) -> bool {
    set(&socket, libc::SOL_UDP, GRO, on.into()) && on
}

fn set(socket: &SockRef<'_>, level: libc::c_int, name: libc::c_int, value: libc::c_int) -> bool {
    // SAFETY: the kernel reads the four bytes of `value`, which outlives the call.
    #[expect(unsafe_code, reason = "no safe wrapper for these socket options")]
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            std::ptr::from_ref(&value).cast(),
            4,
        )
    };
    result == 0
}

/// Room for what arrives while we are busy, and for what a link does not take at once. The kernel's usual limit is four
/// trains: for what arrives it is passed where we may (`SO_RCVBUFFORCE`, which takes `CAP_NET_ADMIN`), while what leaves had
/// better not wait long. Less is a pity, not an error.
pub fn reserve(socket: SockRef<'_>, bytes: usize) {
    let value = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    if !set(&socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, value) {
        set(&socket, libc::SOL_SOCKET, libc::SO_RCVBUF, value);
    }
    set(&socket, libc::SOL_SOCKET, libc::SO_SNDBUF, value);
}

/// Lets datagrams be cut where a link is narrow, or not: over IPv4 by routers (RFC 791), over IPv6 by our kernel. Where ICMP is
/// filtered, as carriers do, datagrams that must not be cut vanish without a word. Whether it is so now.
pub fn may_be_cut(socket: SockRef<'_>, is_v4: bool, may: bool) -> bool {
    let (level, name) = match is_v4 {
        true => (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER),
        false => (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER),
    };
    let value = match (is_v4, may) {
        (true, true) => libc::IP_PMTUDISC_DONT,
        (false, true) => libc::IPV6_PMTUDISC_WANT,
        // What the kernel has heard of the path is not asked.
        (true, false) => libc::IP_PMTUDISC_PROBE,
        (false, false) => libc::IPV6_PMTUDISC_PROBE,
    };
    set(&socket, level, name, value)
}

/// Sends a train of datagrams, `each` bytes long; `whole`: in as few calls as can be, if the socket [`cuts`]. One that the
/// kernel does not take is dropped, and keeps no other back, unless there is no room for any ([`io::ErrorKind::WouldBlock`]).
pub fn send(
    socket: &SockRef<'_>,
    remote: SocketAddr,
    train: &[u8],
    each: usize,
    whole: bool,
) -> Result<Left, Refused> {
    let to = SockAddr::from(remote);
    let each = each.max(1);
    let most = (LONGEST / each).clamp(1, MOST) * each;
    let (mut left, mut refused) = (Left::Whole, None);
    let mut refuse =
        |error, count| refused.get_or_insert(Refused { error, count: 0 }).count += count;
    let mut rest = train;
    while let Some((part, behind)) = rest.split_at_checked(most.min(rest.len()))
        && !part.is_empty()
    {
        if whole && part.len() > each {
            match send_part(socket, &to, part, each) {
                Ok(()) => {
                    rest = behind;
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    refuse(error, rest.len().div_ceil(each));
                    break;
                }
                Err(_) => left = Left::OneByOne,
            }
        }
        for (number, datagram) in part.chunks(each).enumerate() {
            match socket.send_to(datagram, &to) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    refuse(error, rest.len().div_ceil(each) - number);
                    return Err(refused.expect("just said"));
                }
                Err(error) => refuse(error, 1),
            }
        }
        rest = behind;
    }
    refused.map_or(Ok(left), Err)
}

fn send_part(socket: &SockRef<'_>, to: &SockAddr, part: &[u8], each: usize) -> io::Result<()> {
    let each = u16::try_from(each).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut control = Control([0; 64]);
    let mut slice = libc::iovec {
        iov_base: part.as_ptr().cast_mut().cast(),
        iov_len: part.len(),
    };
    // SAFETY: all zeros is a message without address, data and control; every pointer put into it points to what outlives
    // the call and is as long as said; the kernel only reads. The one control message fits into its buffer.
    #[expect(unsafe_code, reason = "no safe wrapper for control messages")]
    let sent = unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_name = to.as_ptr().cast_mut().cast();
        message.msg_namelen = to.len();
        message.msg_iov = &raw mut slice;
        message.msg_iovlen = 1;
        message.msg_control = control.0.as_mut_ptr().cast();
        message.msg_controllen = libc::CMSG_SPACE(2) as _;
        let first = libc::CMSG_FIRSTHDR(&raw const message);
        (*first).cmsg_level = libc::SOL_UDP;
        (*first).cmsg_type = SEGMENT;
        (*first).cmsg_len = libc::CMSG_LEN(2) as _;
        libc::CMSG_DATA(first).cast::<u16>().write_unaligned(each);
        libc::sendmsg(socket.as_raw_fd(), &raw const message, 0)
    };
    match sent {
        0.. => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Receives a datagram, or as many as the kernel put together.
pub fn receive(socket: &SockRef<'_>, buffer: &mut [u8]) -> io::Result<Received> {
    let mut control = Control([0; 64]);
    let mut slice = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    // SAFETY: all zeros is a message without address, data and control; every pointer put into it points to what outlives
    // the call and is as long as said. `try_init` hands over an address as large as any, and reads it only where the
    // kernel wrote. A control message is read where the kernel's macros say that one is, and it holds an int.
    #[expect(unsafe_code, reason = "no safe wrapper for control messages")]
    let received = unsafe {
        SockAddr::try_init(|name, length| {
            let mut message: libc::msghdr = std::mem::zeroed();
            message.msg_name = name.cast();
            message.msg_namelen = *length;
            message.msg_iov = &raw mut slice;
            message.msg_iovlen = 1;
            message.msg_control = control.0.as_mut_ptr().cast();
            message.msg_controllen = control.0.len() as _;
            let got = libc::recvmsg(socket.as_raw_fd(), &raw mut message, 0);
            if got < 0 {
                return Err(io::Error::last_os_error());
            }
            *length = message.msg_namelen;
            let mut each = 0;
            let mut at = libc::CMSG_FIRSTHDR(&raw const message);
            while !at.is_null() {
                if ((*at).cmsg_level, (*at).cmsg_type) == (libc::SOL_UDP, GRO) {
                    each = libc::CMSG_DATA(at).cast::<libc::c_int>().read_unaligned();
                }
                at = libc::CMSG_NXTHDR(&raw const message, at);
            }
            Ok((got as usize, usize::try_from(each).unwrap_or(0)))
        })
    };
    let ((length, each), name) = received?;
    let remote = name.as_socket().ok_or(io::ErrorKind::InvalidData)?;
    let each = if each == 0 { length } else { each };
    Ok(Received {
        remote,
        length,
        each,
    })
}
