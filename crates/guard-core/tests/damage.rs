//! Logs that were cut, mixed, doubled or damaged: nothing panics, and what is complete is found.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::path::Path;

use menshen_guard_core::oom::{Event, KillForm, Limits, Reader, Report, Summary};
use proptest::prelude::*;

const SAMPLES: [&str; 5] = [
    "ours-6.18-hostile-comm-shmem.kmsg",
    "ours-6.18-memcgv1-nested-3kills.kmsg",
    "ours-6.18-memcgv1-single.kmsg",
    "ours-6.18-storm-ratelimited.kmsg",
    "ours-uml6.1-global-oomgroup-sysrq.kmsg",
];

fn sample(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    let whole = std::fs::read(path).unwrap();
    let first = whole.iter().position(|&byte| byte == b'\n').unwrap();
    whole[first + 1..].to_vec()
}

/// The same as `dmesg` prints it; hostile names would be torn apart by that.
fn as_dmesg(name: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for line in String::from_utf8(sample(name)).unwrap().lines() {
        let (head, text) = line.split_once(';').unwrap();
        let micros: u64 = head.split(',').nth(2).unwrap().parse().unwrap();
        for text in text.split("\\x0a") {
            lines.push(format!("[{:5}.{:06}] {text}", micros / 1_000_000, micros % 1_000_000));
        }
    }
    lines
}

fn read(pieces: &[&[u8]], limits: Limits) -> (Vec<Event>, Summary) {
    let mut events = Vec::new();
    let mut reader = Reader::new(limits);
    for piece in pieces {
        reader.push(piece, &mut |event| events.push(event));
    }
    let summary = reader.finish(&mut |event| events.push(event));
    (events, summary)
}

fn read_all(log: &[u8]) -> (Vec<Event>, Summary) {
    read(&[log], Limits::ORDINARY)
}

fn reports(events: &[Event]) -> Vec<&Report> {
    let mut found = Vec::new();
    for event in events {
        if let Event::Report(report) = event {
            found.push(&**report);
        }
    }
    found
}

/// pid, name and times named, of every kill that happened.
fn kills(events: &[Event]) -> Vec<(u32, String, u32)> {
    let happened = reports(events).into_iter().flat_map(|report| &report.kills);
    happened
        .filter(|kill| kill.form == KillForm::Killed)
        .map(|kill| (kill.pid, kill.name.text.clone(), kill.lines))
        .collect()
}

fn rows(events: &[Event]) -> usize {
    reports(events).iter().map(|report| report.tasks.len()).sum()
}

/// Lines that have nothing to do with it, some of them much like it.
const NOISE: [&str; 16] = [
    "Jan  2 03:04:05 db-1 sshd[12]: Accepted publickey for root from 10.0.0.1 port 1 ssh2",
    "Jan  2 03:04:05 db-1 app[3]: Killed process 1 (x) total-vm:1kB, anon-rss:1kB, file-rss:1kB",
    "Jan  2 03:04:05 db-1 app: Out of memory: Killed process 1 (x) total-vm:1kB, anon-rss:1kB",
    "[  822.800000] usb 1-1: new high-speed USB device number 2 using xhci_hcd",
    "[  822.800000] audit: type=1400 audit(1.2:3): apparmor=\"DENIED\" operation=\"open\"",
    "[  822.800000] CPU: 1 PID: 77 Comm: other Not tainted 1.2.3 #1",
    "[  822.800000] [drm] some 12 numbers 13",
    "2023-01-02T03:04:05.123Z INFO oom_score is fine, room for more",
    "the oom-killer may kill process 12 when memory: usage is high",
    "java.lang.OutOfMemoryError: Java heap space",
    "[ 12] this is no row",
    "",
    "\u{1b}[31mred\u{1b}[0m",
    "{\"level\":\"info\",\"msg\":\"Killed process 5 (x) total-vm:1kB\",\"program\":\"app\"}",
    "MESSAGE=Killed process",
    "--- last message repeated 3 times ---",
];

