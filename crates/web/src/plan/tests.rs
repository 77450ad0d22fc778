//! The decision table: method, path, who asks, fields → what is done.

use menshen_config::{Access, PublicPath};

use super::*;
use crate::fixture::{Choices, Fixture, Lines, TOKEN};

/// The folder of every row: `/file` (10 bytes) and `/link` to it, `/folder/inside`, `/empty/`;
/// `/pub/file` readable by anybody, `/drop/file` writable.
fn made() -> Fixture {
    let rule = |path: &str, access| PublicPath { path: path.into(), access };
    let public = vec![rule("/pub/", Access::Read), rule("/drop/", Access::Write)];
    let made = Fixture::with(Choices { public, ..Choices::default() });
    for name in ["file", "folder/inside", "pub/file", "drop/file"] {
        made.file(name, "0123456789");
    }
    std::fs::create_dir(made.path("empty")).unwrap();
    std::os::unix::fs::symlink("file", made.path("link")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", made.path("out")).unwrap();
    made
}

/// Who asks, as fields.
fn who(word: &str, made: &Fixture) -> Vec<String> {
    let session = || {
        let set = made.door.authority.session_begin(clock::unix_s());
        format!("Cookie: {}", set.split(';').next().unwrap())
    };
    match word {
        "nobody" => vec![],
        "owner" => vec![format!("Authorization: Bearer {TOKEN}")],
        "wrong" => vec!["Authorization: Bearer no".into()],
        "page" => vec![session(), "Sec-Fetch-Site: same-origin".into()],
        "foreign" => vec![session(), "Sec-Fetch-Site: cross-site".into()],
        other => panic!("{other}"),
    }
}

/// What a plan comes to: a status, a span of a file, or that a body is to be received.
fn outcome(plan: Plan, made: &Fixture) -> String {
    match plan {
        Plan::Reply(reply) => reply.status.to_string(),
        Plan::File(FileAnswer { span: Span::Whole, .. }) => "200".into(),
        Plan::File(FileAnswer { span: Span::One(range), .. }) => {
            format!("206 {}-{}", range.start, range.end - 1)
        }
        Plan::File(FileAnswer { span: Span::Many(ranges), .. }) => format!("206 x{}", ranges.len()),
        Plan::Tick => "tick".into(),
        Plan::Php(call) => String::from_utf8(call.script.name).unwrap(),
        Plan::Asked(_) => "asked".into(),
        Plan::Receive(Sink::Php(php)) => String::from_utf8(php.call.script.name).unwrap(),
        Plan::Receive(Sink::Put(_)) => "file".into(),
        Plan::Receive(Sink::Form(_)) => "form".into(),
        Plan::Receive(Sink::Upload(_)) | Plan::Upload(_) => "upload".into(),
        Plan::Receive(Sink::Discard(_)) => "discard".into(),
        Plan::Receive(Sink::Link(_)) | Plan::Linked(_) => "by a link".into(),
        Plan::Receive(Sink::Select(_)) => "a selection".into(),
        Plan::Receive(Sink::Bucket(_)) | Plan::Bucket(..) => "bucket".into(),
        Plan::Zip(question) => match question.put(&made.door.shared) {
            Ok(answer) => answer.status.to_string(),
            Err(reply) => reply.status.to_string(),
        },
        Plan::Job(job, wanted) => job.run(&made.door.shared, wanted).status.to_string(),
    }
}

const TABLE: &str = r#"
    GET     /file            owner    -                                        200
    HEAD    /file            owner    -                                        200
    GET     /file            page     -                                        200
    GET     /file            foreign  -                                        200
    GET     /file            nobody   -                                        401
    GET     /file            wrong    -                                        401
    GET     /file?x=1        owner    -                                        200
    GET     /link            owner    -                                        200
    GET     /out             owner    -                                        404
    GET     /nothing         owner    -                                        404
    GET     /nothing         nobody   -                                        401
    GET     /folder          owner    -                                        308
    GET     /folder          nobody   -                                        401
    GET     /file/           owner    -                                        404
    GET     /file/below      owner    -                                        409
    GET     /folder/         owner    -                                        200
    GET     /folder/         owner    Accept: text/html                        200
    GET     /folder/         nobody   -                                        401
    GET     /folder/         nobody   Accept: text/html                        200
    GET     /nothing/        nobody   Accept: text/html                        200
    GET     /nothing/        owner    Accept: text/html                        404
    GET     /pub/file        nobody   -                                        200
    GET     /pub/file        wrong    -                                        200
    GET     /pub/            nobody   -                                        200
    GET     /pub             nobody   -                                        401
    GET     /%2e%2e/x        owner    -                                        400
    GET     /a//b            owner    -                                        400
    GET     /a%00b           owner    -                                        400
    GET     /.menshen-spool/ owner    -                                        404
    GET     /file            owner    Range: bytes=2-4                         206 2-4
    GET     /file            owner    Range: bytes=-3                          206 7-9
    GET     /file            owner    Range: bytes=10-                         416
    GET     /file            owner    Range: bytes=                            416
    GET     /file            owner    Range: lines=1-2                         200
    HEAD    /file            owner    Range: bytes=2-4                         200
    GET     /file            owner    If-None-Match: *                         304
    HEAD    /file            owner    If-None-Match: *                         304
    GET     /file            owner    If-None-Match: "other"                   200
    GET     /file            owner    If-Match: "other"                        412
    GET     /file            owner    If-Match: *                              200
    GET     /file            owner    If-Range: "other"; Range: bytes=2-4      200
    GET     /nothing         owner    If-Match: *                              404
    GET     /file            nobody   If-None-Match: *                         401
    PUT     /new             owner    -                                        file
    PUT     /new             page     -                                        file
    PUT     /new             foreign  -                                        403
    PUT     /new             nobody   -                                        401
    PUT     /new             wrong    -                                        401
    PUT     /file            owner    -                                        file
    PUT     /deep/new/file   owner    -                                        file
    PUT     /folder          owner    -                                        409
    PUT     /folder/         owner    -                                        409
    PUT     /file/below      owner    -                                        409
    PUT     /pub/new         nobody   -                                        401
    PUT     /drop/new        nobody   -                                        file
    PUT     /.menshen-x      owner    -                                        404
    PUT     /file            owner    If-None-Match: *                         412
    PUT     /new             owner    If-None-Match: *                         file
    PUT     /file            owner    If-Match: *                              file
    PUT     /new             owner    If-Match: *                              412
    PUT     /file            owner    If-Match: "other"                        412
    PUT     /new             owner    Content-Range: bytes 0-1/2               400
    PUT     /new             owner    Content-Encoding: gzip                   415
    PUT     /new             owner    Repr-Digest: sha-256=:broken             400
    PUT     /new             owner    Upload-Complete: ?1                      upload
    PUT     /new             foreign  Upload-Complete: ?1                      403
    PUT     /new             nobody   Upload-Complete: ?1                      401
    PUT     /pub/new         nobody   Upload-Complete: ?1                      401
    PUT     /drop/new        nobody   Upload-Complete: ?1                      upload
    PUT     /folder          owner    Upload-Complete: ?1                      409
    PUT     /file            owner    Upload-Complete: ?1; If-None-Match: *    412
    PUT     /new             owner    Upload-Complete: maybe                   file
    POST    /.menshen/uploads/   owner   Tus-Resumable: 1.0.0; Upload-Length: 1  upload
    POST    /.menshen/uploads    owner   Tus-Resumable: 1.0.0; Upload-Length: 1  upload
    POST    /.menshen/uploads/   nobody  Tus-Resumable: 1.0.0; Upload-Length: 1   401
    POST    /.menshen/uploads/   foreign Tus-Resumable: 1.0.0; Upload-Length: 1   403
    POST    /.menshen/uploads/?folder=/drop  nobody  Tus-Resumable: 1.0.0; Upload-Length: 1  upload
    POST    /.menshen/uploads/?folder=/pub  nobody  Tus-Resumable: 1.0.0; Upload-Length: 1  401
    POST    /.menshen/uploads/?folder=/..  owner  Tus-Resumable: 1.0.0; Upload-Length: 1  400
    POST    /.menshen/uploads/   owner   Tus-Resumable: 0.2.2; Upload-Length: 1   412
    POST    /.menshen/uploads/   owner   -                                     400
    OPTIONS /.menshen/uploads/   nobody  -                                     204
    GET     /.menshen/uploads/   nobody  -                                     upload
    HEAD    /.menshen/uploads/x  owner   Tus-Resumable: 1.0.0                  404
    GET     /.menshen/uploads-x  owner   -                                     404
    POST    /folder/         owner    Content-Type: multipart/form-data; boundary=b   form
    POST    /folder/         nobody   Content-Type: multipart/form-data; boundary=b   401
    POST    /drop/           nobody   Content-Type: multipart/form-data; boundary=b   form
    POST    /folder/         owner    Content-Type: multipart/form-data        400
    POST    /folder/         owner    Content-Type: text/plain                 415
    POST    /folder/         owner    -                                        415
    POST    /file            owner    Content-Type: multipart/form-data; boundary=b   405
    DELETE  /file            owner    -                                        204
    DELETE  /file            page     -                                        204
    DELETE  /file            foreign  -                                        403
    DELETE  /file            nobody   -                                        401
    DELETE  /file            owner    If-Match: "other"                        412
    DELETE  /file            owner    If-Match: *                              204
    DELETE  /nothing         owner    -                                        404
    DELETE  /empty/          owner    -                                        204
    DELETE  /folder/         owner    -                                        409
    DELETE  /                owner    -                                        403
    DELETE  /pub/file        nobody   -                                        401
    DELETE  /drop/file       nobody   -                                        204
    MOVE    /file            owner    Destination: /moved                      201
    MOVE    /file            owner    Destination: /folder/inside              204
    MOVE    /file            owner    Destination: /folder/inside; Overwrite: F   412
    MOVE    /file            owner    Destination: https://files.example/m?x   201
    MOVE    /file            owner    Destination: https://other.example/m     400
    MOVE    /file            owner    Destination: moved                       400
    MOVE    /file            owner    Destination: /%2e%2e/m                   400
    MOVE    /file            owner    -                                        400
    MOVE    /file            nobody   Destination: /moved                      401
    MOVE    /drop/file       nobody   Destination: /drop/moved                 201
    MOVE    /drop/file       nobody   Destination: /pub/moved                  401
    MOVE    /drop/file       nobody   Destination: /moved                      401
    MOVE    /nothing         owner    Destination: /moved                      404
    MOVE    /file            owner    Destination: /.menshen-x                 400
    MKCOL   /new             owner    -                                        201
    MKCOL   /new/            owner    -                                        201
    MKCOL   /folder          owner    -                                        405
    MKCOL   /new             nobody   -                                        401
    MKCOL   /file/new        owner    -                                        409
    OPTIONS /file            nobody   -                                        204
    OPTIONS *                nobody   -                                        204
    PATCH   /file            owner    -                                        405
    TRACE   /file            owner    -                                        405
    CONNECT example:443      owner    -                                        405
    BREW    /file            owner    -                                        405
    POST    /.menshen/session      owner   -                                   204
    POST    /.menshen/session      page    -                                   401
    POST    /.menshen/session      wrong   -                                   401
    GET     /folder/?zip           owner   -                                   200
    HEAD    /folder/?zip           owner   -                                   200
    GET     /folder/?zip           nobody  -                                   401
    GET     /folder/?zip           wrong   -                                   401
    GET     /pub/?zip              nobody  -                                   200
    GET     /drop/?zip             nobody  -                                   200
    GET     /?zip                  nobody  -                                   401
    GET     /?zip=1                owner   Accept: text/html                   200
    GET     /folder?zip            owner   -                                   308
    GET     /nothing/?zip          owner   -                                   404
    GET     /file/?zip             owner   -                                   404
    GET     /file?zip              owner   -                                   200
    GET     /folder/?zip&name=inside       owner   -                           200
    GET     /?zip&name=file&name=folder    owner   -                           200
    GET     /?zip&name=nothing     owner   -                                   404
    GET     /?zip&name=out         owner   -                                   404
    GET     /?zip&name=folder/inside       owner   -                           400
    GET     /?zip&name=folder%2finside     owner   -                           400
    GET     /folder/?zip&name=..   owner   -                                   400
    GET     /?zip&name=.menshen    owner   -                                   404
    GET     /?zip&name=%ff         owner   -                                   400
    GET     /folder/?zip           owner   Range: bytes=0-9                    206
    GET     /folder/?zip           owner   Range: bytes=0-1,9-10               200
    GET     /folder/?zip           owner   Range: bytes=99999-                 416
    HEAD    /folder/?zip           owner   Range: bytes=0-9                    200
    GET     /folder/?zip           owner   If-None-Match: *                    304
    GET     /folder/?zip           owner   If-Match: "other"                   412
    GET     /folder/?zip           owner   If-Modified-Since: Sat, 29 Oct 2044 19:43:31 GMT  200
    POST    /folder/?zip           owner   -                                   415
    DELETE  /.menshen/session      page    -                                   204
    GET     /.menshen/session      owner   -                                   405
    GET     /.menshen/page/page.js nobody  -                                   200
    HEAD    /.menshen/page/page.js nobody  -                                   200
    GET     /.menshen/page/page.js nobody  If-None-Match: *                    304
    PUT     /.menshen/page/page.js owner   -                                   405
    GET     /.menshen/page/nothing nobody  -                                   404
    GET     /.menshen/             owner   -                                   404
"#;

#[test]
fn the_decision_table() {
    let mut wrong = Vec::new();
    let mut rows = 0;
    for row in TABLE.lines().map(str::trim).filter(|row| !row.is_empty()) {
        rows += 1;
        let (left, expected) = row.rsplit_once("  ").unwrap();
        let mut words = left.split_whitespace();
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let made = made();
        let mut fields = who(words.next().unwrap(), &made);
        let rest = words.collect::<Vec<&str>>().join(" ");
        // A semicolon before a field's name begins another one.
        if rest != "-" {
            match rest.split_once("; ").filter(|(_, next)| next.contains(": ")) {
                Some((first, second)) => fields.extend([first.to_owned(), second.to_owned()]),
                None => fields.push(rest),
            }
        }
        let fields = Lines::of(&fields);
        let found = outcome(made.door.plan(&fields.ask(method, path), Patience::Spent), &made);
        if found != expected.trim() {
            wrong.push(format!("{row}\n      but is {found}"));
        }
    }
    assert!(wrong.is_empty(), "of {rows} rows:\n    {}", wrong.join("\n    "));
    assert!(rows > 100);
}

fn reply(plan: Plan) -> Reply {
    match plan {
        Plan::Reply(reply) => *reply,
        other => panic!("{other:?}"),
    }
}

fn names(reply: &Reply) -> Vec<&'static str> {
    reply.fields.iter().map(|(name, _)| *name).collect()
}

