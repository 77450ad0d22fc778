//! Tests of the whole crate, from text to configuration.

use crate::{Colour, check};

#[test]
fn no_text_is_the_default() {
    let checked = check(b"", "menshen.toml", Colour::Plain);
    assert_eq!(checked.config, Some(crate::Config::default()));
    assert_eq!(checked.report, "");
}

#[test]
fn bytes_that_are_no_utf8_are_pointed_at_and_the_rest_is_checked() {
    let checked = check(b"[web]\nroot = \"a\xff\"\nport = 1\n", "m.toml", Colour::Plain);
    assert_eq!(checked.config, None);
    let codes: Vec<_> = checked.problems.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, ["config-not-utf8", "config-unknown-key"]);
    assert!(checked.report.starts_with("m.toml:2:10: error: byte 0xff is not UTF-8\n"));
}
