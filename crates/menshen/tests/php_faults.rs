//! PHP that dies, hangs, floods or is away, and clients that lie, behind a live menshen: every
//! request comes to a clear end, at most one script runs for it, and nothing is left behind.

use crate::support::{counts, fpm, live, peers, site, wire};

#[path = "php/lies.rs"]
mod lies;

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use counts::{count, private_bytes};
use fpm::Fpm;
use lies::{REFUSED, only_http};
use live::wait_for;
use menshen_base::Counter;
use menshen_sys::SlotState;
use rustix::process::{Pid, Signal, kill_process};
use site::{BOTH, FORM_TYPE, Form, Proto, Site, Told};
use wire::{Wire, pattern, request};

#[test]
fn a_killed_php_is_answered_at_once_and_leaves_nothing() {
    let Some(site) = Site::start("[php]\nchildren = 2", "") else { return };
    site.lay("ran.php", SAYS_PID);
    let form = Form::new().file("f", "x", pattern(50_000)).end();
    // Before: the pool has another process by then, or gets one.
    site.children().into_iter().for_each(|pid| kill_process(pid, Signal::KILL).unwrap());
    assert_eq!(site.post(Proto::H1, "/ran.php", &form).status, 200);
    for proto in BOTH {
        for (query, status) in [("?sleep=20", 502), ("?sleep=20&first=1", 200)] {
            let _ = fs::remove_file(site.live.path("public/pid"));
            let begun = Instant::now();
            let told = scope(|scope| {
                let asked = scope.spawn(|| site.post(proto, &format!("/ran.php{query}"), &form));
                kill_process(said_pid(&site), Signal::KILL).unwrap();
                asked.join().unwrap()
            });
            assert!(begun.elapsed() < Duration::from_secs(10), "{proto:?} {query}");
            let reset = proto == Proto::H2 && told.status == 0 && status == 200;
            assert!(told.status == status || reset, "{proto:?} {query} {}", told.text());
            // What was sent by then must not look like all of it.
            assert!(!told.whole || status == 502, "{proto:?} {query} {}", told.text());
            site.wait_said(&["finding php-died error"]);
            // PHP dies with its temporary files left; those are named by PHP, and its own.
            wait_for("the spool to be empty", || site.spooled().is_empty());
            assert_eq!(site.post(proto, "/ran.php", &form).status, 200);
        }
    }
    // After: the answer is whole, and the next request is served by another process.
    kill_process(said_pid(&site), Signal::KILL).unwrap();
    assert_eq!(site.post(Proto::H1, "/ran.php", &form).status, 200);
    assert_eq!(count(&site.live, Counter::PhpFailed), 4);
}

#[test]
fn a_killed_worker_has_nothing_run_twice() {
    let Some(site) = Site::start("[php]\nchildren = 1", "") else { return };
    let ran = site.lay("ran", "");
    site::give(&ran);
    site.lay(
        "count.php",
        "<?php file_put_contents(__DIR__ . '/ran', $_GET['n'] . ' ', FILE_APPEND | LOCK_EX);
         sleep(1); echo 'done'; file_put_contents(__DIR__ . '/ran', 'end ', FILE_APPEND);",
    );
    let form = Form::new().file("f", "x", pattern(200_000)).end();
    let old = site.live.workers(SlotState::Ready)[0].pid();
    let told = scope(|scope| {
        let asked = scope.spawn(|| site.post(Proto::H1, "/count.php?n=first", &form));
        wait_for("the script", || fs::read_to_string(&ran).unwrap().starts_with("first"));
        // Two more wait for PHP; one is still on its way.
        let queued = scope.spawn(|| site.post(Proto::H2, "/count.php?n=second", &form));
        let page = scope.spawn(|| site.get("/count.php?n=third"));
        wait_for("waiting", || count(&site.live, Counter::PhpQueued) == 2);
        let mut slow = Wire::open(site.live.plain);
        let whole = request("POST", "/count.php?n=fourth", &[FORM_TYPE], &form);
        slow.send(&whole[..whole.len() / 2]);
        wait_for("spool files", || site.spooled().len() >= 2);
        let pid = Pid::from_raw(i32::try_from(old).unwrap()).unwrap();
        kill_process(pid, Signal::KILL).unwrap();
        slow.ended();
        [asked.join().unwrap(), queued.join().unwrap(), page.join().unwrap()]
    });
    for one in told {
        assert!(one.status == 0 && !one.whole, "{one:?}");
    }
    wait_for("another worker", || {
        site.live.workers(SlotState::Ready).first().is_some_and(|slot| slot.pid() != old)
    });
    wait_for("the new worker to collect", || site.spooled().is_empty());
    let told = site.get("/count.php?n=fifth");
    assert_eq!(told.said(), (200, "done".into()));
    assert_eq!(fs::read_to_string(&ran).unwrap(), "first end fifth end ");
    site.wait_clean("after the crash");
}

