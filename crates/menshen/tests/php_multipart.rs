//! Forms as PHP reads them: the body we write for it says exactly what our parser saw.
//!
//! Differences between our parser and PHP's cannot be used to get something past the gateway,
//! because PHP never sees the client's body. That rests on two facts, compared here with a real
//! php-fpm: what PHP reads in our body is what we meant, and a body that both parsers take means
//! the same to both, except for reasons that are listed, each with a test of its own.

use crate::support::fpm;

#[path = "php/forms.rs"]
mod forms;

use std::collections::BTreeMap;
use std::path::PathBuf;

use forms::{Chance, Part, form, parts, raw, reasons};
use fpm::{Client, Fpm, text};
use menshen_web_core::multipart::write::{self, Inexpressible, closing, part_end, part_head};
use menshen_web_core::multipart::{Boundary, Event, Multipart, MultipartError, MultipartLimits};

/// A pool with the scripts, and one connection to it.
struct Php {
    client: Client,
    dump: PathBuf,
    expect: PathBuf,
    _fpm: Fpm,
}

impl Php {
    fn start() -> Option<Self> {
        let fpm = Fpm::start(1, SETTINGS)?;
        let (dump, expect) = (fpm.script("dump.php", DUMP), fpm.script("expect.php", EXPECT));
        Some(Self { client: fpm.connect(), dump, expect, _fpm: fpm })
    }

    /// `$_POST` and `$_FILES` after a body, serialised, files with their bytes.
    fn reads(&mut self, content_type: &[u8], body: &[u8]) -> Vec<u8> {
        let answer = self.client.post(&self.dump, content_type, body);
        assert!(answer.body.starts_with(b"a:2:"), "{}", text(&answer.body));
        answer.body
    }

    /// What PHP should read in these parts, by its parser for addresses.
    fn should_read(&mut self, parts: &[Part]) -> Vec<u8> {
        let (mut post, mut files) = (Vec::new(), Vec::new());
        let mut skips = false;
        for part in parts {
            match &part.full_path {
                None => push_pair(&part.name, &part.data, &mut post),
                Some(path) => {
                    // Once PHP has left out a file it leaves out all that follow.
                    skips |= !php_takes_file_field(&part.name);
                    if !skips {
                        push_file(part, path, &mut files);
                    }
                }
            }
        }
        let mut body = Vec::new();
        push_pair(b"p", &post, &mut body);
        push_pair(b"f", &files, &mut body);
        self.client.post(&self.expect, b"application/x-www-form-urlencoded", &body).body
    }
}

/// The variables PHP makes of a file, in PHP's order.
fn push_file(part: &Part, path: &[u8], out: &mut Vec<u8>) {
    let start = part.name.iter().position(|&byte| byte == b'[');
    let start = start.filter(|_| part.name.ends_with(b"]")).unwrap_or(part.name.len());
    let (base, index) = part.name.split_at(start);
    let chosen = !path.is_empty();
    let kind = part.content_type.as_deref().filter(|_| chosen).unwrap_or_default();
    let kind = kind.split(|&byte| byte == b';').next().unwrap_or_default();
    let last = path.rsplit(|byte| matches!(byte, b'/' | b'\\')).next().unwrap_or_default();
    let content = if chosen { [b"file ", part.data.as_slice()].concat() } else { Vec::new() };
    let error = if chosen { b"0" } else { b"4" };
    let size = part.data.len().to_string();
    for (key, value) in [
        ("[name]", last),
        ("[full_path]", path),
        ("[type]", kind),
        ("[tmp_name]", &content),
        ("[error]", error),
        ("[size]", size.as_bytes()),
    ] {
        push_pair(&[base, key.as_bytes(), index].concat(), value, out);
    }
}

/// PHP leaves out files whose field name has brackets that do not pair up.
fn php_takes_file_field(name: &[u8]) -> bool {
    let mut open = 0;
    for (at, byte) in name.iter().enumerate() {
        open += i32::from(*byte == b'[') - i32::from(*byte == b']');
        let follows = name.get(at + 1).is_none_or(|next| *next == b'[');
        if open < 0 || (*byte == b']' && !follows) {
            return false;
        }
    }
    open == 0
}

fn push_pair(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    let escape = |bytes: &[u8]| bytes.iter().map(|byte| format!("%{byte:02x}")).collect::<String>();
    out.extend_from_slice(format!("{}={}&", escape(name), escape(value)).as_bytes());
}

