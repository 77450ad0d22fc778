//! What is believed and what is not: forged names and lines, programs that quote the kernel, other
//! lives of a machine.

use menshen_guard_core::oom::{Event, Limits, Reader, Report, Summary};

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

#[test]
fn hostile_names_do_not_move_the_fields() {
    for name in [
        "a,uid=0",
        ") total-vm:9kB",
        "x (y)",
        "(sd-pam)",
        "a) score 9 or",
        ",task=b,pid=1",
        "]: x",
        "), UID 0, tot",
        "oom-kill:",
        "Killed process",
        "%s%n",
        "  ",
        "-",
        "task=",
    ] {
        let log = format!(
            "\
4,1,5000000,-;{name} invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
4,2,5000001,-;CPU: 1 UID: 0 PID: 55 Comm: {name} Not tainted 6.18.0 #1
6,3,5000002,-;[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name
6,4,5000003,-;[     44]    12    44      648      365    45056        0           300 {name}
6,5,5000004,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/c,mems_allowed=0,\
oom_memcg=/a,task_memcg=/a/b,task={name},pid=44,uid=12
3,6,5000005,-;Memory cgroup out of memory: Killed process 44 ({name}) total-vm:4kB, anon-rss:3kB, \
file-rss:2kB, shmem-rss:1kB, UID:12 pgtables:52kB oom_score_adj:300
6,7,5000006,-;oom_reaper: reaped process 44 ({name}), now anon-rss:8kB, file-rss:0kB, shmem-rss:1kB
"
        );
        let report = one(&log);
        let kill = &report.kills[0];
        assert_eq!(report.kills.len(), 1, "{name}");
        assert_eq!((kill.pid, kill.uid, kill.adj), (44, Some(12), Some(300)), "{name}");
        assert_eq!((kill.total_vm_kib, kill.anon_rss_kib), (Some(4), Some(3)), "{name}");
        assert_eq!(kill.name.text, name);
        assert_eq!(kill.reaped.unwrap().anon_rss_kib, 8, "{name}");
        assert_eq!(report.tasks[0].name.text, name);
        assert_eq!((report.tasks[0].uid, report.tasks[0].adj), (12, 300), "{name}");
        assert_eq!(report.cgroup.as_ref().unwrap().path, "/a", "{name}");
        assert_eq!(report.task_cgroup.as_deref(), Some("/a/b"), "{name}");
        assert_eq!(report.kernel.as_deref(), Some("6.18.0"), "{name}");
        let plain = ["x (y)", "(sd-pam)", "]: x", "%s%n", "  ", "-", "a) score 9 or"];
        assert_eq!(kill.name.forged, !plain.contains(&name), "{name}");
        if name.trim() == name {
            let invoker = report.invoker.as_ref().unwrap();
            assert_eq!((invoker.name.text.as_str(), invoker.pid), (name, Some(55)));
        }
    }
}

#[test]
fn a_clock_that_goes_back_is_another_life() {
    let kill = |t: u32, pid: u32| {
        format!(
            "[{t:5}.000000] Out of memory: Killed process {pid} (x) total-vm:1kB, \
             anon-rss:1kB, file-rss:1kB\n"
        )
    };
    let log = [kill(5_000, 9), kill(5_001, 9), kill(60, 9)].concat();
    let (events, summary) = read(&log);
    assert_eq!(summary.kills, 3);
    assert!(matches!(&events[0], Event::Report(report) if report.kills[0].lines == 2));
    assert!(matches!(&events[1], Event::Boot(boot) if boot.kernel.is_none() && boot.line == 3));
    assert!(matches!(&events[2], Event::Report(report) if report.kills[0].lines == 1));
    // The same pid much later is another process.
    let log = [kill(5_000, 9), kill(9_000, 9)].concat();
    assert_eq!(reports(&log).len(), 2);
}

#[test]
fn what_must_not_be_believed() {
    let kill = "Killed process 66 (x) total-vm:4kB, anon-rss:3kB, file-rss:2kB";
    for (line, foreign, forged) in [
        (format!("Jan  2 03:04:05 h myapp[123]: {kill}"), 1, 0),
        (format!("Jan  2 03:04:05 h myapp: Out of memory: {kill}"), 1, 0),
        (format!("2023-01-02T03:04:05+01:00 h myapp[1]: {kill}"), 1, 0),
        (format!("<14>1 2023-01-02T03:04:05Z h myapp 12 - - {kill}"), 1, 0),
        (format!("Jan  2 03:04:05 h user.notice myapp: {kill}"), 1, 0),
        (format!("[   12.345678] myapp[12]: {kill}"), 1, 0),
        (format!("<12>[   12.345678] {kill}"), 0, 1),
        (format!("user  :warn  : [   12.345678] {kill}"), 0, 1),
        (format!("12,77,1000000,-;{kill}"), 0, 1),
        (format!("12,77,1000000,-;myapp: {kill}"), 0, 1),
        (format!("12,77,1000000,-;myapp[3]: {kill}"), 1, 0),
        (
            format!(
                "{{\"_TRANSPORT\":\"syslog\",\"SYSLOG_IDENTIFIER\":\"kernel\",\
                 \"MESSAGE\":\"{kill}\"}}"
            ),
            0,
            1,
        ),
        (
            format!(
                "{{\"_TRANSPORT\":\"kernel\",\"SYSLOG_FACILITY\":\"1\",\"MESSAGE\":\"{kill}\"}}"
            ),
            0,
            1,
        ),
        (
            format!(
                "{{\"_TRANSPORT\":\"stdout\",\"SYSLOG_IDENTIFIER\":\"app\",\"MESSAGE\":\"{kill}\"}}"
            ),
            1,
            0,
        ),
        (format!("we saw: {kill}"), 0, 0),
        (format!("\"{kill}\""), 0, 0),
    ] {
        let (events, summary) = read(&format!("{line}\n"));
        assert_eq!(events, [], "{line}");
        assert_eq!((summary.foreign, summary.forged), (foreign, forged), "{line}");
        assert_eq!(summary.kills, 0, "{line}");
    }
    for line in [
        "Killed process",
        "Killed process x (y)",
        "Killed process 99999999999999999999 (y)",
        "oom-kill:nothing",
        "Out of memory: Killed by the user",
        "Memory cgroup out of memory: nothing",
        "oom_reaper: reaped process",
        "someone invoked oom-killer",
        "Tasks in /a are going home",
    ] {
        assert_eq!(read(line).0, [], "{line}");
    }
}

#[test]
fn page_allocation_failures_are_no_reports() {
    let log = "\
kworker/0:1: page allocation failure: order:4, mode:0x40cc0(GFP_KERNEL|__GFP_COMP)
CPU: 1 PID: 77 Comm: kworker/0:1 Not tainted 6.1.0 #1
Mem-Info:
active_anon:5 inactive_anon:6 isolated_anon:0
Free swap  = 0kB
4115400 pages RAM
";
    assert_eq!(read(log).0, []);
}
