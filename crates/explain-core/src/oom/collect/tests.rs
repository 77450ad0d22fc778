//! Lines of rotated files, and limits.
use alloc::format;
use alloc::vec;

use menshen_guard_core::oom::{Restart, Span};

use super::super::bench::{at, global, reported, restart, task};
use super::*;

#[test]
fn lines_are_those_of_the_file() {
    let mut collector = Collector::new();
    collector.log();
    collector.source("syslog.1".into(), 0, None);
    collector.source("syslog".into(), 1000, None);
    // The report begins in one file and kills in the next.
    let mut report = global(950, 5, "x", vec![task(9, "hog", 3800)], 9);
    report.span = Span { first_line: 950, last_line: 1040 };
    assert_eq!(report.kills[0].line, 1040);
    collector.event(reported(report));
    collector.event(restart(1001, 7, "systemd", "a.service"));
    collector.end(&Summary { lines: 1500, kills: 1, ..Summary::default() });
    let night = collector.night();
    assert_eq!(night.place(night.shortages[0].place), "syslog.1:950");
    assert_eq!(night.place(night.kills[0].place), "syslog:40");
    assert_eq!(night.place(night.entries[1].place), "syslog:1");
    let lines: Vec<u64> = night.sources.iter().map(|source| source.lines).collect();
    assert_eq!((lines, night.counts.lines), (vec![1000, 500], 1500));
}

#[test]
fn what_is_too_much_is_counted() {
    let mut collector = Collector::new();
    collector.log();
    collector.source("x".into(), 0, None);
    collector.event(reported(global(1, 1, "x", vec![task(9, "hog", 3800)], 9)));
    for number in 0..=ENTRIES_MAX {
        let what = format!("u{number}.service");
        let line = u64::try_from(number).unwrap() + 200;
        collector.event(Event::Restart(Restart { line, stamp: at(5), by: "systemd".into(), what }));
    }
    collector.end(&Summary::default());
    let night = collector.night();
    assert_eq!(night.entries_left_out, 1);
    assert!(!super::super::report(&night).completeness.complete);
}
