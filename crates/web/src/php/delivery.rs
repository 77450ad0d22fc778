//! A whole body made ready for PHP, by one of three deliveries.
//!
//! A form is always written anew (`web_core::multipart::write`), so that PHP reads what our parser
//! read, and its length is exact: PHP waits for ever for what is missing. What goes to PHP comes
//! from memory and from spool files, piece by piece; no file is ever whole in memory.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::rand;
use menshen_web_core::multipart::{Boundary, PartHead, write};

pub(crate) use self::leftovers::Leftovers;
use self::source::Bytes;
pub(crate) use self::source::Source;
pub(super) use self::swap::{TOLD_BYTES_MAX, told_bytes};
use crate::fault::Fault;
use crate::php::body::{Body, Kind};
use crate::php::digests::hex;

mod fields;
mod leftovers;
mod replay;
mod source;
mod swap;

/// Which delivery. Bodies that are no forms go as they are in every one of them.
#[derive(Debug, Clone, Copy)]
pub(crate) enum How<'a> {
    /// Tokens in the place of files, which the prepend script swaps back.
    Swap {
        /// PHP's `max_file_uploads`: further files it ignores, so they are not told of.
        files_max: usize,
    },
    /// Everything again.
    Replay,
    /// Form fields in the place of files.
    Fields {
        /// The rule's details.
        fields: &'a menshen_config::model::Fields,
        /// Where files go; `None`: they stay in the spool and are removed after the answer.
        store: Option<Store<'a>>,
    },
}

/// The folder of a rule's `fields.store`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Store<'a> {
    /// Open.
    pub(crate) folder: &'a Arc<OwnedFd>,
    /// Its absolute path.
    pub(crate) path: &'a Path,
}

/// A request body for PHP.
#[derive(Debug)]
pub(crate) struct Delivered {
    /// Instead of the client's `Content-Type`; `None`: the client's.
    pub(crate) content_type: Option<Vec<u8>>,
    /// `CONTENT_LENGTH`: exactly what `source` gives.
    pub(crate) length: u64,
    /// Further FastCGI pairs, encoded; none is longer than one record.
    pub(crate) params: Vec<u8>,
    /// The bytes.
    pub(crate) source: Source,
    /// Files to be removed after the answer.
    pub(crate) files: Leftovers,
    /// First word of `X-Menshen-Swap` in an answer of the prepend script.
    pub(crate) nonce: Option<String>,
    /// Files the prepend script was told to put in place. It may have put fewer without any having
    /// failed: PHP ignores file parts with unusable names.
    pub(crate) swapped: usize,
}

/// Makes `body` ready.
pub(super) fn deliver(body: Body, how: How<'_>) -> Result<Delivered, Fault> {
    let Body { spool, kind } = body;
    let (pile, parts) = match kind {
        Kind::Raw(pile) => {
            let length = pile.length();
            let source = Source::of(Bytes::of(pile), length);
            return Ok(Delivered::new(None, source));
        }
        Kind::Form { pile, parts } => (pile, parts),
    };
    let form = Writer::new(Bytes::of(pile))?;
    match how {
        How::Swap { files_max } => swap::deliver(&spool, form, parts, files_max),
        How::Replay => replay::deliver(form, parts),
        How::Fields { fields, store } => fields::deliver(&spool, form, parts, fields, store),
    }
}

impl Delivered {
    const fn new(content_type: Option<Vec<u8>>, source: Source) -> Self {
        Self {
            content_type,
            length: source.remaining(),
            params: Vec::new(),
            source,
            files: Leftovers::none(),
            nonce: None,
            swapped: 0,
        }
    }
}

/// Writes a form.
#[derive(Debug)]
struct Writer {
    boundary: Boundary,
    source: Source,
}

impl Writer {
    /// A form over the bytes of a pile.
    fn new(pile: Bytes) -> Result<Self, Fault> {
        // Drawn when the client's bytes are all here: none of them can contain it on purpose.
        Ok(Self { boundary: Boundary::from_random(&random()?), source: Source::of(pile, 0) })
    }

    /// Begins a part; its bytes are to be pushed into `source`, then [`Self::end`].
    fn begin(&mut self, head: &PartHead) -> Result<(), Fault> {
        let (file_name, kind) = (head.full_path.as_deref(), head.content_type.as_deref());
        let (boundary, text) = (&self.boundary, self.source.text());
        write::part_head(boundary, &head.name, file_name, kind, text).map_err(|_| UNSPEAKABLE)?;
        self.source.text_grew();
        Ok(())
    }

    /// Begins an ordinary field.
    fn begin_field(&mut self, name: &[u8]) -> Result<(), Fault> {
        let (boundary, text) = (&self.boundary, self.source.text());
        write::part_head(boundary, name, None, None, text).map_err(|_| UNSPEAKABLE)?;
        self.source.text_grew();
        Ok(())
    }

    fn end(&mut self) {
        write::part_end(self.source.text());
        self.source.text_grew();
    }

    /// The form is written.
    fn close(mut self) -> Delivered {
        write::closing(&self.boundary, self.source.text());
        self.source.text_grew();
        let mut content_type = Vec::new();
        write::content_type(&self.boundary, &mut content_type);
        Delivered::new(Some(content_type), self.source)
    }
}

/// The bytes of a pile.
#[cfg(test)]
pub(super) fn source_of(pile: crate::php::intake::Pile) -> Source {
    let length = pile.length();
    Source::of(Bytes::of(pile), length)
}

/// Random bytes nobody can guess.
pub(super) fn random<const N: usize>() -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| Fault::Storage)?;
    Ok(bytes)
}

/// `N` random bytes as hex.
fn random_hex<const N: usize>() -> Result<String, Fault> {
    Ok(hex(&random::<N>()?))
}

const UNSPEAKABLE: Fault = Fault::BadRequest("a name in the form is too long or not acceptable");

#[cfg(test)]
mod tests;
