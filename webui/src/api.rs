//! `/api/v1`: what programs ask. `assets/openapi.json` describes it.

use crate::logins::seconds;
use crate::request::{Request, Response};
use serde_json::{Value, json};
use std::time::Duration;

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
pub(crate) fn object(request: &Request) -> Result<Value, Response> {
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
pub(crate) fn changed(result: Result<Value, String>) -> Response {
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

/// What the daemon said.
pub(crate) fn result(result: Result<Value, String>) -> Response {
    match result {
        Ok(value) => Response::json(200, &value),
        Err(error) => Response::json(503, &json!({"error": error})),
    }
}
