//! The control socket: one datagram of words comes in, one with the cable's state or an error goes back.
//!
//! Datagrams, because an asker who is slow or dies must not hold up the frames.

use anyhow::{Context, Result, bail};
use ntm_link::Cable;
use std::fs;
use std::io::ErrorKind;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What an answer begins with that is none.
pub(crate) const ERROR: &str = "error: ";
const MAX_WORDS: usize = 64 << 10;
const PATIENCE: Duration = Duration::from_secs(5);

/// The answering end; its file is gone when this is dropped.
pub(crate) struct Control {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Control {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        // Left over from one that was killed.
        let _ = fs::remove_file(path);
        let socket =
            UnixDatagram::bind(path).with_context(|| format!("cannot make {}", path.display()))?;
        socket
            .set_nonblocking(true)
            .context("cannot set the socket up")?;
        Ok(Self {
            socket,
            path: path.to_owned(),
        })
    }

    /// Obeys and answers what has come.
    pub(crate) fn serve(&self, cable: &mut Cable) {
        let mut words = vec![0; MAX_WORDS];
        // An error here concerns one asker; the cable carries on.
        while let Ok((length, asker)) = self.socket.recv_from(&mut words) {
            let answer = obey(cable, words.get(..length).unwrap_or_default());
            if let Some(path) = asker.as_pathname() {
                let _ = self.socket.send_to(answer.as_bytes(), path);
            }
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl AsFd for Control {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Sends words to the cable behind this socket and waits for its answer.
pub(crate) fn ask(path: &Path, words: &str) -> Result<String> {
    if words.len() >= MAX_WORDS {
        bail!("{} bytes are too many for one command", words.len());
    }
    let own = std::env::temp_dir().join(format!("ntm-linkctl.{}", std::process::id()));
    let _ = fs::remove_file(&own);
    let socket =
        UnixDatagram::bind(&own).with_context(|| format!("cannot make {}", own.display()))?;
    let answer = exchange(&socket, path, words);
    let _ = fs::remove_file(&own);
    answer
}

fn exchange(socket: &UnixDatagram, path: &Path, words: &str) -> Result<String> {
    socket
        .connect(path)
        .with_context(|| format!("no cable at {}", path.display()))?;
    socket
        .set_read_timeout(Some(PATIENCE))
        .context("cannot set the socket up")?;
    socket
        .send(words.as_bytes())
        .context("cannot send the command")?;
    let mut answer = vec![0; MAX_WORDS];
    let length = match socket.recv(&mut answer) {
        Ok(length) => length,
        Err(error) if error.kind() == ErrorKind::WouldBlock => bail!("the cable did not answer"),
        Err(error) => return Err(error).context("cannot read the answer"),
    };
    answer.truncate(length);
    String::from_utf8(answer).context("the answer is not UTF-8")
}

fn obey(cable: &mut Cable, words: &[u8]) -> String {
    let Ok(words) = std::str::from_utf8(words) else {
        return format!("{ERROR}a command is UTF-8");
    };
    match cable.handle_command(words, Instant::now()) {
        Ok(()) => serde_json::to_string(&cable.status()).expect("numbers and strings only"),
        Err(error) => format!("{ERROR}{error}"),
    }
}
