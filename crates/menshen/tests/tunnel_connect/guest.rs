//! Against pptpd with the real pppd in a guest kernel. Runs where `MENSHEN_TUNNEL_PEERS` is set, as
//! the tests with peers of the tunnel crate do, whose guest it boots.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{Both, Tunnel, words};
use crate::support::peers::find;
use crate::support::space::Space;

/// A guest kernel; it is asked to end when dropped, and ends its own.
struct Guest(Child);

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_raw(self.0.id().cast_signed()).unwrap(), Signal::TERM);
        let _ = self.0.wait();
    }
}

/// A namespace with a bridge, in which the guest is 10.77.0.2.
#[expect(clippy::print_stderr, reason = "a test that is skipped must say so")]
fn space() -> Option<Both> {
    if std::env::var_os("MENSHEN_TUNNEL_PEERS").is_none() {
        eprintln!("SKIPPED: set MENSHEN_TUNNEL_PEERS to run pptpd in a guest kernel");
        return None;
    }
    for program in ["linux.uml", "pppd", "pptpd", "ping", "nft", "ip"] {
        find(program)?;
    }
    let (client, server) = (Space::new()?, Space::new()?);
    client.run("ip", &words("link add br0 type bridge"));
    client.run("ip", &words("addr add 10.77.0.1/24 dev br0"));
    client.run("ip", &words("link set br0 up"));
    Some(Both { client, server, folder: tempfile::tempdir().unwrap() })
}

fn boot(both: &Both, number: u32, values: &[&str]) -> Guest {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tunnel/tests/peers/ppp/guest.sh");
    let folder = both.folder.path().join(format!("guest{number}"));
    std::fs::create_dir(&folder).unwrap();
    let console = both.folder.path().join(format!("console{number}"));
    let log = std::fs::File::create(&console).unwrap();
    let folder = folder.display().to_string();
    let arguments = [&[script, &*folder, "pptpd", "10.77.0.2/24"], values].concat();
    let mut command = both.client.command("bash", &arguments);
    let guest = Guest(command.stdout(log).stderr(Stdio::null()).spawn().unwrap());
    let until = Instant::now() + Duration::from_secs(240);
    while !text(&console).contains("LAB READY") {
        assert!(Instant::now() < until, "{}", text(&console));
        std::thread::sleep(Duration::from_millis(50));
    }
    guest
}

fn text(file: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(file).unwrap()).into_owned()
}

#[test]
fn pptpd_is_dialled_kept_up_and_left_in_good_order() {
    let Some(both) = space() else { return };
    let guest = boot(&both, 1, &["MPPE=128"]);
    let before = both.client.run("ip", &["route"]);
    let url = "pptp://testuser@10.77.0.2";
    let wrong = Tunnel::start(&both, url, "guessed");
    let failed = wrong.event("failed");
    assert_eq!(
        (&failed["exit_code"], &failed["finding"]["code"]),
        (&10.into(), &"tunnel-auth-refused".into())
    );

    let mut tunnel = Tunnel::start(&both, &format!("{url} --route 10.99.0.0/16"), "testpass");
    let open = tunnel.event("open");
    assert_eq!((&open["by"], &open["mppe"]), (&"pptp".into(), &true.into()));
    // Its other end is its name server, too.
    let peer = open["peer_address"].as_str().unwrap();
    assert_eq!(open["dns"], serde_json::json!([peer]));
    let routes = both.client.run("ip", &words("route show dev menshen0"));
    assert!(routes.contains("10.99.0.0/16"), "{routes}");
    both.pings(peer);

    // The machine it runs on dies, and comes again.
    drop(guest);
    let _guest = boot(&both, 2, &["MPPE=128"]);
    tunnel.event("down");
    tunnel.event("open");
    both.pings(peer);
    tunnel.signal(Signal::TERM);
    tunnel.event("closed");
    assert_eq!(tunnel.end(), Some(0));
    assert_eq!(both.client.run("ip", &["route"]), before);
    let until = Instant::now() + Duration::from_secs(20);
    while !text(&both.folder.path().join("console2")).contains("LCP TermReq") {
        assert!(Instant::now() < until, "pppd was not told");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn gre_that_is_dropped_or_rejected_is_named() {
    let Some(both) = space() else { return };
    let _guest = boot(&both, 1, &["MPPE=128"]);
    let table = [
        // Going out is forbidden by this host itself.
        ("output ip protocol gre drop", "tunnel-own-firewall"),
        ("input ip protocol gre drop", "tunnel-gre-lost"),
    ];
    for (rule, code) in table {
        let (hook, rule) = rule.split_once(' ').unwrap();
        both.client.nft(&format!(
            "add table ip t; add chain ip t c {{ type filter hook {hook} priority 0; }}; \
             add rule ip t c {rule}"
        ));
        let mut tunnel = Tunnel::start(&both, "pptp://testuser@10.77.0.2 --once", "testpass");
        let failed = tunnel.event("failed");
        assert_eq!(failed["finding"]["code"], code, "{failed}");
        assert_eq!(tunnel.end(), Some(11));
        both.client.nft("delete table ip t");
    }
    // Nothing of it stays: the next one comes up.
    let mut tunnel = Tunnel::start(&both, "auto://testuser@10.77.0.2", "testpass");
    assert_eq!(tunnel.event("open")["by"], "pptp");
    tunnel.signal(Signal::TERM);
    assert_eq!(tunnel.end(), Some(0));
}

/// pppd asks for EAP first, then for the kinds of CHAP it has, and for PAP at last.
#[test]
fn all_methods_of_a_real_pppd_are_named_and_no_others() {
    let Some(both) = space() else { return };
    let all = ["EAP", "MS-CHAPv2", "MS-CHAP", "CHAP with MD5", "PAP"];
    let table = [("any", &all[..]), ("mschap-v2", &all[1..2]), ("pap", &all[4..])];
    let _guest = boot(&both, 1, &["SERVERS=2:0:any,3:0:mschap-v2,4:0:pap"]);
    for (host, (auth, wanted)) in (2..).zip(table) {
        let server = format!("10.77.0.{host}");
        let look = ["explain", "tunnel", &server, "--json"];
        let output = both.client.command(env!("CARGO_BIN_EXE_menshen"), &look).output().unwrap();
        let (code, told) = crate::support::space::answer(&output);
        assert_eq!((code, &told["verdict"]["finding"]["code"]), (0, &"tunnel-lcp-only".into()));
        let methods = &told["live"]["attempts"][0]["methods"];
        assert_eq!(methods["whole"], true, "{auth}: {methods}");
        let mut asked: Vec<&str> =
            methods["asked"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
        assert_eq!(asked[0], wanted[0], "{auth}: {methods}");
        let mut wanted = wanted.to_vec();
        asked.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(asked, wanted, "{auth}: {methods}");
    }
}
