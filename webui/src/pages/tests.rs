//! What every page must be like, whatever networks bring.

use super::{View, bytes, main, ms, rate, span, used_of, whole};
use crate::meter::Meter;
use crate::routes::Page;
use crate::snapshot::Snapshot;
use crate::tests::shown;
use crate::words::Lang;
use serde_json::Value;
use std::time::{Duration, Instant};

fn page_of(page: Page, shown: &Value, lang: Lang, said: &str) -> String {
    let snapshot = Snapshot::read(shown);
    let (mut meter, now) = (Meter::default(), Instant::now());
    for second in 0..3 {
        meter.read(&snapshot, now + Duration::from_secs(second));
    }
    let view = View {
        lang,
        snapshot: &snapshot,
        meter: &meter,
        token: "token",
        said: Some(said),
    };
    whole(Some(page), main(page, &view), lang, "token")
}

/// Tags that are open at the end, or closed out of turn; and whether quotes in tags are balanced.
pub(crate) fn check_markup(html: &str) -> Vec<String> {
    const EMPTY: [&str; 5] = ["meta", "link", "input", "br", "!doctype"];
    let (mut open, mut rest) = (Vec::new(), html);
    while let Some(at) = rest.find('<') {
        let end = rest[at..].find('>').expect("a tag ends") + at;
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        let name = tag
            .trim_start_matches('/')
            .split([' ', '/'])
            .next()
            .unwrap();
        assert!(
            name.chars().all(|c| c.is_ascii_alphanumeric() || c == '!'),
            "{tag}"
        );
        match tag.starts_with('/') {
            true => assert_eq!(open.pop().as_deref(), Some(name), "</{name}>"),
            false if tag.ends_with('/') || EMPTY.contains(&name) => {}
            false => open.push(name.to_owned()),
        }
    }
    open
}

#[test]
fn hostile_names_stay_text_on_every_page_in_every_language() {
    let long = "x".repeat(300);
    for evil in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "'><svg onload=alert(1)>",
        "</title></textarea></style></script><b>",
        "javascript:alert(1)",
        "&lt;b&gt;",
        "{t}{n}{name}",
        "\u{202e}evil\u{200f}\u{0}",
        "",
        long.as_str(),
        "カメラ",
    ] {
        for page in Page::ALL {
            for lang in Lang::ALL {
                let html = page_of(page, &shown(evil), lang, evil);
                assert_eq!(check_markup(&html), [""; 0], "{page:?} {evil}");
                let scripts = html.matches("<script").count();
                assert_eq!(scripts, 1, "{page:?}: our own, {evil}");
                for bad in [
                    "<img",
                    "<svg onload",
                    "<b>",
                    "onerror=alert(1)>",
                    "\u{202e}",
                    "\u{200f}",
                    "\u{0}",
                    " style=",
                ] {
                    assert!(!html.contains(bad), "{page:?} {evil} {bad}");
                }
                for attribute in [
                    "href=\"javascript",
                    "src=\"javascript",
                    "action=\"javascript",
                ] {
                    assert!(!html.contains(attribute), "{page:?}");
                }
            }
        }
    }
}

#[test]
fn what_can_be_acted_on_is_found_again_by_what_it_is_about() {
    for (page, key) in [
        (Page::Devices, "02:00:5e:00:00:01"),
        (Page::Peers, "02:00:5e:00:00:01"),
        (Page::Wans, "wwan0"),
    ] {
        let html = page_of(page, &shown("02:00:5e:00:00:01"), Lang::En, "");
        let card = format!("<li class=\"card\" data-key=\"{key}\">");
        assert!(html.contains(&card), "{page:?}");
    }
}

#[test]
fn an_empty_gateway_has_pages_too() {
    for page in Page::ALL {
        for lang in Lang::ALL {
            let html = page_of(page, &Value::Null, lang, "");
            assert_eq!(check_markup(&html), [""; 0], "{page:?}");
            assert!(html.contains(&format!("<html lang=\"{}\">", lang.code())));
        }
    }
}

