//! Forms that name uploads: a file part of the type [`MEDIA_TYPE`] whose content is the id of a
//! finished upload stands for that upload (`docs/decisions/0039-forms-that-name-uploads.md`).
//!
//! An upload is used once. Whoever uses it sets about that durably, as with every delivery
//! (`menshen_store`), and gives it back when the request came to nothing: the queue was full, PHP
//! could not be reached or died, the worker was killed. It is spent when PHP has answered. PHP's
//! file is another name for the same bytes, so giving back costs nothing and loses nothing.
//!
//! How it fails: an upload that is not there, not whole, used before or somebody else's is
//! [`Fault::Named`], and the form is not delivered. Whether another's is there, nobody learns.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use menshen_net::clock;
use menshen_store::{Aim, Begun, Destination, Error, Id, Record, Store, Stored, Whole};
use menshen_upload_core::Metadata;
use rustix::io::pread;

use super::owner::{self, Owner};
use super::said::Said;
use super::{Scope, deliver};
use crate::ask::Ask;
use crate::door::Door;
use crate::fault::Fault;
use crate::php::body::{Ahead, Body, Content, Over};
use crate::spool::Upload;

/// Whose uploads a form may name.
#[derive(Debug, Clone)]
pub(crate) struct Namer {
    scope: Scope,
    owner: Option<Owner>,
    /// The script that must have allowed them.
    allowed_by: Option<Vec<u8>>,
}

/// An upload that a form has named, as long as the form is being answered. Dropped, it is given
/// back, unless it was spent.
#[derive(Debug)]
pub(crate) struct Held {
    store: Store,
    attempt: u32,
    whole: Option<Arc<Whole>>,
    spent: bool,
}

impl Door {
    /// Who may name what in the form of `ask`; `None` where there are no uploads to name.
    pub(crate) fn namer(&self, ask: &Ask<'_>, scope: Scope) -> Option<Namer> {
        let owner = match scope {
            Scope::Site(_) => owner::of_cookie(ask),
            Scope::Files => {
                self.authority.owner(ask, clock::unix_s()).ok().map(|()| owner::of_token())
            }
        };
        let allowed_by = None;
        self.uploads.settings.enabled.then_some(Namer { scope, owner, allowed_by })
    }

    /// Puts uploads into the places where `body` names them.
    pub(crate) async fn put_held(
        &self,
        body: Body,
        namer: Option<&Namer>,
    ) -> Result<(Body, Vec<Held>), Fault> {
        let (mut body, mut all) = (body, Vec::new());
        while let Some((number, id)) = body.ahead() {
            let namer = namer.ok_or(UNKNOWN)?;
            let held = self.hold(namer, &id).await?;
            let said = Said::of(held.record()?);
            let whole = held.whole.clone().ok_or(Fault::Storage)?;
            let work = move || body.put(number, &whole, media_type(&said)).map(|()| body);
            body = tokio::task::spawn_blocking(work).await.unwrap_or(Err(Fault::Storage))?;
            all.push(held);
        }
        Ok((body, all))
    }

    /// Copies the upload of this id into `to`.
    pub(crate) async fn copy_held(
        &self,
        namer: &Namer,
        id: &Id,
        to: Upload,
    ) -> Result<(Upload, Held), Fault> {
        let held = self.hold(namer, id).await?;
        let whole = held.whole.clone().ok_or(Fault::Storage)?;
        let mut to = to;
        let work = move || {
            each_piece(&whole, |bytes| to.write(bytes))?;
            to.park()?;
            Ok(to)
        };
        let to = tokio::task::spawn_blocking(work).await.unwrap_or(Err(Fault::Storage))?;
        Ok((to, held))
    }

    /// Sets about using an upload.
    async fn hold(&self, namer: &Namer, id: &Id) -> Result<Held, Fault> {
        let store = self.store(&namer.scope).await?;
        let record = store.look(id).await.map_err(|error| fault_of(&error))?;
        let now = clock::unix_s();
        let mine = record.owner.is_none() || record.owner == namer.owner;
        let here = Said::of(&record).is_of(&namer.scope) && record.expires > now;
        if !mine || !here || record.destination != Destination::Held {
            return Err(UNKNOWN);
        }
        if namer.allowed_by.is_some() && Said::of(&record).allowed_by != namer.allowed_by {
            return Err(UNASKED);
        }
        for _ in 0..ATTEMPTS {
            let begun = store.begin_delivery(id, &deliver::by(), Aim::Request, now).await;
            match begun.map_err(|error| fault_of(&error))? {
                Begun::Go { whole, attempt } => {
                    let whole = Some(Arc::new(whole));
                    return Ok(Held { store, attempt, whole, spent: false });
                }
                Begun::Answered(_) | Begun::Stands(_) => return Err(USED),
                // Its worker died before PHP had answered: the form is sent again.
                Begun::Interrupted { attempt, .. } => {
                    store.release(id, attempt).await.map_err(|error| fault_of(&error))?;
                }
            }
        }
        Err(Fault::Busy)
    }
}

