//! A request body while it arrives: bytes are pushed in from a borrowed buffer, synchronously.
//!
//! Nothing is kept in memory beyond what is small: a body of up to 16 KiB, ordinary fields of up to
//! 64 KiB, files of up to 4 KiB. Dropping an intake at any stage removes all it wrote. PHP is not
//! called before [`Intake::finish`] said that the body is whole.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use menshen_config::model::Fields;
use menshen_web_core::multipart::{Boundary, Multipart, MultipartLimits};

use self::form::Form;
pub(crate) use self::pile::{Bytes, Pile};
use crate::fault::Fault;
use crate::php::body::Body;
use crate::php::digests::DigestsWanted;
use crate::php::spool::PhpSpool;

mod form;
mod max_file_size;
mod pile;

/// Limits of one body, 0 for none.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct IntakeLimits {
    /// Bytes of the whole body (`upload_bytes_max`).
    pub(crate) body_bytes_max: u64,
    /// Bytes of one file of a form (`file_bytes_max`).
    pub(crate) file_bytes_max: u64,
    /// Bytes of the ordinary fields of a form and of all names (`php_fields_bytes_max`).
    pub(crate) fields_bytes_max: u64,
    /// Parts of a form.
    pub(crate) parts_max: usize,
    /// Bytes of a part's header lines.
    pub(crate) part_head_bytes_max: usize,
}

/// How a form's files will be delivered as far as it is known when the form begins; it decides
/// what must be kept of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FormUse {
    /// As `$_FILES`, by `swap` if all goes well: a file over `file_bytes_max` is dropped and told
    /// to PHP.
    Files,
    /// As `$_FILES`, by `replay` for certain: nothing can be told, so a file over
    /// `file_bytes_max` is [`Fault::TooLarge`] at once.
    Replay,
    /// By `fields`: a file over `file_bytes_max` is left out.
    Fields(DigestsWanted),
}

/// A body that arrives.
#[derive(Debug)]
pub(crate) enum Intake {
    /// Anything but a form.
    Raw(Raw),
    /// `multipart/form-data`.
    Form(Box<Form>),
}

/// Bytes as they are.
#[derive(Debug)]
pub(crate) struct Raw {
    spool: Arc<PhpSpool>,
    pile: Pile,
    length: Option<u64>,
    largest: u64,
}

impl FormUse {
    /// For the `fields` delivery of a rule.
    pub(crate) fn fields(fields: &Fields) -> Self {
        Self::Fields(DigestsWanted::of(fields))
    }
}

impl Intake {
    /// A form with this boundary. `length` is that of the whole body where it is known: what is
    /// too large or cannot fit is refused before a byte of it is read.
    pub(crate) fn form(
        spool: Arc<PhpSpool>,
        boundary: &Boundary,
        length: Option<u64>,
        limits: IntakeLimits,
        purpose: FormUse,
    ) -> Result<Self, Fault> {
        fits(&spool, length, limits)?;
        let IntakeLimits { parts_max, part_head_bytes_max, .. } = limits;
        let parser = Multipart::new(boundary, MultipartLimits { parts_max, part_head_bytes_max });
        Ok(Self::Form(Box::new(Form::new(spool, parser, limits, purpose))))
    }

    /// The same, of a form whose parts may name uploads that came ahead.
    pub(crate) fn naming_uploads(mut self) -> Self {
        if let Self::Form(form) = &mut self {
            form.name_uploads();
        }
        self
    }

    /// Any other body, of `length` bytes where it is known.
    pub(crate) fn raw(
        spool: Arc<PhpSpool>,
        length: Option<u64>,
        limits: IntakeLimits,
    ) -> Result<Self, Fault> {
        fits(&spool, length, limits)?;
        let memory_max =
            if length.is_some_and(|n| n > RAW_MEMORY_BYTES as u64) { 0 } else { RAW_MEMORY_BYTES };
        let pile = Pile::new(memory_max, spool.reserve(length));
        let largest = none_as_most(limits.body_bytes_max);
        Ok(Self::Raw(Raw { spool, pile, length, largest }))
    }

