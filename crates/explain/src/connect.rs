//! From what a person typed to an open connection: names and ports, addresses, deadlines.
//!
//! Blocking sockets on purpose: one host is looked at, and the time of each step is told. Nothing
//! here speaks a protocol. It fails when the text names no host, the name has no address, or none
//! of its addresses answers in time; each address that was tried is told with its reason.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::starttls::Protocol;

/// A host and a port to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Who is meant.
    pub host: Host,
    /// The TCP port.
    pub port: u16,
    /// What a URL's scheme says has to be spoken before TLS, as in `smtp://`.
    pub starttls: Option<Protocol>,
    /// Path and query of a URL, beginning with `/`.
    pub path: Option<String>,
}

/// A host by name or address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A DNS name, lower case, without a final dot.
    Name(String),
    /// An address; it has no SNI.
    Address(IpAddr),
}

/// Why a text is no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Nothing is there.
    #[error("no host is named")]
    Empty,
    /// Letters beyond ASCII.
    #[error("\"{0}\" has letters that are not ASCII")]
    NotAscii(String),
    /// Not a host name.
    #[error("\"{0}\" is no host name")]
    BadName(String),
    /// Not a port.
    #[error("\"{0}\" is no port")]
    BadPort(String),
    /// An IPv6 address with a port needs brackets.
    #[error("\"{0}\" is no address")]
    BadAddress(String),
    /// A scheme that has no TLS, or is unknown.
    #[error("\"{0}://\" is no scheme that ends in TLS")]
    BadScheme(String),
}

/// Where and how long to connect.
#[derive(Debug, Clone)]
pub struct Dial {
    /// Who is meant.
    pub target: Target,
    /// Where to connect instead of the target's own address and port.
    pub instead: Option<Target>,
    /// Longest waits.
    pub timeouts: Timeouts,
}

/// Longest waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For the name's addresses.
    pub resolve: Duration,
    /// For one address to take the connection.
    pub connect: Duration,
    /// For everything that is said on the connection.
    pub talk: Duration,
}

/// An open connection.
#[derive(Debug)]
pub struct Connected {
    /// The connection, with a deadline.
    pub line: Line,
    /// The address that took it.
    pub address: SocketAddr,
    /// Addresses that did not, with the reason.
    pub refused: Vec<(SocketAddr, String)>,
    /// Time the name's addresses took; 0 for an address.
    pub resolve_micros: u64,
    /// Time the TCP connection to [`Connected::address`] took.
    pub connect_micros: u64,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The name has no address.
    #[error("{host} has no address")]
    Unresolved {
        /// The name.
        host: String,
        /// What the resolver said.
        detail: String,
    },
    /// No address took the connection.
    #[error("{host} cannot be reached")]
    Unreachable {
        /// Name and port.
        host: String,
        /// Each address with its reason.
        tried: Vec<(SocketAddr, String)>,
    },
}

/// A TCP connection on which all reads and writes together end by a deadline.
#[derive(Debug)]
pub struct Line {
    stream: TcpStream,
    deadline: Instant,
}

