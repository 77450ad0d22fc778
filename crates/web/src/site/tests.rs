//! Rules, redirects, mounts, hosts and header fields of sites, against real folders.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use menshen_config::Network;
pub(super) use menshen_config::model::Site as Wanted;
use menshen_config::model::{Delivery, Mount, NameValue, PhpBackend, Redirect, Rule};
use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::*;
use crate::files::FileEntry;
use crate::fixture::{Choices, Fixture, Lines};
use crate::plan::{FileAnswer, Patience, Span};
use crate::reply::Reply;

/// A site with PHP over the folder `site`, for every host.
pub(super) fn php_site() -> Wanted {
    Wanted { root: "site".into(), php: PhpBackend::Managed, ..Wanted::default() }
}

pub(super) fn fixture(site: Wanted) -> Fixture {
    Fixture::with(Choices { sites: vec![site], ..Choices::default() })
}

pub(super) fn rule(path: &str) -> Rule {
    Rule::new(path.into())
}

pub(super) fn pair(name: &str, value: &str) -> NameValue {
    NameValue { name: name.into(), value: value.into() }
}

pub(super) fn other(path: &str) -> Try {
    Try::Other { path: path.into(), query: None }
}

pub(super) fn way(made: &Fixture, method: &str, target: &str, fields: &[&str]) -> Way {
    let lines = Lines::of(fields);
    let ask = lines.ask(method, target);
    let site = made.door.sites.find(ask.host).unwrap();
    site.route(&made.door, &ask, Patience::Once)
}

