//! Tests of `fastcgi`.

use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

fn record(kind: u8, id: u16, content: &[u8], padding: u8) -> Vec<u8> {
    let [id_high, id_low] = id.to_be_bytes();
    let [len_high, len_low] = u16::try_from(content.len()).unwrap().to_be_bytes();
    let mut record = vec![1, kind, id_high, id_low, len_high, len_low, padding, 0];
    record.extend_from_slice(content);
    record.resize(record.len() + usize::from(padding), 0xaa);
    record
}

/// What an answer says in the end, however it was cut.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    end: Option<(u32, ProtocolStatus)>,
    /// Bytes behind the end.
    left: usize,
}

fn feed<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Seen, FastCgiError> {
    let mut decoder = Decoder::new();
    let mut seen = Seen::default();
    for piece in pieces {
        let mut rest = piece;
        loop {
            let step = decoder.feed(rest)?;
            assert_eq!(decoder.is_done(), seen.end.is_some() || step.is_end());
            match step.event {
                Some(Event::Stdout(range)) => seen.stdout.extend_from_slice(&rest[range]),
                Some(Event::Stderr(range)) => seen.stderr.extend_from_slice(&rest[range]),
                Some(Event::End { app_status, protocol }) => {
                    assert!(seen.end.replace((app_status, protocol)).is_none());
                }
                None => {
                    assert!(step.consumed == rest.len() || decoder.is_done());
                    seen.left += rest.len() - step.consumed;
                    break;
                }
            }
            rest = &rest[step.consumed..];
        }
    }
    Ok(seen)
}

impl Step {
    fn is_end(&self) -> bool {
        matches!(self.event, Some(Event::End { .. }))
    }
}

