//! Tests of what authorities say.

use super::*;

fn problem(json: &str) -> Problem {
    serde_json::from_str(json).unwrap()
}

#[test]
fn type_and_detail_are_told_clean_and_bounded() {
    let limited = problem(
        "{\"type\":\"urn:ietf:params:acme:error:rateLimited\",\"detail\":\"too\\u001b many\",
          \"subproblems\":[{\"type\":\"urn:ietf:params:acme:error:caa\",\"detail\":\"no\"}]}",
    );
    let fault = Fault::of_authority(&Error::Api(limited));
    assert_eq!(fault.text, "rateLimited: too many; caa: no");
    assert!(is_limit(&fault.text) && !fault.account_lost);
    let long = format!("{{\"detail\":\"{}\"}}", "x".repeat(10_000));
    assert!(problem_words(&problem(&long)).chars().count() <= WORDS_MAX + 1);
    assert_eq!(problem_words(&problem("{}")), "a problem without words");
}

#[test]
fn an_account_that_is_gone_is_known_as_such() {
    let gone = problem("{\"type\":\"urn:ietf:params:acme:error:accountDoesNotExist\"}");
    assert!(Fault::of_authority(&Error::Api(gone)).account_lost);
}
