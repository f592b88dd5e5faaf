//! The operator's pages: what they read comes from the store by a thread of their own, what changes goes the way of the
//! command line, and only who is there now is asked of the coordinator, for the rows of one page.

use crate::backup;
use crate::catalog::{Catalog, Slice};
use crate::config::Config;
use crate::desk::{Control, Desk};
use crate::journal::{Journal, Reader};
use crate::shell::wall_seconds;
use crate::{admin, cli, domain, keys, password};
use anyhow::{Context, Result, anyhow};
use ntm_dc::Presence;
use ntm_webui::Setup;
use ntm_webui::operator::{self, Act, Ask, Change, Gate, Operator, Page, Sight};
use ntm_webui::server::{Asked, Daemon, Server};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use tokio::sync::{Semaphore, mpsc, oneshot};

/// Jobs that may wait for the clerk.
const WAITING: usize = 64;

/// Serves the pages, if they are wanted. Without them everything else runs as ever, so what keeps them away is only said.
pub(crate) fn start(dir: &Path, config: &Config, desk: Desk, journal: Journal) -> Option<Server> {
    let at = config.web_listen?;
    let serve = || {
        let listener = TcpListener::bind(at)
            .context("cannot listen; if another program is there, change `web_listen`")?;
        let setup = Setup {
            place: Gate {
                origin: config.web_origin.clone(),
            },
            seed: keys::random()?,
            cost: password::COST,
        };
        let behind = Behind {
            dir: dir.to_owned(),
            desk,
            journal,
            clerk: Clerk::start(dir)?,
            copies: Arc::new(Semaphore::new(1)),
        };
        Ok::<_, anyhow::Error>(operator::start(setup, Arc::new(behind), listener)?)
    };
    match serve() {
        Ok(server) => {
            tracing::info!(%at, "the operator's pages");
            if password::kept(dir).is_none() {
                tracing::info!("they have no password yet: `ntm-dc password` sets one");
            }
            if !at.ip().is_loopback() {
                tracing::warn!(
                    "they are not encrypted, and {at} is not this machine alone: whoever is in between reads the password"
                );
            }
            Some(server)
        }
        Err(error) => {
            tracing::warn!("no pages at {at}: {error:#}");
            None
        }
    }
}

/// Something to do with the store, away from everybody who must not wait.
type Job = Box<dyn FnOnce(&Catalog, &Reader) + Send>;

/// The thread that reads and changes for the pages.
#[derive(Clone)]
struct Clerk(mpsc::Sender<Job>);

impl Clerk {
    fn start(dir: &Path) -> Result<Self> {
        let (jobs, mut taken) = mpsc::channel::<Job>(WAITING);
        let (catalog, reader) = (Catalog::open(dir)?, Reader::open(dir)?);
        thread::Builder::new()
            .name("clerk".into())
            .spawn(move || {
                while let Some(job) = taken.blocking_recv() {
                    job(&catalog, &reader);
                }
            })
            .context("cannot start a thread")?;
        Ok(Self(jobs))
    }

    /// What the job says, in words for people where it fails.
    async fn ask<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Catalog, &Reader) -> Result<T> + Send + 'static,
    ) -> Result<T, String> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |catalog, reader| drop(reply.send(job(catalog, reader))));
        self.0.try_send(job).map_err(|_| busy())?;
        match answer.await {
            Ok(result) => result.map_err(|error| format!("{error:#}")),
            Err(_) => Err(busy()),
        }
    }
}

fn busy() -> String {
    "the coordinator is busy; try again in a moment".to_owned()
}

/// The coordinator behind the pages.
#[derive(Clone)]
struct Behind {
    dir: PathBuf,
    desk: Desk,
    journal: Journal,
    clerk: Clerk,
    copies: Arc<Semaphore>,
}

