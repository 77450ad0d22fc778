//! Each cause in words, with names that try to steer the terminal.
use alloc::vec;

use super::*;

/// A process that is stopped in the background of a terminal.
pub(crate) fn facts(cause: Cause) -> Facts {
    Facts {
        pid: 42,
        name: "ev\u{1b}il".into(),
        command: "evil".into(),
        state: 'T',
        group: 40,
        session: 30,
        cause,
        doing: None,
        terminal: Some(Terminal {
            path: Some("/dev/pts/3".into()),
            foreground_group: Some(30),
            foreground: vec![(30, "bash".into())],
            tostop: Some(true),
        }),
    }
}

#[test]
fn every_signal_has_its_words_and_its_fix() {
    for (number, code, claim, hint) in [
        (19, "stopped-by-sigstop", "SIGSTOP", "cannot be found afterwards"),
        (20, "stopped-by-sigtstp", "Ctrl-Z at /dev/pts/3", "`fg`"),
        (21, "stopped-by-sigttin", "read from /dev/pts/3 in the background", "</dev/null"),
        (22, "stopped-by-sigttou", "or changed its settings", "setsid"),
    ] {
        let found = finding(&facts(Cause::Signal(Stopping::of(number).unwrap())));
        assert_eq!((found.code, found.severity), (code, Severity::Error));
        assert!(found.claim.contains(claim), "{}", found.claim);
        assert!(found.hint.contains(hint), "{}", found.hint);
        assert_eq!(found.subject, "ev\\u{1b}il (42)");
        let foreground = found.evidence.iter().find(|e| e.what == "foreground group").unwrap();
        assert_eq!(foreground.value, "30, another: bash (30)");
    }
    assert_eq!(Stopping::of(9), None);
}

#[test]
fn sigttou_tells_writing_from_changing() {
    let mut facts = facts(Cause::Signal(Stopping::Sigttou));
    facts.doing = Some(Doing::Write(1));
    assert!(finding(&facts).hint.contains("stty -tostop"));
    facts.doing = Some(Doing::SetTerminal(0));
    let found = finding(&facts);
    assert!(found.claim.contains("changed the settings of /dev/pts/3"), "{}", found.claim);
    assert!(!found.hint.contains("stty -tostop"));
}

#[test]
fn other_hands_are_named() {
    let traced = finding(&facts(Cause::Traced { tracer: 7, name: "gdb".into() }));
    assert_eq!(
        (traced.code, &*traced.claim),
        ("held-by-tracer", "is held by gdb (7), which traces it")
    );
    for (version, by_parent, hint) in [
        (1, false, "`echo THAWED > /g/freezer.state`"),
        (2, false, "`echo 0 > /g/cgroup.freeze`"),
        (1, true, "Thaw the group above /g"),
    ] {
        let found = finding(&facts(Cause::Frozen { version, folder: "/g".into(), by_parent }));
        assert!(found.hint.contains(hint), "{}", found.hint);
    }
    let unknown = finding(&facts(Cause::UnknownSignal("yama".into())));
    assert_eq!(unknown.code, "stopped-signal-unknown");
    let fine = finding(&facts(Cause::NotStopped));
    assert_eq!((fine.code, fine.severity), ("not-stopped", Severity::Note));
}