/// What our parser sees in a body.
fn seen(body: &[u8], boundary: &Boundary) -> Result<Vec<Part>, MultipartError> {
    let limits = MultipartLimits { parts_max: 100, part_head_bytes_max: 16_384 };
    let (mut parser, mut parts, mut rest) = (Multipart::new(boundary, limits), Vec::new(), body);
    loop {
        let step = parser.feed(rest)?;
        let consumed = step.consumed;
        match step.event {
            Some(Event::PartBegin(head)) => parts.push(Part {
                name: head.name,
                full_path: head.full_path,
                content_type: head.content_type,
                data: Vec::new(),
            }),
            Some(Event::Data(range)) => {
                parts.last_mut().unwrap().data.extend_from_slice(&rest[range]);
            }
            Some(Event::DataHeld(held)) => parts.last_mut().unwrap().data.extend_from_slice(held),
            Some(Event::PartEnd | Event::End) => {}
            None => return parser.finish().map(|()| parts),
        }
        rest = &rest[consumed..];
    }
}

/// The body we write, and its type.
fn written(parts: &[Part], boundary: &Boundary) -> Result<(Vec<u8>, Vec<u8>), Inexpressible> {
    let (mut body, mut kind) = (Vec::new(), Vec::new());
    for part in parts {
        let (path, content_type) = (part.full_path.as_deref(), part.content_type.as_deref());
        part_head(boundary, &part.name, path, content_type, &mut body)?;
        body.extend_from_slice(&part.data);
        part_end(&mut body);
    }
    closing(boundary, &mut body);
    write::content_type(boundary, &mut kind);
    Ok((kind, body))
}

#[test]
fn php_reads_what_we_write() {
    let Some(mut php) = Php::start() else { return };
    let (mut files, mut fields, mut refused) = (0, 0, 0);
    for seed in 0..1200 {
        let mut chance = Chance::new(seed);
        let mut parts = parts(&mut chance);
        let boundary = Boundary::from_random(&chance.bytes());
        // A prefix of the delimiter at the end of data, and everywhere around PHP's buffer.
        if let Some(part) = parts.iter_mut().find(|part| !part.data.is_empty()) {
            let delimiter = [b"\r\n--", boundary.as_bytes()].concat();
            part.data.resize(part.data.len() + chance.below(200) + 4900 * chance.below(2), b'x');
            part.data.extend_from_slice(&delimiter[..chance.below(delimiter.len())]);
            part.data.extend_from_slice(&b"\r\nx"[..chance.below(4)]);
        }
        let Ok((kind, body)) = written(&parts, &boundary) else {
            refused += 1;
            continue;
        };
        assert_eq!(seen(&body, &boundary), Ok(parts.clone()), "seed {seed}");
        let (reads, wanted) = (php.reads(&kind, &body), php.should_read(&parts));
        assert_eq!(text(&reads), text(&wanted), "seed {seed}:\n{}", text(&body));
        files += parts.iter().filter(|part| part.full_path.is_some()).count();
        fields += parts.iter().filter(|part| part.full_path.is_none()).count();
    }
    eprintln!("compared {fields} fields and {files} files; {refused} forms cannot be said");
    assert!(files > 1000 && fields > 1000 && refused < 20, "{files} {fields} {refused}");
}

#[test]
fn lengths_around_the_size_of_phps_buffer() {
    let Some(mut php) = Php::start() else { return };
    let boundary = Boundary::from_random(&[0x5a; 16]);
    let delimiter = [b"\r\n--", boundary.as_bytes()].concat();
    for end in [b"".as_slice(), b"\r", b"\n", b"\r\n", b"\r\n-", &delimiter[..20], &delimiter[1..9]]
    {
        for size in (4_880..5_130).step_by(5).chain([10_100, 10_239, 10_240, 10_241]) {
            let data = [&vec![b'x'; size], end].concat();
            let part = |name: &[u8], full_path| Part {
                name: name.to_vec(),
                full_path,
                content_type: None,
                data: data.clone(),
            };
            let parts = [part(b"f", None), part(b"g", Some(b"x".to_vec())), part(b"h", None)];
            let (kind, body) = written(&parts, &boundary).unwrap();
            let same = php.reads(&kind, &body) == php.should_read(&parts);
            assert!(same, "{size} bytes and then {}", text(end));
        }
    }
}

