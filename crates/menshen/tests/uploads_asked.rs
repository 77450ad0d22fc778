//! The application is asked before the first byte of an upload, with a real php-fpm: what it
//! allows comes and is held to its limit, what it refuses never begins, and where it cannot be
//! asked nothing is taken.

use crate::support::{counts, live, site, wire};

use counts::count;
use live::wait_for;
use menshen_base::Counter;
use serde_json::Value;
use site::{BOTH, FORM_TYPE, Form, Site};
use wire::{Answer, Wire, ask, chunked, pattern, request};

const PLACE: &str = "/.menshen/uploads/";
const TUS: &str = "Tus-Resumable: 1.0.0";
const RUFH: &str = "Upload-Draft-Interop-Version: 8";
const RUFH_TYPE: &str = "Content-Type: application/partial-upload";

/// Writes down what it is told, and answers what the cookie says.
const MAY: &str = r#"<?php
$told = static fn ($name) => $_SERVER[$name] ?? null;
file_put_contents(__DIR__ . '/asked', json_encode([
  'ask' => $told('MENSHEN_ASK'), 'method' => $told('REQUEST_METHOD'),
  'uri' => $told('REQUEST_URI'), 'get' => $_GET, 'script' => $told('SCRIPT_NAME'),
  'length' => $told('MENSHEN_UPLOAD_LENGTH'), 'name' => $told('MENSHEN_UPLOAD_NAME'),
  'type' => $told('MENSHEN_UPLOAD_TYPE'), 'auth' => $told('HTTP_AUTHORIZATION'),
  'body' => file_get_contents('php://input'), 'post' => count($_POST) + count($_FILES),
  'forged' => $told('HTTP_MENSHEN_ASK'),
], JSON_UNESCAPED_SLASHES) . "\n", FILE_APPEND);
switch ($_COOKIE['say'] ?? '') {
  case 'no':
    http_response_code(403);
    header('Content-Type: application/json');
    header('Set-Cookie: told=1');
    echo '{"error":"not in this album"}';
    break;
  case 'login': header('Location: /login.php', true, 302); break;
  case 'long': http_response_code(403); echo str_repeat('x', 1 << 20); break;
  case 'slow': sleep(20); break;
  case 'dead': exec('kill -9 ' . getmypid()); break;
  case 'lots': header('Upload-Limit: max-size=lots'); break;
  case 'noise': echo random_bytes(3000); break;
  case 'throw': throw new Exception('broken');
  case 'there': header('X-Accel-Redirect: /handlers/store.php/x?kind=film'); break;
  case 'away': header('X-Accel-Redirect: /../../etc/passwd.php'); break;
  case 'file': header('X-Sendfile: /etc/passwd'); break;
  default: http_response_code(204); header('Upload-Limit: max-size=200000, max-age=60');
}
"#;

/// Says what came, and counts how often it ran.
const UP: &str = r#"<?php
file_put_contents(__DIR__ . '/runs', 'x', FILE_APPEND);
$f = $_FILES['doc'] ?? null;
http_response_code(201);
echo json_encode([
  'script' => $_SERVER['SCRIPT_NAME'], 'info' => $_SERVER['PATH_INFO'] ?? null,
  'uri' => $_SERVER['REQUEST_URI'], 'get' => $_GET, 'ask' => $_SERVER['MENSHEN_ASK'] ?? null,
  'raw' => md5(file_get_contents('php://input')), 'type' => $f['type'] ?? null,
  'md5' => $f ? md5_file($f['tmp_name']) : null, 'error' => $f['error'] ?? null,
], JSON_UNESCAPED_SLASHES);
"#;

const RULES: &str = r#"
authorize = "/may.php"

[[site.rule]]
path = "/may.php"
open = false

[[site.rule]]
path = "/handlers/"
open = false

[[site.rule]]
path = "/free.php"
authorize = ""
"#;

/// A site that asks; `tables` come before it.
fn start(tables: &str) -> Option<Site> {
    let site = Site::start(tables, RULES)?;
    site.lay("may.php", MAY);
    site.lay("up.php", UP);
    site.lay("free.php", UP);
    site::lay_open(&site.live.path("public/handlers"));
    site.lay("handlers/store.php", UP);
    Some(site)
}

