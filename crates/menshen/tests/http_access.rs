//! Who may do what: the token, the session, public folders, reserved names, the locked page, and
//! what keeps stored content from acting as the door itself.

use crate::support::{live, wire};

use live::Live;
use wire::{Answer, ONE, Wire, ask, curl_ask, get, lay, lay_folder, request, start_with, stored};

const SETTINGS: &str = r#"
workers = 1

[web]
listen = ["127.0.0.1:0"]
plain_listen = ["127.0.0.1:0"]
plain = "serve"

[[web.public]]
path = "/pub/"
access = "read"

[[web.public]]
path = "/drop/"
access = "write"

[[web.public]]
path = "/drop/in/shown/"
access = "read"

[admin]
listen = "off"

[limits]
auth_failures_per_minute_max = 4
"#;

/// A door with a secret folder, a public one and one anybody may write to; and its token.
fn start() -> (Live, String) {
    let live = start_with(SETTINGS);
    for folder in ["secret", "pub", "pubs", "drop", "drop/in", "drop/in/shown"] {
        lay_folder(&live, folder);
        lay(&live, &format!("{folder}/file"), folder.as_bytes());
    }
    let token = std::fs::read_to_string(live.path(".menshen/owner-token")).unwrap();
    (live, token.trim().to_owned())
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

/// A session made with the token, as a `Cookie` field.
fn session(live: &Live, token: &str) -> String {
    let begun = ask(live.plain, "POST", "/.menshen/session", &[&bearer(token)], b"");
    assert_eq!(begun.status, 204);
    format!("Cookie: {}", begun.field("set-cookie").unwrap().split(';').next().unwrap())
}

#[test]
fn nothing_is_open_without_the_token() {
    let (live, _) = start();
    let there = get(live.plain, "/secret/file");
    let missing = get(live.plain, "/secret/missing");
    assert_eq!(there.status, 401);
    assert_eq!((there.status, &there.body), (missing.status, &missing.body), "no name is betrayed");
    assert!(there.field("www-authenticate").unwrap().contains("Bearer"));
    let form = "Content-Type: multipart/form-data; boundary=x";
    for target in ["/secret/file", "/secret/missing", "/secret/", "/", "/missing/deep/"] {
        for method in ["GET", "HEAD", "PUT", "POST", "DELETE", "MOVE", "MKCOL"] {
            let fields = [form, "Destination: /secret/moved"];
            let refused = ask(live.plain, method, target, &fields, b"");
            assert_eq!(refused.status, 401, "{method} {target}");
        }
        for version in ["--http1.1", "--http2"] {
            for arguments in
                [&[][..], &["-T", "menshen.toml"], &["-X", "DELETE"], &["-F", "f=@menshen.toml"]]
            {
                let arguments = [&[version], arguments].concat();
                assert_eq!(
                    curl_ask(&live, target, &arguments).status,
                    401,
                    "{arguments:?} {target}"
                );
            }
        }
    }
    assert_eq!(std::fs::read(stored(&live, "secret/file")).unwrap(), b"secret");
    assert!(!stored(&live, "secret/missing").exists() && !stored(&live, "missing").exists());
}

#[test]
fn the_token_opens_everything_in_both_spellings() {
    let (live, token) = start();
    for field in [bearer(&token), format!("Authorization: bearer  {token}")] {
        assert_eq!(ask(live.plain, "GET", "/secret/file", &[&field], b"").text(), "secret");
        let made = ask(live.plain, "PUT", "/secret/new", &[&field], b"1");
        assert!(matches!(made.status, 201 | 204));
    }
    for version in ["--http1.1", "--http2"] {
        let user = format!(":{token}");
        assert_eq!(curl_ask(&live, "/secret/file", &[version, "-u", &user]).text(), "secret");
        let user = format!("anybody:{token}");
        assert_eq!(curl_ask(&live, "/secret/file", &[version, "-u", &user]).text(), "secret");
        let gone =
            curl_ask(&live, "/secret/new", &[version, "-H", &bearer(&token), "-X", "DELETE"]);
        assert!(matches!(gone.status, 204 | 404));
    }
    assert!(!stored(&live, "secret/new").exists());
}

#[test]
fn wrong_tokens_are_few_a_minute() {
    let (live, token) = start();
    let cookie = session(&live, &token);
    // Nothing shown is nothing tried.
    for _ in 0..10 {
        assert_eq!(get(live.plain, "/secret/file").status, 401);
    }
    let short = &token[..token.len() - 1];
    let longer = format!("{token}x");
    for wrong in [short, &longer, "", "x"] {
        assert_eq!(ask(live.plain, "GET", "/secret/file", &[&bearer(wrong)], b"").status, 401);
    }
    for field in [bearer("x"), bearer(&token), "Authorization: Basic eDp4".to_owned()] {
        let refused = ask(live.plain, "GET", "/secret/file", &[&field], b"");
        assert_eq!(refused.status, 429, "{field}");
        let wait: u64 = refused.field("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
    }
    let begin = ask(live.plain, "POST", "/.menshen/session", &[&bearer(&token)], b"");
    assert_eq!(begin.status, 429, "the door of the session is no way around");
    assert_eq!(ask(live.plain, "GET", "/pub/file", &[&bearer("x")], b"").text(), "pub");
    assert_eq!(ask(live.plain, "GET", "/secret/file", &[&cookie], b"").text(), "secret");
    let counters = live.workers(menshen_sys::SlotState::Ready)[0];
    assert!(counters.get(menshen_base::Counter::LimitAuth) >= 4);
}

#[test]
fn a_session_is_begun_and_ended() {
    let (live, token) = start();
    let begun = ask(live.plain, "POST", "/.menshen/session", &[&bearer(&token)], b"");
    assert_eq!(begun.status, 204);
    let line = begun.field("set-cookie").unwrap();
    let mut words = line.split("; ");
    assert!(words.next().unwrap().starts_with("__Host-menshen="), "{line}");
    let words: Vec<&str> = words.collect();
    for flag in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax", "Max-Age=604800"] {
        assert!(words.contains(&flag), "{flag}: {line}");
    }
    assert!(!line.contains(&token) && !line.contains("Domain"), "{line}");
    assert_eq!(ask(live.plain, "POST", "/.menshen/session", &[], b"").status, 401);
    let own = session(&live, &token);
    let copied = ask(live.plain, "POST", "/.menshen/session", &[&own], b"");
    assert_eq!(copied.status, 401, "a session cannot prolong itself");
    let wrong = ask(live.plain, "POST", "/.menshen/session", &[&bearer("no")], b"");
    assert_eq!((wrong.status, wrong.field("set-cookie")), (401, None));
    let odd = get(live.plain, "/.menshen/session");
    assert_eq!((odd.status, odd.field("allow")), (405, Some("POST, DELETE")));
    let ended = ask(live.plain, "DELETE", "/.menshen/session", &[], b"");
    let line = ended.field("set-cookie").unwrap();
    assert!(line.starts_with("__Host-menshen=;") && line.contains("Max-Age=0"), "{line}");
}

#[test]
fn a_cookie_alone_changes_nothing_from_another_site() {
    let (live, token) = start();
    let cookie = session(&live, &token);
    for (method, target) in [("GET", "/secret/file"), ("HEAD", "/secret/file"), ("GET", "/")] {
        let foreign = [cookie.as_str(), "Sec-Fetch-Site: cross-site", "Origin: https://evil.test"];
        assert_eq!(ask(live.plain, method, target, &foreign, b"").status, 200, "{method}");
    }
    let form = "Content-Type: multipart/form-data; boundary=x";
    let body = b"--x\r\nContent-Disposition: form-data; name=f; filename=new\r\n\r\nx\r\n--x--\r\n";
    let all = |fields: &[&str]| -> Vec<u16> {
        let fields = [&[cookie.as_str()], fields].concat();
        let moved = [fields.as_slice(), &["Destination: /secret/file"]].concat();
        let posted = [fields.as_slice(), &[form]].concat();
        vec![
            ask(live.plain, "PUT", "/secret/new", &fields, b"1").status,
            ask(live.plain, "MOVE", "/secret/new", &moved, b"").status,
            ask(live.plain, "MKCOL", "/secret/folder", &fields, b"").status,
            ask(live.plain, "POST", "/secret/", &posted, body).status,
            ask(live.plain, "DELETE", "/secret/folder", &fields, b"").status,
        ]
    };
    for fields in [
        &[][..],
        &["Sec-Fetch-Site: cross-site"],
        &["Sec-Fetch-Site: same-site"],
        &["Sec-Fetch-Site: none"],
        &["Sec-Fetch-Site: "],
        &["Origin: https://evil.test"],
        &["Origin: https://localhost.evil.test"],
        &["Origin: null"],
        &["Origin: localhost"],
        &["Sec-Fetch-Site: cross-site", "Origin: https://localhost"],
    ] {
        assert_eq!(all(fields), [403; 5], "{fields:?}");
        assert_eq!(std::fs::read(stored(&live, "secret/file")).unwrap(), b"secret");
        assert_eq!(std::fs::read_dir(stored(&live, "secret")).unwrap().count(), 1);
    }
    for fields in [["Sec-Fetch-Site: same-origin"], ["Origin: https://localhost"]] {
        assert_eq!(all(&fields), [201, 204, 201, 201, 204], "{fields:?}");
        let gone = [cookie.as_str(), fields[0]];
        assert_eq!(ask(live.plain, "DELETE", "/secret/new", &gone, b"").status, 204);
    }
}

#[test]
fn only_our_own_cookies_count() {
    let (live, token) = start();
    let cookie = session(&live, &token);
    let read = |field: &str| ask(live.plain, "GET", "/secret/file", &[field], b"").status;
    assert_eq!(read(&cookie), 200);
    assert_eq!(read(&format!("Cookie: a=b; {}; c=d", &cookie["Cookie: ".len()..])), 200);
    for at in ["Cookie: __Host-menshen=".len(), cookie.len() - 1] {
        let mut bytes = cookie.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        assert_eq!(read(&String::from_utf8(bytes).unwrap()), 401, "changed at {at}");
    }
    assert_eq!(read(&cookie[..cookie.len() - 4]), 401);
    assert_eq!(read("Cookie: __Host-menshen="), 401);
    assert_eq!(read(&cookie.replace("__Host-menshen", "menshen")), 401);
    let (other, other_token) = start();
    assert_eq!(read(&session(&other, &other_token)), 401, "of another door");
    // 13 tries with broken sessions, and the token is still listened to.
    assert_eq!(read(&bearer(&token)), 200);
}

#[test]
fn public_folders_open_themselves_and_nothing_beside_them() {
    let (live, token) = start();
    let status = |method: &str, target: &str, destination: &str| {
        let field = format!("Destination: {destination}");
        ask(live.plain, method, target, &[&field], b"").status
    };
    assert_eq!(get(live.plain, "/pub/file").text(), "pub");
    assert!(get(live.plain, "/pub/").text().contains("\"access\":\"read\""));
    for method in ["PUT", "DELETE", "MOVE", "MKCOL", "POST"] {
        assert_eq!(status(method, "/pub/file", "/drop/got"), 401, "{method}");
        assert_eq!(status(method, "/pub/", "/drop/got"), 401, "{method}");
    }
    for target in ["/pub", "/pubs/", "/pubs/file", "/PUB/file", "/", "/drop", "/Drop/file"] {
        assert_eq!(get(live.plain, target).status, 401, "{target}");
    }
    for target in ["/pub/../secret/file", "/pub/%2e%2e/secret/file", "/pub%2f..%2fsecret/file"] {
        assert_eq!(get(live.plain, target).status, 400, "{target}");
    }
    assert_eq!(status("PUT", "/drop/new", ""), 201);
    assert_eq!(get(live.plain, "/drop/new").status, 200);
    assert_eq!(status("MOVE", "/drop/new", "/drop/newer"), 201);
    for (from, to) in [
        ("/drop/newer", "/secret/newer"),
        ("/drop/newer", "/pub/newer"),
        ("/drop/newer", "/newer"),
        ("/secret/file", "/drop/got"),
        ("/secret", "/drop/got"),
        ("/pub", "/drop/got"),
        ("/drop", "/secret/drop"),
        ("/drop/newer", "/drop/in/shown/file"),
        ("/drop/in/shown/file", "/drop/got"),
        // What may only be read is not written by renaming what it lies in.
        ("/drop/in/shown", "/drop/open"),
        ("/drop/in/shown/", "/drop/open"),
        ("/drop/in", "/drop/open"),
        ("/drop/in/", "/drop/open"),
    ] {
        assert_eq!(status("MOVE", from, to), 401, "{from} to {to}");
        assert!(!stored(&live, "drop/got").exists() && !stored(&live, "drop/open").exists());
    }
    assert_eq!(status("PUT", "/drop/in/shown/file", ""), 401);
    assert_eq!(status("DELETE", "/drop/in/shown/file", ""), 401);
    assert_eq!(get(live.plain, "/drop/in/shown/file").text(), "drop/in/shown");
    assert_eq!(status("PUT", "/drop/in/other", ""), 201);
    assert_eq!(status("DELETE", "/drop/newer", ""), 204);
    let fields = [bearer(&token), "Destination: /drop/got".into()];
    let fields = fields.each_ref().map(String::as_str);
    assert_eq!(
        ask(live.plain, "MOVE", "/drop/in/shown", &fields, b"").status,
        201,
        "the owner may"
    );
}

#[test]
fn reserved_names_cannot_be_reached() {
    let live = Live::start(ONE);
    // Somebody's unfinished upload lies in the spool.
    let mut wire = Wire::open(live.plain);
    wire.send(request("PUT", "/x", &["Content-Length: 20"], b"unfinished"));
    wire::wait_spooled(&live, 1);
    let spooled = wire::spooled(&live).remove(0);
    let inside = format!("/.menshen-spool/{spooled}");
    lay_folder(&live, "d");
    std::fs::write(stored(&live, "d/.menshen-spool"), "hidden").unwrap();
    for target in [
        "/.menshen-spool",
        "/.menshen-spool/",
        "/.menshen",
        "/.menshen/",
        "/.menshen/scoreboard",
        "/.menshen/owner-token",
        "/%2emenshen-spool/",
        "/.mensh%65n-spool/",
        "/.menshen-other",
        "/d/.menshen-spool",
        "/.menshen/page/",
        "/.menshen/page/../x",
        "/.menshen/page/page.css/x",
        &inside,
    ] {
        for method in ["GET", "HEAD", "PUT", "DELETE", "MKCOL", "MOVE", "POST"] {
            let got = ask(live.plain, method, target, &["Destination: /out"], b"");
            assert!(matches!(got.status, 400 | 403 | 404), "{method} {target}: {}", got.status);
        }
        let field = format!("Destination: {target}");
        let moved = ask(live.plain, "MOVE", "/hello.txt", &[&field], b"");
        assert!(matches!(moved.status, 400 | 403 | 404), "to {target}: {}", moved.status);
    }
    assert!(stored(&live, "hello.txt").exists() && !stored(&live, "out").exists());
    assert!(!stored(&live, ".menshen-other").exists() && !stored(&live, ".menshen").exists());
    assert_eq!(std::fs::read(stored(&live, "d/.menshen-spool")).unwrap(), b"hidden");
    for target in ["/", "/d/"] {
        for accept in ["Accept: */*", "Accept: text/html"] {
            let list = ask(live.plain, "GET", target, &[accept], b"").text();
            assert!(!list.contains("menshen-spool"), "{list}");
        }
    }
    assert_eq!(wire::spooled(&live), [spooled]);
    wire.send(b" no more..");
    assert_eq!(wire.answer("PUT").status, 201);
}

#[test]
fn the_page_is_locked_without_the_token() {
    let (live, token) = start();
    let html = "Accept: text/html";
    for target in ["/", "/secret/", "/missing/"] {
        let page = ask(live.plain, "GET", target, &[html], b"");
        assert_eq!(page.status, 200, "{target}");
        let text = page.text();
        assert!(text.contains("locked") && !text.contains("<tr><td>"), "{target}: {text}");
        let policy = page.field("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("base-uri 'none'"));
        assert_eq!(page.field("x-content-type-options"), Some("nosniff"));
        assert_eq!(page.field("referrer-policy"), Some("no-referrer"));
        assert!(page.field("cache-control").unwrap().contains("private"));
    }
    let open = ask(live.plain, "GET", "/secret/", &[html, &session(&live, &token)], b"");
    assert!(open.text().contains("<tr><td><a href=\"./file\">"), "{}", open.text());
    // The path in the page is a stranger's text.
    let odd = ask(live.plain, "GET", "/%3Cscript%3E%7B%7Brows%7D%7D/", &[html], b"").text();
    assert!(odd.contains("&lt;script&gt;{{rows}}") && !odd.contains("<script>{"), "{odd}");

    let part = get(live.plain, "/.menshen/page/page.js");
    assert_eq!(part.status, 200, "the page's parts are no secret");
    assert_eq!(part.field("content-type"), Some("text/javascript; charset=utf-8"));
    let field = format!("If-None-Match: {}", part.tag());
    let again = ask(live.plain, "GET", "/.menshen/page/page.js", &[&field], b"");
    assert_eq!((again.status, again.body.len()), (304, 0));
    let odd = ask(live.plain, "DELETE", "/.menshen/page/page.js", &[], b"");
    assert_eq!((odd.status, odd.field("allow")), (405, Some("GET, HEAD")));
    for line in open.text().split(['"', '\'']).filter(|word| word.starts_with("/.menshen/page/")) {
        assert_eq!(get(live.plain, line).status, 200, "{line}");
    }
}

#[test]
fn stored_content_never_acts_as_the_door() {
    let live = Live::start(ONE);
    let script = b"<script>alert(document.cookie)</script>";
    let guarded = |what: &str, got: &Answer| {
        let disposition = got.field("content-disposition").unwrap_or_default();
        assert!(disposition.starts_with("attachment"), "{what}: {disposition}");
        assert_eq!(got.field("x-content-type-options"), Some("nosniff"), "{what}");
        let policy = got.field("content-security-policy").unwrap_or_default();
        assert!(policy.contains("sandbox") && !policy.contains("allow-"), "{what}: {policy}");
        assert!(policy.contains("default-src 'none'"), "{what}: {policy}");
        assert_eq!(got.field("cross-origin-resource-policy"), Some("same-origin"), "{what}");
        assert!(got.field("cache-control").unwrap().contains("private"), "{what}");
    };
    for name in [
        "a.html", "a.svg", "a.xhtml", "a.xml", "a.js", "a.pdf", "a.htm", "a.HTML", "a.mht", "a",
        "a.txt", "a.png",
    ] {
        lay(&live, name, script);
        let target = format!("/{name}");
        for fields in [
            &[][..],
            &["Accept: text/html"],
            &["Range: bytes=0-3"],
            &["Range: bytes=0-0,30-30"],
            &["Sec-Fetch-Dest: document", "Sec-Fetch-Mode: navigate"],
        ] {
            for method in ["GET", "HEAD"] {
                let got = ask(live.plain, method, &target, fields, b"");
                guarded(&format!("{method} {name} {fields:?}"), &got);
            }
            let lines: Vec<&str> = fields.iter().flat_map(|field| ["-H", *field]).collect();
            let got = curl_ask(&live, &target, &[&["--http2"], lines.as_slice()].concat());
            guarded(&format!("h2 {name} {fields:?}"), &got);
        }
    }
    // Errors say nothing of what the client wrote.
    let odd = ask(live.plain, "GET", "/%3Cscript%3E", &["Accept: text/html"], b"");
    assert_eq!(odd.status, 404);
    assert!(odd.field("content-type").unwrap().starts_with("text/plain"), "{}", odd.head);
    assert!(!odd.text().contains("script"), "{}", odd.text());
}
