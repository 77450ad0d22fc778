//! What paths lead to: scripts, files, indexes, and nothing that only looks like one of them.

use menshen_config::model::{Links, Mount, PhpBackend};

use super::*;
use crate::site::tests::Wanted;
use crate::site::tests::{
    application, check, field, other, path_only, php_site, script, told, way,
};

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
         GET     /wiki/AC%2FDC         run /index.php
         GET     //docs/               run /index.php
         GET     /index.php/AC%2FDC    run /index.php /AC/DC
         GET     /index.php//x         run /index.php /x
         GET     /admin%2Ftool.php//x  run /index.php
         GET     //admin/tool.php      run /index.php
         GET     /%B1%A8               run /index.php
         GET     //.git//config        404
         GET     /a%2F..%2F.env        400
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
fn an_index_is_looked_for_past_scripts_that_may_not_run() {
    let made = application(path_only());
    made.lay("site/uploads/index.php", "<?php evil();");
    check(&made, "GET /uploads/ 404");
    made.lay("site/uploads/index.html", "of uploads");
    check(
        &made,
        "GET /uploads/           file of uploads
         GET /uploads            308 /uploads/
         GET /uploads/index.php  404",
    );
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
fn a_path_that_names_no_file_is_under_the_rules_of_what_it_resembles() {
    let rule = |path: &str| menshen_config::model::Rule::new(path.into());
    let shut = menshen_config::model::Rule { open: false, ..rule("/shut/") };
    let local = menshen_config::model::Rule {
        allow: vec![menshen_config::Network { address: [127, 0, 0, 1].into(), prefix: 8 }],
        ..rule("/local/")
    };
    let made = application(Wanted { rules: vec![shut, local], ..php_site() });
    check(
        &made,
        "GET     //shut//x      404
         GET     /%2Fshut%2Fx   404
         GET     //local/x      403
         GET     /local%2Fx     403
         GET     /other%2Fx     run /index.php",
    );
    check(&application(path_only()), "GET /docs%2Fx 400");
}
