//! Every method with every setting of MPPE, with right and wrong passwords, on a good path.

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use super::wire::*;
use crate::auth::{Known, Method, NtHash, RefusalKind, Secret};
use crate::mppe::{Mode, Strength};
use crate::ppp::session::Ip;
use crate::ppp::{
    AddressPlan, Cause, Ciphers, Event, Ipv4Link, Meaning, Mppe, MppeMissing, Network, Phase,
    Settings,
};

const METHODS: [Method; 3] = [Method::Pap, Method::ChapMd5, Method::MsChapV2];
const B128: Ciphers = Ciphers::BITS_128;
const SETTINGS: [Mppe; 3] = [Mppe::Off, Mppe::Allowed(B128), Mppe::Required(B128)];

#[test]
fn every_method_with_every_setting_ends_as_it_must() {
    for method in METHODS {
        for ours in SETTINGS {
            for theirs in SETTINGS {
                let mut wire = Wire::new(client(method, ours), server(method, theirs));
                wire.settle(seconds(120));
                check(&wire, method, ours, theirs);
            }
        }
    }
}

fn check(wire: &Wire, method: Method, ours: Mppe, theirs: Mppe) {
    let told = (method, ours, theirs);
    let keys = method == Method::MsChapV2;
    let encrypted = keys && ours != Mppe::Off && theirs != Mppe::Off;
    let required = ours.is_required() || theirs.is_required();
    if encrypted || !required {
        let (client, server) = (wire.client.opened().unwrap(), wire.server.opened().unwrap());
        let cipher = encrypted.then_some((Strength::Bits128, Mode::Stateless));
        for opened in [client, server] {
            assert_eq!((opened.sends, opened.receives), (cipher, cipher), "{told:?}");
            assert_eq!(opened.mtu, if encrypted { 1496 } else { 1500 });
            assert_eq!(opened.method, Some(method));
            assert!(opened.ipv4.is_some() && opened.ipv6.is_some());
        }
        assert!(wire.now.0 < seconds(1), "{told:?}: a good path needs no timer: {:?}", wire.now);
        return;
    }
    let why = if keys { MppeMissing::PeerRefuses } else { MppeMissing::NoKeys };
    let meaning = if keys { Meaning::MppeRefused } else { Meaning::MppeNoKeys };
    for (end, mppe) in [(&wire.client, ours), (&wire.server, theirs)] {
        match end.cause().unwrap() {
            Cause::MppeMissing(missing) => {
                assert!(mppe.is_required() && *missing == why, "{told:?}: {missing:?}");
            }
            Cause::PeerTerminated { meaning: heard, .. } => assert_eq!(*heard, meaning, "{told:?}"),
            other => panic!("{told:?}: {other:?}"),
        }
    }
    assert!(!wire.client.is_open() && !wire.server.is_open());
}

#[test]
fn a_wrong_password_is_refused_by_every_method_and_both_ends_say_so() {
    for method in METHODS {
        for mppe in SETTINGS {
            if mppe.is_required() && method != Method::MsChapV2 {
                // It does not come to that.
                continue;
            }
            let (client, server) = (client(method, mppe), server(method, mppe));
            let mut wire = Wire::with_password(client, server, b"guess");
            wire.settle(seconds(60));
            let Some(Cause::Refused(refusal)) = wire.client.cause() else {
                panic!("{method:?}: {:?}", wire.client.cause());
            };
            assert_eq!(refusal.kind, RefusalKind::ByServer);
            assert_eq!(refusal.code, (method == Method::MsChapV2).then_some(691));
            let refused = Cause::PeerRefused { user: USER.to_vec() };
            assert_eq!(wire.server.cause(), Some(&refused));
            let told = |frame: &Vec<u8>| frame.ends_with(b"Authentication failed");
            assert!(wire.server.sent.iter().any(told));
            assert!(wire.client.opened().is_none() && wire.server.opened().is_none());
        }
    }
}

#[test]
fn a_server_that_does_not_know_the_password_is_found_out() {
    // It says yes to anything, with a proof out of the air.
    let both = Mppe::Allowed(B128);
    let mut wire = Wire::new(client(Method::MsChapV2, both), server(Method::MsChapV2, both));
    wire.run(seconds(1), |wire| {
        wire.client.sent.iter().any(|frame| frame.starts_with(&[0xC2, 0x23, 2]))
    });
    let mut success = b"\xC2\x23\x03\x01\x00\x00".to_vec();
    success.extend_from_slice(b"S=0123456789012345678901234567890123456789 M=welcome");
    success[5] = u8::try_from(success.len() - 2).unwrap();
    wire.client.take(wire.now, &success);
    let Some(Cause::Refused(refusal)) = wire.client.session.cause() else {
        panic!("{:?}", wire.client.session.cause());
    };
    assert_eq!(refusal.kind, RefusalKind::ServerUnproven);
}

