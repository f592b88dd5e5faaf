//! Names, ids and keys in text form: what passes is safe to show, and reads as it was shown.

use ntm_gateway::config::parse_server;
use ntm_proto::id::{Fqdn, Label, NodeId};
use ntm_proto::key::{PublicKey, SecretKey};

/// A name that parses has only the letters it may have, within its length, and survives being shown.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let label = Label::parse(text).ok();
    if let Some(label) = &label {
        check_label(label.as_str());
        assert_eq!(label.as_str(), text.to_ascii_lowercase());
        assert_eq!(Label::parse(&label.to_string()).as_ref(), Ok(label));
        assert!(Fqdn::parse(text).is_ok(), "a label is a name");
    }
    if let Ok(name) = Fqdn::parse(text) {
        check_name(&name);
    }
    if let Some(id) = NodeId::parse(text) {
        assert_eq!(NodeId::parse(&id.to_string()), Some(id));
    }
    if let Ok(key) = PublicKey::parse(text) {
        assert_eq!(PublicKey::parse(&key.to_string()), Ok(key));
        assert_eq!(key.to_string(), text.trim(), "one form alone");
        let secret = SecretKey::parse(text).expect("the same form");
        assert_eq!(secret.to_text(), key.to_string());
    }
    if let Some(server) = parse_server(text) {
        assert!(server.port() != 0 && !server.ip().is_unspecified() && !server.ip().is_multicast());
    }
}

fn check_label(label: &str) {
    assert!((1..=63).contains(&label.len()));
    assert!(!label.starts_with('-') && !label.ends_with('-'));
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    assert!(label.chars().all(fits));
}

fn check_name(name: &Fqdn) {
    let text = name.as_str();
    assert!((1..=253).contains(&text.len()) && !text.ends_with('.'));
    text.split('.').for_each(check_label);
    assert_eq!(Fqdn::parse(&name.to_string()).as_ref(), Ok(name));
    assert_eq!(Fqdn::parse(&format!("{name}.")).as_ref(), Ok(name));
    assert!(name.is_within(name));
    assert_eq!(Some(name.first_label()), text.split('.').next());
    if let Some(parent) = name.parent() {
        assert!(name.is_within(&parent) && !parent.is_within(name));
        let first = Label::parse(name.first_label()).expect("checked above");
        assert_eq!(parent.child(&first).as_ref(), Ok(name));
    } else {
        assert!(Label::parse(text).is_ok());
    }
    let child = name.child(&Label::parse("x").expect("a label"));
    assert_eq!(child.is_ok(), text.len() <= 251);
    assert!(child.is_ok_and(|child| child.is_within(name)) || text.len() > 251);
}

/// Names, an id, a key, servers, and what is none of them.
pub fn seeds() -> Vec<Vec<u8>> {
    let key = SecretKey::from_bytes([7; 32]).public().to_string();
    let long = ["a"; 127].join(".");
    let longest = "x".repeat(63);
    let texts = [
        "laptop",
        "camera.home.ntm.test",
        "Camera.Home.NTM.test.",
        "6f1f7c5e-6dfb-4c3f-9a53-0c9b7d0f0a11",
        &key,
        &long,
        &longest,
        "-a.b-",
        "203.0.113.53",
        "[2001:db8::53]:5353",
        "_http._tcp.ntm.test",
    ];
    texts.map(|text| text.as_bytes().to_vec()).to_vec()
}
