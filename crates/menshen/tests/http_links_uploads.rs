//! Links that open the way for uploads that can be resumed, and for folders as zip files: what a
//! link says holds across cuts, lost answers and killed workers, and each file counts once.

use crate::support::{counts, live, wire};

use counts::count;
use live::{Live, command, wait_for};
use menshen_base::Counter;
use menshen_sys::SlotState;
use wire::{
    Answer, Wire, ask, curl_ask, find, get, lay, lay_folder, pattern, put, request, stored,
};

const SETTINGS: &str = r#"
workers = 2

[web]
listen = ["127.0.0.1:0"]
plain_listen = ["127.0.0.1:0"]
plain = "serve"
trusted_proxies = ["127.0.0.1"]

[links]
base = "https://files.example"

[admin]
listen = "off"
"#;

const TUS: &str = "Tus-Resumable: 1.0.0";
const TUS_TYPE: &str = "Content-Type: application/offset+octet-stream";
const RUFH: &str = "Upload-Draft-Interop-Version: 8";
const RUFH_TYPE: &str = "Content-Type: application/partial-upload";

fn start() -> Live {
    let folder = live::folder("");
    std::fs::write(folder.path().join("menshen.toml"), SETTINGS).unwrap();
    let serve = command(folder.path(), &["serve"]);
    let live = Live::start_command(folder, serve);
    lay_folder(&live, "inbox");
    live
}

/// `menshen link ARGUMENTS`, without scheme and host.
fn link(live: &Live, arguments: &[&str]) -> String {
    let made = live.run(&[&["link"], arguments].concat());
    let error = String::from_utf8_lossy(&made.stderr).into_owned();
    assert_eq!(made.status.code(), Some(0), "{error}");
    let text = String::from_utf8(made.stdout).unwrap();
    text.trim_end().strip_prefix("https://files.example").unwrap().to_owned()
}

/// Uses and bytes that count for a link.
fn used(live: &Live, link: &str) -> (u64, u64) {
    let url = format!("https://files.example{link}");
    let shown = live.run(&["link", "show", "--json", &url]);
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    let number = |name: &str| shown["used"][name].as_u64().unwrap_or(0);
    (number("count"), number("bytes"))
}

fn names(live: &Live) -> Vec<String> {
    let entries = std::fs::read_dir(stored(live, "inbox")).unwrap();
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
    let mut names: Vec<String> = entries.map(|e| name(e).into_string().unwrap()).collect();
    names.sort();
    names
}

/// A creation by tus at a link.
fn tus_make(live: &Live, at: &str, name: &str, length: usize) -> Answer {
    let at = format!("{at}{}filename={name}", if at.contains('?') { '&' } else { '?' });
    ask(live.plain, "POST", &at, &[TUS, &format!("Upload-Length: {length}")], b"")
}

fn tus_patch(live: &Live, at: &str, offset: usize, body: &[u8]) -> Answer {
    let offset = format!("Upload-Offset: {offset}");
    ask(live.plain, "PATCH", at, &[TUS, TUS_TYPE, &offset], body)
}

