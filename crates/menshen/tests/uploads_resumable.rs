//! Uploads that can be resumed, over the wire: created, cut, looked at, gone on with, delivered
//! once, and every way in which that can be wrong.

use crate::support::{counts, live, wire};

use std::time::Duration;

use counts::count;
use live::{Live, wait_for};
use menshen_base::Counter;
use rustix::process::Signal;
use wire::{Answer, ONE, TWO, Wire, ask, curl_ask, find, get, lay, pattern, request, stored};

const PLACE: &str = "/.menshen/uploads/";
const TUS: &str = "Tus-Resumable: 1.0.0";
const TUS_TYPE: &str = "Content-Type: application/offset+octet-stream";
const RUFH: &str = "Upload-Draft-Interop-Version: 8";
const RUFH_TYPE: &str = "Content-Type: application/partial-upload";

/// Makes an upload by tus; its path.
fn tus_create(live: &Live, length: usize, more: &[&str]) -> String {
    let length = format!("Upload-Length: {length}");
    let fields: Vec<&str> = [TUS, &length].into_iter().chain(more.iter().copied()).collect();
    let made = ask(live.plain, "POST", PLACE, &fields, b"");
    assert_eq!(made.status, 201, "{}\n{}", made.head, made.text());
    made.location().to_owned()
}

fn tus_patch(live: &Live, at: &str, offset: usize, body: &[u8]) -> Answer {
    let offset = format!("Upload-Offset: {offset}");
    ask(live.plain, "PATCH", at, &[TUS, TUS_TYPE, &offset], body)
}

/// How far an upload is, by tus.
fn tus_offset(live: &Live, at: &str) -> usize {
    let told = ask(live.plain, "HEAD", at, &[TUS], b"");
    assert!(matches!(told.status, 200 | 204), "{}", told.head);
    told.field("upload-offset").unwrap().parse().unwrap()
}

/// A PATCH by RUFH.
fn rufh_patch(live: &Live, at: &str, offset: usize, ends: &str, body: &[u8]) -> Answer {
    let offset = format!("Upload-Offset: {offset}");
    let ends = format!("Upload-Complete: {ends}");
    ask(live.plain, "PATCH", at, &[RUFH, RUFH_TYPE, &offset, &ends], body)
}

/// `hello.bin` as tus metadata says it.
const HELLO_BIN: &str = "Upload-Metadata: filename aGVsbG8uYmlu";

#[test]
fn tus_makes_appends_looks_and_the_file_is_there() {
    let live = Live::start(ONE);
    let body = pattern(300_000);
    let at = tus_create(&live, body.len(), &[HELLO_BIN]);
    assert_eq!(tus_offset(&live, &at), 0);
    assert_eq!(get(live.plain, PLACE).status, 401, "strangers have no list");
    let told = tus_patch(&live, &at, 0, &body[..100_000]);
    assert_eq!((told.status, told.field("upload-offset")), (204, Some("100000")));
    assert!(told.field("upload-expires").is_some(), "{}", told.head);
    assert!(!stored(&live, "hello.bin").exists());
    let told = tus_patch(&live, &at, 100_000, &body[100_000..]);
    assert_eq!(
        (told.status, told.field("upload-offset")),
        (204, Some("300000")),
        "{}",
        told.text()
    );
    assert_eq!(std::fs::read(stored(&live, "hello.bin")).unwrap(), body);
    assert_eq!(get(live.plain, "/hello.bin").body, body);
    // Whoever lost the answer finds it complete.
    assert_eq!(tus_offset(&live, &at), 300_000);
    let again = tus_patch(&live, &at, 300_000, b"");
    assert_eq!((again.status, again.field("upload-offset")), (204, Some("300000")));
    assert_eq!(count(&live, Counter::ResumableDone), 1);
    assert_eq!(count(&live, Counter::UploadsDone), 1, "delivered once");
    assert_eq!(count(&live, Counter::ResumableReplayed), 1);

    // No bytes at all, a name for none, a length said late, and all in one request.
    tus_create(&live, 0, &["Upload-Metadata: filename ZW1wdHk="]);
    assert_eq!(std::fs::read(stored(&live, "empty")).unwrap(), b"");
    let fields = [TUS, "Upload-Defer-Length: 1"];
    let made = ask(live.plain, "POST", &format!("{PLACE}?folder=/x&filename=late"), &fields, b"");
    assert_eq!(made.status, 201, "{}", made.head);
    let at = made.location().to_owned();
    assert_eq!(tus_patch(&live, &at, 0, b"abc").status, 204);
    let fields = [TUS, TUS_TYPE, "Upload-Offset: 3", "Upload-Length: 5"];
    assert_eq!(ask(live.plain, "PATCH", &at, &fields, b"de").status, 204);
    assert_eq!(std::fs::read(stored(&live, "x/late")).unwrap(), b"abcde");
    let at = "Upload-Metadata: filename b25jZQ==";
    let fields = [TUS, TUS_TYPE, "Upload-Length: 4", at];
    let made = ask(live.plain, "POST", PLACE, &fields, b"once");
    assert_eq!((made.status, made.field("upload-offset")), (201, Some("4")), "{}", made.head);
    assert_eq!(std::fs::read(stored(&live, "once")).unwrap(), b"once");
    let told = ask(live.plain, "OPTIONS", PLACE, &[], b"");
    assert!(told.field("tus-extension").unwrap().contains("creation"), "{}", told.head);
}