impl Target {
    /// Reads `HOST`, `HOST:PORT`, `ADDRESS`, `[V6]:PORT` or a URL; without port it is
    /// `default_port` or that of the URL's scheme.
    ///
    /// # Errors
    /// [`TargetError`]; its [`TargetError::hint`] says what to write instead.
    pub fn parse(text: &str, default_port: u16) -> Result<Self, TargetError> {
        let text = text.trim();
        let Some((scheme, rest)) = text.split_once("://") else {
            return Self::authority(text, default_port, None);
        };
        let known = SCHEMES.iter().find(|(name, ..)| name.eq_ignore_ascii_case(scheme));
        let Some((_, port, starttls)) = known else {
            return Err(TargetError::BadScheme(scheme.into()));
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        // Names and passwords of a database URL are not ours to use or to show.
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let mut target = Self::authority(host, *port, *starttls)?;
        let path = path.split('#').next().filter(|path| !path.is_empty());
        target.path = path.map(|path| match path.starts_with('/') {
            true => path.to_owned(),
            false => format!("/{path}"),
        });
        Ok(target)
    }

    /// The name to send as SNI: none for an address (RFC 6066 §3).
    #[must_use]
    pub fn sni(&self) -> Option<&str> {
        match &self.host {
            Host::Name(name) => Some(name),
            Host::Address(_) => None,
        }
    }

    fn authority(
        text: &str,
        default_port: u16,
        starttls: Option<Protocol>,
    ) -> Result<Self, TargetError> {
        let make = |host, port| Self { host, port, starttls, path: None };
        if let Some(rest) = text.strip_prefix('[') {
            let (address, port) =
                rest.split_once(']').ok_or_else(|| TargetError::BadAddress(text.to_owned()))?;
            let address =
                address.parse().map_err(|_| TargetError::BadAddress(address.to_owned()))?;
            let port = match port.strip_prefix(':') {
                Some(port) => parse_port(port)?,
                None if port.is_empty() => default_port,
                None => return Err(TargetError::BadPort(port.to_owned())),
            };
            return Ok(make(Host::Address(IpAddr::V6(address)), port));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(make(Host::Address(address), default_port));
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, _)) if host.contains(':') => {
                return Err(TargetError::BadAddress(text.to_owned()));
            }
            Some((host, port)) => (host, parse_port(port)?),
            None => (text, default_port),
        };
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(make(Host::Address(address), port));
        }
        Ok(make(Host::Name(parse_name(host)?), port))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]:{}", self.port),
            host => write!(f, "{host}:{}", self.port),
        }
    }
}

impl TargetError {
    /// What to write instead.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::NotAscii(_) => {
                "write the name in its A-label form, which begins with xn-- (browsers show it in \
                 the certificate; `idn2 NAME` or Python's name.encode('idna') convert it)"
                    .into()
            }
            Self::BadScheme(scheme) if scheme.eq_ignore_ascii_case("http") => {
                "plain HTTP has no certificate; ask for https:// or name HOST:PORT".into()
            }
            Self::BadScheme(_) => {
                let names: Vec<&str> = SCHEMES.iter().map(|(name, ..)| *name).collect();
                format!("known schemes: {}", names.join(", "))
            }
            Self::BadAddress(_) => "an IPv6 address with a port is written [::1]:443".into(),
            _ => "write HOST, HOST:PORT, [IPV6]:PORT or a URL such as https://example.com/".into(),
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            resolve: Duration::from_secs(5),
            connect: Duration::from_secs(5),
            talk: Duration::from_secs(10),
        }
    }
}

/// Connects: all addresses are tried, in the order the resolver gives them.
///
/// # Errors
/// [`ConnectError`].
pub fn connect(dial: &Dial) -> Result<Connected, ConnectError> {
    let target = dial.instead.as_ref().unwrap_or(&dial.target);
    let begin = Instant::now();
    let addresses = resolve(target, dial.timeouts.resolve)?;
    let resolve_micros = match target.host {
        Host::Name(_) => micros(begin),
        Host::Address(_) => 0,
    };
    let mut refused = Vec::new();
    for address in addresses {
        let begin = Instant::now();
        match TcpStream::connect_timeout(&address, dial.timeouts.connect) {
            Ok(stream) => {
                let connect_micros = micros(begin);
                // Small flights must not wait for one another; without it they only come later.
                let _ = stream.set_nodelay(true);
                let line = Line::new(stream, dial.timeouts.talk);
                return Ok(Connected { line, address, refused, resolve_micros, connect_micros });
            }
            Err(error) => refused.push((address, reason(&error))),
        }
    }
    Err(ConnectError::Unreachable { host: target.to_string(), tried: refused })
}

impl Line {
    /// A connection that ends `talk` from now.
    #[must_use]
    pub fn new(stream: TcpStream, talk: Duration) -> Self {
        Self { stream, deadline: Instant::now() + talk }
    }

    /// When everything must have been said.
    #[must_use]
    pub const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Moves the deadline to `talk` from now.
    pub fn extend(&mut self, talk: Duration) {
        self.deadline = Instant::now() + talk;
    }

