//! The command line's end of the control socket.

use anyhow::{Context, Result, anyhow, bail};
use httparse::{EMPTY_HEADER, Status};
use ntm_enrolment::socket::control_socket;
use serde_json::Value;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long the daemon may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest answer taken: thousands of devices.
const MAX_ANSWER: u64 = 16 << 20;
/// The most header fields of one.
const MAX_FIELDS: usize = 64;

/// What is at `/api/v1/{what}` of the daemon that runs on `dir`. The inner error is the daemon's own.
pub(crate) fn get(dir: &Path, what: &str) -> Result<Result<Value, String>> {
    ask(dir, &format!("GET /api/v1/{what} HTTP/1.0\r\n\r\n"))
}

/// Sends `body` there.
pub(crate) fn post(dir: &Path, what: &str, body: &Value) -> Result<Result<Value, String>> {
    let body = body.to_string();
    let length = body.len();
    // HTTP/1.0: the answer comes in one piece, and ends with the connection.
    ask(
        dir,
        &format!(
            "POST /api/v1/{what} HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        ),
    )
}

fn ask(dir: &Path, request: &str) -> Result<Result<Value, String>> {
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
        .write_all(request.as_bytes())
        .context("the gateway is stopping")?;
    let mut answer = Vec::new();
    match stream.take(MAX_ANSWER).read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => bail!(
            "the gateway has not answered for {} seconds: is the router overloaded? Try again, and look into its log",
            PATIENCE.as_secs()
        ),
        Err(error) => return Err(error).context("the gateway does not answer"),
    }
    read(&answer)
}

fn read(answer: &[u8]) -> Result<Result<Value, String>> {
    let stopped = || anyhow!("the gateway stopped before it answered");
    let mut fields = [EMPTY_HEADER; MAX_FIELDS];
    let mut head = httparse::Response::new(&mut fields);
    let length = match head.parse(answer) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Err(stopped()),
        Err(_) => bail!("the gateway that runs is of another version: restart it"),
    };
    let body = answer.get(length..).unwrap_or_default();
    let value: Option<Value> = serde_json::from_slice(body).ok();
    if head.code == Some(200) {
        return value.map(Ok).ok_or_else(stopped);
    }
    let error = value.as_ref().and_then(|value| value.get("error"));
    Ok(Err(match error.and_then(Value::as_str) {
        Some(error) => error.to_owned(),
        None => format!(
            "the gateway answers {}, without a reason",
            head.code.unwrap_or_default()
        ),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_right_and_what_went_wrong_are_told_apart() {
        let ok = read(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n[]");
        assert_eq!(ok.unwrap(), Ok(json!([])));
        let why = read(b"HTTP/1.0 503 Service Unavailable\r\n\r\n{\"error\":\"no such WAN\"}");
        assert_eq!(why.unwrap(), Err("no such WAN".into()));
        for body in ["{}", "", "no JSON"] {
            let odd = format!("HTTP/1.0 500 Internal Server Error\r\n\r\n{body}");
            assert_eq!(
                read(odd.as_bytes()).unwrap(),
                Err("the gateway answers 500, without a reason".into())
            );
        }
    }

    #[test]
    fn half_an_answer_and_another_version_s_are_said() {
        let said = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
        for half in [
            "",
            "HTTP/1.0 200",
            "HTTP/1.0 200 OK\r\n\r\n",
            "HTTP/1.0 200 OK\r\n\r\n[1,",
        ] {
            assert!(said(half.as_bytes()).contains("stopped before"), "{half}");
        }
        assert!(said(b"{\"error\":\"no command\"}\n").contains("another version"));
    }
}
