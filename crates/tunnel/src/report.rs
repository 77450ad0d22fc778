//! The tunnel door asked about itself: `menshen status` on the control socket, in the way of
//! [`menshen_net::desk`].
//!
//! Answers hold no hash; names of users and addresses of clients they do.
//!
//! How it fails: an asker that is too slow, says too much or no JSON gets [`Answer::Refused`] or
//! the end of the connection; the door goes on.

use std::io;
use std::os::unix::net;

use menshen_net::Desk;
use serde::{Deserialize, Serialize};
use tokio::net::UnixListener;

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
    let reply = |question| match question {
        Ok(Question::Status {}) => Answer::Status(Box::new(status())),
        Err(why) => Answer::Refused(why),
    };
    DESK.serve(listener, reply).await;
}

/// Asks a door, over a connection to its control socket.
///
/// # Errors
/// The door does not answer in time, or what it answers is of another version.
pub fn ask(stream: net::UnixStream, question: &Question) -> io::Result<Answer> {
    DESK.ask(stream, question)
}

/// Longest question, bytes.
pub const QUESTION_BYTES_MAX: usize = 64 << 10;

const DESK: Desk =
    Desk { question_bytes_max: QUESTION_BYTES_MAX, answer_bytes_max: ANSWER_BYTES_MAX };

/// 65,533 sessions, as JSON.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

#[cfg(test)]
mod tests;
