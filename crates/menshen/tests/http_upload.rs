//! Uploads over the wire: digests, framing, limits, and everything that must leave no trace: a
//! client that vanishes, a worker that is killed, a disk that is full.

use crate::support::{live, wire};

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use live::{Live, wait_for};
use menshen_sys::SlotState;
use rustix::process::{Pid, Signal, kill_process};
use wire::{
    ONE, Wire, ask, chunked, curl, curl_ask, curl_command, get, lay, log_line, pattern, put,
    request, spooled, start_with, stored, url, wait_spooled,
};

/// The example of RFC 9530, whose digests stand in it.
const HELLO: &[u8] = b"{\"hello\": \"world\"}\n";
const HELLO_256: &str = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:";
const HELLO_512: &str = "sha-512=:YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTo\
    hq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/WkppmM44T3qg==:";
/// Of no bytes at all.
const EMPTY_256: &str = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";

#[test]
fn digests_are_checked_and_given() {
    let live = Live::start(ONE);
    lay(&live, "kept", b"old");
    let both = format!("Content-Digest: {HELLO_256}, {HELLO_512}");
    let good: &[&[&str]] = &[
        &[&format!("Repr-Digest: {HELLO_256}")],
        &[&format!("Repr-Digest: {HELLO_512}")],
        &[&format!("Content-Digest: {HELLO_256}"), &format!("Repr-Digest: {HELLO_512}")],
        &[&both],
        // Nobody should trust MD5; it neither helps nor harms.
        &["Repr-Digest: md5=:AAAA:"],
    ];
    let line = |fields: &[&str]| -> Vec<String> {
        fields.iter().flat_map(|field| ["-H".to_owned(), (*field).to_owned()]).collect()
    };
    let over_h2 = |path: &str, fields: &[&str]| {
        std::fs::write(live.path("body"), HELLO).unwrap();
        let lines = line(fields);
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        curl_ask(&live, path, &[&["--http2", "-T", "body"], lines.as_slice()].concat())
    };
    for fields in good {
        for (path, made) in
            [("/h1", ask(live.plain, "PUT", "/h1", fields, HELLO)), ("/h2", over_h2("/h2", fields))]
        {
            assert!(matches!(made.status, 201 | 204), "{path} {fields:?}: {}", made.head);
            assert_eq!(get(live.plain, path).body, HELLO);
        }
    }
    let bad: &[&[&str]] = &[
        &[&format!("Repr-Digest: {EMPTY_256}")],
        &[&format!("Content-Digest: {EMPTY_256}")],
        &[&format!("Repr-Digest: {HELLO_256}"), &format!("Content-Digest: {EMPTY_256}")],
        &["Repr-Digest: sha-256=:AAAA:"],
        &["Repr-Digest: sha-256=RK"],
        &["Content-Digest: ;;;"],
        &["Repr-Digest: sha-256=:not base64!:"],
    ];
    for fields in bad {
        for path in ["/kept", "/never"] {
            let refused = ask(live.plain, "PUT", path, fields, HELLO);
            assert_eq!(refused.status, 400, "{fields:?}");
            assert_eq!(over_h2(path, fields).status, 400, "h2 {fields:?}");
        }
        assert_eq!(std::fs::read(stored(&live, "kept")).unwrap(), b"old");
        assert!(!stored(&live, "never").exists());
    }
    wait_spooled(&live, 0);
    let wanted = ["Want-Repr-Digest: sha-512=3, sha-256=9"];
    let made = ask(live.plain, "PUT", "/wanted", &wanted, HELLO);
    assert_eq!((made.status, made.field("repr-digest")), (201, Some(HELLO_256)));
    let made = ask(live.plain, "PUT", "/wanted", &["Want-Repr-Digest: sha-512=1"], HELLO);
    assert_eq!((made.status, made.field("repr-digest")), (204, Some(HELLO_512)));
    let fields = [format!("Repr-Digest: {EMPTY_256}"), "Want-Repr-Digest: sha-256=1".into()];
    let made = ask(live.plain, "PUT", "/none", &fields.each_ref().map(String::as_str), b"");
    assert_eq!((made.status, made.field("repr-digest")), (201, Some(EMPTY_256)));
}

#[test]
fn parts_and_codings_are_not_taken_for_the_file() {
    let live = Live::start(ONE);
    lay(&live, "kept", b"old");
    for (field, status) in [
        ("Content-Range: bytes 0-2/10", 400),
        ("Content-Range: bytes */*", 400),
        ("Content-Encoding: gzip", 415),
        ("Transfer-Encoding: gzip, chunked", 501),
    ] {
        let mut wire = Wire::open(live.plain);
        wire.send(request("PUT", "/kept", &[field], b""));
        assert_eq!(wire.answer("PUT").status, status, "{field}");
    }
    assert_eq!(std::fs::read(stored(&live, "kept")).unwrap(), b"old");
}

