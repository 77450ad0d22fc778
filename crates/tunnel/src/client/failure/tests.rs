//! Which failure is of which kind, and which kinds end it for good.
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use menshen_tunnel_core::auth::{Method, Refusal, RefusalKind};
use menshen_tunnel_core::ppp::MppeMissing;
use menshen_tunnel_core::sstp::Mismatch;

use super::*;

fn at() -> SocketAddr {
    (Ipv4Addr::new(192, 0, 2, 1), 1723).into()
}

fn ended(bearer: Bearer, cause: Cause) -> Ended {
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

fn terminated(meaning: Meaning) -> Cause {
    Cause::PeerTerminated {
        meaning,
        text: Vec::new(),
        phase: menshen_tunnel_core::ppp::Phase::Open,
    }
}

#[test]
fn every_kind_has_an_exit_code_of_its_own() {
    let codes: BTreeSet<u8> = Class::ALL.iter().map(|class| class.exit_code()).collect();
    assert_eq!(codes.len(), Class::ALL.len());
    assert!(!codes.contains(&0) && !codes.contains(&2), "{codes:?}");
}

#[test]
fn causes_of_ppp() {
    let refused = Refusal { code: Some(691), text: Vec::new(), kind: RefusalKind::ByServer };
    let table = [
        (Cause::Refused(refused), Class::Authentication),
        (Cause::NoCommonMethod { theirs: vec![0xC0, 0x23] }, Class::Authentication),
        (terminated(Meaning::AuthenticationFailed), Class::Authentication),
        (terminated(Meaning::Windows(691)), Class::Authentication),
        (terminated(Meaning::Windows(742)), Class::Encryption),
        (terminated(Meaning::MppeRefused), Class::Encryption),
        (Cause::MppeMissing(MppeMissing::PeerRefuses), Class::Encryption),
        (Cause::LcpTimeout(Heard::Nothing), Class::Gre),
        (Cause::LcpTimeout(Heard::RequestsOnly), Class::Gre),
        (Cause::LcpTimeout(Heard::Answers), Class::Terms),
        (Cause::AuthTimeout(Method::MsChapV2), Class::Lost),
        (Cause::EchoTimeout { unanswered: 4 }, Class::Lost),
        (Cause::NoAddress, Class::Terms),
        (terminated(Meaning::Asked), Class::EndedByServer),
        (terminated(Meaning::Unknown), Class::Terms),
    ];
    for (cause, class) in table {
        let told = format!("{cause:?}");
        assert_eq!(ended(Bearer::Pptp, cause).class(), class, "{told}");
    }
    let sstp = ended(Bearer::Sstp, Cause::LcpTimeout(Heard::Nothing));
    assert_eq!(sstp.class(), Class::Terms, "there is no GRE to be blamed");
    let mut open = ended(Bearer::Pptp, terminated(Meaning::Unknown));
    open.open_for = Some(Duration::from_secs(9));
    assert_eq!(open.class(), Class::EndedByServer);
    let silent = Ended { silent: true, ..ended(Bearer::Pptp, Cause::Closed) };
    assert_eq!(silent.class(), Class::Gre);
}

#[test]
fn a_call_that_ends_before_a_word_is_gre_that_does_not_pass() {
    let lost = || Some(Lost::Pptp(pptp::Lost::Control(ControlEnd::Lower { established: true })));
    let early = Ended { lost: lost(), ..ended(Bearer::Pptp, Cause::CarrierLost) };
    assert_eq!(early.class(), Class::Gre);
    let heard =
        Ended { heard: Heard::Answers, lost: lost(), ..ended(Bearer::Pptp, Cause::CarrierLost) };
    assert_eq!(heard.class(), Class::Lost);
}

#[test]
fn who_stands_between_is_no_matter_of_another_try() {
    let binding = Lost::Sstp(sstp::Lost::Call(SstpEnd::Binding(Mismatch::Certificate)));
    let between = Ended { lost: Some(binding), ..ended(Bearer::Sstp, Cause::CarrierLost) };
    assert_eq!(between.class(), Class::Certificate);
    for class in Class::ALL {
        let always = [Class::Authentication, Class::Certificate, Class::Local].contains(&class);
        assert_eq!(class.is_final(WasOpen::Yes), always, "{class:?}");
        assert!(class.is_final(WasOpen::No) || !always);
    }
    for class in [Class::Gre, Class::Unreachable, Class::CallRefused, Class::Lost] {
        assert!(!class.is_final(WasOpen::No), "{class:?}");
    }
}

#[test]
fn of_two_failures_the_one_that_tells_more_counts() {
    let gre = || {
        Box::new(Failure::Ended(Box::new(ended(Bearer::Pptp, Cause::LcpTimeout(Heard::Nothing)))))
    };
    let closed = io::Error::from(io::ErrorKind::ConnectionRefused);
    let nobody = Failure::Sstp(None, ConnectError::Tcp { address: at(), source: closed });
    assert_eq!(Failure::Both { pptp: gre(), sstp: Box::new(nobody) }.class(), Class::Gre);
    let web = Failure::Sstp(None, ConnectError::NotSstp { code: 404, server: None });
    assert_eq!(Failure::Both { pptp: gre(), sstp: Box::new(web) }.class(), Class::Gre);
    let busy = Failure::Sstp(None, ConnectError::NotSstp { code: 503, server: None });
    assert_eq!(Failure::Both { pptp: gre(), sstp: Box::new(busy) }.class(), Class::CallRefused);
}
