//! Why a datagram had no effect, and how often each reason came up.

use ntm_proto::handshake::HandshakeError;
use ntm_proto::link::LinkReject;
use ntm_proto::session::SessionError;
use ntm_proto::wire::DecodeError;

/// Why a datagram had no effect. None of them is fatal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum Reject {
    /// Ended early.
    #[error("truncated")]
    Truncated,
    /// A type or message of a later version, or nonsense.
    #[error("unknown type or message")]
    Unknown,
    /// A field broke its own rules, or a handshake message its layout.
    #[error("malformed")]
    Malformed,
    /// A type that no client sends to a DC.
    #[error("not for a DC")]
    Unexpected,
    /// It came from the address it was sent to.
    #[error("from our own address")]
    Loop,
    /// A handshake whose mac1 is wrong: silence.
    #[error("not addressed to us")]
    NotAddressed,
    /// It does not open with the keys it should: silence.
    #[error("not authentic")]
    Forged,
    /// A handshake of a key that is not enrolled here: silence.
    #[error("unknown key")]
    UnknownKey,
    /// Under load: the sender got a cookie and comes again.
    #[error("cookie asked for")]
    CookieWanted,
    /// A rate or a table is at its bound; the sender will try again.
    #[error("busy")]
    Busy,
    /// For a session we do not have.
    #[error("unknown session")]
    UnknownSession,
    /// Its counter was seen, or is too old.
    #[error("replayed")]
    Replayed,
    /// A message that a node of this role does not send.
    #[error("message of another role")]
    WrongRole,
    /// The sender has to register first.
    #[error("not registered")]
    NotRegistered,
    /// A machine that uses a key which another one used before, and still does.
    #[error("cloned key")]
    Cloned,
    /// It is about a direction, tunnel or device that is not the sender's, or not there any more.
    #[error("not the sender's")]
    NotYours,
    /// Another domain's coordinator speaks of what is not its own.
    #[error("not of that domain")]
    NotTheirs,
    /// The store did not keep what had to be kept first.
    #[error("not saved")]
    NotSaved,
    /// A later word of the same sender came before it.
    #[error("overtaken")]
    Overtaken,
}

impl Reject {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::Truncated,
        Self::Unknown,
        Self::Malformed,
        Self::Unexpected,
        Self::Loop,
        Self::NotAddressed,
        Self::Forged,
        Self::UnknownKey,
        Self::CookieWanted,
        Self::Busy,
        Self::UnknownSession,
        Self::Replayed,
        Self::WrongRole,
        Self::NotRegistered,
        Self::Cloned,
        Self::NotYours,
        Self::NotTheirs,
        Self::NotSaved,
        Self::Overtaken,
    ];
}

impl From<DecodeError> for Reject {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::Truncated => Self::Truncated,
            DecodeError::Unknown => Self::Unknown,
            DecodeError::Invalid => Self::Malformed,
        }
    }
}

impl From<HandshakeError> for Reject {
    fn from(error: HandshakeError) -> Self {
        match error {
            HandshakeError::Malformed => Self::Malformed,
            HandshakeError::NotAddressed => Self::NotAddressed,
            HandshakeError::Forged => Self::Forged,
        }
    }
}

impl From<LinkReject> for Reject {
    fn from(reject: LinkReject) -> Self {
        match reject {
            LinkReject::Decode(error) => error.into(),
            LinkReject::UnknownSession => Self::UnknownSession,
            LinkReject::Session(error) => error.into(),
            LinkReject::Handshake(error) => error.into(),
        }
    }
}

impl From<SessionError> for Reject {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Truncated => Self::Truncated,
            SessionError::Replayed => Self::Replayed,
            SessionError::Forged => Self::Forged,
            SessionError::Expired => Self::UnknownSession,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counts([u64; Reject::ALL.len()]);

impl Counts {
    pub(crate) fn add(&mut self, reject: Reject) {
        if let Some(count) = self.0.get_mut(reject as usize) {
            *count += 1;
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Reject, u64)> {
        Reject::ALL.into_iter().zip(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_own_count() {
        for (index, reject) in Reject::ALL.into_iter().enumerate() {
            assert_eq!(reject as usize, index);
        }
        let mut counts = Counts::default();
        counts.add(Reject::Busy);
        let counted: Vec<_> = counts.iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counted, [(Reject::Busy, 1)]);
    }
}
