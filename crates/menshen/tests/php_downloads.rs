//! Downloads of PHP applications through a live menshen: files that PHP names, and answers that PHP
//! writes faster than their readers read. Either way PHP is free long before the reader is done.

use crate::support::{counts, live, site, wire};

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use counts::{count, private_bytes};
use menshen_base::Counter;
use menshen_sys::SlotState;
use site::{BOTH, Proto, Site, told};
use wire::pattern;

/// Mounts for offloads, and a script that names what it is told to.
fn offloading(tables: &str) -> Option<Site> {
    let folder = Site::folder()?;
    for name in ["vault", "vault/sub", "shown"] {
        site::lay_open(&folder.path().join(name));
    }
    let mounts = format!(
        "{tables}\n[[site]]\nroot = \"public\"\nphp = \"managed\"\n\
         headers = {{ X-Site = \"yes\" }}\n\
         [[site.mount]]\npath = \"/vault/\"\nroot = \"vault\"\ninternal = true\n\
         [[site.mount]]\npath = \"/shown/\"\nroot = \"shown\"\n"
    );
    let site = Site::start_in(folder, &mounts)?;
    site.lay(
        "name.php",
        "<?php foreach ($_GET['h'] ?? [] as $h) header($h, false);
         header((isset($_GET['s']) ? 'X-Sendfile: ' : 'X-Accel-Redirect: ') . $_GET['n']);
         echo 'not this', str_repeat('x', $_GET['b'] ?? 0);",
    );
    site.lay("page.php", "<?php echo 'page';");
    Some(site)
}

/// Lays a file that has not changed for an hour.
fn lay_old(path: &Path, content: &[u8]) {
    fs::write(path, content).unwrap();
    let past = std::time::SystemTime::now() - Duration::from_secs(3600);
    fs::File::options().write(true).open(path).unwrap().set_modified(past).unwrap();
}

fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[test]
fn php_names_a_file_and_menshen_sends_it() {
    let Some(site) = offloading("") else { return };
    let odd = ["plain.bin", "100% of it.bin", "what? this.bin", "说明 书.pdf", "a%20b", "x+y&z=#1"];
    let vault = site.live.path("vault");
    for (number, name) in odd.iter().enumerate() {
        lay_old(&vault.join("sub").join(name), &pattern(5000 + number));
    }
    for proto in BOTH {
        for (number, name) in odd.iter().enumerate() {
            let content = pattern(5000 + number);
            let once = escaped(name);
            let machine = vault.join("sub").join(name).display().to_string();
            for (how, value) in [
                ("raw path", format!("n={}", escaped(&format!("/vault/sub/{name}")))),
                ("escaped path", format!("n={}", escaped(&format!("/vault/sub/{once}")))),
                ("X-Sendfile", format!("s=1&n={}", escaped(&machine))),
            ] {
                let told = site.ask(proto, "GET", &format!("/name.php?{value}"), &[], b"");
                assert_eq!(told.status, 200, "{proto:?} {name} {how} {}", site.live.log());
                // `a%20b` as it stands is also `a b` escaped; the file that is there is meant.
                assert!(told.body == content, "{proto:?} {name} {how}: {}", told.body.len());
                assert_eq!(told.field("x-site"), Some("yes"));
                assert!(told.field("x-accel-redirect").is_none(), "{}", told.head);
                assert!(told.field("x-sendfile").is_none(), "{}", told.head);
            }
        }
        let target = |more: &str| format!("/name.php?n=/vault/sub/plain.bin{more}");
        let content = pattern(5000);
        let ask = |method: &str, fields: &[&str]| site.ask(proto, method, &target(""), fields, b"");
        let whole = ask("GET", &[]);
        let tag = whole.field("etag").unwrap().to_owned();
        let date = whole.field("last-modified").unwrap().to_owned();
        let part = ask("GET", &["Range: bytes=100-199"]);
        assert_eq!((part.status, &part.body[..]), (206, &content[100..200]), "{proto:?}");
        assert_eq!(part.field("content-range"), Some("bytes 100-199/5000"));
        assert_eq!(ask("GET", &["Range: bytes=-5"]).body, &content[4995..]);
        assert_eq!(ask("GET", &["Range: bytes=5000-"]).status, 416);
        let same = format!("If-None-Match: {tag}");
        assert_eq!(ask("GET", &[&same]).said(), (304, String::new()));
        assert_eq!(ask("GET", &[&format!("If-Modified-Since: {date}")]).status, 304);
        let resumed = [&*format!("If-Range: {tag}"), "Range: bytes=4000-"];
        assert_eq!(ask("GET", &resumed).body, &content[4000..]);
        let changed = ["If-Range: \"other\"", "Range: bytes=4000-"];
        assert_eq!(ask("GET", &changed).said().0, 200);
        let head = ask("HEAD", &[]);
        assert_eq!((head.status, head.field("content-length")), (200, Some("5000")), "{proto:?}");
        assert!(head.body.is_empty());
        let posted = site.ask(proto, "POST", &target(""), &["Content-Type: text/x"], b"x=y");
        assert_eq!((posted.status, posted.body.len()), (200, 5000));
        keeps_what_the_application_said(&site, proto, &tag);
    }
    assert_eq!(count(&site.live, Counter::PhpFailed), 0, "{}", site.live.log());
    // What clients may not ask for themselves.
    assert_eq!(site.get("/vault/sub/plain.bin").status, 404);
}

