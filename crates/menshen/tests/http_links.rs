//! Signed links end to end: made by the command, shown to a running door by curl and raw sockets.
//! What a link says holds for two workers, after a reload and after a restart; nothing else opens.

use crate::support::{live, wire};

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt;
use std::process::{Output, Stdio};
use std::sync::Barrier;

use live::{Live, command, wait_for};
use menshen_tls::LinkKeys;
use menshen_web_core::link::{Claims, Deed, KeyId};
use wire::{Wire, ask, chunked, curl_ask, get, lay, lay_folder, log_line, put, start_with, stored};

const SETTINGS: &str = r#"
workers = 2

[web]
listen = ["127.0.0.1:0"]
plain_listen = ["127.0.0.1:0"]
plain = "serve"
access_log = "access.log"
trusted_proxies = ["127.0.0.1"]

[links]
base = "https://files.example"

[admin]
listen = "off"

[[site]]
hosts = ["site.test"]
root = "site"
"#;

/// A door with a file, a folder with files, and an empty folder to leave files in.
fn start() -> Live {
    let folder = live::folder("");
    std::fs::create_dir(folder.path().join("site")).unwrap();
    std::fs::write(folder.path().join("site/plan.txt"), "the site's").unwrap();
    std::fs::write(folder.path().join("menshen.toml"), SETTINGS).unwrap();
    let serve = command(folder.path(), &["serve"]);
    let live = Live::start_command(folder, serve);
    for name in ["folder", "folder/deep", "inbox"] {
        lay_folder(&live, name);
    }
    lay(&live, "plan.txt", b"the plan");
    lay(&live, "folder/a.txt", b"a");
    live
}

/// `menshen link ARGUMENTS`: the address, which must be all that is printed.
fn link(live: &Live, arguments: &[&str]) -> String {
    let made = live.run(&[&["link"], arguments].concat());
    let error = String::from_utf8_lossy(&made.stderr).into_owned();
    assert_eq!(made.status.code(), Some(0), "{error}");
    let text = String::from_utf8(made.stdout).unwrap();
    let url = text.strip_suffix('\n').unwrap();
    assert!(url.starts_with("https://files.example/") && !url.contains('\n'), "{url}");
    url.to_owned()
}

/// The same without scheme and host.
fn target(live: &Live, arguments: &[&str]) -> String {
    link(live, arguments).strip_prefix("https://files.example").unwrap().to_owned()
}

/// `menshen link show --json` of an address.
fn show(live: &Live, url: &str) -> (Option<i32>, serde_json::Value) {
    let shown = live.run(&["link", "show", "--json", url]);
    (shown.status.code(), serde_json::from_slice(&shown.stdout).unwrap())
}

