//! What has to be said before TLS begins: SMTP (RFC 3207), IMAP (RFC 3501 §6.2.1), POP3 (RFC 2595
//! §4), FTP (RFC 4217), MySQL and PostgreSQL (their protocol manuals, `SSLRequest`).
//!
//! Takes any bytes of the server: lines and their number are bounded, and a server that speaks on
//! in clear after it agreed to TLS is refused, since such bytes could be anybody's (CVE-2011-0411).
//! It fails when the server does not offer TLS, refuses it, or speaks another protocol.

use std::io::{self, Read, Write};
use std::time::Instant;

use crate::connect::{micros, reason};

/// A protocol that turns to TLS on request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Mail between servers and its submission.
    Smtp,
    /// Reading mail.
    Imap,
    /// Fetching mail.
    Pop3,
    /// Files, by `AUTH TLS`.
    Ftp,
    /// MySQL and MariaDB.
    Mysql,
    /// PostgreSQL.
    Postgres,
}

/// What was said before TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preface {
    /// In which protocol.
    pub protocol: Protocol,
    /// Who said what, in order; bytes that are no text are shown as such.
    pub dialogue: Vec<(Speaker, String)>,
    /// Time it took.
    pub micros: u64,
}

/// Who said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// We.
    Client,
    /// The peer.
    Server,
}

/// Why TLS did not begin.
#[derive(Debug, thiserror::Error)]
pub enum StarttlsError {
    /// The server can, but does not offer TLS.
    #[error("the server offers no TLS")]
    NotOffered {
        /// What it said instead, shortened.
        said: String,
    },
    /// The server refused, after offering it or at once.
    #[error("the server refused: {said}")]
    Refused {
        /// What it said, shortened.
        said: String,
    },
    /// The server speaks something else.
    #[error("the server does not speak {protocol}")]
    Foreign {
        /// What was expected.
        protocol: &'static str,
        /// What it said, shortened.
        said: String,
    },
    /// The server spoke in clear after TLS was agreed.
    #[error("the server spoke on in clear text after it agreed to TLS")]
    Injected,
    /// A line, or their number, is beyond all measure.
    #[error("the server's answer is too long")]
    TooLong,
    /// The connection broke or nothing came in time.
    #[error("the conversation before TLS broke off")]
    Broken(#[source] io::Error),
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Smtp, Self::Imap, Self::Pop3, Self::Ftp, Self::Mysql, Self::Postgres];

    /// The protocol that usually lives at a port and turns to TLS on request.
    #[must_use]
    pub const fn of_port(port: u16) -> Option<Self> {
        match port {
            25 | 587 => Some(Self::Smtp),
            143 => Some(Self::Imap),
            110 => Some(Self::Pop3),
            21 => Some(Self::Ftp),
            3306 => Some(Self::Mysql),
            5432 => Some(Self::Postgres),
            _ => None,
        }
    }

    /// The port it usually lives at.
    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Self::Smtp => 25,
            Self::Imap => 143,
            Self::Pop3 => 110,
            Self::Ftp => 21,
            Self::Mysql => 3306,
            Self::Postgres => 5432,
        }
    }

    /// Its word on the command line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
            Self::Ftp => "ftp",
            Self::Mysql => "mysql",
            Self::Postgres => "postgres",
        }
    }

    /// Its name in a sentence.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Smtp => "SMTP",
            Self::Imap => "IMAP",
            Self::Pop3 => "POP3",
            Self::Ftp => "FTP",
            Self::Mysql => "MySQL",
            Self::Postgres => "PostgreSQL",
        }
    }

    /// The protocol of a [`Protocol::word`].
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.word() == word)
    }
}

impl StarttlsError {
    /// What the server or the system said, where it is known.
    #[must_use]
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::NotOffered { said } | Self::Foreign { said, .. } => Some(said.clone()),
            Self::Broken(error) => Some(reason(error)),
            Self::Refused { .. } | Self::Injected | Self::TooLong => None,
        }
    }
}

