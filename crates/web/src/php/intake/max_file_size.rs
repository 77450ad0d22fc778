//! The form field `MAX_FILE_SIZE`, as PHP reads it.
//!
//! PHP compares the field's name without regard to case, takes the value like C's `strtoll` with
//! base 10, and lets the last one before a file count; 0 is no limit, a negative one refuses every
//! file that has bytes (measured with PHP 8.2). It is the client's word: it limits nothing here.

/// Whether a field's name is the one.
pub(super) const fn is_named(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"MAX_FILE_SIZE")
}

/// The number at the beginning of `text`, 0 when there is none.
pub(super) fn number(text: &[u8]) -> i64 {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let text = &text[text.iter().take_while(|byte| blank(byte)).count()..];
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        all => (false, all),
    };
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0_i64, |sum, digit| {
        let digit = i64::from(digit - b'0');
        let sum = sum.saturating_mul(10);
        if negative { sum.saturating_sub(digit) } else { sum.saturating_add(digit) }
    })
}

/// So much of the value is looked at; PHP looks at all, but nobody means a number with more.
pub(super) const VALUE_BYTES_MAX: usize = 64;
