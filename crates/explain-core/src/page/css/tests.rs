//! Rules as they are written, traps of the syntax, and any text.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

fn found(text: &str) -> Vec<(Kind, String)> {
    let all = references(text, Form::Sheet);
    all.into_iter().map(|found| (found.kind, found.written)).collect()
}

fn one(kind: Kind, written: &str) -> Vec<(Kind, String)> {
    [(kind, written.to_string())].into()
}

#[test]
fn what_is_fetched_is_found() {
    use Kind::{Font, StyleImage, StyleImport};
    let table = [
        ("a{background:url(x.png)}", StyleImage, "x.png"),
        ("a{background: URL( 'x y.png' )}", StyleImage, "x y.png"),
        ("a{background:u\\72l(x.png)}", StyleImage, "x.png"),
        ("a{background:url(x\\)y\\20 z)}", StyleImage, "x)y z"),
        ("a{background:url(\"x\\\ny\")}", StyleImage, "xy"),
        ("a{background:image-set(\"x\" 1x)}", StyleImage, "x"),
        ("a{background:-webkit-image-set(url(x) 1x)}", StyleImage, "x"),
        ("a{background:image-set(\"x\" type(\"image/png\"))}", StyleImage, "x"),
        ("a{--v:url(x)}", StyleImage, "x"),
        ("@media print{a{cursor:url(x),auto}}", StyleImage, "x"),
        ("@font-face{font-family:F;src:url(x) format('woff2')}", Font, "x"),
        ("@import 'x.css' screen;", StyleImport, "x.css"),
        (
            "@charset 'utf-8';@layer a;@IMPORT url(x.css) supports(display:grid);",
            StyleImport,
            "x.css",
        ),
        ("/* url(no) */a{/**/background/**/:url(x)}", StyleImage, "x"),
        ("a{background:url(x", StyleImage, "x"),
    ];
    for (text, kind, written) in table {
        assert_eq!(found(text), one(kind, written), "{text}");
    }
    let style = references("background:url(x)", Form::Declarations);
    assert_eq!(style, [StyleRef { kind: StyleImage, written: "x".into() }]);
}

#[test]
fn what_is_not_fetched_is_not_found() {
    for text in [
        "@namespace svg url(http://www.w3.org/2000/svg);",
        "a{} @import 'late.css';",
        "@media print{@import 'inner.css';}",
        "a{content:\"url(x)\"}",
        "a{content:'/*'} b{content:'*/ url(x)'}",
        "a{background:url(x y)}",
        "a{background:url(x'y)}",
        "a{background:myurl(x)}",
        "a[href=\"http://x/\"]{}",
        "url(x)",
    ] {
        assert_eq!(found(text), [], "{text}");
    }
    // An import names one address; further strings are conditions.
    assert_eq!(found("@import 'x' layer('y');").len(), 1);
    // After a bad string the next line is read as what it is.
    assert_eq!(found("a{content:\"a\n;background:url(x)}"), one(Kind::StyleImage, "x"));
}

proptest! {
    #[test]
    fn any_text_is_a_style(
        text in "[a@({)};:\"'\\\\/*u rl\n\u{e9}-]{0,200}",
        raw in any::<Vec<u8>>(),
    ) {
        let _ = references(&text, Form::Sheet);
        let _ = references(&String::from_utf8_lossy(&raw), Form::Declarations);
    }

    #[test]
    fn an_escaped_address_comes_back(name in "[a-z()'\" \\\\;{}]{1,20}") {
        let mut escaped = String::new();
        for c in name.chars() {
            escaped.push_str(&format!("\\{:x} ", u32::from(c)));
        }
        prop_assert_eq!(found(&format!("a{{b:url({escaped})}}")), one(Kind::StyleImage, &name));
        prop_assert_eq!(found(&format!("a{{b:url(\"{escaped}\")}}")), one(Kind::StyleImage, &name));
    }
}