/// Speaks `protocol` until TLS may begin; the next byte on `stream` is the ClientHello's.
///
/// # Errors
/// [`StarttlsError`].
pub fn start(
    protocol: Protocol,
    stream: &mut (impl Read + Write),
) -> Result<Preface, StarttlsError> {
    let begin = Instant::now();
    let mut talk = Talk {
        stream,
        protocol,
        heard: Vec::new(),
        taken: 0,
        heard_bytes: 0,
        dialogue: Vec::new(),
    };
    match protocol {
        Protocol::Smtp => talk.smtp(),
        Protocol::Imap => talk.imap(),
        Protocol::Pop3 => talk.pop3(),
        Protocol::Ftp => talk.ftp(),
        Protocol::Mysql => talk.mysql(),
        Protocol::Postgres => talk.postgres(),
    }?;
    if talk.taken != talk.heard.len() {
        return Err(StarttlsError::Injected);
    }
    Ok(Preface { protocol, dialogue: talk.dialogue, micros: micros(begin) })
}

struct Talk<'a, S> {
    stream: &'a mut S,
    protocol: Protocol,
    /// Bytes read and not yet forgotten.
    heard: Vec<u8>,
    /// How many of them are used.
    taken: usize,
    /// All bytes read so far.
    heard_bytes: usize,
    dialogue: Vec<(Speaker, String)>,
}