#[test]
fn a_put_becomes_resumable_and_a_cut_loses_nothing() {
    let live = Live::start(ONE);
    lay(&live, "kept.bin", b"old");
    let body = pattern(500_000);
    let mut wire = Wire::open(live.plain);
    let length = format!("Content-Length: {}", body.len());
    let fields = [RUFH, "Upload-Complete: ?1", &length];
    wire.send(request("PUT", "/kept.bin", &fields, b""));
    let interim = wire.answer("PUT");
    assert_eq!(interim.status, 104, "{}", interim.head);
    assert_eq!(interim.field("upload-draft-interop-version"), Some("8"));
    let at = interim.location().to_owned();
    wire.send(&body[..200_000]);
    wait_for("the bytes", || count(&live, Counter::BytesIn) >= 200_000);
    drop(wire);
    wait_for("the cut", || count(&live, Counter::ResumableCut) == 1);
    let told = ask(live.plain, "HEAD", &at, &[RUFH], b"");
    assert_eq!(told.field("upload-offset"), Some("200000"), "{}", told.head);
    assert_eq!(told.field("upload-complete"), Some("?0"));
    assert_eq!(std::fs::read(stored(&live, "kept.bin")).unwrap(), b"old");
    let told = rufh_patch(&live, &at, 200_000, "?0", &body[200_000..300_000]);
    assert!(told.status < 300, "{}\n{}", told.head, told.text());
    let done = rufh_patch(&live, &at, 300_000, "?1", &body[300_000..]);
    assert_eq!(done.status, 204, "as a PUT that replaces: {}\n{}", done.head, done.text());
    assert_eq!(std::fs::read(stored(&live, "kept.bin")).unwrap(), body);
    let tag = done.field("etag").unwrap().to_owned();
    // The answer was lost: it is said again, and the file is not touched.
    lay(&live, "kept.bin", b"newer");
    let again = rufh_patch(&live, &at, body.len(), "?1", b"");
    assert_eq!((again.status, again.field("etag")), (204, Some(tag.as_str())), "{}", again.head);
    assert_eq!(std::fs::read(stored(&live, "kept.bin")).unwrap(), b"newer");
    // A PUT that says nothing of it is what it was.
    assert_eq!(ask(live.plain, "PUT", "/plain", &[], b"x").status, 201);
}