#[test]
fn answers_about_a_file_say_what_their_status_calls_for_and_no_more() {
    let made = made();
    let ask = |lines: &[&str]| {
        let mut fields = who("owner", &made);
        fields.extend(lines.iter().map(|&line| line.to_owned()));
        let fields = Lines::of(&fields);
        reply(made.door.plan(&fields.ask("GET", "/file"), Patience::Once))
    };
    let unchanged = ask(&["If-None-Match: *"]);
    assert_eq!((unchanged.status, names(&unchanged)), (304, vec!["etag", "cache-control"]));
    let Found::File(file) = made.door.files.open(made.root(), b"/file").unwrap() else { panic!() };
    let head = String::from_utf8(file.lines.clone()).unwrap();
    for (name, value) in &unchanged.fields {
        let line = format!("{name}: {}\r\n", String::from_utf8_lossy(value));
        assert!(head.contains(&line), "a 304 says what the 200 says: {line}");
    }
    let outside = ask(&["Range: bytes=10-"]);
    assert_eq!((outside.status, names(&outside)), (416, vec!["content-range", "cache-control"]));
    assert_eq!(outside.fields[0].1.as_ref(), b"bytes */10");
    let failed = ask(&["If-Match: \"other\""]);
    assert_eq!((failed.status, names(&failed)), (412, vec!["cache-control"]));
    for reply in [unchanged, outside, failed] {
        assert!(reply.body.bytes().is_empty());
    }
}