pub(super) fn content(file: &FileEntry) -> String {
    let mut bytes = vec![0; usize::try_from(file.size).unwrap()];
    assert_eq!(rustix::io::pread(&file.fd, &mut bytes, 0).unwrap(), bytes.len());
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `404`, `308 /to/`, `file CONTENT`, `run NAME PATH_INFO?QUERY`.
pub(super) fn told(way: Way) -> String {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    match way {
        Way::Reply(reply) => match field(&reply, "location") {
            Some(location) => format!("{} {location}", reply.status),
            None => reply.status.to_string(),
        },
        Way::File(FileAnswer { file, span: Span::Whole }) => format!("file {}", content(&file)),
        Way::File(FileAnswer { span, .. }) => format!("{span:?}"),
        Way::Tick => "tick".into(),
        Way::Script(script) => {
            let mut line = format!("run {}", text(script.name));
            if !script.path_info.is_empty() {
                line += &format!(" {}", text(script.path_info));
            }
            if !script.query.is_empty() {
                line += &format!("?{}", text(script.query));
            }
            line
        }
    }
}

pub(super) fn field(reply: &Reply, name: &str) -> Option<String> {
    let value = reply.fields.iter().find(|(key, _)| *key == name)?;
    Some(String::from_utf8(value.1.to_vec()).unwrap())
}

pub(super) fn script(made: &Fixture, target: &str) -> Box<Script> {
    match way(made, "GET", target, &[]) {
        Way::Script(script) => script,
        other => panic!("{target}: {other:?}"),
    }
}

/// Rows of method, target and outcome.
pub(super) fn check(made: &Fixture, table: &str) {
    for row in table.lines().map(str::trim).filter(|row| !row.is_empty()) {
        let (method, rest) = row.split_once(' ').unwrap();
        let (target, expected) = rest.trim_start().split_once(' ').unwrap();
        assert_eq!(told(way(made, method, target, &[])), expected.trim(), "{method} {target}");
    }
}

/// A folder as applications have it, and what should not be in one.
pub(super) fn application(site: Wanted) -> Fixture {
    let made = fixture(site);
    for name in [
        "index.php",
        "style.css",
        "报告.pdf",
        "admin/index.php",
        "admin/tool.php",
        "docs/index.html",
        "docs/deep/page.html",
        "empty/nothing.txt",
        "uploads/evil.php",
        "uploads/picture.jpg",
        "upload.jpg",
        "x.PHP",
        "x.php.",
        "x.phtml",
        "config.php.bak",
        "full．php",
        "a.php/inside.txt",
        "a.php/index.html",
        ".user.ini",
        ".git/config",
        ".well-known/acme/token",
        ".well-known/.hidden",
        "docs/.htpasswd",
    ] {
        made.lay(&format!("site/{name}"), name);
    }
    made.lay("outside/secret.php", "<?php secret();");
    made.lay("outside/secret.txt", "secret");
    let site = made.folder().join("site");
    symlink("../outside/secret.php", site.join("out.php")).unwrap();
    symlink(made.folder().join("outside/secret.txt"), site.join("out.txt")).unwrap();
    symlink("../outside", site.join("out")).unwrap();
    symlink("index.php", site.join("again.php")).unwrap();
    mknodat(CWD, site.join("fifo.php"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    mknodat(CWD, site.join("fifo.txt"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    UnixListener::bind(site.join("socket.php")).unwrap();
    made
}

/// Only `$path`: what is not there is 404 and not the front controller's.
pub(super) fn path_only() -> Wanted {
    let mut site = php_site();
    site.tries = vec![Try::Path];
    site.rules = vec![Rule { php: false, ..rule("/uploads/") }];
    site
}

#[test]
fn the_longest_rule_counts() {
    let network = |text: &str| Network { address: text.parse().unwrap(), prefix: 24 };
    let made = application(Wanted {
        tries: vec![Try::Path],
        headers: vec![pair("X-Site", "1"), pair("X-Both", "site")],
        delivery: Delivery::Swap,
        upload_bytes_max: 10,
        rules: vec![
            Rule { open: false, ..rule("/docs/") },
            rule("/docs/deep/"),
            Rule { allow: vec![network("198.51.100.0")], ..rule("/admin/") },
            Rule { allow: vec![network("192.0.2.0")], ..rule("/admin/index.php") },
            Rule { open: false, ..rule("/index.php") },
            Rule {
                script: Some("/admin/tool.php".into()),
                delivery: Some(Delivery::Fields),
                upload_bytes_max: Some(99),
                file_bytes_max: Some(9),
                headers: vec![pair("x-both", "rule")],
                ..rule("/api/")
            },
            Rule { script: Some("/gone.php".into()), ..rule("/gone/") },
            Rule { script: Some("/uploads/evil.php".into()), ..rule("/trap/") },
            Rule { php: false, ..rule("/uploads/") },
        ],
        ..php_site()
    });
    check(
        &made,
        "GET  /docs/               404
         GET  /docs                404
         GET  /docs/index.html     404
         GET  /docs/deep/page.html file docs/deep/page.html
         GET  /admin/tool.php      403
         GET  /admin/nothing       403
         GET  /admin               403
         GET  /admin/index.php     run /admin/index.php
         GET  /admin/              403
         GET  /                    404
         GET  /index.php           404
         GET  /index.php/x         404
         GET  /again.php           run /again.php
         GET  /api/                run /admin/tool.php
         GET  /api/a/b?x           run /admin/tool.php?x
         PUT  /api/style.css       run /admin/tool.php
         GET  /api/.env            404
         GET  /gone/x              404
         GET  /trap/x              404
         GET  /uploads/evil.php    404",
    );
    let api = script(&made, "/api/x").settings;
    assert_eq!((api.rule, api.delivery), (Some(5), Delivery::Fields));
    assert_eq!((api.upload_bytes_max, api.file_bytes_max, api.fields), (99, 9, None));
    assert_eq!(api.extra.lines, b"x-site: 1\r\nx-both: rule\r\n");
    let plain = script(&made, "/again.php").settings;
    assert_eq!((plain.rule, plain.delivery), (None, Delivery::Swap));
    assert_eq!((plain.upload_bytes_max, plain.file_bytes_max), (10, 0));
    assert_eq!(plain.extra.lines, b"x-site: 1\r\nx-both: site\r\n");
}

#[test]
fn a_rule_for_a_script_holds_for_what_follows_its_name() {
    let network = Network { address: [198, 51, 100, 0].into(), prefix: 24 };
    let made = application(Wanted {
        rules: vec![
            Rule { allow: vec![network], ..rule("/admin/tool.php") },
            Rule { upload_bytes_max: Some(5), ..rule("/index.php") },
        ],
        ..php_site()
    });
    check(
        &made,
        "GET /admin/tool.php    403
         GET /admin/tool.php/   403
         GET /admin/tool.php/x  403
         GET /admin/            run /admin/index.php",
    );
    assert_eq!(script(&made, "/").settings.upload_bytes_max, 5);
    assert_eq!(script(&made, "/index.php/x").settings.upload_bytes_max, 5);
    // The front controller is named by the configuration, not by the client.
    assert_eq!(script(&made, "/pretty").settings.upload_bytes_max, 0);
}

#[test]
fn what_moved_is_redirected() {
    let moved =
        |from: &str, to: &str, status| Redirect { from: from.into(), to: to.into(), status };
    let made = application(Wanted {
        redirects: vec![
            moved("/old/", "/new/", 301),
            moved("/old/exact", "https://other.test/x?a=1#top", 302),
            moved("/old/all/", "/one", 308),
            moved("/style.css", "/docs/", 307),
            moved("/closed/", "/new/", 301),
        ],
        rules: vec![Rule { open: false, ..rule("/closed/") }],
        ..php_site()
    });
    check(
        &made,
        "GET    /old/              301 /new/
         GET    /old/a%20b/c?x=1   301 /new/a%20b/c?x=1
         GET    /old/%0aX:%20y     400
         DELETE /old/x             301 /new/x
         GET    /old/exact         302 https://other.test/x?a=1#top
         GET    /old/exact?b       302 https://other.test/x?a=1&b#top
         GET    /old/exact/        301 /new/exact/
         GET    /old/all/x?y       308 /one?y
         POST   /style.css         307 /docs/
         GET    /old               run /index.php
         GET    /closed/x          404",
    );
}

#[test]
fn mounts_are_shown_at_their_paths() {
    let mount =
        |path: &str, root: &str, internal| Mount { path: path.into(), root: root.into(), internal };
    let made = application(Wanted {
        mounts: vec![
            mount("/media/inner/", "inner", false),
            mount("/media/", "media", false),
            mount("/protected/", "protected", true),
        ],
        tries: vec![Try::Path, other("/index.php")],
        rules: vec![Rule { php: false, ..rule("/media/inner/") }],
        ..php_site()
    });
    made.lay("media/picture.jpg", "picture");
    made.lay("media/run.php", "");
    made.lay("media/folder/index.html", "folder");
    made.lay("media/index.html", "media");
    made.lay("inner/run.php", "");
    made.lay("inner/file.txt", "inner");
    made.lay("protected/secret.pdf", "secret");
    made.lay("site/media/shadowed.txt", "shadowed");
    symlink("../site/style.css", made.folder().join("media/link.css")).unwrap();
    check(
        &made,
        "GET /media/picture.jpg     file picture
         GET /media                 308 /media/
         GET /media/                file media
         GET /media/folder          308 /media/folder/
         GET /media/run.php/x       run /media/run.php /x
         GET /media/shadowed.txt    run /index.php
         GET /media/link.css        run /index.php
         GET /media/inner/file.txt  file inner
         GET /media/inner/run.php   404
         GET /media/inner           run /index.php
         GET /mediapicture.jpg      run /index.php
         GET /protected/secret.pdf  404
         GET /protected/            404
         GET /protected             404
         GET /protected/none        404",
    );
    let found = script(&made, "/media/run.php/x");
    let at = |name: &str| made.folder().join(name).into_os_string().into_encoded_bytes();
    assert_eq!(found.filename, at("media/run.php"));
    assert_eq!(found.site.document_root, at("site"));
}

#[test]
fn hosts_choose_their_site() {
    let named = |names: &[&str]| Wanted {
        hosts: names.iter().map(ToString::to_string).collect(),
        ..php_site()
    };
    let find =
        |made: &Fixture, host: &str| made.door.sites.find(host.as_bytes()).map(|site| site.number);
    let sites = vec![
        named(&["example.test", "*.example.test"]),
        named(&["www.example.test", "[::1]", "192.0.2.7"]),
        named(&[]),
        named(&["*.test"]),
    ];
    let made = Fixture::with(Choices { sites, ..Choices::default() });
    let long = format!("{}.test", "a".repeat(300));
    for (host, number) in [
        ("example.test", 0),
        ("EXAMPLE.Test:8443", 0),
        ("example.test.", 0),
        ("a.example.test", 0),
        ("www.example.test", 1),
        ("WWW.example.test:443", 1),
        ("[::1]:8443", 1),
        ("192.0.2.7", 1),
        ("a.b.example.test", 2),
        ("other.test", 3),
        (".test", 2),
        ("*.test", 3),
        ("elsewhere", 2),
        ("", 2),
        (&long, 2),
    ] {
        assert_eq!(find(&made, host), Some(number), "{host}");
    }
    let sites = vec![named(&["example.test"])];
    let made = Fixture::with(Choices { sites, ..Choices::default() });
    assert_eq!(find(&made, "example.test"), Some(0));
    assert_eq!(find(&made, "files.example"), None);
    assert_eq!(find(&Fixture::new(), "example.test"), None);
}

#[test]
fn a_site_takes_its_requests_from_the_file_service() {
    let site = Wanted { hosts: vec!["files.example".into()], ..path_only() };
    let made = application(site);
    made.file("served", "of the file service");
    let plan = |lines: &Lines, host: &'static [u8], target: &str| {
        let ask = crate::ask::Ask { host, ..lines.ask("GET", target) };
        made.door.plan(&ask, Patience::Once)
    };
    use crate::plan::Plan;
    let owner = Lines::of(&[format!("Authorization: Bearer {}", crate::fixture::TOKEN)]);
    assert!(matches!(plan(&owner, b"files.example", "/style.css"), Plan::File(_)));
    assert!(matches!(plan(&owner, b"files.example", "/index.php"), Plan::Php(_)));
    let gone = plan(&owner, b"files.example", "/served");
    assert!(matches!(gone, Plan::Reply(reply) if reply.status == 404));
    assert!(matches!(plan(&owner, b"other.example", "/served"), Plan::File(_)));
}

#[test]
fn files_of_a_site_say_what_a_site_means() {
    let made = application(Wanted {
        headers: vec![
            pair("X-Frame-Options", "DENY"),
            pair("X-Content-Type-Options", "other"),
            pair("Content-Type", "text/x-own"),
        ],
        rules: vec![Rule {
            headers: vec![pair("Cache-Control", "max-age=60"), pair("content-type", "a/b")],
            ..rule("/docs/")
        }],
        ..php_site()
    });
    let lines = |target: &str| match way(&made, "GET", target, &[]) {
        Way::File(FileAnswer { file, .. }) => {
            let pairs = file.map().iter();
            assert!(file.lines.starts_with(b"content-type: "));
            pairs
                .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
                .collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    let has = |lines: &[String], line: &str| lines.iter().any(|found| found == line);
    let style = lines("/style.css");
    for line in ["content-type: text/x-own", "x-frame-options: DENY", "accept-ranges: bytes"] {
        assert!(has(&style, line), "{line}: {style:?}");
    }
    assert!(has(&style, "x-content-type-options: other"));
    for name in ["content-disposition", "content-security-policy", "cache-control", "nosniff"] {
        assert!(!style.iter().any(|line| line.contains(name)), "{name}: {style:?}");
    }
    let docs = lines("/docs/deep/page.html");
    assert!(has(&docs, "cache-control: max-age=60") && has(&docs, "content-type: a/b"));
    assert_eq!(docs.iter().filter(|line| line.starts_with("content-type:")).count(), 1);

    let plain = application(php_site());
    let Way::File(FileAnswer { file, .. }) = way(&plain, "GET", "/style.css", &[]) else {
        panic!("no file")
    };
    let text = String::from_utf8(file.lines.clone()).unwrap();
    let names: Vec<_> = text.lines().map(|line| line.split(':').next().unwrap()).collect();
    let expected = [
        "content-type",
        "etag",
        "last-modified",
        "accept-ranges",
        "x-content-type-options",
        "vary",
    ];
    assert_eq!(names, expected);
    assert!(text.starts_with("content-type: text/css; charset=utf-8\r\n"));
}

#[test]
fn answers_from_memory_carry_the_fields_too() {
    let made = application(Wanted {
        headers: vec![
            pair("X-Frame-Options", "DENY"),
            pair("Cache-Control", "max-age=60"),
            pair("Expires", "Fri, 01 Jan 2100 00:00:00 GMT"),
            pair("Content-Type", "text/x-own"),
        ],
        redirects: vec![Redirect { from: "/old".into(), to: "/new".into(), status: 301 }],
        rules: vec![Rule { open: false, headers: vec![pair("x-rule", "1")], ..rule("/closed/") }],
        ..path_only()
    });
    let fields = |target: &str, asked: &[&str]| match way(&made, "GET", target, asked) {
        Way::Reply(reply) => {
            let all = |name: &str| {
                let named = reply.fields.iter().filter(|(key, _)| *key == name);
                let values: Vec<_> =
                    named.map(|(_, value)| String::from_utf8(value.to_vec()).unwrap()).collect();
                values.join("|")
            };
            if reply.status >= 400 {
                assert_eq!(all("expires"), "", "{target}");
                assert_ne!(all("content-type"), "text/x-own", "{target}");
            }
            (reply.status, all("x-frame-options"), all("cache-control"), all("x-rule"))
        }
        other => panic!("{other:?}"),
    };
    let row = |status, cache: &str, rule: &str| (status, "DENY".into(), cache.into(), rule.into());
    assert_eq!(fields("/closed/x", &[]), row(404, "no-store", "1"));
    assert_eq!(fields("/nothing", &[]), row(404, "no-store", ""));
    assert_eq!(fields("/%zz", &[]), row(400, "no-store", ""));
    assert_eq!(fields("/old", &[]), row(301, "max-age=60", ""));
    assert_eq!(fields("/docs", &[]), row(308, "max-age=60", ""));
    let all = ["If-None-Match: *"];
    assert_eq!(fields("/style.css", &all), row(304, "max-age=60", ""));
    assert_eq!(fields("/style.css", &["Range: bytes=99-"]), row(416, "no-store", ""));
}

#[test]
fn conditions_and_ranges_hold_for_files_of_sites() {
    let made = application(php_site());
    let told = |method: &str, fields: &[&str]| told(way(&made, method, "/style.css", fields));
    assert_eq!(told("GET", &["Range: bytes=0-1"]), "One(ByteRange { start: 0, end: 2 })");
    assert_eq!(told("HEAD", &["Range: bytes=0-1"]), "file style.css");
    assert_eq!(told("GET", &["If-None-Match: *"]), "304");
    assert_eq!(told("GET", &["If-Match: \"other\""]), "412");
    assert_eq!(told("GET", &["Range: bytes=50-"]), "416");
    std::fs::write(made.folder().join("site/new.css"), "new").unwrap();
    let now = |patience| {
        let lines = Lines::of::<&str>(&[]);
        let site = made.door.sites.find(b"x").unwrap();
        site.route(&made.door, &lines.ask("GET", "/new.css"), patience)
    };
    assert!(matches!(now(Patience::Once), Way::Tick));
    assert!(matches!(now(Patience::Spent), Way::File(_)));
}

#[test]
fn fields_of_the_site_go_to_pages_that_do_not_have_them() {
    let made = fixture(Wanted {
        headers: vec![pair("X-Site", "1"), pair("Content-Security-Policy", "site")],
        rules: vec![Rule { headers: vec![pair("X-Site", "rule")], ..rule("/api/") }],
        ..php_site()
    });
    made.lay("site/a.php", "<?php");
    made.lay("site/api/a.php", "<?php");
    let extra = |target: &str, lines: &str| {
        String::from_utf8(script(&made, target).extra_lines(lines.as_bytes())).unwrap()
    };
    let all = "x-site: 1\r\ncontent-security-policy: site\r\n";
    assert_eq!(extra("/a.php", ""), all);
    assert_eq!(extra("/a.php", "x-other: x-site: 1\r\nx-sites: 2\r\nx-sit: 3\r\n"), all);
    let own = "Content-Security-Policy: own\r\nx-a: b\r\n";
    assert_eq!(extra("/a.php", own), "x-site: 1\r\n", "the page's own counts, in any case");
    assert_eq!(extra("/a.php", "x-site:\r\ncontent-security-policy: x\r\n"), "");
    let api = extra("/api/a.php", "");
    assert_eq!(api, "content-security-policy: site\r\nx-site: rule\r\n");
}

#[test]
fn php_is_told_of_mounts_whose_names_can_be_said() {
    let mount = |path: &str, root: &str| Mount {
        path: path.into(),
        root: root.into(),
        internal: path != "/open/",
    };
    let site = |mounts: Vec<Mount>| Wanted { mounts, ..php_site() };
    let mapped = |mounts: Vec<Mount>| String::from_utf8(accel_mapping(&site(mounts))).unwrap();
    assert_eq!(mapped(vec![]), "");
    assert_eq!(mapped(vec![mount("/files/", "/srv/store")]), "/srv/store/=/files/");
    assert_eq!(mapped(vec![mount("/files/", "/srv/store/")]), "/srv/store/=/files/");
    let two = vec![mount("/files/", "/srv/文"), mount("/open/", "/srv/b c")];
    assert_eq!(mapped(two), "/srv/文/=/files/,/srv/b c/=/open/");
    for odd in ["/srv/a,b", "/srv/a=b", "/srv/a\"b"] {
        let some = vec![mount("/x/", odd), mount("/y/", "/srv/y")];
        assert_eq!(mapped(some), "/srv/y/=/y/", "{odd}");
    }
    // And it gets there.
    let made = fixture(site(vec![mount("/files/", "store")]));
    made.lay("site/a.php", "<?php");
    let expected = format!("{}/store/=/files/", made.folder().display());
    assert_eq!(script(&made, "/a.php").site.accel_mapping, expected.as_bytes());
}
