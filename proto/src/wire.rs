//! Datagram kinds and the two cursors every codec here is written with.

use crate::id::PathId;

/// Bytes before the sealed part of Data and Control.
pub const HEADER_LEN: usize = 16;
/// Bytes of an authentication tag.
pub const TAG_LEN: usize = 16;
/// The version byte of handshakes and relay binding.
pub const VERSION: u8 = 1;

/// What a datagram is: its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// First handshake message.
    HandshakeInit,
    /// Second handshake message.
    HandshakeResponse,
    /// "Come again with this cookie": the answer to a handshake under load.
    CookieReply,
    /// A sealed [`crate::message::Message`].
    Control,
    /// A sealed inner IP packet.
    Data,
    /// "I know no such path."
    Notice,
    /// A relay binding message, see [`crate::bind`].
    RelayBind,
    /// The relay's challenge.
    RelayChallenge,
    /// The end's answer to the challenge.
    RelayConfirm,
    /// The relay's word that the end is bound.
    RelayBound,
}

impl Kind {
    /// The byte on the wire.
    pub fn byte(self) -> u8 {
        match self {
            Self::HandshakeInit => 1,
            Self::HandshakeResponse => 2,
            Self::CookieReply => 3,
            Self::Control => 4,
            Self::Data => 5,
            Self::Notice => 6,
            Self::RelayBind => 16,
            Self::RelayChallenge => 17,
            Self::RelayConfirm => 18,
            Self::RelayBound => 19,
        }
    }

    /// Whether a relay carries it from end to end.
    pub fn is_forwarded(self) -> bool {
        matches!(
            self,
            Self::HandshakeInit
                | Self::HandshakeResponse
                | Self::CookieReply
                | Self::Control
                | Self::Data
        )
    }

    fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::HandshakeInit,
            2 => Self::HandshakeResponse,
            3 => Self::CookieReply,
            4 => Self::Control,
            5 => Self::Data,
            6 => Self::Notice,
            16 => Self::RelayBind,
            17 => Self::RelayChallenge,
            18 => Self::RelayConfirm,
            19 => Self::RelayBound,
            _ => return None,
        })
    }
}

/// Bytes were not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum DecodeError {
    /// It ended early.
    #[error("truncated")]
    Truncated,
    /// A type, message or field value of a later version, or nonsense.
    #[error("unknown value")]
    Unknown,
    /// A field broke its own rules (a name that is none, a count over its limit).
    #[error("invalid field")]
    Invalid,
}

/// The eight bytes all datagrams open with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Byte 0.
    pub kind: Kind,
    /// Byte 1: key generation or version.
    pub generation: u8,
    /// Bytes 4 to 8.
    pub receiver: PathId,
}

impl Opening {
    /// Reads the opening of a datagram.
    pub fn decode(datagram: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(datagram);
        let kind = Kind::from_byte(reader.u8()?).ok_or(DecodeError::Unknown)?;
        let generation = reader.u8()?;
        reader.u16()?;
        Ok(Self {
            kind,
            generation,
            receiver: PathId(reader.u32()?),
        })
    }

    /// Its eight bytes.
    pub fn encode(self) -> [u8; 8] {
        let path = self.receiver.0.to_be_bytes();
        [
            self.kind.byte(),
            self.generation,
            0,
            0,
            path[0],
            path[1],
            path[2],
            path[3],
        ]
    }
}

/// The datagram that says "I know no path with this id".
pub fn notice(path: PathId) -> [u8; 8] {
    Opening {
        kind: Kind::Notice,
        generation: VERSION,
        receiver: path,
    }
    .encode()
}

/// Reads fields from the front of a slice; never panics, never reads past the end.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Starts at the front of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (head, tail) = self
            .0
            .split_at_checked(count)
            .ok_or(DecodeError::Truncated)?;
        self.0 = tail;
        Ok(head)
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (head, tail) = self.0.split_first_chunk().ok_or(DecodeError::Truncated)?;
        self.0 = tail;
        Ok(*head)
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array().map(u8::from_be_bytes)
    }

    /// Two bytes.
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    /// Four bytes.
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    /// Eight bytes.
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_be_bytes)
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is left.
    pub fn rest(self) -> &'a [u8] {
        self.0
    }
}

/// Appends fields to a buffer.
#[derive(Debug)]
pub struct Writer<'a>(&'a mut Vec<u8>);

impl<'a> Writer<'a> {
    /// Appends to `buffer`.
    pub fn new(buffer: &'a mut Vec<u8>) -> Self {
        Self(buffer)
    }

    /// Raw bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    /// Two bytes.
    pub fn u16(&mut self, value: u16) {
        self.bytes(&value.to_be_bytes());
    }

    /// Four bytes.
    pub fn u32(&mut self, value: u32) {
        self.bytes(&value.to_be_bytes());
    }

    /// Eight bytes.
    pub fn u64(&mut self, value: u64) {
        self.bytes(&value.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opening_survives_the_wire() {
        let opening = Opening {
            kind: Kind::Data,
            generation: 9,
            receiver: PathId(0xdead_beef),
        };
        assert_eq!(Opening::decode(&opening.encode()), Ok(opening));
        assert_eq!(
            Opening::decode(&opening.encode()[..7]),
            Err(DecodeError::Truncated)
        );
        assert_eq!(
            Opening::decode(&[99, 0, 0, 0, 0, 0, 0, 0]),
            Err(DecodeError::Unknown)
        );
    }

    #[test]
    fn reader_stops_at_the_end() {
        let mut reader = Reader::new(&[1, 2, 3]);
        assert_eq!(reader.u16(), Ok(0x0102));
        assert_eq!(reader.u16(), Err(DecodeError::Truncated));
        assert_eq!(reader.rest(), &[3]);
    }
}