#[test]
fn a_file_that_changed_just_now_is_waited_for_once() {
    let made = made();
    std::fs::write(made.path("now"), "x").unwrap();
    let fields = Lines::of(&who("owner", &made));
    let ask = fields.ask("GET", "/now");
    assert!(matches!(made.door.plan(&ask, Patience::Once), Plan::Tick));
    assert!(matches!(made.door.plan(&ask, Patience::Spent), Plan::File(_)));
}

#[test]
fn a_refused_upload_leaves_no_file_behind() {
    let made = made();
    let fields = Lines::of(&who("owner", &made));
    drop(made.door.plan(&fields.ask("PUT", "/new"), Patience::Once));
    assert!(made.spooled().is_empty());
    for (who, lines) in [("nobody", vec![]), ("owner", vec!["If-Match: *".to_owned()])] {
        let fields = Lines::of(&[self::who(who, &made), lines].concat());
        let plan = made.door.plan(&fields.ask("PUT", "/new"), Patience::Once);
        assert!(matches!(plan, Plan::Reply(_)));
        assert!(made.spooled().is_empty());
    }
}

#[test]
fn what_is_too_long_is_refused_before_its_body() {
    let limits = menshen_config::Limits { upload_bytes_max: 10, ..Default::default() };
    let made = Fixture::with(Choices { limits, ..Choices::default() });
    let fields = Lines::of(&who("owner", &made));
    for (length, status) in [(10, "file"), (11, "413"), (u64::MAX, "413")] {
        let mut ask = fields.ask("PUT", "/new");
        ask.length = Some(length);
        assert_eq!(outcome(made.door.plan(&ask, Patience::Once), &made), status);
    }
    assert_eq!(made.door.slot.get(Counter::LimitUpload), 2);
}

