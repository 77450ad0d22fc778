//! Uploads to unmodified PHP through a live menshen: `$_FILES` is what it always was, whichever
//! delivery brought it, and what PHP itself wrote tells which one did.
#![expect(clippy::print_stderr, reason = "a test that is skipped must say so")]

use crate::support::{counts, fpm, live, site, wire};

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use counts::count;
use fpm::Fpm;
use menshen_base::Counter;
use site::{BOTH, Form, Nginx, Proto, Site, ask_at, give, lay_open, names};
use wire::{log_line, pattern};

#[test]
fn every_delivery_shows_php_what_a_plain_server_would() {
    let rules = "file_bytes_max = \"64MiB\"\n[[site.rule]]\npath = \"/replay/\"\n\
                 script = \"/dump.php\"\ndelivery = \"replay\"\n";
    let Some(site) = Site::start("", rules) else { return };
    site.lay("dump.php", DUMP);
    let nginx = Nginx::start(&site);
    for (name, form) in forms() {
        let swapped = site.post(Proto::H1, "/dump.php", &form);
        assert_eq!(swapped.status, 200, "{name}: {} {}", swapped.text(), site.live.log());
        assert!(!swapped.text().contains("WRONG"), "{name}: {}", swapped.text());
        let over_h2 = site.post(Proto::H2, "/dump.php", &form);
        assert_eq!(over_h2.said(), swapped.said(), "{name}: HTTP/2");
        let replayed = site.post(Proto::H1, "/replay/dump.php", &form);
        assert_eq!(replayed.said(), swapped.said(), "{name}: replay");
        if let Some(nginx) = &nginx {
            let told = ask_at(nginx.address, "POST", "/dump.php", &[site::FORM_TYPE], &form);
            assert_eq!(told.said(), swapped.said(), "{name}: nginx");
        }
        site.wait_clean(name);
    }
    assert!(count(&site.live, Counter::PhpSwap) >= 2, "{}", site.live.log());
    assert!(count(&site.live, Counter::PhpReplay) > 0);
    assert_eq!(count(&site.live, Counter::PhpFallbacks), 0, "{}", site.live.log());
}

/// Forms whose reading must not depend on who serves.
fn forms() -> Vec<(&'static str, Vec<u8>)> {
    let sizes = [0, 1, 47, 48, 49, 4095, 4096, 4097, 70_000];
    let mut every_size = Form::new().field("first", "1");
    for size in sizes {
        every_size = every_size.file(&format!("f{size}"), &format!("{size}.bin"), pattern(size));
    }
    let nested = Form::new()
        .field("z", "last in the alphabet, first in the form")
        .file("docs[]", "一.txt", pattern(5000))
        .field("a[x][]", "1")
        .file("docs[]", "说明 书.pdf", pattern(10))
        .file("deep[a][b]", "ü \u{1F600}.bin", pattern(9000))
        .field("a[x][]", "2")
        .file("deep[a][c]", "c:\\temp\\name.txt", pattern(4097))
        .file("docs[]", "", b"")
        .field("a.b c", "dots")
        .file("path", "folder/sub/../x.txt", pattern(6000))
        .field("z", "again");
    let token = "0123456789abcdef".repeat(3);
    let limited = |limit: &str| {
        Form::new()
            .file("before", "b.bin", pattern(5000))
            .field("MAX_FILE_SIZE", limit)
            .file("over", "o.bin", pattern(5000))
            .file("under", "u.bin", pattern(20))
            .file("none", "", b"")
    };
    vec![
        ("sizes", every_size.field("last", "2").end()),
        ("nested", nested.end()),
        ("no file chosen", Form::new().field("x", "y").file("f", "", b"").end()),
        ("MAX_FILE_SIZE of 4500", limited("4500").end()),
        ("MAX_FILE_SIZE of 30, less than a token has", limited("30").end()),
        ("MAX_FILE_SIZE of nothing", limited("0").end()),
        ("MAX_FILE_SIZE of words", limited("much").end()),
        (
            "content like a token",
            Form::new()
                .field("MENSHEN_FILES", format!("{{\"files\":{{\"{token}\":{{\"error\":6}}}}}}"))
                .file("t", "t", &token)
                .file("big", "big", pattern(5000))
                .end(),
        ),
        ("a name of PHP's own", Form::new().file("f", ".user.ini", pattern(5000)).end()),
        ("only fields", Form::new().field("ü", "1").field("b[]", "2").field("b[]", "3").end()),
    ]
}

