//! Why a datagram got no answer, and how often each reason came up.

/// Why a datagram got no answer. None of them is fatal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reject {
    /// Shorter than the fixed fields.
    TooShort,
    /// Longer than an Ethernet frame carries.
    TooLong,
    /// Not from a client.
    NotRequest,
    /// The hardware address is no Ethernet one.
    NotEthernet,
    /// The hardware address is zero or a group's.
    BadHardwareAddress,
    /// No magic cookie: not DHCP.
    BadCookie,
    /// Came through a relay agent; we serve one link.
    Relayed,
    /// No message type: BOOTP.
    NoType,
    /// A message type that no client sends to a server, or that we do not serve.
    UnexpectedType,
    /// An address it needs is missing, malformed or not on this LAN.
    BadAddress,
    /// For another server.
    OtherServer,
    /// Gives back an address the client does not have.
    NotYours,
    /// All addresses, or all places in the table, are taken.
    NoAddress,
    /// Too many addresses are being probed, or too many new devices came; the client will ask again.
    Busy,
    /// Gave back the address of a device that still answers there.
    StillThere,
}

impl Reject {
    /// All of them.
    const ALL: [Self; 15] = [
        Self::TooShort,
        Self::TooLong,
        Self::NotRequest,
        Self::NotEthernet,
        Self::BadHardwareAddress,
        Self::BadCookie,
        Self::Relayed,
        Self::NoType,
        Self::UnexpectedType,
        Self::BadAddress,
        Self::OtherServer,
        Self::NotYours,
        Self::NoAddress,
        Self::Busy,
        Self::StillThere,
    ];
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
        assert_eq!(
            counts
                .iter()
                .filter(|&(_, count)| count > 0)
                .collect::<Vec<_>>(),
            [(Reject::Busy, 1)]
        );
    }
}
