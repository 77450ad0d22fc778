//! TLS to the server's HTTPS port: whether SSTP answers there, and what a menshen there counted.
//!
//! Nothing secret is sent, so any certificate is taken; whether the system's roots trust it is
//! told. Times are bounded by [`TALK_WITHIN`]. What comes is foreign: it is bounded and escaped.

use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use menshen_explain_core::tunnel::live::{Far, Sstp};
use menshen_tls::{Trust, client_config};
use menshen_tunnel_core::sstp::http::{self, Response};
use menshen_tunnel_core::sstp::{Invalid, Message, Packet, Status, Stream};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, Error, StreamOwned};
use serde::Deserialize;

use crate::certificate::shown;
use crate::connect::{ConnectError, Dial, Host, Line, Target, Timeouts, connect};

/// Asks for an SSTP call and gives it up politely.
pub(super) fn sstp(host: &Host, address: IpAddr, port: u16) -> Sstp {
    let no = |words: String| Sstp { answers: false, words, untrusted: None };
    let (mut stream, untrusted) = match open(host, address, port) {
        Ok(opened) => opened,
        Err(why) => return no(why),
    };
    let asked = ask_sstp(&mut stream, host, port);
    stream.conn.send_close_notify();
    let _ = stream.flush();
    match asked {
        Ok(words) => Sstp { answers: true, words, untrusted },
        Err(words) => Sstp { answers: false, words, untrusted },
    }
}

/// Numbers of a call: ours, the server's.
pub(super) type Ids = (u16, u16);

