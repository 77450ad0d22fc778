//! One request over one connection: HTTP/1.1, over TLS where the address says so.
//!
//! No cookies, no cache, no content coding, no connection kept. Each request has its seconds and
//! its bytes; a body beyond them is cut, and says so.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::header::{HeaderMap, LOCATION};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use menshen_explain_core::page::Url;
use menshen_explain_core::page::csp::Policies;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::{Options, PageError, Resolve};

/// Asks.
pub(super) struct Client {
    tls: TlsConnector,
    /// Host and port of the page, and where they are.
    own: Option<(String, u16, SocketAddr)>,
    resolve: Vec<Resolve>,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    fields: HeaderMap,
    body: Vec<u8>,
    /// The body was longer.
    pub(super) cut: bool,
}

/// Why nothing came back.
#[derive(Debug)]
pub(super) enum Fault {
    /// The certificate is refused.
    Certificate(String),
    /// Anything else.
    Unreachable(String),
}

impl Client {
    /// For questions about `page`.
    pub(super) fn new(page: &Url, options: Options) -> Result<Self, PageError> {
        let own = options.connect.and_then(|address| {
            Some((page.host_str()?.to_owned(), page.port_or_known_default()?, address))
        });
        let config = ClientConfig::builder()
            .with_root_certificates(roots(&options.roots)?)
            .with_no_client_auth();
        Ok(Self { tls: TlsConnector::from(Arc::new(config)), own, resolve: options.resolve })
    }

    /// Asks for `url`, and nothing it may send on to.
    pub(super) async fn get(&self, url: &Url, bytes_max: usize) -> Result<Answer, Fault> {
        self.ask(Method::GET, url, None, bytes_max).await
    }

    /// Asks for `url` and goes where it is sent; the last address.
    pub(super) async fn get_on(&self, url: &Url, max: usize) -> Result<(Answer, Url), Fault> {
        let mut url = url.clone();
        for _ in 0..=REDIRECTS_MAX {
            let answer = self.get(&url, max).await?;
            match answer.redirect(&url) {
                None => return Ok((answer, url)),
                Some(next) if next.scheme() != "https" => {
                    return Err(Fault::Unreachable(format!("it is sent on to {next}")));
                }
                Some(next) => url = next,
            }
        }
        Err(Fault::Unreachable(format!("more than {REDIRECTS_MAX} redirects")))
    }

    /// One request; `range` asks for some bytes only.
    pub(super) async fn ask(
        &self,
        method: Method,
        url: &Url,
        range: Option<&'static str>,
        bytes_max: usize,
    ) -> Result<Answer, Fault> {
        let all = async {
            let stream = self.connect(url).await?;
            if url.scheme() == "http" {
                return exchange(stream, method, url, range, bytes_max).await;
            }
            let host = url.host_str().unwrap_or_default();
            let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned());
            let name = name.map_err(|_| Fault::Unreachable("its host is no name".into()))?;
            let stream = self.tls.connect(name, stream).await.map_err(tls_fault)?;
            exchange(stream, method, url, range, bytes_max).await
        };
        let late = || Fault::Unreachable(format!("no answer within {} s", ASK.as_secs()));
        timeout(ASK, all).await.unwrap_or_else(|_| Err(late()))
    }

    async fn connect(&self, url: &Url) -> Result<TcpStream, Fault> {
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or(443);
        let fixed = self.own.iter().filter(|(own, number, _)| own == host && *number == port);
        let fixed = fixed.map(|(_, _, address)| *address);
        let listed = self.resolve.iter().filter(|one| one.host == host && one.port == port);
        let listed = listed.map(|one| SocketAddr::new(one.address, port));
        let mut addresses: Vec<SocketAddr> = fixed.chain(listed).collect();
        if addresses.is_empty() {
            let bare = host.trim_matches(['[', ']']);
            let found = timeout(CONNECT, tokio::net::lookup_host((bare, port))).await;
            let found = found.map_err(|_| Fault::Unreachable("its name is not resolved".into()))?;
            addresses.extend(found.map_err(|e| unreachable("its name", &e))?.take(ADDRESSES_MAX));
        }
        let mut last = Fault::Unreachable("its name has no address".into());
        for address in addresses {
            last = match timeout(CONNECT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => unreachable("connect", &error),
                Err(_) => Fault::Unreachable(format!("no connection in {} s", CONNECT.as_secs())),
            };
        }
        Err(last)
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    method: Method,
    url: &Url,
    range: Option<&'static str>,
    bytes_max: usize,
) -> Result<Answer, Fault> {
    let broken = |error: hyper::Error| Fault::Unreachable(format!("HTTP: {error}"));
    let handshake = hyper::client::conn::http1::Builder::new()
        .max_headers(HEADERS_MAX)
        .handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(broken)?;
    let driver = tokio::spawn(connection);
    let target = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let host = match url.port() {
        Some(port) => format!("{}:{port}", url.host_str().unwrap_or_default()),
        None => url.host_str().unwrap_or_default().to_owned(),
    };
    let mut request = Request::builder().method(method).uri(target);
    request = request.header("host", host).header("user-agent", AGENT).header("accept", "*/*");
    request = request.header("connection", "close");
    if let Some(range) = range {
        request = request.header("range", range);
    }
    let request = request.body(Empty::<Bytes>::new());
    let request =
        request.map_err(|_| Fault::Unreachable("its address cannot be asked for".into()))?;
    let mut response = sender.send_request(request).await.map_err(broken)?;
    let mut body = Vec::new();
    let mut cut = false;
    while let Some(frame) = response.frame().await {
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        let room = bytes_max.saturating_sub(body.len());
        body.extend_from_slice(data.get(..room.min(data.len())).unwrap_or_default());
        if data.len() > room {
            cut = true;
            break;
        }
    }
    driver.abort();
    let (head, _) = response.into_parts();
    Ok(Answer { status: head.status.as_u16(), fields: head.headers, body, cut })
}

