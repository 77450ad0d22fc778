//! Heads as clients and servers send them, as they must not be, and any octets.

use alloc::format;
use alloc::string::ToString;
use alloc::vec;

use proptest::prelude::*;

use super::*;

/// What sstp-client 1.0.18 sends, but for its identifier.
const REQUEST: &str = "SSTP_DUPLEX_POST /sra_{BA195980-CD49-458b-9E23-C84EE0ADCD75}/ HTTP/1.1\r\n\
    Host: vpn.example\r\nSSTPCORRELATIONID: {0F7FC071-C386-4D9A-B529-973827075AA7}\r\n\
    Content-Length: 18446744073709551615\r\n\r\n";

fn refused(request_text: &str) -> HeadError {
    match request(request_text.as_bytes()) {
        Request::Refused(error) => error,
        other => panic!("{other:?}: {request_text}"),
    }
}

#[test]
fn a_request_is_recognised_by_its_first_octets() {
    let start = START.len();
    for octets in 0..REQUEST.len() {
        let expected = if octets < start { Recognised::NotYet } else { Recognised::Yes };
        assert_eq!(recognise(&REQUEST.as_bytes()[..octets]), expected, "{octets}");
    }
    assert_eq!(recognise(REQUEST.replace("458b", "458B").as_bytes()), Recognised::Yes);
    for other in [
        "GET / HTTP/1.1\r\n",
        "POST /sra_{BA195980-CD49-458b-9E23-C84EE0ADCD75}/ HTTP/1.1\r\n",
        "SSTP_DUPLEX_POST / HTTP/1.1\r\n",
        "sstp_duplex_post /sra_{BA195980-CD49-458b-9E23-C84EE0ADCD75}/ HTTP/1.1\r\n",
        "SSTP_DUPLEX_POST /sra_{BA195980-CD49-458b-9E23-C84EE0ADCD75}/x HTTP/1.1\r\n",
        "SSTP_DUPLEX_POSTS",
        "S\r",
        "\r\n",
    ] {
        assert_eq!(recognise(other.as_bytes()), Recognised::No, "{other}");
    }
}

#[test]
fn a_request_is_read_and_what_follows_is_left() {
    let octets = REQUEST.len();
    let correlation = Some("0F7FC071-C386-4D9A-B529-973827075AA7".to_string());
    let whole = Request::Whole { octets, correlation: correlation.clone() };
    // Some clients send the first packet together with the request.
    let with_packet = [REQUEST.as_bytes(), &[0x10, 1, 0, 14]].concat();
    assert_eq!(request(&with_packet), whole);
    for cut in 0..octets {
        assert_eq!(request(&REQUEST.as_bytes()[..cut]), Request::NotYet, "{cut}");
    }
    let bare = REQUEST.replace(['{', '}'], "").replace(
        "sra_BA195980-CD49-458b-9E23-C84EE0ADCD75",
        "sra_{BA195980-CD49-458b-9E23-C84EE0ADCD75}",
    );
    assert_eq!(request(bare.as_bytes()), Request::Whole { octets: octets - 2, correlation });
    let wrong = REQUEST.replace("0F7FC071", "0F7FC07X");
    assert_eq!(request(wrong.as_bytes()), Request::Whole { octets, correlation: None });
}

#[test]
fn a_request_that_does_not_fit_is_refused() {
    for (from, to, error) in [
        ("HTTP/1.1", "HTTP/1.0", HeadError::Version),
        ("HTTP/1.1", "HTTP/1.1 ", HeadError::Version),
        ("18446744073709551615", "18446744073709551614", HeadError::Length),
        ("18446744073709551615", "0", HeadError::Length),
        ("Content-Length: 18446744073709551615\r\n", "", HeadError::Length),
        ("Host: vpn.example", "Content-Length: 18446744073709551615", HeadError::Length),
        ("Host: vpn.example", "Transfer-Encoding: chunked", HeadError::Length),
        ("Host: vpn.example", "Host : vpn.example", HeadError::Malformed),
        ("Host: vpn.example", "Host vpn.example", HeadError::Malformed),
        ("Host: vpn.example", " Host: folded", HeadError::Malformed),
        ("Host: vpn.example", "Host: vpn\nX: y", HeadError::Malformed),
        ("Host: vpn.example", "Host: vpn\rX: y", HeadError::Malformed),
        ("Host: vpn.example", ": nothing", HeadError::Malformed),
    ] {
        assert_eq!(refused(&REQUEST.replace(from, to)), error, "{to}");
    }
    let long = REQUEST.replace("vpn.example", &"x".repeat(HEAD_OCTETS_MAX));
    assert_eq!(refused(&long), HeadError::TooLong);
}

