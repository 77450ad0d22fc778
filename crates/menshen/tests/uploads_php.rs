//! Requests to PHP whose bodies can be resumed: PHP sees one ordinary request, once, whatever
//! happened on the way, and its answer can be had again.

use crate::support::{counts, live, site, wire};

use counts::count;
use live::wait_for;
use menshen_base::Counter;
use site::{FORM_TYPE, Form, Site};
use wire::{Answer, Wire, ask, pattern, request};

const PLACE: &str = "/.menshen/uploads/";
const TUS: &str = "Tus-Resumable: 1.0.0";
const RUFH: &str = "Upload-Draft-Interop-Version: 8";
const RUFH_TYPE: &str = "Content-Type: application/partial-upload";

/// Says what came, and counts how often it ran.
const DUMP: &str = r#"<?php
file_put_contents(__DIR__ . '/runs', 'x', FILE_APPEND);
$f = $_FILES['doc'] ?? null;
http_response_code(201);
header('X-Seen: ' . ($_COOKIE['app'] ?? 'none'));
echo json_encode([
  'method' => $_SERVER['REQUEST_METHOD'], 'uri' => $_SERVER['REQUEST_URI'],
  'token' => $_POST['token'] ?? null, 'auth' => $_SERVER['HTTP_AUTHORIZATION'] ?? null,
  'upload' => $_SERVER['HTTP_UPLOAD_COMPLETE'] ?? null,
  'raw' => md5(file_get_contents('php://input')),
  'name' => $f ? $f['name'] : null, 'is' => $f ? is_uploaded_file($f['tmp_name']) : null,
  'md5' => $f ? md5_file($f['tmp_name']) : null,
]);
"#;

/// Sends a request up to `cut` bytes of its body and goes away; the upload's path.
fn begin(site: &Site, target: &str, fields: &[&str], body: &[u8], cut: usize) -> String {
    let mut wire = Wire::open(site.live.plain);
    let length = format!("Content-Length: {}", body.len());
    let all = [&[RUFH, "Upload-Complete: ?1", &length], fields].concat();
    wire.send(request("POST", target, &all, b""));
    let interim = wire.answer("POST");
    assert_eq!(interim.status, 104, "{}\n{}", interim.head, interim.text());
    let before = count(&site.live, Counter::ResumableCut);
    wire.send(&body[..cut]);
    wait_for("the bytes", || count(&site.live, Counter::BytesIn) >= cut as u64);
    drop(wire);
    wait_for("the cut", || count(&site.live, Counter::ResumableCut) > before);
    interim.location().to_owned()
}

fn patch(site: &Site, at: &str, offset: usize, more: &[&str], body: &[u8]) -> Answer {
    let offset = format!("Upload-Offset: {offset}");
    let fields = [&[RUFH, RUFH_TYPE, &offset, "Upload-Complete: ?1"], more].concat();
    ask(site.live.plain, "PATCH", at, &fields, body)
}

fn runs(site: &Site) -> usize {
    std::fs::read(site.live.path("public/runs")).map_or(0, |runs| runs.len())
}