#[test]
fn lines_of_others_in_between_change_nothing() {
    for name in &SAMPLES[1..] {
        let lines = as_dmesg(name);
        let (events, summary) = read_all(lines.join("\n").as_bytes());
        for step in [1, 2, 5, 17] {
            let mut mixed = String::new();
            for (index, line) in lines.iter().enumerate() {
                mixed.push_str(line);
                mixed.push('\n');
                if index % step == 0 {
                    for more in 0..3 {
                        mixed.push_str(NOISE[(index + more * 5) % NOISE.len()]);
                        mixed.push('\n');
                    }
                }
            }
            let (found, counted) = read_all(mixed.as_bytes());
            assert_eq!(kills(&found), kills(&events), "{name} mixed by {step}");
            assert_eq!(rows(&found), rows(&events), "{name} mixed by {step}");
            assert_eq!(counted.kills, summary.kills, "{name} mixed by {step}");
            assert_eq!(counted.headers, summary.headers, "{name} mixed by {step}");
            let named = |events: &[Event]| -> Vec<_> {
                let parts = |report: &Report| {
                    (report.invoker.clone(), report.cgroup.clone(), report.memory.clone())
                };
                reports(events).into_iter().map(parts).collect()
            };
            assert_eq!(named(&found), named(&events), "{name} mixed by {step}");
        }
    }
}

#[test]
fn hosts_in_one_log_keep_their_reports() {
    let mut each: Vec<Vec<String>> = Vec::new();
    for (index, name) in SAMPLES[1..].iter().enumerate() {
        let line = |line: &String| format!("Jan  2 03:04:05 host{index} kernel: {line}");
        each.push(as_dmesg(name).iter().map(line).collect());
    }
    let mut merged = String::new();
    let longest = each.iter().map(Vec::len).max().unwrap();
    for index in 0..longest {
        for lines in &each {
            if let Some(line) = lines.get(index) {
                merged.push_str(line);
                merged.push('\n');
            }
        }
    }
    let (found, _) = read_all(merged.as_bytes());
    for (index, lines) in each.iter().enumerate() {
        let host = format!("host{index}");
        let own: Vec<Event> = found
            .iter()
            .filter(|event| match event {
                Event::Report(report) => report.host.as_deref() == Some(&host),
                _ => false,
            })
            .cloned()
            .collect();
        let (alone, _) = read_all(lines.join("\n").as_bytes());
        assert_eq!(kills(&own), kills(&alone), "{host}");
        assert_eq!(rows(&own), rows(&alone), "{host}");
    }
}

/// Two reports of one machine line by line, as two processors would print them.
#[test]
fn two_processors_at_once() {
    let block = |pid: u32, name: &str, caller: &str| -> Vec<String> {
        let mut lines = vec![
            format!(
                "{name} invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0"
            ),
            format!("CPU: 1 PID: {pid} Comm: {name} Not tainted 6.1.0 #1"),
            "Call Trace:".into(),
            format!("memory: usage {pid}kB, limit {pid}kB, failcnt 1"),
            "Tasks state (memory values in pages):".into(),
            "[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name"
                .into(),
        ];
        for index in 0..5 {
            let task = pid + index;
            lines.push(format!(
                "[{task:7}]     0 {task}     100      50    8192        0             0 w{index}"
            ));
        }
        lines.push(format!(
            "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,\
             oom_memcg=/{name},task_memcg=/{name},task={name},pid={pid},uid=0"
        ));
        lines.push(format!(
            "Memory cgroup out of memory: Killed process {pid} ({name}) total-vm:400kB, \
             anon-rss:200kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:8kB oom_score_adj:0"
        ));
        lines.into_iter().map(|line| format!("[   10.000000]{caller} {line}")).collect()
    };
    for callers in [["", ""], ["[ T100]", "[ T200]"]] {
        let (first, second) = (block(100, "one", callers[0]), block(200, "two", callers[1]));
        for offset in 0..first.len() {
            let mut log = String::new();
            for index in 0..first.len() + offset {
                for lines in
                    [first.get(index), index.checked_sub(offset).and_then(|i| second.get(i))]
                {
                    if let Some(line) = lines {
                        log.push_str(line);
                        log.push('\n');
                    }
                }
            }
            let (events, summary) = read_all(log.as_bytes());
            assert_eq!(summary.kills, 2);
            assert_eq!(rows(&events), 10, "{callers:?} {offset}\n{log}");
            let mut pids: Vec<_> = kills(&events).into_iter().map(|(pid, ..)| pid).collect();
            pids.sort_unstable();
            assert_eq!(pids, [100, 200], "{callers:?} {offset}");
            for report in reports(&events) {
                let invoker = report.invoker.as_ref().unwrap();
                assert_eq!(report.kills.len(), 1, "{callers:?} {offset}");
                if callers[0].is_empty() {
                    continue;
                }
                // With the callers known every line finds its own report.
                assert_eq!(invoker.pid, Some(report.kills[0].pid));
                assert_eq!(report.tasks.len(), 5);
                let group = report.cgroup.as_ref().unwrap();
                assert_eq!(group.usage_kib, Some(u64::from(report.kills[0].pid)));
            }
        }
    }
}

