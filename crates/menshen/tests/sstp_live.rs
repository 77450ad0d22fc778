//! A tunnel by SSTP through a whole menshen: our client's TLS to a web worker, relayed to the
//! tunnel worker, packets of two kernels through both interfaces, beside the files of the door.

use crate::support::live;

use std::process::Command;
use std::time::Duration;

use crate::support::tunnels::client::{Who, sstp};
use crate::support::tunnels::space::{Space, both_ways, wait_for};
use live::{BASE, Live};
use menshen_base::Counter;
use menshen_sys::{SlotDoor, SlotState};
use menshen_tunnel::server::users;
use menshen_tunnel_core::auth::Secret;
use menshen_tunnel_core::ppp::{Cause, Mppe, Settings};
use rustix::process::{Pid, Signal, kill_process};

/// A menshen in the namespace that serves `anna` tunnels.
fn start(space: &Space) -> Live {
    let folder = live::folder("");
    let line = users::format("anna", &Secret::new(b"testpass"), None);
    std::fs::write(folder.path().join("users"), line + "\n").unwrap();
    let tunnel = "[tls]\nnames = [\"door.test\"]\n[tunnel]\nusers = \"users\"\n\
                  addresses = \"10.77.0.0/24\"\ndns = [\"10.77.0.53\"]\n";
    let listen = BASE.replace("\"127.0.0.1:0\", \"[::1]:0\"", "\"10.9.1.1:0\"");
    let limits = "[limits]\ndrain_seconds_max = 1\n";
    let text = format!("{listen}{tunnel}{limits}");
    std::fs::write(folder.path().join("menshen.toml"), text).unwrap();
    space
        .thread(move || {
            let command = live::command(folder.path(), &["serve"]);
            Live::start_command(folder, command)
        })
        .join()
        .unwrap()
}

fn relayed(live: &Live) -> u64 {
    live.workers(SlotState::Ready).iter().map(|slot| slot.get(Counter::SstpOpen)).sum()
}

#[test]
fn packets_pass_through_web_and_tunnel_worker() {
    let (Some(space), Some(far)) = (Space::new(), Space::new()) else { return };
    space.join(&far, 1);
    let live = start(&space);
    let port = live.https.unwrap().port();
    let root = std::fs::read(live.path(".menshen/ca.pem")).unwrap();
    let client =
        sstp(&far, (1, port, root.clone()), Who("anna", "testpass"), Settings::client(Mppe::Off));
    let (inner, ours) = client.open();
    both_ways((&far, inner.into()), (&space, ours.into()));
    assert_eq!(relayed(&live), 1);
    let status = String::from_utf8(live.run(&["status"]).stdout).unwrap();
    assert!(status.contains("tunnel") && status.contains("sstp 10.9.1.2:"), "{status}");
    // The files of the door are there as ever, and the counts of GRE: none.
    let get = |path: &'static str| {
        let run = move || {
            let url = format!("https://10.9.1.1:{port}{path}");
            let output = Command::new("curl").args(["-sk", &url]).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        far.thread(run).join().unwrap()
    };
    assert_eq!(get("/hello.txt"), "ok");
    assert_eq!(get("/.menshen/tunnel/gre"), "{\"calls\":[]}\n");
    let ended = client.close();
    assert_eq!(ended.cause, Cause::Closed, "{ended:?}");
    wait_for("the end of the relay", || relayed(&live) == 0);
    let wrong =
        sstp(&far, (1, port, root), Who("anna", "wrong"), Settings::client(Mppe::Off)).end();
    assert!(matches!(wrong.cause, Cause::Refused(_)), "{wrong:?}");
}

#[test]
fn a_session_outlives_a_reload_and_a_dead_worker_takes_no_more_than_its_own() {
    let (Some(space), Some(far)) = (Space::new(), Space::new()) else { return };
    space.join(&far, 1);
    let live = start(&space);
    let port = live.https.unwrap().port();
    let root = std::fs::read(live.path(".menshen/ca.pem")).unwrap();
    let dial = || {
        let to = (1, port, root.clone());
        sstp(&far, to, Who("anna", "testpass"), Settings::client(Mppe::Off))
    };
    let first = dial();
    let (inner, ours) = first.open();
    // Another configuration, in which the tunnel door is the same.
    let config = std::fs::read_to_string(live.path("menshen.toml")).unwrap();
    std::fs::write(live.path("menshen.toml"), config + "listing_entries_max = 777\n").unwrap();
    let reloaded = live.run(&["reload"]);
    assert!(reloaded.status.success(), "{reloaded:?}");
    // Whatever else its worker had is cut by now.
    std::thread::sleep(Duration::from_secs(4));
    both_ways((&far, inner.into()), (&space, ours.into()));
    assert_eq!(live.workers(SlotState::Draining).len(), 1, "the worker that has it");

    let second = dial();
    second.open();
    let tunnels = live.workers(SlotState::Ready);
    let worker = tunnels.iter().find(|slot| slot.door() == SlotDoor::Tunnel).unwrap();
    let dead = worker.pid();
    let pid = Pid::from_raw(i32::try_from(dead).unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    // Both hear of it through their web workers, and the next tunnel worker serves who comes.
    for client in [first, second] {
        let ended = client.end();
        assert!(ended.lost.is_some(), "{ended:?}");
    }
    wait_for("the next tunnel worker", || {
        let ready = live.workers(SlotState::Ready);
        ready.iter().any(|slot| slot.door() == SlotDoor::Tunnel && slot.pid() != dead)
    });
    let third = dial();
    let (inner, ours) = third.open();
    both_ways((&far, inner.into()), (&space, ours.into()));
    assert_eq!(third.close().cause, Cause::Closed);
}