#[test]
fn chunked_bodies_of_any_cut_are_the_same_file() {
    let live = Live::start(ONE);
    let bytes = pattern(20_000);
    let mut wire = Wire::open(live.plain);
    for size in [1, 7, 1000, 4096, 20_000] {
        let body = chunked(&bytes, size);
        // The same bytes in one piece, and torn at places that have nothing to do with chunks.
        for tear in [body.len(), 4001] {
            wire.send(request("PUT", "/data", &["Transfer-Encoding: chunked"], b""));
            for piece in body.chunks(tear) {
                wire.send(piece);
            }
            let made = wire.answer("PUT");
            assert!(matches!(made.status, 201 | 204), "{size} {tear}: {}", made.head);
            assert!(wire.ask("GET", "/data", &[], b"").body == bytes, "{size} {tear}");
        }
    }
    // Of unknown length through curl, on both protocols.
    std::fs::write(live.path("body"), &bytes).unwrap();
    for version in ["--http1.1", "--http2"] {
        let mut command = curl_command(&live);
        let body = std::fs::File::open(live.path("body")).unwrap();
        let path = format!("/{version}");
        command.args([version, "--fail", "-T", "-", &url(&live, &path)]).stdin(body);
        assert!(command.status().unwrap().success(), "{version}");
        assert!(get(live.plain, &path).body == bytes, "{version}");
    }
    for broken in ["5\r\nabc\r\n0\r\n\r\n", "x\r\nabc\r\n0\r\n\r\n", "3\nabc\r\n0\r\n\r\n"] {
        let body = format!("3\r\nabc\r\n{broken}");
        let fields = ["Transfer-Encoding: chunked"];
        let refused = ask(live.plain, "PUT", "/broken", &fields, body.as_bytes());
        assert_eq!(refused.status, 400, "{broken:?}");
        assert!(!stored(&live, "broken").exists());
    }
    wait_spooled(&live, 0);
}

#[test]
fn a_client_may_ask_before_it_sends() {
    let live = Live::start(ONE);
    let mut wire = Wire::open(live.plain);
    let fields = ["Expect: 100-continue", "Content-Length: 5"];
    wire.send(request("PUT", "/asked", &fields, b""));
    let interim = wire.answer("PUT");
    assert_eq!((interim.status, interim.head.as_str()), (100, "HTTP/1.1 100 Continue"));
    assert!(!stored(&live, "asked").exists());
    wire.send(b"hello");
    assert_eq!(wire.answer("PUT").status, 201);
    // A body that comes without waiting needs no interim answer.
    wire.send(request("PUT", "/asked", &["Expect: 100-continue", "Content-Length: 5"], b"again"));
    assert_eq!(wire.answer("PUT").status, 204);
    assert_eq!(wire.ask("GET", "/asked", &[], b"").text(), "again");

    let mut wire = Wire::open(live.plain);
    wire.send(request("PUT", "/hello.txt/below", &fields, b""));
    let refused = wire.answer("PUT");
    assert_eq!((refused.status, refused.field("connection")), (409, Some("close")));
    wire.ended();
    for version in ["--http1.1", "--http2"] {
        std::fs::write(live.path("body"), pattern(2_000_000)).unwrap();
        let output = curl(
            &live,
            &[
                "-v",
                version,
                "-H",
                "Expect: 100-continue",
                "--expect100-timeout",
                "20",
                "-T",
                "body",
                &url(&live, "/curl"),
            ],
        );
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && said.contains(" 100"), "{version}: {said}");
    }
}

#[test]
fn too_large_is_said_early_and_in_the_middle() {
    let live = Live::start("workers = 1\n[limits]\nupload_bytes_max = 100000");
    lay(&live, "kept", b"old");
    let mut wire = Wire::open(live.plain);
    // Nothing of the body is sent: the answer must not wait for it.
    wire.send(request("PUT", "/kept", &["Content-Length: 100001"], b""));
    assert_eq!(wire.answer("PUT").status, 413);
    let made = put(live.plain, "/fits", &pattern(100_000));
    assert_eq!(made.status, 201);
    let body = chunked(&pattern(100_001), 1000);
    let refused = ask(live.plain, "PUT", "/kept", &["Transfer-Encoding: chunked"], &body);
    assert_eq!((refused.status, refused.field("connection")), (413, Some("close")));
    assert!(refused.text().contains("upload_bytes_max"), "{}", refused.text());

    // Far beyond the limit, on every protocol and as a form: the client still reads the answer.
    std::fs::write(live.path("large"), pattern(3_000_000)).unwrap();
    for version in ["--http1.1", "--http2"] {
        let known = curl_ask(&live, "/kept", &[version, "-T", "large"]);
        assert_eq!(known.status, 413, "{version}");
        let mut command = curl_command(&live);
        let body = std::fs::File::open(live.path("large")).unwrap();
        command.args(["-i", version, "-T", "-", &url(&live, "/kept")]).stdin(body);
        let output = command.output().unwrap();
        assert_eq!(wire::Answer::parse(&output.stdout).status, 413, "{version}: {output:?}");
        let form = curl_ask(&live, "/", &[version, "-F", "f=@large"]);
        assert_eq!(form.status, 413, "{version}");
    }
    assert_eq!(std::fs::read(stored(&live, "kept")).unwrap(), b"old");
    assert!(!stored(&live, "large").exists());
    wait_spooled(&live, 0);
}

