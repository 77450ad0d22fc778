//! `menshen explain page` against the browser: one page with every kind of reference, looked at by
//! both. What Chromium did is read off the wire and from what it reports; each outcome must be the
//! one that menshen tells. Left out where no Chromium is installed; `CI` requires it.

use crate::support::{chromium, live, peers, sites};

use std::collections::{BTreeMap, BTreeSet};

use chromium::Chromium;
use serde_json::Value;
use sites::{Asked, Page, Sites};
use tempfile::TempDir;

fn html(body: impl Into<String>, policy: &str) -> Page {
    let fields = match policy {
        "" => String::new(),
        policy => format!("content-security-policy: {policy}\r\n"),
    };
    Page { status: 200, media_type: "text/html", fields, body: body.into() }
}

/// Sites with the page of every reference and what it loads; their authority in a file.
fn sites() -> (Sites, TempDir) {
    let sites = Sites::start(&["page.test", "t.test", "*.t.test"]);
    let style = |body: &str| Page {
        status: 200,
        media_type: "text/css",
        body: body.into(),
        ..Page::default()
    };
    sites.put("/own.css", style(OWN));
    sites.put("/second.css", style(".own { color: url(http://t.test/r/secondimage.png) }"));
    sites.put("/inner.html", html(INNER, ""));
    // An object shows as an image only what is answered as one.
    sites.put(
        "/r/objectimage.bin",
        Page { status: 200, media_type: "image/png", ..Page::default() },
    );
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("roots.pem"), &sites.roots).unwrap();
    (sites, folder)
}

/// Exit code and JSON of `menshen explain page`.
fn explain(sites: &Sites, folder: &TempDir, arguments: &[&str]) -> (i32, Value) {
    let connect = sites.secure.to_string();
    let fixed = ["explain", "page", "--json", "--connect", &*connect, "--roots", "roots.pem"];
    let output = live::command(folder.path(), &[&fixed, arguments].concat()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    (output.status.code().unwrap(), serde_json::from_slice(&output.stdout).unwrap())
}

/// The name in `…/r/NAME.png`.
fn name(url: &str) -> Option<&str> {
    url.split("/r/").nth(1)?.split('.').next()
}

/// What menshen says of each name; references of which nothing can be measured are left out.
fn told(report: &Value) -> BTreeMap<String, &'static str> {
    let references = report["references"].as_array().unwrap().iter();
    let pairs = references.filter_map(|one| {
        let outcome = match one["outcome"].as_str().unwrap() {
            _ if one["without_scripts_only"] == true => "nothing",
            "blocked" => "blocked",
            "refused" => "refused",
            "upgraded" => "upgraded",
            "allowed" | "allowed-local" => "allowed",
            "insecure-form" => "insecure form",
            "navigation" | "not-fetched" => "nothing",
            "unknown" => return None,
            other => panic!("{other}"),
        };
        Some((name(one["url"].as_str().unwrap())?.to_owned(), outcome))
    });
    pairs.collect()
}

/// What Chromium did with a name.
fn done(name_asked: &str, asked: &[Asked], events: &[Value]) -> &'static str {
    let is = |url: &Value| url.as_str().and_then(name) == Some(name_asked);
    let mut issues = BTreeSet::new();
    let mut requests = BTreeSet::new();
    let mut refused = false;
    for event in events {
        let parameters = &event["params"];
        match event["method"].as_str() {
            Some("Audits.issueAdded") => {
                let details = &parameters["issue"]["details"];
                let mixed = &details["mixedContentIssueDetails"];
                if is(&mixed["insecureURL"]) {
                    let form = mixed["resourceType"] == "Form";
                    let status = mixed["resolutionStatus"].as_str().unwrap_or_default();
                    issues.insert(if form { "Form" } else { status });
                }
                refused |= is(&details["contentSecurityPolicyIssueDetails"]["blockedURL"])
                    && details["contentSecurityPolicyIssueDetails"]["isReportOnly"] == false;
            }
            Some("Network.requestWillBeSent") if is(&parameters["request"]["url"]) => {
                requests.insert(parameters["requestId"].to_string());
            }
            Some("Network.loadingFailed") if parameters["blockedReason"] == "csp" => {
                refused |= requests.contains(&parameters["requestId"].to_string());
            }
            _ => {}
        }
    }
    let wire = |secure| {
        asked.iter().any(|one| one.secure == secure && name(&one.path) == Some(name_asked))
    };
    if refused {
        "refused"
    } else if issues.contains("MixedContentBlocked") {
        "blocked"
    } else if issues.contains("Form") {
        "insecure form"
    } else if wire(false) {
        "allowed"
    } else if wire(true) || issues.contains("MixedContentAutomaticallyUpgraded") {
        "upgraded"
    } else {
        "nothing"
    }
}