#[test]
fn our_request_is_one_and_a_host_cannot_add_lines() {
    let correlation = core::array::from_fn(|at| u8::try_from(at * 17).unwrap());
    let ours = write_request("vpn.example:4443", correlation).unwrap();
    let Request::Whole { octets, correlation } = request(&ours) else { panic!() };
    assert_eq!(octets, ours.len());
    assert_eq!(correlation.as_deref(), Some("00112233-4455-6677-8899-AABBCCDDEEFF"));
    for host in ["", "a b", "a\r\nX: y", "a\n", "a\0"] {
        assert_eq!(write_request(host, [0; 16]), None, "{host:?}");
    }
}

#[test]
fn answers_are_told_from_ordinary_web_answers() {
    assert_eq!(response(ANSWER), Response::Accepted { octets: ANSWER.len() });
    // Windows sends no reason phrase, sstp-server its name.
    for answer in [
        "HTTP/1.1 200\r\nContent-Length: 18446744073709551615\r\n\r\n",
        "HTTP/1.1 200 OK\r\nServer: SSTP-Server/0.7.2\r\n\r\n",
    ] {
        let with_packet = [answer.as_bytes(), &[0x10, 1]].concat();
        assert_eq!(response(&with_packet), Response::Accepted { octets: answer.len() });
        for cut in 0..answer.len() {
            assert_eq!(response(&answer.as_bytes()[..cut]), Response::NotYet, "{cut}");
        }
    }
    let nginx = "HTTP/1.1 405 Not Allowed\r\nServer: nginx/1.22\r\n\r\n<html>";
    let server = Some(Vec::from(b"nginx/1.22"));
    assert_eq!(response(nginx.as_bytes()), Response::Status { code: 405, server });
    let bare = "HTTP/1.0 431 \r\n\r\n";
    assert_eq!(response(bare.as_bytes()), Response::Status { code: 431, server: None });
    for other in ["SSH-2.0-OpenSSH", "HTTP/1.1 2000\r\n\r\n", "HTTP/1.1x200 \r\n\r\n", "HTTP/2 200"]
    {
        let long = format!("{other}\r\n\r\n");
        let read = response(long.as_bytes());
        let status = matches!(read, Response::Status { code: 200, .. } | Response::Accepted { .. });
        assert!(!status || other.contains("2000"), "{other}: {read:?}");
    }
    assert_eq!(response(b"SSH"), Response::Refused(HeadError::Malformed));
    let endless = [b"HTTP/1.1 200 OK\r\n".as_slice(), &vec![b'x'; HEAD_OCTETS_MAX]].concat();
    assert_eq!(response(&endless), Response::Refused(HeadError::TooLong));
}

proptest! {
    #[test]
    fn any_octets_are_read_and_more_octets_change_no_answer(
        mut octets: Vec<u8>,
        sound: bool,
        more: Vec<u8>,
    ) {
        if sound {
            octets = [REQUEST.as_bytes(), &octets].concat();
        }
        let longer = [&octets[..], &more].concat();
        let now = request(&octets);
        if now != Request::NotYet {
            prop_assert_eq!(now, request(&longer));
        }
        let now = response(&octets);
        if now != Response::NotYet {
            prop_assert_eq!(now, response(&longer));
        }
        if recognise(&octets) != Recognised::NotYet {
            prop_assert_eq!(recognise(&octets), recognise(&longer));
        }
    }
}
