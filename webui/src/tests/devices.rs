//! What the owner may want of a device.

use super::*;
use crate::DeviceChange;
use crate::pages;
use crate::snapshot::Snapshot;
use crate::words::Lang;

#[test]
fn what_is_asked_for_on_a_devices_page_is_asked_of_the_daemon() {
    let mut world = World::new();
    let owner = world.owner();
    let token = world.token(Some(&owner));
    let mut page = get("/device?mac=home");
    page.cookie = Some(owner.clone());
    let page = text(&world.ask(&page));
    assert!(page.contains("name=\"change\" value=\"rename\"") && !page.contains("data-live"));
    let mut rename = post(
        "/device",
        &format!("token={token}&device=02%3A00&change=rename&to=+Annas-Phone+"),
    );
    rename.cookie = Some(owner.clone());
    let answer = world.ask(&rename);
    assert_eq!(header(&answer, "Location"), Some("/devices"));
    let change = DeviceChange {
        device: "02:00".into(),
        change: "rename".into(),
        to: "Annas-Phone".into(),
    };
    assert_eq!(world.asked.last(), Some(&Ask::Device(change)));
    // And what the daemon has to say against it.
    let Step::Ask(_, pending) = world.site.handle_request(&rename, world.now) else {
        panic!("a question")
    };
    let refused = Err("<b>another device has this name".to_owned());
    world.site.handle_result(pending, refused, world.now);
    let mut devices = get("/devices");
    devices.cookie = Some(owner);
    let devices = text(&world.ask(&devices));
    assert!(devices.contains("&lt;b&gt;another device has this name"));
}

#[test]
fn a_program_says_which_device_and_what() {
    let mut world = World::new();
    let owner = world.owner();
    let token = world.token(Some(&owner));
    let mut ask = |body: Value| {
        let mut request = post("/api/v1/device", "");
        request.content_type = Some("application/json".into());
        (request.token, request.cookie) = (Some(token.clone()), Some(owner.clone()));
        request.body = body.to_string().into_bytes();
        world.ask(&request).status
    };
    for (body, status) in [
        (json!({"device": "tv", "change": "keep", "to": "on"}), 200),
        (json!({"device": "tv", "change": "forget", "to": null}), 200),
        (json!({"device": "", "change": "forget", "to": null}), 422),
        (
            json!({"device": "tv", "change": "rename", "to": "x".repeat(300)}),
            422,
        ),
        (json!({"device": "tv", "change": "keep", "to": true}), 422),
        (json!({"change": "keep", "to": "on"}), 422),
    ] {
        assert_eq!(ask(body.clone()), status, "{body}");
    }
}

#[test]
fn hostile_names_stay_text_on_a_devices_page() {
    let long = "x".repeat(300);
    for evil in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "\u{202e}evil\u{200f}\u{0}",
        "</option></select><b>",
        long.as_str(),
    ] {
        let mut shown = shown(evil);
        shown["devices"][1]["hostname"] = evil.into();
        shown["devices"][1]["mac"] = "02:00:00:00:00:01".into();
        let snapshot = Snapshot::read(&shown);
        for mac in [evil, "02:00:00:00:00:01"] {
            for lang in Lang::ALL {
                let page = pages::device(&snapshot, mac, lang, "token").unwrap();
                assert_eq!(page.matches("<script").count(), 1, "our own, {evil}");
                for bad in ["<img", "<b>", "\u{202e}", "\u{200f}", "\u{0}", " style="] {
                    assert!(!page.contains(bad), "{evil}: {bad}");
                }
            }
        }
        assert!(pages::device(&snapshot, "", Lang::En, "token").is_none());
    }
}