#[test]
fn a_hash_is_enough_for_mschap_and_a_domain_is_stripped_for_the_owner() {
    let mut wire = Wire::new(
        client(Method::MsChapV2, Mppe::Required(B128)),
        server(Method::MsChapV2, Mppe::Required(B128)),
    );
    wire.known = Known::NtHash(NtHash::of_password(&Secret::new(PASSWORD)));
    let credentials = crate::ppp::Credentials {
        user: b"WORK\\testuser".to_vec(),
        password: Secret::new(PASSWORD),
    };
    let settings = client(Method::MsChapV2, Mppe::Required(B128));
    wire.client = End::new(settings, Some(credentials), 1);
    wire.settle(seconds(30));
    assert!(wire.server.is_open(), "{:?}", wire.server.cause());
    assert!(wire.server.events.iter().any(|event| matches!(
        event,
        Event::Verify { user, account, .. } if user == b"WORK\\testuser" && account == USER
    )));
}

#[test]
fn addresses_and_name_servers_are_given_and_packets_pass_unchanged() {
    for mppe in [Mppe::Off, Mppe::Required(B128)] {
        let mut wire = Wire::new(client(Method::MsChapV2, mppe), server(Method::MsChapV2, mppe));
        wire.settle(seconds(30));
        let (local, peer) = (Ipv4Addr::new(10, 9, 0, 7), Ipv4Addr::new(10, 9, 0, 1));
        let opened = wire.client.opened().unwrap();
        assert_eq!(opened.ipv4, Some(Ipv4Link { local, peer, dns: [Some(DNS), None] }));
        assert_eq!(opened.ipv6.unwrap().local, [0, 0, 0, 0, 0, 0, 0, 2]);
        assert_eq!(opened.ipv6.unwrap().peer, [0, 0, 0, 0, 0, 0, 0, 1]);
        let opened = wire.server.opened().unwrap();
        assert_eq!(opened.ipv4, Some(Ipv4Link { local: peer, peer: local, dns: [None; 2] }));
        for count in 0..5000u32 {
            let fill = u8::try_from(count % 251).unwrap();
            let (one, other) = (ipv4(usize::from(fill), fill), ipv6(3, fill));
            let frame = wire.client.frame(Ip::V4, &one).unwrap();
            if mppe != Mppe::Off {
                // Short after PFC and ACFC, as pppd sends it: FD, flags and count.
                assert_eq!(frame[..2], [0xFD, 0x90 | u8::try_from((count >> 8) & 0x0F).unwrap()]);
                assert!(!frame.windows(one.len()).any(|part| part == one));
            } else {
                assert_eq!(frame[0], 0x21);
            }
            wire.server.take(wire.now, &frame);
            let frame = wire.server.frame(Ip::V6, &other).unwrap();
            wire.client.take(wire.now, &frame);
            assert_eq!(wire.server.packets.pop(), Some((Ip::V4, one)));
            assert_eq!(wire.client.packets.pop(), Some((Ip::V6, other)));
        }
    }
}

#[test]
fn what_is_too_long_or_has_no_room_is_not_framed() {
    let mppe = Mppe::Required(B128);
    let mut wire = Wire::new(client(Method::MsChapV2, mppe), server(Method::MsChapV2, mppe));
    assert_eq!(wire.client.frame(Ip::V4, &ipv4(9, 1)), None, "before it is open");
    wire.settle(seconds(30));
    assert!(wire.client.frame(Ip::V4, &ipv4(1476, 1)).is_some());
    assert_eq!(wire.client.frame(Ip::V4, &ipv4(1477, 1)), None);
    let mut buffer = [0; 40];
    assert_eq!(wire.client.session.output(Ip::V4, &mut buffer, 7..40), None);
    assert_eq!(wire.client.session.output(Ip::V4, &mut buffer, 8..41), None);
    assert!(wire.client.session.output(Ip::V4, &mut buffer, 8..40).is_some());
}

#[test]
fn an_owner_without_addresses_ends_the_session() {
    let mut wire =
        Wire::new(client(Method::MsChapV2, Mppe::Off), server(Method::MsChapV2, Mppe::Off));
    wire.network = Network { ipv4: None, ipv6: None, ..given() };
    wire.settle(seconds(30));
    assert_eq!(wire.server.cause(), Some(&Cause::NoAddress));
    assert!(matches!(wire.client.cause(), Some(Cause::PeerTerminated { .. })));
}

