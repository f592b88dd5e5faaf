//! The commands beside `run`: each opens the store, does one thing and says what a running daemon has to be told.
//!
//! The operator's pages do the same by the same functions, on a thread of their own: [`change`] takes the command that the
//! words of a form make, and [`Done`] is what either of the two tells its person.

use crate::cli::{Command, Member};
use crate::config::{self, Config};
use crate::desk::Control;
use crate::store::{NewCode, Store};
use crate::terminal::{note, say, say_json};
use crate::{ctl, domain, files, journal, keys, shell, show, terminal};
use anyhow::{Context, Result, bail};
use ntm_proto::enrol::{EnrolmentCode, Role};
use ntm_proto::id::{Fqdn, Label};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

/// Makes a domain. The store comes last: without it an interrupted `init` is simply run again.
pub(crate) fn init(dir: &Path, domain: &Fqdn, listen: &[IpAddr]) -> Result<()> {
    if Store::exists(dir) {
        bail!(
            "{} holds a domain already; choose another --dir, or move it away first",
            dir.display()
        );
    }
    files::make_dir(dir)?;
    let text = config::example(domain, listen, keys::random()?);
    files::write(&dir.join(config::FILE), text.as_bytes())?;
    if !(keys::load_key(dir).is_ok() && keys::load_certificate(dir, domain).is_ok()) {
        keys::make(dir, domain)?;
    }
    Store::create(dir, domain)?;
    say(&format!("Made {} for the domain {domain}.", dir.display()));
    say(&format!(
        "Its configuration is {}.",
        dir.join(config::FILE).display()
    ));
    if listen.is_empty() {
        note(
            "No --listen was given: the daemon will listen on all addresses, but nodes cannot be told where it is.",
        );
        note(&format!(
            "Put this machine's public address into `advertise` in {}.",
            dir.join(config::FILE).display()
        ));
    }
    say("Next:");
    let dir = dir.display();
    say(&format!("  ntm-dc run --dir {dir}"));
    say(&format!("  ntm-dc account add NAME --dir {dir}"));
    say(&format!(
        "  ntm-dc gateway-code GATEWAY --account NAME --dir {dir}"
    ));
    Ok(())
}

/// A change that is done.
#[derive(Debug)]
pub(crate) struct Done {
    /// What it was, for people.
    pub(crate) said: String,
    /// What else they should know.
    pub(crate) notes: Vec<String>,
    /// What the running daemon has to be told.
    pub(crate) tell: Option<Control>,
    /// The same for programs.
    pub(crate) value: Value,
}

impl Done {
    pub(crate) fn new(said: String, name: &str, tell: Option<Control>) -> Self {
        Self {
            value: json!({"name": name, "said": said}),
            said,
            notes: Vec::new(),
            tell,
        }
    }
}

/// Does what a command changes; `None`: it changes nothing.
pub(crate) fn change(dir: &Path, command: &Command) -> Option<Result<Done>> {
    Some(match command {
        Command::AccountAdd(name) => account_add(dir, name),
        Command::AccountRemove(name) => account_remove(dir, name),
        Command::GroupAdd { group, members } => group_add(dir, group, members),
        Command::GroupRemove { group, members } => group_remove(dir, group, members),
        Command::GatewayCode {
            name,
            account,
            valid,
        } => code(dir, name, Some(account), *valid),
        Command::RelayCode { name, valid } => code(dir, name, None, *valid),
        Command::CodeRevoke(name) => code_revoke(dir, name),
        Command::NodeRemove(name) => node_remove(dir, name),
        Command::DomainTrust {
            domain,
            key,
            address,
        } => domain::trust(dir, domain, *key, *address),
        Command::DomainForget(name) => domain::forget(dir, name),
        Command::Print(_)
        | Command::Init { .. }
        | Command::Run
        | Command::Password
        | Command::Backup(_)
        | Command::Restore(_)
        | Command::AccountList
        | Command::GroupList
        | Command::CodeList
        | Command::DomainList
        | Command::DomainShow
        | Command::Nodes
        | Command::Relays
        | Command::Tunnels
        | Command::Events
        | Command::Status => return None,
    })
}

/// A change that was made at the command line: says it, notes it in the journal and tells the daemon.
pub(crate) fn told(dir: &Path, command: &Command, done: &Done, json: bool) {
    let is_code = matches!(
        command,
        Command::GatewayCode { .. } | Command::RelayCode { .. }
    );
    match is_code {
        true => give(dir, &done.value, json),
        false => say(&done.said),
    }
    done.notes.iter().for_each(|line| note(line));
    journal::add_from_outside(dir, &done.said);
    if let Some(control) = done.tell {
        poke(dir, control);
    }
}

fn account_add(dir: &Path, name: &Label) -> Result<Done> {
    open(dir)?.1.add_account(name)?;
    let said = format!("Made the account {name}.");
    Ok(Done::new(said, name.as_str(), None))
}