#[test]
fn a_large_file_passes_php_without_a_byte_written() {
    let rules = "[[site.rule]]\npath = \"/replay/\"\nscript = \"/dump.php\"\n\
                 delivery = \"replay\"\n";
    let Some(site) = Site::start("[php]\nchildren = 2", rules) else { return };
    site.lay("dump.php", DUMP);
    let content = pattern(20 << 20);
    let form = Form::new().field("a", "b").file("f", "large.bin", &content).end();
    // The first one asks the pool.
    let warm = Form::new().file("f", "w", pattern(5000)).end();
    assert_eq!(site.post(Proto::H1, "/dump.php", &warm).status, 200);
    let mut said = Vec::new();
    for (proto, target, least, most) in [
        (Proto::H1, "/dump.php", 0, 65_536),
        (Proto::H2, "/dump.php", 0, 65_536),
        (Proto::H1, "/replay/x", 20 << 20, 22 << 20),
    ] {
        let before = site.written();
        let told = site.post(proto, target, &form);
        let written = site.written() - before;
        assert_eq!(told.status, 200, "{}", told.text());
        assert!((least..most).contains(&written), "{proto:?} {target}: PHP wrote {written} bytes");
        said.push(told.text());
        site.wait_clean(target);
    }
    let digest = Command::new("sha256sum").arg(site.lay("kept", &content)).output().unwrap();
    let digest = String::from_utf8(digest.stdout).unwrap();
    assert!(said[0].contains(&digest[..64]), "{}", said[0]);
    assert!(said.iter().all(|one| *one == said[0]), "{said:?}");
    assert_eq!(count(&site.live, Counter::PhpSwap), 3);
    let line = log_line(&site.live, "/replay/x");
    assert!(line.contains("replay"), "{line}");
}

#[test]
fn files_are_taken_in_every_way_php_knows_and_gone_otherwise() {
    let Some(site) = Site::start("", "") else { return };
    site.lay(
        "take.php",
        "<?php header('Content-Type: text/plain');
        $p = $_FILES['f']['tmp_name']; $to = __DIR__ . '/taken-' . $_GET['how'];
        $sum = md5_file($p);
        switch ($_GET['how']) {
            case 'move': $ok = move_uploaded_file($p, $to) && !file_exists($p)
                && !is_uploaded_file($p); break;
            case 'copy': $ok = copy($p, $to); break;
            case 'rename': $ok = rename($p, $to); break;
            case 'open': $in = fopen($p, 'rb'); fseek($in, 0);
                $ok = file_put_contents($to, $in) === $_FILES['f']['size']; break;
            case 'write': $ok = file_put_contents($p, 'x', FILE_APPEND) === 1 && copy($p, $to);
                file_put_contents($to, substr(file_get_contents($to), 0, -1)); break;
            case 'unlink': $ok = unlink($p); file_put_contents($to, ''); break;
            case 'die': echo 'nothing'; exit(1);
            case 'twice': $ok = move_uploaded_file($p, $to) && !@move_uploaded_file($p, $to . '2');
        }
        @chmod($to, 0644);
        echo json_encode([$ok, $_GET['how'] === 'unlink' || md5_file($to) === $sum,
            error_get_last()['message'] ?? '']);",
    );
    let content = pattern(300_000);
    let form = Form::new().file("f", "a.bin", &content).end();
    for proto in BOTH {
        for how in ["move", "copy", "rename", "open", "write", "unlink", "die", "twice"] {
            let told = site.post(proto, &format!("/take.php?how={how}"), &form);
            assert_eq!(told.status, 200, "{how}");
            if how == "die" {
                assert_eq!(told.text(), "nothing");
            } else {
                assert!(told.text().starts_with("[true,true,"), "{how}: {}", told.text());
            }
            site.wait_clean(how);
            let taken = site.live.path("public").join(format!("taken-{how}"));
            if matches!(how, "move" | "copy" | "rename" | "open" | "write" | "twice") {
                assert!(fs::read(&taken).unwrap() == content, "{how}");
            }
            let _ = fs::remove_file(taken);
        }
    }
    assert_eq!(count(&site.live, Counter::PhpFallbacks), 0, "{}", site.live.log());
}

