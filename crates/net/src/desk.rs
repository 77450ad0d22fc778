//! A door asked about itself on its control socket: one line of JSON each way, then the connection
//! ends.
//!
//! The socket is root's alone (0600); what comes over it is bounded all the same. One asker is
//! served after the other, none longer than [`ANSWER_MAX`]. What may be asked and what is answered
//! is each door's own; nothing here knows it.
//!
//! How it fails: an asker that is too slow gets the end of the connection; one that says too much
//! or no question gets what the door makes of the refusal; the door goes on.

use std::io::{self, BufRead, Read, Write};
use std::os::unix::net;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;

/// How much is said over a control socket.
#[derive(Debug, Clone, Copy)]
pub struct Desk {
    /// Longest question, bytes without the line's end.
    pub question_bytes_max: usize,
    /// Longest answer an asker takes, bytes.
    pub answer_bytes_max: u64,
}

impl Desk {
    /// Answers on `listener` until dropped. Run it on one thread. `reply` is given the question, or
    /// why what came is none.
    pub async fn serve<Q: DeserializeOwned, A: Serialize>(
        &self,
        listener: UnixListener,
        reply: impl Fn(Result<Q, String>) -> A,
    ) {
        loop {
            match listener.accept().await {
                // Whatever befalls one asker is not the next one's business.
                Ok((stream, _)) => {
                    let _ = timeout(ANSWER_MAX, self.answer(stream, &reply)).await;
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
    pub fn ask<Q: Serialize, A: DeserializeOwned>(
        &self,
        mut stream: net::UnixStream,
        question: &Q,
    ) -> io::Result<A> {
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        stream.set_write_timeout(Some(ANSWER_MAX))?;
        let mut line = serde_json::to_vec(question)?;
        line.push(b'\n');
        stream.write_all(&line)?;
        let mut answer = Vec::new();
        io::BufReader::new(stream.take(self.answer_bytes_max)).read_until(b'\n', &mut answer)?;
        if answer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(serde_json::from_slice(&answer)?)
    }

    async fn answer<Q: DeserializeOwned, A: Serialize>(
        &self,
        mut stream: UnixStream,
        reply: &impl Fn(Result<Q, String>) -> A,
    ) -> io::Result<()> {
        let question = match first_line(&mut stream, self.question_bytes_max).await? {
            Some(line) => serde_json::from_slice(&line).map_err(|error| error.to_string()),
            None => Err(format!("longer than {} bytes", self.question_bytes_max)),
        };
        let mut line = serde_json::to_vec(&reply(question))?;
        line.push(b'\n');
        stream.write_all(&line).await?;
        stream.shutdown().await
    }
}

/// Bytes up to the first line end or the end; `None`: there are more than `most`.
async fn first_line(
    stream: &mut (impl AsyncRead + Unpin),
    most: usize,
) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    loop {
        let looked_at = bytes.len();
        let read = stream.read_buf(&mut bytes).await?;
        // The first and not the last: what an asker says behind its question is nobody's.
        let end = bytes.iter().skip(looked_at).position(|byte| *byte == b'\n');
        if let Some(end) = end {
            bytes.truncate(looked_at + end);
            return Ok((bytes.len() <= most).then_some(bytes));
        }
        if bytes.len() > most {
            return Ok(None);
        }
        if read == 0 {
            return Ok(Some(bytes));
        }
    }
}

/// How long an asker is served, and waits.
pub const ANSWER_MAX: Duration = Duration::from_secs(5);

const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
