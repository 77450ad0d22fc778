//! Tests of `fields::accept`.

use super::*;

#[test]
fn json_or_html() {
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
    for (accept, expected) in [
        (browser, Wanted::Html),
        ("application/json", Wanted::Json),
        ("application/json, text/plain, */*", Wanted::Either), // */* weighs as much for HTML
        ("*/*", Wanted::Either),
        ("", Wanted::Either),
        ("image/png", Wanted::Either),
        ("Text/HTML", Wanted::Html),
        ("text/*", Wanted::Html),
        ("application/*, text/*;q=0.5", Wanted::Json),
        ("text/html;q=0.5, application/json;q=0.50", Wanted::Either),
        ("text/html;q=0.5, application/json;q=0.501", Wanted::Json),
        ("text/html;q=0, */*", Wanted::Json),
        ("text/html;level=1;q=0.3, application/json;q=0.2", Wanted::Html),
        ("text/html;q=0.1, text/*;q=1, application/json;q=0.5", Wanted::Json),
        ("application/json;q=2, text/html;q=0.1", Wanted::Html),
        ("text/html;q=0.9, text/html;q=0.1, application/json;q=0.5", Wanted::Html),
        ("application/json;q=, text/html;q=0.1", Wanted::Html),
        ("application/json ; q=0.9 , text/html ; q=0.2", Wanted::Json),
    ] {
        assert_eq!(wanted(accept.as_bytes()), expected, "{accept}");
    }
}

#[test]
fn english_or_chinese() {
    for (text, expected) in [
        ("", Lang::En),
        ("*", Lang::En),
        ("fr", Lang::En),
        ("zh", Lang::Zh),
        ("ZH-cn", Lang::Zh),
        ("zh-Hans-CN,zh;q=0.9,en;q=0.8", Lang::Zh),
        ("en-US,en;q=0.9,zh-CN;q=0.8", Lang::En),
        ("fr, de;q=0.9, zh-TW;q=0.1", Lang::Zh),
        ("en;q=0.2, zh;q=0.3", Lang::Zh),
        ("en, zh", Lang::En),
        ("zh, en", Lang::Zh),
        ("zh;q=0", Lang::En),
        ("zhx", Lang::En),
        ("zh;q=1.5, en;q=0.1", Lang::En),
    ] {
        assert_eq!(language(text.as_bytes()), expected, "{text}");
    }
}

#[test]
fn weights() {
    let rows = [("1", 1000), ("0", 0), ("0.", 0), ("0.5", 500), ("0.05", 50), ("0.001", 1)];
    for (text, expected) in rows {
        assert_eq!(thousandths(text.as_bytes()), Some(expected), "{text}");
    }
    assert_eq!(thousandths(b"1.000"), Some(1000));
    for text in ["", "1.001", "2", "0.1234", ".5", "-1", "0,5", "01", "1.0.0"] {
        assert_eq!(thousandths(text.as_bytes()), None, "{text}");
    }
}
