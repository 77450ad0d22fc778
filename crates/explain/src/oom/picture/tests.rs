//! No texts meet, documents are well-formed, strangers' names stay names, and bars are to scale.

use std::path::Path;

use menshen_explain_core::oom::{Collector, report};
use menshen_guard_core::oom::{
    Event, Kill, Limits, MemoryState, Name, Reader, Restart, Scope, Stamp, Task, Wall, Zone,
};

use super::sheet::{Head, narrow, wide};
use super::*;
use crate::picture::proof::{meet, well_formed};

/// The night a log tells.
fn recorded(name: &str) -> Night {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guard-core/tests/data");
    let bytes = std::fs::read(folder.join(format!("{name}.kmsg"))).unwrap();
    let mut collector = Collector::new();
    let mut reader = Reader::new(Limits::default());
    collector.log();
    collector.source(name.to_owned(), 0, None);
    reader.push(&bytes, &mut |event| collector.event(event));
    let summary = reader.finish(&mut |event| collector.event(event));
    collector.end(&summary);
    collector.night()
}

/// So many seconds after ten in the evening.
fn at(seconds: u32) -> Stamp {
    let all = 22 * 3600 + seconds;
    let part = |value: u32| u8::try_from(value).unwrap();
    let wall = Wall {
        year: Some(2026),
        month: 3,
        day: part(1 + all / 86_400),
        hour: part(all / 3600 % 24),
        minute: part(all / 60 % 60),
        second: part(all % 60),
        micros: 0,
        zone: Zone::Local,
    };
    Stamp { boot_micros: None, wall: Some(wall) }
}

/// Thirty machines on one host: the log daemon dies first, the database again and again, machines
/// in between, and long after all of it once more.
fn thirty_machines(vm: &str) -> Night {
    let mut collector = Collector::new();
    collector.log();
    collector.source("kern.log".into(), 0, None);
    let mut line = 0;
    let mut alive: Vec<u32> = (0..30).map(|number| 2000 + number * 11).collect();
    for step in 0..36_u32 {
        let seconds = if step < 30 { step * 47 } else { step * 47 + 40_000 };
        let stamp = at(seconds);
        let (pid, name) = match step {
            0 => (801, "rsyslogd"),
            _ if step % 5 == 2 => (5000 + step, "mysqld"),
            _ => (alive.remove(0), vm),
        };
        let task = |pid, name: &str, rss_pages| Task {
            pid,
            tgid: pid,
            rss_pages,
            page_table_bytes: Some(4 << 20),
            swap_pages: Some(100),
            name: Name { text: name.into(), forged: false },
            ..Task::default()
        };
        let mut tasks = vec![task(801, "rsyslogd", 90_000), task(5000 + step, "mysqld", 3_000_000)];
        tasks.extend(alive.iter().map(|pid| task(*pid, vm, u64::from(400_000 + pid * 10))));
        if name == vm {
            tasks.push(task(pid, vm, 500_000));
        }
        tasks.extend((0..20).map(|n| task(100 + n, &format!("daemon-{n}"), u64::from(n) * 800)));
        let rss = tasks.iter().find(|task| task.pid == pid).unwrap().rss_pages * 4;
        line += 100;
        collector.event(Event::Report(Box::new(menshen_guard_core::oom::Report {
            stamp,
            scope: Scope::Global,
            memory: Some(MemoryState {
                ram_pages: Some(16 << 20),
                free_pages: Some(30_000),
                file_pages: Some(8000),
                shmem_pages: Some(900_000),
                slab_unreclaimable_pages: Some(70_000),
                swap_total_kib: Some(8 << 20),
                swap_free_kib: Some(0),
                ..MemoryState::default()
            }),
            tasks,
            kills: vec![Kill {
                pid,
                name: Name { text: name.into(), forged: false },
                stamp,
                line,
                lines: 1,
                anon_rss_kib: Some(rss),
                ..Kill::default()
            }],
            ..menshen_guard_core::oom::Report::default()
        })));
        if name == "mysqld" {
            let stamp = at(seconds + 9);
            let (by, what) = ("mysqld_safe".to_owned(), "mysqld".to_owned());
            collector.event(Event::Restart(Restart { line: line + 50, stamp, by, what }));
        }
    }
    collector.night()
}

fn nights() -> Vec<(&'static str, Night)> {
    let mut nights: Vec<(&str, Night)> = [
        ("single", "ours-6.18-memcgv1-single"),
        ("nested", "ours-6.18-memcgv1-nested-3kills"),
        ("storm", "ours-6.18-storm-ratelimited"),
        ("global", "ours-uml6.1-global-oomgroup-sysrq"),
        ("hostile", "ours-6.18-hostile-comm-shmem"),
    ]
    .map(|(name, file)| (name, recorded(file)))
    .into();
    nights.push(("thirty", thirty_machines("VBoxHeadless")));
    nights.push(("evil", thirty_machines(EVIL)));
    nights.push(("empty", Night::default()));
    nights
}

