//! Logs of real out-of-memory events: the counts of each.
//!
//! Logs of others are read where they lie: in the folder named by `MENSHEN_OOM_SAMPLES`, or in
//! `shared/samples/oom` beside the checkout. Without them their part says SKIPPED.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::path::{Path, PathBuf};

use menshen_guard_core::oom::{Event, Limits, Reader, Report, Summary};

/// lines, headers, tables, rows, verdicts, announcements, kills.
type Counts = [u64; 7];

const OURS: [(&str, Counts); 5] = [
    ("ours-6.18-hostile-comm-shmem.kmsg", [398, 4, 4, 14, 4, 0, 4]),
    ("ours-6.18-memcgv1-nested-3kills.kmsg", [245, 3, 3, 9, 3, 0, 3]),
    ("ours-6.18-memcgv1-single.kmsg", [80, 1, 1, 1, 1, 0, 1]),
    ("ours-6.18-storm-ratelimited.kmsg", [420, 4, 5, 5, 5, 0, 17]),
    ("ours-uml6.1-global-oomgroup-sysrq.kmsg", [176, 3, 3, 11, 3, 0, 5]),
];

const OTHERS: [(&str, Counts); 11] = [
    ("pub-cadvisor-0-memorymonster.txt", [31, 1, 1, 1, 0, 1, 1]),
    ("pub-cadvisor-1-badsysprogram.txt", [81, 1, 1, 28, 0, 1, 1]),
    ("pub-ivelum-message1.txt", [1, 0, 0, 0, 0, 0, 0]),
    ("pub-ivelum-message2.txt", [154, 1, 1, 80, 0, 1, 1]),
    ("pub-ivelum-message3.txt", [4, 0, 0, 0, 0, 0, 0]),
    ("pub-ivelum-message4.txt", [159, 1, 1, 78, 0, 1, 1]),
    ("pub-npd-4.x-twoline.txt", [2, 0, 0, 0, 0, 1, 1]),
    ("pub-oomanalyser-arch-6.1.1.txt", [175, 1, 1, 112, 1, 0, 1]),
    ("pub-oomanalyser-proxmox-memcg.txt", [160, 1, 1, 73, 1, 0, 1]),
    ("pub-oomanalyser-rhel7-3.10.txt", [144, 1, 1, 85, 0, 1, 1]),
    ("pub-oomanalyser-ubuntu-5.13-sysrq.txt", [69, 1, 1, 23, 1, 0, 1]),
];

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A sample without the line that names its source.
fn sample(path: &Path) -> Vec<u8> {
    let whole = std::fs::read(path).unwrap();
    let first = whole.iter().position(|&byte| byte == b'\n').unwrap();
    whole[first + 1..].to_vec()
}

fn ours(name: &str) -> Vec<u8> {
    sample(&here().join("tests/data").join(name))
}

/// Where the logs of others lie.
fn others() -> Option<PathBuf> {
    let named = std::env::var_os("MENSHEN_OOM_SAMPLES").map(PathBuf::from);
    let checkout = here().parent()?.parent()?.parent()?.to_owned();
    let beside = checkout.join("shared/samples/oom");
    let folder = named.unwrap_or(beside);
    folder.join(OTHERS[0].0).exists().then_some(folder)
}

fn read(log: &[u8]) -> (Vec<Event>, Summary) {
    let mut events = Vec::new();
    let mut reader = Reader::new(Limits::ORDINARY);
    reader.push(log, &mut |event| events.push(event));
    let summary = reader.finish(&mut |event| events.push(event));
    (events, summary)
}

fn reports(events: &[Event]) -> Vec<&Report> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Report(report) => Some(&**report),
            _ => None,
        })
        .collect()
}

fn counts(summary: &Summary) -> Counts {
    [
        summary.lines,
        summary.headers,
        summary.tables,
        summary.rows,
        summary.verdicts,
        summary.announcements,
        summary.kills,
    ]
}

fn check(name: &str, log: &[u8], expected: Counts) {
    let (events, summary) = read(log);
    assert_eq!(counts(&summary), expected, "{name}");
    assert_eq!(summary.rows_unread, 0, "{name}");
    assert_eq!(summary.bytes, u64::try_from(log.len()).unwrap());
    let rows: usize = reports(&events).iter().map(|report| report.tasks.len()).sum();
    assert_eq!(u64::try_from(rows).unwrap(), summary.rows, "{name}");
    let lines: u32 = reports(&events).iter().flat_map(|r| &r.kills).map(|kill| kill.lines).sum();
    assert_eq!(u64::from(lines), summary.kills, "{name}");
}

#[test]
fn our_samples_have_their_counts() {
    for (name, expected) in OURS {
        check(name, &ours(name), expected);
    }
}

#[test]
fn samples_of_others_have_their_counts() {
    let Some(folder) = others() else {
        eprintln!("SKIPPED: no folder with the logs of others");
        return;
    };
    for (name, expected) in OTHERS {
        check(name, &sample(&folder.join(name)), expected);
    }
}
