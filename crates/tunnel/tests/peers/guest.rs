//! pptpd and the real pppd in a guest kernel: proofs, encryption, addresses, packets.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use menshen_tunnel::pptp::Number;
use menshen_tunnel_core::auth::{Method, RefusalKind};
use menshen_tunnel_core::mppe::{Mode, Strength};
use menshen_tunnel_core::ppp::{Cause, Ciphers, Meaning, Mppe, Settings, Stateful};

use crate::call::{start, start_as};
use crate::space::{Program, Space, file, wait_for};

/// A namespace with a bridge, and a guest on it with pptpd at 10.77.0.2; the guest's console goes
/// to `console.log` of the folder.
fn serve(folder: &Path, values: &[&str]) -> Option<(Space, Program)> {
    let programs = ["linux.uml", "modprobe", "pppd", "pptpd", "ss", "ping", "bash"];
    let space = Space::new(&programs)?;
    space.run("ip link add br0 type bridge");
    space.run("ip addr add 10.77.0.1/24 dev br0");
    space.run("ip link set br0 up");
    let log = std::fs::File::create(folder.join("console.log")).unwrap();
    let guest = folder.join("guest");
    std::fs::create_dir(&guest).unwrap();
    let mut command = space.command(&format!("bash {} {}", file("guest.sh"), guest.display()));
    command.args(["pptpd", "10.77.0.2/24"]).args(values);
    let guest = Program(command.stdout(log).stderr(Stdio::null()).spawn().unwrap());
    wait_for("the guest", || {
        let console = console(folder);
        assert!(!console.contains("LAB FAIL"), "{console}");
        console.contains("LAB READY")
    });
    Some((space, guest))
}

fn console(folder: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(folder.join("console.log")).unwrap()).into_owned()
}

fn settings(mppe: Mppe, method: Method) -> Settings {
    let mut settings = Settings::client(mppe);
    settings.methods = vec![method];
    settings
}

#[test]
fn packets_pass_encrypted_through_our_interface() {
    let folder = tempfile::tempdir().unwrap();
    let Some((space, _guest)) = serve(folder.path(), &["MPPE=128"]) else { return };
    let ppp = settings(Mppe::Required(Ciphers::BITS_128), Method::MsChapV2);
    let call = start(&space, [10, 77, 0, 2], Number::ZeroFirst, ppp);
    call.wait("packets", |status| status.opened.is_some());
    let opened = call.status().opened.unwrap();
    let ipv4 = opened.ipv4.unwrap();
    assert_eq!((ipv4.local, ipv4.peer), ([10, 78, 0, 100].into(), [10, 78, 0, 1].into()));
    assert_eq!(ipv4.dns[0], Some([10, 78, 0, 1].into()));
    // pppd takes 1400 octets, MPPE's header and the inner protocol are among them.
    assert_eq!(opened.mtu, 1396);
    let wanted = Some((Strength::Bits128, Mode::Stateless));
    assert_eq!((opened.sends, opened.receives), (wanted, wanted));
    assert_eq!(call.status().method, Some(Method::MsChapV2));

    let link = space.run("ip addr show dev mt0");
    assert!(link.contains("inet 10.78.0.100 peer 10.78.0.1/32") && link.contains("mtu 1396"));
    let pings = space.run("ping -c 20 -i 0.05 -w 60 10.78.0.1");
    assert!(pings.contains(" 20 received"), "{pings}");
    let long = space.run("ping -c 3 -i 0.2 -w 60 -M do -s 1368 10.78.0.1");
    assert!(long.contains(" 3 received"), "{long}");

    let ended = call.close().unwrap();
    assert_eq!((&ended.cause, &ended.lost), (&Cause::Closed, &None), "{ended:?}");
    let counters = ended.status.counters;
    assert!(counters.sent_packets >= 23 && counters.received_packets >= 23, "{ended:?}");
    assert_eq!(ended.facts.counters.missing, 0, "{ended:?}");
    wait_for("pppd's word", || console(folder.path()).contains("LCP TermReq"));
    let gone = space.command("ip link show dev mt0").output().unwrap();
    assert!(!gone.status.success());
}

