//! ntm-dc: the Direction Coordinator of one domain, with its Account Server and name server.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the shell owns clock and sockets"
)]

mod account_server;
mod admin;
mod allowance;
mod cli;
mod ctl;
mod daemon;
mod desk;
mod dns;
mod domain;
mod files;
mod finder;
mod keys;
mod log;
mod rows;
#[cfg(test)]
mod scratch;
mod shell;
mod show;
mod sockets;
mod store;
mod terminal;

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
        Command::AccountAdd(name) => admin::account_add(&dir, &name),
        Command::AccountList => admin::account_list(&dir, json),
        Command::GroupAdd { group, members } => admin::group_add(&dir, &group, &members),
        Command::GroupRemove { group, members } => admin::group_remove(&dir, &group, &members),
        Command::GroupList => admin::group_list(&dir, json),
        Command::DomainTrust {
            domain,
            key,
            address,
        } => domain::trust(&dir, &domain, key, address),
        Command::DomainForget(name) => domain::forget(&dir, &name),
        Command::DomainList => domain::list(&dir, json),
        Command::DomainShow => domain::show(&dir, json),
        Command::GatewayCode {
            name,
            account,
            valid,
        } => admin::code(&dir, &name, Some(&account), valid, json),
        Command::RelayCode { name, valid } => admin::code(&dir, &name, None, valid, json),
        Command::NodeRemove(name) => admin::node_remove(&dir, &name),
        Command::Nodes => show::nodes(&dir, json),
        Command::Relays => show::relays(&dir, json),
        Command::Tunnels => show::tunnels(&dir, json),
        Command::Status => show::status(&dir, json),
    }
}
