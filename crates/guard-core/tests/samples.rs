//! Logs of real out-of-memory events: the counts of each, and that cutting, mixing and damaging
//! them loses no more than what was cut, mixed over or damaged.
//!
//! Logs of others are read where they lie: in the folder named by `MENSHEN_OOM_SAMPLES`, or in
//! `shared/samples/oom` beside the checkout. Without them their part says SKIPPED.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
#![expect(clippy::print_stderr, reason = "a test that is skipped must say so")]

use std::path::{Path, PathBuf};

use menshen_guard_core::oom::{Event, KmsgRecord, Limits, Reader, Report, Scope, Style, Summary};

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
    let beside = here().join("../../../shared/samples/oom");
    let folder = named.unwrap_or(beside);
    folder.join(OTHERS[0].0).exists().then_some(folder)
}

fn read(log: &[u8]) -> (Vec<Event>, Summary) {
    read_in(log, log.len().max(1))
}

fn read_in(log: &[u8], size: usize) -> (Vec<Event>, Summary) {
    let mut events = Vec::new();
    let mut reader = Reader::new(Limits::ORDINARY);
    for piece in log.chunks(size) {
        reader.push(piece, &mut |event| events.push(event));
    }
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

/// What must not depend on how a log is written: who was killed, with what the tables told.
fn essence(events: &[Event]) -> Vec<(Vec<(u32, String, u32, Option<u64>)>, usize, Scope, bool)> {
    reports(events)
        .iter()
        .map(|report| {
            let kills = report
                .kills
                .iter()
                .map(|kill| (kill.pid, kill.name.text.clone(), kill.lines, kill.anon_rss_kib))
                .collect();
            (kills, report.tasks.len(), report.scope, report.cut_start)
        })
        .collect()
}

/// The texts of a log of `/dev/kmsg`, with their seconds, decoded as tools do it.
fn texts(name: &str) -> Vec<(u64, Vec<u8>)> {
    let log = ours(name);
    let mut found = Vec::new();
    for line in log.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        let record = KmsgRecord::read(line).unwrap();
        let mut text = Vec::new();
        let mut rest = record.text;
        while let Some(at) = rest.windows(2).position(|pair| pair == b"\\x") {
            text.extend_from_slice(&rest[..at]);
            let digits = std::str::from_utf8(&rest[at + 2..at + 4]).unwrap();
            text.push(u8::from_str_radix(digits, 16).unwrap());
            rest = &rest[at + 4..];
        }
        text.extend_from_slice(rest);
        found.push((record.micros, text));
    }
    found
}

/// A log of the same texts in another style. Lines within a record are given as they are.
fn styled(name: &str, style: &dyn Fn(u64, &[u8]) -> Vec<u8>) -> Vec<u8> {
    texts(name).iter().flat_map(|(micros, text)| style(*micros, text)).collect()
}

fn with(prefix: &str, text: &[u8]) -> Vec<u8> {
    let mut line = prefix.as_bytes().to_vec();
    line.extend_from_slice(text);
    line.push(b'\n');
    line
}

/// `mm:ss` of a stamp.
fn clock(micros: u64) -> String {
    let seconds = micros / 1_000_000;
    format!("{:02}:{:02}", seconds / 60 % 60, seconds % 60)
}

