//! The tunnel door on a live menshen: what the guard does with its worker, its sockets, rights and
//! users, and what status tells. The clients are ours, each in a network namespace of its own.

use crate::support::{fpm, live};

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use crate::support::tunnels::client::{Who, pptp, sstp};
use crate::support::tunnels::space::{Space, both_ways, wait_for};
use live::Live;
use menshen_base::Counter;
use menshen_sys::scoreboard::HeaderWord;
use menshen_sys::{Slot, SlotDoor, SlotState};
use menshen_tunnel::server::users;
use menshen_tunnel_core::auth::Secret;
use menshen_tunnel_core::ppp::{Cause, Ciphers, Mppe, Settings};
use rustix::process::{Pid, Signal, kill_process};

const ANNA: Who<'static> = Who("anna", "testpass");
const BOB: Who<'static> = Who("bob", "testpass");

/// A door in a namespace, and two others from where it is called.
struct Door {
    space: Space,
    far: Space,
    farther: Space,
    live: Live,
}

impl Door {
    /// With anna as its user and these lines more in `[tunnel]`; `None` after saying what is
    /// missing here.
    fn open(more: &str) -> Option<Self> {
        let (space, far, farther) = (Space::new()?, Space::new()?, Space::new()?);
        space.join(&far, 1);
        space.join(&farther, 2);
        let folder = live::folder("");
        std::fs::write(folder.path().join("menshen.toml"), head(more)).unwrap();
        write_users(folder.path(), &["anna"]);
        // A process is of the namespace of the thread that starts it.
        let start = move || {
            let command = live::command(folder.path(), &["serve"]);
            Live::start_command(folder, command)
        };
        let live = space.thread(start).join().unwrap();
        Some(Self { space, far, farther, live })
    }

    fn reload(&self, more: &str) {
        assert_eq!(self.reload_to(&head(more)), Some(0), "{}", self.live.log());
    }

    /// Whether this configuration holds now.
    fn reload_to(&self, text: &str) -> Option<i32> {
        std::fs::write(self.live.path("menshen.toml"), text).unwrap();
        self.live.run(&["reload"]).status.code()
    }

    /// The worker of the tunnel door in this state.
    fn worker(&self, state: SlotState) -> Option<Slot> {
        self.live.workers(state).into_iter().find(|slot| slot.door() == SlotDoor::Tunnel)
    }

    fn pid(&self) -> u64 {
        self.worker(SlotState::Ready).map_or(0, |slot| slot.pid())
    }

    /// `status --json`, what it has of the tunnel door.
    fn status(&self) -> serde_json::Value {
        let output = self.live.run(&["status", "--json"]);
        let all: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        all["tunnel"].clone()
    }

    fn root(&self) -> Vec<u8> {
        std::fs::read(self.live.path(".menshen/ca.pem")).unwrap()
    }
}

fn head(more: &str) -> String {
    format!(
        "workers = 1\n[web]\nlisten = [\"0.0.0.0:8443\"]\n[tls]\nnames = [\"door.test\"]\n[admin]\n\
         listen = \"off\"\n[tunnel]\nusers = \"users\"\naccounting = \"accounting\"\n\
         dns = [\"10.77.0.53\"]\n{more}\n[tunnel.pptp]\nlisten = [\"0.0.0.0:1723\"]\n"
    )
}