impl Daemon<Operator> for Behind {
    fn ask(&self, ask: Ask) -> Asked {
        let behind = self.clone();
        Box::pin(async move {
            match ask {
                Ask::Look(sight) => behind.look(sight).await,
                Ask::Change(change) => behind.change(change).await,
                Ask::Backup => behind.copy().await,
                Ask::Keep(phc) => {
                    let kept = password::keep(&behind.dir, &phc);
                    kept.map(|()| Value::Null)
                        .map_err(|error| format!("{error:#}"))
                }
            }
        })
    }

    fn password(&self) -> Option<String> {
        password::kept(&self.dir)
    }
}

impl Behind {
    async fn look(&self, sight: Sight) -> Result<Value, String> {
        match sight.page {
            Page::Overview => self.overview().await,
            Page::Gateways => {
                let slice = self
                    .clerk
                    .ask(move |catalog, _| catalog.gateways(&sight))
                    .await?;
                Ok(self.with_presence(slice).await?.into_value())
            }
            Page::Devices => {
                let slice = self
                    .clerk
                    .ask(move |catalog, _| catalog.devices(&sight))
                    .await?;
                Ok(self.with_presence(slice).await?.into_value())
            }
            Page::Gateway => self.gateway(sight).await,
            Page::Relays => self.relays().await,
            Page::Codes => {
                let look = |catalog: &Catalog, _: &Reader| catalog.codes(wall_seconds());
                self.clerk.ask(look).await
            }
            Page::Accounts => self.clerk.ask(|catalog, _| catalog.accounts()).await,
            Page::Domains => self.domains().await,
            Page::Events => self.clerk.ask(move |_, reader| reader.events(&sight)).await,
            Page::Backup => self.store().await,
            Page::Password => Ok(Value::Null),
        }
    }

