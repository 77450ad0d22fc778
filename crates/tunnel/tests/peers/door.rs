//! The tunnel door's server: pptp-linux with the real pppd comes in; and those who mean no good, or
//! ask for more than there is, do not, and disturb nobody who does.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use menshen_tunnel::pptp::Number;
use menshen_tunnel::server::Snapshot;
use menshen_tunnel_core::auth::Method;
use menshen_tunnel_core::ppp::{Cause, Ciphers, Mppe, Settings};

use crate::call::{Running, start, start_as};
use crate::guest::{Guest, bridged, contents, show, transfer_from_guest};
use crate::serving::{Serving, settings};
use crate::space::{Program, Space, file};

fn bits(snapshot: &Snapshot) -> Vec<Option<u16>> {
    let open = snapshot.sessions.iter().filter(|session| session.phase == "open");
    open.map(|session| session.mppe_bits).collect()
}

/// Behind a masquerade with the kernel's PPTP helper, as routers have it.
#[test]
fn pptp_linux_comes_in_through_a_nat_with_every_cipher_and_files_pass() {
    let Some(router) = bridged(&["pptp", "nft"]) else { return };
    let Some(server) = Space::new(&[]) else { return };
    router.join(("rs", "10.88.0.1/24"), &server, ("s0", "10.88.0.2/24"));
    router.run("sysctl -qw net.ipv4.ip_forward=1");
    router.nft(
        "table ip t {\n\
         ct helper h { type \"pptp\" protocol tcp; l3proto ip; }\n\
         chain a { type filter hook prerouting priority 0;\n tcp dport 1723 ct helper set \"h\"\n }\n\
         chain b { type nat hook postrouting priority 100;\n oifname \"rs\" masquerade\n }\n }",
    );
    let folder = tempfile::tempdir().unwrap();
    let serving = Serving::start(&server, settings(folder.path()));
    let _contents = contents(&server);
    let script = folder.path().join("run.sh");
    let fetch = transfer_from_guest("10.90.0.1");
    let end = "kill -TERM $dialler; wait $dialler; sleep 1";
    let lines = format!(
        "{fetch}\nsay DONE 128\nuntil [ -e /run/on ]; do sleep 0.1; done; rm /run/on; {end}\n\
         manners 40 mschap-v2; dial; {fetch}\nsay DONE 40\n\
         until [ -e /run/on ]; do sleep 0.1; done; rm /run/on; {end}\n\
         manners 0 mschap-v2; dial; {fetch}\nsay DONE 0\n"
    );
    std::fs::write(&script, lines).unwrap();
    let values = [
        "PEER=10.88.0.2".to_owned(),
        "GATEWAY=10.77.0.1".to_owned(),
        format!("RUN={}", script.display()),
    ];
    let guest = Guest::boot(&router, folder.path(), ("pptp", 2), &values);
    for (cipher, wanted) in [("128", Some(128)), ("40", Some(40)), ("0", None)] {
        guest.wait(&format!("DONE {cipher}"));
        let snapshot = serving.snapshot();
        assert_eq!(bits(&snapshot), [wanted], "{snapshot:?}");
        let session = snapshot.sessions.first().unwrap();
        assert_eq!(session.user.as_deref(), Some("testuser"));
        assert_eq!(session.client.to_string(), "10.88.0.1");
        crate::guest::order(&router, "10.77.0.2", "touch /run/on");
        if cipher != "0" {
            // Ended from there, its place is free.
            serving.wait("the end", |now| now.sessions.iter().all(|other| other.id != session.id));
        }
    }
    let console = guest.console();
    for (cipher, line) in
        ["128", "40", "off"].iter().zip(console.lines().filter(|line| line.starts_with("SAME ")))
    {
        show(&format!("pptp-linux through a NAT, our server, MPPE {cipher}"), line);
    }
    // And now the server ends it.
    let last = serving.stop();
    assert_eq!((last.counters.logins, last.sessions.len()), (3, 0), "{last:?}");
    guest.wait("LCP TermReq");
    guest.wait("Modem hangup");
}

/// Both ends on one line: a client's namespace at 10.77.0.3 and 10.77.0.4, the server's at .2.
fn spaces() -> Option<(Space, Space)> {
    let (client, server) = (Space::new(&["ping", "ss"])?, Space::new(&[])?);
    client.join(("c0", "10.77.0.3/24"), &server, ("s0", "10.77.0.2/24"));
    Some((client, server))
}

