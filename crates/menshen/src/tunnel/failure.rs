//! Why there is no tunnel, as a finding: claim, evidence, what to do. Causes that a capture shows,
//! too, have the code and the words of `explain tunnel`. Texts of peers are escaped here.

use std::io;

use menshen_base::{Finding, Severity};
use menshen_config::dial::{Address, Mppe, Scheme};
use menshen_explain_core::tunnel::verdict::causes;
use menshen_tunnel::client::{Bearer, Class, Ended, Failure, Lost};
use menshen_tunnel::pptp::{About, DialError, IcmpError};
use menshen_tunnel_core::auth::{Refusal, RefusalKind};
use menshen_tunnel_core::ppp::{Cause, Heard, Meaning, MppeMissing};
use menshen_tunnel_core::pptp::call::{CallEnd, End};

mod certificate;

/// The finding. `mppe`: what was wanted.
pub(super) fn finding(failure: &Failure, address: &Address, mppe: Mppe) -> Finding {
    let mut finding = match failure {
        Failure::Interface(error) => interface(error, address),
        Failure::Local { step, source } => {
            let finding = own("tunnel-local", address, "something failed on this host", "");
            finding.evidence(*step, "this host", source.to_string())
        }
        Failure::Name(error) => {
            let hint = "Is the name right, and does this host reach its name servers?";
            let finding = own("tunnel-name-unknown", address, "the name has no address", hint);
            finding.evidence(&*address.host, "name service", error.to_string())
        }
        Failure::NoIpv4 => {
            let claim = "the name has no IPv4 address, which PPTP needs";
            own("tunnel-no-ipv4", address, claim, "Use sstp:// for IPv6.")
        }
        Failure::Pptp(_, error) => dial(error, address),
        Failure::Sstp(server, error) => certificate::connect(error, *server, address),
        Failure::Ended(ended) => self::ended(ended, address),
        Failure::Both { pptp, sstp } => return both((pptp, sstp), failure.class(), address, mppe),
    };
    if finding.code == "tunnel-mppe-refused" && mppe == Mppe::Off {
        finding.hint = "It is switched off here: leave --mppe off out.".to_owned();
    }
    if address.scheme != Scheme::Pptp {
        // By SSTP it was or will be tried.
        finding.hint = finding.hint.replace(SSTP_INSTEAD, "");
    }
    let by_sstp = format!("`menshen tunnel connect {}`", address.by_sstp());
    finding.hint = finding.hint.replace(SSTP_PLACEHOLDER, &by_sstp);
    if looks_further(failure.class()) {
        let more = format!("`menshen explain tunnel {}` looks at each step.", address.host);
        finding.hint = format!("{} {more}", finding.hint.trim()).trim().to_owned();
    }
    finding
}

/// Of two failures the one that tells more, with the other as evidence.
fn both(
    (pptp, sstp): (&Failure, &Failure),
    class: Class,
    address: &Address,
    mppe: Mppe,
) -> Finding {
    let (first, other, word) = match sstp.class() == class {
        true => (sstp, pptp, "by PPTP"),
        false => (pptp, sstp, "by SSTP"),
    };
    let other = finding(other, address, mppe);
    let value = format!("{} [{}]", other.claim, other.code);
    finding(first, address, mppe).evidence("the other way", word, value)
}

const fn looks_further(class: Class) -> bool {
    matches!(
        class,
        Class::Gre | Class::Unreachable | Class::NoServer | Class::CallRefused | Class::Terms
    )
}

fn own(code: &'static str, address: &Address, claim: &str, hint: &str) -> Finding {
    Finding::new(code, Severity::Error, address.to_string(), claim).hint(hint)
}

fn known(code: &'static str, address: &Address) -> Finding {
    causes::finding(code, address.to_string())
}

