//! Questions to the one task that owns the machine, and what a change needs besides: the file, then the machine.

mod name;

use crate::configure::{Configure, Outcome};
use crate::owner::Wish;
use crate::question::{ForShell, Preference, Question};
use ntm_proto::id::Fqdn;
use ntm_webui::Part;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// How long the machine may take; a ping may first have to build a tunnel.
const PATIENCE: Duration = Duration::from_secs(15);

/// Puts questions to the owner of the machine.
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

    /// The gateway's own name.
    pub(crate) fn own(&self) -> &Fqdn {
        &self.own
    }

    pub(crate) async fn show(&self, what: Part) -> Result<Value, String> {
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
            &self.show(Part::Devices).await?,
            &self.show(Part::Tunnels).await?,
        );
        let trusted = name::trusted(&self.show(Part::Status).await?);
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