#[test]
fn a_file_over_the_limit_of_the_site_is_an_error_php_knows() {
    let rules = "file_bytes_max = \"10KiB\"\nupload_bytes_max = \"1MiB\"\n";
    let Some(site) = Site::start("", rules) else { return };
    site.lay("errors.php", ERRORS);
    let form = Form::new()
        .file("over", "o", pattern(10_241))
        .file("exact", "e", pattern(10_240))
        .file("none", "", b"")
        .field("after", "1");
    for proto in BOTH {
        let told = site.post(proto, "/errors.php", &form.clone().end());
        let want = "over:o:0:1: exact:e:10240:0:file none::0:4: after=1";
        assert_eq!(told.said(), (200, want.to_owned()), "{proto:?}");
        let large = Form::new().file("f", "x", pattern(1_100_000)).end();
        let told = site.post(proto, "/errors.php", &large);
        assert_eq!(told.status, 413, "{proto:?}: {}", told.text());
        site.wait_clean("over the limit");
    }
}

#[test]
fn fields_tell_of_files_that_rest_in_a_store() {
    let rules = r#"
[[site.rule]]
path = "/in/"
script = "/fields.php"
delivery = "fields"
store = "store"
fields = ["$field_name[name] = $file_name", "$field_name[path] = $path",
  "$field_name[all] = ${field_name}/$content_type/$size/$number/$$",
  "$field_name[sums] = $md5 $sha1 $sha256 $sha512 $crc32"]
pass = ["keep*", "submit"]
cleanup = ["400-499", "503"]
tame_arrays = true
file_bytes_max = "64KiB"

[[site.rule]]
path = "/spool/"
script = "/fields.php"
delivery = "fields"
"#;
    let Some(folder) = Site::folder() else { return };
    lay_open(&folder.path().join("store"));
    give(&folder.path().join("store"));
    let own = Mounted::over(&folder.path().join("store"));
    let site = format!("[[site]]\nroot = \"public\"\nphp = \"managed\"\n{rules}");
    let Some(site) = Site::start_in(folder, &site) else { return };
    site.lay("fields.php", FIELDS);
    let content = pattern(50_000);
    let form = Form::new()
        .field("keep_1", "a")
        .field("drop", "b")
        .field("f[path]", "/etc/passwd")
        .field("submit", "c")
        .file("f", "报告 & \u{e9}.bin", &content)
        .file("many[]", "small", b"s")
        .file("none", "", b"")
        .file("large", "l", pattern(70_000))
        .end();
    let stored =
        || names(&site.live.path("store")).into_iter().filter(|n| !n.starts_with('.')).count();
    for (proto, target, status, kept) in [
        (Proto::H1, "/in/x", 200, true),
        (Proto::H2, "/in/x?status=201", 201, true),
        (Proto::H1, "/in/x?status=404", 404, false),
        (Proto::H2, "/in/x?status=503", 503, false),
        (Proto::H1, "/in/x?status=500", 500, true),
    ] {
        let before = stored();
        let told = site.post(proto, target, &form);
        assert_eq!(told.status, status, "{}", told.text());
        assert!(told.text().ends_with("RIGHT"), "{}", told.text());
        live::wait_for(&format!("the store after {target}"), || {
            stored() == before + if kept { 2 } else { 0 }
        });
    }
    let form = Form::new().file("f", "a", &content).end();
    let told = site.post(Proto::H1, "/spool/x?plain=1", &form);
    let spool = site.live.path(".menshen/php/spool");
    assert_eq!(told.text(), format!("a|application/octet-stream|{}|50000|yes", spool.display()));
    site.wait_clean("fields");
    assert_eq!(count(&site.live, Counter::PhpFields), 6);
    drop(site);
    drop(own);
}

