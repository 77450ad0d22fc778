//! Tests of `multipart`.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::fuzz::Form;

type Part = (PartHead, Vec<u8>, bool);

fn boundary(text: &str) -> Boundary {
    Boundary::new(text.as_bytes()).unwrap()
}

/// Reads `body` whole and cut at every single place; all must agree.
fn read(body: &[u8]) -> Form {
    let whole = Form::read(&boundary("B"), &[body]);
    for cut in 0..=body.len() {
        let (left, right) = body.split_at(cut);
        assert_eq!(Form::read(&boundary("B"), &[left, right]), whole, "cut at {cut}");
    }
    let bytes: Vec<&[u8]> = body.chunks(1).collect();
    assert_eq!(Form::read(&boundary("B"), &bytes), whole, "cut into bytes");
    whole
}

fn fine(body: &[u8]) -> Vec<Part> {
    let form = read(body);
    assert_eq!(form.result, Ok(()), "{}", String::from_utf8_lossy(body));
    assert!(form.ended && form.parts.iter().all(|part| part.2));
    form.parts
}

fn error(body: &[u8]) -> MultipartError {
    let form = read(body);
    form.result.unwrap_err()
}

fn field(name: &str) -> PartHead {
    PartHead { name: name.into(), file_name: None, full_path: None, content_type: None }
}

/// One field called `a` with these bytes.
fn with_data(data: &[u8]) -> Vec<u8> {
    let mut body = Vec::from(*b"--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n");
    body.extend_from_slice(data);
    body.extend_from_slice(b"\r\n--B--\r\n");
    body
}

#[test]
fn a_form_of_a_browser() {
    let body = b"--B\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nhello\r\n--B\r\n\
        content-disposition:form-data;name=\"file\";filename=\"a b.png\"\r\n\
        Content-Type: image/png\r\n\r\n\x89PNG\r\n\x1a\n\r\n--B\r\n\
        Content-Disposition: form-data; name=none; filename=\"\"\r\n\
        Content-Type: application/octet-stream\r\n\r\n\r\n--B--\r\n";
    let parts = fine(body);
    assert_eq!(parts[0], (field("text"), b"hello".to_vec(), true));
    assert_eq!(parts[1].0.name, b"file");
    assert_eq!(parts[1].0.file_name.as_deref(), Some(b"a b.png".as_slice()));
    assert_eq!(parts[1].0.content_type.as_deref(), Some(b"image/png".as_slice()));
    assert_eq!(parts[1].1, b"\x89PNG\r\n\x1a\n");
    assert_eq!(parts[2].0.file_name.as_deref(), Some(b"".as_slice()));
    assert_eq!(parts[2].1, b"");
    assert_eq!(parts.len(), 3);
}

#[test]
fn data_that_looks_like_a_boundary() {
    for data in [
        "",
        "\r",
        "\n",
        "\r\n",
        "\r\n\r\n",
        "\r\r\n",
        "\r\r\r\r",
        "\r\n-",
        "\r\n--",
        "\r\n--A",
        "\r\n-\r\n--\r\n--A",
        "--B ",
        "x--B--",
        "\n--B--\r\n",
        "\r--B",
        "\r\n --B",
        "\r\n- -B",
        "--",
        "a\r\n--b",
        "\r\n\r\n--A\r\n",
        "-B--",
        "\r\n\n--B",
        "- --B--",
    ] {
        if data.starts_with("--B") {
            continue; // not data at all, see `a_part_may_have_no_body`
        }
        let parts = fine(&with_data(data.as_bytes()));
        assert_eq!(parts, [(field("a"), data.as_bytes().to_vec(), true)], "{data:?}");
    }
    let all_cr = vec![b'\r'; 500];
    assert_eq!(fine(&with_data(&all_cr))[0].1, all_cr);
    let almost = b"\r\n--C".repeat(50);
    assert_eq!(fine(&with_data(&almost))[0].1, almost);
}