#[test]
fn odd_scripts_are_answered_for_and_cost_no_memory() {
    let Some(site) = Site::start("", "") else { return };
    site.lay("page.php", "<?php echo 'page';");
    site.lay("nothing.php", "<?php");
    site.lay("fatal.php", "<?php ini_set('display_errors', '0'); echo 'x'; none();");
    site.lay("silent-fatal.php", "<?php ini_set('display_errors', '0'); none();");
    site.lay(
        "heads.php",
        "<?php $x = str_repeat('x', 7900); for ($i = 0; $i < 6600; $i++) header(\"X-$i: $x\");",
    );
    site.lay(
        "errors.php",
        "<?php for ($i = 0; $i < 1024; $i++) error_log(\"\\x1b[31m<$i>\" . str_repeat('e', 1000));
         echo 'body';",
    );
    site.lay("short.php", "<?php header('Content-Length: 100'); echo 'short';");
    site.lay("exits.php", "<?php posix_kill(getmypid(), 9);");
    assert_eq!(site.get("/page.php").said(), (200, "page".into()));
    let before = private_bytes(&site.live);
    for proto in BOTH {
        let ask = |target: &str| site.ask(proto, "GET", target, &[], b"");
        assert_eq!(ask("/nothing.php").said(), (200, String::new()), "{proto:?}");
        assert_eq!(ask("/silent-fatal.php").status, 500, "{proto:?}");
        let told = ask("/heads.php");
        assert_eq!(told.status, 502, "{proto:?} {}", &told.head[..told.head.len().min(200)]);
        assert!(told.head.len() < 2000, "{proto:?}");
        assert_eq!(ask("/errors.php").said(), (200, "body".into()), "{proto:?}");
        let told = ask("/short.php");
        // A stream that is reset may take with it what was not read by then.
        let short = told.text() == "short" || proto == Proto::H2 && told.status == 0;
        assert!(!told.whole && short, "{proto:?} {told:?}");
        assert_eq!(ask("/exits.php").status, 502, "{proto:?}");
        assert_eq!(ask("/page.php").said(), (200, "page".into()), "{proto:?}");
    }
    let grown = private_bytes(&site.live).saturating_sub(before);
    assert!(grown < 6 << 20, "{grown} bytes more");
    assert_eq!(count(&site.live, Counter::LimitPhpHead), 2);
    assert_eq!(count(&site.live, Counter::LimitPhpStderr), 2);
    let log = site.live.log();
    assert!(log.contains("<0>eee") && !log.contains("<1000>"), "what PHP said, cut");
    assert!(!log.contains('\x1b'), "escaped");
    site.wait_said(&["finding php-bad-head error"]);
    site.wait_said(&["finding php-died error", "/exits.php"]);
    assert!(log.len() < 300_000, "{} bytes of log", log.len());
}

