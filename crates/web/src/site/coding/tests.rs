//! Encoded forms of static files: which is sent, what it says, what is kept.

use std::io::Read;

use menshen_config::model::Site as Wanted;

use super::*;
use crate::fixture::{Fixture, Lines, age};
use crate::plan::{FileAnswer, Span};
use crate::site::tests::{fixture, php_site};
use crate::site::{Sites, Way};

/// Text of `bytes` bytes that compresses well but not to nothing.
fn text(bytes: usize) -> String {
    (0..)
        .map(|n| format!("line {n}\n"))
        .flat_map(String::into_bytes)
        .take(bytes)
        .map(char::from)
        .collect()
}

fn ask(made: &Fixture, method: &str, target: &str, fields: &[&str], patience: Patience) -> Way {
    let lines = Lines::of(fields);
    let ask = lines.ask(method, target);
    made.door.sites.find(ask.host).unwrap().route(&made.door, &ask, patience)
}

fn get(made: &Fixture, target: &str, accept: &str) -> FileAnswer {
    let field = format!("Accept-Encoding: {accept}");
    match ask(made, "GET", target, &[&field], Patience::Once) {
        Way::File(answer) => answer,
        other => panic!("{target}: {other:?}"),
    }
}

/// The encoding of an answer; `-` for none.
fn coding(answer: &FileAnswer) -> String {
    let value = answer.file.map().get("content-encoding");
    value.map_or_else(|| "-".into(), |value| value.to_str().unwrap().to_owned())
}

fn bytes(file: &FileEntry) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(file.size).unwrap()];
    assert_eq!(rustix::io::pread(&file.fd, &mut bytes, 0).unwrap(), bytes.len());
    bytes
}

fn unzipped(file: &FileEntry) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(&*bytes(file)).read_to_string(&mut text).unwrap();
    text
}

fn gzips(made: &Fixture) -> Rc<Gzips> {
    Rc::clone(&made.door.sites.find(b"any").unwrap().gzips)
}

#[test]
fn text_is_compressed_once_for_those_who_take_it() {
    let made = fixture(php_site());
    made.lay("site/a.css", &text(5000));
    let first = get(&made, "/a.css", "gzip, deflate");
    assert_eq!((coding(&first).as_str(), unzipped(&first.file)), ("gzip", text(5000)));
    assert!(first.file.size < 2500);
    let again = get(&made, "/a.css", "br;q=0.1, gzip");
    assert!(Rc::ptr_eq(&first.file, &again.file));
    for accept in ["", "identity", "gzip;q=0", "deflate", "*;q=0"] {
        let plain = get(&made, "/a.css", accept);
        assert_eq!((coding(&plain).as_str(), plain.file.size), ("-", 5000), "{accept}");
    }
    let none = ask(&made, "GET", "/a.css", &[], Patience::Once);
    assert!(matches!(none, Way::File(answer) if coding(&answer) == "-"));
    // Two lines are one list.
    let fields = ["Accept-Encoding: deflate", "Accept-Encoding: gzip"];
    let two = ask(&made, "GET", "/a.css", &fields, Patience::Once);
    assert!(matches!(two, Way::File(answer) if coding(&answer) == "gzip"));
    // HEAD says what GET does.
    let head = ask(&made, "HEAD", "/a.css", &["Accept-Encoding: gzip"], Patience::Once);
    assert!(matches!(head, Way::File(answer) if Rc::ptr_eq(&answer.file, &first.file)));
    // A new version is compressed anew.
    std::fs::write(made.folder().join("site/a.css"), text(6000)).unwrap();
    age(&made.folder().join("site/a.css"), 30);
    made.board.bump_all_paths();
    assert_eq!(unzipped(&get(&made, "/a.css", "gzip").file), text(6000));
}

