//! pptpd as a plain process, with a stand-in for pppd: real control connections and real GRE where
//! the kernel has no PPP. The stand-in speaks LCP alone.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use menshen_tunnel::pptp::{DialError, Number};
use menshen_tunnel_core::ppp::{Cause, Heard, Mppe, Phase, Settings};

use crate::call::start;
use crate::space::{Program, Space, file, wait_for};

/// pptpd in `space`, at 10.77.0.2; its stand-ins write to `lcp.log` of the folder.
fn serve(space: &Space, folder: &Path) -> Program {
    serve_for(space, folder, "300")
}

/// The same, with stand-ins that end after so many seconds.
fn serve_for(space: &Space, folder: &Path, seconds: &str) -> Program {
    let conf = folder.join("pptpd.conf");
    let options = folder.join("options");
    std::fs::write(&options, "").unwrap();
    let lines = [
        format!("ppp {}", file("standin.py")),
        format!("option {}", options.display()),
        "localip 10.78.0.1".to_owned(),
        "remoteip 10.78.0.100-110".to_owned(),
        format!("pidfile {}", folder.join("pid").display()),
        "listen 10.77.0.2\n".to_owned(),
    ];
    std::fs::write(&conf, lines.join("\n")).unwrap();
    let log = std::fs::File::create(folder.join("pptpd.log")).unwrap();
    let mut pptpd = space.command(&format!("pptpd -f -c {}", conf.display()));
    pptpd.env("STANDIN_LOG", folder.join("lcp.log")).env("STANDIN_SECS", seconds);
    pptpd.stdout(Stdio::null()).stderr(log);
    let pptpd = Program(pptpd.spawn().unwrap());
    wait_for("pptpd", || space.run("ss -ltn").contains(":1723"));
    pptpd
}

fn log(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("lcp.log")).unwrap_or_default()
}

/// Two namespaces on one line: 10.77.0.3 with us and 10.77.0.2.
fn spaces(programs: &[&str]) -> Option<(Space, Space)> {
    let (client, server) = (Space::new(programs)?, Space::new(&[])?);
    client.join(("c0", "10.77.0.3/24"), &server, ("s0", "10.77.0.2/24"));
    Some((client, server))
}

/// A client that knows within seconds.
fn hasty() -> Settings {
    let mut settings = Settings::client(Mppe::Off);
    settings.limits.restart = Duration::from_secs(1);
    settings.limits.max_configure = 4;
    settings
}

