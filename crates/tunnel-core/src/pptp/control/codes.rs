//! Result, error and cause codes with the words of RFC 2637 §2.
//!
//! Any number may come; one that is not in the RFC has no words of its own.

use core::fmt;

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident($number:ty) {
        $($value:literal $constant:ident $words:literal;)+
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(pub $number);

        impl $name {
            $(#[doc = $words] pub const $constant: Self = Self($value);)+

            /// What the RFC says it means; `None` for a number it does not have.
            #[must_use]
            pub const fn words(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($words),)+
                    _ => None,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.words() {
                    Some(words) => write!(f, "{} ({words})", self.0),
                    None => self.0.fmt(f),
                }
            }
        }
    };
}

codes! {
    /// Result of a Start-Control-Connection-Reply (§2.2).
    StartResult(u8) {
        1 OK "channel established";
        2 GENERAL_ERROR "general error";
        3 EXISTS "a command channel exists already";
        4 NOT_AUTHORIZED "the requester is not authorized";
        5 VERSION "the requested protocol version is not supported";
    }
}

codes! {
    /// Why a control connection is stopped (§2.3).
    StopReason(u8) {
        1 NONE "general request to clear the control connection";
        2 PROTOCOL "the peer's version of the protocol cannot be supported";
        3 LOCAL_SHUTDOWN "the requester is being shut down";
    }
}

codes! {
    /// Result of a Stop-Control-Connection-Reply or an Echo-Reply (§2.4, §2.6).
    PlainResult(u8) {
        1 OK "done";
        2 GENERAL_ERROR "general error";
    }
}

codes! {
    /// Result of an Outgoing-Call-Reply (§2.8).
    CallResult(u8) {
        1 CONNECTED "connected";
        2 GENERAL_ERROR "general error";
        3 NO_CARRIER "no carrier";
        4 BUSY "busy";
        5 NO_DIAL_TONE "no dial tone";
        6 TIME_OUT "the call was not established in time";
        7 DO_NOT_ACCEPT "outgoing calls are prohibited";
    }
}

codes! {
    /// Result of an Incoming-Call-Reply (§2.10).
    IncomingResult(u8) {
        1 CONNECT "the call is answered";
        2 GENERAL_ERROR "general error";
        3 DO_NOT_ACCEPT "the call is not accepted";
    }
}

codes! {
    /// Result of a Call-Disconnect-Notify (§2.13).
    NoticeResult(u8) {
        1 LOST_CARRIER "lost carrier";
        2 GENERAL_ERROR "general error";
        3 ADMIN_SHUTDOWN "administrative shutdown";
        4 REQUEST "a Call-Clear-Request was received";
    }
}

codes! {
    /// General error, said with a result of 2 (§2.16).
    ErrorCode(u8) {
        0 NONE "no general error";
        1 NOT_CONNECTED "no control connection exists yet";
        2 BAD_FORMAT "length or magic cookie is wrong";
        3 BAD_VALUE "a field is out of range or a reserved field is not zero";
        4 NO_RESOURCE "not enough resources to handle it now";
        5 BAD_CALL_ID "the call id is invalid in this context";
        6 PAC_ERROR "a vendor-specific error in the access concentrator";
    }
}

/// Cause code of the line behind an access concentrator, as ITU-T Q.931 has them; 0 where there is
/// no such line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cause(pub u16);

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