fn interface(error: &io::Error, address: &Address) -> Finding {
    let (code, claim, hint) = match error.kind() {
        io::ErrorKind::PermissionDenied => (
            "tunnel-no-right",
            "this process may not make a network interface",
            "Run it as root, or with the right CAP_NET_ADMIN (and CAP_NET_RAW for PPTP).",
        ),
        io::ErrorKind::NotFound => (
            "tunnel-no-tun",
            "this host has no /dev/net/tun",
            "In a container: give it the device /dev/net/tun and the right CAP_NET_ADMIN. \
             Elsewhere: `modprobe tun`.",
        ),
        io::ErrorKind::ResourceBusy => (
            "tunnel-interface-taken",
            "another interface has this name",
            "Choose another --interface; with %d in it a free number is taken.",
        ),
        _ => ("tunnel-no-tun", "no network interface can be made here", ""),
    };
    own(code, address, claim, hint).evidence("/dev/net/tun", "this host", error.to_string())
}

fn dial(error: &DialError, address: &Address) -> Finding {
    let source = |error: &io::Error| error.to_string();
    match error {
        DialError::LocalRight(error) => {
            let hint = "Run it as root, or with the right CAP_NET_RAW. SSTP needs none: \
                        `menshen tunnel connect sstp://USER@HOST`.";
            own("tunnel-no-right", address, "this process may not send GRE", hint).evidence(
                "raw socket of IP protocol 47",
                "this host",
                source(error),
            )
        }
        DialError::Local { step, source } => {
            own("tunnel-local", address, "something failed on this host", "").evidence(
                *step,
                "this host",
                source.to_string(),
            )
        }
        DialError::PeerClosed(error) => {
            known("tunnel-port-closed", address).evidence("connect", "TCP", source(error))
        }
        DialError::PeerSilent => {
            known("tunnel-port-filtered", address).evidence("connect", "TCP", "no answer in time")
        }
        DialError::PeerUnreachable(error) => {
            let hint = "Look at this host's routes: `ip route get` with the server's address.";
            own("tunnel-no-way", address, "there is no way to the server", hint).evidence(
                "connect",
                "TCP",
                source(error),
            )
        }
        DialError::LocalForbidden(error) => {
            let hint = "Let TCP 1723 and IP protocol 47 out: `nft list ruleset`.";
            let claim = "this host's own firewall forbids TCP to the server";
            own("tunnel-own-firewall-tcp", address, claim, hint).evidence(
                "connect",
                "TCP",
                source(error),
            )
        }
        DialError::Control(end) => control(end, address),
        DialError::Call(end) => {
            let code = match &**end {
                CallEnd::Refused { .. } => "tunnel-call-refused",
                CallEnd::Unanswered => "tunnel-call-unanswered",
                _ => "tunnel-server-gave-up",
            };
            known(code, address).evidence("call", "control connection", end.to_string())
        }
    }
}

fn control(end: &End, address: &Address) -> Finding {
    let code = match end {
        End::Refused { .. } => "tunnel-start-refused",
        End::Version(_) | End::Malformed { .. } | End::Unexpected(_) => "tunnel-not-pptp",
        _ => "tunnel-control-silent",
    };
    known(code, address).evidence("control connection", "TCP", end.to_string())
}

fn ended(ended: &Ended, address: &Address) -> Finding {
    if let Some(error) = &ended.device_error {
        let claim = "the interface of the tunnel failed";
        let hint = "Somebody has removed it, or its settings were refused.";
        return own("tunnel-interface-failed", address, claim, hint).evidence(
            "interface",
            "this host",
            error.to_string(),
        );
    }
    if ended.class() == Class::Gre {
        return gre(ended, address);
    }
    match &ended.cause {
        Cause::Refused(refusal) => refused(refusal, ended, address),
        Cause::NoCommonMethod { theirs } => {
            let theirs: String = theirs.iter().map(|octet| format!("{octet:02x}")).collect();
            known("tunnel-no-common-auth", address).evidence(
                "authentication that the server wants",
                "LCP option 3",
                theirs,
            )
        }
        Cause::PeerTerminated { meaning, text, .. } => terminated(*meaning, text, ended, address),
        Cause::MppeMissing(missing) => without_mppe(*missing, address),
        Cause::CarrierLost => carrier(ended, address),
        cause => rest(cause, ended, address),
    }
}

