//! Tests of what status says of certificates: notes of any bytes, workers of any version.

use menshen_sys::Scoreboard;

use super::*;

/// 2026-11-22T12:00:00Z.
const NOW: i64 = 1_795_348_800;

fn put(state: &Path, file: &str, text: &[u8]) {
    let folder = state.join("certificates");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(file), text).unwrap();
}

fn shown(board: &Scoreboard, state: &Path) -> (String, serde_json::Value) {
    let read = read(board.view(), state, NOW);
    let mut out = String::new();
    text(&mut out, &read);
    (out, serde_json::to_value(&read).unwrap())
}

#[test]
fn names_are_told_with_all_that_is_known() {
    let state = tempfile::tempdir().unwrap();
    let board = Scoreboard::private().unwrap();
    assert_eq!(shown(&board, state.path()).0, "", "without names there is nothing to say");
    board.set_header(HeaderWord::ShelfVersion, 4);
    let kept = Note {
        name: "a.test".into(),
        state: KeepState::Kept,
        issuer: Some("Pebble Intermediate".into()),
        not_after_unix: Some(NOW + 40 * DAY + 5),
        renew_unix: Some(NOW + 20 * DAY),
        window_unix: Some((NOW + 19 * DAY, NOW + 21 * DAY)),
        window_explanation: Some("https://a.example/why".into()),
        served: Some(false),
        ..Note::default()
    };
    let failing = Note {
        name: "*.b.test".into(),
        state: KeepState::Failing,
        failures: 3,
        next_unix: Some(NOW + 3600),
        error: Some("dns: no such\u{1b}[31m record".into()),
        ..Note::default()
    };
    put(state.path(), "a.test.json", &serde_json::to_vec(&kept).unwrap());
    put(state.path(), "a.test.pem", b"a key");
    put(state.path(), "_.b.test.json", &serde_json::to_vec(&failing).unwrap());
    put(state.path(), "c.test.json", b"{ nonsense");
    let (text, json) = shown(&board, state.path());
    assert_eq!(
        text,
        "\ncertificates  version 4, in all workers\n  \
         *.b.test  failing\n    \
         3 failures, next try at 2026-11-22T13:00:00Z (in 1 h 0 min)\n    \
         last error: dns: no such\\x1b[31m record\n  \
         a.test    kept      until 2027-01-01T12:00:05Z (in 40 d 0 h)  by Pebble Intermediate\n    \
         will be renewed at 2026-12-12T12:00:00Z (in 20 d 0 h)\n    \
         the authority suggests 2026-12-11T12:00:00Z to 2026-12-13T12:00:00Z: \
         https://a.example/why\n    \
         not served: the own addresses answer with another certificate\n  \
         c.test    unknown\n"
    );
    assert_eq!(json["certificates"][1]["days_left"], 40);
    assert_eq!(json["certificates"][2]["state"], "unknown");
    assert_eq!(json["certificates_behind"], serde_json::json!([]));
}

#[test]
fn workers_with_another_version_are_named() {
    let state = tempfile::tempdir().unwrap();
    let board = Scoreboard::private().unwrap();
    board.set_header(HeaderWord::ShelfVersion, 6);
    for (number, version, ready) in [(0, 6, true), (1, 4, true), (2, 2, false)] {
        let slot = board.slot(number);
        slot.reset(0, 1, 0);
        slot.set_pid(100 + u32::try_from(number).unwrap());
        slot.add(Counter::ShelfVersion, version);
        slot.set_state(if ready { SlotState::Ready } else { SlotState::Draining });
    }
    let (text, json) = shown(&board, state.path());
    let expected =
        "\ncertificates  version 6, not yet in all workers\n  pid 101 serves version 4\n";
    assert_eq!(text, expected);
    assert_eq!(json["certificates_behind"][0]["worker_pid"], 101);
}

#[test]
fn notes_of_any_bytes_are_answered() {
    let state = tempfile::tempdir().unwrap();
    let board = Scoreboard::private().unwrap();
    let deep = "[".repeat(100_000);
    let long = format!("{{\"name\":\"{}\"}}", "x".repeat(40_000));
    let times = "{\"not_after_unix\":-9223372036854775808,\"renew_unix\":9223372036854775807}";
    for text in ["", "null", "[]", &deep, &long, times, "{\"failures\":-1}", "\u{fffd}"] {
        put(state.path(), "a.test.json", text.as_bytes());
        let (_, json) = shown(&board, state.path());
        assert_eq!(json["certificates"][0]["name"], "a.test");
    }
}