fn failed(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_link_opens_its_file_over_both_protocols_and_nothing_else() {
    let live = start();
    let target = target(&live, &["/plan.txt", "--rate", "100MiB/s"]);
    assert_eq!(get(live.plain, "/plan.txt").status, 401);
    for version in ["--http1.1", "--http2"] {
        let answer = curl_ask(&live, &target, &[version]);
        assert_eq!((answer.status, answer.text()), (200, "the plan".into()));
        assert!(answer.fields("set-cookie").is_empty(), "no session comes of it");
        assert_eq!(answer.field("referrer-policy"), Some("no-referrer"));
        assert!(answer.field("cache-control").unwrap().contains("private"));
        let part = curl_ask(&live, &target, &[version, "-r", "4-"]);
        assert_eq!((part.status, part.text()), (206, "plan".into()));
    }
    let (path, link) = target.split_once('?').unwrap();
    assert_eq!(path, "/plan.txt");
    for other in ["/plan2.txt", "/PLAN.txt", "/folder/", "/folder/a.txt", "/", "/plan.txt/"] {
        assert_eq!(get(live.plain, &format!("{other}?{link}")).status, 403, "{other}");
    }
    for odd in ["/folder/..%2fplan.txt", "/folder/../plan.txt", "//plan.txt", "/./plan.txt"] {
        assert_eq!(get(live.plain, &format!("{odd}?{link}")).status, 400, "{odd}");
    }
    assert_eq!(get(live.plain, &format!("/pl%61n.txt?{link}")).text(), "the plan");
    for method in ["PUT", "DELETE", "MOVE", "MKCOL", "POST", "PATCH"] {
        let refused = ask(live.plain, method, &target, &["Destination: /x"], b"");
        assert!(matches!(refused.status, 403 | 405), "{method}: {}", refused.status);
    }
    assert_eq!(std::fs::read(stored(&live, "plan.txt")).unwrap(), b"the plan");
    // Another host is another door: its site knows no links.
    let mut wire = Wire::open(live.plain);
    wire.send(format!("GET {target} HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n"));
    assert_eq!(wire.answer("GET").text(), "the site's");
    // Nothing of the link but its first letters is in the log.
    let token = link.strip_prefix("menshen-link=").unwrap();
    let line = log_line(&live, "GET /plan.txt?menshen-link=");
    assert!(line.contains(&token[..8]), "{line}");
    log_line(&live, "PATCH");
    let log = std::fs::read_to_string(live.path(".menshen/access.log")).unwrap();
    assert!(!log.contains(&token[..12]), "{log}");
}

#[test]
fn every_changed_letter_closes_the_way() {
    let live = start();
    let target = target(&live, &["/plan.txt", "--count", "1"]);
    let (path, token) = target.split_once("?menshen-link=").unwrap();
    let mut wire = Wire::open(live.plain);
    for place in 0..token.len() {
        let mut changed = token.as_bytes().to_vec();
        changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        let answer = wire.ask("GET", &format!("{path}?menshen-link={changed}"), &[], b"");
        assert_eq!(answer.status, 403, "{place}");
        assert!(answer.text().contains("this link is not valid"));
    }
    for cut in [0, 1, 8, token.len() - 1] {
        let answer = wire.ask("GET", &format!("{path}?menshen-link={}", &token[..cut]), &[], b"");
        assert_eq!(answer.status, 403, "{cut}");
    }
    let long = "A".repeat(7000);
    let answer = wire.ask("GET", &format!("{path}?menshen-link={long}"), &[], b"");
    assert_eq!(answer.status, 403);
    assert_eq!(wire.ask("GET", &target, &[], b"").status, 200, "and itself is good, once");
    assert_eq!(wire.ask("GET", &target, &[], b"").status, 410);
}

#[test]
fn a_count_of_one_is_one_for_many_clients_two_workers_and_a_restart() {
    let live = start();
    let target = target(&live, &["/plan.txt", "--count", "1"]);
    let all = Barrier::new(20);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let one = || {
            scope.spawn(|| {
                all.wait();
                get(live.plain, &target).status
            })
        };
        let all: Vec<_> = (0..20).map(|_| one()).collect();
        all.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let given = statuses.iter().filter(|status| **status == 200).count();
    assert_eq!(given, 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 200 | 410)), "{statuses:?}");
    let requests = |worker: &menshen_sys::Slot| worker.get(menshen_base::Counter::Requests);
    let workers = live.workers(menshen_sys::SlotState::Ready);
    assert!(workers.iter().filter(|worker| requests(worker) > 0).count() == 2, "two were asked");
    let used = get(live.plain, &target);
    assert!(used.text().contains("as often as it may be"), "{}", used.text());
    // What was begun may be gone on with, a HEAD costs nothing; a reload changes nothing.
    assert_eq!(ask(live.plain, "GET", &target, &["Range: bytes=4-"], b"").text(), "plan");
    assert_eq!(ask(live.plain, "HEAD", &target, &[], b"").status, 200);
    let elsewhere = ["Range: bytes=4-", "X-Forwarded-For: 198.51.100.7"];
    assert_eq!(ask(live.plain, "GET", &target, &elsewhere, b"").status, 410, "by nobody else");
    assert_eq!(live.run(&["reload"]).status.code(), Some(0));
    assert_eq!(get(live.plain, &target).status, 410);
    let live = restarted(live);
    assert_eq!(get(live.plain, &target).status, 410);
    let (code, shown) = show(&live, &format!("https://files.example{target}"));
    assert_eq!(
        (code, &shown["valid"], &shown["used"]["count"]),
        (Some(1), &false.into(), &1.into())
    );
}