#[test]
fn no_texts_meet_and_all_are_on_the_sheet() {
    for (name, night) in nights() {
        let scene = Scene::of(&night, &report(&night));
        for head in [Head::Drawn, Head::Left] {
            for (sheet, width) in [(narrow(&scene, head), NARROW), (wide(&scene, head), WIDE)] {
                assert_eq!(meet(&sheet.areas), [], "{name}");
                for area in &sheet.areas {
                    let inside = area.left >= 0 && area.right <= width && area.top >= 0;
                    assert!(inside && area.bottom <= sheet.height, "{name}: {area:?} of {width}");
                }
            }
        }
    }
}

#[test]
fn documents_are_well_formed_and_draw_pictures() {
    for (name, night) in nights() {
        let report = report(&night);
        let (svg, html) = (svg(&night, &report), html(&night, &report));
        well_formed(&svg, &[]);
        let (before, after) = html.split_once("<style>").unwrap();
        let after = after.split_once("</style>").unwrap().1;
        well_formed(&format!("{before}{after}"), &["meta", "br", "!DOCTYPE"]);
        if let Some(folder) = std::env::var_os("PICTURES") {
            std::fs::write(Path::new(&folder).join(format!("{name}.svg")), svg).unwrap();
            std::fs::write(Path::new(&folder).join(format!("{name}.html")), html).unwrap();
        }
    }
}

#[test]
fn names_of_strangers_stay_names() {
    let night = thirty_machines(EVIL);
    let report = report(&night);
    for shown in [svg(&night, &report), html(&night, &report)] {
        assert!(!shown.contains("<b onload") && shown.contains("&lt;b onload=&quot;x&quot;"));
        assert!(shown.chars().all(|c| c == '\n' || !c.is_control()) && !shown.contains('\u{202e}'));
    }
}

#[test]
fn the_night_of_thirty_machines_is_told_in_lanes_and_bars() {
    let night = thirty_machines("VBoxHeadless");
    let scene = Scene::of(&night, &report(&night));
    let lanes: Vec<(&str, usize, usize)> = scene
        .lanes
        .iter()
        .map(|lane| (&*lane.label, lane.kills.len(), lane.restarts.len()))
        .collect();
    assert_eq!(lanes, [("rsyslogd", 1, 0), ("VBoxHeadless", 28, 0), ("mysqld", 7, 7)]);
    assert_eq!(scene.axis.breaks.len(), 1, "{:?}", scene.axis);
    assert_eq!(scene.bars.len(), 36);
    let third = &scene.bars[2];
    assert_eq!(third.title, "3. mysqld (pid 5002) killed, 11 GiB (16 %)");
    assert_eq!(third.more, "2026-03-01 22:01:34, the machine, 72 GiB in all");
    assert_eq!((third.whole_kib, third.limit.is_none()), (72 << 20, true));
    let killed: Vec<(&str, u64)> = third
        .parts
        .iter()
        .filter(|part| part.killed)
        .map(|part| (&*part.label, part.kib))
        .collect();
    assert_eq!(killed, [("mysqld", 12_000_000 + 400 + 4096)]);
    assert!(third.parts.iter().any(|part| part.label == "29 × VBoxHeadless" && !part.killed));
    // Only what is large has a colour.
    assert!(scene.legend.iter().all(|(_, text)| !text.starts_with("daemon")), "{:?}", scene.legend);
}

#[test]
fn bars_are_to_scale_and_a_limit_stands_where_it_is() {
    let night = recorded("ours-6.18-memcgv1-nested-3kills");
    let scene = Scene::of(&night, &report(&night));
    let bar = &scene.bars[0];
    let (limit, words) = bar.limit.as_ref().unwrap();
    assert_eq!(words, &format!("limit {} MiB", limit / 1024));
    let drawn = narrow(&scene, Head::Left).body;
    let number = |text: &str, name: &str| -> i64 {
        let (_, rest) = text.split_once(&format!(" {name}=\"")).unwrap();
        rest.split('"').next().unwrap().parse().unwrap()
    };
    // Those of the legend are squares.
    let parts: Vec<&str> = drawn
        .split("<rect class=\"part ")
        .skip(1)
        .filter(|part| number(part, "height") > 20)
        .collect();
    let whole = i64::from(NARROW - 2 * crate::picture::MARGIN);
    let expected = bar.parts.iter().map(|part| {
        i64::try_from(part.kib * u64::try_from(whole).unwrap() / bar.whole_kib).unwrap()
    });
    for (part, expected) in parts.iter().zip(expected.filter(|units| *units > 0)) {
        assert!((number(part, "width") - expected).abs() <= 1, "{part} {expected}");
    }
}

const EVIL: &str = "<b onload=\"x\" '&]]>\u{202e}\u{1b}[";
