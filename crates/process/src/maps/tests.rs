//! Lines of the kernel, and lines it never writes.
use proptest::prelude::*;

use super::*;

#[test]
fn each_file_once_whatever_its_name() {
    let text = b"\
55d0c000-55d0d000 r--p 00000000 08:01 1234                               /bin/a b
55d0d000-55d0e000 r-xp 00001000 08:01 1234                               /bin/a b
55d0e000-55d0f000 rw-p 00000000 00:00 0                                  [heap]
7f000000-7f001000 r--p 00002000 00:1f 99                                 /x/libc.so.6 (deleted)
7f001000-7f002000 rw-p 00000000 00:00 0
7f003000-7f004000 rw-s 00000000 00:01 7                                  socket:[7]
55d0f000-55d10000 rw-p 00002000 08:01 1234                               /bin/a b
nonsense
";
    let files = parse(text);
    let seen: Vec<_> = files
        .iter()
        .map(|file| (file.start, file.end, file.offset, file.name(), file.is(1234)))
        .collect();
    assert_eq!(
        seen,
        [
            (0x55d0_c000, 0x55d1_0000, 0, &b"a b"[..], true),
            (0x7f00_0000, 0x7f00_1000, 0x2000, &b"libc.so.6"[..], false),
        ]
    );
}

#[test]
fn our_own_files_are_opened_and_others_of_their_name_are_not() {
    let pid = std::process::id();
    let own = std::fs::metadata("/proc/self/exe").unwrap();
    let inode = std::os::unix::fs::MetadataExt::ino(&own);
    let mut mapped = files(pid).unwrap().into_iter().find(|file| file.is(inode)).unwrap();
    assert_eq!(mapped.open(pid).unwrap().metadata().unwrap().len(), own.len());
    mapped.inode += 1;
    assert!(mapped.open(pid).is_err());
}

proptest! {
    #[test]
    fn any_text_is_read(text in proptest::collection::vec(any::<u8>(), 0..2000)) {
        parse(&text);
    }

    #[test]
    fn any_line_is_read(line in "[0-9a-f]{0,20}[- ]{0,2}[0-9a-f]{0,20} [rwxps-]{0,5} .{0,60}") {
        parse(line.as_bytes());
    }
}