#[test]
fn a_box_takes_uploads_that_go_on_and_counts_each_once() {
    let live = start();
    lay(&live, "inbox/film.bin", b"old");
    let inbox = link(&live, &["/inbox", "--method", "drop", "--count", "2", "--bytes", "1000KiB"]);
    let body = pattern(300_000);
    // The answer to the first creation is lost; the client asks again.
    let lost = tus_make(&live, &inbox, "film.bin", body.len());
    assert_eq!(lost.status, 201, "{}\n{}", lost.head, lost.text());
    let made = tus_make(&live, &inbox, "film.bin", body.len());
    assert_eq!((made.status, used(&live, &inbox)), (201, (1, 300_000)), "counts once");
    let gone = ask(live.plain, "HEAD", lost.location(), &[TUS], b"");
    assert!(matches!(gone.status, 401 | 404), "{}", gone.head);
    let at = made.location().to_owned();
    // Nothing says what is in the box or where it is.
    let told = get(live.plain, &at);
    assert!(told.status == 200 && !told.text().contains("inbox"), "{}", told.text());
    // A cut within a request.
    let mut wire = Wire::open(live.plain);
    let length = format!("Content-Length: {}", body.len());
    wire.send(request("PATCH", &at, &[TUS, TUS_TYPE, "Upload-Offset: 0", &length], b""));
    wire.send(&body[..100_000]);
    wait_for("the bytes", || count(&live, Counter::BytesIn) >= 100_000);
    drop(wire);
    wait_for("the cut", || count(&live, Counter::ResumableCut) == 1);
    let told = ask(live.plain, "HEAD", &at, &[TUS], b"");
    assert_eq!(told.field("upload-offset"), Some("100000"), "{}", told.head);
    let done = tus_patch(&live, &at, 100_000, &body[100_000..]);
    assert_eq!((done.status, done.field("upload-offset")), (204, Some("300000")), "{}", done.head);
    for field in ["etag", "location", "content-location"] {
        assert!(done.field(field).is_none(), "{field}: {}", done.head);
    }
    // The last answer is lost as well.
    assert_eq!(tus_patch(&live, &at, 300_000, b"").status, 204);
    assert_eq!(names(&live), ["film (2).bin", "film.bin"]);
    assert_eq!(std::fs::read(stored(&live, "inbox/film.bin")).unwrap(), b"old");
    assert_eq!(std::fs::read(stored(&live, "inbox/film (2).bin")).unwrap(), body);
    assert_eq!(used(&live, &inbox), (1, 300_000));
    assert_eq!(count(&live, Counter::UploadsDone), 1, "delivered once");

    // A PUT that can go on; a name that is taken is not told.
    let fields = [RUFH, "Upload-Complete: ?0"];
    let mut wire = Wire::open(live.plain);
    wire.send(request("PUT", &format!("{inbox}film.bin"), &fields, &body[..1000]));
    assert_eq!(wire.answer("PUT").status, 104, "told of at once");
    let begun = wire.answer("PUT");
    assert_eq!(begun.status, 201, "{}\n{}", begun.head, begun.text());
    let at = begun.location().to_owned();
    // Its length is not known: all that is left is held.
    assert_eq!(used(&live, &inbox), (2, 1000 << 10));
    assert_eq!(tus_make(&live, &inbox, "other.bin", 10).status, 410, "the count is held");
    let fields = [RUFH, RUFH_TYPE, "Upload-Offset: 1000", "Upload-Complete: ?1"];
    let done = ask(live.plain, "PATCH", &at, &fields, &body[1000..2000]);
    assert_eq!(done.status, 201, "{}\n{}", done.head, done.text());
    assert_eq!(done.text(), "{\"stored\":1,\"size\":2000}");
    let again = ask(
        live.plain,
        "PATCH",
        &at,
        &[RUFH, RUFH_TYPE, "Upload-Offset: 2000", "Upload-Complete: ?1"],
        b"",
    );
    assert_eq!((again.status, again.text()), (201, done.text()), "said again, counted once");
    assert_eq!(used(&live, &inbox), (2, 302_000));
    assert_eq!(names(&live), ["film (2).bin", "film (3).bin", "film.bin"]);
    assert_eq!(put(live.plain, &format!("{inbox}x"), b"x").status, 410);
}

#[test]
fn a_box_is_one_folder_and_its_limits_hold_for_pieces() {
    let live = start();
    let inbox = link(&live, &["/inbox", "--method", "drop", "--count", "3", "--bytes", "1KiB"]);
    for (name, status) in [("..%2fplan", 400), (".htaccess", 400), ("a%2fb", 400)] {
        assert_eq!(tus_make(&live, &inbox, name, 10).status, status, "{name}");
    }
    let large = tus_make(&live, &inbox, "large", 1025);
    assert_eq!(large.status, 413, "{}", large.text());
    // Another folder is not listened to.
    let made = tus_make(&live, &format!("{inbox}?folder=/other/"), "a.txt", 4);
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(tus_patch(&live, made.location(), 0, b"abcd").status, 204);
    assert_eq!(names(&live), ["a.txt"]);
    assert!(!stored(&live, "other").exists());
    // Of an unannounced length no more than is left is taken, and what failed costs nothing.
    let fields = [TUS, "Upload-Defer-Length: 1"];
    let made = ask(live.plain, "POST", &format!("{inbox}?filename=b"), &fields, b"");
    assert_eq!(made.status, 201, "{}", made.text());
    let at = made.location().to_owned();
    assert_eq!(tus_patch(&live, &at, 0, &[0; 1020]).status, 204);
    let over = tus_patch(&live, &at, 1020, b"x");
    assert!(over.status >= 400, "{}", over.head);
    assert_eq!(used(&live, &inbox), (2, 1024));
    assert_eq!(ask(live.plain, "DELETE", &at, &[TUS], b"").status, 204);
    assert_eq!(used(&live, &inbox), (1, 4), "given back");
    // Neither parts nor names of other uploads come by a link.
    let parts = [TUS, "Upload-Length: 4", "Upload-Concat: partial"];
    assert_eq!(ask(live.plain, "POST", &inbox, &parts, b"").status, 400);
    // A link to read opens no upload.
    let read = link(&live, &["/inbox/"]);
    let refused = ask(live.plain, "POST", &read, &[TUS, "Upload-Length: 4"], b"");
    assert_eq!(refused.status, 403, "{}", refused.text());
}