#[test]
fn refusals_name_the_way_in() {
    let made = made();
    let challenge = |lines: &[&str]| {
        let fields = Lines::of(lines);
        let reply = reply(made.door.plan(&fields.ask("GET", "/file"), Patience::Once));
        assert_eq!(reply.status, 401);
        let value = reply.fields.iter().find(|(name, _)| *name == "www-authenticate");
        String::from_utf8(value.unwrap().1.to_vec()).unwrap()
    };
    assert!(challenge(&[]).contains("Bearer") && challenge(&[]).contains("Basic"));
    // A browser would open its own password box over the page.
    assert!(!challenge(&["Sec-Fetch-Site: same-origin"]).contains("Basic"));
    for _ in 0..30 {
        challenge(&["Authorization: Bearer no"]);
    }
    let fields = Lines::of(&["Authorization: Bearer no"]);
    let reply = reply(made.door.plan(&fields.ask("GET", "/file"), Patience::Once));
    assert_eq!((reply.status, names(&reply).contains(&"retry-after")), (429, true));
    assert_eq!(made.door.slot.get(Counter::LimitAuth), 1);
    assert_eq!(made.door.slot.get(Counter::AuthFailed), 30);
}

#[test]
fn the_redirect_keeps_host_and_target_and_changes_the_port() {
    let made = made();
    let none = Lines::of::<&str>(&[]);
    for (host, target, expected) in [
        ("files.example", "/a?b", "https://files.example:8443/a?b"),
        ("files.example:8080", "/", "https://files.example:8443/"),
        ("[2001:db8::1]:80", "/x", "https://[2001:db8::1]:8443/x"),
        ("files.example", "*", "https://files.example:8443/"),
    ] {
        let mut ask = none.ask("GET", target);
        ask.host = host.as_bytes();
        let reply = redirect(&ask, made.door.https_port);
        let location = reply.fields.iter().find(|(name, _)| *name == "location").unwrap();
        assert_eq!((reply.status, location.1.as_ref()), (308, expected.as_bytes()));
    }
    assert_eq!(redirect(&Ask { host: b"", ..none.ask("GET", "/") }, 443).status, 400);
}
