//! Fuzz targets of the protocol: any bytes as packets, logins, replies, statements.

use alloc::vec::Vec;

use crate::wire::auth::{AuthPacket, Sha2, obfuscated};
use crate::wire::column::{self, Column};
use crate::wire::command::{ChangeUser, Command};
use crate::wire::greeting::{Greeting, Tls};
use crate::wire::login::{First, parse};
use crate::wire::packet::{self, Message, Stream, StreamEnd};
use crate::wire::prepared::{Forward, Prepared};
use crate::wire::response::{Facts, Kind, Next, PreparedHead, Reply, Response, StatusWords};
use crate::wire::{Capabilities, Change, ErrPacket, OkPacket, Status};

/// Messages: cut anywhere they end at the same byte; what is written is read back.
pub fn packets(data: &[u8]) {
    let [step, data @ ..] = data else { return };
    for end in [StreamEnd::ShortPacket, StreamEnd::EmptyPacket] {
        let whole = streamed(end, data, data.len().max(1));
        assert_eq!(whole, streamed(end, data, usize::from(*step) + 1));
        assert_eq!(whole, streamed(end, data, 1));
    }
    match packet::message(data, PAYLOAD_MAX) {
        Message::Whole { wire_len, first_sequence, .. } => {
            assert_eq!(streamed(StreamEnd::ShortPacket, data, 1), (wire_len, true));
            let payload = packet::payload(data.get(..wire_len).unwrap_or_default());
            assert!(payload.len() <= PAYLOAD_MAX && payload.len() < wire_len);
            let (mut again, mut sequence) = (Vec::new(), first_sequence);
            packet::push(&mut again, &mut sequence, &payload);
            assert_eq!(Some(&*again), data.get(..wire_len));
        }
        Message::Partial { want } => {
            assert!(want > data.len(), "waits for bytes that are there");
            assert!(!streamed(StreamEnd::ShortPacket, data, 1).1);
        }
        Message::TooLong => {}
    }
    let taken: usize = packet::packets(data).map(|packet| packet.wire_len()).sum();
    let mut rest = packet::packets(data);
    let count = rest.by_ref().count();
    assert!(taken + rest.rest().len() == data.len() && count * packet::HEADER_BYTES <= taken);
}

/// Greetings, logins and what follows: what is read is written and read back the same.
pub fn login(data: &[u8]) {
    if let Ok(greeting) = Greeting::parse(data) {
        let mut again = Vec::new();
        greeting.encode(&mut again);
        // A scramble longer than its length byte can say does not come back; no server has one.
        if greeting.scramble.len() < SCRAMBLE_MAX {
            assert_same_greeting(&greeting, &again);
        }
        let offered = greeting.offered(Tls::Absent);
        assert!(greeting.capabilities.has(offered) && Capabilities::RELAYED.has(offered));
    }
    match parse(data) {
        Ok(First::Login(login)) => {
            let mut again = Vec::new();
            login.encode(&mut again);
            assert!(again.len() <= data.len() + 16, "a login grew");
            assert_eq!(parse(&again), Ok(First::Login(login)));
        }
        Ok(First::Tls(request)) => {
            let mut again = Vec::new();
            request.encode(&mut again);
            assert_eq!(parse(&again), Ok(First::Tls(request)));
        }
        Err(_) => {}
    }
    if let AuthPacket::Switch { plugin, data: scramble } = AuthPacket::parse(data) {
        let mut again = Vec::new();
        AuthPacket::encode_switch(plugin, scramble, &mut again);
        assert_eq!(AuthPacket::parse(&again), AuthPacket::parse(data));
        let hidden = obfuscated(plugin, scramble);
        assert_eq!(hidden.len(), plugin.len() + 1);
    }
    assert_ne!(Sha2::read(data), Sha2::Key(&[3]));
    let all = Capabilities(u64::MAX);
    if let Command::ChangeUser(rest) = Command::parse(data)
        && let Ok(change) = ChangeUser::parse(rest, all)
    {
        assert!(change.user.len() + change.answer.len() + change.rest.len() < rest.len());
    }
    if let Some(code) = data.first() {
        assert_eq!(Command::parse(data).code(), *code);
    }
}

