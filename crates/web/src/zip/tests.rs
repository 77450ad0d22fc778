//! Tests of `zip`: what is walked through, and that every stretch is the same bytes.

use std::io::{Seek, Write};
use std::os::unix::fs::symlink;

use menshen_web_core::head::Interest;
use proptest::prelude::*;

use super::*;
use crate::fixture::{Fixture, Lines, TOKEN, age};
use crate::plan::{Patience, Plan};

fn question(made: &Fixture, target: &str, lines: &[&str]) -> Box<Question> {
    let token = format!("Authorization: Bearer {TOKEN}");
    let lines = Lines::of(&[&[token.as_str()], lines].concat());
    let ask = lines.ask("GET", target);
    assert!(ask.interest.has(Interest::AUTHORIZATION));
    match made.door.plan(&ask, Patience::Once) {
        Plan::Zip(question) => question,
        other => panic!("{other:?}"),
    }
}

fn put(made: &Fixture, target: &str) -> Answer {
    question(made, target, &[]).put(&made.door.shared).unwrap()
}

fn refused(made: &Fixture, target: &str) -> (u16, String) {
    let reply = question(made, target, &[]).put(&made.door.shared).unwrap_err();
    (reply.status, String::from_utf8(reply.body.bytes().to_vec()).unwrap())
}

fn names(answer: &Answer) -> Vec<&str> {
    answer.archive.layout.entries().iter().map(|entry| &*entry.name).collect()
}

/// Everything of a source, in steps of `step` bytes, and how many pieces of work it took.
fn drain(mut source: Source, step: usize) -> std::io::Result<(Vec<u8>, usize)> {
    let (mut all, mut works) = (Vec::new(), 0);
    let mut room = vec![0; step];
    loop {
        match source.fill(&mut room)? {
            Next::Bytes(count) => all.extend_from_slice(&room[..count]),
            Next::Work(work) => {
                works += 1;
                source.learn(work.run()?);
            }
            Next::End => return Ok((all, works)),
        }
    }
}

fn stretch(answer: &Answer, start: u64, end: u64) -> std::io::Result<(Vec<u8>, usize)> {
    let source = Source::new(Arc::clone(&answer.archive), ByteRange { start, end });
    drain(source, 7)
}

fn whole(answer: &Answer) -> std::io::Result<Vec<u8>> {
    stretch(answer, 0, answer.archive.length()).map(|(bytes, _)| bytes)
}

/// The tag's field as the lines say it.
fn tag(answer: &Answer) -> String {
    let lines = String::from_utf8(answer.lines.clone()).unwrap();
    lines.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned()
}

#[test]
fn what_a_request_would_get_is_in_it_and_nothing_else() {
    let made = Fixture::new();
    for name in ["b/z.txt", "b/a/deep", "top", "ä 語.txt", ".menshen-own/x"] {
        made.file(name, "0123456789");
    }
    std::fs::create_dir(made.path("empty")).unwrap();
    symlink("top", made.path("link")).unwrap();
    symlink("b", made.path("link-to-folder")).unwrap();
    symlink("../..", made.path("b/up")).unwrap();
    symlink("/etc/passwd", made.path("out")).unwrap();
    std::fs::write(made.path("back\\slash"), "x").unwrap();
    std::fs::write(made.path("new\nline"), "x").unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, made.path("fifo"), 0o600.into()).unwrap();
    let all = ["b/", "b/a/", "b/a/deep", "b/z.txt", "empty/", "link", "top", "ä 語.txt"];
    assert_eq!(names(&put(&made, "/?zip")), all);
    assert_eq!(names(&put(&made, "/b/?zip")), ["a/", "a/deep", "z.txt"]);
    // By name also what a link leads to; twice is once.
    let chosen = put(&made, "/?zip&name=top&name=link-to-folder&name=top");
    let expected = ["link-to-folder/", "link-to-folder/a/", "link-to-folder/a/deep"];
    assert_eq!(names(&chosen), [&expected[..], &["link-to-folder/z.txt", "top"]].concat());
    assert_eq!(names(&put(&made, "/?zip&name=%C3%A4+%E8%AA%9E.txt")), ["ä 語.txt"]);
    assert_eq!(refused(&made, "/?zip&name=fifo").0, 404);
    assert_eq!(refused(&made, "/?zip&name=out").0, 404);
}

