//! HTTP/2 against the rules: malformed requests, bodies of another length than announced, frames
//! where or how they must not be (RFC 9113 §5, §6, §8). Each stream or connection is ended as the
//! RFC says, nothing is stored, and other connections see nothing.

use crate::support::{frames, live, wire};

use frames::*;
use live::Live;
use wire::{ONE, spooled, stored};

#[test]
fn malformed_requests_are_refused() {
    let live = Live::start(ONE);
    let mut sound = Frames::open(&live);
    assert_eq!(sound.get(1, "/hello.txt"), End::Status(200));
    assert_eq!(sound.get(3, "/missing"), End::Status(404));
    let fields = [request("GET", "/hello.txt"), vec![("te", "trailers")]].concat();
    assert_eq!(ask(&mut sound, 5, &fields), End::Status(200), "this much is allowed");

    let good = request("GET", "/hello.txt");
    let with = |more: &[(&'static str, &'static str)]| [good.clone(), more.to_vec()].concat();
    let without = |name: &str| good.iter().copied().filter(|(n, _)| *n != name).collect::<Vec<_>>();
    let changed = |name: &str, value: &'static str| {
        good.iter().map(|&(n, v)| (n, if n == name { value } else { v })).collect::<Vec<_>>()
    };
    let late = [&[("x", "y")][..], &good].concat();
    let refused = [
        ("two paths", with(&[(":path", "/hello.txt")])),
        ("two methods", with(&[(":method", "GET")])),
        ("two schemes", with(&[(":scheme", "https")])),
        ("two authorities", with(&[(":authority", "localhost")])),
        ("late pseudo-headers", late),
        ("a pseudo-header nobody knows", with(&[(":x", "y")])),
        ("a status", with(&[(":status", "200")])),
        ("no path", without(":path")),
        ("no method", without(":method")),
        ("no scheme", without(":scheme")),
        ("no authority", without(":authority")),
        ("an empty path", changed(":path", "")),
        ("a relative path", changed(":path", "hello.txt")),
        ("a line end in the path", changed(":path", "/hello.txt HTTP/1.1\r\nX: y")),
        ("a space in the path", changed(":path", "/hello txt")),
        ("NUL in the path", changed(":path", "/hello\0txt")),
        ("a line end in the method", changed(":method", "GET / HTTP/1.1\r\n")),
        ("an empty method", changed(":method", "")),
        ("a user in the authority", changed(":authority", "u@localhost")),
        ("a line end in the authority", changed(":authority", "localhost\r\n")),
        ("another host", with(&[("host", "other")])),
        ("two hosts", with(&[("host", "localhost"), ("host", "localhost")])),
        ("connection", with(&[("connection", "close")])),
        ("transfer-encoding", with(&[("transfer-encoding", "chunked")])),
        ("keep-alive", with(&[("keep-alive", "5")])),
        ("proxy-connection", with(&[("proxy-connection", "close")])),
        ("upgrade", with(&[("upgrade", "h2c")])),
        ("te other than trailers", with(&[("te", "gzip")])),
        ("upper case", with(&[("X-Upper", "y")])),
        ("an empty name", with(&[("", "y")])),
        ("a space in a name", with(&[("x y", "z")])),
        ("a colon in a name", with(&[("x:y", "z")])),
        ("CR LF in a value", with(&[("x", "y\r\nz: a")])),
        ("LF in a value", with(&[("x", "y\nz")])),
        ("CR in a value", with(&[("x", "y\rz")])),
        ("NUL in a value", with(&[("x", "y\0z")])),
        (
            "extended CONNECT",
            [vec![(":protocol", "websocket")], changed(":method", "CONNECT")].concat(),
        ),
    ];
    for (what, fields) in refused {
        let mut connection = Frames::open(&live);
        let end = ask(&mut connection, 1, &fields);
        let refused = matches!(
            end,
            End::Reset(PROTOCOL_ERROR) | End::GoAway(PROTOCOL_ERROR) | End::Status(400)
        );
        assert!(refused, "{what}: {end:?}");
    }
    assert_eq!(sound.get(7, "/hello.txt"), End::Status(200), "another connection saw nothing");
}

