//! Paths over the wire: tricks that must not leave the folder, links, special files, and names that
//! must come back byte for byte.

use crate::support::{live, wire};

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use live::Live;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use wire::{ONE, Wire, ask, curl, curl_ask, get, lay, lay_folder, put, start_with, stored, url};

/// Writes a file beside the served folder that nobody may get or change.
fn secret(live: &Live) {
    std::fs::write(live.path("secret.txt"), "SECRET").unwrap();
    std::fs::create_dir(live.path("outside")).unwrap();
    std::fs::write(live.path("outside/secret.txt"), "SECRET").unwrap();
    if rustix::process::geteuid().is_root() {
        // The workers could write here, were they led here.
        for path in ["secret.txt", "outside", "outside/secret.txt"] {
            std::os::unix::fs::chown(live.path(path), Some(65_534), Some(65_534)).unwrap();
        }
    }
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(live.folder.path(), mode).unwrap();
}

fn unharmed(live: &Live) {
    for path in ["secret.txt", "outside/secret.txt"] {
        assert_eq!(std::fs::read(live.path(path)).unwrap(), b"SECRET", "{path}");
    }
    assert_eq!(std::fs::read_dir(live.path("outside")).unwrap().count(), 1);
}

#[test]
fn no_spelling_of_a_path_leaves_the_folder() {
    let live = Live::start(ONE);
    secret(&live);
    lay_folder(&live, "d");
    let mut targets: Vec<String> = [
        "/../secret.txt",
        "/d/../../secret.txt",
        "/..",
        "/../",
        "/./hello.txt",
        "/d/.",
        "/.",
        "/%2e%2e/secret.txt",
        "/%2E./secret.txt",
        "/.%2e/secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e%2fsecret.txt",
        "/..%5csecret.txt",
        "/..\\secret.txt",
        "/d\\..\\..\\secret.txt",
        "/d%2f..%2f..%2fsecret.txt",
        "/hello.txt%00",
        "/%00/../secret.txt",
        "/hello.txt%00.jpg",
        "/a%0d%0ab",
        "/a%0ab",
        "/a%7fb",
        "/a%1fb",
        "//secret.txt",
        "//etc/passwd",
        "/d//x",
        "/hello.txt//",
        "/%",
        "/%2",
        "/%zz",
        "/%u002e%u002e/x",
        "/%ff",
        "/%c0%ae%c0%ae/secret.txt",
        "/%c0%af",
        "/%ed%a0%80",
        "/a%2fb",
        "/%2f",
        "/%2fetc%2fpasswd",
    ]
    .map(str::to_owned)
    .to_vec();
    targets.push(format!("{}/secret.txt", "/..".repeat(100)));
    targets.push(format!("/d{}/secret.txt", "/%2e%2e".repeat(100)));
    for target in &targets {
        for method in ["GET", "HEAD", "PUT", "DELETE", "MKCOL", "MOVE"] {
            let got = ask(live.plain, method, target, &["Destination: /out"], b"");
            assert_eq!(got.status, 400, "{method} {target}: {}", got.head);
        }
        let field = format!("Destination: {target}");
        let moved = ask(live.plain, "MOVE", "/hello.txt", &[&field], b"");
        assert_eq!(moved.status, 400, "to {target}");
        // libcurl itself refuses none of these with --path-as-is, but for what it calls malformed.
        let output = curl(&live, &["--http2", "-i", &url(&live, target)]);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(!output.status.success() || text.starts_with("HTTP/2 400"), "{target}: {text}");
    }
    // Decoded once and never again: these are ordinary names of nothing.
    for target in
        ["/%252e%252e/secret.txt", "/%252e%252e%252fsecret.txt", "/...", "/..a/x", "/~root"]
    {
        assert_eq!(get(live.plain, target).status, 404, "{target}");
    }
    unharmed(&live);
    assert!(stored(&live, "hello.txt").exists() && !stored(&live, "out").exists());
}

