//! Forms that name uploads: a file that came ahead is delivered as if it had come with the form,
//! by every delivery, once, and never to anybody else's form.

use crate::support::{live, site, wire};

use std::net::SocketAddr;

use live::wait_for;
use site::{FORM_TYPE, Site};
use wire::{Answer, Wire, ask, pattern, request};

const PLACE: &str = "/.menshen/uploads/";
const TUS: &str = "Tus-Resumable: 1.0.0";
const BYTES: &str = "Content-Type: application/offset+octet-stream";
const NAMING: &str = "application/vnd.menshen.upload";
/// `filetype video/mp4`.
const METADATA: &str = "Upload-Metadata: held,filetype dmlkZW8vbXA0";
const MINE: &str = "Cookie: __Host-menshen-uploads=0123456789abcdef0123456789abcdef";
const OTHER: &str = "Cookie: __Host-menshen-uploads=fedcba9876543210fedcba9876543210";

/// Says what came, and counts how often it ran.
const DUMP: &str = r#"<?php
file_put_contents(__DIR__ . '/runs', 'x', FILE_APPEND);
if (isset($_GET['slow'])) sleep(2);
$f = $_FILES['doc'] ?? null;
header('Content-Type: application/json');
echo json_encode([
  'token' => $_POST['token'] ?? null, 'path' => $_POST['path'] ?? null,
  'told' => isset($_POST['path']) ? md5_file($_POST['path']) : null,
  'sum' => $_POST['sum'] ?? null,
  'name' => $f['name'] ?? null, 'type' => $f['type'] ?? null, 'size' => $f['size'] ?? null,
  'error' => $f['error'] ?? null, 'is' => $f ? is_uploaded_file($f['tmp_name']) : null,
  'md5' => $f && $f['tmp_name'] ? md5_file($f['tmp_name']) : null,
  'moved' => isset($_GET['move']) ? move_uploaded_file($f['tmp_name'], __DIR__ . '/moved') : null,
], JSON_UNESCAPED_SLASHES);
"#;

/// Brings `bytes` up as far as `sent`; the upload's id.
fn bring(to: SocketAddr, bytes: &[u8], sent: usize, fields: &[&str]) -> String {
    let length = format!("Upload-Length: {}", bytes.len());
    let made = ask(to, "POST", PLACE, &[&[TUS, METADATA, &length], fields].concat(), b"");
    assert_eq!(made.status, 201, "{}\n{}", made.head, made.text());
    let at = made.location();
    let put = [&[TUS, BYTES, "Upload-Offset: 0"], fields].concat();
    let answer = ask(to, "PATCH", at, &put, &bytes[..sent]);
    assert_eq!(answer.status, 204, "{}\n{}", answer.head, answer.text());
    at.rsplit('/').next().unwrap().to_owned()
}

/// A form whose file part has this content and type.
fn form(content: &[u8], kind: &str) -> Vec<u8> {
    let head = format!(
        "--xXx\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\ncsrf\r\n--xXx\r\n\
         Content-Disposition: form-data; name=\"doc\"; filename=\"影片.mp4\"\r\n\
         Content-Type: {kind}\r\n\r\n"
    );
    [head.as_bytes(), content, b"\r\n--xXx--\r\n"].concat()
}

/// Sends a form that names `id`.
fn name(to: SocketAddr, target: &str, id: &str, fields: &[&str]) -> Answer {
    let fields = [&[FORM_TYPE], fields].concat();
    ask(to, "POST", target, &fields, &form(id.as_bytes(), NAMING))
}

fn runs(site: &Site) -> usize {
    std::fs::read(site.live.path("public/runs")).map_or(0, |runs| runs.len())
}

/// Files of uploads that the store holds.
fn stored(site: &Site) -> Vec<String> {
    let folder = site.live.path(".menshen/php/spool/.menshen-uploads");
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| name.ends_with(".data")).collect()
}

#[test]
fn a_named_upload_is_the_file_in_every_delivery() {
    let rules = r#"
[[site.rule]]
path = "/replay/"
script = "/dump.php"
delivery = "replay"

[[site.rule]]
path = "/fields/"
script = "/dump.php"
delivery = "fields"
pass = ["token"]
fields = ["path = $path", "sum = $sha1"]
"#;
    let Some(site) = Site::start("", rules) else { return };
    site.lay("dump.php", DUMP);
    let to = site.live.plain;
    let file = pattern(300_000);
    for target in ["/dump.php", "/replay/x"] {
        let id = bring(to, &file, file.len(), &[]);
        let named = name(to, target, &id, &[]);
        assert_eq!(named.status, 200, "{target}: {}\n{}", named.head, named.text());
        let whole = ask(to, "POST", target, &[FORM_TYPE], &form(&file, "video/mp4"));
        assert_eq!(named.text(), whole.text(), "{target}: as if it had come with the form");
        assert!(named.text().contains("\"is\":true,"), "{}", named.text());
        assert!(named.text().contains("\"type\":\"video/mp4\""), "{}", named.text());
    }
    let id = bring(to, &file, file.len(), &[]);
    let named = name(to, "/fields/x", &id, &[]).text();
    let whole = ask(to, "POST", "/fields/x", &[FORM_TYPE], &form(&file, "video/mp4")).text();
    let same = |text: &str| {
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        ["token", "told", "sum"].map(|key| value[key].as_str().unwrap_or(key).to_owned())
    };
    assert_eq!(same(&named), same(&whole), "{named}");
    assert!(same(&named)[1].len() == 32 && same(&named)[2].len() == 40, "{named}");

    // What PHP keeps is whole, and nothing of it stays with us.
    let id = bring(to, &file, file.len(), &[]);
    let moved = name(to, "/dump.php?move=1", &id, &[]);
    assert!(moved.text().contains("\"moved\":true"), "{}", moved.text());
    assert_eq!(std::fs::read(site.live.path("public/moved")).unwrap(), file);
    wait_for("no bytes left behind", || stored(&site).is_empty());
}

