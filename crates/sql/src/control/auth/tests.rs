//! Answers against values worked out with Python's hashlib from the two plugins' formulas.

use super::answer;

const SCRAMBLE: &[u8] = b"abcdefghijklmnopqrst\0";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn answers_are_those_of_the_formulas() {
    let native = answer(b"mysql_native_password", b"secret", SCRAMBLE).unwrap();
    assert_eq!(hex(&native), "8817c50fa779daef010ee7577825b0847df9842e");
    let sha2 = answer(b"caching_sha2_password", b"secret", SCRAMBLE).unwrap();
    assert_eq!(hex(&sha2), "c76e2898612a4cf042c77fa8c4702c4c64c0c2c557c53c4d75595aaa6abae809");
}

#[test]
fn no_password_is_no_answer_and_other_plugins_are_refused() {
    assert_eq!(answer(b"mysql_native_password", b"", SCRAMBLE), Some(vec![]));
    assert_eq!(answer(b"unix_socket", b"secret", SCRAMBLE), Some(vec![]));
    assert_eq!(answer(b"mysql_clear_password", b"secret", SCRAMBLE), None);
}