#[test]
fn methods_are_bargained_for_and_without_a_common_one_both_ends_know() {
    let off = Mppe::Off;
    let mut offering = server(Method::Pap, off);
    offering.methods = Vec::from([Method::Pap, Method::ChapMd5, Method::MsChapV2]);
    let mut wire = Wire::new(client(Method::MsChapV2, off), offering);
    wire.settle(seconds(30));
    assert_eq!(wire.client.opened().unwrap().method, Some(Method::MsChapV2));

    let mut wire = Wire::new(client(Method::Pap, off), server(Method::MsChapV2, off));
    wire.settle(seconds(30));
    let theirs = Method::Pap.option().to_vec();
    assert_eq!(wire.server.cause(), Some(&Cause::NoCommonMethod { theirs }));
    let Some(Cause::PeerTerminated { meaning, text, phase }) = wire.client.cause() else {
        panic!("{:?}", wire.client.cause());
    };
    assert_eq!(*meaning, Meaning::NoCommonMethod);
    assert_eq!(text, b"peer refused to authenticate");
    assert_eq!(*phase, Phase::Establish);
}

#[test]
fn without_any_method_nobody_is_asked_and_mppe_cannot_be() {
    let open = |mppe| Settings { methods: Vec::new(), ..server(Method::Pap, mppe) };
    let mut wire = Wire::new(client(Method::Pap, Mppe::Off), open(Mppe::Off));
    wire.settle(seconds(30));
    assert_eq!(wire.client.opened().unwrap().method, None);
    let mut wire = Wire::new(client(Method::Pap, Mppe::Required(B128)), open(Mppe::Off));
    wire.settle(seconds(30));
    let missing = Cause::MppeMissing(MppeMissing::NoKeys);
    assert_eq!(wire.client.cause(), Some(&missing));
}

#[test]
fn a_client_with_a_fixed_address_keeps_it_if_the_server_agrees() {
    let mut settings = client(Method::Pap, Mppe::Off);
    let wish = Ipv4Addr::new(10, 9, 0, 7);
    settings.network = Some(Network {
        ipv4: Some(AddressPlan::Ask { wish }),
        ipv6: None,
        ..settings.network.unwrap()
    });
    let mut wire = Wire::new(settings, server(Method::Pap, Mppe::Off));
    wire.settle(seconds(30));
    let opened = wire.client.opened().unwrap();
    assert_eq!(opened.ipv4.unwrap().local, wish);
    assert_eq!(opened.ipv6, None, "IPV6CP was not wanted here, so the server gave it up");
}

#[test]
fn no_password_is_sent_where_mppe_could_not_follow() {
    let required = Mppe::Required(B128);
    let mut asking = client(Method::Pap, required);
    asking.methods = Vec::from([Method::Pap, Method::MsChapV2]);
    let mut wire = Wire::new(asking, server(Method::Pap, Mppe::Off));
    wire.settle(seconds(60));
    assert!(wire.client.cause().is_some());
    let mut wire = Wire::new(client(Method::Pap, required), server(Method::Pap, Mppe::Off));
    wire.settle(seconds(60));
    assert_eq!(wire.client.cause(), Some(&Cause::MppeMissing(MppeMissing::NoKeys)));
    let is_sent = |frame: &Vec<u8>| frame.windows(8).any(|octets| octets == PASSWORD);
    assert!(!wire.client.sent.iter().any(is_sent));
}

#[test]
fn a_password_that_waits_to_be_sent_or_judged_is_not_shown() {
    let now = crate::time::Moment::default();
    let who = crate::ppp::Credentials { user: USER.to_vec(), password: Secret::new(PASSWORD) };
    let mut asking = End::new(client(Method::Pap, Mppe::Off), Some(who), 1);
    let mut giving = End::new(server(Method::Pap, Mppe::Off), None, 2);
    asking.session.open(now);
    giving.session.open(now);
    let (ours, theirs) = (asking.drain().remove(0), giving.drain().remove(0));
    let acked = |request: &[u8]| [&request[..4], &[2], &request[5..]].concat();
    asking.take(now, &theirs);
    asking.take(now, &acked(&ours));
    let shown = |end: &End| alloc::format!("{:?}", end.session);
    let hidden = |shown: &str| {
        !shown.contains("testpass") && !shown.contains("116, 101, 115, 116, 112, 97, 115, 115")
    };
    assert!(hidden(&shown(&asking)), "the queue");
    let request = asking.drain().pop().unwrap();
    assert!(request.ends_with(PASSWORD));
    giving.take(now, &ours);
    giving.take(now, &request);
    assert!(hidden(&shown(&giving)), "held");
    giving.take(now, &acked(&theirs));
    giving.drain();
    assert!(matches!(giving.events.last(), Some(Event::Verify { .. })));
    assert!(hidden(&shown(&giving)), "waits to be judged");
}
