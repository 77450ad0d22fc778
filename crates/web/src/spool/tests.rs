//! Tests of uploads on a real file system: what is visible when, who wins, what is left over.

use std::process::{Command, Stdio};
use std::sync::Barrier;

use super::*;
use crate::fixture::{Fixture, Mounted, age, names, open_root};

fn begin(made: &Fixture, path: &str) -> Upload {
    made.spool().begin(path.as_bytes(), None, 0, Digests::default(), None).unwrap()
}

fn promised(line: &str) -> Digests {
    let mut digests = Digests::default();
    digests.add_line(line.as_bytes()).unwrap();
    digests
}

fn fill(spool: &Spool, path: &str, content: &[u8]) -> Upload {
    let mut upload = spool.begin(path.as_bytes(), None, 0, Digests::default(), None).unwrap();
    upload.write(content).unwrap();
    upload
}

#[test]
fn nothing_is_visible_before_it_is_published() {
    let made = Fixture::new();
    made.file("old", "old");
    for (path, replaced) in [("/new", false), ("/old", true), ("/a/b/deep", false)] {
        let mut upload = begin(&made, path);
        upload.write(b"new ").unwrap();
        upload.write(b"content").unwrap();
        let target = made.path(&path[1..]);
        let before = std::fs::read(&target).ok();
        assert_eq!(before, replaced.then(|| b"old".to_vec()), "{path}");
        assert_eq!(made.spooled().len(), 1);
        let published = made.spool().publish(upload, &Expect::Anything).unwrap();
        assert_eq!(published.replaced, replaced, "{path}");
        assert_eq!((published.stat.st_size, published.digest), (11, None));
        assert_eq!(std::fs::read(&target).unwrap(), b"new content");
        assert!(made.spooled().is_empty());
    }
}

#[test]
fn a_dropped_upload_leaves_nothing() {
    let made = Fixture::new();
    let mut upload = begin(&made, "/file");
    upload.write(b"half").unwrap();
    drop(upload);
    let mut parked = begin(&made, "/other");
    parked.write(b"whole").unwrap();
    parked.park().unwrap();
    assert_eq!(made.spooled().len(), 1);
    drop(parked);
    assert!(made.spooled().is_empty());
    assert_eq!(names(&made.path("")), [SPOOL]);
}

#[test]
fn a_parked_upload_holds_no_descriptor_and_is_published_whole() {
    let made = Fixture::new();
    let mut upload = begin(&made, "/file");
    upload.write(b"parked").unwrap();
    upload.park().unwrap();
    assert!(upload.file.is_none());
    made.spool().publish(upload, &Expect::Nothing).unwrap();
    assert_eq!(std::fs::read(made.path("file")).unwrap(), b"parked");
}

#[test]
fn what_is_too_short_or_too_long_is_refused() {
    let made = Fixture::new();
    let none = Digests::default;
    let spool = made.spool();
    assert_eq!(spool.begin(b"/f", Some(11), 10, none(), None).unwrap_err(), Fault::TooLarge);
    let mut upload = spool.begin(b"/f", None, 10, none(), None).unwrap();
    upload.write(b"0123456789").unwrap();
    assert_eq!(upload.write(b"x"), Err(Fault::TooLarge));
    drop(upload);
    let mut upload = spool.begin(b"/f", Some(5), 0, none(), None).unwrap();
    upload.write(b"four").unwrap();
    let refused = spool.publish(upload, &Expect::Anything).unwrap_err();
    assert_eq!(refused.status(), 400);
    let everything = u64::MAX / 2;
    let refused = spool.begin(b"/f", Some(everything), 0, none(), None).unwrap_err();
    assert_eq!(refused, Fault::Full);
    assert!(made.spooled().is_empty() && !made.path("f").exists());
}

#[test]
fn reserving_ahead_changes_neither_size_nor_content() {
    let made = Fixture::new();
    let content = vec![7; usize::try_from(3 * RESERVE_MIN).unwrap()];
    let size = Some(content.len() as u64);
    let mut upload = made.spool().begin(b"/file", size, 0, Digests::default(), None).unwrap();
    for piece in content.chunks(10_000) {
        upload.write(piece).unwrap();
    }
    assert_eq!(upload.reserve.reserved > 0, reserves(&upload.place.folder));
    made.spool().publish(upload, &Expect::Anything).unwrap();
    assert_eq!(std::fs::read(made.path("file")).unwrap(), content);
}

