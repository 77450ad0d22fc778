//! Tests of the served folder against a real file system.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use rustix::fs::{CWD, mknodat};

use super::*;
use crate::fixture::{Fixture, names, open_root};

fn read(opened: &Opened) -> Vec<u8> {
    let mut bytes = vec![0; 64];
    let n = rustix::io::pread(&opened.fd, &mut bytes, 0).unwrap();
    bytes.truncate(n);
    bytes
}

#[test]
fn only_files_and_folders_beneath_are_opened() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "outside").unwrap();
    let made = Fixture::new();
    made.file("a/file", "inside");
    std::fs::create_dir(made.path("b")).unwrap();
    symlink("a/file", made.path("link")).unwrap();
    symlink("../a", made.path("b/up")).unwrap();
    symlink(outside.path().join("secret"), made.path("absolute")).unwrap();
    symlink(made.path("a/file"), made.path("absolute-inside")).unwrap();
    symlink(outside.path(), made.path("folder-out")).unwrap();
    symlink("../../../../../../../../etc/passwd", made.path("b/relative")).unwrap();
    symlink("..", made.path("above")).unwrap();
    symlink("loop", made.path("loop")).unwrap();
    symlink("/proc/self/root/etc/passwd", made.path("magic")).unwrap();
    mknodat(CWD, made.path("fifo"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    let _socket = UnixListener::bind(made.path("socket")).unwrap();

    let rows: &[(&str, Result<Kind, Fault>)] = &[
        ("/", Ok(Kind::Directory)),
        ("/a/", Ok(Kind::Directory)),
        ("/a", Ok(Kind::Directory)),
        ("/a/file", Ok(Kind::File)),
        ("/link", Ok(Kind::File)),
        ("/b/up/file", Ok(Kind::File)),
        ("/absolute", Err(Fault::NotFound)),
        ("/absolute-inside", Err(Fault::NotFound)),
        ("/folder-out/secret", Err(Fault::NotFound)),
        ("/b/relative", Err(Fault::NotFound)),
        ("/above", Err(Fault::NotFound)),
        ("/above/board", Err(Fault::NotFound)),
        ("/loop", Err(Fault::NotFound)),
        ("/magic", Err(Fault::NotFound)),
        ("/fifo", Err(Fault::NotFound)),
        ("/socket", Err(Fault::NotFound)),
        ("/nothing", Err(Fault::NotFound)),
        ("/a/file/below", Err(Fault::NotDirectory)),
        ("/a/../a/file", Ok(Kind::File)),
        ("/../board", Err(Fault::NotFound)),
    ];
    for (path, expected) in rows {
        let opened = made.root().open(path.as_bytes());
        let kind = opened.map(|opened| kind_of(&opened.stat).unwrap());
        assert_eq!(kind, *expected, "{path}");
    }
}

#[test]
fn links_may_lead_out_where_that_is_allowed_and_paths_never() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("file"), "outside").unwrap();
    let made = Fixture::new();
    made.file("a/file", "inside");
    symlink(outside.path(), made.path("out")).unwrap();
    symlink("/proc/self/root/etc/passwd", made.path("magic")).unwrap();
    mknodat(CWD, made.path("fifo"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = rustix::fs::open(made.path(""), flags, Mode::empty()).unwrap();
    let root = Root::with_links(dir, Links::Anywhere).unwrap();
    assert_eq!(read(&root.open(b"/a/file").unwrap()), b"inside");
    assert_eq!(read(&root.open(b"/out/file").unwrap()), b"outside");
    let absolute = outside.path().join("file").into_os_string().into_encoded_bytes();
    for path in [
        &[b"/", &*absolute].concat()[..],
        &[b"//", &*absolute].concat(),
        b"/../board",
        b"/a/../../board",
        b"/out/..",
        b"..",
        b"/magic",
        b"/fifo",
    ] {
        let text = String::from_utf8_lossy(path);
        assert_eq!(root.open(path).unwrap_err(), Fault::NotFound, "{text}");
    }
    assert_eq!(
        root.real_path().unwrap(),
        made.path("").canonicalize().unwrap().as_os_str().as_encoded_bytes()
    );
}

#[test]
fn names_may_have_255_bytes_and_no_more() {
    let made = Fixture::new();
    for (unit, count) in [("n", 255), ("门", 85)] {
        let name = unit.repeat(count);
        made.file(&name, "long");
        let path = format!("/{name}");
        assert_eq!(read(&made.root().open(path.as_bytes()).unwrap()), b"long");
        let path = format!("/{name}n");
        assert_eq!(made.root().open(path.as_bytes()).unwrap_err(), Fault::NameTooLong);
        assert_eq!(made.root().look(path.as_bytes()).unwrap_err(), Fault::NameTooLong);
        let made_folder = made.root().make_folder(path.as_bytes(), false);
        assert_eq!(made_folder.unwrap_err(), Fault::NameTooLong);
    }
}

#[test]
fn a_folder_swapped_for_a_link_never_leads_out() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("file"), "outside").unwrap();
    let made = Fixture::new();
    made.file("folder/file", "inside");
    symlink(outside.path(), made.path("trap")).unwrap();
    let (folder, trap) = (made.path("folder"), made.path("trap"));
    let stop = AtomicBool::new(false);
    let (mut inside, mut refused) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Relaxed) {
                renameat_with(CWD, &folder, CWD, &trap, RenameFlags::EXCHANGE).unwrap();
            }
        });
        // Until both were seen, so that the race was really run.
        for _ in 0..2_000_000 {
            match made.root().open(b"/folder/file") {
                Ok(opened) => {
                    assert_eq!(read(&opened), b"inside");
                    inside += 1;
                }
                Err(Fault::NotFound | Fault::Busy) => refused += 1,
                Err(other) => panic!("{other:?}"),
            }
            if inside > 2000 && refused > 2000 {
                break;
            }
        }
        stop.store(true, Relaxed);
    });
    assert!(inside > 0 && refused > 0, "{inside} inside, {refused} refused: no race was run");
}