/// What the script was asked since the last call.
fn asked(site: &Site) -> Vec<Value> {
    let path = site.live.path("public/asked");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let _ = std::fs::remove_file(path);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn runs(site: &Site, folder: &str) -> usize {
    std::fs::read(site.live.path(folder).join("runs")).map_or(0, |runs| runs.len())
}

/// Makes an upload that can be resumed; the answer behind interim ones.
fn make(site: &Site, method: &str, target: &str, fields: &[&str], body: &[u8]) -> Answer {
    let mut wire = Wire::open(site.live.plain);
    wire.send(request(method, target, &[&[RUFH], fields].concat(), body));
    loop {
        let told = wire.answer(method);
        if told.status >= 200 {
            return told;
        }
    }
}

/// Files that the store of uploads holds.
fn stored(site: &Site) -> Vec<String> {
    let folder = site.live.path(".menshen/php/spool/.menshen-uploads");
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| name.contains(".data") || name.contains(".rec")).collect()
}

fn md5(bytes: &[u8]) -> String {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let mut sum = Command::new("md5sum");
    let mut sum = sum.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    sum.stdin.take().unwrap().write_all(bytes).unwrap();
    String::from_utf8(sum.wait_with_output().unwrap().stdout).unwrap()[..32].to_owned()
}

/// Sends a head whose body never comes; the answer, which must not be 100.
fn head_only(site: &Site, cookie: &str, expect: &str) -> Answer {
    let mut wire = Wire::open(site.live.plain);
    let fields = [FORM_TYPE, cookie, expect, "Content-Length: 100000"];
    wire.send(request("POST", "/up.php", &fields, b""));
    wire.answer("POST")
}

#[test]
fn what_is_allowed_comes_and_what_is_not_never_begins() {
    let Some(site) = start("") else { return };
    let file = pattern(150_000);
    let form = Form::new().field("token", "csrf").file("doc", "a.bin", &file).end();
    for proto in BOTH {
        let before = runs(&site, "public");
        let fields =
            [FORM_TYPE, "Authorization: Bearer me", "Cookie: app=1", "Menshen-Ask: forged"];
        let told = site.ask(proto, "POST", "/up.php?album=3", &fields, &form);
        assert_eq!(told.status, 201, "{proto:?} {}\n{}", told.head, site.live.log());
        let seen: Value = serde_json::from_slice(&told.body).unwrap();
        assert_eq!(seen["md5"], md5(&file));
        assert_eq!((&seen["uri"], &seen["ask"]), (&"/up.php?album=3".into(), &Value::Null));
        let asked_about = asked(&site);
        assert_eq!(asked_about.len(), 1, "{asked_about:?}");
        let about = &asked_about[0];
        let expected = [
            ("ask", "upload".into()),
            ("method", "POST".into()),
            ("uri", "/up.php?album=3".into()),
            ("get", serde_json::json!({"album": "3"})),
            ("script", "/may.php".into()),
            ("length", form.len().to_string().into()),
            ("type", "multipart/form-data; boundary=xXx".into()),
            ("name", Value::Null),
            ("auth", "Bearer me".into()),
            ("body", "".into()),
            ("post", 0.into()),
            ("forged", "forged".into()),
        ];
        for (key, value) in expected {
            assert_eq!(about[key], value, "{proto:?} {key}");
        }

        let told = site.ask(proto, "POST", "/up.php", &[FORM_TYPE, "Cookie: say=no"], &form);
        assert_eq!(told.said(), (403, "{\"error\":\"not in this album\"}".into()), "{proto:?}");
        assert_eq!(told.field("content-type"), Some("application/json"));
        assert_eq!(told.field("set-cookie"), Some("told=1"));
        assert_eq!(told.field("menshen-denied"), Some("application"));
        let told = site.ask(proto, "PUT", "/up.php", &["Cookie: say=login"], b"x");
        assert_eq!((told.status, told.field("location")), (302, Some("/login.php")), "{proto:?}");
        let told = site.ask(proto, "PUT", "/up.php", &["Cookie: say=long"], b"x");
        assert_eq!(told.said(), (403, String::new()), "bounded");
        assert_eq!(asked(&site).len(), 3);

        // What is no upload is not asked about, nor where a rule says so.
        let page = "Content-Type: application/x-www-form-urlencoded";
        let told = site.ask(proto, "POST", "/up.php", &[page, "Cookie: say=no"], b"a=1");
        assert_eq!(told.status, 201);
        let told = site.ask(proto, "POST", "/free.php", &[FORM_TYPE, "Cookie: say=no"], &form);
        assert_eq!(told.status, 201);
        assert_eq!(
            site.ask(proto, "GET", "/may.php", &[], b"").status,
            404,
            "clients are kept out"
        );
        assert_eq!(asked(&site).len(), 0);
        assert_eq!(runs(&site, "public"), before + 3, "{proto:?}");
    }
    assert_eq!(count(&site.live, Counter::PhpAsked), 8);
    assert_eq!(count(&site.live, Counter::PhpDenied), 6);
    site.wait_clean("nothing of what was refused");
}

