//! Reports from facts: texts as people see them, exit codes.
//!
//! `UPDATE_EXPECT=1` rewrites the golden files.
use std::net::Ipv4Addr;
use std::path::PathBuf;

use menshen_config::Colour;
use menshen_config::model::{PhpBackend, Redirect, Rule, Site};

use super::*;
use crate::explain::text::text;

fn site() -> Site {
    Site {
        hosts: vec!["app.test".into()],
        root: PathBuf::from("/srv/app/public"),
        php: PhpBackend::Managed,
        rules: vec![Rule { php: false, ..Rule::new("/uploads/".into()) }],
        redirects: vec![Redirect { from: "/old".into(), to: "/new".into(), status: 303 }],
        ..Site::default()
    }
}

fn script(delivery: Delivery) -> UploadAnswer {
    UploadAnswer::Script {
        name: "/index.php".into(),
        filename: "/srv/app/public/index.php".into(),
        path_info: "/sh\u{1b}op".into(),
        user_ini: String::new(),
        delivery,
        upload_bytes_max: 10 << 30,
        file_bytes_max: 0,
        authorize: (delivery == Delivery::Replay).then(|| "/may\u{1b}.php".into()),
    }
}

fn pool(test: Test) -> Pool {
    Pool {
        address: "unix:/run/php.sock".into(),
        managed: false,
        workers: 5,
        workers_assumed: true,
        spool: "/var/spool/menshen/spool".into(),
        user: Some("www-data (33)".into()),
        said: Some(PoolSaid {
            php: "8.2.1".into(),
            uid: 33,
            post_max_size: "8M".into(),
            upload_max_filesize: "2M".into(),
            max_file_uploads: 20,
            upload_tmp_dir: "/tmp".into(),
        }),
        test,
    }
}

fn swaps() -> Test {
    Test {
        reached: Reached::Answered,
        swaps: true,
        milliseconds: 4,
        delivery: UploadDelivery { delivery: Delivery::Swap, reason: None },
        ..Test::default()
    }
}

/// Text and exit code.
fn explain(answer: UploadAnswer, rule: Option<usize>, pool: Option<Pool>) -> (String, u8) {
    let config = Config { sites: vec![site()], ..Config::default() };
    let question = Question::parse("/index.php/shop", Some("app.test")).unwrap();
    let route = UploadRoute {
        site: Some(0),
        chosen: Chosen::Host,
        rule,
        answer,
        client: Ipv4Addr::LOCALHOST.into(),
    };
    let facts = Facts { config: &config, question: &question, route: &route, pool };
    let (report, code) = facts.report();
    (text(&report, Colour::Plain), code)
}

fn golden(name: &str, now: &str) {
    let path = format!("{}/tests/golden/explain-{name}.txt", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, now).unwrap();
    }
    let agreed = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(now, agreed, "{path}: run with UPDATE_EXPECT=1 if this is meant");
}

#[test]
fn a_pool_that_swaps() {
    let test = Test { swap_files_max: Some(210), ..swaps() };
    let (text, code) = explain(script(Delivery::Auto), None, Some(pool(test)));
    assert_eq!(code, 0, "{text}");
    golden("swap", &text);
}

#[test]
fn a_pool_that_does_not() {
    let finding = Finding::new(
        "php-shim-missing",
        Severity::Error,
        "unix:/run/php.sock",
        "the prepend script is not installed in this pool",
    );
    let finding = finding.evidence("auto_prepend_file", "probe.php", "").hint("Add this line.");
    let reason = Some("swap does not work with this pool");
    let broken = Test {
        swaps: false,
        findings: vec![finding],
        delivery: UploadDelivery { delivery: Delivery::Replay, reason },
        ..swaps()
    };
    let (text, code) = explain(script(Delivery::Swap), None, Some(pool(broken)));
    assert_eq!(code, EXIT_NO, "{text}");
    golden("replay", &text);
}

#[test]
fn a_warning_about_a_pool_that_swaps_is_an_answer_of_no() {
    let warning = Finding::new("w", Severity::Warning, "s", "c");
    let test = Test { findings: vec![warning], ..swaps() };
    let (text, code) = explain(script(Delivery::Auto), None, Some(pool(test)));
    assert!(code == EXIT_NO && text.contains("result     swap"), "{text}");
}

#[test]
fn configured_fields_and_replay_need_no_swap() {
    for (delivery, said, code) in
        [(Delivery::Fields, "fields: ", 0), (Delivery::Replay, "replay, ", 1)]
    {
        let finding = Finding::new("php-shim-missing", Severity::Error, "s", "c");
        let test = Test {
            swaps: false,
            findings: vec![finding],
            delivery: UploadDelivery { delivery, reason: None },
            ..swaps()
        };
        let (text, got) = explain(script(delivery), None, Some(pool(test)));
        assert!(text.contains(&format!("result     {said}")), "{text}");
        assert!(!text.contains("php-shim-missing"), "{text}");
        // PHP's 2M are below what is let through: with replay that counts.
        assert_eq!(got, code, "{text}");
        assert_eq!(text.contains("php-limit-below"), delivery == Delivery::Replay, "{text}");
        let asked = text.contains("asked      /may\\u{1b}.php, before the first byte\n");
        assert_eq!(asked, delivery == Delivery::Replay, "{text}");
    }
}

#[test]
fn what_cannot_be_asked_is_not_guessed() {
    let table = [
        (Reached::NotPermitted("denied".into()), EXIT_NO, "explain-not-permitted"),
        (Reached::Unreachable("refused".into()), EXIT_RETRY, "php-unreachable"),
        (Reached::Closed("denied".into()), EXIT_RETRY, "php-socket-closed"),
        (Reached::Silent, EXIT_RETRY, "php-silent"),
    ];
    for (reached, code, finding) in table {
        let reason = Some("the pool has not said yet whether swap works");
        let delivery = UploadDelivery { delivery: Delivery::Replay, reason };
        let test = Test { reached, delivery, ..Test::default() };
        let unasked = Pool { said: None, user: None, ..pool(test) };
        let (text, got) = explain(script(Delivery::Auto), None, Some(unasked));
        assert_eq!(got, code, "{text}");
        assert!(text.contains("result     not known") && text.contains(finding), "{text}");
    }
}

#[test]
fn no_script_no_delivery() {
    let reply = |status, location: Option<&str>| UploadAnswer::Reply {
        status,
        location: location.map(str::to_owned),
    };
    let (text, code) = explain(reply(404, None), Some(0), None);
    assert_eq!(code, EXIT_NO);
    golden("php-off", &text);
    let (text, _) = explain(reply(303, Some("/new")), None, None);
    golden("redirect", &text);
    let (text, _) = explain(reply(403, None), None, None);
    assert!(text.contains("[upload-forbidden]"), "{text}");
    let (text, _) = explain(reply(400, None), None, None);
    assert!(text.contains("[upload-refused]"), "{text}");
}

#[test]
fn sizes_as_php_writes_them() {
    use super::findings::php_bytes;
    let table = [
        ("8M", Some(8 << 20)),
        ("1024g", Some(1 << 40)),
        ("100", Some(100)),
        (" 2K ", Some(2048)),
        ("0", None),
        ("-1", None),
        ("", None),
        ("8X", None),
        ("99999999999999999999", None),
        ("18446744073709551615G", None),
    ];
    for (text, bytes) in table {
        assert_eq!(php_bytes(text), bytes, "{text}");
    }
}
