//! The asking end's way to an SSTP call: name, TCP, TLS with its certificate, HTTP.
//!
//! Every step has its time and its own [`ConnectError`], so that whoever asks why learns which one
//! failed and what was seen there. It must never go on without the certificate's check.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use menshen_tunnel_core::sstp::http::{self, HeadError, Response};
use menshen_tunnel_core::sstp::{Certificate, Client, Timers};
use menshen_tunnel_core::time::Moment;
use rustix::rand::{GetRandomFlags, getrandom};
use rustls::pki_types::ServerName;
use rustls::{CipherSuite, ProtocolVersion};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::carrier::{Side, Sstp};
use super::trust::{Trust, TrustProblem};

/// The stream under a call that we asked for.
pub type ClientStream = TlsStream<BufReader<TcpStream>>;

/// Whom to call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Name or address as the user gave it: asked for, and checked in the certificate.
    pub host: String,
    /// The port, 443 as a rule.
    pub port: u16,
    /// Where to connect instead of where `host` is.
    pub address: Option<IpAddr>,
}

/// How long each step may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// To find the addresses of a name.
    pub name: Duration,
    /// TCP, for each address.
    pub tcp: Duration,
    /// The handshake of TLS.
    pub tls: Duration,
    /// From the request to the answer's head ([MS-SSTP] section 3.2.2 has 60 s).
    pub answer: Duration,
}

impl Default for Patience {
    /// 10 s, 10 s, 20 s, 60 s.
    fn default() -> Self {
        Self {
            name: Duration::from_secs(10),
            tcp: Duration::from_secs(10),
            tls: Duration::from_secs(20),
            answer: Duration::from_secs(60),
        }
    }
}

