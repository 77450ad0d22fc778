//! Sums, shares, ranks, page sizes.
use alloc::string::ToString;
use alloc::vec;

use super::super::bench::{global, group, kill, memory, night, reported, task};
use super::*;

fn condensed(report: &Report) -> Condensed {
    condense(report, 0, Detail::Full, |stamp| Moment::of(stamp, 0))
}

#[test]
fn processes_of_a_name_are_one_line_with_their_sum() {
    let mut tasks: Vec<Task> = (0..30).map(|pid| task(100 + pid, "VBoxHeadless", 100)).collect();
    tasks.extend((0..20).map(|pid| task(200 + pid, &alloc::format!("p{pid}"), 2)));
    tasks.push(task(50, "last", 1));
    let one = condensed(&global(1, 1, "x", tasks, 50));
    let shortage = &one.shortage;
    assert_eq!((shortage.consumers[0].count, shortage.consumers[0].held_kib), (30, 3_072_000));
    assert_eq!(shortage.consumers[0].share_permille, Some(732));
    assert_eq!(shortage.consumers[0].largest_kib, 102_400);
    // Twelve, and the victim wherever it stands.
    assert_eq!(shortage.consumers.len(), 13);
    assert_eq!(shortage.consumers[12].name.text, "last");
    assert_eq!((shortage.others.count, shortage.others.held_kib), (9, 9 * 2048));
    assert_eq!(one.kills[0].rank, Some(51));
    assert_eq!(one.kills[0].instances, Some(1));
}

#[test]
fn points_are_the_kernels() {
    let big = task(1000, "big", 1024);
    let raised = Task {
        adj: 500,
        swap_pages: Some(256),
        page_table_bytes: Some(1 << 20),
        ..task(1001, "raised", 10)
    };
    let free = Task { adj: -1000, ..task(1002, "free", 2000) };
    let first = task(1, "init", 3000);
    let one = condensed(&global(1, 1, "x", vec![first, free, big, raised], 1001));
    let victim = &one.kills[0];
    // 10 + 1 + 1 MiB of 4096, and 500 thousandths.
    assert_eq!(victim.score, Some(502));
    assert_eq!(victim.score_from, Some(ScoreFrom::Computed));
    assert_eq!(victim.rank, Some(1));
    assert_eq!(victim.share_permille, Some(2));
    assert_eq!(one.shortage.immune[0].name.text, "free");
    let mut told = global(1, 1, "x", vec![task(9, "hog", 100)], 9);
    told.kills[0].score = Some(919);
    let told = condensed(&told);
    assert_eq!((told.kills[0].score, told.kills[0].score_from), (Some(919), Some(ScoreFrom::Log)));
}

#[test]
fn pages_may_be_large() {
    let mut report = global(1, 1, "x", vec![task(9, "hog", 1)], 9);
    report.kills[0].total_vm_kib = Some(512 * 64);
    let one = condensed(&report);
    assert_eq!(one.shortage.page_bytes, 65_536);
    assert_eq!(one.shortage.memory.as_ref().unwrap().ram_kib, Some(4096 * 256 * 64));
    report.memory = Some(MemoryState { page_bytes: Some(16_384), ..memory(1) });
    assert_eq!(condensed(&report).shortage.page_bytes, 16_384);
    // What is absurd is not believed.
    report.memory = Some(MemoryState { page_bytes: Some(0), ..memory(1) });
    assert_eq!(condensed(&report).shortage.page_bytes, 65_536);
}

#[test]
fn a_share_is_of_the_limit_and_its_swap() {
    let report = |swap: u64, limit: Option<u64>, version_1: bool| {
        let mut report = group(1, 1, "/g", 64, vec![task(9, "w", 32)]);
        let state = report.cgroup.as_mut().unwrap();
        (state.swap_usage_kib, state.limit_kib) = (Some(swap), limit);
        if version_1 {
            state.bytes = vec![("rss".to_string(), 5)];
        }
        condensed(&report).shortage.total_kib
    };
    assert_eq!(report(0, Some(65_536), true), Some(65_536));
    assert_eq!(report(80_000, Some(65_536), true), Some(80_000));
    assert_eq!(report(1000, Some(65_536), false), Some(66_536));
    assert_eq!(report(0, Some(u64::MAX / 1024), false), None);
    assert_eq!(report(0, Some(0), false), None);
}

#[test]
fn without_a_table_nothing_is_made_up() {
    let report = Report { kills: vec![kill(5, "x", 10, 3, Stamp::default())], ..Report::default() };
    let one = condensed(&report);
    let victim = &one.kills[0];
    assert_eq!(
        (victim.rank, victim.score, victim.share_permille, victim.instances),
        (None, None, None, None)
    );
    assert_eq!(victim.rss_kib, Some(10_240));
    assert!(one.shortage.is_bare());
    let night = night(vec![reported(report)]);
    assert_eq!(night.kills[0].place.line, 3);
}

#[test]
fn numbers_of_any_size_do_not_overflow() {
    let mut tasks = vec![Task {
        rss_pages: u64::MAX,
        swap_pages: Some(u64::MAX),
        page_table_bytes: Some(u64::MAX),
        total_vm_pages: u64::MAX,
        adj: i32::MAX,
        ..task(9, "w", 1)
    }];
    tasks.push(Task { adj: i32::MIN, ..tasks[0].clone() });
    let mut report = global(1, 1, "x", vec![task(9, "w", 1)], 9);
    report.tasks = tasks;
    report.memory = Some(MemoryState {
        ram_pages: Some(u64::MAX),
        reserved_pages: Some(0),
        swap_total_kib: Some(u64::MAX),
        ..memory(1)
    });
    let one = condensed(&report);
    assert!(one.kills[0].score.is_some() || one.kills[0].score.is_none());
    assert_eq!(one.shortage.consumers[0].count, 2);
}
