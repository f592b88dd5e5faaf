//! The node's side of joining a domain: one question to the Account Server, one answer kept.
//!
//! The code names the server's hosts and pins its certificate, so nothing here trusts DNS, a certificate authority
//! or the clock. The node's key is made before the first question and kept, so that a node that lost the answer
//! asks again with the same code and gets the same answer.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "asking over the network is what this module is for"
)]

use crate::api::{ApiError, Domain, EnrolRequest, Membership};
use crate::state::{self, Node};
use crate::tls;
use anyhow::{Context, Result, anyhow, bail, ensure};
use data_encoding::BASE64;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use ntm_proto::enrol::{EnrolmentCode, Role, possession_proof};
use ntm_proto::key::{PublicKey, SecretKey};
use rustls::pki_types::ServerName;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// How long one host may take, from name to connection, and for each answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest answer, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// A connection to the Account Server.
struct Server {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

/// Joins the domain that `code` is for, as `role`, and keeps in `dir` what [`state::load`] reads.
///
/// Tries the code's hosts in turn. The error is for people: what happened and what to do.
pub async fn enrol(code: &EnrolmentCode, role: Role, dir: &Path) -> Result<Membership> {
    ensure!(code.role == role, "{}", wrong_role(code.role));
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let key = state::key(dir)?;
    let mut server = connect(code).await?;
    let domain: Domain = server.ask(Method::GET, "/v1/domain", Bytes::new()).await?;
    let request = request(code, &key, &domain)?;
    let membership: Membership = server.post("/v1/enrol", &request).await?;
    Node::new(key, &membership)
        .and_then(|node| {
            let keys = PublicKey::parse(&domain.dc_key).is_ok_and(|dc| dc == node.dc_key);
            ensure!(keys, "dc_key: another than it said before");
            Ok(())
        })
        .context("the account server's answer makes no sense; is it of another version?")?;
    state::save(dir, &membership)?;
    Ok(membership)
}

fn wrong_role(role: Role) -> &'static str {
    match role {
        Role::Gateway => {
            "this code is for a gateway: use it with `ntm-gateway enrol`, or get one for a relay from `ntm-dc relay-code`"
        }
        Role::Relay => {
            "this code is for a relay: use it with `ntm-relay enrol`, or get one for a gateway from `ntm-dc gateway-code`"
        }
    }
}

fn request(code: &EnrolmentCode, key: &SecretKey, domain: &Domain) -> Result<EnrolRequest> {
    let dc_key =
        PublicKey::parse(&domain.dc_key).context("the account server sent no usable key")?;
    let shared = key
        .agree(&dc_key)
        .context("the account server sent a worthless key")?;
    Ok(EnrolRequest {
        token: BASE64.encode(&code.token),
        role: match code.role {
            Role::Gateway => "gateway",
            Role::Relay => "relay",
        }
        .into(),
        public_key: key.public().to_string(),
        proof: BASE64.encode(&possession_proof(&shared, &code.token)),
    })
}

/// Connects to the first host that answers with the pinned certificate.
async fn connect(code: &EnrolmentCode) -> Result<Server> {
    let config = tls::pinned(code.fingerprint).context("cannot set up TLS")?;
    let connector = TlsConnector::from(Arc::new(config));
    let mut failures = Vec::new();
    for host in &code.hosts {
        let attempt = timeout(PATIENCE, reach(&connector, host, code.port));
        match attempt.await {
            Ok(Ok(server)) => return Ok(server),
            Ok(Err(error)) => failures.push(format!("{host} port {}: {error:#}", code.port)),
            Err(_) => failures.push(format!(
                "{host} port {}: no answer in 10 seconds",
                code.port
            )),
        }
    }
    bail!(
        "cannot reach the account server; is `ntm-dc run` up and its TCP port open?\n  {}",
        failures.join("\n  ")
    )
}

