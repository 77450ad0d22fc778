//! A form while it arrives: fields into one pile, each file into a spool file of its own.
//!
//! A file is written at most once, and never as far as PHP would not have it: behind
//! `MAX_FILE_SIZE` only one more byte is kept, by which PHP sees for itself that it is too large.

use std::sync::Arc;

use menshen_store::{ID_CHARS, Id};
use menshen_web_core::multipart::{Boundary, Event, Multipart, PartHead, write};

use super::{FormUse, IntakeLimits, Pile, max_file_size, none_as_most};
use crate::fault::Fault;
use crate::php::body::{Ahead, Body, Content, Over, Part};
use crate::php::digests::{Digesting, Digests};
use crate::php::spool::{Named, PhpSpool, Readers};

/// A form that arrives.
#[derive(Debug)]
pub(crate) struct Form {
    parser: Multipart,
    gather: Gather,
}

/// What has arrived.
#[derive(Debug)]
struct Gather {
    spool: Arc<PhpSpool>,
    limits: IntakeLimits,
    purpose: FormUse,
    /// Bytes of the body.
    taken: u64,
    /// Bytes of ordinary fields and of names.
    fields_bytes: u64,
    /// Ordinary fields and small files, one behind the other.
    pile: Pile,
    parts: Vec<Part>,
    current: Option<Current>,
    /// `MAX_FILE_SIZE` as last seen.
    form_limit: i64,
    /// Whether parts may name uploads that came ahead.
    names_uploads: bool,
}

/// The part that arrives.
#[derive(Debug)]
struct Current {
    head: PartHead,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Field {
        start: u64,
        /// The beginning of the value, of `MAX_FILE_SIZE` only.
        number: Option<Vec<u8>>,
    },
    File(Box<File>),
}

/// A file part that arrives.
#[derive(Debug)]
struct File {
    /// Bytes the client sent.
    size: u64,
    /// Bytes from which on it is over a limit, and which one that is.
    largest: u64,
    limit: Over,
    /// Its bytes as long as they are few.
    small: Vec<u8>,
    named: Option<Named>,
    digests: Digesting,
    over: bool,
    /// The beginning of a part that may name an upload, until it shows that it does not.
    naming: Option<Vec<u8>>,
}

impl Form {
    /// A form that begins.
    pub(super) fn new(
        spool: Arc<PhpSpool>,
        parser: Multipart,
        limits: IntakeLimits,
        purpose: FormUse,
    ) -> Self {
        let pile = Pile::new(FIELDS_MEMORY_BYTES, spool.reserve(None));
        let gather = Gather {
            spool,
            limits,
            purpose,
            taken: 0,
            fields_bytes: 0,
            pile,
            parts: Vec::new(),
            current: None,
            form_limit: 0,
            names_uploads: false,
        };
        Self { parser, gather }
    }

    /// Parts may name uploads from now on.
    pub(super) const fn name_uploads(&mut self) {
        self.gather.names_uploads = true;
    }

    /// Takes bytes of the body.
    pub(super) fn take(&mut self, mut input: &[u8]) -> Result<(), Fault> {
        let gather = &mut self.gather;
        gather.taken = gather.taken.saturating_add(input.len() as u64);
        if gather.taken > none_as_most(gather.limits.body_bytes_max) {
            return Err(Fault::TooLarge);
        }
        loop {
            let step = self.parser.feed(input).map_err(Fault::Form)?;
            let consumed = step.consumed;
            match step.event {
                None => return Ok(()),
                Some(Event::PartBegin(head)) => gather.begin(head)?,
                Some(Event::Data(range)) => gather.data(&input[range])?,
                Some(Event::DataHeld(held)) => gather.data(held)?,
                Some(Event::PartEnd) => gather.end()?,
                Some(Event::End) => {}
            }
            input = &input[consumed..];
        }
    }