    /// The socket itself.
    #[must_use]
    pub const fn socket(&self) -> &TcpStream {
        &self.stream
    }

    fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

impl Read for Line {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        self.stream.read(buffer).map_err(timed_out)
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        self.stream.write(bytes).map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Why an address did not take a connection, in words.
#[must_use]
pub fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "no answer in time".into(),
        io::ErrorKind::ConnectionRefused => "connection refused: nothing listens there".into(),
        io::ErrorKind::ConnectionReset => "the connection was reset".into(),
        io::ErrorKind::NetworkUnreachable => "the network is unreachable".into(),
        io::ErrorKind::HostUnreachable => "no route to the host".into(),
        io::ErrorKind::UnexpectedEof => "the connection was closed".into(),
        _ => error.to_string(),
    }
}

/// Microseconds since `begin`.
pub(crate) fn micros(begin: Instant) -> u64 {
    u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// The system's resolver cannot be given a time, so a thread asks it; one that is late is left to
/// itself.
pub(crate) fn resolve(target: &Target, timeout: Duration) -> Result<Vec<SocketAddr>, ConnectError> {
    let name = match &target.host {
        Host::Address(address) => return Ok(vec![(*address, target.port).into()]),
        Host::Name(name) => name.clone(),
    };
    let port = target.port;
    let (sender, receiver) = mpsc::channel();
    let query = name.clone();
    let asked = thread::Builder::new().name("resolve".into()).spawn(move || {
        let found = (&*query, port).to_socket_addrs();
        // The one who asked may have gone.
        let _ = sender.send(found.map(Iterator::collect::<Vec<_>>));
    });
    let detail = match asked {
        Err(error) => error.to_string(),
        Ok(_) => match receiver.recv_timeout(timeout) {
            Err(_) => "the resolver did not answer in time".into(),
            Ok(Err(error)) => error.to_string(),
            Ok(Ok(found)) if found.is_empty() => "the resolver found none".into(),
            Ok(Ok(mut found)) => {
                found.dedup();
                found.truncate(ADDRESSES_MAX);
                return Ok(found);
            }
        },
    };
    Err(ConnectError::Unresolved { host: name, detail })
}

fn parse_port(text: &str) -> Result<u16, TargetError> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok().filter(|port| digits && *port != 0);
    port.ok_or_else(|| TargetError::BadPort(text.to_owned()))
}

/// A host name, as DNS and certificates write it; an underscore is let through, since such hosts
/// exist.
fn parse_name(text: &str) -> Result<String, TargetError> {
    if text.is_empty() {
        return Err(TargetError::Empty);
    }
    if !text.is_ascii() {
        return Err(TargetError::NotAscii(text.to_owned()));
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let numeric = name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if name.len() > 253 || numeric || !name.split('.').all(label) {
        return Err(TargetError::BadName(text.to_owned()));
    }
    Ok(name.to_ascii_lowercase())
}

/// Linux says `WouldBlock` where a timeout of a blocking socket ran out.
fn timed_out(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
        _ => error,
    }
}

/// Scheme, port, and what is spoken before TLS.
const SCHEMES: &[(&str, u16, Option<Protocol>)] = &[
    ("https", 443, None),
    ("wss", 443, None),
    ("tls", 443, None),
    ("ldaps", 636, None),
    ("smtps", 465, None),
    ("imaps", 993, None),
    ("pop3s", 995, None),
    ("ftps", 990, None),
    ("smtp", 25, Some(Protocol::Smtp)),
    ("imap", 143, Some(Protocol::Imap)),
    ("pop3", 110, Some(Protocol::Pop3)),
    ("ftp", 21, Some(Protocol::Ftp)),
    ("mysql", 3306, Some(Protocol::Mysql)),
    ("postgres", 5432, Some(Protocol::Postgres)),
    ("postgresql", 5432, Some(Protocol::Postgres)),
];

/// Most addresses of one name that are tried.
const ADDRESSES_MAX: usize = 8;

#[cfg(test)]
mod tests;
