//! Replies made by the door itself: OK, ERR, results of the text protocol, in the style the client
//! chose; and commands of the door's own to the server.
//!
//! Rows are written as they come; nothing is kept but the output.

use alloc::vec::Vec;

use super::column::Column;
use super::lenenc::{push_int, push_value};
use super::ok::{ErrPacket, Form, OkPacket};
use super::{Capabilities, Status, packet};

/// Appends one reply to a buffer, packet by packet.
#[derive(Debug)]
pub struct Builder<'o> {
    out: &'o mut Vec<u8>,
    capabilities: Capabilities,
    sequence: u8,
    payload: Vec<u8>,
}

impl<'o> Builder<'o> {
    /// A reply to a client that agreed on `capabilities`; `sequence` is that of its first packet: 1
    /// after a command of one packet ([`Message::Whole`](packet::Message::Whole)'s last plus 1).
    #[must_use]
    pub const fn new(out: &'o mut Vec<u8>, capabilities: Capabilities, sequence: u8) -> Self {
        Self { out, capabilities, sequence, payload: Vec::new() }
    }

    /// OK: `affected` rows, a status word, warnings.
    pub fn ok(&mut self, affected: u64, status: Status, warnings: u16) {
        let status = status.without(Status::STATE_CHANGED);
        self.ok_packet(&OkPacket { affected, status, warnings, ..OkPacket::EMPTY });
    }

    /// Any OK packet, as it is.
    pub fn ok_packet(&mut self, packet: &OkPacket<'_>) {
        packet.encode(&mut self.payload);
        self.send();
    }

    /// ERR: a number of the server's, its SQLSTATE (five bytes), a message.
    pub fn err(&mut self, code: u16, state: &[u8], message: &[u8]) {
        ErrPacket { code, state, message }.encode(&mut self.payload);
        self.send();
    }

    /// The head of a result: the columns. Rows and [`Self::end`] follow.
    pub fn columns(&mut self, columns: &[Column<'_>], status: Status) {
        push_int(&mut self.payload, columns.len() as u64);
        self.send();
        for column in columns {
            column.encode(self.capabilities, &mut self.payload);
            self.send();
        }
        if !self.capabilities.has(Capabilities::DEPRECATE_EOF) {
            self.eof(status, 0);
        }
    }

    /// A row of the text protocol: one value a column, `None` for NULL.
    pub fn row<'a>(&mut self, values: impl IntoIterator<Item = Option<&'a [u8]>>) {
        for value in values {
            push_value(&mut self.payload, value);
        }
        self.send();
    }

    /// The end of the rows.
    pub fn end(&mut self, status: Status, warnings: u16) {
        let status = status.without(Status::STATE_CHANGED);
        if !self.capabilities.has(Capabilities::DEPRECATE_EOF) {
            self.eof(status, warnings);
            return;
        }
        self.ok_packet(&OkPacket { head: 0xfe, status, warnings, ..OkPacket::EMPTY });
    }

    /// A packet with this payload: one of the server's handed on among others of the door's own,
    /// which needs a new sequence number.
    pub fn packet(&mut self, payload: &[u8]) {
        packet::push(self.out, &mut self.sequence, payload);
    }

    /// The sequence number of the next packet.
    #[must_use]
    pub const fn sequence(&self) -> u8 {
        self.sequence
    }

    fn eof(&mut self, status: Status, warnings: u16) {
        let status = status.without(Status::STATE_CHANGED);
        let form = Form::Eof;
        self.ok_packet(&OkPacket { head: 0xfe, status, warnings, form, ..OkPacket::EMPTY });
    }

    fn send(&mut self) {
        packet::push(self.out, &mut self.sequence, &self.payload);
        self.payload.clear();
    }
}

/// Appends a command of the door's own: its number and what follows it, sequence 0.
pub fn command(code: u8, rest: &[u8], out: &mut Vec<u8>) {
    let mut payload = Vec::with_capacity(rest.len() + 1);
    payload.push(code);
    payload.extend_from_slice(rest);
    packet::push(out, &mut 0, &payload);
}

#[cfg(test)]
mod tests;
