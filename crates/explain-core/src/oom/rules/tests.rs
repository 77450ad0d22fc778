//! Each rule with a night made for it, and a night in which it must be silent.
use alloc::string::ToString;
use alloc::{format, vec};

use menshen_base::{Confidence, Severity};
use menshen_guard_core::oom::{
    Event, Invoker, KillForm, Lost, LostCause, MemoryState, Name, Report, Scope, Stamp, Suppressed,
    Task,
};

use super::super::bench::{
    at, codes, finding, findings, global, group, headline, immune, kill, memory, name, night,
    reported, restart, task, the_night,
};
use super::super::report;
use super::*;

/// One process that is nearly everything.
fn hog() -> Report {
    global(10, 5, "bash", vec![task(9, "hog", 3800), task(8, "bash", 2)], 9)
}

#[test]
fn the_night_of_thirty_guests() {
    let found = findings(the_night());
    assert_eq!(
        codes(&found),
        [
            "oom-many-processes",
            "oom-restart-loop",
            "oom-logger-killed",
            "oom-victim-not-cause",
            "oom-no-swap",
            "oom-score-adj"
        ],
        "{found:#?}"
    );
    let of = |code: &str| found.iter().find(|one| one.code == code).unwrap();
    let cause = of("oom-many-processes");
    assert_eq!(cause.claim, "30 VBoxHeadless processes together held 92 % of RAM (4 GiB)");
    // 4 GiB less a fifth less the 222 MiB of the others, by 125 MiB.
    assert!(cause.hint.starts_with("Run 24 guests at most"), "{}", cause.hint);
    assert_eq!(cause.evidence[0].value, "30 VBoxHeadless 3.7 GiB (92 %)");
    assert_eq!(cause.evidence[0].place, "lines 100 to 190");
    let again = of("oom-restart-loop");
    assert_eq!(
        again.claim,
        "mysqld_safe started mysqld again each time, and it was killed 4 times within 12 minutes"
    );
    assert_eq!(again.confidence, Confidence::Certain);
    assert!(again.evidence.iter().any(|one| one.value == "4 minutes, 4 minutes, 4 minutes"));
    assert!(again.evidence.iter().any(|one| one.what == "restarted" && one.place == "line 400"));
    let first = of("oom-logger-killed");
    assert!(first.claim.starts_with("rsyslogd was killed, first of all"), "{}", first.claim);
    let paid = of("oom-victim-not-cause");
    assert!(paid.claim.starts_with("rsyslogd and mysqld paid for VBoxHeadless"), "{}", paid.claim);
    assert_eq!(
        headline(the_night()),
        "mysqld was killed 4 times in 12 minutes, and rsyslogd once, because 30 VBoxHeadless \
         processes held 92 % of memory; mysqld_safe restarted it each time; rsyslogd died first"
    );
}

#[test]
fn a_wrapper_is_known_by_the_table_where_no_line_tells_of_restarts() {
    let events: Vec<Event> =
        the_night().into_iter().filter(|one| !matches!(one, Event::Restart(_))).collect();
    let found = finding(events, "oom-restart-loop");
    assert!(found.claim.starts_with("mysqld_safe started mysqld again"), "{}", found.claim);
    assert_eq!(found.confidence, Confidence::Likely);
}

#[test]
fn thirty_guests_that_die_one_after_the_other_are_no_loop() {
    let guests = |from: u32| -> Vec<Task> {
        (from..30).map(|one| task(2000 + one, "VBoxHeadless", 130)).collect()
    };
    let events = (0..4).map(|one| {
        reported(global(100 * u64::from(one) + 1, one * 60, "x", guests(one), 2000 + one))
    });
    let found = findings(events.collect());
    assert!(!codes(&found).contains(&"oom-restart-loop"), "{found:#?}");
    // Nor are kills of which nothing but the line is there.
    let bare = |pid, line| {
        let stamp = at(pid * 10);
        let kills = vec![kill(pid, "worker", 10, line, stamp)];
        reported(Report { stamp, kills, ..Report::default() })
    };
    let found = findings(vec![bare(1, 5), bare(2, 6), bare(3, 7)]);
    assert!(!codes(&found).contains(&"oom-restart-loop"), "{found:#?}");
    // With a line of systemd they are.
    let events = vec![bare(1, 5), restart(6, 12, "systemd", "worker.service"), bare(2, 7)];
    assert!(finding(events, "oom-restart-loop").claim.starts_with("systemd started worker again"));
}

