//! Which file an application means by `X-Accel-Redirect` or `X-Sendfile`.
//!
//! The value comes from a program that may have put a client's words into it. So it reaches only
//! what a mount holds, and static files of the root; it never leaves a folder, and never shows a
//! script that could be run.

use std::rc::Rc;

use menshen_web_core::script::is_forbidden_source;

use super::Site;
use super::place::Place;
use crate::door::Door;
use crate::fault::Fault;
use crate::files::{Dress, FileEntry, Found};

/// What an application named.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Offload<'a> {
    /// `X-Accel-Redirect`: a path of the site.
    Accel(&'a [u8]),
    /// `X-Sendfile`: an absolute path beneath the folder of a mount.
    Sendfile(&'a [u8]),
}

/// Why no file follows from it. The texts are for the log; they carry no path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OffloadRefusal {
    #[error("the path is in no mount and no static file of the site")]
    Elsewhere,
    #[error("the path is malformed")]
    Malformed,
    #[error("there is no such file")]
    Missing,
    #[error("the path names a directory")]
    Directory,
    #[error("the file could not be opened: {0}")]
    Fault(Fault),
}

impl Site {
    /// Opens the file an application named.
    ///
    /// Applications disagree on whether the value is percent-encoded, so it is tried decoded, then
    /// as it stands, first without what follows a `?`, then with it.
    pub(crate) fn offload(
        &self,
        _door: &Door,
        target: Offload<'_>,
    ) -> Result<Rc<FileEntry>, OffloadRefusal> {
        let mut refusal = OffloadRefusal::Malformed;
        let spellings = match target {
            Offload::Accel(value) => {
                let cut = value.split(|&b| b == b'?').next().unwrap_or_default();
                let whole = (cut.len() < value.len()).then_some(value);
                [
                    decoded(cut),
                    Some(cut.to_vec()),
                    whole.map(<[u8]>::to_vec),
                    whole.and_then(decoded),
                ]
            }
            Offload::Sendfile(value) => [Some(value.to_vec()), decoded(value), None, None],
        };
        for path in spellings.into_iter().flatten() {
            if !acceptable(&path) {
                continue;
            }
            let opened = match target {
                Offload::Accel(_) => self.by_path(&path),
                Offload::Sendfile(_) => self.by_folder(&path),
            };
            match opened {
                Ok(file) => return Ok(file),
                // The likeliest spelling explains most.
                Err(why) if refusal == OffloadRefusal::Malformed => refusal = why,
                Err(_) => {}
            }
        }
        Err(refusal)
    }

    fn by_path(&self, path: &[u8]) -> Result<Rc<FileEntry>, OffloadRefusal> {
        let place = self.place(path);
        self.open_in(place, place.rest(path))
    }

    fn by_folder(&self, path: &[u8]) -> Result<Rc<FileEntry>, OffloadRefusal> {
        let mounts = self.places.iter().filter(|place| place.path != b"/");
        let below = mounts.flat_map(|place| {
            [&place.php, &place.real].into_iter().filter_map(move |folder| {
                let rest = path.strip_prefix(folder.as_slice())?;
                rest.starts_with(b"/").then_some((place, rest))
            })
        });
        // The innermost folder.
        let (place, rest) =
            below.min_by_key(|(_, rest)| rest.len()).ok_or(OffloadRefusal::Elsewhere)?;
        self.open_in(place, rest)
    }

    fn open_in(&self, place: &Place, rest: &[u8]) -> Result<Rc<FileEntry>, OffloadRefusal> {
        // Where clients may ask themselves, an application gets no more than they would.
        if !place.internal && rest.split(|&b| b == b'/').any(is_withheld) {
            return Err(OffloadRefusal::Elsewhere);
        }
        let dress = Dress::Site(Rc::clone(&self.rules.plain().extra));
        let slashes = rest.iter().take_while(|&&b| b == b'/').count();
        match place.files.open_as(&place.root, &rest[slashes.saturating_sub(1)..], &dress) {
            Ok(Found::File(_)) if rest.ends_with(b"/") => Err(OffloadRefusal::Missing),
            Ok(Found::File(file)) => Ok(file),
            Ok(Found::Directory) => Err(OffloadRefusal::Directory),
            Err(Fault::NotFound | Fault::NotDirectory) => Err(OffloadRefusal::Missing),
            Err(fault) => Err(OffloadRefusal::Fault(fault)),
        }
    }
}

/// Whether a path may be looked for at all: absolute, no NUL, no segment that climbs, none of our
/// own names. Two slashes in a row are one to the kernel, and applications often write them.
fn acceptable(path: &[u8]) -> bool {
    path.starts_with(b"/")
        && path.len() <= PATH_BYTES_MAX
        && !path.contains(&0)
        && !path
            .split(|&b| b == b'/')
            .any(|segment| matches!(segment, b"." | b"..") || segment.starts_with(b".menshen"))
}

/// Whether a segment names what is never sent to clients: hidden names and PHP source.
fn is_withheld(segment: &[u8]) -> bool {
    segment.starts_with(b".") || is_forbidden_source(segment)
}

/// The value with all escapes decoded; `None` when one is broken.
fn decoded(value: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value;
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let [high, low, tail @ ..] = tail else { return None };
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|n| u8::try_from(n).ok());
        bytes.push(digit(*high)? << 4 | digit(*low)?);
        rest = tail;
    }
    Some(bytes)
}

/// What Linux allows for one path (`PATH_MAX`).
const PATH_BYTES_MAX: usize = 4096;

#[cfg(test)]
mod tests;