#[test]
fn a_client_that_expects_is_refused_before_its_body() {
    let Some(site) = start("") else { return };
    for expect in ["Expect: 100-continue", "X: y"] {
        let told = head_only(&site, "Cookie: say=no", expect);
        assert_eq!(told.status, 403, "{}", told.head);
        assert_eq!(told.field("connection"), Some("close"), "nobody waits for the body");
    }
    let mut wire = Wire::open(site.live.plain);
    let form = Form::new().file("doc", "a", pattern(90_000)).end();
    let length = format!("Content-Length: {}", form.len());
    let fields = [FORM_TYPE, "Connection: close", "Expect: 100-continue", &length];
    wire.send(request("POST", "/up.php", &fields, b""));
    assert_eq!(wire.answer("POST").status, 100);
    assert_eq!(asked(&site).len(), 3);
    wire.send(&form);
    let told = String::from_utf8(wire.rest()).unwrap();
    assert!(told.starts_with("HTTP/1.1 201"), "{told}");
}

#[test]
fn the_limit_of_the_answer_holds() {
    let Some(site) = start("") else { return };
    for proto in BOTH {
        let told = site.ask(proto, "PUT", "/up.php", &[], &pattern(200_001));
        assert_eq!(told.status, 413, "{proto:?} {}", told.head);
        let told = site.ask(proto, "PUT", "/up.php", &[], &pattern(200_000));
        assert_eq!(told.status, 201, "{proto:?} {}", told.head);
    }
    assert_eq!(runs(&site, "public"), 2);
    // Whose length nobody knows is cut where it is too long.
    let mut wire = Wire::open(site.live.plain);
    wire.send(request("PUT", "/up.php", &["Transfer-Encoding: chunked"], b""));
    let _ = wire.try_send(chunked(&pattern(300_000), 10_000));
    assert_eq!(wire.answer("PUT").status, 413);
    let mut wire = Wire::open(site.live.plain);
    let fields = ["Transfer-Encoding: chunked", "Connection: close"];
    wire.send(request("PUT", "/up.php", &fields, b""));
    wire.send(chunked(&pattern(100_000), 10_000));
    let told = String::from_utf8(wire.rest()).unwrap();
    assert!(told.starts_with("HTTP/1.1 201"), "{told}");
    assert!(asked(&site).iter().skip(4).all(|about| about["length"].is_null()));
    assert_eq!(count(&site.live, Counter::LimitUpload), 3);
    site.wait_clean("nothing of what was refused");
}

#[test]
fn the_application_may_send_it_to_another_script_of_the_site() {
    let Some(site) = start("") else { return };
    let there = "Cookie: say=there";
    let body = pattern(100_000);
    let expected = |told: &str| {
        let seen: Value = serde_json::from_str(told).unwrap();
        assert_eq!(seen["script"], "/handlers/store.php", "{seen}");
        assert_eq!((&seen["info"], &seen["get"]["kind"]), (&"/x".into(), &"film".into()));
        assert_eq!((&seen["uri"], &seen["raw"]), (&"/up.php?a=1".into(), &md5(&body).into()));
    };
    for proto in BOTH {
        let told = site.ask(proto, "PUT", "/up.php?a=1", &[there], &body);
        assert_eq!(told.status, 201, "{proto:?} {}\n{}", told.head, site.live.log());
        expected(&told.text());
        assert_eq!(site.ask(proto, "PUT", "/handlers/store.php", &[], b"x").status, 404);
        for away in ["Cookie: say=away", "Cookie: say=file"] {
            assert_eq!(site.ask(proto, "PUT", "/up.php", &[away], &body).status, 502, "{away}");
        }
    }
    // Also what is only whole in a second request.
    let fields = ["Upload-Complete: ?0", "Upload-Length: 100000", there];
    let made = make(&site, "PUT", "/up.php?a=1", &fields, &body[..40_000]);
    assert_eq!(made.status, 201, "{}\n{}", made.head, made.text());
    let done = patch(&site, made.location(), 40_000, "?1", &body[40_000..]);
    assert_eq!(done.status, 201, "{}\n{}", done.head, done.text());
    expected(&done.text());
    assert_eq!((runs(&site, "public/handlers"), runs(&site, "public")), (3, 0));
    site.wait_said(&["php-authorize", "no script of the site"]);
    site.wait_said(&["php-authorize", "it named a file"]);
}

