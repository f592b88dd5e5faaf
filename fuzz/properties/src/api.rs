//! What the Account Server and a node say to each other, and what a node keeps of it.

use data_encoding::BASE64;
use ntm_dc::joining::{Fault, Joining};
use ntm_enrolment::api::{ApiError, Domain, EnrolRequest, Membership};
use ntm_enrolment::state::Node;
use ntm_proto::enrol::possession_proof;
use ntm_proto::key::SecretKey;
use std::net::IpAddr;

/// The first byte says what the rest is: a request, an answer as JSON, or the file made of it.
pub fn check(input: &[u8]) {
    let Some((&what, rest)) = input.split_first() else {
        return;
    };
    match what % 4 {
        0 => request(rest),
        1 => {
            if let Ok(membership) = serde_json::from_slice::<Membership>(rest) {
                check_membership(&membership);
            }
        }
        2 => {
            let text = std::str::from_utf8(rest).ok();
            if let Some(membership) = text.and_then(|text| toml::from_str::<Membership>(text).ok())
            {
                check_membership(&membership);
            }
        }
        _ => {
            // The client prints an error's two texts and takes a domain's key.
            let _ = serde_json::from_slice::<ApiError>(rest);
            if let Ok(domain) = serde_json::from_slice::<Domain>(rest) {
                let again = serde_json::to_vec(&domain).expect("plain text");
                assert!(serde_json::from_slice::<Domain>(&again).is_ok());
            }
        }
    }
}

fn request(body: &[u8]) {
    let key = SecretKey::from_bytes([7; 32]);
    match Joining::read(body, &key) {
        Ok(joining) => {
            let shared = key.agree(&joining.key).expect("proven");
            let request: EnrolRequest = serde_json::from_slice(body).expect("read before");
            let proof = possession_proof(&shared, &joining.token);
            assert_eq!(request.proof, BASE64.encode(&proof));
        }
        Err(Fault::Form) => assert!(serde_json::from_slice::<EnrolRequest>(body).is_err()),
        Err(fault) => assert!(!fault.to_string().is_empty()),
    }
}

fn check_membership(membership: &Membership) {
    let text = toml::to_string(membership).expect("plain text");
    assert_eq!(
        toml::from_str::<Membership>(&text).as_ref(),
        Ok(membership),
        "the file keeps it"
    );
    match Node::new(SecretKey::from_bytes([1; 32]), membership) {
        Ok(node) => {
            assert!(node.name.is_within(&node.domain) && node.name != node.domain);
            assert!((1..=16).contains(&node.dc_addresses.len()));
            assert!(node.dc_addresses.iter().all(|address| address.port() != 0));
            assert!(
                node.vip4
                    .is_none_or(|vip| node.prefixes.contains(IpAddr::V4(vip)))
            );
            assert!(
                node.vip6
                    .is_none_or(|vip| node.prefixes.contains(IpAddr::V6(vip)))
            );
        }
        Err(error) => {
            const FIELDS: [&str; 9] = [
                "node",
                "name",
                "domain",
                "dc_key",
                "dc_addresses",
                "virtual4",
                "virtual6",
                "vip4",
                "vip6",
            ];
            let text = format!("{error:#}");
            let field = text.split(':').next().unwrap_or_default();
            assert!(FIELDS.contains(&field), "names no field: {text}");
        }
    }
}

/// A true request, one for each fault, an answer, its file, an error.
pub fn seeds() -> Vec<Vec<u8>> {
    let of = |what: u8, text: &[u8]| [&[what], text].concat();
    let (node, dc) = (
        SecretKey::from_bytes([8; 32]),
        SecretKey::from_bytes([7; 32]),
    );
    let shared = node.agree(&dc.public()).expect("good keys");
    let request = EnrolRequest {
        token: BASE64.encode(&[3; 16]),
        role: "gateway".into(),
        public_key: node.public().to_string(),
        proof: BASE64.encode(&possession_proof(&shared, &[3; 16])),
    };
    let membership = Membership {
        node: "6f1f7c5e-6dfb-4c3f-9a53-0c9b7d0f0a11".into(),
        name: "home.ntm.test".into(),
        domain: "ntm.test".into(),
        dc_key: dc.public().to_string(),
        dc_addresses: vec!["203.0.113.10:4750".into(), "[2001:db8::10]:4750".into()],
        virtual4: "198.18.0.0/15".into(),
        virtual6: "fd12:3456:789a::/48".into(),
        vip4: "198.18.0.1".into(),
        vip6: "fd12:3456:789a::1".into(),
    };
    let json = |value: &EnrolRequest| serde_json::to_vec(value).expect("plain text");
    let answer = serde_json::to_vec(&membership).expect("plain text");
    vec![
        of(0, &json(&request)),
        of(
            0,
            &json(&EnrolRequest {
                role: "relay".into(),
                ..request.clone()
            }),
        ),
        of(
            0,
            &json(&EnrolRequest {
                role: "king".into(),
                ..request.clone()
            }),
        ),
        of(
            0,
            &json(&EnrolRequest {
                token: "x".into(),
                ..request.clone()
            }),
        ),
        of(
            0,
            &json(&EnrolRequest {
                proof: BASE64.encode(&[0; 16]),
                ..request
            }),
        ),
        of(1, &answer),
        of(
            2,
            toml::to_string(&membership).expect("plain text").as_bytes(),
        ),
        of(
            3,
            br#"{"error":"used","message":"the code was used \u001b[31malready"}"#,
        ),
        of(3, br#"{"domain":"ntm.test","dc_key":"AAAA"}"#),
    ]
}
