//! Shapes in which logs are found in public places: quoted, numbered, run together, newest line
//! first, from telephones and routers. The words and numbers are our own.

use menshen_guard_core::oom::{Event, KillForm, Limits, Reader, Report, Scope, Zone};

fn read(log: &str) -> Vec<Event> {
    let mut events = Vec::new();
    let mut reader = Reader::new(Limits::ORDINARY);
    reader.push(log.as_bytes(), &mut |event| events.push(event));
    reader.finish(&mut |event| events.push(event));
    events
}

fn reports(log: &str) -> Vec<Report> {
    let found = read(log).into_iter().filter_map(|event| match event {
        Event::Report(report) => Some(*report),
        _ => None,
    });
    found.collect()
}

fn one(log: &str) -> Report {
    let mut found = reports(log);
    assert_eq!(found.len(), 1, "{log}\n{found:#?}");
    found.remove(0)
}

const KILL: &str = "Out of memory: Killed process 6 (x) total-vm:4kB, anon-rss:3kB, file-rss:2kB";

#[test]
fn zones_of_all_journals() {
    for (zone, minutes) in [
        ("+0200", 120),
        ("-0330", -210),
        ("+02:00", 120),
        ("-03:30", -210),
        ("+02", 120),
        ("+0000", 0),
        ("Z", 0),
    ] {
        let report = one(&format!("2023-12-31T23:59:58{zone} web kernel: {KILL}\n"));
        assert_eq!(report.kills[0].pid, 6, "{zone}");
        assert_eq!(report.stamp.wall.unwrap().zone, Zone::Offset(minutes), "{zone}");
        assert_eq!(report.host.as_deref(), Some("web"), "{zone}");
    }
    let report = one(&format!("2023-12-31T23:59:58 web kernel: {KILL}\n"));
    assert_eq!(report.stamp.wall.unwrap().zone, Zone::Local);
}

#[test]
fn quoted_and_numbered() {
    for prefix in [
        "> ",
        "> > ",
        ">> ",
        ">",
        ">>> [   12.000042] ",
        "> Feb  3 04:05:06 web kernel: ",
        "    ",
        "\t",
        "**",
        "  17. <4>[   12.000042] ",
        "job-1  | Feb  3 04:05:06 web kernel: [   12.000042] ",
        "/var/log/kern.log.1:88:Feb  3 04:05:06 web kernel: ",
        "Jan  1 00:00:09 (none) kern.err kernel: [    9.000042] ",
        "Jan  1 00:00:09 (none) user.err kernel: [    9.000042] ",
        "[3-0912.4711] ",
        "[   12.000042]  (1)[71:kswapd0]",
        "[   12.000042] -(1)[71:kswapd0]",
        "[   12.000042] [1:        kswapd0:   71] ",
        "[   12.000042] I[1:        kswapd0:   71] ",
    ] {
        for end in ["\n", "\r\n", "**\n", ""] {
            let report = one(&format!("{prefix}{KILL}{end}"));
            assert_eq!(report.kills.len(), 1, "{prefix}");
            assert_eq!((report.kills[0].pid, report.scope), (6, Scope::Global), "{prefix}");
            assert_eq!(report.kills[0].anon_rss_kib, Some(3), "{prefix}");
        }
    }
    for line in [
        "> web app[12]: ",
        "- ",
        "> we read: ",
        "Jan  1 00:00:09 (none) user.err app: ",
        "[   12.000042] [ 71] ",
        "[   12.000042] (1) ",
    ] {
        assert_eq!(reports(&format!("{line}{KILL}\n")), [], "{line}");
    }
}

