//! Waiting for descriptors and the clock, to a few microseconds.

use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

/// Asks the kernel not to round our sleeps (by default it does, by 50 microseconds), and to run us before the daemons
/// on a busy machine: what is late here would look like the network's delay. The kernel itself keeps a share of each
/// second for the others.
#[expect(unsafe_code, reason = "calls that no safe interface of std offers")]
pub(crate) fn be_precise() {
    // SAFETY: PR_SET_TIMERSLACK takes one number and touches no memory. If it fails we are a little less precise.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1 as libc::c_ulong) };
    // SAFETY: `sched_param` is plain old data, for which all zeroes are a value.
    let mut lowest: libc::sched_param = unsafe { std::mem::zeroed() };
    lowest.sched_priority = 1;
    let policy = libc::SCHED_RR | libc::SCHED_RESET_ON_FORK;
    // SAFETY: the pointer is to a value of this frame; 0 is this thread. If it fails we are less precise.
    unsafe { libc::sched_setscheduler(0, policy, &raw const lowest) };
}

/// Sleeps until one can be read or has failed, or the time is over (`None`: for ever). Says which.
#[expect(unsafe_code, reason = "std has no poll")]
pub(crate) fn readable<const N: usize>(
    descriptors: [BorrowedFd<'_>; N],
    timeout: Option<Duration>,
) -> io::Result<[bool; N]> {
    let mut polled = descriptors.map(|descriptor| libc::pollfd {
        fd: descriptor.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    });
    // SAFETY: `timespec` is plain old data, for which all zeroes are a value.
    let mut time: libc::timespec = unsafe { std::mem::zeroed() };
    if let Some(timeout) = timeout {
        time.tv_sec = libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX);
        time.tv_nsec = timeout.subsec_nanos().into();
    }
    let time = timeout.map_or(std::ptr::null(), |_| &raw const time);
    // SAFETY: both pointers are to values of this frame (or null, which means no time limit), the length is the array's.
    let ready = unsafe {
        libc::ppoll(
            polled.as_mut_ptr(),
            N as libc::nfds_t,
            time,
            std::ptr::null(),
        )
    };
    if ready < 0 {
        let error = io::Error::last_os_error();
        return if error.kind() == ErrorKind::Interrupted {
            Ok([false; N])
        } else {
            Err(error)
        };
    }
    Ok(polled.map(|p| p.revents != 0))
}
