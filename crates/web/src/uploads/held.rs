//! Uploads that a later form names: the form brings an id where it would have brought the file.
//!
//! The file moves into the spool of the form, as if it had just arrived there; the upload is used
//! up by that. Whose form it is decides the same as who may go on with the upload: the same host,
//! and the same browser where one was known.
//!
//! How it fails: the upload is not there, somebody else's, not whole, or used by another form
//! already; the form is refused then, and nothing of it reaches the application.

use std::sync::Arc;

use menshen_net::clock;
use menshen_store::{Aim, Begun, Destination, Error, Id, Replace, Store, Stored};

use super::owner::{self, Owner};
use super::said::Said;
use super::{Scope, route};
use crate::ask::Ask;
use crate::door::Door;
use crate::fault::Fault;
use crate::php::spool::{Named, PhpSpool, Readers};

/// What a form may take.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    store: Store,
    scope: Scope,
    owner: Option<Owner>,
}

impl Held {
    /// For the form that `ask` brings; `None` where nothing can be held.
    pub(crate) fn of(door: &Door, ask: &Ask<'_>) -> Option<Self> {
        if !door.uploads.settings.enabled {
            return None;
        }
        let scope = Scope::Site(route::host_of(ask));
        Some(Self { store: door.store(&scope).ok()?, scope, owner: owner::of_cookie(ask) })
    }

    /// Takes the upload of this id into `spool`.
    ///
    /// # Errors
    /// [`Fault::BadRequest`] when the form may not have it, and what the storage says.
    pub(crate) async fn take(
        &self,
        id: &[u8],
        spool: &Arc<PhpSpool>,
        readers: Readers,
    ) -> Result<Named, Fault> {
        let id = Id::parse(id.trim_ascii()).map_err(|_| MISSING)?;
        let record = self.store.look(&id).await.map_err(fault)?;
        let mine = record.owner.is_none() || record.owner == self.owner;
        if !mine
            || !Said::of(&record).is_of(&self.scope)
            || record.destination != Destination::Held
            || record.expires <= clock::unix_s()
        {
            return Err(MISSING);
        }
        let by = format!("web/{}", std::process::id());
        let begun = self.store.begin_delivery(&id, &by, Aim::Move, clock::unix_s()).await;
        let (whole, attempt) = match begun.map_err(fault)? {
            Begun::Go { whole, attempt } => (whole, attempt),
            // Used by a form before, or by one that died over it.
            Begun::Answered(_) | Begun::Interrupted { .. } => return Err(MISSING),
        };
        let into = Arc::clone(spool);
        let work = move || {
            let mut named = into.named(readers)?;
            rustix::fs::fchmod(&*whole.file(), readers.mode()).map_err(Fault::from_errno)?;
            match named.become_by(whole.size(), |folder, name| {
                whole.publish_to(folder, name, Replace::Allowed)
            }) {
                Ok(()) => {}
                Err(Error::OtherFileSystem) => {
                    named.fill(whole.size(), |file| whole.copy_to(file)).map_err(fault)?;
                }
                Err(error) => return Err(fault(error)),
            }
            Ok(named)
        };
        let taken = tokio::task::spawn_blocking(work).await.unwrap_or(Err(Fault::Storage));
        match taken {
            Ok(named) => {
                let used = Stored { status: 204, ..Stored::default() };
                // The file has left the store: nobody else can have it, said or not.
                let _ = self.store.answer(&id, attempt, used).await;
                Ok(named)
            }
            Err(fault) => {
                let _ = self.store.release(&id, attempt).await;
                Err(fault)
            }
        }
    }
}

const fn fault_of(error: &Error) -> Fault {
    match error {
        Error::Gone | Error::Incomplete | Error::Underway => MISSING,
        Error::Full => Fault::Full,
        Error::Unavailable { retry_after_s } => {
            Fault::Unavailable { retry_after_s: *retry_after_s }
        }
        _ => Fault::Storage,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn fault(error: Error) -> Fault {
    fault_of(&error)
}

const MISSING: Fault =
    Fault::BadRequest("the form names an upload that is not there, not complete or used already");