#[test]
fn a_path_that_reorders_and_repeats_loses_next_to_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("netem");
    // Of the guest's packets every fourth overtakes those before it, every tenth comes twice.
    let lines = "modprobe -d /run/m sch_netem\n\
                 tc qdisc add dev vec0 root netem delay 15ms 5ms reorder 25% duplicate 10% \
                 && say READY netem\n";
    std::fs::write(&script, lines).unwrap();
    let run = format!("RUN={}", script.display());
    let Some((space, _guest)) = serve(folder.path(), &["MPPE=128", &run]) else { return };
    wait_for("netem", || console(folder.path()).contains("READY netem"));
    let ppp = settings(Mppe::Required(Ciphers::BITS_128), Method::MsChapV2);
    let call = start(&space, [10, 77, 0, 2], Number::ZeroFirst, ppp);
    call.wait("packets", |status| status.opened.is_some());
    let pings = space.run("ping -c 500 -i 0.004 -w 100 10.78.0.1");
    assert!(pings.contains(" 500 received") && !pings.contains("DUP!"), "{pings}");
    let ended = call.close().unwrap();
    let counters = ended.facts.counters;
    assert!(counters.rescued > 20 && counters.duplicates > 20, "{counters:?}");
    // How long is waited is learned from how late frames come: a few are given up at first.
    assert!(counters.rescued > 4 * counters.missing, "{counters:?}");
}

#[test]
fn a_wrong_password_and_an_interface_that_vanishes_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let Some((space, _guest)) = serve(folder.path(), &["MPPE=128"]) else { return };
    let ppp = settings(Mppe::Required(Ciphers::BITS_128), Method::MsChapV2);
    let wrong = start_as(&space, [10, 77, 0, 2], "guessed", ppp.clone()).end().unwrap();
    let Cause::Refused(refusal) = &wrong.cause else { panic!("{wrong:?}") };
    assert_eq!((refusal.code, refusal.kind), (Some(691), RefusalKind::ByServer));
    let call = start(&space, [10, 77, 0, 2], Number::ZeroFirst, ppp);
    call.wait("packets", |status| status.opened.is_some());
    space.run("ip link delete mt0");
    let ended = call.end().unwrap();
    assert_eq!((&ended.cause, ended.device_failed), (&Cause::Closed, true), "{ended:?}");
    wait_for("our word", || console(folder.path()).contains("interface failed"));
}

#[test]
fn forty_bits_are_enough_where_they_are_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let Some((space, _guest)) = serve(folder.path(), &["MPPE=40"]) else { return };
    let all = Strength::Bits128.bits().with(Strength::Bits40.bits());
    let ciphers = Ciphers { strengths: all, stateful: Stateful::Refused };
    let ppp = settings(Mppe::Required(ciphers), Method::MsChapV2);
    let call = start(&space, [10, 77, 0, 2], Number::ZeroFirst, ppp);
    call.wait("packets", |status| status.opened.is_some());
    let sends = call.status().opened.unwrap().sends;
    assert_eq!(sends, Some((Strength::Bits40, Mode::Stateless)));
    let pings = space.run("ping -c 5 -i 0.1 -w 60 10.78.0.1");
    assert!(pings.contains(" 5 received"), "{pings}");
    // The server goes first: its last words are heard, not only its TCP.
    let other = settings(Mppe::Required(Ciphers::BITS_128), Method::MsChapV2);
    let refused = start(&space, [10, 77, 0, 2], Number::Random, other).end().unwrap();
    assert!(matches!(refused.cause, Cause::MppeMissing(_) | Cause::PeerTerminated { .. }));
    assert_eq!(call.close().unwrap().cause, Cause::Closed);
}

#[test]
fn other_proofs_and_their_refusals_are_told() {
    for (auth, method) in [("pap", Method::Pap), ("chap", Method::ChapMd5)] {
        let folder = tempfile::tempdir().unwrap();
        let auth = format!("AUTH={auth}");
        let Some((space, _guest)) = serve(folder.path(), &["MPPE=0", &auth]) else { return };
        let call = start(&space, [10, 77, 0, 2], Number::ZeroFirst, settings(Mppe::Off, method));
        call.wait("packets", |status| status.opened.is_some());
        let pings = space.run("ping -c 5 -i 0.1 -w 60 10.78.0.1");
        assert!(pings.contains(" 5 received"), "{pings}");
        assert_eq!(call.close().unwrap().cause, Cause::Closed);
        // Keys are wanted that this proof does not give.
        let mut ppp = settings(Mppe::Off, Method::MsChapV2);
        ppp.limits.restart = Duration::from_secs(1);
        let ended = start(&space, [10, 77, 0, 2], Number::ZeroFirst, ppp).end().unwrap();
        let theirs = |cause: &Cause| match cause {
            Cause::PeerTerminated { meaning, .. } => *meaning == Meaning::NoCommonMethod,
            Cause::NoCommonMethod { .. } => true,
            _ => false,
        };
        assert!(theirs(&ended.cause), "{ended:?}");
    }
}
