//! The check that MariaDB's query cache makes of a text before it is parsed
//! (`sql/sql_cache.cc`, `Query_cache::send_result_to_client` and `has_no_cache_directive`).

pub(super) fn looks_cacheable(bytes: &[u8]) -> bool {
    let bytes = super::trim(bytes);
    let rest = passed(bytes);
    let starts = |word: &[u8]| rest.get(..3).is_some_and(|it| it.eq_ignore_ascii_case(word));
    (starts(b"SEL") || starts(b"WIT")) && !(rest.len() > 20 && forbids(rest.get(6..)))
}

/// What follows blanks, comments and at most one bracket.
fn passed(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    let mut bracket = false;
    loop {
        rest = match rest {
            [b'/', b'*', b'!', inner @ ..] => {
                let digits = inner.iter().take_while(|byte| byte.is_ascii_digit()).count();
                inner.get(digits..).unwrap_or_default()
            }
            [b'/', b'*', inner @ ..] => {
                let end = memchr::memmem::find(inner, b"*/").map_or(inner.len(), |at| at + 2);
                inner.get(end..).unwrap_or_default()
            }
            [b'-', b'-', b' ' | b'\t'..=b'\r', ..] | [b'#', ..] => {
                let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
                rest.get(end..).unwrap_or_default()
            }
            [b'\r' | b'\n' | b'\t' | b' ', inner @ ..] => inner,
            [b'(', inner @ ..] if !bracket => {
                bracket = true;
                inner
            }
            _ => return rest,
        };
    }
}

fn forbids(rest: Option<&[u8]>) -> bool {
    let rest = rest.unwrap_or_default();
    let blanks = rest.iter().take_while(|byte| **byte == b' ').count();
    let word = rest.get(blanks..blanks + NO_CACHE.len()).unwrap_or_default();
    word.eq_ignore_ascii_case(NO_CACHE)
}

/// With its blank: the server asks for one behind the word.
const NO_CACHE: &[u8] = b"SQL_NO_CACHE ";