#[test]
fn links_out_of_the_folder_lead_nowhere() {
    let live = Live::start(ONE);
    secret(&live);
    lay_folder(&live, "d");
    let absolute = live.path("secret.txt");
    symlink(&absolute, stored(&live, "absolute")).unwrap();
    symlink("../secret.txt", stored(&live, "relative")).unwrap();
    symlink("../../secret.txt", stored(&live, "d/deep")).unwrap();
    symlink("..", stored(&live, "parent")).unwrap();
    symlink("/", stored(&live, "root")).unwrap();
    symlink("../outside", stored(&live, "folder")).unwrap();
    symlink("/proc/self/root/etc/passwd", stored(&live, "magic")).unwrap();
    symlink("/proc/self/cwd", stored(&live, "cwd")).unwrap();
    symlink("loop", stored(&live, "loop")).unwrap();
    symlink("nothing", stored(&live, "dangling")).unwrap();
    // Out and in again is out.
    symlink("../files/hello.txt", stored(&live, "around")).unwrap();
    let at = absolute.display();
    for target in [
        "/absolute",
        "/relative",
        "/d/deep",
        "/parent/secret.txt",
        "/parent/",
        "/parent",
        "/root/",
        &format!("/root{at}"),
        "/folder/",
        "/folder/secret.txt",
        "/magic",
        "/cwd/",
        "/loop",
        "/loop/",
        "/dangling",
        "/around",
    ] {
        for method in ["GET", "HEAD"] {
            let got = ask(live.plain, method, target, &[], b"");
            assert_eq!(got.status, 404, "{method} {target}: {}", got.text());
        }
        assert_eq!(curl_ask(&live, target, &["--http2"]).status, 404, "h2 {target}");
    }
    for target in
        ["/folder/secret.txt", "/folder/new", "/parent/secret.txt", "/parent/new", "/loop/x"]
    {
        for method in ["PUT", "DELETE", "MKCOL"] {
            let got = ask(live.plain, method, target, &[], b"");
            assert!(got.status >= 400, "{method} {target}: {}", got.status);
        }
        let field = format!("Destination: {target}");
        let got = ask(live.plain, "MOVE", "/hello.txt", &[&field], b"");
        assert!(got.status >= 400, "to {target}: {}", got.status);
    }
    unharmed(&live);
    assert!(!live.path("new").exists() && stored(&live, "hello.txt").exists());
    let list = get(live.plain, "/").text();
    for name in
        ["absolute", "relative", "parent", "root", "folder", "magic", "cwd", "loop", "dangling"]
    {
        assert!(!list.contains(&format!("\"{name}\"")), "{name}: {list}");
    }
    // A write replaces the link, not what it leads to.
    for name in ["absolute", "relative", "dangling", "loop"] {
        assert_eq!(put(live.plain, &format!("/{name}"), b"mine").status / 100, 2, "{name}");
        assert!(stored(&live, name).symlink_metadata().unwrap().is_file());
    }
    assert_eq!(ask(live.plain, "DELETE", "/folder", &[], b"").status, 204);
    unharmed(&live);
}

#[test]
fn links_within_the_folder_are_followed() {
    let live = Live::start(ONE);
    lay_folder(&live, "d");
    lay(&live, "d/file", b"inside");
    symlink("d/file", stored(&live, "link")).unwrap();
    symlink("../d/file", stored(&live, "d/self")).unwrap();
    symlink("d", stored(&live, "folder")).unwrap();
    for target in ["/link", "/d/self", "/folder/file", "/folder/self"] {
        assert_eq!(get(live.plain, target).text(), "inside", "{target}");
    }
    assert!(get(live.plain, "/").text().contains("\"link\""));
    assert!(get(live.plain, "/folder/").text().contains("\"self\""));
}

