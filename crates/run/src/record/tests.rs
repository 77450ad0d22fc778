//! Facts and last words as they are read back, also from a file that was broken.

use proptest::prelude::*;

use super::*;

fn facts(name: &str) -> Facts {
    let own = std::process::id();
    Facts {
        name: name.to_owned(),
        supervisor_pid: own,
        supervisor_start_ticks: Stat::read(own).unwrap().start_ticks,
        pid: Some(own),
        command: command(&["sh".as_ref(), "-c".as_ref(), "\u{1}".repeat(3000).as_ref()]),
        phase: Phase::Running,
        began_unix_ms: 5,
        started_unix_ms: 6,
        ended_unix_ms: None,
        restarts: 0,
        last_end: None,
        exit_code: None,
        stuck_bytes: 0,
        memory_max_bytes: None,
        memory_kills: 0,
    }
}

fn one(folder: &Path) -> RunView {
    let [run] = &list(folder).unwrap()[..] else { panic!("not one run") };
    run.clone()
}

#[test]
fn facts_are_read_back_and_a_broken_slot_leaves_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut facts = facts("a");
    assert!(facts.command[2].ends_with('…') && facts.command[2].len() < COMMAND_BYTES_MAX + 8);
    let (mut record, path) = Record::create(folder.path(), &facts).unwrap();
    assert_eq!((one(folder.path()).facts, one(folder.path()).view), (facts.clone(), View::Alive));
    let first = facts.clone();
    facts.restarts = 7;
    record.facts(&facts).unwrap();
    assert_eq!(one(folder.path()).facts, facts);
    // As a writer that was killed in the middle would leave it.
    record.file.write_all_at(b"xx", SLOTS[1] + 40).unwrap();
    assert_eq!(one(folder.path()).facts, first);
    record.file.write_all_at(b"xx", SLOTS[0] + 40).unwrap();
    assert!(list(folder.path()).unwrap().is_empty());
    std::fs::write(&path, "short").unwrap();
    assert!(list(folder.path()).unwrap().is_empty());
}

#[test]
fn a_supervisor_that_is_gone_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let mut facts = facts("a");
    facts.supervisor_start_ticks += 1;
    let (mut record, _) = Record::create(folder.path(), &facts).unwrap();
    assert_eq!(one(folder.path()).view, View::Lost);
    facts.phase = Phase::Ended;
    record.facts(&facts).unwrap();
    assert_eq!(one(folder.path()).view, View::Ended);
}

#[test]
fn old_runs_are_cleaned_and_living_ones_stay() {
    let folder = tempfile::tempdir().unwrap();
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(25 * 3600);
    for (name, ticks) in [("lives", 0), ("old", 1), ("young", 1)] {
        let mut facts = facts(name);
        facts.supervisor_start_ticks += ticks;
        let (record, _) = Record::create(folder.path(), &facts).unwrap();
        if name != "young" {
            record.file.set_modified(long_ago).unwrap();
        }
    }
    folder::clean(folder.path());
    let mut left: Vec<_> = list(folder.path()).unwrap().into_iter().map(|r| r.facts.name).collect();
    left.sort();
    assert_eq!(left, ["lives", "young"]);
}

#[test]
fn folders_of_others_are_refused() {
    use std::os::unix::fs::PermissionsExt;
    let base = tempfile::tempdir().unwrap();
    let ours = base.path().join("menshen/runs");
    folder::make(&ours).unwrap();
    folder::make(&ours).unwrap();
    std::fs::set_permissions(&ours, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert!(folder::make(&ours).is_err(), "others may look into it");
    let link = base.path().join("link");
    std::os::unix::fs::symlink("/nonexistent", &link).unwrap();
    assert!(folder::make(&link).is_err());
    let open = base.path().join("open/runs");
    folder::make(&open).unwrap();
    let above = base.path().join("open");
    std::fs::set_permissions(&above, std::fs::Permissions::from_mode(0o777)).unwrap();
    assert!(folder::make(&open).is_err(), "others may put another one in its place");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn last_words_are_the_end_of_what_was_said(
        lengths in proptest::collection::vec(
            prop_oneof![0..200_usize, 60_000..70_000_usize, Just(65_536), Just(131_073)], 0..8),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (mut record, _) = Record::create(folder.path(), &facts("a")).unwrap();
        let mut said: Vec<u8> = Vec::new();
        for (number, length) in lengths.into_iter().enumerate() {
            let byte = |at: usize| (at * 31 + number).to_le_bytes()[0];
            let chunk: Vec<u8> = (0..length).map(byte).collect();
            record.output(&chunk).unwrap();
            said.extend(chunk);
        }
        let run = one(folder.path());
        prop_assert_eq!(run.output_bytes, said.len() as u64);
        prop_assert_eq!(run.last_words().unwrap(), &said[said.len().saturating_sub(RING_LEN)..]);
    }
}