fn account_remove(dir: &Path, name: &Label) -> Result<Done> {
    let (_, mut store) = open(dir)?;
    let account = store.account(name)?;
    match store.remove_account(account)? {
        0 => {}
        count => bail!(
            "{name} owns {count} gateways; remove those first with `ntm-dc node remove`, or on the page"
        ),
    }
    let said = format!("Removed the account {name}.");
    Ok(Done::new(said, name.as_str(), Some(Control::ReloadGroups)))
}

/// `account list`
pub(crate) fn account_list(dir: &Path, json: bool) -> Result<()> {
    let (config, store) = open(dir)?;
    let (groups, snapshot) = (store.groups()?, store.snapshot()?);
    let row = |account: ntm_dc::Account| {
        let of = groups
            .iter()
            .filter(|(_, id)| *id == account.id)
            .map(|(name, _)| name);
        let gateways = snapshot
            .gateways
            .iter()
            .filter(|gateway| gateway.account == account.id);
        json!({
            "name": account.name.as_str(),
            "groups": of.collect::<Vec<_>>(),
            "gateways": gateways.map(|gateway| format!("{}.{}", gateway.name, config.domain)).collect::<Vec<_>>(),
        })
    };
    let rows: Value = store.accounts()?.into_iter().map(row).collect();
    show::rows(
        &rows,
        &[
            ("ACCOUNT", "name"),
            ("GROUPS", "groups"),
            ("GATEWAYS", "gateways"),
        ],
        json,
    );
    Ok(())
}

fn group_add(dir: &Path, group: &Label, members: &[Member]) -> Result<Done> {
    let (config, mut store) = open(dir)?;
    let (accounts, foreign) = sorted(&config, &store, members)?;
    store.add_to_group(group, &accounts, &foreign)?;
    let said = format!("Put {} into the group {group}.", join(members));
    Ok(Done::new(said, group.as_str(), Some(Control::ReloadGroups)))
}

fn group_remove(dir: &Path, group: &Label, members: &[Member]) -> Result<Done> {
    let (config, mut store) = open(dir)?;
    let (accounts, foreign) = sorted(&config, &store, members)?;
    let said = match store.remove_from_group(group, &accounts, &foreign)? {
        0 if members.is_empty() => bail!("there is no group {group}; see `ntm-dc group list`"),
        0 => bail!(
            "{} was not in the group {group}; see `ntm-dc group list`",
            join(members)
        ),
        1 => format!("Took one member out of the group {group}."),
        count => format!("Took {count} members out of the group {group}."),
    };
    Ok(Done::new(said, group.as_str(), Some(Control::ReloadGroups)))
}

/// The accounts and the names of other domains among `members`.
fn sorted(config: &Config, store: &Store, members: &[Member]) -> Result<(Vec<i64>, Vec<Fqdn>)> {
    let domains = store.domains()?;
    let (mut accounts, mut foreign) = (Vec::new(), Vec::new());
    for member in members {
        match member {
            Member::Account(name) => accounts.push(store.account(name)?),
            Member::Foreign(name) if name.is_within(&config.domain) => {
                bail!("{name} is of this domain; name the account that owns it")
            }
            Member::Foreign(name) => {
                let is_of =
                    |domain: &Fqdn| name == domain || name.parent().as_ref() == Some(domain);
                if !domains.iter().any(|record| is_of(&record.domain)) {
                    bail!(
                        "{name} is neither a trusted domain nor a gateway of one; see `ntm-dc domain list`"
                    );
                }
                foreign.push(name.clone());
            }
        }
    }
    Ok((accounts, foreign))
}

/// `group list`
pub(crate) fn group_list(dir: &Path, json: bool) -> Result<()> {
    let (_, store) = open(dir)?;
    let accounts = store.accounts()?;
    let mut groups: BTreeMap<String, (Vec<&str>, Vec<String>)> = BTreeMap::new();
    for (group, id) in store.groups()? {
        let name = accounts.iter().find(|account| account.id == id);
        let members = groups.entry(group).or_default();
        members.0.extend(name.map(|account| account.name.as_str()));
    }
    for (group, name) in store.foreign()? {
        groups.entry(group).or_default().1.push(name.to_string());
    }
    let row = |(name, members): (&String, &(Vec<&str>, Vec<String>))| json!({"name": name, "accounts": members.0, "foreign": members.1});
    let rows: Value = groups.iter().map(row).collect();
    let columns = [
        ("GROUP", "name"),
        ("ACCOUNTS", "accounts"),
        ("OTHER DOMAINS", "foreign"),
    ];
    show::rows(&rows, &columns, json);
    Ok(())
}

