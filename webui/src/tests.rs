//! The site as a whole: who gets what at each address.

pub(crate) mod admission;
mod devices;
mod logins;
mod programs;
mod settings;

use admission::{Row, Visited, method_name, session as cookie};

use crate::password::{self, Cost};
use crate::request::{Method, Request, Response};
use crate::session::{IDLE, LONGEST};
use crate::{Ask, Guard, Place, ROUTES, Setup, Site, Step};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const CHEAP: Cost = Cost { kib: 8, passes: 1 };
const PASSWORD: &str = "correct horse";
const HOST: &str = "192.168.1.1:4752";

pub(crate) fn place() -> Place {
    Place {
        address: [192, 168, 1, 1].into(),
        prefix: 24,
        port: 4752,
        names: vec!["car.ntm.test".into()],
    }
}

pub(crate) fn get(path: &str) -> Request {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    Request {
        method: Method::Get,
        path: path.to_owned(),
        query: query.to_owned(),
        host: Some(HOST.into()),
        origin: None,
        fetch_site: None,
        cookie: None,
        language: None,
        content_type: None,
        etag: None,
        token: None,
        body: Vec::new(),
        peer: "192.168.1.10:5000".parse().unwrap(),
        own: HOST.parse().unwrap(),
    }
}

fn post(path: &str, form: &str) -> Request {
    Request {
        method: Method::Post,
        origin: Some(format!("http://{HOST}")),
        fetch_site: Some("same-origin".into()),
        content_type: Some("application/x-www-form-urlencoded".into()),
        body: form.as_bytes().to_vec(),
        ..get(path)
    }
}

/// A daemon with something of everything, and hostile names in each place that a network may fill.
pub(crate) fn shown(evil: &str) -> Value {
    let hop = json!({"path": evil, "local": evil, "remote": evil});
    json!({
        "status": {"name": evil, "node_id": evil, "domain": evil, "vip4": evil, "domains": [evil], "devices": 2, "tunnels": 1,
            "uptime_s": 100, "release": evil, "update": evil, "rejects": {evil: 3}, "dc": {"state": "registered", "address": evil, "observed": evil, "rtt_ms": 20.0}},
        "devices": [{"name": evil, "node_id": evil, "mac": evil, "lan_address": evil, "vip4": evil, "vip6": evil, "online": true,
            "macs": [evil, evil], "hostname": evil, "identity": false, "keep": true, "sent": 1000, "received": 2000},
            {"name": "", "mac": evil, "online": false}],
        "tunnels": [{"peer": evil, "state": "up", "path": "relay", "why": evil, "wan": evil, "remote": evil, "rtt_ms": 10.0, "age_s": 5, "expected": 10, "missing": 1,
            "mtu": 1400, "cipher": evil, "heard_s": 1, "sent": 1000, "received": 2000, "key": evil, "key_before": evil, "devices": [evil], "aliases": {evil: evil}}],
        "wans": [{"name": evil, "addresses": [evil], "observed": [evil], "nat": true, "mapping": evil, "active": true, "metered": true, "preferred": false,
            "data": {"today": evil, "start": {"sent": 1, "received": 2}, "undated": {"sent": 0, "received": 0},
                "days": [{"when": evil, "sent": 1, "received": 2}], "months": [{"when": evil, "sent": 1, "received": 2}]}},
            {"name": "wwan0", "addresses": ["100.64.0.9:4750"], "observed": [], "nat": null, "active": false, "metered": false, "preferred": true}],
        "handovers": [{"peer": evil, "cause": evil, "from": hop, "to": hop, "ago_s": 3, "done": true, "detect_ms": 100.0, "tunnel_ms": 40.0,
            "gap_ms": 160.0, "again": 2, "lost": 0}],
        "policies": [{"number": 1, "from": evil, "to": evil, "action": "deny", "pairs": 1, "decided": 2, "unknown": [evil]}],
    })
}

