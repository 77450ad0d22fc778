//! Tests of the descriptor cache: what is believed, for how long, and what ends it.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::fixture::{Choices, Fixture, age};

fn open(made: &Fixture, path: &str) -> Rc<FileEntry> {
    match made.door.files.open(made.root(), path.as_bytes()).unwrap() {
        Found::File(file) => file,
        Found::Directory => panic!("{path} is a directory"),
    }
}

fn content(file: &FileEntry) -> String {
    let mut bytes = vec![0; 64];
    let n = rustix::io::pread(&file.fd, &mut bytes, 0).unwrap();
    String::from_utf8(bytes[..n].to_vec()).unwrap()
}

fn looks(made: &Fixture) -> (u64, u64) {
    let slot = made.door.slot;
    (slot.get(Counter::DescriptorHits), slot.get(Counter::DescriptorMisses))
}

/// Replaces a file as an upload through another worker would.
fn replace(made: &Fixture, name: &str, text: &str) {
    made.file("temporary", text);
    std::fs::rename(made.path("temporary"), made.path(name)).unwrap();
}

#[test]
fn a_file_is_opened_once_and_a_write_through_any_worker_is_seen_at_once() {
    let made = Fixture::new();
    made.file("file", "first");
    let first = open(&made, "/file");
    let again = open(&made, "/file");
    assert!(Rc::ptr_eq(&first, &again));
    assert_eq!(looks(&made), (1, 1));
    replace(&made, "file", "other");
    made.board.bump_path(b"/file");
    let other = open(&made, "/file");
    assert_eq!((content(&other).as_str(), content(&first).as_str()), ("other", "first"));
    assert_ne!(first.etag(), other.etag());
    assert_eq!(looks(&made), (1, 2));
    std::fs::remove_file(made.path("file")).unwrap();
    made.board.bump_path(b"/file");
    let gone = made.door.files.open(made.root(), b"/file");
    assert_eq!(gone.unwrap_err(), Fault::NotFound);
}

#[test]
fn a_bump_without_a_change_costs_a_look_and_keeps_the_descriptor() {
    let made = Fixture::new();
    made.file("file", "text");
    let first = open(&made, "/file");
    made.board.bump_all_paths();
    assert!(Rc::ptr_eq(&first, &open(&made, "/file")));
    assert_eq!(looks(&made), (1, 1));
}

#[test]
fn a_change_from_outside_is_seen_once_trust_has_run_out() {
    let made = Fixture::new();
    made.file("file", "first");
    let first = open(&made, "/file");
    replace(&made, "file", "other");
    assert_eq!(content(&open(&made, "/file")), "first", "believed without a look");
    first.checked_ms.set(first.checked_ms.get() - TRUST_MS);
    assert_eq!(content(&open(&made, "/file")), "other");
}

#[test]
fn changed_rights_end_an_entry() {
    let made = Fixture::new();
    made.file("file", "text");
    let first = open(&made, "/file");
    let rights = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(made.path("file"), rights).unwrap();
    made.board.bump_path(b"/file");
    assert!(!Rc::ptr_eq(&first, &open(&made, "/file")));
}

#[test]
fn what_changed_just_now_has_a_weak_tag_that_is_not_remembered() {
    let made = Fixture::new();
    std::fs::write(made.path("file"), "now").unwrap();
    let fresh = open(&made, "/file");
    assert!(fresh.too_fresh() && fresh.etag().starts_with(b"W/\""));
    assert!(made.door.files.entries.borrow().is_empty());
    std::thread::sleep(std::time::Duration::from_nanos(TICK_NS.unsigned_abs()));
    let aged = open(&made, "/file");
    assert!(!aged.too_fresh() && aged.etag().starts_with(b"\""));
    assert_eq!(aged.etag(), &fresh.etag()[2..]);
    assert_eq!(made.door.files.entries.borrow().len(), 1);
}

#[test]
fn a_file_from_the_future_is_not_fresh_for_ever() {
    let made = Fixture::new();
    made.file("file", "text");
    let tomorrow = std::time::SystemTime::now() + std::time::Duration::from_secs(86_400);
    let file = std::fs::File::open(made.path("file")).unwrap();
    file.set_modified(tomorrow).unwrap();
    assert!(!open(&made, "/file").too_fresh());
    assert_eq!(made.door.files.entries.borrow().len(), 1);
}

