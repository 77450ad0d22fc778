//! A bucket that breaks off, goes away, refuses or lacks something; and what nobody may see.

use crate::support::{bucket, counts, engine, live, wire};

use bucket::Held;
use engine::{Engine, Fault, KEY, SECRET, Seen};
use live::wait_for;
use wire::{Wire, ask, curl, get, kill_worker, pattern, put, request, url};

/// A plan for reads of `/a`, counted from 0; all else is done.
fn reads(plan: impl Fn(usize) -> Fault + Send + 'static) -> impl FnMut(&Seen) -> Fault + Send {
    let mut count = 0;
    move |seen| {
        if !is_read(seen) {
            return Fault::None;
        }
        count += 1;
        plan(count - 1)
    }
}

fn is_read(seen: &Seen) -> bool {
    seen.operation == "GetObject" && seen.key == "p/a"
}

#[test]
fn a_download_goes_on_where_the_bucket_broke_off() {
    let held = Held::start("");
    let bytes = pattern(8 << 20);
    put(held.live.plain, "/a", &bytes);
    let broken = || reads(|read| if read < 3 { Fault::HalfAnswer } else { Fault::None });
    held.engine.plan(broken());
    assert!(get(held.live.plain, "/a").body == bytes);
    let log = held.engine.log();
    let count = log.iter().filter(|seen| is_read(seen)).count();
    assert_eq!(count, 4, "{log:?}");
    held.engine.plan(broken());
    let range = ["Range: bytes=1000000-6999999"];
    assert!(ask(held.live.plain, "GET", "/a", &range, b"").body == bytes[1_000_000..7_000_000]);
    held.engine.plan(broken());
    let got = curl(&held.live, &["--http2", &url(&held.live, "/a")]);
    assert!(got.stdout == bytes, "{} bytes over HTTP/2", got.stdout.len());
    wait_for("the status to tell", || held.status()["bucket"]["reads_resumed"] == 9);
}

#[test]
fn what_cannot_go_on_does_not_look_whole() {
    let held = Held::start("tries_max = 2\n");
    let bytes = pattern(4 << 20);
    put(held.live.plain, "/a", &bytes);
    let broken = || reads(|read| if read == 0 { Fault::HalfAnswer } else { Fault::Internal });
    held.engine.plan(broken());
    let mut wire = Wire::open(held.live.plain);
    wire.send(request("GET", "/a", &[], b""));
    let all = wire.rest();
    let head = wire::find(&all, b"\r\n\r\n").unwrap() + 4;
    assert!(all.starts_with(b"HTTP/1.1 200 "));
    assert!((1 << 20..4 << 20).contains(&(all.len() - head)), "{} bytes", all.len() - head);
    held.engine.plan(broken());
    let over_h2 = curl(&held.live, &["--http2", &url(&held.live, "/a")]);
    assert!(!over_h2.status.success());

    // Another object of that name meanwhile is not the rest of this one.
    let bytes = pattern(48 << 20);
    put(held.live.plain, "/a", &bytes);
    held.engine.plan(reads(|read| if read == 0 { Fault::HalfAnswer } else { Fault::None }));
    let mut wire = Wire::open(held.live.plain);
    wire.send(request("GET", "/a", &[], b""));
    wait_for("the read to begin", || held.engine.log().iter().any(is_read));
    assert_eq!(put(held.live.plain, "/a", b"short").status, 204);
    let all = wire.rest();
    let body = &all[wire::find(&all, b"\r\n\r\n").unwrap() + 4..];
    assert!(body.len() < bytes.len() && bytes.starts_with(body), "{} bytes", body.len());
}

#[test]
fn an_outage_is_answered_503_and_ends_by_itself() {
    let held = Held::start("tries_max = 2\n");
    let at = held.live.plain;
    put(at, "/a", b"one");
    held.wait_mode("conditional");
    held.engine.down(true);
    for (method, target) in [("GET", "/a"), ("GET", "/"), ("PUT", "/b"), ("DELETE", "/a")] {
        let answer = ask(at, method, target, &[], b"");
        assert_eq!((answer.status, answer.field("retry-after")), (503, Some("1")), "{method}");
    }
    held.wait_mode("away");
    let status = held.status();
    assert_eq!(status["bucket"]["why"], "its endpoint cannot be reached");
    let text = String::from_utf8(held.live.run(&["status"]).stdout).unwrap();
    assert!(text.contains("bucket     away: it cannot be used now"), "{text}");
    let begun = std::time::Instant::now();
    assert_eq!(get(at, "/a").status, 503);
    assert!(begun.elapsed() < std::time::Duration::from_secs(5), "it is answered at once");
    held.engine.down(false);
    wait_for("the bucket to be used again", || get(at, "/a").status == 200);
    assert_eq!(get(at, "/a").text(), "one");
    held.wait_mode("conditional");
    assert_eq!(status["crashes"], 0);
    assert!(held.live.log().contains("the bucket cannot be used now"), "{}", held.live.log());
}

