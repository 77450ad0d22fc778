//! HTTPS to authorities, with bounds: each request a deadline, each answer a size, and what an
//! authority asks for by `Retry-After` remembered for whoever plans the next try.
//!
//! The client library waits for ever and reads without end, and drops the header of failed
//! requests; hence a client of our own under it. It never speaks plain HTTP
//! and follows no redirect.

use std::io::Cursor;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Bytes};
use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::timeout;

/// How the HTTPS of an authority is checked: against `roots_pem`, or the roots of the system.
///
/// # Errors
/// Why there are no roots, in words.
pub(crate) fn tls(roots_pem: Option<&str>) -> Result<ClientConfig, String> {
    let mut config = checked(roots_pem)?;
    // Orders are rare and must work: a remembered session saves nothing, and rustls 0.23.46 as a
    // server refuses a client that offers one before a HelloRetryRequest and not after it.
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn checked(roots_pem: Option<&str>) -> Result<ClientConfig, String> {
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let Some(pem) = roots_pem else {
        return builder
            .try_with_platform_verifier()
            .map(|builder| builder.with_no_client_auth())
            .map_err(|error| format!("the roots of the system cannot be used: {error}"));
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_reader_iter(Cursor::new(pem)) {
        let added = certificate.map(|certificate| roots.add(certificate));
        if !matches!(added, Ok(Ok(()))) {
            return Err("the roots given for this authority are damaged".to_owned());
        }
    }
    if roots.is_empty() {
        return Err("the roots given for this authority hold no certificate".to_owned());
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// The client of one order.
#[derive(Debug)]
pub(crate) struct Web {
    client: Client<HttpsConnector<HttpConnector>, BodyWrapper<Bytes>>,
    advice: Arc<Advice>,
}

/// What the authority last asked for when it refused, in seconds from then; none is 0.
#[derive(Debug, Default)]
pub(crate) struct Advice(AtomicU64);

impl Advice {
    /// The wait asked for, in seconds.
    pub(crate) fn seconds(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Web {
    /// A client that notes into `advice`.
    pub(crate) fn new(tls: ClientConfig, advice: Arc<Advice>) -> Self {
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls);
        let connector = connector.https_only().enable_http1().build();
        Self { client: Client::builder(TokioExecutor::new()).build(connector), advice }
    }
}

impl HttpClient for Web {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let is_get = *request.method() == Method::GET;
        let (sent, advice) = (self.client.request(request), Arc::clone(&self.advice));
        Box::pin(async move {
            let answer = async {
                let answer = sent.await.map_err(|error| WebError::Peer(error.into()))?;
                whole(answer, is_get, &advice).await
            };
            let answer = timeout(REQUEST_TIME, answer).await.unwrap_or(Err(WebError::PeerLate));
            answer.map(BytesResponse::from).map_err(|error| Error::Other(Box::new(error)))
        })
    }
}

/// Why a request brought nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebError {
    #[error("the authority could not be reached")]
    Peer(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the authority took longer than {} seconds to answer", REQUEST_TIME.as_secs())]
    PeerLate,
    #[error("the authority's answer broke off or is longer than {ANSWER_BYTES_MAX} bytes")]
    PeerBody,
    #[error("the authority answered {0}")]
    PeerStatus(StatusCode),
}

async fn whole<B>(
    answer: Response<B>,
    is_get: bool,
    advice: &Advice,
) -> Result<Response<Full<Bytes>>, WebError>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (mut head, body) = answer.into_parts();
    if head.status.is_client_error() || head.status.is_server_error() {
        let wait = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        advice.0.store(wait.and_then(seconds).unwrap_or(0), Ordering::Relaxed);
        // RFC 8555 §6.7: anything else is from a machine in front of the authority.
        let kind = head.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if !kind.is_some_and(|kind| kind.starts_with("application/problem+json")) {
            return Err(WebError::PeerStatus(head.status));
        }
    } else if is_get && !head.headers.contains_key(RETRY_AFTER) {
        // RFC 9773 §4.3 demands it of renewal information; the library fails without.
        head.headers.insert(RETRY_AFTER, HeaderValue::from_static(WINDOW_ADVICE));
    }
    let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
    let body = body.map_err(|_| WebError::PeerBody)?.to_bytes();
    Ok(Response::from_parts(head, Full::new(body)))
}

/// `Retry-After` in seconds (RFC 9110 §10.2.3). A date becomes the longest first wait: authorities
/// send seconds, and a date needs two clocks that agree.
fn seconds(value: &str) -> Option<u64> {
    let value = value.trim();
    if value.is_empty() {
        return None;
    }
    if value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(value.parse().unwrap_or(u64::MAX));
    }
    value.ends_with("GMT").then_some(DATE_SECONDS)
}

/// Most time for one request and its answer.
const REQUEST_TIME: Duration = Duration::from_secs(30);
/// Longest answer; chains are a few KiB.
const ANSWER_BYTES_MAX: usize = 512 << 10;
/// When to ask for the window again if the authority does not say, in seconds.
const WINDOW_ADVICE: &str = "21600";
const DATE_SECONDS: u64 = 3600;

#[cfg(test)]
mod tests;
