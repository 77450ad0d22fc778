//! What is taken and what is not.

use proptest::prelude::*;

use super::*;

#[test]
fn a_step_begins_and_ends_at_different_marks() {
    let both = threshold("available 10% until 15%, pressure 20% until 5%").unwrap();
    assert_eq!(both, Some(Threshold::of([10, 15], [20, 5])));
    let one = threshold("pressure 20% until 5%").unwrap().unwrap();
    assert_eq!((one.available, one.pressure), (None, Some(Bounds { enter: 20, leave: 5 })));
    assert_eq!(threshold("off").unwrap(), None);
    for bad in [
        "",
        "on",
        "10%",
        "available 10%",
        "available 10 until 15",
        "available 15% until 10%",
        "available 10% until 10%",
        "pressure 5% until 20%",
        "pressure 0% until 20%",
        "available 10% until 101%",
        "available 10% until 15%, available 5% until 10%",
        "memory 10% until 15%",
        "available 10% until 15%,",
    ] {
        assert!(threshold(bad).is_err(), "{bad}");
    }
}

#[test]
fn groups_are_named_as_proc_shows_them() {
    assert!(cgroup("/a/b.service").is_ok());
    for bad in ["", "/", "a", "/a/", "/a//b", "/../a", "/sys/fs/cgroup/memory/a", "/a\n"] {
        assert!(cgroup(bad).is_err(), "{bad}");
    }
    assert!(cgroup("/sys/fs/cgroup/memory/a").unwrap_err().hint.contains("\"/a\""));
}

#[test]
fn units_have_a_type_and_patterns_match_not_everything() {
    assert_eq!(unit("mariadb.service").unwrap().as_deref(), Some("mariadb.service"));
    assert!(unit("mariadb").unwrap_err().hint.contains("mariadb.service"));
    assert!(unit(".service").is_err() && unit("a/b.service").is_err());
    assert!(command("**").is_err() && command("mysqld*").is_ok());
    assert!(name(" ").is_err() && name("a b").is_ok());
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,60}") {
        let _ = threshold(&text);
        let _ = cgroup(&text);
        let _ = unit(&text);
    }
}