impl Namer {
    /// The same where the application is asked before uploads: those it was not asked about are
    /// not for this form.
    pub(crate) fn allowed_by(self, script: Option<&[u8]>) -> Self {
        Self { allowed_by: script.map(<[u8]>::to_vec), ..self }
    }
}

impl Held {
    /// PHP has answered, or the file has its name: the upload is not given back.
    pub(crate) const fn spend(&mut self) {
        self.spent = true;
    }

    fn record(&self) -> Result<&Record, Fault> {
        self.whole.as_deref().map(Whole::record).ok_or(Fault::Storage)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let (Some(whole), Ok(runtime)) = (self.whole.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        let (store, attempt, spent) = (self.store.clone(), self.attempt, self.spent);
        runtime.spawn(async move {
            let id = whole.record().id;
            // Of a store that fails: whoever comes next finds an interrupted attempt.
            if spent {
                let _ =
                    store.answer(&id, attempt, Stored { status: 204, ..Stored::default() }).await;
            } else {
                let _ = store.release(&id, attempt).await;
            }
        });
    }
}

impl Ahead {
    /// Whether `content`, a part's of the type `kind`, may become the id of an upload.
    pub(crate) fn may_name(kind: Option<&[u8]>) -> bool {
        let essence = kind.unwrap_or_default().split(|&byte| byte == b';').next();
        essence.unwrap_or_default().trim_ascii().eq_ignore_ascii_case(MEDIA_TYPE)
    }
}

impl Body {
    /// Puts an upload in the place of part `number`.
    fn put(&mut self, number: usize, whole: &Whole, kind: Vec<u8>) -> Result<(), Fault> {
        self.replace_ahead(number, |spool, ahead| {
            let size = whole.size();
            let over = size > ahead.largest;
            if over && ahead.limit == Over::Site {
                return if ahead.refuses {
                    Err(Fault::TooLarge)
                } else {
                    Ok((Content::Gone, kind))
                };
            }
            let mut digests = std::mem::take(&mut ahead.running);
            if digests.any() {
                each_piece(whole, |bytes| {
                    digests.update(bytes);
                    Ok(())
                })?;
            }
            ahead.digests = digests.finish();
            let copy = |to: &OwnedFd| whole.copy_to(to).map_err(|error| fault_of(&error));
            let from = whole.file().map_err(|error| fault_of(&error))?;
            let file = spool.adopt(&from, size, ahead.readers, copy)?;
            Ok((Content::Spooled { file, over: over.then_some(ahead.limit) }, kind))
        })
    }
}

/// Reads a whole upload, piece by piece; blocks.
pub(super) fn each_piece(
    whole: &Whole,
    mut take: impl FnMut(&[u8]) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let file = whole.file().map_err(|error| fault_of(&error))?;
    let size = whole.size();
    let mut piece = vec![0; PIECE_BYTES];
    let mut at = 0;
    while at < size {
        match pread(&*file, &mut piece, at) {
            Ok(0) => return Err(Fault::Storage),
            Ok(n) => {
                let some = piece.get(..n).unwrap_or_default();
                let left = usize::try_from(size - at).unwrap_or(usize::MAX);
                take(some.get(..left.min(n)).unwrap_or_default())?;
                at += n as u64;
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Fault::from_errno(error)),
        }
    }
    Ok(())
}

/// The type the browser gave the file itself: the part's own says only that it names an upload.
fn media_type(said: &Said) -> Vec<u8> {
    let metadata = Metadata::parse(said.field.as_bytes()).unwrap_or_default();
    let kind = metadata.get("filetype").unwrap_or_default();
    let sound = (1..=MEDIA_TYPE_BYTES_MAX).contains(&kind.len())
        && kind.iter().all(|&byte| (b' '..=b'~').contains(&byte));
    if sound { kind.to_vec() } else { b"application/octet-stream".to_vec() }
}

const fn fault_of(error: &Error) -> Fault {
    match error {
        Error::Gone => UNKNOWN,
        Error::Incomplete | Error::Digest => {
            Fault::Named("an upload that the form names is not whole")
        }
        Error::Underway => Fault::Named("an upload that the form names is in use just now"),
        Error::Full => Fault::Full,
        Error::Unavailable { retry_after_s } => {
            Fault::Unavailable { retry_after_s: *retry_after_s }
        }
        _ => Fault::Storage,
    }
}

/// The media type of a part that names an upload.
const MEDIA_TYPE: &[u8] = b"application/vnd.menshen.upload";
const UNKNOWN: Fault = Fault::Named("an upload that the form names is not there");
const UNASKED: Fault =
    Fault::Named("the application was not asked about an upload that the form names");
const USED: Fault = Fault::Named("an upload that the form names was used before");
/// A use is begun at most so often for one request.
const ATTEMPTS: u32 = 3;
const PIECE_BYTES: usize = 256 << 10;
const MEDIA_TYPE_BYTES_MAX: usize = 255;
