//! Uploads into a bucket, through real doors before a real object store: what one door was told,
//! another goes on with, whoever is killed, stopped or away.

use crate::support::{counts, doors, engine, live, wire};

use std::time::{Duration, Instant};

use counts::count;
use doors::{all, bearer, door};
use engine::{Engine, Fault};
use live::{Live, wait_for};
use menshen_base::Counter;
use rustix::process::Signal;
use wire::{Answer, Wire, ask, curl_ask, pattern, request};

const PLACE: &str = "/.menshen/uploads/";
const TUS: &str = "Tus-Resumable: 1.0.0";
const TUS_TYPE: &str = "Content-Type: application/offset+octet-stream";
const RUFH: &str = "Upload-Draft-Interop-Version: 8";
const RUFH_TYPE: &str = "Content-Type: application/partial-upload";
/// `hello.bin` as tus metadata says it.
const HELLO_BIN: &str = "Upload-Metadata: filename aGVsbG8uYmlu";
const MIB: usize = 1 << 20;

fn both(test: impl Fn(&Engine)) {
    for is_conditional in [true, false] {
        let engine = Engine::start();
        engine.conditional(is_conditional);
        test(&engine);
    }
}

fn tus_create(live: &Live, length: usize, more: &[&str]) -> String {
    let length = format!("Upload-Length: {length}");
    let bearer = bearer();
    let fields = [TUS, &length, &bearer].into_iter().chain(more.iter().copied());
    let fields: Vec<&str> = fields.collect();
    let made = ask(live.plain, "POST", PLACE, &fields, b"");
    assert_eq!(made.status, 201, "{}\n{}", made.head, made.text());
    made.location().to_owned()
}

fn tus_patch(live: &Live, at: &str, offset: usize, body: &[u8]) -> Answer {
    let offset = format!("Upload-Offset: {offset}");
    ask(live.plain, "PATCH", at, &[TUS, TUS_TYPE, &offset, &bearer()], body)
}

/// How far an upload is, by tus.
fn tus_offset(live: &Live, at: &str) -> usize {
    let told = ask(live.plain, "HEAD", at, &[TUS, &bearer()], b"");
    assert!(matches!(told.status, 200 | 204), "{}", told.head);
    told.field("upload-offset").unwrap().parse().unwrap()
}

fn rufh_patch(live: &Live, at: &str, offset: usize, ends: &str, body: &[u8]) -> Answer {
    let offset = format!("Upload-Offset: {offset}");
    let ends = format!("Upload-Complete: {ends}");
    ask(live.plain, "PATCH", at, &[RUFH, RUFH_TYPE, &offset, &ends, &bearer()], body)
}

/// The objects that are not the store's own.
fn files(engine: &Engine) -> Vec<String> {
    let keys = engine.keys().into_iter();
    keys.filter(|key| !key.starts_with("p/.menshen/")).collect()
}

#[test]
fn another_door_goes_on_where_a_killed_one_was() {
    both(|engine| {
        let (mut one, two) = (door(engine, "", ""), door(engine, "", ""));
        let body = pattern(20 * MIB + 7);
        let at = tus_create(&one, body.len(), &[HELLO_BIN]);
        assert_eq!(tus_offset(&two, &at), 0, "it is there at once");
        let told = tus_patch(&one, &at, 0, &body[..9 * MIB]);
        let acknowledged = format!("{}", 9 * MIB);
        assert_eq!((told.status, told.field("upload-offset")), (204, Some(&*acknowledged)));
        // In the midst of the next piece the whole machine is gone.
        let mut wire = Wire::open(one.plain);
        let offset = format!("Upload-Offset: {acknowledged}");
        let length = format!("Content-Length: {}", 9 * MIB);
        let fields = [TUS, TUS_TYPE, &offset, &length, &bearer()];
        wire.send(request("PATCH", &at, &fields, b""));
        wire.send(&body[9 * MIB..12 * MIB]);
        wait_for("the bytes", || count(&one, Counter::BytesIn) >= (12 * MIB) as u64);
        all(&one, Signal::KILL);
        one.ended(Duration::from_secs(10));
        let from = tus_offset(&two, &at);
        assert_eq!(from, 9 * MIB, "what was told, and what was not is sent again");
        assert_eq!(files(engine), Vec::<String>::new(), "nothing has its name yet");
        let done = tus_patch(&two, &at, from, &body[from..]);
        assert_eq!(done.status, 204, "{}\n{}", done.head, done.text());
        assert!(engine.object("p/hello.bin").unwrap() == body, "byte by byte");
        assert_eq!(tus_offset(&two, &at), body.len());
        assert_eq!(tus_patch(&two, &at, body.len(), b"").status, 204, "the answer was lost");
        assert_eq!(count(&two, Counter::UploadsDone), 1, "once");
        assert_eq!(files(engine), ["p/hello.bin"]);
        assert!(engine.uploads().is_empty(), "{:?}", engine.uploads());
        // A third one, which has seen nothing of it, says the same.
        let three = door(engine, "", "");
        assert_eq!(tus_patch(&three, &at, body.len(), b"").status, 204);
        assert_eq!(count(&three, Counter::ResumableReplayed), 1);
    });
}