#[test]
fn what_goes_on_behind_an_answer_keeps_its_place_and_hangs_nobody() {
    let limits = "[php]\nchildren = 1\n[limits]\nphp_silence_seconds_max = 2\n";
    let Some(site) = Site::start(limits, "") else { return };
    site.lay("page.php", "<?php echo 'page';");
    site.lay("behind.php", "<?php echo 'early'; fastcgi_finish_request(); usleep(1500000);");
    site.lay("hour.php", "<?php ignore_user_abort(false); sleep(4);");
    for proto in BOTH {
        let begun = Instant::now();
        let told = site.ask(proto, "GET", "/behind.php", &[], b"");
        assert_eq!(told.said(), (200, "early".into()), "{proto:?}");
        assert!(begun.elapsed() < Duration::from_millis(1300), "{proto:?} {:?}", begun.elapsed());
        let pages: Vec<Told> = scope(|scope| {
            let asked: Vec<_> = (0..3)
                .map(|_| scope.spawn(|| site.ask(proto, "GET", "/page.php", &[], b"")))
                .collect();
            asked.into_iter().map(|one| one.join().unwrap()).collect()
        });
        for page in pages {
            let right = page.said() == (200, "page".into()) || page.status == 503;
            assert!(right, "{proto:?} {page:?}");
        }
    }
    let begun = Instant::now();
    let told = site.get("/hour.php");
    assert_eq!(told.status, 504);
    assert!((2.0..3.8).contains(&begun.elapsed().as_secs_f32()), "{:?}", begun.elapsed());
    site.wait_said(&["finding php-silent error", "/hour.php"]);
    assert_eq!(count(&site.live, Counter::LimitPhpSilence), 1);
    // The script runs on, PHP does not notice; the pool has no other process until then.
    wait_for("the page after", || site.get("/page.php").said() == (200, "page".into()));
}

#[test]
fn an_unreachable_php_is_said_quickly_and_found_again() {
    let Some(folder) = Site::folder() else { return };
    let late = folder.path().join("late.sock");
    let tables = format!(
        "[limits]\nphp_connect_seconds_max = 1\n[[site]]\nroot = \"public\"\nphp = \"unix:{}\"\n\
         [[site]]\nhosts = [\"tcp.test\"]\nroot = \"public\"\nphp = \"{}\"\n",
        late.display(),
        peers::free_address(),
    );
    let Some(site) = Site::start_in(folder, &tables) else { return };
    site.lay("page.php", "<?php echo 'page';");
    site.lay("static.txt", "static");
    let form = Form::new().file("f", "x", pattern(50_000)).end();
    for proto in BOTH {
        let begun = Instant::now();
        let told = site.post(proto, "/page.php", &form);
        assert_eq!(told.status, 502, "{}", told.text());
        assert!(!told.text().contains("late.sock"), "{}", told.text());
        // Once for the question how to deliver, once for the request.
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    }
    let mut wire = Wire::open(site.live.plain);
    wire.send("GET /page.php HTTP/1.1\r\nHost: tcp.test\r\nConnection: close\r\n\r\n");
    assert_eq!(site::told("GET", &wire.rest()).status, 502);
    assert_eq!(site.get("/static.txt").said(), (200, "static".into()));
    site.wait_said(&["finding php-unreachable error", "late.sock"]);
    assert!(site.spooled().is_empty());
    let fpm = Fpm::start(1, "").unwrap();
    std::os::unix::fs::symlink(fpm.socket(), &late).unwrap();
    assert_eq!(site.get("/page.php").said(), (200, "page".into()));
    // Away for a moment, as in a restart: the request waits for it.
    fs::remove_file(&late).unwrap();
    let told = scope(|scope| {
        let asked = scope.spawn(|| site.get("/page.php"));
        sleep(Duration::from_millis(300));
        std::os::unix::fs::symlink(fpm.socket(), &late).unwrap();
        asked.join().unwrap()
    });
    assert_eq!(told.said(), (200, "page".into()));
}