/// OK, EOF, ERR, columns, rows: read, written and read back the same; without changes after
/// [`OkPacket::rewrite`]. The first byte chooses capabilities.
pub fn status(data: &[u8]) {
    let [choice, data @ ..] = data else { return };
    let capabilities = chosen(*choice);
    if let Ok(ok) = OkPacket::parse(data, capabilities) {
        let mut again = Vec::new();
        ok.encode(&mut again);
        assert!(again.len() <= data.len() + 1, "an OK packet grew");
        let same = OkPacket::parse(&again, capabilities);
        assert_eq!(same, Ok(ok));
        let at = OkPacket::status_at(data).unwrap_or_default();
        assert_eq!(data.get(at..at + 2), Some(&ok.status.0.to_le_bytes()[..]));
        let readable = |change: &Change<'_>| !matches!(change, Change::Unreadable(_));
        for keep in [true, false] {
            let mut again = Vec::new();
            ok.rewrite(capabilities, |_| keep, &mut again);
            let again = OkPacket::parse(&again, capabilities).unwrap_or(OkPacket::EMPTY);
            assert_eq!((again.affected, again.info), (ok.affected, ok.info));
            let kept: Vec<_> = ok.changes().filter(|change| keep && readable(change)).collect();
            assert_eq!(again.changes().collect::<Vec<_>>(), kept);
            assert_eq!(again.status.has(Status::STATE_CHANGED), !kept.is_empty());
        }
        assert!(ok.changes().count() <= ok.tracked.len());
    }
    if let Ok(err) = ErrPacket::parse(data) {
        let mut again = Vec::new();
        err.encode(&mut again);
        assert_eq!(again, data);
    }
    if let Ok(column) = Column::parse(data, capabilities) {
        let mut again = Vec::new();
        column.encode(capabilities, &mut again);
        assert_eq!(Column::parse(&again, capabilities), Ok(column));
    }
    assert!(column::row(data).count() <= data.len());
}

/// Replies: cut anywhere, the same bytes are passed on and the same packets shown. The first bytes
/// choose the reply, the capabilities and the size of the pieces.
pub fn response(data: &[u8]) {
    let [reply, choice, step, stream @ ..] = data else { return };
    let reply = REPLIES.get(usize::from(*reply) % REPLIES.len()).copied().unwrap_or(Reply::One);
    let capabilities = chosen(*choice);
    let whole = Relayed::of(reply, capabilities, stream, stream.len().max(1));
    assert_eq!(whole, Relayed::of(reply, capabilities, stream, usize::from(*step) + 1));
    assert_eq!(whole, Relayed::of(reply, capabilities, stream, 1));
    assert!(whole.consumed <= stream.len() && whole.facts.bytes <= stream.len() as u64);
    let shown = whole.shown.last().copied();
    if let Some((at, Next::Status { len, kind: Kind::RowsEnd, last: true, .. })) = shown {
        let packet = stream.get(at..at + len).unwrap_or_default();
        let mut stored = stream.get(..at).unwrap_or_default().to_vec();
        if let Some(words) = StatusWords::seal(&whole.facts, packet, capabilities, &mut stored) {
            assert_served(reply, capabilities, &stored, words);
        }
    }
}

/// Prepared statements: any commands in any order; memory stays bounded, a key is a key.
pub fn prepared(data: &[u8]) {
    let mut prepared = Prepared::new(TEXT_MAX);
    let mut rest = data;
    while let Some(([len], after)) = rest.split_first_chunk() {
        let (payload, after) = after.split_at(usize::from(*len).min(after.len()));
        rest = after;
        match Command::parse(payload) {
            Command::Prepare(text) => {
                let [statement, parameters] = [0, 1].map(|at| text.get(at).copied().unwrap_or(0));
                let (statement, parameters) = (u32::from(statement), u16::from(parameters));
                let head = PreparedHead { statement, columns: 1, parameters, warnings: 0 };
                prepared.prepared(head, text);
                assert!(prepared.get(statement).is_some());
            }
            Command::Execute(execute) => {
                let (mut key, mut payload) = (Vec::from(*b"key"), Vec::new());
                let keyed = prepared.key(&execute, &mut key);
                assert!(key.starts_with(b"key") && keyed.is_ok() == (key.len() > 3));
                if prepared.forward(&execute, &mut payload) == Forward::Rewritten {
                    let Command::Execute(sent) = Command::parse(&payload) else { return };
                    let mut again = Vec::from(*b"key");
                    let keyed_again = prepared.key(&sent, &mut again);
                    assert!(keyed.is_err() || (keyed_again.is_ok() && again == key));
                }
                assert!(!prepared.lacks_types(execute.statement) || payload.is_empty());
            }
            Command::Bulk(bulk) => {
                let mut payload = Vec::new();
                let _ = prepared.forward_bulk(&bulk, &mut payload);
            }
            Command::LongData { statement, .. } => prepared.long_data(statement),
            Command::Fetch { statement, .. } => prepared.opened_cursor(statement),
            Command::Reset(statement) => prepared.reset(statement),
            Command::Close(statement) => prepared.close(statement),
            Command::ResetConnection => prepared.clear(),
            Command::Broken(_) => prepared.failed(),
            _ => {}
        }
    }
    assert!(prepared.len() <= data.len());
}