#[test]
fn a_bucket_that_is_away_at_the_start_ends_no_worker() {
    let engine = Engine::start();
    engine.down(true);
    let held = Held::start_with(engine, "tries_max = 1\n");
    let answer = get(held.live.plain, "/a");
    assert_eq!((answer.status, answer.field("retry-after")), (503, Some("1")));
    held.wait_mode("away");
    held.engine.down(false);
    wait_for("the bucket to be used", || put(held.live.plain, "/a", b"x").status == 201);
    assert_eq!(held.status()["crashes"], 0);
}

#[test]
fn what_a_bucket_lacks_is_said() {
    let engine = Engine::start();
    engine.conditional(false);
    let held = Held::start_with(engine, "");
    held.wait_mode("listed");
    wait_for("the note", || held.live.log().contains("the bucket keeps no conditions"));
    let text = String::from_utf8(held.live.run(&["status"]).stdout).unwrap();
    assert!(text.contains("bucket     listed: it keeps no conditions"), "{text}");
    let at = held.live.plain;
    assert_eq!(put(at, "/a", b"one").status, 201);
    assert_eq!(ask(at, "PUT", "/a", &["If-None-Match: *"], b"two").status, 412, "it is looked up");
    assert_eq!(get(at, "/a").text(), "one");
}

#[test]
fn a_wrong_key_is_refused_and_said() {
    let engine = Engine::start();
    let folder = live::folder(&bucket::head(&engine, ""));
    std::fs::write(folder.path().join("s3-key"), format!("{KEY}\nwrong\n")).unwrap();
    let command = live::command(folder.path(), &["serve"]);
    let held = Held { engine, live: live::Live::start_command(folder, command) };
    held.wait_mode("refused");
    assert_eq!(held.status()["bucket"]["why"], "it denies access, or the clocks differ");
    assert_eq!(get(held.live.plain, "/").status, 503);
    let said = format!("{}{}", held.live.printed(), held.live.log());
    assert!(said.contains("everyone on this machine may read"), "{said}");
}

#[test]
fn the_secret_is_nowhere() {
    for from_environment in [false, true] {
        let engine = Engine::start();
        let folder = live::folder(&bucket::head(&engine, ""));
        let path = folder.path().join("s3-key");
        let mut command = live::command(folder.path(), &["serve"]);
        if from_environment {
            let text = std::fs::read_to_string(folder.path().join("menshen.toml")).unwrap();
            let text = text.replace("credentials = \"s3-key\"\n", "");
            std::fs::write(folder.path().join("menshen.toml"), text).unwrap();
            command.env("AWS_ACCESS_KEY_ID", KEY).env("AWS_SECRET_ACCESS_KEY", SECRET);
        } else {
            std::fs::write(&path, format!("{KEY}\n{SECRET}\n")).unwrap();
        }
        let held = Held { engine, live: live::Live::start_command(folder, command) };
        assert_eq!(put(held.live.plain, "/a", b"one").status, 201);
        held.engine.down(true);
        assert_eq!(get(held.live.plain, "/a").status, 503);
        held.wait_mode("away");
        let mut said = held.live.printed() + &held.live.log();
        for arguments in [&["status"][..], &["status", "--json"]] {
            let output = held.live.run(arguments);
            said += &String::from_utf8_lossy(&output.stdout);
            said += &String::from_utf8_lossy(&output.stderr);
        }
        let log = held.live.path(".menshen/access.log");
        wait_for("a line of the log", || {
            std::fs::read_to_string(&log).is_ok_and(|text| !text.is_empty())
        });
        said += &std::fs::read_to_string(log).unwrap();
        let guard = held.live.pid().as_raw_nonzero();
        let children = std::fs::read_to_string(format!("/proc/{guard}/task/{guard}/children"));
        let children = children.unwrap();
        assert!(children.split_whitespace().count() > 0);
        for pid in children.split_whitespace() {
            for file in ["cmdline", "environ"] {
                let bytes = std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
                said += &String::from_utf8_lossy(&bytes);
            }
        }
        assert!(!said.contains(SECRET), "{said}");
        assert!(!said.contains(KEY), "{said}");
    }
}

