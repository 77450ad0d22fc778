//! Which files an application may have sent, and how it may spell them.

use std::os::unix::fs::symlink;

use menshen_config::model::{Links, Mount, Site as Wanted};
use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::*;
use crate::fixture::Fixture;
use crate::site::tests::{content, fixture, php_site};

use OffloadRefusal::{Directory, Elsewhere, Malformed, Missing};

/// `/files/` internal, `/files/inner/` internal over another folder, `/media/` for everybody.
fn made(links: Links) -> Fixture {
    let mount =
        |path: &str, root: &str, internal| Mount { path: path.into(), root: root.into(), internal };
    let made = fixture(Wanted {
        links,
        mounts: vec![
            mount("/files/", "store", true),
            mount("/files/inner/", "inner", true),
            mount("/media/", "media", false),
        ],
        ..php_site()
    });
    for name in [
        "store/plain.pdf",
        "store/100%.pdf",
        "store/报告?.pdf",
        "store/a%20b",
        "store/a b",
        "store/a+b",
        "store/code.php",
        "store/.hidden",
        "store/folder/x",
        "store/back\\slash",
        "inner/deep.txt",
        "media/open.txt",
        "media/run.php",
        "media/old.php.bak/x",
        "media/.env",
        "site/style.css",
        "site/index.php",
        "site/.user.ini",
        "site/files/shadowed",
        "store2/neighbour",
        "outside/secret",
    ] {
        made.lay(name, name);
    }
    let at = |name: &str| made.folder().join(name);
    symlink("../outside/secret", at("store/link")).unwrap();
    symlink("../outside", at("store/way")).unwrap();
    symlink("plain.pdf", at("store/same")).unwrap();
    mknodat(CWD, at("store/fifo"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    made
}

fn offload(made: &Fixture, target: Offload<'_>) -> Result<String, OffloadRefusal> {
    let site = made.door.sites.find(b"any").unwrap();
    site.offload(&made.door, target).map(|file| content(&file))
}

fn accel(made: &Fixture, value: &str) -> Result<String, OffloadRefusal> {
    offload(made, Offload::Accel(value.as_bytes()))
}

fn sendfile(made: &Fixture, value: &str) -> Result<String, OffloadRefusal> {
    let value = value.replace("@", made.folder().to_str().unwrap());
    offload(made, Offload::Sendfile(value.as_bytes()))
}

#[test]
fn a_path_may_be_spelt_as_applications_do() {
    let made = made(Links::Inside);
    for (value, name) in [
        ("/files/plain.pdf", "store/plain.pdf"),
        ("/files/plain.pdf?download=1", "store/plain.pdf"),
        ("/files/%70lain.pdf", "store/plain.pdf"),
        ("/files//plain.pdf", "store/plain.pdf"),
        ("/files/100%.pdf", "store/100%.pdf"),
        ("/files/100%25.pdf", "store/100%.pdf"),
        ("/files/报告?.pdf", "store/报告?.pdf"),
        ("/files/%E6%8A%A5%E5%91%8A%3F.pdf", "store/报告?.pdf"),
        ("/files/%E6%8A%A5%E5%91%8A?.pdf", "store/报告?.pdf"),
        ("/files/a b", "store/a b"),
        ("/files/a%20b", "store/a b"),
        ("/files/a%2520b", "store/a%20b"),
        ("/files/a+b", "store/a+b"),
        ("/files/back\\slash", "store/back\\slash"),
        ("/files/code.php", "store/code.php"),
        ("/files/.hidden", "store/.hidden"),
        ("/files/same", "store/plain.pdf"),
        ("/files/inner/deep.txt", "inner/deep.txt"),
        ("/media/open.txt", "media/open.txt"),
        ("/style.css", "site/style.css"),
    ] {
        assert_eq!(accel(&made, value), Ok(name.to_owned()), "{value}");
    }
    // Both exist: an encoded path is the common case.
    std::fs::remove_file(made.folder().join("store/a b")).unwrap();
    let site = made.door.sites.find(b"any").unwrap();
    site.places.iter().for_each(|place| {
        place.close_idle();
        place.close_idle();
    });
    assert_eq!(accel(&made, "/files/a%20b"), Ok("store/a%20b".into()));
}

#[test]
fn nothing_else_is_reached_by_a_path() {
    let made = made(Links::Inside);
    for (value, why) in [
        ("", Malformed),
        ("files/plain.pdf", Malformed),
        ("@named", Malformed),
        ("http://other.test/files/plain.pdf", Malformed),
        ("/files/../site/index.php", Malformed),
        ("/files/%2e%2e/outside/secret", Missing),
        ("/files/..%2foutside/secret", Missing),
        ("/files/./plain.pdf", Malformed),
        ("/files/plain.pdf%00", Missing),
        ("/files/.menshen-spool/x", Malformed),
        ("/files/nothing", Missing),
        ("//files/plain.pdf", Missing),
        ("/files/", Directory),
        ("/files", Directory),
        ("/files/folder", Directory),
        ("/files/plain.pdf/", Missing),
        ("/files/plain.pdf/x", Missing),
        ("/files/link", Missing),
        ("/files/way/secret", Missing),
        ("/files/fifo", Missing),
        ("/files/shadowed", Missing),
        ("/index.php", Elsewhere),
        ("/index.php?x", Elsewhere),
        ("/%69ndex.php", Elsewhere),
        ("/.user.ini", Elsewhere),
        ("/%2euser.ini", Elsewhere),
        ("/media/run.php", Elsewhere),
        ("/media/.env", Elsewhere),
        ("/media/old.php.bak/x", Elsewhere),
        ("/", Directory),
        ("/etc/passwd", Missing),
    ] {
        assert_eq!(accel(&made, value), Err(why), "{value}");
    }
    assert_eq!(offload(&made, Offload::Accel(b"/files/\xff\0")), Err(Malformed));
    assert_eq!(accel(&made, &format!("/files/{}", "x".repeat(5000))), Err(Malformed));
}

#[test]
fn an_absolute_path_has_to_be_in_a_mount() {
    let made = made(Links::Inside);
    symlink(made.folder().join("store"), made.folder().join("current")).unwrap();
    for (value, expected) in [
        ("@/store/plain.pdf", Ok("store/plain.pdf")),
        ("@/store//plain.pdf", Ok("store/plain.pdf")),
        ("@/store/100%.pdf", Ok("store/100%.pdf")),
        ("@/store/100%25.pdf", Ok("store/100%.pdf")),
        ("@/store/报告?.pdf", Ok("store/报告?.pdf")),
        ("@/store/a%20b", Ok("store/a%20b")),
        ("@/store/a b", Ok("store/a b")),
        ("@/store/a%2520b", Ok("store/a%20b")),
        ("@/inner/deep.txt", Ok("inner/deep.txt")),
        ("@/media/open.txt", Ok("media/open.txt")),
        ("@/store/../outside/secret", Err(Malformed)),
        ("@/store/%2e%2e/outside/secret", Err(Missing)),
        ("@/store/link", Err(Missing)),
        ("@/store/folder", Err(Directory)),
        ("@/store", Err(Elsewhere)),
        ("@/store2/neighbour", Err(Elsewhere)),
        ("@/outside/secret", Err(Elsewhere)),
        ("@/current/plain.pdf", Err(Elsewhere)),
        ("@/site/style.css", Err(Elsewhere)),
        ("@/media/run.php", Err(Elsewhere)),
        ("/files/plain.pdf", Err(Elsewhere)),
        ("store/plain.pdf", Err(Malformed)),
        ("/etc/passwd", Err(Elsewhere)),
        ("/", Err(Elsewhere)),
        ("", Err(Malformed)),
    ] {
        assert_eq!(sendfile(&made, value), expected.map(str::to_owned), "{value}");
    }
}

#[test]
fn a_mount_may_be_named_by_its_real_path() {
    let real = tempfile::tempdir().unwrap();
    std::fs::write(real.path().join("file"), "real").unwrap();
    let link = real.path().join("link");
    symlink(real.path(), &link).unwrap();
    // An absolute root takes the place of the fixture's folder.
    let made = fixture(Wanted {
        mounts: vec![Mount { path: "/files/".into(), root: link.clone(), internal: true }],
        ..php_site()
    });
    let at = |folder: &std::path::Path| folder.join("file").to_str().unwrap().to_owned();
    assert_eq!(sendfile(&made, &at(&link)), Ok("real".into()));
    assert_eq!(sendfile(&made, &at(&real.path().canonicalize().unwrap())), Ok("real".into()));
}

#[test]
fn links_of_mounts_lead_out_only_where_that_is_allowed() {
    let made = made(Links::Anywhere);
    assert_eq!(accel(&made, "/files/link"), Ok("outside/secret".into()));
    assert_eq!(accel(&made, "/files/way/secret"), Ok("outside/secret".into()));
    // Slashes at the front make no absolute path of what is opened.
    assert_eq!(accel(&made, "/files//etc/passwd"), Err(Missing));
    assert_eq!(accel(&made, "/files///etc/passwd"), Err(Missing));
    assert_eq!(sendfile(&made, "@/store//etc/passwd"), Err(Missing));
    assert_eq!(accel(&made, "/files/way/../outside/secret"), Err(Malformed));
    assert_eq!(accel(&made, "/files/fifo"), Err(Missing));
}

#[test]
fn a_file_can_be_dressed_as_the_application_says() {
    let made = made(Links::Inside);
    let site = made.door.sites.find(b"any").unwrap();
    let file = site.offload(&made.door, Offload::Accel(b"/files/plain.pdf")).unwrap();
    let dressed = file.with("text/x-own".into(), b"cache-control: private\r\n");
    let text = String::from_utf8(dressed.lines.clone()).unwrap();
    let names: Vec<_> = text.lines().map(|line| line.split(':').next().unwrap()).collect();
    let expected = ["content-type", "etag", "last-modified", "accept-ranges", "cache-control"];
    assert_eq!(names, expected);
    assert!(text.starts_with("content-type: text/x-own\r\n"));
    assert_eq!(dressed.etag(), file.etag());
    assert_eq!(content(&dressed), "store/plain.pdf");
}
