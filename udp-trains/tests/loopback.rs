//! Trains over the loopback interface, with the kernel's help and without.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_types,
    reason = "a test of sockets"
)]

use socket2::SockRef;
use std::io;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use udp_trains::{Left, ROOM, cuts, join, receive, send};

fn pair(address: &str) -> (UdpSocket, UdpSocket) {
    let sockets = (UdpSocket::bind(address), UdpSocket::bind(address));
    let (from, to) = (sockets.0.unwrap(), sockets.1.unwrap());
    to.set_nonblocking(true).unwrap();
    (from, to)
}

/// All datagrams that have arrived, and in how many calls.
fn all(socket: &UdpSocket, from: &UdpSocket) -> (Vec<Vec<u8>>, usize) {
    let (mut buffer, mut got, mut calls) = (vec![0; ROOM], Vec::new(), 0);
    loop {
        match receive(&SockRef::from(socket), &mut buffer) {
            Ok(train) => {
                assert_eq!(train.remote, from.local_addr().unwrap());
                let datagrams = buffer[..train.length].chunks(train.each.max(1));
                got.extend(datagrams.map(<[u8]>::to_vec));
                calls += 1;
            }
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                return (got, calls);
            }
        }
    }
}

fn train(each: usize, last: usize, count: usize) -> Vec<Vec<u8>> {
    let length = |n| if n + 1 == count { last } else { each };
    (0..count).map(|n| vec![n as u8; length(n)]).collect()
}

#[test]
fn a_train_arrives_as_the_datagrams_it_is_made_of() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        for joins in [true, false] {
            let (from, to) = pair(address);
            let joins = join(SockRef::from(&to), joins);
            for (each, last, count) in
                [(1200, 1200, 40), (1400, 7, 64), (64, 1, 200), (900, 900, 1)]
            {
                let sent = train(each, last, count);
                let remote = to.local_addr().unwrap();
                for whole in [true, false] {
                    let whole = whole && cuts(SockRef::from(&from));
                    let socket = SockRef::from(&from);
                    let left = send(&socket, remote, &sent.concat(), each, whole).unwrap();
                    assert_eq!(left, Left::Whole);
                    let (got, calls) = all(&to, &from);
                    assert_eq!(got, sent);
                    let few = joins && whole;
                    assert!(!few || calls <= count.div_ceil(32), "{calls} calls");
                }
            }
        }
    }
}

#[test]
fn what_does_not_go_as_a_train_goes_one_by_one() {
    let (from, to) = pair("127.0.0.1:0");
    // The kernel cuts no train whose datagrams get no checksum.
    let on: libc::c_int = 1;
    // SAFETY: the kernel reads the four bytes of `on`.
    #[expect(unsafe_code, reason = "no safe wrapper for this socket option")]
    let set = unsafe {
        let value = std::ptr::from_ref(&on).cast();
        let (level, name) = (libc::SOL_SOCKET, libc::SO_NO_CHECK);
        libc::setsockopt(from.as_raw_fd(), level, name, value, 4)
    };
    assert_eq!(set, 0);
    let sent = train(1000, 100, 90);
    let remote = to.local_addr().unwrap();
    let left = send(&SockRef::from(&from), remote, &sent.concat(), 1000, true).unwrap();
    assert_eq!(left, Left::OneByOne);
    assert_eq!(all(&to, &from).0, sent);
}

#[test]
fn what_cannot_leave_is_an_error() {
    let (from, _) = pair("127.0.0.1:0");
    let bytes = vec![0; 4000];
    // A source of this host's inside is refused for a destination elsewhere.
    let remote = "192.0.2.1:9".parse().unwrap();
    for (each, count) in [(1000, 4), (4000, 1)] {
        let sent = send(&SockRef::from(&from), remote, &bytes, each, true);
        assert_eq!(sent.unwrap_err().count, count);
    }
}