#[test]
fn a_budget_counts_what_was_sent() {
    let live = start();
    // Larger than what sockets hold of their own.
    let big = vec![7_u8; 32 << 20];
    lay(&live, "big.bin", &big);
    let url = link(&live, &["/big.bin", "--bytes", "80MiB"]);
    let target = url.strip_prefix("https://files.example").unwrap();
    // One client breaks off after the first bytes.
    let mut stream = TcpStream::connect(live.plain).unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    stream.read_exact(&mut [0; 1000]).unwrap();
    assert_eq!(show(&live, &url).1["used"]["bytes"], 32 << 20, "all of it is held meanwhile");
    drop(stream);
    let bytes = || show(&live, &url).1["used"]["bytes"].as_u64().unwrap();
    wait_for("what was not sent to be given back", || bytes() < 32 << 20);
    assert!(bytes() > 1000, "{}", bytes());
    assert_eq!(get(live.plain, target).body.len(), big.len());
    let left = (80 << 20) - bytes();
    assert!(left > 32 << 20, "{left}");
    let second = curl_ask(&live, target, &["--http2"]);
    assert_eq!(second.body.len(), big.len());
    let third = get(live.plain, target);
    assert_eq!(third.status, 403);
    assert!(third.text().contains("fewer bytes left"), "{}", third.text());
    let rest = (80 << 20) - bytes();
    let tail = format!("Range: bytes=0-{}", rest - 1);
    assert_eq!(ask(live.plain, "GET", target, &[&tail], b"").body.len() as u64, rest);
    assert_eq!(ask(live.plain, "GET", target, &["Range: bytes=0-0"], b"").status, 410);
    assert_eq!(show(&live, &url).0, Some(1));
}

#[test]
fn keys_rotate_and_end_their_links() {
    let live = start();
    let old = target(&live, &["/plan.txt"]);
    assert_eq!(get(live.plain, &old).status, 200);
    let keys = || {
        let listed = live.run(&["link", "key", "list", "--json"]);
        let keys: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
        let id = |key: &serde_json::Value| key["id"].as_str().unwrap().to_owned();
        keys.as_array().unwrap().iter().map(id).collect::<Vec<_>>()
    };
    let first = keys();
    let mode = std::fs::metadata(live.path(".menshen/link-keys")).unwrap().mode();
    assert_eq!((first.len(), mode & 0o777), (1, 0o600));
    let rotated = live.run(&["link", "key", "rotate"]);
    assert!(failed(&rotated).1.contains("menshen reload"), "the running one is to be told");
    assert_eq!(live.run(&["reload"]).status.code(), Some(0));
    let new = target(&live, &["/plan.txt"]);
    let by_first = target(&live, &["/plan.txt", "--key", &first[0]]);
    for link in [&old, &new, &by_first] {
        assert_eq!(get(live.plain, link).status, 200, "several keys are good at once");
    }
    assert_eq!(live.run(&["link", "key", "remove", &first[0]]).status.code(), Some(0));
    assert_eq!(live.run(&["reload"]).status.code(), Some(0));
    assert_eq!(get(live.plain, &old).status, 403);
    assert_eq!(get(live.plain, &by_first).status, 403);
    assert_eq!(get(live.plain, &new).status, 200);
    let (code, shown) = show(&live, &format!("https://files.example{old}"));
    assert_eq!(code, Some(1));
    assert!(shown["reason"].as_str().unwrap().contains(&first[0]), "{shown}");
    assert_eq!(live.run(&["link", "key", "rotate", "--now"]).status.code(), Some(0));
    let live = restarted(live);
    assert_eq!(get(live.plain, &new).status, 403);
    assert_eq!(get(live.plain, &target(&live, &["/plan.txt"])).status, 200);
    // A file of keys that others can read is refused, and with it the reload.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(live.path(".menshen/link-keys"), open).unwrap();
    assert_ne!(live.run(&["reload"]).status.code(), Some(0));
    let (code, error) = failed(&live.run(&["link", "/plan.txt"]));
    assert!(code == Some(2) && error.contains("chmod 600"), "{error}");
}