#[test]
fn digests_are_checked_and_told() {
    // Published test vectors of "abc" (FIPS 180-2, in base64).
    let sha256 = "sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:";
    let sha512 = "sha-512=:3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV\
        05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw==:";
    let both = format!("{sha256}, {sha512}");
    let made = Fixture::new();
    for line in [sha256, sha512, both.as_str()] {
        for (content, expected) in [("abc", true), ("abd", false), ("", false)] {
            let mut upload = made.spool().begin(b"/f", None, 0, promised(line), None).unwrap();
            for byte in content.bytes() {
                upload.write(&[byte]).unwrap();
            }
            let published = made.spool().publish(upload, &Expect::Anything);
            assert_eq!(published.as_ref().err().copied(), (!expected).then_some(Fault::Digest));
        }
    }
    for (algorithm, expected) in [(Algorithm::Sha256, sha256), (Algorithm::Sha512, sha512)] {
        let mut upload =
            made.spool().begin(b"/f", None, 0, Digests::default(), Some(algorithm)).unwrap();
        upload.write(b"abc").unwrap();
        upload.park().unwrap();
        let published = made.spool().publish(upload, &Expect::Anything).unwrap();
        assert_eq!(published.digest.as_deref(), Some(expected.as_bytes()));
    }
}

#[test]
fn of_racing_creations_one_wins() {
    for _ in 0..20 {
        let made = Fixture::new();
        assert_eq!(race(&made, Expect::Nothing).won, 1);
    }
}

#[test]
fn of_racing_replacements_one_wins() {
    for _ in 0..20 {
        let made = Fixture::new();
        made.file("raced", "before");
        let seen = Seen::of(&made.root().look(b"/raced").unwrap().unwrap());
        assert_eq!(race(&made, Expect::Same(Some(seen))).won, 1);
    }
}

#[test]
fn racing_uploads_without_conditions_never_mix() {
    let made = Fixture::new();
    for _ in 0..20 {
        let race = race(&made, Expect::Anything);
        assert_eq!((race.won + race.busy, race.late), (8, 0));
    }
}

/// How eight racing uploads ended.
struct Race {
    won: usize,
    /// Refused by their condition: another one was first.
    late: usize,
    /// Refused because the folder was locked too long: a slow disk under all the other tests.
    busy: usize,
}

