//! What each generation of kernels, some vendors and some programs print, in texts of our own, and
//! what must not be believed.

use menshen_guard_core::oom::{
    Event, Kill, KillForm, Limits, LostCause, Reader, Report, Scope, Summary, Zone,
};

fn read(log: &str) -> (Vec<Event>, Summary) {
    let mut events = Vec::new();
    let mut reader = Reader::new(Limits::ORDINARY);
    reader.push(log.as_bytes(), &mut |event| events.push(event));
    let summary = reader.finish(&mut |event| events.push(event));
    (events, summary)
}

fn reports(log: &str) -> Vec<Report> {
    let found = read(log).0.into_iter().filter_map(|event| match event {
        Event::Report(report) => Some(*report),
        _ => None,
    });
    found.collect()
}

fn one(log: &str) -> Report {
    let mut found = reports(log);
    assert_eq!(found.len(), 1, "{found:#?}");
    found.remove(0)
}

fn killed(log: &str) -> Kill {
    let report = one(log);
    assert_eq!(report.kills.len(), 1, "{:#?}", report.kills);
    report.kills[0].clone()
}

#[test]
fn kernel_2_6_18() {
    let report = one("\
httpd invoked oom-killer: gfp_mask=0x201d2, order=0, oomkilladj=-17

Call Trace:
 [<ffffffff800c3a6a>] out_of_memory+0x8e/0x2f5
Mem-info:
Node 0 DMA per-cpu:
Active:248121 inactive:2344 dirty:0 writeback:0 unstable:0 free:1957 slab:3010 mapped:12 \
pagetables:2100
Node 0 DMA free:10248kB min:32kB low:40kB high:48kB active:0kB inactive:0kB present:9808kB
Node 0 DMA: 2*4kB 4*8kB 0*16kB 3*32kB = 10248kB
Free swap  = 0kB
Total swap = 1048568kB
Free swap:            0kB
262128 pages of RAM
5790 reserved pages
118 pages shared
Out of memory: Killed process 2731 (httpd).
");
    let invoker = report.invoker.as_ref().unwrap();
    assert_eq!((invoker.name.text.as_str(), invoker.adj), ("httpd", Some(-17)));
    assert_eq!((invoker.gfp_mask.as_str(), invoker.order), ("0x201d2", Some(0)));
    let memory = report.memory.as_ref().unwrap();
    assert_eq!((memory.ram_pages, memory.reserved_pages), (Some(262_128), Some(5_790)));
    assert_eq!((memory.swap_total_kib, memory.swap_free_kib), (Some(1_048_568), Some(0)));
    assert_eq!((memory.free_pages, memory.page_bytes), (Some(1_957), Some(4096)));
    assert_eq!((report.scope, report.cut_start, report.cut_end), (Scope::Global, false, false));
    assert_eq!((report.kills[0].pid, report.kills[0].name.text.as_str()), (2731, "httpd"));
}

#[test]
fn kernel_2_6_26_and_older_still() {
    let log = "\
oom-killer: gfp_mask=0x280d2, order=0
Out of Memory: Kill process 4001 (java) score 251442 and children.
Out of memory: Killed process 4007 (java).
";
    let report = one(log);
    assert_eq!(report.kills.len(), 1, "a child died instead: {:?}", report.kills);
    assert_eq!((report.kills[0].pid, report.kills[0].form), (4007, KillForm::Killed));
    assert!(!report.cut_start);
}

#[test]
fn kernel_2_6_32_of_debian() {
    let report = one("\
apache2 invoked oom-killer: gfp_mask=0x280da, order=0, oom_adj=3
Pid: 1718, comm: apache2 Tainted: G        W  2.6.32-5-amd64 #1
active_anon:121 inactive_anon:33 isolated_anon:0
 active_file:3 inactive_file:4 isolated_file:32
Out of memory: kill process 1718 (apache2) score 14002 or a child
Killed process 1718 (apache2)
");
    assert_eq!(report.kernel.as_deref(), Some("2.6.32-5-amd64"));
    assert_eq!(report.invoker.as_ref().unwrap().adj, Some(3));
    assert_eq!(report.invoker.as_ref().unwrap().pid, Some(1718));
    assert_eq!(report.memory.as_ref().unwrap().anon_pages, Some(154));
    assert_eq!(report.memory.as_ref().unwrap().file_pages, Some(7));
    assert_eq!((report.kills[0].score, report.kills[0].lines), (Some(14_002), 1));
    let kill = killed("Killed process 77 (a b) vsz:123kB, anon-rss:45kB, file-rss:6kB\n");
    assert_eq!(
        (kill.total_vm_kib, kill.anon_rss_kib, kill.file_rss_kib),
        (Some(123), Some(45), Some(6))
    );
}

#[test]
fn tables_are_read_by_their_headings() {
    let table = |heading: &str, row: &str| {
        let log = format!(
            "x invoked oom-killer: gfp_mask=0x0, order=0\n[ pid ]   {heading} name\n{row}\n\
             Killed process 7 (x) total-vm:4kB, anon-rss:4kB, file-rss:4kB\n"
        );
        one(&log).tasks[0].clone()
    };
    let task = table(
        "uid  tgid total_vm      rss cpu oom_adj",
        "[    7]    33     6      100       50   1     -17 a b ",
    );
    assert_eq!((task.pid, task.tgid, task.uid, task.adj), (7, 6, 33, -17));
    assert_eq!((task.page_table_bytes, task.swap_pages), (None, None));
    assert_eq!(task.name.text, "a b ");
    let task = table(
        "uid  tgid total_vm      rss cpu oom_adj oom_score_adj",
        "[    7]     0     7      100       50   3      15          1000 x",
    );
    assert_eq!(task.adj, 1000);
    let task = table(
        "uid  tgid total_vm      rss nr_ptes nr_pmds swapents oom_score_adj",
        "[    7]    -2     7      100       50       3       2       40          -900 x",
    );
    assert_eq!((task.uid, task.page_table_bytes, task.swap_pages), (-2, Some(20_480), Some(40)));
    let task = table(
        "uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents \
         oom_score_adj",
        "[      7]     0     7      100       50       30       15         5    90112        1 \
         0 (sd-pam)",
    );
    assert_eq!((task.rss_anon_pages, task.rss_file_pages), (Some(30), Some(15)));
    assert_eq!((task.rss_shmem_pages, task.page_table_bytes), (Some(5), Some(90_112)));
    assert_eq!(task.name.text, "(sd-pam)");
    // A column nobody knows yet, and another order.
    let task = table(
        "oom_score_adj uid new_thing tgid rss total_vm",
        "[      7] -5 0 99 7 50 100 [kworker]",
    );
    assert_eq!((task.adj, task.rss_pages, task.total_vm_pages), (-5, 50, 100));
    assert_eq!(task.name.text, "[kworker]");
}

#[test]
fn unreadable_rows_are_counted() {
    let (events, summary) = read(
        "\
x invoked oom-killer: gfp_mask=0x0, order=0
[ pid ]   uid  tgid total_vm      rss nr_ptes swapents oom_score_adj name
[    7]     0     7      100       5
[    8]     0     8      100       50       3        0             0 ok
Killed process 8 (ok) total-vm:4kB, anon-rss:4kB, file-rss:4kB
",
    );
    assert_eq!((summary.rows, summary.rows_unread), (2, 1));
    assert!(matches!(&events[0], Event::Report(report) if report.tasks_unread == 1));
}

#[test]
fn kill_lines_of_all_times() {
    let tail = "total-vm:40kB, anon-rss:30kB, file-rss:20kB";
    for (line, uid, shmem, tables, adj) in [
        (format!("Killed process 9, UID 500, (my app) {tail}"), Some(500), None, None, None),
        (format!("Killed process 9 (my app), UID 48, {tail}"), Some(48), None, None, None),
        (format!("Killed process 9 (my app) {tail}"), None, None, None, None),
        (format!("Killed process 9 (my app) {tail}, shmem-rss:10kB"), None, Some(10), None, None),
        (
            format!(
                "Out of memory: Killed process 9 (my app) {tail}, shmem-rss:10kB, UID:-2 \
                     pgtables:5kB oom_score_adj:-998"
            ),
            Some(-2),
            Some(10),
            Some(5),
            Some(-998),
        ),
        (
            format!(
                "Out of memory (oom_kill_allocating_task): Killed process 9 (my app) {tail}, \
                     shmem-rss:10kB, UID:7 pgtables:5kB oom_score_adj:0"
            ),
            Some(7),
            Some(10),
            Some(5),
            Some(0),
        ),
    ] {
        let kill = killed(&line);
        assert_eq!((kill.pid, kill.name.text.as_str()), (9, "my app"), "{line}");
        assert_eq!(
            (kill.uid, kill.shmem_rss_kib, kill.page_table_kib, kill.adj),
            (uid, shmem, tables, adj),
            "{line}"
        );
        assert_eq!((kill.total_vm_kib, kill.anon_rss_kib), (Some(40), Some(30)), "{line}");
        assert_eq!(kill.file_rss_kib, Some(20), "{line}");
    }
}

#[test]
fn kill_lines_cut_at_the_end_tell_what_is_left() {
    let line = "Memory cgroup out of memory: Killed process 4711 (x) y) total-vm:4000kB, \
                anon-rss:300kB, file-rss:20kB, shmem-rss:1kB, UID:33 pgtables:52kB oom_score_adj:5";
    let whole = killed(line);
    assert_eq!(whole.name.text, "x) y");
    for cut in 0..line.len() {
        let found = reports(&line[..cut]);
        let Some(report) = found.first() else {
            assert!(cut < line.find("(x").unwrap() + 1, "lost at {cut}");
            continue;
        };
        let kill = &report.kills[0];
        assert_eq!(kill.pid, 4711);
        assert!([Some(4000), None].contains(&kill.total_vm_kib), "{cut}");
        assert!([Some(300), None].contains(&kill.anon_rss_kib), "{cut}");
    }
}

#[test]
fn cgroups_of_all_times() {
    let report = one("\
java invoked oom-killer: gfp_mask=0xd0, order=0, oom_score_adj=0
Task in /docker/a b/c killed as a result of limit of /docker/a b
memory: usage 1024kB, limit 0kB, failcnt 12
memory+swap: usage 2048kB, limit 4096kB, failcnt 3
kmem: usage 0kB, limit 18014398509481983kB, failcnt 0
Memory cgroup stats for /docker/a b: cache:3KB rss:4KB mapped_file:0KB
Memory cgroup stats for /docker/a b/c: cache:1KB rss:2KB mapped_file:0KB
[ pid ]   uid  tgid total_vm      rss nr_ptes swapents oom_score_adj name
Memory cgroup out of memory: Kill process 12 (java) score 996 or sacrifice child
Killed process 12 (java) total-vm:33kB, anon-rss:9kB, file-rss:4kB
");
    let group = report.cgroup.as_ref().unwrap();
    assert_eq!((group.path.as_str(), report.scope), ("/docker/a b", Scope::Cgroup));
    assert_eq!(report.task_cgroup.as_deref(), Some("/docker/a b/c"));
    assert_eq!(
        (group.usage_kib, group.limit_kib, group.fail_count),
        (Some(1024), Some(0), Some(12))
    );
    assert_eq!((group.swap_usage_kib, group.swap_limit_kib), (Some(2048), Some(4096)));
    let stats: Vec<_> = group.bytes.iter().map(|(key, value)| (key.as_str(), *value)).collect();
    assert_eq!(stats, [("cache", 3072), ("rss", 4096), ("mapped_file", 0)]);
    let report = one("\
x invoked oom-killer: gfp_mask=0x0, order=0
Memory cgroup stats for /v2:
anon 4096
file 8192
pgfault 12
workingset_refault_anon 3
shmem 1
[ pid ]   uid  tgid total_vm      rss nr_ptes swapents oom_score_adj name
anon 1
Memory cgroup out of memory: Killed process 1 (x) total-vm:1kB, anon-rss:1kB, file-rss:1kB
");
    let keys: Vec<_> = report.cgroup.unwrap().bytes.into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["anon", "file", "shmem"]);
}

#[test]
fn scopes() {
    let verdict = |constraint: &str, rest: &str| {
        one(&format!(
            "oom-kill:constraint={constraint},nodemask=0,{rest}task_memcg=/,task=x,pid=5,uid=1\n"
        ))
    };
    let report = verdict("CONSTRAINT_NONE", "cpuset=/,mems_allowed=0,global_oom,");
    assert_eq!(report.scope, Scope::Global);
    // Vendors print nothing but this line.
    assert_eq!(report.kills.len(), 1);
    assert_eq!((report.kills[0].pid, report.kills[0].form), (5, KillForm::Announced));
    assert_eq!((report.kills[0].uid, report.kills[0].lines), (Some(1), 0));
    assert!(report.cut_start && report.cut_end);
    assert_eq!(verdict("CONSTRAINT_CPUSET", "global_oom,").scope, Scope::Cpuset);
    assert_eq!(verdict("CONSTRAINT_MEMORY_POLICY", "global_oom,").scope, Scope::MemoryPolicy);
    assert_eq!(verdict("CONSTRAINT_MEMCG", "oom_memcg=/a,").scope, Scope::Cgroup);
    // An early version called a group's limit none.
    assert_eq!(verdict("CONSTRAINT_NONE", "oom_memcg=/a,").scope, Scope::Cgroup);
}

#[test]
fn pages_of_64_kib() {
    let report = one("\
x invoked oom-killer: gfp_mask=0x0, order=0
Mem-Info:
active_anon:5 inactive_anon:6 isolated_anon:0
Node 0 DMA: 3*64kB (U) 1*128kB (U) = 320kB
[ pid ]   uid  tgid total_vm      rss nr_ptes swapents oom_score_adj name
[    7]     0     7      100       50       3        0             0 x
Out of memory: Kill process 7 (x) score 9 or sacrifice child
Killed process 7 (x) total-vm:4kB, anon-rss:4kB, file-rss:4kB
");
    assert_eq!(report.memory.unwrap().page_bytes, Some(65_536));
    assert_eq!(report.tasks[0].page_table_bytes, Some(3 * 65_536));
}

#[test]
fn page_tables_in_bytes_called_kilobytes() {
    let report = one("\
x invoked oom-killer: gfp_mask=0x0, order=0
[ pid ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name
[    7]     0     7 99999999       50    94208        0             0 x
Out of memory: Killed process 7 (x) total-vm:399999996kB, anon-rss:4kB, file-rss:4kB, \
shmem-rss:0kB, UID:0 pgtables:94208kB oom_score_adj:0
");
    assert_eq!(report.kills[0].page_table_kib, Some(92));
}

#[test]
fn beancounters_and_their_rage() {
    let log = "\
Mar  5 06:07:08 node kernel: [4711.000001] Out of memory in UB 812: OOM killed process 3105 \
(php-cgi) score 3 vm:91204kB, rss:7120kB, swap:5kB
Mar  5 06:07:08 node kernel: [4711.000101] Out of memory in UB 812: OOM killed process 3188 \
(php-cgi) score 0 vm:91204kB, rss:7124kB, swap:0kB
Mar  5 06:07:08 node kernel: [4711.000201] OOM killer in rage, 2 tasks killed in ub 812
";
    let report = one(log);
    assert_eq!(report.cgroup.as_ref().unwrap().path, "UB 812");
    assert_eq!(report.scope, Scope::Cgroup);
    let pids: Vec<_> = report.kills.iter().map(|kill| (kill.pid, kill.score)).collect();
    assert_eq!(pids, [(3105, Some(3)), (3188, Some(0))]);
    assert_eq!(report.kills[0].total_vm_kib, Some(91_204));
    assert_eq!(report.host.as_deref(), Some("node"));
}

#[test]
fn nobody_left_to_kill() {
    let report = one("\
[   10.000000] x invoked oom-killer: gfp_mask=0x0, order=0
[   10.100000] Out of memory and no killable processes...
[   10.100001] Kernel panic - not syncing: System is deadlocked on memory
");
    assert!(!report.cut_end && report.kills.is_empty());
    let sentence = report.deadlock.unwrap();
    assert_eq!(sentence, "Kernel panic - not syncing: System is deadlocked on memory");
    let panic = "Kernel panic - not syncing: Out of memory: compulsory panic_on_oom is enabled";
    assert_eq!(one(panic).deadlock.as_deref(), Some(panic));
    assert!(reports("Kernel panic - not syncing: VFS: Unable to mount root fs\n").is_empty());
}

#[test]
fn threads_that_share_memory_die_too() {
    let report = one("\
Out of memory: Kill process 80 (x) score 879 or sacrifice child
Killed process 80 (x) total-vm:2kB, anon-rss:1kB, file-rss:4kB
Kill process 81 (y) sharing same memory
");
    let kills: Vec<_> = report.kills.iter().map(|k| (k.pid, k.form, k.lines)).collect();
    assert_eq!(kills, [(80, KillForm::Killed, 1), (81, KillForm::Killed, 0)]);
}

#[test]
fn suppressed_lost_and_started_anew() {
    let (events, _) = read(
        "\
[  100.000000] oom_kill_process: 28 callbacks suppressed
[  100.000000] net_ratelimit: 5 callbacks suppressed
Jan  2 03:04:05 h rsyslogd: imuxsock lost 7 messages from pid 3 due to rate-limiting
Jan  2 03:04:05 h rsyslogd[9]: imjournal: 123 messages lost due to rate-limiting (20000 allowed)
Jan  2 03:04:05 h systemd-journald[1]: Suppressed 40 messages from a.service
Jan  2 03:04:05 h systemd-journald[1]: Missed 11 kernel messages
Jan  2 03:04:05 h kernel: ** 5 printk messages dropped ** [  1.000000] x
Jan  2 03:04:05 h app[1]: Missed 11 kernel messages
[    0.000000] Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org) (gcc) #1 SMP
[    3.000000] Out of memory: Killed process 5 (x) total-vm:1kB, anon-rss:1kB, file-rss:1kB
[    1.000000] Linux version of nothing
",
    );
    let lost: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Lost(lost) => Some((lost.records, lost.cause)),
            _ => None,
        })
        .collect();
    let daemon = |records| (Some(records), LostCause::Daemon);
    assert_eq!(lost, [daemon(7), daemon(123), daemon(40), daemon(11), daemon(5)]);
    let suppressed: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Suppressed(it) => Some((it.function.as_str(), it.count, it.line)),
            _ => None,
        })
        .collect();
    assert_eq!(suppressed, [("oom_kill_process", 28, 1)]);
    let boots: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Boot(boot) => boot.kernel.as_deref(),
            _ => None,
        })
        .collect();
    assert_eq!(boots, ["6.1.0-18-amd64"]);
    let report = events.iter().find_map(|event| match event {
        Event::Report(report) => Some(report),
        _ => None,
    });
    assert_eq!(report.unwrap().kernel.as_deref(), Some("6.1.0-18-amd64"));
}

#[test]
fn programs_started_again() {
    let (events, _) = read(
        "\
Jan  2 03:04:05 h mysqld_safe: Number of processes running now: 0
Jan  2 03:04:05 h mysqld_safe: mysqld restarted
2023-01-02T03:04:05.678901Z mysqld_safe mysqld restarted
230102  3:04:05 mysqld_safe mysqld restarted
Jan  2 03:04:05 h systemd[1]: mariadb.service: Scheduled restart job, restart counter is at 3.
Jan  2 03:04:05 h systemd[1]: old.service holdoff time over, scheduling restart.
2023-01-02 03:04:05,123 INFO spawned: 'app' with pid 4711
Jan  2 03:04:05 h init: mysql main process ended, respawning
Jan  2 03:04:05 h monit[3]: 'nginx' trying to restart
Jan  2 03:04:05 h systemd[1]: php.service: A process of this unit has been killed by the OOM killer.
Jan  2 03:04:05 h app[1]: INFO spawned: 'not' with pid 1
Jan  2 03:04:05 h chat[1]: mysqld_safe mysqld restarted said someone
30,5,6,-;systemd[1]: kmsg.service: Scheduled restart job, restart counter is at 1.
",
    );
    let restarts: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Restart(restart) => Some((restart.by.as_str(), restart.what.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(
        restarts,
        [
            ("mysqld_safe", "mysqld"),
            ("mysqld_safe", "mysqld"),
            ("mysqld_safe", "mysqld"),
            ("systemd", "mariadb.service"),
            ("systemd", "old.service"),
            ("supervisord", "app"),
            ("init", "mysql"),
            ("monit", "nginx"),
            ("systemd", "kmsg.service"),
        ]
    );
    let hit = events.iter().find_map(|event| match event {
        Event::UnitHit(hit) => Some((hit.unit.as_str(), hit.host.as_deref())),
        _ => None,
    });
    assert_eq!(hit, Some(("php.service", Some("h"))));
}

#[test]
fn stamps() {
    let stamp = |prefix: &str| {
        let line = format!("{prefix}Killed process 6 (x) total-vm:4kB, anon-rss:3kB, file-rss:2kB");
        killed(&line).stamp
    };
    assert_eq!(stamp("[12345.000042] ").boot_micros, Some(12_345_000_042));
    let wall = stamp("Feb 29 23:59:60 h kernel: ").wall.unwrap();
    assert_eq!((wall.year, wall.month, wall.day, wall.second), (None, 2, 29, 60));
    assert_eq!(wall.zone, Zone::Local);
    let wall = stamp("2023-12-31T23:59:59.5-03:30 h kernel: [    1.000000] ").wall.unwrap();
    assert_eq!((wall.year, wall.micros, wall.zone), (Some(2023), 500_000, Zone::Offset(-210)));
    for (date, month, day) in [
        ("[Di Aug 12 03:54:03 2025] ", 8, 12),
        ("[Mo Dez  1 03:54:03 2025] ", 12, 1),
        ("[lun. févr. 3 03:54:03 2025] ", 2, 3),
        ("[mar. juin 3 03:54:03 2025] ", 6, 3),
        ("[五 12月 5 03:54:03 2025] ", 12, 5),
        ("[2025年 12月  5日 金曜日 03:54:03 JST] ", 12, 5),
        ("[Fri Dec  5 03:54:03 2025] ", 12, 5),
        ("[pią paź  3 03:54:03 2025] ", 10, 3),
        ("[mar mar  4 03:54:03 2025] ", 3, 4),
        ("[2025-12-05T03:54:03] ", 12, 5),
    ] {
        let wall = stamp(date).wall.unwrap_or_else(|| panic!("{date}"));
        assert_eq!((wall.year, wall.month, wall.day), (Some(2025), month, day), "{date}");
        assert_eq!((wall.hour, wall.minute, wall.second), (3, 54, 3), "{date}");
    }
    assert_eq!(stamp("[?? ??? 12 03:54:03 2025] ").wall, None);
    let wall = stamp("1700000000.25 h kernel: ").wall.unwrap();
    assert_eq!((wall.year, wall.month, wall.day, wall.hour), (Some(2023), 11, 14, 22));
    assert_eq!((wall.minute, wall.second, wall.micros), (13, 20, 250_000));
}

#[test]
fn logs_of_machines_that_died_and_of_clouds() {
    let kill = "Killed process 6 (x) total-vm:4kB, anon-rss:3kB, file-rss:2kB";
    let zeros = "\0".repeat(200_000);
    let report = one(&format!("{zeros}Jan  2 03:04:05 h kernel: [   1.000000] {kill}\n"));
    assert_eq!((report.host.as_deref(), report.kills[0].pid), (Some("h"), 6));
    assert_eq!(killed(&format!("\u{feff}[    1.000000] {kill}")).pid, 6);
    let object = format!(
        "{{\"host\":\"h\",\"message\":\"[    1.000000] Out of memory: {kill}\",\"time\":\
         \"2023-01-02T03:04:05Z\"}}\n"
    );
    let report = one(&object);
    assert_eq!((report.host.as_deref(), report.scope), (Some("h"), Scope::Global));
    assert_eq!(report.stamp.boot_micros, Some(1_000_000));
    assert_eq!(report.stamp.wall.unwrap().year, Some(2023));
}
