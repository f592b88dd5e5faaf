//! Relay binding messages: read as written, and authentic with their key alone.

use ntm_proto::bind::{BIND_LEN, Binding, LegKey, is_authentic};
use ntm_proto::id::PathId;
use ntm_proto::wire::Kind;

const KEY: LegKey = LegKey([4; 32]);

/// Reading and writing agree; nothing a stranger can guess is authentic.
pub fn check(input: &[u8]) {
    let by_chance = is_authentic(input, &LegKey([5; 32]));
    assert!(!by_chance, "made without the key");
    let Ok(binding) = Binding::decode(input) else {
        return;
    };
    assert!(input.len() >= BIND_LEN);
    let datagram = binding.encode(&KEY);
    assert_eq!(datagram.len(), BIND_LEN);
    assert_eq!(Binding::decode(&datagram), Ok(binding));
    assert!(is_authentic(&datagram, &KEY) && !is_authentic(&datagram, &LegKey([5; 32])));
    assert_eq!(datagram[8..32], input[8..32], "nonce and challenge");
    let mut forged = datagram;
    let at = usize::from(input[8]) % BIND_LEN;
    forged[at] ^= input[9] | 1;
    assert!(!is_authentic(&forged, &KEY));
}

/// One of each kind.
pub fn seeds() -> Vec<Vec<u8>> {
    let bound = |observed: &str| Some(observed.parse().expect("an address"));
    [
        (Kind::RelayBind, None),
        (Kind::RelayChallenge, None),
        (Kind::RelayConfirm, None),
        (Kind::RelayBound, bound("203.0.113.1:4750")),
        (Kind::RelayBound, bound("[2001:db8::9]:4750")),
    ]
    .into_iter()
    .map(|(kind, observed)| {
        let binding = Binding {
            kind,
            path: PathId(77),
            nonce: [1; 8],
            challenge: [2; 16],
            observed,
        };
        binding.encode(&KEY)
    })
    .collect()
}