#[test]
fn a_full_queue_is_said_pages_go_first_and_those_who_left_are_not_served() {
    let limits = "[php]\nchildren = 1\n[limits]\nphp_queue_max = 3\n";
    let Some(site) = Site::start(limits, "") else { return };
    let ran = site.lay("ran", "");
    site.lay(
        "order.php",
        "<?php file_put_contents(__DIR__ . '/ran', $_GET['n'] . ' ', FILE_APPEND | LOCK_EX);
         usleep(1000 * ($_GET['ms'] ?? 0)); echo $_GET['n'];",
    );
    site::give(&ran);
    let order = || fs::read_to_string(&ran).unwrap();
    let waiting = |number| wait_for("waiting", || count(&site.live, Counter::PhpQueued) == number);
    let form = Form::new().file("f", "x", pattern(3000)).end();
    scope(|scope| {
        let site = &site;
        let busy = scope.spawn(|| site.get("/order.php?n=busy&ms=1200"));
        wait_for("the first", || order() == "busy ");
        let upload = scope.spawn(|| site.post(Proto::H1, "/order.php?n=upload", &form));
        waiting(1);
        let page = scope.spawn(|| site.get("/order.php?n=page"));
        waiting(2);
        // Gone while it waits: its script must not run.
        let mut gone = leaving(site, "--http1.1", "0.6");
        waiting(3);
        let full: Vec<Told> = BOTH
            .iter()
            .map(|proto| site.ask(*proto, "GET", "/order.php?n=more", &[], b""))
            .collect();
        for told in full {
            assert_eq!(told.status, 503);
            assert!(told.field("retry-after").is_some(), "{}", told.head);
        }
        assert!(!gone.wait().unwrap().success());
        for told in [busy, upload, page].map(|asked| asked.join().unwrap()) {
            assert_eq!(told.status, 200, "{}", told.text());
        }
    });
    waiting(0);
    assert_eq!(order(), "busy page upload ");
    assert_eq!(count(&site.live, Counter::LimitPhpQueue), 2);
    // The same over HTTP/2: a stream that was reset.
    fs::write(&ran, "").unwrap();
    scope(|scope| {
        let busy = scope.spawn(|| site.get("/order.php?n=busy&ms=1000"));
        wait_for("the first", || order() == "busy ");
        assert!(!leaving(&site, "--http2", "0.4").wait().unwrap().success());
        assert_eq!(busy.join().unwrap().status, 200);
    });
    assert_eq!(site.get("/order.php?n=last").status, 200);
    assert_eq!(order(), "busy last ", "over HTTP/2");
}

#[test]
fn no_path_runs_or_shows_what_it_should_not() {
    let rules = "try = [\"$path\", \"=404\"]\n[[site.rule]]\npath = \"/uploads/\"\nphp = false\n";
    let Some(site) = Site::start("", rules) else { return };
    site::lay_open(&site.live.path("public/uploads"));
    site::lay_open(&site.live.path("public/.git"));
    site::lay_open(&site.live.path("public/dir.php"));
    site.lay("x.php", "<?php echo 'RAN ', $_SERVER['SCRIPT_NAME'], $_SERVER['PATH_INFO'] ?? '';");
    for name in ["upload.jpg", "uploads/evil.php", "uploads/evil.jpg", "dir.php/inner.txt"] {
        site.lay(name, "<?php echo 'RAN evil';");
    }
    for name in [".user.ini", ".htaccess", ".git/config", "uploads/.user.ini", ".env"] {
        site.lay(name, "SECRET");
    }
    std::os::unix::fs::symlink("/etc/passwd", site.live.path("public/link.txt")).unwrap();
    std::os::unix::fs::symlink("/etc/hosts", site.live.path("public/link.php")).unwrap();
    let runs = "RAN /x.php";
    for (target, expected) in [
        ("/x.php", runs.to_owned()),
        ("/x.php/a/b", format!("{runs}/a/b")),
        ("/x.php?x=/uploads/evil.php", runs.to_owned()),
    ] {
        for proto in BOTH {
            let told = site.ask(proto, "GET", target, &[], b"");
            assert_eq!(told.said(), (200, expected.clone()), "{target}");
        }
    }
    for target in REFUSED {
        for proto in BOTH {
            let told = site.ask(proto, "GET", target, &[], b"");
            let (status, text) = told.said();
            assert!(matches!(status, 400 | 403 | 404), "{proto:?} {target}: {status} {text}");
            let shown = ["RAN", "<?php", "SECRET", "root:", "127.0.0.1"];
            let shown = shown.iter().find(|part| text.contains(**part));
            assert!(shown.is_none(), "{proto:?} {target}: {text}");
        }
    }
    // A file there is a file, whatever it says.
    assert_eq!(site.get("/uploads/evil.jpg").text(), "<?php echo 'RAN evil';");
    assert_eq!(site.get("/upload.jpg").status, 200);
}

