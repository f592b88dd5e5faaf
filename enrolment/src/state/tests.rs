//! The node's files: what is written is read back, what is wrong is named.

use super::*;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// A directory that is gone when the test is over.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ntm-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn membership() -> Membership {
    Membership {
        node: "6f1f7c5e-6dfb-4c3f-9a53-0c9b7d0f0a11".into(),
        name: "home.ntm.test".into(),
        domain: "ntm.test".into(),
        dc_key: SecretKey::from_bytes([5; 32]).public().to_string(),
        dc_addresses: vec!["203.0.113.10:4750".into(), "[2001:db8::10]:4750".into()],
        virtual4: "198.18.0.0/15".into(),
        virtual6: "fd12:3456:789a::/48".into(),
        vip4: "198.18.0.1".into(),
        vip6: "fd12:3456:789a::1".into(),
    }
}

fn error(change: impl FnOnce(&mut Membership)) -> String {
    let mut membership = membership();
    change(&mut membership);
    let node = Node::new(SecretKey::from_bytes([1; 32]), &membership);
    format!("{:#}", node.unwrap_err())
}

#[test]
fn a_node_is_what_was_saved_and_keeps_its_key() {
    let dir = Dir::new("saved");
    let made = key(&dir.0).unwrap();
    assert_eq!(key(&dir.0).unwrap().public(), made.public());
    save(&dir.0, &membership()).unwrap();
    let node = load(&dir.0).unwrap();
    assert_eq!(node.key.public(), made.public());
    assert_eq!(node.name.as_str(), "home.ntm.test");
    assert_eq!(node.dc_addresses.len(), 2);
    assert_eq!(node.vip4, Some(Ipv4Addr::new(198, 18, 0, 1)));
    let mode = |name| fs::metadata(dir.0.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(KEY_FILE), 0o600);
    assert!(
        fs::read_to_string(dir.0.join(NODE_FILE))
            .unwrap()
            .starts_with('#')
    );
}

#[test]
fn a_relay_has_no_virtual_addresses() {
    let mut membership = membership();
    membership.vip4.clear();
    membership.vip6.clear();
    let node = Node::new(SecretKey::from_bytes([1; 32]), &membership).unwrap();
    assert_eq!((node.vip4, node.vip6), (None, None));
}

#[test]
fn a_directory_without_a_node_says_what_to_do() {
    let dir = Dir::new("empty");
    let text = load(&dir.0).unwrap_err().to_string();
    assert!(text.starts_with("not enrolled yet: run `"), "{text}");
    save(&dir.0, &membership()).unwrap();
    let text = load(&dir.0).unwrap_err().to_string();
    assert!(text.contains("node.key is missing"), "{text}");
    fs::write(dir.0.join(KEY_FILE), "nonsense").unwrap();
    assert!(load(&dir.0).unwrap_err().to_string().contains("damaged"));
}

#[test]
fn each_wrong_field_is_named() {
    assert!(error(|m| m.node = "x".into()).starts_with("node"));
    assert!(error(|m| m.name = "a b.ntm.test".into()).starts_with("name"));
    assert!(error(|m| m.name = "home.evil.test".into()).starts_with("name"));
    assert!(error(|m| m.dc_key = "AAAA".into()).starts_with("dc_key"));
    assert!(error(|m| m.dc_addresses.clear()).starts_with("dc_addresses"));
    for bad in [
        "203.0.113.10",
        "0.0.0.0:4750",
        "[::]:4750",
        "[ff02::1]:1",
        "1.2.3.4:0",
    ] {
        let text = error(|m| m.dc_addresses[0] = bad.into());
        assert!(text.starts_with("dc_addresses"), "{text}");
    }
    assert!(error(|m| m.virtual4 = "0.0.0.0/0".into()).starts_with("virtual4"));
    assert!(error(|m| m.virtual6 = "198.18.0.0/15".into()).starts_with("virtual6"));
    assert!(error(|m| m.vip4 = "10.0.0.1".into()).starts_with("vip4"));
    assert!(error(|m| m.vip6 = "::1".into()).starts_with("vip6"));
}

#[test]
fn a_failed_write_keeps_the_old_file_and_leaves_nothing() {
    let dir = Dir::new("atomic");
    let path = dir.0.join("file");
    write_atomically(&path, b"old", 0o644).unwrap();
    fs::write(dir.0.join(".file.new"), b"left over").unwrap();
    write_atomically(&path, b"new", 0o600).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(fs::read_dir(&dir.0).unwrap().count(), 1);
    // A directory in its place cannot be replaced by a file.
    let taken = dir.0.join("taken");
    fs::create_dir(&taken).unwrap();
    assert!(write_atomically(&taken, b"new", 0o600).is_err());
    assert_eq!(fs::read_dir(&dir.0).unwrap().count(), 2);
}
