//! Tests of `multipart::head`.

use alloc::format;
use alloc::vec::Vec;

use super::*;

fn field(name: &str) -> PartHead {
    PartHead { name: name.into(), file_name: None, full_path: None, content_type: None }
}

fn head(lines: &str) -> Result<PartHead, HeadFault> {
    PartHead::parse(lines.as_bytes())
}

fn disposition(parameters: &str) -> Result<PartHead, HeadFault> {
    head(&format!("Content-Disposition: form-data; {parameters}"))
}

#[test]
fn header_lines() {
    let named = "Content-Disposition: form-data; name=a";
    let fault = |lines: &str| head(lines).unwrap_err();
    assert_eq!(head(&format!("X-Other: 1\r\n{named}\r\ncontent-length: 99")), Ok(field("a")));
    for encoding in ["7bit", "8BIT", "binary"] {
        let lines = format!("{named}\r\nContent-Transfer-Encoding: {encoding}");
        assert_eq!(head(&lines), Ok(field("a")), "{encoding}");
    }
    for encoding in ["base64", "quoted-printable", "", "7bit, 8bit"] {
        let lines = format!("{named}\r\nContent-Transfer-Encoding: {encoding}");
        assert_eq!(fault(&lines), HeadFault::Encoding, "{encoding}");
    }
    for line in [
        "x",
        ": x",
        "x : 1",
        " folded: 1",
        "\tfolded",
        "x: a\nb: c",
        "x: a\rb",
        "x: \0",
        "x: \u{7f}",
        "\u{e9}: 1",
        "x(: 1",
        "--B",
    ] {
        assert_eq!(fault(&format!("{named}\r\n{line}")), HeadFault::Line, "{line:?}");
    }
    assert_eq!(fault(&format!("{named}\r\n{named}")), HeadFault::Disposition);
    assert_eq!(fault("Content-Type: text/plain"), HeadFault::Disposition);
    assert_eq!(fault(""), HeadFault::Disposition);
    let types = format!("{named}\r\nContent-Type: a/b\r\nContent-Type: a/b");
    assert_eq!(fault(&types), HeadFault::ContentType);
    let empty = format!("{named}\r\nContent-Type: ");
    assert_eq!(head(&empty), Ok(field("a")));
    for value in ["", "form-data", "attachment; name=a", "form-data name=a", "form-data, name=a"] {
        let wanted = if value == "form-data" { HeadFault::Name } else { HeadFault::Disposition };
        assert_eq!(fault(&format!("Content-Disposition: {value}")), wanted, "{value}");
    }
}

#[test]
fn field_names() {
    let name = |text: &str| disposition(text).map(|head| head.name);
    for (text, wanted) in [
        ("name=a", "a"),
        ("NAME=a", "a"),
        ("name=\"a b\"", "a b"),
        ("name=\"a;b=c\"", "a;b=c"),
        ("name=\"a\\\"b\"", "a\"b"),
        ("name=\"a\\\\b\"", "a\\b"),
        ("name=\"a\\b\"", "a\\b"),
        ("name=\"a%22b\"", "a%22b"),
        ("name=\"\u{95e8}[]\"", "\u{95e8}[]"),
        ("name=\"_charset_\"", "_charset_"),
        (";; name=a ; x=\"y\" ;", "a"),
    ] {
        assert_eq!(name(text), Ok(wanted.as_bytes().to_vec()), "{text}");
    }
    for (text, wanted) in [
        ("x=a", HeadFault::Name),
        ("name=\"\"", HeadFault::Name),
        ("name=a; name=a", HeadFault::Name),
        ("name=a; NAME=b", HeadFault::Name),
        ("name", HeadFault::Disposition),
        ("name=", HeadFault::Disposition),
        ("name =a", HeadFault::Disposition),
        ("name= a", HeadFault::Disposition),
        ("name=\"a", HeadFault::Disposition),
        ("name=\"a\\\"", HeadFault::Disposition),
        ("name=\"a\"b", HeadFault::Disposition),
        ("name=a/b", HeadFault::Disposition),
        ("name=\u{e9}", HeadFault::Disposition),
        ("name=a, x=b", HeadFault::Disposition),
        ("name=a x=b", HeadFault::Disposition),
    ] {
        assert_eq!(name(text), Err(wanted), "{text}");
    }
}

#[test]
fn whole_file_names() {
    for (text, wanted) in [
        ("x=1", None),
        ("filename=\"\"", Some("")),
        ("filename=\"a.txt\"", Some("a.txt")),
        ("filename=\"d/e/a.txt\"", Some("d/e/a.txt")),
        ("filename=\"C:\\d\\a.txt\"", Some("C:\\d\\a.txt")),
        ("filename=\"../\\\"a\"", Some("../\"a")),
        ("filename*=UTF-8''d%2Fa", Some("d/a")),
    ] {
        let path = disposition(&format!("name=a; {text}")).map(|head| head.full_path);
        assert_eq!(path, Ok(wanted.map(|path| path.as_bytes().to_vec())), "{text}");
    }
    // What is not in the last component is checked, too.
    let fault = disposition("name=a; filename*=UTF-8''d%0A%2Fa").unwrap_err();
    assert_eq!(fault, HeadFault::FileName);
}

