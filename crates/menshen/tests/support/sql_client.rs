//! A session of the MariaDB protocol, as plain as can be: what was answered, byte by byte, and any
//! command at all.
//!
//! Written for itself, from the protocol's page, so that it shares no mistake with the door. It
//! panics where the other side breaks the protocol, as a test should.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// A session, for one thread.
pub(crate) struct Client {
    stream: Box<dyn Stream>,
    deprecate_eof: bool,
    sequence: u8,
    /// The server's number of this session.
    pub(crate) thread: u32,
}

/// What answers one statement of a command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Column definitions, then rows, as they came.
    pub(crate) columns: Vec<Vec<u8>>,
    /// Packets of rows.
    pub(crate) rows: Vec<Vec<u8>>,
    pub(crate) status: u16,
    pub(crate) warnings: u16,
    pub(crate) affected: u64,
    pub(crate) insert_id: u64,
}

/// An error packet, or the end of the session (code 0).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: u16,
    pub(crate) text: String,
}

/// A prepared statement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Prepared {
    pub(crate) id: u32,
    pub(crate) parameters: u16,
}

/// A row of text values.
pub(crate) type Row = Vec<Option<String>>;

/// A value for a prepared statement: its type's number and its bytes as they go over the wire.
pub(crate) type Value<'a> = (u8, &'a [u8]);

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

impl Client {
    /// Logs in over TCP with an account that has no password.
    pub(crate) fn tcp(at: SocketAddr, user: &str, database: &str) -> Result<Self, Failure> {
        let stream = TcpStream::connect(at)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Self::login(Box::new(stream), user, database, DEPRECATE_EOF)
    }

    /// The same, with the old way of ending a result.
    pub(crate) fn old(at: SocketAddr, user: &str, database: &str) -> Result<Self, Failure> {
        let stream = TcpStream::connect(at)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Self::login(Box::new(stream), user, database, 0)
    }

    /// The same over a socket.
    pub(crate) fn unix(at: &Path, user: &str, database: &str) -> Result<Self, Failure> {
        let stream = UnixStream::connect(at)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Self::login(Box::new(stream), user, database, DEPRECATE_EOF)
    }

    fn login(
        stream: Box<dyn Stream>,
        user: &str,
        database: &str,
        more: u32,
    ) -> Result<Self, Failure> {
        let mut client = Self { stream, deprecate_eof: more != 0, sequence: 0, thread: 0 };
        let greeting = client.packet()?;
        if greeting[0] == 0xff {
            return Err(failure(&greeting, false));
        }
        let after = 1 + greeting[1..].iter().position(|byte| *byte == 0).unwrap() + 1;
        client.thread = u32::from_le_bytes(greeting[after..after + 4].try_into().unwrap());
        let mut login = (CAPABILITIES | more).to_le_bytes().to_vec();
        login.extend((64_u32 << 20).to_le_bytes());
        login.push(45); // utf8mb4
        login.extend([0; 23]);
        login.extend(user.as_bytes());
        login.extend([0, 0]); // An empty answer to the scramble.
        login.extend(database.as_bytes());
        login.extend(b"\0mysql_native_password\0");
        client.send(1, &login)?;
        client.entered().map(|()| client)
    }

    /// After a login or `COM_CHANGE_USER`.
    fn entered(&mut self) -> Result<(), Failure> {
        loop {
            let packet = self.packet()?;
            match packet[0] {
                0 => return Ok(()),
                0xff => return Err(failure(&packet, true)),
                // Another method: an empty password is an empty answer to any.
                _ => self.send(self.sequence, b"")?,
            }
        }
    }

    /// The rows of a statement's only result, as text.
    pub(crate) fn rows(&mut self, statement: &str) -> Result<Vec<Row>, Failure> {
        let answers = self.answers(statement)?;
        assert_eq!(answers.len(), 1, "{statement}");
        Ok(answers[0].rows.iter().map(|row| text_row(row)).collect())
    }

    /// The first value of the first row.
    pub(crate) fn one(&mut self, statement: &str) -> Result<String, Failure> {
        let rows = self.rows(statement)?;
        Ok(rows.first().and_then(|row| row[0].clone()).unwrap_or_else(|| "NULL".to_owned()))
    }