/// What a daemon says of its settings, with a hostile text wherever one may stand.
pub(crate) fn said(evil: &str) -> Value {
    let setting = |name: &str, kind: &str, choices: &[&str]| json!({"name": name, "kind": kind, "choices": choices, "usual": evil, "value": evil});
    json!({
        "file": evil, "form": "toml", "editable": true, "fingerprint": "f00",
        "settings": [
            setting("lan.dhcp", "choice", &["server", "off"]),
            setting("tunnel.mtu", "number", &[]),
            setting("web.enabled", "switch", &[]),
            setting(&format!("lan.{evil}"), evil, &[evil]),
        ],
        "policies": [{"from": evil, "to": "", "action": "deny", "enabled": true},
            {"from": "", "to": evil, "action": evil, "enabled": false}],
        "devices": [{"mac": evil, "address": evil, "name": evil, "identity": "false", "keep": evil}],
        "ways": [{"name": evil, "network": false, "metered": true, "limit_mb": evil, "enabled": true}],
    })
}

/// A site and the clock of a test.
struct World {
    site: Site,
    now: Instant,
    kept: Vec<String>,
    asked: Vec<Ask>,
}

impl World {
    fn new() -> Self {
        Self::with(Some(password::hash(PASSWORD, [1; 16], CHEAP).unwrap()))
    }

    fn with(password: Option<String>) -> Self {
        let setup = Setup {
            place: place(),
            seed: [9; 32],
            cost: CHEAP,
        };
        let now = Instant::now();
        Self {
            site: Site::new(setup, password, now),
            now,
            kept: Vec::new(),
            asked: Vec::new(),
        }
    }

    /// What a browser gets in the end. A stream is a 200.
    fn ask(&mut self, request: &Request) -> Response {
        match self.site.handle_request(request, self.now) {
            Step::Answer(response) => response,
            Step::Watch(_) => Response::html(200, String::new()),
            Step::Ask(ask, pending) => {
                let result = match &ask {
                    Ask::Show => shown("home"),
                    Ask::Part(part) => shown("home")[part.name()].take(),
                    Ask::Keep(phc) => {
                        self.kept.push(phc.clone());
                        Value::Null
                    }
                    Ask::Prefer(_) | Ask::Accept(_) | Ask::Reload => json!([]),
                    Ask::Device(_) => json!([]),
                    Ask::Settings => said("home"),
                    Ask::Change(asked) if asked["set"]["tunnel.mtu"] == "12" => {
                        json!({"refused": {"name": "tunnel.mtu", "message": "is a number", "line": 3}, "settings": said("home")})
                    }
                    Ask::Change(asked) if asked["fingerprint"] == "old" => {
                        json!({"stale": true, "settings": said("home")})
                    }
                    Ask::Change(_) => json!({"done": "now"}),
                    Ask::Export => json!({"name": "ntm-gateway.toml", "text": "home = 1"}),
                    Ask::Log => json!(["t  INFO home", "t  WARN <b>evil"]),
                    Ask::Diagnose => json!({"version": "home"}),
                    Ask::Restart => Value::Null,
                    Ask::Begin(_) => json!({"done": "car.ntm.test"}),
                    Ask::Ping(name) => {
                        json!({"name": name, "rtt_ms": 5.0, "path": "direct", "remote": "192.0.2.1:4750"})
                    }
                };
                self.asked.push(ask);
                self.site.handle_result(pending, Ok(result), self.now)
            }
        }
    }

    /// The token of somebody with this cookie.
    fn token(&mut self, cookie: Option<&str>) -> String {
        let mut request = get("/api/v1/session");
        request.cookie = cookie.map(str::to_owned);
        let answer: Value = serde_json::from_slice(&self.ask(&request).body).unwrap();
        answer["token"].as_str().unwrap().to_owned()
    }

    fn log_in(&mut self, password: &str) -> Response {
        let token = self.token(None);
        let form = format!("token={token}&password={}", password.replace(' ', "+"));
        self.ask(&post("/login", &form))
    }

    fn owner(&mut self) -> String {
        cookie(&self.log_in(PASSWORD)).unwrap()
    }

    fn is_owner(&mut self, cookie: &str) -> bool {
        let mut request = get("/");
        request.cookie = Some(cookie.to_owned());
        self.ask(&request).status == 200
    }
}

impl Visited for World {
    fn new() -> Self {
        Self::new()
    }

    fn get(path: &str) -> Request {
        get(path)
    }

    fn ask(&mut self, request: &Request) -> Response {
        self.ask(request)
    }

    fn owner(&mut self) -> String {
        self.owner()
    }

    fn token(&mut self, cookie: Option<&str>) -> String {
        self.token(cookie)
    }

    fn asked(&self) -> usize {
        self.asked.len() + self.kept.len()
    }
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    let mut found = response.headers.iter().filter(|(key, _)| *key == name);
    found.next().map(|(_, value)| value.as_str())
}

