//! What is promised is told if it happened, and only then; whoever dies in between.

use std::collections::BTreeSet;
use std::path::Path;

use rustix::fs::open;

use super::*;
use crate::event::Kind;
use crate::hook::Settings;

fn outbox(dir: &Path) -> Outbox {
    let folder = open(dir, OFlags::DIRECTORY | OFlags::RDONLY, Mode::empty()).unwrap();
    Outbox::new(folder, Flush::Yes)
}

fn hook(url: &str) -> Hook {
    let on = vec![Kind::Created, Kind::Finished, Kind::Deleted];
    Hook::new(Settings { url: url.into(), on, timeout_s: 1, ..Settings::default() }).unwrap()
}

fn events(outbox: &Outbox, hooks: &[Hook]) -> Vec<(String, String)> {
    let keys: Vec<String> = hooks.iter().map(|hook| hook.key.clone()).collect();
    let seen = outbox.look(&keys, &BTreeSet::new()).unwrap();
    let mut all: Vec<_> = seen.fresh.into_iter().collect();
    all.sort_by(|one, other| one.name.cmp(&other.name));
    all.into_iter().map(|one| (one.name.key.clone(), one.envelope.path)).collect()
}

/// As if the process had been killed here: its locks go, its files stay.
fn die(promise: Promise) {
    promise.leave();
}

#[test]
fn what_is_kept_waits_for_each_receiver_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let (outbox, hooks) = (outbox(dir.path()), [hook("http://a/"), hook("http://b/")]);
    for path in ["/1", "/2", "/3"] {
        outbox.put(&hooks, &Event::new(Kind::Finished, path.as_bytes())).unwrap();
    }
    for hook in &hooks {
        let all = events(&outbox, &hooks);
        let paths: Vec<_> = all.iter().filter(|(key, _)| *key == hook.key).collect();
        assert_eq!(
            paths.iter().map(|(_, path)| path.as_str()).collect::<Vec<_>>(),
            ["/1", "/2", "/3"]
        );
    }
    assert_eq!(outbox.recover(&|_, _| panic!("nothing is open")).unwrap(), 0);
}

#[test]
fn nothing_is_written_when_nobody_wants_it_or_it_did_not_happen() {
    let dir = tempfile::tempdir().unwrap();
    let (outbox, hooks) = (outbox(dir.path()), [hook("http://a/")]);
    let event = Event::new(Kind::Finished, b"/x");
    assert!(outbox.promise(&[], &event, Proof::Gone).unwrap().is_none());
    drop(outbox.promise(&hooks, &event, Proof::Gone).unwrap());
    assert!(events(&outbox, &hooks).is_empty());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_dead_promise_is_kept_if_it_happened() {
    let dir = tempfile::tempdir().unwrap();
    let (outbox, hooks) = (outbox(dir.path()), [hook("http://a/")]);
    let stands = Proof::Stands { device: 1, inode: 2 };
    for (path, proof) in [("/yes", stands), ("/no", stands), ("/gone", Proof::Gone)] {
        let event = Event::new(Kind::Finished, path.as_bytes());
        die(outbox.promise(&hooks, &event, proof).unwrap().unwrap());
    }
    let alive = Event::new(Kind::Finished, b"/alive");
    let alive = outbox.promise(&hooks, &alive, stands).unwrap().unwrap();
    let happened = |path: &str, proof: Proof| match proof {
        Proof::Stands { device: 1, inode: 2 } => path == "/yes",
        Proof::Gone => path == "/gone",
        other => panic!("{other:?} of {path}"),
    };
    assert_eq!(outbox.recover(&happened).unwrap(), 2);
    let told: BTreeSet<String> =
        events(&outbox, &hooks).into_iter().map(|(_, path)| path).collect();
    assert_eq!(told, BTreeSet::from(["/yes".into(), "/gone".into()]));
    // Whoever lives settles it alone.
    alive.keep();
    assert_eq!(events(&outbox, &hooks).len(), 3);
    assert_eq!(outbox.recover(&|_, _| panic!("all is settled")).unwrap(), 0);
}

#[test]
fn one_delivers_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (outbox(dir.path()), outbox(dir.path()));
    let held = one.hold().unwrap().unwrap();
    assert!(other.hold().unwrap().is_none());
    drop(held);
    assert!(other.hold().unwrap().is_some());
}

#[test]
fn attempts_and_setting_aside_are_names() {
    let dir = tempfile::tempdir().unwrap();
    let (outbox, hooks) = (outbox(dir.path()), [hook("http://a/")]);
    outbox.put(&hooks, &Event::new(Kind::Finished, b"/x")).unwrap();
    let keys = [hooks[0].key.clone()];
    let look = || outbox.look(&keys, &BTreeSet::new()).unwrap();
    let name = look().waiting.pop_first().unwrap();
    let name = outbox.again(&outbox.again(&name));
    assert_eq!((name.attempts, look().waiting.pop_first().unwrap()), (2, name.clone()));
    assert_eq!(Name::parse(&name.to_string()), Some(name.clone()));
    outbox.set_aside(&name);
    let seen = look();
    assert_eq!((seen.waiting.len(), seen.total, seen.aside), (0, 0, 1));
}

#[test]
fn a_damaged_file_and_foreign_names_stop_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (outbox, hooks) = (outbox(dir.path()), [hook("http://a/")]);
    let damaged = Name::first(7, "ab", &hooks[0].key).to_string();
    for name in [damaged.as_str(), "x.event", "1-2-3-4.event", "..event", "zz.intent", "a.failed"] {
        std::fs::write(dir.path().join(name), b"{").unwrap();
    }
    outbox.put(&hooks, &Event::new(Kind::Finished, b"/x")).unwrap();
    assert_eq!(outbox.recover(&|_, _| true).unwrap(), 0);
    assert_eq!(events(&outbox, &hooks).len(), 1);
    assert_eq!(outbox.look(&[], &BTreeSet::new()).unwrap().aside, 2, "set aside, not lost");
}
