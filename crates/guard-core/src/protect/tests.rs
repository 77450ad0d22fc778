//! Cases: who gets which score with and without the right, and what children get.

use alloc::vec;

use proptest::prelude::*;

use super::*;

fn rule(score: i32, children: Inherit) -> Rule {
    Rule { name: "a".into(), unit: None, score, children }
}

const fn process(pid: u32, parent: u32, score: i32, rule: Option<usize>) -> Process {
    Process { pid, start_ticks: 1000 + pid as u64, parent, score, rule }
}

/// Changes as `pid: from -> to`.
fn changes(plan: &Plan) -> Vec<(u32, i32, i32)> {
    plan.changes.iter().map(|change| (change.pid, change.from, change.to)).collect()
}

#[test]
fn a_named_program_gets_its_score_where_that_is_permitted() {
    use Permission::{Absolute, RaiseOnly};
    // wanted, has, allowed, change to, refused
    let table = [
        (-500, 0, Absolute, Some(-500), false),
        (-500, -500, Absolute, None, false),
        (-500, -900, Absolute, Some(-500), false),
        (300, 0, Absolute, Some(300), false),
        (-500, 0, RaiseOnly, None, true),
        (-500, 200, RaiseOnly, Some(0), true),
        (-500, -500, RaiseOnly, None, false),
        (-500, -900, RaiseOnly, Some(-500), false),
        (-500, -100, RaiseOnly, None, true),
        (300, 0, RaiseOnly, Some(300), false),
        (300, 900, RaiseOnly, Some(300), false),
        (0, 900, RaiseOnly, Some(0), false),
    ];
    for (wanted, has, allowed, to, refused) in table {
        let rules = [rule(wanted, Inherit::Reset)];
        let plan = Memory::new().plan(&[process(10, 1, has, Some(0))], &rules, allowed);
        let expected: Vec<_> = to.map(|to| (10, has, to)).into_iter().collect();
        assert_eq!(changes(&plan), expected, "{wanted} {has} {allowed:?}");
        assert_eq!(!plan.refusals.is_empty(), refused, "{wanted} {has} {allowed:?}");
    }
}

#[test]
fn a_refusal_names_the_setting_that_gives_it() {
    let mut unit = rule(-500, Inherit::Reset);
    unit.unit = Some("mariadb.service".into());
    let plan = Memory::new().plan(&[process(10, 1, 0, Some(0))], &[unit], Permission::RaiseOnly);
    let hint = &plan.refusals[0].hint;
    assert!(
        hint.contains("systemctl edit mariadb.service") && hint.contains("OOMScoreAdjust=-500")
    );
}

#[test]
fn nobody_who_is_not_named_is_touched() {
    let others: Vec<Process> =
        (0..50).map(|n| process(n, n / 2, [0, -900, 400][n as usize % 3], None)).collect();
    for allowed in [Permission::Absolute, Permission::RaiseOnly] {
        let plan = Memory::new().plan(&others, &[rule(-500, Inherit::Reset)], allowed);
        assert_eq!(plan.changes, []);
        assert_eq!(plan.missing, vec![0]);
    }
}

#[test]
fn children_get_what_the_program_had_before() {
    let rules = [rule(-500, Inherit::Reset)];
    let mut memory = Memory::new();
    let first = memory.plan(&[process(10, 1, 150, Some(0))], &rules, Permission::Absolute);
    assert_eq!(changes(&first), [(10, 150, -500)]);
    let family = [
        process(10, 1, -500, Some(0)),
        process(11, 10, -500, None),
        // A grandchild, through one that chose a value of its own.
        process(12, 10, -200, None),
        process(13, 12, -500, None),
        process(14, 10, 30, None),
        // Of another family.
        process(15, 1, -500, None),
    ];
    let plan = memory.plan(&family, &rules, Permission::Absolute);
    assert_eq!(changes(&plan), [(11, -500, 150), (13, -500, 150)]);
    assert!(plan.changes.iter().all(|change| change.why == Why::Inherited(0)));
}

