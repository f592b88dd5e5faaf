//! The configuration's file, changed while the gateway runs: what is asked for, written if the reader finds it right.
//!
//! The file is the one place of truth. Who changes it says by which text they decided; if it is another one meanwhile,
//! nothing is written. It is replaced whole, after it has reached the disk.

use crate::settings::{Settings, Source};
use ntm_enrolment::state::write_atomically;
use ntm_gateway::config::DeviceChange;
use ntm_gateway::config::edit::{apply, devices, fingerprint, read, spoken};
use serde_json::{Value, json};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What the script at the other end of the pipe writes.
const WRITTEN: &str = "/etc/config/ntm";
/// What a pipe holds, in bytes.
const PIPE: usize = 64 << 10;
/// How often, and how far apart, we look for an answer: a check takes a slow router a second.
const PATIENCE: u32 = 80;
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// Who reads the file to change it has written what came of that before another reads it.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Where the configuration is.
#[derive(Clone)]
pub(crate) struct Configure {
    dir: PathBuf,
    settings: Settings,
}

/// What came of a change.
pub(crate) enum Outcome {
    /// It is written.
    Written,
    /// It is written by somebody else, who has us take it up.
    Handed,
    /// The file says so already.
    Same,
    /// Why it is not, as [`spoken::refused`] says it.
    Refused(Value),
}

impl Configure {
    pub(crate) fn new(dir: &Path, settings: &Settings) -> Self {
        Self {
            dir: dir.to_owned(),
            settings: settings.clone(),
        }
    }

    /// See [`spoken::described`].
    pub(crate) fn show(&self) -> Result<Value, String> {
        let (source, text) = self.text()?;
        let mut shown = spoken::described(&source.name, &text, source.form())
            .map_err(|fault| fault.to_string())?;
        if source.hand.is_some() {
            shown["file"] = WRITTEN.into();
        }
        shown["editable"] = (source.is_ours || source.hand.is_some()).into();
        Ok(shown)
    }

    /// The text, and what a browser calls its file.
    pub(crate) fn export(&self) -> Result<Value, String> {
        let (source, text) = self.text()?;
        let name = if source.networks.is_some() {
            "ntm"
        } else {
            "ntm-gateway.toml"
        };
        Ok(json!({"name": name, "text": text}))
    }

    /// Does what is asked, see [`spoken::changes`]; or takes a whole text, `import`. Who asked by another text than is there
    /// now is told so. With `try` nothing is written.
    pub(crate) fn change(&self, asked: &Value) -> Result<Outcome, String> {
        let _turn = turn();
        let (source, before) = self.writable()?;
        if asked["fingerprint"] != fingerprint(&before) {
            return Ok(Outcome::Refused(json!({"stale": true})));
        }
        let said = |member: &str| asked.get(member).filter(|value| !value.is_null());
        let import =
            said("import").map(|it| it.as_str().ok_or("import: send the whole file as a text"));
        let is_try = said("try").map(|it| it.as_bool().ok_or("try: send true or false"));
        let (import, is_try) = (import.transpose()?, is_try.transpose()? == Some(true));
        let after = match import {
            // As browsers send what is typed (WHATWG HTML, "textarea").
            Some(text) => {
                let text = text.replace("\r\n", "\n");
                read(&source.name, &text, source.form()).map(|_| text)
            }
            None => {
                let changes = spoken::changes(asked)?;
                apply(&source.name, &before, source.form(), &changes)
            }
        };
        let after = match after {
            Ok(after) => after,
            Err(fault) => return Ok(Outcome::Refused(spoken::refused(&fault))),
        };
        if after == before || is_try {
            return Ok(Outcome::Same);
        }
        source.put(&after)
    }

    /// Does what is asked about the device with the hardware address `mac`, in the file as it is now.
    pub(crate) fn say(&self, mac: [u8; 6], change: &DeviceChange) -> Result<Outcome, String> {
        let _turn = turn();
        let (source, before) = self.writable()?;
        let after = devices::say(&source.name, &before, source.form(), mac, change);
        let after = after.map_err(|error| error.to_string())?;
        if after == before {
            return Ok(Outcome::Same);
        }
        source.put(&after)
    }

    fn writable(&self) -> Result<(Source<'_>, String), String> {
        let (source, text) = self.text()?;
        if !source.is_ours && source.hand.is_none() {
            return Err("these settings are changed by UCI, in LuCI or on the command line".into());
        }
        Ok((source, text))
    }

    fn text(&self) -> Result<(Source<'_>, String), String> {
        let source = self.settings.source(&self.dir);
        let text = source.read().map_err(|error| format!("{error:#}"))?;
        Ok((source, text))
    }
}

fn turn() -> MutexGuard<'static, ()> {
    // It guards a file, which is whole also if somebody panicked.
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives a text to the script at the other end of the pipe; its answer. See `ntm.hand.sh`.
fn hand_over(pipe: &Path, text: &str) -> Result<String, String> {
    let mut message = format!("settings {}\n{text}", text.lines().count());
    if !message.ends_with('\n') {
        message.push('\n');
    }
    // What a pipe holds (pipe(7)): nobody waits here for a script that is gone.
    if message.len() > PIPE {
        return Err(format!("the file is longer than {} KiB", PIPE >> 10));
    }
    let said = pipe
        .parent()
        .and_then(Path::parent)
        .map(|run| run.join("said"));
    let said = said.ok_or("the pipe is in no directory")?;
    let before = std::fs::metadata(&said)
        .and_then(|data| data.modified())
        .ok();
    tell(pipe, &message)?;
    for _ in 0..PATIENCE {
        std::thread::sleep(BETWEEN_LOOKS);
        let now = std::fs::metadata(&said)
            .and_then(|data| data.modified())
            .ok();
        if now.is_some() && now != before {
            let text = std::fs::read_to_string(&said).map_err(|error| error.to_string())?;
            return Ok(text.trim().to_owned());
        }
    }
    Err("no answer from /usr/lib/ntm/hand; is it running?".into())
}

