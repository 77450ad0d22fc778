//! What the collector found beside the certificate itself: on the way to it, and about the server.

use menshen_base::{Finding, Severity};
use menshen_explain_core::certificate::Certificate;

use super::observe::{Dialect, Observation, ObserveError};
use super::revocation::{Revocation, SourceKind, Standing};
use crate::starttls::{Protocol, StarttlsError};

/// The server was reached and showed no certificate; None when it was not reached.
pub(super) fn no_certificate(
    error: &ObserveError,
    server: &str,
    protocol: Option<Protocol>,
) -> Option<Finding> {
    let finding = match error {
        ObserveError::Connect(_)
        | ObserveError::Silent { .. }
        | ObserveError::Starttls(StarttlsError::Broken(_)) => return None,
        ObserveError::Starttls(error) => starttls(error, server, protocol?),
        ObserveError::NotTls { detail } => {
            let hint = "Ask for the port that speaks TLS, or name what is spoken before it with \
                        --starttls.";
            Finding::new("tls-not-spoken", Severity::Error, server, "the server does not speak TLS")
                .evidence("first bytes", server, detail)
                .hint(hint)
        }
        ObserveError::Refused { detail } | ObserveError::Broken { detail } => {
            let claim = "no certificate was shown: the server ended every handshake";
            let hint = "It may want another name (--name), or a client certificate before it shows \
                        its own.";
            Finding::new("handshake-refused", Severity::Error, server, claim)
                .evidence("answer to the hello", server, detail)
                .hint(hint)
        }
    };
    Some(finding)
}

fn starttls(error: &StarttlsError, server: &str, protocol: Protocol) -> Finding {
    let name = protocol.name();
    let said = error.detail().unwrap_or_else(|| error.to_string());
    let (code, claim, hint) = match error {
        StarttlsError::NotOffered { .. } => {
            let hint = match protocol {
                Protocol::Mysql => "Give the server ssl_cert and ssl_key.",
                Protocol::Postgres => "Set ssl = on, ssl_cert_file and ssl_key_file.",
                _ => "Configure a certificate in the server and let it offer TLS.",
            };
            let claim = format!("the {name} server offers no TLS, so everything is sent in clear");
            ("starttls-not-offered", claim, hint)
        }
        StarttlsError::Injected => (
            "starttls-injected",
            format!("the {name} server spoke on in clear text after it agreed to TLS"),
            "What is said before TLS must be forgotten; update the server (CVE-2011-0411).",
        ),
        StarttlsError::Foreign { .. } => (
            "starttls-foreign",
            format!("what answers does not speak {name}"),
            "Name the protocol with --starttls, or --starttls none where TLS begins at once.",
        ),
        _ => ("starttls-refused", format!("the {name} server did not begin TLS"), ""),
    };
    Finding::new(code, Severity::Error, server, claim).evidence("answer", server, said).hint(hint)
}

/// What the handshake showed beside the certificate.
pub(super) fn of_connection(seen: &Observation, leaf: &Certificate, server: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    let version = seen.version.as_deref().unwrap_or("an unknown version");
    let suite = seen.suite.as_deref().unwrap_or("unknown");
    if seen.dialect == Dialect::Legacy {
        let old = version != "TLS 1.2";
        let (code, claim) = if old {
            ("tls-version-old", format!("the server speaks {version} only, which browsers refuse"))
        } else {
            let claim = "the server has only cipher suites that browsers no longer offer";
            ("cipher-suite-old", claim.to_owned())
        };
        let finding = Finding::new(code, Severity::Error, server, claim)
            .evidence(
                "version and suite",
                "ServerHello to an old hello",
                format!("{version}, {suite}"),
            )
            .evidence("answer to a hello of today", server, seen.broke.as_deref().unwrap_or(""))
            .hint("Allow TLS 1.2 with ECDHE and AES-GCM, and TLS 1.3.");
        found.push(finding);
    } else if let Some(broke) = &seen.broke {
        let claim = "the handshake did not end well, though the certificate was seen";
        found.push(
            Finding::new("handshake-unfinished", Severity::Note, server, claim)
                .evidence("end", server, broke)
                .hint("A server that asks for a client certificate ends it this way."),
        );
    }
    if seen.key_proven == Some(false) {
        let claim = "the server did not prove that it has the certificate's key";
        found.push(
            Finding::new("key-not-proven", Severity::Error, server, claim)
                .evidence("signature in the handshake", server, "does not verify")
                .hint("Certificate and key of the server do not belong together."),
        );
    }
    for (address, why) in &seen.refused {
        let claim = "an address of the name does not answer";
        found.push(
            Finding::new("address-unreachable", Severity::Warning, address.to_string(), claim)
                .evidence("connection", address.to_string(), why)
                .hint("Clients that try this address first wait or fail."),
        );
    }
    if leaf.must_staple && seen.staple.is_none() && seen.dialect == Dialect::Modern {
        let claim = "the certificate demands a stapled OCSP answer, and the server sends none";
        found.push(
            Finding::new("staple-missing", Severity::Error, server, claim)
                .evidence("TLS feature extension", "certificate", "status_request")
                .hint("Turn on OCSP stapling; Firefox refuses the connection without (RFC 7633)."),
        );
    }
    found
}

