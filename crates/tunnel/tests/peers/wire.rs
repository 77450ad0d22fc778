//! tshark as another reader of our own conversations, as they were on the wire: everything is
//! decoded, and nothing in it is malformed or out of place. A planted packet shows that it would be
//! seen.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use menshen_tunnel::pptp::Number;
use menshen_tunnel::sstp::Trust;
use menshen_tunnel_core::auth::Method;
use menshen_tunnel_core::ppp::{Cause, Ciphers, Mppe, Settings};
use menshen_tunnel_core::sstp::Certificate;

use crate::call::start;
use crate::guest::{Guest, bridged, order};
use crate::serving::{Serving, settings};
use crate::space::{Program, Space, find, wait_for};
use crate::tls::{call, made, take};

/// Captures what passes a device, until it is dropped.
fn capture(space: &Space, device: &str, file: &Path) -> Program {
    let words = format!("tcpdump -i {device} -U --immediate-mode -s 0 -w {}", file.display());
    let mut tcpdump = space.command(&words);
    let tcpdump = tcpdump.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for("tcpdump", || std::fs::metadata(file).is_ok_and(|file| file.len() >= 24));
    Program(tcpdump)
}

/// What tshark says of the packets that a filter takes: number, protocols, complaint, summary.
fn read(file: &Path, secrets: Option<&Path>, filter: &str) -> Vec<String> {
    let mut tshark = Command::new(find("tshark").unwrap());
    tshark.arg("-r").arg(file).args(["-Y", filter, "-T", "fields"]);
    for field in ["frame.number", "frame.protocols", "_ws.expert.message", "_ws.col.Info"] {
        tshark.args(["-e", field]);
    }
    if let Some(secrets) = secrets {
        tshark.args(["-o", &format!("tls.keylog_file:{}", secrets.display())]);
    }
    let output = tshark.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

/// Complaints, and packets of which something was not decoded. What files or pings carry is data
/// to everybody, and what MPPE has encrypted is so to tshark.
fn complaints(file: &Path, secrets: Option<&Path>) -> Vec<String> {
    let mut found = read(file, secrets, COMPLAINTS);
    let all = read(file, secrets, "pptp or gre or tls or sstp");
    found.extend(all.into_iter().filter(|line| {
        let protocols = line.split('\t').nth(1).unwrap_or_default();
        ["gre:data", "ppp:data", "pptp:data", "sstp:data", "tls:data"]
            .iter()
            .any(|undecoded| protocols.contains(undecoded))
    }));
    found
}

/// A capture with one packet more.
fn planted(folder: &Path, file: &Path, packet: &[u8]) -> PathBuf {
    let copy = folder.join("planted.pcap");
    std::fs::copy(file, &copy).unwrap();
    let mut copied = std::fs::File::options().append(true).open(&copy).unwrap();
    let length = u32::try_from(packet.len()).unwrap().to_le_bytes();
    let record = [&[0; 8], &length[..], &length[..], packet].concat();
    copied.write_all(&record).unwrap();
    copy
}

#[test]
fn tshark_reads_all_of_our_pptp_and_finds_nothing_wrong() {
    let Some(space) = bridged(&["pptpd", "pptp", "tcpdump", "tshark"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let servers = "SERVERS=2:128:mschap-v2,3:0:pap,4:0:chap,5:40:mschap-v2".to_owned();
    let guest = Guest::boot(&space, folder.path(), ("pptpd", 2), &[servers]);
    guest.wait("LAB READY");
    let file = folder.path().join("pptp.pcap");
    let tcpdump = capture(&space, "br0", &file);
    let required = Mppe::Required(Ciphers::BITS_128);
    for (host, mppe, method) in [
        (2, required, Method::MsChapV2),
        (3, Mppe::Off, Method::Pap),
        (4, Mppe::Off, Method::ChapMd5),
    ] {
        let mut ppp = Settings::client(mppe);
        ppp.methods = vec![method];
        let call = start(&space, [10, 77, 0, host], Number::ZeroFirst, ppp);
        call.wait("packets", |status| status.opened.is_some());
        let pings = space.run(&format!("ping -c 5 -i 0.1 -w 60 10.78.{host}.1"));
        assert!(pings.contains(" 5 received"), "{pings}");
        assert_eq!(call.close().unwrap().cause, Cause::Closed);
    }
    // A refusal has words of its own.
    let refused = start(&space, [10, 77, 0, 5], Number::Random, Settings::client(required));
    assert!(matches!(
        refused.end().unwrap().cause,
        Cause::MppeMissing(_) | Cause::PeerTerminated { .. }
    ));
    // And pptp-linux, that comes to our server from the guest.
    let serving = Serving::start(&space, settings(folder.path()));
    order(&space, "10.77.0.2", DIAL);
    serving.wait("pptp-linux", |now| now.sessions.iter().any(|session| session.phase == "open"));
    let pings = "ping -c 5 -i 0.1 -w 60 10.90.0.1";
    assert!(order(&space, "10.77.0.2", pings).contains(" 5 received"));
    let last = serving.stop();
    assert_eq!(last.counters.logins, 1, "{last:?}");
    drop(tcpdump);
    assert_eq!(complaints(&file, None), Vec::<String>::new());
    // Four of our client, two of our server.
    counts(&file, None, &[("pptp and ip.src == 10.77.0.1 and ip.dst == 10.77.0.2", 6)]);
    counts(&file, None, &[("pptp", 20), ("gre", 100), ("lcp", 20), ("chap", 6), ("pap", 2)]);
    counts(&file, None, &[("ccp", 4), ("ipcp", 12), ("comp_data", 10), ("icmp", 20)]);

    // What would be seen: a request of LCP whose option is longer than itself, and a Start without
    // its end.
    let lcp = |frame: &[u8]| {
        let mut packet = vec![0x30, 0x01, 0x88, 0x0b, 0, u8::try_from(frame.len()).unwrap()];
        packet.extend([0, 0, 0, 0, 0, 9]);
        [outer(47, packet.len()), packet, frame.to_vec()].concat()
    };
    let wrong = lcp(&[0xff, 3, 0xc0, 0x21, 1, 1, 0, 8, 5, 90, 1, 2]);
    assert!(!complaints(&planted(folder.path(), &file, &wrong), None).is_empty());
    let strange = lcp(&[0xff, 3, 0x12, 0x35, 1, 1, 0, 8, 5, 90, 1, 2]);
    assert!(!complaints(&planted(folder.path(), &file, &strange), None).is_empty());
}

/// Ethernet's and IPv4's headers in front of so many octets of a protocol.
fn outer(protocol: u8, octets: usize) -> Vec<u8> {
    let mut header = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0];
    header.extend(u16::try_from(octets + 20 + 12).unwrap().to_be_bytes());
    header.extend([0, 0, 0, 0, 64, protocol, 0, 0, 10, 77, 0, 1, 10, 77, 0, 2]);
    header
}

/// So many packets at least pass each filter.
fn counts(file: &Path, secrets: Option<&Path>, least: &[(&str, usize)]) {
    for (filter, least) in least {
        let there = read(file, secrets, filter).len();
        assert!(there >= *least, "{there} packets of {filter}");
    }
}

/// Our client and our server half, and between them tshark with the secrets of TLS.
#[test]
fn tshark_reads_all_of_our_sstp_and_finds_nothing_wrong() {
    let Some(client) = Space::new(&["tcpdump", "tshark", "ping"]) else { return };
    let Some(server) = Space::new(&[]) else { return };
    client.join(("c0", "10.77.0.3/24"), &server, ("s0", "10.77.0.2/24"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sstp.pcap");
    let tcpdump = capture(&client, "c0", &file);
    let made = made(folder.path(), "10.77.0.2");
    let certificate = Certificate::of_der(&made.certificate);
    for method in [Method::MsChapV2, Method::Pap] {
        let taken = take(&server, &made, certificate, method);
        let mut ppp = Settings::client(Mppe::Off);
        ppp.methods = vec![method];
        let running = call(&client, Trust::Fingerprint(certificate.sha256), ppp);
        running.wait_open();
        let pings = client.run("ping -c 5 -i 0.1 -w 60 10.79.0.1");
        assert!(pings.contains(" 5 received"), "{pings}");
        assert_eq!(running.close().cause, Cause::Closed);
        assert!(matches!(taken.end().cause, Cause::PeerTerminated { .. }));
    }
    drop(tcpdump);
    let secrets = Some(&*made.secrets);
    assert_eq!(complaints(&file, secrets), Vec::<String>::new());
    counts(&file, secrets, &[("sstp", 40), ("lcp", 8), ("chap", 3), ("pap", 2), ("ipcp", 6)]);
    counts(&file, secrets, &[("icmp", 20)]);
}

/// A call to our server from a guest that has a server of its own.
const DIAL: &str = "pppd pty 'pptp 10.77.0.1 --nolaunchpppd' user testuser password testpass \
     noauth require-mppe-128 refuse-pap refuse-chap refuse-mschap refuse-eap nobsdcomp nodeflate \
     novj";
/// Malformed, cut or wrong; and what is odd, but for what TCP does on any line.
const COMPLAINTS: &str = "_ws.malformed or _ws.short or _ws.expert.severity >= 0x00800000 \
     or (_ws.expert.severity >= 0x00600000 and not tcp.analysis.flags)";
