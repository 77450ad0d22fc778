//! Findings of failures: a code, evidence, and a command that fits.
use std::net::{Ipv4Addr, SocketAddr};

use menshen_tunnel::driver::Status;
use menshen_tunnel::sstp::ConnectError;
use menshen_tunnel_core::ppp::Phase;

use super::*;

fn at() -> SocketAddr {
    (Ipv4Addr::new(192, 0, 2, 1), 1723).into()
}

fn address(scheme: &str) -> Address {
    Address::parse(&format!("{scheme}://anna@vpn.test")).unwrap()
}

fn failure(bearer: Bearer, cause: Cause) -> Ended {
    Ended {
        bearer,
        server: at(),
        cause,
        lost: None,
        device_error: None,
        heard: Heard::Nothing,
        silent: false,
        open_for: None,
        status: Status::default(),
        facts: None,
    }
}

fn of(ended: Ended, scheme: &str) -> Finding {
    finding(&Failure::Ended(Box::new(ended)), &address(scheme), Mppe::Require)
}

#[test]
fn gre_that_is_lost_names_the_command_that_helps() {
    let silent = || Ended { silent: true, ..failure(Bearer::Pptp, Cause::Closed) };
    let found = of(silent(), "pptp");
    assert_eq!(found.code, "tunnel-gre-lost");
    assert!(found.hint.contains("`menshen tunnel connect sstp://anna@vpn.test`"), "{}", found.hint);
    assert!(found.hint.ends_with("`menshen explain tunnel vpn.test` looks at each step."));
    assert!(!of(silent(), "auto").hint.contains("connect"), "SSTP follows by itself");
    let heard = Ended { heard: Heard::RequestsOnly, ..silent() };
    assert_eq!(of(heard, "pptp").code, "tunnel-gre-lost-out");
}

#[test]
fn words_of_the_server_steer_no_terminal() {
    let text = b"\x1b]0;gotcha\x07 wrong".to_vec();
    let refusal = Refusal { code: Some(691), text: text.clone(), kind: RefusalKind::ByServer };
    let found = of(failure(Bearer::Pptp, Cause::Refused(refusal)), "pptp");
    assert_eq!(found.code, "tunnel-auth-refused");
    let value = &found.evidence[1].value;
    assert_eq!(value, "E=691 \\x1b]0;gotcha\\x07 wrong");
    let cause = Cause::PeerTerminated { meaning: Meaning::Unknown, text, phase: Phase::Open };
    let found = of(failure(Bearer::Sstp, cause), "sstp");
    assert_eq!(found.code, "tunnel-ppp-terminated");
    assert!(!format!("{found:?}").contains('\x1b'), "{found:?}");
}

#[test]
fn every_code_that_is_used_has_a_claim() {
    let text = concat!(include_str!("../failure.rs"), include_str!("certificate.rs"));
    let codes: std::collections::BTreeSet<&str> =
        text.split('"').filter(|word| word.starts_with("tunnel-")).collect();
    assert!(codes.len() > 25, "{codes:?}");
    let known: Vec<&str> = causes::CAUSES.iter().map(|cause| cause.code).collect();
    // Those that go to `known` without a claim of their own.
    for code in text.split("known(\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(known.contains(&code), "{code}");
    }
    for code in [
        "tunnel-call-refused",
        "tunnel-call-unanswered",
        "tunnel-server-gave-up",
        "tunnel-start-refused",
        "tunnel-not-pptp",
        "tunnel-control-silent",
        "tunnel-mppe-no-key",
        "tunnel-mppe-refused",
        "tunnel-mppe-strength",
        "tunnel-no-common-auth",
        "tunnel-auth-refused",
        "tunnel-ppp-terminated",
        "tunnel-server-without-gre",
        "tunnel-gre-rejected",
        "tunnel-gre-unreachable",
        "tunnel-gre-lost-out",
        "tunnel-gre-lost",
    ] {
        assert!(known.contains(&code), "{code}");
    }
}

#[test]
fn encryption_that_is_switched_off_here_is_not_the_servers_matter() {
    let cause = || Cause::PeerTerminated {
        meaning: Meaning::MppeRefused,
        text: b"MPPE required but peer refused".to_vec(),
        phase: Phase::Network,
    };
    let of = |mppe| {
        let failure = Failure::Ended(Box::new(failure(Bearer::Pptp, cause())));
        finding(&failure, &address("pptp"), mppe).hint
    };
    assert!(of(Mppe::Off).contains("switched off here"));
    assert!(!of(Mppe::Require).contains("switched off here"));
}

#[test]
fn of_two_failures_one_is_the_others_evidence() {
    let pptp = Ended { silent: true, ..failure(Bearer::Pptp, Cause::Closed) };
    let sstp = ConnectError::NotSstp { code: 404, server: Some(b"nginx\x1b".to_vec()) };
    let both = Failure::Both {
        pptp: Box::new(Failure::Ended(Box::new(pptp))),
        sstp: Box::new(Failure::Sstp(Some(at()), sstp)),
    };
    let found = finding(&both, &address("auto"), Mppe::Require);
    assert_eq!(found.code, "tunnel-gre-lost");
    let last = found.evidence.last().unwrap();
    assert_eq!((&*last.what, &*last.place), ("the other way", "by SSTP"));
    assert!(last.value.ends_with("[tunnel-sstp-not-there]"), "{last:?}");
}

#[test]
fn a_certificate_that_is_not_trusted_has_its_ways_out() {
    let closed = io::Error::from(io::ErrorKind::ConnectionRefused);
    let error = ConnectError::Tcp { address: at(), source: closed };
    let found = finding(&Failure::Sstp(Some(at()), error), &address("sstp"), Mppe::Require);
    assert_eq!(found.code, "tunnel-sstp-closed");
    assert!(found.evidence.iter().any(|one| one.value == "connection refused"), "{found:?}");
}