    /// A body that lies in `file` already, from its beginning to its end: bytes as they are stay
    /// where they are, a form is taken apart. Reads the disk, so it runs on a blocking thread.
    pub(crate) fn whole(mut self, file: OwnedFd, length: u64, flush: Flush) -> Result<Body, Fault> {
        if let Self::Raw(raw) = self {
            if raw.length.is_some_and(|announced| announced != length) {
                return Err(Fault::Storage);
            }
            return Ok(Body::raw(raw.spool, Pile::of_file(file, length)));
        }
        let mut piece = vec![0; PIECE_BYTES];
        let mut at = 0;
        while at < length {
            let most = usize::try_from(length - at).map_or(PIECE_BYTES, |n| n.min(PIECE_BYTES));
            match rustix::io::pread(&file, &mut piece[..most], at) {
                Ok(0) => return Err(Fault::Storage),
                Ok(n) => {
                    self.take(&piece[..n])?;
                    at += n as u64;
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(Fault::from_errno(error)),
            }
        }
        let body = match self {
            Self::Raw(raw) => raw.finish()?,
            Self::Form(form) => form.finish()?,
        };
        if flush == Flush::Yes && body.has_spooled() {
            body.flush()?;
        }
        Ok(body)
    }

    /// Takes bytes of the body. After an error the intake must be dropped.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        match self {
            Self::Raw(raw) => raw.take(bytes),
            Self::Form(form) => form.take(bytes),
        }
    }

    /// The body has ended: checks that it is whole; with `flush` it waits on a blocking thread
    /// until its named files are on the disk.
    pub(crate) async fn finish(self, flush: Flush) -> Result<Body, Fault> {
        let body = match self {
            Self::Raw(raw) => raw.finish()?,
            Self::Form(form) => form.finish()?,
        };
        if flush == Flush::No || !body.has_spooled() {
            return Ok(body);
        }
        let work = move || body.flush().map(|()| body);
        tokio::task::spawn_blocking(work).await.unwrap_or(Err(Fault::Storage))
    }
}

/// Whether files must be on the disk before PHP hears of them (`web.durable`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flush {
    /// They must.
    Yes,
    /// They need not.
    No,
}

impl Raw {
    fn take(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let after = self.pile.length().saturating_add(bytes.len() as u64);
        if after > self.largest {
            return Err(Fault::TooLarge);
        }
        if self.length.is_some_and(|length| after > length) {
            return Err(Fault::BadRequest("the content is longer than announced"));
        }
        self.pile.push(&self.spool, bytes)
    }

    fn finish(mut self) -> Result<Body, Fault> {
        if self.length.is_some_and(|length| length != self.pile.length()) {
            return Err(Fault::BadRequest("the content is shorter than announced"));
        }
        self.pile.end()?;
        Ok(Body::raw(self.spool, self.pile))
    }
}

/// Whether a body of `length` may and can come.
fn fits(spool: &PhpSpool, length: Option<u64>, limits: IntakeLimits) -> Result<(), Fault> {
    let Some(length) = length else { return Ok(()) };
    if length > none_as_most(limits.body_bytes_max) {
        return Err(Fault::TooLarge);
    }
    if length >= ROOM_CHECK_BYTES && length > spool.bytes_free() {
        return Err(Fault::Full);
    }
    Ok(())
}

/// A limit of 0 is none.
const fn none_as_most(limit: u64) -> u64 {
    if limit == 0 { u64::MAX } else { limit }
}

/// A raw body up to this size stays in memory, bytes.
const RAW_MEMORY_BYTES: usize = 16 << 10;
/// What is read at once of a body that lies in a file, bytes.
const PIECE_BYTES: usize = 256 << 10;
/// From this announced size on it is asked whether there is room, bytes.
const ROOM_CHECK_BYTES: u64 = 128 << 10;

#[cfg(test)]
mod tests;