#[test]
fn a_link_is_for_its_time_and_its_address() {
    let live = start();
    // What the command would not make: it is over already.
    let keys = LinkKeys::read(&live.path(".menshen/link-keys")).unwrap().unwrap();
    let key = keys.newest().unwrap();
    let mut claims = Claims {
        deed: Deed::Get,
        path: "/plan.txt".into(),
        not_before: None,
        expires: 1_700_000_000,
        count: None,
        bytes: None,
        rate: None,
        networks: Vec::new(),
        id: None,
    };
    let seal = |claims: &Claims| {
        let link = claims.seal(KeyId(key.id), |bytes| key.sign(bytes)).unwrap();
        format!("/plan.txt?menshen-link={link}")
    };
    let over = get(live.plain, &seal(&claims));
    assert_eq!(over.status, 410);
    assert!(over.text().contains("expired"), "{}", over.text());
    claims.expires = 4_000_000_000;
    assert_eq!(get(live.plain, &seal(&claims)).status, 200);
    let later = target(&live, &["/plan.txt", "--starts", "1h"]);
    assert!(get(live.plain, &later).text().contains("not good yet"));
    let near = target(&live, &["/plan.txt", "--address", "198.51.100.0/24", "--address", "::1"]);
    assert_eq!(get(live.plain, &near).status, 403);
    let from = |address: &str| {
        let field = format!("X-Forwarded-For: {address}");
        ask(live.plain, "GET", &near, &[&field], b"").status
    };
    assert_eq!(["198.51.100.9", "198.51.101.9", "::1"].map(from), [200, 403, 200]);
}

#[test]
fn a_folder_link_shows_what_is_in_it_and_nothing_above() {
    let live = start();
    let target = target(&live, &["/folder"]);
    assert!(target.starts_with("/folder/?menshen-link="), "whoever names a folder means one");
    let (_, link) = target.split_once('?').unwrap();
    let page = ask(live.plain, "GET", &target, &["Accept: text/html"], b"");
    assert_eq!(page.status, 200);
    let text = page.text();
    assert!(text.contains(&format!("./a.txt?{link}")), "{text}");
    assert!(text.contains(&format!("./deep/?{link}")) && !text.contains("../"), "{text}");
    assert!(!text.contains("<script"), "{text}");
    let deep =
        ask(live.plain, "GET", &format!("/folder/deep/?{link}"), &["Accept: text/html"], b"");
    assert!(deep.text().contains(&format!("../?{link}")), "{}", deep.text());
    let json = get(live.plain, &target);
    let listing: serde_json::Value = serde_json::from_slice(&json.body).unwrap();
    assert_eq!(
        (&listing["access"], &listing["entries"][1]["name"]),
        (&"read".into(), &"a.txt".into())
    );
    assert_eq!(get(live.plain, &format!("/folder/a.txt?{link}")).text(), "a");
    let moved = get(live.plain, &format!("/folder/deep?{link}"));
    assert_eq!(moved.status, 308);
    assert_eq!(moved.field("location"), Some(&*format!("/folder/deep/?{link}")));
    for above in ["/", "/folder", "/plan.txt"] {
        assert_eq!(get(live.plain, &format!("{above}?{link}")).status, 403, "{above}");
    }
}

#[test]
fn a_put_link_stores_one_name_as_often_as_it_says() {
    let live = start();
    let target = target(&live, &["/inbox/report.pdf", "--method", "put", "--count", "2"]);
    let (_, link) = target.split_once('?').unwrap();
    assert_eq!(put(live.plain, &format!("/inbox/other.pdf?{link}"), b"x").status, 403);
    assert_eq!(get(live.plain, &target).status, 403);
    // What breaks off is not counted.
    let mut wire = Wire::open(live.plain);
    wire.send(format!("PUT {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf"));
    drop(wire);
    let url = format!("https://files.example{target}");
    let used = || show(&live, &url).1["used"]["count"].as_u64().unwrap();
    let aborted = |worker: &menshen_sys::Slot| worker.get(menshen_base::Counter::UploadsAborted);
    wait_for("what broke off to be given back", || {
        let workers = live.workers(menshen_sys::SlotState::Ready);
        workers.iter().map(aborted).sum::<u64>() > 0 && used() == 0
    });
    assert_eq!(put(live.plain, &target, b"one").status, 201);
    let wrong = ["Repr-Digest: sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:"];
    assert_eq!(ask(live.plain, "PUT", &target, &wrong, b"two").status, 400);
    assert_eq!(used(), 1, "what failed is given back before the answer");
    let second = curl_ask(&live, &target, &["--http2", "-X", "PUT", "--data-binary", "two"]);
    assert_eq!(second.status, 204);
    assert_eq!(put(live.plain, &target, b"three").status, 410);
    assert_eq!(std::fs::read(stored(&live, "inbox/report.pdf")).unwrap(), b"two");
}