fn secs(micros: u64) -> String {
    format!("{:5}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

type Styling = Box<dyn Fn(u64, &[u8]) -> Vec<u8>>;

/// Prefixes as tools print them, each with the style it is to be recognised as.
fn stylings() -> Vec<(&'static str, Style, Styling)> {
    let line = |make: fn(u64) -> String| -> Styling {
        Box::new(move |micros, text| with(&make(micros), text))
    };
    vec![
        ("dmesg", Style::Dmesg, line(|t| format!("[{}] ", secs(t)))),
        ("dmesg caller", Style::Dmesg, line(|t| format!("[{}][ T9694] ", secs(t)))),
        ("dmesg -r", Style::Dmesg, line(|t| format!("<4>[{}] ", secs(t)))),
        ("dmesg -x", Style::Dmesg, line(|t| format!("kern  :warn  : [{}] ", secs(t)))),
        ("dmesg -d", Style::Dmesg, line(|t| format!("[{} <    0.000012>] ", secs(t)))),
        ("coloured", Style::Dmesg, line(|t| format!("\x1b[32m[{}] \x1b[0m\x1b[33m", secs(t)))),
        ("dmesg -T", Style::DmesgDate, line(|t| format!("[Mon Jan  2 03:{} 2023] ", clock(t)))),
        ("German", Style::DmesgDate, line(|t| format!("[Mo Mär 13 03:{} 2023] ", clock(t)))),
        ("French", Style::DmesgDate, line(|t| format!("[mar. août 1 03:{} 2023] ", clock(t)))),
        ("Chinese", Style::DmesgDate, line(|t| format!("[一 1月  2 03:{} 2023] ", clock(t)))),
        ("Russian", Style::DmesgDate, line(|t| format!("[Пн янв  2 03:{} 2023] ", clock(t)))),
        (
            "dmesg iso",
            Style::IsoDate,
            line(|t| format!("2023-01-02T03:{},123456+01:00 ", clock(t))),
        ),
        ("syslog", Style::Syslog, line(|t| format!("Jan  2 03:{} db-1 kernel: ", clock(t)))),
        (
            "syslog with time",
            Style::Syslog,
            line(|t| format!("Jan  2 03:{} db-1 kernel: [{}] ", clock(t), secs(t))),
        ),
        (
            "rsyslog iso",
            Style::IsoDate,
            line(|t| format!("2023-01-02T03:{}.5+01:00 db-1 kernel: [{}] ", clock(t), secs(t))),
        ),
        (
            "rfc 5424",
            Style::IsoDate,
            line(|t| {
                format!("<4>1 2023-01-02T03:{}.5Z db-1 kernel - - - [{}] ", clock(t), secs(t))
            }),
        ),
        (
            "journal short-full",
            Style::IsoDate,
            line(|t| format!("Mon 2023-01-02 03:{} CET db-1 kernel: ", clock(t))),
        ),
        ("journal monotonic", Style::Dmesg, line(|t| format!("[{}] db-1 kernel: ", secs(t)))),
        (
            "openwrt",
            Style::Syslog,
            line(|t| format!("Jan  2 03:{} db-1 kern.warn kernel: [{}] ", clock(t), secs(t))),
        ),
        ("kubectl", Style::IsoDate, line(|t| format!("2023-01-02T03:{}.123456789Z ", clock(t)))),
        (
            "containerd",
            Style::IsoDate,
            line(|t| format!("2023-01-02T03:{}.1Z stdout F [{}] ", clock(t), secs(t))),
        ),
        (
            "grep",
            Style::Syslog,
            line(|t| format!("/var/log/kern.log.1:Jan  2 03:{} db-1 kernel: ", clock(t))),
        ),
        ("console", Style::Dmesg, line(|t| format!("db-1 login: [{}] ", secs(t)))),
        ("quoted", Style::Dmesg, line(|t| format!("> [{}] ", secs(t)))),
        ("bare", Style::Bare, line(|_| String::new())),
        (
            "carriage returns",
            Style::Dmesg,
            Box::new(|micros, text| with(&format!("[{}] ", secs(micros)), &[text, b"\r"].concat())),
        ),
        (
            "rsyslog escapes",
            Style::Syslog,
            Box::new(|micros, text| {
                let text = String::from_utf8(text.to_vec()).unwrap().replace('\n', "#012");
                with(&format!("Jan  2 03:{} db-1 kernel: ", clock(micros)), text.as_bytes())
            }),
        ),
        (
            "dmesg -T indented",
            Style::DmesgDate,
            Box::new(|micros, text| {
                let gap = format!("\n{:27}", "");
                let text = String::from_utf8(text.to_vec()).unwrap().replace('\n', &gap);
                with(&format!("[Mon Jan  2 03:{} 2023] ", clock(micros)), text.as_bytes())
            }),
        ),
    ]
}

#[test]
fn every_style_of_prefix_tells_the_same() {
    for (name, _) in OURS {
        if name.contains("hostile") {
            continue; // Names with line breaks are torn apart by tools; see below.
        }
        let expected = essence(&read(&ours(name)).0);
        for (style, recognised, make) in stylings() {
            let log = styled(name, &make);
            let (events, summary) = read(&log);
            assert_eq!(essence(&events), expected, "{name} as {style}");
            assert!(summary.styles.contains(&recognised), "{style}: {:?}", summary.styles);
            assert_eq!(summary.foreign + summary.forged, 0, "{style}");
            for report in reports(&events) {
                let stamped = report.stamp.boot_micros.is_some() || report.stamp.wall.is_some();
                assert!(stamped || style == "bare", "{style}: {:?}", report.stamp);
                let host = report.host.as_deref();
                let hosted =
                    log.windows(11).any(|part| part == b"db-1 kernel") || style == "openwrt";
                assert_eq!(host, hosted.then_some("db-1"), "{style}");
            }
        }
    }
}

fn export(micros: u64, text: &[u8], more: &str) -> Vec<u8> {
    let mut record = format!(
        "__CURSOR=s=1;i=2\n__REALTIME_TIMESTAMP=1700000000000000\n_BOOT_ID=abc\n\
         _SOURCE_MONOTONIC_TIMESTAMP={micros}\n_TRANSPORT=kernel\nSYSLOG_FACILITY=0\n\
         SYSLOG_IDENTIFIER=kernel\n_HOSTNAME=db-1\n{more}"
    )
    .into_bytes();
    if text.iter().any(|&byte| byte < b' ' || byte > b'~') {
        record.extend_from_slice(b"MESSAGE\n");
        record.extend_from_slice(&u64::try_from(text.len()).unwrap().to_le_bytes());
    } else {
        record.extend_from_slice(b"MESSAGE=");
    }
    record.extend_from_slice(text);
    record.extend_from_slice(b"\n_COMM=x\n\n");
    record
}

fn json(micros: u64, text: &[u8]) -> Vec<u8> {
    let message = match std::str::from_utf8(text) {
        Ok(text) if !text.chars().any(|c| c.is_control() && c != '\n') => {
            let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            format!("\"{escaped}\"")
        }
        _ => format!("{text:?}"),
    };
    format!(
        "{{\"__CURSOR\":\"s=1\",\"_SOURCE_MONOTONIC_TIMESTAMP\":\"{micros}\",\"_TRANSPORT\":\
         \"kernel\",\"MESSAGE\":{message},\"_X\":[1,{{\"a\":\"]\"}}],\"SYSLOG_IDENTIFIER\":\
         \"kernel\",\"_HOSTNAME\":\"db-1\",\"SYSLOG_FACILITY\":\"0\"}}\n"
    )
    .into_bytes()
}

#[test]
fn journal_formats_tell_the_same_even_of_hostile_names() {
    for (name, _) in OURS {
        let expected = essence(&read(&ours(name)).0);
        let exported = styled(name, &|micros, text| export(micros, text, ""));
        let verbose = styled(name, &|micros, text| {
            let text = String::from_utf8_lossy(text).replace('\n', "\n            ");
            format!(
                "Mon 2023-11-14 22:13:20.000000 CET [s=1;i=2;b=3]\n    _TRANSPORT=kernel\n    \
                 _SOURCE_MONOTONIC_TIMESTAMP={micros}\n    MESSAGE={text}\n    PRIORITY=4\n"
            )
            .into_bytes()
        });
        let objects = styled(name, &json);
        let docker = styled(name, &|_, text| {
            let text = String::from_utf8_lossy(text).replace('\\', "\\\\").replace('"', "\\\"");
            let text = text.replace('\n', "\\n").replace('\x1b', "\\u001b");
            let log = format!("{{\"log\":\"{text}\\n\",\"stream\":\"stdout\",\"time\":");
            format!("{log}\"2023-11-14T22:13:20.5Z\"}}\n").into_bytes()
        });
        for (style, log) in [("export", &exported), ("json", &objects), ("verbose", &verbose)] {
            let (events, summary) = read(log);
            if style != "verbose" || !name.contains("hostile") {
                assert_eq!(essence(&events), expected, "{name} as {style}");
            }
            assert_eq!(summary.kills, read(&ours(name)).1.kills, "{name} as {style}");
            for size in [1, 7, 4096] {
                assert_eq!(read_in(log, size).0, events, "{style} in pieces of {size}");
            }
        }
        let (_, summary) = read(&docker);
        assert_eq!(summary.kills, read(&ours(name)).1.kills, "{name} of docker");
    }
}
