//! Tests of listings: names of strangers, order, bounds.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use super::*;
use crate::fixture::Fixture;

fn read(made: &Fixture, path: &str, most: usize) -> Listing {
    Listing::read(made.root(), path, "read", most).unwrap()
}

fn shown(listing: &Listing) -> Vec<&str> {
    listing.entries.iter().map(|entry| entry.name.as_str()).collect()
}

#[test]
fn directories_come_first_then_names_in_order() {
    let made = Fixture::new();
    for name in ["b", "a", "B", "文", "10", "9", "a b"] {
        made.file(name, "text");
    }
    for name in ["z", "y"] {
        std::fs::create_dir(made.path(name)).unwrap();
    }
    let listing = read(&made, "/", 100);
    assert_eq!(shown(&listing), ["y", "z", "10", "9", "B", "a", "a b", "b", "文"]);
    assert!(!listing.truncated && listing.unservable == 0);
}

#[test]
fn what_no_request_could_name_is_counted_and_not_shown() {
    let made = Fixture::new();
    made.file("fine", "text");
    made.file(".hidden", "shown: it can be asked for");
    let hostile: [&[u8]; 5] =
        [b"new\nline", b"back\\slash", b"\xff\xfe", b"esc\x1b[2J", b"del\x7f"];
    for name in hostile {
        std::fs::write(made.path("").join(std::ffi::OsStr::from_bytes(name)), "x").unwrap();
    }
    std::fs::create_dir(made.path(".menshen-other")).unwrap();
    let listing = read(&made, "/", 100);
    assert_eq!(shown(&listing), [".hidden", "fine"]);
    assert_eq!(listing.unservable, hostile.len());
}

#[test]
fn only_what_can_be_served_is_listed() {
    let made = Fixture::new();
    made.file("real", "text");
    symlink("real", made.path("link")).unwrap();
    symlink("/etc/passwd", made.path("out")).unwrap();
    symlink("nowhere", made.path("dangling")).unwrap();
    let fifo = FileType::Fifo;
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, made.path("fifo"), fifo, mode, 0).unwrap();
    let listing = read(&made, "/", 100);
    assert_eq!(shown(&listing), ["link", "real"]);
    assert_eq!(listing.entries[0].size, Some(4), "a link is as large as what it leads to");
    assert_eq!(Listing::read(made.root(), "/real/", "read", 9).unwrap_err(), Fault::NotFound);
    assert_eq!(Listing::read(made.root(), "/nothing/", "read", 9).unwrap_err(), Fault::NotFound);
}

#[test]
fn a_long_directory_is_cut_and_says_so() {
    let made = Fixture::new();
    for number in 0..10 {
        made.file(&number.to_string(), "");
    }
    for (most, entries, truncated) in [(11, 10, false), (10, 10, false), (9, 9, true), (0, 0, true)]
    {
        let listing = read(&made, "/", most);
        assert_eq!((listing.entries.len(), listing.truncated), (entries, truncated), "{most}");
    }
}

#[test]
fn rows_carry_no_markup_of_strangers_and_their_links_lead_back() {
    let made = Fixture::new();
    let hostile = [
        "<script>alert(1)<",
        "\"><img src=x onerror=alert(1)>",
        "'&amp;",
        "javascript:alert(1)",
        "a?b#c%41",
        "..x",
        "文 件",
    ];
    for name in hostile {
        made.file(&format!("folder/{name}"), "");
    }
    std::fs::create_dir(made.path("folder/<b>")).unwrap();
    let listing = read(&made, "/folder/", 100);
    let rows = listing.rows();
    let mut links = Vec::new();
    for row in rows.split("<tr><td><a href=\"./").skip(1) {
        let (link, rest) = row.split_once("\">").unwrap();
        let (name, rest) = rest.split_once("</a></td><td>").unwrap();
        assert!(!link.contains(['<', '>', '"', '\'', '&', '?', '#', ' ']), "{link}");
        assert!(!name.contains(['<', '>', '"', '\'']), "{name}");
        assert!(rest.ends_with("Z</td></tr>"), "{rest}");
        let path = format!("/folder/{link}");
        let path = menshen_web_core::target::decode_path(path.as_bytes()).unwrap();
        links.push(path.name().to_owned());
    }
    let mut expected: Vec<&str> = hostile.into_iter().chain(["<b>"]).collect();
    links.sort();
    expected.sort_unstable();
    assert_eq!(links, expected);
}

#[test]
fn json_tells_kind_size_time_and_tag() {
    let made = Fixture::new();
    made.file("a\"file", "12345");
    std::fs::create_dir(made.path("folder")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&read(&made, "/", 100).json()).unwrap();
    assert_eq!(json["path"], "/");
    assert_eq!((&json["access"], &json["truncated"]), (&"read".into(), &false.into()));
    let [folder, file] = json["entries"].as_array().unwrap().as_slice() else { panic!("{json}") };
    assert_eq!((&folder["kind"], &folder["name"]), (&"directory".into(), &"folder".into()));
    assert!(folder.get("size").is_none() && folder.get("etag").is_none());
    assert_eq!((&file["kind"], &file["name"]), (&"file".into(), &"a\"file".into()));
    assert_eq!(file["size"], 5);
    let stat = made.root().look(b"/a\"file").unwrap().unwrap();
    let tag = String::from_utf8(
        etag_of(&stat).header_value(menshen_web_core::conditional::Strength::Strong).to_vec(),
    );
    assert_eq!(file["etag"], tag.unwrap(), "the same tag as in a download");
    assert_eq!(file["modified"], rfc3339(stat.st_mtime));
}

#[test]
fn html_escapes_everything_that_ends_a_text_or_a_value() {
    assert_eq!(html("a<b>&\"c'"), "a&lt;b&gt;&amp;&quot;c&#39;");
    assert_eq!(html("文 x"), "文 x");
}