/// Asks a menshen there for its counts of GRE from and to this address; `None`: there is none.
pub(super) fn far(host: &Host, address: IpAddr, port: u16, ids: &[Ids]) -> Option<Far> {
    let (mut stream, _) = open(host, address, port).ok()?;
    let name = http_host(host, port);
    let request = format!(
        "GET {COUNTS_PATH} HTTP/1.1\r\nHost: {name}\r\nAccept: application/json\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).ok()?;
    stream.flush().ok()?;
    let mut came = Vec::new();
    let mut buffer = [0; 4096];
    while came.len() < ANSWER_OCTETS_MAX {
        match stream.read(&mut buffer) {
            Ok(octets @ 1..) => came.extend_from_slice(buffer.get(..octets)?),
            // The end without a farewell of TLS is as good: the length is checked by the JSON.
            Ok(0) | Err(_) => break,
        }
    }
    counts(&came, ids)
}

/// Reads the answer: a head with status 200, then one object.
fn counts(came: &[u8], ids: &[Ids]) -> Option<Far> {
    let came = String::from_utf8_lossy(came);
    let (head, body) = came.split_once("\r\n\r\n")?;
    if !head.starts_with("HTTP/1.1 200") {
        return None;
    }
    // The body may come in chunks: the object is what is between the outer braces.
    let (from, to) = (body.find('{')?, body.rfind('}')?);
    let told: Counts = serde_json::from_str(body.get(from..=to)?).ok()?;
    // Numbers are used again: what is older is of another probe.
    let ours = |count: &&Count| {
        let is = |(own, server)| count.call == server && count.peer.is_none_or(|peer| peer == own);
        count.seconds_ago <= AGE_SECONDS_MAX && ids.iter().copied().any(is)
    };
    let sum =
        |of: fn(&Count) -> u64| told.calls.iter().filter(ours).map(of).fold(0, u64::saturating_add);
    Some(Far { seen: sum(|count| count.seen), sent: sum(|count| count.sent) })
}

/// What `GET /.menshen/tunnel/gre` answers.
#[derive(Debug, Deserialize)]
struct Counts {
    #[serde(default)]
    calls: Vec<Count>,
}

#[derive(Debug, Deserialize)]
struct Count {
    /// The server's number of the call.
    call: u16,
    /// Ours; none: the packets were for no call, or for one that had ended.
    #[serde(default)]
    peer: Option<u16>,
    #[serde(default)]
    seen: u64,
    #[serde(default)]
    sent: u64,
    #[serde(default)]
    seconds_ago: u64,
}

type Tls = StreamOwned<ClientConnection, Line>;

/// A connection that the system's roots trust; else one that they do not, and why.
fn open(host: &Host, address: IpAddr, port: u16) -> Result<(Tls, Option<String>), String> {
    match shake(host, address, port, Trust::System)? {
        Ok(stream) => Ok((stream, None)),
        Err(why) => match shake(host, address, port, Trust::Nothing)? {
            Ok(stream) => Ok((stream, Some(why))),
            Err(why) => Err(why),
        },
    }
}

/// A handshake. The inner error: the certificate is not trusted.
fn shake(
    host: &Host,
    address: IpAddr,
    port: u16,
    trust: Trust<'_>,
) -> Result<Result<Tls, String>, String> {
    let config = match client_config(trust) {
        Ok(config) => config,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let to = |host: Host| Target { host, port, starttls: None, path: None };
    let timeouts = Timeouts { resolve: TALK_WITHIN, connect: CONNECT_WITHIN, talk: TALK_WITHIN };
    let instead = Some(to(Host::Address(address)));
    let dial = Dial { target: to(host.clone()), instead, timeouts };
    let connected = connect(&dial).map_err(|error| match error {
        ConnectError::Unreachable { tried, .. } => {
            let why = tried.into_iter().map(|(_, why)| why).next().unwrap_or_default();
            format!("TCP port {port}: {why}")
        }
        error @ ConnectError::Unresolved { .. } => error.to_string(),
    })?;
    let name = match host {
        Host::Name(name) => {
            ServerName::try_from(name.clone()).map_err(|error| error.to_string())?
        }
        Host::Address(address) => ServerName::from(*address),
    };
    let connection =
        ClientConnection::new(Arc::new(config), name).map_err(|error| format!("TLS: {error}"))?;
    let mut stream = StreamOwned::new(connection, connected.line);
    let Err(error) = stream.conn.complete_io(&mut stream.sock) else { return Ok(Ok(stream)) };
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    if let Some(Error::InvalidCertificate(_)) = inner {
        return Ok(Err(words(&error)));
    }
    Err(format!("port {port} is open, and TLS fails: {}", words(&error)))
}

fn words(error: &io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(error) => shown(&error.to_string()),
        None => crate::connect::reason(error),
    }
}

/// What answers, or why it is none.
fn ask_sstp(stream: &mut Tls, host: &Host, port: u16) -> Result<String, String> {
    let broken = |error: io::Error| match error.kind() {
        io::ErrorKind::TimedOut => "TLS works; the request for SSTP is not answered".to_owned(),
        io::ErrorKind::UnexpectedEof => "TLS works; the request for SSTP is closed upon".to_owned(),
        _ => format!("TLS works; then {}", words(&error)),
    };
    let correlation: [u8; 16] = super::random();
    let request = http::write_request(&http_host(host, port), correlation)
        .ok_or_else(|| "the host is no name".to_owned())?;
    stream.write_all(&request).map_err(broken)?;
    stream.flush().map_err(broken)?;
    let mut came = Vec::new();
    let mut buffer = [0; 2048];
    let head = loop {
        match http::response(&came) {
            Response::NotYet => {}
            Response::Accepted { octets } => break octets,
            Response::Status { code, server } => {
                let server = server.map(|name| format!(" of {}", name.escape_ascii()));
                let server = server.unwrap_or_default();
                return Err(format!("a web server{server}, which answers SSTP with status {code}"));
            }
            Response::Refused(_) => return Err("TLS works; what answers is no HTTP".to_owned()),
        }
        match stream.read(&mut buffer).map_err(broken)? {
            0 => return Err("TLS works; the request for SSTP is closed upon".to_owned()),
            octets => came.extend_from_slice(buffer.get(..octets).unwrap_or_default()),
        }
    };
    let mut out = Vec::new();
    Message::ConnectRequest { protocol: PPP }.write(&mut out);
    stream.write_all(&out).map_err(broken)?;
    stream.flush().map_err(broken)?;
    let mut input = came.split_off(head);
    let mut packets = Stream::new();
    let answer = loop {
        let mut rest = &mut input[..];
        match packets.next(&mut rest) {
            Err(_) => return Err("the answer to SSTP's request is no SSTP".to_owned()),
            Ok(Some(Packet::Control(packet))) => break Message::parse(packet),
            Ok(Some(Packet::Data(_)) | None) => {}
        }
        input.clear();
        match stream.read(&mut buffer).map_err(broken)? {
            0 => return Err("SSTP is taken and closed at once".to_owned()),
            octets => input.extend_from_slice(buffer.get(..octets).unwrap_or_default()),
        }
    };
    let mut out = Vec::new();
    Message::Abort(Some(Invalid::message(Status::NO_ERROR))).write(&mut out);
    let _ = stream.write_all(&out);
    match answer {
        Ok(Message::ConnectAck { .. }) => Ok("SSTP takes a call".to_owned()),
        Ok(Message::ConnectNak(why)) => {
            Err(format!("SSTP refuses the call: {}", why.status.meaning()))
        }
        _ => Err("SSTP answers with something else than it should".to_owned()),
    }
}

fn http_host(host: &Host, port: u16) -> String {
    let host = match host {
        Host::Address(IpAddr::V6(address)) => format!("[{address}]"),
        host => host.to_string(),
    };
    if port == HTTPS { host } else { format!("{host}:{port}") }
}

/// The port of HTTPS.
pub(super) const HTTPS: u16 = 443;
/// For TCP.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// For all that is said.
const TALK_WITHIN: Duration = Duration::from_secs(4);
/// Where a menshen tells what it counted.
const COUNTS_PATH: &str = "/.menshen/tunnel/gre";
/// A probe is over within this.
const AGE_SECONDS_MAX: u64 = 20;
const ANSWER_OCTETS_MAX: usize = 256 << 10;
/// What the call carries.
const PPP: u16 = 1;

#[cfg(test)]
mod tests {
    //! The far end's answer.
    use super::*;

    #[test]
    fn counts_of_our_calls_alone_are_summed_and_anything_else_is_none() {
        let answer = |body: &str| format!("HTTP/1.1 200 OK\r\nA: b\r\n\r\n{body}").into_bytes();
        let body = r#"{"calls":[{"call":1,"peer":0,"seen":4,"sent":2,"seconds_ago":1},
            {"call":2,"peer":7,"seen":40,"sent":20,"seconds_ago":0},
            {"call":3,"peer":null,"seen":1,"sent":0,"seconds_ago":2},
            {"call":2,"peer":7,"seen":400,"sent":200,"seconds_ago":300}]}"#;
        let far = counts(&answer(body), &[(0, 1), (9, 3), (8, 2)]).unwrap();
        assert_eq!((far.seen, far.sent), (5, 2));
        let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
        assert_eq!(counts(&answer(&chunked), &[(7, 2)]).unwrap().seen, 40);
        assert_eq!(counts(b"HTTP/1.1 404 Not Found\r\n\r\n{}", &[]), None);
        assert_eq!(counts(&answer("{"), &[]), None);
        assert_eq!(counts(&answer("}{"), &[]), None);
        assert_eq!(counts(b"\xff\xfe", &[]), None);
    }
}