/// A stored result, served: it is a reply of one result whose last packet has the session's bits
/// and no changes.
fn assert_served(reply: Reply, capabilities: Capabilities, stored: &[u8], words: StatusWords) {
    let now = Status::IN_TRANS | Status::NO_BACKSLASH_ESCAPES;
    let mut served = stored.to_vec();
    words.patch(&mut served, now);
    let differing = served.iter().zip(stored).filter(|(a, b)| a != b).count();
    assert!(served.len() == stored.len() && differing <= 4);
    let again = Relayed::of(reply, capabilities, &served, served.len());
    assert_eq!((again.consumed, again.shown.len()), (served.len(), 1));
    let Some((at, Next::Status { status, last: true, .. })) = again.shown.last() else {
        assert!(again.shown.is_empty(), "a stored result does not end");
        return;
    };
    let session = crate::wire::response::SESSION_BITS;
    assert_eq!((status.0 & session.0, status.has(Status::STATE_CHANGED)), (now.0, false));
    let packet = served.get(at + packet::HEADER_BYTES..).unwrap_or_default();
    let end = OkPacket::parse(packet, capabilities).unwrap_or(OkPacket::EMPTY);
    assert_eq!((end.changes().count(), end.head), (0, 0xfe));
}

fn assert_same_greeting(greeting: &Greeting, again: &[u8]) {
    let Ok(mut same) = Greeting::parse(again) else {
        assert!(again.is_empty(), "a greeting is not read back");
        return;
    };
    // A scramble is filled up with NULs to at least 20 bytes.
    let padding = same.scramble.get(greeting.scramble.len()..).unwrap_or_default();
    assert!(padding.iter().all(|byte| *byte == 0));
    same.scramble.truncate(greeting.scramble.len());
    assert_eq!(same, *greeting);
}

fn streamed(end: StreamEnd, data: &[u8], step: usize) -> (usize, bool) {
    let mut stream = Stream::new(end);
    let mut taken = 0;
    for piece in data.chunks(step) {
        let now = stream.take(piece);
        taken += now;
        assert!(now == piece.len() || stream.ended(), "stopped before its end");
    }
    (taken, stream.ended())
}

fn chosen(choice: u8) -> Capabilities {
    let bits = [
        Capabilities::DEPRECATE_EOF,
        Capabilities::SESSION_TRACK,
        Capabilities::PROGRESS,
        Capabilities::EXTENDED_METADATA,
    ];
    let base = Capabilities::PROTOCOL_41 | Capabilities::TRANSACTIONS;
    let wanted = bits.iter().enumerate().filter(|(at, _)| choice & (1 << at) != 0);
    wanted.fold(base, |all, (_, bit)| all | *bit)
}

/// What a relay that gets `step` bytes at a time sees of a reply.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Relayed {
    /// Everything but [`Next::Read`], with its place in the stream.
    pub(crate) shown: Vec<(usize, Next)>,
    /// Bytes that belong to the reply.
    pub(crate) consumed: usize,
    /// What the response knows at the end.
    pub(crate) facts: Facts,
}

impl Relayed {
    /// Relays `stream`.
    pub(crate) fn of(reply: Reply, capabilities: Capabilities, stream: &[u8], step: usize) -> Self {
        let mut response = Response::new(reply, capabilities);
        let (mut shown, mut consumed, mut there) = (Vec::new(), 0, 0);
        loop {
            let buffer = stream.get(consumed..there).unwrap_or_default();
            let seen = response.feed(buffer);
            assert!(seen.pass <= buffer.len(), "passes what is not there");
            consumed += seen.pass;
            if let Next::Read { want } = seen.next {
                assert!(want > there - consumed, "waits for bytes that are there");
                if there == stream.len() {
                    break;
                }
                there = (there + step).min(stream.len());
                continue;
            }
            shown.push((consumed, seen.next));
            match seen.next {
                Next::Status { len, last, .. } => {
                    assert!(consumed + len <= there, "shows what is not there");
                    consumed += len;
                    if last {
                        break;
                    }
                }
                Next::Auth { len } => consumed += len,
                Next::File => {}
                _ => break,
            }
        }
        Self { shown, consumed, facts: *response.facts() }
    }
}

const REPLIES: [Reply; 9] = [
    Reply::Results,
    Reply::Cursor,
    Reply::Prepared,
    Reply::Rows,
    Reply::Columns,
    Reply::Auth,
    Reply::One,
    Reply::None,
    Reply::Raw,
];

/// Payloads of [`packets`]; the inputs are far shorter.
const PAYLOAD_MAX: usize = 1 << 20;
/// A length byte of 255 counts both parts and a NUL.
const SCRAMBLE_MAX: usize = 255;
const TEXT_MAX: usize = 64;
