//! The table of interesting headers and the line walker.

use alloc::vec::Vec;

use super::*;

#[test]
fn every_row_is_found_by_its_name_in_any_case() {
    for (place, (name, bit)) in Interest::ALL.iter().enumerate() {
        assert_eq!(bit.0, 1 << place, "{name} is in bit order");
        assert_eq!(Interest::of(name.as_bytes()), *bit, "{name}");
        assert_eq!(Interest::of(name.to_ascii_uppercase().as_bytes()), *bit, "{name}");
        assert_eq!(bit.name(), *name);
    }
}

#[test]
fn near_misses_are_not_interesting() {
    for name in ["", "hos", "hosts", "x-host", "if-matcx", "content_length", "transfer-encodinh"] {
        assert_eq!(Interest::of(name.as_bytes()), Interest::NONE, "{name}");
    }
}

#[test]
fn the_conditions_are_the_if_headers() {
    for (name, bit) in Interest::ALL {
        assert_eq!(Interest::CONDITIONS.has(*bit), name.starts_with("if-"), "{name}");
    }
}

#[test]
fn lines_are_walked_in_order() {
    let lines = b"A: 1\r\nb:\r\nC:\t x:y \t\r\n";
    let seen: Vec<_> = Fields::new(lines).collect();
    assert_eq!(seen, [(&b"A"[..], &b"1"[..]), (b"b", b""), (b"C", b"x:y")]);
}