#[test]
fn children_of_a_program_that_had_it_already_get_zero_and_kept_ones_stay() {
    let family = [process(10, 1, -500, Some(0)), process(11, 10, -500, None)];
    let reset = Memory::new().plan(&family, &[rule(-500, Inherit::Reset)], Permission::RaiseOnly);
    assert_eq!(changes(&reset), [(11, -500, 0)], "raising needs no right");
    let keep = Memory::new().plan(&family, &[rule(-500, Inherit::Keep)], Permission::RaiseOnly);
    assert_eq!(keep.changes, []);
}

#[test]
fn a_number_that_is_another_s_by_now_is_known() {
    let rules = [rule(-500, Inherit::Reset)];
    let mut memory = Memory::new();
    memory.plan(&[process(10, 1, 150, Some(0))], &rules, Permission::Absolute);
    let later = Process { start_ticks: 9, ..process(10, 1, -500, Some(0)) };
    let plan = memory.plan(&[later, process(11, 10, -500, None)], &rules, Permission::Absolute);
    assert_eq!(changes(&plan), [(11, -500, 0)], "not the 150 of the one before");
    assert_eq!(memory.saved().count(), 1);
}

#[test]
fn inherited_immunity_is_told_of_those_who_only_inherited() {
    let rules = [rule(-500, Inherit::Keep)];
    let all = [
        process(1, 0, -900, None),
        // A child of PID 1 has its score of its unit.
        process(5, 1, -900, None),
        process(6, 5, -900, None),
        process(7, 6, -100, None),
        process(10, 1, -500, Some(0)),
        process(11, 10, -500, None),
        process(12, 5, 0, None),
    ];
    assert_eq!(inherited_immunity(&all, &rules), [(6, 5)]);
}

#[test]
fn a_ring_of_parents_ends() {
    let ring = [process(10, 11, -5, None), process(11, 10, -5, None)];
    Memory::new().plan(&ring, &[rule(-5, Inherit::Reset)], Permission::Absolute);
    assert_eq!(inherited_immunity(&ring, &[]).len(), 2);
}

#[test]
fn patterns_match_the_whole_line() {
    let table: [(&str, &str, bool); 12] = [
        ("/usr/sbin/mysqld*", "/usr/sbin/mysqld --port=1", true),
        ("/usr/sbin/mysqld", "/usr/sbin/mysqld --port=1", false),
        ("*mysqld", "/usr/sbin/mysqld", true),
        ("*a*b*", "xxaxxbxx", true),
        ("*a*b", "xxaxxbxx", false),
        ("a?c", "abc", true),
        ("a?c", "ac", false),
        ("", "", true),
        ("*", "", true),
        ("a", "", false),
        ("*aab", "aaaab", true),
        ("a**b", "ab", true),
    ];
    for (pattern, text, expected) in table {
        assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
    }
}

/// The rule said plainly, exponential.
fn plainly(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            plainly(rest, text)
                || text.split_first().is_some_and(|(_, text)| plainly(pattern, text))
        }
        (Some((wanted, rest)), Some((byte, text))) if *wanted == b'?' || wanted == byte => {
            plainly(rest, text)
        }
        _ => false,
    }
}

proptest! {
    #[test]
    fn patterns_are_as_said_plainly(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
        let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
        prop_assert_eq!(matches(pattern, text), plainly(pattern, text));
    }

    #[test]
    fn any_processes_are_planned(
        processes in proptest::collection::vec(
            (0u32..30, 0u32..30, -1000i32..=1000, 0usize..4),
            0..40,
        ),
    ) {
        let all: Vec<Process> = processes.iter().map(|(pid, parent, score, named)| {
            process(*pid, *parent, *score, (*named < 2).then_some(*named))
        }).collect();
        let rules = [rule(-500, Inherit::Reset), rule(100, Inherit::Keep)];
        let plan = Memory::new().plan(&all, &rules, Permission::RaiseOnly);
        for change in &plan.changes {
            prop_assert!(change.to >= change.from.min(0), "lowered below 0 without the right");
            prop_assert!((-1000..=1000).contains(&change.to));
        }
    }
}