#[test]
fn who_holds_the_token_or_a_session_owns_at_every_door() {
    let engine = Engine::start();
    let (one, two) = (door(&engine, "", ""), door(&engine, "", ""));
    let at = tus_create(&one, 10, &[HELLO_BIN]);
    assert_eq!(tus_patch(&one, &at, 0, b"12345").status, 204);
    assert_eq!(ask(two.plain, "HEAD", &at, &[TUS], b"").status, 401, "strangers are asked who");
    let begun = ask(one.plain, "POST", "/.menshen/session", &[&bearer()], b"");
    assert!(begun.status < 300, "{}", begun.head);
    let cookie = begun.field("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let session = [&*format!("Cookie: {cookie}"), "Sec-Fetch-Site: same-origin"];
    let mine = ask(two.plain, "GET", PLACE, &session, b"");
    assert_eq!(mine.status, 200, "{}", mine.head);
    assert!(mine.text().contains("hello.bin") && mine.text().contains(&at), "{}", mine.text());
    let fields = [&session[..], &[TUS, TUS_TYPE, "Upload-Offset: 5"]].concat();
    assert_eq!(ask(two.plain, "PATCH", &at, &fields, b"67890").status, 204);
    assert_eq!(engine.object("p/hello.bin").unwrap(), b"1234567890");
    let mine = ask(one.plain, "GET", PLACE, &[&bearer()], b"");
    assert!(!mine.text().contains(&at), "it is not unfinished: {}", mine.text());
    // Who cancels takes all of it away.
    let at = tus_create(&two, 6 * MIB, &["Upload-Metadata: filename Z29uZQ=="]);
    assert_eq!(tus_patch(&two, &at, 0, &pattern(5 * MIB + 1)).status, 204);
    assert_eq!(ask(one.plain, "DELETE", &at, &[TUS, &bearer()], b"").status, 204);
    assert_eq!(ask(two.plain, "HEAD", &at, &[TUS, &bearer()], b"").status, 404);
    assert!(engine.uploads().is_empty(), "{:?}", engine.uploads());
    assert_eq!(files(&engine), ["p/hello.bin"]);
}

#[test]
fn a_put_becomes_resumable_at_any_door() {
    both(|engine| {
        let (one, two) = (door(engine, "", ""), door(engine, "", ""));
        let body = pattern(7 * MIB + 3);
        let mut wire = Wire::open(one.plain);
        let length = format!("Content-Length: {}", body.len());
        let bearer = bearer();
        let fields = [RUFH, "Upload-Complete: ?1", &length, &bearer];
        wire.send(request("PUT", "/folder/kept.bin", &fields, b""));
        let interim = wire.answer("PUT");
        assert_eq!(interim.status, 104, "{}", interim.head);
        let at = interim.location().to_owned();
        wire.send(&body[..6 * MIB]);
        wait_for("the bytes", || count(&one, Counter::BytesIn) >= (6 * MIB) as u64);
        drop(wire);
        wait_for("the cut", || count(&one, Counter::ResumableCut) == 1);
        let told = ask(two.plain, "HEAD", &at, &[RUFH, &bearer], b"");
        assert_eq!(told.field("upload-offset"), Some(&*format!("{}", 6 * MIB)), "{}", told.head);
        assert_eq!(told.field("upload-complete"), Some("?0"));
        let done = rufh_patch(&two, &at, 6 * MIB, "?1", &body[6 * MIB..]);
        assert_eq!(done.status, 201, "as a PUT: {}\n{}", done.head, done.text());
        assert_eq!(done.field("location"), Some("/folder/kept.bin"));
        let tag = done.field("etag").unwrap().to_owned();
        assert!(engine.object("p/folder/kept.bin").unwrap() == body);
        // Its answer was lost, and another door has it, too.
        let again = rufh_patch(&one, &at, body.len(), "?1", b"");
        assert_eq!((again.status, again.field("etag")), (201, Some(&*tag)), "{}", again.head);
        // A second one replaces it, and says so.
        let fields = [RUFH, "Upload-Complete: ?1", &bearer];
        let mut wire = Wire::open(two.plain);
        wire.send(request("PUT", "/folder/kept.bin", &fields, b"new"));
        assert_eq!(wire.answer("PUT").status, 104);
        let done = wire.answer("PUT");
        assert_eq!(done.status, 204, "{}\n{}", done.head, done.text());
        assert_eq!(engine.object("p/folder/kept.bin").unwrap(), b"new");
    });
}

#[test]
fn conditions_and_digests_hold_as_for_any_put() {
    both(|engine| {
        let live = door(engine, "", "");
        let bearer = bearer();
        let put = |fields: &[&str], body: &[u8]| {
            let mut wire = Wire::open(live.plain);
            let all = [&[RUFH, "Upload-Complete: ?1", &*bearer], fields].concat();
            wire.send(request("PUT", "/kept", &all, body));
            let first = wire.answer("PUT");
            if first.status == 104 { wire.answer("PUT") } else { first }
        };
        let made = put(&["If-None-Match: *"], b"old");
        assert_eq!(made.status, 201, "{}", made.head);
        let tag = made.tag();
        assert_eq!(put(&["If-None-Match: *"], b"x").status, 412);
        assert_eq!(put(&["If-Match: \"0123\""], b"x").status, 412);
        let digest = "Repr-Digest: sha-256=:uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=:";
        let wrong = put(&[digest], b"hello worlD");
        assert_eq!(wrong.status, 400, "{}", wrong.head);
        assert_eq!(engine.object("p/kept").unwrap(), b"old");
        let matched = format!("If-Match: {tag}");
        let done = put(&[&matched, digest, "Want-Repr-Digest: sha-256=1"], b"hello world");
        assert_eq!(done.status, 204, "{}\n{}", done.head, done.text());
        assert_eq!(done.field("repr-digest"), digest.strip_prefix("Repr-Digest: "));
        assert_eq!(engine.object("p/kept").unwrap(), b"hello world");
        // What held when it was made has to hold when it is completed.
        let complete = "Upload-Complete: ?0";
        let tag = format!("If-Match: {}", done.tag());
        let fields = [RUFH, complete, &tag, &bearer];
        let made = ask(live.plain, "PUT", "/kept", &fields, b"");
        assert_eq!(made.status, 201, "{}\n{}", made.head, made.text());
        let at = made.location().to_owned();
        assert_eq!(put(&[], b"newer").status, 204);
        let late = rufh_patch(&live, &at, 0, "?1", b"too late");
        assert_eq!(late.status, 412, "{}\n{}", late.head, late.text());
        assert_eq!(engine.object("p/kept").unwrap(), b"newer");
        // Of one request: nothing of it is kept.
        let at = tus_create(&live, 11, &[HELLO_BIN]);
        let wrong = ["Upload-Checksum: sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "Upload-Offset: 0"];
        let fields = [&[TUS, TUS_TYPE, &*bearer], &wrong[..]].concat();
        assert_eq!(ask(live.plain, "PATCH", &at, &fields, b"hello").status, 460);
        assert_eq!(tus_offset(&live, &at), 0);
        assert_eq!(tus_patch(&live, &at, 0, b"hello world").status, 204);
        assert_eq!(engine.object("p/hello.bin").unwrap(), b"hello world");
    });
}

#[test]
fn a_stopped_door_that_was_passed_writes_nothing_more() {
    both(|engine| {
        let (one, two) = (door(engine, "", ""), door(engine, "", ""));
        let body = pattern(18 * MIB);
        let at = tus_create(&one, body.len(), &[HELLO_BIN]);
        let mut wire = Wire::open(one.plain);
        let length = format!("Content-Length: {}", body.len());
        wire.send(request(
            "PATCH",
            &at,
            &[TUS, TUS_TYPE, "Upload-Offset: 0", &length, &bearer()],
            b"",
        ));
        wire.send(vec![b'-'; 9 * MIB]);
        wait_for("the bytes", || count(&one, Counter::BytesIn) >= (9 * MIB) as u64);
        all(&one, Signal::STOP);
        // Not one was told, so the client begins anew.
        assert_eq!(tus_offset(&two, &at), 0);
        assert_eq!(tus_patch(&two, &at, 0, &body[..10 * MIB]).status, 204);
        all(&one, Signal::CONT);
        // Whatever the first one still does with what it has, and with what still comes: the
        // request is refused, and nothing of it is in the file.
        let _ = wire.try_send(vec![b'-'; 9 * MIB]);
        let told = wire.answer("PATCH");
        assert_eq!(told.status, 409, "{}", told.head);
        assert_eq!(tus_offset(&two, &at), 10 * MIB);
        assert_eq!(tus_patch(&two, &at, 10 * MIB, &body[10 * MIB..]).status, 204);
        assert!(engine.object("p/hello.bin").unwrap() == body, "not a byte of the other");
        assert_eq!(files(engine), ["p/hello.bin"]);
        assert!(engine.uploads().is_empty(), "{:?}", engine.uploads());
    });
}

#[test]
fn an_outage_is_answered_503_and_loses_nothing_that_was_told() {
    both(|engine| {
        let live = door(engine, "tries_max = 2", "");
        let body = pattern(15 * MIB);
        let at = tus_create(&live, body.len(), &[HELLO_BIN]);
        assert_eq!(tus_patch(&live, &at, 0, &body[..6 * MIB]).status, 204);
        // In the midst of a piece.
        let mut wire = Wire::open(live.plain);
        let offset = format!("Upload-Offset: {}", 6 * MIB);
        let length = format!("Content-Length: {}", 9 * MIB);
        wire.send(request("PATCH", &at, &[TUS, TUS_TYPE, &offset, &length, &bearer()], b""));
        wire.send(&body[6 * MIB..7 * MIB]);
        wait_for("the bytes", || count(&live, Counter::BytesIn) >= (7 * MIB) as u64);
        engine.down(true);
        let _ = wire.try_send(&body[7 * MIB..]);
        let told = wire.answer("PATCH");
        assert_eq!(told.status, 503, "{}\n{}", told.head, told.text());
        assert!(told.field("retry-after").is_some(), "{}", told.head);
        for (method, target) in [("HEAD", &*at), ("PATCH", &*at), ("POST", PLACE)] {
            let fields = [TUS, TUS_TYPE, "Upload-Offset: 0", "Upload-Length: 5", &bearer()];
            let told = ask(live.plain, method, target, &fields, b"");
            assert_eq!(told.status, 503, "{method}: {}", told.head);
            assert!(told.field("retry-after").is_some(), "{method}: {}", told.head);
        }
        engine.down(false);
        let until = Instant::now() + Duration::from_secs(20);
        let from = loop {
            let told = ask(live.plain, "HEAD", &at, &[TUS, &bearer()], b"");
            if told.status != 503 {
                break told.field("upload-offset").unwrap().parse::<usize>().unwrap();
            }
            assert!(Instant::now() < until, "the bucket is there again");
            std::thread::sleep(Duration::from_millis(100));
        };
        assert!((6 * MIB..=15 * MIB).contains(&from), "{from}");
        assert_eq!(tus_patch(&live, &at, from, &body[from..]).status, 204);
        assert!(engine.object("p/hello.bin").unwrap() == body);
    });
}

#[test]
fn a_slow_store_is_not_the_clients_fault() {
    let engine = Engine::start();
    let live = door(&engine, "part_bytes = \"5MiB\"", "[limits]\nstall_seconds_max = 1");
    // Each part takes three times as long as a client may be silent.
    engine.plan(|seen| match seen.operation {
        "UploadPart" => Fault::Late(Duration::from_secs(3)),
        _ => Fault::None,
    });
    let body = pattern(21 * MIB);
    let at = tus_create(&live, body.len(), &[HELLO_BIN]);
    let done = tus_patch(&live, &at, 0, &body);
    assert_eq!(done.status, 204, "{}\n{}", done.head, done.text());
    assert!(engine.object("p/hello.bin").unwrap() == body);
    assert_eq!(count(&live, Counter::LimitStall), 0);
    // The same over HTTP/2.
    std::fs::write(live.path("body"), &body).unwrap();
    let at = tus_create(&live, body.len(), &["Upload-Metadata: filename dHdv"]);
    let data = format!("@{}", live.path("body").display());
    let fields = [TUS, TUS_TYPE, "Upload-Offset: 0", &bearer()];
    let fields = fields.iter().flat_map(|field| ["-H", *field]);
    let arguments: Vec<&str> =
        ["--http2", "-X", "PATCH", "--data-binary", &data].into_iter().chain(fields).collect();
    let done = curl_ask(&live, &at, &arguments);
    assert_eq!(done.status, 204, "{}\n{}", done.head, done.text());
    assert!(engine.object("p/two").unwrap() == body);
    assert_eq!(count(&live, Counter::LimitStall), 0);
    // A silent client is still found.
    let at = tus_create(&live, 100, &["Upload-Metadata: filename dGhyZWU="]);
    let mut wire = Wire::open(live.plain);
    let fields = [TUS, TUS_TYPE, "Upload-Offset: 0", "Content-Length: 100", &bearer()];
    wire.send(request("PATCH", &at, &fields, b"some"));
    let told = wire.answer("PATCH");
    assert_eq!(told.status, 408, "{}", told.head);
    assert_eq!(count(&live, Counter::LimitStall), 1);
    assert_eq!(tus_offset(&live, &at), 4, "what it brought is kept");
}

#[test]
fn uploads_share_the_memory_there_is() {
    let engine = Engine::start();
    let s3 = "part_bytes = \"5MiB\"\nbuffers_max = 2";
    let live = door(&engine, s3, "");
    let bodies: Vec<Vec<u8>> =
        (0..6).map(|number| pattern(11 * MIB + number)[number..].to_vec()).collect();
    let before = counts::private_bytes(&live);
    let most = std::thread::scope(|scope| {
        let sent: Vec<_> = bodies
            .iter()
            .enumerate()
            .map(|(number, body)| {
                let live = &live;
                scope.spawn(move || {
                    let target = format!("{PLACE}?filename=shared-{number}");
                    let length = format!("Upload-Length: {}", body.len());
                    let made = ask(live.plain, "POST", &target, &[TUS, &length, &bearer()], b"");
                    assert_eq!(made.status, 201, "{}\n{}", made.head, made.text());
                    let done = tus_patch(live, made.location(), 0, body);
                    assert_eq!(done.status, 204, "{}\n{}", done.head, done.text());
                })
            })
            .collect();
        let mut most = 0;
        while sent.iter().any(|thread| !thread.is_finished()) {
            most = most.max(counts::private_bytes(&live));
            std::thread::sleep(Duration::from_millis(5));
        }
        most
    });
    for (number, body) in bodies.iter().enumerate() {
        assert!(engine.object(&format!("p/shared-{number}")).unwrap() == *body, "{number}");
    }
    assert!(count(&live, Counter::S3Waits) > 0, "six had to share two");
    assert_eq!(count(&live, Counter::LimitS3Buffers), 0);
    // Six without a bound would hold twice five each.
    let grown = most.saturating_sub(before) / MIB as u64;
    println!("six uploads of 11 MiB with two buffers of 5 MiB: {grown} MiB more at most");
    assert!(grown < 40, "{grown} MiB");
}

#[test]
fn what_a_bucket_does_not_have_is_refused_and_not_offered() {
    let engine = Engine::start();
    let live = door(&engine, "", "");
    let told = ask(live.plain, "OPTIONS", PLACE, &[], b"");
    let extensions = told.field("tus-extension").unwrap();
    assert!(
        extensions.contains("creation") && !extensions.contains("concatenation"),
        "{extensions}"
    );
    let bearer = bearer();
    let part = [TUS, "Upload-Length: 4", "Upload-Concat: partial", &bearer];
    assert_eq!(ask(live.plain, "POST", PLACE, &part, b"").status, 501);
    let segment = [
        "X-Session-ID: 1",
        "X-Content-Range: bytes 0-3/8",
        "Content-Disposition: attachment; filename=\"s\"",
        "Content-Type: application/octet-stream",
        &bearer,
    ];
    assert_eq!(ask(live.plain, "POST", PLACE, &segment, b"half").status, 501);
    let held = [TUS, "Upload-Length: 4", "Upload-Metadata: held dHJ1ZQ==", &bearer];
    assert_eq!(ask(live.plain, "POST", PLACE, &held, b"").status, 501);
    // Beside what is there to find out what the bucket can.
    let made: Vec<String> =
        engine.keys().into_iter().filter(|key| !key.contains("/probe/")).collect();
    assert_eq!(made, Vec::<String>::new());
}

#[test]
fn limits_hold_across_doors() {
    both(|engine| {
        let rest = "[uploads]\nuploads_per_owner_max = 3";
        let (one, two) = (door(engine, "", rest), door(engine, "", rest));
        let fields = [TUS, "Upload-Length: 9", &bearer()];
        let create = |live: &Live| ask(live.plain, "POST", PLACE, &fields, b"");
        let first = create(&one);
        assert_eq!(first.status, 201, "{}", first.head);
        assert_eq!((create(&one).status, create(&one).status), (201, 201));
        let refused = create(&one);
        assert_eq!(refused.status, 503, "{}", refused.head);
        assert!(refused.field("retry-after").is_some());
        assert_eq!(create(&two).status, 503, "its first look finds three");
        assert_eq!(count(&two, Counter::LimitUploadsPerOwner), 1);
        // One ends at the other door: this one finds out before it refuses.
        let at = first.location().to_owned();
        assert_eq!(tus_patch(&two, &at, 0, b"123456789").status, 204);
        assert_eq!(create(&two).status, 201);
    });
}

#[test]
fn what_a_killed_door_left_is_collected() {
    both(|engine| {
        let mut one = door(engine, "orphan_hours = 1", "");
        let body = pattern(12 * MIB);
        let at = tus_create(&one, body.len(), &[HELLO_BIN]);
        assert_eq!(tus_patch(&one, &at, 0, &body[..6 * MIB]).status, 204);
        // One whose states are lost: parts that nobody names, and a tail.
        let lost = tus_create(&one, 12 * MIB, &["Upload-Metadata: filename bG9zdA=="]);
        assert_eq!(tus_patch(&one, &lost, 0, &body[..5 * MIB + 9]).status, 204);
        assert_eq!(tus_patch(&one, &lost, 5 * MIB + 9, b"tail").status, 204);
        all(&one, Signal::KILL);
        one.ended(Duration::from_secs(10));
        let id = lost.rsplit('/').next().unwrap();
        let folder = format!("p/.menshen/uploads/{id}/");
        let of_lost = |key: &String| key.starts_with(&folder);
        for key in engine.keys().iter().filter(|key| of_lost(key)) {
            let name = key.rsplit('/').next().unwrap();
            if name.starts_with("tail-") {
                engine.age(key, 2 * 3600);
            } else {
                engine.lose(key);
            }
        }
        assert_eq!(engine.keys().iter().filter(|key| of_lost(key)).count(), 1, "the tail");
        let two = door(engine, "orphan_hours = 1", "");
        wait_for("the collection", || !engine.keys().iter().any(of_lost));
        wait_for("its count", || count(&two, Counter::ResumableExpired) >= 1);
        // What somebody owns is as it was.
        assert_eq!(tus_offset(&two, &at), 6 * MIB);
        assert_eq!(tus_patch(&two, &at, 6 * MIB, &body[6 * MIB..]).status, 204);
        assert!(engine.object("p/hello.bin").unwrap() == body);
    });
}

#[test]
fn a_piece_costs_so_many_requests() {
    both(|engine| {
        let live = door(engine, "", "");
        let body = pattern(24 * MIB);
        let at = tus_create(&live, body.len(), &[HELLO_BIN]);
        let mut costs = Vec::new();
        for number in 0..3 {
            engine.plan(|_| Fault::None);
            let piece = &body[number * 8 * MIB..(number + 1) * 8 * MIB];
            assert_eq!(tus_patch(&live, &at, number * 8 * MIB, piece).status, 204);
            // What is removed behind an answer does not keep it waiting.
            let log = engine.log();
            costs.push(log.iter().filter(|seen| seen.operation != "DeleteObject").count());
        }
        println!("requests for the first, second and last piece of 8 MiB: {costs:?}");
        assert!(engine.object("p/hello.bin").unwrap() == body);
        assert!(costs[1] <= 12, "{costs:?}");
    });
}