#[test]
fn no_client_speaks_in_the_gateway_s_name() {
    let limits = "[limits]\nhead_bytes_max = \"512KiB\"\n";
    let Some(site) = Site::start(limits, "") else { return };
    site.lay("hello.txt", "hello");
    site.lay(
        "server.php",
        "<?php ksort($_SERVER); $out = [];
         $ours = '/MENSHEN|ACCEL|SENDFILE|PROXY|FORGED|SCRIPT|ROOT|PROBE|^HTTP_X/i';
         foreach ($_SERVER as $n => $v)
             if (preg_match($ours, $n . (is_string($v) ? $v : ''))) $out[$n] = $v;
         unset($out['PATH'], $out['SERVER_SOFTWARE']);
         echo json_encode([$out, $_FILES, getenv('HTTP_PROXY')], JSON_UNESCAPED_SLASHES);",
    );
    let clean = site.get("/server.php").text();
    let forged = [
        "MENSHEN_FILES: FORGED",
        "Menshen-Files: FORGED",
        "Menshen-Probe: FORGED",
        "MENSHEN_PROBE: 1",
        "Menshen-User-Ini: FORGED",
        "X-Accel-Redirect: /FORGED",
        "X-Sendfile-Type: FORGED",
        "X-Accel-Mapping: FORGED",
        "X-Sendfile: FORGED",
        "X-Menshen-Swap: FORGED",
        "Proxy: FORGED",
        "Script_Filename: FORGED",
        "Document_Root: FORGED",
        "X_Forged: FORGED",
        "Php_Value: auto_prepend_file=FORGED",
        "Redirect_Status: FORGED",
    ];
    for proto in BOTH {
        let told = site.ask(proto, "GET", "/server.php", &forged, b"");
        // Refused for its letters, or run without them; never believed.
        let fine = told.status == 400 || told.status == 200 && only_http(&told.text(), &clean);
        assert!(fine, "{proto:?} {clean} {}", told.text());
        for field in forged {
            let told = site.ask(proto, "GET", "/server.php", &[field], b"");
            let fine = told.status == 400 || told.status == 200 && only_http(&told.text(), &clean);
            assert!(fine, "{proto:?} {field} {clean} {}", told.text());
        }
        let fits = format!("X-Fits: {}", "f".repeat(60_000));
        assert_eq!(site.ask(proto, "GET", "/server.php", &[&fits], b"").status, 200, "{proto:?}");
    }
    refuses_what_no_record_holds(&site);
    assert_eq!(count(&site.live, Counter::LimitHeadBytes), 8);
    assert_eq!(count(&site.live, Counter::PhpFailed), 0);
    // Content of exactly a token's length, and fields with the gateway's names.
    let token = "a1".repeat(24);
    let told =
        format!(r#"{{"nonce":"n","files":{{"{token}":{{"path":"/etc/passwd","size":9}}}}}}"#);
    site.lay(
        "files.php",
        "<?php echo file_get_contents($_FILES['f']['tmp_name']), ' ', $_FILES['f']['size'], ' ',
         count($_POST);",
    );
    let form = Form::new()
        .field("MENSHEN_FILES", &told)
        .file("f", "f", &token)
        .file("g", "g", pattern(9000))
        .field("_SERVER[MENSHEN_FILES]", &told)
        .end();
    for proto in BOTH {
        for fields in [&[FORM_TYPE][..], &[FORM_TYPE, &format!("MENSHEN-FILES: {told}")]] {
            let told = site.ask(proto, "POST", "/files.php", fields, &form);
            assert_eq!(told.said(), (200, format!("{token} 48 2")), "{proto:?}");
        }
    }
}

/// FastCGI cuts parameters into records, and PHP wants each whole in one.
fn refuses_what_no_record_holds(site: &Site) {
    // curl sends no such fields over HTTP/2; the way to PHP is the same.
    let large = |name: &str, bytes| format!("{name}: {}", "l".repeat(bytes));
    let cookie = large("Cookie", 40_000);
    for fields in [
        &[large("X-Large", 70_000).as_str()][..],
        &[&large("X-Large", 65_530)],
        &[&large("Content-Type", 70_000)],
        &[&cookie, &cookie],
    ] {
        let begun = Instant::now();
        for method in ["GET", "POST"] {
            let told = site.ask(Proto::H1, method, "/server.php", fields, b"");
            assert_eq!(told.status, 431, "{method} {}", &fields[0][..20]);
        }
        assert!(begun.elapsed() < Duration::from_secs(3));
    }
}

#[test]
fn hostile_forms_never_reach_php() {
    let limits = "[limits]\nparts_max = 500\n";
    let Some(site) = Site::start(limits, "") else { return };
    let ran = site.lay("ran", "");
    site::give(&ran);
    site.lay("ran.php", "<?php file_put_contents(__DIR__ . '/ran', 'x', FILE_APPEND); echo 'ran';");
    let whole = Form::new().file("f", "x", pattern(100_000)).field("a", "b").end();
    let mut many = Form::new();
    for number in 0..10_000 {
        many = many.field(&format!("f{number}"), "x");
    }
    let mut files = Form::new();
    for number in 0..501 {
        files = files.file(&format!("f{number}"), "x", pattern(4200));
    }
    let long = format!("--xXx\r\nX-Long: {}\r\n\r\nx\r\n--xXx--\r\n", "l".repeat(100_000));
    let cases: Vec<(&str, Vec<u8>, u16)> = vec![
        ("no end", whole[..whole.len() - 9].to_vec(), 400),
        ("cut in a file", whole[..50_000].to_vec(), 400),
        ("cut in a head", whole[..40].to_vec(), 400),
        ("empty", Vec::new(), 400),
        ("another boundary", Form::new().field("a", "b").end().replace_all(b"xXx", b"yYy"), 400),
        ("a huge part head", long.into_bytes(), 413),
        ("10,000 parts", many.end(), 413),
        ("501 files", files.end(), 413),
        (
            "no name",
            b"--xXx\r\nContent-Disposition: form-data\r\n\r\nx\r\n--xXx--\r\n".to_vec(),
            400,
        ),
        ("no head", b"--xXx\r\n\r\nx\r\n--xXx--\r\n".to_vec(), 400),
    ];
    for (name, body, status) in &cases {
        for proto in BOTH {
            let told = site.post(proto, "/ran.php", body);
            let fine = told.status == *status || (*name == "empty" && told.status == 200);
            assert!(fine, "{proto:?} {name}: {} {}", told.status, told.text());
            if *name == "empty" {
                fs::write(&ran, "").unwrap();
            }
        }
        wait_for(&format!("the spool to be empty: {name}"), || site.spooled().is_empty());
    }
    for kind in
        ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; b=x"]
    {
        let field = format!("Content-Type: {kind}");
        assert_eq!(
            site.ask(Proto::H1, "POST", "/ran.php", &[&field], &whole).status,
            400,
            "{kind}"
        );
    }
    // A client that goes away in the middle, and one that lies about the length.
    for part in [whole.len() / 2, whole.len() - 1] {
        let mut wire = Wire::open(site.live.plain);
        let bytes = request("POST", "/ran.php", &[FORM_TYPE], &whole);
        wire.send(&bytes[..bytes.len() - whole.len() + part]);
        wait_for("a spool file", || !site.spooled().is_empty());
        drop(wire);
        wait_for("the spool to be empty", || site.spooled().is_empty());
    }
    assert_eq!(fs::read_to_string(&ran).unwrap(), "", "PHP was called");
    assert!(site.temporary().is_empty());
    assert_eq!(site.post(Proto::H1, "/ran.php", &whole).said(), (200, "ran".into()));
    site.wait_clean("the good one");
}

#[test]
fn a_full_disk_is_said_and_php_never_called() {
    let Some(folder) = Site::folder() else { return };
    let small = folder.path().join("small");
    fs::create_dir(&small).unwrap();
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "size=8m,mode=0755", "menshen-test"]).arg(&small);
    if !mount.output().is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: a full disk; mounting is not permitted");
        return;
    }
    let _mounted = Mounted(small.clone());
    let tables =
        "[php]\nfolder = \"../small/php\"\n[[site]]\nroot = \"public\"\nphp = \"managed\"\n";
    let Some(site) = Site::start_in(folder, tables) else { return };
    let ran = site.lay("ran", "");
    site::give(&ran);
    site.lay("ran.php", "<?php file_put_contents(__DIR__ . '/ran', 'x', FILE_APPEND); echo 'ran';");
    let spool = small.join("php/spool");
    let form = Form::new().file("f", "x", pattern(12 << 20)).end();
    let chunked = wire::chunked(&form, 60_000);
    for (name, fields, body) in [
        ("announced", &[FORM_TYPE][..], &form),
        ("chunked", &[FORM_TYPE, "Transfer-Encoding: chunked"], &chunked),
        ("raw", &["Content-Type: text/x", "Transfer-Encoding: chunked"], &chunked),
    ] {
        let told = site.ask(Proto::H1, "POST", "/ran.php", fields, body);
        assert_eq!(told.status, 507, "{name} {}", told.text());
        wait_for("the spool to be empty", || site::names(&spool).is_empty());
    }
    let told = site.ask(Proto::H2, "POST", "/ran.php", &[FORM_TYPE], &form);
    assert_eq!(told.status, 507, "{}", told.text());
    assert_eq!(fs::read_to_string(&ran).unwrap(), "", "PHP was called");
    let fits = Form::new().file("f", "x", pattern(3 << 20)).end();
    assert_eq!(site.post(Proto::H1, "/ran.php", &fits).said(), (200, "ran".into()));
    drop(site);
}

