//! One device, and what its owner may want of it. The page does not change by itself: what is typed into a form is about
//! the device that stood there.

use super::devices::{called, facts, title};
use super::{below, form, hidden};
use crate::html::{Html, short};
use crate::routes::Page;
use crate::snapshot::{Device, Snapshot};
use crate::words::{Lang, Word};

/// The page about the device with this hardware address, if there is one.
pub(crate) fn page(snapshot: &Snapshot, mac: &str, lang: Lang, token: &str) -> Option<String> {
    let of_it = |device: &&Device| !mac.is_empty() && device.mac == mac;
    let device = snapshot.devices.iter().find(of_it)?;
    let mut html = Html::default();
    title(&mut html, "h1", device, lang);
    html.el("section", &[("class", "card")], |html| {
        facts(html, device, lang)
    });
    let changes = Changes {
        device,
        lang,
        token,
    };
    changes.rename(&mut html);
    changes.merge(&mut html, &snapshot.devices);
    let (keep, to) = match device.keep {
        true => (Word::DoNotKeep, "off"),
        false => (Word::Keep, "on"),
    };
    changes.button(&mut html, Word::Kept, Word::KeepText, ("keep", to), keep);
    let (identity, to) = match device.is_plain {
        true => (Word::IdentityOn, "on"),
        false => (Word::IdentityOff, "off"),
    };
    let title = Word::Identity;
    changes.button(
        &mut html,
        title,
        Word::IdentityText,
        ("identity", to),
        identity,
    );
    if !device.online {
        let forget = ("forget", "");
        changes.button(
            &mut html,
            Word::Forget,
            Word::ForgetText,
            forget,
            Word::Forget,
        );
    }
    html.el("p", &[("class", "more")], |html| {
        html.leaf("a", &[("href", "/devices")], Word::AllDevices.say(lang));
    });
    Some(below(Page::Devices, &html.into_string(), lang, token))
}

struct Changes<'a> {
    device: &'a Device,
    lang: Lang,
    token: &'a str,
}

impl Changes<'_> {
    fn rename(&self, html: &mut Html) {
        self.section(html, Word::Rename, Word::RenameText, "rename", |html| {
            let name = if self.device.name.is_empty() {
                ""
            } else {
                called(self.device)
            };
            html.leaf("label", &[("for", "to")], Word::Name.say(self.lang));
            html.el("div", &[("class", "row")], |html| {
                html.open(
                    "input",
                    &[
                        ("id", "to"),
                        ("name", "to"),
                        ("value", name),
                        ("maxlength", "63"),
                        ("autocomplete", "off"),
                        ("autocapitalize", "none"),
                        ("spellcheck", "false"),
                    ],
                );
                html.leaf("button", &[], Word::Rename.say(self.lang));
            });
        });
    }

    /// Only where there is another one.
    fn merge(&self, html: &mut Html, all: &[Device]) {
        let others = || all.iter().filter(|other| other.mac != self.device.mac);
        if others().next().is_none() {
            return;
        }
        self.section(html, Word::Merge, Word::MergeText, "merge", |html| {
            html.leaf(
                "label",
                &[("for", "other")],
                Word::MergeField.say(self.lang),
            );
            html.el("div", &[("class", "row")], |html| {
                html.el("select", &[("id", "other"), ("name", "to")], |html| {
                    for other in others() {
                        let text = format!("{} ({})", short(called(other), 40), other.mac);
                        html.leaf("option", &[("value", &other.mac)], &text);
                    }
                });
                html.leaf("button", &[("class", "second")], Word::Merge.say(self.lang));
            });
        });
    }

    fn button(
        &self,
        html: &mut Html,
        title: Word,
        text: Word,
        (change, to): (&'static str, &'static str),
        button: Word,
    ) {
        self.section(html, title, text, change, |html| {
            hidden(html, "to", to);
            html.leaf("button", &[("class", "second")], button.say(self.lang));
        });
    }

    fn section(
        &self,
        html: &mut Html,
        title: Word,
        text: Word,
        change: &'static str,
        inside: impl FnOnce(&mut Html),
    ) {
        html.el("section", &[("class", "card")], |html| {
            html.leaf("h2", &[], title.say(self.lang));
            html.leaf("p", &[("class", "hint")], text.say(self.lang));
            form(html, "/device", self.token, |html| {
                hidden(html, "device", &self.device.mac);
                hidden(html, "change", change);
                inside(html);
            });
        });
    }
}
