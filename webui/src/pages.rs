//! What a person sees: the frame around each page, and which page it is.

mod device;
mod devices;
mod entries;
mod first;
mod forms;
mod frame;
mod home;
mod log;
mod moves;
mod peers;
mod picture;
mod settings;
#[cfg(test)]
mod tests;
mod wans;

pub(crate) use device::page as device;
pub(crate) use first::asked as first_asked;
pub(crate) use forms::{login, password, welcome};
pub(crate) use frame::Frame;
pub(crate) use log::Filter;
pub(crate) use moves::csv as moves_csv;
pub(crate) use peers::pinged;
#[cfg(test)]
pub(crate) use tests::check_markup;

use crate::html::Html;
use crate::meter::Meter;
use crate::routes::Page;
use crate::settings::Shown;
use crate::snapshot::Snapshot;
use crate::words::{Lang, Word};
use serde_json::Value;
use std::time::Duration;

/// What a page is made of.
pub(crate) struct View<'a> {
    pub(crate) lang: Lang,
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) meter: &'a Meter,
    /// The token of its forms.
    pub(crate) token: &'a str,
    /// The result of what was last asked for.
    pub(crate) said: Option<&'a str>,
}

impl View<'_> {
    fn say(&self, word: Word) -> &'static str {
        word.say(self.lang)
    }
}

/// What a form says above its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// This is wrong.
    Wrong(Word),
    /// Too many tries; so long to wait.
    Wait(Duration),
}

/// What is inside `main`.
pub(crate) fn main(page: Page, view: &View<'_>) -> String {
    let mut html = Html::default();
    match page {
        Page::Home => home::page(&mut html, view),
        Page::Devices => devices::page(&mut html, view),
        Page::Peers => peers::page(&mut html, view),
        Page::Moves => moves::page(&mut html, view),
        Page::Wans => wans::page(&mut html, view),
        // They have nothing that changes by itself.
        Page::Settings | Page::Log | Page::Password => {}
    }
    html.into_string()
}

/// What is inside `main` on the page of settings.
pub(crate) fn settings(view: &View<'_>, shown: &Shown) -> String {
    let mut html = Html::default();
    settings::page(&mut html, view, shown);
    html.into_string()
}

/// What is inside `main` on the page of the log.
pub(crate) fn log(
    lang: Lang,
    token: &str,
    meter: &Meter,
    lines: &[String],
    filter: &Filter,
) -> String {
    let view = View {
        lang,
        snapshot: &Snapshot::default(),
        meter,
        token,
        said: None,
    };
    let mut html = Html::default();
    log::page(&mut html, &view, lines, filter);
    html.into_string()
}

/// What is inside `main` before there is a gateway.
pub(crate) fn first(view: &View<'_>, shown: &Value, entered: Option<&Value>) -> String {
    let mut html = Html::default();
    first::page(&mut html, view, shown, entered);
    html.into_string()
}

/// What is inside `main` while the daemon says nothing.
pub(crate) fn unreachable(lang: Lang) -> String {
    let mut html = Html::default();
    html.leaf("h1", &[], Word::NoAnswer.say(lang));
    html.leaf("p", &[], Word::NoAnswerHelp.say(lang));
    html.into_string()
}

/// The whole page. `page`: which of the menu; `None`: there is no menu yet.
pub(crate) fn whole(page: Option<Page>, main: String, lang: Lang, token: &str) -> String {
    let is_narrow = page.is_none_or(|page| page == Page::Password);
    framed(
        page,
        page.filter(|page| page.is_live()),
        is_narrow,
        &main,
        lang,
        token,
    )
}

/// The same, of what is below a page of the menu: it has forms, and does not change by itself.
fn below(page: Page, main: &str, lang: Lang, token: &str) -> String {
    framed(Some(page), None, true, main, lang, token)
}