#[test]
fn conditions_and_digests_hold_as_for_any_put() {
    let live = Live::start(ONE);
    lay(&live, "kept", b"old");
    let complete = "Upload-Complete: ?1";
    let refused = ask(live.plain, "PUT", "/kept", &[RUFH, complete, "If-None-Match: *"], b"x");
    assert_eq!(refused.status, 412, "{}", refused.head);
    // Of "hello world", not of what comes.
    let digest = "Repr-Digest: sha-256=:uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=:";
    let mut wire = Wire::open(live.plain);
    let fields = [RUFH, complete, digest, "Content-Length: 11"];
    wire.send(request("PUT", "/kept", &fields, b""));
    assert_eq!(wire.answer("PUT").status, 104);
    wire.send(b"hello worlD");
    let refused = wire.answer("PUT");
    assert_eq!(refused.status, 400, "{}", refused.head);
    assert_eq!(std::fs::read(stored(&live, "kept")).unwrap(), b"old");
    let mut wire = Wire::open(live.plain);
    wire.send(request(
        "PUT",
        "/kept",
        &[&fields[..], &["Want-Repr-Digest: sha-256=1"]].concat(),
        b"hello world",
    ));
    assert_eq!(wire.answer("PUT").status, 104);
    let done = wire.answer("PUT");
    assert_eq!(done.status, 204, "{}", done.head);
    assert_eq!(done.field("repr-digest"), digest.strip_prefix("Repr-Digest: "));
    // tus: of one request; nothing of it is kept.
    let at = tus_create(&live, 11, &[HELLO_BIN]);
    let wrong = ["Upload-Checksum: sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "Upload-Offset: 0"];
    let refused = ask(live.plain, "PATCH", &at, &[&[TUS, TUS_TYPE], &wrong[..]].concat(), b"hello");
    assert_eq!(refused.status, 460, "{}", refused.head);
    assert_eq!(tus_offset(&live, &at), 0);
    let right = ["Upload-Checksum: sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", "Upload-Offset: 0"];
    let done =
        ask(live.plain, "PATCH", &at, &[&[TUS, TUS_TYPE], &right[..]].concat(), b"hello world");
    assert_eq!(done.status, 204, "{}", done.head);
}

#[test]
fn what_is_wrong_is_told_and_loses_nothing() {
    let live = Live::start(ONE);
    let at = tus_create(&live, 10, &[HELLO_BIN]);
    assert_eq!(tus_patch(&live, &at, 0, b"12345").status, 204);
    let conflict = tus_patch(&live, &at, 3, b"xx");
    assert_eq!(conflict.status, 409, "{}", conflict.head);
    assert_eq!(conflict.field("upload-offset"), Some("5"));
    assert_eq!(tus_patch(&live, &at, 7, b"xx").status, 409);
    let over = tus_patch(&live, &at, 5, b"123456");
    assert!(matches!(over.status, 400 | 413), "{}", over.head);
    let over = ask(
        live.plain,
        "PATCH",
        &at,
        &[TUS, TUS_TYPE, "Upload-Offset: 5", "Transfer-Encoding: chunked"],
        &wire::chunked(b"123456", 2),
    );
    assert!(matches!(over.status, 400 | 413), "{}", over.head);
    let offset = tus_offset(&live, &at);
    assert!(offset >= 5, "{offset}");
    let nobody = "/.menshen/uploads/aaaaaaaaaaaaaaaaaaaaaaaaaa";
    for (method, fields) in [
        ("HEAD", vec![TUS]),
        ("PATCH", vec![TUS, TUS_TYPE, "Upload-Offset: 0"]),
        ("DELETE", vec![TUS]),
    ] {
        for nobody in [nobody, "/.menshen/uploads/..", "/.menshen/uploads/x"] {
            let told = ask(live.plain, method, nobody, &fields, b"");
            assert!(matches!(told.status, 401 | 404), "{method} {nobody}: {}", told.head);
        }
    }
    // Names that are none, and a body in no dialect.
    for name in ["Li4=", "YS9i", "Lm1lbnNoZW4tdXBsb2Fkcw=="] {
        let metadata = format!("Upload-Metadata: filename {name}");
        let told = ask(live.plain, "POST", PLACE, &[TUS, "Upload-Length: 1", &metadata], b"");
        assert!(matches!(told.status, 201 | 400 | 403), "{name}: {}", told.head);
    }
    assert_eq!(ask(live.plain, "POST", PLACE, &[], b"x").status, 400);
    // Cancelled is gone.
    let gone = ask(live.plain, "DELETE", &at, &[TUS], b"");
    assert_eq!(gone.status, 204, "{}", gone.head);
    let told = tus_patch(&live, &at, 5, b"x");
    assert!(matches!(told.status, 401 | 404 | 410), "{}", told.head);
    assert!(!stored(&live, "hello.bin").exists());
}

#[test]
fn over_http2_it_is_the_same() {
    let live = Live::start(ONE);
    let body = pattern(200_000);
    std::fs::write(live.path("body"), &body).unwrap();
    let output = wire::curl_command(&live)
        .args(["-i", "--http2", "-T", "body", "-H", RUFH, "-H", "Upload-Complete: ?1"])
        .arg(wire::url(&live, "/put.bin"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("HTTP/2 104"), "{text}");
    assert!(text.contains("HTTP/2 201"), "{text}");
    assert_eq!(std::fs::read(stored(&live, "put.bin")).unwrap(), body);
    let metadata = ["-H", TUS, "-H", "Upload-Length: 200000", "-H", HELLO_BIN];
    let made = curl_ask(&live, PLACE, &[&["--http2", "-X", "POST"], &metadata[..]].concat());
    assert_eq!(made.status, 201, "{}", made.head);
    let at = made.location().to_owned();
    let patch = ["--http2", "-X", "PATCH", "-H", TUS, "-H", TUS_TYPE, "-H", "Upload-Offset: 0"];
    let told = curl_ask(&live, &at, &[&patch[..], &["--data-binary", "@body"]].concat());
    assert_eq!((told.status, told.field("upload-offset")), (204, Some("200000")), "{}", told.head);
    assert_eq!(std::fs::read(stored(&live, "hello.bin")).unwrap(), body);
    // Cut in the middle.
    let at = tus_create(&live, body.len() * 50, &["Upload-Metadata: filename Y3V0"]);
    std::fs::write(live.path("long"), pattern(body.len() * 50)).unwrap();
    let mut child = wire::curl_command(&live)
        .args(patch)
        .args(["--limit-rate", "200k", "--data-binary", "@long"])
        .arg(wire::url(&live, &at))
        .spawn()
        .unwrap();
    let before = count(&live, Counter::BytesIn);
    wait_for("some bytes", || count(&live, Counter::BytesIn) > before + 65_000);
    child.kill().unwrap();
    child.wait().unwrap();
    wait_for("the cut", || count(&live, Counter::ResumableCut) >= 1);
    let offset = tus_offset(&live, &at);
    assert!(offset >= 60_000, "{offset}");
    let rest = pattern(body.len() * 50);
    assert_eq!(tus_patch(&live, &at, offset, &rest[offset..]).status, 204);
    assert_eq!(std::fs::read(stored(&live, "cut")).unwrap(), rest);
}

#[test]
fn a_killed_worker_and_a_new_guard_lose_nothing_that_was_told() {
    let live = Live::start(ONE);
    let body = pattern(600_000);
    let at = tus_create(&live, body.len(), &[HELLO_BIN]);
    assert_eq!(tus_patch(&live, &at, 0, &body[..100_000]).status, 204);
    let mut wire = Wire::open(live.plain);
    let fields = [TUS, TUS_TYPE, "Upload-Offset: 100000", "Content-Length: 500000"];
    wire.send(request("PATCH", &at, &fields, &body[100_000..350_000]));
    wait_for("the bytes", || count(&live, Counter::BytesIn) >= 350_000);
    wire::kill_worker(&live);
    let offset = tus_offset(&live, &at);
    assert!((100_000..=350_000).contains(&offset), "{offset}");
    let told = tus_patch(&live, &at, offset, &body[offset..500_000]);
    assert_eq!((told.status, told.field("upload-offset")), (204, Some("500000")), "{}", told.head);
    // The guard goes and comes.
    let mut live = live;
    live.signal(Signal::TERM);
    live.ended(Duration::from_secs(10));
    let folder = std::mem::replace(&mut live.folder, tempfile::tempdir().unwrap());
    let command = live::command(folder.path(), &["serve"]);
    let live = Live::start_command(folder, command);
    assert_eq!(tus_offset(&live, &at), 500_000);
    assert_eq!(tus_patch(&live, &at, 500_000, &body[500_000..]).status, 204);
    assert_eq!(std::fs::read(stored(&live, "hello.bin")).unwrap(), body);
}

#[test]
fn of_two_that_append_the_newer_wins_and_nothing_is_mixed() {
    let live = Live::start(TWO);
    let body = pattern(400_000);
    let at = tus_create(&live, body.len(), &[HELLO_BIN]);
    // Both workers take connections: among many old ones some are at the other worker.
    for round in 0..4 {
        let offset = tus_offset(&live, &at);
        let said = format!("Upload-Offset: {offset}");
        let mut old = Wire::open(live.plain);
        let wrong = vec![0xEE; body.len() - offset];
        let length = format!("Content-Length: {}", wrong.len());
        let before = count(&live, Counter::BytesIn);
        old.send(request("PATCH", &at, &[TUS, TUS_TYPE, &said, &length], &wrong[..1000]));
        wait_for("the old one's bytes", || count(&live, Counter::BytesIn) >= before + 1000);
        let end = (offset + 100_000).min(body.len() - 1);
        let told = tus_patch(&live, &at, offset, &body[offset..end]);
        // Bytes that were never acknowledged are overwritten by whoever comes next.
        assert_eq!(told.status, 204, "round {round}: {}\n{}", told.head, told.text());
        let _ = old.try_send(&wrong[1000..]);
        let rest = old.rest();
        let answer = String::from_utf8_lossy(&rest).into_owned();
        assert!(rest.is_empty() || find(&rest, b" 409 ").is_some(), "round {round}: {answer}");
    }
    let offset = tus_offset(&live, &at);
    assert_eq!(tus_patch(&live, &at, offset, &body[offset..]).status, 204);
    assert!(std::fs::read(stored(&live, "hello.bin")).unwrap() == body, "mixed");
    assert!(count(&live, Counter::ResumableFenced) >= 4);
}

#[test]
fn the_examples_of_the_guide_do_what_they_say() {
    let live = Live::start(ONE);
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide/uploads.md");
    let text = std::fs::read_to_string(page).unwrap();
    let blocks: Vec<&str> =
        text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let [set_up, rufh, go_on, put, tus, options, list, segment] = blocks[..] else {
        panic!("{}", blocks.len())
    };
    let tables = text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let plain = menshen_config::Colour::Plain;
    let reports =
        tables.map(|settings| menshen_config::check(settings.as_bytes(), "guide", plain).report);
    assert_eq!(reports.collect::<Vec<_>>(), ["", ""]);
    let (create, append) = rufh.split_once("\n\n").unwrap();
    let film = pattern(70_000);
    std::fs::write(live.path("film.bin"), &film).unwrap();
    let made = stored(&live, "film.bin");
    let run = |steps: &[&str], at: &std::path::Path| {
        let _ = std::fs::remove_file(at);
        let script = format!("set -e\n{set_up}\n{}", steps.join("\n"));
        let output = std::process::Command::new("bash")
            .args(["-c", &script])
            .current_dir(live.folder.path())
            .env("door", format!("https://localhost:{}", live.https.unwrap().port()))
            .env("auth", format!("Authorization: Bearer {}", token(&live)))
            .env("CURL_CA_BUNDLE", live.path(".menshen/ca.pem"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{steps:?}: {said}");
        assert!(std::fs::read(at).unwrap_or_default() == film, "{steps:?}: {said}");
        said + &String::from_utf8_lossy(&output.stdout)
    };
    let said = run(&[create, list, append], &made);
    assert!(said.contains("\"filename\":\"film.bin\",\"folder\":\"/\""), "{said}");
    run(&[create, go_on], &made);
    run(&[tus], &made);
    let said = run(&[put, options], &stored(&live, "films/film.bin"));
    assert!(said.contains("HTTP/2 104"), "{said}");
    let rest = segment.replace("0-3/8", "4-7/8").replace("'film'", "'FILM'");
    let said = run(&[segment, &rest, tus], &made);
    assert!(said.contains("0-3/8"), "{said}");
    assert_eq!(std::fs::read(stored(&live, "two.bin")).unwrap(), b"filmFILM");
}

fn token(live: &Live) -> String {
    std::fs::read_to_string(live.path(".menshen/owner-token")).unwrap().trim().to_owned()
}

#[test]
fn a_long_request_is_told_what_is_safe() {
    let live = Live::start(ONE);
    let body = pattern(70 << 20);
    let mut wire = Wire::open(live.plain);
    wire.send(request("PUT", "/long.bin", &[RUFH, "Upload-Complete: ?1"], &body));
    let made = wire.answer("PUT");
    assert!(made.status == 104 && made.field("location").is_some(), "{}", made.head);
    let safe = wire.answer("PUT");
    assert_eq!(safe.status, 104, "{}", safe.head);
    let offset: usize = safe.field("upload-offset").unwrap().parse().unwrap();
    assert!(offset > 0 && offset <= body.len(), "{offset}");
    let mut done = wire.answer("PUT");
    while done.status == 104 {
        done = wire.answer("PUT");
    }
    assert_eq!(done.status, 201, "{}", done.head);
    assert!(std::fs::read(stored(&live, "long.bin")).unwrap() == body);
}

#[test]
fn a_worker_that_drains_keeps_what_came() {
    let live = Live::start("workers = 1");
    let body = pattern(200_000);
    let at = tus_create(&live, body.len(), &[HELLO_BIN]);
    let mut wire = Wire::open(live.plain);
    let fields = [TUS, TUS_TYPE, "Upload-Offset: 0", "Content-Length: 200000"];
    wire.send(request("PATCH", &at, &fields, &body[..80_000]));
    wait_for("the bytes", || count(&live, Counter::BytesIn) >= 80_000);
    let reloaded = live.run(&["reload"]);
    assert!(reloaded.status.success());
    // The old worker still serves it; a client that comes anew is at the new one and takes over.
    wire.send(&body[80_000..100_000]);
    // What the old one brings is made durable now and then: the offset may move in between.
    wait_for("the rest to be taken", || {
        let offset = tus_offset(&live, &at);
        tus_patch(&live, &at, offset, &body[offset..]).status == 204
    });
    assert_eq!(std::fs::read(stored(&live, "hello.bin")).unwrap(), body);
    let _ = wire.try_send(&body[100_000..]);
    let rest = wire.rest();
    assert!(find(&rest, b" 204 ").is_none(), "{}", String::from_utf8_lossy(&rest));
}
