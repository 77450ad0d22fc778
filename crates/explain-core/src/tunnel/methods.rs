//! Methods of authentication, by the value of LCP's option 3 (RFC 1661 section 6.2): their names,
//! and what a server was found to take.
//!
//! A name is for people and for comparing with other names; it never says that a method is ours.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::Serialize;

/// What a probe found out about a server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Methods {
    /// What it asks for or can be brought to, by name, its own wish first.
    pub asked: Vec<String>,
    /// What it was asked for in vain, or would have come to and did not.
    pub refused: Vec<String>,
    /// Every method of [`SUGGESTED`] is among both.
    pub whole: bool,
}

/// The name of a method, of the octets after type and length. Octets that are not known are given
/// as numbers.
#[must_use]
pub fn name(value: &[u8]) -> String {
    match value {
        [0xc0, 0x23, ..] => "PAP".to_string(),
        [0xc2, 0x23, 5, ..] => "CHAP with MD5".to_string(),
        [0xc2, 0x23, 0x80, ..] => "MS-CHAP".to_string(),
        [0xc2, 0x23, 0x81, ..] => "MS-CHAPv2".to_string(),
        [0xc2, 0x27, ..] => "EAP".to_string(),
        [high, low, ..] => format!("authentication {:#06x}", u16::from_be_bytes([*high, *low])),
        _ => "authentication of no name".to_string(),
    }
}

/// Methods that a server can be asked for: the password in clear last, since some servers, once
/// asked for it, have nothing else any more.
pub const SUGGESTED: [&[u8]; 5] =
    [&[0xc2, 0x23, 0x81], &[0xc2, 0x23, 0x80], &[0xc2, 0x23, 5], &[0xc2, 0x27], &[0xc0, 0x23]];

impl Methods {
    /// In one line.
    #[must_use]
    pub fn words(&self) -> String {
        let Some((first, others)) = self.asked.split_first() else {
            return "none is asked for".to_string();
        };
        let mut words = match others {
            [] => format!("{first} is asked for"),
            others => format!("{first} is asked for, and also taken: {}", others.join(", ")),
        };
        words += &match (&self.refused[..], self.whole, others) {
            (_, false, _) => "; others may be, too".to_string(),
            ([], true, _) => String::new(),
            (refused, true, _) => format!("; not {}", refused.join(", ")),
        };
        words
    }
}
