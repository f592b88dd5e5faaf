//! The operator's site as a whole: who gets what at each address, and that names stay text.

mod world;

use super::act::{Act, Change};
use super::{Ask, Gate, Page, Part, ROUTES, Sight};
use crate::password;
use crate::request::{Method, Request};
use crate::tests::admission::{self, Row, method_name, session, text};
use crate::{Guard, Step};
use serde_json::{Value, json};
use world::{CHEAP, HOST, PASSWORD, World, get, location, one, post, shown};

/// What each address says to: nobody; the owner with a wrong token; the owner's browser, made to ask by another site's
/// page; the owner, with a form that has nothing in it.
const EXPECTED: &[Row] = &[
    ("GET", "/style.css", [200, 200, 403, 200]),
    ("GET", "/live.js", [200, 200, 403, 200]),
    ("GET", "/icon.svg", [200, 200, 403, 200]),
    ("GET", "/login", [200, 303, 403, 303]),
    ("POST", "/login", [403, 403, 403, 403]),
    ("POST", "/language", [303, 403, 403, 303]),
    ("POST", "/logout", [303, 403, 403, 303]),
    ("GET", "/", [303, 200, 403, 200]),
    ("GET", "/gateways", [303, 200, 403, 200]),
    ("GET", "/gateway", [303, 200, 403, 200]),
    ("POST", "/nodes/remove", [303, 403, 403, 303]),
    ("GET", "/devices", [303, 200, 403, 200]),
    ("GET", "/relays", [303, 200, 403, 200]),
    ("GET", "/codes", [303, 200, 403, 200]),
    ("POST", "/codes", [303, 403, 403, 303]),
    ("POST", "/codes/revoke", [303, 403, 403, 303]),
    ("GET", "/accounts", [303, 200, 403, 200]),
    ("POST", "/accounts", [303, 403, 403, 303]),
    ("POST", "/accounts/remove", [303, 403, 403, 303]),
    ("POST", "/groups/join", [303, 403, 403, 303]),
    ("POST", "/groups/leave", [303, 403, 403, 303]),
    ("GET", "/domains", [303, 200, 403, 200]),
    ("POST", "/domains", [303, 403, 403, 303]),
    ("POST", "/domains/forget", [303, 403, 403, 303]),
    ("GET", "/events", [303, 200, 403, 200]),
    ("GET", "/backup", [303, 200, 403, 200]),
    // The file itself.
    ("POST", "/backup", [303, 403, 403, 200]),
    ("GET", "/password", [303, 200, 403, 200]),
    // No password in the form.
    ("POST", "/password", [303, 403, 403, 403]),
    // No page in the query.
    ("GET", "/live", [401, 404, 403, 404]),
    ("GET", "/api/v1/openapi.json", [200, 200, 403, 200]),
    ("GET", "/api/v1/session", [200, 200, 403, 200]),
    // A form is not what a program sends.
    ("POST", "/api/v1/session", [415, 403, 403, 415]),
    ("GET", "/api/v1/overview", [401, 200, 403, 200]),
    ("GET", "/api/v1/gateways", [401, 200, 403, 200]),
    ("GET", "/api/v1/gateway", [401, 200, 403, 200]),
    ("POST", "/api/v1/nodes/remove", [401, 403, 403, 415]),
    ("GET", "/api/v1/devices", [401, 200, 403, 200]),
    ("GET", "/api/v1/relays", [401, 200, 403, 200]),
    ("GET", "/api/v1/codes", [401, 200, 403, 200]),
    ("POST", "/api/v1/codes", [401, 403, 403, 415]),
    ("POST", "/api/v1/codes/revoke", [401, 403, 403, 415]),
    ("GET", "/api/v1/accounts", [401, 200, 403, 200]),
    ("POST", "/api/v1/accounts", [401, 403, 403, 415]),
    ("POST", "/api/v1/accounts/remove", [401, 403, 403, 415]),
    ("POST", "/api/v1/groups/join", [401, 403, 403, 415]),
    ("POST", "/api/v1/groups/leave", [401, 403, 403, 415]),
    ("GET", "/api/v1/domains", [401, 200, 403, 200]),
    ("POST", "/api/v1/domains", [401, 403, 403, 415]),
    ("POST", "/api/v1/domains/forget", [401, 403, 403, 415]),
    ("GET", "/api/v1/events", [401, 200, 403, 200]),
    ("POST", "/api/v1/backup", [401, 403, 403, 200]),
];

