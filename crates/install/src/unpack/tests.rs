//! Archives of every kind, most of them made to get out.

use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use proptest::prelude::*;
use tar::Header;

use super::*;

/// One entry as it stands in a tar, whatever its names are.
fn entry(kind: EntryType, path: &[u8], link: &[u8], mode: u32, body: &[u8]) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_mtime(1_000_000_000);
    header.set_size(u64::try_from(body.len()).unwrap());
    let old = header.as_old_mut();
    old.name[..path.len().min(100)].copy_from_slice(&path[..path.len().min(100)]);
    old.linkname[..link.len().min(100)].copy_from_slice(&link[..link.len().min(100)]);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(body);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn file(path: &str, body: &[u8]) -> Vec<u8> {
    entry(EntryType::Regular, path.as_bytes(), b"", 0o644, body)
}

fn link(kind: EntryType, path: &str, target: &str) -> Vec<u8> {
    entry(kind, path.as_bytes(), target.as_bytes(), 0o777, b"")
}

fn archive(entries: &[Vec<u8>]) -> File {
    let mut bytes = entries.concat();
    bytes.resize(bytes.len() + 1024, 0);
    stored(&bytes)
}

fn stored(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

/// Unpacked in a folder beside another one, which has to stay as it was.
struct Place {
    all: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let all = tempfile::tempdir().unwrap();
        std::fs::create_dir(all.path().join("in")).unwrap();
        std::fs::create_dir(all.path().join("out")).unwrap();
        std::fs::write(all.path().join("out/mine"), "mine").unwrap();
        Self { all }
    }

    fn unpack(&self, archive: &File, limits: Limits) -> Result<Unpacked, UnpackError> {
        let result = unpack(archive, &self.all.path().join("in"), limits, &mut |_| {});
        assert_eq!(std::fs::read(self.all.path().join("out/mine")).unwrap(), b"mine");
        let names = |path: &str| std::fs::read_dir(self.all.path().join(path)).unwrap().count();
        assert_eq!((names("out"), names(".")), (1, 2), "nothing is written outside");
        result
    }

    fn refused(archive: &File) -> String {
        Self::new().unpack(archive, Limits::default()).unwrap_err().to_string()
    }
}

#[test]
fn files_folders_and_links_arrive_with_their_times() {
    let place = Place::new();
    let all = archive(&[
        entry(EntryType::Directory, b"a/", b"", 0o755, b""),
        file("a/b/c.txt", b"text"),
        entry(EntryType::Regular, b"./a/run", b"", 0o4755, b"#!"),
        link(EntryType::Symlink, "a/link", "b/c.txt"),
        link(EntryType::Symlink, "a/b/up", "../run"),
        link(EntryType::Link, "a/hard", "a/b/c.txt"),
    ]);
    let done = place.unpack(&all, Limits::default()).unwrap();
    assert_eq!((done.entries, done.bytes), (6, 6));
    let root = place.all.path().join("in/a");
    assert_eq!(std::fs::read(root.join("link")).unwrap(), b"text");
    assert_eq!(std::fs::read(root.join("b/up")).unwrap(), b"#!");
    let meta = root.join("b/c.txt").metadata().unwrap();
    assert_eq!((meta.mtime(), meta.nlink()), (1_000_000_000, 2));
    let mode = root.join("run").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o755, "no set-user-id bit");
}

/// All of it may lie in the pipe's other end before the first byte comes out.
fn packed_by_xz(plain: &[u8]) -> Vec<u8> {
    let mut child = Command::new("xz")
        .args(["--stdout", "-0"])
        .stdin(Stdio::from(stored_at_start(plain)))
        .stdout(Stdio::piped())
        .spawn()
        .expect("xz is needed");
    let mut packed = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut packed).unwrap();
    assert!(child.wait().unwrap().success());
    packed
}

fn stored_at_start(bytes: &[u8]) -> File {
    let mut file = stored(bytes);
    io::Seek::rewind(&mut file).unwrap();
    file
}

