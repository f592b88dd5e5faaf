//! `ctl.sock`: one JSON line asks, one JSON line answers. For the machine's owner alone (mode 0600).

use crate::desk::{Control, Desk};
use anyhow::{Context, Result, bail};
use ntm_enrolment::socket::control_socket;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fs::Permissions;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as StdStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// No question is longer.
const MAX_QUESTION: u64 = 4096;
/// For one question and its answer.
const PATIENCE: Duration = Duration::from_secs(5);
const CONNECTIONS: usize = 16;

/// One line.
#[derive(Serialize, Deserialize)]
struct Ask {
    ask: Control,
}

/// Binds `dir`'s socket. The caller holds the directory's lock, so an old socket is a dead one.
pub(crate) fn bind(dir: &Path) -> Result<UnixListener> {
    let path = control_socket(dir);
    let aside = path.with_extension("new");
    let bind = || {
        // Gets its place only when it has its mode.
        let _ = std::fs::remove_file(&aside);
        let listener = UnixListener::bind(&aside)?;
        std::fs::set_permissions(&aside, Permissions::from_mode(0o600))?;
        std::fs::rename(&aside, &path)?;
        Ok::<_, std::io::Error>(listener)
    };
    bind().with_context(|| {
        format!(
            "cannot make the control socket {}; its whole path must be shorter than 100 characters and its directory writable",
            path.display()
        )
    })
}

/// Takes the socket away.
pub(crate) fn unbind(dir: &Path) {
    let _ = std::fs::remove_file(control_socket(dir));
}

/// Answers for ever.
pub(crate) async fn serve(listener: UnixListener, desk: Desk) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let desk = desk.clone();
                tokio::spawn(async move {
                    let done = timeout(PATIENCE, answer(stream, &desk)).await;
                    if !matches!(done, Ok(Ok(()))) {
                        tracing::debug!("a control connection ended early");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a control connection");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn answer(stream: UnixStream, desk: &Desk) -> Result<()> {
    let mut stream = tokio::io::BufReader::new(stream);
    let mut line = String::new();
    (&mut stream)
        .take(MAX_QUESTION)
        .read_line(&mut line)
        .await?;
    let answer = match serde_json::from_str::<Ask>(&line) {
        Ok(Ask { ask }) => desk
            .control(ask)
            .await
            .unwrap_or_else(|| json!({"error": "the daemon is busy; try again"})),
        Err(error) => json!({"error": format!("not understood: {error}")}),
    };
    stream.write_all(format!("{answer}\n").as_bytes()).await?;
    Ok(())
}

/// Asks the running daemon. `None`: it does not run.
pub(crate) fn ask(dir: &Path, ask: Control) -> Result<Option<Value>> {
    let path = control_socket(dir);
    let stream = match StdStream::connect(&path) {
        Ok(stream) => stream,
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::ConnectionRefused
            ) =>
        {
            return Ok(None);
        }
        Err(error) => {
            return Err(error)
                .with_context(|| format!("cannot ask the daemon at {}", path.display()));
        }
    };
    let exchange = || {
        stream.set_read_timeout(Some(2 * PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        (&stream).write_all(format!("{}\n", serde_json::to_string(&Ask { ask })?).as_bytes())?;
        let mut line = String::new();
        BufReader::new((&stream).take(256 << 20)).read_line(&mut line)?;
        Ok::<_, anyhow::Error>(line)
    };
    let line =
        exchange().with_context(|| format!("the daemon at {} does not answer", path.display()))?;
    let answer: Value = serde_json::from_str(&line)
        .with_context(|| format!("the daemon at {} gave no answer", path.display()))?;
    if let Some(error) = answer.get("error").and_then(Value::as_str) {
        bail!("the daemon says: {error}");
    }
    Ok(Some(answer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::Question;
    use crate::scratch::Scratch;

    #[tokio::test(flavor = "current_thread")]
    async fn a_line_is_answered_by_a_line() {
        let dir = Scratch::new();
        assert!(ask(dir.path(), Control::Nodes).unwrap().is_none());
        let (desk, mut questions) = Desk::new();
        let listener = bind(dir.path()).unwrap();
        let mode = std::fs::metadata(control_socket(dir.path()))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        tokio::spawn(serve(listener, desk));
        let at = dir.path().to_owned();
        let asker = std::thread::spawn(move || ask(&at, Control::ReloadGroups));
        let Some(Question::Control(Control::ReloadGroups, reply)) = questions.recv().await else {
            panic!("another question");
        };
        reply.send(json!({"done": true})).unwrap();
        let mut odd = UnixStream::connect(control_socket(dir.path()))
            .await
            .unwrap();
        odd.write_all(b"{\"ask\":\"everything\"}\n").await.unwrap();
        let mut text = String::new();
        odd.read_to_string(&mut text).await.unwrap();
        assert!(text.starts_with("{\"error\":\"not understood"), "{text}");
        assert_eq!(asker.join().unwrap().unwrap(), Some(json!({"done": true})));
        unbind(dir.path());
        assert!(ask(dir.path(), Control::Nodes).unwrap().is_none());
    }
}
