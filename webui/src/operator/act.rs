//! What an operator may change, from a form or as JSON: the commands of `ntm-dc`, by the same words.

use super::routes::Page;
use super::words::Word;

/// What can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Make an account.
    AddAccount,
    /// Remove one that owns nothing.
    RemoveAccount,
    /// Put an account, or a name of another domain, into a group.
    Join,
    /// Take one out.
    Leave,
    /// Make an enrolment code: for a gateway of an account, or without one for a relay.
    MakeCode,
    /// Make the unused codes for a name worthless.
    RevokeCode,
    /// Forget a gateway with its devices, or a relay.
    RemoveNode,
    /// Trust another domain's key.
    Trust,
    /// Trust it no more.
    Forget,
}

/// Something to change: what, and the values of [`Act::fields`] in their order, as they were typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What.
    pub act: Act,
    /// With what; empty where nothing was typed.
    pub values: Vec<String>,
}

impl Act {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::AddAccount,
        Self::RemoveAccount,
        Self::Join,
        Self::Leave,
        Self::MakeCode,
        Self::RevokeCode,
        Self::RemoveNode,
        Self::Trust,
        Self::Forget,
    ];

    /// The fields of its form, and the members of its JSON.
    pub fn fields(self) -> &'static [&'static str] {
        match self {
            Self::AddAccount | Self::RemoveAccount | Self::RevokeCode | Self::RemoveNode => {
                &["name"]
            }
            Self::Join | Self::Leave => &["group", "member"],
            Self::MakeCode => &["name", "account", "valid"],
            Self::Trust => &["domain", "key", "address"],
            Self::Forget => &["domain"],
        }
    }

    /// How many of them must not be empty.
    pub(super) fn needed(self) -> usize {
        match self {
            Self::MakeCode => 1,
            Self::Trust => 2,
            Self::AddAccount
            | Self::RemoveAccount
            | Self::Join
            | Self::Leave
            | Self::RevokeCode
            | Self::RemoveNode
            | Self::Forget => self.fields().len(),
        }
    }

    /// Whether the name has to be typed twice: it cannot be undone.
    pub(super) fn is_final(self) -> bool {
        matches!(self, Self::RemoveNode | Self::Forget | Self::RemoveAccount)
    }

    /// The page with its form.
    pub(super) fn page(self) -> Page {
        match self {
            Self::AddAccount | Self::RemoveAccount | Self::Join | Self::Leave => Page::Accounts,
            Self::MakeCode | Self::RevokeCode => Page::Codes,
            Self::RemoveNode => Page::Gateways,
            Self::Trust | Self::Forget => Page::Domains,
        }
    }

    /// What to say when it is done; `{name}` is its first value.
    pub(super) fn done(self) -> Word {
        match self {
            Self::AddAccount => Word::DoneAddAccount,
            Self::RemoveAccount => Word::DoneRemoveAccount,
            Self::Join => Word::DoneJoin,
            Self::Leave => Word::DoneLeave,
            Self::MakeCode => Word::DoneMakeCode,
            Self::RevokeCode => Word::DoneRevokeCode,
            Self::RemoveNode => Word::DoneRemoveNode,
            Self::Trust => Word::DoneTrust,
            Self::Forget => Word::DoneForget,
        }
    }

    /// The change that these fields ask for, or the field that is missing.
    pub(super) fn change(
        self,
        get: impl Fn(&'static str) -> String,
    ) -> Result<Change, &'static str> {
        let values: Vec<String> = self
            .fields()
            .iter()
            .map(|name| get(name).trim().to_owned())
            .collect();
        let missing = values.iter().take(self.needed()).position(String::is_empty);
        match missing {
            Some(at) => Err(self.fields()[at]),
            None => Ok(Change { act: self, values }),
        }
    }
}