#[test]
fn more_behind_the_end_than_is_read_is_refused_and_not_waited_for() {
    let mut plain = file("a/b", b"text");
    plain.resize(plain.len() + 1024, 0);
    plain.resize(plain.len() + usize::try_from(REST_BYTES_MAX).unwrap() + (8 << 20), 0);
    for bytes in [packed_by_xz(&plain), plain] {
        let (sent, comes) = std::sync::mpsc::channel();
        let archive = stored(&bytes);
        std::thread::spawn(move || sent.send(Place::new().unpack(&archive, Limits::default())));
        let result = comes.recv_timeout(std::time::Duration::from_secs(120)).expect("it ends");
        assert!(matches!(result, Err(UnpackError::TooMuch(_))), "{result:?}");
    }
}

#[test]
fn a_link_does_not_lead_out_by_way_of_another() {
    // Three folders down it leads to the first; as a hard link at the top it would lead out.
    let moved = archive(&[
        link(EntryType::Symlink, "a/b/c/up", "../../../out"),
        link(EntryType::Link, "up", "a/b/c/up"),
    ]);
    assert!(Place::refused(&moved).contains("no file"));
    // `a/b/top` is the folder itself, and what is above that is not ours.
    let climbs = archive(&[
        link(EntryType::Symlink, "a/b/top", "../.."),
        link(EntryType::Symlink, "out", "a/b/top/../out"),
    ]);
    assert!(Place::refused(&climbs).contains("climbs after it went down"));
    let folder = archive(&[
        entry(EntryType::Directory, b"a/", b"", 0o755, b""),
        link(EntryType::Link, "b", "a"),
    ]);
    assert!(Place::refused(&folder).contains("no file"));
}

#[test]
fn gzip_and_xz_are_read() {
    let mut plain = file("a/b", &[7; 100_000]);
    plain.resize(plain.len() + 1024, 0);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    let gzip = gzip.finish().unwrap();
    let xz = packed_by_xz(&plain);
    for bytes in [&gzip, &xz] {
        let done = Place::new().unpack(&stored(bytes), Limits::default()).unwrap();
        assert_eq!((done.entries, done.bytes), (1, 100_000));
        let mut tar = Vec::new();
        copy_tar(&stored(bytes), &mut tar).unwrap();
        assert_eq!(tar, plain);
        // Cut short, it is damaged.
        let cut = stored(&bytes[..bytes.len() - 20]);
        assert!(Place::new().unpack(&cut, Limits::default()).is_err());
    }
}

#[test]
fn paths_that_leave_are_refused() {
    for (path, why) in [
        ("/etc/x", "absolute"),
        ("../out/mine", "climbs"),
        ("a/../../out/mine", "climbs"),
        ("a/..", "climbs"),
    ] {
        let refused = Place::refused(&archive(&[file(path, b"theirs")]));
        assert!(refused.contains(why), "{path}: {refused}");
    }
    let long = entry(EntryType::GNULongName, b"././@LongLink", b"", 0o644, b"../out/mine\0");
    let refused = Place::refused(&archive(&[long, file("short", b"theirs")]));
    assert!(refused.contains("climbs"), "{refused}");
    let pax = entry(EntryType::XHeader, b"x", b"", 0o644, b"20 path=../out/mine\n");
    let refused = Place::refused(&archive(&[pax, file("short", b"theirs")]));
    assert!(refused.contains("climbs"), "{refused}");
}

#[test]
fn links_lead_nowhere_outside() {
    for target in ["/etc/passwd", "../out", "b/../../out", ".."] {
        let refused = Place::refused(&archive(&[link(EntryType::Symlink, "a", target)]));
        assert!(refused.contains("links"), "{target}: {refused}");
    }
    for target in ["/etc/passwd", "../out/mine"] {
        let refused = Place::refused(&archive(&[link(EntryType::Link, "a", target)]));
        assert!(refused.contains("its path"), "{target}: {refused}");
    }
    // Two links, each of which stays inside as text, that climb together.
    let all = archive(&[
        link(EntryType::Symlink, "a/b/c", "../.."),
        link(EntryType::Symlink, "a/b/c/up", "../../.."),
        file("up/out/mine", b"theirs"),
    ]);
    assert!(Place::refused(&all).contains("a link or a file stands"));
    // A file where a folder is needed, and through a link to a file.
    let all = archive(&[file("a", b"1"), link(EntryType::Symlink, "b", "a"), file("b/c", b"2")]);
    assert!(Place::refused(&all).contains("a link or a file stands"));
}