/// Puts words into the pipe, all of them or none.
pub(crate) fn tell(pipe: &Path, message: &str) -> Result<(), String> {
    let opened = OpenOptions::new()
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(pipe);
    let written = opened.and_then(|mut pipe| pipe.write_all(message.as_bytes()));
    written.map_err(|error| format!("{}: {error}", pipe.display()))
}

impl Source<'_> {
    /// Writes it, or has it written.
    fn put(&self, text: &str) -> Result<Outcome, String> {
        let Some(hand) = &self.hand else {
            self.write(text)?;
            return Ok(Outcome::Written);
        };
        Ok(match hand_over(hand, text)?.as_str() {
            "taken" => Outcome::Handed,
            "stale" => Outcome::Refused(json!({"stale": true})),
            "refused" => return Err("refused: the router's log says why".into()),
            other => return Err(other.to_owned()),
        })
    }

    /// Replaces the file; its mode stays.
    pub(crate) fn write(&self, text: &str) -> Result<(), String> {
        let mode =
            std::fs::metadata(&self.path).map_or(0o644, |data| data.permissions().mode() & 0o777);
        write_atomically(&self.path, text.as_bytes(), mode)
            .map_err(|error| format!("cannot write {}: {error}", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ntm_gateway::config::{EXAMPLE, FILE_NAME};

    #[test]
    fn what_is_said_of_a_device_is_written_in_the_file_as_it_is_now() {
        let dir = std::env::temp_dir().join(format!("ntm-say-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let file = dir.join(FILE_NAME);
        std::fs::write(&file, EXAMPLE).unwrap();
        let configure = Configure::new(&dir, &Settings::default());
        let say = |change| configure.say([2, 0, 0, 0, 0, 1], &change);
        assert!(matches!(
            say(DeviceChange::Keep(true)),
            Ok(Outcome::Written)
        ));
        assert!(matches!(say(DeviceChange::Keep(true)), Ok(Outcome::Same)));
        // Whatever somebody else does meanwhile stays.
        let other = std::fs::read_to_string(&file).unwrap() + "# mine\n";
        std::fs::write(&file, other).unwrap();
        assert!(matches!(
            say(DeviceChange::Identity(false)),
            Ok(Outcome::Written)
        ));
        let written = std::fs::read_to_string(&file).unwrap();
        for line in ["keep = true\n", "identity = false\n", "# mine\n"] {
            assert!(written.contains(line), "{line}\n{written}");
        }
        std::fs::write(&file, "[lan").unwrap();
        assert!(say(DeviceChange::Forget).is_err());
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn the_file_is_changed_only_by_who_has_seen_it_and_only_to_what_is_right() {
        let dir = std::env::temp_dir().join(format!("ntm-configure-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let file = dir.join(FILE_NAME);
        std::fs::write(&file, EXAMPLE).unwrap();
        let configure = Configure::new(&dir, &Settings::default());
        let shown = configure.show().unwrap();
        assert_eq!(shown["editable"], true);
        let mut asked = json!({"fingerprint": shown["fingerprint"], "set": {"log.level": "debug"}, "try": true});
        assert!(matches!(configure.change(&asked), Ok(Outcome::Same)));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), EXAMPLE);
        asked["try"] = false.into();
        assert!(matches!(configure.change(&asked), Ok(Outcome::Written)));
        let written = std::fs::read_to_string(&file).unwrap();
        assert_eq!(
            written,
            EXAMPLE.replace("level = \"info\"", "level = \"debug\"")
        );
        // The same form once more: it was shown before.
        let Ok(Outcome::Refused(why)) = configure.change(&asked) else {
            panic!("stale")
        };
        assert_eq!(why["stale"], true);
        for (member, value) in [
            ("set", json!({"log.level": "loud"})),
            ("import", json!("[lan")),
        ] {
            let asked =
                json!({"fingerprint": configure.show().unwrap()["fingerprint"], member: value});
            let Ok(Outcome::Refused(why)) = configure.change(&asked) else {
                panic!("{member}")
            };
            assert!(why["refused"]["message"].is_string(), "{why}");
        }
        // What is of no type that it may have is an error, and never taken for something else.
        for (member, value) in [("import", json!(["[lan]"])), ("try", json!("yes"))] {
            let mut asked = json!({"fingerprint": fingerprint(&written), "import": EXAMPLE});
            asked[member] = value;
            let error = configure.change(&asked).err().expect(member);
            assert!(error.starts_with(member), "{error}");
        }
        assert_eq!(std::fs::read_to_string(&file).unwrap(), written);
        let import =
            json!({"fingerprint": fingerprint(&written), "import": EXAMPLE.replace('\n', "\r\n")});
        assert!(matches!(configure.change(&import), Ok(Outcome::Written)));
        assert_eq!(configure.export().unwrap()["text"], EXAMPLE);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
