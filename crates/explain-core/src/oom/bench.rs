//! Hand-made events for the tests of rules: short to write, and of the shape the reader gives.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use menshen_base::Finding;
use menshen_guard_core::oom::{
    CgroupState, Event, Invoker, Kill, MemoryState, Name, Report, Restart, Scope, Span, Stamp,
    Summary, Task, Wall, Zone,
};

use super::{Collector, Night, report};

pub(super) fn name(text: &str) -> Name {
    Name { text: text.into(), forged: false }
}

/// Seconds after 03:00 of a day.
pub(super) fn at(seconds: u32) -> Stamp {
    let wall = Wall {
        year: Some(2026),
        month: 3,
        day: 15,
        hour: u8::try_from(3 + seconds / 3600).unwrap(),
        minute: u8::try_from(seconds / 60 % 60).unwrap(),
        second: u8::try_from(seconds % 60).unwrap(),
        micros: 0,
        zone: Zone::Local,
    };
    Stamp { boot_micros: Some(1_000_000_000 + u64::from(seconds) * 1_000_000), wall: Some(wall) }
}

/// A process of so many MiB.
pub(super) fn task(pid: u32, text: &str, mib: u64) -> Task {
    let (rss_pages, total_vm_pages) = (mib * 256, mib * 512);
    Task { pid, tgid: pid, name: name(text), rss_pages, total_vm_pages, ..Task::default() }
}

pub(super) fn immune(pid: u32, text: &str, mib: u64) -> Task {
    Task { adj: -1000, ..task(pid, text, mib) }
}

pub(super) fn kill(pid: u32, text: &str, mib: u64, line: u64, stamp: Stamp) -> Kill {
    Kill {
        pid,
        name: name(text),
        stamp,
        line,
        lines: 1,
        total_vm_kib: Some(mib * 2048),
        anon_rss_kib: Some(mib * 1024),
        file_rss_kib: Some(0),
        shmem_rss_kib: Some(0),
        ..Kill::default()
    }
}

/// A machine of so many MiB, nothing free, no swap.
pub(super) fn memory(mib: u64) -> MemoryState {
    MemoryState {
        ram_pages: Some(mib * 256),
        reserved_pages: Some(0),
        free_pages: Some(mib),
        anon_pages: Some(mib * 240),
        file_pages: Some(0),
        shmem_pages: Some(0),
        slab_unreclaimable_pages: Some(mib),
        slab_reclaimable_pages: Some(0),
        page_table_pages: Some(mib),
        swap_total_kib: Some(0),
        swap_free_kib: Some(0),
        ..MemoryState::default()
    }
}

/// A report about the machine: who asked, the table, and who was killed (0: nobody).
pub(super) fn global(line: u64, seconds: u32, invoker: &str, tasks: Vec<Task>, pid: u32) -> Report {
    let victim = tasks.iter().find(|task| task.tgid == pid);
    let kills = victim
        .map(|task| kill(pid, &task.name.text, task.rss_pages / 256, line + 90, at(seconds)))
        .into_iter()
        .collect();
    Report {
        span: Span { first_line: line, last_line: line + 90 },
        stamp: at(seconds),
        invoker: Some(Invoker {
            name: name(invoker),
            pid: Some(77),
            order: Some(0),
            adj: Some(0),
            ..Invoker::default()
        }),
        scope: Scope::Global,
        memory: Some(memory(4096)),
        tasks,
        kills,
        ..Report::default()
    }
}

/// The same about a group with a limit of so many MiB.
pub(super) fn group(line: u64, seconds: u32, path: &str, mib: u64, tasks: Vec<Task>) -> Report {
    let pid = tasks.first().map_or(0, |task| task.tgid);
    Report {
        scope: Scope::Cgroup,
        memory: None,
        task_cgroup: Some(path.into()),
        cgroup: Some(CgroupState {
            path: path.into(),
            usage_kib: Some(mib * 1024),
            limit_kib: Some(mib * 1024),
            ..CgroupState::default()
        }),
        ..global(line, seconds, "asker", tasks, pid)
    }
}

pub(super) fn reported(report: Report) -> Event {
    Event::Report(Box::new(report))
}

pub(super) fn restart(line: u64, seconds: u32, by: &str, what: &str) -> Event {
    Event::Restart(Restart { line, stamp: at(seconds), by: by.into(), what: what.into() })
}

/// The night of one log.
pub(super) fn night(events: Vec<Event>) -> Night {
    let mut collector = Collector::new();
    collector.log();
    collector.source("syslog".into(), 0, None);
    for event in events {
        collector.event(event);
    }
    collector.end(&Summary { lines: 10_000, ..Summary::default() });
    collector.night()
}

pub(super) fn findings(events: Vec<Event>) -> Vec<Finding> {
    report(&night(events)).findings
}

/// The finding of a code; a test ends here where it is missing.
pub(super) fn finding(events: Vec<Event>, code: &str) -> Finding {
    let all = findings(events);
    let found = all.iter().find(|finding| finding.code == code).cloned();
    found.unwrap_or_else(|| panic!("no {code} among {:?}", codes(&all)))
}

pub(super) fn codes(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(|finding| finding.code).collect()
}

/// Thirty guests hold nearly all, a log daemon dies first, a database is killed whenever its
/// wrapper has started it again.
pub(super) fn the_night() -> Vec<Event> {
    let table = |mysqld: u32, rsyslogd: bool| {
        let mut tasks: Vec<Task> =
            (0..30).map(|number| task(2000 + number, "VBoxHeadless", 125)).collect();
        if rsyslogd {
            tasks.push(Task { adj: 300, ..task(400, "rsyslogd", 20) });
        }
        tasks.push(task(500, "mysqld_safe", 1));
        tasks.push(task(mysqld, "mysqld", 200));
        tasks.push(task(600, "sshd", 1));
        tasks
    };
    let mut events = Vec::new();
    events.push(reported(global(100, 5, "VBoxHeadless", table(3000, true), 400)));
    for number in 0..4_u32 {
        let (line, seconds) = (300 + u64::from(number) * 200, 60 + number * 240);
        let pid = 3000 + number;
        events.push(reported(global(line, seconds, "VBoxHeadless", table(pid, false), pid)));
        events.push(restart(line + 100, seconds + 2, "mysqld_safe", "mysqld"));
    }
    events
}

pub(super) fn headline(events: Vec<Event>) -> String {
    report(&night(events)).headline
}
