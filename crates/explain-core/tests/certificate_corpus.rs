//! The corpus of certificates: made files with known truth, and the whole report of each as a
//! golden text. `UPDATE_EXPECT=1` writes the golden texts anew.
#![expect(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

use std::collections::BTreeSet;
use std::fmt::Write as _;

use aws_lc_rs::digest;
use menshen_explain_core::certificate::{
    Anchor, Certificate, CtLog, Inputs, LogState, Report, StoreTrust, ct_logs, report,
};
use truth::{CHAINS, CLASSES, Given, LIFETIMES, NAMES, REAL, REST, Row};

#[path = "certificate_corpus/make.rs"]
mod make;
#[path = "certificate_corpus/truth.rs"]
mod truth;

#[test]
#[ignore = "writes the corpus; run by hand after a change of make.rs"]
fn make_corpus() {
    make::all();
}

#[test]
fn every_certificate_comes_out_as_it_must() {
    let mut wrong = String::new();
    for row in rows() {
        let found = answer(row);
        let want = summary(row.class, row.ev, row.covered, row.codes);
        if found != want {
            writeln!(wrong, "{} ({})\n  must be {want}\n  but is  {found}", row.name, given(row))
                .unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn whole_reports() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let (mut wrong, mut names) = (Vec::new(), BTreeSet::new());
    for row in rows() {
        let mut value = serde_json::to_value(made(row)).unwrap();
        // Everything in full for some rows; the rest without what only repeats.
        if !WHOLE.contains(&row.name) {
            shorten(&mut value);
        }
        let text = serde_json::to_string_pretty(&value).unwrap() + "\n";
        let name = golden_name(row);
        assert!(names.insert(name.clone()), "two rows for {name}");
        let path = make::folder().join("golden").join(&name);
        if update {
            std::fs::write(&path, &text).unwrap();
        } else if std::fs::read_to_string(&path).unwrap_or_default() != text {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "changed (UPDATE_EXPECT=1 accepts): {wrong:?}");
}

#[test]
fn every_file_is_in_the_truth() {
    let used: BTreeSet<String> = rows()
        .flat_map(|row| sent(row).into_iter().chain(row.pool.iter().copied()))
        .map(|name| format!("{name}.pem"))
        .collect();
    for entry in std::fs::read_dir(make::folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(!name.ends_with(".pem") || used.contains(&name), "{name} is in no row");
    }
}

#[test]
fn the_forged_timestamp_is_told_from_the_good_ones() {
    let row = rows().find(|row| row.name == "sct-forged").unwrap();
    let found = serde_json::to_value(made(row).transparency).unwrap();
    let outcomes: Vec<&str> = found["verdicts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|verdict| verdict["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes, ["valid", "invalid", "valid"]);
    assert_eq!(found["enough"], true);
}

#[test]
fn timestamps_of_today_are_checked_by_the_logs_we_bring() {
    let sent = ["real/letsencrypt-2026", "real/letsencrypt-2026-intermediate"].map(load);
    let logs = ct_logs();
    let inputs = Inputs {
        sent: &sent,
        asked: None,
        now: 1_785_000_000,
        pool: &[],
        anchors: &[],
        trust: &[],
        publicly_trusted: Some(true),
        logs: &logs,
    };
    let found = report(&inputs).unwrap().transparency;
    assert_eq!((found.valid, found.operators, found.enough), (2, 2, Some(true)));
}

fn rows() -> impl Iterator<Item = &'static Row> {
    [CLASSES, NAMES, LIFETIMES, REST, CHAINS, REAL].into_iter().flatten()
}

fn sent(row: &Row) -> Vec<&'static str> {
    if row.sent.is_empty() { vec![row.name, "intermediate"] } else { row.sent.to_vec() }
}

fn made(row: &Row) -> Report {
    let read =
        |names: &[&str]| -> Vec<Certificate> { names.iter().map(|name| load(name)).collect() };
    let (sent, pool) = (read(&sent(row)), read(row.pool));
    let root = load(if row.given == Given::Untrusted { "other-root" } else { "root" });
    let anchor = Anchor {
        name: root.subject.der.clone(),
        spki: root.spki.clone(),
        der: Some(root.der.clone()),
        label: root.title().to_owned(),
    };
    let known = row.given != Given::Alone;
    let trusted = known && row.given != Given::Untrusted;
    let root_sha256 = match row.given {
        Given::EvRoot => DIGICERT_GLOBAL_ROOT_G2.to_owned(),
        _ => root.sha256.clone(),
    };
    let trust = StoreTrust {
        store: "test".to_owned(),
        trusted,
        reason: if trusted { "ends in the root of the tests" } else { "unknown issuer" }.to_owned(),
        root_sha256: trusted.then_some(root_sha256),
        public: matches!(row.given, Given::Public | Given::EvRoot),
    };
    let logs = [("log-a", "One"), ("log-b", "Two"), ("log-c", "Two")].map(|(name, operator)| {
        let key_der = make::spki(name);
        let id = digest::digest(&digest::SHA256, &key_der).as_ref().try_into().unwrap();
        let (name, operator) = (name.to_owned(), operator.to_owned());
        CtLog { id, key_der, operator, name, state: LogState::Usable }
    });
    report(&Inputs {
        sent: &sent,
        asked: Some(row.asked),
        now: if row.now == 0 { NOW } else { row.now },
        pool: &pool,
        anchors: if known { std::slice::from_ref(&anchor) } else { &[] },
        trust: if known { std::slice::from_ref(&trust) } else { &[] },
        publicly_trusted: match row.given {
            Given::Public | Given::EvRoot => Some(true),
            Given::Private | Given::Untrusted => Some(false),
            Given::Alone => None,
        },
        logs: if known { &logs } else { &[] },
    })
    .unwrap()
}

fn answer(row: &Row) -> String {
    let found = made(row);
    let flag = |holds: bool, letter: char| if holds { letter } else { '-' };
    let ev: String = [
        flag(found.ev.claims.holds, 'C'),
        flag(found.ev.shaped.holds && found.ev.claims.holds, 'S'),
        flag(found.ev.browser_treated.holds, 'B'),
        flag(found.ev.claims_only, '!'),
    ]
    .iter()
    .collect();
    let codes: Vec<&str> = found.findings.iter().map(|finding| finding.code).collect();
    let covered = found.names.asked.is_some_and(|asked| asked.covered);
    summary(found.class.class.word(), &ev, covered, &codes)
}

fn summary(class: &str, ev: &str, covered: bool, codes: &[&str]) -> String {
    format!("{class} {ev} {} {}", if covered { "covered" } else { "other" }, codes.join(" "))
}

/// Certificate, what is given, and what is asked or when where that is not the usual.
fn golden_name(row: &Row) -> String {
    let mut name = format!("{}.{}", row.name.replace('/', "-"), given(row));
    if row.asked != "example.com" {
        let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
        name.push('.');
        name.extend(row.asked.chars().map(plain));
    }
    if row.now != 0 {
        write!(name, ".{}", row.now).unwrap();
    }
    name + ".json"
}

/// Takes out the facts of the leaf and what was given, and puts each view into one line.
fn shorten(value: &mut serde_json::Value) {
    let report = value.as_object_mut().unwrap();
    for key in ["leaf", "trust", "now", "publicly_trusted"] {
        report.remove(key);
    }
    for view in report["browsers"].as_array_mut().unwrap() {
        let text = |key: &str| view[key].as_str().unwrap().to_owned();
        let line =
            format!("{}: {} | {}", text("browser"), text("address_bar"), text("after_click"));
        *view = line.into();
    }
    let chain = report["chain"].as_object_mut().unwrap();
    chain.remove("sent");
    for link in chain["built"].as_array_mut().unwrap() {
        let line = format!("{} from {}", link["subject"], link["source"]);
        *link = line.into();
    }
}

fn given(row: &Row) -> &'static str {
    match row.given {
        Given::Public => "public",
        Given::EvRoot => "ev-root",
        Given::Private => "private",
        Given::Untrusted => "untrusted",
        Given::Alone => "alone",
    }
}

fn load(name: &str) -> Certificate {
    let bytes = std::fs::read(make::folder().join(format!("{name}.pem"))).unwrap();
    let (_, pem) = x509_parser::pem::parse_x509_pem(&bytes).unwrap();
    Certificate::from_der(&pem.contents).unwrap()
}

/// 2026-11-22.
const NOW: i64 = 1_795_305_600;
/// A row of the EV list.
const DIGICERT_GLOBAL_ROOT_G2: &str =
    "cb3ccbb76031e5e0138f8dd39a23f9de47ffc35e43c1144cea27d46a5ab1cb5f";
/// Rows whose golden text is the whole report.
const WHOLE: &[&str] = &["ev-qwac", "address", "private-no-policy", "real/cryptography-io"];