/// All names that occur in the texts.
fn names(texts: &[&str]) -> BTreeSet<String> {
    let parts = texts.iter().flat_map(|text| text.split("/r/").skip(1));
    parts.map(|part| part.split('.').next().unwrap().to_owned()).collect()
}

#[expect(clippy::print_stderr, reason = "the browser that was measured belongs to the result")]
fn compare(policy: &str, all: &BTreeSet<String>, minimum: usize) {
    let Some(program) = peers::find("chromium") else { return };
    let (sites, folder) = sites();
    let port = sites.plain.port();
    sites.put("/", html(ALL.replace("{plain}", &port.to_string()), policy));
    let (_, report) = explain(&sites, &folder, &["https://page.test/", "--no-twins"]);
    let told = told(&report);
    let mut browser = Chromium::start(&program, sites.secure.port(), port);
    sites.take_asked();
    let events = browser.visit("https://page.test/", || sites.count());
    let asked = sites.take_asked();

    let forms = ["form", "localform"];
    let mut wrong = Vec::new();
    let mut measured = 0;
    for name in all {
        // A form that is upgraded says so only when it is sent: another test sends one.
        let unsent = forms.contains(&&**name) && told.get(name) == Some(&"upgraded");
        if unsent || name == "newimage" {
            continue;
        }
        let told = told.get(name).copied().unwrap_or("nothing");
        let done = done(name, &asked, &events);
        measured += usize::from(done != "nothing");
        if told != done {
            wrong.push(format!("{name}: menshen says {told}, Chromium did {done}"));
        }
    }
    eprintln!("{}, policy \"{policy}\": {measured} outcomes measured", browser.version);
    assert_eq!(wrong, [""; 0], "{}", browser.version);
    assert!(measured >= minimum, "only {measured} outcomes of {} were measured", all.len());
}

#[test]
fn each_outcome_is_that_of_chromium() {
    compare("", &names(&[ALL, OWN, INNER]), 90);
}

#[test]
fn each_outcome_is_that_of_chromium_with_upgrades() {
    compare("upgrade-insecure-requests", &names(&[ALL, OWN, INNER]), 90);
}

#[test]
fn each_outcome_is_that_of_chromium_with_a_narrow_policy() {
    let few = ["img", "srcset", "script", "sheet", "video", "font", "cssurl", "addressimg"];
    let few = few.map(str::to_owned).into();
    compare("default-src 'self' 'unsafe-inline'; img-src https:; font-src *", &few, 7);
}

