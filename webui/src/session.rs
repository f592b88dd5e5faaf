//! Who is logged in. A browser keeps a random token; we keep its digest, so that a look into memory or a log gives nothing
//! to log in with.

use crate::secret::{Key, Secret, digest, hex};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A session nobody uses ends after this. A page that stays open and is shown new values is no use.
pub(crate) const IDLE: Duration = Duration::from_secs(30 * 60);
/// Every session ends after this.
pub(crate) const LONGEST: Duration = Duration::from_secs(12 * 3600);
/// The most sessions. The one that has been idle for the longest makes room.
const MOST: usize = 16;

/// One login.
#[derive(Debug)]
pub(crate) struct Session {
    began: Instant,
    used: Instant,
    /// What each of its changes must bring along.
    pub(crate) token: String,
    /// The result of what was last asked for, and on which page.
    pub(crate) said: Option<(&'static str, String)>,
}

impl Session {
    /// What is said on the page at `path`.
    pub(crate) fn said_on(&self, path: &str) -> Option<&str> {
        let said = self.said.as_ref().filter(|(on, _)| *on == path);
        said.map(|(_, text)| text.as_str())
    }

    /// The same, once.
    pub(crate) fn take_said(&mut self, path: &str) -> Option<String> {
        let said = self.said.take_if(|(on, _)| *on == path);
        said.map(|(_, text)| text)
    }
}

/// All sessions, by the digest of their secret.
#[derive(Default)]
pub(crate) struct Sessions(BTreeMap<Key, Session>);

impl Sessions {
    /// A new session: what its browser keeps.
    pub(crate) fn open(&mut self, secret: &mut Secret, now: Instant) -> String {
        self.expire(now);
        if self.0.len() >= MOST {
            let idle = self.0.iter().min_by_key(|(_, session)| session.used);
            if let Some(key) = idle.map(|(key, _)| *key) {
                self.0.remove(&key);
            }
        }
        let cookie = hex(&secret.draw());
        let session = Session {
            began: now,
            used: now,
            token: hex(&secret.draw()),
            said: None,
        };
        self.0.insert(digest(&cookie), session);
        cookie
    }

    /// Whose cookie this is, if it is still good.
    pub(crate) fn find(&mut self, cookie: &str, now: Instant) -> Option<Key> {
        self.expire(now);
        let key = digest(cookie);
        self.0.contains_key(&key).then_some(key)
    }

    /// Its owner has done something.
    pub(crate) fn used(&mut self, key: &Key, now: Instant) {
        if let Some(session) = self.0.get_mut(key) {
            session.used = now;
        }
    }

    /// The session, as long as it is good.
    pub(crate) fn get(&mut self, key: &Key, now: Instant) -> Option<&mut Session> {
        self.expire(now);
        self.0.get_mut(key)
    }

    /// Ends one.
    pub(crate) fn close(&mut self, key: &Key) {
        self.0.remove(key);
    }

    /// Ends all.
    pub(crate) fn close_all(&mut self) {
        self.0.clear();
    }

    fn expire(&mut self, now: Instant) {
        self.0.retain(|_, session| {
            now.saturating_duration_since(session.used) < IDLE
                && now.saturating_duration_since(session.began) < LONGEST
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> Secret {
        Secret::new([1; 32])
    }

    #[test]
    fn a_session_ends_when_it_is_idle_and_after_half_a_day() {
        let (mut sessions, mut secret, start) = (Sessions::default(), secret(), Instant::now());
        let cookie = sessions.open(&mut secret, start);
        assert_eq!(cookie.len(), 64, "256 bits");
        let key = sessions.find(&cookie, start).unwrap();
        let mut now = start;
        while now + IDLE < start + LONGEST {
            now += IDLE - Duration::from_secs(1);
            assert!(sessions.find(&cookie, now).is_some());
            sessions.used(&key, now);
        }
        assert!(sessions.find(&cookie, start + LONGEST).is_none());
        let cookie = sessions.open(&mut secret, start);
        assert!(sessions.find(&cookie, start + IDLE).is_none());
    }

    #[test]
    fn looking_on_does_not_keep_a_session() {
        let (mut sessions, mut secret, start) = (Sessions::default(), secret(), Instant::now());
        let cookie = sessions.open(&mut secret, start);
        let key = sessions.find(&cookie, start).unwrap();
        for minute in 1..30 {
            let now = start + Duration::from_secs(60 * minute);
            assert!(sessions.get(&key, now).is_some(), "{minute}");
        }
        assert!(sessions.get(&key, start + IDLE).is_none());
    }

    #[test]
    fn many_logins_take_the_place_of_the_idlest() {
        let (mut sessions, mut secret, start) = (Sessions::default(), secret(), Instant::now());
        let first = sessions.open(&mut secret, start);
        let later = start + Duration::from_secs(1);
        let rest: Vec<_> = (0..MOST)
            .map(|_| sessions.open(&mut secret, later))
            .collect();
        assert!(sessions.find(&first, later).is_none());
        assert!(
            rest.iter()
                .all(|cookie| sessions.find(cookie, later).is_some())
        );
    }

    #[test]
    fn a_guess_is_no_session() {
        let (mut sessions, mut secret, now) = (Sessions::default(), secret(), Instant::now());
        let cookie = sessions.open(&mut secret, now);
        for guess in ["", "0", &cookie[1..], &cookie.to_uppercase()] {
            assert!(sessions.find(guess, now).is_none(), "{guess:?}");
        }
        sessions.close_all();
        assert!(sessions.find(&cookie, now).is_none());
    }
}
