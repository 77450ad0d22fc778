//! Exchanges captured from a real server, for tests.
//!
//! `captured/mariadb-10.11.txt` was written by a raw client over a unix socket to MariaDB 10.11.19,
//! once with EOF packets and once without, tracking the session and with MariaDB's capabilities.

use alloc::string::String;
use alloc::vec::Vec;

use super::Capabilities;

/// One command and all of its reply.
pub(crate) struct Captured {
    pub(crate) name: &'static str,
    pub(crate) capabilities: Capabilities,
    pub(crate) command: Vec<u8>,
    pub(crate) reply: Vec<u8>,
}

/// All of them.
pub(crate) fn all() -> Vec<Captured> {
    let lines: Vec<_> = MARIADB.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(lines.len() > 300 && lines.len().is_multiple_of(4));
    let exchange = |part: &[&'static str]| {
        let [name, capabilities, command, reply] = part.try_into().unwrap();
        let bits = u64::from_str_radix(capabilities.trim_start_matches("0x"), 16).unwrap();
        let (command, reply) = (bytes(command), bytes(reply));
        Captured { name, capabilities: Capabilities(bits), command, reply }
    };
    lines.chunks(4).map(exchange).collect()
}

/// The one of this name.
pub(crate) fn named(name: &str) -> Captured {
    all().into_iter().find(|captured| captured.name == name).unwrap()
}

/// Hexadecimal as bytes; `-` is none.
pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    let digits: String = hex.chars().filter(char::is_ascii_hexdigit).collect();
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

const MARIADB: &str = include_str!("captured/mariadb-10.11.txt");