#[test]
fn what_leaves_the_page_is_that_of_chromium() {
    let Some(program) = peers::find("chromium") else { return };
    let (sites, folder) = sites();
    let mut browser = Chromium::start(&program, sites.secure.port(), sites.plain.port());
    let form = "<!doctype html><form id=f method=post action='http://t.test/r/sent.html'></form>\
        <script>f.submit()</script>";
    let refresh =
        "<!doctype html><meta http-equiv=refresh content='0; url=http://t.test/r/went.html'>";
    let up = "upgrade-insecure-requests";
    for (page, policy, name_asked, ours, wire) in [
        (form, "", "sent", "insecure-form", None),
        (form, up, "sent", "upgraded", Some(true)),
        (refresh, "", "went", "navigation", Some(false)),
        (refresh, up, "went", "navigation", Some(false)),
    ] {
        sites.put("/", html(page, policy));
        let (_, report) = explain(&sites, &folder, &["https://page.test/", "--no-twins"]);
        assert_eq!(report["references"][0]["outcome"], ours, "{name_asked} {policy}");
        sites.take_asked();
        browser.visit("https://page.test/", || sites.count());
        let asked = sites.take_asked();
        let sent = asked.iter().find(|one| name(&one.path) == Some(name_asked));
        assert_eq!(sent.map(|one| one.secure), wire, "{name_asked} {policy}: {asked:?}");
    }
}

/// A page on a port of its own, with references whose twins do all sorts of things.
#[test]
fn twins_are_tried_and_one_header_is_offered_where_they_work() {
    let (sites, folder) = sites();
    let port = sites.secure.port();
    let resolve = format!("t.test:{port}:127.0.0.1");
    let other = format!("foreign.test:{port}:127.0.0.1");
    let ask = |body: &str, policy: &str| {
        sites.put("/", html(body.replace("T", &format!("http://t.test:{port}")), policy));
        let url = "https://page.test/";
        explain(&sites, &folder, &[url, "--resolve", &resolve, "--resolve", &other])
    };
    let result = |report: &Value, number: usize| report["references"][number]["twin"].clone();

    let (code, report) = ask("<img src=T/a.png><script src=T/b.js></script>", "");
    assert_eq!((code, &report["fix"]["header"]["repairs"]), (1, &2.into()));
    assert_eq!(report["fix"]["edits"], serde_json::json!([]));
    assert_eq!(result(&report, 0)["result"], "works");
    let up = "upgrade-insecure-requests";
    let (code, report) = ask("<img src=T/a.png><script src=T/b.js></script>", up);
    assert_eq!((code, &report["fix"]["header"]), (0, &Value::Null), "{report}");

    sites.put("/gone.png", Page { status: 404, media_type: "text/html", ..Page::default() });
    sites.put("/page.png", html("<p>", ""));
    let back = format!("location: http://t.test:{port}/back.png\r\n");
    sites.put("/back.png", Page { status: 301, fields: back, ..Page::default() });
    let body = format!(
        "<img src=T/gone.png>\n<img src=T/page.png>\n<img src=T/back.png>\n\
         <img src=http://foreign.test:{port}/x.png>\n<img src=http://nobody.invalid/x.png>"
    );
    let (code, report) = ask(&body, up);
    assert_eq!(code, 1);
    let results: Vec<Value> = (0..5).map(|n| result(&report, n)["result"].clone()).collect();
    let expected = ["status", "other-type", "downgrades", "bad-certificate", "unreachable"];
    assert_eq!(results, expected.map(Value::from), "{report}");
    let edits = report["fix"]["edits"].as_array().unwrap();
    let lines: Vec<_> = edits.iter().map(|edit| edit["line"].as_u64().unwrap()).collect();
    assert_eq!((lines, &edits[0]["to"]), (vec![1, 2, 3, 4, 5], &Value::Null));
}