#[test]
fn only_what_gets_smaller_is_compressed() {
    let made = fixture(php_site());
    made.lay("site/small.css", &text(1023));
    made.lay("site/least.css", &text(1024));
    made.lay("site/large.css", &text((1 << 20) + 1));
    made.lay("site/picture.jpg", &text(5000));
    made.lay("site/picture.svg", &text(5000));
    made.lay("site/data.json", &text(5000));
    let noise: String = (0..2000_u32)
        .map(|n| char::from(33 + u8::try_from(n.wrapping_mul(2_654_435_761) >> 26).unwrap()))
        .collect();
    made.lay("site/noise.txt", &noise[..1500]);
    for (target, expected, varies) in [
        ("/small.css", "-", true),
        ("/least.css", "gzip", true),
        ("/large.css", "-", true),
        ("/picture.jpg", "-", false),
        ("/picture.svg", "gzip", true),
        ("/data.json", "gzip", true),
    ] {
        let answer = get(&made, target, "gzip");
        assert_eq!(coding(&answer), expected, "{target}");
        let vary = answer.file.map().get("vary").map(|value| value.as_bytes());
        assert_eq!(vary, varies.then_some(&b"accept-encoding"[..]), "{target}");
    }
    let off = fixture(Wanted { compress: false, ..php_site() });
    off.lay("site/a.css", &text(5000));
    off.lay("site/a.css.gz", "packed");
    let answer = get(&off, "/a.css", "gzip");
    assert_eq!(coding(&answer), "-");
    assert!(answer.file.map().get("vary").is_none());
}

#[test]
fn what_cannot_be_made_smaller_is_tried_once() {
    let made = fixture(php_site());
    let path = made.lay("site/a.txt", "");
    let mut word: u64 = 88_172_645_463_325_252;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        word.to_le_bytes()[3]
    })
    .take(4000)
    .collect();
    std::fs::write(&path, noise).unwrap();
    age(&path, 60);
    for _ in 0..3 {
        assert_eq!(coding(&get(&made, "/a.txt", "gzip")), "-");
    }
    assert!(matches!(gzips(&made).kept.borrow().values().next(), Some(Form::Useless)));
    assert!(gzips(&made).live.borrow().is_empty());
}

#[test]
fn each_form_has_a_tag_of_its_own() {
    let made = fixture(php_site());
    made.lay("site/a.css", &text(5000));
    made.lay("site/b.css", &text(5000));
    made.lay("site/b.css.br", "brotli");
    let tag = |answer: &FileAnswer| String::from_utf8(answer.file.etag().to_vec()).unwrap();
    let (plain, gzip) = (get(&made, "/a.css", ""), get(&made, "/a.css", "gzip"));
    assert_eq!(tag(&gzip), format!("W/{}-gzip\"", tag(&plain).trim_end_matches('"')));
    let br = tag(&get(&made, "/b.css", "br"));
    assert!(br.starts_with('"') && br.ends_with("-br\""), "{br}");
    let status = |target: &str, accept: &str, field: &str| {
        let fields = [format!("Accept-Encoding: {accept}"), field.to_owned()];
        let fields: Vec<_> = fields.iter().map(String::as_str).collect();
        match ask(&made, "GET", target, &fields, Patience::Once) {
            Way::Reply(reply) => reply.status,
            Way::File(FileAnswer { span: Span::Whole, .. }) => 200,
            Way::File(_) => 206,
            other => panic!("{other:?}"),
        }
    };
    let none = |tag: &str| format!("If-None-Match: {tag}");
    assert_eq!(status("/a.css", "gzip", &none(&tag(&gzip))), 304);
    assert_eq!(status("/a.css", "gzip", &none(&tag(&plain))), 200);
    assert_eq!(status("/a.css", "identity", &none(&tag(&plain))), 304);
    assert_eq!(status("/a.css", "identity", &none(&tag(&gzip))), 200);
    // Ranges: of bytes that stay, and never of those made here.
    assert_eq!(status("/a.css", "identity", "Range: bytes=0-1"), 206);
    assert_eq!(status("/a.css", "gzip", "Range: bytes=0-1"), 200);
    assert_eq!(status("/b.css", "br", "Range: bytes=0-1"), 206);
    assert_eq!(status("/b.css", "br", "Range: bytes=99-"), 416);
    assert_eq!(gzip.file.map().get("accept-ranges").unwrap(), "none");
    assert_eq!(gzip.file.map().get("content-type").unwrap(), "text/css; charset=utf-8");
    let fields = ["Accept-Encoding: gzip", &none(&tag(&gzip))];
    let Way::Reply(reply) = ask(&made, "GET", "/a.css", &fields, Patience::Once) else {
        panic!("no 304")
    };
    assert!(
        reply.fields.iter().any(|(name, value)| (*name, &**value) == ("vary", b"accept-encoding"))
    );
}

