//! The same kill in several inputs, and the same process in several reports.
use alloc::vec;

use menshen_guard_core::oom::{Boot, Event, Report, Stamp, Summary};

use super::super::bench::{at, global, kill, night, reported, restart, task};
use super::super::{Collector, Night};
use super::*;

/// Each list is a log of its own.
fn logs(all: Vec<Vec<Event>>) -> Night {
    let mut collector = Collector::new();
    for (number, events) in all.into_iter().enumerate() {
        collector.log();
        collector.source(alloc::format!("log{number}"), 0, None);
        for event in events {
            collector.event(event);
        }
        collector.end(&Summary::default());
    }
    collector.night()
}

fn full(seconds: u32) -> Report {
    global(10, seconds, "x", vec![task(9, "hog", 3800), task(8, "y", 1)], 9)
}

/// Only the kill line, as a log of errors has it.
fn bare(pid: u32, stamp: Stamp) -> Report {
    Report { stamp, kills: vec![kill(pid, "hog", 3800, 5, stamp)], ..Report::default() }
}

#[test]
fn one_kill_in_two_logs_is_told_once_and_in_full() {
    let both = logs(vec![vec![reported(bare(9, at(5)))], vec![reported(full(5))]]);
    assert_eq!((both.kills.len(), both.shortages.len()), (1, 1));
    assert_eq!(both.shortages[0].processes, 2);
    assert_eq!(both.shortages[0].also_in.len(), 1);
    assert_eq!(both.kills[0].killed_times, 1);
    assert_eq!(both.kills[0].rank, Some(1));
    assert_eq!(both.entries.len(), 1);
    // The other way round.
    let both = logs(vec![vec![reported(full(5))], vec![reported(bare(9, at(5)))]]);
    assert_eq!((both.kills.len(), both.shortages[0].processes), (1, 2));
}

#[test]
fn clocks_of_two_logs_are_joined_or_told_apart() {
    let boot = Stamp { wall: None, ..at(5) };
    let wall = Stamp { boot_micros: None, ..at(5) };
    let both = logs(vec![vec![reported(bare(9, boot))], vec![reported(bare(9, wall))]]);
    assert_eq!(both.kills.len(), 1);
    assert!(both.kills[0].at.wall.is_some() && both.kills[0].at.boot_micros.is_some());
    // An hour apart by the wall: the zone, if all numbers are equal.
    let later = Stamp { boot_micros: None, ..at(3605) };
    let both = logs(vec![vec![reported(bare(9, wall))], vec![reported(bare(9, later))]]);
    assert_eq!(both.kills.len(), 1);
    let odd = Stamp { boot_micros: None, ..at(2005) };
    let both = logs(vec![vec![reported(bare(9, wall))], vec![reported(bare(9, odd))]]);
    assert_eq!(both.kills.len(), 2);
    // Other numbers: another process that got the same pid.
    let mut other = bare(9, wall);
    other.kills[0].anon_rss_kib = Some(1);
    let both = logs(vec![vec![reported(bare(9, wall))], vec![reported(other)]]);
    assert_eq!(both.kills[0].killed_times, 2);
}

#[test]
fn a_process_that_does_not_die_is_one_and_a_reused_pid_is_two() {
    let three =
        night(vec![reported(bare(9, at(5))), reported(bare(9, at(8))), reported(bare(9, at(500)))]);
    assert_eq!(three.kills.len(), 1);
    assert_eq!((three.kills[0].killed_times, three.shortages.len()), (3, 3));
    assert_eq!(three.kills[0].shortages, [0, 1, 2]);
    assert_eq!(three.shortages[2].kills, [0]);
    let two = night(vec![reported(bare(9, at(5))), reported(bare(9, at(5000)))]);
    assert_eq!(two.kills.len(), 2);
    let mut other = bare(9, at(60));
    other.kills[0].name.text = "other".into();
    assert_eq!(night(vec![reported(bare(9, at(5))), reported(other)]).kills.len(), 2);
    // On another host it is another one.
    let host = |name: &str| reported(Report { host: Some(name.into()), ..bare(9, at(5)) });
    assert_eq!(logs(vec![vec![host("a")], vec![host("b")]]).kills.len(), 2);
    assert_eq!(logs(vec![vec![host("a")], vec![host("a")]]).kills.len(), 1);
}

#[test]
fn rotated_logs_are_put_in_order() {
    let wall = |seconds| Stamp { boot_micros: None, ..at(seconds) };
    let turned = logs(vec![vec![reported(bare(2, wall(900)))], vec![reported(bare(1, wall(5)))]]);
    let pids: Vec<u32> = turned.kills.iter().map(|kill| kill.pid).collect();
    assert_eq!(pids, [1, 2]);
    assert_eq!(turned.kills[1].at.since_first_micros, Some(895_000_000));
    // Without any date they stay as they came.
    let boot = |micros| Stamp { boot_micros: Some(micros), wall: None };
    let kept = logs(vec![vec![reported(bare(2, boot(900)))], vec![reported(bare(1, boot(5)))]]);
    assert_eq!(kept.kills[0].pid, 2);
    assert_eq!(kept.kills[1].at.since_first_micros, None);
}

#[test]
fn restarts_count_only_after_a_kill_and_soon() {
    let events = vec![
        restart(1, 1, "systemd", "before.service"),
        reported(full(5)),
        restart(200, 8, "systemd", "after.service"),
        restart(300, 5000, "systemd", "late.service"),
    ];
    let told = night(events);
    let kinds: Vec<&Kind> = told.entries.iter().map(|entry| &entry.kind).collect();
    assert_eq!(kinds.len(), 2, "{kinds:?}");
    assert!(matches!(kinds[1], Kind::Restart { what, .. } if what == "after.service"));
    let boot = Event::Boot(Boot { line: 250, stamp: at(30), kernel: None });
    assert_eq!(night(vec![reported(full(5)), boot]).entries.len(), 2);
}
