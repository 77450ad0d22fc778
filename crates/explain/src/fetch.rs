//! One plain HTTP request for a small thing a certificate names: an issuer, a revocation list, an
//! OCSP answer (RFC 5280 §4.2.2.1, §4.2.1.13; RFC 6960 appendix A).
//!
//! Plain on purpose: what comes is signed by itself, and https would ask for the certificate that
//! is being judged. Sizes and times are bounded. It fails when the address is not plain http, the
//! server cannot be reached, answers with an error, or with more than is allowed.

use std::net::IpAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, LOCATION, USER_AGENT};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;

use crate::connect::{ConnectError, Dial, Host, Target, Timeouts, connect};

/// What to fetch.
#[derive(Debug, Clone)]
pub struct Fetch<'a> {
    /// An `http://` URL.
    pub url: &'a str,
    /// Body of a POST and its media type; none: GET.
    pub post: Option<(&'static str, Vec<u8>)>,
    /// Most bytes of the body.
    pub bytes_max: usize,
    /// For all of it.
    pub time_max: Duration,
    /// Which addresses may be asked.
    pub reach: Reach,
}

/// Which addresses may be asked. A stranger's certificate can name any URL, and must not make this
/// host ask its own network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// All.
    Anywhere,
    /// Not those of private networks and of this host.
    Public,
}

/// Why nothing was fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Not an `http://` URL of a host.
    #[error("the address is not plain http")]
    Scheme,
    /// The host cannot be reached.
    #[error("{error}")]
    Unreachable {
        /// Why.
        error: ConnectError,
    },
    /// An address of a private network, named by a public server.
    #[error("{0} is of a private network, and the certificate of a public server names it")]
    Private(IpAddr),
    /// Not a success.
    #[error("the server answered with status {0}")]
    Status(u16),
    /// Sent from one address to the next too often.
    #[error("the server redirects too often")]
    Redirects,
    /// The body is beyond the limit.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    /// It took too long.
    #[error("the server did not answer in time")]
    Late,
    /// Not HTTP, or it broke off.
    #[error("the answer broke off: {0}")]
    Broken(String),
}

/// Fetches the body, following a few redirects of plain http.
///
/// # Errors
/// [`FetchError`].
pub fn fetch(what: &Fetch<'_>) -> Result<Vec<u8>, FetchError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| FetchError::Broken(error.to_string()))?;
    let fetched = runtime.block_on(async {
        let all = tokio::time::timeout(what.time_max, follow(what)).await;
        all.unwrap_or(Err(FetchError::Late))
    });
    // A connect that still waits is left to itself.
    runtime.shutdown_background();
    fetched
}

/// Whether an address is one everybody can reach; those of private networks are not asked for a
/// stranger's sake.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let shared = a == 100 && (64..128).contains(&b);
            !(v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_unspecified())
                && !(v4.is_multicast() || v4.is_broadcast() || shared || a == 0)
        }
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_public(v4.into()),
            None => {
                let own = v6.is_loopback() || v6.is_unspecified() || v6.is_multicast();
                !(own || v6.is_unique_local() || v6.is_unicast_link_local())
            }
        },
    }
}

async fn follow(what: &Fetch<'_>) -> Result<Vec<u8>, FetchError> {
    let mut url = what.url.to_owned();
    for _ in 0..=REDIRECTS_MAX {
        match once(&url, what).await? {
            Answer::Body(body) => return Ok(body),
            Answer::Elsewhere(next) => url = next,
        }
    }
    Err(FetchError::Redirects)
}

enum Answer {
    Body(Vec<u8>),
    Elsewhere(String),
}

async fn once(url: &str, what: &Fetch<'_>) -> Result<Answer, FetchError> {
    let uri: Uri = url.parse().map_err(|_| FetchError::Scheme)?;
    let authority = uri.authority().ok_or(FetchError::Scheme)?;
    if uri.scheme_str() != Some("http") || authority.as_str().contains('@') {
        return Err(FetchError::Scheme);
    }
    let target = Target::parse(authority.as_str(), 80).map_err(|_| FetchError::Scheme)?;
    let host = match &target.host {
        Host::Address(IpAddr::V6(address)) => format!("[{address}]"),
        host => host.to_string(),
    };
    let host = if target.port == 80 { host } else { format!("{host}:{}", target.port) };
    let timeouts = Timeouts { resolve: what.time_max, connect: what.time_max, talk: what.time_max };
    let dial = Dial { target, instead: None, timeouts };
    // On a thread of its own: a name with many addresses that do not answer takes the time of each,
    // and the time for all must end it.
    let connected = tokio::task::spawn_blocking(move || connect(&dial)).await;
    let connected = connected.map_err(|error| FetchError::Broken(error.to_string()))?;
    let connected = connected.map_err(|error| FetchError::Unreachable { error })?;
    if what.reach == Reach::Public && !is_public(connected.address.ip()) {
        return Err(FetchError::Private(connected.address.ip()));
    }
    let broken = |error: std::io::Error| FetchError::Broken(error.to_string());
    let stream = connected.line.socket().try_clone().map_err(broken)?;
    stream.set_nonblocking(true).map_err(broken)?;
    let stream = tokio::net::TcpStream::from_std(stream).map_err(broken)?;
    let shaken = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = shaken.map_err(|error| FetchError::Broken(error.to_string()))?;
    let talk = tokio::spawn(connection);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let (method, kind, body) = match &what.post {
        Some((kind, body)) => (Method::POST, Some(*kind), body.clone()),
        None => (Method::GET, None, Vec::new()),
    };
    let mut request = Request::builder().method(method).uri(path).header(HOST, host);
    request = request.header(USER_AGENT, "menshen-explain").header(ACCEPT, "*/*");
    if let Some(kind) = kind {
        request = request.header(CONTENT_TYPE, kind);
    }
    let request = request.body(Full::new(Bytes::from(body))).map_err(|_| FetchError::Scheme)?;
    let answer = sender.send_request(request).await;
    let answer = answer.map_err(|error| FetchError::Broken(error.to_string()))?;
    let status = answer.status();
    if status.is_redirection() {
        let next = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let next = next.ok_or(FetchError::Status(status.as_u16()))?;
        let next = match next.strip_prefix('/') {
            Some(path) if !path.starts_with('/') => format!("http://{authority}/{path}"),
            _ => next.to_owned(),
        };
        return Ok(Answer::Elsewhere(next));
    }
    if status != StatusCode::OK {
        return Err(FetchError::Status(status.as_u16()));
    }
    let body = Limited::new(answer.into_body(), what.bytes_max).collect().await;
    talk.abort();
    match body {
        Ok(body) => Ok(Answer::Body(body.to_bytes().to_vec())),
        Err(error) if error.is::<LengthLimitError>() => Err(FetchError::TooLong(what.bytes_max)),
        Err(error) => Err(FetchError::Broken(error.to_string())),
    }
}

/// Most redirects that are followed.
const REDIRECTS_MAX: usize = 3;

#[cfg(test)]
mod tests;
