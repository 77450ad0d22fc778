//! What is to be said about a handshake beyond its story: whether the certificate holds, and what
//! should be better.
//!
//! Judged is the chain as it was sent, against the time of the connection. Nothing is fetched.

use menshen_base::{Finding, Severity};
use menshen_explain_core::handshake::{
    Check, CheckResult, KeyExchangeKind, MessageKind, Outcome, Side, Story, causes,
};
use rustls::pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

/// The checks of the certificate chain: the system's roots, Mozilla's, and the name.
pub(super) fn chain_checks(story: &Story, name: Option<&str>, unix_seconds: u64) -> Vec<Check> {
    let Some((leaf, rest)) = story.server_chain.split_first() else { return Vec::new() };
    let message = story.messages.iter().find(|message| {
        matches!(message.kind, MessageKind::Certificate | MessageKind::CompressedCertificate)
            && message.from == Side::Server
    });
    let message = message.map(|message| message.number);
    let leaf = CertificateDer::from(leaf.as_slice());
    let leaf = EndEntityCert::try_from(&leaf);
    let between: Vec<_> = rest.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
    let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(unix_seconds));
    let judged = |anchors: &[TrustAnchor<'_>]| match &leaf {
        _ if anchors.is_empty() => {
            CheckResult::NotPossible { why: "no roots are installed".into() }
        }
        Err(error) => CheckResult::Failed { why: error.to_string() },
        Ok(leaf) => {
            let algorithms = webpki::ALL_VERIFICATION_ALGS;
            let usage = KeyUsage::server_auth();
            match leaf.verify_for_usage(algorithms, anchors, &between, time, usage, None, None) {
                Ok(_) => CheckResult::Ok,
                Err(error) => CheckResult::Failed { why: error.to_string() },
            }
        }
    };
    let check = |code, what: &str, result| Check { code, what: what.into(), message, result };
    let mut checks = vec![
        check("trust-system", "the chain leads to a root this system trusts", judged(&system())),
        check(
            "trust-mozilla",
            "the chain leads to a root of Mozilla's list",
            judged(webpki_roots::TLS_SERVER_ROOTS),
        ),
    ];
    if let Some(name) = name {
        let result = match (&leaf, ServerName::try_from(name)) {
            (Err(error), _) => CheckResult::Failed { why: error.to_string() },
            (_, Err(_)) => CheckResult::NotPossible { why: "it is no host name".into() },
            (Ok(leaf), Ok(server)) => match leaf.verify_is_valid_for_subject_name(&server) {
                Ok(()) => CheckResult::Ok,
                Err(error) => CheckResult::Failed { why: error.to_string() },
            },
        };
        checks.push(check("name", &format!("the certificate is for {name}"), result));
    }
    checks
}

/// All findings of a story and of the checks of its chain.
pub(super) fn findings(story: &Story, chain_checks: &[Check]) -> Vec<Finding> {
    let subject = &story.subject;
    let mut findings = causes(story);
    if let Some(version) = story.version.as_ref().filter(|version| version.code < 0x0303) {
        let claim = format!("the server speaks {}, which no browser does any more", version.name);
        findings.push(
            Finding::new("handshake-version-old", Severity::Error, subject, claim)
                .evidence("version", "ServerHello", version.name.clone())
                .hint("Switch on TLS 1.2 and 1.3 in the server; RFC 8996 retired 1.0 and 1.1."),
        );
    }
    let exchange = story.key_exchange.as_ref().map(|exchange| exchange.kind);
    if exchange == Some(KeyExchangeKind::Rsa) {
        let claim = "whoever gets the server's key later can open recordings of today";
        let suite =
            story.cipher_suite.as_ref().map_or_else(String::new, |suite| suite.name.clone());
        findings.push(
            Finding::new("handshake-not-forward-secret", Severity::Warning, subject, claim)
                .evidence("cipher suite", "ServerHello", suite)
                .hint("Offer ECDHE suites in the server, and best TLS 1.3."),
        );
    }
    if exchange == Some(KeyExchangeKind::Anonymous) {
        let claim = "nothing tells who the server is: the key exchange is not signed";
        findings.push(
            Finding::new("handshake-anonymous", Severity::Error, subject, claim)
                .hint("Switch off anonymous cipher suites in the server."),
        );
    }
    let of_check = |check| of_check(story, check, chain_checks);
    findings.extend(chain_checks.iter().filter_map(of_check));
    findings
}

/// Whether the exit code is 1.
pub(super) fn is_bad(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity >= Severity::Warning)
}

/// One line about a handshake for a list.
pub(super) fn in_short(story: &Story) -> String {
    let shown = |kind| story.messages.iter().any(|message| message.kind == kind);
    let is_hand_made = story.outcome == Outcome::Unfinished && shown(MessageKind::ServerHelloDone);
    if story.outcome == Outcome::Done || is_hand_made {
        let version = story.version.as_ref().map_or("TLS", |version| &version.name);
        return match &story.cipher_suite {
            Some(suite) => format!("{version}, {}", suite.name),
            None => version.to_owned(),
        };
    }
    if let Some(cause) = causes(story).into_iter().next() {
        return cause.claim;
    }
    match &story.outcome {
        Outcome::Alert { by, name, .. } => format!("the {} said {name}", by.word()),
        Outcome::Closed { by } => format!("the {} closed the connection", by.word()),
        Outcome::NotTls { by, looks_like } => format!("the {} spoke {looks_like}", by.word()),
        _ => "the recording ends before the handshake does".into(),
    }
}

fn of_check(story: &Story, check: &Check, all: &[Check]) -> Option<Finding> {
    let CheckResult::Failed { why } = &check.result else { return None };
    let (code, severity, claim, hint) = match check.code {
        "trust-system" => (
            "handshake-untrusted",
            Severity::Error,
            "this system does not trust the certificate",
            "`menshen explain cert` says what is wrong with the chain.",
        ),
        // One of both is enough to be told.
        "trust-mozilla" => {
            let system = all.iter().find(|check| check.code == "trust-system")?;
            if system.result != CheckResult::Ok {
                return None;
            }
            (
                "handshake-untrusted-by-browsers",
                Severity::Note,
                "this system trusts the certificate, Firefox and others would not",
                "A private CA is known to those machines only that it was installed on.",
            )
        }
        _ => (
            "handshake-wrong-name",
            Severity::Error,
            "the certificate is for other names",
            "`menshen explain cert` lists the names it covers.",
        ),
    };
    Some(
        Finding::new(code, severity, &story.subject, claim)
            .evidence(check.code, check.what.clone(), why.clone())
            .hint(hint),
    )
}

fn system() -> Vec<TrustAnchor<'static>> {
    let found = rustls_native_certs::load_native_certs().certs;
    let anchors = found.iter().filter_map(|der| webpki::anchor_from_trusted_cert(der).ok());
    anchors.map(|anchor| anchor.to_owned()).collect()
}
