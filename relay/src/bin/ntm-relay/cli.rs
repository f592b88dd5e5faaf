//! The command line: words in, a [`Command`] out, or a [`Usage`] error that says what to type instead.

use lexopt::prelude::*;
use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;

/// Where everything is unless `--dir` says otherwise.
const DEFAULT_DIR: &str = "/var/lib/ntm-relay";

const OVERVIEW: &str = "\
ntm-relay: carries sealed traffic between gateways that cannot reach each other directly.

Usage: ntm-relay COMMAND [--dir DIR]

  enrol CODE   join a domain with a code from `ntm-dc relay-code`
  run          be the relay, in the foreground
  status       what the running relay does

  --dir DIR    where key, membership and configuration are (default: /var/lib/ntm-relay)
  --help       this text, or that of a command
  --version    the version";

const ENROL: &str = "\
Usage: ntm-relay enrol CODE [--listen ADDRESS]... [--dir DIR]

Joins a domain. CODE is what `ntm-dc relay-code NAME` printed; it is good once. When the answer was lost, the same
command again brings it. --listen names a public IP address of this machine, without a port; give it once for IPv4
and once for IPv6. They are written to DIR/ntm-relay.toml, unless that file is there.";

const RUN: &str = "\
Usage: ntm-relay run [--dir DIR]

Runs in the foreground until SIGTERM or SIGINT, logs to standard error, reads DIR/ntm-relay.toml.";

const STATUS: &str = "\
Usage: ntm-relay status [--json] [--dir DIR]

Asks the running relay: whether its coordinator knows it, which paths it carries, what it dropped and why.";

/// What to do, and where.
#[derive(Debug, PartialEq)]
pub(crate) struct Invocation {
    pub(crate) command: Command,
    pub(crate) dir: PathBuf,
}

/// What to do.
#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    /// Print this text.
    Print(String),
    Enrol {
        code: String,
        listen: Vec<IpAddr>,
    },
    Run,
    Status {
        json: bool,
    },
}

/// The words make no command. Says what would.
#[derive(Debug, thiserror::Error)]
#[error("{0}\nTry `ntm-relay {1}--help`.")]
pub(crate) struct Usage(String, String);

#[derive(Default)]
struct Words {
    positional: Vec<String>,
    dir: Option<PathBuf>,
    listen: Vec<IpAddr>,
    json: bool,
    help: bool,
    version: bool,
}

/// Reads the words after the program's name.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Invocation, Usage> {
    let words = sort(args).map_err(|error| Usage(error.to_string(), String::new()))?;
    let command = if words.version {
        Command::Print(concat!("ntm-relay ", env!("CARGO_PKG_VERSION")).to_owned())
    } else {
        understand(&words)?
    };
    Ok(Invocation {
        command,
        dir: words.dir.unwrap_or_else(|| DEFAULT_DIR.into()),
    })
}

fn sort(args: impl IntoIterator<Item = OsString>) -> Result<Words, lexopt::Error> {
    let mut parser = lexopt::Parser::from_args(args);
    let mut words = Words::default();
    while let Some(arg) = parser.next()? {
        match arg {
            Short('h') | Long("help") => words.help = true,
            Short('V') | Long("version") => words.version = true,
            Long("json") => words.json = true,
            Long("dir") => words.dir = Some(parser.value()?.into()),
            Long("listen") => words.listen.push(listen(&parser.value()?.string()?)?),
            Value(value) => words.positional.push(value.string()?),
            Long(_) | Short(_) => return Err(arg.unexpected()),
        }
    }
    Ok(words)
}

fn listen(text: &str) -> Result<IpAddr, lexopt::Error> {
    crate::config::usable(text).ok_or_else(|| {
        lexopt::Error::from(format!(
            "--listen {text:?}: write an IP address of this machine without a port, such as 203.0.113.30"
        ))
    })
}

fn understand(words: &Words) -> Result<Command, Usage> {
    let mut rest = words.positional.iter();
    let name = rest.next().map_or("", String::as_str);
    let usage = |what: &str| Usage(what.to_owned(), format!("{name} "));
    let help = match name {
        "" | "help" => OVERVIEW,
        "enrol" => ENROL,
        "run" => RUN,
        "status" => STATUS,
        _ => {
            let what = format!("there is no command {name:?}");
            return Err(Usage(what, String::new()));
        }
    };
    if words.help || name == "help" {
        return Ok(Command::Print(help.to_owned()));
    }
    if name.is_empty() {
        return Err(Usage("what shall be done?".into(), String::new()));
    }
    if words.json && name != "status" {
        return Err(usage("--json is for `status`"));
    }
    if !words.listen.is_empty() && name != "enrol" {
        return Err(usage("--listen is for `enrol`"));
    }
    let rest: Vec<&str> = rest.map(String::as_str).collect();
    if name == "enrol" {
        // A code that was copied over two lines is still one code.
        let code = rest.concat();
        if code.is_empty() {
            return Err(usage(
                "which code? `ntm-dc relay-code NAME` makes one, on the coordinator's machine",
            ));
        }
        let listen = words.listen.clone();
        return Ok(Command::Enrol { code, listen });
    }
    if let Some(word) = rest.first() {
        return Err(usage(&format!("`{name}` takes no {word:?}")));
    }
    Ok(if name == "run" {
        Command::Run
    } else {
        Command::Status { json: words.json }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Invocation, String> {
        parse(line.split_whitespace().map(OsString::from)).map_err(|usage| usage.to_string())
    }

    #[test]
    fn commands_are_understood() {
        let enrol = read("enrol ntm1-AB CD --dir /d --listen 203.0.113.30 --listen=2001:db8::30");
        let enrol = enrol.unwrap();
        assert_eq!(enrol.dir, PathBuf::from("/d"));
        let listen = vec![
            "203.0.113.30".parse().unwrap(),
            "2001:db8::30".parse().unwrap(),
        ];
        let code = "ntm1-ABCD".to_owned();
        assert_eq!(enrol.command, Command::Enrol { code, listen });
        assert_eq!(
            read("status --json").unwrap().command,
            Command::Status { json: true }
        );
        assert_eq!(read("run").unwrap().dir, PathBuf::from(DEFAULT_DIR));
        for (line, text) in [
            ("--help", OVERVIEW),
            ("run -h", RUN),
            ("enrol --help", ENROL),
        ] {
            assert_eq!(read(line).unwrap().command, Command::Print(text.into()));
        }
    }

    #[test]
    fn mistakes_are_answered_with_what_to_type() {
        for (line, part) in [
            ("", "what shall be done"),
            ("fly", "no command \"fly\""),
            ("enrol", "relay-code"),
            ("enrol X --listen 1.2.3.4:5", "without a port"),
            ("enrol X --listen 0.0.0.0", "--listen"),
            ("run now", "takes no \"now\""),
            ("run --json", "for `status`"),
            ("status --colour", "--colour"),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.contains(part) && error.contains("--help"), "{error}");
        }
    }
}
