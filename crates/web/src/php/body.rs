//! A request body that has arrived whole: bytes as they are, or the parts of a form in order.
//!
//! It owns its spool files: dropped, it leaves nothing.

use std::ops::Range;
use std::sync::Arc;

use menshen_store::Id;
use menshen_web_core::multipart::PartHead;

use crate::fault::Fault;
use crate::php::delivery::{Delivered, How};
use crate::php::digests::{Digesting, Digests};
use crate::php::intake::Pile;
use crate::php::spool::{Named, PhpSpool, Readers};

/// What arrived.
#[derive(Debug)]
pub(crate) struct Body {
    pub(super) spool: Arc<PhpSpool>,
    pub(super) kind: Kind,
}

/// The two sorts of bodies.
#[derive(Debug)]
pub(super) enum Kind {
    Raw(Pile),
    Form { pile: Pile, parts: Vec<Part> },
}

/// A part of a form.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) head: PartHead,
    pub(crate) content: Content,
    /// Of a file, where templates ask for some.
    pub(crate) digests: Digests,
}

/// Where the bytes of a part are.
#[derive(Debug)]
pub(crate) enum Content {
    /// In the pile: an ordinary field, a small file, an empty file.
    Piled(Range<u64>),
    /// In a file of their own. With `over` one byte more than the form allows is there.
    Spooled { file: Named, over: Option<Over> },
    /// Nowhere: the file was larger than the site takes.
    Gone,
    /// Somewhere else: it came ahead of the form, which only names it. Never delivered as it is.
    Ahead(Box<Ahead>),
}

/// A file that came ahead of its form, and what holds for it.
#[derive(Debug)]
pub(crate) struct Ahead {
    /// Its upload.
    pub(crate) id: Id,
    /// Bytes from which on it is over a limit, and which one that is.
    pub(crate) largest: u64,
    pub(crate) limit: Over,
    /// Whether a file over the site's limit fails the form.
    pub(crate) refuses: bool,
    pub(crate) readers: Readers,
    /// Digests that templates ask for: to be made, and made.
    pub(crate) running: Digesting,
    pub(crate) digests: Digests,
}

/// Which limit a file was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// The site's: `UPLOAD_ERR_INI_SIZE`.
    Site,
    /// The form's own `MAX_FILE_SIZE`: `UPLOAD_ERR_FORM_SIZE`.
    Form,
}

/// What the choice of a delivery depends on. The default is that of a form nothing is known of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct FormFacts {
    /// Files that `swap` would tell of, by a token each.
    pub(crate) tokens: usize,
    /// Those of them over the site's limit, which only `swap` can tell PHP of.
    pub(crate) gone: usize,
    /// Bytes it takes to tell of one, at most.
    pub(crate) told_bytes: usize,
    /// Bytes of all spooled files: what `replay` would send again and `swap` would not.
    pub(crate) spooled_bytes: u64,
}

impl Body {
    /// Bytes as they are.
    pub(super) const fn raw(spool: Arc<PhpSpool>, pile: Pile) -> Self {
        Self { spool, kind: Kind::Raw(pile) }
    }

    /// A form.
    pub(super) const fn form(spool: Arc<PhpSpool>, pile: Pile, parts: Vec<Part>) -> Self {
        Self { spool, kind: Kind::Form { pile, parts } }
    }

    /// Whether it is a form with files, chosen ones.
    pub(crate) fn has_files(&self) -> bool {
        self.parts().iter().any(Part::is_chosen_file)
    }

    /// What the choice of a delivery depends on.
    pub(crate) fn facts(&self) -> FormFacts {
        let path_bytes = self.spool.path().as_os_str().len() + NAME_BYTES_MAX;
        let told_bytes = crate::php::delivery::told_bytes(path_bytes);
        let mut facts = FormFacts { told_bytes, ..FormFacts::default() };
        for part in self.parts() {
            match &part.content {
                Content::Piled(_) | Content::Ahead(_) => {}
                Content::Spooled { file, .. } => {
                    facts.tokens += 1;
                    facts.spooled_bytes += file.size();
                }
                Content::Gone => {
                    facts.tokens += 1;
                    facts.gone += 1;
                }
            }
        }
        facts
    }

    /// The number of the first part that names an upload, and that upload.
    pub(crate) fn ahead(&self) -> Option<(usize, Id)> {
        self.parts().iter().enumerate().find_map(|(number, part)| match &part.content {
            Content::Ahead(ahead) => Some((number, ahead.id)),
            _ => None,
        })
    }

    /// Puts what `make` gives, content and type, in the place of part `number`.
    pub(crate) fn replace_ahead(
        &mut self,
        number: usize,
        make: impl FnOnce(&PhpSpool, &mut Ahead) -> Result<(Content, Vec<u8>), Fault>,
    ) -> Result<(), Fault> {
        let Kind::Form { parts, .. } = &mut self.kind else { return Ok(()) };
        let Some(part) = parts.get_mut(number) else { return Ok(()) };
        if let Content::Ahead(ahead) = &mut part.content {
            let (content, kind) = make(&self.spool, ahead)?;
            part.digests = std::mem::take(&mut ahead.digests);
            part.head.content_type = Some(kind);
            part.content = content;
        }
        Ok(())
    }

    /// Makes it ready for PHP. Nothing is left of it on error.
    pub(crate) fn deliver(self, how: How<'_>) -> Result<Delivered, Fault> {
        crate::php::delivery::deliver(self, how)
    }

    /// Whether it has files that PHP may take over.
    pub(super) fn has_spooled(&self) -> bool {
        self.parts().iter().any(|part| matches!(part.content, Content::Spooled { .. }))
    }

    /// Waits until those are on the disk; blocks.
    pub(super) fn flush(&self) -> Result<(), Fault> {
        self.parts().iter().try_for_each(|part| match &part.content {
            Content::Spooled { file, .. } => file.flush(),
            _ => Ok(()),
        })
    }

    fn parts(&self) -> &[Part] {
        match &self.kind {
            Kind::Raw(_) => &[],
            Kind::Form { parts, .. } => parts,
        }
    }
}

impl FormFacts {
    /// Files of one form that `swap` can tell of, where the spool's path has so many bytes.
    pub(crate) const fn files_told_max(spool_path_bytes: usize) -> usize {
        let told_bytes = crate::php::delivery::told_bytes(spool_path_bytes + NAME_BYTES_MAX);
        crate::php::delivery::TOLD_BYTES_MAX / told_bytes
    }

    /// Whether there is no form yet.
    pub(crate) const fn is_unknown(self) -> bool {
        self.told_bytes == 0
    }
}

impl Content {
    /// Whether it is a file over a limit.
    pub(super) const fn is_over(&self) -> bool {
        matches!(self, Self::Gone | Self::Spooled { over: Some(_), .. })
    }
}

impl Part {
    /// Whether it is a file field in which a file was chosen.
    pub(super) fn is_chosen_file(&self) -> bool {
        self.head.file_name.as_ref().is_some_and(|name| !name.is_empty())
    }
}

/// A spool file's name, with the slash before it: instance, process and number.
const NAME_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests;