    /// Runs statements one by one; none may fail.
    pub(crate) fn run(&mut self, statements: &[&str]) {
        for statement in statements {
            self.answers(statement).unwrap_or_else(|failure| panic!("{statement}: {failure:?}"));
        }
    }

    /// All that answers one `COM_QUERY`.
    pub(crate) fn answers(&mut self, statement: &str) -> Result<Vec<Answer>, Failure> {
        self.command(0x03, statement.as_bytes())?;
        self.read_answers()
    }

    /// Sends a command and reads nothing.
    pub(crate) fn command(&mut self, code: u8, body: &[u8]) -> Result<(), Failure> {
        self.send(0, &[&[code], body].concat())
    }

    /// Sends these bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        Ok(self.stream.write_all(bytes)?)
    }

    /// Prepares a statement.
    pub(crate) fn prepare(&mut self, statement: &str) -> Result<Prepared, Failure> {
        self.command(0x16, statement.as_bytes())?;
        let packet = self.packet()?;
        if packet[0] == 0xff {
            return Err(failure(&packet, true));
        }
        let number = |at: usize| u16::from_le_bytes(packet[at..at + 2].try_into().unwrap());
        let (columns, parameters) = (number(5), number(7));
        for count in [parameters, columns] {
            let ends = u16::from(count > 0 && !self.deprecate_eof);
            for _ in 0..count + ends {
                self.packet()?;
            }
        }
        let id = u32::from_le_bytes(packet[1..5].try_into().unwrap());
        Ok(Prepared { id, parameters })
    }

    /// Executes; the rows are binary. `cursor`: 0 for none.
    pub(crate) fn execute(
        &mut self,
        statement: Prepared,
        cursor: u8,
        values: &[Option<Value<'_>>],
    ) -> Result<Vec<Answer>, Failure> {
        let mut body = statement.id.to_le_bytes().to_vec();
        body.push(cursor);
        body.extend(1_u32.to_le_bytes());
        if !values.is_empty() {
            let mut nulls = vec![0; values.len().div_ceil(8)];
            for (number, value) in values.iter().enumerate() {
                if value.is_none() {
                    nulls[number / 8] |= 1 << (number % 8);
                }
            }
            body.extend(nulls);
            body.push(1);
            for value in values {
                body.extend([value.map_or(6, |(kind, _)| kind), 0]);
            }
            for (_, bytes) in values.iter().flatten() {
                body.extend(*bytes);
            }
        }
        self.command(0x17, &body)?;
        self.read_answers()
    }

    /// A command that is answered by `OK`, as ping and the change of a database are.
    pub(crate) fn plain(&mut self, code: u8, body: &[u8]) -> Result<(), Failure> {
        self.command(code, body)?;
        let packet = self.packet()?;
        if packet[0] == 0xff { Err(failure(&packet, true)) } else { Ok(()) }
    }

    /// Becomes another account without a password.
    pub(crate) fn change_user(&mut self, user: &str, database: &str) -> Result<(), Failure> {
        let plugin = "mysql_native_password";
        let body = format!("{user}\0\0{database}\0\x2d\0{plugin}\0");
        self.command(0x11, body.as_bytes())?;
        self.entered()
    }

    /// The answers to a command sent before.
    pub(crate) fn read_answers(&mut self) -> Result<Vec<Answer>, Failure> {
        let mut answers = Vec::new();
        loop {
            let answer = self.read_answer()?;
            let more = answer.status & MORE_RESULTS != 0;
            answers.push(answer);
            if !more {
                return Ok(answers);
            }
        }
    }

    fn read_answer(&mut self) -> Result<Answer, Failure> {
        let first = self.packet()?;
        match first[0] {
            0xff => return Err(failure(&first, true)),
            0 => return Ok(ok(&first)),
            _ => {}
        }
        let mut answer = Answer::default();
        let (count, _) = length(&first);
        for _ in 0..count {
            answer.columns.push(self.packet()?);
        }
        if !self.deprecate_eof {
            let end = self.packet()?;
            assert_eq!((end[0], end.len()), (0xfe, 5), "the end of the columns");
            let status = u16::from_le_bytes(end[3..5].try_into().unwrap());
            if status & CURSOR_EXISTS != 0 {
                return Ok(Answer { status, ..answer });
            }
        }
        loop {
            let packet = self.packet()?;
            match packet[0] {
                0xff => return Err(failure(&packet, true)),
                0xfe if packet.len() < PACKET_MAX && self.deprecate_eof => {
                    let end = ok(&packet);
                    return Ok(Answer { columns: answer.columns, rows: answer.rows, ..end });
                }
                0xfe if packet.len() == 5 => {
                    answer.warnings = u16::from_le_bytes(packet[1..3].try_into().unwrap());
                    answer.status = u16::from_le_bytes(packet[3..5].try_into().unwrap());
                    return Ok(answer);
                }
                _ => answer.rows.push(packet),
            }
        }
    }

    /// The next packet, those of 16 MiB put together. Its number must be the next.
    pub(crate) fn packet(&mut self) -> Result<Vec<u8>, Failure> {
        let mut whole = Vec::new();
        loop {
            let mut head = [0; 4];
            self.stream.read_exact(&mut head)?;
            let bytes = u32::from_le_bytes([head[0], head[1], head[2], 0]) as usize;
            self.sequence = head[3].wrapping_add(1);
            let begin = whole.len();
            whole.resize(begin + bytes, 0);
            self.stream.read_exact(&mut whole[begin..])?;
            if bytes < PACKET_MAX {
                return Ok(whole);
            }
        }
    }

    fn send(&mut self, first: u8, payload: &[u8]) -> Result<(), Failure> {
        let mut bytes = Vec::with_capacity(payload.len() + 8);
        let mut sequence = first;
        let mut rest = payload;
        loop {
            let (now, later) = rest.split_at(rest.len().min(PACKET_MAX));
            bytes.extend(&u32::try_from(now.len()).unwrap().to_le_bytes()[..3]);
            bytes.push(sequence);
            bytes.extend(now);
            sequence = sequence.wrapping_add(1);
            rest = later;
            if now.len() < PACKET_MAX {
                return self.raw(&bytes);
            }
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self { code: 0, text: error.to_string() }
    }
}

/// A packet with a command in it.
pub(crate) fn packet(code: u8, body: &[u8]) -> Vec<u8> {
    let bytes = u32::try_from(body.len() + 1).unwrap().to_le_bytes();
    [&bytes[..3], &[0, code], body].concat()
}

/// The text values of a row.
pub(crate) fn text_row(packet: &[u8]) -> Row {
    let (mut rest, mut row) = (packet, Vec::new());
    while let Some(first) = rest.first() {
        if *first == 0xfb {
            row.push(None);
            rest = &rest[1..];
            continue;
        }
        let (bytes, size) = length(rest);
        let end = size + usize::try_from(bytes).unwrap();
        row.push(Some(String::from_utf8_lossy(&rest[size..end]).into_owned()));
        rest = &rest[end..];
    }
    row
}

fn ok(packet: &[u8]) -> Answer {
    let (affected, one) = length(&packet[1..]);
    let (insert_id, two) = length(&packet[1 + one..]);
    let at = 1 + one + two;
    let number = |at: usize| u16::from_le_bytes(packet[at..at + 2].try_into().unwrap());
    let (status, warnings) = (number(at), number(at + 2));
    Answer { affected, insert_id, status, warnings, ..Answer::default() }
}

fn failure(packet: &[u8], state: bool) -> Failure {
    let code = u16::from_le_bytes([packet[1], packet[2]]);
    let text = &packet[if state && packet.get(3) == Some(&b'#') { 9 } else { 3 }..];
    Failure { code, text: String::from_utf8_lossy(text).into_owned() }
}

/// A length-encoded number and how many bytes it took.
fn length(bytes: &[u8]) -> (u64, usize) {
    let wide = |count: usize| {
        let mut all = [0; 8];
        all[..count].copy_from_slice(&bytes[1..=count]);
        (u64::from_le_bytes(all), count + 1)
    };
    match bytes[0] {
        0xfc => wide(2),
        0xfd => wide(3),
        0xfe => wide(8),
        small => (small.into(), 1),
    }
}

const PATIENCE: Duration = Duration::from_secs(20);
const PACKET_MAX: usize = 0xff_ffff;
const MORE_RESULTS: u16 = 8;
const CURSOR_EXISTS: u16 = 64;
const DEPRECATE_EOF: u32 = 1 << 24;
/// Long flags, a database, 4.1, transactions, its login, several statements and results, plugins.
const CAPABILITIES: u32 = 1 | 4 | 8 | 0x200 | 0x2000 | 0x8000 | 0x7_0000 | 1 << 19;
