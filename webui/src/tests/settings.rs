//! The settings' page, the log, and the first run.

use super::*;
use crate::pages::{self, View};
use crate::settings::Shown;
use crate::snapshot::Snapshot;
use crate::words::Lang;

fn send(world: &mut World, path: &str, form: &str) -> Response {
    let owner = world.owner();
    let token = world.token(Some(&owner));
    let mut request = post(path, &format!("token={token}&{form}"));
    request.cookie = Some(owner);
    world.ask(&request)
}

fn asked(world: &World) -> &Value {
    match world.asked.last() {
        Some(Ask::Change(asked) | Ask::Begin(asked)) => asked,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_form_becomes_a_change_of_what_was_shown() {
    for (path, form, expected) in [
        (
            "/settings",
            "fingerprint=f00&lan.dhcp=off&lan.range=&other=1",
            json!({"fingerprint": "f00", "set": {"lan.dhcp": "off", "lan.range": ""}}),
        ),
        (
            "/settings/policy",
            "fingerprint=f00&from=&to=nas&action=deny",
            json!({"fingerprint": "f00", "policy_add": {"from": "", "to": "nas", "action": "deny"}}),
        ),
        (
            "/settings/policy",
            "fingerprint=f00&at=2&do=up",
            json!({"fingerprint": "f00", "policy_move": [2, 1]}),
        ),
        (
            "/settings/policy",
            "fingerprint=f00&at=1&do=remove",
            json!({"fingerprint": "f00", "policy_remove": 1}),
        ),
        (
            "/settings/device",
            "fingerprint=f00&at=&mac=02%3A00%3A00%3A00%3A00%3A01&name=tv&address=&identity=1&do=save",
            json!({"fingerprint": "f00", "device":
                {"mac": "02:00:00:00:00:01", "address": "", "name": "tv", "identity": "", "keep": ""}}),
        ),
        (
            "/settings/device",
            "fingerprint=f00&at=0&mac=a+b&name=&address=&keep=1&do=save",
            json!({"fingerprint": "f00", "device":
                {"at": 0, "mac": "a b", "address": "", "name": "", "identity": "false", "keep": "true"}}),
        ),
        (
            "/settings/device",
            "fingerprint=f00&at=3&mac=a&do=remove",
            json!({"fingerprint": "f00", "device_remove": 3}),
        ),
        (
            "/settings/ways",
            "fingerprint=f00&place.0=2&name.0=eth1&enabled.0=1&place.1=1&name.1=wwan0&metered.1=1&limit_mb.1=+10000&enabled.1=1&limit_mb.0=&name.2=",
            json!({"fingerprint": "f00", "ways": [
                {"name": "wwan0", "network": false, "metered": true, "limit_mb": "10000", "enabled": true},
                {"name": "eth1", "network": false, "metered": false, "limit_mb": null, "enabled": true},
            ]}),
        ),
        (
            "/settings/import",
            "fingerprint=f00&text=a%0D%0Ab&try=1",
            json!({"fingerprint": "f00", "import": "a\r\nb", "try": true}),
        ),
    ] {
        let mut world = World::new();
        let response = send(&mut world, path, form);
        assert_eq!(header(&response, "Location"), Some("/settings"), "{path}");
        assert_eq!(*asked(&world), expected, "{path}");
    }
}

#[test]
fn a_wrong_value_is_said_at_its_field_and_stays_in_it() {
    let mut world = World::new();
    let response = send(&mut world, "/settings", "fingerprint=f00&tunnel.mtu=12");
    assert_eq!(response.status, 422);
    let page = text(&response);
    let field = page.split("id=\"tunnel.mtu\"").nth(1).unwrap();
    let field = &field[..field.find("</div>").unwrap()];
    assert!(
        field.contains("value=\"12\"") && field.contains("aria-invalid"),
        "{field}"
    );
    assert!(field.contains("is a number") && page.matches("is a number").count() == 1);
    let response = send(&mut world, "/settings", "fingerprint=old&tunnel.mtu=1400");
    assert_eq!(response.status, 409);
    let page = text(&response);
    assert!(page.contains("has changed since") && !page.contains("value=\"1400\""));
}

#[test]
fn a_program_changes_settings_and_hears_what_is_wrong() {
    let mut world = World::new();
    let owner = world.owner();
    let token = world.token(Some(&owner));
    for (body, status) in [
        (
            json!({"fingerprint": "f00", "set": {"log.level": "debug"}}),
            200,
        ),
        (
            json!({"fingerprint": "f00", "set": {"tunnel.mtu": "12"}}),
            422,
        ),
        (json!({"fingerprint": "old"}), 409),
        (json!([1]), 422),
    ] {
        let mut request = post("/api/v1/settings", "");
        request.method = Method::Put;
        request.cookie = Some(owner.clone());
        request.token = Some(token.clone());
        request.content_type = Some("application/json".into());
        request.body = body.to_string().into_bytes();
        assert_eq!(world.ask(&request).status, status, "{body}");
    }
}

#[test]
fn files_are_downloads_and_lines_of_the_log_are_text() {
    let mut world = World::new();
    let owner = world.owner();
    let mut page = |path: &str| {
        let mut request = get(path);
        request.cookie = Some(owner.clone());
        world.ask(&request)
    };
    for (path, name) in [
        ("/settings/export", "ntm-gateway.toml"),
        ("/diagnostics.json", "ntm-diagnostics.json"),
    ] {
        let disposition = format!("attachment; filename=\"{name}\"");
        assert_eq!(
            header(&page(path), "Content-Disposition"),
            Some(&*disposition)
        );
    }
    let all = text(&page("/log"));
    assert!(all.contains("INFO home") && all.contains("WARN &lt;b&gt;evil"));
    let few = text(&page("/log?level=warn&text=EVIL"));
    assert!(!few.contains("INFO home") && few.contains("&lt;b&gt;evil"));
}

#[test]
fn hostile_settings_stay_text_in_every_language() {
    for evil in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "</textarea></select></option><b>",
        "\u{202e}evil",
        "",
    ] {
        for lang in Lang::ALL {
            let snapshot = Snapshot::default();
            let view = View {
                lang,
                snapshot: &snapshot,
                meter: &Default::default(),
                token: "token",
                said: Some(evil),
            };
            let first = json!({"failed": evil, "first": {"configured": false, "interfaces": [
                {"name": evil, "up": true, "addresses": [evil], "leads_out": false},
                {"name": evil, "up": true, "addresses": [evil], "leads_out": true},
            ]}});
            let entered = json!({"code": evil, "lan": evil, "ways": [{"name": evil}]});
            for html in [
                pages::settings(&view, &Shown::read(&said(evil))),
                pages::first(&view, &first, Some(&entered)),
            ] {
                for bad in ["<script", "<img", "<b>", "onerror=alert(1)>", "\u{202e}"] {
                    assert!(!html.contains(bad), "{evil} {bad}");
                }
            }
        }
    }
}

#[test]
fn before_there_is_a_gateway_each_page_is_the_first_run() {
    let mut world = World::new();
    let owner = world.owner();
    let mut home = get("/");
    home.cookie = Some(owner);
    let Step::Ask(Ask::Show, pending) = world.site.handle_request(&home, world.now) else {
        panic!("it asks")
    };
    let first = json!({"first": {"configured": false, "interfaces": [
        {"name": "eth0", "up": true, "addresses": ["192.168.1.1/24"], "leads_out": false},
        {"name": "eth1", "up": true, "addresses": ["203.0.113.7/24"], "leads_out": true},
    ]}});
    let page = text(&world.site.handle_result(pending, Ok(first), world.now));
    assert!(page.contains("action=\"/setup\"") && page.contains("value=\"eth0 192.168.1.1/24\""));
    let lan = page.split("</select>").next().unwrap();
    assert!(!lan.contains("eth1"), "what leads out is no LAN");
    let form = "code=+ntm1-ABC&lan=eth0+192.168.1.1%2F24&dhcp=server&masquerade=true&name.0=eth0&name.1=eth1&use.1=1&metered.1=1";
    let response = send(&mut world, "/setup", form);
    assert_eq!(header(&response, "Location"), Some("/"));
    let expected = json!({"code": " ntm1-ABC", "lan": "eth0 192.168.1.1/24", "dhcp": "server",
        "masquerade": "true", "ways": [{"name": "eth1", "metered": true}]});
    assert_eq!(*asked(&world), expected);
}