#[test]
fn missing_folders_are_made_also_behind_links() {
    let made = Fixture::new();
    std::fs::create_dir(made.path("b")).unwrap();
    std::fs::create_dir(made.path("a")).unwrap();
    symlink("../b", made.path("a/link")).unwrap();
    for (path, folder) in [("/x/y/z", "x/y"), ("/x/y/w/v", "x/y/w"), ("/a/link/new/f", "b/new")] {
        let (fd, name) = made.root().parent_made(path.as_bytes(), true).unwrap();
        assert_eq!(name, path.rsplit('/').next().unwrap().as_bytes());
        let expected = std::fs::metadata(made.path(folder)).unwrap();
        assert_eq!(fstat(&fd).unwrap().st_ino, std::os::unix::fs::MetadataExt::ino(&expected));
    }
    made.file("file", "in the way");
    let refused = made.root().parent_made(b"/file/x/y", true).unwrap_err();
    assert_eq!(refused, Fault::NotDirectory);
    assert_eq!(made.root().parent_made(b"/", true).unwrap_err(), Fault::Forbidden);
}

#[test]
fn the_nearest_folder_is_the_deepest_that_exists() {
    let made = Fixture::new();
    std::fs::create_dir_all(made.path("a/b")).unwrap();
    for (path, nearest) in
        [("/f", "."), ("/a/f", "a"), ("/a/b/c/d/f", "a/b"), ("/x/y/f", "."), ("/", ".")]
    {
        let fd = made.root().nearest_folder(path.as_bytes()).unwrap();
        let expected = std::fs::metadata(made.path(nearest)).unwrap();
        let inode = std::os::unix::fs::MetadataExt::ino(&expected);
        assert_eq!(fstat(&fd).unwrap().st_ino, inode, "{path}");
    }
}

