//! Our client against pptpd and the real pppd in a guest kernel: proofs, encryption, addresses,
//! packets, whole files, ends. One guest has a server for each manner.

use std::path::Path;
use std::time::Duration;

use menshen_tunnel::driver::Status;
use menshen_tunnel::pptp::Number;
use menshen_tunnel_core::auth::{Method, RefusalKind};
use menshen_tunnel_core::mppe::{Mode, Strength};
use menshen_tunnel_core::ppp::{Cause, Ciphers, Meaning, Mppe, Settings, Stateful};

use crate::call::{Running, start, start_as};
use crate::guest::{Guest, bridged, order, transfer};
use crate::space::{Space, wait_for};

/// A guest with pptpd, once for each word of `servers`: `H:MPPE:AUTH`, at 10.77.0.H.
fn serve(folder: &Path, servers: &str) -> Option<(Space, Guest)> {
    let space = bridged(&["pptpd"])?;
    let guest = Guest::boot(&space, folder, ("pptpd", 2), &[format!("SERVERS={servers}")]);
    guest.wait("LAB READY");
    Some((space, guest))
}

fn settings(mppe: Mppe, method: Method) -> Settings {
    let mut settings = Settings::client(mppe);
    settings.methods = vec![method];
    settings
}

fn required() -> Settings {
    settings(Mppe::Required(Ciphers::BITS_128), Method::MsChapV2)
}

/// A call to 10.77.0.`host` that is open.
fn opened(space: &Space, host: u8, ppp: Settings) -> (Running, Status) {
    let call = start(space, [10, 77, 0, host], Number::ZeroFirst, ppp);
    call.wait("packets", |status| status.opened.is_some());
    let status = call.status();
    (call, status)
}

fn ping(space: &Space, host: u8) {
    let pings = space.run(&format!("ping -c 5 -i 0.1 -w 60 10.78.{host}.1"));
    assert!(pings.contains(" 5 received"), "{pings}");
}

#[test]
fn packets_and_files_pass_encrypted_through_our_interface() {
    let folder = tempfile::tempdir().unwrap();
    let Some((space, guest)) = serve(folder.path(), "2:128:mschap-v2") else { return };
    let (call, status) = opened(&space, 2, required());
    let opened = status.opened.unwrap();
    let ipv4 = opened.ipv4.unwrap();
    assert_eq!((ipv4.local, ipv4.peer), ([10, 78, 2, 100].into(), [10, 78, 2, 1].into()));
    assert_eq!(ipv4.dns[0], Some([10, 78, 2, 1].into()));
    // pppd takes 1400 octets, MPPE's header and the inner protocol are among them.
    assert_eq!(opened.mtu, 1396);
    let wanted = Some((Strength::Bits128, Mode::Stateless));
    assert_eq!((opened.sends, opened.receives), (wanted, wanted));
    assert_eq!(call.status().method, Some(Method::MsChapV2));

    let link = space.run("ip addr show dev mt0");
    assert!(link.contains("inet 10.78.2.100 peer 10.78.2.1/32") && link.contains("mtu 1396"));
    let pings = space.run("ping -c 20 -i 0.05 -w 60 10.78.2.1");
    assert!(pings.contains(" 20 received"), "{pings}");
    let long = space.run("ping -c 3 -i 0.2 -w 60 -M do -s 1368 10.78.2.1");
    assert!(long.contains(" 3 received"), "{long}");
    transfer(&space, "our client, pptpd, MPPE 128", "10.78.2.1");

    let ended = call.close().unwrap();
    assert_eq!((&ended.cause, &ended.lost), (&Cause::Closed, &None), "{ended:?}");
    let counters = ended.status.counters;
    assert!(counters.sent_packets >= 23 && counters.received_packets >= 23, "{ended:?}");
    assert_eq!(ended.facts.counters.missing, 0, "{ended:?}");
    guest.wait("LCP TermReq");
    let gone = space.command("ip link show dev mt0").output().unwrap();
    assert!(!gone.status.success());
}

#[test]
fn files_pass_in_clear_and_the_server_may_end_it() {
    let folder = tempfile::tempdir().unwrap();
    let Some((space, _guest)) = serve(folder.path(), "2:0:mschap-v2") else { return };
    let (call, status) = opened(&space, 2, settings(Mppe::Off, Method::MsChapV2));
    let opened = status.opened.unwrap();
    assert_eq!((opened.sends, opened.receives, opened.mtu), (None, None, 1400));
    transfer(&space, "our client, pptpd, no encryption", "10.78.2.1");
    order(&space, "10.77.0.2", "kill -TERM $(pidof pppd)");
    let ended = call.end().unwrap();
    let Cause::PeerTerminated { meaning, .. } = &ended.cause else { panic!("{ended:?}") };
    assert_eq!(*meaning, Meaning::Asked, "{ended:?}");
    assert!(!ended.device_failed);
    let gone = space.command("ip link show dev mt0").output().unwrap();
    assert!(!gone.status.success());
}

#[test]
fn files_pass_with_forty_bits_and_other_proofs_and_all_refusals_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let servers = "2:128:mschap-v2,3:40:mschap-v2,4:0:pap,5:0:chap";
    let Some((space, guest)) = serve(folder.path(), servers) else { return };
    let wrong = start_as(&space, [10, 77, 0, 2], "guessed", required()).end().unwrap();
    let Cause::Refused(refusal) = &wrong.cause else { panic!("{wrong:?}") };
    assert_eq!((refusal.code, refusal.kind), (Some(691), RefusalKind::ByServer));

    let all = Strength::Bits128.bits().with(Strength::Bits40.bits());
    let ciphers = Ciphers { strengths: all, stateful: Stateful::Refused };
    let either = settings(Mppe::Required(ciphers), Method::MsChapV2);
    let (call, status) = opened(&space, 3, either);
    let sends = status.opened.unwrap().sends;
    assert_eq!(sends, Some((Strength::Bits40, Mode::Stateless)));
    transfer(&space, "our client, pptpd, MPPE 40", "10.78.3.1");
    // The server goes first: its last words are heard, not only its TCP.
    let refused = start(&space, [10, 77, 0, 3], Number::Random, required()).end().unwrap();
    assert!(matches!(refused.cause, Cause::MppeMissing(_) | Cause::PeerTerminated { .. }));
    assert_eq!(call.close().unwrap().cause, Cause::Closed);

    for (host, method) in [(4, Method::Pap), (5, Method::ChapMd5)] {
        let (call, status) = opened(&space, host, settings(Mppe::Off, method));
        assert_eq!(status.method, Some(method));
        ping(&space, host);
        assert_eq!(call.close().unwrap().cause, Cause::Closed);
        // Keys are wanted that this proof does not give.
        let mut ppp = settings(Mppe::Off, Method::MsChapV2);
        ppp.limits.restart = Duration::from_secs(1);
        let ended = start(&space, [10, 77, 0, host], Number::ZeroFirst, ppp).end().unwrap();
        let theirs = |cause: &Cause| match cause {
            Cause::PeerTerminated { meaning, .. } => *meaning == Meaning::NoCommonMethod,
            Cause::NoCommonMethod { .. } => true,
            _ => false,
        };
        assert!(theirs(&ended.cause), "{ended:?}");
    }

    let (call, _) = opened(&space, 2, required());
    space.run("ip link delete mt0");
    let ended = call.end().unwrap();
    assert_eq!((&ended.cause, ended.device_failed), (&Cause::Closed, true), "{ended:?}");
    wait_for("our word", || guest.console().contains("interface failed"));
}