#[test]
fn where_nobody_can_be_asked_nothing_is_taken() {
    let limits = "[php]\nchildren = 2\n[limits]\nphp_silence_seconds_max = 3\n\
                  php_queue_seconds_max = 1";
    let Some(site) = start(limits) else { return };
    let status = |cookie: &str| {
        let told = head_only(&site, &format!("Cookie: say={cookie}"), "Expect: 100-continue");
        (told.status, told.text())
    };
    // No place at PHP.
    let hold = "<?php while (ob_get_level()) ob_end_flush();\n\
                while (!file_exists(__DIR__ . '/go')) { echo ' '; flush(); usleep(100_000); }";
    site.lay("hold.php", hold);
    let mut holding: Vec<Wire> = (0..2).map(|_| Wire::open(site.live.plain)).collect();
    holding
        .iter_mut()
        .for_each(|wire| wire.send(request("GET", "/hold.php", &["Connection: close"], b"")));
    wait_for("both workers to be busy", || count(&site.live, Counter::PhpBusy) == 2);
    assert_eq!(status("").0, 503);
    site.lay("go", "");
    holding.iter_mut().for_each(|wire| drop(wire.rest()));

    assert_eq!(status("slow").0, 504);
    assert_eq!(status("dead").0, 502);
    let (code, text) = status("lots");
    assert_eq!(code, 502);
    assert!(text.contains("did not say whether the upload may come"), "{text}");
    site.wait_said(&["finding php-authorize error", "Upload-Limit is malformed", "/may.php"]);
    assert_eq!(status("throw").0, 500, "as PHP has it");
    assert_eq!(status("noise").0, 100, "2xx is yes, whatever the words are");
    std::fs::remove_file(site.live.path("public/may.php")).unwrap();
    wait_for("the script to be missed", || status("").0 == 502);
    site.wait_said(&["finding php-authorize error", "there is no such script", "/may.php"]);

    // PHP is not there at all.
    site.lay("may.php", MAY);
    let gone = "[[site]]\nroot = \"public\"\nphp = \"unix:/nonexistent/fpm.sock\"\n";
    site.reload(&format!("{gone}{RULES}"));
    wait_for("the new workers", || {
        let (code, text) = status("");
        code == 502 && text.contains("the application cannot be reached")
    });
    assert_eq!(runs(&site, "public"), 0);
    assert_eq!(stored(&site), Vec::<String>::new());
}

fn patch(site: &Site, at: &str, offset: usize, complete: &str, body: &[u8]) -> Answer {
    let (offset, complete) =
        (format!("Upload-Offset: {offset}"), format!("Upload-Complete: {complete}"));
    ask(site.live.plain, "PATCH", at, &[RUFH, RUFH_TYPE, &offset, &complete], body)
}