#[test]
fn a_client_that_vanishes_leaves_nothing() {
    let live = Live::start(ONE);
    lay(&live, "kept", b"old");
    let form = "Content-Type: multipart/form-data; boundary=x";
    let part =
        b"--x\r\nContent-Disposition: form-data; name=f; filename=kept\r\n\r\nnew bytes\r\n--x\r\n";
    let whole = request("PUT", "/kept", &[], &pattern(300_000));
    let head = whole.len() - 300_000;
    let chunks = request("PUT", "/kept", &["Transfer-Encoding: chunked"], b"3\r\nnew\r\n");
    let almost = request("PUT", "/kept", &["Transfer-Encoding: chunked"], b"3\r\nnew\r\n0\r\n\r");
    let posted = request("POST", "/", &[form, "Content-Length: 1000"], part);
    let begun = [&whole[..head], &whole[..head + 1], &whole[..whole.len() - 1]];
    for sent in begun.into_iter().chain([chunks.as_slice(), &almost, &posted]) {
        for polite in [true, false] {
            let mut wire = Wire::open(live.plain);
            wire.send(sent);
            wait_for("the upload to begin", || !spooled(&live).is_empty());
            if polite {
                wire.shut();
                // An end in the middle is no end: nothing but an error may come back.
                let rest = wire.rest();
                assert!(!rest.starts_with(b"HTTP/1.1 2"), "{:?}", String::from_utf8_lossy(&rest));
            }
            drop(wire);
            wait_spooled(&live, 0);
            assert_eq!(std::fs::read(stored(&live, "kept")).unwrap(), b"old");
        }
    }
    let line = log_line(&live, "PUT /kept");
    assert!(line.ends_with("end=client/body") && line.contains(" 0 in="), "{line}");

    for version in ["--http1.1", "--http2"] {
        let mut command = curl_command(&live);
        command.args([version, "-T", "-", &url(&live, "/kept")]);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        std::io::Write::write_all(&mut input, &pattern(100_000)).unwrap();
        wait_for("the upload to begin", || !spooled(&live).is_empty());
        child.kill().unwrap();
        child.wait().unwrap();
        wait_spooled(&live, 0);
        assert_eq!(std::fs::read(stored(&live, "kept")).unwrap(), b"old", "{version}");
    }
}

#[test]
fn a_killed_worker_leaves_nothing_unfinished_and_loses_nothing_finished() {
    let live = Live::start(ONE);
    lay(&live, "kept", b"old");
    let mut open = Vec::new();
    for path in ["/kept", "/never"] {
        let mut wire = Wire::open(live.plain);
        wire.send(request("PUT", path, &["Content-Length: 1000000"], &pattern(500_000)));
        open.push(wire);
    }
    wait_spooled(&live, 2);
    let bytes = pattern(700_000);
    assert_eq!(put(live.plain, "/new/done", &bytes).status, 201);
    wire::kill_worker(&live);
    // The new worker collects what the old one left.
    wait_spooled(&live, 0);
    for mut wire in open {
        let rest = wire.rest();
        assert!(rest.is_empty(), "{:?}", String::from_utf8_lossy(&rest));
    }
    assert_eq!(get(live.plain, "/kept").text(), "old");
    assert_eq!(get(live.plain, "/never").status, 404);
    assert!(get(live.plain, "/new/done").body == bytes);
    // What the next worker has begun is not collected by anybody.
    let mut wire = Wire::open(live.plain);
    wire.send(request("PUT", "/later", &["Content-Length: 6"], b"abc"));
    wait_spooled(&live, 1);
    wire.send(b"def");
    assert_eq!(wire.answer("PUT").status, 201);
}