#[test]
fn what_a_killed_worker_left_is_given_up_later() {
    let held = Held::start("orphan_hours = 1\n");
    let mut wire = Wire::open(held.live.plain);
    let bytes = pattern(6 << 20);
    wire.send(format!("PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", 8 << 20));
    wire.send(&bytes);
    let marker = || held.engine.keys().into_iter().find(|key| key.starts_with("p/.menshen/puts/"));
    wait_for("a part to be sent", || marker().is_some() && !held.engine.uploads().is_empty());
    kill_worker(&held.live);
    assert_eq!(held.engine.uploads().len(), 1);
    held.engine.age(&marker().unwrap(), 3 * 3600);
    // The next worker looks at its start.
    kill_worker(&held.live);
    wait_for("it to be given up", || held.engine.uploads().is_empty() && marker().is_none());
    assert_eq!(get(held.live.plain, "/a").status, 404);
}

#[test]
fn a_client_that_goes_away_leaves_nothing() {
    let held = Held::start("");
    let mut wire = Wire::open(held.live.plain);
    wire.send(format!("PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", 8 << 20));
    wire.send(pattern(6 << 20));
    wait_for("a part to be sent", || !held.engine.uploads().is_empty());
    drop(wire);
    wait_for("nothing to be left", || {
        held.engine.uploads().is_empty() && held.engine.keys().is_empty()
    });
}

#[test]
fn uploads_wait_for_memory_and_none_is_lost() {
    let held = Held::start("buffers_max = 2\n");
    let at = held.live.plain;
    let bytes = pattern(7 << 20);
    let write = |name: usize| {
        let bytes = bytes.clone();
        std::thread::spawn(move || put(at, &format!("/{name}"), &bytes).status)
    };
    let writers: Vec<_> = (0..5).map(write).collect();
    for writer in writers {
        assert_eq!(writer.join().unwrap(), 201);
    }
    for name in 0..5 {
        assert!(held.engine.object(&format!("p/{name}")).unwrap() == bytes);
    }
    assert!(held.status()["bucket"]["buffer_waits"].as_u64().unwrap() > 0);
}

#[test]
fn a_length_that_cannot_be_ends_no_worker() {
    let held = Held::start("");
    let at = held.live.plain;
    for length in [u64::MAX >> 1, 9_000_000_000_000_000_000, 9_000_000_000_000, 1_300_000_000_000] {
        let mut wire = Wire::open(at);
        wire.send(format!("PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\nx"));
        assert_eq!(wire.answer("PUT").status, 413, "{length}");
    }
    // What may be announced is not believed either: it takes no more than a part.
    let mut wire = Wire::open(at);
    wire.send("PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 500000000000\r\n\r\nx");
    wire.send(pattern(400_000));
    wait_for("it to be looked at", || {
        held.engine.log().iter().any(|seen| seen.operation == "HeadObject" && seen.key == "p/x")
    });
    wire.send(pattern(400_000));
    assert_eq!(put(at, "/y", b"one").status, 201);
    assert_eq!(get(at, "/y").text(), "one");
    assert_eq!(held.status()["crashes"], 0);
}

#[test]
fn a_form_of_many_files_needs_no_more_memory_than_one_of_two() {
    const FILES: usize = 100;
    let held = Held::start("buffers_max = 2\n");
    let bytes = pattern(600_000 + FILES);
    let before = counts::private_bytes(&held.live);
    let mut wire = Wire::open(held.live.plain);
    wire.send(
        "POST /in/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n",
    );
    wire.send("Content-Type: multipart/form-data; boundary=xXx\r\n\r\n");
    let mut most = 0;
    let mut send = |bytes: &[u8]| {
        wire.send(format!("{:x}\r\n", bytes.len()));
        wire.send(bytes);
        wire.send("\r\n");
    };
    send(b"--xXx\r\nContent-");
    for number in 0..FILES {
        let head = format!("Disposition: form-data; name=\"f\"; filename=\"{number}\"\r\n\r\n");
        let end =
            if number + 1 < FILES { b"\r\n--xXx\r\nContent-".as_slice() } else { b"\r\n--xXx" };
        send(&[head.as_bytes(), &bytes[number..number + 600_000], end].concat());
        most = most.max(counts::private_bytes(&held.live));
    }
    send(b"--\r\n");
    wire.send("0\r\n\r\n");
    assert_eq!(wire.answer("POST").status, 201);
    for number in 0..FILES {
        let object = held.engine.object(&format!("p/in/{number}")).unwrap();
        assert!(object == bytes[number..number + 600_000], "{number}");
    }
    let grown = most.saturating_sub(before) >> 20;
    println!("a form of {FILES} files of 600,000 bytes with two shares of 5 MiB: {grown} MiB more");
    assert!(grown < 40, "{grown} MiB");
    wait_for("nothing to be under way", || held.engine.uploads().is_empty());
}