#[test]
fn a_long_boundary_straddles_every_cut() {
    let name = "-----------------------------9051914041544843365972754266'()+_,./:=?ab";
    let name = &name[..70];
    let data = format!("x\r\n--{}\r\n--{}", &name[..69], &name[..40]);
    let body =
        format!("--{name}\r\nContent-Disposition: form-data; name=a\r\n\r\n{data}\r\n--{name}--");
    let wanted = Form::read(&boundary(name), &[body.as_bytes()]);
    assert_eq!(wanted.parts, [(field("a"), data.into_bytes(), true)]);
    assert_eq!(wanted.result, Ok(()));
    for size in 1..body.len() {
        let pieces: Vec<&[u8]> = body.as_bytes().chunks(size).collect();
        assert_eq!(Form::read(&boundary(name), &pieces), wanted, "pieces of {size}");
    }
}

#[test]
fn a_part_may_have_no_body() {
    // RFC 2046 §5.1.1: the empty line and the body are optional together.
    let none = b"--B\r\nContent-Disposition: form-data; name=a\r\n\r\n--B--";
    let empty = b"--B\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n--B--";
    assert_eq!(fine(none), [(field("a"), vec![], true)]);
    assert_eq!(fine(empty), [(field("a"), vec![], true)]);
    assert_eq!(fine(b"--B--"), []);
    assert_eq!(fine(b"\r\n--B--\r\n"), []);
}

#[test]
fn what_surrounds_the_parts_is_ignored_but_bounded() {
    let inner = with_data(b"x");
    let with = |before: &[u8], after: &[u8]| [before, &inner, after].concat();
    for before in [b"\r\n".as_slice(), b"hello\r\n", b"--A\r\n", b"\r\n-\r\n--\r\n", b"--\r\n"] {
        assert_eq!(fine(&with(before, b"bye\r\n--B\r\n"))[0].1, b"x", "{before:?}");
    }
    // A boundary in the middle of a line is none, so here only the closing one counts.
    assert_eq!(fine(&with(b"x", b"")), []);
    let form = |before: usize, after: usize| {
        let (before, after) = (vec![b'x'; before], vec![b'x'; after]);
        let body = with(&[&before, b"\r\n".as_slice()].concat(), &after);
        let whole = Form::read(&boundary("B"), &[&body]);
        for size in [1, 7, 4095, 4096, 4097] {
            let pieces: Vec<&[u8]> = body.chunks(size).collect();
            assert_eq!(Form::read(&boundary("B"), &pieces), whole);
        }
        whole.result
    };
    assert_eq!(form(4096, 4094), Ok(()));
    assert_eq!(form(4097, 0), Err(MultipartError::Surroundings));
    assert_eq!(form(0, 4095), Err(MultipartError::Surroundings));
}

#[test]
fn boundary_lines_are_strict() {
    let start = "--B\r\nContent-Disposition: form-data; name=a\r\n\r\nx";
    for end in ["\r\n--B --", "\r\n--B-", "\r\n--B", "", "\r", "\r\n--", "\n--B--\n", "\r\n--B\r"] {
        let body = format!("{start}{end}");
        let found = error(body.as_bytes());
        let wanted = if end == "\r\n--B --" {
            MultipartError::BoundaryLine
        } else {
            MultipartError::Truncated
        };
        assert_eq!(found, wanted, "{end:?}");
    }
    for end in [
        "\r\n--Bx--",
        "\r\n--B\n",
        "\r\n--B\rx",
        "\r\n--B-x",
        "\r\n--B\0",
        "\r\n--B--x",
        "\r\n--B--\n",
        "\r\n--B--\rx",
        "\r\n--B-\r\n",
    ] {
        let body = format!("{start}{end}");
        assert_eq!(error(body.as_bytes()), MultipartError::BoundaryLine, "{end:?}");
    }
    for end in ["\r\n--B--", "\r\n--B--\r\n", "\r\n--B-- \t", "\r\n--B--\r", "\r\n--B--\r\nx\n"] {
        let body = format!("{start}{end}");
        assert_eq!(fine(body.as_bytes())[0].1, b"x", "{end:?}");
    }
    let padded = |count| format!("--B{}\r\n{}", " ".repeat(count), &start[5..]) + "\r\n--B--";
    assert_eq!(fine(padded(64).as_bytes())[0].1, b"x");
    assert_eq!(error(padded(65).as_bytes()), MultipartError::BoundaryLine);
    assert_eq!(
        error(b"--B\nContent-Disposition: form-data; name=a\n\nx\n--B--\n"),
        MultipartError::BoundaryLine
    );
    assert_eq!(error(b""), MultipartError::Truncated);
}

