//! What goes and what stays, by the clock as an argument.

use super::*;
use crate::fixture::Fixture;

fn rule(path: &str) -> Expire {
    Expire { path: path.into(), age_seconds_max: 3600 }
}

#[test]
fn old_files_go_and_nothing_else() {
    let made = Fixture::new();
    for name in ["tmp/a", "tmp/deep/er/b", "tmpx", "kept/c", "tmp/.menshen-spool/x"] {
        made.file(name, "content");
    }
    let root = made.path("");
    std::os::unix::fs::symlink("../kept/c", root.join("tmp/link")).unwrap();
    std::os::unix::fs::symlink("../kept", root.join("tmp/folder")).unwrap();
    let shared = &made.door.shared;
    // The fixture's files were written long ago and got their names now.
    assert_eq!(expire(shared, &rule("/tmp/"), clock::unix_s() + 3590), 0);
    assert_eq!(expire(shared, &rule("/missing/"), clock::unix_s() + 4000), 0);
    // A rule's folder that is a link is nobody's.
    std::os::unix::fs::symlink("kept", root.join("led")).unwrap();
    assert_eq!(expire(shared, &rule("/led/"), clock::unix_s() + 4000), 0);
    assert_eq!(expire(shared, &rule("/tmp/"), clock::unix_s() + 3601), 2);
    for gone in ["tmp/a", "tmp/deep/er/b"] {
        assert!(!root.join(gone).exists(), "{gone}");
    }
    for stays in ["tmp/deep/er", "tmpx", "kept/c", "tmp/.menshen-spool/x", "tmp/link"] {
        assert!(root.join(stays).exists(), "{stays}");
    }
    assert_eq!(expire(shared, &rule("/"), clock::unix_s() + 3601), 2, "all but our own");
}

#[test]
fn a_file_that_changed_since_it_was_looked_at_stays() {
    let made = Fixture::new();
    made.file("tmp/a", "old");
    let stat = made.root().look(b"/tmp/a").unwrap().unwrap();
    std::fs::write(made.path("tmp/a"), "newer").unwrap();
    let same = Expect::Same(Some(Seen::of(&stat)));
    assert!(made.door.shared.remove(b"/tmp/a", &same).is_err());
    assert!(made.path("tmp/a").exists());
}
