//! What a request comes to in a site, against real folders.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use menshen_config::Network;
use menshen_config::model::{
    Delivery, Links, Mount, NameValue, PhpBackend, QueryPiece, Redirect, Rule, Site as Wanted,
};
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

fn rule(path: &str) -> Rule {
    Rule::new(path.into())
}

fn pair(name: &str, value: &str) -> NameValue {
    NameValue { name: name.into(), value: value.into() }
}

fn other(path: &str) -> Try {
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
fn told(way: Way) -> String {
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

fn field(reply: &Reply, name: &str) -> Option<String> {
    let value = reply.fields.iter().find(|(key, _)| *key == name)?;
    Some(String::from_utf8(value.1.to_vec()).unwrap())
}

fn script(made: &Fixture, target: &str) -> Box<Script> {
    match way(made, "GET", target, &[]) {
        Way::Script(script) => script,
        other => panic!("{target}: {other:?}"),
    }
}

/// Rows of method, target and outcome.
fn check(made: &Fixture, table: &str) {
    for row in table.lines().map(str::trim).filter(|row| !row.is_empty()) {
        let (method, rest) = row.split_once(' ').unwrap();
        let (target, expected) = rest.trim_start().split_once(' ').unwrap();
        assert_eq!(told(way(made, method, target, &[])), expected.trim(), "{method} {target}");
    }
}

/// A folder as applications have it, and what should not be in one.
fn application(site: Wanted) -> Fixture {
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
fn path_only() -> Wanted {
    let mut site = php_site();
    site.tries = vec![Try::Path];
    site.rules = vec![Rule { php: false, ..rule("/uploads/") }];
    site
}

#[test]
fn paths_lead_to_scripts_files_and_indexes() {
    let made = application(php_site());
    check(
        &made,
        "GET     /                     run /index.php
         POST    /                     run /index.php
         PROPFIND /                    run /index.php
         OPTIONS /index.php            run /index.php
         GET     /?a=b&c               run /index.php?a=b&c
         GET     /index.php            run /index.php
         GET     /index.php/           run /index.php /
         GET     /index.php/a/b        run /index.php /a/b
         GET     /index.php/a.php      run /index.php /a.php
         GET     /index%2Ephp/%E9%97%A8?x run /index.php /门?x
         GET     /admin                308 /admin/
         GET     /admin?a=1            308 /admin/?a=1
         POST    /admin                308 /admin/
         GET     /admin/               run /admin/index.php
         GET     /admin/tool.php       run /admin/tool.php
         GET     /again.php            run /again.php
         GET     /docs                 308 /docs/
         GET     /docs/                file docs/index.html
         POST    /docs/                405
         GET     /style.css            file style.css
         HEAD    /style.css            file style.css
         GET     /style.css?v=2        file style.css
         POST    /style.css            405
         DELETE  /style.css            405
         OPTIONS /style.css            405
         TRACE   /                     405
         OPTIONS *                     204
         GET     /style.css/           run /index.php
         GET     /style.css/more       run /index.php
         GET     /%E6%8A%A5%E5%91%8A.pdf file 报告.pdf
         GET     /docs/deep            run /index.php
         GET     /docs/deep/           run /index.php
         GET     /empty                run /index.php
         GET     /pretty/url?x=1       run /index.php?x=1
         POST    /pretty/url           run /index.php
         GET     /missing.php          run /index.php
         GET     /.well-known/acme/token file .well-known/acme/token
         GET     /.well-known/nothing  run /index.php",
    );
    let redirect = match way(&made, "GET", "/admin", &[]) {
        Way::Reply(reply) => *reply,
        other => panic!("{other:?}"),
    };
    assert_eq!(field(&redirect, "cache-control").as_deref(), Some("no-cache"));
}

#[test]
fn what_only_looks_like_a_script_is_neither_run_nor_sent() {
    let made = application(path_only());
    check(
        &made,
        "GET  /upload.jpg/x.php             404
         GET  /x.PHP                        404
         GET  /x.php%00.jpg                 400
         GET  /x.php.                       404
         GET  /x.php%20                     404
         GET  /x.phtml                      404
         GET  /config.php.bak               404
         GET  /index.php/../../etc/passwd   400
         GET  /index.php/%2e%2e/style.css   400
         GET  /index.php%2f..%2f            400
         GET  /index.php/a%5cb              400
         GET  //index.php                   400
         GET  /.user.ini                    404
         GET  /%2euser.ini                  404
         GET  /.git/config                  404
         GET  /docs/.htpasswd               404
         GET  /.well-known/.hidden          404
         GET  /.menshen-spool/x             404
         GET  /.menshen/session             404
         POST /.menshen/session             404
         GET  /uploads/evil.php             404
         GET  /uploads/evil.php/x           404
         POST /uploads/evil.php             404
         GET  /uploads/picture.jpg/x.php    404
         GET  /uploads/picture.jpg          file uploads/picture.jpg
         GET  /a.php                        308 /a.php/
         GET  /a.php/                       file a.php/index.html
         GET  /a.php/inside.txt             file a.php/inside.txt
         GET  /out.php                      404
         GET  /out.txt                      404
         GET  /out/secret.txt               404
         GET  /out/secret.php               404
         GET  /fifo.php                     404
         GET  /fifo.php/x                   404
         GET  /fifo.txt                     404
         GET  /socket.php                   404
         GET  /INDEX.PHP                    404
         GET  /index.PHP                    404
         GET  /index.php.jpg                404
         GET  /empty/                       404",
    );
    // By its bytes this is no script, and just a file of an unknown type.
    let target = "/full%EF%BC%8Ephp";
    assert_eq!(told(way(&made, "GET", target, &[])), "file full．php");
}

#[test]
fn links_lead_out_only_where_that_is_allowed() {
    let made = application(Wanted { links: Links::Anywhere, ..path_only() });
    check(
        &made,
        "GET  /out.php                      run /out.php
         GET  /out.txt                      file secret
         GET  /out/secret.txt               file secret
         GET  /out/../outside/secret.txt    400
         GET  /fifo.txt                     404
         GET  /.git/config                  404",
    );
}

#[test]
fn without_php_no_source_is_sent() {
    let made = application(Wanted { php: PhpBackend::Off, ..php_site() });
    check(
        &made,
        "GET  /               404
         GET  /index.php      404
         GET  /index.php/x    404
         GET  /uploads/evil.php 404
         GET  /x.phtml        404
         GET  /docs/          file docs/index.html
         GET  /style.css      file style.css
         GET  /nothing        404
         POST /style.css      405
         POST /index.php      404",
    );
    made.lay("site/index.html", "home");
    check(&made, "GET / file home");
}

#[test]
fn a_script_is_told_where_it_is() {
    let made = application(php_site());
    let root = made.folder().join("site").into_os_string().into_string().unwrap();
    let found = script(&made, "/admin/tool.php/a%20b/?q=%20");
    assert_eq!(found.filename, format!("{root}/admin/tool.php").into_bytes());
    assert_eq!(found.site.document_root, root.as_bytes());
    assert_eq!(found.name, b"/admin/tool.php");
    assert_eq!(found.path_info, b"/a b/");
    assert_eq!(found.document_uri, b"/admin/tool.php/a b/");
    assert_eq!(found.query, b"q=%20");
    let found = script(&made, "/pretty/url");
    assert_eq!((&*found.document_uri, &*found.path_info), (&b"/index.php"[..], &b""[..]));

    let elsewhere = Wanted { php_root: Some("/app/public/".into()), ..php_site() };
    let made = application(elsewhere);
    let found = script(&made, "/admin/tool.php");
    assert_eq!(found.filename, b"/app/public/admin/tool.php");
    assert_eq!(found.site.document_root, b"/app/public");
    assert_eq!(&*found.user_ini, b"/app/public/.user.ini");
}

#[test]
fn user_ini_files_are_those_php_reads() {
    let made = application(Wanted {
        mounts: vec![Mount { path: "/tools/".into(), root: "tools".into(), internal: false }],
        ..php_site()
    });
    made.lay("site/a/b/c/x.php", "");
    made.lay("site/a/b/.user.ini", "");
    made.lay("site/a/other/.user.ini", "");
    made.lay("tools/.user.ini", "");
    made.lay("tools/in/.user.ini", "");
    made.lay("tools/in/x.php", "");
    made.lay("tools/in/deep/x.php", "");
    let told = |target: &str| {
        let at = made.folder().to_str().unwrap().to_owned();
        let text = String::from_utf8(script(&made, target).user_ini.to_vec()).unwrap();
        text.replace(&at, "")
    };
    assert_eq!(told("/index.php"), "/site/.user.ini");
    assert_eq!(told("/a/b/c/x.php"), "/site/.user.ini:/site/a/b/.user.ini");
    assert_eq!(told("/tools/in/x.php"), "/tools/in/.user.ini");
    assert_eq!(told("/tools/in/deep/x.php"), "");
    // A directory of that name is none, and what came later is seen once trust has run out.
    std::fs::create_dir(made.folder().join("tools/in/deep/.user.ini")).unwrap();
    made.lay("site/a/b/c/.user.ini", "");
    assert_eq!(told("/a/b/c/x.php"), "/site/.user.ini:/site/a/b/.user.ini");
    made.door.sites.all()[0].scripts.borrow_mut().distrust();
    let all = "/site/.user.ini:/site/a/b/.user.ini:/site/a/b/c/.user.ini";
    assert_eq!((told("/a/b/c/x.php").as_str(), told("/tools/in/deep/x.php").as_str()), (all, ""));
    // So is a script that is gone.
    std::fs::remove_file(made.folder().join("site/a/b/c/x.php")).unwrap();
    assert_eq!(script(&made, "/a/b/c/x.php").name, b"/a/b/c/x.php");
    made.door.sites.all()[0].scripts.borrow_mut().distrust();
    assert_eq!(script(&made, "/a/b/c/x.php").name, b"/index.php");
}

#[test]
fn tries_are_made_in_order() {
    let query = vec![
        QueryPiece::Text("q=".into()),
        QueryPiece::Path,
        QueryPiece::Text("&".into()),
        QueryPiece::Query,
    ];
    let made = application(Wanted {
        tries: vec![
            other("/maintenance.html"),
            Try::Path,
            Try::Other { path: "/missing.php".into(), query: None },
            Try::Other { path: "/admin/tool.php/x".into(), query: Some(query) },
        ],
        ..php_site()
    });
    check(
        &made,
        "GET  /style.css         file style.css
         GET  /a%20b?x=1         run /admin/tool.php /x?q=/a%20b&x=1
         GET  /a                 run /admin/tool.php /x?q=/a&",
    );
    made.lay("site/maintenance.html", "soon");
    check(
        &made,
        "GET  /style.css         file soon
         GET  /index.php         file soon
         POST /index.php         405",
    );
    let made = application(Wanted {
        tries: vec![Try::Path, other("/docs/"), other("/index.php")],
        ..php_site()
    });
    check(&made, "GET /nothing file docs/index.html");
    for status in [404, 410, 503] {
        let tries = vec![Try::Path, Try::Status(status), other("/index.php")];
        let made = application(Wanted { tries, ..php_site() });
        assert_eq!(told(way(&made, "GET", "/nothing", &[])), status.to_string());
        assert_eq!(told(way(&made, "GET", "/style.css", &[])), "file style.css");
    }
    // Source and missing things are not reached by this way either.
    let tries = vec![other("/x.phtml"), other("/docs"), other("/out.txt")];
    let made = application(Wanted { tries, ..php_site() });
    check(&made, "GET /style.css 404");
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
            mount("/media/", "media", false),
            mount("/media/inner/", "inner", false),
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
        headers: vec![pair("X-Frame-Options", "DENY"), pair("Cache-Control", "max-age=60")],
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
