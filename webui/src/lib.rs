//! The web pages: what the gateway shows and asks on its LAN, and the coordinator its operator ([`operator`]).
//!
//! [`Site`] is a machine like the others: no socket, no clock, no randomness of its own. It takes a [`Request`] and
//! gives a [`Step`]: an answer, or a question for the daemon ([`Ask`]) whose result leads to the answer. [`server`] is
//! its shell: a thread of its own with HTTP, so that no slow page and no password's hash keeps a packet waiting.
//! [`Kind`] is what makes a site the gateway's or the coordinator's; who is let in, and how, is the same in both.
//!
//! ```text
//! guard     who is let in            routes    every address and what is there
//! session   who is logged in         attempts  how often a password may be tried
//! snapshot  what the daemon said     pages     what it looks like        words   in which language
//! ```

#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        reason = "tests need some time to start from"
    )
)]

mod answers;
mod api;
mod assets;
mod attempts;
mod change;
mod guard;
mod html;
mod kind;
mod logins;
mod meter;
pub mod operator;
mod pages;
pub mod password;
pub mod prompt;
mod request;
mod routes;
mod secret;
pub mod server;
mod session;
mod settings;
mod snapshot;
#[cfg(test)]
mod tests;
mod words;

pub use change::DeviceChange;
pub use guard::{Door, Place};
pub use kind::{Gateway, Kind};
pub use pages::used_of;
pub use request::{MAX_BODY, Method, Request, Response};
pub use routes::{Guard, Part, ROUTES, Route};

use answers::Done;
use attempts::Attempts;
use kind::Asker;
use password::Cost;
use routes::Found;
use secret::{Key, Secret, hex, is_same};
use serde_json::Value;
use session::Sessions;
use std::time::Instant;
use words::Lang;

const SESSION: &str = "ntm_session";
/// The mark of a browser that has been logged in before.
const KNOWN: &str = "ntm_known";
const LANGUAGE: &str = "ntm_language";
/// How long a browser keeps what is no secret of a session.
const YEAR_S: u64 = 365 * 86_400;
/// Forms of somebody who is not logged in are good for one to two of these.
const FORM_S: u64 = 3600;

/// What the page needs to know from the start.
#[derive(Clone, Debug)]
pub struct Setup<P = Place> {
    /// Where it is served.
    pub place: P,
    /// 256 bits of the kernel's randomness.
    pub seed: [u8; 32],
    /// What the password's hash costs.
    pub cost: Cost,
}

/// What is asked of the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Everything there is to see: an object with the members `status`, `devices`, `tunnels`, `wans`, `handovers`.
    Show,
    /// One of these alone, or who may begin something with whom.
    Part(Part),
    /// Put this WAN first; `None`: none.
    Prefer(Option<String>),
    /// How far is it to the device of this name?
    Ping(String),
    /// The owner knows why the gateway of this name has another key.
    Accept(String),
    /// Keep the password's hash, in PHC's form.
    Keep(String),
    /// The configuration, key by key, and the text it was read from by its `fingerprint`.
    Settings,
    /// Read it once more; the policies in force then.
    Reload,
    /// Change it: the answer says what was done, or has `refused` or `stale`, and the `settings` as they are.
    Change(Value),
    /// The configuration's file: `name` and `text`.
    Export,
    /// The last lines of the log.
    Log,
    /// Everything somebody who helps may want to see, without secrets.
    Diagnose,
    /// Start anew.
    Restart,
    /// Join a domain: the first run. The answer has `done`, or what there was to choose from and `failed` or `refused`.
    Begin(Value),
    /// Change what the owner wants of a device.
    Device(DeviceChange),
}

/// What a request leads to.
#[derive(Debug)]
pub enum Step<K: Kind = Gateway> {
    /// This.
    Answer(Response),
    /// A question; its result goes to [`Site::handle_result`].
    Ask(K::Ask, Pending<K>),
    /// A stream of what changes; [`Site::handle_look`] makes each part.
    Watch(Watch<K>),
}

/// Somebody who waits for the result of a question.
#[derive(Debug)]
pub struct Pending<K: Kind = Gateway> {
    after: K::After,
    lang: Lang,
    session: Option<Key>,
}

/// Somebody who looks on.
#[derive(Debug)]
pub struct Watch<K: Kind = Gateway> {
    page: K::Page,
    lang: Lang,
    session: Key,
}

/// The machine.
pub struct Site<K: Kind = Gateway> {
    place: K::Place,
    cost: Cost,
    secret: Secret,
    started: Instant,
    /// The password's hash; `None`: nobody has set one yet.
    password: Option<String>,
    sessions: Sessions,
    attempts: Attempts,
    /// What this kind of site keeps beside.
    own: K::Own,
}

