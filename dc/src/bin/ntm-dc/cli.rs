//! The command line: words in, a [`Command`] out, or a [`Usage`] error that says what to type instead.

mod help;

use crate::config;
use lexopt::prelude::*;
use ntm_proto::id::{Fqdn, Label};
use ntm_proto::key::PublicKey;
use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Where everything is unless `--dir` says otherwise.
const DEFAULT_DIR: &str = "/var/lib/ntm-dc";

/// What to do, and where.
#[derive(Debug, PartialEq)]
pub(crate) struct Invocation {
    pub(crate) command: Command,
    pub(crate) dir: PathBuf,
    pub(crate) json: bool,
}

/// What to do.
#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    /// Print this text.
    Print(String),
    Init {
        domain: Fqdn,
        listen: Vec<IpAddr>,
    },
    Run,
    AccountAdd(Label),
    AccountRemove(Label),
    AccountList,
    GroupAdd {
        group: Label,
        members: Vec<Member>,
    },
    /// Without members: the whole group.
    GroupRemove {
        group: Label,
        members: Vec<Member>,
    },
    GroupList,
    DomainTrust {
        domain: Fqdn,
        key: PublicKey,
        address: Option<SocketAddr>,
    },
    DomainForget(Fqdn),
    DomainList,
    DomainShow,
    GatewayCode {
        name: Label,
        account: Label,
        valid: Option<Duration>,
    },
    RelayCode {
        name: Label,
        valid: Option<Duration>,
    },
    CodeList,
    /// The unused codes for this name.
    CodeRevoke(Label),
    NodeRemove(Label),
    Nodes,
    Relays,
    Tunnels,
    Events,
    Status,
    /// The password of the operator's pages.
    Password,
    Backup(PathBuf),
    Restore(PathBuf),
}

/// Who may be in a group.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Member {
    /// An account of this domain.
    Account(Label),
    /// A gateway of another domain, or all of a domain.
    Foreign(Fqdn),
}

/// The words make no command. Says what would.
#[derive(Debug, thiserror::Error)]
#[error("{what}\n{advice}")]
pub(crate) struct Usage {
    /// What is wrong.
    pub(crate) what: String,
    advice: String,
}

/// The words as typed, sorted but not yet understood.
#[derive(Default)]
struct Words {
    positional: Vec<String>,
    dir: Option<PathBuf>,
    json: bool,
    help: bool,
    version: bool,
    options: Vec<(&'static str, String)>,
}

const OPTIONS: [&str; 6] = ["domain", "listen", "account", "valid", "key", "dc"];

/// Reads the words after the program's name.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Invocation, Usage> {
    let mut words = sort(args)?;
    let name = command_name(&words.positional);
    let rest = words.positional.split_off(name.split_whitespace().count());
    let command = if words.version {
        Command::Print(concat!("ntm-dc ", env!("CARGO_PKG_VERSION")).to_owned())
    } else if words.help || name == "help" {
        Command::Print(help::text(&name).unwrap_or(help::OVERVIEW).to_owned())
    } else {
        understand(&name, &rest, &words)?
    };
    Ok(Invocation {
        command,
        dir: words.dir.unwrap_or_else(|| DEFAULT_DIR.into()),
        json: words.json,
    })
}

fn sort(args: impl IntoIterator<Item = OsString>) -> Result<Words, Usage> {
    let mut parser = lexopt::Parser::from_args(args);
    let mut words = Words::default();
    let wrong = |error: lexopt::Error| usage("", error.to_string());
    while let Some(arg) = parser.next().map_err(wrong)? {
        match arg {
            Short('h') | Long("help") => words.help = true,
            Short('V') | Long("version") => words.version = true,
            Long("json") => words.json = true,
            Long("dir") => words.dir = Some(parser.value().map_err(wrong)?.into()),
            Long(option) => {
                let known = OPTIONS.into_iter().find(|known| *known == option);
                let Some(known) = known else {
                    let option = option.to_owned();
                    let name = command_name(&words.positional);
                    return Err(usage(&name, format!("there is no option --{option}")));
                };
                let value = parser.value().and_then(ValueExt::string).map_err(wrong)?;
                words.options.push((known, value));
            }
            Short(letter) => return Err(usage("", format!("there is no option -{letter}"))),
            Value(value) => words.positional.push(value.string().map_err(wrong)?),
        }
    }
    Ok(words)
}

