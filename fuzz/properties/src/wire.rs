//! Openings and the reading cursor: what is read is what is there, and never past the end.

use ntm_proto::id::PathId;
use ntm_proto::wire::{DecodeError, HEADER_LEN, Kind, Opening, Reader, notice};

const KINDS: [Kind; 10] = [
    Kind::HandshakeInit,
    Kind::HandshakeResponse,
    Kind::CookieReply,
    Kind::Control,
    Kind::Data,
    Kind::Notice,
    Kind::RelayBind,
    Kind::RelayChallenge,
    Kind::RelayConfirm,
    Kind::RelayBound,
];

/// An opening reads as it was written; a cursor, driven by the input's own bytes, agrees with a slice.
pub fn check(input: &[u8]) {
    let known = input
        .first()
        .and_then(|byte| KINDS.iter().find(|kind| kind.byte() == *byte));
    match Opening::decode(input) {
        Ok(opening) => {
            assert_eq!(Some(&opening.kind), known);
            let bytes = opening.encode();
            assert_eq!(Opening::decode(&bytes), Ok(opening));
            assert!(bytes[..2] == input[..2] && bytes[4..] == input[4..8]);
            assert!(input.len() >= 8 && HEADER_LEN >= 8);
        }
        Err(DecodeError::Truncated) => assert!(input.len() < 8),
        Err(DecodeError::Unknown) => assert!(known.is_none()),
        Err(DecodeError::Invalid) => panic!("an opening has no such field"),
    }
    let about = PathId(
        input
            .iter()
            .fold(0, |sum, byte| sum << 8 | u32::from(*byte)),
    );
    let opening = Opening::decode(&notice(about)).expect("ours");
    assert_eq!((opening.kind, opening.receiver), (Kind::Notice, about));
    walk(input);
}

fn walk(input: &[u8]) {
    let (mut reader, mut at) = (Reader::new(input), 0);
    for byte in input {
        let (wanted, read) = match byte % 6 {
            0 => (1, reader.u8().map(u64::from)),
            1 => (2, reader.u16().map(u64::from)),
            2 => (4, reader.u32().map(u64::from)),
            3 => (8, reader.u64()),
            4 => (6, reader.array::<6>().map(|bytes| number(&bytes))),
            _ => {
                let count = usize::from(byte / 6);
                (count, reader.take(count).map(number))
            }
        };
        match (input.get(at..at + wanted), read) {
            (Some(bytes), Ok(value)) => {
                assert_eq!(number(bytes), value);
                at += wanted;
            }
            (None, Err(error)) => assert_eq!(error, DecodeError::Truncated),
            (there, read) => panic!("{there:?} was read as {read:?}"),
        }
        assert_eq!(reader.rest(), &input[at..]);
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// An opening of each kind, and one of none.
pub fn seeds() -> Vec<Vec<u8>> {
    let opening = |kind| Opening {
        kind,
        generation: 1,
        receiver: PathId(0x0102_0304),
    };
    let mut seeds: Vec<_> = KINDS.map(|kind| opening(kind).encode().to_vec()).to_vec();
    seeds.push((0..64).collect());
    seeds
}
