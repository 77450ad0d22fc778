//! Stages into prefixes, with strangers on the way, and out again.

use std::fs::{create_dir_all, read, read_to_string, write};

use super::remove::remove;
use super::*;

struct Lab {
    all: tempfile::TempDir,
}

impl Lab {
    fn new() -> Self {
        let all = tempfile::tempdir().unwrap();
        create_dir_all(all.path().join("prefix")).unwrap();
        Self { all }
    }

    fn prefix(&self) -> PathBuf {
        self.all.path().canonicalize().unwrap().join("prefix")
    }

    /// A stage with these files; a name with ` -> ` in it is a link.
    fn stage(&self, name: &str, files: &[(&str, &str)]) -> Staged {
        let stage = self.all.path().join(name);
        let below = stage.join(self.prefix().strip_prefix("/").unwrap());
        create_dir_all(&below).unwrap();
        for (path, text) in files {
            let path = below.join(path);
            create_dir_all(path.parent().unwrap()).unwrap();
            match text.strip_prefix("-> ") {
                Some(target) => symlink(target, path).unwrap(),
                None => write(path, text).unwrap(),
            }
        }
        staged(&stage, &self.prefix()).unwrap()
    }

    fn place(&self, staged: &Staged) -> Result<Manifest, PlaceError> {
        place(staged, &self.prefix(), &about(), &Stop::default(), &mut |_| {})
    }

    /// Everything beneath the prefix, the manifest left out.
    fn there(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut waiting = vec![self.prefix()];
        while let Some(folder) = waiting.pop() {
            for entry in folder.read_dir().unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() && !path.is_symlink() {
                    waiting.push(path.clone());
                }
                let below = path.strip_prefix(self.prefix()).unwrap().display().to_string();
                if !below.starts_with("share") {
                    found.push(below);
                }
            }
        }
        found.sort();
        found
    }

    fn text(&self, path: &str) -> String {
        read_to_string(self.prefix().join(path)).unwrap()
    }
}

fn about() -> About {
    About {
        name: "git".into(),
        version: "1".into(),
        features: vec![],
        archive_sha256: "0".repeat(64),
    }
}

#[test]
fn what_is_placed_can_be_removed_without_a_trace() {
    let lab = Lab::new();
    write(lab.prefix().join("mine"), "mine").unwrap();
    let staged = lab.stage("stage", &[("bin/a", "A"), ("lib/x/b", "B"), ("bin/l", "-> a")]);
    let manifest = lab.place(&staged).unwrap();
    assert!(manifest.complete);
    assert_eq!(lab.there(), ["bin", "bin/a", "bin/l", "lib", "lib/x", "lib/x/b", "mine"]);
    assert_eq!(lab.text("bin/l"), "A");
    let removed = remove(&lab.prefix(), "git").unwrap().unwrap();
    assert_eq!((removed.files, removed.kept.len()), (3, 0));
    assert_eq!(lab.there(), ["mine"]);
    assert!(!lab.prefix().join("share").exists(), "the manifest's own folder is gone, too");
    assert_eq!(remove(&lab.prefix(), "git").unwrap(), None);
}

#[test]
fn modes_hard_links_and_special_bits() {
    let lab = Lab::new();
    lab.stage("stage", &[("bin/a", "A")]);
    let below = lab.all.path().join("stage").join(lab.prefix().strip_prefix("/").unwrap());
    std::fs::set_permissions(below.join("bin/a"), PermissionsExt::from_mode(0o4751)).unwrap();
    std::fs::hard_link(below.join("bin/a"), below.join("bin/b")).unwrap();
    let staged = staged(&lab.all.path().join("stage"), &lab.prefix()).unwrap();
    let mut lose = staged.lose_bits.clone();
    lose.sort();
    assert_eq!(lose, ["bin/a", "bin/b"]);
    lab.place(&staged).unwrap();
    let meta = lab.prefix().join("bin/a").metadata().unwrap();
    assert_eq!((meta.mode() & 0o7777, meta.nlink()), (0o751, 2));
    // Again, over itself.
    lab.place(&staged).unwrap();
    assert_eq!(lab.prefix().join("bin/b").metadata().unwrap().nlink(), 2);
}

#[test]
fn files_of_others_stop_it_before_anything_is_written() {
    let lab = Lab::new();
    create_dir_all(lab.prefix().join("bin")).unwrap();
    write(lab.prefix().join("bin/b"), "theirs").unwrap();
    let staged = lab.stage("stage", &[("bin/a", "A"), ("bin/b", "B")]);
    let error = lab.place(&staged).unwrap_err();
    assert!(matches!(&error, PlaceError::Taken(path) if path.ends_with("bin/b")), "{error}");
    assert_eq!(lab.there(), ["bin", "bin/b"]);
    assert_eq!(lab.text("bin/b"), "theirs");
    // A file where a folder has to be.
    std::fs::remove_file(lab.prefix().join("bin/b")).unwrap();
    std::fs::remove_dir(lab.prefix().join("bin")).unwrap();
    write(lab.prefix().join("bin"), "theirs").unwrap();
    assert!(lab.place(&staged).is_err());
    assert_eq!(lab.text("bin"), "theirs");
}

