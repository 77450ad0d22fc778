//! A stream of bytes cut into lines, whatever pieces it arrives in.
//!
//! Nothing is lost, added or held for ever: a line longer than [`PIECE_BYTES_MAX`] comes in pieces,
//! and what waits for its line end can be taken as it is. Never fails; memory is bounded.

/// A part of a line, in order; a whole line has `begins` and `ends`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Its bytes, without the line end.
    pub bytes: &'a [u8],
    /// Whether it is the first of its line.
    pub begins: bool,
    /// Whether the line end came after it.
    pub ends: bool,
}

/// The state of one stream.
#[derive(Debug, Default)]
pub struct Splitter {
    waiting: Vec<u8>,
    /// Whether a piece of the current line was given already.
    begun: bool,
}

impl Splitter {
    /// At the beginning of a line.
    #[must_use]
    pub const fn new() -> Self {
        Self { waiting: Vec::new(), begun: false }
    }

    /// Takes the next bytes and gives the pieces they complete.
    pub fn push(&mut self, bytes: &[u8], mut give: impl FnMut(Piece<'_>)) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let end = rest.iter().position(|byte| *byte == b'\n');
            let (text, ends) = (&rest[..end.unwrap_or(rest.len())], end.is_some());
            rest = &rest[text.len() + usize::from(ends)..];
            self.text(text, &mut give);
            if ends {
                let begins = !self.begun;
                // Pieces are cut when the next byte comes, so an end never stands alone unless the
                // line is empty or its text was taken in a pause.
                give(Piece { bytes: &self.waiting, begins, ends: true });
                self.waiting.clear();
                self.begun = false;
            }
        }
    }

    /// Whether something waits for its line end.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Gives what waits for its line end, as a piece that does not end.
    pub fn pause(&mut self, mut give: impl FnMut(Piece<'_>)) {
        if self.is_waiting() {
            give(Piece { bytes: &self.waiting, begins: !self.begun, ends: false });
            self.waiting.clear();
            self.begun = true;
        }
    }

    /// Adds text without line end; gives a piece each time the next byte would be too many.
    fn text(&mut self, mut text: &[u8], give: &mut impl FnMut(Piece<'_>)) {
        loop {
            let room = PIECE_BYTES_MAX - self.waiting.len();
            let (now, later) = text.split_at(text.len().min(room));
            self.waiting.extend_from_slice(now);
            if later.is_empty() {
                return;
            }
            self.pause(&mut *give);
            text = later;
        }
    }
}

/// The longest piece, bytes.
pub const PIECE_BYTES_MAX: usize = 16 * 1024;

#[cfg(test)]
mod tests;
