//! Why a handshake failed: from how it ended and what was offered to findings with a hint.
//!
//! Only what the recording shows is claimed as certain; what is the usual cause is `likely`.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use menshen_base::{Confidence, Finding, Severity};

use super::message::{MessageKind, Side};
use super::story::{CheckResult, ClientCertificate, Named, Outcome, Story};

/// The findings, the likeliest first; empty when the handshake succeeded.
pub(super) fn causes(story: &Story) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        story.checks.iter().filter_map(|check| failed(story, check)).collect();
    match &story.outcome {
        Outcome::Done => {}
        Outcome::Unfinished => findings.push(unfinished(story)),
        Outcome::NotTls { by, looks_like } => findings.push(not_tls(story, *by, looks_like)),
        Outcome::Closed { by } => findings.push(closed(story, *by)),
        Outcome::Alert { by, code, name, meaning, .. } => {
            findings.extend(refused(story, *by, *code));
            if findings.is_empty() {
                let claim = format!("the {} broke off: {name}", by.word());
                let hint = sentence(meaning);
                findings.push(error(story, "handshake-alert", claim).hint(hint));
            }
        }
    }
    let shown = evidence(story);
    for finding in &mut findings {
        for (what, value) in &shown {
            let value = value.clone();
            *finding = finding.clone().evidence(*what, "the recorded handshake", value);
        }
    }
    findings
}

/// What an alert means together with what was offered.
fn refused(story: &Story, by: Side, code: Option<u8>) -> Vec<Finding> {
    let Some(code) = code else {
        let claim = format!("the {} broke off; its reason is encrypted", by.word());
        let hint = "After the ServerHello of TLS 1.3 alerts are encrypted. If the client sent it, \
                    it most likely did not accept the certificate.";
        return alloc::vec![likely(error(story, "alert-sealed", claim).hint(hint))];
    };
    let old = old_versions_only(story);
    match (code, by) {
        (40 | 70 | 71, _) if old => alloc::vec![old_client(story)],
        (70 | 86, _) => alloc::vec![version(story, by)],
        (40 | 71, Side::Server) => nothing_common(story),
        (40, Side::Client) => alloc::vec![likely(
            error(
                story,
                "client-refused-parameters",
                "the client did not accept what the server chose".to_string(),
            )
            .hint("Often the server's key, curve or signature is too weak for the client's rules.")
        )],
        (48, Side::Client) => alloc::vec![unknown_authority(story)],
        (42 | 43 | 46, Side::Client) => alloc::vec![bad_certificate(story, code)],
        (44, Side::Client) => alloc::vec![
            error(
                story,
                "certificate-revoked",
                "the client says that the certificate was revoked".to_string(),
            )
            .hint("Order a new certificate with a new key.")
        ],
        (45, Side::Client) => alloc::vec![
            error(
                story,
                "certificate-expired",
                "the client says that the certificate is out of its time".to_string(),
            )
            .hint("Renew the certificate; if its dates are right, the client's clock is wrong.")
        ],
        (116 | 42, Side::Server) => alloc::vec![no_client_certificate(story)],
        (43..=46 | 48, Side::Server) => {
            alloc::vec![error(
            story, "client-certificate-refused",
            "the server did not accept the client's certificate".to_string(),
        ).hint("The certificate must be issued by an authority the server names, and be in its \
                time.")]
        }
        (112, Side::Server) => alloc::vec![unknown_name(story)],
        (120, Side::Server) => alloc::vec![no_protocol(story)],
        (22 | 50, _) => alloc::vec![likely(
            error(
                story,
                "unreadable-record",
                format!("the {} could not read what came", by.word()),
            )
            .hint("Often something on the way changes the connection, or it was not TLS at all.")
        )],
        (51 | 20 | 21, _) => {
            alloc::vec![likely(error(
            story, "keys-differ", format!("the {} computed other keys or checksums", by.word()),
        ).hint("The private key may not fit the certificate, or something on the way changes the \
                handshake."))]
        }
        _ => Vec::new(),
    }
}

fn old_versions_only(story: &Story) -> bool {
    let offer = story.offer.as_ref();
    offer.is_some_and(|offer| {
        !offer.versions.is_empty() && offer.versions.iter().all(|version| version.code < 0x0303)
    })
}

fn old_client(story: &Story) -> Finding {
    let best = story.offer.as_ref().and_then(|offer| {
        offer.versions.iter().max_by_key(|version| version.code).map(|version| version.name.clone())
    });
    let best = best.unwrap_or_default();
    let hint = "TLS 1.0 and 1.1 are switched off everywhere since 2020 (RFC 8996). Update the \
                client or the library it is built with; there is no safe setting for the server.";
    error(story, "client-too-old", format!("this client only speaks {best} and older")).hint(hint)
}

fn version(story: &Story, by: Side) -> Finding {
    let claim = match by {
        Side::Server => "the server speaks none of the versions the client offers",
        Side::Client => "the client does not accept the version the server chose",
    };
    let hint = "Update the side that is behind: TLS 1.2 and 1.3 are what is used today.";
    error(story, "no-common-version", claim.to_string()).hint(hint)
}