#[test]
fn a_newer_version_replaces_its_own_and_removes_what_it_has_no_more() {
    let lab = Lab::new();
    lab.place(&lab.stage("one", &[("bin/a", "A1"), ("lib/old", "O"), ("lib/kept", "K")])).unwrap();
    write(lab.prefix().join("lib/kept"), "changed").unwrap();
    let manifest = lab.place(&lab.stage("two", &[("bin/a", "A2"), ("bin/new", "N")])).unwrap();
    assert_eq!(lab.text("bin/a"), "A2");
    assert_eq!(lab.there(), ["bin", "bin/a", "bin/new", "lib", "lib/kept"]);
    assert_eq!(manifest.files.len(), 2, "what others changed is theirs now");
    remove(&lab.prefix(), "git").unwrap();
    assert_eq!(lab.there(), ["lib", "lib/kept"]);
}

#[test]
fn changed_files_are_neither_replaced_nor_removed() {
    let lab = Lab::new();
    let staged = lab.stage("stage", &[("etc/conf", "default"), ("bin/a", "A")]);
    lab.place(&staged).unwrap();
    write(lab.prefix().join("etc/conf"), "mine").unwrap();
    let newer = lab.stage("newer", &[("etc/conf", "default 2"), ("bin/a", "A2")]);
    assert!(matches!(lab.place(&newer), Err(PlaceError::Changed(_))));
    assert_eq!((lab.text("etc/conf").as_str(), lab.text("bin/a").as_str()), ("mine", "A"));
    let removed = remove(&lab.prefix(), "git").unwrap().unwrap();
    assert_eq!(removed.kept, [lab.prefix().join("etc/conf")]);
    assert_eq!(removed.folders_kept, [lab.prefix().join("etc")]);
    assert_eq!(lab.there(), ["etc", "etc/conf"]);
}

#[test]
fn cut_anywhere_it_goes_on_and_can_be_undone() {
    let files: Vec<(String, String)> =
        (0..6).map(|n| (format!("d{}/f{n}", n % 3), format!("text {n}"))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    for cut in 1..=6 {
        for goes_on in [true, false] {
            let lab = Lab::new();
            let staged = lab.stage("stage", &files);
            let stop = Stop::default();
            let result = place(&staged, &lab.prefix(), &about(), &stop, &mut |done| {
                if done == cut {
                    stop.want();
                }
            });
            assert!(result.is_ok() == (cut == 6), "{cut}");
            let manifest = Manifest::load(&lab.prefix(), "git").unwrap().unwrap();
            assert_eq!(manifest.complete, cut == 6);
            // As a process leaves it that dies while it writes.
            let leftover = lab.prefix().join("d0").join(beside_name("git"));
            write(&leftover, "half").unwrap();
            if goes_on {
                assert!(lab.place(&staged).unwrap().complete);
                assert!(!leftover.exists());
                assert_eq!(lab.there().len(), 9);
            }
            remove(&lab.prefix(), "git").unwrap().unwrap();
            assert!(lab.there().is_empty(), "{cut} {goes_on}: {:?}", lab.there());
        }
    }
}

/// What is cut between two versions: some files are of the one, some of the other.
#[test]
fn a_change_of_version_cut_anywhere_goes_on_or_back_and_can_be_undone() {
    let version = |number: u32, own: &'static str| {
        let text = |n: u32| if n == 0 { "same".into() } else { format!("version {number}, {n}") };
        let mut files: Vec<(String, String)> =
            (0..5).map(|n| (format!("d{}/f{n}", n % 2), text(n))).collect();
        files.push(("d0/link".into(), format!("-> f{number}")));
        files.push((own.into(), "own".into()));
        files
    };
    let versions = [version(1, "d0/one"), version(2, "d1/two"), version(3, "d2/three")];
    for cut in 1..=7 {
        for then in ["forth", "back", "further", "further, cut", "out"] {
            let lab = Lab::new();
            let stages: Vec<Staged> = (versions.iter().zip(1..))
                .map(|(files, number)| {
                    let files: Vec<(&str, &str)> =
                        files.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
                    lab.stage(&format!("stage {number}"), &files)
                })
                .collect();
            let cut_at = |staged: &Staged, cut: u64| {
                let stop = Stop::default();
                let tick = &mut |done| {
                    if done == cut {
                        stop.want()
                    }
                };
                place(staged, &lab.prefix(), &about(), &stop, tick).is_ok()
            };
            lab.place(&stages[0]).unwrap();
            assert_eq!(cut_at(&stages[1], cut), cut == 7, "{cut}");
            let end = match then {
                "forth" => Some(1),
                "back" => Some(0),
                "further" => Some(2),
                "further, cut" => {
                    // Now files of three versions are there.
                    cut_at(&stages[2], 8 - cut);
                    Some(if cut % 2 == 0 { 0 } else { 1 })
                }
                _ => None,
            };
            if let Some(end) = end {
                assert!(lab.place(&stages[end]).unwrap().complete, "{cut} {then}");
                for (path, text) in versions[end].iter().filter(|one| !one.0.contains("link")) {
                    assert_eq!(lab.text(path), *text, "{cut} {then}");
                }
                let files = lab.there().iter().filter(|path| path.contains('/')).count();
                assert_eq!(files, 7, "{cut} {then}: {:?}", lab.there());
            }
            let removed = remove(&lab.prefix(), "git").unwrap().unwrap();
            assert_eq!(removed.kept, Vec::<PathBuf>::new(), "{cut} {then}");
            assert!(lab.there().is_empty(), "{cut} {then}: {:?}", lab.there());
        }
    }
}