#[test]
fn what_is_sent() {
    let mut out = Vec::new();
    begin_request(Connection::Close, &mut out);
    begin_request(Connection::Keep, &mut out);
    abort_request(&mut out);
    let close = [1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    let keep = [1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0];
    assert_eq!(out, [&close[..], &keep[..], &[1, 2, 0, 1, 0, 0, 0, 0]].concat());
    assert_eq!(stdin_header(0), STDIN_END);
    assert_eq!(STDIN_END, [1, 5, 0, 1, 0, 0, 0, 0]);
    assert_eq!(stdin_header(0x1234), [1, 5, 0, 1, 0x12, 0x34, 0, 0]);
}

#[test]
fn lengths_of_one_and_four_bytes() {
    for (name, value, wanted) in [
        (0, 0, vec![0, 0]),
        (1, 127, vec![1, 127]),
        (127, 128, vec![127, 0x80, 0, 0, 128]),
        (128, 3, vec![0x80, 0, 0, 128, 3]),
        (300, 70_000, vec![0x80, 0, 1, 44, 0x80, 1, 0x11, 0x70]),
    ] {
        let mut out = Vec::new();
        push_param(&vec![b'n'; name], &vec![b'v'; value], &mut out);
        assert_eq!(out[..wanted.len()], wanted);
        assert_eq!(out.len(), wanted.len() + name + value);
        assert!(out[wanted.len()..][..name].iter().all(|&byte| byte == b'n'));
        assert!(out[wanted.len() + name..].iter().all(|&byte| byte == b'v'));
        assert_eq!(pair_bytes(&out), out.len());
        assert_eq!(pair_bytes(&[&out[..], b"\x01\x01ab"].concat()), out.len());
    }
}

#[test]
fn records_of_parameters_end_where_a_pair_ends() {
    let mut pairs = Vec::new();
    for (at, size) in [30_000, 30_000, 5_517, 1, 65_527, 65_535, 5].into_iter().enumerate() {
        push_param(&[b'a' + u8::try_from(at).unwrap()], &vec![b'v'; size], &mut pairs);
    }
    let mut out = Vec::new();
    write_params(&pairs, &mut out);
    let (contents, rest) = contents(&out);
    assert!(rest.is_empty());
    assert_eq!(contents.concat(), pairs);
    assert!(contents.last().unwrap().is_empty());
    let sizes: Vec<usize> = contents.iter().map(|content| content.len()).collect();
    // The sixth pair is larger than a record and is cut; it shares none with another.
    assert_eq!(sizes, [65_535, 4, 65_533, 65_535, 6, 8, 0]);

    out.clear();
    write_params(&[], &mut out);
    assert_eq!(out, [1, 4, 0, 1, 0, 0, 0, 0]);
    // A stream that is not one is framed all the same.
    out.clear();
    write_params(&[0x80, 0], &mut out);
    assert_eq!(out, [1, 4, 0, 1, 0, 2, 0, 0, 0x80, 0, 1, 4, 0, 1, 0, 0, 0, 0]);
}

/// The contents of parameter records.
#[test]
fn a_pair_fits_into_one_record_or_not() {
    for (value, fits) in [(0, true), (65_535 - 6, true), (65_535 - 5, false), (200_000, false)] {
        for around in [0, 1, 70_000] {
            let mut pairs = Vec::new();
            (0..around).for_each(|_| push_param(b"a", b"b", &mut pairs));
            push_param(b"n", &vec![b'x'; value], &mut pairs);
            (0..around).for_each(|_| push_param(b"a", b"b", &mut pairs));
            assert_eq!(pairs_fit(&pairs), fits, "{value} {around}");
        }
    }
}

fn contents(mut records: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let mut contents = Vec::new();
    while let [1, 4, 0, 1, high, low, 0, 0, rest @ ..] = records {
        let (content, rest) = rest.split_at(u16::from_be_bytes([*high, *low]).into());
        contents.push(content);
        records = rest;
    }
    (contents, records)
}

fn end(app_status: u32, protocol: u8) -> Vec<u8> {
    let mut body = app_status.to_be_bytes().to_vec();
    body.extend_from_slice(&[protocol, 1, 2, 3]);
    body
}

#[test]
fn what_is_received() {
    let answer = [
        record(STDERR, 1, b"a notice", 0),
        record(STDOUT, 1, b"Status: 200\r\n", 3),
        record(10, 0, b"\x01\x01ab", 4),
        record(11, 0, &[99; 8], 0),
        record(200, 1, b"from the future", 1),
        record(STDOUT, 1, b"", 0),
        record(STDOUT, 1, b"", 7),
        record(STDOUT, 1, b"\r\nbody", 255),
        record(STDERR, 1, b"", 0),
        record(END_REQUEST, 1, &end(3, 0), 5),
    ]
    .concat();
    let wanted = Seen {
        stdout: b"Status: 200\r\n\r\nbody".to_vec(),
        stderr: b"a notice".to_vec(),
        end: Some((3, ProtocolStatus::RequestComplete)),
        left: 0,
    };
    assert_eq!(feed([answer.as_slice()]).as_ref(), Ok(&wanted));
    assert_eq!(feed(answer.chunks(1)), Ok(wanted));
    let longer = [&answer[..], b"next"].concat();
    assert_eq!(feed([longer.as_slice()]).unwrap().left, 4);
    assert_eq!(feed([&answer[..answer.len() - 1]]).unwrap().end, None);
    for (byte, protocol) in [
        (1, ProtocolStatus::CannotMultiplex),
        (2, ProtocolStatus::Overloaded),
        (3, ProtocolStatus::UnknownRole),
        (9, ProtocolStatus::Other(9)),
    ] {
        let answer = record(END_REQUEST, 1, &end(u32::MAX, byte), 0);
        assert_eq!(feed([answer.as_slice()]).unwrap().end, Some((u32::MAX, protocol)));
    }
}

#[test]
fn what_is_refused() {
    for (bytes, wanted) in [
        ([&[2], &record(STDOUT, 1, b"a", 0)[1..]].concat(), FastCgiError::Version(2)),
        (b"HTTP/1.1 200 OK\r\n".to_vec(), FastCgiError::Version(b'H')),
        (record(STDOUT, 2, b"a", 0), FastCgiError::RequestId(2)),
        (record(STDOUT, 0, b"a", 0), FastCgiError::RequestId(0)),
        (record(STDERR, 0x101, b"", 0), FastCgiError::RequestId(0x101)),
        (record(END_REQUEST, 2, &end(0, 0), 0), FastCgiError::RequestId(2)),
        (record(END_REQUEST, 0, &end(0, 0), 0), FastCgiError::RequestId(0)),
        (record(200, 2, b"", 0), FastCgiError::RequestId(2)),
        (record(STDIN, 1, b"a", 0), FastCgiError::Type(STDIN)),
        (record(BEGIN_REQUEST, 1, &[0; 8], 0), FastCgiError::Type(BEGIN_REQUEST)),
        (record(END_REQUEST, 1, b"1234567", 0), FastCgiError::EndBytes(7)),
        (record(END_REQUEST, 1, b"123456789", 0), FastCgiError::EndBytes(9)),
    ] {
        assert_eq!(feed([bytes.as_slice()]), Err(wanted));
        assert_eq!(feed(bytes.chunks(1)), Err(wanted));
        let mut decoder = Decoder::new();
        assert_eq!(decoder.feed(&bytes), Err(wanted));
        assert_eq!(decoder.feed(b"x"), Err(wanted), "an error is final");
    }
}

#[test]
fn headers_and_their_parameters() {
    for (name, wanted) in [
        ("Foo-Bar", "HTTP_FOO_BAR"),
        ("host", "HTTP_HOST"),
        ("X", "HTTP_X"),
        ("x-forwarded-for", "HTTP_X_FORWARDED_FOR"),
        ("Authorization", "HTTP_AUTHORIZATION"),
        ("Upgrade-Insecure-Requests", "HTTP_UPGRADE_INSECURE_REQUESTS"),
        ("Proxy-Status", "HTTP_PROXY_STATUS"),
        ("X-Accel", "HTTP_X_ACCEL"),
        ("Sec-CH-UA", "HTTP_SEC_CH_UA"),
        ("TEX", "HTTP_TEX"),
    ] {
        let mut out = b"before".to_vec();
        assert!(header_param(name.as_bytes(), &mut out), "{name}");
        assert_eq!(out, [b"before", wanted.as_bytes()].concat());
    }
    for name in [
        "",
        "Foo_Bar",
        "_",
        "Foo Bar",
        "Foo.Bar",
        "Foo\0",
        "Foo\u{e9}",
        "Foo:",
        "a=b",
        "Proxy",
        "PROXY",
        "Connection",
        "keep-alive",
        "Keep-Alive",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
        "Proxy-Connection",
        "Proxy-Authorization",
        "Expect",
        "Content-Type",
        "content-length",
        "X-Accel-Redirect",
        "x-accel-mapping",
        "X-Sendfile",
        "X-SENDFILE-Type",
        "X-Sendfile-Temporary",
        "X-Menshen-Files",
        "x-menshen-",
        "HTTP2-Settings",
    ] {
        let mut out = b"before".to_vec();
        assert!(!header_param(name.as_bytes(), &mut out), "{name}");
        assert_eq!(out, b"before");
    }
}

fn records() -> impl Strategy<Value = Vec<u8>> {
    let content = prop::collection::vec(any::<u8>(), 0..40);
    let kind = prop_oneof![4 => Just(STDOUT), 2 => Just(STDERR), 1 => 9_u8..20];
    let one = (kind, content, prop_oneof![Just(0_u8), any::<u8>()])
        .prop_map(|(kind, content, padding)| record(kind, 1, &content, padding));
    (prop::collection::vec(one, 0..8), any::<u32>(), 0_u8..20).prop_map(
        |(mut all, status, padding)| {
            all.push(record(END_REQUEST, 1, &end(status, 0), padding));
            all.concat()
        },
    )
}

proptest! {
    #[test]
    fn any_cutting_gives_the_same(
        records in records(),
        flip in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        step in 1_usize..50,
    ) {
        let mut bytes = records;
        let whole = feed([bytes.as_slice()]).unwrap();
        prop_assert!(whole.end.is_some() && whole.left == 0);
        if let Some((at, byte)) = flip {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let whole = feed([bytes.as_slice()]);
        prop_assert_eq!(&whole, &feed(bytes.chunks(1)));
        prop_assert_eq!(&whole, &feed(bytes.chunks(step)));
        let mut seeded = vec![u8::try_from(step).unwrap()];
        seeded.extend_from_slice(&bytes);
        crate::fuzz::fastcgi(&seeded);
    }

    #[test]
    fn parameters_come_back(
        pairs in prop::collection::vec(
            ("[A-Z_]{0,200}", prop::collection::vec(any::<u8>(), 0..30_000)),
            0..8,
        ),
    ) {
        let mut stream = Vec::new();
        for (name, value) in &pairs {
            push_param(name.as_bytes(), value, &mut stream);
        }
        let mut framed = Vec::new();
        write_params(&stream, &mut framed);
        let (contents, rest) = contents(&framed);
        prop_assert!(rest.is_empty());
        let mut back = Vec::new();
        for content in contents {
            // Every record is whole pairs, as PHP wants it.
            let mut content = content;
            while !content.is_empty() {
                let (pair, behind) = content.split_at(pair_bytes(content));
                back.push(pair);
                content = behind;
            }
        }
        prop_assert_eq!(back.len(), pairs.len());
        prop_assert_eq!(back.concat(), stream);
        for (pair, (name, value)) in back.iter().zip(&pairs) {
            let mut again = Vec::new();
            push_param(name.as_bytes(), value, &mut again);
            prop_assert_eq!(*pair, &again[..]);
        }
    }
}