    /// The body has ended.
    pub(super) fn finish(self) -> Result<Body, Fault> {
        self.parser.finish().map_err(Fault::Form)?;
        let Gather { spool, mut pile, parts, .. } = self.gather;
        pile.end()?;
        Ok(Body::form(spool, pile, parts))
    }

    /// Bytes of fields held in memory.
    #[cfg(test)]
    pub(super) const fn in_memory(&self) -> usize {
        self.gather.pile.in_memory()
    }
}

impl Gather {
    fn begin(&mut self, head: PartHead) -> Result<(), Fault> {
        check_expressible(&head)?;
        let texts = [Some(&head.name), head.full_path.as_ref(), head.content_type.as_ref()];
        self.count(texts.into_iter().flatten().map(Vec::len).sum())?;
        let kind = if head.file_name.is_some() {
            let (largest, limit) = self.file_limit();
            let digests = match &self.purpose {
                FormUse::Fields(wanted) => wanted.begin(),
                _ => Digesting::default(),
            };
            let (small, named) = (Vec::new(), None);
            let chosen = head.file_name.as_ref().is_some_and(|name| !name.is_empty());
            let may_name = self.names_uploads && chosen;
            let naming = (may_name && Ahead::may_name(head.content_type.as_deref())).then(Vec::new);
            let file = File { size: 0, largest, limit, small, named, digests, over: false, naming };
            Kind::File(Box::new(file))
        } else {
            let number = max_file_size::is_named(&head.name).then(Vec::new);
            Kind::Field { start: self.pile.length(), number }
        };
        self.current = Some(Current { head, kind });
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let Some(mut current) = self.current.take() else { return Ok(()) };
        match &mut current.kind {
            Kind::Field { number, .. } => {
                self.count(bytes.len())?;
                self.pile.push(&self.spool, bytes)?;
                if let Some(text) = number {
                    let room = max_file_size::VALUE_BYTES_MAX - text.len();
                    text.extend_from_slice(&bytes[..bytes.len().min(room)]);
                }
            }
            Kind::File(file) => file.take(bytes, &self.spool, &self.purpose)?,
        }
        self.current = Some(current);
        Ok(())
    }

    fn end(&mut self) -> Result<(), Fault> {
        let Some(Current { head, kind }) = self.current.take() else { return Ok(()) };
        let (content, digests) = match kind {
            Kind::Field { start, number } => {
                if let Some(text) = number {
                    self.form_limit = max_file_size::number(&text);
                }
                (Content::Piled(start..self.pile.length()), Digests::default())
            }
            Kind::File(file) => {
                let chosen = head.file_name.as_ref().is_some_and(|name| !name.is_empty());
                self.end_file(*file, chosen)?
            }
        };
        self.parts.push(Part { head, content, digests });
        Ok(())
    }

    fn end_file(&mut self, mut file: File, chosen: bool) -> Result<(Content, Digests), Fault> {
        if let Some(id) = file.naming.take() {
            if let Ok(id) = Id::parse(&id) {
                return Ok((Content::Ahead(Box::new(self.ahead(id, file))), Digests::default()));
            }
            // An ordinary file that calls itself so.
            file.take(&id, &self.spool, &self.purpose)?;
        }
        let over = file.over.then_some(file.limit);
        if over == Some(Over::Site) {
            return Ok((Content::Gone, Digests::default()));
        }
        if chosen {
            // An empty file has a path too where paths are what is delivered.
            file.keep(b"", &self.spool, &self.purpose)?;
        }
        let digests = file.digests.finish();
        if let Some(mut named) = file.named {
            named.park();
            return Ok((Content::Spooled { file: named, over }, digests));
        }
        let start = self.pile.length();
        self.pile.push(&self.spool, &file.small)?;
        Ok((Content::Piled(start..self.pile.length()), digests))
    }

    fn ahead(&self, id: Id, file: File) -> Ahead {
        let File { largest, limit, digests, .. } = file;
        let readers = match self.purpose {
            FormUse::Fields(_) => Readers::Group,
            _ => Readers::Owner,
        };
        let refuses = self.purpose == FormUse::Replay;
        let made = Digests::default();
        Ahead { id, largest, limit, refuses, readers, running: digests, digests: made }
    }