#[test]
fn where_swap_is_not_possible_uploads_are_replayed_and_the_log_says_why() {
    let Some(folder) = Site::folder() else { return };
    let state = folder.path().join(".menshen/php");
    let Some(site) = Site::start_in(folder, "[[site]]\nroot = \"public\"\nphp = \"managed\"\n")
    else {
        return;
    };
    let prepend = state.join("prepend.php").display().to_string();
    let locked = format!("php_admin_value[auto_prepend_file] = {prepend}\n");
    let ours = format!("{prepend}:{}", state.join("probe.php").display());
    let plain = Fpm::start(2, "").unwrap();
    let caged = Fpm::start_caged(2, &ours, &locked).unwrap();
    let waf = Fpm::start(2, &format!("php_value[auto_prepend_file] = {prepend}\n")).unwrap();
    let other = Fpm::start_as(33, 2, &locked);
    let mut tables = String::new();
    let pools = [("plain", Some(&plain)), ("caged", Some(&caged)), ("waf", Some(&waf))];
    let pools = pools.into_iter().chain([("other", other.as_ref())]);
    let pools: Vec<_> = pools.filter_map(|(name, pool)| Some((name, pool?))).collect();
    for (name, pool) in &pools {
        pool.script("dump.php", DUMP);
        tables.push_str(&format!(
            "[[site]]\nhosts = [\"{name}.test\"]\nroot = \"{}\"\nphp = \"unix:{}\"\n",
            pool.folder.path().join("scripts").display(),
            pool.socket().display(),
        ));
    }
    // As Wordfence installs itself: it must run, whatever else does.
    waf.script("waf.php", "<?php header('X-Waf: ran'); $_POST['waf'] = count($_FILES);");
    waf.script(".user.ini", "auto_prepend_file = waf.php\n");
    site.reload(&tables);
    let form = Form::new().file("f", "一.bin", pattern(100_000)).field("x", "y").end();
    let mut said = Vec::new();
    for (name, _) in &pools {
        let fields = [site::FORM_TYPE, &format!("Host: {name}.test")];
        for _ in 0..2 {
            let told = post_to(&site, &fields, &form);
            assert_eq!(told.status, 200, "{name}: {}", told.text());
            // A script in front of everything sees where it was told to look for others.
            let text = told.text().replace("WRONG: visible MENSHEN_USER_INI[", "[");
            assert!(!text.contains("WRONG"), "{name}: {text} {}", site.live.log());
            assert_eq!(told.field("x-waf"), (*name == "waf").then_some("ran"), "{name}");
            said.push(text.replace(",\"waf\":1", ""));
        }
    }
    assert!(said.iter().all(|one| *one == said[0]), "{said:#?}");
    for (name, pool) in &pools {
        let code = match *name {
            "plain" => "finding php-shim-missing error",
            "caged" => "finding php-open-basedir error",
            "waf" => "php-prepend-unlocked",
            _ => "finding php-pool-other-user error",
        };
        site.wait_said(&[code, pool.socket().to_str().unwrap()]);
    }
    site.wait_said(&["uploads are replayed"]);
    assert_eq!(count(&site.live, Counter::PhpSwap), 0, "{}", site.live.log());
    assert_eq!(count(&site.live, Counter::PhpReplay), 2 * pools.len() as u64);
    // Gone, but PHP goes by what it read for minutes.
    fs::remove_file(waf.folder.path().join("scripts/.user.ini")).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let told = post_to(&site, &[site::FORM_TYPE, "Host: waf.test"], &form);
    assert_eq!((told.status, told.field("x-waf")), (200, Some("ran")));
    assert!(told.text().contains("\"size\":100000"), "{}", told.text());
    live::wait_for("the spool to be empty", || site.spooled().is_empty());
    if other.is_none() {
        eprintln!("SKIPPED: another user's pool needs root");
    }
}

