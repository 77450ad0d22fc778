//! Reading a flight recorder: the whole file, bounded, then what it tells.
//!
//! A file that a reset tore or that is damaged gives what is left of it; only one of which nothing
//! is left is an error.

use std::fs::File;
use std::io::Read;

use menshen_explain_core::oom::{Recorded, recorded};
use menshen_guard_core::recorder::{self, FILE_BYTES};

use super::OomError;

/// The facts of the recorder, and the kernel's words of each life of the machine in it.
pub(super) fn read(name: &str, file: File) -> Result<(Recorded, Vec<Vec<u8>>), OomError> {
    let mut bytes = Vec::new();
    file.take(*FILE_BYTES.end())
        .read_to_end(&mut bytes)
        .map_err(|source| OomError::Unreadable { name: name.to_owned(), source })?;
    match recorder::read(&bytes) {
        Ok(recording) => Ok(recorded(&recording)),
        Err(recorder::NotARecording) => Err(OomError::NoRecorder { name: name.to_owned() }),
    }
}
