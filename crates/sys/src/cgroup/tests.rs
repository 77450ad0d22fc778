//! Mount lines, paths of processes, and a real group where one may be made.
use std::path::Path;

use super::*;

fn tree(version: Version, root: &[u8]) -> Tree {
    Tree { version, mount: "/none".into(), root: root.to_vec(), controller: "memory" }
}

#[test]
fn mount_lines_of_both_versions() {
    let text = b"31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n\
        35 31 0:32 / /sys/fs/cgroup/memory rw shared:9 master:1 - cgroup cgroup rw,memory\n\
        41 31 0:38 /docker/a\\040b /sys/fs/cg\\134oup rw - cgroup2 cgroup2 rw,nsdelegate\n\
        - - - - - -\n35 31 - cgroup\n";
    let trees = mounts::parse(text);
    let [(v1, controllers), (v2, _)] = trees.as_slice() else { panic!("{trees:?}") };
    assert_eq!(
        (v1.version, &*v1.root, &*v1.mount),
        (Version::V1, b"/".as_slice(), Path::new("/sys/fs/cgroup/memory"),)
    );
    assert_eq!(controllers, &[b"rw".to_vec(), b"memory".to_vec()]);
    assert_eq!((v2.version, &*v2.root), (Version::V2, b"/docker/a b".as_slice()));
    assert_eq!(&*v2.mount, Path::new("/sys/fs/cg\\oup"));
    for cut in 0..text.len() {
        let _ = mounts::parse(&text[cut..]);
    }
}

#[test]
fn the_path_of_a_process_is_that_from_the_mount() {
    let lines = b"9:name=systemd:/s\n4:cpu,memory:/m/a:b\n1:cpu:/c\n0::/u/x (deleted)\n";
    assert_eq!(tree(Version::V1, b"/").path_in(lines), Some(b"/m/a:b".as_slice()));
    assert_eq!(tree(Version::V2, b"/").path_in(lines), Some(b"/u/x".as_slice()));
    assert_eq!(tree(Version::V2, b"/u").path_in(lines), Some(b"/x".as_slice()));
    assert_eq!(tree(Version::V2, b"/u/x").path_in(lines), Some(b"/".as_slice()));
    assert_eq!(tree(Version::V2, b"/u/xx").path_in(lines), None);
    assert_eq!(tree(Version::V2, b"/").path_in(b"0::/../../other\n"), None);
    assert_eq!(tree(Version::V2, b"/").path_in(b"no lines at all"), None);
}

#[test]
fn a_name_cannot_climb() {
    let tree = tree(Version::V2, b"/");
    assert_eq!(tree.group(b"/a//b/").unwrap().path(), b"/a/b");
    assert_eq!(tree.group(b"/a/b").unwrap().folder(), Path::new("/none/a/b"));
    for path in [b"".as_slice(), b"a", b"/../x", b"/a/../../etc", b"/a/./b", b"/a\0b"] {
        assert!(tree.group(path).is_err(), "{path:?}");
    }
}

#[test]
fn keyed_lines_that_are_none_are_left_out() {
    let keyed = Keyed(b"anon 12\nfile x\n\nshmem 7 8\nlast 18446744073709551615".to_vec());
    let all: Vec<(&[u8], u64)> = keyed.iter().collect();
    assert_eq!(all, [(b"anon".as_slice(), 12), (b"last".as_slice(), u64::MAX)]);
    assert_eq!((keyed.get("anon"), keyed.get("shmem")), (Some(12), None));
}

#[test]
fn a_real_group_is_made_limited_filled_and_removed() {
    let Some(tree) = Tree::memory().unwrap() else {
        eprintln!("SKIPPED: no memory controller here");
        return;
    };
    let name = format!("menshen-test-{}-sys", std::process::id());
    let group = tree.root().child(name.as_bytes()).unwrap();
    if let Err(error) = group.create() {
        eprintln!("SKIPPED: control groups are not ours to make: {error}");
        return;
    }
    let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
    let done = (|| -> io::Result<()> {
        assert_eq!(group.memory_limit()?, None);
        group.set_memory_limit(Some(64 << 20))?;
        assert_eq!(group.memory_limit()?, Some(64 << 20));
        group.add(child.id())?;
        assert_eq!(group.processes()?, [child.id()]);
        assert_eq!(tree.group_of(child.id())?.unwrap().path(), group.path());
        assert!(tree.root().children()?.contains(&group));
        assert!(group.memory_usage()? < 64 << 20);
        assert_eq!(group.memory_events()?.oom_kill, 0);
        assert_eq!(group.swap_usage()?, 0);
        if tree.version() == Version::V1 {
            assert!(!group.kill_disabled()?);
            group.set_kill_disabled(Switch::On)?;
            assert!(group.kill_disabled()?);
            group.set_kill_disabled(Switch::Off)?;
            assert!(group.set_memory_high(None).is_err());
        } else {
            group.set_kills_together(Switch::On)?;
            assert!(group.kills_together()?);
            group.set_memory_high(Some(32 << 20))?;
            assert_eq!(group.memory_high()?, Some(32 << 20));
        }
        group.set_memory_limit(None)?;
        assert_eq!(group.memory_limit()?, None);
        assert!(group.remove().is_err(), "it is not empty");
        Ok(())
    })();
    child.kill().unwrap();
    child.wait().unwrap();
    group.remove().unwrap();
    done.unwrap();
    assert!(group.memory_usage().is_err());
    assert!(group.write("new-file", "1").is_err(), "no file is ever created");
}