/// Posts to the site that a `Host` among the fields names.
fn post_to(site: &Site, fields: &[&str; 2], form: &[u8]) -> site::Told {
    let mut wire = wire::Wire::open(site.live.plain);
    let head = format!(
        "POST /dump.php HTTP/1.1\r\n{}\r\n{}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        fields[0],
        fields[1],
        form.len()
    );
    wire.send(head);
    wire.send(form);
    site::told("POST", &wire.rest())
}

/// A file system of its own over a folder, where that is permitted.
struct Mounted(Option<std::path::PathBuf>);

impl Mounted {
    fn over(folder: &std::path::Path) -> Self {
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", "size=64m,mode=0777", "menshen-test"]).arg(folder);
        let done = command.output().is_ok_and(|output| output.status.success());
        if !done {
            eprintln!("SKIPPED: a store on another file system; mounting is not permitted");
            return Self(None);
        }
        fs::set_permissions(folder, Permissions::from_mode(0o777)).unwrap();
        Self(Some(folder.to_owned()))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Some(folder) = &self.0 {
            let _ = Command::new("umount").arg("-l").arg(folder).output();
        }
    }
}

/// All PHP knows of a form but for what differs by nature: names of temporary files.
const DUMP: &str = r#"<?php header('Content-Type: application/json');
$seen = [];
$see = function (&$tmp, $size, $error) use (&$see, &$seen) {
    if (is_array($tmp)) { foreach ($tmp as $k => &$one) $see($one, $size[$k], $error[$k]); return; }
    if ($tmp === '') { return; }
    $right = is_uploaded_file($tmp) && filesize($tmp) === $size && $error === 0
        && (fileperms($tmp) & 0777) === 0600 && fileowner($tmp) === posix_geteuid()
        && dirname($tmp) === rtrim(ini_get('upload_tmp_dir'), '/');
    $seen[] = $tmp;
    $tmp = ($right ? 'file ' : 'WRONG ') . hash_file('sha256', $tmp);
};
foreach ($_FILES as &$f) $see($f['tmp_name'], $f['size'], $f['error']);
unset($f);
if (count(array_unique($seen)) !== count($seen)) echo 'WRONG: one file twice';
$none = array_filter(array_keys($_SERVER), fn ($n) => stripos($n, 'MENSHEN') === 0);
if ($none) echo 'WRONG: visible ', implode(' ', $none);
echo json_encode([$_POST, $_FILES, $_GET, $_SERVER['REQUEST_METHOD']], JSON_UNESCAPED_UNICODE);"#;

const ERRORS: &str = r#"<?php $out = [];
foreach ($_FILES as $n => $f)
    $out[] = "$n:$f[name]:$f[size]:$f[error]:" . (is_uploaded_file($f['tmp_name']) ? 'file' : '');
foreach ($_POST as $n => $v) $out[] = "$n=$v";
echo implode(' ', $out);"#;

/// Checks what `fields` told; the status is the caller's.
const FIELDS: &str = r#"<?php http_response_code((int) ($_GET['status'] ?? 200));
if (isset($_GET['plain'])) {
    $p = $_POST;
    exit("$p[f_name]|$p[f_type]|" . dirname($p['f_path']) . "|$p[f_size]|"
        . (filesize($p['f_path']) === 50000 ? 'yes' : 'no'));
}
$f = $_POST['f']; $m = $_POST['many'];
$sums = fn ($p) => implode(' ', array_map(fn ($a) => hash_file($a, $p),
    ['md5', 'sha1', 'sha256', 'sha512', 'crc32b']));
$right = array_keys($_POST) === ['keep_1', 'submit', 'f', 'many'] && $_FILES === []
    && $f['name'] === "报告 & \u{e9}.bin" && $m['name'] === 'small'
    && dirname($f['path']) === dirname(__DIR__) . '/store'
    && $f['all'] === 'f/application/octet-stream/50000/1/$'
    && $f['sums'] === $sums($f['path']) && $m['sums'] === $sums($m['path'])
    && filesize($m['path']) === 1;
echo $right ? 'RIGHT' : 'WRONG ' . json_encode($_POST);"#;
