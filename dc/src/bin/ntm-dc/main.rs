//! ntm-dc: the Direction Coordinator of one domain, with its Account Server and name server.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the shell owns clock and sockets"
)]

mod account_server;
mod admin;
mod allowance;
mod backup;
mod catalog;
mod cli;
mod ctl;
mod daemon;
mod desk;
mod dns;
mod domain;
mod files;
mod finder;
mod journal;
mod keys;
mod log;
mod password;
mod rows;
#[cfg(test)]
mod scratch;
mod shell;
mod show;
mod sockets;
mod store;
mod terminal;
mod web;

use cli::{Command, Invocation};
use ntm_dc::config;
use ntm_enrolment::crash;
use std::process::ExitCode;

fn main() -> ExitCode {
    crash::end_at_first_panic();
    let invocation = match cli::parse(std::env::args_os().skip(1)) {
        Ok(invocation) => invocation,
        Err(usage) => {
            terminal::note(&format!("ntm-dc: {usage}"));
            return ExitCode::from(2);
        }
    };
    match execute(invocation) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::note(&format!("ntm-dc: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn execute(Invocation { command, dir, json }: Invocation) -> anyhow::Result<()> {
    match command {
        Command::Print(text) => {
            terminal::say(&text);
            Ok(())
        }
        Command::Init { domain, listen } => admin::init(&dir, &domain, &listen),
        Command::Run => daemon::run(&dir),
        Command::AccountList => admin::account_list(&dir, json),
        Command::GroupList => admin::group_list(&dir, json),
        Command::DomainList => domain::list(&dir, json),
        Command::DomainShow => domain::show(&dir, json),
        Command::CodeList => admin::code_list(&dir, json),
        Command::Password => password::set(&dir),
        Command::Backup(to) => backup::make(&dir, &to),
        Command::Restore(from) => backup::restore(&dir, &from),
        Command::Events => journal::show(&dir, json),
        Command::Nodes => show::nodes(&dir, json),
        Command::Relays => show::relays(&dir, json),
        Command::Tunnels => show::tunnels(&dir, json),
        Command::Status => show::status(&dir, json),
        command @ (Command::AccountAdd(_)
        | Command::AccountRemove(_)
        | Command::GroupAdd { .. }
        | Command::GroupRemove { .. }
        | Command::DomainTrust { .. }
        | Command::DomainForget(_)
        | Command::GatewayCode { .. }
        | Command::RelayCode { .. }
        | Command::CodeRevoke(_)
        | Command::NodeRemove(_)) => {
            let done = admin::change(&dir, &command).expect("these are changes")?;
            admin::told(&dir, &command, &done, json);
            Ok(())
        }
    }
}