#[test]
fn blocks_cut_anywhere_lose_only_what_was_cut() {
    for name in SAMPLES {
        let log = sample(name);
        let (_, whole) = read_all(&log);
        let ends: Vec<usize> = log
            .iter()
            .enumerate()
            .filter_map(|(at, &byte)| (byte == b'\n').then_some(at + 1))
            .collect();
        for &cut in ends.iter().step_by(3) {
            let (before, first) = read_all(&log[..cut]);
            let (after, second) = read_all(&log[cut..]);
            assert_eq!(first.kills + second.kills, whole.kills, "{name} at {cut}");
            let named = |events: &[Event]| -> u64 {
                kills(events).iter().map(|(_, _, lines)| u64::from(*lines)).sum()
            };
            assert_eq!(named(&before), first.kills, "{name} before {cut}");
            assert_eq!(named(&after), second.kills, "{name} after {cut}");
        }
    }
}

#[test]
fn gaps_in_the_ring_are_told() {
    let log = sample(SAMPLES[2]);
    let text = String::from_utf8(log).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let holed: Vec<&str> = lines[..10].iter().chain(&lines[17..]).copied().collect();
    let (events, _) = read_all(holed.join("\n").as_bytes());
    let lost: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Lost(lost) => Some((lost.line, lost.records)),
            _ => None,
        })
        .collect();
    assert_eq!(lost, [(11, Some(7))]);
    assert_eq!(kills(&events).len(), 1);
}

#[test]
fn memory_stays_within_the_limits() {
    let limits = Limits {
        line_bytes_max: 512,
        report_tasks_max: 2,
        report_kills_max: 1,
        report_stats_max: 3,
        open_reports_max: 2,
        open_rows_max: 8,
        ..Limits::ORDINARY
    };
    let log = sample(SAMPLES[4]);
    let (events, summary) = read(&[&log], limits);
    assert!(reports(&events).iter().all(|report| report.tasks.len() <= 2));
    assert!(reports(&events).iter().all(|report| report.kills.len() <= 1));
    assert_eq!(summary.tasks_dropped, 3 + 2);
    assert_eq!(summary.kills_dropped, 1);
    assert!(summary.lines_cut > 0);
    assert_eq!(summary.kills, 5);
    let mut headers = String::new();
    for pid in 0..100 {
        headers.push_str(&format!("p{pid} invoked oom-killer: gfp_mask=0x0, order=0\n"));
    }
    let (events, summary) = read(&[headers.as_bytes()], limits);
    assert_eq!((reports(&events).len(), summary.headers), (100, 100));
    assert_eq!(summary.reports_forced, 98);
}

