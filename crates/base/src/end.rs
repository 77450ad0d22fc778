//! End reasons: who ended a session or a request, and in which phase. Every one has one.

use core::fmt;

/// Who ended it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Nobody: it was finished.
    Done,
    /// The client: closed, reset, or sent something invalid.
    Client,
    /// A limit of ours: too slow, too large, too many.
    Limit,
    /// This server: disk, memory, a bug.
    Local,
    /// The application behind the door.
    Upstream,
    /// The operator: drain, reload, shutdown.
    Operator,
}

/// In which phase it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// During the TLS handshake.
    Handshake,
    /// Between requests on a kept connection.
    Idle,
    /// While the request head was read.
    Head,
    /// While the request body was read.
    Body,
    /// While the file system worked: write, fsync, rename.
    Store,
    /// While the application worked, or a place at it was waited for.
    Php,
    /// While the answer was sent.
    Send,
    /// While octets of a tunnel passed both ways.
    Tunnel,
}

/// Who ended it, and in which phase; prints as `client/body`, finished ones as `done`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndReason {
    /// Who ended it.
    pub who: Who,
    /// In which phase.
    pub phase: Phase,
}

impl EndReason {
    /// Finished in order, after the answer was sent.
    pub const DONE: Self = Self { who: Who::Done, phase: Phase::Send };

    /// `who` ended it in `phase`.
    #[must_use]
    pub const fn new(who: Who, phase: Phase) -> Self {
        Self { who, phase }
    }
}

impl Who {
    /// The word in the access log.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Client => "client",
            Self::Limit => "limit",
            Self::Local => "local",
            Self::Upstream => "upstream",
            Self::Operator => "operator",
        }
    }
}

impl Phase {
    /// The word in the access log.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::Idle => "idle",
            Self::Head => "head",
            Self::Body => "body",
            Self::Store => "store",
            Self::Php => "php",
            Self::Send => "send",
            Self::Tunnel => "tunnel",
        }
    }
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.who {
            Who::Done => f.write_str("done"),
            who => write!(f, "{}/{}", who.word(), self.phase.word()),
        }
    }
}