#[test]
fn a_link_to_store_takes_its_file_in_pieces_until_its_key_is_gone() {
    let live = start();
    let to =
        link(&live, &["/plan.bin", "--method", "put", "--count", "2", "--address", "192.0.2.0/24"]);
    let here = "X-Forwarded-For: 192.0.2.7";
    let elsewhere = "X-Forwarded-For: 198.51.100.7";
    let body = pattern(10_000);
    let fields = [TUS, "Upload-Length: 10000"];
    assert_eq!(ask(live.plain, "POST", &to, &fields, b"").status, 403, "not from here");
    let made = ask(live.plain, "POST", &to, &[&fields[..], &[here]].concat(), b"");
    assert_eq!(made.status, 201, "{}\n{}", made.head, made.text());
    let at = made.location().to_owned();
    let patch = |from: &str, offset: usize, body: &[u8]| {
        let offset = format!("Upload-Offset: {offset}");
        ask(live.plain, "PATCH", &at, &[TUS, TUS_TYPE, &offset, from], body)
    };
    assert_eq!(patch(elsewhere, 0, &body).status, 403, "the address holds for what goes on");
    assert_eq!(patch(here, 0, &body[..4000]).status, 204);
    let done = patch(here, 4000, &body[4000..]);
    assert_eq!(done.status, 204, "{}\n{}", done.head, done.text());
    assert_eq!(std::fs::read(stored(&live, "plan.bin")).unwrap(), body);
    assert_eq!(used(&live, &to).0, 1);
    // It is as good as replacing it: a second one, and then the key goes.
    let made = ask(live.plain, "POST", &to, &[&fields[..], &[here]].concat(), b"");
    let at = made.location().to_owned();
    let offset = ["Upload-Offset: 0", TUS, TUS_TYPE, here];
    assert_eq!(ask(live.plain, "PATCH", &at, &offset, &body[..4000]).status, 204);
    assert_eq!(live.run(&["link", "key", "rotate", "--now"]).status.code(), Some(0));
    assert_eq!(live.run(&["reload"]).status.code(), Some(0));
    let offset = ["Upload-Offset: 4000", TUS, TUS_TYPE, here];
    let ended = ask(live.plain, "PATCH", &at, &offset, &body[4000..]);
    assert_eq!(ended.status, 403, "{}", ended.text());
    assert!(ended.text().contains("not valid"), "{}", ended.text());
}

