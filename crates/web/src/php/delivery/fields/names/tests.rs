//! Tests of names as PHP reads them. The rows were given to PHP 8.2, which made of all names of a
//! row the same variable with the same indices.

use super::*;

fn bones(name: &str) -> (Vec<u8>, Vec<u8>) {
    let skeleton = Skeleton::of(name.as_bytes());
    (skeleton.bones.clone(), skeleton.into_variable())
}

#[test]
fn names_that_php_takes_for_the_same_have_the_same_skeleton() {
    let rows: [(&[&str], &str); 5] = [
        (&["photo_path", "photo.path", "photo path", "  photo.path", "photo[path"], "photo_path"),
        (
            &["photo[path]", "photo[path]x", "photo[path]]", " photo[path]", "photo[path][b"],
            "photo",
        ),
        (&["a_b[c][d]", "a.b[c][d]", "a b[c][d]tail", "a.b[c][d][e"], "a_b"),
        (&["f[]", "f[ ]", "f[]."], "f"),
        (&["x_a_b", "x[a.b"], "x_a_b"),
    ];
    for (row, variable) in rows {
        let first = bones(row[0]);
        assert_eq!(first.1, variable.as_bytes());
        for name in row {
            assert_eq!(bones(name), first, "{name}");
        }
    }
    let differ =
        ["photo_path", "photopath", "photo[path]", "photo[path][x]", "Photo_path", "p", "\tp"];
    let all: HashSet<_> = differ.iter().map(|name| bones(name)).collect();
    assert_eq!(all.len(), differ.len());
}

#[test]
fn any_bytes_have_a_skeleton() {
    for name in [&b""[..], b"[", b"]", b"[[", b"[]", b" [ ", b"\xff[\xfe", b"a[b][", b"a[]["] {
        let skeleton = Skeleton::of(name);
        assert!(skeleton.variable <= skeleton.bones.len());
    }
}

#[test]
fn a_path_is_guarded_wherever_a_template_could_put_it() {
    let field_name = || FieldPiece::Variable(FieldVariable::FieldName);
    let text = |text: &str| FieldPiece::Text(text.into());
    let rows: [(Vec<FieldPiece>, &[&str], &[&str]); 5] = [
        (vec![field_name(), text(".path")], &["a_path", "a[path"], &["a[path]", "path", "a_paths"]),
        (
            vec![field_name(), text("_path[]")],
            &["a_path[]", "a.path[7]", "a_path[x]y"],
            &["a_path"],
        ),
        (vec![field_name(), text("[path][]")], &["a[path][]", "a[path][7]"], &["a[path]"]),
        (vec![field_name(), text("[path]")], &["a[path]", "a[path]z", "b[path][q"], &["a[p]"]),
        // Nothing but variables guards nothing without a file.
        (vec![field_name()], &[], &["a", "a[path]"]),
    ];
    for (name, forbidden, free) in rows {
        let template =
            FieldTemplate { name, value: vec![FieldPiece::Variable(FieldVariable::Path)] };
        let fields = Fields {
            templates: vec![template],
            pass: Vec::new(),
            cleanup: Vec::new(),
            tame_arrays: false,
            store: None,
        };
        let guarded = Guarded::of(&fields, &[]);
        forbidden.iter().for_each(|name| assert!(guarded.forbids(name.as_bytes()), "{name}"));
        free.iter().for_each(|name| assert!(!guarded.forbids(name.as_bytes()), "{name}"));
    }
}