#[test]
fn every_address_says_to_each_what_it_should() {
    admission::every_address_says_to_each_what_it_should::<World, _>(ROUTES, EXPECTED);
}

#[test]
fn no_change_without_a_token_even_if_the_browser_says_nothing_of_where_it_is_from() {
    admission::nothing_changes_without_a_token::<World, _>(ROUTES);
}

#[test]
fn without_a_password_nobody_gets_in_and_nobody_can_set_one() {
    let mut world = World::with(Gate::default(), None);
    for path in ["/", "/codes", "/gateways"] {
        assert_eq!(location(&world.ask(&get(path))), Some("/login"), "{path}");
    }
    let page = world.ask(&get("/login"));
    assert_eq!(page.status, 200);
    assert!(text(&page).contains("ntm-dc password"));
    let token = world.token(None);
    for password in ["", "anything+at+all"] {
        let form = format!("token={token}&password={password}&new=long+enough&again=long+enough");
        let response = world.ask(&post("/login", &form));
        assert_eq!((response.status, session(&response)), (403, None));
        assert_eq!(world.ask(&post("/welcome", &form)).status, 404);
    }
    assert!(world.asked.is_empty());
}

#[test]
fn only_names_of_this_server_are_answered() {
    let proxied = Gate {
        origin: Some("https://dc.example.net".into()),
    };
    let status = |gate: &Gate, own: &str, host: &str| {
        let mut request = get("/login");
        request.host = Some(host.to_owned());
        request.own = own.parse().unwrap();
        World::with(gate.clone(), None).ask(&request).status
    };
    let bare = Gate::default();
    for host in [
        HOST,
        "localhost:8080",
        "localhost",
        "127.0.0.1:9",
        "[::1]:4753",
    ] {
        assert_eq!(status(&bare, HOST, host), 200, "{host}");
    }
    for host in [
        "evil.test",
        "evil.test:4753",
        "localhost.evil.test:4753",
        "127.0.0.1.evil.test",
        "127.0.0.1:4753:80",
        "localhost:",
        "localhost:999999",
        "dc.example.net",
        "",
    ] {
        assert_eq!(status(&bare, HOST, host), 421, "{host:?}");
    }
    let public = "203.0.113.10:4753";
    assert_eq!(status(&bare, public, public), 200);
    assert_eq!(status(&bare, "[::ffff:203.0.113.10]:4753", public), 200);
    for host in [
        "localhost:4753",
        "127.0.0.1:4753",
        "203.0.113.10",
        "203.0.113.11:4753",
    ] {
        assert_eq!(status(&bare, public, host), 421, "{host}");
    }
    assert_eq!(status(&proxied, HOST, "dc.example.net"), 200);
    assert_eq!(status(&proxied, HOST, "dc.example.net:80"), 421);
}

#[test]
fn behind_tls_the_cookies_stay_there_and_the_origin_is_that_one() {
    let gate = Gate {
        origin: Some("https://dc.example.net".into()),
    };
    let hash = password::hash(PASSWORD, [1; 16], CHEAP).unwrap();
    let mut world = World::with(gate, Some(hash));
    let mut request = get("/api/v1/session");
    request.host = Some("dc.example.net".into());
    let answer: Value = serde_json::from_slice(&world.ask(&request).body).unwrap();
    let token = answer["token"].as_str().unwrap();
    let form = format!("token={token}&password=correct+horse");
    let mut login = post("/login", &form);
    login.host = Some("dc.example.net".into());
    for (origin, status) in [
        ("http://dc.example.net", 403),
        ("https://evil.test", 403),
        ("https://dc.example.net", 303),
    ] {
        login.origin = Some(origin.into());
        let response = world.ask(&login);
        assert_eq!(response.status, status, "{origin}");
        let cookies = response
            .headers
            .iter()
            .filter(|(name, _)| *name == "Set-Cookie");
        assert!(
            cookies
                .clone()
                .all(|(_, value)| value.ends_with("; Secure"))
        );
        assert_eq!(cookies.count() > 0, status == 303);
    }
}