#[test]
fn bodies_are_as_long_as_announced() {
    let live = Live::start(ONE);
    // The announced length, the DATA frames, whether the last of them ends the stream.
    let wrong: [(&str, &[usize]); 7] = [
        ("10", &[5]),
        ("10", &[15]),
        ("10", &[10, 1]),
        ("10", &[]),
        ("10, 10", &[10]),
        ("+10", &[10]),
        ("18446744073709551626", &[10]),
    ];
    for (number, (length, parts)) in wrong.into_iter().enumerate() {
        let mut connection = Frames::open(&live);
        let path = format!("/wrong-{number}");
        let end = upload(&mut connection, 1, &path, &[("content-length", length)], parts);
        assert!(
            matches!(end, End::Reset(_) | End::GoAway(_) | End::Status(400)),
            "{length} announced, {parts:?} sent: {end:?}"
        );
        assert!(!stored(&live, &path[1..]).exists(), "{path}");
    }
    let mut connection = Frames::open(&live);
    let twice = [("content-length", "10"), ("content-length", "11")];
    let end = upload(&mut connection, 1, "/wrong-twice", &twice, &[10]);
    assert!(matches!(end, End::Reset(_) | End::GoAway(_) | End::Status(400)), "{end:?}");
    assert!(!stored(&live, "wrong-twice").exists());

    let mut connection = Frames::open(&live);
    let right = [("content-length", "10")];
    assert_eq!(upload(&mut connection, 1, "/right", &right, &[4, 0, 6]), End::Status(201));
    assert_eq!(upload(&mut connection, 3, "/unannounced", &[], &[4, 6]), End::Status(201));
    assert_eq!(std::fs::read(stored(&live, "right")).unwrap().len(), 10);
    assert!(spooled(&live).is_empty());
}

