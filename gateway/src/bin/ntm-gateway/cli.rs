//! The command line: what was asked for, and the exit status.

use crate::owner::Wish;
use crate::settings::{Settings, after_enrolment, network};
use crate::{ctl, help, password, ping, start, table};
use anyhow::{Context, Result, anyhow};
use lexopt::prelude::{Long, Short, Value};
use ntm_enrolment::client;
use ntm_proto::enrol::{EnrolmentCode, Role};
use ntm_webui::Part;
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio::runtime::Builder;

const DEFAULT_DIR: &str = "/etc/ntm";

/// The most pings of one command.
const MAX_COUNT: u32 = 1_000_000;

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Task {
    Text(&'static str),
    Version,
    Enrol {
        code: String,
        dir: PathBuf,
        /// The settings are UCI's.
        uci: bool,
    },
    Run {
        dir: PathBuf,
        settings: Settings,
    },
    Check {
        dir: PathBuf,
        settings: Settings,
    },
    Show {
        what: Part,
        json: bool,
        dir: PathBuf,
    },
    /// Puts a WAN first; `None`: none of them.
    Prefer {
        name: Option<String>,
        json: bool,
        dir: PathBuf,
    },
    /// Takes a gateway's other key for known.
    Accept {
        name: String,
        json: bool,
        dir: PathBuf,
    },
    /// Changes what the owner wants of a device.
    Device {
        wish: Wish,
        json: bool,
        dir: PathBuf,
    },
    /// Has the configuration read once more.
    Reload {
        json: bool,
        dir: PathBuf,
    },
    /// Sets the page's password.
    Password {
        dir: PathBuf,
    },
    Ping {
        name: String,
        count: u32,
        json: bool,
        dir: PathBuf,
    },
}

pub(crate) fn main() -> ExitCode {
    let task = match parse(lexopt::Parser::from_env()) {
        Ok(task) => task,
        Err(error) => {
            complain(&format!("{error:#}\nSee `ntm-gateway --help`."));
            return ExitCode::from(2);
        }
    };
    match perform(task) {
        Ok(code) => code,
        Err(error) => {
            complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn complain(text: &str) {
    // Nobody to tell if this fails.
    let _ = writeln!(std::io::stderr(), "ntm-gateway: {text}");
}

/// Prints for people and programs; a reader that has gone away is no failure.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot print")
        }
        _ => Ok(()),
    }
}

fn parse(mut parser: lexopt::Parser) -> Result<Task> {
    let command = match parser.next()? {
        None => {
            return Err(anyhow!(
                "a command is missing: enrol, run, check, status, devices, device, tunnels, accept, wans, wan, handovers, policies, reload, ping or password"
            ));
        }
        Some(Long("help") | Short('h')) => return Ok(Task::Text(help::MAIN)),
        Some(Long("version") | Short('V')) => return Ok(Task::Version),
        Some(Value(command)) => command.to_string_lossy().into_owned(),
        Some(other @ (Short(_) | Long(_))) => return Err(other.unexpected().into()),
    };
    if command == "help" {
        return Ok(Task::Text(help::MAIN));
    }
    let help = help::of(&command).ok_or_else(|| {
        anyhow!("unknown command {command:?}; there are enrol, run, check, status, devices, device, tunnels, accept, wans, wan, handovers, policies, reload, ping and password")
    })?;
    let most_words = match command.as_str() {
        "enrol" | "ping" | "accept" => 1,
        "wan" => 2,
        "device" => 3,
        _ => 0,
    };
    let takes_json = !matches!(command.as_str(), "enrol" | "run" | "check" | "password");
    let takes_settings = matches!(command.as_str(), "run" | "check");
    let mut settings = Settings::default();
    let (mut words, mut dir) = (Vec::new(), PathBuf::from(DEFAULT_DIR));
    let (mut json, mut count) = (false, 3);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("help") | Short('h') => return Ok(Task::Text(help)),
            Long("dir") => dir = parser.value()?.into(),
            Long("json") if takes_json => json = true,
            Long("uci") if takes_settings || command == "enrol" => {
                settings.uci = Some(parser.value()?.into())
            }
            Long("network") if takes_settings => {
                settings
                    .networks
                    .push(network(&parser.value()?.to_string_lossy())?);
            }
            Long("lan") if command == "run" => {
                settings.lan = Some(parser.value()?.to_string_lossy().into_owned());
            }
            Long("count") if command == "ping" => {
                let value = parser.value()?;
                let number = value.to_str().and_then(|text| text.parse().ok());
                count = number
                    .filter(|number| (1..=MAX_COUNT).contains(number))
                    .ok_or_else(|| anyhow!("--count is a number from 1 to {MAX_COUNT}"))?;
            }
            Value(value) if words.len() < most_words => {
                words.push(value.to_string_lossy().into_owned())
            }
            other @ (Short(_) | Long(_) | Value(_)) => return Err(other.unexpected().into()),
        }
    }
    if command == "wan" {
        return wan(&words, json, dir);
    }
    if command == "device" {
        return device(words, json, dir);
    }
    let word = words.pop();
    let word = |what: &str| word.ok_or_else(|| anyhow!("{what}, like `ntm-gateway {command} …`"));
    Ok(match command.as_str() {
        "enrol" => Task::Enrol {
            code: word("the enrolment code is missing")?,
            dir,
            uci: settings.uci.is_some(),
        },
        "ping" => Task::Ping {
            name: word("the name of a device is missing")?,
            count,
            json,
            dir,
        },
        "accept" => Task::Accept {
            name: word("the name of a gateway is missing")?,
            json,
            dir,
        },
        "run" => Task::Run { dir, settings },
        "reload" => Task::Reload { json, dir },
        "check" => Task::Check { dir, settings },
        "password" => Task::Password { dir },
        _ => Task::Show {
            what: Part::parse(&command).context("a command with help is one")?,
            json,
            dir,
        },
    })
}

