//! The file API over the wire: store, fetch, list, rename, delete, forms, redirects.

use crate::support::{live, wire};

use std::process::{Command, Stdio};

use live::Live;
use wire::{
    ONE, TWO, Wire, ask, curl, curl_ask, curl_command, get, lay, lay_folder, pattern, put, stored,
    url,
};

#[test]
fn a_file_is_stored_fetched_replaced_and_deleted() {
    let live = Live::start(ONE);
    let made = put(live.plain, "/new/a%20b.txt", b"one");
    assert_eq!((made.status, made.field("location")), (201, Some("/new/a%20b.txt")));
    assert_eq!(std::fs::read(stored(&live, "new/a b.txt")).unwrap(), b"one");
    assert!(made.tag().starts_with('"'), "a strong tag: {}", made.head);

    let got = get(live.plain, "/new/a%20b.txt");
    assert_eq!((got.status, got.body.as_slice()), (200, b"one".as_slice()));
    assert_eq!(got.tag(), made.tag());
    assert_eq!(got.field("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(got.field("accept-ranges"), Some("bytes"));
    assert!(got.field("last-modified").unwrap().ends_with(" GMT"));
    assert!(got.field("content-disposition").unwrap().starts_with("attachment"));
    assert!(got.field("date").is_some());

    let head = ask(live.plain, "HEAD", "/new/a%20b.txt", &[], b"");
    let without_date = |text: &str| {
        let lines = text.lines().filter(|line| !line.starts_with("date: "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(without_date(&head.head), without_date(&got.head));

    let again = put(live.plain, "/new/a%20b.txt", b"three");
    assert_eq!((again.status, again.field("location")), (204, None));
    assert_ne!(again.tag(), made.tag());
    let got = get(live.plain, "/new/a%20b.txt");
    assert_eq!((got.text().as_str(), got.tag()), ("three", again.tag()));

    assert_eq!(ask(live.plain, "DELETE", "/new/a%20b.txt", &[], b"").status, 204);
    assert_eq!(get(live.plain, "/new/a%20b.txt").status, 404);
    assert_eq!(ask(live.plain, "DELETE", "/new/a%20b.txt", &[], b"").status, 404);
    assert!(!stored(&live, "new/a b.txt").exists());
}

#[test]
fn what_is_in_the_way_is_said() {
    let live = Live::start(ONE);
    lay_folder(&live, "folder");
    lay(&live, "file", b"x");
    assert_eq!(put(live.plain, "/folder", b"y").status, 409);
    assert_eq!(put(live.plain, "/folder/", b"y").status, 409);
    assert_eq!(put(live.plain, "/file/below", b"y").status, 409);
    assert_eq!(put(live.plain, "/", b"y").status, 409);
    assert_eq!(get(live.plain, "/file/").status, 404);
    assert_eq!(get(live.plain, "/file/below").status, 409);
    assert_eq!(std::fs::read(stored(&live, "file")).unwrap(), b"x");
    assert!(stored(&live, "folder").is_dir());
}

#[test]
fn curl_stores_and_fetches_over_both_protocols() {
    let live = Live::start(ONE);
    let bytes = pattern(3 << 20);
    std::fs::write(live.path("数据 1.bin"), &bytes).unwrap();
    for (version, name) in [("--http1.1", "h1/"), ("--http2", "h2/")] {
        let output = curl(&live, &[version, "-T", "数据 1.bin", &url(&live, &format!("/{name}"))]);
        assert!(output.status.success(), "{output:?}");
        let path = format!("{name}数据 1.bin");
        assert!(std::fs::read(stored(&live, &path)).unwrap() == bytes, "{version}: stored bytes");
        let target = format!("/{name}%E6%95%B0%E6%8D%AE%201.bin");
        let got = curl_ask(&live, &target, &[version]);
        assert!(got.head.starts_with(if name == "h1/" { "HTTP/1.1 200" } else { "HTTP/2 200" }));
        assert!(got.body == bytes, "{version}: fetched bytes");
        let disposition = got.field("content-disposition").unwrap();
        let encoded = "filename*=UTF-8''%E6%95%B0%E6%8D%AE%201.bin";
        assert!(disposition.contains(encoded), "{disposition}");

        let made = curl_ask(&live, &format!("/{name}new"), &[version, "-X", "PUT", "-d", "ab"]);
        let location = format!("/{name}new");
        assert_eq!((made.status, made.field("location")), (201, Some(location.as_str())));
        let gone = curl_ask(&live, &format!("/{name}new"), &[version, "-X", "DELETE"]);
        assert_eq!(gone.status, 204);
        let gone = curl_ask(&live, &format!("/{name}new"), &[version]);
        assert_eq!(gone.status, 404);
        let head = curl_ask(&live, &target, &[version, "--head"]);
        assert_eq!(head.field("content-length"), Some("3145728"));
        assert!(head.body.is_empty());
    }
}

#[test]
fn wget_goes_on_where_it_stopped() {
    let live = Live::start(ONE);
    let bytes = pattern(2_000_003);
    lay(&live, "data.bin", &bytes);
    std::fs::write(live.path("data.bin"), &bytes[..777_777]).unwrap();
    let output = Command::new("wget")
        .args(["--no-config", "-4", "-c", "--server-response", "--tries=1", "--timeout=20"])
        .arg(format!("--ca-certificate={}", live.path(".menshen/ca.pem").display()))
        .arg(url(&live, "/data.bin"))
        .current_dir(live.folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("206 Partial Content"), "{said}");
    assert!(said.contains("bytes 777777-2000002/2000003"), "{said}");
    assert!(std::fs::read(live.path("data.bin")).unwrap() == bytes);
}

#[test]
fn folders_are_made_and_deleted() {
    let live = Live::start(ONE);
    assert_eq!(ask(live.plain, "MKCOL", "/a", &[], b"").status, 201);
    assert!(stored(&live, "a").is_dir());
    let again = ask(live.plain, "MKCOL", "/a/", &[], b"");
    assert_eq!(again.status, 405);
    assert!(!again.field("allow").unwrap().contains("MKCOL"));
    assert_eq!(ask(live.plain, "MKCOL", "/hello.txt", &[], b"").status, 405);
    assert_eq!(ask(live.plain, "MKCOL", "/", &[], b"").status, 403);

    assert_eq!(put(live.plain, "/a/x", b"1").status, 201);
    assert_eq!(ask(live.plain, "DELETE", "/a/", &[], b"").status, 409);
    assert_eq!(std::fs::read(stored(&live, "a/x")).unwrap(), b"1");
    assert_eq!(ask(live.plain, "DELETE", "/a/x", &[], b"").status, 204);
    assert_eq!(ask(live.plain, "DELETE", "/a/", &[], b"").status, 204);
    assert!(!stored(&live, "a").exists());
    assert_eq!(ask(live.plain, "DELETE", "/", &[], b"").status, 403);
    // A slash at the end names a folder; what is a file is not deleted by that name.
    assert_eq!(ask(live.plain, "DELETE", "/hello.txt/", &[], b"").status, 409);
    assert!(stored(&live, "hello.txt").exists());
}

#[test]
fn files_and_folders_are_renamed() {
    let live = Live::start(ONE);
    let rename = |from: &str, fields: &[&str]| ask(live.plain, "MOVE", from, fields, b"");
    lay(&live, "one", b"1");
    lay(&live, "two", b"2");
    assert_eq!(get(live.plain, "/one").text(), "1", "now the worker keeps it open");

    let taken = rename("/one", &["Destination: /two", "Overwrite: F"]);
    assert_eq!(taken.status, 412);
    assert_eq!(std::fs::read(stored(&live, "one")).unwrap(), b"1");
    assert_eq!(std::fs::read(stored(&live, "two")).unwrap(), b"2");
    assert_eq!(rename("/one", &["Destination: /two"]).status, 204);
    assert_eq!(get(live.plain, "/one").status, 404);
    assert_eq!(get(live.plain, "/two").text(), "1");
    assert_eq!(rename("/two", &["Destination: http://localhost/deep/er/%E4%BA%8C"]).status, 201);
    assert_eq!(std::fs::read(stored(&live, "deep/er/二")).unwrap(), b"1");

    assert_eq!(get(live.plain, "/deep/er/%E4%BA%8C").text(), "1");
    assert_eq!(rename("/deep/", &["Destination: /shallow/"]).status, 201);
    assert_eq!(get(live.plain, "/deep/er/%E4%BA%8C").status, 404);
    assert_eq!(get(live.plain, "/shallow/er/%E4%BA%8C").text(), "1");

    assert_eq!(rename("/shallow", &[]).status, 400);
    assert_eq!(rename("/shallow", &["Destination: http://elsewhere/x"]).status, 400);
    assert_eq!(rename("/shallow", &["Destination: /../x"]).status, 400);
    assert_eq!(rename("/shallow", &["Destination: /shallow/er/x"]).status, 400);
    assert_eq!(rename("/", &["Destination: /x"]).status, 403);
    lay_folder(&live, "full");
    lay(&live, "full/x", b"");
    assert_eq!(rename("/shallow", &["Destination: /full"]).status, 409);
    assert_eq!(rename("/nothing", &["Destination: /made/for/it"]).status, 404);
    assert!(!stored(&live, "made").exists(), "a failed rename leaves folders behind");
    assert_eq!(get(live.plain, "/shallow/er/%E4%BA%8C").text(), "1");
}

#[test]
fn listings_are_json_or_a_page() {
    let live = Live::start(ONE);
    lay_folder(&live, "zz");
    lay(&live, "b<i>&\"'.txt", b"12345");
    lay(&live, "中文", b"1");
    std::fs::write(live.path("outside"), "secret").unwrap();
    std::os::unix::fs::symlink("../outside", stored(&live, "escape")).unwrap();
    std::os::unix::fs::symlink("hello.txt", stored(&live, "inside")).unwrap();

    let json = get(live.plain, "/");
    assert_eq!(json.field("content-type"), Some("application/json"), "scripts get JSON");
    let value: serde_json::Value = serde_json::from_slice(&json.body).unwrap();
    let entries = value["entries"].as_array().unwrap();
    let names: Vec<&str> = entries.iter().map(|entry| entry["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["zz", "b<i>&\"'.txt", "big.bin", "hello.txt", "inside", "中文"]);
    assert_eq!((&value["path"], &value["access"]), (&"/".into(), &"write".into()));
    assert_eq!(value["truncated"], false);
    let file = &entries[1];
    assert_eq!((&file["kind"], &file["size"]), (&"file".into(), &5.into()));
    let got = get(live.plain, "/b%3Ci%3E&%22'.txt");
    assert_eq!((got.status, got.tag().as_str()), (200, file["etag"].as_str().unwrap()));
    assert!(file["modified"].as_str().unwrap().ends_with('Z'));
    assert_eq!(entries[0]["kind"], "directory");

    let page = ask(live.plain, "GET", "/", &["Accept: text/html,*/*;q=0.8"], b"");
    assert_eq!(page.field("content-type"), Some("text/html; charset=utf-8"));
    let text = page.text();
    assert!(text.contains("b&lt;i&gt;&amp;&quot;&#39;.txt") && !text.contains("b<i>"), "{text}");
    assert!(text.contains("href=\"./b%3Ci%3E%26%22%27.txt\""), "{text}");
    assert!(text.contains("href=\"./zz/\"") && !text.contains("escape"), "{text}");
    assert!(page.field("vary").unwrap().contains("accept"));
    let zh = ["Accept: text/html", "Accept-Language: zh-CN,zh;q=0.9,en;q=0.1"];
    let zh = ask(live.plain, "GET", "/", &zh, b"");
    assert_eq!(
        (zh.field("content-language"), page.field("content-language")),
        (Some("zh"), Some("en"))
    );
    let head = ask(live.plain, "HEAD", "/", &[], b"");
    assert_eq!((head.status, head.field("content-length")), (200, json.field("content-length")));
    assert_eq!(get(live.plain, "/nothing/").status, 404);
}

#[test]
fn a_long_listing_says_that_it_is_cut() {
    let live = Live::start("workers = 1\n[limits]\nlisting_entries_max = 100");
    lay_folder(&live, "many");
    for number in 0..100 {
        std::fs::write(stored(&live, &format!("many/{number}")), "").unwrap();
    }
    let list = || {
        let json = get(live.plain, "/many/");
        serde_json::from_slice::<serde_json::Value>(&json.body).unwrap()
    };
    let value = list();
    assert_eq!(
        (value["entries"].as_array().unwrap().len(), &value["truncated"]),
        (100, &false.into())
    );
    std::fs::write(stored(&live, "many/100"), "").unwrap();
    let value = list();
    assert_eq!(
        (value["entries"].as_array().unwrap().len(), &value["truncated"]),
        (100, &true.into())
    );
}

#[test]
fn a_folder_without_its_slash_is_redirected() {
    let live = Live::start(ONE);
    lay_folder(&live, "a b");
    let answer = get(live.plain, "/a%20b");
    assert_eq!((answer.status, answer.field("location")), (308, Some("/a%20b/")));
    let output = curl(&live, &["-L", "-w", "%{http_code} %{num_redirects}", &url(&live, "/a%20b")]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.ends_with("200 1"), "{text}");
    assert_eq!(get(live.plain, "/hello.txt?a=/../b").text(), "ok", "a query names no file");
}

#[test]
fn a_form_is_stored_and_answered_as_asked() {
    let live = Live::start(ONE);
    std::fs::write(live.path("up.txt"), "form bytes").unwrap();
    for version in ["--http1.1", "--http2"] {
        let path = format!("/{}/", version.trim_start_matches("--"));
        let made = curl_ask(&live, &path, &[version, "-F", "note=x", "-F", "f=@up.txt"]);
        assert_eq!(made.status, 201);
        let value: serde_json::Value = serde_json::from_slice(&made.body).unwrap();
        let file = &value["stored"][0];
        assert_eq!(file["path"], format!("{path}up.txt"));
        assert_eq!((&file["size"], value["stored"].as_array().unwrap().len()), (&10.into(), 1));
        let got = curl_ask(&live, &format!("{path}up.txt"), &[version]);
        assert_eq!(
            (got.text(), got.tag().as_str()),
            ("form bytes".into(), file["etag"].as_str().unwrap())
        );
        let browser = ["-H", "Accept: text/html", version, "-F", "f=@up.txt"];
        let seen = curl_ask(&live, &path, &browser);
        assert_eq!((seen.status, seen.field("location")), (303, Some(path.as_str())));
    }
    let form = "Content-Type: multipart/form-data; boundary=x";
    let post = |target: &str, kind: &str, body: &[u8]| {
        ask(live.plain, "POST", target, &[kind], body).status
    };
    assert_eq!(post("/hello.txt", form, b"--x--\r\n"), 405);
    assert_eq!(post("/", "Content-Type: text/plain", b"hello"), 415);
    assert_eq!(post("/", "Content-Type: multipart/form-data", b"--x--\r\n"), 400);
    let field = b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n--x--\r\n";
    assert_eq!(post("/", form, field), 400, "a form without a file");
    assert_eq!(post("/", form, b""), 400);
}

#[test]
fn errors_speak_the_language_of_the_client() {
    let live = Live::start(ONE);
    let json = ask(live.plain, "GET", "/nothing", &["Accept: application/json"], b"");
    let value: serde_json::Value = serde_json::from_slice(&json.body).unwrap();
    assert_eq!(value["error"], "no such file or directory");
    let text = get(live.plain, "/nothing");
    assert_eq!(text.text(), "404: no such file or directory\n");
    assert!(text.field("content-type").unwrap().starts_with("text/plain"));
}

#[test]
fn no_worker_serves_what_another_one_replaced() {
    let live = Live::start(TWO);
    // Ports are shared by address and port of the client: with 16 connections both workers have
    // some, and each keeps the file open from round to round.
    let mut wires: Vec<Wire> = (0..16).map(|_| Wire::open(live.plain)).collect();
    for round in 0..40 {
        let body = format!("round {round}");
        let writer = round % wires.len();
        let made = wires[writer].ask("PUT", "/shared.txt", &[], body.as_bytes());
        assert!(matches!(made.status, 201 | 204), "{}", made.head);
        for (place, wire) in wires.iter_mut().enumerate() {
            let got = wire.ask("GET", "/shared.txt", &[], b"");
            assert_eq!((got.text(), got.tag()), (body.clone(), made.tag()), "reader {place}");
        }
    }
    let workers = live.workers(menshen_sys::SlotState::Ready);
    let served = |slot: &menshen_sys::Slot| slot.get(menshen_base::Counter::Requests);
    assert!(workers.iter().all(|slot| served(slot) > 0), "only one worker took part");
}

#[test]
fn a_file_is_not_seen_before_it_is_whole() {
    let live = Live::start(ONE);
    lay(&live, "old", b"old");
    let mut command = curl_command(&live);
    command.args(["--http1.1", "-T", "-", &url(&live, "/old")]).stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, &pattern(200_000)).unwrap();
    wire::wait_spooled(&live, 1);
    assert_eq!(get(live.plain, "/old").text(), "old");
    let listed = get(live.plain, "/").text();
    assert!(listed.contains("\"size\":3,") && !listed.contains("spool"), "{listed}");
    drop(input);
    assert!(child.wait().unwrap().success());
    assert_eq!(get(live.plain, "/old").body.len(), 200_000);
    wire::wait_spooled(&live, 0);
}