#[test]
fn jobs_of_one_name_in_groups_of_their_own_are_no_loop() {
    let in_groups = |first: &str, second: &str| {
        let one = |path: &str, line, seconds, pid| {
            reported(group(line, seconds, path, 64, vec![task(pid, "job", 60)]))
        };
        findings(vec![one(first, 1, 10, 7), one(second, 100, 70, 8)])
    };
    let has = |found: &[Finding]| codes(found).contains(&"oom-restart-loop");
    assert!(!has(&in_groups("/a", "/b")));
    assert!(!has(&in_groups("/a/x", "/b/x")));
    assert!(has(&in_groups("/a", "/a")));
    let again = in_groups("/pod/1", "/pod/2");
    assert!(has(&again), "a container that is started again has a new group");
    let again = again.into_iter().find(|one| one.code == "oom-restart-loop").unwrap();
    assert!(!again.hint.contains("database"), "{}", again.hint);
}

#[test]
fn one_process_and_many_programs() {
    let found = finding(vec![reported(hog())], "oom-one-process");
    assert_eq!(found.claim, "one process, hog, held 93 % of RAM (4 GiB)");
    assert!(found.hint.contains("MemoryMax=3274M"), "{}", found.hint);
    let tasks = (0..9).map(|one| task(100 + one, &format!("p{one}"), 400 - u64::from(one)));
    let found =
        finding(vec![reported(global(1, 1, "p0", tasks.collect(), 100))], "oom-many-programs");
    assert!(
        found.claim.contains("p0 400 MiB (9.8 %)") || found.claim.contains("p0 400 MiB (10 %)")
    );
}

#[test]
fn php_children_are_counted_and_the_database_is_sized() {
    let tasks = |big: &str, count: u32, mib: u64| -> Vec<Task> {
        let mut list: Vec<Task> = (0..count).map(|one| task(100 + one, big, mib)).collect();
        list.push(task(50, "other", 800));
        list
    };
    let php = finding(
        vec![reported(global(1, 1, "x", tasks("php-fpm8.2", 50, 64), 100))],
        "oom-many-processes",
    );
    // (4096 * 0.8 - 800) / 64 = 38.7
    assert!(
        php.hint.starts_with("Set pm.max_children of its pools to 38 together"),
        "{}",
        php.hint
    );
    let sql = finding(
        vec![reported(global(1, 1, "x", tasks("mysqld", 1, 3200), 100))],
        "oom-one-process",
    );
    // (4096 * 0.8 - 800) * 0.7 = 1734 MiB
    assert!(sql.hint.contains("innodb_buffer_pool_size to at most 1.7 GiB"), "{}", sql.hint);
}

#[test]
fn tmpfs_is_not_freed_by_kills() {
    let mut report = global(1, 1, "dd", vec![task(9, "dd", 1), task(8, "x", 1)], 9);
    report.memory =
        Some(MemoryState { shmem_pages: Some(900_000), anon_pages: Some(100_000), ..memory(4096) });
    let found = finding(vec![reported(report)], "oom-tmpfs");
    assert_eq!(found.severity, Severity::Error);
    assert!(found.claim.starts_with("killing will not help: 3.4 GiB in tmpfs"), "{}", found.claim);
    assert!(found.evidence.iter().any(|one| one.value.contains("freed almost nothing")));
    assert!(!codes(&findings(vec![reported(hog())])).contains(&"oom-tmpfs"));
    // In a group it is the group's own.
    let mut report = group(1, 1, "/g", 64, vec![task(9, "dd", 1)]);
    report.cgroup.as_mut().unwrap().bytes = vec![("shmem".to_string(), 60 << 20)];
    let found = finding(vec![reported(report)], "oom-tmpfs");
    assert!(
        found.claim.contains("60 MiB") && found.claim.contains("94 % of the limit of /g (64 MiB)")
    );
}

#[test]
fn immunity_that_was_inherited() {
    let mut report = hog();
    report.tasks.extend([immune(1, "sshd", 1), immune(2, "systemd-udevd", 1)]);
    let found = findings(vec![reported(report.clone())]);
    assert!(!codes(&found).iter().any(|code| code.contains("immun")), "{found:#?}");
    report.tasks.extend([immune(3, "crond", 1), immune(4, "backup.sh", 5)]);
    let found = finding(vec![reported(report.clone())], "oom-inherited-immunity");
    assert_eq!(found.severity, Severity::Warning);
    assert!(found.claim.contains("backup.sh and crond"), "{}", found.claim);
    // A large one makes it the cause.
    report.tasks.push(immune(5, "eater", 900));
    let found = finding(vec![reported(report)], "oom-inherited-immunity");
    assert_eq!(found.severity, Severity::Error);
    // Alone it is a choice, though a bad one.
    let mut report = hog();
    report.tasks.push(immune(5, "eater", 900));
    assert!(
        finding(vec![reported(report)], "oom-immune-large").claim.starts_with("eater held 22 %")
    );
}