fn write_users(folder: &Path, names: &[&str]) {
    let lines = names.iter().map(|name| users::format(name, &Secret::new(b"testpass"), None));
    let text: String = lines.map(|line| line + "\n").collect();
    let (path, next) = (folder.join("users"), folder.join("users.next"));
    std::fs::write(&next, text).unwrap();
    std::fs::set_permissions(&next, PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::rename(next, path).unwrap();
}

fn encrypted() -> Settings {
    Settings::client(Mppe::Required(Ciphers::BITS_128))
}

#[test]
fn both_carriers_lead_to_a_worker_with_two_rights_and_status_tells() {
    let Some(mut door) = Door::open("") else { return };
    let print = door.live.printed();
    for part in ["  tunnel ", "PPTP (broken, see below) on 0.0.0.0:1723", "tunnel.pptp: its auth"] {
        assert!(print.contains(part), "{part}: {print}");
    }
    let pid = door.pid();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().to_owned()
    };
    let caps = ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"].map(|name| {
        // CAP_NET_ADMIN and CAP_NET_RAW are bits 12 and 13.
        u64::from_str_radix(&line(name), 16).unwrap()
    });
    assert_eq!(caps, [0, 0x3000, 0x3000, 0, 0], "{status}");
    assert_eq!((line("NoNewPrivs:").as_str(), line("Groups:").as_str()), ("1", ""));
    assert!(line("Uid:").split_whitespace().all(|uid| uid == "65534"), "{status}");

    let one = pptp(&door.far, 1, ANNA, encrypted());
    let two = sstp(&door.farther, (2, 8443, door.root()), ANNA, Settings::client(Mppe::Off));
    for (client, space) in [(&one, &door.far), (&two, &door.farther)] {
        let (inner, ours) = client.open();
        both_ways((space, inner.into()), (&door.space, ours.into()));
    }
    let slot = door.worker(SlotState::Ready).unwrap();
    wait_for("figures", || {
        slot.get(Counter::TunnelSessions) == 2 && slot.get(Counter::TunnelBytesIn) > 2600
    });
    let output = door.live.run(&["status"]);
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "anna from 10.9.1.2 by PPTP, MPPE of 128 bits: 10.77.0.",
        "tunnel/0 ",
        "anna from 10.9.2.2 by SSTP: 10.77.0.",
        "2 of 253 sessions",
        "1 in the file",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let json = door.status();
    assert_eq!(json["door"]["sessions"].as_array().unwrap().len(), 2, "{json}");
    assert!(matches!(one.close().cause, Cause::Closed));
    assert!(matches!(two.close().cause, Cause::Closed));
    wait_for("the end of both", || slot.get(Counter::TunnelSessions) == 0);
    assert!(slot.get(Counter::TunnelBytesIn) > 2600, "what they counted stays");

    door.live.signal(Signal::TERM);
    assert!(door.live.ended(Duration::from_secs(30)).success(), "{}", door.live.log());
    let accounting = std::fs::read_to_string(door.live.path("accounting")).unwrap();
    assert_eq!(accounting.lines().count(), 4, "{accounting}");
    for name in ["tunnel-sstp", "tunnel-control"] {
        assert!(!door.live.path(".menshen").join(name).exists(), "{name}");
    }
}

#[test]
fn a_worker_that_is_killed_is_started_again_on_the_same_sockets() {
    let Some(door) = Door::open("") else { return };
    let first = door.pid();
    let pid = i32::try_from(first).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    wait_for("another worker", || ![0, first].contains(&door.pid()));
    assert_eq!(door.live.header(HeaderWord::Crashes), 1);
    let client = pptp(&door.far, 1, ANNA, encrypted());
    client.open();
    client.close();
}

#[test]
fn a_reload_keeps_live_tunnels_and_gives_their_addresses_to_nobody() {
    let Some(door) = Door::open("") else { return };
    let one = pptp(&door.far, 1, ANNA, encrypted());
    let (inner, ours) = one.open();
    let first = door.pid();
    door.reload("");
    assert_eq!((door.pid(), door.live.header(HeaderWord::Generation)), (first, 2));

    door.reload("sessions_max = 9");
    assert_ne!(door.pid(), first);
    assert_eq!(door.worker(SlotState::Draining).unwrap().pid(), first);
    both_ways((&door.far, inner.into()), (&door.space, ours.into()));
    let two = pptp(&door.farther, 2, ANNA, encrypted());
    let (other, ours) = two.open();
    assert_ne!(other, inner, "the old worker's is not free");
    both_ways((&door.farther, other.into()), (&door.space, ours.into()));
    both_ways((&door.far, inner.into()), (&door.space, ours.into()));
    wait_for("the figures of both", || door.status()["sessions"] == 2);
    let json = door.status();
    assert_eq!(
        (&json["sessions_of_earlier"], &json["door"]["sessions_max"]),
        (&1.into(), &9.into())
    );
    assert!(matches!(one.close().cause, Cause::Closed));
    wait_for("the old one's end", || door.worker(SlotState::Draining).is_none());
    assert_eq!(door.live.header(HeaderWord::Crashes), 0, "{}", door.live.log());
    drop(two);
}

