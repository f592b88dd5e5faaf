//! Enrolment codes: as pasted text, and as the bytes inside it with a right check.

use ntm_proto::enrol::{CodeError, EnrolmentCode, Role};

/// The first byte says whether the rest is text, or bytes that are given a right check first.
pub fn check(input: &[u8]) {
    let Some((&what, rest)) = input.split_first() else {
        return;
    };
    if what & 1 == 0 {
        if let Ok(text) = std::str::from_utf8(rest) {
            read(text);
        }
    } else {
        let text = code(rest);
        let code = read(&text);
        if let Some(code) = code {
            assert_eq!(code.to_text(), text, "one form alone");
        }
    }
}

fn read(text: &str) -> Option<EnrolmentCode> {
    let code = EnrolmentCode::parse(text);
    let spaced: String = text.chars().flat_map(|c| [c, ' ']).collect();
    match (&code, EnrolmentCode::parse(&spaced)) {
        (Ok(code), Ok(again)) => assert!(*code == again),
        (Err(one), Err(other)) => assert_eq!(*one, other),
        _ => panic!("spaces make a difference"),
    }
    if code == Err(CodeError::NoCode) {
        assert!(!text.to_ascii_lowercase().starts_with("ntm1-"));
    }
    let code = code.ok()?;
    assert!(code.port != 0 && !code.hosts.is_empty());
    let fits = |host: &String| {
        !host.is_empty()
            && host
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-.:".contains(c))
    };
    assert!(code.hosts.iter().all(fits));
    let again = EnrolmentCode::parse(&code.to_text());
    assert!(again.is_ok_and(|again| again == code));
    Some(code)
}

/// `bytes` as a code, with the check that its maker would have computed.
fn code(bytes: &[u8]) -> String {
    // The check is not public: a code made of the same bytes has it.
    let (base, head) = (51, bytes.get(..51));
    let Some(head) = head else {
        return String::from("ntm1-");
    };
    let hosts = String::from_utf8_lossy(bytes.get(base..).unwrap_or_default());
    let array = |from: usize, to: usize| head[from..to].to_vec();
    EnrolmentCode {
        role: if head[0] & 1 == 0 {
            Role::Gateway
        } else {
            Role::Relay
        },
        token: array(1, 17).try_into().expect("16 bytes"),
        fingerprint: array(17, 49).try_into().expect("32 bytes"),
        port: u16::from_be_bytes([head[49], head[50]]),
        hosts: hosts.split(',').map(str::to_owned).collect(),
    }
    .to_text()
}

/// Codes of both roles, as text and as bytes.
pub fn seeds() -> Vec<Vec<u8>> {
    let code = |role, hosts: &[&str]| EnrolmentCode {
        role,
        token: [3; 16],
        fingerprint: [9; 32],
        port: 4751,
        hosts: hosts.iter().map(|&host| host.to_owned()).collect(),
    };
    let gateway = code(Role::Gateway, &["203.0.113.10", "2001:db8::10"]).to_text();
    let relay = code(Role::Relay, &["dc.example.net"])
        .to_text()
        .to_lowercase();
    let bytes = |hosts: &str| [&[1, 0][..], &[3; 48], &[18, 143], hosts.as_bytes()].concat();
    vec![
        [b"\0", gateway.as_bytes()].concat(),
        [b"\0", relay.as_bytes()].concat(),
        [b"\0  ", &gateway.as_bytes()[..40], b"\n "].concat(),
        bytes("203.0.113.10,dc.example.net"),
        bytes(""),
        bytes("a,,b"),
    ]
}
