//! Sentences as an operator reads them.
use alloc::vec;

use menshen_guard_core::oom::{Event, Report, Scope, Span, UnitHit};

use super::super::bench::{at, global, group, headline, kill, reported, task};

#[test]
fn no_kill_is_said_so() {
    assert_eq!(headline(vec![]), "no out-of-memory kill in 10000 lines");
    let cut = Report { scope: Scope::Global, cut_end: true, ..Report::default() };
    let text = "the machine ran out of memory, but the log names no kill (10000 lines)";
    assert_eq!(headline(vec![reported(cut)]), text);
}

#[test]
fn what_systemd_saw_is_not_lost() {
    let unit = "mariadb.service".into();
    let hit = Event::UnitHit(UnitHit { line: 5, stamp: at(5), host: None, unit });
    let text = headline(vec![hit]);
    assert!(text.starts_with("systemd says that a process of mariadb.service was"), "{text}");
}

#[test]
fn one_kill_two_kills_and_many() {
    let one = || global(1, 1, "x", vec![task(9, "hog", 3800), task(8, "y", 100)], 9);
    assert_eq!(headline(vec![reported(one())]), "hog was killed because it held 93 % of memory");
    let two = global(200, 4, "x", vec![task(8, "y", 100), task(7, "z", 3)], 8);
    assert_eq!(
        headline(vec![reported(one()), reported(two)]),
        "hog and y were killed in 3 s because hog held 93 % of memory"
    );
    let workers = (0..9).map(|number| {
        let tasks = (0..9).map(|other| task(100 + number * 10 + other, "w", 7)).collect();
        reported(group(1 + u64::from(number) * 50, number, "/g", 64, tasks))
    });
    assert_eq!(
        headline(workers.collect()),
        "9 w processes were killed in 8 s because 9 w processes held 98 % of the limit of /g \
         (64 MiB)"
    );
}

#[test]
fn other_places_are_named_and_nothing_is_made_up() {
    let bare = Report { kills: vec![kill(5, "x", 1, 3, at(1))], stamp: at(1), ..Report::default() };
    let text = "x was killed for want of memory; the log does not say what held it";
    assert_eq!(headline(vec![reported(bare.clone())]), text);
    let events = vec![
        reported(group(100, 1, "/g", 64, vec![task(9, "hog", 60), task(8, "y", 1)])),
        reported(group(200, 9, "/g", 64, vec![task(19, "hog", 60), task(18, "y", 1)])),
        reported(Report { scope: Scope::Manual, ..bare }),
    ];
    assert_eq!(
        headline(events),
        "hog was killed twice in 8 s because it held 94 % of the limit of /g (64 MiB); besides: x \
         by hand (sysrq-f)"
    );
}

#[test]
fn kill_lines_of_a_storm_belong_to_the_only_group_that_killed() {
    let whole = |number: u32| {
        let tasks = vec![task(100 + number, "w", 63)];
        reported(group(1 + u64::from(number) * 50, number, "/g", 64, tasks))
    };
    let bare = |number: u32, name: &str| {
        let (line, stamp) = (1 + u64::from(number) * 50, at(number));
        let kills = vec![kill(100 + number, name, 63, line, stamp)];
        let span = Span { first_line: line, last_line: line };
        reported(Report { span, stamp, kills, scope: Scope::Cgroup, ..Report::default() })
    };
    let text = "4 w processes were killed in 3 s because each held 98 % of the limit of /g (64 \
                MiB) in its turn";
    let mixed = headline(vec![whole(0), bare(1, "w"), bare(2, "w"), whole(3)]);
    assert_eq!(mixed, text);
    // Of another name, or with two groups, nobody knows.
    let other = headline(vec![whole(0), bare(1, "w"), bare(2, "x")]);
    assert!(other.contains("at a control group's limit; the log does not say"), "{other}");
}
