//! Tests of `paths`.

use std::path::Path;

use super::{Overlap, overlap};

#[test]
fn overlaps() {
    for (one, other, expected) in [
        ("files", ".menshen", None),
        ("files", "./files/", Some(Overlap::Same)),
        ("files", "filesystem", None),
        (".", ".menshen", Some(Overlap::Around)),
        ("files/../state", "state/x", Some(Overlap::Around)),
        ("state/files", "state", Some(Overlap::Inside)),
        ("/srv/files", "/srv/files/.menshen", Some(Overlap::Around)),
        ("/srv/files", "/srv/../srv/files", Some(Overlap::Same)),
        ("/srv/files", "files", None),
        ("/", "state", Some(Overlap::Around)),
        ("/..", "/", Some(Overlap::Same)),
        ("..", "state", Some(Overlap::Around)),
        ("..", "../state", Some(Overlap::Around)),
        ("../files", "../state", None),
        ("../..", "..", Some(Overlap::Around)),
        ("..", ".", Some(Overlap::Around)),
        ("..", "../../x", None),
        (".", "../x", None),
    ] {
        assert_eq!(overlap(Path::new(one), Path::new(other)), expected, "{one} {other}");
        let turned = expected.map(|overlap| match overlap {
            Overlap::Inside => Overlap::Around,
            Overlap::Around => Overlap::Inside,
            Overlap::Same => Overlap::Same,
        });
        assert_eq!(overlap(Path::new(other), Path::new(one)), turned, "{other} {one}");
    }
}
