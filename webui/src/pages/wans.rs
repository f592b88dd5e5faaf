//! The ways out, and which of them goes first.

use super::{View, badge, bytes, fact, form, hidden, ms, used_of};
use crate::html::Html;
use crate::snapshot::{Data, Limit, Wan};
use crate::words::{Lang, Word};

/// The most days that are drawn.
const DAYS: usize = 31;

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
            let attrs = [("class", "card"), ("data-key", wan.name.as_str())];
            html.el("li", &attrs, |html| card(html, wan, view));
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
        match wan.limit {
            Limit::Near => badge(html, "relay", view.say(Word::LimitNear)),
            Limit::Reached => badge(html, "bad", view.say(Word::LimitReached)),
            Limit::None | Limit::Below => {}
        }
    });
    html.el("dl", &[], |html| {
        fact(html, view.say(Word::Addresses), &wan.addresses.join(", "));
        fact(html, view.say(Word::SeenAs), &wan.observed.join(", "));
        fact(html, view.say(Word::Nat), nat(wan, view.lang));
        let trip = view.snapshot.quickest_by(wan).map(ms).unwrap_or_default();
        fact(html, view.say(Word::RoundTrip), &trip);
        used(html, &wan.data, view.lang);
    });
    limit(html, wan, view.lang);
    days(html, &wan.data, view.lang);
    if !wan.preferred && view.snapshot.wans.len() > 1 {
        form(html, "/wans", view.token, |html| {
            hidden(html, "wan", &wan.name);
            let label = format!("{} {}", view.say(Word::Prefer), wan.name);
            let attrs = [("class", "second"), ("aria-label", label.as_str())];
            html.leaf("button", &attrs, view.say(Word::Prefer));
        });
    }
}

/// What a person who pays for it asks first.
fn used(html: &mut Html, data: &Data, lang: Lang) {
    let of = |list: &[(String, u64)], when: &str| {
        let found = list.iter().find(|(other, _)| other == when);
        bytes(found.map_or(0, |(_, count)| *count))
    };
    match data.today.rsplit_once('-') {
        Some((month, _)) => {
            fact(
                html,
                Word::UsedToday.say(lang),
                &of(&data.days, &data.today),
            );
            fact(
                html,
                Word::UsedThisMonth.say(lang),
                &of(&data.months, month),
            );
            let before = data
                .months
                .iter()
                .rev()
                .find(|(other, _)| other.as_str() < month);
            if let Some((when, count)) = before {
                fact(html, when, &bytes(*count));
            }
        }
        None => fact(
            html,
            Word::UsedSinceStart.say(lang),
            &bytes(data.since_start),
        ),
    }
}

/// What is used of the month's limit, in words; `None` while nobody knows which month it is, or without a limit.
pub(super) fn used_of_limit(wan: &Wan, lang: Lang) -> Option<String> {
    let [used, limit] = used_of(wan.data.this_month()?, wan.limit_mb?);
    let mut text = Word::UsedOfLimit.with(lang, &[("used", &used), ("limit", &limit)]);
    // A person's own word is stronger than a limit.
    if wan.limit == Limit::Reached && !wan.preferred {
        text += Word::LimitLast.say(lang);
    }
    Some(text)
}

/// The same with a bar, which says no more.
fn limit(html: &mut Html, wan: &Wan, lang: Lang) {
    let Some(mb) = wan.limit_mb else { return };
    let Some(text) = used_of_limit(wan, lang) else {
        let [_, limit] = used_of(0, mb);
        let text = Word::LimitNoDate.with(lang, &[("limit", &limit)]);
        html.leaf("p", &[("class", "hint used")], &text);
        return;
    };
    let (class, words) = match wan.limit {
        Limit::None | Limit::Below => ("limit", "used"),
        Limit::Near => ("limit near", "used near"),
        Limit::Reached => ("limit reached", "used reached"),
    };
    html.leaf("p", &[("class", words)], &text);
    let used = wan.data.this_month().unwrap_or_default() as f64;
    let share = used / (f64::from(mb.max(1)) * 1e6);
    let width = format!("{:.0}", share.min(1.0) * 1000.0);
    let attrs = [
        ("class", class),
        ("viewBox", "0 0 1000 8"),
        ("preserveAspectRatio", "none"),
        ("aria-hidden", "true"),
    ];
    html.el("svg", &attrs, |html| {
        html.el(
            "rect",
            &[("width", width.as_str()), ("height", "8")],
            |_| {},
        );
    });
}

/// A bar for each of the last days on which anything went.
fn days(html: &mut Html, data: &Data, lang: Lang) {
    let last = &data.days[data.days.len().saturating_sub(DAYS)..];
    let most = last.iter().map(|(_, count)| *count).max().unwrap_or(0);
    if most == 0 {
        return;
    }
    let each = last
        .iter()
        .map(|(day, count)| format!("{day}: {}", bytes(*count)));
    let label = each.collect::<Vec<_>>().join(", ");
    html.leaf("p", &[("class", "hint used")], Word::UsedByDay.say(lang));
    let attrs = [
        ("class", "days"),
        ("viewBox", "0 0 310 48"),
        ("preserveAspectRatio", "none"),
        ("role", "img"),
        ("aria-label", label.as_str()),
    ];
    html.el("svg", &attrs, |html| {
        let first = DAYS - last.len();
        for (at, (day, count)) in last.iter().enumerate() {
            // Also what is little beside the others shall be seen.
            let height = (*count as f64 / most as f64 * 48.0).max(1.0);
            let (x, y) = (
                ((first + at) * 10 + 1).to_string(),
                format!("{:.1}", 48.0 - height),
            );
            let height = format!("{height:.1}");
            let attrs = [
                ("x", x.as_str()),
                ("y", y.as_str()),
                ("width", "8"),
                ("height", height.as_str()),
            ];
            html.el("rect", &attrs, |html| {
                html.leaf("title", &[], &format!("{day}: {}", bytes(*count)));
            });
        }
    });
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