#[test]
fn a_drop_box_takes_files_of_strangers_and_tells_nothing() {
    let live = start();
    lay(&live, "inbox/there.txt", b"old");
    let target = target(&live, &["/inbox", "--method", "drop", "--count", "6", "--bytes", "1KiB"]);
    assert!(target.starts_with("/.menshen/drop/") && target.ends_with('/'), "{target}");
    let page = ask(live.plain, "GET", &target, &["Accept: text/html", "Accept-Language: zh"], b"");
    assert!(page.text().contains("还可上传 6 个文件") && !page.text().contains("inbox"));
    let at = |name: &str| format!("{target}{name}");
    let new = put(live.plain, &at("new.txt"), b"new");
    let taken = put(live.plain, &at("there.txt"), b"second");
    for answer in [&new, &taken] {
        assert_eq!(answer.status, 201);
        assert!(answer.field("location").is_none() && answer.field("etag").is_none());
    }
    assert_eq!(new.text().replace(":3", ":6"), taken.text(), "what is there is not told");
    let twice = curl_ask(&live, &at("there.txt"), &["--http2", "-T", "menshen.toml"]);
    assert_eq!(twice.status, 201);
    assert_eq!(put(live.plain, &at(".htaccess"), b"x").status, 400);
    assert_eq!(put(live.plain, &at("..%2fplan.txt"), b"x").status, 400);
    for method in ["GET", "DELETE", "MOVE", "MKCOL"] {
        assert_eq!(ask(live.plain, method, &at("there.txt"), &[], b"").status, 405, "{method}");
    }
    let form = curl_ask(
        &live,
        &target,
        &[
            "-F",
            "file=@menshen.toml;filename=one.txt",
            "-F",
            "file=second file;filename=two.txt",
            "-H",
            "Accept: text/html",
        ],
    );
    assert_eq!(form.status, 201, "{}", form.text());
    assert!(form.text().contains("Your 2 files have arrived."), "{}", form.text());
    let names = || {
        let entries = std::fs::read_dir(stored(&live, "inbox")).unwrap();
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
        let mut names: Vec<String> =
            entries.map(name).map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    };
    let there = ["new.txt", "one.txt", "there (2).txt", "there (3).txt", "there.txt", "two.txt"];
    assert_eq!(names(), there);
    assert_eq!(std::fs::read(stored(&live, "inbox/there.txt")).unwrap(), b"old");
    let url = format!("https://files.example{target}");
    assert_eq!(show(&live, &url).1["used"]["count"], 5);
    // One file and less than a kibibyte are left: what is more is refused, also unannounced.
    assert_eq!(put(live.plain, &at("large"), &[0; 1024]).status, 413);
    let body = chunked(&[0; 2000], 500);
    let chunks = ["Transfer-Encoding: chunked"];
    assert_eq!(ask(live.plain, "PUT", &at("large"), &chunks, &body).status, 413);
    let two = curl_ask(&live, &target, &["-F", "f=a;filename=a", "-F", "f=b;filename=b"]);
    assert_eq!(two.status, 413);
    wait_for("what failed to be given back", || show(&live, &url).1["used"]["count"] == 5);
    let body = chunked(b"last", 2);
    assert_eq!(ask(live.plain, "PUT", &at("last"), &chunks, &body).status, 201);
    wait_for("the rest of the budget to be given back", || {
        show(&live, &url).1["used"]["bytes"].as_u64().unwrap() < 1024
    });
    assert_eq!(put(live.plain, &at("more"), b"x").status, 410);
    let page = ask(live.plain, "GET", &target, &["Accept: text/html"], b"");
    assert!(page.text().contains("takes nothing more"));
    assert_eq!(names().len(), there.len() + 1);
    assert_eq!(wire::spooled(&live), Vec::<String>::new());
}

