//! `ntm-gateway`: enrols a gateway, runs it, and asks the one that runs.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the shell owns clock and sockets"
)]

mod asker;
mod behind;
mod cli;
mod configure;
mod ctl;
mod dhcp;
mod diagnose;
mod dns;
mod first;
mod follow;
mod forgotten;
mod help;
mod kept;
mod keys_met;
mod lan;
mod log;
mod meter;
mod netlink;
mod nft;
mod owner;
mod password;
mod ping;
mod probe;
mod processor;
mod question;
mod reload;
mod routing;
mod settings;
mod shell;
mod start;
mod table;
mod tun;
mod udp;
mod wan;
mod web;

use ntm_enrolment::crash;
use std::process::ExitCode;

fn main() -> ExitCode {
    crash::end_at_first_panic();
    cli::main()
}
