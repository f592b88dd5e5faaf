//! `ctl.sock`: whoever may open it reads one JSON report.

use anyhow::{Context, Result, bail};
use ntm_enrolment::socket::control_socket;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;

/// How long a reader may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest report we read.
const MAX_REPORT: u64 = 64 << 20;

/// The listening end; its file is gone when it is dropped.
pub(crate) struct Control {
    listener: UnixListener,
    path: PathBuf,
}

impl Control {
    /// Listens in `dir`, unless somebody does already.
    pub(crate) async fn open(dir: &Path) -> Result<Self> {
        let path = control_socket(dir);
        if UnixStream::connect(&path).await.is_ok() {
            bail!("another ntm-relay runs in {}", dir.display());
        }
        // Left over from one that was killed.
        let _ = fs::remove_file(&path);
        let listener =
            UnixListener::bind(&path).with_context(|| format!("cannot make {}", path.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))
            .with_context(|| format!("cannot protect {}", path.display()))?;
        Ok(Self { listener, path })
    }

    /// The next who asks.
    pub(crate) async fn accept(&self) -> io::Result<UnixStream> {
        let accepted = self.listener.accept().await;
        if accepted.is_err() {
            // Out of file descriptors, most likely: asking again at once would only burn time.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        accepted.map(|(stream, _)| stream)
    }

    /// Writes beside the loop, so that a slow reader delays nobody.
    pub(crate) fn answer(&self, asker: io::Result<UnixStream>, report: String) {
        if let Ok(mut asker) = asker {
            tokio::spawn(async move {
                // A reader that left early is no concern of ours.
                let _ = timeout(PATIENCE, asker.write_all(report.as_bytes())).await;
            });
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Asks the relay that runs in `dir`.
pub(crate) async fn ask(dir: &Path) -> Result<String> {
    let path = control_socket(dir);
    let stream = match UnixStream::connect(&path).await {
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::ConnectionRefused
            ) =>
        {
            bail!(
                "no relay runs in {0}: start it with `ntm-relay run --dir {0}`",
                dir.display()
            )
        }
        other => other.with_context(|| format!("cannot ask {}", path.display()))?,
    };
    let mut report = String::new();
    let mut stream = stream.take(MAX_REPORT);
    timeout(PATIENCE, stream.read_to_string(&mut report))
        .await
        .context("the relay did not answer in 5 seconds")?
        .context("the relay broke off")?;
    Ok(report)
}