#[test]
fn an_upgrade_keeps_live_tunnels_and_gives_their_addresses_to_nobody() {
    let Some(door) = Door::open("") else { return };
    let one = pptp(&door.far, 1, ANNA, encrypted());
    let (inner, ours) = one.open();
    let first = door.pid();
    let output = door.live.run(&["upgrade"]);
    assert_eq!(output.status.code(), Some(0), "{output:?} {}", door.live.log());
    assert_ne!(door.pid(), first);
    assert_eq!(door.worker(SlotState::Draining).unwrap().pid(), first);
    both_ways((&door.far, inner.into()), (&door.space, ours.into()));
    let two = pptp(&door.farther, 2, ANNA, encrypted());
    let (other, ours) = two.open();
    assert_ne!(other, inner, "the old worker's is not free");
    both_ways((&door.farther, other.into()), (&door.space, ours.into()));
    both_ways((&door.far, inner.into()), (&door.space, ours.into()));
    wait_for("the figures of both", || door.status()["sessions"] == 2);
    assert!(matches!(one.close().cause, Cause::Closed));
    wait_for("the old one's end", || door.worker(SlotState::Draining).is_none());
    assert_eq!(door.live.header(HeaderWord::Crashes), 0, "{}", door.live.log());
    drop(two);
}

#[test]
fn a_door_that_was_closed_in_between_gives_no_address_twice() {
    let Some(door) = Door::open("") else { return };
    let one = pptp(&door.far, 1, ANNA, encrypted());
    let (inner, ours) = one.open();
    let first = door.pid();
    let without = head("").split("[tunnel]").next().unwrap().to_owned();
    assert_eq!(door.reload_to(&without), Some(0), "{}", door.live.log());
    wait_for("its retirement", || {
        door.worker(SlotState::Draining).is_some_and(|slot| slot.pid() == first)
    });
    door.reload("");
    let two = pptp(&door.farther, 2, ANNA, encrypted());
    let (other, own) = two.open();
    assert_ne!(other, inner, "the old worker's is not free");
    both_ways((&door.farther, other.into()), (&door.space, own.into()));
    both_ways((&door.far, inner.into()), (&door.space, ours.into()));
    // Who may not come in any more is ended there, too.
    write_users(door.live.folder.path(), &["bob"]);
    for ended in [one.end(), two.end()] {
        assert!(!matches!(ended.cause, Cause::Closed), "{ended:?}");
    }
}

#[test]
fn a_reload_that_fails_ends_no_tunnel_of_users_it_does_not_name() {
    let Some(fpm) = fpm::program() else { return };
    let Some(door) = Door::open("") else { return };
    let anna = pptp(&door.far, 1, ANNA, encrypted());
    let (inner, ours) = anna.open();
    let folder = door.live.folder.path().join("next");
    std::fs::create_dir(&folder).unwrap();
    write_users(&folder, &["bob"]);
    // PHP that says what it is, and does not run: told late enough for all to look at users again.
    let text = format!(
        "#!/bin/sh\ncase \"$*\" in *-i*|*-t*) exec {} \"$@\";; esac\nsleep 7\nexit 4\n",
        fpm.display()
    );
    let broken = door.live.path("fpm");
    std::fs::write(&broken, text).unwrap();
    std::fs::set_permissions(&broken, PermissionsExt::from_mode(0o755)).unwrap();
    let next = head("").replace("\"users\"", "\"next/users\"");
    let php = "[php]\nprogram = \"fpm\"\n[[site]]\nhosts = [\"a.test\"]\nroot = \"files\"\n\
               php = \"managed\"\n";
    assert_eq!(door.reload_to(&format!("{next}{php}")), Some(1), "{}", door.live.log());
    assert!(door.live.log().contains("PHP does not run"), "{}", door.live.log());
    both_ways((&door.far, inner.into()), (&door.space, ours.into()));
    assert_eq!(door.status()["sessions"], 1);
    // One that succeeds does.
    assert_eq!(door.reload_to(&next), Some(0), "{}", door.live.log());
    let ended = anna.end();
    assert!(!matches!(ended.cause, Cause::Closed), "{ended:?}");
    let bob = pptp(&door.far, 1, BOB, encrypted());
    bob.open();
    bob.close();
}