#[test]
fn files_beside_are_preferred_in_order() {
    let made = fixture(php_site());
    for name in ["a.js", "a.js.gz", "a.js.zst", "a.js.br", "old.js", "zero.js", "dir.js"] {
        made.lay(&format!("site/{name}"), &text(2000 + name.len()));
    }
    let old = made.lay("site/old.js.br", "old");
    age(&old, 3600);
    made.lay("site/zero.js.br", "");
    std::fs::create_dir(made.folder().join("site/dir.js.br")).unwrap();
    for (target, accept, expected) in [
        ("/a.js", "gzip, zstd, br", "br"),
        ("/a.js", "gzip, zstd;q=0.9, br;q=0", "zstd"),
        ("/a.js", "gzip", "gzip"),
        ("/a.js", "*", "br"),
        ("/a.js", "identity", "-"),
        ("/old.js", "br", "-"),
        ("/old.js", "br, gzip", "gzip"),
        ("/zero.js", "br", "-"),
        ("/dir.js", "br", "-"),
    ] {
        let answer = get(&made, target, accept);
        assert_eq!(coding(&answer), expected, "{target} {accept}");
        assert_eq!(answer.file.media_type, "text/javascript; charset=utf-8", "{target} {accept}");
    }
    // The file is sent as it lies there, not packed anew.
    assert_eq!(bytes(&get(&made, "/a.js", "gzip").file), text(2007).into_bytes());
    // By its own name it is just a file.
    let itself = get(&made, "/a.js.gz", "gzip");
    assert_eq!((coding(&itself).as_str(), &*itself.file.media_type), ("-", "application/gzip"));
    assert_eq!(coding(&get(&made, "/a.js", "gzip")), "gzip");
    // One that comes later is seen within a second.
    made.lay("site/old.js.br", "new");
    assert_eq!(coding(&get(&made, "/old.js", "br")), "-");
    let known = get(&made, "/old.js", "").file;
    known.variants.missing_ms.iter().for_each(|at| at.set(None));
    made.board.bump_all_paths();
    assert_eq!(coding(&get(&made, "/old.js", "br")), "br");
}

#[test]
fn source_has_no_forms() {
    let made = fixture(php_site());
    made.lay("site/index.php", &text(2000));
    made.lay("site/index.php.gz", "packed source");
    let packed = ask(&made, "GET", "/index.php", &["Accept-Encoding: gzip"], Patience::Once);
    assert!(matches!(packed, Way::Script(_)));
}

