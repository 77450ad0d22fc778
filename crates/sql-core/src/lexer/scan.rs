//! The lexer's steps over bytes.

use super::{Mode, Token};

/// The place in the statement.
#[derive(Clone, Debug)]
pub(super) struct Scan<'a> {
    bytes: &'a [u8],
    mode: Mode,
}

impl<'a> Scan<'a> {
    pub(super) fn new(bytes: &'a [u8], mode: Mode) -> Self {
        Self { bytes, mode }
    }

    pub(super) fn token(&mut self) -> Option<Token<'a>> {
        unimplemented!()
    }
}
