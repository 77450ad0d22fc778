//! Promises whose test is missing, ignored or no test are found.

use super::super::tests::{shown, tree};
use super::*;

const TESTS: &str = "\
//! Doc.
#[test]
fn works() {}

fn no_test() {}

#[test]
#[ignore = \"slow\"]
fn asleep() {}
";

fn problems_of(rows: &str) -> Vec<String> {
    let text = format!("# Promises\n\n| id | promise | shown by |\n|---|---|---|\n{rows}");
    let (_folder, tree) = tree(&[("SPECIFICATION.md", &text), ("crates/x/tests/a.rs", TESTS)]);
    shown(&check(&tree))
}

#[test]
fn good_rows_have_no_problem() {
    let rows = "\
| A1 | it works | test crates/x/tests/a.rs::works, bench downloads |
| A2 | it looks well | `ci browser` |
| A3 | it is fast | not shown yet: no second machine |
";
    assert_eq!(problems_of(rows), [""; 0]);
}

#[test]
fn every_bad_row_is_reported_with_its_line() {
    let rows = "\
| A1 | gone | test crates/x/tests/b.rs::works |
| A2 | other name | test crates/x/tests/a.rs::work |
| A3 | no test | test crates/x/tests/a.rs::no_test |
| A4 | ignored | test crates/x/tests/a.rs::asleep |
| A5 | no bench | bench dreams |
| A6 | no reason | not shown yet: |
| A6 | twice | ci tidy |
| A7 | nothing |  |
";
    let problems = problems_of(rows);
    let expected = [
        "5: A1: no file",
        "6: A2: no function work in",
        "7: A3: no_test in crates/x/tests/a.rs is not a test",
        "8: A4: asleep in crates/x/tests/a.rs is ignored",
        "9: A5: not understood: `bench dreams`",
        "10: A6: `not shown yet` without a reason",
        "11: A6 stands here twice",
        "12: A7: not understood",
    ];
    assert_eq!(problems.len(), expected.len(), "{problems:?}");
    for (problem, expected) in problems.iter().zip(expected) {
        assert!(problem.starts_with(&format!("SPECIFICATION.md:{expected}")), "{problem}");
    }
}

#[test]
fn a_missing_or_empty_specification_is_reported() {
    let (_folder, empty) = tree(&[("SPECIFICATION.md", "# Promises\n")]);
    assert_eq!(shown(&check(&empty)), ["SPECIFICATION.md: holds no promise"]);
    let (_folder, none) = tree(&[]);
    assert_eq!(shown(&check(&none)), ["SPECIFICATION.md: is missing"]);
}