    async fn control(&self, control: Control) -> Result<Value, String> {
        let answer = self.desk.control(control).await.ok_or_else(busy)?;
        match answer.get("error").and_then(Value::as_str) {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer),
        }
    }

    async fn overview(&self) -> Result<Value, String> {
        let mut all = self.control(Control::Census).await?;
        let history = |_: &Catalog, reader: &Reader| reader.history(wall_seconds());
        all["history"] = self.clerk.ask(history).await?;
        // An account without gateways is no news to the coordinator, but to a new operator it is.
        if all["accounts_in_all"] == 0 {
            let known = self.clerk.ask(|catalog, _| catalog.accounts()).await?;
            let rows = known["rows"].as_array().map_or(0, Vec::len);
            all["accounts_in_all"] = rows.into();
            let first = known["rows"].as_array().into_iter().flatten().take(5);
            let empty = first.map(|row| json!({"name": row["name"], "gateways": 0, "online": 0}));
            all["accounts"] = empty.collect();
        }
        Ok(all)
    }

    /// Says of each row whether it is there, and of gateways where.
    async fn with_presence(&self, mut slice: Slice) -> Result<Slice, String> {
        let nodes = slice.nodes.clone();
        let here = self.desk.present(nodes).await.ok_or_else(busy)?;
        for (row, here) in slice.rows.iter_mut().zip(here) {
            // Removed between the two questions: not there.
            tell(row, here.unwrap_or_default());
        }
        Ok(slice)
    }

    async fn gateway(&self, sight: Sight) -> Result<Value, String> {
        let of = sight.of.clone();
        let one = Sight {
            text: String::new(),
            part: operator::Part::First,
            ..sight
        };
        let found = self
            .clerk
            .ask(move |catalog, _| catalog.gateways(&one))
            .await?;
        let mut found = self.with_presence(found).await?;
        if found.rows.is_empty() {
            return Ok(json!({"gateway": null, "devices": {"rows": []}, "tunnels": []}));
        }
        let (gateway, node) = (found.rows.swap_remove(0), found.nodes[0]);
        let sight = Sight {
            page: Page::Devices,
            text: String::new(),
            of,
            part: operator::Part::First,
        };
        let devices = self
            .clerk
            .ask(move |catalog, _| catalog.devices(&sight))
            .await?;
        let devices = self.with_presence(devices).await?.into_value();
        let tunnels = self.desk.tunnels_of(node).await.ok_or_else(busy)?;
        Ok(json!({"gateway": gateway, "devices": devices, "tunnels": tunnels}))
    }

    async fn relays(&self) -> Result<Value, String> {
        let mut rows = self.control(Control::Relays).await?;
        for row in rows.as_array_mut().into_iter().flatten() {
            row["address"] = row["addresses"][0].clone();
        }
        Ok(json!({"rows": rows}))
    }

    async fn domains(&self) -> Result<Value, String> {
        let rows = self.control(Control::Domains).await?;
        let dir = self.dir.clone();
        let own = move |catalog: &Catalog, _: &Reader| {
            let domain = &catalog.config().domain;
            let key = keys::load_key(&dir)?.public().to_string();
            Ok(
                json!({"domain": domain.as_str(), "key": key, "paste": domain::paste(&dir, domain)?}),
            )
        };
        let mut all = self.clerk.ask(own).await?;
        all["rows"] = rows;
        Ok(all)
    }

    async fn store(&self) -> Result<Value, String> {
        let bytes = self.clerk.ask(|catalog, _| Ok(catalog.bytes())).await?;
        let dir = self.dir.display();
        Ok(json!({
            "bytes": bytes,
            "keys_command": format!("tar -cf keys.tar {}", backup::keys_of(&self.dir)),
            "restore_command": format!("ntm-dc restore FILE --dir {dir}"),
        }))
    }

    /// By the words that a person would have typed: the command line judges them.
    async fn change(&self, change: Change) -> Result<Value, String> {
        let command = cli::parse(words(&change).into_iter().map(OsString::from));
        let command = command.map_err(|usage| usage.what)?.command;
        let dir = self.dir.clone();
        let done = move |_: &Catalog, _: &Reader| {
            let nothing = || anyhow!("that changes nothing");
            admin::change(&dir, &command).ok_or_else(nothing)?
        };
        let mut done = self.clerk.ask(done).await?;
        self.journal.note("operator", || done.said.clone());
        if let Some(control) = done.tell {
            self.control(control).await?;
        }
        if let Some(code) = done.value["code"].as_str() {
            done.value["qr"] = picture(code).into();
        }
        Ok(done.value)
    }

    /// One at a time: it takes as much of the disk as the store.
    async fn copy(&self) -> Result<Value, String> {
        let Ok(place) = self.copies.clone().try_acquire_owned() else {
            return Err("another backup is being made; try again in a moment".to_owned());
        };
        let dir = self.dir.clone();
        let (reply, answer) = oneshot::channel();
        // Not by the clerk: other pages need not wait for it.
        let work = move || {
            let made = || {
                let catalog = Catalog::open(&dir)?;
                let file = dir.join("backup.download");
                let _ = std::fs::remove_file(&file);
                backup::copy(&catalog, &file)?;
                let name = format!("{}.ntm-dc.db", catalog.config().domain);
                Ok(
                    json!({"file": file.to_str().context("the directory's name is not UTF-8")?, "name": name}),
                )
            };
            let made: Result<Value> = made();
            drop(reply.send(made.map_err(|error| format!("{error:#}"))));
            drop(place);
        };
        let started = thread::Builder::new().name("backup".into()).spawn(work);
        started.map_err(|error| format!("cannot start a thread: {error}"))?;
        let made = answer.await.map_err(|_| busy())?;
        if made.is_ok() {
            self.journal
                .note("operator", || "Downloaded a backup.".to_owned());
        }
        made
    }
}

fn tell(row: &mut Value, here: Presence) {
    row["online"] = here.online.into();
    if row.get("address").is_some() {
        if let Some(address) = here.address {
            row["address"] = address.to_string().into();
        }
        row["last_seen_s"] = here.last_seen_s.into();
        row["key_used_twice"] = here.contested.into();
        row["reach"] = here.reach.into();
        row["release"] = here.release.into();
    }
}

