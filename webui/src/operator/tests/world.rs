//! The operator's site with a coordinator behind it that has something of everything.

use crate::operator::{Ask, Gate, Operator, Page};
use crate::password::{self, Cost};
use crate::request::{Method, Request, Response};
use crate::tests::admission::{Visited, session, text};
use crate::{Setup, Site, Step};
use serde_json::{Value, json};
use std::time::Instant;

pub(super) const CHEAP: Cost = Cost { kib: 8, passes: 1 };
pub(super) const PASSWORD: &str = "correct horse";
pub(super) const HOST: &str = "127.0.0.1:4753";

pub(super) fn get(path: &str) -> Request {
    Request {
        host: Some(HOST.into()),
        peer: "127.0.0.1:5000".parse().unwrap(),
        own: HOST.parse().unwrap(),
        ..crate::tests::get(path)
    }
}

pub(super) fn post(path: &str, form: &str) -> Request {
    Request {
        method: Method::Post,
        origin: Some(format!("http://{HOST}")),
        fetch_site: Some("same-origin".into()),
        content_type: Some("application/x-www-form-urlencoded".into()),
        body: form.as_bytes().to_vec(),
        ..get(path)
    }
}

/// A coordinator with something of everything, and hostile names in each place that somebody else may fill.
pub(super) fn shown(evil: &str) -> Value {
    let gateway = json!({"name": evil, "node_id": evil, "account": evil, "vip4": evil, "vip6": evil, "online": true, "address": evil,
        "last_seen_s": 70, "devices": 2, "key": evil, "starts": 3, "release": evil, "key_used_twice": true, "reach": [evil, evil]});
    let device =
        json!({"name": evil, "gateway": evil, "vip4": evil, "vip6": evil, "online": false});
    let relay = json!({"name": evil, "online": true, "address": evil, "last_seen_s": 2, "paths": 5, "capacity": 10, "starts": 1, "release": evil});
    let domain = json!({"domain": evil, "key": evil, "address": evil, "linked": true, "guests": 1});
    let mut all = json!({
        "domain": evil, "version": evil, "uptime_s": 100, "key": evil, "paste": evil, "bytes": 4096, "most": 10, "took_ms": 1.5,
        "gateways": {"all": 3, "online": 2}, "devices": {"all": 3, "online": 2}, "relays": {"all": 1, "online": 1}, "tunnels": 2,
        "accounts": [{"name": evil, "gateways": 3, "online": 2}], "accounts_in_all": 9,
        "relay_rows": [relay], "domains": [domain], "history": [{"registered": 3, "enrolled": 1}, {"registered": 0, "enrolled": 0}],
        "gateway": gateway, "before": evil, "after": evil, "keys_command": evil, "restore_command": evil,
        "groups": [{"name": evil, "accounts": [evil], "foreign": [evil]}],
        "code": evil, "name": evil, "kind": "gateway", "expires_s": 900, "qr": ["101", "010", "111"],
    });
    let row = json!({"state": "open", "kind": evil, "expires_s": 60, "used_s": 5, "at": evil, "text": evil, "groups": [evil], "gateways": 0});
    let mut rows = vec![gateway, device, relay, domain, row];
    for each in &mut rows {
        for (name, value) in [
            ("name", json!(evil)),
            ("account", json!(evil)),
            ("key", json!(evil)),
        ] {
            each[name] = value;
        }
    }
    all["rows"] = rows.into();
    all
}

/// The same as a page of one gateway has it.
pub(super) fn one(evil: &str) -> Value {
    let mut all = shown(evil);
    let rows = all["rows"].clone();
    all["devices"] = json!({"rows": rows, "after": evil});
    all["tunnels"] = json!([{"one": evil, "other": evil, "relay": evil, "why": evil, "direct": false},
        {"one": "x", "other": evil, "relay": null, "why": evil, "direct": true}]);
    all
}

pub(super) struct World {
    pub(super) site: Site<Operator>,
    pub(super) now: Instant,
    pub(super) asked: Vec<Ask>,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(
            Gate::default(),
            Some(password::hash(PASSWORD, [1; 16], CHEAP).unwrap()),
        )
    }

    pub(super) fn with(place: Gate, password: Option<String>) -> Self {
        let setup = Setup {
            place,
            seed: [9; 32],
            cost: CHEAP,
        };
        let now = Instant::now();
        Self {
            site: Site::new(setup, password, now),
            now,
            asked: Vec::new(),
        }
    }

    pub(super) fn ask(&mut self, request: &Request) -> Response {
        match self.site.handle_request(request, self.now) {
            Step::Answer(response) => response,
            Step::Watch(_) => Response::html(200, String::new()),
            Step::Ask(ask, pending) => {
                let result = match &ask {
                    Ask::Look(sight) if sight.page == Page::Gateway => one("home"),
                    Ask::Look(_) => shown("home"),
                    Ask::Change(change) => {
                        json!({"name": change.values[0], "code": "NTM1-SECRET", "qr": ["1"], "expires_s": 900})
                    }
                    Ask::Backup => json!({"file": "/nowhere", "name": "home.db"}),
                    Ask::Keep(_) => Value::Null,
                };
                self.asked.push(ask);
                self.site.handle_result(pending, Ok(result), self.now)
            }
        }
    }

    pub(super) fn token(&mut self, cookie: Option<&str>) -> String {
        let mut request = get("/api/v1/session");
        request.cookie = cookie.map(str::to_owned);
        let answer: Value = serde_json::from_slice(&self.ask(&request).body).unwrap();
        answer["token"].as_str().unwrap().to_owned()
    }

    pub(super) fn owner(&mut self) -> String {
        let token = self.token(None);
        let form = format!("token={token}&password={}", PASSWORD.replace(' ', "+"));
        let response = self.ask(&post("/login", &form));
        session(&response).unwrap()
    }

    /// What the owner's browser gets for this form.
    pub(super) fn send(&mut self, owner: &str, path: &str, form: &str) -> Response {
        let token = self.token(Some(owner));
        let mut request = post(path, &format!("token={token}&{form}"));
        request.cookie = Some(owner.to_owned());
        self.ask(&request)
    }

    pub(super) fn see(&mut self, owner: &str, path: &str) -> String {
        let mut request = get(path);
        request.cookie = Some(owner.to_owned());
        text(&self.ask(&request))
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
        self.asked.len()
    }
}

pub(super) fn location(response: &Response) -> Option<&str> {
    let mut found = response
        .headers
        .iter()
        .filter(|(key, _)| *key == "Location");
    found.next().map(|(_, value)| value.as_str())
}