#[test]
fn a_form_asks_for_what_was_typed_and_for_nothing_half() {
    let mut world = World::new();
    let owner = world.owner();
    world.asked.clear();
    let done = world.send(&owner, "/accounts", "name=+anna+");
    assert_eq!(location(&done), Some("/accounts"));
    let change = Change {
        act: Act::AddAccount,
        values: vec!["anna".into()],
    };
    assert_eq!(world.asked, [Ask::Change(change)]);
    assert!(
        world
            .see(&owner, "/accounts")
            .contains("Made the account anna.")
    );
    world.asked.clear();
    for (path, form) in [
        ("/accounts", "name=+"),
        ("/groups/join", "group=family"),
        ("/domains", "domain=b.test"),
        ("/nodes/remove", "name=home&sure=hom"),
        ("/nodes/remove", "name=home"),
        ("/domains/forget", "domain=b.test&sure="),
        ("/accounts/remove", "name=anna&sure=ben"),
    ] {
        world.send(&owner, path, form);
        assert_eq!(world.asked, [], "{path} {form}");
    }
    world.send(&owner, "/nodes/remove", "name=home&sure=home");
    assert_eq!(world.asked.len(), 1);
}

#[test]
fn a_code_is_shown_once() {
    let mut world = World::new();
    let owner = world.owner();
    let made = world.send(&owner, "/codes", "name=home&account=anna");
    let page = text(&made);
    assert_eq!(made.status, 200);
    assert!(page.contains("NTM1-SECRET") && page.contains("class=\"qr\""));
    assert!(
        !page.contains("data-live"),
        "nothing replaces it while it is read"
    );
    for page in Page::ALL {
        assert!(
            !world.see(&owner, page.path()).contains("NTM1-SECRET"),
            "{page:?}"
        );
    }
}

#[test]
fn a_program_changes_things_by_the_same_words() {
    let mut world = World::new();
    let owner = world.owner();
    let token = world.token(Some(&owner));
    world.asked.clear();
    for act in Act::ALL {
        let route = ROUTES.iter().find(|route| {
            route.path.starts_with("/api/") && route.what == super::routes::What::ApiChange(act)
        });
        let path = route.expect("each act has its address").path;
        let body = |missing: Option<&str>| {
            let fields = act.fields().iter().filter(|name| Some(**name) != missing);
            let fields = fields.map(|name| ((*name).to_owned(), json!("x")));
            Value::Object(fields.collect()).to_string().into_bytes()
        };
        let mut request = Request {
            content_type: Some("application/json".into()),
            token: Some(token.clone()),
            cookie: Some(owner.clone()),
            ..post(path, "")
        };
        request.body = body(None);
        assert_eq!(world.ask(&request).status, 200, "{act:?}");
        let values = vec!["x".to_owned(); act.fields().len()];
        assert_eq!(world.asked.pop(), Some(Ask::Change(Change { act, values })));
        for broken in [
            body(Some(act.fields()[0])),
            b"[]".to_vec(),
            b"{\"name\":5,\"domain\":5,\"group\":5}".to_vec(),
        ] {
            request.body = broken;
            assert_eq!(world.ask(&request).status, 422, "{act:?}");
            assert_eq!(world.asked, []);
        }
    }
}