#[test]
fn a_kill_by_hand_is_no_shortage() {
    let mut report = hog();
    report.scope = Scope::Manual;
    report.invoker.as_mut().unwrap().order = Some(-1);
    let found = findings(vec![reported(report.clone())]);
    assert_eq!(codes(&found), ["oom-manual"], "{found:#?}");
    assert_eq!(
        headline(vec![reported(report)]),
        "hog was killed by hand (sysrq-f), not for want of memory"
    );
}

#[test]
fn a_group_that_kills_again_and_again() {
    let events = |times: u32| -> Vec<Event> {
        (0..times)
            .map(|one| {
                let line = 1 + u64::from(one) * 50;
                reported(group(
                    line,
                    one * 2,
                    "/system.slice/web.service",
                    64,
                    vec![task(100 + one, "w", 60)],
                ))
            })
            .collect()
    };
    let found = finding(events(5), "oom-kill-loop");
    assert_eq!(found.claim, "the group reached its limit and killed 5 times within 8 s");
    assert!(!codes(&findings(events(2))).contains(&"oom-kill-loop"));
    let cause = finding(events(5), "oom-one-process");
    assert!(
        cause
            .hint
            .ends_with("Or raise its limit: systemctl set-property web.service MemoryMax=128M."),
        "{}",
        cause.hint
    );
}

#[test]
fn whose_limit_it_was() {
    let mut report = group(1, 1, "/pod", 64, vec![task(9, "w", 60)]);
    report.task_cgroup = Some("/pod/container".into());
    let found = finding(vec![reported(report.clone())], "oom-parent-limit");
    assert!(found.claim.contains("is that of /pod; the killed were in /pod/container"));
    report.task_cgroup = Some("/pod".into());
    assert!(!codes(&findings(vec![reported(report.clone())])).contains(&"oom-parent-limit"));
    report.group = Some("/pod".into());
    assert!(
        finding(vec![reported(report.clone())], "oom-group-kill").claim.contains("(1 process)")
    );
    report.cgroup.as_mut().unwrap().limit_kib = Some(0);
    assert_eq!(finding(vec![reported(report)], "oom-tiny-limit").severity, Severity::Error);
    let nodes = Report { scope: Scope::Cpuset, ..hog() };
    assert!(finding(vec![reported(nodes)], "oom-cpuset").claim.contains("cpuset"));
}

#[test]
fn pages_in_a_row_and_free_memory() {
    let with = |order: i32, free: u64| {
        let mut report = hog();
        report.invoker = Some(Invoker { order: Some(order), ..Invoker::default() });
        report.memory = Some(MemoryState { free_pages: Some(free), ..memory(4096) });
        findings(vec![reported(report)])
    };
    assert!(codes(&with(4, 1000)).contains(&"oom-fragmentation"));
    assert!(codes(&with(2, 300_000)).contains(&"oom-fragmentation"));
    assert!(codes(&with(0, 300_000)).contains(&"oom-free-memory"));
    let quiet = with(3, 1000);
    assert!(!codes(&quiet).iter().any(|code| code.contains("frag") || code.contains("free")));
}

#[test]
fn memory_of_the_kernel_and_of_nobody() {
    let with =
        |memory: MemoryState| findings(vec![reported(Report { memory: Some(memory), ..hog() })]);
    let slab = with(MemoryState { slab_unreclaimable_pages: Some(500_000), ..memory(4096) });
    assert!(
        slab.iter().any(|one| one.code == "oom-kernel-memory" && one.claim.contains("cannot be"))
    );
    let tables = with(MemoryState { page_table_pages: Some(300_000), ..memory(4096) });
    assert!(
        tables
            .iter()
            .any(|one| one.code == "oom-kernel-memory" && one.claim.contains("page tables"))
    );
    let nobody = with(MemoryState { anon_pages: Some(100_000), ..memory(4096) });
    assert!(codes(&nobody).contains(&"oom-not-in-processes"), "{nobody:#?}");
    assert!(!codes(&with(memory(4096))).contains(&"oom-kernel-memory"));
}

#[test]
fn swap_full_absent_unused() {
    let with = |total: u64, free: u64| {
        let memory =
            MemoryState { swap_total_kib: Some(total), swap_free_kib: Some(free), ..memory(4096) };
        findings(vec![reported(Report { memory: Some(memory), ..hog() })])
    };
    assert!(codes(&with(0, 0)).contains(&"oom-no-swap"));
    assert!(codes(&with(1 << 20, 100)).contains(&"oom-swap-full"));
    assert!(codes(&with(1 << 20, 1 << 20)).contains(&"oom-swap-unused"));
    assert!(!codes(&with(1 << 20, 1 << 18)).iter().any(|code| code.contains("swap")));
}

