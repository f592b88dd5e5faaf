//! The command line's end of the control socket.

use anyhow::{Context, Result, bail};
use ntm_enrolment::socket::control_socket;
use serde_json::Value;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long the daemon may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest answer taken: thousands of devices.
const MAX_ANSWER: u64 = 16 << 20;

/// Puts one command to the daemon that runs on `dir`. The inner error is the daemon's own.
pub(crate) fn ask(dir: &Path, command: &Value) -> Result<Result<Value, String>> {
    let path = control_socket(dir);
    let mut stream = match UnixStream::connect(&path) {
        Ok(stream) => stream,
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::ConnectionRefused
            ) =>
        {
            bail!(
                "not running: start it with `ntm-gateway run --dir {}`",
                dir.display()
            )
        }
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            bail!(
                "{} may be used by root alone: try again with sudo",
                path.display()
            )
        }
        Err(error) => return Err(error).with_context(|| format!("cannot use {}", path.display())),
    };
    stream.set_read_timeout(Some(PATIENCE))?;
    stream
        .write_all(format!("{command}\n").as_bytes())
        .context("the gateway is stopping")?;
    let mut line = String::new();
    match BufReader::new(stream.take(MAX_ANSWER)).read_line(&mut line) {
        Ok(_) => {}
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => bail!(
            "the gateway has not answered for {} seconds: is the router overloaded? Try again, and look into its log",
            PATIENCE.as_secs()
        ),
        Err(error) => return Err(error).context("the gateway does not answer"),
    }
    let mut answer: Value =
        serde_json::from_str(&line).context("the gateway stopped before it answered")?;
    Ok(match answer["error"].as_str() {
        Some(error) => Err(error.to_owned()),
        None => Ok(answer["ok"].take()),
    })
}