#[test]
fn a_rate_holds_one_answer_back() {
    let live = start();
    lay(&live, "slow.bin", &[1; 150_000]);
    let target = target(&live, &["/slow.bin", "--rate", "100KB/s"]);
    for version in ["--http1.1", "--http2"] {
        let began = std::time::Instant::now();
        assert_eq!(curl_ask(&live, &target, &[version]).body.len(), 150_000);
        // Less cannot be: the pauses alone take that long.
        assert!(began.elapsed().as_millis() >= 1000, "{:?}", began.elapsed());
    }
}

#[test]
fn the_command_says_what_a_link_is_and_refuses_nonsense() {
    let live = start();
    let url = link(&live, &["/plan.txt", "--count", "2", "--bytes", "1MB", "--expires", "2h"]);
    let shown = live.run(&["link", "show", &url]);
    let text = String::from_utf8(shown.stdout).unwrap();
    assert_eq!(shown.status.code(), Some(0), "{text}");
    for part in ["valid\n", "download /plan.txt", "until", "2 downloads", "1000000 in all"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // By standard input it stays out of the list of processes.
    let mut child = command(live.folder.path(), &["link", "show", "-"]);
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{url}\n").as_bytes()).unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
    let moved = url.replace("/plan.txt", "/other.txt");
    assert_eq!(show(&live, &moved).0, Some(1));
    assert_eq!(show(&live, &url[..url.len() - 1]).0, Some(1));
    let json = live.run(&["link", "/plan.txt", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&json["method"], &json["path"]), (&"get".into(), &"/plan.txt".into()));
    for (arguments, told) in [
        (&["plan.txt"][..], "write it from \"/\""),
        (&["/a/../b"], "no request can name this path"),
        (&["/a/", "--method", "put"], "use --method drop"),
        (&["/a", "--method", "put", "--rate", "1K"], "a rate is for downloads"),
        (&["/a", "--expires", "1000w"], "links.expires_seconds_max"),
        (&["/a", "--expires", "0d"], "like 90s"),
        (&["/a", "--count", "0"], "count"),
        (&["/a", "--address", "10.0.0.1/8"], "bits are set behind it"),
        (&["/a", "--key", "00000000"], "no key has that name"),
        (&["/a", "--base", "https://a/b"], "without a path"),
        (&[], "PATH"),
    ] {
        let (code, error) = failed(&live.run(&[&["link"], arguments].concat()));
        assert!(code == Some(2) && error.contains(told), "{arguments:?}: {code:?} {error}");
    }
    let (code, note) = failed(&live.run(&["link", "/not there"]));
    assert!(code == Some(0) && note.contains("there is no /not there"), "{note}");
}

#[test]
fn links_can_be_off() {
    let live = start_with(
        &SETTINGS
            .replace("[links]", "[links]\nenabled = false")
            .replace("\n[[site]]\nhosts = [\"site.test\"]\nroot = \"site\"\n", ""),
    );
    lay(&live, "plan.txt", b"the plan");
    assert_eq!(live.run(&["link", "/plan.txt"]).status.code(), Some(2));
    assert!(!live.path(".menshen/link-keys").exists());
    assert_eq!(get(live.plain, "/plan.txt?menshen-link=AQ").status, 403);
}

/// The same folder served anew.
fn restarted(live: Live) -> Live {
    live.signal(rustix::process::Signal::TERM);
    let mut live = live;
    live.ended(std::time::Duration::from_secs(10));
    let kept = tempfile::tempdir().unwrap();
    // The folder goes on to the next life; the old one keeps an empty one.
    let old = std::mem::replace(&mut live.folder, kept);
    drop(live);
    let serve = command(old.path(), &["serve"]);
    Live::start_command(old, serve)
}
