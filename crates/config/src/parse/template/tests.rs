//! Tests of `template`.

use super::{FOREIGN, VARIABLES, pattern, read, statuses};
use crate::model::{FieldPiece, FieldVariable};

fn text(text: &str) -> FieldPiece {
    FieldPiece::Text(text.into())
}

#[test]
fn pieces_of_name_and_value() {
    let template = read("$field_name.path = ${path}x $$5 = $size").unwrap();
    assert_eq!(template.name, [FieldPiece::Variable(FieldVariable::FieldName), text(".path")]);
    let value = [
        FieldPiece::Variable(FieldVariable::Path),
        text("x $5 = "),
        FieldPiece::Variable(FieldVariable::Size),
    ];
    assert_eq!(template.value, value);
    assert_eq!(read("done=").unwrap().value, []);
}

#[test]
fn every_variable_is_read() {
    for (name, variable) in VARIABLES {
        let template = read(&format!("a = ${name}")).unwrap();
        assert_eq!(template.value, [FieldPiece::Variable(*variable)]);
    }
}

#[test]
fn names_of_the_upload_module_are_translated() {
    for (foreign, ours) in FOREIGN {
        assert!(VARIABLES.iter().any(|(known, _)| known == ours), "{ours}");
        let refusal = read(&format!("${foreign}.x = 1")).unwrap_err();
        assert_eq!(refusal.hint, format!("did you mean \"${ours}\"?"));
    }
}

#[test]
fn what_is_no_template() {
    for written in ["", "a", "= a", "  = a", "$ = a", "${path = a", "a = $pth", "a = b\n", "$x = a"]
    {
        assert!(read(written).is_err(), "{written:?}");
    }
    assert!(read(&format!("a = {}", "b".repeat(1020))).is_ok());
    assert!(read(&format!("a = {}", "b".repeat(1021))).is_err());
}

#[test]
fn patterns_and_statuses() {
    assert_eq!(pattern("descr*"), Ok("descr*".into()));
    for written in ["", "^submit$", "a.*", "a\n"] {
        assert!(pattern(written).is_err(), "{written:?}");
    }
    assert_eq!(statuses("404"), Ok((404, 404)));
    assert_eq!(statuses("400-599"), Ok((400, 599)));
    for written in ["", "40", "4040", "600", "099", "599-400", "400-", "-400", "+40", "400 - 500"] {
        assert!(statuses(written).is_err(), "{written:?}");
    }
}