#[test]
fn what_a_form_cannot_have_is_refused_and_stays() {
    let Some(site) = Site::start("", "") else { return };
    site.lay("dump.php", DUMP);
    let to = site.live.plain;
    let file = pattern(100_000);
    let refused = |id: &str, fields: &[&str], part: &str| {
        let answer = name(to, "/dump.php", id, fields);
        assert_eq!(answer.status, 409, "{part}: {}\n{}", answer.head, answer.text());
        assert!(answer.text().contains(part), "{}", answer.text());
    };
    let unfinished = bring(to, &file, 40_000, &[]);
    refused(&unfinished, &[], "is not whole");
    let foreign = bring(to, &file, file.len(), &[MINE]);
    refused(&foreign, &[OTHER], "is not there");
    refused(&foreign, &[], "is not there");
    refused("abcdefghijklmnopqrstuvwxy2", &[], "is not there");
    assert_eq!(runs(&site), 0, "PHP sees nothing of such forms");

    // Nothing was lost by that.
    let at = format!("{PLACE}{unfinished}");
    let put = [TUS, BYTES, "Upload-Offset: 40000"];
    assert_eq!(ask(to, "PATCH", &at, &put, &file[40_000..]).status, 204);
    let md5 = |answer: Answer| {
        assert_eq!(answer.status, 200, "{}\n{}", answer.head, answer.text());
        let value: serde_json::Value = serde_json::from_str(&answer.text()).unwrap();
        value["md5"].as_str().unwrap().to_owned()
    };
    let first = md5(name(to, "/dump.php", &unfinished, &[]));
    assert_eq!(first, md5(name(to, "/dump.php", &foreign, &[MINE])));

    // Each once.
    wait_for("the end of the first use", || stored(&site).is_empty());
    refused(&unfinished, &[], "was used before");
    refused(&foreign, &[MINE], "was used before");
    assert_eq!(ask(to, "HEAD", &at, &[TUS], b"").status, 410, "to be sent anew");
    assert_eq!(runs(&site), 2);

    // A file of that type that names nothing is a file.
    for content in
        ["", "no id", "abcdefghijklmnopqrstuvwxy2 and more", "ABCDEFGHIJKLMNOPQRSTUVWXY2"]
    {
        let text = name(to, "/dump.php", content, &[]).text();
        let size = format!("\"size\":{},", content.len());
        assert!(text.contains(&size) && text.contains(NAMING), "{text}");
    }
}

#[test]
fn an_upload_whose_form_came_to_nothing_can_be_named_again() {
    let Some(site) = Site::start("", "") else { return };
    site.lay("dump.php", DUMP);
    let to = site.live.plain;
    let file = pattern(200_000);
    let id = bring(to, &file, file.len(), &[]);
    let mut wire = Wire::open(to);
    let fields = [FORM_TYPE];
    wire.send(request("POST", "/dump.php?slow=1", &fields, &form(id.as_bytes(), NAMING)));
    wait_for("PHP", || runs(&site) == 1);
    let busy = name(to, "/dump.php", &id, &[]);
    assert_eq!(busy.status, 409, "{}", busy.text());
    assert!(busy.text().contains("in use just now"), "{}", busy.text());
    wire::kill_worker(&site.live);
    let again = name(to, "/dump.php", &id, &[]);
    assert_eq!(again.status, 200, "{}\n{}", again.head, again.text());
    let whole = ask(to, "POST", "/dump.php", &[FORM_TYPE], &form(&file, "video/mp4"));
    assert_eq!(again.text(), whole.text());
    wait_for("the end of its use", || stored(&site).is_empty());
    assert_eq!(name(to, "/dump.php", &id, &[]).status, 409);
}

#[test]
fn forms_of_the_file_service_name_uploads_too() {
    let live = wire::start_with(&wire::settings("serve", "", ""));
    let token = std::fs::read_to_string(live.path(".menshen/owner-token")).unwrap();
    let owner = format!("Authorization: Bearer {}", token.trim());
    let file = pattern(150_000);
    let stranger = ask(live.plain, "POST", PLACE, &[TUS, METADATA, "Upload-Length: 3"], b"");
    assert_eq!(stranger.status, 401, "{}", stranger.head);
    let id = bring(live.plain, &file, file.len(), &[&owner]);
    let refused = name(live.plain, "/", &id, &[]);
    assert_eq!(refused.status, 409, "{}\n{}", refused.head, refused.text());
    let named = name(live.plain, "/", &id, &[&owner, "Accept: application/json"]);
    assert_eq!(named.status, 201, "{}\n{}", named.head, named.text());
    assert_eq!(std::fs::read(wire::stored(&live, "影片.mp4")).unwrap(), file);
    let again = name(live.plain, "/", &id, &[&owner]);
    assert_eq!(again.status, 409, "{}\n{}", again.head, again.text());
}
