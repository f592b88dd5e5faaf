//! The Account Server's two questions and answers (`ntm_enrolment::api`).

use crate::allowance::Allowance;
use crate::config::Config;
use crate::desk::{Desk, Enrolment};
use crate::journal::Journal;
use crate::store::{Redeem, Refused};
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use ntm_dc::Record;
use ntm_dc::joining::{Fault, Joining};
use ntm_enrolment::api::{ApiError, Domain, Membership};
use ntm_proto::key::SecretKey;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// No request is longer.
const MAX_BODY: usize = 16 * 1024;
/// Wrong guesses per minute from one network, and how many networks are told apart.
const GUESSES: u32 = 5;
const NETWORKS: usize = 4096;

/// Answers for one domain.
pub(crate) struct Api {
    config: Config,
    key: SecretKey,
    desk: Desk,
    journal: Journal,
    guesses: Mutex<Allowance>,
}

/// Why not, with its HTTP status.
#[derive(Debug)]
struct Failure {
    status: StatusCode,
    error: &'static str,
    message: String,
}

/// The paths.
pub(super) fn router(api: Arc<Api>) -> Router {
    Router::new()
        .route("/v1/domain", get(domain))
        .route("/v1/enrol", post(enrol))
        .fallback(nothing)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(api)
}

async fn domain(State(api): State<Arc<Api>>) -> Json<Domain> {
    Json(Domain {
        domain: api.config.domain.to_string(),
        dc_key: api.key.public().to_string(),
    })
}

async fn enrol(
    State(api): State<Arc<Api>>,
    Extension(source): Extension<IpAddr>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let result = match body {
        Ok(body) => api.enrol(source, &body, Instant::now()).await,
        Err(rejection) => Err(Failure::new(
            rejection.status(),
            "malformed",
            "this is no enrolment request: it is too long or ended early",
        )),
    };
    match result {
        Ok(membership) => Json(membership).into_response(),
        Err(failure) => failure.into_response(),
    }
}

async fn nothing() -> Response {
    let message = "there is nothing here; nodes enrol with an enrolment code";
    Failure::new(StatusCode::NOT_FOUND, "malformed", message).into_response()
}

impl Api {
    /// An API that asks `desk`.
    pub(crate) fn new(config: Config, key: SecretKey, desk: Desk, journal: Journal) -> Self {
        let guesses = Allowance::new(GUESSES, Duration::from_secs(60), NETWORKS);
        Self {
            config,
            key,
            desk,
            journal,
            guesses: Mutex::new(guesses),
        }
    }

    async fn enrol(
        &self,
        source: IpAddr,
        body: &[u8],
        now: Instant,
    ) -> Result<Membership, Failure> {
        if !self.guesses().is_open(source, now) {
            return Err(Failure::new(
                StatusCode::TOO_MANY_REQUESTS,
                "wait",
                "too many wrong enrolment codes from your network; wait a minute and try again",
            ));
        }
        let result = self.admit(source, body).await;
        let is_guess =
            |failure: &Failure| ["unknown", "proof", "malformed"].contains(&failure.error);
        if result.as_ref().is_err_and(is_guess) {
            self.guesses().take(source, now);
        }
        if let Err(failure) = &result {
            tracing::warn!(%source, "enrolment refused: {}", failure.message);
            let line = || format!("enrolment refused, from {source}: {}", failure.message);
            self.journal.note("refused", line);
        }
        result
    }

    async fn admit(&self, source: IpAddr, body: &[u8]) -> Result<Membership, Failure> {
        let Joining { token, role, key } = Joining::read(body, &self.key)?;
        let redeem = Redeem { token, role, key };
        let busy = "the coordinator is busy; try again in a moment";
        let busy = || Failure::new(StatusCode::SERVICE_UNAVAILABLE, "storage", busy);
        match self.desk.enrol(redeem).await.ok_or_else(busy)? {
            Enrolment::Done(record) => {
                let membership = self.membership(&record);
                tracing::info!(%source, name = membership.name, %key, "enrolled");
                let line = || format!("{} enrolled from {source}", membership.name);
                self.journal.note("enrolled", line);
                Ok(membership)
            }
            Enrolment::Refused(refused) => Err(refused.into()),
            Enrolment::Failed => Err(Failure::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "storage",
                "the coordinator cannot store it now; its log says why. The code is still good",
            )),
        }
    }

    fn membership(&self, record: &Record) -> Membership {
        let (node, name, vips) = match record {
            Record::Gateway(gateway) => (
                gateway.node,
                &gateway.name,
                Some((gateway.vip4, gateway.vip6)),
            ),
            Record::Relay(relay) => (relay.node, &relay.name, None),
            Record::Device(device) | Record::Forgotten(device) => {
                (device.node, &device.label, Some((device.vip4, device.vip6)))
            }
        };
        let addresses = self.config.control_addresses();
        Membership {
            node: node.to_string(),
            name: format!("{name}.{}", self.config.domain),
            domain: self.config.domain.to_string(),
            dc_key: self.key.public().to_string(),
            dc_addresses: addresses.iter().map(ToString::to_string).collect(),
            virtual4: self.config.prefixes.v4.to_string(),
            virtual6: self.config.prefixes.v6.to_string(),
            vip4: vips.map(|(vip4, _)| vip4.to_string()).unwrap_or_default(),
            vip6: vips.map(|(_, vip6)| vip6.to_string()).unwrap_or_default(),
        }
    }

    fn guesses(&self) -> MutexGuard<'_, Allowance> {
        self.guesses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Failure {
    fn new(status: StatusCode, error: &'static str, message: &str) -> Self {
        Self {
            status,
            error,
            message: message.to_owned(),
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let (status, error) = match fault {
            Fault::Form | Fault::Role | Fault::Token | Fault::Proof | Fault::Key => {
                (StatusCode::BAD_REQUEST, "malformed")
            }
            Fault::Unproven => (StatusCode::FORBIDDEN, "proof"),
        };
        Self::new(status, error, &fault.to_string())
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        let (status, error) = match refused {
            Refused::Unknown => (StatusCode::NOT_FOUND, "unknown"),
            Refused::Expired(_) => (StatusCode::GONE, "expired"),
            Refused::Used(_) | Refused::KeyTaken(_) | Refused::NameTaken(_) => {
                (StatusCode::CONFLICT, "used")
            }
            Refused::Role(_) => (StatusCode::FORBIDDEN, "role"),
            Refused::Full => (StatusCode::SERVICE_UNAVAILABLE, "storage"),
        };
        Self::new(status, error, &refused.to_string())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = ApiError {
            error: self.error.to_owned(),
            message: self.message,
        };
        (self.status, Json(body)).into_response()
    }
}

#[cfg(test)]
mod tests;
