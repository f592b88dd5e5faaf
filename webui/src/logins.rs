//! The password, and what a login is worth: the same for every kind of site.

use crate::kind::{Asker, Kind};
use crate::pages::{self, Notice};
use crate::password::{self, Unfit};
use crate::request::{Fields, Request, Response};
use crate::session::LONGEST;
use crate::words::Word;
use crate::{KNOWN, Pending, SESSION, Site, Step, YEAR_S, api};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

impl<K: Kind> Site<K> {
    /// Goes on with a new password, once it is kept.
    pub(crate) fn kept(
        &mut self,
        phc: String,
        before: Option<String>,
        result: Result<Value, String>,
        now: Instant,
    ) -> Response {
        match result {
            Ok(_) => {
                // Who looked at the file before it was written may have told of the old one meanwhile.
                self.password = Some(phc);
                self.sessions.close_all();
                self.logged_in(now)
            }
            Err(error) => {
                self.password = before;
                tracing::warn!("the password cannot be kept: {error}");
                Response::text(500, "The password cannot be kept: is the flash full?")
            }
        }
    }

    pub(crate) fn welcome(&self, asker: &Asker) -> Response {
        if self.password.is_some() {
            return Response::see("/");
        }
        pages::welcome::<K>(200, None, asker.lang, &asker.token)
    }

    pub(crate) fn set_first(&mut self, fields: &Fields, asker: &Asker) -> Step<K> {
        if self.password.is_some() {
            return Step::Answer(Response::see("/login"));
        }
        match self.new_password(fields) {
            Ok(phc) => self.keep(phc, asker),
            Err(word) => Step::Answer(pages::welcome::<K>(
                422,
                Some(&Notice::wrong(word)),
                asker.lang,
                &asker.token,
            )),
        }
    }

    pub(crate) fn change(
        &mut self,
        fields: &Fields,
        request: &Request,
        asker: &Asker,
        now: Instant,
    ) -> Step<K> {
        // Somebody else may sit at a browser that was left logged in.
        if let Err(notice) = self.try_password(fields.get("password"), request, now) {
            return Step::Answer(password_page::<K>(notice.status(), Some(&notice), asker));
        }
        match self.new_password(fields) {
            Ok(phc) => self.keep(phc, asker),
            Err(word) => Step::Answer(password_page::<K>(422, Some(&Notice::wrong(word)), asker)),
        }
    }

    /// The hash of the password in a form that asks for it twice.
    fn new_password(&mut self, fields: &Fields) -> Result<String, Word> {
        let new = fields.get("new");
        if new != fields.get("again") {
            return Err(Word::NotTheSame);
        }
        let drawn = self.secret.draw();
        let mut salt = [0; 16];
        salt.copy_from_slice(&drawn[..16]);
        password::hash(new, salt, self.cost).map_err(|unfit| match unfit {
            Unfit::Short => Word::TooShort,
            Unfit::Long => Word::TooLong,
        })
    }

    /// It counts from now on: two who set the first one at once cannot both have done so.
    fn keep(&mut self, phc: String, asker: &Asker) -> Step<K> {
        let before = self.password.replace(phc.clone());
        Step::Ask(
            K::keep(phc.clone()),
            Pending {
                after: K::kept(phc, before),
                lang: asker.lang,
                session: asker.session,
            },
        )
    }

    pub(crate) fn login(&self, asker: &Asker) -> Response {
        match (asker.session, &self.password) {
            (Some(_), _) => Response::see("/"),
            (None, None) if K::FIRST != "/login" => Response::see(K::FIRST),
            (None, _) => pages::login::<K>(200, None, asker.lang, &asker.token),
        }
    }

    pub(crate) fn log_in(
        &mut self,
        password: &str,
        request: &Request,
        asker: &Asker,
        now: Instant,
    ) -> Response {
        match self.try_password(password, request, now) {
            Ok(mark) => self.logged_in(now).with_cookie(KNOWN, &mark, YEAR_S),
            Err(notice) => {
                pages::login::<K>(notice.status(), Some(&notice), asker.lang, &asker.token)
            }
        }
    }

    pub(crate) fn api_log_in(
        &mut self,
        password: &str,
        request: &Request,
        now: Instant,
    ) -> Response {
        match self.try_password(password, request, now) {
            Ok(mark) => {
                let cookie = self.sessions.open(&mut self.secret, now);
                let session = self.sessions.find(&cookie, now);
                let token = self.session_token(session, now);
                Response::json(
                    200,
                    &json!({"owner": true, "password": true, "token": token}),
                )
                .with_cookie(SESSION, &cookie, LONGEST.as_secs())
                .with_cookie(KNOWN, &mark, YEAR_S)
            }
            Err(Notice::Wait(left)) => api::wait(left),
            Err(Notice::Wrong(_)) => {
                Response::json(403, &json!({"error": "the password is wrong"}))
            }
        }
    }

    /// The mark by which this browser is known again, or why not.
    fn try_password(
        &mut self,
        password: &str,
        request: &Request,
        now: Instant,
    ) -> Result<String, Notice> {
        let who = self
            .attempts
            .who(request.peer.ip().to_canonical(), request.cookie(KNOWN));
        self.attempts.take(who, now).map_err(Notice::Wait)?;
        let phc = self.password.as_deref().unwrap_or_default();
        if password::verify(password, phc) {
            return Ok(self.attempts.succeeded(who, &mut self.secret));
        }
        tracing::info!("a wrong password for the page, from {}", request.peer.ip());
        Err(Notice::wrong(Word::WrongPassword))
    }

    fn logged_in(&mut self, now: Instant) -> Response {
        let cookie = self.sessions.open(&mut self.secret, now);
        Response::see("/").with_cookie(SESSION, &cookie, LONGEST.as_secs())
    }

    pub(crate) fn log_out(&mut self, asker: &Asker) -> Response {
        if let Some(session) = &asker.session {
            self.sessions.close(session);
        }
        Response::see("/login").with_cookie(SESSION, "", 0)
    }
}

pub(crate) fn password_page<K: Kind>(
    status: u16,
    notice: Option<&Notice>,
    asker: &Asker,
) -> Response {
    pages::password::<K>(status, notice, asker.lang, &asker.token)
}

impl Notice {
    fn wrong(word: Word) -> Self {
        Self::Wrong(word)
    }

    fn status(&self) -> u16 {
        match self {
            Self::Wrong(Word::WrongPassword) => 403,
            Self::Wrong(_) => 422,
            Self::Wait(_) => 429,
        }
    }
}

/// Whole seconds, at least one.
pub(crate) fn seconds(left: Duration) -> u64 {
    left.as_secs() + u64::from(left.subsec_nanos() > 0)
}
