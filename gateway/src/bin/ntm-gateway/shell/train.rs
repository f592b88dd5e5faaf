//! Sealed datagrams that leave together: those of one wake-up, by one way, all of one length but the last.
//!
//! None waits for more to come: what has been read when nothing more is there leaves at once.

use ntm_proto::Path;
use udp_trains::LONGEST;

/// The datagrams, one after the other.
#[derive(Default)]
pub(super) struct Train {
    /// The machine appends to it, then [`Train::couple`] is called.
    pub(super) bytes: Vec<u8>,
    /// The way, the length of each datagram, and where what is coupled ends.
    coupled: Option<(Path, usize, usize)>,
}

/// What has to leave before the newest can be coupled: so many bytes from the front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leaving {
    pub(super) path: Path,
    pub(super) each: usize,
    pub(super) length: usize,
}

impl Train {
    pub(super) fn new() -> Self {
        Self {
            bytes: Vec::with_capacity(2 * LONGEST),
            coupled: None,
        }
    }

    /// The newest datagrams, each so long but the last, go by `path`. What does not go with them leaves first: send it,
    /// then call [`Train::left`].
    pub(super) fn couple(&mut self, path: Path, each: usize) -> Option<Leaving> {
        let length = self.bytes.len();
        let leaving = match self.coupled {
            Some((way, size, end)) => {
                let is_first_short = length - end < size && each == length - end;
                let fits = way == path && end % size == 0 && (each == size || is_first_short);
                if fits && length <= LONGEST {
                    self.coupled = Some((way, size, length));
                    return None;
                }
                Some(Leaving {
                    path: way,
                    each: size,
                    length: end,
                })
            }
            None => None,
        };
        let end = length - leaving.map_or(0, |leaving| leaving.length);
        self.coupled = Some((path, each.max(1), end));
        leaving
    }

    /// All there is, to be sent; then call [`Train::left`].
    pub(super) fn all(&mut self) -> Option<Leaving> {
        let (path, each, length) = self.coupled.take()?;
        Some(Leaving { path, each, length })
    }

    /// So many bytes from the front have been sent.
    pub(super) fn left(&mut self, leaving: Leaving) {
        self.bytes.drain(..leaving.length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(port: u16) -> Path {
        Path {
            local: ([10, 0, 0, 1], 4750).into(),
            remote: ([10, 0, 0, 2], port).into(),
        }
    }

    /// Trains of (port, length of each, bytes), made of datagrams of (port, length).
    fn trains(datagrams: &[(u16, usize)]) -> Vec<(u16, usize, usize)> {
        let (mut train, mut sent) = (Train::new(), Vec::new());
        let mut send = |train: &mut Train, leaving: Option<Leaving>| {
            if let Some(it) = leaving {
                sent.push((it.path.remote.port(), it.each, it.length));
                train.left(it);
            }
        };
        for (port, length) in datagrams {
            train.bytes.resize(train.bytes.len() + length, 0);
            let leaving = train.couple(path(*port), *length);
            send(&mut train, leaving);
        }
        let leaving = train.all();
        send(&mut train, leaving);
        assert!(train.bytes.is_empty() && train.all().is_none());
        sent
    }

    #[test]
    fn what_fits_goes_together() {
        assert_eq!(trains(&[]), []);
        assert_eq!(trains(&[(1, 100); 5]), [(1, 100, 500)]);
        assert_eq!(trains(&[(1, 100), (1, 100), (1, 40)]), [(1, 100, 240)]);
    }

    #[test]
    fn a_short_one_ends_a_train_and_a_longer_one_begins_another() {
        let sent = trains(&[(1, 100), (1, 40), (1, 40), (1, 100), (1, 100)]);
        assert_eq!(sent, [(1, 100, 140), (1, 40, 40), (1, 100, 200)]);
    }

    #[test]
    fn another_way_is_another_train() {
        let sent = trains(&[(1, 100), (2, 100), (2, 100), (1, 100)]);
        assert_eq!(sent, [(1, 100, 100), (2, 100, 200), (1, 100, 100)]);
    }

    #[test]
    fn no_train_is_too_long() {
        let sent = trains(&[(1, 1000); 200]);
        assert!(sent.iter().all(|it| it.2 <= LONGEST), "{sent:?}");
        assert_eq!(sent.iter().map(|it| it.2).sum::<usize>(), 200_000);
    }

    #[test]
    fn many_at_once_are_coupled_like_one() {
        let mut train = Train::new();
        train.bytes.resize(3 * 100 + 20, 0);
        assert_eq!(train.couple(path(1), 100), None);
        train.bytes.resize(train.bytes.len() + 100, 0);
        let leaving = train.couple(path(1), 100).expect("its last was short");
        assert_eq!((leaving.each, leaving.length), (100, 320));
        train.left(leaving);
        assert_eq!(train.all().expect("one more").length, 100);
    }
}