#[test]
fn conditions_a_bucket_does_not_keep_are_judged_right_before_the_write() {
    let engine = Engine::start();
    engine.conditional(false);
    let held = Held::start_with(engine, "");
    held.wait_mode("listed");
    let at = held.live.plain;
    let late = pattern(6 << 20);
    for (path, length) in [("/small", 400_000), ("/large", 6 << 20)] {
        for is_new in [true, false] {
            held.engine.plan(|_| Fault::None);
            let field = if is_new {
                "If-None-Match: *".to_owned()
            } else {
                format!("If-Match: {}", get(at, path).tag())
            };
            let key = format!("p{path}");
            let mut wire = Wire::open(at);
            wire.send(format!("PUT {path} HTTP/1.1\r\nHost: x\r\n{field}\r\n"));
            wire.send(format!("Content-Length: {length}\r\n\r\n"));
            // All but a byte: of the large one a part has gone up.
            wire.send(&late[..length - 1]);
            wait_for("it to be looked at, and a part of the large one to be sent", || {
                let log = held.engine.log();
                let has = |operation| {
                    log.iter().any(|seen| seen.key == key && seen.operation == operation)
                };
                has("HeadObject") && (length < 5 << 20 || has("UploadPart"))
            });
            let between = if is_new { b"one" } else { b"two" };
            let status = put(at, path, between).status;
            assert_eq!(status, if is_new { 201 } else { 204 }, "{path}");
            wire.send(&late[length - 1..length]);
            assert_eq!(wire.answer("PUT").status, 412, "{path} {field}");
            assert_eq!(get(at, path).body, between, "what was written between stays");
        }
        let field = format!("If-Match: {}", get(at, path).tag());
        assert_eq!(ask(at, "PUT", path, &[&field], &late[..length]).status, 204);
        assert!(get(at, path).body == late[..length]);
    }
    wait_for("nothing to be under way", || held.engine.uploads().is_empty());
}

#[test]
fn a_move_removes_nothing_that_was_written_meanwhile() {
    let held = Held::start("");
    let at = held.live.plain;
    // Both ways to copy: in parts, and an empty file.
    for (from, to, bytes, last) in [
        ("/a", "/b", b"old".as_slice(), "CompleteMultipartUpload"),
        ("/c", "/d", b"".as_slice(), "PutObject"),
    ] {
        put(at, from, bytes);
        let (source, target) = (held.engine.path(&format!("p{from}")), format!("p{to}"));
        held.engine.plan(move |seen| {
            // The request that gives the copy its name is on its way.
            if seen.operation == last && seen.key == target {
                replace(&source, b"newer");
            }
            Fault::None
        });
        let field = format!("Destination: {to}");
        let moved = ask(at, "MOVE", from, &[&field], b"");
        assert_eq!(moved.status, 412, "{}", moved.head);
        assert!(moved.text().contains("the newer file stays where it is"), "{}", moved.text());
        assert_eq!((get(at, from).text().as_str(), get(at, to).body.as_slice()), ("newer", bytes));
        // Removed meanwhile is moved.
        let (source, target) = (held.engine.path(&format!("p{from}")), format!("p{to}"));
        put(at, from, bytes);
        held.engine.plan(move |seen| {
            if seen.operation == last && seen.key == target {
                std::fs::remove_file(&source).unwrap();
            }
            Fault::None
        });
        assert_eq!(ask(at, "MOVE", from, &[&field], b"").status, 204);
        assert_eq!((get(at, from).status, get(at, to).body.as_slice()), (404, bytes));
    }
    assert!(held.engine.uploads().is_empty());
}

/// Replaces an object's bytes, and takes away what the engine remembers of its tag.
fn replace(object: &std::path::Path, bytes: &[u8]) {
    std::fs::write(object, bytes).unwrap();
    for entry in std::fs::read_dir(object.ancestors().nth(3).unwrap()).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_string_lossy().ends_with(".internal.json") {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
}
