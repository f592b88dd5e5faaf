//! Whether files have changed (inotify(7)): also such as are not there yet.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::task::{self, Poll};
use tokio::io::unix::AsyncFd;

/// Of a file: it was written, or another one took its place.
const FILE: u32 = libc::IN_MODIFY
    | libc::IN_CLOSE_WRITE
    | libc::IN_MOVE_SELF
    | libc::IN_DELETE_SELF
    | libc::IN_ATTRIB;
/// Of a directory in which there is no such file: one may come.
const FOLDER: u32 = libc::IN_CREATE | libc::IN_MOVED_TO | libc::IN_ONESHOT | libc::IN_ONLYDIR;

/// The kernel's queue of changes.
pub(super) struct Watch(AsyncFd<OwnedFd>);

impl Watch {
    pub(super) fn open() -> io::Result<Self> {
        // SAFETY: no pointers.
        #[expect(unsafe_code, reason = "no safe wrapper for inotify")]
        let fd = unsafe { libc::inotify_init1(libc::IN_NONBLOCK | libc::IN_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just given it to us, and to nobody else.
        #[expect(unsafe_code, reason = "no safe wrapper for inotify")]
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        // SAFETY: it is owned by the value, and open as long as that.
        #[expect(unsafe_code, reason = "registration trusts its descriptor")]
        let registered = unsafe { AsyncFd::register(fd) };
        registered.map(Self).map_err(Into::into)
    }

    /// Watches the file, or where it would come to be. Once more is no more.
    pub(super) fn add(&self, file: &Path) -> io::Result<()> {
        let mut result = self.add_path(file, FILE);
        for folder in file.ancestors().skip(1) {
            match &result {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Ok(()) | Err(_) => return result,
            }
            result = self.add_path(folder, FOLDER);
        }
        // It may have come before its folder was watched.
        match self.add_path(file, FILE) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => result,
            added => added,
        }
    }

    fn add_path(&self, path: &Path, events: u32) -> io::Result<()> {
        let path = CString::new(path.as_os_str().as_bytes())?;
        // SAFETY: the kernel reads a string that outlives the call.
        #[expect(unsafe_code, reason = "no safe wrapper for inotify")]
        let watch = unsafe { libc::inotify_add_watch(self.0.as_raw_fd(), path.as_ptr(), events) };
        if watch < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        }
    }

    pub(super) fn poll_readable(&self, cx: &mut task::Context<'_>) -> Poll<()> {
        // Readiness is taken back when there is nothing to read, see `drain`.
        self.0.poll_read_ready(cx).map(drop)
    }

    /// Takes all there is; whether there was any.
    pub(super) fn drain(&self) -> bool {
        let mut any = false;
        let mut buffer = [0u8; 4096];
        let read = || {
            // SAFETY: the kernel writes at most as many bytes as the buffer has.
            #[expect(unsafe_code, reason = "no safe wrapper for inotify")]
            let length =
                unsafe { libc::read(self.0.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) };
            if length < 0 {
                Err(io::Error::last_os_error())
            } else {
                Ok(length)
            }
        };
        let mut read = read;
        while self
            .0
            .try_io(tokio::io::Interest::READABLE, |_| read())
            .is_ok()
        {
            any = true;
        }
        any
    }
}
