//! The coordinator's pages, for its operator: who is enrolled, who is there, who may come.
//!
//! The ground is the gateway's (guard, sessions, attempts, frame); the pages are these. Nobody sets the password here by
//! being first: the operator does, on the server, since strangers may reach this page. What it shows comes page by page
//! ([`Sight`]), never the whole table: a domain may have a hundred thousand nodes.

mod act;
mod answers;
mod gate;
mod pages;
mod routes;
#[cfg(test)]
mod tests;
mod words;

pub use act::{Act, Change};
pub use gate::Gate;
pub use routes::{Page, ROUTES};

use crate::answers::Done;
use crate::kind::{Asker, Kind, Text};
use crate::request::{Fields, Request, Response};
use crate::routes::Route;
use crate::server::{Daemon, Server};
use crate::words::Lang;
use crate::{Setup, Site, Step};
use answers::After;
use routes::What;
use serde_json::Value;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};
use words::Word;

/// The longest text that is searched for, in characters.
const LONGEST: usize = 253;

/// The coordinator's.
#[derive(Clone, Copy, Debug)]
pub enum Operator {}

/// What is asked of the coordinator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// What a page shows.
    Look(Sight),
    /// Change something; the result says what came of it.
    Change(Change),
    /// Make a copy of the store: `{"file", "name"}`, where it lies and what a browser shall call it.
    Backup,
    /// Keep the password's hash, in PHC's form.
    Keep(String),
}

/// What somebody looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    /// Which page.
    pub page: Page,
    /// What is searched for; empty: nothing.
    pub text: String,
    /// Of which one: an account's gateways, a gateway's devices, events of a kind, one gateway; empty: all.
    pub of: String,
    /// Which part of a long table.
    pub part: Part,
}

/// Which part of a long table: by the key of the row it borders on, which the table gave itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The first rows.
    First,
    /// Those after this one.
    After(String),
    /// Those before this one.
    Before(String),
}

impl Sight {
    fn of(page: Page, fields: &Fields) -> Self {
        let some = |name: &str| {
            let text: String = fields.get(name).trim().chars().take(LONGEST).collect();
            Some(text).filter(|text| !text.is_empty())
        };
        let part = match (some("after"), some("before")) {
            (Some(key), _) => Part::After(key),
            (None, Some(key)) => Part::Before(key),
            (None, None) => Part::First,
        };
        Self {
            page,
            text: some("q").unwrap_or_default(),
            of: some("of").unwrap_or_default(),
            part,
        }
    }

    /// The address of this very sight.
    fn address(&self) -> String {
        let mut fields = Vec::new();
        match &self.part {
            Part::First => {}
            Part::After(key) => fields.push(("after", key)),
            Part::Before(key) => fields.push(("before", key)),
        }
        if !self.text.is_empty() {
            fields.push(("q", &self.text));
        }
        if !self.of.is_empty() {
            fields.push(("of", &self.of));
        }
        address(self.page.path(), &fields)
    }
}

/// A path with a query (WHATWG URL, application/x-www-form-urlencoded).
fn address(path: &str, fields: &[(&str, &String)]) -> String {
    let mut out = path.to_owned();
    for (at, (name, value)) in fields.iter().enumerate() {
        out.push(if at == 0 { '?' } else { '&' });
        out.push_str(name);
        out.push('=');
        for byte in value.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                    out.push(char::from(byte));
                }
                _ => out.push_str(&format!("%{byte:02X}")),
            }
        }
    }
    out
}

/// Serves the pages on `listener`, from a thread of its own.
pub fn start(
    setup: Setup<Gate>,
    daemon: Arc<dyn Daemon<Operator>>,
    listener: TcpListener,
) -> std::io::Result<Server> {
    listener.set_nonblocking(true)?;
    Server::open(setup, daemon, listener)
}

impl Kind for Operator {
    type Place = Gate;
    type Own = ();
    type Ask = Ask;
    type After = After;
    type What = What;
    type Page = Sight;

    const ROUTES: &'static [Route<What>] = ROUTES;
    const FIRST: &'static str = "/login";
    const LOOK: Duration = Duration::from_secs(1);
    const FILES: bool = true;

    fn is_live(what: What) -> bool {
        what == What::Live
    }

    fn answer(
        site: &mut Site<Self>,
        what: What,
        request: &Request,
        asker: Asker,
        now: Instant,
    ) -> Step<Self> {
        match site.serve(what, request, asker, now) {
            Step::Answer(response) => Step::Answer(site.place.closed(response)),
            other @ (Step::Ask(..) | Step::Watch(_)) => other,
        }
    }

    fn done(site: &mut Site<Self>, done: Done<Self>, asker: &Asker, now: Instant) -> Response {
        let response = site.follow(done, asker, now);
        site.place.closed(response)
    }

    fn fragment(
        site: &mut Site<Self>,
        sight: &Sight,
        result: &Result<Value, String>,
        asker: &Asker,
        now: Instant,
    ) -> String {
        site.inside(sight, result, asker, now)
    }

    fn show(sight: &Sight) -> Ask {
        Ask::Look(sight.clone())
    }

    fn keep(phc: String) -> Ask {
        Ask::Keep(phc)
    }

    fn kept(phc: String, before: Option<String>) -> After {
        After::Kept { phc, before }
    }

    fn whole(here: Option<&'static str>, main: String, lang: Lang, token: &str) -> String {
        let page = Page::ALL.into_iter().find(|page| here == Some(page.path()));
        pages::whole(page, None, &main, lang, token)
    }

    fn say(text: Text, lang: Lang) -> &'static str {
        match text {
            Text::Login => Word::LoginText,
            Text::Forgotten => Word::Forgotten,
        }
        .say(lang)
    }
}