impl<S: Read + Write> Talk<'_, S> {
    fn smtp(&mut self) -> Result<(), StarttlsError> {
        let (code, lines) = self.reply()?;
        self.expect(&code, "220", &lines)?;
        // An address literal for a client without a name (RFC 5321 §4.1.3).
        self.say("EHLO [127.0.0.1]")?;
        let (code, lines) = self.reply()?;
        self.expect(&code, "250", &lines)?;
        let offered = lines.iter().skip(1).any(|line| {
            line.get(4..).is_some_and(|word| word.trim().eq_ignore_ascii_case("STARTTLS"))
        });
        if !offered {
            return Err(not_offered(&lines.join(", ")));
        }
        self.say("STARTTLS")?;
        let (code, lines) = self.reply()?;
        self.expect(&code, "220", &lines)
    }

    fn ftp(&mut self) -> Result<(), StarttlsError> {
        let (code, lines) = self.reply()?;
        self.expect(&code, "220", &lines)?;
        self.say("AUTH TLS")?;
        let (code, lines) = self.reply()?;
        match &*code {
            "234" => Ok(()),
            // Unknown or not done (RFC 4217 §4.1, RFC 2228 §3).
            "500" | "501" | "502" | "504" | "530" | "534" => Err(not_offered(&lines.join(", "))),
            _ => Err(StarttlsError::Refused { said: short(&lines.join(", ")) }),
        }
    }

    fn imap(&mut self) -> Result<(), StarttlsError> {
        let greeting = self.line()?;
        match starts(&greeting, "* OK") {
            true => {}
            false if starts(&greeting, "* PREAUTH") => return Err(not_offered(&greeting)),
            false if starts(&greeting, "* BYE") => {
                return Err(StarttlsError::Refused { said: short(&greeting) });
            }
            false => return Err(self.foreign(&greeting)),
        }
        self.say("m1 CAPABILITY")?;
        let lines = self.until_tagged("m1 ")?;
        let offered = lines.iter().any(|line| {
            starts(line, "* CAPABILITY")
                && line.split_ascii_whitespace().any(|word| word.eq_ignore_ascii_case("STARTTLS"))
        });
        if !offered {
            return Err(not_offered(&lines.join(", ")));
        }
        self.say("m2 STARTTLS")?;
        let lines = self.until_tagged("m2 ")?;
        let last = lines.last().map_or("", |line| line);
        if starts(last, "m2 OK") {
            Ok(())
        } else {
            Err(StarttlsError::Refused { said: short(last) })
        }
    }

    fn pop3(&mut self) -> Result<(), StarttlsError> {
        let greeting = self.line()?;
        if !greeting.starts_with("+OK") {
            return match greeting.starts_with("-ERR") {
                true => Err(StarttlsError::Refused { said: short(&greeting) }),
                false => Err(self.foreign(&greeting)),
            };
        }
        // CAPA (RFC 2449) is younger than STLS, so a server may know only the latter.
        self.say("STLS")?;
        let answer = self.line()?;
        match answer.starts_with("+OK") {
            true => Ok(()),
            false if answer.starts_with("-ERR") => Err(not_offered(&answer)),
            false => Err(self.foreign(&answer)),
        }
    }

    /// The server greets with a packet that tells whether it can; the request is the head of a
    /// login, cut off before the user's name.
    fn mysql(&mut self) -> Result<(), StarttlsError> {
        let head = self.bytes(4)?;
        let [a, b, c, number] = head[..] else { return Err(self.foreign("")) };
        let length = usize::from(a) | usize::from(b) << 8 | usize::from(c) << 16;
        if number != 0 || length == 0 || length > HEARD_BYTES_MAX / 2 {
            return Err(self.foreign(&text(&head)));
        }
        let greeting = self.bytes(length)?;
        if greeting.first() == Some(&0xff) {
            let said = text(greeting.get(3..).unwrap_or_default());
            return Err(StarttlsError::Refused { said: short(&said) });
        }
        let version = greeting.get(1..).and_then(|rest| rest.split(|byte| *byte == 0).next());
        let version = version.unwrap_or_default();
        if greeting.first() != Some(&10) {
            return Err(self.foreign(&text(&greeting)));
        }
        self.note(Speaker::Server, &format!("greeting of {}", text(version)));
        // Thread number (4), first part of the nonce (8), a zero, then the lower flags.
        let at = 1 + version.len() + 1 + 4 + 8 + 1;
        let flags = greeting.get(at..at + 2).map_or(0, |b| u16::from_le_bytes([b[0], b[1]]));
        if flags & MYSQL_SSL == 0 {
            return Err(not_offered(&format!("{} without the SSL flag", text(version))));
        }
        let mut request = vec![32, 0, 0, 1];
        let flags = MYSQL_LONG_PASSWORD | MYSQL_PROTOCOL_41 | MYSQL_SSL | MYSQL_SECURE_CONNECTION;
        request.extend(u32::from(flags).to_le_bytes());
        request.extend(MYSQL_PACKET_BYTES_MAX.to_le_bytes());
        request.push(MYSQL_UTF8);
        request.extend([0; 23]);
        self.send(&request)?;
        self.note(Speaker::Client, "SSLRequest");
        Ok(())
    }

    fn postgres(&mut self) -> Result<(), StarttlsError> {
        let mut request = 8u32.to_be_bytes().to_vec();
        request.extend(POSTGRES_SSL_REQUEST.to_be_bytes());
        self.send(&request)?;
        self.note(Speaker::Client, "SSLRequest");
        let answer = self.bytes(1)?;
        self.note(Speaker::Server, &text(&answer));
        match answer.first() {
            Some(b'S') => Ok(()),
            Some(b'N') => Err(not_offered("N: built or configured without SSL")),
            // Its message could be anybody's and is not shown (CVE-2024-10977).
            Some(b'E') => Err(StarttlsError::Refused { said: "an error message".into() }),
            _ => Err(self.foreign(&text(&answer))),
        }
    }

    /// A reply of three digits, possibly of many lines (RFC 5321 §4.2.1, RFC 959 §4.2).
    fn reply(&mut self) -> Result<(String, Vec<String>), StarttlsError> {
        let mut lines = vec![self.line()?];
        let first = lines.first().cloned().unwrap_or_default();
        let code = first.get(..3).filter(|code| code.bytes().all(|byte| byte.is_ascii_digit()));
        let Some(code) = code.map(str::to_owned) else { return Err(self.foreign(&first)) };
        if first.as_bytes().get(3) == Some(&b'-') {
            loop {
                let line = self.line()?;
                let ended = line.starts_with(&*code) && line.as_bytes().get(3) != Some(&b'-');
                lines.push(line);
                if ended {
                    break;
                }
                if lines.len() == LINES_MAX {
                    return Err(StarttlsError::TooLong);
                }
            }
        }
        Ok((code, lines))
    }

    fn until_tagged(&mut self, tag: &str) -> Result<Vec<String>, StarttlsError> {
        let mut lines = Vec::new();
        while lines.len() < LINES_MAX {
            let line = self.line()?;
            let ended = starts(&line, tag);
            lines.push(line);
            if ended {
                return Ok(lines);
            }
        }
        Err(StarttlsError::TooLong)
    }

    fn expect(&self, code: &str, wanted: &str, lines: &[String]) -> Result<(), StarttlsError> {
        if code == wanted {
            return Ok(());
        }
        Err(StarttlsError::Refused { said: short(&lines.join(", ")) })
    }

    fn foreign(&self, said: &str) -> StarttlsError {
        StarttlsError::Foreign { protocol: self.protocol.name(), said: short(said) }
    }

    fn say(&mut self, line: &str) -> Result<(), StarttlsError> {
        self.note(Speaker::Client, line);
        self.send(format!("{line}\r\n").as_bytes())
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), StarttlsError> {
        let sent = self.stream.write_all(bytes).and_then(|()| self.stream.flush());
        sent.map_err(StarttlsError::Broken)
    }

    fn line(&mut self) -> Result<String, StarttlsError> {
        loop {
            let open = self.heard.get(self.taken..).unwrap_or_default();
            if let Some(end) = open.iter().position(|byte| *byte == b'\n') {
                let line = open.get(..end).unwrap_or_default();
                let line = text(line.strip_suffix(b"\r").unwrap_or(line));
                self.taken += end + 1;
                self.note(Speaker::Server, &line);
                return Ok(line);
            }
            if open.len() > LINE_BYTES_MAX {
                return Err(match self.dialogue.is_empty() {
                    true => self.foreign(&text(open)),
                    false => StarttlsError::TooLong,
                });
            }
            self.hear()?;
        }
    }

    fn bytes(&mut self, count: usize) -> Result<Vec<u8>, StarttlsError> {
        while self.heard.len() - self.taken < count {
            self.hear()?;
        }
        let bytes = self.heard.get(self.taken..self.taken + count).unwrap_or_default().to_vec();
        self.taken += count;
        Ok(bytes)
    }

    fn hear(&mut self) -> Result<(), StarttlsError> {
        if self.heard_bytes > HEARD_BYTES_MAX {
            return Err(StarttlsError::TooLong);
        }
        let mut buffer = [0; 2048];
        match self.stream.read(&mut buffer) {
            Ok(0) => Err(StarttlsError::Broken(io::ErrorKind::UnexpectedEof.into())),
            Ok(count) => {
                self.heard.extend_from_slice(buffer.get(..count).unwrap_or_default());
                self.heard_bytes += count;
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(StarttlsError::Broken(error)),
        }
    }

    fn note(&mut self, speaker: Speaker, said: &str) {
        self.dialogue.push((speaker, short(said)));
    }
}