struct Mounted(std::path::PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

trait Replace {
    fn replace_all(&self, old: &[u8], new: &[u8]) -> Vec<u8>;
}

impl Replace for Vec<u8> {
    fn replace_all(&self, old: &[u8], new: &[u8]) -> Vec<u8> {
        let text = String::from_utf8(self.clone()).unwrap();
        text.replace(std::str::from_utf8(old).unwrap(), std::str::from_utf8(new).unwrap()).into()
    }
}

/// A client over TLS that asks for `order.php?n=gone` and leaves after so many seconds.
fn leaving(site: &Site, protocol: &str, seconds: &str) -> Child {
    let mut command = wire::curl_command(&site.live);
    command.args([protocol, "--max-time", seconds]);
    command.arg(wire::url(&site.live, "/order.php?n=gone")).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// The process that `ran.php` said it runs in.
fn said_pid(site: &Site) -> Pid {
    let mut pid = None;
    wait_for("the script to say its process", || {
        let text = fs::read_to_string(site.live.path("public/pid")).unwrap_or_default();
        pid = text.strip_suffix('.').and_then(|text| Pid::from_raw(text.parse().ok()?));
        pid.is_some()
    });
    pid.unwrap()
}

const SAYS_PID: &str = "<?php if (isset($_GET['first'])) {
        while (ob_get_level()) ob_end_flush(); echo str_repeat('x', 100); flush(); }
    file_put_contents(__DIR__ . '/pid', getmypid() . '.'); sleep((int) ($_GET['sleep'] ?? 0));
    echo 'done';";