#[test]
fn removal_takes_what_is_named_in_the_state_expected() {
    let made = Fixture::new();
    made.file("file", "1");
    made.file("full/file", "2");
    std::fs::create_dir_all(made.path("empty")).unwrap();
    std::fs::create_dir_all(made.path("spooled").join(SPOOL)).unwrap();
    std::fs::create_dir_all(made.path("busy").join(SPOOL)).unwrap();
    std::fs::write(made.path("busy").join(SPOOL).join("upload"), "").unwrap();
    symlink("/etc/passwd", made.path("link")).unwrap();
    let seen = |name: &str| Seen::of(&made.root().look(name.as_bytes()).unwrap().unwrap());
    let (now, other) = (seen("/file"), seen("/full/file"));
    let rows: &[(&str, Expect, Result<(), Fault>)] = &[
        ("/file/", Expect::Anything, Err(Fault::NotDirectory)),
        ("/file", Expect::Same(Some(other)), Err(Fault::Precondition)),
        ("/file", Expect::Same(Some(now)), Ok(())),
        ("/file", Expect::Anything, Err(Fault::NotFound)),
        ("/full/", Expect::Anything, Err(Fault::NotEmpty)),
        ("/busy/", Expect::Anything, Err(Fault::NotEmpty)),
        ("/spooled/", Expect::Anything, Ok(())),
        ("/empty", Expect::Anything, Ok(())),
        ("/link", Expect::Anything, Ok(())),
        ("/", Expect::Anything, Err(Fault::Forbidden)),
    ];
    for (path, expect, expected) in rows {
        assert_eq!(made.root().remove(path.as_bytes(), expect).map(drop), *expected, "{path}");
    }
    assert_eq!(names(&made.path("")), [SPOOL, "busy", "full"]);
    assert!(std::fs::metadata("/etc/passwd").is_ok());
}

#[test]
fn renaming_replaces_only_when_allowed() {
    let made = Fixture::new();
    made.file("a", "a");
    made.file("b", "b");
    made.file("folder/f", "f");
    let rename = |from: &str, to: &str, replace| {
        let (from, to) = (from.as_bytes(), to.as_bytes());
        let renaming = made.root().renaming(from, &Expect::Anything, to, true)?;
        let replaced = renaming.rename(replace)?;
        renaming.flush().map(|()| replaced)
    };
    assert_eq!(rename("/a", "/b", Replace::Never), Err(Fault::Exists));
    assert_eq!(std::fs::read(made.path("b")).unwrap(), b"b");
    assert_eq!(rename("/a", "/b", Replace::Allowed), Ok(true));
    assert_eq!(std::fs::read(made.path("b")).unwrap(), b"a");
    assert_eq!(rename("/b", "/new/deep/c", Replace::Never), Ok(false));
    assert_eq!(rename("/new/deep/c", "/folder", Replace::Allowed), Err(Fault::IsDirectory));
    assert_eq!(rename("/nothing", "/elsewhere/x", Replace::Allowed), Err(Fault::NotFound));
    assert!(!made.path("elsewhere").exists(), "a folder was made for nothing");
    let into_itself = rename("/folder", "/folder/below", Replace::Allowed).unwrap_err();
    assert_eq!(into_itself.status(), 400);
    let Some(_mounted) = crate::fixture::Mounted::memory(&made.path("new"), 1 << 20) else {
        return;
    };
    assert_eq!(rename("/folder/f", "/new/f", Replace::Allowed), Err(Fault::OtherFileSystem));
}

#[test]
fn two_mounts_of_one_file_system_are_two_places() {
    let made = Fixture::new();
    std::fs::create_dir_all(made.path("real/below")).unwrap();
    std::fs::create_dir(made.path("bound")).unwrap();
    let source = made.path("real");
    let source = source.to_str().unwrap();
    let bind = ["--bind", source];
    let Some(_mounted) = crate::fixture::Mounted::new(&made.path("bound"), &bind) else { return };
    let root = open_root(&made.path(""));
    let mount = |path: &[u8]| Mount::of(root.open(path).unwrap().fd).unwrap();
    assert_eq!(mount(b"/real/below"), root.mount);
    assert_ne!(mount(b"/bound/below"), root.mount);
    let top = root.mount_top(b"/bound/below/new/file", mount(b"/bound")).unwrap();
    assert_eq!(fstat(&top).unwrap().st_ino, root.open(b"/bound").unwrap().stat.st_ino);
}

#[test]
fn a_lock_keeps_others_out_until_it_is_dropped() {
    let made = Fixture::new();
    let (mine, theirs) = (made.root().folder(b"").unwrap(), made.root().folder(b"").unwrap());
    let held = Lock::take(&mine).unwrap();
    let now = FlockOperation::NonBlockingLockExclusive;
    assert_eq!(flock(&theirs, now), Err(Errno::WOULDBLOCK));
    drop(held);
    assert_eq!(flock(&theirs, now), Ok(()));
}