fn refused(refusal: &Refusal, ended: &Ended, address: &Address) -> Finding {
    let finding = match refusal.kind {
        RefusalKind::ByServer => known("tunnel-auth-refused", address),
        RefusalKind::ServerUnproven => {
            let claim = "the server could not prove that it knows the password";
            let hint = "Somebody else answers in its place, or its account has another password.";
            own("tunnel-server-unproven", address, claim, hint)
        }
    };
    let method = ended.status.method.map_or("PPP", |method| method.name());
    let code = refusal.code.map(|code| format!("E={code} ")).unwrap_or_default();
    let value = format!("{code}{}", refusal.text.escape_ascii());
    finding.evidence("user", "address", address.user.escape_debug().to_string()).evidence(
        "the server's answer",
        method,
        value.trim(),
    )
}

fn terminated(meaning: Meaning, text: &[u8], ended: &Ended, address: &Address) -> Finding {
    let code = match (meaning, ended.class()) {
        (Meaning::MppeNoKeys, _) => "tunnel-mppe-no-key",
        (Meaning::MppeRefused, _) => "tunnel-mppe-refused",
        (Meaning::MppeNoCommonStrength, _) | (_, Class::Encryption) => "tunnel-mppe-strength",
        (Meaning::NoCommonMethod, _) => "tunnel-no-common-auth",
        (_, Class::Authentication) => "tunnel-auth-refused",
        (_, Class::EndedByServer) => {
            let claim = "the server ended the session";
            let hint = "An idle or session limit does that, or its operator.";
            return own("tunnel-ended-by-server", address, claim, hint).evidence(
                "its words",
                "PPP",
                text.escape_ascii().to_string(),
            );
        }
        _ => "tunnel-ppp-terminated",
    };
    let mut finding = known(code, address);
    if let Meaning::Windows(number) = meaning {
        finding = finding.evidence("error", "Windows' remote access", number.to_string());
    }
    finding.evidence("its words", "LCP Terminate-Request", text.escape_ascii().to_string())
}

fn without_mppe(missing: MppeMissing, address: &Address) -> Finding {
    let (code, value) = match missing {
        MppeMissing::NoKeys => ("tunnel-mppe-no-key", "the proof gave no keys"),
        MppeMissing::PeerRefuses => ("tunnel-mppe-refused", "the server refuses MPPE"),
        MppeMissing::NoCommonStrength => ("tunnel-mppe-strength", "128 bit is refused"),
        MppeMissing::Silence => ("tunnel-mppe-refused", "the server does not answer"),
        MppeMissing::PeerClosed => ("tunnel-mppe-refused", "the server closed it again"),
    };
    let mut finding = known(code, address).evidence("CCP", "PPP", value);
    finding.hint += " With --mppe off nothing is encrypted, and all can be read on the way.";
    finding
}

/// GRE, as one end alone can tell.
fn gre(ended: &Ended, address: &Address) -> Finding {
    let facts = ended.facts.as_ref();
    let refused = facts.and_then(|facts| facts.refused);
    let about_gre = |icmp: &&IcmpError| matches!(icmp.about, About::Gre(_)) && icmp.kind == 3;
    let icmp = facts.and_then(|facts| facts.icmp.iter().find(about_gre));
    let gave_up = matches!(ended.lost, Some(Lost::Pptp(_)));
    let code = match (refused, icmp) {
        (Some((io::ErrorKind::PermissionDenied, _)), _) => "tunnel-own-firewall",
        (_, Some(icmp)) => match icmp.code {
            2 => "tunnel-server-without-gre",
            9 | 10 | 13 => "tunnel-gre-rejected",
            _ => "tunnel-gre-unreachable",
        },
        _ if ended.heard == Heard::RequestsOnly => "tunnel-gre-lost-out",
        _ if gave_up => "tunnel-server-gave-up",
        _ => "tunnel-gre-lost",
    };
    let mut finding = match code {
        "tunnel-own-firewall" => {
            let claim = "this host's own firewall forbids GRE to go out";
            let hint = "Let IP protocol 47 to the server out: `nft list ruleset`.";
            own(code, address, claim, hint)
        }
        code => known(code, address),
    };
    if let Some((kind, count)) = refused {
        finding = finding.evidence("sending GRE", "this host", format!("{kind}, {count} times"));
    }
    if let Some(icmp) = icmp {
        let value =
            format!("{}/{} from {}, {} times", icmp.kind, icmp.code, icmp.sender, icmp.count);
        finding = finding.evidence("ICMP on our GRE", "this host", value);
    }
    if let Some(facts) = facts {
        let counters = facts.counters;
        finding = finding
            .evidence("GRE sent", "this host", format!("{} frames", counters.sent))
            .evidence("GRE received", "this host", format!("{} frames", counters.received));
    }
    if let Some(Lost::Pptp(lost)) = &ended.lost {
        finding = finding.evidence("end", "control connection", lost.to_string());
    }
    finding
}