    /// Counts bytes that stay for the fields' sake.
    fn count(&mut self, bytes: usize) -> Result<(), Fault> {
        self.fields_bytes = self.fields_bytes.saturating_add(bytes as u64);
        if self.fields_bytes > none_as_most(self.limits.fields_bytes_max) {
            return Err(Fault::FieldsTooLarge);
        }
        Ok(())
    }

    /// The largest a file may be here, and whose limit that is: PHP stops at the first that is
    /// passed, its own when they are equal.
    fn file_limit(&self) -> (u64, Over) {
        let site = none_as_most(self.limits.file_bytes_max);
        let form = match (&self.purpose, self.form_limit) {
            // The application sees no `$_FILES`, so the field is one like any other.
            (FormUse::Fields(_), _) | (_, 0) => u64::MAX,
            (_, limit) => u64::try_from(limit).unwrap_or(0),
        };
        if form < site { (form, Over::Form) } else { (site, Over::Site) }
    }
}

impl File {
    fn take(&mut self, bytes: &[u8], spool: &PhpSpool, purpose: &FormUse) -> Result<(), Fault> {
        if let Some(begun) = &mut self.naming {
            if begun.len() + bytes.len() <= ID_CHARS {
                begun.extend_from_slice(bytes);
                return Ok(());
            }
            // Too long for an id.
            let begun = self.naming.take().unwrap_or_default();
            self.take(&begun, spool, purpose)?;
        }
        let before = self.size;
        self.size = before.saturating_add(bytes.len() as u64);
        if self.size <= self.largest {
            return self.keep(bytes, spool, purpose);
        }
        if self.limit == Over::Site {
            if *purpose == FormUse::Replay {
                return Err(Fault::TooLarge);
            }
            self.named = None;
            self.small = Vec::new();
        } else if !self.over {
            let room = usize::try_from(self.largest.saturating_sub(before)).unwrap_or(usize::MAX);
            let kept = bytes.len().min(room.saturating_add(1));
            self.keep(&bytes[..kept], spool, purpose)?;
        }
        self.over = true;
        Ok(())
    }

    /// Keeps bytes: in memory while they are few, except where the file must have a path.
    fn keep(&mut self, bytes: &[u8], spool: &PhpSpool, purpose: &FormUse) -> Result<(), Fault> {
        self.digests.update(bytes);
        let readers = match purpose {
            FormUse::Fields(_) => Readers::Group,
            _ if self.named.is_none() && self.small.len() + bytes.len() <= SMALL_FILE_BYTES => {
                self.small.extend_from_slice(bytes);
                return Ok(());
            }
            _ => Readers::Owner,
        };
        if self.named.is_none() {
            self.named = Some(spool.named(readers)?);
        }
        let Some(named) = &mut self.named else { return Ok(()) };
        if !self.small.is_empty() {
            named.write(&std::mem::take(&mut self.small))?;
        }
        named.write(bytes)
    }
}

/// What PHP cannot be told is refused before the bytes of the part come.
fn check_expressible(head: &PartHead) -> Result<(), Fault> {
    let any = Boundary::from_random(&[0; 16]);
    let (name, file_name) = (&head.name, head.full_path.as_deref());
    let written =
        write::part_head(&any, name, file_name, head.content_type.as_deref(), &mut Vec::new());
    written.map_err(|_| Fault::BadRequest("a name in the form is too long or not acceptable"))
}

/// Ordinary fields and small files together stay in memory up to this size, bytes.
const FIELDS_MEMORY_BYTES: usize = 64 << 10;
/// A file up to this size stays with the fields, bytes. More than a token of `swap` has, so that
/// whatever PHP decides by the size of a token it would have decided by that of the file.
const SMALL_FILE_BYTES: usize = 4 << 10;
