//! The control socket: how the command line asks the running daemon. It carries the page's API over HTTP, and only the
//! daemon's own user may connect: `curl --unix-socket SOCKET http://ntm/api/v1/status`.

mod client;

pub(crate) use client::{get, post};

use anyhow::{Context, Result, bail};
use ntm_enrolment::socket::control_socket;
use ntm_webui::server::{Daemon, local};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixListener;
use tokio::sync::Semaphore;
use tracing::debug;

/// How many connections are served at a time.
const MAX_CONNECTIONS: usize = 16;
/// How often, and how far apart, we look whether another daemon is still there.
const TRIES: u32 = 10;
const BETWEEN_TRIES: Duration = Duration::from_millis(100);

/// The listening socket. Its file goes with this value.
pub(crate) struct Control {
    path: PathBuf,
}

impl Control {
    /// Listens for the gateway in `dir`, and makes sure that no other daemon does.
    pub(crate) async fn start(dir: &Path, daemon: Arc<dyn Daemon>) -> Result<Self> {
        let path = control_socket(dir);
        let mut tries = 0;
        while BlockingStream::connect(&path).is_ok() {
            // One that was killed a moment ago is listed until the kernel has closed all its files.
            if tries == TRIES {
                bail!(
                    "a gateway is already running on {}; stop it first",
                    dir.display()
                );
            }
            tries += 1;
            tokio::time::sleep(BETWEEN_TRIES).await;
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error)
                    .with_context(|| format!("cannot remove the old {}", path.display()));
            }
            _ => {}
        }
        let listener = UnixListener::bind(&path)
            .with_context(|| format!("cannot listen on {}", path.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        tokio::spawn(accept(listener, daemon));
        Ok(Self { path })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

async fn accept(listener: UnixListener, daemon: Arc<dyn Daemon>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let daemon = daemon.clone();
                tokio::spawn(async move {
                    local::serve(stream, daemon).await;
                    drop(place);
                });
            }
            Err(error) => {
                debug!(%error, "no control connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
