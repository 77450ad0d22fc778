//! A blocking client of the MySQL protocol, text results only.
//!
//! How it fails: every error of the link or of the server is a [`Failure`]; after one of the link
//! the session is of no more use.

use std::fmt;
use std::io::{self, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// One connection.
#[derive(Debug)]
pub struct Session {
    reader: BufReader<Stream>,
    writer: Stream,
    /// The server's number of this connection, as `KILL` takes it.
    pub thread: u32,
    /// Bytes of the server's packets so far, headers included.
    pub received: u64,
    /// The last packet's number.
    sequence: u8,
}

/// What a statement gave.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Rows {
    /// Values as text; `None` is NULL.
    pub rows: Vec<Vec<Option<String>>>,
    /// Rows written, where it was no read.
    pub affected: u64,
}

/// Why there is no result.
#[derive(Debug)]
pub enum Failure {
    /// The link broke; whether the statement was carried out is not known.
    Link(io::Error),
    /// The server refused: number and text.
    Server(u16, String),
}

/// A prepared statement without parameters.
#[derive(Debug, Clone, Copy)]
pub struct Prepared {
    id: u32,
}

impl Session {
    /// Connects to `unix:PATH` or `HOST:PORT` and logs in as `user` without a password.
    pub fn connect(address: &str, user: &str, database: &str) -> Result<Self, Failure> {
        let (reader, writer) = open(address)?;
        let reader = BufReader::new(reader);
        let mut session = Self { reader, writer, thread: 0, received: 0, sequence: 0 };
        let greeting = session.packet()?;
        if greeting.first() == Some(&ERR) {
            return Err(failure(&greeting));
        }
        let version_end = greeting.iter().skip(1).position(|byte| *byte == 0).unwrap_or(0) + 2;
        session.thread = little(greeting.get(version_end..version_end + 4).unwrap_or_default());
        let mut login = Vec::new();
        login.extend_from_slice(&CAPABILITIES.to_le_bytes());
        login.extend_from_slice(&(1_u32 << 24).to_le_bytes());
        login.push(UTF8MB4);
        login.extend_from_slice(&[0; 23]);
        login.extend_from_slice(user.as_bytes());
        // The end of the name, and an empty answer to the scramble.
        login.extend_from_slice(&[0, 0]);
        login.extend_from_slice(database.as_bytes());
        login.push(0);
        login.extend_from_slice(b"mysql_native_password\0");
        session.send(1, &login)?;
        loop {
            let reply = session.packet()?;
            match reply.first() {
                Some(&OK) => return Ok(session),
                Some(&ERR) => return Err(failure(&reply)),
                // Another way to log in: without a password every one of them is answered so.
                Some(&SWITCH) => {
                    let next = session.sequence.wrapping_add(1);
                    session.send(next, &[])?;
                }
                _ => {}
            }
        }
    }

    /// Runs one statement.
    pub fn query(&mut self, sql: &str) -> Result<Rows, Failure> {
        let mut packet = vec![COM_QUERY];
        packet.extend_from_slice(sql.as_bytes());
        self.send(0, &packet)?;
        self.reply(text_row)
    }

    /// Runs one statement and gives the first value of its first row.
    pub fn value(&mut self, sql: &str) -> Result<Option<String>, Failure> {
        Ok(first(self.query(sql)?))
    }

    /// Prepares a statement without parameters.
    pub fn prepare(&mut self, sql: &str) -> Result<Prepared, Failure> {
        let mut packet = vec![COM_STMT_PREPARE];
        packet.extend_from_slice(sql.as_bytes());
        self.send(0, &packet)?;
        let head = self.packet()?;
        if head.first() == Some(&ERR) {
            return Err(failure(&head));
        }
        let id = little(head.get(1..5).unwrap_or_default());
        if little(head.get(5..7).unwrap_or_default()) > 0 {
            while !ends(&self.packet()?) {}
        }
        Ok(Prepared { id })
    }

    /// Runs a prepared statement whose only column is a BIGINT or INT, and gives its first value.
    pub fn execute(&mut self, prepared: Prepared) -> Result<Option<String>, Failure> {
        let mut packet = vec![COM_STMT_EXECUTE];
        packet.extend_from_slice(&prepared.id.to_le_bytes());
        packet.extend_from_slice(&[0, 1, 0, 0, 0]);
        self.send(0, &packet)?;
        Ok(first(self.reply(bigint_row)?))
    }

    /// Longest silence of the server that is waited for.
    pub fn patience(&self, longest: Duration) -> Result<(), Failure> {
        match self.reader.get_ref() {
            Stream::Tcp(stream) => stream.set_read_timeout(Some(longest))?,
            Stream::Unix(stream) => stream.set_read_timeout(Some(longest))?,
        }
        Ok(())
    }

    /// The results of one command; the rows are those of the last one that had any.
    fn reply(&mut self, row: fn(&[u8]) -> Option<Vec<Option<String>>>) -> Result<Rows, Failure> {
        let mut result = Rows::default();
        loop {
            let head = self.packet()?;
            let status = match head.first() {
                Some(&ERR) => return Err(failure(&head)),
                Some(&OK) => {
                    let mut rest = head.get(1..).unwrap_or_default();
                    result.affected = integer(&mut rest).unwrap_or(0);
                    integer(&mut rest);
                    little(rest.get(..2).unwrap_or_default())
                }
                _ => {
                    while !ends(&self.packet()?) {}
                    result.rows.clear();
                    loop {
                        let packet = self.packet()?;
                        if packet.first() == Some(&ERR) {
                            return Err(failure(&packet));
                        }
                        if ends(&packet) {
                            break little(packet.get(3..5).unwrap_or_default());
                        }
                        result.rows.push(row(&packet).ok_or_else(strange)?);
                    }
                }
            };
            if status & MORE_RESULTS == 0 {
                return Ok(result);
            }
        }
    }