#[test]
fn an_upload_that_can_be_resumed_is_asked_about_once() {
    let Some(site) = start("") else { return };
    let body = pattern(150_000);
    let to = site.live.plain;
    for (fields, status) in [
        (vec![RUFH, "Upload-Complete: ?0", "Cookie: say=no"], 403),
        (vec![RUFH, "Upload-Complete: ?0", "Upload-Length: 200001"], 413),
        (vec![RUFH, "Upload-Complete: ?0", "Cookie: say=lots"], 502),
    ] {
        let told = ask(to, "POST", "/up.php", &fields, b"");
        assert_eq!(told.status, status, "{}\n{}", told.head, told.text());
        if status == 403 {
            assert_eq!(told.text(), "{\"error\":\"not in this album\"}");
        }
    }
    assert_eq!(stored(&site), Vec::<String>::new());
    assert_eq!(asked(&site).len(), 3);

    let named = "Content-Disposition: attachment; filename=\"a.bin\"";
    let fields = ["Upload-Complete: ?0", "Upload-Length: 150000", named, "Content-Type: a/b"];
    let made = make(&site, "POST", "/up.php?a=1", &fields, &body[..50_000]);
    assert_eq!(made.status, 201, "{}\n{}", made.head, made.text());
    assert!(made.field("upload-limit").unwrap().contains("max-size=200000"), "{}", made.head);
    let about = asked(&site);
    assert_eq!(about.len(), 1);
    assert_eq!((&about[0]["uri"], &about[0]["type"]), (&"/up.php?a=1".into(), &"a/b".into()));
    assert_eq!((&about[0]["length"], &about[0]["name"]), (&"150000".into(), &"a.bin".into()));
    let done = patch(&site, made.location(), 50_000, "?1", &body[50_000..]);
    assert_eq!(done.status, 201, "{}\n{}", done.head, done.text());
    assert!(done.text().contains(&md5(&body)), "{}", done.text());
    assert_eq!(asked(&site).len(), 0, "the script itself decides now");

    // Of unknown length, the limit holds all the same.
    let made = make(&site, "POST", "/up.php", &["Upload-Complete: ?0"], &body);
    assert_eq!(made.status, 201, "{}", made.head);
    assert!(asked(&site)[0]["length"].is_null());
    let over = patch(&site, made.location(), 150_000, "?1", &body);
    assert_eq!(over.status, 413, "{}\n{}", over.head, over.text());
    assert_eq!(runs(&site, "public"), 1);
}

/// `key value` of tus, the value in Base64.
fn metadata(pairs: &[(&str, &str)]) -> String {
    use std::process::Command;
    let pair = |(key, value): &(&str, &str)| {
        let script = format!("printf %s '{value}' | base64 -w0");
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        format!("{key} {}", String::from_utf8(output.stdout).unwrap())
    };
    let pairs: Vec<String> = pairs.iter().map(pair).collect();
    format!("Upload-Metadata: held,{}", pairs.join(","))
}

/// Sends a form that names an upload.
fn name(site: &Site, target: &str, at: &str, fields: &[&str]) -> Answer {
    let id = at.rsplit('/').next().unwrap();
    let form = format!(
        "--xXx\r\nContent-Disposition: form-data; name=\"doc\"; filename=\"f.mp4\"\r\n\
         Content-Type: application/vnd.menshen.upload\r\n\r\n{id}\r\n--xXx--\r\n"
    );
    ask(site.live.plain, "POST", target, &[&[FORM_TYPE], fields].concat(), form.as_bytes())
}

