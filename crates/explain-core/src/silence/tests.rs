//! Facts that are made up, and the finding that must come first.
use alloc::format;
use alloc::string::ToString;
use alloc::vec;

use menshen_base::Confidence;

use super::*;
use crate::stopped::Cause;

fn facts() -> Facts {
    let stop = stopped::tests::facts(Cause::NotStopped);
    Facts {
        pid: 42,
        name: "app".into(),
        command: "app".into(),
        runtime: Runtime::C,
        unbuffered: false,
        streams: Streams::Read(Vec::new()),
        input: Target::Null,
        output: Target::Pipe { filled: Some((0, 65536)), others: Vec::new(), complete: true },
        threads: vec![Doing::Sleeps],
        state: 'S',
        watched_ms: 1000,
        busy_ms: Some(1),
        written: Some(0),
        stop,
    }
}

fn stuck(text: &str) -> Streams {
    Streams::Read(vec![Stuck {
        stream: "stdout",
        descriptor: 1,
        bytes: text.len() as u64,
        text: text.into(),
        by_line: false,
        buffer_bytes: 4096,
    }])
}

fn first(facts: &Facts) -> Finding {
    findings(facts).into_iter().next().unwrap()
}

#[test]
fn each_cause_comes_first() {
    let pipe =
        |filled| Target::Pipe { filled, others: vec![(7, "less".into(), 'S')], complete: true };
    let cases: [(&str, Facts); 12] = [
        ("stdio-text-stuck", Facts { streams: stuck("hello"), ..facts() }),
        (
            "output-blocked",
            Facts {
                threads: vec![Doing::Writes(1)],
                output: pipe(Some((65536, 65536))),
                ..facts()
            },
        ),
        ("output-elsewhere", Facts { output: Target::Null, ..facts() }),
        ("output-elsewhere", Facts { output: Target::Deleted("/x".into()), ..facts() }),
        ("waits-for-input", Facts { threads: vec![Doing::Reads(0)], input: pipe(None), ..facts() }),
        ("waits-for-input", Facts { threads: vec![Doing::Polls(vec![0])], ..facts() }),
        ("waits-for-lock", Facts { threads: vec![Doing::Locks, Doing::Locks], ..facts() }),
        ("waits-in-kernel", Facts { state: 'D', ..facts() }),
        ("runtime-buffers", Facts { runtime: Runtime::Python, ..facts() }),
        (
            "busy-without-writing",
            Facts { threads: vec![Doing::Runs], busy_ms: Some(900), ..facts() },
        ),
        ("nothing-to-say", facts()),
        ("it-writes", Facts { written: Some(5), ..facts() }),
    ];
    for (code, facts) in cases {
        assert_eq!(first(&facts).code, code);
    }
    let mut still = facts();
    still.stop.cause = Cause::Signal(stopped::Stopping::Sigstop);
    assert_eq!(first(&still).code, "stopped-by-sigstop");
}

#[test]
fn which_text_is_stuck_is_told_and_escaped() {
    let found = first(&Facts { streams: stuck("pass\u{1b}word"), ..facts() });
    assert!(found.claim.starts_with("printed 9 bytes of stdout"), "{}", found.claim);
    assert_eq!(found.evidence[0].value, "9 bytes for descriptor 1: \"pass\\u{1b}word\"");
    assert!(found.evidence[1].value.contains("4096 bytes"));
}

#[test]
fn what_does_not_buffer_is_not_accused() {
    let silent =
        |facts: Facts| findings(&facts).iter().all(|found| found.code != "runtime-buffers");
    let python = || Facts { runtime: Runtime::Python, ..facts() };
    assert!(silent(Facts { unbuffered: true, ..python() }));
    assert!(silent(Facts { output: Target::Terminal("/dev/pts/1".into()), ..python() }));
    assert!(silent(Facts { written: Some(10), ..python() }));
    assert!(silent(facts()));
    // One thread of several that runs can still open the lock.
    let waits = Facts { threads: vec![Doing::Locks, Doing::Sleeps], ..facts() };
    assert_eq!(first(&waits).code, "nothing-to-say");
}

#[test]
fn what_was_lost_at_the_end() {
    let mut ended = Ended {
        pid: 42,
        name: "app".into(),
        code: Some(0),
        signal: None,
        streams: stuck("lost"),
        caller: Some("_exit in libc.so.6".into()),
        from: None,
        by_us: false,
    };
    let found = &end_findings(&ended)[0];
    assert_eq!((found.code, found.severity), ("output-lost-at-exit", Severity::Error));
    assert_eq!(found.claim, "4 bytes of stdout were lost when it ended with code 0: never written");
    assert!(found.evidence.iter().any(|e| e.value == "_exit in libc.so.6"));
    ended.by_us = true;
    assert_eq!(end_findings(&ended)[0].severity, Severity::Warning);
    ended.streams = Streams::Read(Vec::new());
    assert!(end_findings(&ended).is_empty());
}

#[test]
fn a_kernel_that_tells_no_calls_leaves_likely_answers() {
    let pipe =
        |filled| Target::Pipe { filled: Some((filled, 65536)), others: Vec::new(), complete: true };
    let untold = |filled| Facts { threads: Vec::new(), output: pipe(filled), ..facts() };
    let full = first(&untold(65000));
    assert_eq!((full.code, full.confidence), ("output-blocked", Confidence::Likely));
    let empty = first(&untold(10));
    assert_eq!((empty.code, empty.severity), ("nothing-to-say", Severity::Note));
    let certain = Facts { threads: vec![Doing::Writes(1)], ..untold(10) };
    assert_eq!(first(&certain).confidence, Confidence::Certain);
}

#[test]
fn the_reader_of_a_full_pipe_is_named() {
    for (state, hint) in [('S', "explain silence --pid 7"), ('T', "explain stopped 7")] {
        let others = vec![(7, "le\nss".to_string(), state)];
        let output = Target::Pipe { filled: Some((65536, 65536)), others, complete: true };
        let found = first(&Facts { threads: vec![Doing::Writes(1)], output, ..facts() });
        assert!(found.claim.contains(&format!("le\\nss (7, state {state})")), "{}", found.claim);
        assert!(found.hint.contains(hint), "{}", found.hint);
    }
}