#[test]
fn php_sees_one_ordinary_request_and_its_answer_is_kept() {
    let Some(site) = Site::start("", "") else { return };
    site.lay("up.php", DUMP);
    // Bytes as they are.
    let body = pattern(400_000);
    let cookie = ["Cookie: app=abc", "Content-Type: application/x-thing"];
    let at = begin(&site, "/up.php?a=1", &cookie, &body, 150_000);
    assert_eq!(runs(&site), 0, "PHP is not asked before the body is whole");
    let told = ask(site.live.plain, "HEAD", &at, &[RUFH], b"");
    assert_eq!(told.field("upload-offset"), Some("150000"), "{}", told.head);
    let done = patch(&site, &at, 150_000, &[], &body[150_000..]);
    assert_eq!(done.status, 201, "{}\n{}\n{}", done.head, done.text(), site.live.log());
    assert_eq!(done.field("x-seen"), Some("abc"));
    let text = done.text();
    for part in ["\"method\":\"POST\"", "\"uri\":\"\\/up.php?a=1\"", "\"upload\":null"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let line = wire::log_line(&site.live, "upload \"POST /up.php?a=1\" 201");
    assert!(line.contains("in=400000"), "{line}");
    let plain = ask(site.live.plain, "POST", "/up.php?a=1", &cookie, &body);
    assert_eq!(plain.text(), text, "as the plain request");
    assert_eq!(runs(&site), 2);
    let again = patch(&site, &at, body.len(), &[], b"");
    assert_eq!((again.status, again.text()), (201, text), "{}", again.head);
    assert_eq!(again.field("x-seen"), Some("abc"));
    assert_eq!(runs(&site), 2, "not once more");

    // A form: its file is a file.
    let file = pattern(300_000);
    let form = Form::new().field("token", "csrf").file("doc", "一.bin", &file).end();
    let at = begin(&site, "/up.php", &[FORM_TYPE], &form, 100_000);
    let done = patch(&site, &at, 100_000, &[], &form[100_000..]);
    let text = done.text();
    assert!(text.contains("\"token\":\"csrf\"") && text.contains("\"is\":true"), "{text}");
    let plain = ask(site.live.plain, "POST", "/up.php", &[FORM_TYPE], &form);
    assert_eq!(plain.text(), text, "as the plain form");
    // A script that is not there is refused at once, and without asking for bytes.
    let refused = ask(site.live.plain, "POST", "/none.php", &[RUFH, "Upload-Complete: ?1"], b"x");
    assert_eq!(refused.status, 404, "{}", refused.head);
}

#[test]
fn credentials_are_never_kept_and_owners_are_apart() {
    let Some(site) = Site::start("", "") else { return };
    site.lay("up.php", DUMP);
    let body = pattern(100_000);
    let secret = "Authorization: Bearer very-secret";
    let at = begin(&site, "/up.php", &[secret], &body, 50_000);
    let folder = site.live.path(".menshen/php/spool/.menshen-uploads");
    for entry in std::fs::read_dir(&folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(wire::find(&bytes, b"very-secret").is_none(), "credentials on the disk");
    }
    let refused = patch(&site, &at, 50_000, &[], &body[50_000..]);
    assert_eq!(refused.status, 401, "{}", refused.head);
    let done = patch(&site, &at, 50_000, &[secret], &body[50_000..]);
    assert!(done.text().contains("Bearer very-secret"), "{}\n{}", done.head, done.text());

    // One request that is whole needs no other.
    let fields = ["Upload-Complete: ?1", secret];
    let done = ask(site.live.plain, "POST", "/up.php", &fields, &body);
    assert!(done.text().contains("Bearer very-secret"), "{}\n{}", done.head, done.text());

    // Whose cookie was there at the creation, and nobody else.
    let mine = "Cookie: __Host-menshen-uploads=0123456789abcdef0123456789abcdef";
    let other = "Cookie: __Host-menshen-uploads=fedcba9876543210fedcba9876543210";
    let made = ask(site.live.plain, "POST", PLACE, &[TUS, "Upload-Length: 3", mine], b"");
    assert_eq!(made.status, 201, "{}", made.head);
    let at = made.location();
    for fields in [vec![TUS, other], vec![TUS]] {
        assert_eq!(ask(site.live.plain, "HEAD", at, &fields, b"").status, 404);
        assert_eq!(ask(site.live.plain, "DELETE", at, &fields, b"").status, 404);
    }
    let listed = ask(site.live.plain, "GET", PLACE, &[mine], b"");
    assert!(listed.text().contains(at), "{}", listed.text());
    let listed = ask(site.live.plain, "GET", PLACE, &[other], b"");
    assert_eq!(listed.text(), "{\"uploads\":[]}");
    let fields = [TUS, mine, "Content-Type: application/offset+octet-stream", "Upload-Offset: 0"];
    assert_eq!(ask(site.live.plain, "PATCH", at, &fields, b"abc").status, 204);
    assert_eq!(runs(&site), 2, "held until a form names it");
}

#[test]
fn what_php_surely_did_not_see_is_tried_again_and_the_rest_is_not() {
    let Some(site) = Site::start("", "") else { return };
    site.lay(
        "slow.php",
        "<?php file_put_contents(__DIR__.'/runs', 'x', FILE_APPEND);\nsleep(2); echo 'slow';",
    );
    let body = pattern(50_000);
    // The client goes away while PHP works: PHP ends its work, and the answer is kept.
    let at = begin(&site, "/slow.php", &[], &body, 20_000);
    let mut wire = Wire::open(site.live.plain);
    let fields = [RUFH, RUFH_TYPE, "Upload-Offset: 20000", "Upload-Complete: ?1"];
    wire.send(request("PATCH", &at, &fields, &body[20_000..]));
    wait_for("PHP", || runs(&site) == 1);
    drop(wire);
    let early = patch(&site, &at, body.len(), &[], b"");
    assert_eq!(early.status, 503, "it is being delivered: {}", early.head);
    let mut told = early;
    wait_for("the answer", || {
        told = patch(&site, &at, body.len(), &[], b"");
        told.status == 200
    });
    assert_eq!(told.text(), "slow");
    assert_eq!(runs(&site), 1);

    // The worker dies over it: nobody can know what PHP did, so it is not done again.
    let at = begin(&site, "/slow.php", &[], &body, 20_000);
    let mut wire = Wire::open(site.live.plain);
    wire.send(request("PATCH", &at, &fields, &body[20_000..]));
    wait_for("PHP", || runs(&site) == 2);
    wire::kill_worker(&site.live);
    let told = patch(&site, &at, body.len(), &[], b"");
    assert_eq!(told.status, 502, "{}\n{}", told.head, told.text());
    assert!(told.text().contains("its answer is lost"), "{}", told.text());
    assert_eq!(runs(&site), 2);
}

#[test]
fn a_site_has_its_share_of_unfinished_bytes() {
    let Some(site) = Site::start("", "uploads_bytes_max = \"1MiB\"\n") else { return };
    let make = |length: usize| {
        ask(site.live.plain, "POST", PLACE, &[TUS, &format!("Upload-Length: {length}")], b"")
    };
    let made = make(700 << 10);
    assert_eq!(made.status, 201, "{}\n{}", made.head, made.text());
    let full = make(400 << 10);
    assert_eq!(full.status, 507, "{}\n{}", full.head, full.text());
    assert_eq!(make(300 << 10).status, 201);
    assert_eq!(count(&site.live, Counter::LimitUnfinishedBytes), 1);
    let gone = ask(site.live.plain, "DELETE", made.location(), &[TUS], b"");
    assert_eq!(gone.status, 204);
    assert_eq!(make(400 << 10).status, 201);
}
