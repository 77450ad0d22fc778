//! Archives above 4 GiB, read by Python: their data is zeros, so holes of a sparse file stand for
//! it and only what is around it is written.
#![expect(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::process::Command;

use menshen_web_core::zip::{Entry, Layout, Part};

/// Writes all of `layout` but the data of the entries.
fn write_around(layout: &Layout, file: &File, crc: impl Fn(usize) -> u32) {
    let mut at = 0;
    while let Some(place) = layout.at(at) {
        let mut out = Vec::new();
        match place.part {
            Part::Header(number) => layout.header(number, &mut out),
            Part::Data(_) => {}
            Part::Descriptor(number) => layout.descriptor(number, crc(number), &mut out),
            Part::Row(number) => layout.row(number, crc(number), &mut out),
            Part::End => layout.finish(&mut out),
        }
        file.write_all_at(&out, at).unwrap();
        at += place.left;
    }
    assert_eq!(at, layout.length());
    file.set_len(at).unwrap();
}

#[test]
fn python_reads_what_is_above_four_gigabytes() {
    let size = (4_u64 << 30) + 7;
    let sizes = [("größer", size), ("0xffffffff", 0xffff_ffff), ("behind", 10), ("ordner/", 0)];
    let entry = |&(name, size): &(&str, u64)| Entry {
        name: name.into(),
        size,
        mtime_unix_s: 1_795_352_688,
    };
    let layout = Layout::new(sizes.iter().map(entry).collect()).unwrap();
    let folder = std::env::temp_dir().join(format!("menshen-zip-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join("large.zip");
    write_around(&layout, &File::create(&path).unwrap(), |number| match number {
        2 => TEN_ZEROS_CRC,
        _ => 7,
    });
    let script = "import sys, zipfile\n\
        z = zipfile.ZipFile(sys.argv[1])\n\
        print([(i.filename, i.file_size, i.CRC, i.date_time[:3]) for i in z.infolist()])\n\
        print(z.read('behind'))\n";
    let output = Command::new("python3").args(["-c", script]).arg(&path).output();
    std::fs::remove_dir_all(&folder).unwrap();
    let Ok(output) = output else {
        assert!(std::env::var_os("MENSHEN_REQUIRE_PEERS").is_none(), "python3 is not installed");
        eprintln!("SKIPPED: python3 is not installed");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let day = "(2026, 11, 22)";
    let expected = format!(
        "[('größer', {size}, 7, {day}), ('0xffffffff', 4294967295, 7, {day}), \
         ('behind', 10, {TEN_ZEROS_CRC}, {day}), ('ordner/', 0, 0, {day})]\n\
         b'\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00'\n"
    );
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
}

/// By Python's `zlib.crc32`.
const TEN_ZEROS_CRC: u32 = 0xe38a_6876;
