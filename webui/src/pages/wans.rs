//! The ways out, and which of them goes first.

use super::{View, badge, fact, form, hidden};
use crate::html::Html;
use crate::snapshot::Wan;
use crate::words::{Lang, Word};

pub(super) fn page(html: &mut Html, view: &View<'_>) {
    let wans = &view.snapshot.wans;
    html.leaf("h1", &[], view.say(Word::Wans));
    html.leaf("p", &[("class", "lead")], view.say(Word::WansText));
    if let Some(said) = view.said {
        html.el("p", &[("class", "notice"), ("role", "status")], |html| {
            html.name(said)
        });
    }
    if wans.is_empty() {
        html.leaf("p", &[("class", "empty")], view.say(Word::CheckWanNone));
    }
    html.el("ol", &[("class", "cards")], |html| {
        for wan in wans {
            html.el("li", &[("class", "card")], |html| card(html, wan, view));
        }
    });
    if wans.iter().any(|wan| wan.preferred) {
        form(html, "/wans", view.token, |html| {
            html.leaf("button", &[("class", "second")], view.say(Word::Auto));
        });
    }
}

fn card(html: &mut Html, wan: &Wan, view: &View<'_>) {
    html.el("h2", &[], |html| {
        html.name(&wan.name);
        let (kind, word) = match wan {
            wan if wan.active || view.snapshot.carries(wan) => ("good", Word::InUse),
            Wan { addresses, .. } if addresses.is_empty() => ("bad", Word::NoSocket),
            _ => ("idle", Word::Ready),
        };
        badge(html, kind, view.say(word));
        if wan.metered {
            badge(html, "relay", view.say(Word::Metered));
        }
        if wan.preferred {
            badge(html, "", view.say(Word::Preferred));
        }
    });
    html.el("dl", &[], |html| {
        fact(html, view.say(Word::Addresses), &wan.addresses.join(", "));
        fact(html, view.say(Word::SeenAs), &wan.observed.join(", "));
        fact(html, view.say(Word::Nat), nat(wan, view.lang));
    });
    if !wan.preferred && view.snapshot.wans.len() > 1 {
        form(html, "/wans", view.token, |html| {
            hidden(html, "wan", &wan.name);
            let label = format!("{} {}", view.say(Word::Prefer), wan.name);
            let attrs = [("class", "second"), ("aria-label", label.as_str())];
            html.leaf("button", &attrs, view.say(Word::Prefer));
        });
    }
}

/// What stands in front of a WAN.
pub(super) fn nat(wan: &Wan, lang: Lang) -> &'static str {
    match (wan.nat, wan.mapping.as_str()) {
        (None, _) => Word::NatUnknown,
        (Some(false), _) => Word::NatNo,
        (Some(true), "same port for all") => Word::NatSame,
        (Some(true), "another port for each destination") => Word::NatOther,
        (Some(true), _) => Word::NatSome,
    }
    .say(lang)
}
