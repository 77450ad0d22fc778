//! Tests of the spool on a real file system: what is left, what is collected, what may be read.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::fixture::Mounted;
use crate::php::fixture::{Place, folder};

#[test]
fn a_named_file_lives_as_long_as_its_owner() {
    let place = Place::new();
    let mut file = place.spool.named(Readers::Owner).unwrap();
    file.write(b"one ").unwrap();
    file.write(b"two").unwrap();
    assert_eq!(file.size(), 7);
    let path = place.spool.path_of(&file);
    let path = Path::new(std::str::from_utf8(&path).unwrap());
    assert_eq!(std::fs::read(path).unwrap(), b"one two");
    let mode = std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    file.park();
    assert_eq!(file.write(b"x"), Err(Fault::Storage));
    file.flush().unwrap();
    drop(file);
    assert!(place.spooled().is_empty());
}

#[test]
fn nobody_but_user_and_group_reads_what_fields_tell_of() {
    let place = Place::new();
    let _file = place.spool.named(Readers::Group).unwrap();
    let path = place.path("spool").join(&place.spooled()[0]);
    let mode = std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode & 0o747, 0o640 & 0o747, "{mode:o}");
}

#[test]
fn an_anonymous_file_has_no_name_and_can_be_read_back() {
    let place = Place::new();
    for file in [place.spool.anonymous().unwrap(), place.spool.unlinked().unwrap()] {
        assert!(place.spooled().is_empty());
        append(&file, b"bytes").unwrap();
        let mut read = [0; 8];
        assert_eq!(rustix::io::pread(&file, &mut read, 0), Ok(5));
        assert_eq!(fstat(&file).unwrap().st_nlink, 0);
    }
}

#[test]
fn only_our_own_dead_are_collected() {
    let place = Place::new();
    let _alive = place.spool.named(Readers::Owner).unwrap();
    let mut dead = std::process::Command::new("true").spawn().unwrap();
    dead.wait().unwrap();
    let leftover = format!("cafe-{}-7", dead.id());
    let elsewhere = format!("beef-{}-0", dead.id());
    let alive = place.spooled().remove(0);
    let strangers = ["phpAbCdEf", "session-12-x", "cafe-1", "cafe-1-2-3", "-1-2", "note.txt"];
    for name in strangers.into_iter().chain([leftover.as_str(), elsewhere.as_str()]) {
        std::fs::write(place.path("spool").join(name), "x").unwrap();
    }
    assert_eq!(place.spool.collect(), 2);
    let mut kept: Vec<String> = strangers.map(Into::into).into();
    kept.push(alive);
    kept.sort();
    assert_eq!(place.spooled(), kept);
}

#[test]
fn a_file_moves_without_ever_replacing_another() {
    let place = Place::new();
    let store = Arc::new(folder(&place.path("store")));
    std::fs::write(place.path("store/taken"), "old").unwrap();
    let mut file = place.spool.named(Readers::Owner).unwrap();
    file.write(b"new").unwrap();
    assert_eq!(file.move_to(&store, "taken".into()), Err(Fault::Exists));
    assert_eq!(std::fs::read(place.path("store/taken")).unwrap(), b"old");
    file.move_to(&store, "free".into()).unwrap();
    assert!(place.spooled().is_empty());
    assert_eq!(std::fs::read(place.path("store/free")).unwrap(), b"new");
    drop(file);
    assert_eq!(place.stored(), ["taken"]);
    let mut kept = place.spool.named(Readers::Owner).unwrap();
    kept.move_to(&store, "kept".into()).unwrap();
    kept.keep();
    assert_eq!(place.stored(), ["kept", "taken"]);
}

#[test]
fn a_store_on_another_mount_has_a_spool_of_its_own() {
    let place = Place::new();
    let path = place.path("store");
    let near = PhpSpool::beside(&folder(&path), &path, &place.spool).unwrap();
    assert!(Arc::ptr_eq(&near, &place.spool));
    let Some(_mounted) = Mounted::memory(&path, 1 << 20) else { return };
    let far = PhpSpool::beside(&folder(&path), &path, &place.spool).unwrap();
    assert_eq!(far.path(), path.join(SPOOL));
    let mut file = far.named(Readers::Group).unwrap();
    file.move_to(&Arc::new(folder(&path)), "moved".into()).unwrap();
    assert_eq!(place.stored(), [SPOOL, "moved"]);
}
