//! A blocking client of the server's socket: any bytes as a statement, replies as they came.
//!
//! Only for tests: what the server says is believed, and a connection that breaks is a panic.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use menshen_sql_core::wire::greeting::Greeting;
use menshen_sql_core::wire::lenenc::Fields;
use menshen_sql_core::wire::login::Login;
use menshen_sql_core::wire::packet::{self, HEADER_BYTES, Header};
use menshen_sql_core::wire::{Capabilities, ErrPacket};

/// A connection that is logged in.
pub(crate) struct Session {
    stream: std::io::BufReader<UnixStream>,
    /// The server's number of it.
    pub(crate) id: u32,
    /// The server's version as it greeted.
    pub(crate) version: Vec<u8>,
}

/// What came for one statement; of several results the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// An OK packet.
    Done,
    /// A result set.
    Rows(Rows),
    /// An error's number and message.
    Failed(u16, String),
}

/// A result set: payloads as they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    pub(crate) columns: Vec<Vec<u8>>,
    pub(crate) rows: Vec<Vec<u8>>,
    pub(crate) warnings: u16,
}

impl Session {
    /// Logs in at `socket` without a password.
    pub(crate) fn open(socket: &Path, user: &str) -> Self {
        let stream = std::io::BufReader::new(UnixStream::connect(socket).unwrap());
        let mut session = Self { stream, id: 0, version: Vec::new() };
        let greeting = Greeting::parse(&session.payload()).unwrap();
        (session.id, session.version) = (greeting.thread_id, greeting.version);
        let login = Login {
            capabilities: WANTED & (greeting.capabilities | Capabilities::MYSQL),
            message_max: 1 << 24,
            charset: UTF8MB4,
            user: user.as_bytes().to_vec(),
            answer: Vec::new(),
            database: None,
            plugin: Some(b"mysql_native_password".to_vec()),
            attributes: None,
            rest: Vec::new(),
        };
        let (mut payload, mut out) = (Vec::new(), Vec::new());
        login.encode(&mut payload);
        packet::push(&mut out, &mut 1, &payload);
        session.stream.get_mut().write_all(&out).unwrap();
        assert_eq!(session.payload().first(), Some(&0), "{user} was not let in");
        session
    }

    /// Runs one statement.
    pub(crate) fn ask(&mut self, statement: &[u8]) -> Reply {
        self.send(statement);
        self.reply()
    }

    /// Runs statements that must succeed.
    pub(crate) fn run(&mut self, statement: &str) {
        let reply = self.ask(statement.as_bytes());
        assert!(!matches!(reply, Reply::Failed(..)), "{statement}: {reply:?}");
    }

    /// The rows of a statement that must succeed, NULL as nothing.
    pub(crate) fn table(&mut self, statement: &str) -> Vec<Vec<String>> {
        let Reply::Rows(Rows { rows, .. }) = self.ask(statement.as_bytes()) else {
            panic!("no rows: {statement}");
        };
        rows.iter().map(|row| values(row)).collect()
    }

    /// Sends a statement whose reply is read later.
    pub(crate) fn send(&mut self, statement: &[u8]) {
        let mut out = Vec::with_capacity(statement.len() + HEADER_BYTES + 1);
        packet::push(&mut out, &mut 0, &[&[COM_QUERY], statement].concat());
        // A server that is gone is noticed when the reply is read.
        let _ = self.stream.get_mut().write_all(&out);
    }

    /// Reads the reply of the oldest statement that was sent.
    pub(crate) fn reply(&mut self) -> Reply {
        loop {
            let (reply, more) = self.one();
            if !more {
                return reply;
            }
        }
    }

    fn one(&mut self) -> (Reply, bool) {
        let head = self.payload();
        match head.first() {
            Some(0) => {
                let mut fields = Fields::new(&head[1..]);
                fields.int().unwrap();
                fields.int().unwrap();
                (Reply::Done, fields.u16().unwrap() & MORE_RESULTS != 0)
            }
            Some(0xff) => (failed(&head), false),
            _ => self.rows(Fields::new(&head).int().unwrap()),
        }
    }

    fn rows(&mut self, columns: u64) -> (Reply, bool) {
        let columns = (0..columns).map(|_| self.payload()).collect();
        let mut result = Rows { columns, ..Rows::default() };
        if self.payload() == LOST {
            return (failed(LOST), false);
        }
        loop {
            let row = self.payload();
            match row.first() {
                Some(0xfe) if row.len() < 9 => {
                    result.warnings = u16::from_le_bytes([row[1], row[2]]);
                    let status = u16::from_le_bytes([row[3], row[4]]);
                    return (Reply::Rows(result), status & MORE_RESULTS != 0);
                }
                Some(0xff) => return (failed(&row), false),
                _ => result.rows.push(row),
            }
        }
    }

    fn payload(&mut self) -> Vec<u8> {
        let mut payload = Vec::new();
        loop {
            let mut header = [0; HEADER_BYTES];
            if self.stream.read_exact(&mut header).is_err() {
                return LOST.to_vec();
            }
            let header = Header::parse(&header).unwrap();
            let at = payload.len();
            payload.resize(at + header.len, 0);
            if self.stream.read_exact(&mut payload[at..]).is_err() {
                return LOST.to_vec();
            }
            if !header.continues() {
                return payload;
            }
        }
    }
}

fn failed(payload: &[u8]) -> Reply {
    let error = ErrPacket::parse(payload).unwrap();
    Reply::Failed(error.code, String::from_utf8_lossy(error.message).into_owned())
}

fn values(row: &[u8]) -> Vec<String> {
    let mut fields = Fields::new(row);
    let mut values = Vec::new();
    while !fields.is_empty() {
        let value = fields.value().unwrap().unwrap_or_default();
        values.push(String::from_utf8_lossy(value).into_owned());
    }
    values
}

const WANTED: Capabilities = Capabilities(
    Capabilities::MYSQL.0
        | Capabilities::LONG_FLAG.0
        | Capabilities::PROTOCOL_41.0
        | Capabilities::TRANSACTIONS.0
        | Capabilities::SECURE_CONNECTION.0
        | Capabilities::MULTI_RESULTS.0
        | Capabilities::PLUGIN_AUTH.0,
);
/// As the server's client says it: `CR_SERVER_LOST`.
const LOST: &[u8] = b"\xff\xdd\x07#HY000the server is gone";
const COM_QUERY: u8 = 3;
const MORE_RESULTS: u16 = 8;
/// `utf8mb4_general_ci`.
const UTF8MB4: u16 = 45;
