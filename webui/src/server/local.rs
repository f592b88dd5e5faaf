//! The API for the router's own user, on a socket in the file system: the command line's way to the daemon. Nobody logs in
//! there: the file's mode has said already who may come. There are no pages.

use super::connection::{finish, read, speak};
use super::{Daemon, ask};
use crate::api::Call;
use crate::{Request, Response};
use axum::Router;
use axum::extract::Request as HttpRequest;
use serde_json::json;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::UnixStream;

/// Serves one connection to its end.
pub async fn serve(stream: UnixStream, daemon: Arc<dyn Daemon>) {
    let router: Router = Router::new().fallback(move |request: HttpRequest| {
        let daemon = daemon.clone();
        async move {
            // Nothing here goes by who has which address.
            let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let response = match read(request, nowhere, nowhere).await {
                Ok(request) => answer(&request, &*daemon).await,
                Err(response) => in_json(&response),
            };
            finish(response, false)
        }
    });
    speak(Box::new(stream), router).await;
}

async fn answer(request: &Request, daemon: &dyn Daemon) -> Response {
    match Call::of(request).and_then(|call| Ok((call, call.ask(request)?))) {
        Ok((call, asked)) => call.answer(ask(daemon, asked).await),
        Err(response) => response,
    }
}

/// What is said to a browser in plain words, for a program.
fn in_json(response: &Response) -> Response {
    let error = String::from_utf8_lossy(&response.body);
    Response::json(response.status, &json!({"error": error}))
}