fn device(words: Vec<String>, json: bool, dir: PathBuf) -> Result<Task> {
    let mut words = words.into_iter();
    let (device, change, to) = (words.next(), words.next(), words.next());
    let needs = |change: &str| match change {
        "rename" => Some(0..=1),
        "keep" | "identity" | "merge" => Some(1..=1),
        "forget" => Some(0..=0),
        _ => None,
    };
    let given = usize::from(to.is_some());
    let fits = change
        .as_deref()
        .and_then(needs)
        .is_some_and(|it| it.contains(&given));
    let (Some(device), Some(change), true) = (device, change, fits) else {
        return Err(anyhow!(
            "write `ntm-gateway device NAME rename NEW`, `… keep on`, `… identity off`, `… merge OTHER` or `… forget`"
        ));
    };
    let to = to.unwrap_or_default();
    let wish = Wish { device, change, to };
    Ok(Task::Device { wish, json, dir })
}

fn wan(words: &[String], json: bool, dir: PathBuf) -> Result<Task> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let name = match words.as_slice() {
        [] => {
            let what = Part::Wans;
            return Ok(Task::Show { what, json, dir });
        }
        ["auto"] => None,
        ["prefer", name] if !name.is_empty() => Some((*name).to_owned()),
        _ => {
            return Err(anyhow!(
                "write `ntm-gateway wan`, `ntm-gateway wan prefer NAME` or `ntm-gateway wan auto`"
            ));
        }
    };
    Ok(Task::Prefer { name, json, dir })
}

fn perform(task: Task) -> Result<ExitCode> {
    match task {
        Task::Text(text) => print(text)?,
        Task::Version => print(concat!("ntm-gateway ", env!("CARGO_PKG_VERSION"), "\n"))?,
        Task::Enrol { code, dir, uci } => enrol(&code, &dir, uci)?,
        Task::Run { dir, settings } => start::run(&dir, &settings)?,
        Task::Check { dir, settings } => start::check(&dir, &settings)?,
        Task::Password { dir } => password::set(&dir)?,
        Task::Show { what, json, dir } => tell(ctl::get(&dir, what.name())?, what, json)?,
        Task::Prefer { name, json, dir } => {
            let answer = ctl::post(&dir, "wan", &json!({"prefer": name}))?;
            tell(answer, Part::Wans, json)?;
        }
        Task::Accept { name, json, dir } => {
            let answer = ctl::post(&dir, "accept", &json!({"peer": name}))?;
            tell(answer, Part::Tunnels, json)?;
        }
        Task::Device { wish, json, dir } => {
            let Wish { device, change, to } = wish;
            let body = json!({"device": device, "change": change, "to": to});
            tell(ctl::post(&dir, "device", &body)?, Part::Devices, json)?;
        }
        Task::Reload { json, dir } => {
            tell(ctl::post(&dir, "reload", &json!({}))?, Part::Policies, json)?;
        }
        Task::Ping {
            name,
            count,
            json,
            dir,
        } => return ping::ping(&name, count, json, &dir),
    }
    Ok(ExitCode::SUCCESS)
}

fn enrol(code: &str, dir: &Path, uci: bool) -> Result<()> {
    let code = EnrolmentCode::parse(code)?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let membership = runtime.block_on(client::enrol(&code, Role::Gateway, dir))?;
    let joined = format!("This gateway is {} now.\n", membership.name);
    if uci {
        // What comes next is the init script's.
        return print(&joined);
    }
    let next = after_enrolment(dir)?;
    print(&format!("{joined}Next: {next}"))
}

/// Prints an answer that has the form of `what`.
fn tell(answer: Result<serde_json::Value, String>, what: Part, json: bool) -> Result<()> {
    let answer = answer.map_err(|error| anyhow!(error))?;
    if json {
        return print(&format!("{}\n", serde_json::to_string_pretty(&answer)?));
    }
    print(&match what {
        Part::Status => table::status(&answer),
        Part::Devices => table::devices(&answer),
        Part::Tunnels => table::tunnels(&answer),
        Part::Wans => table::wans(&answer),
        Part::Handovers => table::handovers(&answer),
        Part::Policies => table::policies(&answer),
    })
}

#[cfg(test)]
mod tests;