impl Answer {
    /// The first field of this name, if it is text.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name)?.to_str().ok()
    }

    /// The media type without parameters, in lower case.
    pub(super) fn media_type(&self) -> String {
        let value = self.field("content-type").unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// The body as text; addresses are ASCII, so other encodings than UTF-8 lose nothing of them.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// What its fields say about content.
    pub(super) fn policies(&self) -> Policies {
        let mut policies = Policies::default();
        for value in self.fields.get_all("content-security-policy") {
            policies.add(&String::from_utf8_lossy(value.as_bytes()));
        }
        policies
    }

    /// Where it sends on to.
    pub(super) fn redirect(&self, from: &Url) -> Option<Url> {
        if !matches!(self.status, 301 | 302 | 303 | 307 | 308) {
            return None;
        }
        let location = String::from_utf8_lossy(self.fields.get(LOCATION)?.as_bytes());
        let next = from.join(&location).ok()?;
        matches!(next.scheme(), "http" | "https").then_some(next)
    }
}

impl Fault {
    /// In words.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Certificate(why) => format!("bad certificate: {why}"),
            Self::Unreachable(why) => why.clone(),
        }
    }
}

fn unreachable(what: &str, error: &io::Error) -> Fault {
    Fault::Unreachable(format!("{what}: {error}"))
}

fn tls_fault(error: io::Error) -> Fault {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(why)) => Fault::Certificate(why.to_string()),
        Some(other) => Fault::Unreachable(format!("TLS: {other}")),
        None => unreachable("TLS", &error),
    }
}

/// The authorities of this machine, or Mozilla's where it has none, and those given.
fn roots(pem: &[u8]) -> Result<RootCertStore, PageError> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if store.is_empty() {
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let refused =
            |why: String| PageError::ConfigRoots(format!("the roots cannot be read: {why}"));
        let certificate = certificate.map_err(|error| refused(error.to_string()))?;
        store.add(certificate).map_err(|error| refused(error.to_string()))?;
    }
    Ok(store)
}

/// For one request, all of it.
const ASK: Duration = Duration::from_secs(15);
/// For one attempt to connect, and for a name.
const CONNECT: Duration = Duration::from_secs(5);
/// Redirects of a stylesheet, manifest or frame.
const REDIRECTS_MAX: usize = 5;
/// Addresses of a name that are tried.
const ADDRESSES_MAX: usize = 4;
/// Fields of an answer.
const HEADERS_MAX: usize = 200;
/// Said to hosts; some answer nobody without one.
const AGENT: &str = concat!("menshen/", env!("CARGO_PKG_VERSION"), " (explain page)");
