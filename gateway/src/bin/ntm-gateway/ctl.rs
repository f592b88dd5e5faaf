//! The control socket: how the command line, and pages for people, ask the running daemon.
//!
//! A connection carries lines of JSON: `{"command":"devices"}` gives `{"ok":[…]}`, `{"command":"ping","name":"camera"}`
//! gives `{"ok":{…}}`, and what went wrong gives `{"error":"…"}`. Only the daemon's own user may connect.

mod client;
mod name;

pub(crate) use client::ask;

use crate::configure::{Configure, Outcome};
use crate::owner::Wish;
use crate::question::{ForShell, Preference, Question, Show};
use anyhow::{Context, Result, bail};
use ntm_enrolment::socket::control_socket;
use ntm_proto::id::Fqdn;
use serde::Deserialize;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;
use tracing::debug;

/// How many connections are served at a time.
const MAX_CONNECTIONS: usize = 16;
/// The longest line.
const MAX_LINE: u64 = 4096;
/// How long a connection may be silent.
const IDLE: Duration = Duration::from_secs(30);
/// How often, and how far apart, we look whether another daemon is still there.
const TRIES: u32 = 10;
const BETWEEN_TRIES: Duration = Duration::from_millis(100);
/// How long the machine may take; a ping may first have to build a tunnel.
const PATIENCE: Duration = Duration::from_secs(15);

#[derive(Debug, Deserialize)]
struct Command {
    command: String,
    #[serde(default)]
    name: String,
    /// What is to be different about the device `name`, and what that needs.
    #[serde(default)]
    change: String,
    #[serde(default)]
    to: String,
}

/// The listening socket. Its file goes with this value.
pub(crate) struct Control {
    path: PathBuf,
}