#[test]
fn what_a_page_loads_is_read_too_and_redirects_are_told() {
    let (sites, folder) = sites();
    sites.put("/old", Page { status: 301, fields: "location: /\r\n".into(), ..Page::default() });
    let manifest = Page {
        status: 200,
        media_type: "application/manifest+json",
        body: "{\"icons\":[{\"src\":\"http://t.test/r/icon.png\"}]}".into(),
        ..Page::default()
    };
    sites.put("/m.json", manifest);
    let page = "<link rel=stylesheet href=own.css><iframe src=inner.html></iframe>\
        <link rel=manifest href=m.json><link rel=stylesheet href=https://t.test/unreachable.css>";
    sites.put("/", html(page, ""));
    let arguments = ["https://page.test/old", "--no-twins", "--resolve", "t.test:443:127.0.0.1"];
    let (code, report) = explain(&sites, &folder, &arguments);
    assert_eq!((code, &report["hops"][0]["status"]), (1, &301.into()));
    let documents = report["documents"].as_array().unwrap().iter();
    let kinds: Vec<&str> = documents.map(|one| one["kind"].as_str().unwrap()).collect();
    let mut sorted = kinds.clone();
    sorted.sort_unstable();
    let expected = ["frame", "manifest", "page", "stylesheet", "stylesheet", "stylesheet"];
    assert_eq!(sorted, expected, "{report}");
    let found: BTreeSet<String> = told(&report).into_keys().collect();
    let expected =
        ["icon", "innerimg", "innerscript", "ownfont", "ownimage", "ownimport", "secondimage"];
    assert_eq!(found, expected.map(str::to_owned).into());
    let image = &report["references"].as_array().unwrap().iter();
    let own = image.clone().find(|one| name(one["url"].as_str().unwrap()) == Some("ownimage"));
    assert_eq!(own.unwrap()["line"], 4);
    assert_eq!(report["fix"]["untested"], true);
}

#[test]
fn exit_codes_and_saved_pages() {
    let (sites, folder) = sites();
    let run = |arguments: &[&str]| {
        let output = live::command(folder.path(), &[&["explain", "page"], arguments].concat());
        let output = { output }.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    };
    let connect = sites.secure.to_string();
    let trusted = ["--connect", &*connect, "--roots", "roots.pem", "https://page.test/"];
    sites.put("/", html("<p>nothing here</p>", ""));
    let (code, text, _) = run(&trusted);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("nothing on it is loaded without https"), "{text}");
    sites.put("/", Page { status: 200, media_type: "image/png", ..Page::default() });
    assert_eq!(run(&trusted).0, 100);

    let (code, _, error) = run(&["--connect", &connect, "https://page.test/"]);
    assert!(code == 111 && error.contains("certificate") && error.contains("--roots"), "{error}");
    assert_eq!(run(&["--connect", "127.0.0.1:1", "https://page.test/"]).0, 111);
    for usage in [&["ftp://x/"][..], &[], &["--file", "x.html"], &["x.test", "--resolve", "x"]] {
        assert_eq!(run(usage).0, 2, "{usage:?}");
    }
    assert_eq!(run(&["--file", "none.html", "--base", "https://x.test/"]).0, 2);
    std::fs::write(folder.path().join("x.html"), "<img src='http://x.test/\x1b[31m\x07'>").unwrap();
    let saved = ["--file", "x.html", "--base", "https://x.test/", "--no-twins"];
    let (code, text, _) = run(&saved);
    assert!(code == 1 && text.contains("upgraded (1)"), "{text}");
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
}

#[test]
fn root_is_left_before_anything_is_fetched() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let connect = silent.local_addr().unwrap().to_string();
    let arguments = ["explain", "page", "--connect", &connect, "http://page.test:81/"];
    let mut child = live::command(folder.path(), &arguments).spawn().unwrap();
    // Once it has connected, it has dropped what it had.
    let connection = silent.accept().unwrap();
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let _ = child.kill();
    let _ = child.wait();
    drop(connection);
    for line in ["Uid:\t65534\t65534\t65534\t65534", "CapEff:\t0000000000000000", "NoNewPrivs:\t1"]
    {
        assert!(status.contains(line), "{status}");
    }
}

const ALL: &str = include_str!("page/all.html");
const OWN: &str = include_str!("page/own.css");
const INNER: &str = "<img src=\"http://t.test/r/innerimg.png\">\
    <script src=\"http://t.test/r/innerscript.js\"></script>";
