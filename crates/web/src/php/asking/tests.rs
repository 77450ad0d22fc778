//! What an answer allows, what is refused as unclear, and which requests are asked about.

use menshen_config::model::{PhpBackend, Rule, Site as Settings};

use super::super::head::judge;
use super::*;
use crate::fixture::{Choices, Fixture, Lines};
use crate::plan::Patience;

/// What follows from the head of a script's answer.
fn read_of(text: &str) -> Result<(Option<u64>, Option<Vec<u8>>), Unclear> {
    let text = format!("{text}Status: 204\r\n\r\n");
    let (head, _) = judge(text.as_bytes(), 4096, &mut 0).unwrap().unwrap();
    read(head)
}

#[test]
fn an_answer_says_how_large_and_where_to() {
    let limit = |text: &str| read_of(&format!("Upload-Limit: {text}\r\n")).map(|read| read.0);
    assert_eq!(read_of(""), Ok((None, None)));
    assert_eq!(limit("max-size=1000"), Ok(Some(1000)));
    assert_eq!(limit("max-size=0"), Ok(Some(0)), "nothing may come");
    assert_eq!(limit("min-size=1, max-size=5;q=1, max-age=60, new=(a b)"), Ok(Some(5)));
    assert_eq!(limit("max-append-size=1"), Ok(None));
    let two = "upload-limit: max-size=1\r\nUPLOAD-LIMIT: max-size=2\r\n";
    assert_eq!(read_of(two), Ok((Some(2), None)), "lines of one field are one");
    for text in ["max-size", "max-size=-1", "max-size=ten", "max-size=?1", "max-size=1.5", "1 2"] {
        assert_eq!(limit(text), Err(Unclear::Limit), "{text}");
    }
    let to = read_of("X-Accel-Redirect: /store.php?a=1\r\n").unwrap();
    assert_eq!(to, (None, Some(b"/store.php?a=1".to_vec())));
    assert_eq!(read_of("X-Sendfile: /etc/passwd\r\n"), Err(Unclear::File));
}

/// What planning a request comes to: `asked`, `taken` without a question, or a status.
fn planned(made: &Fixture, method: &str, target: &str, kind: &str, length: Option<u64>) -> String {
    let lines = Lines::of(&[format!("Content-Type: {kind}")]);
    let mut ask = lines.ask(method, target);
    ask.length = length;
    match made.door.plan(&ask, Patience::Spent) {
        Plan::Asked(_) => "asked".into(),
        Plan::Receive(_) | Plan::Php(_) => "taken".into(),
        Plan::Reply(reply) => reply.status.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn uploads_are_asked_about_and_pages_are_not() {
    let rule = |path: &str, authorize: Option<&str>| Rule {
        authorize: authorize.map(ToOwned::to_owned),
        ..Rule::new(path.into())
    };
    let mut small = rule("/small/", None);
    (small.upload_bytes_max, small.script) = (Some(100), Some("/up.php".into()));
    let site = Settings {
        php: PhpBackend::Managed,
        authorize: Some("/may.php".into()),
        rules: vec![rule("/free.php", Some("")), rule("/lost.php", Some("/none.php")), small],
        ..Settings::default()
    };
    let made = Fixture::with(Choices { sites: vec![site], ..Choices::default() });
    for name in ["may.php", "up.php", "free.php", "lost.php"] {
        made.lay(&format!("public/{name}"), "<?php");
    }
    let form = "multipart/form-data; boundary=x";
    let fields = "application/x-www-form-urlencoded";
    let rows = [
        ("POST", "/up.php", form, Some(10), "asked"),
        ("POST", "/up.php", "Multipart/Form-Data ; boundary=x", Some(10), "asked"),
        ("PATCH", "/up.php", form, Some(10), "asked"),
        ("POST", "/up.php", fields, Some(10), "taken"),
        ("POST", "/up.php", fields, Some(64 << 10), "taken"),
        ("POST", "/up.php", fields, Some((64 << 10) + 1), "asked"),
        ("POST", "/up.php", fields, None, "asked"),
        ("PUT", "/up.php", "text/plain", Some(1), "asked"),
        ("PUT", "/up.php", "text/plain", Some(0), "taken"),
        ("GET", "/up.php", fields, Some(0), "taken"),
        ("POST", "/pretty", form, Some(10), "404"),
        ("POST", "/free.php", form, Some(10), "taken"),
        // Refused anyway, so nobody is bothered.
        ("POST", "/small/x", form, Some(101), "413"),
        ("POST", "/up.php", "multipart/form-data", Some(10), "400"),
        // Closed where nobody can be asked.
        ("POST", "/lost.php", form, Some(10), "502"),
    ];
    for (method, target, kind, length, expected) in rows {
        let got = planned(&made, method, target, kind, length);
        assert_eq!(got, expected, "{method} {target} {kind} {length:?}");
    }
}