/// Stops a thread when dropped.
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_link_swapped_at_any_moment_never_leaks() {
    let live = Live::start("workers = 1\n[limits]\ndescriptors_max = 0");
    secret(&live);
    lay_folder(&live, "real");
    lay(&live, "real/secret.txt", b"public");
    symlink("real", stored(&live, "swap")).unwrap();
    symlink("hello.txt", stored(&live, "leaf")).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let mut seen = [0_u32; 2];
    std::thread::scope(|scope| {
        // Also when a check below fails.
        let _guard = Stop(Arc::clone(&stop));
        scope.spawn(|| {
            let links = [("real", "hello.txt"), ("../outside", "../secret.txt")];
            for (folder, file) in links.iter().cycle() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                for (name, to) in [("swap", folder), ("leaf", file)] {
                    symlink(to, stored(&live, "next")).unwrap();
                    std::fs::rename(stored(&live, "next"), stored(&live, name)).unwrap();
                }
                std::thread::sleep(Duration::from_micros(100));
            }
        });
        let mut wire = Wire::open(live.plain);
        let until = Instant::now() + Duration::from_millis(1500);
        while Instant::now() < until {
            for target in ["/swap/secret.txt", "/leaf", "/swap/", "/swap/../secret.txt"] {
                let got = wire.ask("GET", target, &["Range: bytes=0-9"], b"");
                assert!(!got.text().contains("SECRET"), "{target} leaked");
                seen[0] += u32::from(got.status / 100 == 2);
                seen[1] += u32::from(got.status == 404);
            }
            let made = wire.ask("PUT", "/swap/secret.txt", &[], b"public");
            assert!(matches!(made.status, 201 | 204 | 403 | 404 | 409 | 503), "{}", made.head);
        }
    });
    unharmed(&live);
    // Both states were met, else nothing was tested.
    assert!(seen[0] > 20 && seen[1] > 20, "{seen:?}");
}

#[test]
fn special_files_are_not_there_and_hang_nobody() {
    let live = Live::start(ONE);
    let make = |name: &str, kind: FileType, device: u64| {
        mknodat(CWD, stored(&live, name), kind, Mode::from_raw_mode(0o666), device)
    };
    make("fifo", FileType::Fifo, 0).unwrap();
    let _socket = UnixListener::bind(stored(&live, "socket")).unwrap();
    let mut names = vec!["fifo", "socket"];
    if make("zero", FileType::CharacterDevice, rustix::fs::makedev(1, 5)).is_ok() {
        names.push("zero");
    } else {
        eprintln!("SKIPPED in part: making a device needs root");
    }
    symlink("fifo", stored(&live, "link")).unwrap();
    names.push("link");
    let mode = || std::os::unix::fs::PermissionsExt::from_mode(0o666);
    for name in &names[..names.len() - 1] {
        std::fs::set_permissions(stored(&live, name), mode()).unwrap();
    }
    let begun = Instant::now();
    let list = get(live.plain, "/").text();
    for name in &names {
        let target = format!("/{name}");
        for method in ["GET", "HEAD"] {
            assert_eq!(ask(live.plain, method, &target, &[], b"").status, 404, "{method} {name}");
        }
        assert_eq!(curl_ask(&live, &target, &["--http2"]).status, 404, "h2 {name}");
        assert!(!list.contains(&format!("\"{name}\"")), "{name}: {list}");
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "something waited: {:?}", begun.elapsed());
    // Writing to the name replaces it; nothing is written into the FIFO.
    assert_eq!(put(live.plain, "/fifo", b"file").status / 100, 2);
    assert_eq!(get(live.plain, "/fifo").text(), "file");
}

/// Every byte but those a client may leave as they are, as `%XX`.
fn escaped(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    name.bytes()
        .map(|byte| if plain(byte) { char::from(byte).into() } else { format!("%{byte:02x}") })
        .collect()
}

#[test]
fn names_come_back_byte_for_byte() {
    let live = Live::start(ONE);
    for (number, name) in NAMES.iter().enumerate() {
        let target = format!("/n/{}", escaped(name));
        let body = format!("file {number}");
        let made = put(live.plain, &target, body.as_bytes());
        assert_eq!(made.status, 201, "{name:?} is taken for another name");
        assert_eq!(
            std::fs::read_to_string(stored(&live, "n").join(name)).unwrap(),
            body,
            "{name:?}"
        );
        let location = made.field("location").unwrap();
        assert_eq!(get(live.plain, location).text(), body, "{name:?} {location}");
        assert_eq!(curl_ask(&live, location, &["--http2"]).text(), body, "h2 {name:?} {location}");
    }
    let list: serde_json::Value = serde_json::from_slice(&get(live.plain, "/n/").body).unwrap();
    let listed =
        list["entries"].as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap());
    let mut sorted = NAMES.to_vec();
    sorted.sort_unstable();
    assert_eq!(listed.collect::<Vec<_>>(), sorted);
    for (number, name) in NAMES.iter().enumerate() {
        let target = format!("/n/{}", escaped(name));
        let field = format!("Destination: /m/{}", escaped(name));
        assert_eq!(ask(live.plain, "MOVE", &target, &[&field], b"").status, 201, "{name:?}");
        let at = stored(&live, "m").join(name);
        assert_eq!(std::fs::read_to_string(at).unwrap(), format!("file {number}"), "{name:?}");
    }
    assert_eq!(ask(live.plain, "DELETE", "/n/", &[], b"").status, 204, "nothing was left");
    // A raw `#` is no part of any path (RFC 9112 §3.2), and a name nobody can ask for is counted.
    assert_eq!(Wire::open(live.plain).ask("GET", "/a#b", &[], b"").status, 400);
    let odd: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(b"odd\xff");
    std::fs::write(live.path("files").join(odd), "").unwrap();
    let list: serde_json::Value = serde_json::from_slice(&get(live.plain, "/").body).unwrap();
    assert_eq!(list["unservable"], 1);
}