/// `gateway-code` and, without an account, `relay-code`.
fn code(
    dir: &Path,
    name: &Label,
    account: Option<&Label>,
    valid: Option<Duration>,
) -> Result<Done> {
    let (config, mut store) = open(dir)?;
    if *name == config.ns {
        bail!("the name {name} is this name server's; choose another");
    }
    let full = config.domain.child(name)?;
    if config.advertise.is_empty() {
        bail!(
            "the code would not say where this machine is; put its public address into `listen` or `advertise` in {}",
            dir.join(config::FILE).display()
        );
    }
    let valid = valid.unwrap_or(config.code_valid);
    let code = EnrolmentCode {
        role: if account.is_some() {
            Role::Gateway
        } else {
            Role::Relay
        },
        token: keys::random()?,
        fingerprint: keys::load_certificate(dir, &config.domain)?.fingerprint(),
        port: config.as_port,
        hosts: config.advertise.iter().map(ToString::to_string).collect(),
    };
    let new = NewCode {
        token: code.token,
        name,
        account: account.map(|account| store.account(account)).transpose()?,
        expires: shell::wall_seconds() + valid.as_secs().cast_signed(),
    };
    store.add_code(&new, shell::wall_seconds())?;
    let kind = if account.is_some() {
        "gateway"
    } else {
        "relay"
    };
    // The journal has no code, only that there is one.
    let mut done = Done::new(
        format!("Made a code for the {kind} {full}."),
        full.as_str(),
        None,
    );
    done.value = json!({"code": code.to_text(), "name": full.as_str(), "kind": kind, "expires_s": valid.as_secs()});
    Ok(done)
}

fn give(dir: &Path, made: &Value, json: bool) {
    let text = |name: &str| made[name].as_str().unwrap_or_default();
    if json {
        say_json(
            &json!({"code": made["code"], "name": made["name"], "expires_s": made["expires_s"]}),
        );
        return;
    }
    show_code(
        text("code"),
        text("name"),
        text("kind"),
        made["expires_s"].as_u64().unwrap_or_default(),
    );
    if ctl::ask(dir, Control::Status).is_ok_and(|status| status.is_none()) {
        note(&format!(
            "The daemon is not running; start it with `ntm-dc run --dir {}`.",
            dir.display()
        ));
    }
}

fn show_code(code: &str, name: &str, kind: &str, valid: u64) {
    let program = format!("ntm-{kind}");
    let valid = match valid {
        seconds if seconds.is_multiple_of(60) => format!("{} minutes", seconds / 60),
        seconds => format!("{seconds} seconds"),
    };
    note(&format!(
        "This code enrols {name}, once, within {valid}: `{program} enrol CODE`."
    ));
    // Capitals make a smaller picture, and a code may be typed in any case.
    let picture = terminal::is_watched().then(|| terminal::qr(&code.to_uppercase()));
    if let Some(picture) = picture.flatten() {
        say(&picture);
    }
    say(code);
}

fn code_revoke(dir: &Path, name: &Label) -> Result<Done> {
    let said = match open(dir)?.1.revoke_codes(name)? {
        0 => bail!("there is no unused code for {name}; see `ntm-dc code list`"),
        1 => format!("The code for {name} is worthless now."),
        count => format!("The {count} codes for {name} are worthless now."),
    };
    Ok(Done::new(said, name.as_str(), None))
}

/// `code list`
pub(crate) fn code_list(dir: &Path, json: bool) -> Result<()> {
    let rows = crate::catalog::Catalog::open(dir)?.codes(shell::wall_seconds())?;
    let columns = [
        ("NAME", "name"),
        ("KIND", "kind"),
        ("ACCOUNT", "account"),
        ("STATE", "state"),
    ];
    show::rows(&rows["rows"], &columns, json);
    Ok(())
}

fn node_remove(dir: &Path, name: &Label) -> Result<Done> {
    let (config, mut store) = open(dir)?;
    let Some(node) = store.remove_node(name)? else {
        bail!("there is no gateway or relay {name}; see `ntm-dc nodes` and `ntm-dc relays`");
    };
    let said = format!("Removed {name}.{}.", config.domain);
    let tell = Control::NodeRemoved(*node.0.as_bytes());
    Ok(Done::new(said, name.as_str(), Some(tell)))
}

pub(crate) fn open(dir: &Path) -> Result<(Config, Store)> {
    let config = files::config(dir)?;
    let store = Store::open(dir, &config.domain)?;
    Ok((config, store))
}

/// Tells a running daemon that the store changed. The change itself is done already.
pub(crate) fn poke(dir: &Path, control: Control) {
    let told = ctl::ask(dir, control)
        .context("the change is stored, but the daemon does not know; restart it");
    if let Err(error) = told {
        note(&format!("warning: {error:#}"));
    }
}

fn join(members: &[Member]) -> String {
    let names = members.iter().map(|member| match member {
        Member::Account(name) => name.as_str(),
        Member::Foreign(name) => name.as_str(),
    });
    names.collect::<Vec<_>>().join(", ")
}
