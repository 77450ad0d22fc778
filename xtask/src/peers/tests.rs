//! Tests of reading the suite's result lines.

use super::main_suite::{Case, known};
use super::suite::{Outcome, cannot_run, differing_lines, has_own_options, names_of, result_line};
use super::tunnel::{Carried, table};
use super::{CANNOT, QUERY_CACHE, Verdict};

#[test]
fn takes_the_line_of_the_test_and_not_of_its_namesakes() {
    let text = "main.query_cache_merge                   [ pass ]    120\n\
                main.query_cache                         [ fail ]\n\
                main.query_cache 'innodb'                [ pass ]     12\n";
    let line = result_line(text, "main.query_cache").unwrap();
    assert!(line.ends_with("[ fail ]"), "the worst of several counts: {line}");
    assert_eq!(result_line(text, "main.query"), None);
}

#[test]
fn skipped_is_neither_passed_nor_failed() {
    let skipped = outcome("t  [ skipped ]  needs something");
    assert!(!skipped.passed() && !skipped.failed());
    assert!(outcome("t [ pass ] 5").passed() && !outcome("t [ pass ] 5").failed());
    assert!(outcome("t [ fail ] gave no result line").failed());
}

#[test]
fn a_path_that_carried_its_files_has_a_line() {
    let line = "test pppd::packets ... our client, pptpd, MPPE 128: SAME 100 MB down in 32.1 s at \
                24.9 Mbit/s, 25 MB up in 8.0 s at 25.0 Mbit/s, 10 pings, SHA-256 0a1b2c3d and \
                4e5f6071 at both ends";
    let carried = Carried::read(line).unwrap();
    let wanted = "| our client, pptpd, MPPE 128 | 10 | 100 | 32.1 | 24.9 | 25 | 8.0 | 25.0 | \
                  equal: 0a1b2c3d…, 4e5f6071… |\n";
    assert!(table(&[carried]).ends_with(wanted));
    for other in ["DIFFERENT: 100 octets", "a path: SAME 100 MB down", "test x ... ok"] {
        assert_eq!(Carried::read(other), None);
    }
}

#[test]
fn lists_the_suite_or_says_what_is_missing() {
    match names_of("main") {
        Ok(names) => assert!(names.iter().any(|name| name == "main.query_cache")),
        Err(message) => assert!(message.contains("apt-get install mariadb-test"), "{message}"),
    }
}

#[test]
fn counts_what_differs_and_not_the_heads_of_the_difference() {
    let text = "--- a.result\n+++ a.reject\n@@ -1,3 +1,3 @@\n same\n-was\n+is\n+more\n\n\
                mysqltest: Result length mismatch\n- not of it\n";
    assert_eq!(differing_lines(text), 3);
    assert_eq!(differing_lines("no difference\n- here\n"), 0);
}

#[test]
fn a_test_that_cannot_pass_must_not() {
    let verdict =
        |test: &str, line: &str| Verdict::of(&Outcome { test: test.to_owned(), ..outcome(line) });
    let (test, reason) = CANNOT[0];
    assert_eq!(verdict(test, "t [ fail ]"), Verdict::Cannot(reason));
    assert_eq!(verdict(test, "t [ pass ] 5"), Verdict::Unexpected);
    assert_eq!(verdict("main.other", "t [ pass ] 5"), Verdict::Passed);
    assert_eq!(verdict("main.other", "t [ fail ]"), Verdict::Failed);
    assert_eq!(verdict(test, "t [ skipped ]"), Verdict::Failed, "a test that does not run");
    for (test, _) in CANNOT {
        assert!(QUERY_CACHE.contains(test), "{test} is not run");
    }
}

#[test]
fn only_steady_failures_without_a_reason_are_the_doors() {
    let case = Case { door: 0, haproxy: 3, own_cache: true, cache_off: false, known: None };
    assert!(case.is_bad());
    assert!(case.says().starts_with("fails only through the door"));
    let fine = [
        Case { door: 1, ..case },
        Case { haproxy: 2, ..case },
        Case { known: Some("by nature"), ..case },
    ];
    assert!(fine.iter().all(|case| !case.is_bad()));
    assert!(fine[0].says().starts_with("unsteady"), "{}", fine[0].says());
    let own = Case { own_cache: false, ..fine[2] }.says();
    assert_eq!(own, "cannot: by nature; fails with the server's own cache on, too");
}

#[test]
fn what_is_known_of_tests_is_of_tests_that_are_there() {
    // Without the package there is nothing to compare with.
    let Ok(names) = names_of("main") else { return };
    for (test, _) in known().filter(|(test, _)| test.starts_with("main.")) {
        assert!(names.iter().any(|name| name == test), "{test}");
        assert_eq!(cannot_run(test), None, "{test}");
    }
    assert!(has_own_options("main.query_cache_notembedded"));
    assert!(!has_own_options("main.1st") && !has_own_options("main.no_such_test"));
    let stops = cannot_run("main.chained_ssl_certificates");
    assert!(stops.is_some_and(|why| why.contains("stops its server")));
    assert!(cannot_run("main.alter_table_debug").is_some_and(|why| why.contains("debug build")));
    assert_eq!(cannot_run("main.1st"), None);
}

fn outcome(line: &str) -> Outcome {
    Outcome { test: "t".to_owned(), line: line.to_owned(), differing: 0 }
}
