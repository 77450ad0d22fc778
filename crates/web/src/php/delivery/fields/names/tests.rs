//! Tests of names as PHP reads them; the left column was given to PHP 8.2, which made of all names
//! of a row the same variable.

use super::*;

#[test]
fn names_that_php_takes_for_the_same_have_the_same_skeleton() {
    let rows: [&[&str]; 4] = [
        &["photo_path", "photo.path", "photo path", " photo.path", "photo[path", "photo_path"],
        &["photo[path]", "photo[ path]", "photo[path]x", "photo[path]]", " photo[path]"],
        &["a_b[c][d]", "a.b[c][d]", "a.b[c][ d]", "a b[c][d]tail"],
        &["f[]", "f[ ]", "f[]."],
    ];
    for row in rows {
        let first = skeleton(row[0].as_bytes());
        for name in row {
            assert_eq!(skeleton(name.as_bytes()), first, "{name}");
        }
    }
    let differ = ["photo_path", "photopath", "photo[path]", "photo[path][x]", "Photo_path", "p"];
    let all: HashSet<_> = differ.iter().map(|name| skeleton(name.as_bytes())).collect();
    assert_eq!(all.len(), differ.len());
}

#[test]
fn any_bytes_have_a_skeleton() {
    for name in [&b""[..], b"[", b"]", b"[[", b"[]", b" [ ", b"\xff[\xfe", b"a[b][", b"a[]["] {
        let _ = skeleton(name);
    }
}