/// `account add` is one command, `run` too.
fn command_name(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [first, second, ..] if help::FAMILIES.contains(&first.as_str()) => {
            format!("{first} {second}")
        }
        [first, ..] => first.clone(),
    }
}

fn understand(name: &str, rest: &[String], words: &Words) -> Result<Command, Usage> {
    let allowed: &[&str] = match name {
        "init" => &["domain", "listen"],
        "gateway-code" => &["account", "valid"],
        "relay-code" => &["valid"],
        "domain trust" => &["key", "dc"],
        _ => &[],
    };
    if let Some((option, _)) = words.options.iter().find(|(o, _)| !allowed.contains(o)) {
        return Err(usage(name, format!("`{name}` takes no --{option}")));
    }
    let nothing = |command| match rest.first() {
        None => Ok(command),
        Some(word) => Err(usage(name, format!("`{name}` takes no {word:?}"))),
    };
    match name {
        "" => Err(usage("", "what shall be done?".into())),
        "init" => nothing(init(words)?),
        "run" => nothing(Command::Run),
        "account add" => Ok(Command::AccountAdd(only(name, rest, "an account name")?)),
        "account remove" => Ok(Command::AccountRemove(only(name, rest, "an account name")?)),
        "account list" => nothing(Command::AccountList),
        "group add" => {
            let (group, members) = group(name, rest)?;
            if members.is_empty() {
                return Err(usage(name, "which accounts shall be in the group?".into()));
            }
            Ok(Command::GroupAdd { group, members })
        }
        "group remove" => {
            let (group, members) = group(name, rest)?;
            Ok(Command::GroupRemove { group, members })
        }
        "group list" => nothing(Command::GroupList),
        "domain trust" => trust(only_domain(name, rest)?, words),
        "domain forget" => Ok(Command::DomainForget(only_domain(name, rest)?)),
        "domain list" => nothing(Command::DomainList),
        "domain show" => nothing(Command::DomainShow),
        "gateway-code" => Ok(Command::GatewayCode {
            name: free(name, only(name, rest, "a name for the gateway")?)?,
            account: account(words)?,
            valid: valid(name, words)?,
        }),
        "relay-code" => Ok(Command::RelayCode {
            name: free(name, only(name, rest, "a name for the relay")?)?,
            valid: valid(name, words)?,
        }),
        "code list" => nothing(Command::CodeList),
        "code revoke" => Ok(Command::CodeRevoke(only(
            name,
            rest,
            "the name of a gateway or relay",
        )?)),
        "node remove" => Ok(Command::NodeRemove(only(
            name,
            rest,
            "the name of a gateway or relay",
        )?)),
        "nodes" => nothing(Command::Nodes),
        "relays" => nothing(Command::Relays),
        "tunnels" => nothing(Command::Tunnels),
        "events" => nothing(Command::Events),
        "status" => nothing(Command::Status),
        "password" => nothing(Command::Password),
        "backup" => Ok(Command::Backup(file(name, rest)?)),
        "restore" => Ok(Command::Restore(file(name, rest)?)),
        family if help::FAMILIES.contains(&family) => {
            Err(usage(family, format!("`{family}` needs one more word")))
        }
        _ => Err(usage("", format!("there is no command {name:?}"))),
    }
}

fn init(words: &Words) -> Result<Command, Usage> {
    let domain = last(words, "domain")
        .ok_or_else(|| usage("init", "which domain? Add --domain example.net".into()))?;
    let domain = config::domain(domain).ok_or_else(|| {
        let what = format!(
            "--domain {domain:?}: write a domain name such as example.net, at most 125 characters"
        );
        usage("init", what)
    })?;
    let addresses = words
        .options
        .iter()
        .filter(|(option, _)| *option == "listen");
    let listen = addresses.map(|(_, text)| {
        config::usable(text).ok_or_else(|| {
            let what = format!("--listen {text:?}: write an IP address of this machine without a port, such as 203.0.113.10");
            usage("init", what)
        })
    });
    Ok(Command::Init {
        domain,
        listen: listen.collect::<Result<_, _>>()?,
    })
}

