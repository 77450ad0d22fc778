//! Tests of reading the suite's result lines.

use super::suite::{Outcome, names_of, result_line};

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
    let outcome = |line: &str| Outcome { test: "t".to_owned(), line: line.to_owned() };
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
