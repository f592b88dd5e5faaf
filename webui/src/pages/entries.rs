//! What the configuration says of devices: a row for each, and one for a new one. Most of it is easier said on a device's own
//! page; here is also what is said of one that has never been on the LAN.

use super::settings::{step, tick};
use super::{View, form, hidden};
use crate::html::Html;
use crate::settings::{Entry, Shown};
use crate::words::Word;

pub(super) fn section(html: &mut Html, view: &View<'_>, shown: &Shown) {
    html.open("section", &[("class", "card"), ("id", "entries")]);
    html.leaf("h2", &[], view.say(Word::Entries));
    html.leaf("p", &[("class", "hint")], view.say(Word::EntriesText));
    html.open("ul", &[("class", "rows")]);
    for (at, entry) in shown.entries.iter().enumerate() {
        html.el("li", &[], |html| row(html, view, shown, Some(at), entry));
    }
    if shown.editable {
        let entered = Entry {
            mac: shown.entered("mac").to_owned(),
            address: shown.entered("address").to_owned(),
            name: shown.entered("name").to_owned(),
            identity: shown.entered("identity") != "false",
            keep: shown.entered("keep") == "true",
        };
        html.el("li", &[], |html| row(html, view, shown, None, &entered));
    }
    html.close("ul");
    html.close("section");
}

/// `at`: which it is; `None`: it is new.
fn row(html: &mut Html, view: &View<'_>, shown: &Shown, at: Option<usize>, entry: &Entry) {
    let number = at.map_or_else(|| "+".to_owned(), |at| (at + 1).to_string());
    let place = at.map(|at| at.to_string()).unwrap_or_default();
    form(html, "/settings/device", view.token, |html| {
        hidden(html, "fingerprint", &shown.fingerprint);
        hidden(html, "at", &place);
        html.open("div", &[("class", "row wrap")]);
        for (name, word, value, example) in [
            ("mac", Word::Mac, &entry.mac, "02:00:5e:00:00:01"),
            ("name", Word::Name, &entry.name, "camera"),
            ("address", Word::LanAddress, &entry.address, ""),
        ] {
            let label = format!("{} {number}", view.say(word));
            let attrs = [
                ("name", name),
                ("value", value.as_str()),
                ("placeholder", example),
                ("autocomplete", "off"),
                ("autocapitalize", "none"),
                ("spellcheck", "false"),
                ("aria-label", label.as_str()),
            ];
            html.open("input", &attrs);
        }
        tick(html, "identity", view.say(Word::Identity), entry.identity);
        tick(html, "keep", view.say(Word::Kept), entry.keep);
        if shown.editable {
            step(html, "save", view.say(Word::Save), &format!(" {number}"));
            if at.is_some() {
                step(
                    html,
                    "remove",
                    view.say(Word::Remove),
                    &format!(" {number}"),
                );
            }
        }
        html.close("div");
    });
}
