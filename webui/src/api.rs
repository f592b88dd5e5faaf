//! `/api/v1`: what programs ask, by the page's address or by the socket of the router's own user. `assets/openapi.json`
//! describes it.

use crate::logins::seconds;
use crate::request::{Request, Response};
use crate::routes::{Found, Part, ROUTES, What, find};
use crate::{Ask, change};
use serde_json::{Value, json};
use std::time::Duration;

/// The longest name that is asked for.
pub(crate) const MAX_NAME: usize = 253;

/// What can be asked without a browser's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Show(Part),
    Device,
    Prefer,
    Ping,
    Accept,
    Settings,
    SetSettings,
    Reload,
    Log,
    Restart,
}

impl Call {
    /// What a program may ask here that needs no session, having come by a socket that is its owner's alone.
    pub(crate) fn of(request: &Request) -> Result<Self, Response> {
        let error = |status, why| Err(Response::json(status, &json!({"error": why})));
        match find(ROUTES, request.method, &request.path) {
            Found::Route(route) => {
                let What::Api(call) = route.what else {
                    return error(404, "that is for browsers, at the page's own address");
                };
                Ok(call)
            }
            Found::OtherMethod => error(405, "not by this method"),
            Found::Nothing => error(404, "there is nothing here"),
        }
    }

    /// The question for the daemon, or what is wrong with the request.
    pub(crate) fn ask(self, request: &Request) -> Result<Ask, Response> {
        Ok(match self {
            Self::Show(part) => Ask::Part(part),
            Self::Device => Ask::Device(change::sent(request)?),
            Self::Prefer => Ask::Prefer(Some(word(request, "prefer")?).filter(|it| !it.is_empty())),
            Self::Ping => Ask::Ping(name(request, "name")?),
            Self::Accept => Ask::Accept(name(request, "peer")?),
            Self::Settings => Ask::Settings,
            Self::SetSettings => Ask::Change(change_of_settings(request)?),
            Self::Reload => object(request).map(|_| Ask::Reload)?,
            Self::Log => Ask::Log,
            Self::Restart => object(request).map(|_| Ask::Restart)?,
        })
    }

    /// What the daemon said to it.
    pub(crate) fn answer(self, said: Result<Value, String>) -> Response {
        if self == Self::SetSettings {
            return changed(said);
        }
        match said {
            Ok(value) => Response::json(200, &value),
            Err(error) => Response::json(503, &json!({"error": error})),
        }
    }
}

/// A change, and which text it is of: without that it could only be another one's.
fn change_of_settings(request: &Request) -> Result<Value, Response> {
    let asked = object(request)?;
    match asked["fingerprint"].is_string() {
        true => Ok(asked),
        false => Err(wrong("send an object with the text \"fingerprint\"")),
    }
}

/// The member `member` of the body: somebody's name.
fn name(request: &Request, member: &str) -> Result<String, Response> {
    let name = word(request, member)?;
    if name.is_empty() || name.len() > MAX_NAME {
        return Err(wrong(&format!("{member}: a name is missing, or too long")));
    }
    Ok(name)
}

/// The text member `name` of the body, which is a JSON object; empty where it is `null`.
pub(crate) fn word(request: &Request, name: &str) -> Result<String, Response> {
    if !request.is_json() {
        return Err(Response::json(
            415,
            &json!({"error": "send Content-Type: application/json"}),
        ));
    }
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    match body.get(name) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Null) => Ok(String::new()),
        Some(_) | None => Err(wrong(&format!("send an object with the text {name:?}"))),
    }
}

/// The body, which is a JSON object.
fn object(request: &Request) -> Result<Value, Response> {
    if !request.is_json() {
        return Err(Response::json(
            415,
            &json!({"error": "send Content-Type: application/json"}),
        ));
    }
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    if body.is_object() {
        Ok(body)
    } else {
        Err(wrong("send an object"))
    }
}

/// What came of a change of the settings.
fn changed(result: Result<Value, String>) -> Response {
    match result {
        Ok(value) if value["stale"] == true => Response::json(409, &value),
        Ok(value) if value["done"].is_null() => Response::json(422, &value),
        Ok(value) => Response::json(200, &value),
        // What is asked for makes no sense, or the file cannot be written.
        Err(error) => wrong(&error),
    }
}

/// The request makes no sense.
pub(crate) fn wrong(why: &str) -> Response {
    Response::json(422, &json!({"error": why}))
}

/// Not yet.
pub(crate) fn wait(left: Duration) -> Response {
    let left = seconds(left);
    let error = format!("too many tries; wait {left} seconds");
    let mut response = Response::json(429, &json!({"error": error}));
    response.headers.push(("Retry-After", left.to_string()));
    response
}