#[test]
fn tunnels_that_outlast_the_drain_are_ended() {
    let Some(door) = Door::open("drain_seconds_max = 1") else { return };
    let one = pptp(&door.far, 1, ANNA, encrypted());
    one.open();
    door.reload("drain_seconds_max = 1\nsessions_max = 9");
    let ended = one.end();
    assert!(!matches!(ended.cause, Cause::Closed), "{ended:?}");
    wait_for("the old one's end", || door.worker(SlotState::Draining).is_none());
    assert_eq!(door.live.header(HeaderWord::Crashes), 0, "{}", door.live.log());
}

#[test]
fn changed_users_reach_the_worker_that_runs() {
    let Some(door) = Door::open("") else { return };
    let first = door.pid();
    let anna = pptp(&door.far, 1, ANNA, encrypted());
    anna.open();
    write_users(door.live.folder.path(), &["bob"]);
    let ended = anna.end();
    assert!(!matches!(ended.cause, Cause::Closed), "who is gone is ended: {ended:?}");
    let bob = pptp(&door.far, 1, BOB, encrypted());
    bob.open();
    assert_eq!((door.pid(), door.live.header(HeaderWord::Generation)), (first, 1));
    // A file that is wrong changes nothing, and is told.
    std::fs::write(door.live.path("users"), "bob:none\n").unwrap();
    wait_for("the problem", || door.status()["door"]["users_problem"].is_string());
    assert_eq!(door.status()["door"]["users"], 1);
    let told = "the users of the tunnel door stay as they are";
    wait_for("the guard's word", || door.live.log().contains(told));
    assert!(door.live.log().contains("detail: line 1: no hash"), "{}", door.live.log());
    // Nor does it keep anybody out who comes after a crash.
    let pid = i32::try_from(first).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    wait_for("another worker", || ![0, first].contains(&door.pid()));
    drop(bob);
    let bob = pptp(&door.far, 1, BOB, encrypted());
    bob.open();
    assert_eq!(door.reload_to(&head("sessions_max = 9")), Some(1), "{}", door.live.log());
    bob.close();
}

#[test]
fn a_start_that_cannot_be_says_why() {
    let Some(space) = Space::new() else { return };
    let folder = live::folder("");
    std::fs::write(folder.path().join("menshen.toml"), head("")).unwrap();
    let path = folder.path().to_owned();
    let run = move |arguments: &'static [&str]| {
        let path = path.clone();
        let run = move || live::command(&path, arguments).output().unwrap();
        space.thread(run).join().unwrap()
    };
    let output = run(&["serve"]);
    assert_eq!(output.status.code(), Some(100), "{output:?}");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("could not read the users of the tunnel door"), "{told}");

    let check = || {
        let output = run(&["check", "menshen.toml", "--json"]);
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let rows = json["problems"].as_array().unwrap().iter();
        let codes: Vec<String> = rows.map(|row| row["code"].as_str().unwrap().into()).collect();
        (output.status.code().unwrap(), codes)
    };
    let (code, codes) = check();
    assert_eq!((code, codes.contains(&"tunnel-cannot-start".to_owned())), (2, true), "{codes:?}");
    let users = folder.path().join("users");
    for (text, finding, expected) in
        [("anna:zz\n", "tunnel-users-wrong", 2), ("# nobody\n", "tunnel-users-none", 1)]
    {
        std::fs::write(&users, text).unwrap();
        let (code, codes) = check();
        assert_eq!(code, expected, "{codes:?}");
        for known in [finding, "tunnel-users-open", "pptp-broken"] {
            assert!(codes.iter().any(|code| code == known), "{known}: {codes:?}");
        }
    }
    write_users(folder.path(), &["anna"]);
    let (code, codes) = check();
    assert_eq!(code, 1, "PPTP is a warning for ever: {codes:?}");
    assert!(!codes.iter().any(|code| code.starts_with("tunnel-users")), "{codes:?}");
}