#[test]
fn a_later_entry_replaces_a_link_and_does_not_follow_it() {
    let place = Place::new();
    let all =
        archive(&[file("a", b"first"), link(EntryType::Symlink, "b", "a"), file("b", b"second")]);
    place.unpack(&all, Limits::default()).unwrap();
    assert_eq!(std::fs::read(place.all.path().join("in/a")).unwrap(), b"first");
    assert_eq!(std::fs::read(place.all.path().join("in/b")).unwrap(), b"second");
}

#[test]
fn devices_pipes_and_other_kinds_are_refused() {
    for kind in [EntryType::Char, EntryType::Block, EntryType::Fifo, EntryType::GNUSparse] {
        let refused = Place::refused(&archive(&[entry(kind, b"dev", b"", 0o666, b"")]));
        assert!(refused.contains("no file, folder or link"), "{kind:?}: {refused}");
    }
    assert!(matches!(
        Place::new().unpack(&stored(b"PK\x03\x04 a zip"), Limits::default()),
        Err(UnpackError::Kind)
    ));
}

#[test]
fn sizes_and_counts_are_bounded() {
    let many = archive(&[file("a", b"1"), file("b", b"2"), file("c", b"3")]);
    let few = Limits { entries_max: 2, ..Limits::default() };
    assert!(matches!(Place::new().unpack(&many, few), Err(UnpackError::TooMuch(_))));
    // A bomb: 64 MiB of zeros in 64 KiB.
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&file("bomb", &vec![0; 64 << 20])).unwrap();
    let bomb = stored(&gzip.finish().unwrap());
    let small = Limits { bytes_max: 1 << 20, ..Limits::default() };
    assert!(matches!(Place::new().unpack(&bomb, small), Err(UnpackError::TooMuch(_))));
    let name = entry(EntryType::GNULongName, b"l", b"", 0o644, &vec![b'a'; 70 << 10]);
    let refused = Place::refused(&archive(&[name, file("a", b"")]));
    assert!(refused.contains("bytes in a name"), "{refused}");
    let deep = "d/".repeat(49);
    let long = entry(EntryType::GNULongName, b"l", b"", 0o644, deep.repeat(2).as_bytes());
    assert!(Place::refused(&archive(&[long, file("a", b"")])).contains("too deep"));
}

fn any_entry() -> impl Strategy<Value = Vec<u8>> {
    let name = prop::sample::select(vec![
        "a",
        "b",
        "a/b",
        "a/b/c",
        "..",
        "../out",
        "../out/mine",
        "/x",
        "a/../b",
        "./a",
        "",
        "b/out/mine",
    ]);
    let kind = prop::sample::select(vec![
        EntryType::Regular,
        EntryType::Directory,
        EntryType::Symlink,
        EntryType::Link,
        EntryType::GNULongName,
        EntryType::GNULongLink,
        EntryType::XHeader,
        EntryType::Char,
    ]);
    (kind, name.clone(), name, prop::collection::vec(any::<u8>(), 0..600)).prop_map(
        |(kind, name, target, body)| {
            let body = match kind {
                EntryType::GNULongName | EntryType::GNULongLink => target.as_bytes().to_vec(),
                EntryType::XHeader => format!("{} path={target}\n", target.len() + 9).into_bytes(),
                _ => body,
            };
            entry(kind, name.as_bytes(), target.as_bytes(), 0o777, &body)
        },
    )
}

proptest! {
    #[test]
    fn no_order_of_entries_gets_out(entries in prop::collection::vec(any_entry(), 1..12)) {
        let _ = Place::new().unpack(&archive(&entries), Limits::default());
    }

    #[test]
    fn any_bytes_are_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let _ = Place::new().unpack(&stored(&bytes), Limits::default());
        let mut tar = file("a", b"x");
        tar.extend(bytes);
        let _ = Place::new().unpack(&stored(&tar), Limits::default());
    }
}