fn keeps_what_the_application_said(site: &Site, proto: Proto, tag: &str) {
    let target = |more: &str| format!("/name.php?n=/vault/sub/plain.bin{more}");
    // What the application says of it stays; what it says of the body it did not send does not.
    let told = site.ask(
        proto,
        "GET",
        &target(
            "&h[]=Content-Type:%20application/pdf&h[]=Content-Disposition:%20attachment\
                 &h[]=X-Own:%20a&h[]=Content-Security-Policy:%20sandbox&h[]=Set-Cookie:%20a=1\
                 &h[]=Set-Cookie:%20b=2&h[]=Content-Length:%203&h[]=ETag:%20%22php%22\
                 &h[]=Cache-Control:%20private&h[]=Access-Control-Allow-Origin:%20*",
        ),
        &[],
        b"",
    );
    assert_eq!((told.status, told.body.len()), (200, 5000), "{proto:?} {}", told.head);
    for (name, value) in [
        ("content-type", "application/pdf"),
        ("content-disposition", "attachment"),
        ("x-own", "a"),
        ("content-security-policy", "sandbox"),
        ("cache-control", "private"),
        ("access-control-allow-origin", "*"),
        ("etag", tag),
        ("content-length", "5000"),
    ] {
        assert_eq!(told.field(name), Some(value), "{proto:?} {name}: {}", told.head);
    }
    let cookies = told.head.lines().filter(|line| line.to_lowercase().starts_with("set-cookie"));
    assert_eq!(cookies.count(), 2, "{}", told.head);
}

#[test]
fn php_cannot_name_what_is_not_for_sending() {
    let Some(site) = offloading("") else { return };
    lay_old(&site.live.path("vault/ok"), b"ok");
    lay_old(&site.live.path("outside"), b"SECRET");
    lay_old(&site.live.path("public/.env"), b"SECRET");
    lay_old(&site.live.path("shown/source.php"), b"SECRET");
    std::os::unix::fs::symlink("/etc/passwd", site.live.path("vault/link")).unwrap();
    let here = site.live.folder.path().display().to_string();
    let mut refused = 0;
    for value in [
        "n=/etc/passwd",
        "s=1&n=/etc/passwd",
        "n=/vault/../outside",
        "n=/vault/%252e%252e/outside",
        "n=/vault/sub/%2e%2e/%2e%2e/outside",
        &format!("s=1&n={here}/outside"),
        &format!("s=1&n={here}/vault/../outside"),
        &format!("s=1&n={here}/vaultx"),
        "n=/vault/",
        "n=/vault/sub",
        "n=/vault/none",
        "n=/vault/link",
        "n=/page.php",
        "n=/shown/source.php",
        "n=/.env",
        "n=/vault/ok%2500",
        "n=relative",
        "n=http://localhost/vault/ok",
        "n=@named",
    ] {
        for proto in BOTH {
            let told = site.ask(proto, "GET", &format!("/name.php?{value}"), &[], b"");
            let text = told.text();
            assert_eq!(told.status, 502, "{proto:?} {value}: {text}");
            for part in ["SECRET", "root:", "<?php", "not this", &here] {
                assert!(!text.contains(part), "{proto:?} {value}: {text}");
            }
            refused += 1;
        }
    }
    site.wait_said(&["finding php-offload-refused error", "/etc/passwd"]);
    assert_eq!(count(&site.live, Counter::PhpFailed), refused);
    assert_eq!(count(&site.live, Counter::PhpOffloaded), 0);
    assert_eq!(site.get("/name.php?n=/vault/ok").said(), (200, "ok".into()));
}

