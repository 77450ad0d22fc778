//! Tests against known digests of `abc` (FIPS 180-4 examples, RFC 1321 §A.5, and the check of zip).

use menshen_config::model::FieldTemplate;

use super::*;

fn fields(variables: &[FieldVariable]) -> Fields {
    let piece = |variable: &FieldVariable| FieldPiece::Variable(*variable);
    let template = FieldTemplate {
        name: vec![FieldPiece::Text("x".into())],
        value: variables.iter().map(piece).collect(),
    };
    Fields {
        templates: vec![template],
        pass: Vec::new(),
        cleanup: Vec::new(),
        tame_arrays: false,
        store: None,
    }
}

#[test]
fn known_answers_in_any_cutting() {
    use FieldVariable::{Crc32, Md5, Path, Sha1, Sha256, Sha512, Size};
    let wanted = DigestsWanted::of(&fields(&[Path, Sha1, Sha256, Sha512, Md5, Crc32, Size, Md5]));
    assert_eq!(wanted.0.len(), 5);
    for cuts in [vec![&b"abc"[..]], vec![b"a", b"", b"bc"], vec![b"ab", b"c"]] {
        let mut digesting = wanted.begin();
        cuts.iter().for_each(|cut| digesting.update(cut));
        let made = digesting.finish();
        assert_eq!(made.text(Sha1), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(made.text(Md5), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(made.text(Crc32), "352441c2");
        assert_eq!(
            made.text(Sha256),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert!(made.text(Sha512).starts_with("ddaf35a193617abacc417349ae204131"));
        assert_eq!(made.text(Sha512).len(), 128);
    }
}

#[test]
fn what_nobody_asked_for_is_not_made() {
    let wanted = DigestsWanted::of(&fields(&[FieldVariable::Path]));
    assert_eq!(wanted, DigestsWanted::default());
    let mut digesting = wanted.begin();
    digesting.update(b"abc");
    assert_eq!(digesting.finish().text(FieldVariable::Sha256), "");
}
