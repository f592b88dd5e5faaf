//! The API, and its description.

use super::*;
use crate::Part;
use crate::api::Call;

#[test]
fn a_program_logs_in_and_asks() {
    let mut world = World::new();
    let json_post = |path: &str, cookie: Option<&str>, token: &str, body: Value| Request {
        content_type: Some("application/json".into()),
        token: Some(token.to_owned()),
        cookie: cookie.map(str::to_owned),
        body: body.to_string().into_bytes(),
        origin: None,
        fetch_site: None,
        ..post(path, "")
    };
    let token = world.token(None);
    let wrong = world.ask(&json_post(
        "/api/v1/session",
        None,
        &token,
        json!({"password": "wrong one"}),
    ));
    assert_eq!(wrong.status, 403);
    let right = world.ask(&json_post(
        "/api/v1/session",
        None,
        &token,
        json!({"password": PASSWORD}),
    ));
    let session = cookie(&right).unwrap();
    let cookies = right
        .headers
        .iter()
        .filter(|(name, _)| *name == "Set-Cookie");
    assert_eq!(cookies.count(), 2, "this one is known from now on, too");
    let answer: Value = serde_json::from_slice(&right.body).unwrap();
    let token = answer["token"].as_str().unwrap().to_owned();
    let ping = json_post(
        "/api/v1/ping",
        Some(&session),
        &token,
        json!({"name": "camera"}),
    );
    let report: Value = serde_json::from_slice(&world.ask(&ping).body).unwrap();
    assert_eq!(report["rtt_ms"], 5.0);
    for (body, status) in [
        (json!({}), 422),
        (json!({"name": 5}), 422),
        (json!({"name": ""}), 422),
        (json!([]), 422),
    ] {
        let ping = json_post("/api/v1/ping", Some(&session), &token, body);
        assert_eq!(world.ask(&ping).status, status);
    }
    for (prefer, asked) in [
        (json!("wan0"), Some("wan0".to_owned())),
        (json!(null), None),
    ] {
        let request = json_post(
            "/api/v1/wan",
            Some(&session),
            &token,
            json!({"prefer": prefer}),
        );
        assert_eq!(world.ask(&request).status, 200);
        assert_eq!(world.asked.last(), Some(&Ask::Prefer(asked)));
    }
    let mut devices = get("/api/v1/devices");
    devices.cookie = Some(session);
    let devices: Value = serde_json::from_slice(&world.ask(&devices).body).unwrap();
    assert_eq!(devices[0]["name"], "home");
}

#[test]
fn the_description_of_the_api_is_of_this_api() {
    let described: Value = serde_json::from_str(include_str!("../../assets/openapi.json")).unwrap();
    let mut paths: Vec<(String, String)> = Vec::new();
    for (path, methods) in described["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            paths.push((method.to_uppercase(), path.clone()));
            assert!(operation["summary"].is_string(), "{method} {path}");
            let guarded = operation["responses"]["401"].is_object();
            let route = ROUTES.iter().find(|route| {
                route.path == path && method_name(route.method) == method.to_uppercase()
            });
            let route =
                route.unwrap_or_else(|| panic!("{method} {path} is described, but not there"));
            assert_eq!(guarded, route.guard == Guard::Owner, "{method} {path}");
            if route.method != Method::Get {
                let header = operation["parameters"][0]["$ref"].as_str();
                assert_eq!(
                    header,
                    Some("#/components/parameters/Token"),
                    "{method} {path}"
                );
            }
        }
    }
    let api = ROUTES
        .iter()
        .filter(|route| route.path.starts_with("/api/"));
    let mut ours: Vec<_> = api
        .map(|route| (method_name(route.method).to_owned(), route.path.to_owned()))
        .collect();
    paths.sort();
    ours.sort();
    assert_eq!(paths, ours);
}

#[test]
fn by_the_routers_own_socket_there_is_the_api_and_no_page() {
    for route in ROUTES {
        let mut request = get(route.path);
        request.method = route.method;
        request.content_type = Some("application/json".into());
        request.body = b"{}".to_vec();
        let asked = Call::of(&request).map(|call| call.ask(&request));
        let is_open = route.path.starts_with("/api/") && route.guard == Guard::Owner;
        assert_eq!(asked.is_ok(), is_open, "{}", route.path);
        if let Err(response) = asked {
            assert_eq!(response.status, 404, "{}", route.path);
        }
    }
    let mut wrong = get("/api/v1/status");
    wrong.method = Method::Put;
    assert_eq!(Call::of(&wrong).unwrap_err().status, 405);
    let status = get("/api/v1/status");
    let call = Call::of(&status).unwrap();
    assert_eq!(call.ask(&status), Ok(Ask::Part(Part::Status)));
    let failed = call.answer(Err("it is stopping".into()));
    assert_eq!(
        (failed.status, text(&failed).as_str()),
        (503, r#"{"error":"it is stopping"}"#)
    );
}
