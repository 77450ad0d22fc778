//! Multipart forms over the wire: what curl sends, names of every kind, any cut of the stream, and
//! forms that are broken.

use crate::support::{live, wire};

use std::collections::BTreeMap;

use live::Live;
use wire::{ONE, Wire, ask, chunked, curl_ask, get, lay, pattern, request, stored, wait_spooled};

const FORM: &str = "Content-Type: multipart/form-data; boundary=\"a b+c\"";

/// What lies in a served folder, by name.
fn content(live: &Live, path: &str) -> BTreeMap<String, Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(stored(live, path)) else { return BTreeMap::new() };
    let file = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        (name, std::fs::read(entry.path()).unwrap())
    };
    entries.map(file).collect()
}

#[test]
fn several_files_and_names_of_every_kind_come_from_curl() {
    let live = Live::start(ONE);
    let large = pattern(1_500_000);
    std::fs::write(live.path("large.bin"), &large).unwrap();
    std::fs::write(live.path("报告 (终稿).txt"), "中文").unwrap();
    std::fs::write(live.path("empty"), "").unwrap();
    for (version, folder) in [("--http1.1", "one"), ("--http2", "two")] {
        let fields = [
            version,
            "-F",
            "note=just a field",
            "-F",
            "f=@large.bin",
            "-F",
            "f=@报告 (终稿).txt",
            "-F",
            "f=@empty",
            "-F",
            r#"g=@large.bin;filename="a\"b;c.bin""#,
            "-F",
            "unchosen=@empty;filename=",
        ];
        let made = curl_ask(&live, &format!("/{folder}/"), &fields);
        assert_eq!(made.status, 201, "{}", made.text());
        let value: serde_json::Value = serde_json::from_slice(&made.body).unwrap();
        let paths: Vec<&str> = value["stored"]
            .as_array()
            .unwrap()
            .iter()
            .map(|f| f["path"].as_str().unwrap())
            .collect();
        // Like browsers, curl sends a quote as %22; as in other servers it stays that.
        let names = ["large.bin", "报告 (终稿).txt", "empty", "a%22b;c.bin"];
        assert_eq!(paths, names.map(|name| format!("/{folder}/{name}")));
        let found = content(&live, folder);
        assert_eq!(found.len(), 4, "{:?}", found.keys());
        assert!(found["large.bin"] == large && found["a%22b;c.bin"] == large, "{version}");
        assert_eq!(
            (found["报告 (终稿).txt"].as_slice(), found["empty"].len()),
            ("中文".as_bytes(), 0)
        );
    }
    // The other way of writing a quote does mean one.
    let escaped = ["--form-escape", "-F", "g=@empty;filename=x\"y"];
    assert_eq!(curl_ask(&live, "/three/", &escaped).status, 201);
    assert_eq!(content(&live, "three").into_keys().collect::<Vec<_>>(), ["x\"y"]);
}

#[test]
fn of_a_path_only_the_last_name_counts() {
    let live = Live::start(ONE);
    std::fs::write(live.path("up"), "bytes").unwrap();
    for version in ["--http1.1", "--http2"] {
        for (path, name) in [
            ("../up", "up"),
            ("a/b", "b"),
            ("/etc/passwd", "passwd"),
            ("../../../../tmp/../x", "x"),
            ("C:\\temp\\y", "y"),
            ("..\\z", "z"),
            ("%2e%2e%2fw", "%2e%2e%2fw"),
        ] {
            let field = format!("f=@up;filename={path}");
            assert_eq!(curl_ask(&live, "/in/", &[version, "-F", &field]).status, 201, "{path}");
            assert_eq!(content(&live, "in").into_keys().collect::<Vec<_>>(), [name], "{path}");
            std::fs::remove_dir_all(stored(&live, "in")).unwrap();
        }
    }
    assert_eq!(std::fs::read_dir(live.path("files")).unwrap().count(), 3, "hello, big, spool");
}

#[test]
fn a_name_that_cannot_be_stores_nothing_of_the_form() {
    let live = Live::start(ONE);
    std::fs::write(live.path("up"), "bytes").unwrap();
    let long = "n".repeat(256);
    for name in ["..", ".", "a/..", "a/", "\\", ".menshen-spool", ".menshen", "x/.menshen-y", &long]
    {
        for version in ["--http1.1", "--http2"] {
            let second = format!("g=@up;filename={name}");
            let fields = [version, "-F", "f=@up;filename=good", "-F", &second];
            assert_eq!(curl_ask(&live, "/in/", &fields).status, 400, "{name}");
        }
        assert!(content(&live, "in").is_empty(), "{name}");
    }
    // What curl cannot be made to send.
    let mut wire = Wire::open(live.plain);
    for name in [&b"a\0b"[..], b"a\x01b", b"a\x7fb", b"\xff\xfe", b"\xb1\xa8.txt"] {
        let good = b"--a b+c\r\nContent-Disposition: form-data; name=f; filename=good\r\n\r\nx";
        let head = b"\r\n--a b+c\r\nContent-Disposition: form-data; name=g; filename=\"";
        let body = [good, &head[..], name, b"\"\r\n\r\nx\r\n--a b+c--\r\n"].concat();
        wire.send(request("POST", "/in/", &[FORM], &body));
        assert_eq!(wire.answer("POST").status, 400, "{name:?}");
        assert!(content(&live, "in").is_empty(), "{name:?}");
        wire = Wire::open(live.plain);
    }
    wait_spooled(&live, 0);
    let fits = format!("f=@up;filename={}", "n".repeat(255));
    assert_eq!(curl_ask(&live, "/in/", &["-F", &fits]).status, 201);
}

