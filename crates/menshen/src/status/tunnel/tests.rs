//! Tests of `tunnel`: a door in words.

use menshen_tunnel::server::{Counters, Snapshot};

use super::*;

fn session(user: Option<&str>, bearer: Bearer, bits: Option<u16>) -> SessionFacts {
    SessionFacts {
        id: 1,
        user: user.map(str::to_owned),
        client: [192, 0, 2, 7].into(),
        bearer,
        address: Some([10, 77, 0, 2].into()),
        interface: Some("menshen0".into()),
        phase: "open".into(),
        method: Some("MS-CHAPv2".into()),
        mppe_bits: bits,
        seconds: 61,
        idle_seconds: 1,
        received_octets: 1024,
        sent_octets: 2 << 20,
        received_packets: 3,
        sent_packets: 4,
        spoofed: 0,
        over_rate: 0,
        round_trip_us: None,
    }
}

fn tunnel(door: Option<StatusReport>, unanswered: Option<&str>) -> Tunnel {
    Tunnel {
        sessions: 3,
        sessions_of_earlier: 1,
        half_open: 1,
        logins: 9,
        logins_failed: 2,
        received_bytes: 1024,
        sent_bytes: 2 << 20,
        spoofed_packets: 5,
        door,
        unanswered: unanswered.map(str::to_owned),
    }
}

fn door() -> StatusReport {
    StatusReport {
        generation: 2,
        pptp: vec!["0.0.0.0:1723".into()],
        sstp: true,
        addresses: "10.77.0.0/24".into(),
        sessions_max: 253,
        users_file: "/etc/users".into(),
        now: Snapshot {
            sessions: vec![
                session(Some("alice\u{1b}[31m"), Bearer::Sstp, None),
                session(Some("bob"), Bearer::Pptp, Some(128)),
                session(None, Bearer::Pptp, None),
            ],
            users: 2,
            users_problem: Some("line 3: this name was there before".into()),
            counters: Counters::default(),
            ..Snapshot::default()
        },
    }
}

fn shown(tunnel: &Tunnel) -> String {
    let mut out = String::new();
    text(&mut out, Some(tunnel));
    out
}

#[test]
fn a_door_with_sessions() {
    assert_eq!(
        shown(&tunnel(Some(door()), None)),
        "\ntunnel     SSTP; PPTP (broken) on 0.0.0.0:1723, addresses of 10.77.0.0/24\n           3 \
         of 253 sessions (1 of them by the configuration before), 1 half open, 9 logins, 2 \
         refused\n           1.0 KiB from clients, 2.0 MiB to them\nusers      2 in the file; the \
         file is not taken as it is: line 3: this name was there before\n           5 packets \
         dropped: their source was not their user's address\nsessions   alice\\x1b[31m from \
         192.0.2.7 by SSTP: 10.77.0.2 on menshen0, since 1 min, 1.0 KiB in, 2.0 MiB out\n          \
         \u{20}bob from 192.0.2.7 by PPTP, MPPE of 128 bits: 10.77.0.2 on menshen0, since 1 min, \
         1.0 KiB in, 2.0 MiB out\n"
    );
}

#[test]
fn many_sessions_are_cut_short() {
    let mut door = door();
    door.now.sessions = vec![session(Some("a"), Bearer::Pptp, None); SESSIONS_SHOWN + 3];
    let text = shown(&tunnel(Some(door), None));
    assert!(text.contains("by PPTP, not encrypted"), "{text}");
    assert!(text.ends_with("and 3 more; --json has them all\n"), "{text}");
}

#[test]
fn a_door_that_says_nothing_still_has_figures() {
    let text = shown(&tunnel(None, Some("connection refused")));
    assert!(text.contains("3 sessions (1 of"), "{text}");
    assert!(text.contains("the door does not answer: connection refused"), "{text}");
    let mut none = String::new();
    super::text(&mut none, None);
    assert_eq!(none, "");
}

#[test]
fn without_a_door_there_is_nothing_to_say() {
    let folder = tempfile::tempdir().unwrap();
    let (board, _file) = menshen_sys::Scoreboard::create(&folder.path().join("board")).unwrap();
    let slot = board.slot(0);
    slot.reset(0, 1, 0);
    slot.set_state(menshen_sys::SlotState::Ready);
    assert!(read(board.view(), folder.path()).is_none(), "the web door's");
    slot.set_door(SlotDoor::Tunnel);
    slot.set(Counter::TunnelSessions, 3);
    let tunnel = read(board.view(), folder.path()).unwrap();
    assert_eq!((tunnel.sessions, tunnel.sessions_of_earlier), (3, 0));
    assert!(tunnel.unanswered.is_some());
}
