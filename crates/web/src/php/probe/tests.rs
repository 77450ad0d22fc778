//! Tests of the choice of a delivery and of what answers to the probe mean.

use std::path::PathBuf;

use menshen_base::Severity;
use menshen_config::model::PhpAddress;
use serde_json::{Value, json};

use super::*;
use crate::php::fixture::{Place, read_all};

fn pool() -> PoolSpec {
    PoolSpec {
        address: PhpAddress::Unix("/run/php/pool.sock".into()),
        workers: 4,
        managed: false,
        status: None,
        folder: PathBuf::from("/var/lib/menshen/php"),
        spool_fd: -1,
        spool_path: PathBuf::from("/var/lib/menshen/php/spool"),
        place: 0,
        wake_fd: -1,
    }
}

fn expected() -> Expected {
    Expected { sha256: "ab".repeat(32), device: 7, user: 33 }
}

/// The answer of a pool where all is well.
fn well() -> Value {
    json!({
        "php": "8.2.36", "sapi": "fpm-fcgi", "uid": 33, "shim": "1",
        "prepend": "/var/lib/menshen/php/prepend.php", "prepend_locked": true,
        "upload_tmp_dir": "/var/lib/menshen/php/tmp", "upload_tmp_dev": 7, "open_basedir": "",
        "disabled": [], "file_uploads": true, "max_file_uploads": 20, "post_max_size": "8M",
        "upload_max_filesize": "2M", "enable_post_data_reading": true,
        "files": {"probe": {"error": 0, "size": 4097, "is_uploaded_file": true,
            "sha256": "ab".repeat(32), "owner": 33, "dev": 7, "writable": true}},
    })
}

/// A setting and its value.
type Change<'a> = (&'a str, Value);

