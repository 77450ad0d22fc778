//! What passes and what is written out; nothing that steers a terminal ever passes.

use proptest::prelude::*;

use super::*;

fn escaped(bytes: &[u8]) -> String {
    let mut out = Vec::new();
    escape(bytes, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn text_and_colours_stay_and_the_rest_is_written_out() {
    let table: [(&[u8], &str); 10] = [
        (b"plain\ttext", "plain\ttext"),
        ("wörter 漢字".as_bytes(), "wörter 漢字"),
        (b"\x1b[1;31mred\x1b[0m", "\x1b[1;31mred\x1b[0m"),
        (b"\x1b[2Jgone", "\\x1b[2Jgone"),
        (b"\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        (b"50 %\r60 %", "50 %\\r60 %"),
        (b"\xff\xc3", "\\xff\\xc3"),
        ("\u{9b}31m".as_bytes(), "\\u009b31m"),
        ("a\u{202e}b".as_bytes(), "a\\u202eb"),
        (b"\x1b[\x1b[m", "\\x1b[\x1b[m"),
    ];
    for (bytes, agreed) in table {
        assert_eq!(escaped(bytes), agreed);
    }
    assert!(escape(b"\x1b[31m", &mut Vec::new()) && !escape(b"\x1b[31", &mut Vec::new()));
}

proptest! {
    #[test]
    fn nothing_steers_a_terminal(parts in proptest::collection::vec(
        prop_oneof![
            any::<u8>().prop_map(|byte| vec![byte]),
            any::<char>().prop_map(|c| c.to_string().into_bytes()),
            Just(b"\x1b[".to_vec()), Just(b"0;1".to_vec()), Just(b"m".to_vec()),
        ], 0..60))
    {
        let text = escaped(&parts.concat());
        for (at, c) in text.char_indices().filter(|(_, c)| c.is_control() && *c != '\t') {
            prop_assert_eq!(c, '\x1b');
            let rest = text[at..].strip_prefix("\x1b[").unwrap();
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != ';' && c != ':');
            prop_assert!(rest[end.unwrap()..].starts_with('m'));
        }
    }
}
