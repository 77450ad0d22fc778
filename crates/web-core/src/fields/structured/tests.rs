//! Items by RFC 9651 §4.2.3; dictionaries are tested by the digest fields that use them.

use super::*;

#[test]
fn booleans_are_question_mark_and_one_digit() {
    assert_eq!(item(b"?1"), Ok(Bare::Boolean(true)));
    assert_eq!(item(b"  ?0  "), Ok(Bare::Boolean(false)));
    for text in ["1", "true", "?2", "?", "?01", "?1 ?1", "?1, ?0", "\t?1", "?1\t", ""] {
        assert_ne!(item(text.as_bytes()), Ok(Bare::Boolean(true)), "{text}");
        assert_ne!(item(text.as_bytes()), Ok(Bare::Boolean(false)), "{text}");
    }
}

#[test]
fn integers_have_up_to_fifteen_digits() {
    assert_eq!(item(b"0"), Ok(Bare::Integer(0)));
    assert_eq!(item(b"-5"), Ok(Bare::Integer(-5)));
    assert_eq!(item(b"999999999999999"), Ok(Bare::Integer(999_999_999_999_999)));
    for text in ["1000000000000000", "+1", "0x1", "1_0", "1 1", "- 1", "--1", "\"1"] {
        assert_eq!(item(text.as_bytes()), Err(Malformed), "{text}");
    }
    assert_eq!(item(b"1.0"), Ok(Bare::Other), "a decimal is no integer");
}

#[test]
fn parameters_are_checked_and_passed_over() {
    assert_eq!(item(b"?1;a;b=2; c=\"x\""), Ok(Bare::Boolean(true)));
    for text in ["?1;", "?1;A", "?1 ;a", "?1;a=", "?1;a b"] {
        assert_eq!(item(text.as_bytes()), Err(Malformed), "{text}");
    }
}