#[test]
fn too_many_and_too_deep_are_refused_before_anything_is_sent() {
    let mut made = Fixture::new();
    let door = std::rc::Rc::get_mut(&mut made.door).unwrap();
    door.limits.zip_entries_max = 3;
    made.file("a/1", "x");
    made.file("a/2", "x");
    assert_eq!(names(&put(&made, "/?zip")).len(), 3);
    made.file("a/3", "x");
    let (status, text) = refused(&made, "/?zip");
    assert!(status == 422 && text.contains("zip_entries_max"), "{status} {text}");
    assert_eq!(names(&put(&made, "/a/?zip")).len(), 3);
    let made = Fixture::new();
    made.file(&format!("{}x", "d/".repeat(64)), "x");
    assert_eq!(names(&put(&made, "/?zip")).len(), 65);
    made.file(&format!("{}x", "d/".repeat(65)), "x");
    let (status, text) = refused(&made, "/?zip");
    assert!(status == 422 && text.contains("deep"), "{status} {text}");
}

#[test]
fn the_tag_follows_what_the_bytes_follow_from() {
    let made = Fixture::new();
    made.file("a", "0123456789");
    made.file("f/b", "0123456789");
    age(&made.path("f"), 60);
    let first = tag(&put(&made, "/?zip"));
    assert!(first.starts_with("\"zip-"), "strong: {first}");
    assert_eq!(tag(&put(&made, "/?zip")), first);
    let mut seen = vec![first];
    let mut changed = |what: &str| {
        let now = tag(&put(&made, "/?zip"));
        assert!(!seen.contains(&now), "{what}");
        seen.push(now);
    };
    age(&made.path("a"), 50);
    changed("a time");
    made.file("a", "01234567890");
    changed("a size");
    std::fs::rename(made.path("a"), made.path("c")).unwrap();
    changed("a name");
    std::fs::remove_file(made.path("f/b")).unwrap();
    changed("one less");
    std::fs::create_dir(made.path("g")).unwrap();
    changed("a folder more");
}

#[test]
fn a_resume_needs_the_tag_that_still_is() {
    let made = Fixture::new();
    made.file("a", "0123456789");
    let first = tag(&put(&made, "/?zip"));
    let asked = |if_range: &str| {
        let if_range = format!("If-Range: {if_range}");
        let lines = ["Range: bytes=20-", if_range.as_str()];
        let answer = question(&made, "/?zip", &lines).put(&made.door.shared).unwrap();
        (answer.status, answer.range.start)
    };
    assert_eq!(asked(&first), (206, 20));
    assert_eq!(asked("\"zip-other\""), (200, 0));
    assert_eq!(asked("Sat, 29 Oct 2044 19:43:31 GMT"), (200, 0));
    made.file("a", "01234567890");
    assert_eq!(asked(&first), (200, 0));
}

#[test]
fn a_file_that_is_another_one_ends_it() {
    let made = Fixture::new();
    let path = made.path("a");
    let answer = || {
        source::forget();
        made.file("a", "0123456789");
        put(&made, "/?zip")
    };
    let kind = |answer: &Answer| whole(answer).unwrap_err().kind();
    let gone = answer();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(kind(&gone), std::io::ErrorKind::UnexpectedEof, "gone");
    let shorter = answer();
    std::fs::write(&path, "012345678").unwrap();
    assert_eq!(kind(&shorter), std::io::ErrorKind::UnexpectedEof, "shorter");
    let replaced = answer();
    std::fs::write(made.path("new"), "0123456789").unwrap();
    std::fs::rename(made.path("new"), &path).unwrap();
    assert_eq!(kind(&replaced), std::io::ErrorKind::UnexpectedEof, "replaced");
}