/// What is sent, on which stream, and how that must be answered.
type Broken = (&'static str, Vec<u8>, u32, End);

#[test]
fn frames_against_the_rules_end_the_stream_or_the_connection() {
    let live = Live::start(ONE);
    for (what, bytes, id, expected) in [out_of_bounds(), out_of_place()].concat() {
        let mut connection = Frames::open(&live);
        connection.send(&bytes).unwrap();
        let end = connection.outcome(id);
        // An error of a stream may be treated as one of the connection (§5.4.2), and a special
        // error as the general one (§7).
        let fits = match (end, expected) {
            (End::GoAway(code), End::GoAway(wanted) | End::Reset(wanted))
            | (End::Reset(code), End::Reset(wanted)) => code == wanted || code == PROTOCOL_ERROR,
            _ => false,
        };
        assert!(fits, "{what}: {end:?}, not {expected:?}");
    }
    let mut connection = Frames::open(&live);
    connection.send(&frame(0xfa, 0xff, 7, b"nobody knows this kind")).unwrap();
    assert_eq!(connection.get(1, "/hello.txt"), End::Status(200));
    assert!(!stored(&live, "never").exists());
    live::fetch(live.plain).unwrap();
}

/// Windows, settings and lengths beyond what they may be.
fn out_of_bounds() -> Vec<Broken> {
    let size = End::GoAway(FRAME_SIZE_ERROR);
    let flow = End::GoAway(FLOW_CONTROL_ERROR);
    let rules = End::GoAway(PROTOCOL_ERROR);
    let update = |id, by: u32| frame(WINDOW_UPDATE, 0, id, &by.to_be_bytes());
    let opened = |then: Vec<u8>| [open_put(), then].concat();
    let setting =
        |id, value: u32| frame(SETTINGS, 0, 0, &[&[0, id][..], &value.to_be_bytes()].concat());
    let stream = |code| End::Reset(code);
    vec![
        ("an update of 0", update(0, 0), 0, rules),
        ("an update beyond 2^31", update(0, 0x7fff_ffff), 0, flow),
        ("an update of 0 on a stream", opened(update(1, 0)), 1, stream(PROTOCOL_ERROR)),
        ("too large an update", opened(update(1, 0x7fff_ffff)), 1, stream(FLOW_CONTROL_ERROR)),
        ("an update of 3 bytes", frame(WINDOW_UPDATE, 0, 0, &[0, 0, 1]), 0, size),
        ("a window setting too large", setting(4, 0x8000_0000), 0, flow),
        ("a push setting of 2", setting(2, 2), 0, rules),
        ("a frame size setting of 1", setting(5, 1), 0, rules),
        ("settings of 5 bytes", frame(SETTINGS, 0, 0, &[0; 5]), 0, size),
        ("a ping of 7 bytes", frame(PING, 0, 0, &[0; 7]), 0, size),
        ("a frame too large", frame(DATA, 0, 1, &vec![0; 16_385]), 1, size),
    ]
}

/// Frames on streams where they have no business.
fn out_of_place() -> Vec<Broken> {
    let rules = End::GoAway(PROTOCOL_ERROR);
    let opened = |then: Vec<u8>| [open_put(), then].concat();
    let get = block(&request("GET", "/hello.txt"));
    let number = |n: u32| n.to_be_bytes();
    let whole = END_HEADERS | END_STREAM;
    let after_push = opened(frame(PUSH_PROMISE, END_HEADERS, 1, &number(2)));
    let after_end = [frame(HEADERS, whole, 1, &get), frame(HEADERS, whole, 1, &get)].concat();
    let unfinished = [frame(HEADERS, END_STREAM, 1, &get), frame(PING, 0, 0, &[0; 8])].concat();
    vec![
        ("settings on a stream", frame(SETTINGS, 0, 1, &[]), 1, rules),
        ("data on no stream", frame(DATA, 0, 0, b"x"), 0, rules),
        ("data on an idle stream", frame(DATA, 0, 5, b"x"), 5, rules),
        ("a head on an even stream", frame(HEADERS, whole, 2, &get), 2, rules),
        ("a head on no stream", frame(HEADERS, whole, 0, &get), 0, rules),
        ("a reset of an idle stream", frame(RST_STREAM, 0, 9, &number(CANCEL)), 9, rules),
        ("a lone continuation", frame(CONTINUATION, END_HEADERS, 1, &[]), 1, rules),
        ("another frame before the continuation", unfinished, 1, rules),
        ("a push", after_push, 1, rules),
        ("padding longer than the frame", opened(frame(DATA, 8, 1, &[9, 0, 0])), 1, rules),
        ("a second head that does not end", opened(open_put()), 1, End::Reset(PROTOCOL_ERROR)),
        ("a head after the end", after_end, 9, End::GoAway(STREAM_CLOSED)),
    ]
}

/// Begins an upload on stream 1.
fn open_put() -> Vec<u8> {
    frame(HEADERS, END_HEADERS, 1, &block(&request("PUT", "/never")))
}

/// Sends a request without a body; what becomes of it.
fn ask(connection: &mut Frames, id: u32, fields: &[(&str, &str)]) -> End {
    let head = frame(HEADERS, END_HEADERS | END_STREAM, id, &block(fields));
    if connection.send(&head).is_err() {
        return End::Closed;
    }
    connection.outcome(id)
}

/// Sends a PUT with these DATA frames, the last of which ends it; what becomes of it.
fn upload(
    connection: &mut Frames,
    id: u32,
    path: &str,
    more: &[(&str, &str)],
    parts: &[usize],
) -> End {
    let fields = [&request("PUT", path)[..], more].concat();
    let ends = if parts.is_empty() { END_HEADERS | END_STREAM } else { END_HEADERS };
    let mut bytes = frame(HEADERS, ends, id, &block(&fields));
    for (number, length) in parts.iter().enumerate() {
        let ends = if number + 1 == parts.len() { END_STREAM } else { 0 };
        bytes.extend_from_slice(&frame(DATA, ends, id, &vec![b'd'; *length]));
    }
    if connection.send(&bytes).is_err() {
        return End::Closed;
    }
    connection.outcome(id)
}