#[test]
fn a_full_house_makes_no_endless_page() {
    let mut all = shown("laptop.car.ntm.test");
    for part in ["devices", "tunnels", "wans", "handovers"] {
        let one = all[part][0].clone();
        all[part] = vec![one; 500].into();
    }
    let home = page_of(Page::Home, &all, Lang::En, "");
    // With style and script, which are packed: the whole first load.
    assert!(home.len() < 40_000, "{}", home.len());
    assert_eq!(
        home.matches("class=\"spot device\"").count(),
        12,
        "six in each of two shapes"
    );
    assert!(home.contains("and 494 more"));
    assert_eq!(
        page_of(Page::Moves, &all, Lang::En, "")
            .matches("class=\"bar\"")
            .count(),
        50
    );
}

#[test]
fn what_is_used_of_a_limit_has_the_limits_unit() {
    for (bytes, limit, used, of) in [
        (3_199_999_999, 10_000, "3.1", "10 GB"),
        (9_999_999_999, 10_000, "9.9", "10 GB"),
        (10_000_000_000, 10_000, "10.0", "10 GB"),
        (0, 1, "0.0", "1 MB"),
        (400_000, 900, "0.4", "900 MB"),
        (1_500_000_000, 2500, "1.5", "2.5 GB"),
        (1, 1234, "0.0", "1.234 GB"),
        (u64::MAX, 100_000_000, "18446744.0", "100 TB"),
        (2_000_000_000_000, 1_000_001, "2.0", "1.000001 TB"),
        (0, 0, "0.0", "0 MB"),
    ] {
        assert_eq!(used_of(bytes, limit), [used, of]);
    }
}

#[test]
fn a_months_limit_is_a_bar_and_words_and_warns_in_time() {
    let mut all = shown("x");
    let page = |all: &Value, page| page_of(page, all, Lang::En, "");
    assert!(
        !page(&all, Page::Wans).contains("class=\"limit"),
        "there is none"
    );
    all["wans"][0]["data"]["today"] = "2026-11-23".into();
    for (used, state, class, width) in [
        (3_100_000_000_u64, "below", "limit", "310"),
        (8_200_000_000, "near", "limit near", "820"),
        (12_000_000_000, "reached", "limit reached", "1000"),
    ] {
        let wan = &mut all["wans"][0];
        (wan["limit_mb"], wan["limit_state"]) = (10_000.into(), state.into());
        wan["data"]["months"] =
            serde_json::json!([{"when": "2026-11", "sent": used, "received": 0}]);
        let wans = page(&all, Page::Wans);
        let [used, of] = used_of(used, 10_000);
        assert!(
            wans.contains(&format!("{used} of {of} this month")),
            "{state}"
        );
        assert!(wans.contains(&format!("class=\"{class}\"")), "{state}");
        assert!(wans.contains(&format!("width=\"{width}\"")), "{state}");
        let is_last = state == "reached";
        let last = "used only if no other works";
        assert_eq!(wans.contains(last), is_last, "{state}");
        let home = page(&all, Page::Home);
        assert_eq!(home.contains(" this month"), state != "below", "{state}");
        assert_eq!(home.contains(last), is_last, "{state}");
    }
    all["wans"][0]["data"]["today"] = Value::Null;
    all["wans"][0]["limit_state"] = "none".into();
    let wans = page(&all, Page::Wans);
    assert!(
        wans.contains("counted, but the date is not known yet")
            && !wans.contains("<svg class=\"limit")
    );
}

#[test]
fn numbers_are_short() {
    assert_eq!(
        [0.04, 12.34, 99.96, 123.4, 12_340.0].map(ms),
        ["0.0 ms", "12.3 ms", "100.0 ms", "123 ms", "12.3 s"]
    );
    assert_eq!(
        [0, 999, 1000, 123_456, 1 << 40].map(bytes),
        ["0 B", "999 B", "1.0 kB", "123 kB", "1.1 TB"]
    );
    assert_eq!(rate(94_300_000.0), "94.3 Mbit/s");
    let spans = [0, 119, 120, 7200, 200_000].map(|seconds| span(seconds, Lang::En));
    assert_eq!(spans, ["0 s", "119 s", "2 min", "2 h", "2 days"]);
}
