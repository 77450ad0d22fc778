//! One request to a receiver, with bounds: a deadline for all of it, little read of its answer.
//!
//! Certificates are checked against the system's roots or the configured ones. Redirects are
//! answers like any other that is not 2xx: an event goes where the configuration says.

use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, USER_AGENT};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use menshen_tls::{Trust, TrustProblem, client_config};
use tokio::time::timeout;

use crate::hook::Hook;

/// Asks one receiver.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// Why a delivery failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("it could not be reached")]
    Unreachable,
    #[error("it did not answer in time")]
    Late,
    #[error("it closed the connection without an answer")]
    Closed,
    #[error("it answered {}", .0.as_u16())]
    Status(StatusCode),
    #[error("its certificate cannot be checked: {0}")]
    Roots(#[from] TrustProblem),
    /// Whoever runs scripts says why.
    #[error("{0}")]
    Script(String),
}

impl Sender {
    /// For `hook`, whose receiver is at `url`.
    pub(crate) fn new(hook: &Hook, url: &Uri) -> Result<Self, Failure> {
        let trust = match &hook.roots_pem {
            Some(pem) => Trust::Roots(pem),
            None if url.scheme_str() == Some("https") => Trust::System,
            // Roots that nobody asks for must not be missing.
            None => Trust::Fingerprint([0; 32]),
        };
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(CONNECT));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(client_config(trust)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(2)
            .build(connector);
        Ok(Self { client })
    }

    /// Tells `hook` of an event; any 2xx takes it.
    pub(crate) async fn post(self, call: Call) -> Result<(), Failure> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(call.url)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, AGENT)
            .header("menshen-event", call.event)
            .header("menshen-event-id", call.id);
        if let Some(signature) = call.signature {
            request = request.header(SIGNATURE, signature);
        }
        let body = Full::new(Bytes::from(call.body));
        let request = request.body(body).map_err(|_| Failure::Unreachable)?;
        let asked = timeout(call.within, self.client.request(request)).await;
        let answer = asked.map_err(|_| Failure::Late)?.map_err(|error| {
            if error.is_connect() { Failure::Unreachable } else { Failure::Closed }
        })?;
        let status = answer.status();
        // Read only so that the connection can be used again; what it says does not matter.
        let rest = Limited::new(answer.into_body(), ANSWER_BYTES_MAX);
        let _ = timeout(REST, rest.collect()).await;
        if status.is_success() { Ok(()) } else { Err(Failure::Status(status)) }
    }
}

/// What is sent.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) url: Uri,
    pub(crate) event: String,
    pub(crate) id: String,
    pub(crate) signature: Option<String>,
    pub(crate) body: String,
    pub(crate) within: Duration,
}

const CONNECT: Duration = Duration::from_secs(5);
const IDLE: Duration = Duration::from_secs(20);
/// How long the rest of an answer is waited for when its head has said all.
const REST: Duration = Duration::from_secs(1);
const ANSWER_BYTES_MAX: usize = 64 << 10;
const AGENT: &str = "menshen-hooks/1";
/// As GitHub signs: HMAC-SHA-256 over the body, in hex.
const SIGNATURE: &str = "x-hub-signature-256";