#[test]
fn long_texts_are_compressed_elsewhere() {
    let made = fixture(php_site());
    made.lay("site/a.css", &text(900_000));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _inside = runtime.enter();
    let field = ["Accept-Encoding: gzip"];
    let first = ask(&made, "GET", "/a.css", &field, Patience::Once);
    assert!(matches!(first, Way::Tick), "it is begun: {first:?}");
    let waited = std::time::Instant::now();
    loop {
        // Who has waited once gets what there is.
        let Way::File(answer) = ask(&made, "GET", "/a.css", &field, Patience::Spent) else {
            panic!("waits twice")
        };
        if coding(&answer) == "gzip" {
            assert_eq!(unzipped(&answer.file), text(900_000));
            break;
        }
        assert_eq!(answer.file.size, 900_000);
        assert!(waited.elapsed().as_secs() < 20, "never done");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

#[test]
fn a_file_that_changes_meanwhile_is_not_mixed() {
    let made = fixture(php_site());
    let path = made.lay("site/a.css", &text(5000));
    let fd = OwnedFd::from(File::open(&path).unwrap());
    let mtime = mtime_ns(&fstat(&fd).unwrap());
    assert!(pack(&fd, 5000, mtime).is_some());
    assert!(pack(&fd, 5001, mtime).is_none(), "shorter than it was");
    assert!(pack(&fd, 5000, mtime - 1).is_none(), "written since");
}

#[test]
fn what_is_kept_has_a_bound_also_while_it_is_sent() {
    let made = fixture(php_site());
    let mut held = Vec::new();
    let mut plain = 0;
    for number in 0..24 {
        // Noise of seven bits a byte.
        let mut word: u64 = 0x9e37_79b9_7f4a_7c15 + number;
        let noise: String = std::iter::repeat_with(|| {
            word ^= word << 13;
            word ^= word >> 7;
            word ^= word << 17;
            word.to_le_bytes().map(|byte| char::from(byte & 127))
        })
        .take(1 << 17)
        .flatten()
        .collect();
        made.lay(&format!("site/{number}.txt"), &noise);
        let answer = get(&made, &format!("/{number}.txt"), "gzip");
        assert!(gzips(&made).live_bytes() <= KEPT_BYTES_MAX);
        if coding(&answer) == "-" {
            plain += 1;
        }
        held.push(answer.file);
    }
    assert!(plain > 0, "24 forms of nearly a MiB are too much");
    drop(held);
    assert_eq!(coding(&get(&made, "/23.txt", "gzip")), "gzip", "there is room again");
    assert!(gzips(&made).live_bytes() <= KEPT_BYTES_MAX);
}

#[test]
fn few_forms_are_kept_by_number() {
    let made = fixture(php_site());
    for number in 0..KEPT_MAX + 20 {
        made.lay(&format!("site/{number}.txt"), &text(1100));
        assert_eq!(coding(&get(&made, &format!("/{number}.txt"), "gzip")), "gzip");
        assert!(gzips(&made).kept.borrow().len() <= KEPT_MAX);
    }
}

#[test]
fn each_rule_has_its_own_lines_over_the_same_bytes() {
    use menshen_config::model::{NameValue, Rule, Try};
    let header = NameValue { name: "x-rule".into(), value: "1".into() };
    let made = fixture(Wanted {
        tries: vec![Try::Other { path: "/app.html".into(), query: None }],
        rules: vec![Rule { headers: vec![header], ..Rule::new("/ruled/".into()) }],
        ..php_site()
    });
    made.lay("site/app.html", &text(5000));
    for _ in 0..2 {
        for (target, ruled) in [("/plain", false), ("/ruled/x", true)] {
            let answer = get(&made, target, "gzip");
            assert_eq!(coding(&answer), "gzip");
            assert_eq!(answer.file.map().contains_key("x-rule"), ruled, "{target}");
            assert_eq!(unzipped(&answer.file), text(5000));
        }
    }
    assert_eq!(gzips(&made).live.borrow().len(), 1);
}

#[test]
fn sites_do_not_mix_their_forms() {
    let named = |host: &str, root: &str| Wanted {
        hosts: vec![host.into()],
        root: root.into(),
        ..php_site()
    };
    let sites = vec![named("one.test", "same"), named("two.test", "same")];
    let made = Fixture::with(crate::fixture::Choices { sites, ..Default::default() });
    made.lay("same/a.css", &text(5000));
    let get = |sites: &Sites, host: &str| {
        let lines = Lines::of(&["Accept-Encoding: gzip"]);
        let ask = lines.ask("GET", "/a.css");
        let site = sites.find(host.as_bytes()).unwrap();
        let Way::File(answer) = site.route(&made.door, &ask, Patience::Once) else {
            panic!("no file")
        };
        answer.file
    };
    let (one, two) = (get(&made.door.sites, "one.test"), get(&made.door.sites, "two.test"));
    assert!(!Rc::ptr_eq(&one, &two));
    assert_eq!(unzipped(&one), unzipped(&two));
    assert!(Rc::ptr_eq(&one, &get(&made.door.sites, "one.test")));
}
