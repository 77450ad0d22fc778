//! What costs the sender little: frames in numbers (RFC 9113 §10.5).

use crate::support::frames::*;

/// What a flood must lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Must {
    /// The connection is ended.
    End,
    /// The connection may go on, since the flood costs us no more than its sender.
    Cost,
}

/// A flood: frames to begin with, then frame after frame.
pub(crate) struct Flood {
    pub(crate) name: &'static str,
    pub(crate) first: Vec<u8>,
    /// The frames of one round; gets the round's number.
    pub(crate) next: fn(u32) -> Vec<u8>,
    pub(crate) must: Must,
}

/// All floods.
pub(crate) fn floods() -> Vec<Flood> {
    let mut all = floods_of_heads();
    all.extend(floods_of_frames());
    all
}

/// Requests begun and given up, and heads without end.
fn floods_of_heads() -> Vec<Flood> {
    vec![
        // CVE-2023-44487.
        Flood {
            name: "rapid reset",
            first: Vec::new(),
            next: |round| {
                let reset = frame(RST_STREAM, 0, id(round), &CANCEL.to_be_bytes());
                [open(id(round), "GET", "/big.bin"), reset].concat()
            },
            must: Must::End,
        },
        // CVE-2025-8671: it is the server who resets, and so the stream does not count as open.
        Flood {
            name: "made you reset, windows",
            first: Vec::new(),
            next: |round| {
                let update = frame(WINDOW_UPDATE, 0, id(round), &0x7fff_ffff_u32.to_be_bytes());
                [open(id(round), "PUT", "/flood"), update].concat()
            },
            must: Must::End,
        },
        Flood {
            name: "made you reset, malformed",
            first: Vec::new(),
            next: |round| {
                let twice = [request("GET", "/"), request("GET", "/")].concat();
                frame(HEADERS, END_HEADERS | END_STREAM, id(round), &block(&twice))
            },
            must: Must::End,
        },
        Flood {
            name: "continuations",
            first: frame(HEADERS, END_STREAM, 1, &block(&request("GET", "/"))),
            next: |_| frame(CONTINUATION, 0, 1, &block(&[("x", "y")])),
            must: Must::End,
        },
        Flood {
            name: "empty continuations",
            first: frame(HEADERS, END_STREAM, 1, &block(&request("GET", "/"))),
            next: |_| frame(CONTINUATION, 0, 1, &[]),
            must: Must::End,
        },
        Flood {
            name: "header bombs",
            first: Vec::new(),
            next: |round| bomb(id(round)),
            must: Must::Cost,
        },
    ]
}

/// Small frames that mean little or nothing.
fn floods_of_frames() -> Vec<Flood> {
    let cancelled = frame(RST_STREAM, 0, 1, &CANCEL.to_be_bytes());
    vec![
        Flood {
            name: "settings",
            first: Vec::new(),
            next: |_| frame(SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0]),
            must: Must::Cost,
        },
        Flood {
            name: "pings",
            first: Vec::new(),
            next: |_| frame(PING, 0, 0, &[7; 8]),
            must: Must::Cost,
        },
        Flood {
            name: "priorities",
            first: open(1, "GET", "/hello.txt"),
            next: |round| frame(PRIORITY, 0, id(round % 1000), &[0, 0, 0, 0, 16]),
            must: Must::Cost,
        },
        Flood {
            name: "empty data",
            first: open(1, "PUT", "/flood"),
            next: |_| frame(DATA, 0, 1, &[]),
            must: Must::Cost,
        },
        Flood {
            name: "padding only",
            first: open(1, "PUT", "/flood"),
            next: |_| frame(DATA, 8, 1, &[[255].as_slice(), &[0; 255]].concat()),
            must: Must::Cost,
        },
        Flood {
            name: "window updates",
            first: open(1, "PUT", "/flood"),
            next: |_| frame(WINDOW_UPDATE, 0, 1, &1_u32.to_be_bytes()),
            must: Must::Cost,
        },
        Flood {
            name: "resets of a closed stream",
            first: [open(1, "PUT", "/flood"), cancelled].concat(),
            next: |_| frame(RST_STREAM, 0, 1, &CANCEL.to_be_bytes()),
            must: Must::Cost,
        },
    ]
}

/// A request whose header block of 13 KB stands for 40 MB: one long field, then references to it.
pub(crate) fn bomb(id: u32) -> Vec<u8> {
    let mut fields = block(&request("GET", "/hello.txt"));
    fields.extend_from_slice(&[0x40, 1, b'x']);
    integer(3900, &mut fields);
    fields.extend_from_slice(&[b'y'; 3900]);
    fields.extend_from_slice(&[0xbe; 9000]);
    frame(HEADERS, END_HEADERS | END_STREAM, id, &fields)
}

/// The stream of a round.
fn id(round: u32) -> u32 {
    round * 2 + 1
}

/// A request; a PUT is left open.
fn open(id: u32, method: &str, path: &str) -> Vec<u8> {
    let ends = if method == "PUT" { END_HEADERS } else { END_HEADERS | END_STREAM };
    frame(HEADERS, ends, id, &block(&request(method, path)))
}
