//! A capture as it is read: bytes of any cut in, its calls and what is wrong with the file out.
//!
//! A capture that breaks off or is damaged is told as far as it goes; only what is no capture from
//! its first bytes on is an error.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use menshen_base::{Finding, Severity};

use super::Report;
use super::capture::Finder;
use crate::capture::{CaptureError, Item, Reader};

/// A capture that is being read. Memory is bounded by its tables, whatever the file's length.
#[derive(Debug, Default)]
pub struct Stream {
    reader: Reader,
    finder: Finder,
    damage: Option<String>,
}

impl Stream {
    /// Takes the next bytes of the file; after damage they are passed over.
    ///
    /// # Errors
    /// [`CaptureError::NotACapture`].
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), CaptureError> {
        if self.is_damaged() {
            return Ok(());
        }
        let finder = &mut self.finder;
        let taken = self.reader.push(bytes, |item| {
            if let Item::Packet(packet) = item {
                finder.take(&packet);
            }
        });
        match taken {
            Ok(()) => Ok(()),
            Err(error @ CaptureError::NotACapture) => Err(error),
            Err(error) => {
                self.broke(error.to_string());
                Ok(())
            }
        }
    }

    /// Says that the file cannot be read any further, and why.
    pub fn broke(&mut self, why: String) {
        self.damage = Some(why);
    }

    /// Whether more bytes are of no use.
    #[must_use]
    pub const fn is_damaged(&self) -> bool {
        self.damage.is_some()
    }

    /// The calls, and what is to be said of the file, which is called `name`.
    ///
    /// # Errors
    /// [`CaptureError::NotACapture`] when nothing came that could be one.
    pub fn finish(self, name: &str) -> Result<(Report, Vec<Finding>), CaptureError> {
        if self.reader.offset() == 0 {
            return Err(CaptureError::NotACapture);
        }
        let mut findings = Vec::new();
        if let Some(why) = self.damage {
            let claim = "the capture is damaged; what comes after is not read";
            let found = Finding::new("capture-damaged", Severity::Warning, name, claim);
            findings.push(found.evidence("reading", "capture", why));
        } else if !self.reader.is_complete() {
            let claim =
                "the capture ends within a packet: it was cut off, or is still being written";
            findings.push(Finding::new("capture-cut-off", Severity::Note, name, claim));
        }
        Ok((Report::new(self.finder.finish()), findings))
    }
}