#[test]
fn victims_without_memory_and_those_chosen_by_score() {
    let mut report = hog();
    report.kills = vec![kill(9, "hog", 0, 12, at(5))];
    assert!(codes(&findings(vec![reported(report)])).contains(&"oom-victim-empty"));
    let mut tasks = vec![task(9, "hog", 3000), Task { adj: 500, ..task(8, "browser", 300) }];
    tasks.push(task(7, "bash", 1));
    let found = finding(vec![reported(global(1, 1, "x", tasks, 8))], "oom-score-adj");
    assert!(found.claim.contains("oom_score_adj of 500") && found.claim.contains("hog was larger"));
    assert!(!codes(&findings(vec![reported(hog())])).contains(&"oom-score-adj"));
}

#[test]
fn a_small_victim_beside_one_large_process_is_neither() {
    // One large process with no score of its own, and a small one that was killed.
    let tasks = vec![task(9, "hog", 3000), task(8, "small", 30), task(7, "bash", 1)];
    let found = findings(vec![reported(global(1, 1, "x", tasks.clone(), 8))]);
    let codes_of = codes(&found);
    assert!(!codes_of.contains(&"oom-victim-not-cause"), "{found:#?}");
    assert!(!codes_of.contains(&"oom-score-adj"), "{found:#?}");
    // A larger process with the same score does not make the score the reason.
    let raised = |task: Task| Task { adj: 300, ..task };
    let tasks = tasks.into_iter().map(raised).collect();
    let found = findings(vec![reported(global(1, 1, "x", tasks, 8))]);
    assert!(!codes(&found).contains(&"oom-score-adj"), "{found:#?}");
}

#[test]
fn names_that_forge_and_machines_that_stop() {
    let mut report = hog();
    report.kills[0].name = Name { text: "a,uid=0".into(), forged: true };
    report.deadlock = Some("Kernel panic - not syncing: System is deadlocked on memory".into());
    let found = findings(vec![reported(report)]);
    assert!(codes(&found).contains(&"oom-forged-name"));
    let stopped = found.iter().find(|one| one.code == "oom-deadlock").unwrap();
    assert_eq!(stopped.claim, "the machine stopped for want of memory");
}

#[test]
fn complete_only_when_nothing_says_otherwise() {
    let whole = night(vec![reported(hog())]);
    let report_of = |night| report(&night);
    assert!(report_of(whole.clone()).completeness.complete);
    let mut counted = whole.clone();
    counted.kernel_counter = Some(1);
    assert!(report_of(counted.clone()).completeness.complete);
    counted.kernel_counter = Some(3);
    let doubts = report_of(counted).completeness.doubts;
    assert_eq!(doubts, ["the kernel counted 3 kills, and 1 are here"]);
    let held = |event: Event| report_of(night(vec![reported(hog()), event])).completeness;
    let suppressed = held(Event::Suppressed(Suppressed {
        line: 200,
        stamp: at(6),
        function: "oom_kill_process".into(),
        count: 28,
    }));
    assert_eq!((suppressed.complete, suppressed.suppressed), (false, 28));
    // Other functions keep back what is not of this story.
    let other = held(Event::Suppressed(Suppressed {
        line: 200,
        stamp: at(6),
        function: "net_ratelimit".into(),
        count: 28,
    }));
    assert!(other.complete);
    let lost = held(Event::Lost(Lost {
        line: 200,
        stamp: at(6),
        records: Some(293),
        cause: LostCause::Ring,
    }));
    assert_eq!(lost.doubts, ["293 records are missing: the ring was overwritten"]);
    let cut = night(vec![reported(Report { cut_end: true, kills: vec![], ..hog() })]);
    assert_eq!(report_of(cut).completeness.cut, 1);
    let mut announced = hog();
    announced.kills[0].form = KillForm::Announced;
    assert_eq!(report_of(night(vec![reported(announced)])).completeness.announced, 1);
    let bare = Report { kills: vec![kill(5, "x", 1, 3, Stamp::default())], ..Report::default() };
    let bare = report_of(night(vec![reported(bare)]));
    assert_eq!(bare.completeness.bare, 1);
    assert!(codes(&bare.findings).contains(&"oom-log-incomplete"));
    assert!(codes(&bare.findings).contains(&"oom-cause-unknown"));
    let _ = name("x");
}

#[test]
fn lists_read_well() {
    let words = |all: &[&str]| -> Vec<String> { all.iter().map(ToString::to_string).collect() };
    assert_eq!(list(&words(&[]), 3), "");
    assert_eq!(list(&words(&["a"]), 3), "a");
    assert_eq!(list(&words(&["a", "b", "c"]), 3), "a, b and c");
    assert_eq!(list(&words(&["a", "b", "c", "d"]), 2), "a, b and 2 more");
}