#[test]
fn a_quiet_live_log_gives_its_kills_when_asked() {
    let log = sample(SAMPLES[2]);
    let mut seen = 0;
    let mut reader = Reader::new(Limits::ORDINARY);
    reader.push(&log, &mut |_| seen += 1);
    assert_eq!(seen, 0);
    reader.settle(&mut |_| seen += 1);
    assert_eq!(seen, 1);
    assert_eq!(reader.finish(&mut |_| seen += 1).reports, 1);
    assert_eq!(seen, 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn pieces_of_any_size_give_the_same(
        index in 0..SAMPLES.len(),
        cuts in proptest::collection::vec(1_usize..9_000, 1..40),
        dmesg: bool,
    ) {
        let log = if dmesg && index > 0 {
            as_dmesg(SAMPLES[index]).join("\r\n").into_bytes()
        } else {
            sample(SAMPLES[index])
        };
        let padded = [&log[..], &b"nothing of interest\n".repeat(9_000)[..], &log[..]].concat();
        let mut pieces = Vec::new();
        let mut rest = &padded[..];
        for cut in cuts.iter().cycle() {
            let (piece, more) = rest.split_at((*cut).min(rest.len()));
            pieces.push(piece);
            rest = more;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(read(&pieces, Limits::ORDINARY), read_all(&padded));
    }

    #[test]
    fn damaged_bytes_never_stop_it(
        index in 0..SAMPLES.len(),
        edits in proptest::collection::vec((any::<u16>(), any::<u8>(), 0..4_u8), 0..60),
    ) {
        let mut log = sample(SAMPLES[index]);
        for (at, byte, what) in edits {
            let at = usize::from(at) * log.len() / 65_536;
            match what {
                0 => log[at] = byte,
                1 => log.insert(at, byte),
                2 => { log.remove(at); }
                _ => log.truncate(log.len().max(4_000) - 64),
            }
        }
        let (_, summary) = read_all(&log);
        prop_assert_eq!(summary.bytes, u64::try_from(log.len()).unwrap());
        let small = Limits { line_bytes_max: 64, text_bytes_max: 4, ..Limits::ORDINARY };
        let halves = log.split_at(log.len() / 2);
        read(&[halves.0, halves.1], small);
    }

    #[test]
    fn any_bytes_any_pieces(
        words in proptest::collection::vec(
            prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..24),
                proptest::sample::select(WORDS.to_vec()).prop_map(|word| word.as_bytes().to_vec()),
            ],
            0..120,
        ),
        cut in any::<prop::sample::Index>(),
    ) {
        let log = words.concat();
        let (first, second) = log.split_at(cut.index(log.len() + 1));
        prop_assert_eq!(read(&[first, second], Limits::ORDINARY), read_all(&log));
    }
}

/// Words that begin, end or tear the grammar's sentences.
const WORDS: [&str; 48] = [
    "\n",
    "\n\n",
    "\r\n",
    " ",
    ";",
    ",",
    ": ",
    "(",
    ")",
    "[",
    "]",
    "<4>",
    "{\"",
    "\":\"",
    "\"}\n",
    "\\x0a",
    "#012",
    "\u{1b}[31m",
    "4,1,1,-;",
    "30,2,2,-;",
    "4,9,1,c,caller=T1;",
    "[    1.000000] ",
    "[ T12] ",
    "Jan  2 03:04:05 h kernel: ",
    "2023-01-02T03:04:05Z ",
    "__CURSOR=1\n",
    "MESSAGE\n",
    "MESSAGE=",
    "\u{4}\0\0\0\0\0\0\0",
    "\"MESSAGE\":[75,105",
    "x invoked oom-killer: gfp_mask=0x0, order=0, oom_score_adj=0\n",
    "Mem-Info:\n",
    "active_anon:1 inactive_anon:2\n",
    "memory: usage 1kB, limit 1kB, failcnt 1\n",
    "Memory cgroup stats for /a: cache:1KB\n",
    "anon 12\n",
    "Task in /a killed as a result of limit of /b\n",
    "[ pid ]   uid  tgid total_vm      rss nr_ptes swapents oom_score_adj name\n",
    "[    7]     0     7      100       50       4        0             0 x\n",
    "oom-kill:constraint=CONSTRAINT_NONE,task=x,pid=7,uid=0\n",
    "Out of memory: Kill process 7 (x) score 9 or sacrifice child\n",
    "Killed process 7 (x) total-vm:1kB, anon-rss:1kB, file-rss:1kB\n",
    "Killed process ",
    "oom_reaper: reaped process 7 (x), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB\n",
    "Tasks in /a are going to be killed due to memory.oom.group set\n",
    "Linux version 6.1.0 (x)\n",
    "oom_kill_process: 3 callbacks suppressed\n",
    "systemd[1]: a.service: Scheduled restart job\n",
];
