//! The frame around every page: what product it is, the menu, the languages.

use super::{form, hidden};
use crate::html::{Attr, Html};
use crate::words::{Lang, Word};

/// What stands around a page.
pub(crate) struct Frame<'a> {
    /// What the whole is called.
    pub(crate) product: &'a str,
    /// What the page is called.
    pub(crate) title: &'a str,
    /// Paths and names of all pages.
    pub(crate) menu: &'a [(&'static str, &'static str)],
    /// Where we are; `None`: nobody is logged in, and there is no menu.
    pub(crate) here: Option<&'static str>,
    /// The address under which changes are told, of a page that has some.
    pub(crate) live: Option<&'a str>,
    /// Whether it is but a form.
    pub(crate) is_narrow: bool,
}

impl Frame<'_> {
    /// The whole page.
    pub(crate) fn around(&self, main: &str, lang: Lang, token: &str) -> String {
        let mut html = Html::default();
        html.raw("<!doctype html>\n");
        html.open("html", &[("lang", lang.code())]);
        html.raw(concat!(
            "<head><meta charset=\"utf-8\">",
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">",
            "<meta name=\"color-scheme\" content=\"light dark\">",
            "<link rel=\"icon\" href=\"/icon.svg\"><link rel=\"stylesheet\" href=\"/style.css\">",
            "<script src=\"/live.js\" defer></script>"
        ));
        html.el("title", &[], |html| {
            html.text(self.title);
            html.text(" · ");
            html.text(self.product);
        });
        html.raw("</head><body>");
        html.leaf(
            "a",
            &[("class", "skip"), ("href", "#main")],
            Word::Skip.say(lang),
        );
        self.header(&mut html, lang, token);
        let lost = [
            ("id", "lost"),
            ("class", "banner"),
            // A `status` that appears together with its text is not always told.
            ("role", "alert"),
            ("hidden", ""),
        ];
        html.leaf("p", &lost, Word::Lost.say(lang));
        let mut attrs: Vec<Attr<'_>> = vec![("id", "main"), ("tabindex", "-1")];
        attrs.extend(self.live.map(|path| ("data-live", path)));
        if self.is_narrow {
            attrs.push(("class", "narrow"));
        }
        html.open("main", &attrs);
        let mut out = html.into_string();
        out.push_str(main);
        out.push_str("</main></body></html>\n");
        out
    }

    fn header(&self, html: &mut Html, lang: Lang, token: &str) {
        html.open("header", &[]);
        html.el("a", &[("class", "brand"), ("href", "/")], |html| {
            html.raw(LOGO);
            html.leaf("span", &[], self.product);
        });
        if let Some(here) = self.here {
            html.el("nav", &[("aria-label", Word::Menu.say(lang))], |html| {
                for (path, name) in self.menu {
                    let mut attrs = vec![("href", *path)];
                    if *path == here {
                        attrs.push(("aria-current", "page"));
                    }
                    html.leaf("a", &attrs, name);
                }
            });
        }
        html.open("div", &[("class", "who")]);
        // The other language, in that language.
        for other in Lang::ALL.into_iter().filter(|other| *other != lang) {
            form(html, "/language", token, |html| {
                hidden(html, "language", other.code());
                hidden(html, "back", self.here.unwrap_or("/"));
                let label = [("lang", other.code()), ("class", "plain")];
                html.leaf("button", &label, other.own_name());
            });
        }
        if self.here.is_some() {
            form(html, "/logout", token, |html| {
                html.leaf("button", &[("class", "plain")], Word::LogOut.say(lang));
            });
        }
        html.raw("</div></header>");
    }
}

const LOGO: &str = concat!(
    "<svg viewBox=\"0 0 24 24\" width=\"24\" height=\"24\" aria-hidden=\"true\">",
    "<path class=\"logo\" d=\"M4 18V8l8 8V6M12 16l8-8v10\"/></svg>"
);