/// What revocation means.
pub(super) fn of_revocation(revocation: &Revocation, subject: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    for source in &revocation.sources {
        let place = source.url.as_deref().unwrap_or("stapled OCSP answer");
        match (source.verdict, source.kind) {
            (Standing::Revoked, _) if revocation.verdict == Standing::Revoked => found.push(
                Finding::new(
                    "certificate-revoked",
                    Severity::Error,
                    subject,
                    "the certificate is revoked",
                )
                .evidence("revocation", place, &source.text)
                .hint("Order a new certificate with a new key and serve that."),
            ),
            (Standing::Unknown, SourceKind::Staple) => found.push(
                Finding::new(
                    "staple-unusable",
                    Severity::Warning,
                    subject,
                    "the stapled OCSP answer counts for nothing",
                )
                .evidence("stapled OCSP answer", "handshake", &source.text)
                .hint("Let the server fetch a fresh one, or turn stapling off."),
            ),
            (Standing::Unknown, _) => found.push(
                Finding::new(
                    "revocation-unknown",
                    Severity::Note,
                    subject,
                    "a source of revocation gave no answer that counts",
                )
                .evidence("revocation", place, &source.text),
            ),
            _ => {}
        }
    }
    found.dedup_by(|one, other| one.code == "certificate-revoked" && one.code == other.code);
    found
}

/// The door serves something else than the files hold.
pub(super) fn served_differs(name: &str, served: &str, files: &[(String, String)]) -> Finding {
    let claim = "the door serves another certificate than its files hold";
    let mut finding = Finding::new("certificate-served-differs", Severity::Error, name, claim)
        .evidence("SHA-256 served", "handshake with the door", served);
    for (place, digest) in files {
        finding = finding.evidence("SHA-256 held", place, digest);
    }
    finding.hint("Run `menshen reload`; until then visitors get the old certificate.")
}

/// No file covers the name.
pub(super) fn no_file(name: &str, places: &[String]) -> Finding {
    let mut finding = Finding::new(
        "site-without-certificate",
        Severity::Error,
        name,
        "no certificate file of this menshen covers the name",
    );
    for place in places {
        finding = finding.evidence("looked into", place, "does not cover it");
    }
    finding.hint("Add the name to tls.acme, tls.names or a certificate to tls.from.")
}

/// The door does not answer.
pub(super) fn door_silent(door: &str, why: &str) -> Finding {
    let claim = "the door could not be asked what it serves; this is about the file";
    Finding::new("door-unreachable", Severity::Warning, door, claim)
        .evidence("connection", door, why)
        .hint("Start it with `menshen serve`, or name its address with --connect.")
}

/// Something the server sent as a certificate is none.
pub(super) fn unreadable(place: usize, why: &str, server: &str) -> Finding {
    let claim = format!("certificate {} of the chain cannot be read", place + 1);
    Finding::new("certificate-unreadable", Severity::Error, server, claim)
        .evidence("certificate", "chain as sent", why)
        .hint("Put the chain together anew from the authority's files.")
}
