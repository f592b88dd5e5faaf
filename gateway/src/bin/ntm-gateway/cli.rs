//! The command line: what was asked for, and the exit status.

use crate::owner::Wish;
use crate::question::Show;
use crate::settings::{Settings, after_enrolment, network};
use crate::{ctl, help, password, ping, start, table};
use anyhow::{Context, Result, anyhow};
use lexopt::prelude::{Long, Short, Value};
use ntm_enrolment::client;
use ntm_proto::enrol::{EnrolmentCode, Role};
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
        what: Show,
        json: bool,
        dir: PathBuf,
    },
    /// Puts a WAN first; `None`: none of them.
    Prefer {
        name: Option<String>,
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
                "a command is missing: enrol, run, check, status, devices, device, tunnels, wans, wan, handovers, policies, reload, ping or password"
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
        anyhow!("unknown command {command:?}; there are enrol, run, check, status, devices, device, tunnels, wans, wan, handovers, policies, reload, ping and password")
    })?;
    let most_words = match command.as_str() {
        "enrol" | "ping" => 1,
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
        "run" => Task::Run { dir, settings },
        "reload" => Task::Reload { json, dir },
        "check" => Task::Check { dir, settings },
        "password" => Task::Password { dir },
        _ => Task::Show {
            what: Show::parse(&command).context("a command with help is one")?,
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
            let what = Show::Wans;
            return Ok(Task::Show { what, json, dir });
        }
        ["auto"] => None,
        ["prefer", name] => Some((*name).to_owned()),
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
        Task::Show { what, json, dir } => show(what, json, &dir)?,
        Task::Prefer { name, json, dir } => {
            let command = match name {
                Some(name) => json!({"command": "wan-prefer", "name": name}),
                None => json!({"command": "wan-auto"}),
            };
            ask(&command, Show::Wans, json, &dir)?;
        }
        Task::Device { wish, json, dir } => {
            let Wish { device, change, to } = wish;
            let command = json!({"command": "device", "name": device, "change": change, "to": to});
            ask(&command, Show::Devices, json, &dir)?;
        }
        Task::Reload { json, dir } => {
            ask(&json!({"command": "reload"}), Show::Policies, json, &dir)?;
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

fn show(what: Show, json: bool, dir: &Path) -> Result<()> {
    ask(&json!({"command": what.name()}), what, json, dir)
}

/// Prints the answer to `command`, which has the form of `what`.
fn ask(command: &serde_json::Value, what: Show, json: bool, dir: &Path) -> Result<()> {
    let answer = ctl::ask(dir, command)?.map_err(|error| anyhow!(error))?;
    if json {
        return print(&format!("{}\n", serde_json::to_string_pretty(&answer)?));
    }
    print(&match what {
        Show::Status => table::status(&answer),
        Show::Devices => table::devices(&answer),
        Show::Tunnels => table::tunnels(&answer),
        Show::Wans => table::wans(&answer),
        Show::Handovers => table::handovers(&answer),
        Show::Policies => table::policies(&answer),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Task, String> {
        parse(lexopt::Parser::from_args(line.split_whitespace())).map_err(|error| error.to_string())
    }

    #[test]
    fn commands_and_options_come_in_any_order() {
        let dir = PathBuf::from("/d");
        assert_eq!(
            parsed("enrol ntm1-X --dir /d"),
            Ok(Task::Enrol {
                code: "ntm1-X".into(),
                dir: dir.clone(),
                uci: false
            })
        );
        assert_eq!(
            parsed("enrol --uci /etc/config/ntm ntm1-X --dir /d"),
            Ok(Task::Enrol {
                code: "ntm1-X".into(),
                dir: dir.clone(),
                uci: true
            })
        );
        let settings = Settings::default();
        assert_eq!(
            parsed("run --dir=/d"),
            Ok(Task::Run {
                dir: dir.clone(),
                settings
            })
        );
        let settings = Settings {
            uci: Some("/etc/config/ntm".into()),
            networks: vec![
                network("lan=br-lan,192.168.1.1/24").unwrap(),
                network("wan=eth1").unwrap(),
            ],
            lan: None,
        };
        assert_eq!(settings.networks[0].device, "br-lan");
        assert_eq!(settings.networks[1].address, None);
        assert_eq!(
            parsed(
                "check --network lan=br-lan,192.168.1.1/24 --uci /etc/config/ntm --dir /d --network wan=eth1"
            ),
            Ok(Task::Check {
                dir: dir.clone(),
                settings
            })
        );
        assert_eq!(
            parsed("wans --dir /d --json"),
            Ok(Task::Show {
                what: Show::Wans,
                json: true,
                dir: dir.clone()
            })
        );
        let prefer = Task::Prefer {
            name: Some("wwan0".into()),
            json: false,
            dir: dir.clone(),
        };
        assert_eq!(parsed("wan prefer --dir /d wwan0"), Ok(prefer));
        let auto = Task::Prefer {
            name: None,
            json: true,
            dir: dir.clone(),
        };
        assert_eq!(parsed("wan auto --json --dir /d"), Ok(auto));
        assert_eq!(parsed("wan --dir /d"), parsed("wans --dir /d"));
        let policies = Task::Show {
            what: Show::Policies,
            json: false,
            dir: dir.clone(),
        };
        assert_eq!(parsed("policies --dir /d"), Ok(policies));
        let [device, change, to] = ["tv", "merge", "02:00:00:00:00:01"].map(String::from);
        let wish = Wish { device, change, to };
        let (json, same) = (true, dir.clone());
        let merge = Task::Device {
            wish,
            json,
            dir: same,
        };
        assert_eq!(
            parsed("device tv merge 02:00:00:00:00:01 --json --dir /d"),
            Ok(merge)
        );
        let reload = Task::Reload {
            json: true,
            dir: dir.clone(),
        };
        assert_eq!(parsed("reload --json --dir /d"), Ok(reload));
        let ping = Task::Ping {
            name: "camera".into(),
            count: 5,
            json: false,
            dir,
        };
        assert_eq!(parsed("ping --count 5 camera --dir /d"), Ok(ping));
    }

    #[test]
    fn every_command_has_help() {
        for command in [
            "enrol",
            "run",
            "check",
            "status",
            "devices",
            "device",
            "tunnels",
            "wans",
            "wan",
            "handovers",
            "policies",
            "reload",
            "ping",
            "password",
        ] {
            let Ok(Task::Text(text)) = parsed(&format!("{command} --help")) else {
                panic!("{command}")
            };
            assert!(
                text.starts_with(&format!("Usage: ntm-gateway {command}")),
                "{command}"
            );
            assert!(help::MAIN.contains(&format!("\n  {command} ")), "{command}");
        }
        assert_eq!(parsed("--help"), Ok(Task::Text(help::MAIN)));
    }

    #[test]
    fn a_wrong_command_line_says_what_is_right() {
        assert!(parsed("").unwrap_err().contains("a command is missing"));
        assert!(parsed("rnu").unwrap_err().contains("there are enrol"));
        assert!(parsed("enrol").unwrap_err().contains("code is missing"));
        assert!(parsed("ping x --count 0").unwrap_err().contains("from 1"));
        for bad in ["wan prefer", "wan auto wan0", "wan wan0", "wan prefer a b"] {
            assert!(parsed(bad).is_err(), "{bad}");
        }
        for bad in [
            "device",
            "device tv",
            "device tv keep",
            "device tv forget x",
            "device tv reboot",
            "device tv rename a b",
        ] {
            assert!(parsed(bad).is_err(), "{bad}");
        }
        assert!(
            parsed("wan prefer")
                .unwrap_err()
                .contains("wan prefer NAME")
        );
        for bad in [
            "lan",
            "lan=",
            "=br-lan",
            "lan=br-lan,192.168.1.1",
            "lan=br-lan,",
        ] {
            assert!(
                parsed(&format!("run --network {bad}"))
                    .unwrap_err()
                    .contains("NAME=DEVICE"),
                "{bad}"
            );
        }
        assert!(parsed("status --uci /x").is_err() && parsed("enrol x --network a=b").is_err());
        assert!(parsed("run --json").is_err() && parsed("status extra").is_err());
    }
}
