//! Which key each gateway had when it was met, so that another one is noticed, also after a restart.
//!
//! Keys come from the coordinator, and a gateway that was installed anew has a new one: it is used at once, or the owner's
//! devices would be cut off until somebody has looked. But it is said, until the owner says that it is known: whoever got hold of
//! a coordinator could put himself in between like this, and by nothing else.

use crate::{Event, Gateway, Output};
use ntm_proto::id::Fqdn;
use ntm_proto::key::PublicKey;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Most gateways that are remembered.
const MOST: usize = 256;

/// The keys by the names of the gateways.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownKeys {
    by_name: BTreeMap<Fqdn, Known>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    key: PublicKey,
    /// The one before, for as long as the owner has not said that he knows of the change.
    before: Option<PublicKey>,
}

impl KnownKeys {
    /// What an earlier run wrote; what is no line of ours is left out.
    pub fn read(text: &str) -> Self {
        let lines = text.lines().take(MOST).filter_map(read_line);
        Self {
            by_name: lines.collect(),
        }
    }

    /// To be read at the next start: a line for each, the name, the key, and the key before if it has changed.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (name, Known { key, before }) in &self.by_name {
            let _ = write!(text, "{name} {key}");
            if let Some(before) = before {
                let _ = write!(text, " {before}");
            }
            text.push('\n');
        }
        text
    }

    /// The gateway of this name has this key. Whether that is another one than before.
    pub(crate) fn met(&mut self, name: &Fqdn, key: PublicKey) -> bool {
        if let Some(known) = self.by_name.get_mut(name) {
            if known.key == key {
                return false;
            }
            // The one that the owner knows stays the one to compare with; and if it is back, all is well.
            let before = known.before.unwrap_or(known.key);
            known.before = Some(before).filter(|before| *before != key);
            known.key = key;
            return known.before.is_some();
        }
        // Nobody is forgotten for somebody new: whoever makes up many names would have us forget the one he is after.
        if self.by_name.len() >= MOST {
            return false;
        }
        let known = Known { key, before: None };
        self.by_name.insert(name.clone(), known);
        false
    }

    /// The key that the owner knows, if the gateway of this name has another one now.
    pub(crate) fn before(&self, name: &Fqdn) -> Option<PublicKey> {
        self.by_name.get(name)?.before
    }

    /// The owner knows of the change; whether there was one.
    pub(crate) fn accept(&mut self, name: &Fqdn) -> bool {
        let known = self.by_name.get_mut(name);
        known.and_then(|known| known.before.take()).is_some()
    }
}

impl Gateway {
    /// These were met in an earlier run.
    pub fn remember_keys(&mut self, keys: KnownKeys) {
        self.known_keys = keys;
    }

    /// All that were met. Who remembers them over a restart tells [`Self::remember_keys`].
    pub fn known_keys(&self) -> &KnownKeys {
        &self.known_keys
    }

    /// The owner knows why the gateway of this name has another key now; whether it has.
    pub fn accept_key(&mut self, peer: &Fqdn) -> bool {
        self.known_keys.accept(peer)
    }

    /// The coordinator says that the gateway of this name has this key.
    pub(crate) fn note_key(&mut self, peer: &Fqdn, key: PublicKey) {
        if self.known_keys.met(peer, key) {
            let peer = peer.clone();
            let event = Event::KeyChanged { peer, key };
            self.output.push_back(Output::Event(event));
        }
    }
}

fn read_line(line: &str) -> Option<(Fqdn, Known)> {
    let mut words = line.split(' ');
    let name = Fqdn::parse(words.next()?).ok()?;
    let key = PublicKey::parse(words.next()?).ok()?;
    let before = words.next().map(PublicKey::parse).transpose().ok()?;
    words
        .next()
        .is_none()
        .then_some((name, Known { key, before }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Fqdn {
        Fqdn::parse(text).unwrap()
    }

    const OLD: PublicKey = PublicKey([1; 32]);
    const NEW: PublicKey = PublicKey([2; 32]);

    #[test]
    fn another_key_is_said_until_the_owner_knows_or_the_old_one_is_back() {
        let (mut keys, home) = (KnownKeys::default(), name("home.ntm.test"));
        assert!(!keys.met(&home, OLD) && !keys.met(&home, OLD));
        assert_eq!(keys.before(&home), None);
        assert!(keys.met(&home, NEW));
        assert!(!keys.met(&home, NEW), "said once");
        assert!(keys.met(&home, PublicKey([3; 32])), "and of each");
        assert_eq!(keys.before(&home), Some(OLD));
        keys = KnownKeys::read(&keys.text());
        assert_eq!(keys.before(&home), Some(OLD), "also after a restart");
        assert!(!keys.met(&home, OLD));
        assert_eq!(keys.before(&home), None);
        assert!(keys.met(&home, NEW) && keys.accept(&home) && !keys.accept(&home));
        assert!(!keys.met(&home, NEW));
        assert_eq!(
            (keys.before(&home), KnownKeys::read(&keys.text())),
            (None, keys)
        );
    }

    #[test]
    fn many_new_names_do_not_make_us_forget_one_that_we_know() {
        let (mut keys, known) = (KnownKeys::default(), name("z.ntm.test"));
        keys.met(&known, OLD);
        for number in 0..MOST * 2 {
            assert!(!keys.met(&name(&format!("g{number}.ntm.test")), OLD));
        }
        assert_eq!(keys.by_name.len(), MOST);
        assert!(keys.met(&known, NEW));
        assert_eq!(KnownKeys::read(&keys.text()), keys);
    }

    #[test]
    fn what_is_no_line_of_ours_is_left_out() {
        let good = format!("home.ntm.test {OLD}\n");
        for bad in [
            "",
            "\n",
            "home.ntm.test",
            "home.ntm.test x",
            "\0 \0",
            "<b> 1 2 3",
            &format!("home.ntm.test {OLD} x"),
            &format!("home.ntm.test {OLD} {NEW} {NEW}"),
            &format!("-home.ntm.test {OLD}"),
        ] {
            assert_eq!(KnownKeys::read(bad), KnownKeys::default(), "{bad}");
            let mixed = KnownKeys::read(&format!("{bad}\n{good}"));
            assert_eq!(mixed.text(), good);
        }
        assert!(KnownKeys::read(&good.repeat(100_000)).by_name.len() == 1);
    }
}