/// The server found nothing: what the offer lacks, else that there is something else.
fn nothing_common(story: &Story) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(offer) = &story.offer {
        let modern = |suite: &Named| {
            matches!(suite.code, 0x1301..=0x1303)
                || suite.name.contains("_GCM_")
                || suite.name.contains("CHACHA20")
        };
        let fresh = |suite: &Named| {
            matches!(suite.code, 0x1301..=0x1303) || suite.name.starts_with("TLS_ECDHE_")
        };
        if !offer.suites.iter().any(|suite| modern(suite) && fresh(suite)) {
            let hint = "Servers of today want ECDHE with AES-GCM or ChaCha20. Update the client, \
                        or allow such suites in its settings.";
            let claim = "the client offers no cipher suite of today".to_string();
            findings.push(likely(error(story, "no-common-suite", claim).hint(hint)));
        }
        let usual = |group: &Named| matches!(group.code, 0x17 | 0x18 | 0x1d | 0x11eb..=0x11ed);
        let needs = offer.suites.iter().any(fresh) && !offer.groups.is_empty();
        let offers = |code: u16| offer.groups.iter().any(|group| group.code == code);
        if needs && !offer.groups.iter().any(usual) {
            let claim = "the client offers none of the usual groups".to_string();
            let hint = "X25519, P-256 and P-384 are what servers speak.";
            findings.push(likely(error(story, "no-common-group", claim).hint(hint)));
        } else if needs && findings.is_empty() && !(offers(0x17) && offers(0x1d)) {
            let groups: Vec<&str> = offer.groups.iter().map(|group| group.name.as_str()).collect();
            let claim = format!("the client offers few groups ({})", groups.join(", "));
            let hint = "The server most likely speaks none of them. X25519 and P-256 together \
                        reach all servers.";
            findings.push(likely(error(story, "no-common-group", claim).hint(hint)));
        }
    }
    if story.client_certificate == ClientCertificate::None {
        findings.push(no_client_certificate(story));
    }
    if findings.is_empty() {
        let missing = story.sni.is_none();
        let (code, claim, hint) = if missing {
            (
                "no-name-sent",
                "the server found nothing to serve a client that names no site",
                "Very old clients, and those that connect by address, send no name (SNI). Give the \
                 server a default certificate, or let the client use the name.",
            )
        } else {
            (
                "nothing-in-common",
                "the server found no common cipher suite, group or kind of certificate",
                "Compare what the client offers below with what the server allows.",
            )
        };
        findings.push(likely(error(story, code, claim.to_string()).hint(hint)));
    }
    findings
}

fn unknown_authority(story: &Story) -> Finding {
    let glance = story.server_certificate.as_ref();
    let own = glance.is_some_and(|leaf| leaf.subject == leaf.issuer);
    let alone = glance.is_some_and(|leaf| leaf.sent == 1);
    let (claim, hint) = match (own, alone) {
        (true, _) => (
            "the client does not trust the certificate: it is self-signed",
            "Use a certificate of a public authority, or make the client trust this one.",
        ),
        (false, true) => (
            "the client does not trust the certificate; only the leaf was sent",
            "Send the intermediate certificates too: most clients do not fetch them. If none is \
             missing, the client does not know the authority.",
        ),
        (false, false) => (
            "the client does not trust the authority that issued the certificate",
            "The authority is private, or the client's list of authorities is old. Make the client \
             trust it, or use a public authority.",
        ),
    };
    error(story, "client-does-not-trust", claim.to_string()).hint(hint)
}

fn bad_certificate(story: &Story, code: u8) -> Finding {
    let claim = match code {
        43 => "the client cannot use a certificate of this kind",
        46 => "the client does not accept the certificate and gives no reason",
        _ => "the client does not accept the certificate",
    };
    let hint = "Check that the name asked for is in the certificate, that its chain is whole and \
                its dates are right. Browsers also say this when a user turned back at the \
                warning.";
    likely(error(story, "certificate-refused", claim.to_string()).hint(hint))
}

fn no_client_certificate(story: &Story) -> Finding {
    let (claim, hint) = match story.client_certificate {
        ClientCertificate::Sent { .. } => (
            "the server did not accept the client's certificate",
            "It must be issued by an authority the server knows, and be in its time.",
        ),
        _ => (
            "the server wants a certificate of the client, and none was sent",
            "Give the client a certificate and its key, or switch the demand off at the server.",
        ),
    };
    error(story, "client-certificate-missing", claim.to_string()).hint(hint)
}

fn unknown_name(story: &Story) -> Finding {
    let (claim, hint) = match &story.sni {
        Some(name) => (
            format!("the server has no site named {name}"),
            "Check the spelling and where the name's addresses lead; else add the site and its \
             certificate.",
        ),
        None => (
            "the client names no site, and the server has none for that".to_string(),
            "Clients send a name when they are given one instead of an address.",
        ),
    };
    error(story, "name-not-served", claim).hint(hint)
}

