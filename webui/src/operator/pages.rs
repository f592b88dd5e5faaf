//! What the operator sees: the frame, and which page it is.

mod accounts;
mod chart;
mod codes;
mod domains;
mod gateway;
mod overview;
mod picture;
mod relays;
mod store;
mod table;

pub(super) use codes::made;

use super::Sight;
use super::routes::Page;
use super::words::Word;
use crate::html::Html;
use crate::pages::{Frame, badge, form, hidden};
use crate::words::Lang;
use serde_json::Value;

/// What a page is made of.
pub(super) struct View<'a> {
    pub(super) lang: Lang,
    pub(super) sight: &'a Sight,
    /// The token of its forms.
    pub(super) token: &'a str,
    /// The result of what was last asked for.
    pub(super) said: Option<&'a str>,
}

impl View<'_> {
    fn say(&self, word: Word) -> &'static str {
        word.say(self.lang)
    }
}

/// What is inside `main`.
pub(super) fn main(value: &Value, view: &View<'_>) -> String {
    let mut html = Html::default();
    match view.sight.page {
        Page::Overview => overview::page(&mut html, value, view),
        Page::Gateways => table::gateways(&mut html, value, view),
        Page::Gateway => gateway::page(&mut html, value, view),
        Page::Devices => table::devices(&mut html, value, view),
        Page::Relays => relays::page(&mut html, value, view),
        Page::Codes => codes::page(&mut html, value, view),
        Page::Accounts => accounts::page(&mut html, value, view),
        Page::Domains => domains::page(&mut html, value, view),
        Page::Events => table::events(&mut html, value, view),
        Page::Backup => store::page(&mut html, value, view),
        // Its form is the ground's.
        Page::Password => {}
    }
    html.into_string()
}

/// What is inside `main` when there is no answer.
pub(super) fn unreachable(why: &str, lang: Lang) -> String {
    let mut html = Html::default();
    html.leaf("h1", &[], Word::NoAnswer.say(lang));
    html.el("p", &[("class", "lead")], |html| html.name(why));
    html.into_string()
}

/// The whole page. `sight`: what is looked at, where it changes by itself.
pub(super) fn whole(
    page: Option<Page>,
    sight: Option<&Sight>,
    main: &str,
    lang: Lang,
    token: &str,
) -> String {
    let menu: Vec<_> = Page::ALL
        .into_iter()
        .filter(|page| page.is_listed())
        .map(|page| (page.path(), title_of(page).say(lang)))
        .collect();
    let title = page.map_or(crate::words::Word::Login.say(lang), |page| {
        title_of(page).say(lang)
    });
    // One gateway stands below the table of them.
    let here = page.map(|page| match page == Page::Gateway {
        true => Page::Gateways.path(),
        false => page.path(),
    });
    let live = sight
        .filter(|sight| sight.page.is_live())
        .map(Sight::address);
    let frame = Frame {
        product: Word::Product.say(lang),
        title,
        menu: &menu,
        here,
        live: live.as_deref(),
        is_narrow: page.is_none_or(|page| page == Page::Password),
    };
    frame.around(main, lang, token)
}

fn title_of(page: Page) -> Word {
    match page {
        Page::Overview => Word::Overview,
        Page::Gateways => Word::Gateways,
        Page::Gateway => Word::Gateway,
        Page::Devices => Word::Devices,
        Page::Relays => Word::Relays,
        Page::Codes => Word::Codes,
        Page::Accounts => Word::Accounts,
        Page::Domains => Word::Domains,
        Page::Events => Word::Events,
        Page::Backup => Word::Backup,
        Page::Password => Word::Password,
    }
}

/// A page's heading, what it is about, and what was last said on it.
fn begin(html: &mut Html, title: Word, text: Option<&str>, view: &View<'_>) {
    html.leaf("h1", &[], view.say(title));
    if let Some(text) = text {
        html.leaf("p", &[("class", "lead")], text);
    }
    if let Some(said) = view.said {
        html.el("p", &[("class", "notice"), ("role", "status")], |html| {
            html.name(said);
        });
    }
}

/// A form in a card: its title, and fields of name, label and whether one must fill it in.
fn card_form(
    html: &mut Html,
    title: &str,
    action: &'static str,
    fields: &[(&'static str, &str, bool)],
    button: Word,
    view: &View<'_>,
) {
    html.el("section", &[("class", "card")], |html| {
        html.leaf("h2", &[], title);
        form(html, action, view.token, |html| {
            html.el("div", &[("class", "fields")], |html| {
                for (name, label, is_needed) in fields {
                    html.el("label", &[], |html| {
                        html.text(label);
                        field(html, name, *is_needed);
                    });
                }
                html.leaf("button", &[], view.say(button));
            });
        });
    });
}

fn field(html: &mut Html, name: &str, is_needed: bool) {
    let mut attrs = vec![
        ("name", name),
        ("autocomplete", "off"),
        ("autocapitalize", "none"),
        ("spellcheck", "false"),
    ];
    if is_needed {
        attrs.push(("required", ""));
    }
    html.open("input", &attrs);
}

/// A button that does something to `value`, under a label that says to whom.
fn button(
    html: &mut Html,
    action: &'static str,
    fields: &[(&'static str, &str)],
    word: Word,
    view: &View<'_>,
) {
    form(html, action, view.token, |html| {
        for (name, value) in fields {
            hidden(html, name, value);
        }
        let values: Vec<&str> = fields.iter().map(|(_, value)| *value).collect();
        let label = format!("{} {}", view.say(word), values.join(" "));
        let attrs = [("class", "second"), ("aria-label", label.as_str())];
        html.leaf("button", &attrs, view.say(word));
    });
}

/// A card to do what cannot be undone: its name is to be typed once more.
fn remove_card(
    html: &mut Html,
    (title, text, word): (Word, Word, Word),
    action: &'static str,
    (field_name, name): (&'static str, &str),
    view: &View<'_>,
) {
    let attrs = [("class", "card danger"), ("data-key", name)];
    html.el("section", &attrs, |html| {
        html.leaf("h2", &[], &title.with(view.lang, &[("name", name)]));
        html.leaf("p", &[("class", "hint")], view.say(text));
        form(html, action, view.token, |html| {
            hidden(html, field_name, name);
            html.el("div", &[("class", "fields")], |html| {
                html.el("label", &[], |html| {
                    html.text(&Word::Sure.with(view.lang, &[("name", name)]));
                    field(html, "sure", true);
                });
                html.leaf("button", &[("class", "risky")], view.say(word));
            });
        });
    });
}

fn online(html: &mut Html, is_online: bool, view: &View<'_>) {
    let (kind, word) = match is_online {
        true => ("good", Word::Online),
        false => ("idle", Word::Offline),
    };
    badge(html, kind, view.say(word));
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

fn rows(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn joined(value: &Value) -> String {
    rows(value).iter().map(text).collect::<Vec<_>>().join(", ")
}
