//! ntm-relay: the relay server of a domain, as a daemon and its command line.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the shell owns clock and sockets"
)]

mod cli;
mod ctl;
mod report;
mod shell;
mod udp;

use anyhow::{Context, Result};
use cli::{Command, Invocation};
use ntm_enrolment::{client, crash, state};
use ntm_proto::enrol::{EnrolmentCode, Role};
use ntm_relay::config::{self, Config};
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::Path;
use std::process::ExitCode;
use tokio::runtime::{Builder, Runtime};

fn main() -> ExitCode {
    crash::end_at_first_panic();
    let invocation = match cli::parse(std::env::args_os().skip(1)) {
        Ok(invocation) => invocation,
        Err(usage) => {
            complain(&usage.to_string());
            return ExitCode::from(2);
        }
    };
    match obey(&invocation) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn obey(Invocation { command, dir }: &Invocation) -> Result<()> {
    match command {
        Command::Print(text) => say(text),
        Command::Enrol { code, listen } => enrol(code, listen, dir),
        Command::Run => run(dir),
        Command::Status { json } => {
            let answer = runtime()?.block_on(ctl::ask(dir))?;
            say(&if *json {
                answer
            } else {
                report::text(&answer)?
            })
        }
    }
}

fn enrol(code: &str, listen: &[IpAddr], dir: &Path) -> Result<()> {
    let code = EnrolmentCode::parse(code)?;
    let membership = runtime()?.block_on(client::enrol(&code, Role::Relay, dir))?;
    let path = dir.join(config::FILE);
    let file = path.display();
    say(&format!(
        "This relay is now {} ({}).",
        membership.name, membership.node
    ))?;
    if path.exists() {
        say(&format!("{file} was there before and stays as it is."))?;
    } else {
        let example = config::example(listen);
        state::write_atomically(&path, example.as_bytes(), 0o644)
            .with_context(|| format!("cannot write {file}"))?;
        if listen.is_empty() {
            say(&format!(
                "Write this machine's public addresses into {file} (the key is `listen`)."
            ))?;
        }
    }
    say(&format!(
        "Next: ntm-relay run --dir {}; let UDP port {} in through the firewall.",
        dir.display(),
        ntm_proto::UDP_PORT
    ))
}

fn run(dir: &Path) -> Result<()> {
    let node = state::load(dir)?;
    let config = load(dir)?;
    tracing_subscriber::fmt()
        .with_max_level(config.log)
        .with_target(false)
        .with_writer(io::stderr)
        .init();
    runtime()?.block_on(shell::run(dir, node, &config))
}

fn load(dir: &Path) -> Result<Config> {
    let path = dir.join(config::FILE);
    let name = path.display().to_string();
    let text = std::fs::read_to_string(&path).with_context(|| {
        format!("cannot read {name}; it needs at least: listen = [\"203.0.113.30\"]")
    })?;
    Ok(Config::parse(&text, &name)?)
}

fn runtime() -> Result<Runtime> {
    let mut builder = Builder::new_current_thread();
    builder.enable_all().build().context("cannot start")
}

fn say(text: &str) -> Result<()> {
    match writeln!(io::stdout(), "{text}") {
        // Whoever read has read enough, as in `ntm-relay status | head -1`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write"),
    }
}

fn complain(text: &str) {
    // There is nobody left to tell when this fails.
    let _ = writeln!(io::stderr(), "ntm-relay: {text}");
}
