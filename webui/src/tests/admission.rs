//! Who gets what at each address: the same questions to every kind of site.

use crate::request::{Method, Request, Response};
use crate::routes::{Guard, Route};

/// A site with a daemon behind it, in a test.
pub(crate) trait Visited {
    fn new() -> Self;
    fn get(path: &str) -> Request;
    fn ask(&mut self, request: &Request) -> Response;
    /// The cookie of who has logged in.
    fn owner(&mut self) -> String;
    /// The token of somebody with this cookie.
    fn token(&mut self, cookie: Option<&str>) -> String;
    /// How often the daemon has been asked.
    fn asked(&self) -> usize;
}

/// A row: method and path, and what is said there to nobody; to the owner with a wrong token; to the owner's browser, made
/// to ask by another site's page; to the owner, with a form that has nothing in it.
pub(crate) type Row = (&'static str, &'static str, [u16; 4]);

pub(crate) fn method_name(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Other => "OTHER",
    }
}

/// The session that a response opens, as the browser sends it back.
pub(crate) fn session(response: &Response) -> Option<String> {
    let cookies = response
        .headers
        .iter()
        .filter(|(key, _)| *key == "Set-Cookie");
    let mut sessions = cookies.filter(|(_, value)| value.starts_with("ntm_session="));
    let value = &sessions.next()?.1;
    Some(value.split(';').next()?.to_owned())
}

pub(crate) fn text(response: &Response) -> String {
    String::from_utf8_lossy(&response.body).into_owned()
}

/// What a browser sends with a form of a page at `host`, by `route`'s method.
fn form<V: Visited, W>(route: &Route<W>, body: &str) -> Request {
    let request = V::get(route.path);
    if route.method == Method::Get {
        return Request {
            body: body.into(),
            ..request
        };
    }
    let host = request.host.clone().unwrap_or_default();
    Request {
        method: route.method,
        origin: Some(format!("http://{host}")),
        fetch_site: Some("same-origin".into()),
        content_type: Some("application/x-www-form-urlencoded".into()),
        body: body.into(),
        ..request
    }
}

/// Each address of `routes` has a row, and each row an address.
pub(crate) fn every_address_says_to_each_what_it_should<V: Visited, W>(
    routes: &[Route<W>],
    rows: &[Row],
) {
    let mut left: Vec<_> = rows.iter().collect();
    for route in routes {
        let name = (method_name(route.method), route.path);
        let at = left
            .iter()
            .position(|(method, path, _)| (*method, *path) == name)
            .unwrap_or_else(|| panic!("{name:?} has no row: who may do what there?"));
        let (.., expected) = *left.remove(at);
        let mut got = [0; 4];
        for (who, got) in got.iter_mut().enumerate() {
            let mut world = V::new();
            let owner = (who > 0).then(|| world.owner());
            let token = world.token(owner.as_deref());
            let before = world.asked();
            let token = match who {
                1 => token.replace(['0', '1', '2', '3'], "4"),
                _ => token,
            };
            let mut request = form::<V, W>(route, &format!("token={token}"));
            request.cookie = owner;
            if who == 2 {
                request.origin = Some("http://evil.test".into());
                request.fetch_site = Some("cross-site".into());
            }
            let response = world.ask(&request);
            *got = response.status;
            let refused = who == 2 || (who == 1 && route.method != Method::Get);
            if refused || (who == 0 && route.guard == Guard::Owner) {
                assert_eq!(world.asked(), before, "{name:?}: the daemon is not asked");
                assert_eq!(session(&response), None, "{name:?}");
                assert!(
                    !text(&response).contains("home"),
                    "{name:?} shows something"
                );
            }
        }
        assert_eq!(got, expected, "{name:?}");
    }
    assert!(left.is_empty(), "rows without a route: {left:?}");
}

/// Not even for the owner's browser, if that says nothing of where it is from.
pub(crate) fn nothing_changes_without_a_token<V: Visited, W>(routes: &[Route<W>]) {
    for route in routes.iter().filter(|route| route.method != Method::Get) {
        for body in [
            "",
            "token=",
            "name=camera&password=correct+horse&new=12345678&again=12345678",
        ] {
            let mut world = V::new();
            let owner = world.owner();
            let before = world.asked();
            let mut request = form::<V, W>(route, body);
            (request.origin, request.fetch_site) = (None, None);
            request.cookie = Some(owner.clone());
            assert_eq!(world.ask(&request).status, 403, "{} {body}", route.path);
            request.content_type = Some("application/json".into());
            request.body =
                br#"{"name":"camera","password":"correct horse","prefer":"wan0"}"#.to_vec();
            assert_eq!(world.ask(&request).status, 403, "{} as JSON", route.path);
            assert_eq!(world.asked(), before, "{}", route.path);
            let mut home = V::get("/");
            home.cookie = Some(owner);
            let status = world.ask(&home).status;
            assert_eq!(status, 200, "and nobody is logged out by it");
        }
    }
}