#[test]
fn a_file_that_goes_ahead_of_its_form_is_asked_about_with_its_form() {
    let Some(site) = start("") else { return };
    let (to, body) = (site.live.plain, pattern(120_000));
    let about = [("form", "/up.php?album=3"), ("filename", "f.mp4"), ("filetype", "video/mp4")];
    let metadata_ = metadata(&about);
    let create = |length: usize, more: &[&str]| {
        let length = format!("Upload-Length: {length}");
        ask(to, "POST", PLACE, &[&[TUS, &length], more].concat(), b"")
    };
    let told = create(120_000, &[&metadata_, "Cookie: say=no"]);
    assert_eq!((told.status, told.text()), (403, "{\"error\":\"not in this album\"}".into()));
    assert_eq!(told.field("tus-resumable"), Some("1.0.0"), "{}", told.head);
    assert_eq!(create(200_001, &[&metadata_]).status, 413);
    assert_eq!(stored(&site), Vec::<String>::new());
    // Who says the length later is held to the same.
    let made = ask(to, "POST", PLACE, &[TUS, "Upload-Defer-Length: 1", &metadata_], b"");
    assert_eq!(made.status, 201, "{}", made.head);
    let fields = [TUS, "Content-Type: application/offset+octet-stream", "Upload-Offset: 0"];
    let late = [&fields[..], &["Upload-Length: 200001"]].concat();
    assert_eq!(ask(to, "PATCH", made.location(), &late, b"abc").status, 413);
    asked(&site);
    let made = create(120_000, &[&metadata_]);
    assert_eq!(made.status, 201, "{}\n{}", made.head, made.text());
    let seen = asked(&site);
    assert_eq!(seen.len(), 1);
    for (key, value) in [
        ("method", "POST"),
        ("uri", "/up.php?album=3"),
        ("length", "120000"),
        ("name", "f.mp4"),
        ("type", "video/mp4"),
    ] {
        assert_eq!(seen[0][key], value, "{key}");
    }
    let fields = [TUS, "Content-Type: application/offset+octet-stream", "Upload-Offset: 0"];
    let bring = |at: &str| {
        let sent = ask(to, "PATCH", at, &fields, &body);
        assert_eq!(sent.status, 204, "{}", sent.head);
    };
    bring(made.location());
    let refused = name(&site, "/up.php", made.location(), &["Cookie: say=no"]);
    assert_eq!(refused.status, 403, "the form is asked about, too");
    let done = name(&site, "/up.php?album=3", made.location(), &[]);
    assert_eq!(done.status, 201, "{}\n{}", done.head, done.text());
    let seen: Value = serde_json::from_slice(&done.body).unwrap();
    assert_eq!((&seen["md5"], &seen["type"]), (&md5(&body).into(), &"video/mp4".into()));
    asked(&site);

    // What the application was not asked about is no file of its forms.
    let free = create(120_000, &[&metadata(&[("form", "/free.php")])]);
    assert_eq!((free.status, asked(&site).len()), (201, 0));
    bring(free.location());
    let refused = name(&site, "/up.php", free.location(), &[]);
    assert_eq!(refused.status, 409, "{}\n{}", refused.head, refused.text());
    assert!(refused.text().contains("was not asked"), "{}", refused.text());
    assert_eq!(name(&site, "/free.php", free.location(), &[]).status, 201);
    // Who says no form is asked about by the site's own script.
    let made = create(10, &[]);
    assert_eq!(made.status, 201);
    assert!(asked(&site).iter().any(|about| about["uri"] == PLACE));
}

#[test]
fn the_page_of_the_guide_does_what_it_says() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide/uploads.md");
    let text = std::fs::read_to_string(page).unwrap();
    let (_, section) = text.split_once("\n## Asked before the first byte\n").unwrap();
    let block = |language: &str| {
        let (_, rest) = section.split_once(&format!("```{language}\n")).unwrap();
        rest.split("```").next().unwrap().to_owned()
    };
    let Some(folder) = Site::folder() else { return };
    let settings = block("toml").replace("/srv/app/public", "public");
    assert!(settings.contains("[[site]]") && settings.contains("authorize"), "{settings}");
    let site = Site::start_in(folder, &settings).unwrap();
    site.lay("may.php", block("php"));
    site.lay("upload.php", UP);
    site.lay("login.php", "<?php session_start(); $_SESSION['user'] = 7;");
    let asked = |method: &str, target: &str, fields: &[&str], length: usize| {
        let bytes = request(method, target, fields, &pattern(length));
        let at = wire::find(&bytes, b"localhost").unwrap();
        let mut wire = Wire::open(site.live.plain);
        let _ = wire.try_send([&bytes[..at], b"app.example", &bytes[at + 9..]].concat());
        String::from_utf8(wire.rest()).unwrap()
    };
    let (kind, close) = ("Content-Type: application/octet-stream", "Connection: close");
    let put = |fields: &[&str], length: usize| {
        asked("POST", "/upload.php", &[&[kind, close], fields].concat(), length)
    };
    let refused = put(&[], 100_000);
    assert!(refused.starts_with("HTTP/1.1 401"), "{refused}");
    assert!(refused.contains("Please sign in first."), "{refused}");
    let told = asked("GET", "/login.php", &[close], 0);
    let cookie = told.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    let cookie = format!("Cookie: {}", cookie.split(';').next().unwrap());
    let told = put(&[&cookie], 100_000);
    assert!(told.starts_with("HTTP/1.1 201"), "{told}");
    let large = put(&[&cookie, "Content-Length: 3000000000"], 0);
    assert!(large.starts_with("HTTP/1.1 413"), "{large}");
    let own = asked("GET", "/may.php", &[close], 0);
    assert!(own.starts_with("HTTP/1.1 404"), "{own}");
}
