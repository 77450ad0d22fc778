//! SSTP with programs of others in a guest kernel: our client against sstp-server, and sstp-client
//! against our server half, each with the real pppd and the crypto binding checked.

use std::path::{Path, PathBuf};

use menshen_tunnel::sstp::Trust;
use menshen_tunnel_core::auth::Method;
use menshen_tunnel_core::ppp::{Cause, Mppe, Settings};
use menshen_tunnel_core::sstp::Certificate;

use crate::guest::{Guest, bridged, contents, order, show, transfer, transfer_from_guest};
use crate::space::{cannot_be, find, skip};
use crate::tls::{call, made, take};

/// sstp-server 0.7.2 (it needs Python 3.12): in `SSTPD`, or on the path. `SSTPD` without a value
/// says that there can be none on this machine.
fn sstpd() -> Option<PathBuf> {
    match std::env::var_os("SSTPD") {
        Some(none) if none.is_empty() => cannot_be("sstp-server needs Python 3.12 or newer"),
        Some(program) => Some(program.into()),
        None => find("sstpd").or_else(|| skip("sstpd is not installed; SSTPD= names it")),
    }
}

#[test]
fn sstp_server_takes_our_binding_and_files_pass() {
    let Some(sstpd) = sstpd() else { return };
    let Some(space) = bridged(&[]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let made = made(folder.path(), "10.77.0.2");
    let values = [
        format!("SSTPD={}", sstpd.display()),
        format!("CERT={}", made.certificate_file.display()),
        format!("KEY={}", made.key_file.display()),
    ];
    let guest = Guest::boot(&space, folder.path(), ("sstpd", 2), &values);
    guest.wait("LAB READY");
    let trust = || Trust::Fingerprint(Certificate::of_der(&made.certificate).sha256);
    let running = call(&space, trust(), Settings::client(Mppe::Off));
    running.wait_open();
    let opened = running.status.borrow().opened.clone().unwrap();
    let ipv4 = opened.ipv4.unwrap();
    assert_eq!((ipv4.peer, ipv4.dns[0]), ([10, 79, 0, 1].into(), Some([10, 79, 0, 1].into())));
    let pings = space.run("ping -c 20 -i 0.05 -w 60 10.79.0.1");
    assert!(pings.contains(" 20 received"), "{pings}");
    let long = space.run("ping -c 3 -i 0.2 -w 60 -M do -s 1372 10.79.0.1");
    assert!(long.contains(" 3 received"), "{long}");
    transfer(&space, "our client, sstp-server", "10.79.0.1");
    let ended = running.close();
    assert_eq!((&ended.cause, &ended.lost), (&Cause::Closed, &None), "{ended:?}");
    assert_eq!(ended.status.method, Some(Method::MsChapV2));
    guest.wait("Crypto Binding is valid");

    // And now the server ends it.
    let again = call(&space, trust(), Settings::client(Mppe::Off));
    again.wait_open();
    order(&space, "10.77.0.2", "kill -TERM $(pidof pppd)");
    let ended = again.end();
    assert!(matches!(ended.cause, Cause::PeerTerminated { .. }), "{ended:?}");
}

/// The guest's script: packets and files, then a word on the console.
fn script(folder: &Path, further: &str) -> String {
    let script = folder.join("run.sh");
    let transfer = transfer_from_guest("10.79.0.1");
    let lines = format!(
        "ping -c 5 -i 0.2 10.79.0.1 && ping -c 3 -M do -s 1372 10.79.0.1 && say PINGOK\n\
         {transfer}\n{further}\n"
    );
    std::fs::write(&script, lines).unwrap();
    format!("RUN={}", script.display())
}

/// Both methods that the door can ask for. With CHAP-MD5 sstp-client 1.0.18 sent no binding here,
/// and the call ended after its minute.
#[test]
fn sstp_client_comes_in_and_files_pass() {
    for (auth, method) in [("mschap-v2", Method::MsChapV2), ("pap", Method::Pap)] {
        let Some(space) = bridged(&["sstpc"]) else { return };
        let folder = tempfile::tempdir().unwrap();
        let made = made(folder.path(), "10.77.0.1");
        let _contents = contents(&space);
        let taken = take(&space, &made, Certificate::of_der(&made.certificate), method);
        // The first one ends it from there.
        let by_peer = method == Method::MsChapV2;
        let further = if by_peer { "kill -TERM $(cat /run/ppp0.pid)" } else { "" };
        let values = [
            "PEER=10.77.0.1".to_owned(),
            format!("CA={}", made.certificate_file.display()),
            format!("AUTH={auth}"),
            "PPPD=logfile+/run/pppd.log".to_owned(),
            script(folder.path(), further),
        ];
        let guest = Guest::boot(&space, folder.path(), ("sstpc", 2), &values);
        guest.wait("LAB PINGOK");
        guest.wait("SAME ");
        let measured = guest.console();
        let measured = measured.lines().find(|line| line.starts_with("SAME ")).unwrap();
        show(&format!("sstp-client ({auth}), our server half"), measured);
        let ended = if by_peer { taken.end() } else { taken.close() };
        let told = matches!(ended.cause, Cause::PeerTerminated { .. });
        assert!(if by_peer { told } else { ended.cause == Cause::Closed }, "{ended:?}");
        assert!(by_peer || ended.lost.is_none(), "{ended:?}");
        assert_eq!(ended.status.user.as_deref(), Some(&b"testuser"[..]));
        assert_eq!(ended.status.method, Some(method));
        assert!(ended.status.counters.received_packets >= 8, "{ended:?}");
        if !by_peer {
            guest.wait("TYPE(7): DISCONNECT ACK");
        }
    }
}

/// Somebody else's certificate stands between: the binding of a real client tells.
#[test]
fn sstp_client_that_saw_another_certificate_is_refused() {
    let Some(space) = bridged(&["sstpc"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let made = made(folder.path(), "10.77.0.1");
    let taken = take(&space, &made, Certificate::of_der(b"another"), Method::MsChapV2);
    let values = ["PEER=10.77.0.1".to_owned(), format!("CA={}", made.certificate_file.display())];
    let _guest = Guest::boot(&space, folder.path(), ("sstpc", 2), &values);
    let ended = taken.end();
    let wanted = "the crypto binding does not hold: the client saw another certificate";
    assert_eq!(ended.lost.as_deref(), Some(wanted), "{ended:?}");
    assert_eq!(ended.status.counters.received_packets, 0);
}