impl Control {
    /// Listens for the gateway in `dir`, and makes sure that no other daemon does.
    pub(crate) async fn start(
        dir: &Path,
        own: Fqdn,
        domain: Fqdn,
        questions: mpsc::Sender<Question>,
        configure: Configure,
    ) -> Result<Self> {
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
        tokio::spawn(accept(
            listener,
            Arc::new(Asker::new(own, domain, questions, configure)),
        ));
        Ok(Self { path })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

async fn accept(listener: UnixListener, asker: Arc<Asker>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let asker = asker.clone();
                tokio::spawn(async move {
                    if let Err(error) = serve(stream, &asker).await {
                        debug!("a control connection broke: {error:#}");
                    }
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

async fn serve(stream: UnixStream, asker: &Asker) -> Result<()> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    loop {
        let mut line = Vec::new();
        let length = timeout(
            IDLE,
            (&mut read).take(MAX_LINE).read_until(b'\n', &mut line),
        )
        .await??;
        if length == 0 {
            return Ok(());
        }
        if line.last() != Some(&b'\n') {
            bail!("a line longer than {MAX_LINE} bytes, or half of one");
        }
        let answer = match asker.answer(&line).await {
            Ok(value) => json!({ "ok": value }),
            Err(error) => json!({ "error": error }),
        };
        timeout(IDLE, write.write_all(format!("{answer}\n").as_bytes())).await??;
    }
}

/// Puts commands to the owner of the machine.
pub(crate) struct Asker {
    own: Fqdn,
    domain: Fqdn,
    questions: mpsc::Sender<Question>,
    configure: Configure,
}

impl Asker {
    pub(crate) fn new(
        own: Fqdn,
        domain: Fqdn,
        questions: mpsc::Sender<Question>,
        configure: Configure,
    ) -> Self {
        Self {
            own,
            domain,
            questions,
            configure,
        }
    }

    async fn answer(&self, line: &[u8]) -> Result<Value, String> {
        let command: Command = serde_json::from_slice(line)
            .map_err(|error| format!("no command: {error}; write {{\"command\":\"status\"}}"))?;
        match command.command.as_str() {
            "ping" => return self.ping(&command.name).await,
            "wan-prefer" => return self.prefer(Some(command.name)).await,
            "wan-auto" => return self.prefer(None).await,
            "accept" => return self.accept(command.name).await,
            "device" => {
                let wish = Wish {
                    device: command.name,
                    change: command.change,
                    to: command.to,
                };
                return self.want(wish).await;
            }
            "reload" => return self.reload().await,
            _ => {}
        }
        match Show::parse(&command.command) {
            Some(what) => self.show(what).await,
            None => Err(
                "unknown command; there are status, devices, device, tunnels, wans, handovers, policies, wan-prefer, wan-auto, accept, reload and ping"
                    .into(),
            ),
        }
    }

    pub(crate) async fn show(&self, what: Show) -> Result<Value, String> {
        self.ask(|reply| Question::Show { what, reply }).await
    }

    pub(crate) async fn prefer(&self, name: Option<String>) -> Result<Value, String> {
        self.tell_shell(|reply| ForShell::Prefer(Preference { name, reply }))
            .await
    }

    /// The owner knows why the gateway of this name has another key.
    pub(crate) async fn accept(&self, name: String) -> Result<Value, String> {
        self.tell_shell(|reply| ForShell::Accept { name, reply })
            .await
    }

    /// Changes what the owner wants of a device: in the file first, then here.
    pub(crate) async fn want(&self, wish: Wish) -> Result<Value, String> {
        let device = |reply| ForShell::Device { wish, reply };
        let wanted = self.tell_shell(device).await?;
        let (configure, asked) = (self.configure.clone(), wanted.clone());
        // A disk takes its time.
        let written = tokio::task::spawn_blocking(move || configure.say(asked.mac, &asked.change));
        let is_handed = match written.await.map_err(|error| error.to_string())?? {
            Outcome::Written | Outcome::Same => false,
            Outcome::Handed => true,
            Outcome::Refused(_) => {
                return Err("somebody else has just changed the settings; try again".into());
            }
        };
        self.tell_shell(|reply| ForShell::DeviceSaid {
            wanted,
            is_handed,
            reply,
        })
        .await
    }

    /// Has the configuration read once more; an error says that not all of it can be taken up as we run.
    pub(crate) async fn reload(&self) -> Result<Value, String> {
        self.tell_shell(ForShell::Reload).await
    }

    /// Has the gateway end and start anew.
    pub(crate) async fn restart(&self) {
        // It is stopping already: fine.
        let _ = self
            .questions
            .send(Question::Shell(ForShell::Restart))
            .await;
    }

    pub(crate) async fn ping(&self, text: &str) -> Result<Value, String> {
        let known = name::known(
            &self.show(Show::Devices).await?,
            &self.show(Show::Tunnels).await?,
        );
        let trusted = name::trusted(&self.show(Show::Status).await?);
        let name = name::complete(text, &self.own, &self.domain, &trusted, &known)?;
        let result = self
            .ask(|reply| Question::Ping {
                name: name.clone(),
                reply,
            })
            .await?;
        result
            .map(|report| json!(report))
            .map_err(|error| format!("{name}: {error}"))
    }

    async fn tell_shell<T>(
        &self,
        word: impl FnOnce(oneshot::Sender<Result<T, String>>) -> ForShell,
    ) -> Result<T, String> {
        self.ask(|reply| Question::Shell(word(reply))).await?
    }

    async fn ask<T>(
        &self,
        question: impl FnOnce(oneshot::Sender<T>) -> Question,
    ) -> Result<T, String> {
        let (reply, answer) = oneshot::channel();
        self.questions
            .send(question(reply))
            .await
            .map_err(|_| "the gateway is stopping")?;
        match timeout(PATIENCE, answer).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_)) => Err("too many questions at once; try again".into()),
            Err(_) => Err("no answer in 15 seconds; see `ntm-gateway status`".into()),
        }
    }
}