#[test]
fn idle_entries_are_closed_and_used_ones_kept() {
    let made = Fixture::new();
    made.file("idle", "1");
    made.file("used", "2");
    open(&made, "/idle");
    open(&made, "/used");
    made.door.files.close_idle();
    assert_eq!(made.door.files.entries.borrow().len(), 2, "both were used since");
    open(&made, "/used");
    made.door.files.close_idle();
    let left: Vec<Vec<u8>> = made.door.files.entries.borrow().keys().cloned().collect();
    assert_eq!(left, [b"/used".to_vec()]);
    made.door.files.close_idle();
    assert!(made.door.files.entries.borrow().is_empty());
}

#[test]
fn no_more_descriptors_are_kept_than_allowed() {
    for most in [0, 1, 3] {
        let limits = menshen_config::Limits { descriptors_max: most, ..Default::default() };
        let made = Fixture::with(Choices { limits, ..Choices::default() });
        for number in 0..20 {
            made.file(&format!("f{number}"), "text");
            open(&made, &format!("/f{number}"));
            let kept = made.door.files.entries.borrow().len();
            assert!(kept <= usize::try_from(most).unwrap(), "{kept} of {most}");
        }
    }
}

#[test]
fn directories_are_told_and_never_kept() {
    let made = Fixture::new();
    std::fs::create_dir(made.path("folder")).unwrap();
    let found = made.door.files.open(made.root(), b"/folder").unwrap();
    assert!(matches!(found, Found::Directory));
    assert!(made.door.files.entries.borrow().is_empty());
}

#[test]
fn user_content_never_runs_on_our_origin() {
    let made = Fixture::new();
    for name in ["page.html", "image.svg", "script.js", "a\"b\r.html", "文.xhtml"] {
        made.file(name, "<script>alert(1)</script>");
        let file = open(&made, &format!("/{name}"));
        let map = file.map();
        let text = |field: &str| map.get(field).unwrap().to_str().unwrap_or_default().to_owned();
        assert!(text("content-disposition").starts_with("attachment; filename=\""), "{name}");
        assert_eq!(text("x-content-type-options"), "nosniff");
        assert!(text("content-security-policy").starts_with("sandbox;"));
        assert_eq!(text("cross-origin-resource-policy"), "same-origin");
        // Both protocols say the same, and no name adds a line of its own.
        let lines = file.lines.split(|&b| b == b'\n').filter(|line| !line.is_empty());
        assert_eq!(lines.clone().count(), map.len(), "{name}");
        assert!(lines.clone().all(|line| line.ends_with(b"\r")));
        assert!(lines.flatten().filter(|&&b| b == b'\r').count() == map.len(), "{name}");
        assert!(file.lines.starts_with(b"content-type: "));
        assert!(!file.lines_without_type().starts_with(b"content-type: "));
    }
}

#[test]
fn a_tag_changes_with_every_change_of_the_file() {
    let made = Fixture::new();
    made.file("file", "text");
    let first = open(&made, "/file").etag().to_vec();
    for change in ["longer text", "text"] {
        std::fs::write(made.path("file"), change).unwrap();
        age(&made.path("file"), 30 + change.len() as u64);
        made.board.bump_path(b"/file");
        assert_ne!(open(&made, "/file").etag(), first, "{change}");
    }
}

#[test]
fn all_folders_share_one_number_of_descriptors() {
    let limits = menshen_config::Limits { descriptors_max: 3, ..Default::default() };
    let made = Fixture::with(Choices { limits, ..Choices::default() });
    let other = made.door.files.beside();
    let kept = || made.door.files.entries.borrow().len() + other.entries.borrow().len();
    for number in 0..10 {
        made.file(&format!("f{number}"), "text");
        open(&made, &format!("/f{number}"));
        other.open(made.root(), format!("/f{number}").as_bytes()).unwrap();
        assert!(kept() <= 3 && kept() == made.door.files.held.get());
    }
    // What one folder's cache took it gives back when nobody asks.
    made.door.files.close_idle();
    made.door.files.close_idle();
    other.close_idle();
    other.close_idle();
    assert_eq!((kept(), made.door.files.held.get()), (0, 0));
    other.open(made.root(), b"/f1").unwrap();
    assert_eq!(kept(), 1);
}