    fn packet(&mut self) -> Result<Vec<u8>, Failure> {
        let mut payload = Vec::new();
        loop {
            let mut header = [0; 4];
            self.reader.read_exact(&mut header)?;
            self.sequence = header[3];
            let length = usize::try_from(little(&header[..3])).unwrap_or(0);
            let from = payload.len();
            payload.resize(from + length, 0);
            self.reader.read_exact(&mut payload[from..])?;
            self.received += 4 + u64::try_from(length).unwrap_or(0);
            if length < PACKET_MAX {
                return Ok(payload);
            }
        }
    }

    fn send(&mut self, sequence: u8, payload: &[u8]) -> Result<(), Failure> {
        let length = u32::try_from(payload.len()).map_err(|_| strange())?;
        let mut packet = (length | u32::from(sequence) << 24).to_le_bytes().to_vec();
        packet.extend_from_slice(payload);
        Ok(self.writer.write_all(&packet)?)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link(error) => write!(f, "the link broke: {error}"),
            Self::Server(number, text) => write!(f, "the server refused: {number} {text}"),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Link(error)
    }
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn open(address: &str) -> io::Result<(Stream, Stream)> {
    if let Some(path) = address.strip_prefix("unix:") {
        let stream = UnixStream::connect(path)?;
        Ok((Stream::Unix(stream.try_clone()?), Stream::Unix(stream)))
    } else {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok((Stream::Tcp(stream.try_clone()?), Stream::Tcp(stream)))
    }
}

fn ends(packet: &[u8]) -> bool {
    packet.first() == Some(&SWITCH) && packet.len() < 9
}

fn first(rows: Rows) -> Option<String> {
    rows.rows.into_iter().next()?.into_iter().next()?
}

fn failure(packet: &[u8]) -> Failure {
    let number = little(packet.get(1..3).unwrap_or_default());
    let text = packet.get(3..).unwrap_or_default();
    let text = if text.first() == Some(&b'#') { text.get(6..).unwrap_or_default() } else { text };
    let number = u16::try_from(number).unwrap_or(0);
    Failure::Server(number, String::from_utf8_lossy(text).into_owned())
}

fn strange() -> Failure {
    Failure::Link(io::Error::other("an answer that is no answer"))
}

fn text_row(mut packet: &[u8]) -> Option<Vec<Option<String>>> {
    let mut row = Vec::new();
    while let Some(head) = packet.first() {
        if *head == NULL {
            packet = packet.get(1..)?;
            row.push(None);
            continue;
        }
        let length = usize::try_from(integer(&mut packet)?).ok()?;
        row.push(Some(String::from_utf8_lossy(packet.get(..length)?).into_owned()));
        packet = packet.get(length..)?;
    }
    Some(row)
}

/// A row of one BIGINT or INT column: a zero, a map of NULLs, the number.
fn bigint_row(packet: &[u8]) -> Option<Vec<Option<String>>> {
    let map = *packet.get(1)?;
    if map & 4 != 0 {
        return Some(vec![None]);
    }
    let bytes = packet.get(2..)?;
    // A literal's column may be an INT.
    let value = match bytes.len() {
        4 => i64::from(i32::from_le_bytes(bytes.try_into().ok()?)),
        _ => i64::from_le_bytes(bytes.get(..8)?.try_into().ok()?),
    };
    Some(vec![Some(value.to_string())])
}

fn little(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u32::from(*byte))
}

/// A length-encoded integer, taken off the front.
fn integer(bytes: &mut &[u8]) -> Option<u64> {
    let (head, rest) = bytes.split_first()?;
    let width = match head {
        0xfc => 2,
        0xfd => 3,
        0xfe => 8,
        small => {
            *bytes = rest;
            return Some(u64::from(*small));
        }
    };
    let value = rest.get(..width)?.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    *bytes = rest.get(width..)?;
    Some(value)
}

const OK: u8 = 0;
const ERR: u8 = 0xff;
const SWITCH: u8 = 0xfe;
const NULL: u8 = 0xfb;
const COM_QUERY: u8 = 3;
const COM_STMT_PREPARE: u8 = 0x16;
const COM_STMT_EXECUTE: u8 = 0x17;
const MORE_RESULTS: u32 = 8;
const PACKET_MAX: usize = 0xff_ffff;
const UTF8MB4: u8 = 45;
/// `LONG_PASSWORD`, `LONG_FLAG`, `CONNECT_WITH_DB`, `PROTOCOL_41`, `TRANSACTIONS`,
/// `SECURE_CONNECTION`, `MULTI_STATEMENTS`, `MULTI_RESULTS`, `PS_MULTI_RESULTS`, `PLUGIN_AUTH`.
const CAPABILITIES: u32 = 1 | 4 | 8 | 0x200 | 0x2000 | 0x8000 | 7 << 16 | 1 << 19;
