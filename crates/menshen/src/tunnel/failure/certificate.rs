//! Failures of SSTP as findings: TCP, TLS and its certificate, HTTP, the crypto binding.

use std::error::Error;
use std::net::SocketAddr;

use menshen_base::Finding;
use menshen_config::dial::Address;
use menshen_tunnel::client::Class;
use menshen_tunnel::sstp::{ConnectError, Lost};

use super::own;

/// Why there is no SSTP call.
pub(super) fn connect(
    error: &ConnectError,
    server: Option<SocketAddr>,
    address: &Address,
) -> Finding {
    let (code, claim, hint) = words(error);
    let host = match address.port {
        Some(port) => format!("{}:{port}", address.host),
        None => address.host.clone(),
    };
    let hint = hint.replace("HOST", &host);
    let place = server.map_or_else(|| "SSTP".to_owned(), |server| server.to_string());
    let mut finding = own(code, address, claim, &hint);
    let mut source: Option<&dyn Error> = Some(error);
    while let Some(error) = source {
        let text = error.to_string();
        if finding.evidence.last().is_none_or(|last| last.value != text) {
            finding = finding.evidence("SSTP", &*place, text);
        }
        source = error.source();
    }
    if let ConnectError::NotSstp { server: Some(name), .. } = error {
        finding = finding.evidence("Server", "HTTP", name.escape_ascii().to_string());
    }
    finding
}

const fn words(error: &ConnectError) -> (&'static str, &'static str, &'static str) {
    match error {
        ConnectError::NotAHost => {
            ("tunnel-no-host", "this is neither a name nor an address", "Look at the address.")
        }
        ConnectError::Name(_) => (
            "tunnel-name-unknown",
            "the name has no address",
            "Is the name right, and does this host reach its name servers?",
        ),
        ConnectError::Tcp { .. } => (
            "tunnel-sstp-closed",
            "no TCP connection to the server",
            "Is the address right, does an SSTP server listen there, and does a firewall let it \
             through?",
        ),
        ConnectError::TcpTimeout(_) => (
            "tunnel-sstp-filtered",
            "nothing answers there on TCP",
            "A filter drops it, or the address is wrong.",
        ),
        ConnectError::Trust(_) => (
            "tunnel-sstp-no-roots",
            "there is no root to check the server's certificate against",
            "Install the package ca-certificates, or name a file by --ca.",
        ),
        ConnectError::Certificate(_) => (
            "tunnel-sstp-untrusted",
            "the server's certificate is not trusted, so no password was sent",
            "`menshen explain https HOST` shows it and what is wrong with it. One of your own \
             authority: --ca FILE with its root. One certificate of its own making: --fingerprint \
             with its SHA-256, as the server's operator reads it to you.",
        ),
        ConnectError::Tls(_) | ConnectError::TlsTimeout => (
            "tunnel-sstp-no-tls",
            "TLS does not come about there",
            "Something else listens there, or a box in the way breaks TLS.",
        ),
        ConnectError::Random(_) => ("tunnel-local", "this host gives no random octets", ""),
        ConnectError::Broken(_) => (
            "tunnel-lost",
            "the connection broke before the tunnel was up",
            "The server or the way to it failed.",
        ),
        ConnectError::NotSstp { code: 500.., .. } => (
            "tunnel-sstp-refused",
            "the server cannot take an SSTP call now",
            "Its SSTP part is not running, or has no room: its log tells.",
        ),
        ConnectError::NotSstp { .. } => (
            "tunnel-sstp-not-there",
            "a web server answers there that does not speak SSTP",
            "Switch SSTP on at the server, or ask for its right name and port. A proxy in front of \
             it must pass TLS on unopened.",
        ),
        ConnectError::NotHttp(_) | ConnectError::ClosedInstead | ConnectError::Unanswered => (
            "tunnel-sstp-not-there",
            "what answers there does not speak SSTP",
            "Ask for the server's right name and port. A box in the way that opens HTTPS does this, \
             too.",
        ),
    }
}

/// Why an SSTP call ended.
pub(super) fn lost(lost: &Lost, class: Class, address: &Address) -> Finding {
    let (claim, hint) = match class {
        Class::Certificate => (
            "the crypto binding does not hold: both ends saw another TLS connection",
            "A proxy opens TLS on the way, or somebody stands between. If the proxy is yours, the \
             server must be told the certificate that it shows.",
        ),
        Class::CallRefused => ("the server refused the call", "Its log tells why."),
        Class::EndedByServer => ("the server ended the session", "Its log tells why."),
        _ => ("the session was lost", "The server or the way to it failed."),
    };
    let source = lost.source().map(|source| format!(": {source}")).unwrap_or_default();
    own(lost.code(), address, claim, hint).evidence("end", "SSTP", format!("{lost}{source}"))
}
