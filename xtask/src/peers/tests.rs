//! Tests of reading the suite's result lines.

use super::suite::{Outcome, differing_lines, names_of, result_line};
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

fn outcome(line: &str) -> Outcome {
    Outcome { test: "t".to_owned(), line: line.to_owned(), differing: 0 }
}