#[test]
fn the_longest_lines_are_read_whole() {
    let Some(mut php) = Php::start() else { return };
    let boundary = Boundary::from_random(&[1; 16]);
    let mut longest = 0;
    for bytes in (4_000..5_200).step_by(7) {
        let part = |name: u8| Part {
            name: vec![name; bytes],
            full_path: (name == b'g').then(|| b"x".to_vec()),
            content_type: Some(vec![b't'; bytes]),
            data: b"data".to_vec(),
        };
        let parts = [part(b'f'), part(b'g')];
        match written(&parts, &boundary) {
            Ok((kind, body)) => {
                longest = bytes;
                assert!(php.reads(&kind, &body) == php.should_read(&parts), "{bytes} bytes");
            }
            Err(error) => assert_eq!(error, Inexpressible::TooLong),
        }
    }
    assert!((4_900..5_000).contains(&longest), "{longest}");
}

#[test]
fn a_body_that_both_read_means_the_same_to_both() {
    let Some(mut php) = Php::start() else { return };
    let boundary = Boundary::new(b"B").unwrap();
    let (mut same, mut refused, mut unsaid) = (0, 0, 0);
    let mut different = BTreeMap::new();
    for seed in 0..3000 {
        let mut chance = Chance::new(1_000_000 + seed);
        let body = raw(&mut chance);
        let Ok(parts) = seen(&body, &boundary) else {
            refused += 1;
            continue;
        };
        let fresh = Boundary::from_random(&chance.bytes());
        let Ok((kind, rewritten)) = written(&parts, &fresh) else {
            unsaid += 1;
            continue;
        };
        assert_eq!(seen(&rewritten, &fresh).as_ref(), Ok(&parts), "seed {seed}");
        let plain = php.reads(b"multipart/form-data; boundary=B", &body);
        let reads = php.reads(&kind, &rewritten);
        if plain == reads {
            same += 1;
            continue;
        }
        let reasons = reasons(&body);
        let (plain, reads) = (text(&plain), text(&reads));
        assert!(!reasons.is_empty(), "seed {seed}:\n{}\n{plain}\n{reads}", text(&body));
        for reason in reasons {
            *different.entry(reason).or_insert(0) += 1;
        }
    }
    eprintln!("{same} same, {refused} refused, {unsaid} cannot be said, {different:#?}");
    assert!(same > 900 && unsaid < 100, "{same} {unsaid}");
}

/// A body that PHP reads otherwise, for this reason and no other.
fn differs(php: &mut Php, reason: &str, body: &[u8]) {
    let parts = seen(body, &Boundary::new(b"B").unwrap()).unwrap();
    let (kind, rewritten) = written(&parts, &Boundary::from_random(&[7; 16])).unwrap();
    let plain = php.reads(b"multipart/form-data; boundary=B", body);
    let (reads, wanted) = (php.reads(&kind, &rewritten), php.should_read(&parts));
    assert_eq!(text(&reads), text(&wanted), "{reason}");
    assert_ne!(text(&plain), text(&reads), "PHP no longer differs: {reason}");
    assert_eq!(reasons(body), [reason]);
}