#[test]
fn an_offloaded_file_holds_no_php_and_keeps_to_its_rate() {
    let Some(site) = offloading("[php]\nchildren = 1") else { return };
    let vault = site.live.path("vault");
    fs::File::create(vault.join("large")).unwrap().set_len(50 << 20).unwrap();
    fs::write(vault.join("rated"), pattern(200 << 10)).unwrap();
    let mut slow = TcpStream::connect(site.live.plain).unwrap();
    slow.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
    slow.write_all(b"GET /name.php?n=/vault/large&b=4000000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    let mut some = [0; 1000];
    slow.read_exact(&mut some).unwrap();
    let mut slow_h2 = reader(&site, "/name.php?n=/vault/large&b=4000000", "1k");
    live::wait_for("both downloads", || count(&site.live, Counter::PhpOffloaded) == 2);
    for proto in BOTH {
        let begun = Instant::now();
        assert_eq!(site.ask(proto, "GET", "/page.php", &[], b"").text(), "page");
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        let begun = Instant::now();
        let target = "/name.php?n=/vault/rated&h[]=X-Accel-Limit-Rate:%20102400";
        let told = site.ask(proto, "GET", target, &[], b"");
        assert!(told.body == pattern(200 << 10), "{proto:?} {}", told.status);
        let took = begun.elapsed().as_secs_f32();
        assert!((1.4..5.0).contains(&took), "{proto:?} {took} s at 100 KiB/s");
    }
    let mut rest = vec![0; 50 << 20];
    slow.read_exact(&mut rest[..(50 << 20) - 1000]).unwrap();
    slow_h2.kill().unwrap();
    slow_h2.wait().unwrap();
}

#[test]
fn symfony_hands_its_files_over_without_a_change() {
    let autoload = "/usr/share/php/Symfony/Component/HttpFoundation/autoload.php";
    if !Path::new(autoload).is_file() {
        assert!(std::env::var_os("MENSHEN_REQUIRE_PEERS").is_none(), "no php-symfony");
        eprintln!("SKIPPED: php-symfony-http-foundation is not installed");
        return;
    }
    let Some(site) = offloading("") else { return };
    site.lay(
        "symfony.php",
        format!(
            "<?php require '{autoload}';
             use Symfony\\Component\\HttpFoundation\\{{BinaryFileResponse, Request}};
             BinaryFileResponse::trustXSendfileTypeHeader();
             $r = new BinaryFileResponse(dirname(__DIR__) . '/vault/' . $_GET['n'], 200,
                 ['Content-Type' => 'application/x-own']);
             $r->setContentDisposition('attachment', 'name.bin');
             $r->prepare(Request::createFromGlobals())->send();"
        ),
    );
    let content = pattern(300_000);
    for name in ["plain.bin", "100% 说明?.bin"] {
        lay_old(&site.live.path("vault").join(name), &content);
    }
    let mut offloaded = 0;
    for proto in BOTH {
        for name in ["plain.bin", "100% 说明?.bin"] {
            let target = format!("/symfony.php?n={}", escaped(name));
            let told = site.ask(proto, "GET", &target, &[], b"");
            assert_eq!(told.status, 200, "{proto:?} {name} {} {}", told.text(), site.live.log());
            assert!(told.body == content, "{proto:?} {name} {}", told.body.len());
            let disposition = told.field("content-disposition").unwrap();
            assert!(disposition.contains("name.bin"), "{disposition}");
            assert_eq!(told.field("content-type"), Some("application/x-own"));
            let part = site.ask(proto, "GET", &target, &["Range: bytes=1000-1999"], b"");
            assert_eq!((part.status, &part.body[..]), (206, &content[1000..2000]), "{name}");
            offloaded += 2;
            assert_eq!(count(&site.live, Counter::PhpOffloaded), offloaded, "{proto:?} {name}");
        }
    }
}

#[test]
fn a_reader_that_stands_still_holds_neither_php_nor_memory() {
    let Some(site) = Site::start("[php]\nchildren = 1", "") else { return };
    site.lay("page.php", "<?php echo 'page';");
    site.lay(
        "send.php",
        "<?php while (ob_get_level()) ob_end_clean(); readfile(__DIR__ . '/big');",
    );
    let block = pattern(1 << 20);
    site.lay("big", block.repeat(64));
    // Warm, so that what is measured is the reader.
    assert_eq!(site.get("/page.php").text(), "page");
    let before = private_bytes(&site.live);
    let mut still = TcpStream::connect(site.live.plain).unwrap();
    still.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    still.write_all(b"GET /send.php HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let free = |site: &Site| {
        let begun = Instant::now();
        assert_eq!(site.get("/page.php").text(), "page");
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(2), "{took:?}");
    };
    free(&site);
    let mut still_h2 = reader(&site, "/send.php", "2k");
    live::wait_for("PHP to be free of both", || count(&site.live, Counter::PhpRequests) >= 4);
    free(&site);
    let grown = private_bytes(&site.live).saturating_sub(before);
    assert!(grown < 6 << 20, "{grown} bytes more");
    assert!(site.spooled().is_empty(), "an answer's spool file has a name: {:?}", site.spooled());
    assert!(resting(&site) > 50 << 20, "{} bytes rest", resting(&site));
    let mut bytes = Vec::new();
    still.read_to_end(&mut bytes).unwrap();
    let told = told("GET", &bytes);
    assert!(told.whole && told.status == 200, "{}", told.head);
    assert!(told.body.chunks(1 << 20).all(|one| one == block) && told.body.len() == 64 << 20);
    still_h2.kill().unwrap();
    still_h2.wait().unwrap();
    live::wait_for("nothing to rest", || resting(&site) == 0);
    // HTTP/2, whole, after a pause.
    let mut paused = reader(&site, "/send.php", "24M");
    free(&site);
    let mut bytes = Vec::new();
    paused.stdout.take().unwrap().read_to_end(&mut bytes).unwrap();
    assert!(paused.wait().unwrap().success());
    assert!(bytes.chunks(1 << 20).all(|one| one == block) && bytes.len() == 64 << 20);
    assert_eq!(count(&site.live, Counter::PhpFailed), 0);
}