fn no_protocol(story: &Story) -> Finding {
    let offered = story.offer.as_ref().map(|offer| offer.alpn.join(", ")).unwrap_or_default();
    let claim = format!("the server speaks none of the protocols offered ({offered})");
    let hint = "A client for one protocol reached a server for another: check host and port. Web \
                servers speak h2 and http/1.1.";
    error(story, "no-common-protocol", claim).hint(hint)
}

fn not_tls(story: &Story, by: Side, looks_like: &str) -> Finding {
    let claim = format!("the {} did not speak TLS: {looks_like}", by.word());
    let hint = match (by, looks_like.starts_with("plain HTTP")) {
        (Side::Client, true) => {
            "The client used http:// on the port of https://. Correct the \
                                 address, or let the server redirect."
        }
        (Side::Server, true) => "The port serves plain HTTP: use http://, or another port.",
        (Side::Client, false) => {
            "Something that is no TLS client came to this port: a scanner, a \
                                  health check, or a proxy with other settings."
        }
        (Side::Server, false) => {
            "Check host and port; some protocols begin in the clear and \
                                  switch to TLS on demand (STARTTLS)."
        }
    };
    error(story, "not-tls", claim).hint(hint)
}

fn closed(story: &Story, by: Side) -> Finding {
    let seen = |kind| story.messages.iter().any(|message| message.kind == kind);
    let certificate = seen(MessageKind::Certificate) || seen(MessageKind::Sealed);
    let (code, claim, hint) = match by {
        _ if story.messages.is_empty() && story.client_bytes + story.server_bytes == 0 => (
            "closed-without-a-word",
            format!("the {} closed before anything was said", by.word()),
            "A health check or port scan does that; nothing to do.",
        ),
        Side::Client if certificate => (
            "closed-after-certificate",
            "the client closed silently after it had the certificate".to_string(),
            "Most likely it did not accept the certificate, or the user turned back: check name, \
             chain and dates.",
        ),
        Side::Client => (
            "closed-by-client",
            "the client closed before the handshake was over".to_string(),
            "It gave up, lost its network, or was only looking whether the port is open.",
        ),
        Side::Server => (
            "closed-by-server",
            "the server closed without a word".to_string(),
            "A firewall, a proxy without a backend, or a server without a certificate for this \
             name does that.",
        ),
    };
    likely(error(story, code, claim).hint(hint))
}

fn unfinished(story: &Story) -> Finding {
    let last = story.messages.last();
    let (who, what) = match last {
        Some(message) => (message.from.other(), format!("after {}", message.name)),
        None => (Side::Client, "before the first message".to_string()),
    };
    let claim = format!("the {} did not go on {what}", who.word());
    let hint = "Packets are lost on the way (large hellos are, with a wrong MTU), or that side is \
                too busy; or the recording was stopped.";
    likely(error(story, "handshake-unfinished", claim).hint(hint))
}

fn failed(story: &Story, check: &super::story::Check) -> Option<Finding> {
    let CheckResult::Failed { why } = &check.result else { return None };
    let hint = "Either somebody on the way changes the handshake, or the key does not fit.";
    Some(error(story, "handshake-proof-wrong", format!("{}: {why}", check.what)).hint(hint))
}

fn error(story: &Story, code: &'static str, claim: String) -> Finding {
    Finding::new(code, Severity::Error, story.subject.clone(), claim)
}

fn likely(mut finding: Finding) -> Finding {
    finding.confidence = Confidence::Likely;
    finding
}

/// What every finding rests on.
fn evidence(story: &Story) -> Vec<(&'static str, String)> {
    let names = |list: &[Named]| {
        let mut text = list
            .iter()
            .take(SHOWN_MAX)
            .map(|named| named.name.as_str())
            .collect::<Vec<_>>()
            .join(", ");
        if list.len() > SHOWN_MAX {
            text.push_str(&format!(" and {} more", list.len() - SHOWN_MAX));
        }
        text
    };
    let mut shown = Vec::new();
    if let Outcome::Alert { by, name, .. } = &story.outcome {
        shown.push(("alert", format!("{name}, from the {}", by.word())));
    }
    if let Some(offer) = &story.offer {
        let name = story.sni.clone().unwrap_or_else(|| "none".to_string());
        shown.push(("name asked for", name));
        shown.push(("versions offered", names(&offer.versions)));
        shown.push(("cipher suites offered", names(&offer.suites)));
        if !offer.groups.is_empty() {
            shown.push(("groups offered", names(&offer.groups)));
        }
    }
    if let Some(ja4) = &story.ja4 {
        shown.push(("JA4", ja4.clone()));
    }
    shown
}

/// A meaning as a whole sentence.
fn sentence(meaning: &str) -> String {
    let mut letters = meaning.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).chain(['.']).collect()
}

/// Names shown of one list.
const SHOWN_MAX: usize = 12;
