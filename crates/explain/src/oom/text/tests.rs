//! Long nights, narrow terminals, hostile names.
use menshen_explain_core::oom::{Collector, report};
use menshen_guard_core::oom::{Limits, Reader};

use super::*;

/// The story of a text.
fn story(log: &str) -> Story {
    let mut collector = Collector::new();
    collector.log();
    collector.source("log".into(), 0, None);
    let mut reader = Reader::new(Limits::ORDINARY);
    reader.push(log.as_bytes(), &mut |event| collector.event(event));
    let summary = reader.finish(&mut |event| collector.event(event));
    collector.end(&summary);
    let night = collector.night();
    let report = report(&night);
    Story { night, report, recorded: None }
}

fn kill(pid: u32, name: &str) -> String {
    format!(
        "[{}.000000] Out of memory: Killed process {pid} ({name}) total-vm:9000kB, \
         anon-rss:4000kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:40kB oom_score_adj:0\n",
        1000 + pid
    )
}

#[test]
fn nothing_to_tell_is_one_line() {
    let quiet = story("all is well\n");
    assert!(quiet.is_quiet());
    assert_eq!(text(&quiet, Paint::Plain, 80), "no out-of-memory kill in 1 line\n");
}

#[test]
fn a_long_night_is_told_by_its_beginning_and_its_end() {
    let log: String = (0..500).map(|pid| kill(100 + pid, "worker")).collect();
    let story = story(&log);
    assert_eq!(story.night.kills.len(), 500);
    let text = text(&story, Paint::Plain, 100);
    assert!(text.contains("… 455 more entries with 455 kills: 455 worker; --json has them all"));
    assert!(text.contains(" 129 ") && !text.contains(" 130 ") && text.contains(" 599 "));
    let json: serde_json::Value = serde_json::from_str(&super::super::json(&story)).unwrap();
    assert_eq!(json["kills"].as_array().unwrap().len(), 500);
    assert_eq!(json["complete"], false);
}

#[test]
fn names_cannot_steer_the_terminal() {
    let log = kill(5, "a\u{202e}b\u{1b}[2Jc");
    let shown = text(&story(&log), Paint::Plain, 100);
    assert!(shown.contains("killed") && shown.contains("4.0 MiB") || shown.contains("3.9 MiB"));
    let bad = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
    assert!(!shown.contains(bad), "{shown:?}");
}

#[test]
fn narrow_terminals_get_fewer_columns() {
    let log: String = (0..3).map(|pid| kill(100 + pid, "worker")).collect();
    let story = story(&log);
    let head = |columns| {
        let text = text(&story, Paint::Plain, columns);
        text.lines().find(|line| line.contains("killed  ")).unwrap().to_owned()
    };
    assert!(head(100).contains("asked by") && head(100).contains("uptime"));
    assert!(!head(60).contains("asked by") && head(60).contains("share"));
}