impl<K: Kind> Site<K> {
    /// A page with this password; of one without, [`Kind::FIRST`] says who sets it.
    pub fn new(setup: Setup<K::Place>, password: Option<String>, now: Instant) -> Self {
        Self {
            place: setup.place,
            cost: setup.cost,
            secret: Secret::new(setup.seed),
            started: now,
            password,
            sessions: Sessions::default(),
            attempts: Attempts::new(),
            own: K::Own::default(),
        }
    }

    /// The password's file has changed: who is logged in by another one no longer is.
    pub fn password_changed(&mut self, password: Option<String>) {
        if self.password != password {
            self.password = password;
            self.sessions.close_all();
        }
    }

    /// The gateway has a name, or another one.
    pub fn named(&mut self, name: Option<String>) {
        self.place.named(name);
    }

    /// Answers, or says what to ask first.
    pub fn handle_request(&mut self, request: &Request, now: Instant) -> Step<K> {
        match self.admit(request, now) {
            Ok((what, asker)) => K::answer(self, what, request, asker, now),
            Err(response) => Step::Answer(response),
        }
    }

    /// Goes on with the daemon's answer, or its word why there is none.
    pub fn handle_result(
        &mut self,
        pending: Pending<K>,
        result: Result<Value, String>,
        now: Instant,
    ) -> Response {
        let Pending {
            after,
            lang,
            session,
        } = pending;
        let asker = Asker {
            lang,
            session,
            token: self.session_token(session, now),
        };
        K::done(self, Done { after, result }, &asker, now)
    }

    /// The page anew, for who looks on; `None`: their session is over.
    pub fn handle_look(
        &mut self,
        watch: &Watch<K>,
        result: &Result<Value, String>,
        now: Instant,
    ) -> Option<String> {
        self.sessions.get(&watch.session, now)?;
        let asker = Asker {
            lang: watch.lang,
            session: Some(watch.session),
            token: self.session_token(Some(watch.session), now),
        };
        Some(K::fragment(self, &watch.page, result, &asker, now))
    }

    /// See [`guard`].
    fn admit(&mut self, request: &Request, now: Instant) -> Result<(K::What, Asker), Response> {
        if !self.place.may_come(request) {
            return Err(Response::text(403, "This page is for the LAN only."));
        }
        if !self.place.is_host(request) {
            return Err(Response::text(421, "This is not the server of that name."));
        }
        let route = match routes::find(K::ROUTES, request.method, &request.path) {
            Found::Route(route) => route,
            Found::OtherMethod => return Err(Response::text(405, "Not by this method.")),
            Found::Nothing => return Err(Response::text(404, "There is nothing here.")),
        };
        if self.place.is_foreign(request) {
            return Err(Response::text(403, "Another site may not ask this."));
        }
        let cookie = request.cookie(SESSION);
        let session = cookie.and_then(|cookie| self.sessions.find(cookie, now));
        if route.guard == Guard::Owner && session.is_none() {
            return Err(self.nobody(route));
        }
        if let Some(session) = session
            && !K::is_live(route.what)
        {
            self.sessions.used(&session, now);
        }
        let token = match session {
            Some(_) => self.session_token(session, now),
            None => self.form_token(request, now, 0),
        };
        let asker = Asker {
            lang: Lang::of(request),
            session,
            token,
        };
        if route.method != Method::Get && !self.has_token(request, &asker, now) {
            return Err(Response::text(
                403,
                "This form is too old, or not ours. Go back, load the page again, and try once more.",
            ));
        }
        Ok((route.what, asker))
    }

    fn nobody(&self, route: &Route<K::What>) -> Response {
        if route.path.starts_with("/api/") || K::is_live(route.what) {
            return Response::json(401, &serde_json::json!({"error": "log in first"}));
        }
        Response::see(if self.password.is_some() {
            "/login"
        } else {
            K::FIRST
        })
    }

    fn has_token(&self, request: &Request, asker: &Asker, now: Instant) -> bool {
        let field;
        let given = match &request.token {
            Some(token) => token,
            None if request.is_form() => {
                field = request::Fields::parse(&request.body);
                field.get("token")
            }
            None => return false,
        };
        is_same(given, &asker.token)
            || (asker.session.is_none() && is_same(given, &self.form_token(request, now, 1)))
    }

    /// For who has no session: good for this address, and now or `back` slots ago.
    fn form_token(&self, request: &Request, now: Instant, back: u64) -> String {
        let slot = now.saturating_duration_since(self.started).as_secs() / FORM_S;
        let slot = slot.wrapping_sub(back);
        let bound = format!("{slot} {}", request.peer.ip());
        hex(&self.secret.seal("form", bound.as_bytes()))
    }

    fn session_token(&mut self, session: Option<Key>, now: Instant) -> String {
        let session = session.and_then(|key| self.sessions.get(&key, now));
        session
            .map(|session| session.token.clone())
            .unwrap_or_default()
    }
}