#[test]
fn limits() {
    let form = |count: usize| {
        let part = "--B\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n";
        Form::read(&boundary("B"), &[(part.repeat(count) + "--B--").as_bytes()])
    };
    assert_eq!(form(8).result, Ok(()));
    assert_eq!(form(9).result, Err(MultipartError::TooManyParts));
    assert_eq!(form(9).parts.len(), 8);
    let lines = |bytes: usize| {
        let line = "Content-Disposition: form-data; name=a\r\nX: ";
        // The limit counts the line end of the last line.
        let fill = "x".repeat(bytes - line.len() - 2);
        read(format!("--B\r\n{line}{fill}\r\n\r\ndata\r\n--B--").as_bytes()).result
    };
    assert_eq!(lines(300), Ok(()));
    assert_eq!(lines(301), Err(MultipartError::PartHeadTooLong));
    assert_eq!(lines(3000), Err(MultipartError::PartHeadTooLong));
    assert!(MultipartError::TooManyParts.is_limit() && MultipartError::PartHeadTooLong.is_limit());
    assert!(!MultipartError::Truncated.is_limit());
}

#[test]
fn wrong_header_lines_end_the_form() {
    let fault = |body: &[u8]| error(body);
    let of = MultipartError::PartHead;
    assert_eq!(fault(b"--B\r\n\r\nx\r\n--B--"), of(HeadFault::Disposition));
    assert_eq!(fault(b"--B\r\nx\r\n\r\nx\r\n--B--"), of(HeadFault::Line));
    let folded = b"--B\r\nContent-Disposition: form-data;\r\n name=a\r\n\r\nx\r\n--B--";
    assert_eq!(fault(folded), of(HeadFault::Line));
    let bare = b"--B\r\nContent-Disposition: form-data; name=a\n\nx\r\n\r\n\r\n--B--";
    assert_eq!(fault(bare), of(HeadFault::Line));
}

#[test]
fn a_file_without_a_name_has_no_bytes() {
    let file = |data: &str| {
        format!(
            "--B\r\nContent-Disposition: form-data; name=a; filename=\"\"\r\n\r\n{data}\
            \r\n--B--"
        )
        .into_bytes()
    };
    assert_eq!(fine(&file(""))[0].1, b"");
    for data in ["x", "\r", "\r\n", "\r\n--A", "--A", "xxxxxxxx"] {
        assert_eq!(error(&file(data)), MultipartError::FileNameMissing, "{data:?}");
    }
}

#[test]
fn nested_multipart_is_data() {
    let inner = "--I\r\nContent-Disposition: file; filename=x\r\n\r\nX\r\n--I--";
    let body = format!(
        "--B\r\nContent-Disposition: form-data; name=a\r\n\
        Content-Type: multipart/mixed; boundary=I\r\n\r\n{inner}\r\n--B--"
    );
    assert_eq!(fine(body.as_bytes())[0].1, inner.as_bytes());
}

#[test]
fn an_error_stays() {
    let mut parser =
        Multipart::new(&boundary("B"), MultipartLimits { parts_max: 1, part_head_bytes_max: 100 });
    assert_eq!(parser.feed(b"--Bx"), Err(MultipartError::BoundaryLine));
    assert_eq!(parser.feed(b"\r\n--B--\r\n"), Err(MultipartError::BoundaryLine));
    assert_eq!(parser.finish(), Err(MultipartError::BoundaryLine));
}

