//! The tunnel door asked about itself: `menshen status` on the control socket, one JSON line each
//! way, then the connection ends.
//!
//! The socket is root's alone (0600); what comes over it is bounded all the same. One asker is
//! served after the other, none longer than [`ANSWER_MAX`]. Answers hold no hash; names of users
//! and addresses of clients they do.
//!
//! How it fails: an asker that is too slow, says too much or no JSON gets [`Answer::Refused`] or
//! the end of the connection; the door goes on.

use std::io::{self, BufRead, Read, Write};
use std::os::unix::net;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;

use crate::server::Snapshot;

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Question {
    /// How the door is.
    Status {},
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// To [`Question::Status`].
    Status(Box<StatusReport>),
    /// The question was none.
    Refused(String),
}

/// How the door is. Counters are of this process; those over all generations are in the
/// scoreboard.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StatusReport {
    /// Generation of the configuration it serves.
    pub generation: u64,
    /// Where clients of PPTP call, as bound; empty: there is no PPTP.
    pub pptp: Vec<String>,
    /// Whether SSTP is served.
    pub sstp: bool,
    /// The network of the clients' addresses.
    pub addresses: String,
    /// Sessions at once.
    pub sessions_max: u32,
    /// The file of users as configured: the guard reads it, the worker what is good of it.
    pub users_file: String,
    /// Sessions and counters.
    #[serde(flatten)]
    pub now: Snapshot,
}

/// Answers on the control socket until dropped.
pub async fn serve(listener: UnixListener, status: &dyn Fn() -> StatusReport) {
    loop {
        match listener.accept().await {
            // Whatever befalls one asker is not the next one's business.
            Ok((stream, _)) => {
                let _ = timeout(ANSWER_MAX, answer(stream, status)).await;
            }
            // Out of descriptors, or the connection was gone again.
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// Asks a door, over a connection to its control socket.
///
/// # Errors
/// The door does not answer in time, or what it answers is of another version.
pub fn ask(mut stream: net::UnixStream, question: &Question) -> io::Result<Answer> {
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    stream.set_write_timeout(Some(ANSWER_MAX))?;
    let mut line = serde_json::to_vec(question)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = Vec::new();
    io::BufReader::new(stream.take(ANSWER_BYTES_MAX)).read_until(b'\n', &mut answer)?;
    if answer.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_slice(&answer)?)
}

async fn answer(mut stream: UnixStream, status: &dyn Fn() -> StatusReport) -> io::Result<()> {
    let question = match line(&mut stream).await? {
        Some(line) => serde_json::from_slice::<Question>(&line).map_err(|error| error.to_string()),
        None => Err(format!("longer than {QUESTION_BYTES_MAX} bytes")),
    };
    let answer = match question {
        Ok(Question::Status {}) => Answer::Status(Box::new(status())),
        Err(why) => Answer::Refused(why),
    };
    let mut line = serde_json::to_vec(&answer)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    stream.shutdown().await
}

/// Bytes up to the first line end or the end; `None`: there are too many.
async fn line(stream: &mut UnixStream) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    loop {
        let read = stream.read_buf(&mut bytes).await?;
        if let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            bytes.truncate(end);
            return Ok((bytes.len() <= QUESTION_BYTES_MAX).then_some(bytes));
        }
        if bytes.len() > QUESTION_BYTES_MAX {
            return Ok(None);
        }
        if read == 0 {
            return Ok(Some(bytes));
        }
    }
}

/// Longest question, bytes.
pub const QUESTION_BYTES_MAX: usize = 64 << 10;

/// How long an asker is served, and waits.
pub const ANSWER_MAX: Duration = Duration::from_secs(5);

/// 65,533 sessions, as JSON.
const ANSWER_BYTES_MAX: u64 = 64 << 20;
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