#[test]
fn what_others_changed_in_a_change_of_version_that_was_cut_stays_theirs() {
    let lab = Lab::new();
    lab.place(&lab.stage("one", &[("a", "A1"), ("b", "B1")])).unwrap();
    let two = lab.stage("two", &[("a", "A2"), ("b", "B2")]);
    let stop = Stop::default();
    place(&two, &lab.prefix(), &about(), &stop, &mut |_| stop.want()).unwrap_err();
    write(lab.prefix().join("b"), "mine").unwrap();
    assert!(matches!(lab.place(&two), Err(PlaceError::Changed(_))));
    let removed = remove(&lab.prefix(), "git").unwrap().unwrap();
    assert_eq!((removed.files, removed.kept), (1, vec![lab.prefix().join("b")]));
    assert_eq!(lab.text("b"), "mine");
}

#[test]
fn one_at_a_time_works_in_a_prefix() {
    let lab = Lab::new();
    let staged = lab.stage("stage", &[("bin/a", "A")]);
    let held = Lock::make(&lab.prefix(), &Stop::default()).unwrap();
    let stop = Stop::default();
    stop.want();
    let result = place(&staged, &lab.prefix(), &about(), &stop, &mut |_| {});
    assert!(matches!(result, Err(PlaceError::Stopped)), "it would have waited");
    assert!(lab.there().is_empty());
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| lab.place(&staged).is_ok());
        // The folder goes away with who made it, and who waited has to lock another one.
        drop(held);
        assert!(waits.join().unwrap(), "it works once the other is done");
    });
    let held = Lock::find(&lab.prefix(), &Stop::default()).unwrap().unwrap();
    let prefix = lab.prefix();
    let waits = std::thread::spawn(move || remove(&prefix, "git").unwrap().is_some());
    assert_eq!(lab.there(), ["bin", "bin/a"]);
    drop(held);
    assert!(waits.join().unwrap());
    assert!(lab.there().is_empty() && !lab.prefix().join("share").exists());
    // A refusal leaves no folder behind.
    write(lab.prefix().join("bin"), "theirs").unwrap();
    lab.place(&staged).unwrap_err();
    assert!(!lab.prefix().join("share").exists());
}

#[test]
fn a_build_that_wants_out_of_the_prefix_is_refused() {
    let lab = Lab::new();
    let stage = lab.all.path().join("stage");
    lab.stage("stage", &[("bin/a", "A")]);
    create_dir_all(stage.join("etc")).unwrap();
    let error = staged(&stage, &lab.prefix()).unwrap_err();
    assert!(matches!(&error, PlaceError::Outside(path) if path == "/etc"), "{error}");
    std::fs::remove_dir(stage.join("etc")).unwrap();
    let below = stage.join(lab.prefix().strip_prefix("/").unwrap());
    symlink(below.join("bin/a"), below.join("bin/l")).unwrap();
    assert!(matches!(staged(&stage, &lab.prefix()), Err(PlaceError::Kind(..))));
}

#[test]
fn links_of_the_prefix_are_followed_only_inside() {
    let lab = Lab::new();
    // As on Debian: /usr/local/man -> share/man.
    create_dir_all(lab.prefix().join("inner")).unwrap();
    symlink("inner", lab.prefix().join("man")).unwrap();
    lab.place(&lab.stage("one", &[("man/a", "A")])).unwrap();
    assert_eq!(read(lab.prefix().join("inner/a")).unwrap(), b"A");
    remove(&lab.prefix(), "git").unwrap();
    assert!(lab.prefix().join("man").is_symlink());
    let outside = lab.all.path().join("outside");
    create_dir_all(&outside).unwrap();
    symlink(&outside, lab.prefix().join("lib")).unwrap();
    let error = lab.place(&lab.stage("two", &[("lib/a", "A")])).unwrap_err();
    assert!(matches!(error, PlaceError::LeadsOut(_)), "{error}");
    assert_eq!(outside.read_dir().unwrap().count(), 0);
    // A link that comes later leads no removal out either.
    std::fs::remove_file(lab.prefix().join("lib")).unwrap();
    lab.place(&lab.stage("three", &[("lib/a", "A")])).unwrap();
    write(outside.join("a"), "A").unwrap();
    std::fs::remove_dir_all(lab.prefix().join("lib")).unwrap();
    symlink(&outside, lab.prefix().join("lib")).unwrap();
    remove(&lab.prefix(), "git").unwrap();
    assert!(outside.join("a").exists(), "the same bytes, but not ours");
}