#[test]
fn rows_of_a_table_are_no_prefix() {
    let report = one("\
[   12.000042] [ pid ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name
[   12.000043] [   71]     0    71     4000      300    40960        0             0 a:9
[   12.000044] [    6]     0     6     4000      300    40960        0             0 x
[   12.000045] Out of memory: Killed process 6 (x) total-vm:16000kB, anon-rss:3kB, file-rss:2kB
");
    assert_eq!(report.tasks.len(), 2);
}

#[test]
fn a_verdict_and_an_announcement_are_one_kill() {
    let log = |victim: u32| {
        format!(
            "[ 20.000001] oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,\
             mems_allowed=0,global_oom,task_memcg=/,task=cook,pid=40,uid=3\n\
             [ 20.000002] Out of memory: Kill process 40 (cook) score 41 or sacrifice child\n\
             [ 20.000003] Killed process {victim} (cook) total-vm:9kB, anon-rss:8kB, file-rss:0kB\n"
        )
    };
    let report = one(&log(40));
    let kill = &report.kills[0];
    assert_eq!((report.kills.len(), kill.pid, kill.lines), (1, 40, 1));
    assert_eq!((kill.score, kill.uid, kill.form), (Some(41), Some(3), KillForm::Killed));
    let report = one(&log(44));
    assert_eq!((report.kills.len(), report.kills[0].pid), (1, 44), "a child died instead");
}

#[test]
fn newest_line_first_counts_each_kill_once() {
    let found = reports(
        "\
Feb  3 04:05:06 web kernel: oom_reaper: reaped process 6 (x), now anon-rss:0kB, file-rss:0kB, \
shmem-rss:0kB
Feb  3 04:05:06 web kernel: Out of memory: Killed process 6 (x) total-vm:4kB, anon-rss:3kB, \
file-rss:2kB
Feb  3 04:05:06 web kernel: oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,\
mems_allowed=0,global_oom,task_memcg=/a,task=x,pid=6,uid=7
Feb  3 04:05:05 web kernel: y invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, \
oom_score_adj=0
Feb  3 01:02:03 web kernel: Out of memory: Killed process 5 (x) total-vm:4kB, anon-rss:3kB, \
file-rss:2kB
",
    );
    let mut pids = Vec::new();
    for report in &found {
        for kill in &report.kills {
            pids.push((kill.pid, kill.lines));
            assert!(report.invoker.is_none(), "another night's invoker: {report:#?}");
        }
    }
    assert_eq!(pids, [(6, 1), (5, 1)]);
}

#[test]
fn lines_that_a_console_ran_together() {
    let report = one("Killed process 6 (x)Out of memory: kill process 7 (y) score 8 or a child\n");
    assert_eq!((report.kills[0].pid, report.kills[0].name.text.as_str()), (6, "x"));
    let report = one("\
Out of memory: Killed process 6 (x) total-vm:4kB, anon-rss:3kB, file-rss:2kBOut of memory: \
Killed process 7 (y) total-vm:14kB, anon-rss:13kB, file-rss:12kB
");
    let kill = &report.kills[0];
    assert_eq!((kill.pid, kill.name.text.as_str(), kill.anon_rss_kib), (6, "x", Some(3)));
    // A name that fits is believed to its last bracket.
    let report = one("Killed process 6 (a) b) c) total-vm:4kB, anon-rss:3kB, file-rss:2kB\n");
    assert_eq!(report.kills[0].name.text, "a) b) c");
}

#[test]
fn androids_own_killer() {
    let found = reports(
        "\
<6>[   99.000001] lowmemorykiller: Killing 'm.example.notes' (812), adj 906,
<6>[   99.000001]    to free 7120kB on behalf of 'kswapd0' (71) because
<6>[   99.000001]    cache 91kB is below limit 92kB for oom_score_adj 906
<6>[   99.500001] lowmemorykiller: Killing 'it's (1), adj 5' (813) (tgid 813), adj -12,
",
    );
    let kills: Vec<_> = found.iter().flat_map(|report| &report.kills).collect();
    let told: Vec<_> = kills.iter().map(|kill| (kill.pid, &*kill.name.text, kill.adj)).collect();
    assert_eq!(told, [(812, "m.example.notes", Some(906)), (813, "it's (1), adj 5", Some(-12))]);
    assert!(found.iter().all(|report| report.scope == Scope::Global));
    let daemon = "02-03 04:05:06.789   11   11 I lowmemorykiller: Kill 'a.b' (9), uid 1, adj 0\n";
    assert_eq!(reports(daemon), []);
    assert_eq!(reports("Feb  3 04:05:06 h lmk[3]: lowmemorykiller: Killing 'a' (9), adj 1,\n"), []);
}

#[test]
fn systemd_of_2016_waits_for_its_hold_off() {
    let log = "Feb  3 04:05:06 h systemd[1]: a.service: Service hold-off time over, scheduling \
               restart.\n";
    let restarts: Vec<_> = read(log)
        .into_iter()
        .filter_map(|event| match event {
            Event::Restart(restart) => Some((restart.by, restart.what)),
            _ => None,
        })
        .collect();
    assert_eq!(restarts, [("systemd".to_owned(), "a.service".to_owned())]);
}
