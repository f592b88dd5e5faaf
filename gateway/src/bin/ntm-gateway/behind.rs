//! The gateway behind its page and its control socket: whom each question goes to.
//!
//! It may be there before the gateway: as long as that is not enrolled, nobody is behind it, and what it shows is how to
//! begin ([`crate::first`]).

use crate::asker::Asker;
use crate::configure::{Configure, Outcome};
use crate::first::Joining;
use crate::owner::Wish;
use crate::{diagnose, log, password};
use ntm_webui::server::{Asked, Daemon};
use ntm_webui::{Ask, DeviceChange, Part};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tracing::info;

/// The answer is on its way before the restart begins.
const BEFORE_RESTART: Duration = Duration::from_millis(500);

/// The gateway behind the page.
pub(crate) struct Behind {
    /// As soon as there is one.
    asker: OnceLock<Arc<Asker>>,
    dir: PathBuf,
    configure: Configure,
    /// How it comes to be one.
    joining: Option<Arc<Joining>>,
}

impl Behind {
    pub(crate) fn new(configure: Configure, dir: &Path, joining: Option<Arc<Joining>>) -> Self {
        Self {
            asker: OnceLock::new(),
            dir: dir.to_owned(),
            configure,
            joining,
        }
    }

    /// From now on there is a gateway.
    pub(crate) fn enrolled(&self, asker: Arc<Asker>) {
        // It becomes one once.
        let _ = self.asker.set(asker);
    }
}

impl Daemon for Behind {
    fn ask(&self, ask: Ask) -> Asked {
        let (asker, joining) = (self.asker.get().cloned(), self.joining.clone());
        let (dir, configure) = (self.dir.clone(), self.configure.clone());
        Box::pin(async move {
            if let Ask::Keep(phc) = &ask {
                let kept = password::keep(&dir, phc);
                return kept
                    .map(|()| Value::Null)
                    .map_err(|error| error.to_string());
            }
            if let Ask::Log = &ask {
                return Ok(json!(log::last()));
            }
            let Some(asker) = asker else {
                let joining = joining.ok_or("the gateway is starting")?;
                return joining.answer(ask).await;
            };
            match ask {
                Ask::Show => everything(&asker).await,
                Ask::Part(part) => asker.show(part).await,
                Ask::Prefer(name) => asker.prefer(name).await,
                Ask::Ping(name) => asker.ping(&name).await,
                Ask::Accept(name) => asker.accept(name).await,
                Ask::Device(change) => {
                    let DeviceChange { device, change, to } = change;
                    asker.want(Wish { device, change, to }).await
                }
                Ask::Settings => aside(move || configure.show()).await,
                Ask::Export => aside(move || configure.export()).await,
                Ask::Reload => asker.reload().await,
                Ask::Change(asked) => change(&configure, &asker, asked).await,
                Ask::Diagnose => {
                    let mut live = everything(&asker).await?;
                    live["policies"] = asker.show(Part::Policies).await?;
                    aside(move || Ok(diagnose::bundle(&dir, &configure, live))).await
                }
                Ask::Restart => {
                    restart_soon(asker);
                    Ok(Value::Null)
                }
                Ask::Begin(_) => Err("this gateway is enrolled already".into()),
                Ask::Keep(_) | Ask::Log => Ok(Value::Null),
            }
        })
    }

    fn password(&self) -> Option<String> {
        password::kept(&self.dir)
    }

    fn name(&self) -> Option<String> {
        self.asker.get().map(|asker| asker.own().to_string())
    }
}

/// Writes what is asked for, and has the gateway take it up: as it runs, or by a new start.
async fn change(configure: &Configure, asker: &Arc<Asker>, asked: Value) -> Result<Value, String> {
    let own = configure.clone();
    let changed = aside(move || {
        let mut outcome = own.change(&asked)?;
        if let Outcome::Refused(why) = &mut outcome {
            // For a form that shows what was entered, over what is there.
            why["settings"] = own.show()?;
        }
        Ok(outcome)
    });
    match changed.await? {
        Outcome::Refused(why) => return Ok(why),
        Outcome::Handed => return Ok(json!({"done": "soon"})),
        Outcome::Same => return Ok(json!({"done": "same"})),
        Outcome::Written => {}
    }
    // It is right: what cannot be taken up is what needs a new start.
    if asker.reload().await.is_ok() {
        return Ok(json!({"done": "now"}));
    }
    restart_soon(asker.clone());
    Ok(json!({"done": "restart"}))
}

/// Does what takes a disk its time, or a slow processor, where no packet waits for it.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| error.to_string())?
}

fn restart_soon(asker: Arc<Asker>) {
    info!("a new start, as its owner asked");
    tokio::spawn(async move {
        tokio::time::sleep(BEFORE_RESTART).await;
        asker.restart().await;
    });
}

async fn everything(asker: &Asker) -> Result<Value, String> {
    let mut all = json!({});
    // No page shows the policies' counts, which are work for whoever carries packets.
    for part in Part::ALL.into_iter().filter(|it| *it != Part::Policies) {
        all[part.name()] = asker.show(part).await?;
    }
    Ok(all)
}

#[cfg(test)]
mod tests;