/// Why there is no call.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The host can be no server's name.
    #[error("the host is neither a name nor an address")]
    NotAHost,
    /// The name has no address.
    #[error("the name cannot be resolved")]
    Name(#[source] io::Error),
    /// TCP was refused or the way is missing.
    #[error("no TCP connection to {address}")]
    Tcp {
        /// The last address that was tried.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Nobody answered.
    #[error("no answer from {0}: filtered, or nobody is there")]
    TcpTimeout(SocketAddr),
    /// There is nothing to check a certificate against.
    #[error(transparent)]
    Trust(#[from] TrustProblem),
    /// The certificate is not trusted.
    #[error("the server's certificate is not trusted")]
    Certificate(#[source] rustls::Error),
    /// TLS failed for another reason.
    #[error("the TLS handshake failed")]
    Tls(#[source] io::Error),
    /// The handshake took too long.
    #[error("the TLS handshake was not finished in time")]
    TlsTimeout,
    /// The system gave no randomness.
    #[error("no random octets")]
    Random(#[source] io::Error),
    /// The connection broke between request and answer.
    #[error("the connection broke before the answer")]
    Broken(#[source] io::Error),
    /// An ordinary web answer: no SSTP here, or a box in the way that does not let it through.
    #[error("the answer is HTTP status {code}: a web server without SSTP, or a box in the way")]
    NotSstp {
        /// The status.
        code: u16,
        /// How the answerer calls itself, unescaped.
        server: Option<Vec<u8>>,
    },
    /// The answer is not HTTP.
    #[error("the answer is no HTTP")]
    NotHttp(HeadError),
    /// The connection was closed instead of an answer.
    #[error("the server closed the connection instead of an answer")]
    ClosedInstead,
    /// The request was read and nothing came.
    #[error("the server did not answer SSTP's request in time")]
    Unanswered,
}

/// What was seen on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Where the server is: it must stay reachable outside the tunnel.
    pub server: SocketAddr,
    /// From where.
    pub local: SocketAddr,
    /// The version of TLS.
    pub version: Option<ProtocolVersion>,
    /// Its cipher suite.
    pub suite: Option<CipherSuite>,
    /// The certificate that was shown.
    pub certificate: Certificate,
}

/// A connection on which SSTP may begin.
#[derive(Debug)]
pub struct Connection {
    /// What was seen on the way.
    pub facts: Facts,
    stream: ClientStream,
    early: Vec<u8>,
}

impl Connection {
    /// Asks for the call.
    #[must_use]
    pub fn start(self, now: Moment, timers: Timers) -> Sstp<ClientStream> {
        let client = Client::new(now, self.facts.certificate, timers);
        Sstp::new(now, self.stream, self.early, Side::Client(client))
    }
}

/// Goes the whole way.
///
/// # Errors
/// The step that failed, and what was seen there.
pub async fn connect(
    target: &Target,
    trust: &Trust,
    patience: &Patience,
) -> Result<Connection, ConnectError> {
    connect_by(target, trust, patience, None).await
}

/// The same, whose packets leave by the interface `outer` whatever routes there will be.
///
/// # Errors
/// The step that failed, and what was seen there.
pub async fn connect_by(
    target: &Target,
    trust: &Trust,
    patience: &Patience,
    outer: Option<&str>,
) -> Result<Connection, ConnectError> {
    let name = ServerName::try_from(target.host.clone()).map_err(|_| ConnectError::NotAHost)?;
    let config = trust.config()?;
    let (tcp, server) = reach(target, patience, outer).await?;
    let broken = ConnectError::Broken;
    let local = tcp.local_addr().map_err(broken)?;
    // Batches are made here: what is handed over is to go at once.
    tcp.set_nodelay(true).map_err(broken)?;
    let tcp = BufReader::with_capacity(READ_OCTETS, tcp);
    let shaken = timeout(patience.tls, TlsConnector::from(config).connect(name, tcp)).await;
    let mut stream = shaken.map_err(|_| ConnectError::TlsTimeout)?.map_err(tls_error)?;
    let (_, tls) = stream.get_ref();
    let (version, suite) = (tls.protocol_version(), tls.negotiated_cipher_suite());
    let shown = tls.peer_certificates().and_then(|chain| chain.first());
    // A server without a certificate does not come through the check.
    let shown = shown.ok_or_else(|| ConnectError::Certificate(NO_CERTIFICATE))?;
    let certificate = Certificate::of_der(shown);
    let suite = suite.map(|suite| suite.suite());
    let early = match timeout(patience.answer, ask(&mut stream, target)).await {
        Ok(asked) => asked?,
        Err(_) => return Err(ConnectError::Unanswered),
    };
    let facts = Facts { server, local, version, suite, certificate };
    Ok(Connection { facts, stream, early })
}

/// TCP to the first address that takes it.
async fn reach(
    target: &Target,
    patience: &Patience,
    outer: Option<&str>,
) -> Result<(TcpStream, SocketAddr), ConnectError> {
    let addresses: Vec<SocketAddr> = match target.address {
        Some(address) => vec![SocketAddr::new(address, target.port)],
        None => {
            let found = timeout(patience.name, lookup_host((&*target.host, target.port))).await;
            let found = found.unwrap_or_else(|late| Err(late.into()));
            found.map_err(ConnectError::Name)?.take(ADDRESSES_MAX).collect()
        }
    };
    let mut last = ConnectError::Name(io::ErrorKind::NotFound.into());
    for address in addresses {
        last = match timeout(patience.tcp, crate::outer::connect(address, outer)).await {
            Ok(Ok(stream)) => return Ok((stream, address)),
            Ok(Err(source)) => ConnectError::Tcp { address, source },
            Err(_) => ConnectError::TcpTimeout(address),
        };
    }
    Err(last)
}

/// SSTP's request and its answer; what came behind the answer.
async fn ask(stream: &mut ClientStream, target: &Target) -> Result<Vec<u8>, ConnectError> {
    let mut correlation = [0; 16];
    getrandom(&mut correlation[..], GetRandomFlags::empty())
        .map_err(|error| ConnectError::Random(error.into()))?;
    let host = host_field(target);
    let request = http::write_request(&host, correlation).ok_or(ConnectError::NotAHost)?;
    stream.write_all(&request).await.map_err(ConnectError::Broken)?;
    stream.flush().await.map_err(ConnectError::Broken)?;
    answer(stream).await
}

/// Reads the answer's head.
async fn answer<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Vec<u8>, ConnectError> {
    let mut came = Vec::with_capacity(1024);
    loop {
        match stream.read_buf(&mut came).await {
            Ok(0) => return Err(ConnectError::ClosedInstead),
            Ok(_) => {}
            // Whoever does not know the method often closes without TLS's farewell.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(ConnectError::ClosedInstead);
            }
            Err(error) => return Err(ConnectError::Broken(error)),
        }
        match http::response(&came) {
            Response::NotYet => {}
            Response::Accepted { octets } => return Ok(came.split_off(octets)),
            Response::Status { code, server } => {
                return Err(ConnectError::NotSstp { code, server });
            }
            Response::Refused(error) => return Err(ConnectError::NotHttp(error)),
        }
    }
}

/// The value of `Host`.
fn host_field(target: &Target) -> String {
    let host = match target.host.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) => format!("[{address}]"),
        _ => target.host.clone(),
    };
    if target.port == 443 { host } else { format!("{host}:{}", target.port) }
}

fn tls_error(error: io::Error) -> ConnectError {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(
            inner @ (rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented),
        ) => ConnectError::Certificate(inner.clone()),
        _ => ConnectError::Tls(error),
    }
}

const NO_CERTIFICATE: rustls::Error = rustls::Error::NoCertificatesPresented;

/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 8;

/// Octets read from the socket at once: the TLS library alone would read 4096.
const READ_OCTETS: usize = 64 << 10;