async fn reach(connector: &TlsConnector, host: &str, port: u16) -> Result<Server> {
    let name = ServerName::try_from(host.to_owned()).context("no host name or address")?;
    let tcp = TcpStream::connect((host, port)).await?;
    let stream = connector.connect(name, tcp).await.map_err(|error| {
        if tls::is_other_certificate(&error) {
            anyhow!("its certificate is not the one this code names: another server, or somebody in between")
        } else {
            anyhow::Error::from(error).context("TLS failed")
        }
    })?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the sender; what breaks it shows there.
    tokio::spawn(async move { connection.await.ok() });
    let host = if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    };
    Ok(Server { sender, host })
}

impl Server {
    async fn post<A: DeserializeOwned>(&mut self, path: &str, body: &impl Serialize) -> Result<A> {
        let body = serde_json::to_vec(body).context("cannot write the request")?;
        self.ask(Method::POST, path, body.into()).await
    }

    async fn ask<A: DeserializeOwned>(
        &mut self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<A> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.host)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .context("cannot make the request")?;
        let (status, body) = timeout(PATIENCE, self.exchange(request))
            .await
            .context(
                "the account server did not answer in 10 seconds; try again with the same code",
            )?
            .context("the account server broke off; try again with the same code")?;
        if status != StatusCode::OK {
            return Err(refused(status, &body));
        }
        serde_json::from_slice(&body)
            .context("the account server's answer makes no sense; is it of another version?")
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes)> {
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_BODY);
        let body = body.collect().await.map_err(|error| anyhow!("{error}"))?;
        Ok((status, body.to_bytes()))
    }
}

/// The server's own sentence where it has one, without what a terminal would act on.
fn refused(status: StatusCode, body: &[u8]) -> anyhow::Error {
    let Ok(ApiError { error, message }) = serde_json::from_slice(body) else {
        return anyhow!(
            "the account server answered with HTTP status {}",
            status.as_u16()
        );
    };
    let printable =
        |text: &str| -> String { text.chars().filter(|c| !c.is_control()).take(400).collect() };
    let (error, message) = (printable(&error), printable(&message));
    let advice = if status.is_server_error() {
        "; try again with the same code"
    } else {
        ""
    };
    anyhow!("the account server refused ({error}): {message}{advice}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(port: u16) -> EnrolmentCode {
        EnrolmentCode {
            role: Role::Gateway,
            token: [3; 16],
            fingerprint: [9; 32],
            port,
            hosts: vec!["127.0.0.1".into(), "::1".into()],
        }
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap().block_on(future)
    }

    #[test]
    fn every_host_that_failed_is_named() {
        // Port 1 of loopback: nobody listens there.
        let error = run(connect(&code(1))).err().unwrap().to_string();
        assert!(
            error.contains("127.0.0.1 port 1") && error.contains("::1 port 1"),
            "{error}"
        );
    }

    #[test]
    fn a_code_of_the_other_role_is_refused_before_anything_is_made() {
        let dir = std::env::temp_dir().join("ntm-never-made");
        let error = run(enrol(&code(1), Role::Relay, &dir)).unwrap_err();
        assert!(error.to_string().contains("for a gateway"));
        assert!(!dir.exists());
    }

    #[test]
    fn the_servers_sentence_reaches_the_user_without_control_characters() {
        let body = br#"{"error":"used","message":"the code was used \u001b[31malready"}"#;
        let text = refused(StatusCode::CONFLICT, body).to_string();
        assert_eq!(
            text,
            "the account server refused (used): the code was used [31malready"
        );
        assert!(
            refused(StatusCode::BAD_GATEWAY, b"<html>")
                .to_string()
                .contains("502")
        );
    }

    #[test]
    fn the_proof_is_what_the_dc_computes() {
        let (ours, theirs) = (
            SecretKey::from_bytes([1; 32]),
            SecretKey::from_bytes([2; 32]),
        );
        let domain = Domain {
            domain: "ntm.test".into(),
            dc_key: theirs.public().to_string(),
        };
        let request = request(&code(1), &ours, &domain).unwrap();
        let shared = theirs.agree(&PublicKey::parse(&request.public_key).unwrap());
        let proof = possession_proof(&shared.unwrap(), &[3; 16]);
        assert_eq!(request.proof, BASE64.encode(&proof));
    }
}
