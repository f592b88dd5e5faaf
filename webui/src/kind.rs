//! What makes a site one daemon's: its addresses, its questions, its pages. Who is let in, and how, is [`Site`]'s.

use crate::answers::{After, Done};
use crate::guard::Door;
use crate::meter::Meter;
use crate::pages;
use crate::request::{Request, Response};
use crate::routes::{Page, ROUTES, Route, What};
use crate::secret::Key;
use crate::words::{Lang, Word};
use crate::{Ask, Place, Site, Step};
use serde_json::Value;
use std::fmt::Debug;
use std::time::{Duration, Instant};

/// One daemon's own part of a site.
pub trait Kind: Sized + Debug + Send + 'static {
    /// Where it is served.
    type Place: Door + Send;
    /// What it keeps between requests, beside sessions.
    type Own: Default + Send;
    /// What is asked of the daemon.
    type Ask: Debug + Send;
    /// What is done with the result.
    type After: Debug + Send;
    /// What is at an address.
    type What: Copy + Debug + Send;
    /// What somebody may look on at.
    type Page: Clone + Debug + Send + Sync;

    /// Its addresses. There are no others.
    const ROUTES: &'static [Route<Self::What>];
    /// Where somebody goes while there is no password.
    const FIRST: &'static str;
    /// How often a page that somebody looks on at is made anew.
    const LOOK: Duration;
    /// Whether it sends files ([`Response::from`]).
    const FILES: bool = false;

    /// Whether this is the stream of changes, which keeps no session alive.
    fn is_live(what: Self::What) -> bool;
    /// Answers somebody who has been let in, or says what to ask first.
    fn answer(
        site: &mut Site<Self>,
        what: Self::What,
        request: &Request,
        asker: Asker,
        now: Instant,
    ) -> Step<Self>;
    /// Goes on with the daemon's answer.
    fn done(site: &mut Site<Self>, done: Done<Self>, asker: &Asker, now: Instant) -> Response;
    /// What is inside `main` on a page.
    fn fragment(
        site: &mut Site<Self>,
        page: &Self::Page,
        result: &Result<Value, String>,
        asker: &Asker,
        now: Instant,
    ) -> String;
    /// What to ask for such a page.
    fn show(page: &Self::Page) -> Self::Ask;
    /// Asks to keep a password's hash.
    fn keep(phc: String) -> Self::Ask;
    /// What follows then; `before`: what it was.
    fn kept(phc: String, before: Option<String>) -> Self::After;
    /// A whole page with its frame. `here`: which of the menu; `None`: nobody is logged in.
    fn whole(here: Option<&'static str>, main: String, lang: Lang, token: &str) -> String;
    /// What only this daemon's own pages say.
    fn say(text: Text, lang: Lang) -> &'static str;
}

/// What is said differently in each kind of site.
#[derive(Clone, Copy, Debug)]
pub enum Text {
    /// Above the form where one logs in.
    Login,
    /// What to do about a forgotten password.
    Forgotten,
}

/// What is known of who asks.
pub struct Asker {
    pub(crate) lang: Lang,
    pub(crate) session: Option<Key>,
    /// The token of their forms.
    pub(crate) token: String,
}

/// The gateway's.
#[derive(Clone, Copy, Debug)]
pub enum Gateway {}

impl Kind for Gateway {
    type Place = Place;
    type Own = Meter;
    type Ask = Ask;
    type After = After;
    type What = What;
    type Page = Page;

    const ROUTES: &'static [Route<What>] = ROUTES;
    const FIRST: &'static str = "/welcome";
    /// A move shall be on the page within a second.
    const LOOK: Duration = Duration::from_millis(500);

    fn is_live(what: What) -> bool {
        what == What::Live
    }

    fn answer(site: &mut Site, what: What, request: &Request, asker: Asker, now: Instant) -> Step {
        site.answer(what, request, asker, now)
    }

    fn done(site: &mut Site, done: Done, asker: &Asker, now: Instant) -> Response {
        site.done(done, asker, now)
    }

    fn fragment(
        site: &mut Site,
        page: &Page,
        result: &Result<Value, String>,
        asker: &Asker,
        now: Instant,
    ) -> String {
        site.fragment(*page, result, asker, now)
    }

    fn show(_: &Page) -> Ask {
        Ask::Show
    }

    fn keep(phc: String) -> Ask {
        Ask::Keep(phc)
    }

    fn kept(phc: String, before: Option<String>) -> After {
        After::Kept { phc, before }
    }

    fn whole(here: Option<&'static str>, main: String, lang: Lang, token: &str) -> String {
        let page = Page::ALL.into_iter().find(|page| here == Some(page.path()));
        pages::whole(page, main, lang, token)
    }

    fn say(text: Text, lang: Lang) -> &'static str {
        match text {
            Text::Login => Word::LoginText,
            Text::Forgotten => Word::Forgotten,
        }
        .say(lang)
    }
}