fn required() -> Settings {
    let mut settings = Settings::client(Mppe::Required(Ciphers::BITS_128));
    settings.methods = vec![Method::MsChapV2];
    settings
}

fn opened(space: &Space) -> Running {
    let call = start(space, [10, 77, 0, 2], Number::Random, required());
    call.wait("packets", |status| status.opened.is_some());
    call
}

/// A thousand calls that never speak PPP, from so many sources, held until it is dropped.
fn crowd(space: &Space, sources: u32) -> Program {
    let mut crowd =
        space.command(&format!("python3 {} 10.77.0.2 1000 {sources}", file("halfopen.py")));
    let mut crowd = Program(crowd.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
    let mut said = [0; 6];
    std::io::Read::read_exact(crowd.0.stdout.as_mut().unwrap(), &mut said).unwrap();
    assert_eq!(&said, b"READY\n");
    crowd
}

#[test]
fn a_thousand_half_open_calls_are_bounded_and_forgotten() {
    let Some((client, server)) = spaces() else { return };
    let Some(others) = Space::new(&[]) else { return };
    others.join(("k0", "10.76.0.2/24"), &server, ("k1", "10.76.0.1/24"));
    // A hundred sources, and a way back to each.
    others.run("ip route add local 10.99.0.0/16 dev lo");
    others.run("ip route add 10.77.0.0/24 via 10.76.0.1");
    server.run("ip route add 10.99.0.0/16 via 10.76.0.2");
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    settings.times.half_open = Duration::from_secs(12);
    let serving = Serving::start(&server, settings);
    // All from one source take no more than its share, and everybody else comes in.
    let one = crowd(&others, 1);
    let crowded = serving.snapshot();
    assert_eq!(crowded.half_open, 32, "{crowded:?}");
    assert!(crowded.counters.half_open_limited >= 900, "{crowded:?}");
    let call = opened(&client);
    let pings = client.run("ping -c 5 -i 0.1 -w 60 10.90.0.1");
    assert!(pings.contains(" 5 received"), "{pings}");
    drop(one);
    serving.wait("room", |now| now.half_open == 0);

    // From many sources they take all there is, for as long as they may.
    let before = serving.snapshot().counters;
    let _many = crowd(&others, 100);
    let crowded = serving.snapshot();
    assert_eq!(crowded.half_open, 256, "{crowded:?}");
    serving.wait("room", |now| now.half_open == 0);
    let after = serving.snapshot().counters;
    assert!(after.half_open_timeouts - before.half_open_timeouts >= 256, "{after:?}");
    assert_eq!(call.close().unwrap().cause, Cause::Closed);
    assert_eq!(opened(&client).close().unwrap().cause, Cause::Closed);
    let last = serving.stop();
    assert_eq!((last.counters.logins, last.half_open, last.sessions.len()), (2, 0, 0));
}

#[test]
fn who_guesses_passwords_is_slowed_down_and_others_come_in() {
    let Some((client, server)) = spaces() else { return };
    let Some(other) = Space::new(&[]) else { return };
    other.join(("k0", "10.76.0.2/24"), &server, ("k1", "10.76.0.1/24"));
    other.run("ip route add 10.77.0.0/24 via 10.76.0.1");
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    settings.limits.guesses_per_source = 3;
    let serving = Serving::start(&server, settings);
    for _ in 0..6 {
        let wrong = start_as(&client, [10, 77, 0, 2], "guessed", required()).end().unwrap();
        assert!(matches!(wrong.cause, Cause::Refused(_)), "{wrong:?}");
    }
    // Even the right one is not looked at from there now; elsewhere it is.
    let right = start(&client, [10, 77, 0, 2], Number::Random, required()).end().unwrap();
    assert!(matches!(right.cause, Cause::Refused(_)), "{right:?}");
    let call = opened(&other);
    assert_eq!(call.close().unwrap().cause, Cause::Closed);
    let counters = serving.stop().counters;
    assert_eq!((counters.logins, counters.logins_refused), (1, 7), "{counters:?}");
    assert_eq!(counters.guesses_limited, 4, "{counters:?}");
}

#[test]
fn no_packet_reaches_another_user_and_without_addresses_nobody_comes_in() {
    let Some((client, server)) = spaces() else { return };
    let Some(other) = Space::new(&[]) else { return };
    other.join(("k0", "10.76.0.2/24"), &server, ("k1", "10.76.0.1/24"));
    other.run("ip route add 10.77.0.0/24 via 10.76.0.1");
    server.run("sysctl -qw net.ipv4.ip_forward=1");
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    // Two addresses besides the server's, and those of the network and of all.
    settings.addresses = ([10, 90, 0, 0].into(), 29);
    let serving = Serving::start(&server, settings);
    let (one, two) = (opened(&client), opened(&other));
    let address = |call: &Running| call.status().opened.unwrap().ipv4.unwrap().local;
    let (first, second) = (address(&one), address(&two));
    assert_ne!(first, second);
    // In the name of the other, and to the other's inner address from a foreign one.
    client.run(&format!("ip addr add {second}/32 dev lo"));
    client.run("ip addr add 192.0.2.7/32 dev lo");
    for source in [second.to_string(), "192.0.2.7".to_owned()] {
        let ping = format!("ping -c 5 -i 0.1 -W 1 -I {source} 10.90.0.1");
        let output = client.command(&ping).output().unwrap();
        assert!(!output.status.success(), "{output:?}");
    }
    serving.wait("what was spoofed", |now| now.counters.spoofed >= 10);
    std::thread::sleep(Duration::from_millis(1200));
    assert_eq!(two.status().counters.received_packets, 0, "{:?}", two.status());

    // The rest of the addresses, and one too many.
    let more: Vec<Running> = (0..3).map(|_| opened(&client)).collect();
    let none = start(&client, [10, 77, 0, 2], Number::Random, required()).end().unwrap();
    assert!(!matches!(none.cause, Cause::Closed), "{none:?}");
    let full = serving.snapshot();
    assert_eq!((full.pool.size, full.pool.taken), (5, 5), "{full:?}");
    assert_eq!(full.counters.pool_empty, 1, "{full:?}");
    assert_eq!(two.close().unwrap().cause, Cause::Closed);
    serving.wait("a free address", |now| now.pool.taken == 4);
    let again = opened(&other);
    assert_eq!(address(&again), second);
    for call in more.into_iter().chain([one, again]) {
        assert_eq!(call.close().unwrap().cause, Cause::Closed);
    }
    assert_eq!(serving.stop().pool.taken, 0);
}

/// Forged packets of GRE, from the client's own address and from another one, do not end a session
/// nor come out of it.
#[test]
fn forged_packets_do_not_end_a_session_of_the_server() {
    let Some((client, server)) = spaces() else { return };
    client.run("ip addr add 10.77.0.9/24 dev c0");
    let folder = tempfile::tempdir().unwrap();
    let serving = Serving::start(&server, settings(folder.path()));
    let call = opened(&client);
    let counts = serving.snapshot();
    let key = 0u16;
    let sending = client.thread(move || {
        for source in [[10, 77, 0, 9], [10, 77, 0, 3]] {
            let protocol = Some(socket2::Protocol::from(47));
            let socket =
                socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::RAW, protocol).unwrap();
            let address = |ip: [u8; 4]| socket2::SockAddr::from(SocketAddr::from((ip, 0)));
            socket.bind(&address(source)).unwrap();
            for n in 0..200u32 {
                let number = if source[3] == 9 { n } else { 0x8000_0000 + 7 * n };
                let packet = terminate(key, number);
                socket.send_to(&packet, &address([10, 77, 0, 2])).unwrap();
            }
        }
    });
    sending.join().unwrap();
    let pings = client.run("ping -c 5 -i 0.1 -w 60 10.90.0.1");
    assert!(pings.contains(" 5 received"), "{pings}");
    let now = serving.snapshot();
    assert_eq!(now.sessions.len(), 1, "{now:?}");
    assert_eq!(now.sessions[0].id, counts.sessions[0].id);
    assert_eq!(call.close().unwrap().cause, Cause::Closed);
    serving.stop();
}

/// A Terminate-Request of LCP in GRE.
fn terminate(key: u16, number: u32) -> Vec<u8> {
    let mut packet = vec![0x30, 0x01, 0x88, 0x0b, 0, 12];
    packet.extend(key.to_be_bytes());
    packet.extend(number.to_be_bytes());
    packet.extend([0xff, 0x03, 0xc0, 0x21, 5, 99, 0, 8]);
    packet.extend(b"mine");
    packet
}