#[test]
fn a_killed_worker_loses_neither_bytes_nor_uses() {
    let live = start();
    let inbox = link(&live, &["/inbox", "--method", "drop", "--count", "1"]);
    let body = pattern(200_000);
    let made = tus_make(&live, &inbox, "k.bin", body.len());
    let at = made.location().to_owned();
    assert_eq!(tus_patch(&live, &at, 0, &body[..150_000]).status, 204);
    let before = pids(&live);
    for pid in &before {
        let pid = rustix::process::Pid::from_raw(i32::try_from(*pid).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }
    wait_for("other workers", || {
        let now = pids(&live);
        now.len() == 2 && now.iter().all(|pid| !before.contains(pid))
    });
    assert_eq!(used(&live, &inbox).0, 1);
    assert_eq!(tus_patch(&live, &at, 150_000, &body[150_000..]).status, 204);
    assert_eq!(std::fs::read(stored(&live, "inbox/k.bin")).unwrap(), body);
    assert_eq!(used(&live, &inbox).0, 1);
    assert_eq!(tus_make(&live, &inbox, "more", 1).status, 410);
}

#[test]
fn a_folder_link_gives_the_folder_as_a_zip_and_counts_it() {
    let live = start();
    lay_folder(&live, "shared");
    lay_folder(&live, "shared/deep");
    lay(&live, "shared/a.bin", &pattern(100_000));
    lay(&live, "shared/deep/b.txt", b"b");
    lay(&live, "plan.txt", b"no part of it");
    let once = link(&live, &["/shared/", "--count", "1", "--bytes", "1MiB"]);
    let with = |more: &str| format!("{once}&{more}");
    assert_eq!(ask(live.plain, "HEAD", &with("zip"), &[], b"").status, 200, "free");
    assert_eq!(used(&live, &once).0, 0);
    let whole = get(live.plain, &with("zip"));
    assert_eq!((whole.status, whole.field("content-type")), (200, Some("application/zip")));
    assert!(has(&whole.body, b"deep/b.txt") && !has(&whole.body, b"plan.txt"));
    wait_for("the bytes to count", || used(&live, &once) == (1, whole.body.len() as u64));
    assert_eq!(get(live.plain, &with("zip")).status, 410, "used up");
    // The rest of it goes on.
    let part = ask(live.plain, "GET", &with("zip"), &["Range: bytes=1000-"], b"");
    assert_eq!(part.status, 206, "{}", part.head);
    assert!(part.body == whole.body[1000..]);
    let few = link(&live, &["/shared/", "--bytes", "1KiB"]);
    assert_eq!(get(live.plain, &format!("{few}&zip")).status, 403, "more than it allows");
    // Below the folder, over HTTP/2, and never above it.
    let open = link(&live, &["/shared/"]);
    let query = open.split_once('?').unwrap().1;
    let deep = curl_ask(&live, &format!("/shared/deep/?{query}&zip"), &["--http2"]);
    assert!(deep.status == 200 && has(&deep.body, b"b.txt"));
    assert_eq!(get(live.plain, &format!("/?{query}&zip")).status, 403);
    // A rate holds for it.
    let slow = link(&live, &["/shared/", "--rate", "100KiB/s"]);
    for version in ["--http1.1", "--http2"] {
        let begun = std::time::Instant::now();
        assert_eq!(curl_ask(&live, &format!("{slow}&zip"), &[version]).status, 200);
        assert!(begun.elapsed().as_millis() > 700, "{version}: {:?}", begun.elapsed());
    }
}

#[test]
fn a_selection_too_long_for_an_address_comes_in_the_body() {
    let live = start();
    lay_folder(&live, "many");
    // Long names, so that all of them together are longer than an address may be.
    let name = |n: usize| format!("{n:03}-{}", "n".repeat(150));
    for n in 0..200 {
        lay(&live, &format!("many/{}", name(n)), format!("content {n}").as_bytes());
    }
    let chosen: Vec<String> = (0..200).filter(|n| n % 2 == 0).map(name).collect();
    let form = chosen.iter().map(|name| format!("name={name}")).collect::<Vec<_>>().join("&");
    let json = serde_json::json!({ "names": chosen }).to_string();
    let owner = owner(&live);
    let long = format!("/many/?zip&{form}");
    assert!(matches!(ask(live.plain, "GET", &long, &[&owner], b"").status, 414 | 431));
    let forms = "Content-Type: application/x-www-form-urlencoded";
    let jsons = "Content-Type: application/json";
    let link = link(&live, &["/many/"]);
    let query = link.split_once('?').unwrap().1;
    let mut bodies = Vec::new();
    for (kind, body) in [(forms, &form), (jsons, &json)] {
        for (target, field) in
            [("/many/?zip".to_owned(), owner.as_str()), (format!("/many/?zip&{query}"), "X: y")]
        {
            let got = ask(live.plain, "POST", &target, &[kind, field], body.as_bytes());
            assert_eq!(got.status, 200, "{}\n{}", got.head, got.text());
            assert!(has(&got.body, b"content 198") && !has(&got.body, b"content 199"));
            bodies.push(got.body);
        }
    }
    assert!(bodies.windows(2).all(|two| two[0] == two[1]), "one archive by all ways");
    std::fs::write(live.path("selection"), &json).unwrap();
    let curl = ["--http2", "-H", jsons, "--data-binary", "@selection"];
    assert!(curl_ask(&live, &format!("/many/?zip&{query}"), &curl).body == bodies[0]);
    for (kind, body, status) in [
        (jsons, "{\"names\": []}", 400),
        (jsons, "{\"names\": \"a\"}", 400),
        (jsons, "[", 400),
        (jsons, "{\"names\": [\"../plan\"]}", 400),
        (forms, "other=1", 400),
        (forms, "name=missing", 404),
    ] {
        let got = ask(live.plain, "POST", "/many/?zip", &[kind, &owner], body.as_bytes());
        assert_eq!(got.status, status, "{body}: {}", got.text());
    }
    let large = vec![b'a'; (1 << 20) + 1];
    assert_eq!(ask(live.plain, "POST", "/many/?zip", &[forms, &owner], &large).status, 413);
    // Who may not read asks in vain; a form with files is stored as ever.
    assert_eq!(ask(live.plain, "POST", "/many/?zip", &[forms], form.as_bytes()).status, 401);
}

/// Of the workers that serve.
fn pids(live: &Live) -> Vec<u64> {
    live.workers(SlotState::Ready).iter().map(|slot| slot.pid()).collect()
}

fn owner(live: &Live) -> String {
    let token = std::fs::read_to_string(live.path(".menshen/owner-token")).unwrap();
    format!("Authorization: Bearer {}", token.trim())
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    find(bytes, part).is_some()
}