fn framed(
    page: Option<Page>,
    live: Option<Page>,
    is_narrow: bool,
    main: &str,
    lang: Lang,
    token: &str,
) -> String {
    let in_menu = Page::ALL.into_iter().filter(|page| page.is_in_menu());
    let menu: Vec<_> = in_menu
        .map(|page| (page.path(), title_of(page).say(lang)))
        .collect();
    let frame = Frame {
        product: Word::Product.say(lang),
        title: page.map_or(Word::Login, title_of).say(lang),
        menu: &menu,
        here: page.map(Page::path),
        live: live.map(Page::path),
        is_narrow,
    };
    frame.around(main, lang, token)
}

fn title_of(page: Page) -> Word {
    match page {
        Page::Home => Word::Home,
        Page::Devices => Word::Devices,
        Page::Peers => Word::Peers,
        Page::Moves => Word::Moves,
        Page::Wans => Word::Wans,
        Page::Settings => Word::Settings,
        Page::Log => Word::Log,
        Page::Password => Word::Password,
    }
}

/// A form that changes something.
pub(crate) fn form(
    html: &mut Html,
    action: &'static str,
    token: &str,
    inside: impl FnOnce(&mut Html),
) {
    html.open("form", &[("method", "post"), ("action", action)]);
    hidden(html, "token", token);
    inside(html);
    html.close("form");
}

pub(crate) fn hidden(html: &mut Html, name: &str, value: &str) {
    html.open(
        "input",
        &[("type", "hidden"), ("name", name), ("value", value)],
    );
}

/// A small coloured word: `good`, `bad`, `idle`, or no colour.
pub(crate) fn badge(html: &mut Html, kind: &str, text: &str) {
    // Else what stands before it would be read as one word with it.
    html.text(" ");
    html.leaf("span", &[("class", &format!("badge {kind}"))], text);
}

/// A term and its description, unless there is nothing to describe.
pub(crate) fn fact(html: &mut Html, term: &str, text: &str) {
    if text.is_empty() {
        return;
    }
    html.open("div", &[]);
    html.leaf("dt", &[], term);
    html.el("dd", &[], |html| html.name(text));
    html.close("div");
}

/// Milliseconds, as exact as matters.
pub(crate) fn ms(value: f64) -> String {
    match value {
        v if v >= 10_000.0 => format!("{:.1} s", v / 1e3),
        v if v >= 100.0 => format!("{v:.0} ms"),
        v => format!("{v:.1} ms"),
    }
}

/// A length of time in one unit.
pub(crate) fn span(seconds: u64, lang: Lang) -> String {
    let (word, n) = match seconds {
        0..=119 => (Word::Seconds, seconds),
        120..=7199 => (Word::Minutes, seconds / 60),
        7200..=172_799 => (Word::Hours, seconds / 3600),
        _ => (Word::Days, seconds / 86_400),
    };
    word.with(lang, &[("n", &n.to_string())])
}

/// Bytes, in units of 1000.
pub(crate) fn bytes(count: u64) -> String {
    scaled(count as f64, ["B", "kB", "MB", "GB", "TB"])
}

/// Bytes, and the megabytes that they are of, in the unit that is fit for the latter: `3.1` and `10 GB`. What is not all of
/// it does not look like all.
pub fn used_of(bytes: u64, limit_mb: u32) -> [String; 2] {
    let (mb, unit) = match limit_mb {
        0..1000 => (1_u32, "MB"),
        1000..1_000_000 => (1000, "GB"),
        _ => (1_000_000, "TB"),
    };
    let tenths = bytes / (u64::from(mb) * 100_000);
    let used = format!("{}.{}", tenths / 10, tenths % 10);
    let digits = mb.ilog10() as usize;
    let exact = format!("{}.{:0digits$}", limit_mb / mb, limit_mb % mb);
    let limit = exact.trim_end_matches('0').trim_end_matches('.');
    [used, format!("{limit} {unit}")]
}

/// Bits per second.
pub(crate) fn rate(bits: f64) -> String {
    scaled(bits, ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"])
}

fn scaled(mut value: f64, units: [&str; 5]) -> String {
    let mut at = 0;
    while value >= 999.5 && at + 1 < units.len() {
        value /= 1e3;
        at += 1;
    }
    let digits = usize::from(at > 0 && value < 99.95);
    format!("{value:.digits$} {}", units[at])
}

/// The first label of a full name.
pub(crate) fn label(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}