/// A form of one field, two files (one with pieces of the boundary in it) and an empty choice.
fn form() -> (Vec<u8>, Vec<u8>) {
    let tricky = b"\r\n--a b+\r\n-\r\r\n\r\n--a b+d\n--a b+c\r--a b+c\r\n--a b+".to_vec();
    let mut body =
        b"preamble\r\n--a b+c\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nx\r\n\
        --a b+c  \r\nContent-Disposition: form-data; name=f; filename=\"one\"\r\n\
        Content-Type: text/plain\r\n\r\n"
            .to_vec();
    body.extend_from_slice(&tricky);
    body.extend_from_slice(
        b"\r\n--a b+c\r\nContent-Disposition: form-data; name=g; filename=\"\xe4\xba\x8c\"\r\n\r\n\
        \r\n--a b+c\r\nContent-Disposition: form-data; name=h; filename=\"\"\r\n\r\n\
        \r\n--a b+c--\r\nepilogue",
    );
    (body, tricky)
}

#[test]
fn any_cut_of_the_stream_stores_the_same() {
    let live = Live::start("workers = 1\n");
    let (body, tricky) = form();
    let mut wire = Wire::open(live.plain);
    let expected = BTreeMap::from([("one".to_owned(), tricky), ("二".to_owned(), Vec::new())]);
    let check = |cut: &str, status: u16| {
        assert_eq!(status, 201, "{cut}");
        assert_eq!(content(&live, "in"), expected, "{cut}");
        std::fs::remove_dir_all(stored(&live, "in")).unwrap();
    };
    for at in 0..=body.len() {
        wire.send(request(
            "POST",
            "/in/",
            &[FORM, &format!("Content-Length: {}", body.len())],
            b"",
        ));
        wire.send(&body[..at]);
        // Long enough that the server mostly reads the two pieces one by one.
        std::thread::sleep(std::time::Duration::from_micros(300));
        wire.send(&body[at..]);
        check(&format!("cut at {at}"), wire.answer("POST").status);
    }
    // Every byte a chunk of its own: whatever is read at once, the parser is fed them singly.
    for size in [1, 2, 3, 5] {
        let chunks = chunked(&body, size);
        let fields = [FORM, "Transfer-Encoding: chunked"];
        let made = wire.ask("POST", "/in/", &fields, &chunks);
        check(&format!("chunks of {size}"), made.status);
    }
}

#[test]
fn broken_forms_store_nothing() {
    let live = Live::start("workers = 1\n[limits]\nparts_max = 3\npart_head_bytes_max = 512");
    lay(&live, "kept", b"old");
    let part = "--a b+c\r\nContent-Disposition: form-data; name=f; filename=kept\r\n\r\nnew\r\n";
    let field = "--a b+c\r\nContent-Disposition: form-data; name=f\r\n\r\nnew\r\n";
    let long = "x".repeat(600);
    let rows: Vec<(u16, String)> = vec![
        (400, part.to_owned()),
        (400, format!("{part}--a b+c")),
        (400, format!("{part}--a b+c-")),
        (400, format!("{part}--a b+c-x\r\n")),
        (400, format!("{part}--a b+cx\r\n--a b+c--\r\n").replace('\r', "")),
        (400, format!("{part}--a b+c\r\nContent-Disposition: form-data\r\n\r\n\r\n--a b+c--\r\n")),
        (400, format!("{part}--a b+c\r\nno colon\r\n\r\n\r\n--a b+c--\r\n")),
        (400, format!("{}{part}--a b+c--\r\n", "y".repeat(5000))),
        (413, format!("{part}--a b+c\r\nX: {long}\r\n\r\n\r\n--a b+c--\r\n")),
        (413, format!("{part}{field}{field}{field}--a b+c--\r\n")),
        (400, format!("{field}--a b+c--\r\n")),
        (400, "--a b+c--\r\n".to_owned()),
        (400, String::new()),
    ];
    for (status, body) in &rows {
        let made = ask(live.plain, "POST", "/", &[FORM], body.as_bytes());
        assert_eq!(made.status, *status, "{body:?}: {}", made.text());
        assert_eq!(get(live.plain, "/kept").text(), "old", "{body:?}");
    }
    wait_spooled(&live, 0);
    let good = format!("{part}{field}{field}--a b+c--");
    assert_eq!(ask(live.plain, "POST", "/", &[FORM], good.as_bytes()).status, 201);
    assert_eq!(get(live.plain, "/kept").text(), "new");
    for kind in ["boundary=", "boundary=\"\"", "charset=x", &format!("boundary={}", "b".repeat(71))]
    {
        let kind = format!("Content-Type: multipart/form-data; {kind}");
        assert_eq!(ask(live.plain, "POST", "/", &[&kind], b"--\r\n").status, 400, "{kind}");
    }
}