fn text(response: &Response) -> String {
    String::from_utf8(response.body.to_vec()).unwrap()
}

/// What each address says to: nobody; the owner with a wrong token; the owner's browser, made to ask by another site's
/// page; the owner. Where there is nothing to change, the token does not matter; another site's page may link to us.
const EXPECTED: &[Row] = &[
    ("GET", "/style.css", [200, 200, 403, 200]),
    ("GET", "/live.js", [200, 200, 403, 200]),
    ("GET", "/icon.svg", [200, 200, 403, 200]),
    // There is a password already.
    ("GET", "/welcome", [303, 303, 403, 303]),
    ("POST", "/welcome", [303, 403, 403, 303]),
    ("GET", "/login", [200, 303, 403, 303]),
    // No password in the form.
    ("POST", "/login", [403, 403, 403, 403]),
    ("POST", "/language", [303, 403, 403, 303]),
    ("POST", "/logout", [303, 403, 403, 303]),
    ("GET", "/", [303, 200, 403, 200]),
    ("GET", "/devices", [303, 200, 403, 200]),
    // Which device?
    ("GET", "/device", [303, 303, 403, 303]),
    ("POST", "/device", [303, 403, 403, 303]),
    ("GET", "/peers", [303, 200, 403, 200]),
    ("POST", "/peers", [303, 403, 403, 303]),
    ("POST", "/peers/accept", [303, 403, 403, 303]),
    ("GET", "/moves", [303, 200, 403, 200]),
    ("GET", "/moves.csv", [303, 200, 403, 200]),
    ("GET", "/wans", [303, 200, 403, 200]),
    ("POST", "/wans", [303, 403, 403, 303]),
    ("GET", "/password", [303, 200, 403, 200]),
    // The same.
    ("POST", "/password", [303, 403, 403, 403]),
    // No page in the query.
    ("GET", "/live", [401, 404, 403, 404]),
    ("GET", "/api/v1/openapi.json", [200, 200, 403, 200]),
    ("GET", "/api/v1/session", [200, 200, 403, 200]),
    // A form is not what a program sends.
    ("POST", "/api/v1/session", [415, 403, 403, 415]),
    ("GET", "/api/v1/status", [401, 200, 403, 200]),
    ("GET", "/api/v1/devices", [401, 200, 403, 200]),
    ("GET", "/api/v1/tunnels", [401, 200, 403, 200]),
    ("GET", "/api/v1/wans", [401, 200, 403, 200]),
    ("GET", "/api/v1/handovers", [401, 200, 403, 200]),
    ("GET", "/api/v1/policies", [401, 200, 403, 200]),
    ("POST", "/api/v1/device", [401, 403, 403, 415]),
    ("POST", "/api/v1/wan", [401, 403, 403, 415]),
    ("POST", "/api/v1/ping", [401, 403, 403, 415]),
    ("POST", "/api/v1/accept", [401, 403, 403, 415]),
    ("GET", "/api/v1/settings", [401, 200, 403, 200]),
    ("PUT", "/api/v1/settings", [401, 403, 403, 415]),
    ("POST", "/api/v1/reload", [401, 403, 403, 415]),
    ("GET", "/api/v1/log", [401, 200, 403, 200]),
    ("POST", "/api/v1/restart", [401, 403, 403, 415]),
    // Settings, and the first run.
    ("POST", "/setup", [303, 403, 403, 303]),
    ("GET", "/settings", [303, 200, 403, 200]),
    ("POST", "/settings", [303, 403, 403, 303]),
    ("POST", "/settings/policy", [303, 403, 403, 303]),
    ("POST", "/settings/device", [303, 403, 403, 303]),
    ("POST", "/settings/ways", [303, 403, 403, 303]),
    ("POST", "/settings/import", [303, 403, 403, 303]),
    ("GET", "/settings/export", [303, 200, 403, 200]),
    ("POST", "/restart", [303, 403, 403, 303]),
    ("GET", "/log", [303, 200, 403, 200]),
    ("GET", "/diagnostics.json", [303, 200, 403, 200]),
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
fn no_address_answers_outside_the_lan_or_under_another_name() {
    for route in ROUTES {
        let mut world = World::new();
        let owner = world.owner();
        let mut request = get(route.path);
        request.method = route.method;
        request.cookie = Some(owner);
        let mut from_outside = request.clone();
        from_outside.peer = "203.0.113.9:5000".parse().unwrap();
        assert_eq!(world.ask(&from_outside).status, 403, "{}", route.path);
        let mut at_the_wan = request.clone();
        at_the_wan.own = "198.51.100.2:4752".parse().unwrap();
        assert_eq!(world.ask(&at_the_wan).status, 403, "{}", route.path);
        request.host = Some("evil.test:4752".into());
        assert_eq!(world.ask(&request).status, 421, "{}", route.path);
    }
}

#[test]
fn what_is_no_address_is_not_there_and_methods_are_told_apart() {
    let mut world = World::new();
    for path in [
        "/index.html",
        "/style.css/",
        "//",
        "/../etc/passwd",
        "/api/v2/status",
        "/Login",
        "",
    ] {
        assert_eq!(world.ask(&get(path)).status, 404, "{path}");
    }
    assert_eq!(world.ask(&post("/devices", "")).status, 405);
    assert_eq!(world.ask(&get("/logout")).status, 405);
    let mut other = get("/");
    other.method = Method::Other;
    assert_eq!(world.ask(&other).status, 405);
}

#[test]
fn who_looks_on_is_shown_changes_until_the_session_is_over() {
    let mut world = World::new();
    let owner = world.owner();
    let mut request = get("/live?page=/moves");
    request.cookie = Some(owner);
    let Step::Watch(watch) = world.site.handle_request(&request, world.now) else {
        panic!("a stream");
    };
    let page = world
        .site
        .handle_look(&watch, &Ok(shown("home")), world.now)
        .unwrap();
    assert!(page.contains("160 ms") && !page.contains("<html"), "{page}");
    let gone = world
        .site
        .handle_look(&watch, &Err("stopping".into()), world.now)
        .unwrap();
    assert!(gone.contains("does not answer"));
    world.now += IDLE;
    assert_eq!(
        world
            .site
            .handle_look(&watch, &Ok(shown("home")), world.now),
        None
    );
    let owner = world.owner();
    for page in ["/password", "/settings", "/log", "/login", "", "/nothing"] {
        let mut request = get(&format!("/live?page={page}"));
        request.cookie = Some(owner.clone());
        assert_eq!(world.ask(&request).status, 404, "{page}");
    }
}

#[test]
fn what_was_asked_for_is_said_on_its_page() {
    let mut world = World::new();
    let owner = world.owner();
    let token = world.token(Some(&owner));
    let mut ping = post("/peers", &format!("token={token}&name=%3Cb%3Ecamera"));
    ping.cookie = Some(owner.clone());
    assert_eq!(header(&world.ask(&ping), "Location"), Some("/peers"));
    assert_eq!(world.asked.last(), Some(&Ask::Ping("<b>camera".into())));
    let mut peers = get("/peers");
    peers.cookie = Some(owner.clone());
    let page = text(&world.ask(&peers));
    assert!(page.contains("&lt;b&gt;camera: 5.0 ms, direct") && !page.contains("<b>camera"));
    assert!(world.is_owner(&owner));
    assert!(
        !text(&world.ask(&peers)).contains("camera: 5.0 ms"),
        "another page was looked at since"
    );
}

#[test]
fn a_form_of_yesterday_or_of_another_address_is_refused() {
    let mut world = World::new();
    let token = world.token(None);
    let form = format!("token={token}&language=ja");
    assert_eq!(world.ask(&post("/language", &form)).status, 303);
    let mut other = post("/language", &form);
    other.peer = "192.168.1.11:5000".parse().unwrap();
    assert_eq!(world.ask(&other).status, 403);
    world.now += Duration::from_secs(3600);
    assert_eq!(
        world.ask(&post("/language", &form)).status,
        303,
        "filled in slowly"
    );
    world.now += Duration::from_secs(3600);
    assert_eq!(world.ask(&post("/language", &form)).status, 403);
}

#[test]
fn a_file_that_the_browser_has_is_not_sent_again() {
    let mut world = World::new();
    let first = world.ask(&get("/style.css"));
    assert_eq!(header(&first, "Content-Encoding"), Some("gzip"));
    let mut again = get("/style.css");
    again.etag = header(&first, "ETag").map(str::to_owned);
    let again = world.ask(&again);
    assert_eq!((again.status, again.body.len()), (304, 0));
}