/// Eight uploads to one file at once; the file is one of theirs, whole.
fn race(made: &Fixture, expect: Expect) -> Race {
    let start = Barrier::new(8);
    let (start, spool) = (&start, made.spool());
    let ends: Vec<(u8, Result<(), Fault>)> = std::thread::scope(|scope| {
        let one = |number: u8| {
            scope.spawn(move || {
                let upload = fill(spool, "/raced", &[number; 1000]);
                start.wait();
                (number, spool.publish(upload, &expect).map(drop))
            })
        };
        let all: Vec<_> = (0..8).map(one).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let content = std::fs::read(made.path("raced")).unwrap();
    assert!(ends.contains(&(content[0], Ok(()))));
    assert_eq!(content, [content[0]; 1000]);
    assert!(made.spooled().is_empty());
    let count = |end: Result<(), Fault>| ends.iter().filter(|(_, one)| *one == end).count();
    let race = Race {
        won: count(Ok(())),
        late: count(Err(Fault::Precondition)),
        busy: count(Err(Fault::Busy)),
    };
    assert_eq!(race.won + race.late + race.busy, 8);
    race
}

#[test]
fn what_stands_in_the_way_stays() {
    let made = Fixture::new();
    made.file("folder/file", "kept");
    made.file("file", "kept");
    let spool = made.spool();
    let refused = spool.publish(fill(spool, "/folder", b"x"), &Expect::Anything).unwrap_err();
    assert_eq!(refused, Fault::IsDirectory);
    let refused = spool.publish(fill(spool, "/file", b"x"), &Expect::Nothing).unwrap_err();
    assert_eq!(refused, Fault::Precondition);
    let refused = spool.begin(b"/file/below", None, 0, Digests::default(), None).unwrap_err();
    assert_eq!(refused, Fault::NotDirectory);
    assert_eq!(std::fs::read(made.path("file")).unwrap(), b"kept");
    assert_eq!(std::fs::read(made.path("folder/file")).unwrap(), b"kept");
    assert!(made.spooled().is_empty());
}

#[test]
fn a_folder_deleted_meanwhile_is_made_again() {
    let made = Fixture::new();
    std::fs::create_dir(made.path("folder")).unwrap();
    let upload = fill(made.spool(), "/folder/file", b"content");
    std::fs::remove_dir(made.path("folder")).unwrap();
    made.spool().publish(upload, &Expect::Anything).unwrap();
    assert_eq!(std::fs::read(made.path("folder/file")).unwrap(), b"content");
}

#[test]
fn a_link_is_replaced_and_its_target_kept() {
    let made = Fixture::new();
    made.file("target", "kept");
    std::os::unix::fs::symlink("target", made.path("link")).unwrap();
    let published = made.spool().publish(fill(made.spool(), "/link", b"new"), &Expect::Anything);
    assert!(published.unwrap().replaced);
    assert_eq!(std::fs::read(made.path("target")).unwrap(), b"kept");
    assert_eq!(std::fs::read(made.path("link")).unwrap(), b"new");
}

#[test]
fn leftovers_are_collected_and_uploads_in_progress_are_not() {
    let made = Fixture::new();
    let mut gone = Command::new("true").stdout(Stdio::null()).spawn().unwrap();
    let dead = gone.id();
    gone.wait().unwrap();
    let mut runs = Command::new("sleep").arg("60").spawn().unwrap();
    let (alive, own) = (runs.id(), std::process::id());
    let rows = [
        (format!("cafe-{dead}-0"), 0, false),
        (format!("cafe-{alive}-0"), 9000, true),
        (format!("cafe-{own}-7"), 9000, true),
        (format!("dead-{dead}-0"), 0, false),
        (format!("dead-{own}-0"), 0, false),
        (format!("dead-{alive}-0"), 0, true),
        (format!("dead-{alive}-1"), 9000, false),
        ("cafe".to_owned(), 0, false),
        ("cafe-0-1".to_owned(), 0, false),
        ("cafe--1-1".to_owned(), 0, false),
        ("cafe-99999999999999999999-1".to_owned(), 0, false),
        ("anything else".to_owned(), 0, false),
    ];
    let folder = made.path(SPOOL);
    for (name, seconds, _) in &rows {
        std::fs::write(folder.join(name), "left").unwrap();
        age(&folder.join(name), *seconds);
    }
    let mut kept: Vec<&str> = rows.iter().filter(|row| row.2).map(|row| row.0.as_str()).collect();
    kept.sort_unstable();
    let removed = made.spool().collect();
    runs.kill().unwrap();
    runs.wait().unwrap();
    assert_eq!(made.spooled(), kept);
    assert_eq!(removed, rows.len() - kept.len());
}

#[test]
fn a_name_left_by_a_predecessor_is_passed_over() {
    let made = Fixture::new();
    let own = std::process::id();
    for number in 0..5 {
        std::fs::write(made.path(SPOOL).join(format!("cafe-{own}-{number}")), "left").unwrap();
    }
    let upload = fill(made.spool(), "/file", b"content");
    made.spool().publish(upload, &Expect::Nothing).unwrap();
    assert_eq!(std::fs::read(made.path("file")).unwrap(), b"content");
    assert_eq!(std::fs::read(made.path(SPOOL).join(format!("cafe-{own}-3"))).unwrap(), b"left");
}

#[test]
fn other_mounts_have_a_spool_of_their_own_at_their_top() {
    let made = Fixture::new();
    std::fs::create_dir_all(made.path("memory")).unwrap();
    std::fs::create_dir_all(made.path("bound")).unwrap();
    std::fs::create_dir_all(made.path("real")).unwrap();
    let source = made.path("real");
    let Some(_memory) = Mounted::memory(&made.path("memory"), 8 << 20) else { return };
    let bind = ["--bind", source.to_str().unwrap()];
    let Some(_bound) = Mounted::new(&made.path("bound"), &bind) else { return };
    for top in ["memory", "bound"] {
        std::fs::create_dir_all(made.path(top).join("a/b")).unwrap();
        let spool = made.path(top).join(SPOOL);
        std::fs::create_dir(&spool).unwrap();
        std::fs::write(spool.join("dead-1999999999-0"), "left").unwrap();
        for path in [format!("/{top}/a/b/file"), format!("/{top}/file"), format!("/{top}/n/f")] {
            let upload = fill(made.spool(), &path, b"content");
            assert_eq!(names(&spool).len(), 1, "{path}: a leftover remains or nothing is spooled");
            made.spool().publish(upload, &Expect::Nothing).unwrap();
            assert_eq!(std::fs::read(made.path(&path[1..])).unwrap(), b"content");
        }
        assert!(names(&spool).is_empty());
        assert_eq!(names(&made.path(top).join("a/b")), ["file"]);
    }
    assert!(!fill(made.spool(), "/memory/x", b"").reserve.works, "memory needs no reserved blocks");
}

#[test]
fn a_full_disk_keeps_the_old_file_and_nothing_else() {
    let made = Fixture::new();
    let Some(_mounted) = Mounted::memory(&made.path(""), 1 << 20) else { return };
    let root = Arc::new(open_root(&made.path("")));
    let spool = Spool::open(Arc::clone(&root), "cafe", true);
    spool.publish(fill(&spool, "/file", b"old"), &Expect::Nothing).unwrap();
    let announced = spool.begin(b"/file", Some(4 << 20), 0, Digests::default(), None);
    assert_eq!(announced.unwrap_err(), Fault::Full);
    let mut upload = spool.begin(b"/file", None, 0, Digests::default(), None).unwrap();
    let piece = [7; 64 << 10];
    let fault = (0..100).find_map(|_| upload.write(&piece).err());
    assert_eq!(fault, Some(Fault::Full));
    drop(upload);
    assert!(names(&made.path(SPOOL)).is_empty());
    assert_eq!(std::fs::read(made.path("file")).unwrap(), b"old");
    spool.publish(fill(&spool, "/file", &piece), &Expect::Anything).unwrap();
}