#[test]
fn lcp_opens_over_its_gre_and_ends_in_good_order() {
    let Some((client, server)) = spaces(&["pptpd", "ss"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let _pptpd = serve(&server, folder.path());
    let call = start(&client, [10, 77, 0, 2], Number::ZeroFirst, Settings::client(Mppe::Off));
    call.wait("LCP", |status| status.phase >= Phase::Network);
    wait_for("LCP there", || log(folder.path()).contains("LCP OPENED"));
    let ended = call.close().unwrap();
    assert_eq!((&ended.cause, &ended.lost), (&Cause::Closed, &None), "{ended:?}");
    assert!(log(folder.path()).contains("LCP TermReq User request"), "{}", log(folder.path()));
    let facts = ended.facts;
    let server = facts.server.unwrap();
    assert_eq!(server.vendor.as_bytes(), b"linux");
    assert_eq!(facts.call.call.0, 0);
    assert!(facts.counters.received >= 3, "{:?}", facts.counters);
    assert_eq!((facts.counters.missing, facts.refused), (0, None));
}

#[test]
fn gre_that_is_dropped_is_a_silence_and_gre_that_is_rejected_names_who_rejects() {
    let Some((client, server)) = spaces(&["pptpd", "ss", "nft"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let _pptpd = serve(&server, folder.path());
    let chain = "add table ip t; add chain ip t i { type filter hook input priority 0; };";
    server.nft(&format!("{chain} add rule ip t i ip protocol 47 drop"));
    client.nft(&format!("{chain} add rule ip t i ip protocol 47 drop"));
    let ended = start(&client, [10, 77, 0, 2], Number::ZeroFirst, hasty()).end().unwrap();
    assert_eq!(ended.cause, Cause::LcpTimeout(Heard::Nothing), "{ended:?}");
    assert_eq!(ended.facts.icmp, []);
    assert!(ended.facts.counters.sent >= 4 && ended.facts.counters.received == 0);

    client.nft("flush ruleset");
    server.nft(&format!(
        "flush ruleset; {chain} \
         add rule ip t i ip protocol 47 reject with icmp type admin-prohibited"
    ));
    let ended = start(&client, [10, 77, 0, 2], Number::ZeroFirst, hasty()).end().unwrap();
    let icmp = ended.facts.icmp.first().copied().expect("an ICMP error");
    assert_eq!((icmp.sender, icmp.kind, icmp.code), ([10, 77, 0, 2].into(), 3, 13), "{ended:?}");
    assert_eq!(ended.cause, Cause::LcpTimeout(Heard::RequestsOnly), "{ended:?}");
    let count: u64 = ended.facts.icmp.iter().map(|icmp| icmp.count).sum();
    assert!(count >= 4, "each of ours was rejected, and we went on: {ended:?}");

    // Our own firewall forbids what we send.
    server.nft("flush ruleset");
    client.nft(
        "add table ip t; add chain ip t o { type filter hook output priority 0; }; \
         add rule ip t o ip protocol 47 drop",
    );
    let ended = start(&client, [10, 77, 0, 2], Number::ZeroFirst, hasty()).end().unwrap();
    assert_eq!(
        ended.facts.refused.map(|(kind, _)| kind),
        Some(std::io::ErrorKind::PermissionDenied),
        "{ended:?}"
    );
}

#[test]
fn a_server_that_ends_the_call_is_heard_to_its_last_word() {
    let Some((client, server)) = spaces(&["pptpd", "ss"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let _pptpd = serve_for(&server, folder.path(), "3");
    let call = start(&client, [10, 77, 0, 2], Number::ZeroFirst, Settings::client(Mppe::Off));
    call.wait("LCP", |status| status.phase >= Phase::Network);
    let ended = call.end().unwrap();
    // The stand-in ends without a word of PPP; pptpd then ends the call.
    assert_eq!(ended.cause, Cause::CarrierLost, "{ended:?}");
    assert!(ended.lost.is_some(), "{ended:?}");
}

#[test]
fn strangers_copies_and_wild_numbers_do_not_end_a_call() {
    let Some((client, server)) = spaces(&["pptpd", "ss"]) else { return };
    server.run("ip addr add 10.77.0.9/24 dev s0");
    let folder = tempfile::tempdir().unwrap();
    let _pptpd = serve(&server, folder.path());
    let call = start(&client, [10, 77, 0, 2], Number::ZeroFirst, Settings::client(Mppe::Off));
    call.wait("LCP", |status| status.phase >= Phase::Network);
    // A Terminate-Request, in packets of every kind but the one that would be the next.
    let forged = |key: u16, number: u32| {
        let mut packet = vec![0x30, 0x01, 0x88, 0x0b, 0, 12];
        packet.extend(key.to_be_bytes());
        packet.extend(number.to_be_bytes());
        packet.extend([0xff, 0x03, 0xc0, 0x21, 5, 99, 0, 8]);
        packet.extend(b"mine");
        packet
    };
    let sending = server.thread(move || {
        for source in [[10, 77, 0, 9], [10, 77, 0, 2]] {
            let protocol = Some(socket2::Protocol::from(47));
            let socket =
                socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::RAW, protocol).unwrap();
            let address = |ip: [u8; 4]| socket2::SockAddr::from(SocketAddr::from((ip, 0)));
            socket.bind(&address(source)).unwrap();
            for n in 0..64 {
                let wild = 0x8000_0000 + 7 * n;
                let mut packets = vec![forged(77, n), forged(0, 0), forged(0, wild)];
                // The address that is the server's guesses no number that is awaited.
                packets.extend((source[3] == 9).then(|| forged(0, n)));
                for packet in packets {
                    socket.send_to(&packet, &address([10, 77, 0, 3])).unwrap();
                }
            }
        }
    });
    sending.join().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(call.status().phase, Phase::Network);
    let ended = call.close().unwrap();
    assert_eq!((&ended.cause, &ended.lost), (&Cause::Closed, &None), "{ended:?}");
    let counters = ended.facts.counters;
    // Those of the other address did not even come so far.
    assert_eq!((counters.strangers, counters.duplicates), (64, 64), "{counters:?}");
    assert_eq!((counters.wild, counters.resyncs), (64, 0), "{counters:?}");
}

#[test]
fn a_nat_without_a_helper_lets_call_zero_through() {
    let Some((client, (server, _router))) = spaces_behind_nat() else { return };
    let folder = tempfile::tempdir().unwrap();
    let _pptpd = serve(&server, folder.path());
    // The server's number 0 is taken, so that ours has to do without it; by a call that does not go
    // through the NAT, where its GRE would be in the way of ours for half a minute.
    let Some(neighbour) = Space::new(&[]) else { return };
    server.join(("s1", "10.79.0.1/24"), &neighbour, ("n0", "10.79.0.2/24"));
    neighbour.run("ip route add default via 10.79.0.1");
    let first = start(&neighbour, [10, 77, 0, 2], Number::Random, Settings::client(Mppe::Off));
    first.wait("the first call", |status| status.phase >= Phase::Network);
    let call = start(&client, [10, 77, 0, 2], Number::ZeroFirst, Settings::client(Mppe::Off));
    call.wait("LCP through the NAT", |status| status.phase >= Phase::Network);
    let ended = call.close().unwrap();
    assert!(ended.facts.call.peer.0 != 0 && ended.facts.counters.decoys >= 1, "{ended:?}");
    first.close().unwrap();
    // As every other client does it.
    let blocked = start(&client, [10, 77, 0, 2], Number::Random, hasty()).end().unwrap();
    let silent = matches!(blocked.cause, Cause::LcpTimeout(Heard::Nothing) | Cause::CarrierLost);
    assert!(silent && blocked.facts.counters.received == 0, "{blocked:?}");
}

#[test]
fn a_port_that_is_closed_or_speaks_something_else_is_told() {
    let Some((client, server)) = spaces(&["ss"]) else { return };
    let refused = start(&client, [10, 77, 0, 2], Number::ZeroFirst, hasty()).end();
    assert!(matches!(refused, Err(DialError::PeerClosed(_))), "{refused:?}");
    let script = "import socket;s=socket.create_server(('10.77.0.2',1723));\
                  c=s.accept()[0];c.sendall(b'SSH-2.0-nothing\\r\\n');c.recv(999);c.recv(999)";
    let mut other = server.command("python3 -c");
    let _other = Program(other.arg(script).spawn().unwrap());
    wait_for("the other server", || server.run("ss -ltn").contains(":1723"));
    let other = start(&client, [10, 77, 0, 2], Number::ZeroFirst, hasty()).end();
    let Err(DialError::Control(end)) = other else { panic!("{other:?}") };
    assert!(end.to_string().starts_with("the peer is not PPTP"), "{end}");
}

/// A client behind a masquerade without PPTP helper, the server, and the router.
fn spaces_behind_nat() -> Option<(Space, (Space, Space))> {
    let (client, server) = (Space::new(&["pptpd", "ss", "nft"])?, Space::new(&[])?);
    let router = Space::new(&[])?;
    router.join(("rc", "192.168.77.1/24"), &client, ("c0", "192.168.77.2/24"));
    router.join(("rs", "10.77.0.1/24"), &server, ("s0", "10.77.0.2/24"));
    client.run("ip route add default via 192.168.77.1");
    router.run("sysctl -qw net.ipv4.ip_forward=1");
    router.nft(
        "add table ip t; add chain ip t p { type nat hook postrouting priority 100; }; \
         add rule ip t p oifname \"rs\" masquerade",
    );
    Some((client, (server, router)))
}