fn not_offered(said: &str) -> StarttlsError {
    StarttlsError::NotOffered { said: short(said) }
}

fn starts(line: &str, prefix: &str) -> bool {
    line.get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix))
}

/// Bytes as text: what is not printable ASCII is escaped, so nothing of it can steer a terminal.
fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

fn short(said: &str) -> String {
    match said.get(..SAID_CHARACTERS_MAX) {
        Some(begin) if begin.len() < said.len() => format!("{begin}\u{2026}"),
        _ => said.to_owned(),
    }
}

/// Longest line; RFC 5321 §4.5.3.1.5 has 512, IMAP has none.
const LINE_BYTES_MAX: usize = 8 * 1024;
/// Most lines of one reply.
const LINES_MAX: usize = 128;
/// Most bytes before TLS.
const HEARD_BYTES_MAX: usize = 64 * 1024;
/// Longest text kept of what was said.
const SAID_CHARACTERS_MAX: usize = 300;

const MYSQL_LONG_PASSWORD: u16 = 0x0001;
const MYSQL_PROTOCOL_41: u16 = 0x0200;
const MYSQL_SSL: u16 = 0x0800;
const MYSQL_SECURE_CONNECTION: u16 = 0x8000;
const MYSQL_PACKET_BYTES_MAX: u32 = 1 << 24;
/// `utf8_general_ci`, which every version has.
const MYSQL_UTF8: u8 = 33;
const POSTGRES_SSL_REQUEST: u32 = 80_877_103;

#[cfg(test)]
mod tests;
