//! pptp-linux with the real pppd comes in at the tunnel door's server, as from behind a router.
//! What guests cannot show better is in `tests/server`.

use menshen_tunnel::server::Snapshot;

use crate::guest::{Guest, bridged, contents, order, show, transfer_from_guest};
use crate::serving::{Serving, settings};
use crate::space::Space;

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
         chain a { type filter hook prerouting priority 0;\n\
         tcp dport 1723 ct helper set \"h\"\n }\n\
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
        order(&router, "10.77.0.2", "touch /run/on");
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