#[test]
fn file_names() {
    let name = |text: &[u8]| {
        let mut lines = Vec::from(*b"form-data; name=a; ");
        lines.extend_from_slice(text);
        let lines = [b"Content-Disposition: ".as_slice(), &lines].concat();
        PartHead::parse(&lines).map(|head| head.file_name)
    };
    for (text, wanted) in [
        ("filename=\"a.txt\"", "a.txt"),
        ("FileName=a.txt", "a.txt"),
        ("filename=\"C:\\x\\y.txt\"", "y.txt"),
        ("filename=\"\\\\server\\share\\y.txt\"", "y.txt"),
        ("filename=\"a/b\"", "b"),
        ("filename=\"../../etc/passwd\"", "passwd"),
        ("filename=\"..\\..\\x\"", "x"),
        ("filename=\"a\\\"b.txt\"", "a\"b.txt"),
        ("filename=\"a%22b%0A%2F.txt\"", "a%22b%0A%2F.txt"),
        ("filename=\"\u{95e8}.txt\"", "\u{95e8}.txt"),
        ("filename=\"...\"", "..."),
        ("filename=\" \"", " "),
        ("filename*=UTF-8''%e2%82%ac%20rates", "\u{20ac} rates"),
        ("filename*=utf-8'en'a%2Fb", "b"),
        ("filename=\"plain\"; filename*=UTF-8''starred", "plain"),
        ("filename*=UTF-8''starred; filename=\"plain\"", "plain"),
        ("filename=\"plain\"; filename*=latin1''x", "plain"),
        ("filename=\"\"; filename*=UTF-8''starred", ""),
    ] {
        assert_eq!(name(text.as_bytes()), Ok(Some(wanted.as_bytes().to_vec())), "{text}");
    }
    let gbk = b"filename=\"\xc3\xc5\xc9\xf1.txt\"";
    assert_eq!(name(gbk), Ok(Some(b"\xc3\xc5\xc9\xf1.txt".to_vec())));
    assert_eq!(name(b"x=1"), Ok(None));
    for text in [
        "filename=\"..\"",
        "filename=\".\"",
        "filename=\"a/\"",
        "filename=\"a/..\"",
        "filename=\"C:\\\"; x=\"\\\"",
        "filename=a; filename=a",
        "filename=a; FILENAME=b",
        "filename*=UTF-8''a; filename*=UTF-8''b",
        "filename*=latin1''a",
        "filename*=UTF-8'a",
        "filename*=UTF-8''%zz",
        "filename*=UTF-8''%4",
        "filename*=UTF-8''%ff",
        "filename*=UTF-8''a%00b",
        "filename*=UTF-8''a%0d%0ab",
        "filename*=UTF-8''%2e%2e",
        "filename*=\"UTF-8''a\"",
    ] {
        let found = name(text.as_bytes());
        assert!(
            matches!(found, Err(HeadFault::FileName | HeadFault::Disposition)),
            "{text}: {found:?}"
        );
    }
    for control in ["a\0b", "a\x1bb", "a\x7fb"] {
        let text = format!("filename=\"{control}\"");
        assert_eq!(name(text.as_bytes()), Err(HeadFault::Line), "{text:?}");
    }
}

/// RFC 6266 §4.3; the draft of resumable uploads sends both forms in one field.
#[test]
fn a_request_names_its_file() {
    let name = |value: &str| disposition_file_name(value.as_bytes());
    let found = |name: &str| Ok(Some(name.as_bytes().to_vec()));
    let both = "inline; filename=\"file name.jpg\"; filename*=UTF-8''d%C3%BCne%20name.jpg";
    assert_eq!(name(both), found("düne name.jpg"));
    assert_eq!(name("attachment; filename=\"big.TXT\""), found("big.TXT"));
    assert_eq!(name("attachment; filename=big.TXT"), found("big.TXT"));
    assert_eq!(name("inline; filename=\"C:\\\\a\\\\b.txt\""), found("b.txt"));
    assert_eq!(name("inline; filename=\"../../etc/passwd\""), found("passwd"));
    assert_eq!(name("inline"), Ok(None));
    assert_eq!(name("inline; size=3"), Ok(None));
    for value in [
        "inline; filename=a; filename=b",
        "inline; filename*=UTF-8''..",
        "inline; filename*=latin1''a",
        "inline; filename*=\"UTF-8''a\"",
        "inline; filename=\"a/\"",
        "inline; filename=\"a",
        "inline; filename",
    ] {
        assert!(name(value).is_err(), "{value}");
    }
}