#[test]
fn too_long_names_are_answered_clearly() {
    let live = Live::start(ONE);
    let chinese = "长".repeat(85);
    for name in
        ["n".repeat(255), escaped(&chinese), escaped(&format!("{}\u{301}", "e".repeat(253)))]
    {
        let target = format!("/{name}");
        assert_eq!(put(live.plain, &target, b"long").status, 201, "{name}");
        assert_eq!(get(live.plain, &target).text(), "long");
        let deeper = format!("/{name}.d/file");
        assert_eq!(put(live.plain, &deeper, b"long").status, 400, "256 bytes and more");
    }
    assert!(get(live.plain, "/").text().contains(&chinese));
    let above = ["n".repeat(256), escaped(&format!("{chinese}x")), escaped(&"长".repeat(86))];
    for name in above {
        for target in [format!("/{name}"), format!("/{name}/x"), format!("/x/{name}/")] {
            for method in ["GET", "PUT", "DELETE", "MKCOL"] {
                let got = ask(live.plain, method, &target, &["Accept: application/json"], b"");
                assert_eq!(got.status, 400, "{method} {target}");
                if target.ends_with(&name) {
                    assert!(
                        got.text().contains("too long") || got.body.is_empty(),
                        "{}",
                        got.text()
                    );
                    assert!(got.text().contains("255 bytes"), "{}", got.text());
                }
            }
        }
    }
    let deep = format!("/{}x", "d/".repeat(2047));
    let got = ask(live.plain, "GET", &deep, &[], b"");
    assert_eq!(got.status, 404, "4,095 bytes may be asked for: {}", got.text());
    let deep = format!("/{}xyz", "d/".repeat(2047));
    assert_eq!(ask(live.plain, "PUT", &deep, &[], b"").status, 400);
    assert!(!stored(&live, "d").exists());
    let target = format!("/{}", "x".repeat(8192));
    assert_eq!(Wire::open(live.plain).ask("GET", &target, &[], b"").status, 414);
}

#[test]
fn what_the_workers_may_not_read_is_refused() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: whose rights count shows only when started as root");
        return;
    }
    let live = start_with(&format!("{ONE}\n{}", live::BASE));
    lay(&live, "private", b"of root");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(stored(&live, "private"), mode).unwrap();
    std::fs::create_dir(stored(&live, "roots")).unwrap();
    assert_eq!(get(live.plain, "/private").status, 403);
    assert_eq!(put(live.plain, "/roots/x", b"").status, 403);
    assert_eq!(ask(live.plain, "MKCOL", "/roots/x", &[], b"").status, 403);
    wire::wait_spooled(&live, 0);
}

/// Names that something on the way might change, shorten or take for something else.
const NAMES: &[&str] = &[
    "报告 终稿.txt",
    "é",
    "e\u{301}",
    "Å",
    "A\u{30a}",
    "ﬁ",
    "İ",
    "ß",
    "日本語",
    "🦀",
    "100%",
    "%41",
    "%2e%2e",
    "a?b=c&d",
    "#top",
    "a+b c",
    "a;b",
    "a:b",
    "-rf",
    "..x",
    "...",
    " leading",
    "trailing ",
    "a\"b",
    "it's",
    "<b>",
    "{{rows}}",
    "$HOME",
    "`x`",
    "a|b",
    "*",
    "~",
    "CON",
    "a.",
    "\u{202e}gpj.exe",
    "\u{feff}bom",
    "／",
    "．．",
    "con\u{a0}nbsp",
    "[1]",
];