#[test]
fn file_bytes_are_not_copied() {
    let mut parser =
        Multipart::new(&boundary("B"), MultipartLimits { parts_max: 1, part_head_bytes_max: 100 });
    let begin = parser.feed(b"--B\r\nContent-Disposition: form-data; name=a\r\n\r\n").unwrap();
    assert!(matches!(begin.event, Some(Event::PartBegin(_))));
    let data = [b'x'; 1000];
    let step = parser.feed(&data).unwrap();
    assert_eq!((step.consumed, step.event), (1000, Some(Event::Data(0..1000))));
    let step = parser.feed(b"yy\r\n--").unwrap();
    assert_eq!((step.consumed, step.event), (6, Some(Event::Data(0..2))));
    let step = parser.feed(b"zz").unwrap();
    assert_eq!((step.consumed, step.event), (0, Some(Event::DataHeld(b"\r\n--"))));
    let step = parser.feed(b"zz").unwrap();
    assert_eq!((step.consumed, step.event), (2, Some(Event::Data(0..2))));
    assert_eq!(parser.head.capacity(), 0, "an open part holds no buffer");
}

/// Bytes likely to collide with a delimiter.
fn data() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..20),
        prop::sample::select(vec![
            "\r",
            "\n",
            "\r\n",
            "\r\n--",
            "\r\n-",
            "-",
            "\r\n--bou",
            "--boun"
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat()).prop_filter(
        "the boundary must not occur in a part",
        |data| {
            let seen = [b"\r\n".as_slice(), data].concat();
            memchr::memmem::find(&seen, b"\r\n--bound").is_none()
        },
    )
}

fn part() -> impl Strategy<Value = Part> {
    let name = "[a-z\"\\[\\]\u{e9} ]{1,8}";
    let file = proptest::option::of("[a-z][a-z. \"\u{95e8}]{0,10}");
    let kind = proptest::option::of(Just("text/plain; charset=utf-8"));
    (name, file, kind, data()).prop_map(|(name, file, kind, data)| {
        let head = PartHead {
            name: name.into_bytes(),
            file_name: file.clone().map(String::into_bytes),
            full_path: file.map(String::into_bytes),
            content_type: kind.map(Into::into),
        };
        (head, data, true)
    })
}

fn encode(parts: &[Part]) -> Vec<u8> {
    let quoted = |text: &[u8]| String::from_utf8_lossy(text).replace('"', "\\\"");
    let mut body = Vec::new();
    for (head, data, _) in parts {
        let mut lines = format!("Content-Disposition: form-data; name=\"{}\"", quoted(&head.name));
        if let Some(file_name) = &head.file_name {
            lines += &format!("; filename=\"{}\"", quoted(file_name));
        }
        if let Some(kind) = &head.content_type {
            lines += &format!("\r\nContent-Type: {}", quoted(kind));
        }
        body.extend_from_slice(format!("--bound\r\n{lines}\r\n\r\n").as_bytes());
        body.extend_from_slice(data);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--bound--\r\n");
    body
}

proptest! {
    #[test]
    fn any_form_cut_anyhow_reads_back(
        parts in prop::collection::vec(part(), 0..6),
        sizes in prop::collection::vec(1_usize..40, 1..30),
    ) {
        let body = encode(&parts);
        let mut rest = body.as_slice();
        let mut pieces = Vec::new();
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at(rest.len().min(*size));
            pieces.push(piece);
            rest = after;
        }
        let form = Form::read(&boundary("bound"), &pieces);
        prop_assert_eq!(form.result, Ok(()));
        prop_assert_eq!(form.parts, parts);
        prop_assert!(form.ended);
    }

    #[test]
    fn a_truncated_form_is_never_whole(parts in prop::collection::vec(part(), 0..4), cut: usize) {
        let body = encode(&parts);
        let closing = body.len() - b"\r\n".len();
        let form = Form::read(&boundary("bound"), &[&body[..cut % closing]]);
        prop_assert_eq!(form.result, Err(MultipartError::Truncated));
    }

    #[test]
    fn any_bytes_are_read(data in prop::collection::vec(any::<u8>(), 0..200)) {
        crate::fuzz::multipart(&data);
    }

    #[test]
    fn nearly_forms_are_read(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "--B", "\r\n--B", "\r\n", "--", "\r", "\n", "-", "B", " ", "x",
            "Content-Disposition: form-data; name=a", "; filename=\"\"", "; filename=\"x\"",
            "Content-Type: ", "\r\n\r\n", "Content-Transfer-Encoding: 7bit", ":",
        ]), 0..24),
    ) {
        crate::fuzz::multipart(format!("0{}", pieces.concat()).as_bytes());
    }
}
