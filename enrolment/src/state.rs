//! What a node keeps in its directory: `node.key`, its secret, and `node.toml`, what its domain made of it.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "keeping files is what this module is for"
)]

use crate::api::Membership;
use anyhow::{Context, Result, bail, ensure};
use ntm_proto::address::canonical;
use ntm_proto::id::{Fqdn, NodeId, VirtualPrefixes};
use ntm_proto::key::{PublicKey, SecretKey};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The file with the node's secret key.
pub const KEY_FILE: &str = "node.key";
/// The file with the node's membership.
pub const NODE_FILE: &str = "node.toml";

/// Most addresses of a DC that a node takes.
const MAX_DC_ADDRESSES: usize = 16;

const HEADER: &str = "\
# What this node is in its domain. Written by `enrol`; change nothing here.
# The secret key is in node.key beside this file. Keep both to stay the same node after a new installation.

";

/// A node that is a member of a domain, every field checked.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its secret key.
    pub key: SecretKey,
    /// Its id.
    pub node: NodeId,
    /// Its full name.
    pub name: Fqdn,
    /// Its domain.
    pub domain: Fqdn,
    /// The DC's static key.
    pub dc_key: PublicKey,
    /// Where the DC is, best first; at least one.
    pub dc_addresses: Vec<SocketAddr>,
    /// The domain's virtual ranges.
    pub prefixes: VirtualPrefixes,
    /// A gateway's own virtual IPv4 address.
    pub vip4: Option<Ipv4Addr>,
    /// A gateway's own virtual IPv6 address.
    pub vip6: Option<Ipv6Addr>,
}

impl Node {
    /// Checks every field of `membership`. The error names the field.
    pub fn new(key: SecretKey, membership: &Membership) -> Result<Self> {
        let Membership {
            node,
            name,
            domain,
            dc_key,
            dc_addresses,
            virtual4,
            virtual6,
            vip4,
            vip6,
        } = membership;
        let this = Self {
            key,
            node: NodeId::parse(node).with_context(|| format!("node: {node:?} is no node id"))?,
            name: Fqdn::parse(name).context("name")?,
            domain: Fqdn::parse(domain).context("domain")?,
            dc_key: PublicKey::parse(dc_key).context("dc_key")?,
            dc_addresses: dc_addresses
                .iter()
                .map(|text| dc_address(text))
                .collect::<Result<_>>()
                .context("dc_addresses")?,
            prefixes: VirtualPrefixes {
                v4: virtual4.parse().context("virtual4: no IPv4 prefix")?,
                v6: virtual6.parse().context("virtual6: no IPv6 prefix")?,
            },
            vip4: optional(vip4).context("vip4: no IPv4 address")?,
            vip6: optional(vip6).context("vip6: no IPv6 address")?,
        };
        this.agrees_with_itself()?;
        Ok(this)
    }

    fn agrees_with_itself(&self) -> Result<()> {
        let count = self.dc_addresses.len();
        ensure!(
            (1..=MAX_DC_ADDRESSES).contains(&count),
            "dc_addresses: {count} of them; 1 to {MAX_DC_ADDRESSES} are allowed"
        );
        ensure!(
            self.name != self.domain && self.name.is_within(&self.domain),
            "name: {} is not in the domain {}",
            self.name,
            self.domain
        );
        // A range much wider than these would swallow addresses of the real Internet.
        let VirtualPrefixes { v4, v6 } = self.prefixes;
        ensure!(v4.prefix_len() >= 8, "virtual4: {v4} is too wide");
        ensure!(v6.prefix_len() >= 32, "virtual6: {v6} is too wide");
        let inside = |vip: IpAddr| self.prefixes.contains(vip);
        ensure!(
            self.vip4.is_none_or(|vip| inside(vip.into())),
            "vip4: outside of {v4}"
        );
        ensure!(
            self.vip6.is_none_or(|vip| inside(vip.into())),
            "vip6: outside of {v6}"
        );
        Ok(())
    }
}

fn dc_address(text: &str) -> Result<SocketAddr> {
    let address: SocketAddr = text.parse().with_context(|| {
        format!("{text:?} is not like 203.0.113.10:4750 or [2001:db8::10]:4750")
    })?;
    let ip = canonical(address.ip());
    ensure!(
        address.port() != 0 && !ip.is_unspecified() && !ip.is_multicast(),
        "{address} is nowhere a coordinator can be"
    );
    Ok(SocketAddr::new(ip, address.port()))
}

fn optional<T: std::str::FromStr>(text: &str) -> Result<Option<T>, T::Err> {
    (!text.is_empty()).then(|| text.parse()).transpose()
}

/// Reads what `enrol` left in `dir`.
pub fn load(dir: &Path) -> Result<Node> {
    let path = dir.join(NODE_FILE);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => bail!(
            "not enrolled yet: run `{} enrol CODE --dir {}`",
            program(),
            dir.display()
        ),
        other => other.with_context(|| format!("cannot read {}", path.display()))?,
    };
    let again = || format!("{} is damaged: enrol again with a new code", path.display());
    let membership: Membership = toml::from_str(&text).with_context(again)?;
    let key = load_key(dir)?.with_context(|| {
        format!(
            "{} is missing: enrol again with a new code",
            dir.join(KEY_FILE).display()
        )
    })?;
    Node::new(key, &membership).with_context(again)
}

/// The running program's name, for messages that say what to type.
fn program() -> String {
    let arg0 = std::env::args_os().next();
    let name = arg0.as_deref().map(Path::new).and_then(Path::file_name);
    name.map_or_else(
        || "ntm-gateway".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// Writes `membership` where [`load`] finds it.
pub(crate) fn save(dir: &Path, membership: &Membership) -> Result<()> {
    let path = dir.join(NODE_FILE);
    let text =
        HEADER.to_owned() + &toml::to_string(membership).context("cannot write node.toml")?;
    write_atomically(&path, text.as_bytes(), 0o644)
        .with_context(|| format!("cannot write {}", path.display()))
}

/// The node's key: the one that is there, or a new one.
pub(crate) fn key(dir: &Path) -> Result<SecretKey> {
    if let Some(key) = load_key(dir)? {
        return Ok(key);
    }
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).context("the kernel gives no randomness")?;
    let key = SecretKey::from_bytes(seed);
    let path = dir.join(KEY_FILE);
    write_atomically(&path, format!("{}\n", key.to_text()).as_bytes(), 0o600)
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(key)
}

fn load_key(dir: &Path) -> Result<Option<SecretKey>> {
    let path = dir.join(KEY_FILE);
    match fs::read_to_string(&path) {
        Ok(text) => {
            let key = SecretKey::parse(&text).with_context(|| {
                format!(
                    "{} is damaged: remove it and enrol with a new code",
                    path.display()
                )
            })?;
            Ok(Some(key))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Replaces the file at `path` by `bytes`: after a power cut there is the old file or the new one, never half of
/// one. When the disk is full the old file stays. `mode` is narrowed by the process's umask.
pub fn write_atomically(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
    let dir = parent.unwrap_or_else(|| Path::new("."));
    let temporary = dir.join(format!(".{}.new", name.to_string_lossy()));
    let written = write_new(&temporary, bytes, mode).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // What is left of it is of no use, and its blocks may be the last on the disk.
        let _ = fs::remove_file(&temporary);
        return written;
    }
    File::open(dir)?.sync_all()
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    // Left over from a power cut. A new file also means that no link is followed.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests;