#[test]
fn a_file_that_grew_is_sent_as_long_as_it_was_and_never_continued() {
    let made = Fixture::new();
    made.file("a", "0123456789");
    source::forget();
    let answer = put(&made, "/?zip");
    let before = whole(&answer).unwrap();
    let mut file = std::fs::OpenOptions::new().append(true).open(made.path("a")).unwrap();
    file.write_all(b"more").unwrap();
    // Also with the checksum of before in memory.
    assert_eq!(whole(&answer).unwrap(), before);
    let length = answer.archive.length();
    assert!(stretch(&answer, 45, length).is_err());
    assert!(stretch(&answer, 45, 47).is_err());
    source::forget();
    assert_eq!(whole(&answer).unwrap(), before);
    // In the midst of the data, behind it, and in the directory alone.
    for start in [45, 60, length - 1 - 22 - 9] {
        assert!(stretch(&answer, start, length).is_err(), "{start}");
    }
    // What needs no checksum can be had.
    assert_eq!(stretch(&answer, 0, 30).unwrap().0, before[..30]);
}

#[test]
fn a_file_written_in_place_has_the_checksum_of_what_is_sent() {
    let made = Fixture::new();
    made.file("a", "0123456789");
    source::forget();
    let answer = put(&made, "/?zip");
    let before = whole(&answer).unwrap();
    let mut file = std::fs::OpenOptions::new().write(true).open(made.path("a")).unwrap();
    file.rewind().unwrap();
    file.write_all(b"9876543210").unwrap();
    age(&made.path("a"), 60);
    let after = whole(&answer).unwrap();
    let crc = crc32fast::hash(b"9876543210").to_le_bytes();
    let holds = |bytes: &[u8]| bytes.windows(4).filter(|four| *four == crc).count();
    assert_eq!((holds(&before), holds(&after)), (0, 2), "in the descriptor and in the directory");
}

#[test]
fn checksums_are_found_once_and_only_where_they_are_needed() {
    let made = Fixture::new();
    made.file("a", &"x".repeat(100));
    made.file("b", &"y".repeat(100));
    let answer = put(&made, "/?zip");
    let length = answer.archive.length();
    let works = |start, end| stretch(&answer, start, end).unwrap().1;
    source::forget();
    assert_eq!(works(0, length), 0, "a pass from the start sums on its way");
    assert_eq!(works(length - 10, length), 0, "and is remembered");
    source::forget();
    assert_eq!(works(60, 100), 0, "in the midst of a file and no further");
    assert_eq!(works(60, length), 1, "the first bytes of one");
    source::forget();
    assert_eq!(works(length - 100, length), 2, "both");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_stretch_is_the_same_bytes(
        files in prop::collection::btree_map(
            "[a-zé]{1,3}", prop::collection::vec(any::<u8>(), 0..60), 0..5,
        ),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
        step in 1..50_usize,
        remembers in any::<bool>(),
    ) {
        let made = Fixture::new();
        for (name, bytes) in &files {
            std::fs::write(made.path(name), bytes).unwrap();
            age(&made.path(name), 60);
        }
        source::forget();
        let answer = put(&made, "/?zip");
        let length = answer.archive.length();
        let all = whole(&answer).unwrap();
        prop_assert_eq!(all.len() as u64, length);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(all.len())).collect();
        cuts.extend([0, all.len()]);
        cuts.sort_unstable();
        for two in cuts.windows(2) {
            if !remembers {
                source::forget();
            }
            let range = ByteRange { start: two[0] as u64, end: two[1] as u64 };
            let (bytes, _) = drain(Source::new(Arc::clone(&answer.archive), range), step).unwrap();
            prop_assert_eq!(&bytes[..], &all[two[0]..two[1]]);
        }
    }
}
