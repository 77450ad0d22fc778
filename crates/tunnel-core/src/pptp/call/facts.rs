//! What a control connection tells its caller: events, ends with their codes, counters.

use core::fmt;

use super::super::CallId;
use super::super::control::{
    CallResult, Cause, ErrorCode, Malformed, NoticeResult, StartResult, Statistics, StopReason,
};

/// Something the caller has to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Both ends agreed on the control connection; `peer()` has what the other one said of itself.
    Established,
    /// A client asks for a call: to be answered by `accept` or `refuse`.
    CallAsked {
        /// The client's number of the call.
        peer: CallId,
        /// Serial number the client gave it, for logs.
        serial: u16,
        /// Packets the client will hold unacknowledged.
        window: u16,
    },
    /// A call is up: its GRE may begin.
    CallUp(CallUp),
    /// A call is over, or never was.
    CallDown {
        /// Our number of it, if it had one.
        call: Option<CallId>,
        /// The peer's number of it, if it had one.
        peer: Option<CallId>,
        /// Why.
        end: CallEnd,
    },
    /// The control connection is over; it has no calls any more. To be closed when all output is
    /// sent.
    Down(End),
}

/// A call that is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallUp {
    /// Our number: the key of packets to us.
    pub call: CallId,
    /// The peer's number: the key of packets to it.
    pub peer: CallId,
    /// Packets the peer will hold unacknowledged.
    pub window: u16,
    /// Line speed the answering end told, in bits per second; 0 on its own side.
    pub speed: u32,
}

/// Why a call is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallEnd {
    /// The server did not take it.
    Refused {
        /// Its result code.
        result: CallResult,
        /// More on a general error.
        error: ErrorCode,
        /// Cause code of its line.
        cause: Cause,
    },
    /// We did not take it.
    RefusedByUs,
    /// The request was not answered in time.
    Unanswered,
    /// The client ended it (Call-Clear-Request).
    Cleared,
    /// The server ended it (Call-Disconnect-Notify).
    Disconnected {
        /// Its result code.
        result: NoticeResult,
        /// More on a general error.
        error: ErrorCode,
        /// Cause code of its line.
        cause: Cause,
        /// What it says on the call. Foreign.
        statistics: Statistics,
    },
    /// We ended it.
    ByUs,
    /// Its control connection ended.
    ControlDown,
}

/// Why a control connection is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The server did not take the control connection.
    Refused {
        /// Its result code.
        result: StartResult,
        /// More on a general error.
        error: ErrorCode,
    },
    /// The peer speaks another version, which is this one.
    Version(u16),
    /// The peer does not speak PPTP, or not any more.
    Malformed {
        /// What was wrong.
        what: Malformed,
        /// Whether anything before it was PPTP.
        spoke: bool,
    },
    /// It was not established in time.
    Timeout {
        /// Whether the peer sent anything at all.
        heard: bool,
    },
    /// The peer did not answer an Echo-Request.
    EchoTimeout,
    /// The peer stopped it, for this reason.
    Stopped(StopReason),
    /// We stopped it.
    ByUs,
    /// It had no calls for too long.
    Callless,
    /// TCP ended without a word of PPTP.
    Lower {
        /// Whether the control connection was established before.
        established: bool,
    },
    /// A message came that has no place: its type.
    Unexpected(u16),
    /// The peer sends without reading what it is sent, or faster than it is listened to.
    Flooded,
}

impl fmt::Display for CallEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { result, error, .. } if *result == CallResult::GENERAL_ERROR => {
                write!(f, "the server refused the call: {error}")
            }
            Self::Refused { result, .. } => write!(f, "the server refused the call: {result}"),
            Self::RefusedByUs => f.write_str("the call was not taken"),
            Self::Unanswered => f.write_str("the server did not answer the request for a call"),
            Self::Cleared => f.write_str("the client ended the call"),
            Self::Disconnected { result, .. } => write!(f, "the server ended the call: {result}"),
            Self::ByUs => f.write_str("the call was ended here"),
            Self::ControlDown => f.write_str("the control connection ended"),
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { result, error } if *result == StartResult::GENERAL_ERROR => {
                write!(f, "the server refused the control connection: {error}")
            }
            Self::Refused { result, .. } => {
                write!(f, "the server refused the control connection: {result}")
            }
            Self::Version(version) => {
                write!(f, "the peer speaks version {}.{}", version >> 8, version & 0xff)
            }
            Self::Malformed { what, spoke: false } => write!(f, "the peer is not PPTP: {what}"),
            Self::Malformed { what, spoke: true } => write!(f, "the stream broke: {what}"),
            Self::Timeout { heard: false } => f.write_str("the peer said nothing"),
            Self::Timeout { heard: true } => f.write_str("the peer did not come to the point"),
            Self::EchoTimeout => f.write_str("the peer did not answer an echo request"),
            Self::Stopped(reason) => write!(f, "the peer stopped it: {reason}"),
            Self::ByUs => f.write_str("it was stopped here"),
            Self::Callless => f.write_str("it had no calls"),
            Self::Lower { established: true } => f.write_str("the peer closed TCP"),
            Self::Lower { established: false } => {
                f.write_str("the peer closed TCP before it was established")
            }
            Self::Unexpected(kind) => write!(f, "a message of type {kind} has no place here"),
            Self::Flooded => f.write_str("the peer sends more than it reads"),
        }
    }
}

/// What was counted on a control connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages read, of all kinds.
    pub messages: u64,
    /// Echo-Requests of the peer.
    pub echo_requests: u64,
    /// Set-Link-Info messages: read and ignored.
    pub link_infos: u64,
    /// WAN-Error-Notify messages: read and ignored.
    pub wan_errors: u64,
    /// Messages of types that RFC 2637 does not have: ignored.
    pub unknown: u64,
    /// Messages on calls that are not there: ignored.
    pub strays: u64,
    /// Requests for calls beyond the limit, or with a number that is in use.
    pub calls_refused: u64,
}
