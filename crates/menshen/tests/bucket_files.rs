//! The file service in a bucket, over the wire: the same answers as from a folder.

use crate::support::{bucket, engine, live, wire};

use bucket::Held;
use wire::{ask, chunked, curl, curl_ask, get, pattern, put, url};

#[test]
fn a_file_is_stored_fetched_replaced_and_deleted() {
    let held = Held::start("");
    let at = held.live.plain;
    let made = put(at, "/new/a%20b.txt", b"one");
    assert_eq!((made.status, made.field("location")), (201, Some("/new/a%20b.txt")));
    assert_eq!(held.engine.object("p/new/a b.txt").unwrap(), b"one");
    assert!(made.tag().starts_with('"'), "a strong tag: {}", made.head);

    let got = get(at, "/new/a%20b.txt");
    assert_eq!((got.status, got.body.as_slice()), (200, b"one".as_slice()));
    assert_eq!(got.tag(), made.tag());
    assert_eq!(got.field("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(got.field("accept-ranges"), Some("bytes"));
    assert_eq!(got.field("x-content-type-options"), Some("nosniff"));
    assert!(got.field("content-security-policy").unwrap().starts_with("sandbox"));
    assert!(got.field("last-modified").unwrap().ends_with(" GMT"));
    assert!(got.field("content-disposition").unwrap().starts_with("attachment"));

    let head = ask(at, "HEAD", "/new/a%20b.txt", &[], b"");
    let without_date = |text: &str| {
        let lines = text.lines().filter(|line| !line.starts_with("date: "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(without_date(&head.head), without_date(&got.head));

    let again = put(at, "/new/a%20b.txt", b"three");
    assert_eq!((again.status, again.field("location")), (204, None));
    assert_ne!(again.tag(), made.tag());
    let got = get(at, "/new/a%20b.txt");
    assert_eq!((got.text().as_str(), got.tag()), ("three", again.tag()));
    assert_eq!(put(at, "/empty", b"").status, 201);
    assert_eq!((get(at, "/empty").status, get(at, "/empty").body.len()), (200, 0));

    assert_eq!(ask(at, "DELETE", "/new/a%20b.txt", &[], b"").status, 204);
    assert_eq!(get(at, "/new/a%20b.txt").status, 404);
    assert_eq!(ask(at, "DELETE", "/new/a%20b.txt", &[], b"").status, 404);
    assert_eq!(held.engine.keys(), ["p/empty"]);
    assert_eq!(put(at, "/.menshen/x", b"y").status, 404, "our own names are nobody's");
}

#[test]
fn conditions_hold_by_the_object_s_tag() {
    let held = Held::start("");
    let at = held.live.plain;
    let tag = put(at, "/a", b"one").tag();
    let none_match = format!("If-None-Match: {tag}");
    let is_match = format!("If-Match: {tag}");
    let unchanged = ask(at, "GET", "/a", &[&none_match], b"");
    assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));
    assert_eq!((unchanged.tag(), unchanged.field("content-type")), (tag.clone(), None));
    assert_eq!(ask(at, "GET", "/a", &[&is_match], b"").status, 200);
    assert_eq!(ask(at, "GET", "/a", &["If-Match: \"x\""], b"").status, 412);
    let modified = get(at, "/a").field("last-modified").unwrap().to_owned();
    let since = format!("If-Modified-Since: {modified}");
    assert_eq!(ask(at, "GET", "/a", &[&since], b"").status, 304);

    assert_eq!(ask(at, "PUT", "/a", &["If-None-Match: *"], b"two").status, 412);
    assert_eq!(ask(at, "PUT", "/a", &["If-Match: \"x\""], b"two").status, 412);
    assert_eq!(get(at, "/a").text(), "one");
    assert_eq!(ask(at, "PUT", "/a", &[&is_match], b"two").status, 204);
    assert_eq!(ask(at, "PUT", "/a", &[&is_match], b"three").status, 412);
    assert_eq!(ask(at, "PUT", "/b", &["If-None-Match: *"], b"b").status, 201);
    assert_eq!(ask(at, "DELETE", "/a", &[&is_match], b"").status, 412);
    assert_eq!(get(at, "/a").text(), "two");
}

#[test]
fn of_two_writers_with_one_condition_one_wins() {
    let held = Held::start("");
    let at = held.live.plain;
    let tag = format!("If-Match: {}", put(at, "/a", b"old").tag());
    let write = |field: String, path: &'static str, body: &'static [u8]| {
        std::thread::spawn(move || ask(at, "PUT", path, &[&field], body).status)
    };
    for (field, path, won) in [(tag, "/a", 204), ("If-None-Match: *".to_owned(), "/new", 201)] {
        let writers: Vec<_> = (0..6).map(|_| write(field.clone(), path, b"new")).collect();
        let mut said: Vec<_> = writers.into_iter().map(|one| one.join().unwrap()).collect();
        said.sort_unstable();
        assert_eq!(said, [won, 412, 412, 412, 412, 412]);
    }
}

#[test]
fn ranges_are_read_from_the_bucket_as_they_are_asked_for() {
    let held = Held::start("");
    let at = held.live.plain;
    let bytes = pattern(300_000);
    let tag = put(at, "/a.bin", &bytes).tag();
    let one = ask(at, "GET", "/a.bin", &["Range: bytes=100000-100099"], b"");
    assert_eq!((one.status, one.body.as_slice()), (206, &bytes[100_000..100_100]));
    assert_eq!(one.field("content-range"), Some("bytes 100000-100099/300000"));
    let tail = ask(at, "GET", "/a.bin", &["Range: bytes=-5"], b"");
    assert_eq!(tail.body, &bytes[299_995..]);

    let two = ask(at, "GET", "/a.bin", &["Range: bytes=0-1,200000-200002"], b"");
    assert_eq!(two.status, 206);
    let kind = two.field("content-type").unwrap();
    assert!(kind.starts_with("multipart/byteranges; boundary="), "{kind}");
    let text = String::from_utf8_lossy(&two.body).into_owned();
    assert!(
        text.contains("Content-Range: bytes 0-1/300000")
            || text.contains("content-range: bytes 0-1/300000"),
        "{text}"
    );
    assert!(wire::find(&two.body, &bytes[200_000..200_003]).is_some());

    assert_eq!(ask(at, "GET", "/a.bin", &["Range: bytes=300000-"], b"").status, 416);
    let same = format!("If-Range: {tag}");
    assert_eq!(ask(at, "GET", "/a.bin", &[&same, "Range: bytes=0-0"], b"").status, 206);
    let other = ask(at, "GET", "/a.bin", &["If-Range: \"x\"", "Range: bytes=0-0"], b"");
    assert_eq!((other.status, other.body.len()), (200, 300_000));

    let over_h2 = curl(&held.live, &["--http2", "-r", "100000-100099", &url(&held.live, "/a.bin")]);
    assert_eq!(over_h2.stdout, &bytes[100_000..100_100]);
    let whole = curl(&held.live, &["--http2", &url(&held.live, "/a.bin")]);
    assert!(whole.stdout == bytes, "{} bytes", whole.stdout.len());
}

#[test]
fn folders_are_listed_made_moved_within_and_removed() {
    let held = Held::start("");
    let at = held.live.plain;
    assert_eq!(ask(at, "MKCOL", "/empty", &[], b"").status, 201);
    assert_eq!(ask(at, "MKCOL", "/empty", &[], b"").status, 405);
    put(at, "/docs/a.txt", b"aa");
    put(at, "/docs/deep/b.txt", b"b");
    let listed = |path: &str| {
        let answer = ask(at, "GET", path, &["Accept: application/json"], b"");
        assert_eq!(answer.status, 200, "{}", answer.head);
        serde_json::from_slice::<serde_json::Value>(&answer.body).unwrap()
    };
    let names = |listing: &serde_json::Value| {
        let entries = listing["entries"].as_array().unwrap().iter();
        let name = |entry: &serde_json::Value| entry["name"].as_str().unwrap().to_owned();
        entries.map(name).collect::<Vec<_>>()
    };
    assert_eq!(names(&listed("/")), ["docs", "empty"]);
    let docs = listed("/docs/");
    assert_eq!(names(&docs), ["deep", "a.txt"]);
    assert_eq!((&docs["entries"][1]["size"], &docs["access"]), (&2.into(), &"write".into()));
    let etag = &docs["entries"][1]["etag"];
    assert!(etag.is_null() || *etag == get(at, "/docs/a.txt").tag(), "some servers list no tags");
    assert_eq!(names(&listed("/empty/")), [""; 0]);
    assert_eq!(get(at, "/nothing/").status, 404);
    assert_eq!((get(at, "/docs").status, get(at, "/docs").location()), (308, "/docs/"));
    let page = ask(at, "GET", "/docs/", &["Accept: text/html"], b"");
    assert!(page.text().contains("href=\"./a.txt\""), "{}", page.text());
    assert_eq!(get(at, "/docs/?zip").status, 501);

    let to = ["Destination: /docs/moved.txt"];
    assert_eq!(ask(at, "MOVE", "/docs/a.txt", &to, b"").status, 201);
    assert_eq!(
        (get(at, "/docs/a.txt").status, get(at, "/docs/moved.txt").text().as_str()),
        (404, "aa")
    );
    put(at, "/docs/c.txt", b"c");
    let kept = ["Destination: /docs/moved.txt", "Overwrite: F"];
    assert_eq!(ask(at, "MOVE", "/docs/c.txt", &kept, b"").status, 412);
    assert_eq!(ask(at, "MOVE", "/docs/c.txt", &to, b"").status, 204);
    assert_eq!(get(at, "/docs/moved.txt").text(), "c");
    assert_eq!(ask(at, "MOVE", "/docs/moved.txt", &to, b"").status, 204, "onto itself");
    assert_eq!(get(at, "/docs/moved.txt").text(), "c");
    assert_eq!(ask(at, "MOVE", "/docs", &["Destination: /other"], b"").status, 409);

    assert_eq!(ask(at, "DELETE", "/docs", &[], b"").status, 409, "it is not empty");
    assert_eq!(ask(at, "DELETE", "/empty/", &[], b"").status, 204);
    assert_eq!(names(&listed("/")), ["docs"]);
    assert_eq!(ask(at, "DELETE", "/", &[], b"").status, 403);
    assert!(held.engine.uploads().is_empty());
}

#[test]
fn long_bodies_go_up_in_parts_and_are_checked_before_they_have_their_name() {
    let held = Held::start("");
    let at = held.live.plain;
    let bytes = pattern(17 << 20);
    held.engine.plan(|_| engine::Fault::None);
    let made = ask(at, "PUT", "/big", &["Want-Repr-Digest: sha-256=1"], &bytes);
    assert_eq!(made.status, 201, "{}", made.head);
    let digest = made.field("repr-digest").unwrap().to_owned();
    let log = held.engine.log();
    let parts =
        log.iter().filter(|seen| seen.operation == "UploadPart" && seen.key == "p/big").count();
    assert_eq!(parts, 4, "5 MiB each and the rest: {log:?}");
    assert!(held.engine.object("p/big").unwrap() == bytes);
    assert!(get(at, "/big").body == bytes);
    let got = curl(&held.live, &["--http2", &url(&held.live, "/big")]);
    assert!(got.stdout == bytes, "{} bytes over HTTP/2", got.stdout.len());

    let right = format!("Repr-Digest: {digest}");
    assert_eq!(ask(at, "PUT", "/big", &[&right], &bytes).status, 204);
    let wrong = pattern((17 << 20) - 1);
    assert_eq!(ask(at, "PUT", "/other", &[&right], &wrong).status, 400);
    assert_eq!(get(at, "/other").status, 404);

    // Of unknown length, too, and over HTTP/2.
    let mut sent = b"PUT /chunked HTTP/1.1\r\nHost: localhost\r\n".to_vec();
    sent.extend_from_slice(b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
    sent.extend_from_slice(&chunked(&bytes, 100_000));
    let mut wire = wire::Wire::open(at);
    wire.send(sent);
    assert_eq!(wire.answer("PUT").status, 201);
    assert!(held.engine.object("p/chunked").unwrap() == bytes);
    let file = held.live.path("body");
    std::fs::write(&file, &bytes).unwrap();
    let put = curl_ask(&held.live, "/h2", &["--http2", "-T", file.to_str().unwrap()]);
    assert_eq!(put.status, 201);
    assert!(held.engine.object("p/h2").unwrap() == bytes);
    live::wait_for("nothing to be under way", || {
        held.engine.uploads().is_empty()
            && !held.engine.keys().iter().any(|key| key.contains(".menshen"))
    });
}

#[test]
fn a_form_is_stored_whole_or_not_at_all() {
    let held = Held::start("");
    let at = held.live.plain;
    let part = |name: &str, bytes: &[u8]| {
        let head = format!(
            "--xXx\r\nContent-Disposition: form-data; name=\"f\"; filename=\"{name}\"\r\n\r\n"
        );
        [head.as_bytes(), bytes, b"\r\n"].concat()
    };
    let kind = "Content-Type: multipart/form-data; boundary=xXx";
    let large = pattern(6 << 20);
    let form = [part("a", b"1"), part("b", &large), part("empty", b""), b"--xXx--\r\n".to_vec()];
    let json = "Accept: application/json";
    let stored = ask(at, "POST", "/in/", &[kind, json], &form.concat());
    assert_eq!(stored.status, 201, "{}", stored.text());
    let told: serde_json::Value = serde_json::from_slice(&stored.body).unwrap();
    assert_eq!(
        (&told["stored"][0]["path"], &told["stored"][1]["size"]),
        (&"/in/a".into(), &(6 << 20).into())
    );
    assert_eq!(held.engine.object("p/in/a").unwrap(), b"1");
    assert!(held.engine.object("p/in/b").unwrap() == large);
    assert_eq!(held.engine.object("p/in/empty").unwrap(), b"");

    let cut = [part("c", &large), part("d", b"2")].concat();
    assert_eq!(ask(at, "POST", "/in/", &[kind], &cut).status, 400);
    assert_eq!((get(at, "/in/c").status, get(at, "/in/d").status), (404, 404));
    live::wait_for("nothing to be under way", || held.engine.uploads().is_empty());
}

#[test]
fn signed_links_open_what_is_in_the_bucket() {
    let held = Held::start("");
    let at = held.live.plain;
    let bytes = pattern(100_000);
    put(at, "/x/a", &bytes);
    let link = |arguments: &[&str]| {
        let output = held.live.run(&[&["link"], arguments].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        let path = text.trim().splitn(4, '/').nth(3).unwrap().to_owned();
        format!("/{path}")
    };
    let once = link(&["/x/a", "--count", "1"]);
    assert_eq!(ask(at, "HEAD", &once, &[], b"").status, 200, "a look is no use");
    assert!(get(at, &once).body == bytes);
    assert_eq!(get(at, &once).status, 410);
    let wrong = once.replace("/x/a", "/x/b");
    assert_eq!(get(at, &wrong).status, 403);
    let folder = ask(at, "GET", &link(&["/x/"]), &["Accept: application/json"], b"");
    assert_eq!(folder.status, 200);
    assert!(folder.text().contains("\"name\":\"a\""), "{}", folder.text());
    let into = link(&["/x/new", "--method", "put", "--count", "1"]);
    assert_eq!(put(at, &into, b"brought").status, 201);
    assert_eq!(put(at, &into, b"again").status, 410);
    assert_eq!(held.engine.object("p/x/new").unwrap(), b"brought");
    let refused = held.live.run(&["link", "/x/", "--method", "drop"]);
    assert_eq!(refused.status.code(), Some(2));
    // What there is not in a bucket stores nothing and takes no use.
    let once = link(&["/x/a", "--method", "put", "--count", "1"]);
    let tus = ask(at, "POST", &once, &["Tus-Resumable: 1.0.0", "Upload-Length: 3"], b"");
    let part = ask(at, "PUT", &once, &["Upload-Complete: ?0"], b"part");
    let zip = ask(at, "GET", &format!("{}&zip", link(&["/x/"])), &[], b"");
    let some = ask(at, "POST", &format!("{}&zip", link(&["/x/"])), &[], b"name=a");
    assert_eq!([tus.status, part.status, zip.status, some.status], [501; 4]);
    assert!(held.engine.object("p/x/a").unwrap() == bytes, "as it was");
    assert_eq!(put(at, &once, b"whole").status, 204);
}

#[test]
fn settings_of_the_guide_are_read_without_a_problem() {
    let page = include_str!("../../../docs/guide/buckets.md");
    let blocks: Vec<_> = page.split("```toml\n").skip(1).collect();
    let own: Vec<_> = blocks.iter().filter(|block| block.starts_with("[s3]")).collect();
    assert_eq!(own.len(), 2);
    for block in own {
        let block = block.split("```").next().unwrap();
        let checked =
            menshen_config::check(block.as_bytes(), "guide", menshen_config::Colour::Plain);
        assert_eq!(checked.report, "", "{block}");
    }
}