/// Bytes in files without a name that the worker holds open.
fn resting(site: &Site) -> u64 {
    let pid = site.live.workers(SlotState::Ready)[0].pid();
    let files = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    let spool = site.live.path(".menshen/php/spool");
    let of_spool = files.filter(|file| {
        let link = fs::read_link(file.path()).unwrap_or_default();
        link.starts_with(&spool) && link.to_string_lossy().ends_with("(deleted)")
    });
    of_spool.filter_map(|file| Some(fs::metadata(file.path()).ok()?.len())).sum()
}

#[test]
fn output_arrives_when_it_is_flushed_and_framing_tells_the_truth() {
    let Some(site) = Site::start("", "") else { return };
    site.lay(
        "ticks.php",
        "<?php while (ob_get_level()) ob_end_flush();
         for ($i = 0; $i < 4; $i++) { echo \"tick $i\\n\"; flush(); usleep(400000); } echo 'end';",
    );
    site.lay("less.php", "<?php header('Content-Length: 10'); echo '12345';");
    site.lay("more.php", "<?php header('Content-Length: 5'); echo '1234567890';");
    site.lay(
        "status.php",
        "<?php http_response_code((int) $_GET['s']); header('X-A: b'); echo 'b';",
    );
    site.lay("exact.php", "<?php header('Content-Length: 4'); echo 'four';");
    site.lay("late.php", "<?php echo 'first'; ob_flush(); flush(); usleep(100000); echo 'second';");
    arrives_by_and_by(&site);
    for proto in BOTH {
        let ask = |method: &str, target: &str| site.ask(proto, method, target, &[], b"");
        let less = ask("GET", "/less.php");
        assert!(!less.whole, "{proto:?} {less:?}");
        let more = ask("GET", "/more.php");
        assert!(more.whole && more.text() == "12345", "{proto:?} {more:?}");
        assert_eq!(ask("GET", "/exact.php").said(), (200, "four".into()));
        for status in [204, 304] {
            let told = ask("GET", &format!("/status.php?s={status}"));
            assert_eq!(told.said(), (status, String::new()), "{proto:?}");
            assert_eq!(told.field("x-a"), Some("b"));
            assert!(told.field("transfer-encoding").is_none(), "{}", told.head);
            if status == 204 {
                assert!(told.field("content-length").is_none(), "{}", told.head);
            }
        }
        let head = ask("HEAD", "/exact.php");
        assert_eq!((head.status, head.field("content-length")), (200, Some("4")), "{proto:?}");
        assert!(head.body.is_empty());
        assert_eq!(ask("HEAD", "/late.php").said(), (200, String::new()), "{proto:?}");
        assert_eq!(ask("GET", "/late.php").text(), "firstsecond", "{proto:?}");
    }
    // A connection that goes on after each of them.
    let mut wire = wire::Wire::open(site.live.plain);
    for (target, status, body) in [
        ("/exact.php", 200, "four"),
        ("/more.php", 200, "12345"),
        ("/status.php?s=204", 204, ""),
        ("/status.php?s=304", 304, ""),
        ("/exact.php", 200, "four"),
    ] {
        let answer = wire.ask("GET", target, &[], b"");
        assert_eq!((answer.status, answer.text()), (status, body.to_owned()), "{target}");
    }
    // After what is cut nothing can follow.
    wire.send(wire::request("GET", "/less.php", &[], b""));
    assert!(!told("GET", &wire.rest()).whole);
    // HTTP/1.0 knows no chunks: the end of the connection is the end of the answer.
    for (target, body) in [("/late.php", "firstsecond"), ("/exact.php", "four")] {
        let mut wire = wire::Wire::open(site.live.plain);
        wire.send(format!("GET {target} HTTP/1.0\r\nHost: localhost\r\n\r\n"));
        let bytes = wire.rest();
        let told = told("GET", &bytes);
        assert!(told.field("transfer-encoding").is_none(), "{}", told.head);
        assert_eq!(told.said(), (200, body.to_owned()));
    }
}

/// `ticks.php` as a client sees it that looks at every piece.
fn arrives_by_and_by(site: &Site) {
    for protocol in ["--http1.1", "--http2"] {
        let mut command = wire::curl_command(&site.live);
        command.args([protocol, "--no-buffer"]).arg(wire::url(&site.live, "/ticks.php"));
        let begun = Instant::now();
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut out = child.stdout.take().unwrap();
        let (mut text, mut byte) = (Vec::new(), [0; 100]);
        let mut times = Vec::new();
        loop {
            let read = out.read(&mut byte).unwrap();
            if read == 0 {
                break;
            }
            text.extend_from_slice(&byte[..read]);
            times.push(begun.elapsed());
        }
        assert!(child.wait().unwrap().success());
        assert_eq!(text, b"tick 0\ntick 1\ntick 2\ntick 3\nend", "{protocol}");
        assert!(times.len() >= 4, "{protocol} {times:?}");
        let spread = *times.last().unwrap() - times[0];
        assert!(spread > Duration::from_millis(1200), "{protocol} {times:?}");
    }
}

/// An HTTP/2 client that reads so many bytes a second.
fn reader(site: &Site, target: &str, rate: &str) -> Child {
    let mut command: Command = wire::curl_command(&site.live);
    command.args(["--http2", "--limit-rate", rate]).arg(wire::url(&site.live, target));
    command.stdout(if rate.ends_with('M') { Stdio::piped() } else { Stdio::null() });
    command.stderr(Stdio::null()).spawn().unwrap()
}