#[test]
fn what_was_acknowledged_survives_a_kill_at_any_moment() {
    let live = Live::start("workers = 2");
    for round in 0..6 {
        let until = Instant::now() + Duration::from_millis(60);
        let address = live.plain;
        let client = std::thread::spawn(move || {
            let mut acknowledged = 0;
            while Instant::now() < until {
                let target = format!("/round{round}/{acknowledged}");
                let mut wire = Wire::open(address);
                let body = format!("{round} {acknowledged}");
                let _ =
                    wire.try_send(request("PUT", &target, &["Connection: close"], body.as_bytes()));
                if !wire.rest().starts_with(b"HTTP/1.1 201") {
                    break;
                }
                acknowledged += 1;
            }
            acknowledged
        });
        std::thread::sleep(Duration::from_millis(25));
        let slots = live.workers(SlotState::Ready);
        if let Some(slot) = slots.get(round % 2) {
            let process = Pid::from_raw(i32::try_from(slot.pid()).unwrap()).unwrap();
            kill_process(process, Signal::KILL).unwrap();
        }
        let acknowledged = client.join().unwrap();
        for number in 0..acknowledged {
            let at = stored(&live, &format!("round{round}/{number}"));
            assert_eq!(std::fs::read_to_string(at).unwrap(), format!("{round} {number}"));
        }
        wait_for("two workers", || live.workers(SlotState::Ready).len() == 2);
    }
}

/// A file system of its own, 8 MiB large; unmounted when dropped.
struct Small(std::path::PathBuf);

impl Small {
    fn mount(at: &std::path::Path) -> Option<Self> {
        let at = at.to_path_buf();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=8m,mode=777", "menshen-test"])
            .arg(&at)
            .stderr(Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then_some(Self(at))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_is_said_and_leaves_the_old_file() {
    let folder = live::folder("workers = 1");
    std::fs::remove_file(folder.path().join("files/big.bin")).unwrap();
    let Some(small) = Small::mount(&folder.path().join("files")) else {
        eprintln!("SKIPPED: a full disk needs root and the right to mount a tmpfs");
        return;
    };
    let command = live::command(folder.path(), &["serve"]);
    let live = Live::start_command(folder, command);
    lay(&live, "kept", b"old");
    assert_eq!(put(live.plain, "/new", &pattern(1 << 20)).status, 201, "there is room yet");

    let mut wire = Wire::open(live.plain);
    wire.send(request("PUT", "/kept", &["Content-Length: 16000000"], b""));
    let early = wire.answer("PUT");
    assert_eq!(early.status, 507, "known to be too much before a byte of it came");
    let body = chunked(&pattern(9 << 20), 100_000);
    let mut wire = Wire::open(live.plain);
    let fields = ["Transfer-Encoding: chunked"];
    let _ = wire.try_send(request("PUT", "/kept", &fields, &body));
    let middle = wire.answer("PUT");
    assert_eq!(middle.status, 507, "{}", middle.head);
    assert!(middle.text().contains("no space left"), "{}", middle.text());

    std::fs::write(live.path("large"), pattern(12 << 20)).unwrap();
    for version in ["--http1.1", "--http2"] {
        let mut command = curl_command(&live);
        let body = std::fs::File::open(live.path("large")).unwrap();
        command.args(["-i", version, "-T", "-", &url(&live, "/kept")]).stdin(body);
        let output = command.output().unwrap();
        assert_eq!(wire::Answer::parse(&output.stdout).status, 507, "{version}: {output:?}");
        let form = curl_ask(&live, "/", &[version, "-F", "f=@large"]);
        assert_eq!(form.status, 507, "{version}");
    }
    wait_spooled(&live, 0);
    assert_eq!(get(live.plain, "/kept").text(), "old");
    assert_eq!(get(live.plain, "/large").status, 404);
    assert_eq!(put(live.plain, "/kept", b"small").status, 204, "what fits is taken again");
    let board = live.workers(SlotState::Ready)[0];
    assert!(board.get(menshen_base::Counter::StorageFull) >= 6);
    let line = log_line(&live, "end=local/body");
    assert!(line.contains(" 507 in=6") || line.contains(" 507 in=7"), "{line}");
    drop(live);
    drop(small);
}

#[test]
fn without_flushes_a_killed_worker_still_loses_nothing() {
    let settings = "workers = 1\n[web]\nlisten = []\nplain_listen = [\"127.0.0.1:0\"]\n\
        plain = \"serve\"\ndurable = false\n[[web.public]]\npath = \"/\"\naccess = \"write\"\n\
        [admin]\nlisten = \"off\"\n";
    let live = start_with(settings);
    // Without flushes the same promises hold, but for a power cut.
    let made = put(live.plain, "/a/b/c", &pattern(500_000));
    assert_eq!(made.status, 201);
    assert_eq!(get(live.plain, "/a/b/c").tag(), made.tag());
    wire::kill_worker(&live);
    assert!(get(live.plain, "/a/b/c").body == pattern(500_000));
}
