//! `PREPARE`, `EXECUTE` and `SET @x` of the text protocol: what an `EXECUTE` really says, as far as
//! literals show it.
//!
//! The server's query cache stores such a statement under its text with the values written in, so
//! it is shared with the plain statement; here likewise. Known are only texts and values that came
//! as literals while the session's settings were what they are at the `EXECUTE`; everything that
//! could have changed them unseen (calls, triggers, functions) forgets them. Forgetting costs a hit
//! or an invalidation too many; remembering wrongly would cost a wrong one, so: forget.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::lexer::{Lexer, Mode, TokenKind};

/// Names that stand for text in one session.
#[derive(Debug, Default)]
pub struct Texts {
    prepared: Vec<Prepared>,
    values: Vec<Valued>,
}

/// A statement prepared by `PREPARE`.
#[derive(Debug)]
struct Prepared {
    name: Box<[u8]>,
    text: Box<[u8]>,
    /// The fingerprint of the session then; none: it was prepared not to be stored.
    under: Option<u32>,
    /// The catalog's generation when it was last executed.
    schema: Option<u64>,
}

/// A user variable with a known literal.
#[derive(Debug)]
struct Valued {
    name: Box<[u8]>,
    literal: Box<[u8]>,
    under: u32,
}

/// What is known of a prepared statement.
#[derive(Debug, PartialEq, Eq)]
pub enum Effective {
    /// The statement that the server executes, values written in as the literals they came as.
    Text(Vec<u8>),
    /// The prepared text; some value is not known.
    Shape(Vec<u8>),
    /// Nothing.
    Unknown,
}

impl Texts {
    /// `PREPARE name FROM 'text'` succeeded. `text`: none if it is not known. `under`: the
    /// session's fingerprint; none when the cache was off, as the server decides then (MariaDB
    /// `sql/sql_prepare.cc`) that executions are not for its query cache.
    pub fn prepared(&mut self, name: &[u8], text: Option<&[u8]>, under: Option<u32>) {
        self.deallocated(name);
        let fits = |text: &&[u8]| text.len() <= TEXT_BYTES_MAX && self.prepared.len() < TEXTS_MAX;
        if let Some(text) = text.filter(fits) {
            let name = name.to_ascii_lowercase().into();
            self.prepared.push(Prepared { name, text: text.into(), under, schema: None });
        }
    }

    /// `EXECUTE name` is about to be sent while the schema is of this generation. The server
    /// prepares a statement anew after a change of its tables, and decides anew whether it is for
    /// its cache.
    pub fn executed(&mut self, name: &[u8], storing: bool, schema: u64) {
        let mut all = self.prepared.iter_mut();
        let Some(one) = all.find(|one| one.name.eq_ignore_ascii_case(name)) else { return };
        let known = one.schema.replace(schema);
        if !storing && known.is_some_and(|known| known != schema) {
            one.under = None;
        }
    }

    /// `DEALLOCATE PREPARE name`, or a `PREPARE` of that name failed.
    pub fn deallocated(&mut self, name: &[u8]) {
        self.prepared.retain(|one| !one.name.eq_ignore_ascii_case(name));
    }

    /// `SET @name = literal` succeeded; `None`: to something not known.
    pub fn valued(&mut self, name: &[u8], literal: Option<&[u8]>, under: u32) {
        self.values.retain(|one| !one.name.eq_ignore_ascii_case(name));
        let fits = |text: &&[u8]| text.len() <= VALUE_BYTES_MAX && self.values.len() < VALUES_MAX;
        if let Some(literal) = literal.filter(fits) {
            let name = name.to_ascii_lowercase().into();
            self.values.push(Valued { name, literal: literal.into(), under });
        }
    }

    /// Something ran that may have set user variables.
    pub fn forget_values(&mut self) {
        self.values.clear();
    }

    /// Something ran that may have prepared statements too.
    pub fn forget(&mut self) {
        self.prepared.clear();
        self.values.clear();
    }

    /// The literal of a user variable, if it is known and was set under `under`.
    #[must_use]
    pub fn value(&self, name: &[u8], under: u32) -> Option<&[u8]> {
        let mut values = self.values.iter();
        let found = values.find(|one| one.name.eq_ignore_ascii_case(name))?;
        (found.under == under).then_some(&*found.literal)
    }

    /// What `EXECUTE name USING using` executes in a session of fingerprint `under`.
    #[must_use]
    pub fn effective(&self, name: &[u8], using: &[u8], mode: Mode, under: u32) -> Effective {
        let mut all = self.prepared.iter();
        let Some(prepared) = all.find(|one| one.name.eq_ignore_ascii_case(name)) else {
            return Effective::Unknown;
        };
        match prepared.under {
            None => return Effective::Shape(prepared.text.to_vec()),
            Some(then) if then != under => return Effective::Unknown,
            Some(_) => {}
        }
        self.immediate(&prepared.text, using, mode, under)
    }

    /// What `EXECUTE IMMEDIATE 'text' USING using` executes in a session of fingerprint `under`.
    #[must_use]
    pub fn immediate(&self, text: &[u8], using: &[u8], mode: Mode, under: u32) -> Effective {
        match self.written_in(text, using, mode, under) {
            Some(text) => Effective::Text(text),
            None => Effective::Shape(text.to_vec()),
        }
    }

    fn written_in(&self, text: &[u8], using: &[u8], mode: Mode, under: u32) -> Option<Vec<u8>> {
        let mut values =
            Lexer::new(using, mode).filter(|token| token.kind != TokenKind::Punctuation(b','));
        let mut out = Vec::with_capacity(text.len());
        let mut copied = 0;
        for token in Lexer::new(text, mode) {
            if token.kind != TokenKind::Parameter {
                continue;
            }
            let value = values.next()?;
            let literal = match value.kind {
                TokenKind::UserVariable => self.value(value.text.get(1..)?, under)?,
                TokenKind::Number | TokenKind::Text => value.text,
                _ => return None,
            };
            out.extend_from_slice(text.get(copied..token.start)?);
            out.extend_from_slice(literal);
            copied = token.start + token.text.len();
        }
        out.extend_from_slice(text.get(copied..)?);
        // More values than places: the server will refuse it.
        values.next().is_none().then_some(out)
    }
}

/// Prepared statements kept a session; those beyond are executed as unknown ones.
const TEXTS_MAX: usize = 256;
/// Bytes kept of one.
const TEXT_BYTES_MAX: usize = 64 << 10;
/// User variables kept a session.
const VALUES_MAX: usize = 64;
/// Bytes kept of one.
const VALUE_BYTES_MAX: usize = 4 << 10;

#[cfg(test)]
mod tests;
