//! Folders as zip files over the wire: read by other people's programs, resumed by curl, over both
//! protocols, and ended when a file is not what it was.

use crate::support::{live, peers, wire};

use std::fs::Permissions;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use live::{Live, wait_for};
use peers::find;
use wire::{
    ONE, ask, curl_ask, curl_command, get, lay, lay_folder, log_line, pattern, request, stored, url,
};

/// A folder with names of all kinds, an empty folder and an empty file.
fn laid() -> Live {
    let live = Live::start(ONE);
    for folder in ["öffentlich 語", "öffentlich 語/leer", "öffentlich 語/sub"] {
        lay_folder(&live, folder);
    }
    lay(&live, "öffentlich 語/empty", b"");
    lay(&live, "öffentlich 語/ä & ß.bin", &pattern(300_000));
    lay(&live, "öffentlich 語/sub/big", &pattern(3 << 20));
    lay(&live, "öffentlich 語/z'\"; rm.txt", b"0123456789");
    live
}

const FOLDER: &str = "/%C3%B6ffentlich%20%E8%AA%9E/";

/// What Python's reader finds: names, sizes and times, with each checksum verified.
fn read_by_python(file: &Path) -> Option<String> {
    let python = find("python3")?;
    let script = "import sys, zipfile\n\
        z = zipfile.ZipFile(sys.argv[1])\n\
        assert z.testzip() is None\n\
        for i in z.infolist():\n    print(i.filename, i.file_size, i.date_time[0] > 2000)\n";
    let output = Command::new(python).args(["-c", script]).arg(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

/// `unzip -t`, and what it makes of the names.
fn read_by_unzip(file: &Path) -> Option<String> {
    let unzip = find("unzip")?;
    let output = Command::new(unzip).arg("-t").arg(file).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    Some(text)
}

const LISTED: &str = "empty 0 True\nleer/ 0 True\nsub/ 0 True\nsub/big 3145728 True\n\
    z'\"; rm.txt 10 True\nä & ß.bin 300000 True\n";

#[test]
fn other_programs_read_it_and_find_every_byte() {
    let live = laid();
    let got = get(live.plain, &format!("{FOLDER}?zip"));
    assert_eq!(got.status, 200);
    let length = got.body.len().to_string();
    assert_eq!(got.field("content-length"), Some(length.as_str()));
    assert_eq!(got.field("accept-ranges"), Some("bytes"));
    assert_eq!(got.field("content-type"), Some("application/zip"));
    let name = "attachment; filename=\"_ffentlich _.zip\"; \
        filename*=UTF-8''%C3%B6ffentlich%20%E8%AA%9E.zip";
    assert_eq!(got.field("content-disposition"), Some(name));
    assert!(got.tag().starts_with("\"zip-"), "{}", got.tag());
    let head = ask(live.plain, "HEAD", &format!("{FOLDER}?zip"), &[], b"");
    assert_eq!((head.status, head.field("content-length")), (200, Some(length.as_str())));
    assert_eq!(head.tag(), got.tag());

    let file = live.path("got.zip");
    std::fs::write(&file, &got.body).unwrap();
    if let Some(listed) = read_by_python(&file) {
        assert_eq!(listed, LISTED);
    }
    if let Some(text) = read_by_unzip(&file) {
        assert!(text.contains("ä & ß.bin") && text.contains("No errors"), "{text}");
    }
    // The same over HTTPS, by HTTP/1.1 and by HTTP/2.
    for protocol in ["--http1.1", "--http2"] {
        let other = curl_ask(&live, &format!("{FOLDER}?zip"), &[protocol]);
        assert_eq!((other.status, other.tag()), (200, got.tag()), "{protocol}");
        assert!(other.body == got.body, "{protocol}");
        let ranged = ["-H", "Range: bytes=1000-3300000", protocol];
        let part = curl_ask(&live, &format!("{FOLDER}?zip"), &ranged);
        assert_eq!(part.status, 206, "{protocol}");
        assert!(part.body == got.body[1000..=3_300_000], "{protocol}");
    }
}

#[test]
fn some_of_a_folder_and_the_root() {
    let live = laid();
    let some = get(live.plain, &format!("{FOLDER}?zip&name=sub&name=%C3%A4+%26+%C3%9F.bin"));
    let file = live.path("some.zip");
    std::fs::write(&file, &some.body).unwrap();
    if let Some(listed) = read_by_python(&file) {
        assert_eq!(listed, "sub/ 0 True\nsub/big 3145728 True\nä & ß.bin 300000 True\n");
    }
    let root = ask(live.plain, "HEAD", "/?zip", &[], b"");
    assert_eq!(root.field("content-disposition"), Some("attachment; filename=\"files.zip\""));
    let moved = get(live.plain, "/%C3%B6ffentlich%20%E8%AA%9E?zip&name=sub");
    let location = format!("{FOLDER}?zip&name=sub");
    assert_eq!((moved.status, moved.field("location")), (308, Some(location.as_str())));
}

#[test]
fn curl_goes_on_where_it_was() {
    let live = laid();
    let whole = get(live.plain, &format!("{FOLDER}?zip")).body;
    let file = live.path("part.zip");
    for cut in [10, 300_100, 2_000_000, whole.len() - 500, whole.len() - 5] {
        // The worker knows the checksums no more: they belong to files with other rights.
        for name in ["ä & ß.bin", "sub/big", "z'\"; rm.txt"] {
            let path = stored(&live, &format!("öffentlich 語/{name}"));
            std::fs::set_permissions(path, Permissions::from_mode(0o644)).unwrap();
        }
        std::fs::write(&file, &whole[..cut]).unwrap();
        let mut curl = curl_command(&live);
        curl.args(["-C", "-", "-o"]).arg(&file).arg(url(&live, &format!("{FOLDER}?zip")));
        let output = curl.output().unwrap();
        assert!(output.status.success(), "{cut}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(std::fs::read(&file).unwrap() == whole, "{cut}");
    }
}

#[test]
fn a_file_replaced_meanwhile_ends_the_connection() {
    let live = Live::start(ONE);
    lay_folder(&live, "f");
    // More than the sockets hold.
    std::fs::File::create(stored(&live, "f/a")).unwrap().set_len(64 << 20).unwrap();
    lay(&live, "f/b", b"0123456789");
    let mut stream = TcpStream::connect(live.plain).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
    stream.write_all(&request("GET", "/f/?zip", &[], b"")).unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    lay(&live, "f/new", b"9876543210");
    std::fs::rename(stored(&live, "f/new"), stored(&live, "f/b")).unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    assert!(rest.len() > 64 << 20, "what came before was sent");
    assert!(!rest.windows(10).rev().take(500).any(|ten| ten == b"9876543210"));
    let line = log_line(&live, "GET /f/?zip");
    assert!(line.ends_with("end=local/send"), "{line}");
}

#[test]
fn over_http2_it_ends_the_stream() {
    let live = Live::start(ONE);
    lay_folder(&live, "f");
    // More than curl opens its window for.
    std::fs::File::create(stored(&live, "f/a")).unwrap().set_len(80 << 20).unwrap();
    lay(&live, "f/b", b"0123456789");
    let file = live.path("got.zip");
    let mut curl = curl_command(&live);
    curl.args(["--http2", "--limit-rate", "20M", "-o"]).arg(&file).arg(url(&live, "/f/?zip"));
    let mut curl = curl.stderr(Stdio::null()).spawn().unwrap();
    wait_for("the first bytes", || file.metadata().is_ok_and(|file| file.len() > 0));
    lay(&live, "f/new", b"9876543210");
    std::fs::rename(stored(&live, "f/new"), stored(&live, "f/b")).unwrap();
    let status = curl.wait().unwrap();
    assert_eq!(status.code(), Some(92), "curl's word for a stream that was reset");
    let line = log_line(&live, "GET /f/?zip");
    assert!(line.ends_with("end=local/send"), "{line}");
}

/// What other programs make of it is in `web-core/tests/zip_readers.rs`: here nobody waits for four
/// gigabytes to be summed.
#[test]
fn above_four_gigabytes_there_is_a_length_and_every_range_of_the_data() {
    let live = Live::start(ONE);
    lay_folder(&live, "f");
    let size = (4_u64 << 30) + 7;
    std::fs::File::create(stored(&live, "f/a")).unwrap().set_len(size).unwrap();
    lay(&live, "f/b", b"0123456789");
    let (header, descriptor, row) = (30 + 1 + 20 + 9, 24, 46 + 1 + 9);
    let small = 30 + 1 + 9 + 10 + 16;
    let rows = row + 20 + row + 12;
    let length = header + size + descriptor + small + rows + 56 + 20 + 22;
    let head = ask(live.plain, "HEAD", "/f/?zip", &[], b"");
    assert_eq!(head.field("content-length"), Some(length.to_string().as_str()));
    let start = header + size - 5;
    let range = format!("Range: bytes={start}-{}", start + 4);
    let got = ask(live.plain, "GET", "/f/?zip", &[&range], b"");
    let stretch = format!("bytes {start}-{}/{length}", start + 4);
    assert_eq!((got.status, got.field("content-range")), (206, Some(stretch.as_str())));
    assert_eq!(got.body, [0; 5]);
}