/// What a person would type for it. After `--` nothing is an option, whatever a form's field begins with.
fn words(change: &Change) -> Vec<String> {
    let typed = |at: usize| change.values.get(at).cloned().unwrap_or_default();
    let (before, options): (&[&str], Vec<String>) = match change.act {
        Act::AddAccount => (&["account", "add"], vec![]),
        Act::RemoveAccount => (&["account", "remove"], vec![]),
        Act::Join => (&["group", "add"], vec![]),
        Act::Leave => (&["group", "remove"], vec![]),
        Act::MakeCode => {
            let (account, valid) = (typed(1), typed(2));
            let mut options = Vec::new();
            if !account.is_empty() {
                options.push(format!("--account={account}"));
            }
            if !valid.is_empty() {
                options.push(format!("--valid={valid}"));
            }
            match account.is_empty() {
                true => (&["relay-code"], options),
                false => (&["gateway-code"], options),
            }
        }
        Act::RevokeCode => (&["code", "revoke"], vec![]),
        Act::RemoveNode => (&["node", "remove"], vec![]),
        Act::Trust => {
            let mut options = vec![format!("--key={}", typed(1))];
            if !typed(2).is_empty() {
                options.push(format!("--dc={}", typed(2)));
            }
            (&["domain", "trust"], options)
        }
        Act::Forget => (&["domain", "forget"], vec![]),
    };
    let mut words: Vec<String> = before.iter().map(|word| (*word).to_owned()).collect();
    words.extend(options);
    words.push("--".to_owned());
    words.push(typed(0));
    if matches!(change.act, Act::Join | Act::Leave) {
        words.push(typed(1));
    }
    words
}

/// Its QR code, a row of dots at a time: capitals make a smaller one, and a code may be typed in any case.
fn picture(code: &str) -> Vec<String> {
    let made = qrcode::QrCode::with_error_correction_level(code.to_uppercase(), qrcode::EcLevel::L);
    let Ok(made) = made else { return Vec::new() };
    let dot = |color: &qrcode::Color| match color {
        qrcode::Color::Dark => '1',
        qrcode::Color::Light => '0',
    };
    let colors = made.to_colors();
    let rows = colors.chunks(made.width());
    rows.map(|row| row.iter().map(dot).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Command;

    #[test]
    fn each_act_is_the_command_that_one_would_type() {
        let key = ntm_proto::key::PublicKey([7; 32]).to_string();
        for act in Act::ALL {
            let values: Vec<String> = act
                .fields()
                .iter()
                .map(|field| match *field {
                    "key" => key.clone(),
                    "domain" => "b.test".into(),
                    "address" => "192.0.2.1".into(),
                    "valid" => "2h".into(),
                    _ => "home".into(),
                })
                .collect();
            let words = words(&Change { act, values });
            let parsed = cli::parse(words.iter().map(OsString::from));
            let command = parsed
                .unwrap_or_else(|error| panic!("{words:?}: {error}"))
                .command;
            let dir = Path::new("/nowhere/at/all");
            assert!(admin::change(dir, &command).is_some(), "{act:?}");
        }
        let relay = Change {
            act: Act::MakeCode,
            values: vec!["rs1".into(), String::new(), String::new()],
        };
        let command = cli::parse(words(&relay).into_iter().map(OsString::from))
            .unwrap()
            .command;
        assert!(matches!(command, Command::RelayCode { valid: None, .. }));
    }

    #[test]
    fn no_field_is_taken_for_an_option_or_another_command() {
        for act in Act::ALL {
            for evil in [
                "--dir=/tmp",
                "-h",
                "--help",
                "--version",
                "--json",
                "--",
                "a b",
                "home --dir /x",
                "--valid=1d",
            ] {
                for at in 0..act.fields().len() {
                    let mut values = vec!["home".to_owned(); act.fields().len()];
                    values[at] = evil.to_owned();
                    let parsed = cli::parse(
                        words(&Change { act, values })
                            .into_iter()
                            .map(OsString::from),
                    );
                    assert!(parsed.is_err(), "{act:?} field {at}: {evil}: {parsed:?}");
                }
            }
        }
    }
}