#[test]
fn a_sight_is_what_its_address_says() {
    let mut world = World::new();
    let owner = world.owner();
    world.asked.clear();
    let wanted = Sight {
        page: Page::Devices,
        text: "a&b=ü <x>".into(),
        of: "home".into(),
        part: Part::After("home/lap top".into()),
    };
    let address = wanted.address();
    assert_eq!(
        address,
        "/devices?after=home%2Flap%20top&q=a%26b%3D%C3%BC%20%3Cx%3E&of=home"
    );
    let page = world.see(&owner, &address);
    assert_eq!(world.asked, [Ask::Look(wanted.clone())]);
    assert!(
        page.contains("data-live=\"/devices?after=home%2Flap%20top&amp;q="),
        "{page}"
    );
    let mut request = get(&format!(
        "/live?page={}",
        super::address("", &[("x", &address)]).trim_start_matches("?x=")
    ));
    request.cookie = Some(owner);
    let Step::Watch(watch) = world.site.handle_request(&request, world.now) else {
        panic!("a stream");
    };
    assert_eq!(watch.page, wanted);
    let long = Sight::of(
        Page::Events,
        &crate::request::Fields::parse(format!("q={}", "x".repeat(9000)).as_bytes()),
    );
    assert_eq!(long.text.len(), super::LONGEST);
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
        "{t}{n}{name}",
        "\u{202e}evil\u{200f}\u{0}",
        "",
        long.as_str(),
        "カメラ",
    ] {
        for page in Page::ALL {
            for lang in crate::words::Lang::ALL {
                let sight = Sight {
                    page,
                    text: evil.to_owned(),
                    of: evil.to_owned(),
                    part: Part::First,
                };
                let value = if page == Page::Gateway {
                    one(evil)
                } else {
                    shown(evil)
                };
                let view = super::pages::View {
                    lang,
                    sight: &sight,
                    token: "token",
                    said: Some(evil),
                };
                let inside = super::pages::main(&value, &view) + &super::pages::made(&value, lang);
                let html = super::pages::whole(Some(page), Some(&sight), &inside, lang, "token");
                assert_eq!(
                    crate::pages::check_markup(&html),
                    [""; 0],
                    "{page:?} {evil}"
                );
                assert_eq!(
                    html.matches("<script").count(),
                    1,
                    "{page:?}: our own, {evil}"
                );
                for bad in [
                    "<img",
                    "<svg onload",
                    "<b>",
                    "onerror=alert(1)>",
                    "\u{202e}",
                    "\u{200f}",
                    "\u{0}",
                    " style=",
                    "href=\"javascript",
                    "src=\"javascript",
                    "action=\"javascript",
                ] {
                    assert!(!html.contains(bad), "{page:?} {evil} {bad}");
                }
            }
        }
    }
}

#[test]
fn an_empty_coordinator_has_pages_too() {
    for page in Page::ALL {
        for lang in crate::words::Lang::ALL {
            let sight = Sight {
                page,
                text: String::new(),
                of: String::new(),
                part: Part::First,
            };
            let view = super::pages::View {
                lang,
                sight: &sight,
                token: "token",
                said: None,
            };
            let html = super::pages::whole(
                Some(page),
                Some(&sight),
                &super::pages::main(&Value::Null, &view),
                lang,
                "token",
            );
            assert_eq!(crate::pages::check_markup(&html), [""; 0], "{page:?}");
        }
    }
}

#[test]
fn the_description_of_the_api_is_of_this_api() {
    let described: Value =
        serde_json::from_str(include_str!("../../assets/operator.json")).unwrap();
    let mut paths: Vec<(String, String)> = Vec::new();
    for (path, methods) in described["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let name = (method.to_uppercase(), path.clone());
            assert!(operation["summary"].is_string(), "{name:?}");
            let route = ROUTES
                .iter()
                .find(|route| route.path == path && method_name(route.method) == name.0);
            let route = route.unwrap_or_else(|| panic!("{name:?} is described, but not there"));
            let guarded = operation["responses"]["401"].is_object();
            assert_eq!(guarded, route.guard == Guard::Owner, "{name:?}");
            if route.method == Method::Post {
                let header = operation["parameters"][0]["$ref"].as_str();
                assert_eq!(header, Some("#/components/parameters/Token"), "{name:?}");
            }
            if let super::routes::What::ApiChange(act) = route.what {
                let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
                let mut members: Vec<&str> = schema["properties"]
                    .as_object()
                    .unwrap()
                    .keys()
                    .map(String::as_str)
                    .collect();
                let mut ours = act.fields().to_vec();
                members.sort_unstable();
                ours.sort_unstable();
                assert_eq!(members, ours, "{name:?}");
                let needed: Vec<&str> = schema["required"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter_map(Value::as_str)
                    .collect();
                assert_eq!(needed, act.fields()[..act.needed()], "{name:?}");
            }
            paths.push(name);
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
