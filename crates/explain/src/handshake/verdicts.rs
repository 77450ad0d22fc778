//! What is to be said about a handshake beyond its story: whether the certificate holds, and what
//! should be better.
//!
//! Judged is the chain as it was sent, against the time of the connection. Nothing is fetched.

use menshen_base::{Finding, Severity};
use menshen_explain_core::certificate::Certificate;
use menshen_explain_core::handshake::{
    Check, CheckResult, KeyExchangeKind, MessageKind, Outcome, Side, Story, causes,
};
use rustls::pki_types::{CertificateDer, ServerName};
use webpki::EndEntityCert;

use crate::trust::Store;

/// The checks of the certificate chain: its time, the system's roots and Mozilla's, or those that
/// are given instead, and the name.
pub(super) fn chain_checks(
    story: &Story,
    name: Option<&str>,
    unix_seconds: u64,
    given: Option<&Store>,
) -> Vec<Check> {
    let mut chain = story.server_chain.iter().map(|der| Certificate::from_der(der));
    let Some(leaf) = chain.next() else { return Vec::new() };
    let message = story.messages.iter().find(|message| {
        matches!(message.kind, MessageKind::Certificate | MessageKind::CompressedCertificate)
            && message.from == Side::Server
    });
    let message = message.map(|message| message.number);
    let check = |code, what: &str, result| Check { code, what: what.into(), message, result };
    let leaf = match leaf {
        Ok(leaf) => leaf,
        Err(error) => {
            let result = CheckResult::Failed { why: error.to_string() };
            return vec![check("trust-system", "the certificate can be read", result)];
        }
    };
    let others: Vec<Certificate> = chain.filter_map(Result::ok).collect();
    let others: Vec<&Certificate> = others.iter().collect();
    let now = i64::try_from(unix_seconds).unwrap_or(i64::MAX);
    let judged = |store: &Store| {
        let verdict = store.judge(&leaf, &others, now);
        if verdict.trusted { CheckResult::Ok } else { CheckResult::Failed { why: verdict.reason } }
    };
    let time = match now {
        now if now < leaf.not_before => {
            CheckResult::Failed { why: "its time has not begun".into() }
        }
        now if now > leaf.not_after => CheckResult::Failed { why: "its time is over".into() },
        _ => CheckResult::Ok,
    };
    let mut checks = vec![check("time", "the certificate is in its time", time)];
    if let Some(given) = given {
        let claim = "the chain leads to one of the roots that were given";
        checks.push(check("trust-given", claim, judged(given)));
    } else {
        let [system, mozilla] = [Store::system(), Store::mozilla()].map(|store| judged(&store));
        checks.extend([
            check("trust-system", "the chain leads to a root this system trusts", system),
            check("trust-mozilla", "the chain leads to a root of Mozilla's list", mozilla),
        ]);
    }
    if let Some(name) = name {
        checks.push(check("name", &format!("the certificate is for {name}"), named(story, name)));
    }
    checks
}

fn named(story: &Story, name: &str) -> CheckResult {
    let leaf = story.server_chain.first().map(|der| CertificateDer::from(der.as_slice()));
    let leaf = leaf.as_ref().and_then(|der| EndEntityCert::try_from(der).ok());
    match (leaf, ServerName::try_from(name)) {
        (Some(leaf), Ok(server)) => match leaf.verify_is_valid_for_subject_name(&server) {
            Ok(()) => CheckResult::Ok,
            Err(_) => {
                let names = story.server_certificate.as_ref().map(|leaf| leaf.names.join(", "));
                let names = names.filter(|names| !names.is_empty());
                let why = names.map_or_else(
                    || "it has no names (subjectAltName)".to_owned(),
                    |names| format!("it is for {names}"),
                );
                CheckResult::Failed { why }
            }
        },
        (None, _) => CheckResult::NotPossible { why: "the certificate cannot be read".into() },
        (_, Err(_)) => CheckResult::NotPossible { why: "it is no host name".into() },
    }
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

/// A session was to be taken up and was not.
pub(super) fn not_resumed(story: &Story) -> Finding {
    let claim = "the server did not take up the session of the connection before";
    Finding::new("session-not-resumed", Severity::Note, &story.subject, claim)
        .hint("It gives no tickets, or its workers do not share their keys: each visit pays anew.")
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
        "trust-given" => (
            "handshake-untrusted",
            Severity::Error,
            "the roots that were given do not lead to the certificate",
            "`menshen explain cert --roots FILE` says what is wrong with the chain.",
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
        "time" => (
            "handshake-certificate-time",
            Severity::Error,
            "the certificate is not in its time",
            "Renew the certificate; if its dates are right, this clock is wrong.",
        ),
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