fn carrier(ended: &Ended, address: &Address) -> Finding {
    let Some(lost) = &ended.lost else { return rest(&ended.cause, ended, address) };
    if let Lost::Sstp(lost) = lost {
        return certificate::lost(lost, ended.class(), address);
    }
    let (claim, hint) = match ended.class() {
        Class::EndedByServer => ("the server ended the call", "Its log tells why."),
        _ => ("the call was lost", "The server or the way to it failed."),
    };
    let Lost::Pptp(lost) = lost else { return rest(&ended.cause, ended, address) };
    own("tunnel-lost", address, claim, hint).evidence("end", "PPTP", lost.to_string())
}

fn rest(cause: &Cause, ended: &Ended, address: &Address) -> Finding {
    let terms = "tunnel-lcp-no-agreement";
    let (code, claim, value) = match cause {
        Cause::EchoTimeout { unanswered } => {
            let value = format!("{unanswered} echo requests without an answer");
            ("tunnel-lost", "the server does not answer any more", value)
        }
        Cause::AuthTimeout(method) => {
            let value = format!("{} begun and not ended", method.name());
            ("tunnel-auth-unanswered", "the server does not say whether it lets us in", value)
        }
        Cause::LcpTimeout(heard) => {
            let value = match heard {
                Heard::Nothing => "nothing came",
                Heard::RequestsOnly => "requests came, no answers",
                Heard::Answers => "answers came",
            };
            (terms, "LCP does not come to an end", value.to_owned())
        }
        Cause::Loopback => {
            (terms, "what is sent comes back: nobody is at the other end", String::new())
        }
        Cause::KeysDiffer => {
            let value = "packets cannot be decrypted".to_owned();
            ("tunnel-mppe-keys", "both ends have other keys", value)
        }
        Cause::NoAddress => ("tunnel-no-address", "the server gives no address", "IPCP".to_owned()),
        Cause::NoNetwork => {
            ("tunnel-no-address", "the server carries neither IPv4 nor IPv6", String::new())
        }
        Cause::NeverConverged(protocol) | Cause::Restless(protocol) => {
            let value = format!("protocol {:#06x}", protocol.0);
            (terms, "both ends refuse each other's options without end", value)
        }
        Cause::NotUnderstood(protocol) => {
            let value = format!("protocol {:#06x}", protocol.0);
            (terms, "the server does not know what PPP needs", value)
        }
        Cause::SetupTimeout(phase) => {
            (terms, "PPP was not set up in time", format!("it came to {phase:?}"))
        }
        _ if ended.silent => (terms, "LCP was not open in time", String::new()),
        _ => ("tunnel-lost", "the session ended", String::new()),
    };
    let hint = match ended.bearer {
        Bearer::Pptp => "The server's log tells more.",
        Bearer::Sstp => "The server's log (PPP behind SSTP) tells more.",
    };
    let finding = own(code, address, claim, hint);
    if value.is_empty() { finding } else { finding.evidence("PPP", "this host", value) }
}

/// As the table of causes writes it.
const SSTP_PLACEHOLDER: &str = "`menshen tunnel connect sstp://USER@HOST`";
const SSTP_INSTEAD: &str = " Over TCP 443: `menshen tunnel connect sstp://USER@HOST`.";

#[cfg(test)]
mod tests;