/// The answer of a pool where the token stayed a token, with some settings changed.
fn failed(changes: &[Change<'_>]) -> Value {
    let mut answer = well();
    answer["files"]["probe"]["size"] = json!(48);
    answer["files"]["probe"]["sha256"] = json!("cd".repeat(32));
    for (name, value) in changes {
        answer[*name] = value.clone();
    }
    answer
}

fn judged(answer: &Value) -> SwapState {
    judge(&pool(), &expected(), 200, answer.to_string().as_bytes())
}

fn codes(state: &SwapState) -> Vec<&'static str> {
    match state {
        SwapState::Broken(findings) => findings.iter().map(|one| one.code).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn a_pool_that_swapped_works() {
    let SwapState::Works(facts) = judged(&well()) else { panic!("works") };
    assert_eq!(
        facts,
        Facts { php: "8.2.36".into(), files_max: 20, locked: true, warnings: Vec::new() }
    );
    let mut unlocked = well();
    unlocked["prepend_locked"] = json!(false);
    let SwapState::Works(facts) = judged(&unlocked) else { panic!("works") };
    assert_eq!(facts.warnings[0].code, "php-prepend-unlocked");
    assert_eq!(facts.warnings[0].severity, Severity::Warning);
}

#[test]
fn only_the_very_file_is_a_proof() {
    for (name, value) in [
        ("error", json!(7)),
        ("size", json!(48)),
        ("is_uploaded_file", json!(false)),
        ("sha256", json!("cd".repeat(32))),
    ] {
        let mut answer = well();
        answer["files"]["probe"][name] = value;
        assert_eq!(codes(&judged(&answer)), ["php-swap-failed"], "{name}");
    }
    let mut nothing = well();
    nothing["files"] = json!({});
    assert_eq!(codes(&judged(&nothing)), ["php-swap-failed"]);
}

#[test]
fn another_user_is_no_good_even_where_the_swap_worked() {
    let mut answer = well();
    answer["uid"] = json!(1000);
    assert_eq!(codes(&judged(&answer)), ["php-pool-other-user"]);
    answer["uid"] = json!(-1);
    assert!(matches!(judged(&answer), SwapState::Works(_)), "PHP could not say");
    answer["files"]["probe"]["writable"] = json!(false);
    assert_eq!(codes(&judged(&answer)), ["php-pool-other-user"]);
}

#[test]
fn a_copy_is_no_swap() {
    let mut answer = well();
    answer["upload_tmp_dev"] = json!(8);
    assert_eq!(codes(&judged(&answer)), ["php-upload-folder-elsewhere"]);
    answer["upload_tmp_dev"] = json!(-1);
    assert!(matches!(judged(&answer), SwapState::Works(_)), "PHP could not say");
}

#[test]
fn every_cause_has_its_finding() {
    let rows: [(&[Change<'_>], &str, &str); 9] = [
        (&[("file_uploads", json!(false))], "php-uploads-off", "file_uploads"),
        (&[("enable_post_data_reading", json!(false))], "php-post-reading-off", "replayed"),
        (
            &[("shim", json!("")), ("prepend", json!(""))],
            "php-shim-missing",
            "php_admin_value[auto_prepend_file] = /var/lib/menshen/php/prepend.php",
        ),
        (&[("shim", json!(""))], "php-shim-unreadable", "read it"),
        (
            &[("shim", json!("")), ("prepend", json!("/srv/waf.php"))],
            "php-prepend-other",
            "php_admin_value[auto_prepend_file] = /var/lib/menshen/php/prepend.php",
        ),
        (&[("disabled", json!(["rename", "header"]))], "php-functions-disabled", "disable_f"),
        (
            &[("upload_tmp_dev", json!(8))],
            "php-upload-folder-elsewhere",
            "php_admin_value[upload_tmp_dir] = /var/lib/menshen/php/spool",
        ),
        (
            &[("open_basedir", json!("/srv:/var/lib/menshen/php/spoo"))],
            "php-open-basedir",
            ":/var/lib/menshen/php/spool",
        ),
        (&[("uid", json!(1))], "php-pool-other-user", "`user`"),
    ];
    for (changes, code, hint) in rows {
        let SwapState::Broken(found) = judged(&failed(changes)) else { panic!("{code}") };
        assert_eq!(found.iter().map(|one| one.code).collect::<Vec<_>>(), [code]);
        assert!(found[0].hint.contains(hint), "{code}: {}", found[0].hint);
        assert_eq!(found[0].subject, "unix:/run/php/pool.sock");
        assert!(!found[0].evidence.is_empty());
    }
    let inside = failed(&[("open_basedir", json!("/srv:/var/lib/menshen/"))]);
    assert_eq!(codes(&judged(&inside)), ["php-swap-failed"]);
    let two = failed(&[("file_uploads", json!(false)), ("uid", json!(1))]);
    assert_eq!(codes(&judged(&two)), ["php-uploads-off", "php-pool-other-user"]);
}

#[test]
fn any_answer_is_judged() {
    let deep = "[".repeat(10_000);
    for body in
        [&b""[..], b"File not found.\n", b"{}x", b"null", b"\xff\xfe\x1b[31m", deep.as_bytes()]
    {
        for status in [200, 404, 500] {
            let state = judge(&pool(), &expected(), status, body);
            assert_eq!(codes(&state), ["php-probe-unanswered"]);
            let SwapState::Broken(found) = state else { panic!("broken") };
            let shown = found[0].evidence.iter().map(|one| one.value.as_str());
            assert!(shown.flat_map(str::chars).all(|one| !one.is_control()));
        }
    }
    assert_eq!(codes(&judge(&pool(), &expected(), 404, well().to_string().as_bytes())).len(), 1);
    assert!(!codes(&judged(&json!({}))).is_empty());
}

#[test]
fn the_probe_asks_with_one_file() {
    let place = Place::new();
    let mut probe = request(&pool(), &place.spool).unwrap();
    let sent = std::fs::read(place.path("spool").join(&place.spooled()[0])).unwrap();
    assert_eq!(sent.len(), 4097);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &sent);
    assert_eq!(probe.expected.sha256, hex(digest.as_ref()));
    let has = |text: &str| probe.pairs.windows(text.len()).any(|word| word == text.as_bytes());
    for text in [
        "SCRIPT_FILENAME/var/lib/menshen/php/probe.php",
        "MENSHEN_PROBE1",
        "MENSHEN_FILES",
        &format!("CONTENT_LENGTH{}", probe.body.length),
    ] {
        assert!(has(text), "{text}");
    }
    assert_eq!(read_all(&mut probe.body.source, 100).len() as u64, probe.body.length);
    drop(probe);
    assert!(place.spooled().is_empty());
}

#[test]
fn the_choice_and_its_reason() {
    use Delivery::{Auto, Fields, Replay, Swap};
    let works = SwapState::Works(Facts { files_max: 20, ..Facts::default() });
    let broken = SwapState::Broken(Vec::new());
    let form = |tokens| FormFacts { tokens, told_bytes: 200, ..FormFacts::default() };
    let (unknown, none, two, many) = (FormFacts::default(), form(0), form(2), form(500));
    for wanted in [Auto, Swap] {
        let choice = |state: &SwapState, form| decide(wanted, state, form);
        assert_eq!(choice(&works, two), (Swap, None));
        assert_eq!(choice(&works, unknown), (Swap, None));
        assert_eq!(choice(&works, many), (Swap, None), "PHP takes 20 of them");
        let greedy = SwapState::Works(Facts { files_max: 1000, ..Facts::default() });
        assert_eq!(choice(&greedy, many), (Replay, Some(Reason::TooManyFiles)));
        assert_eq!(choice(&broken, two), (Replay, Some(Reason::Broken)));
        assert_eq!(choice(&broken, unknown), (Replay, Some(Reason::Broken)));
        assert_eq!(choice(&SwapState::Overridden, two), (Replay, Some(Reason::Overridden)));
        assert_eq!(choice(&SwapState::Failed, two), (Replay, Some(Reason::Failed)));
        assert_eq!(choice(&broken, none), (Replay, None), "nothing to swap");
        assert_eq!(choice(&SwapState::Unknown, two), (Replay, Some(Reason::Unknown)));
    }
    assert_eq!(decide(Replay, &works, two), (Replay, None));
    assert_eq!(decide(Fields, &broken, two), (Fields, None));
}
