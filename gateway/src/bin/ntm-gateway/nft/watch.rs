//! Whether somebody takes our table away: `nft flush ruleset`, say, or another firewall's start.
//!
//! The kernel tells of every change of nftables (`nf_tables(7)`'s notifications: group NFNLGRP_NFTABLES). What one
//! transaction removes and makes anew is no loss; how it ends up is known at its end, NFT_MSG_NEWGEN.

use super::TABLE;
use anyhow::{Context, Result};
use rtnetlink::sys::protocols::NETLINK_NETFILTER;
use rtnetlink::sys::{AsyncSocket, AsyncSocketExt, SocketAddr, TokioSocket};
use std::io;

/// The group NFNLGRP_NFTABLES, as `bind` wants it: a bit of 32.
const GROUP: u32 = 1 << (7 - 1);
/// NFNL_SUBSYS_NFTABLES, the upper half of a message's type.
const SUBSYSTEM: u8 = 10;
/// Before a message's attributes: `nlmsghdr` and `nfgenmsg`.
const HEADER: usize = 16;
const BEFORE_ATTRIBUTES: usize = HEADER + 4;
/// The attribute that names the table, in what concerns tables, chains, rules and sets alike.
const TABLE_NAME: u16 = 1;
const NEW_TABLE: u8 = 0;
const NEW_GENERATION: u8 = 15;
/// Deleted, or destroyed (Linux 6.3): table, chain, rule, set.
const GONE: [u8; 8] = [2, 5, 8, 11, 26, 27, 28, 29];

/// How sure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    Certainly,
    Perhaps,
}

/// What is told.
pub(super) struct Watch {
    socket: TokioSocket,
    transaction: Transaction,
}

/// One so far.
#[derive(Default)]
struct Transaction {
    /// It has taken something of ours away.
    lacks: bool,
}

impl Watch {
    /// Listens from now on.
    pub(super) fn open() -> Result<Self> {
        let mut socket =
            TokioSocket::new(NETLINK_NETFILTER).context("cannot listen to nftables")?;
        let bound = socket.socket_mut().bind(&SocketAddr::new(0, GROUP));
        bound.context("cannot listen to nftables")?;
        Ok(Self {
            socket,
            transaction: Transaction::default(),
        })
    }

    /// Waits until the table is gone, or part of it, or that may be.
    pub(super) async fn lost(&mut self) -> io::Result<Lost> {
        loop {
            match self.socket.recv_from_full().await {
                // A message from a process, and not from the kernel, says nothing.
                Ok((_, sender)) if sender.port_number() != 0 => {}
                Ok((messages, _)) => {
                    if self.transaction.read(&messages) {
                        return Ok(Lost::Certainly);
                    }
                }
                // More was told than the socket could keep, as when another program loads a long list.
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    self.transaction = Transaction::default();
                    return Ok(Lost::Perhaps);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl Transaction {
    /// Whether one ended that took something of ours away.
    fn read(&mut self, mut messages: &[u8]) -> bool {
        let mut lost = false;
        while let Some((message, rest)) = first(messages) {
            messages = rest;
            let [subsystem, kind] = u16::from_ne_bytes([message[4], message[5]]).to_be_bytes();
            if subsystem != SUBSYSTEM {
                continue;
            }
            if kind == NEW_GENERATION {
                lost |= std::mem::take(&mut self.lacks);
            } else if is_of_ours(message) {
                match kind {
                    NEW_TABLE => self.lacks = false,
                    _ if GONE.contains(&kind) => self.lacks = true,
                    _ => {}
                }
            }
        }
        lost
    }
}

/// The first message, with its header, and what follows it. Lengths are in the machine's own order, and padded to 4.
fn first(messages: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = u32::from_ne_bytes(*messages.first_chunk()?) as usize;
    if length < HEADER || length > messages.len() {
        return None;
    }
    let next = length.next_multiple_of(4).min(messages.len());
    Some((&messages[..length], &messages[next..]))
}

fn is_of_ours(message: &[u8]) -> bool {
    let mut attributes = message.get(BEFORE_ATTRIBUTES..).unwrap_or_default();
    while let Some(&[l0, l1, k0, k1]) = attributes.first_chunk() {
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        let Some(value) = attributes.get(4..length) else {
            return false;
        };
        if u16::from_ne_bytes([k0, k1]) == TABLE_NAME {
            return value.strip_suffix(&[0]) == Some(TABLE.as_bytes());
        }
        attributes = attributes
            .get(length.next_multiple_of(4)..)
            .unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, table: &str) -> Vec<u8> {
        let name = [table.as_bytes(), &[0]].concat();
        let length = BEFORE_ATTRIBUTES + 4 + name.len();
        let mut bytes = Vec::new();
        bytes.extend((length as u32).to_ne_bytes());
        bytes.extend((u16::from(SUBSYSTEM) << 8 | u16::from(kind)).to_ne_bytes());
        bytes.extend([0; 10]);
        bytes.extend([1, 0, 0, 0]);
        bytes.extend((4 + name.len() as u16).to_ne_bytes());
        bytes.extend(TABLE_NAME.to_ne_bytes());
        bytes.extend(name);
        bytes.resize(length.next_multiple_of(4), 0);
        bytes
    }

    fn told(messages: &[(u8, &str)]) -> bool {
        let messages = messages.iter().map(|(kind, table)| message(*kind, table));
        Transaction::default().read(&messages.collect::<Vec<_>>().concat())
    }

    #[test]
    fn a_table_that_is_deleted_is_lost_and_one_that_is_replaced_is_not() {
        assert!(told(&[(8, "ntm"), (2, "ntm"), (NEW_GENERATION, "")]));
        assert!(!told(&[
            (8, "ntm"),
            (2, "ntm"),
            (NEW_TABLE, "ntm"),
            (6, "ntm"),
            (NEW_GENERATION, "")
        ]));
        assert!(!told(&[(2, "ntm")]), "the transaction goes on");
    }

    #[test]
    fn others_tables_and_new_elements_are_not_our_matter() {
        assert!(!told(&[
            (2, "fw4"),
            (2, "ntm2"),
            (12, "ntm"),
            (14, "ntm"),
            (NEW_GENERATION, "")
        ]));
        assert!(told(&[
            (8, "ntm"),
            (NEW_TABLE, "fw4"),
            (NEW_GENERATION, "")
        ]));
    }

    #[test]
    fn what_is_cut_short_is_passed_over() {
        let whole = [message(2, "ntm"), message(NEW_GENERATION, "")].concat();
        // The last three bytes pad.
        for cut in 0..whole.len() - 3 {
            assert!(!Transaction::default().read(&whole[..cut]));
            let mut odd = whole.clone();
            odd[cut] ^= 0xff;
            // Nothing to expect but an end.
            let _ = Transaction::default().read(&odd);
        }
    }
}