#[test]
fn where_php_differs_it_is_told_what_we_saw() {
    let Some(mut php) = Php::start() else { return };
    let forged = "Content-Disposition: form-data; name=\"forged\"";
    let good = "Content-Disposition: form-data; name=\"f\"";
    let php = &mut php;
    differs(php, forms::EXTENDED, &form(&[("name=g; filename*=UTF-8''%e9%97%a8.php", "1")]));
    // The file name is lost, and the file becomes a field.
    differs(php, forms::BACKSLASH, &form(&[(r#"name="g\\"; filename="x.php""#, "1")]));
    // The name is lost, and another parameter's text gives one.
    let hidden = r#"x="\\"; name="g"; y="; name=forged; z=""#;
    differs(php, forms::BACKSLASH, &form(&[(hidden, "1")]));
    differs(php, forms::SINGLE_QUOTE, &form(&[("name='f'", "1")]));
    differs(php, forms::SINGLE_QUOTE, &form(&[("x='; name=g; filename=x.php; y='", "1")]));
    differs(php, forms::LONE_LF, &form(&[("name=f", &format!("1\n--B\r\n{forged}\r\n\r\n2"))]));
    differs(php, forms::LONE_LF, &form(&[("name=f", "1\n--Bis not a boundary")]));
    let hollow = format!("--B\r\n{good}\r\n\r\n--B\r\n{forged}\r\n\r\n1\r\n--B--\r\n");
    differs(php, forms::HOLLOW, hollow.as_bytes());
    let blank = format!("--B \r\n{good}\r\n\r\n1\r\n--B--\r\n");
    differs(php, forms::BLANK, blank.as_bytes());
    let behind =
        format!("--B\r\n{good}\r\n\r\n1\r\n--B--\r\n--B\r\n{forged}\r\n\r\n1\r\n--B--\r\n");
    differs(php, forms::BEHIND, behind.as_bytes());
    let pad = "a".repeat(5_120 - "X: ".len());
    let long = format!("--B\r\nX: {pad}{forged}\r\n{good}\r\n\r\n1\r\n--B--\r\n");
    differs(php, forms::LONG_LINE, long.as_bytes());
    let file = "Content-Disposition: form-data; name=g; filename=x\r\nContent-Type: a/b ";
    let blank = format!("--B\r\n{file}\r\n\r\n1\r\n--B--\r\n");
    differs(php, forms::BLANK_TYPE, blank.as_bytes());
}

#[test]
fn what_php_takes_and_we_refuse() {
    let Some(mut php) = Php::start() else { return };
    let head = "Content-Disposition: form-data; name=f";
    let one = |head: &str| format!("--B\r\n{head}\r\n\r\n1\r\n--B--\r\n");
    for (what, body) in [
        ("no closing line", format!("--B\r\n{head}\r\n\r\n1")),
        ("lines that end in LF", format!("--B\n{head}\n\n1\n--B--\n")),
        ("a folded line", one(&head.replace("; ", ";\r\n "))),
        ("another disposition", one(&head.replace("form-data", "attachment"))),
        ("two names", one(&format!("{head}; name=f"))),
        ("two dispositions", one(&format!("{head}\r\n{head}"))),
        ("a NUL in a name", one(&format!("{head}\0"))),
        ("no name for a file", one("Content-Disposition: form-data; filename=x")),
        ("a name in quotes that are open", one(&head.replace("name=f", "name=\"f"))),
        ("a long boundary", format!("--B\r\n{head}\r\n\r\n1\r\n--Bx\r\n--B--\r\n")),
    ] {
        let read = php.reads(b"multipart/form-data; boundary=B", body.as_bytes());
        assert_ne!(read, b"a:2:{i:0;a:0:{}i:1;a:0:{}}", "PHP refuses it, too: {what}");
        assert!(seen(body.as_bytes(), &Boundary::new(b"B").unwrap()).is_err(), "{what}");
    }
}

#[test]
fn php_takes_parameters_of_many_records() {
    let Some(mut php) = Php::start() else { return };
    let script = php.dump.with_file_name("server.php");
    std::fs::write(&script, "<?php echo strlen($_SERVER['HTTP_A']), ' ', $_SERVER['HTTP_Z'];")
        .unwrap();
    let script = script.to_str().unwrap().as_bytes();
    // The largest pair PHP takes fills a record.
    for bytes in [1, 127, 128, 60_000, 65_535 - 5 - "HTTP_A".len()] {
        let long = vec![b'x'; bytes];
        let parameters = [
            ("REQUEST_METHOD", b"GET".as_slice()),
            ("SCRIPT_FILENAME", script),
            ("HTTP_B", &[b'y'; 40_000]),
            ("HTTP_A", &long),
            ("HTTP_C", &[b'y'; 40_000]),
            ("HTTP_Z", b"last"),
        ];
        let answer = php.client.ask(&parameters, b"");
        assert_eq!(text(&answer.body), format!("{bytes} last"));
    }
}

const SETTINGS: &str = "\
php_admin_value[max_input_vars] = 100000
php_admin_value[max_input_nesting_level] = 64
php_admin_value[max_file_uploads] = 1000
php_admin_value[post_max_size] = 64M
php_admin_value[upload_max_filesize] = 64M
php_admin_value[mbstring.encoding_translation] = 0
php_admin_value[auto_prepend_file] =
php_admin_flag[display_errors] = off
php_admin_flag[log_errors] = off";

const DUMP: &str = r#"<?php
function contents(&$path) {
    if (is_array($path)) { foreach ($path as &$inner) contents($inner); return; }
    if ($path !== '') $path = is_uploaded_file($path) ? 'file ' . file_get_contents($path) : 'none';
}
$files = $_FILES;
foreach ($files as &$file) {
    if (is_array($file) && isset($file['tmp_name'])) contents($file['tmp_name']);
}
unset($file);
echo serialize([$_POST, $files]);
"#;

const EXPECT: &str = r#"<?php
function numbers(&$value) {
    if (is_array($value)) { foreach ($value as &$inner) numbers($inner); return; }
    $value = (int)$value;
}
parse_str($_POST['p'], $post);
parse_str($_POST['f'], $files);
foreach ($files as &$file) {
    foreach (['error', 'size'] as $key) { if (isset($file[$key])) numbers($file[$key]); }
}
unset($file);
echo serialize([$post, $files]);
"#;