fn account(words: &Words) -> Result<Label, Usage> {
    let text = last(words, "account").ok_or_else(|| {
        let what = "whose gateway is it? Add --account NAME; `ntm-dc account list` shows them";
        usage("gateway-code", what.into())
    })?;
    label("gateway-code", text)
}

fn valid(name: &str, words: &Words) -> Result<Option<Duration>, Usage> {
    let read = |text| {
        let what = || format!("--valid {text:?}: write a time such as 15m, 2h or 1d, at most 30d");
        config::duration(text).ok_or_else(|| usage(name, what()))
    };
    last(words, "valid").map(read).transpose()
}

fn last<'a>(words: &'a Words, option: &str) -> Option<&'a str> {
    let mut given = words.options.iter().rev();
    given
        .find(|(known, _)| *known == option)
        .map(|(_, text)| text.as_str())
}

fn only(name: &str, rest: &[String], what: &str) -> Result<Label, Usage> {
    match rest {
        [one] => label(name, one),
        [] => Err(usage(name, format!("`{name}` needs {what}"))),
        [_, more, ..] => Err(usage(
            name,
            format!("`{name}` takes one name; {more:?} is too much"),
        )),
    }
}

fn file(name: &str, rest: &[String]) -> Result<PathBuf, Usage> {
    match rest {
        [one] => Ok(one.into()),
        _ => Err(usage(name, format!("`{name}` needs the name of one file"))),
    }
}

/// A name for a new node: none that the zone keeps for itself.
fn free(name: &str, label: Label) -> Result<Label, Usage> {
    if ntm_dc::account::is_reserved(&label) {
        let what = format!("the domain keeps the name {label} for itself; choose another");
        return Err(usage(name, what));
    }
    Ok(label)
}

fn only_domain(name: &str, rest: &[String]) -> Result<Fqdn, Usage> {
    let [text] = rest else {
        return Err(usage(name, format!("`{name}` needs one domain name")));
    };
    config::domain(text).ok_or_else(|| {
        let what = format!("{text:?}: write a domain name such as example.net");
        usage(name, what)
    })
}

fn trust(domain: Fqdn, words: &Words) -> Result<Command, Usage> {
    let name = "domain trust";
    let key = last(words, "key").ok_or_else(|| {
        let what = format!(
            "which key? Add --key KEY; the operator of {domain} gets it from `ntm-dc domain show`"
        );
        usage(name, what)
    })?;
    let key = PublicKey::parse(key).map_err(|error| usage(name, format!("--key: {error}")))?;
    let address = |text: &str| {
        let is_place = |address: &SocketAddr| address.port() != 0 && !address.ip().is_unspecified();
        let socket = text.parse().ok().filter(is_place);
        let with_port = || Some(SocketAddr::new(config::usable(text)?, ntm_proto::UDP_PORT));
        socket.or_else(with_port).ok_or_else(|| {
            let what = format!(
                "--dc {text:?}: write an IP address, or one with its port such as 203.0.113.10:4750"
            );
            usage(name, what)
        })
    };
    Ok(Command::DomainTrust {
        domain,
        key,
        address: last(words, "dc").map(address).transpose()?,
    })
}

fn member(name: &str, text: &str) -> Result<Member, Usage> {
    if text.contains('.') {
        let foreign = Fqdn::parse(text);
        return foreign
            .map(Member::Foreign)
            .map_err(|error| usage(name, format!("{text:?}: {error}")));
    }
    label(name, text).map(Member::Account)
}

fn group(name: &str, rest: &[String]) -> Result<(Label, Vec<Member>), Usage> {
    let (first, more) = rest
        .split_first()
        .ok_or_else(|| usage(name, format!("`{name}` needs the name of a group")))?;
    let members = more.iter().map(|text| member(name, text));
    Ok((label(name, first)?, members.collect::<Result<_, _>>()?))
}

fn label(name: &str, text: &str) -> Result<Label, Usage> {
    Label::parse(text).map_err(|error| usage(name, format!("{text:?}: {error}")))
}

fn usage(name: &str, what: String) -> Usage {
    let advice = match help::text(name) {
        Some(text) => text.lines().next().unwrap_or_default().to_owned(),
        None => "Try `ntm-dc --help`.".to_owned(),
    };
    Usage { what, advice }
}

#[cfg(test)]
mod tests;
