//! A whole upload becomes a file of the file service, exactly as a PUT's would.
//!
//! Where a rename leads from the store to the target, the file is renamed; on another mount it is
//! copied into that mount's spool first. The request's conditions are looked at again under the
//! folder's lock, at the moment the name changes. Everything here waits for the disk, on a
//! blocking thread.
//!
//! How it fails: the conditions do not hold any more, a folder is in the way, the disk is full.
//! Then the upload is as whole as before.

use std::sync::Arc;

use aws_lc_rs::digest;
use menshen_store::{Aim, Destination, Error, Record, Replace, Whole};
use menshen_web_core::fields::{Algorithm, write_digest};
use rustix::fs::{Mode, Stat, fchmod, fstat};

use super::held::each_piece;
use super::said::{Said, Terms};
use crate::door::Shared;
use crate::fault::Fault;
use crate::hooks::settle;
use crate::links::sink::stored_reply;
use crate::quota::{Hold, Sum};
use crate::reply::Reply;
use crate::root::{Expect, Lock, Mount};
use crate::sink::put_reply;
use crate::spool::{NUMBERS_MAX, Published, Upload, may_take, numbered};

/// What is to be published, and where.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    shared: Arc<Shared>,
    path: Vec<u8>,
    expect: Expect,
    want: Option<Algorithm>,
    umask: Mode,
    size: u64,
    /// In a drop-box: a name that is taken gets a number, and nobody is told.
    fresh: bool,
    record: Record,
}

/// How.
#[derive(Debug)]
pub(super) enum Prepared {
    Move,
    /// By way of this file, empty yet.
    Copy(Box<Upload>, Aim),
}

impl Plan {
    /// For a record whose destination is a file.
    pub(super) fn of(shared: &Arc<Shared>, record: &Record, umask: Mode) -> Self {
        Self {
            shared: Arc::clone(shared),
            path: path_of(record).to_vec(),
            expect: Terms::of(record).expect,
            want: Said::of(record).want(),
            umask,
            size: record.offset,
            fresh: is_fresh(record),
            record: record.clone(),
        }
    }
}

impl Prepared {
    /// What is told to the store.
    pub(super) const fn aim(&self) -> Aim {
        match self {
            Self::Move => Aim::Move,
            Self::Copy(_, aim) => *aim,
        }
    }
}

/// Finds out whether a rename will do.
pub(super) async fn prepare(plan: Plan) -> Result<Prepared, Fault> {
    blocking(move || {
        let Plan { shared, path, size, .. } = &plan;
        let nearest = shared.root.nearest_folder(path)?;
        if Mount::of(&nearest).map_err(|_| Fault::Storage)? == shared.root.mount {
            return Ok(Prepared::Move);
        }
        let upload = shared.spool.begin_held(path, Some(*size), 0, <_>::default(), None)?;
        let (device, inode) = upload.identity()?;
        Ok(Prepared::Copy(Box::new(upload), Aim::Copy { device, inode }))
    })
    .await
}

/// Gives the file its name.
pub(super) async fn publish(plan: Plan, prepared: Prepared, whole: Whole) -> Result<Reply, Fault> {
    blocking(move || {
        let Plan { shared, path, expect, want, .. } = &plan;
        let digest = want.map(|algorithm| hashed(&whole, algorithm)).transpose()?;
        // What has no length before its end has taken no room yet.
        let hold = match shared.spool.quotas() {
            Some(quotas) => quotas.adopt(path, held_by(&plan.record), plan.size)?,
            None => None,
        };
        let published = match prepared {
            Prepared::Move if plan.fresh => moved_new(&plan, &whole, hold),
            Prepared::Copy(mut upload, _) if plan.fresh => {
                upload
                    .fill(plan.size, |file| whole.copy_to(file).map_err(|error| fault(&error)))?;
                upload.holds(hold);
                let told = |path: &[u8], stat: &Stat| {
                    shared.will_stand(path, stat, None, Some(&plan.record))
                };
                let (path, stat) = shared.spool.publish_new(*upload, told)?;
                shared.board.bump_path(&path);
                Ok(Published { stat, replaced: false, digest: None })
            }
            Prepared::Move => {
                let file = whole.file().map_err(|error| fault(&error))?;
                let stat = fstat(&*file).map_err(Fault::from_errno)?;
                let promise =
                    shared.will_stand(path, &stat, digest.as_deref(), Some(&plan.record))?;
                let moved = moved(&plan, &whole, hold);
                settle(promise, &moved);
                moved
            }
            Prepared::Copy(mut upload, _) => {
                upload
                    .fill(plan.size, |file| whole.copy_to(file).map_err(|error| fault(&error)))?;
                upload.holds(hold);
                shared.spool.publish_told(*upload, expect, |stat, _| {
                    shared.will_stand(path, stat, digest.as_deref(), Some(&plan.record))
                })
            }
        };
        // Also after a fault: it may have come behind the rename.
        shared.board.bump_path(path);
        let published = published?;
        if plan.fresh {
            return Ok(stored_reply(1, plan.size));
        }
        Ok(put_reply(path, &Published { digest, ..published }))
    })
    .await
}

/// Whether an interrupted copy reached its name.
pub(super) fn is_there(shared: &Shared, record: &Record, aim: Aim) -> bool {
    let Aim::Copy { device, inode } = aim else { return false };
    let path = path_of(record);
    let name = path.iter().rposition(|&b| b == b'/').map_or(0, |at| at + 1);
    let (folder, name) = path.split_at(name);
    let numbers = if is_fresh(record) { NUMBERS_MAX } else { 2 };
    // Up to the first number that nobody has.
    let found = (1..numbers).map_while(|number| {
        shared.root.look(&[folder, &numbered(name, number)].concat()).ok().flatten()
    });
    found.map(|stat| (stat.st_dev, stat.st_ino)).any(|one| one == (device, inode))
}

/// The answer for a file that has its name already.
pub(super) fn found(shared: &Shared, record: &Record) -> Reply {
    let path = path_of(record);
    shared.board.bump_path(path);
    if is_fresh(record) {
        return stored_reply(1, record.offset);
    }
    match shared.root.look(path) {
        Ok(Some(stat)) => put_reply(path, &Published { stat, replaced: false, digest: None }),
        // Somebody has moved it on since.
        _ => Reply::new(204),
    }
}

fn moved(plan: &Plan, whole: &Whole, hold: Option<Hold>) -> Result<Published, Fault> {
    let Plan { shared, path, expect, umask, .. } = plan;
    let file = whole.file().map_err(|error| fault(&error))?;
    let mode = Mode::from_raw_mode(0o666).difference(*umask);
    fchmod(&*file, mode).map_err(Fault::from_errno)?;
    let (folder, name) = shared.root.parent_made(path, shared.durable)?;
    let named = || {
        let _lock = Lock::take(&folder)?;
        let replaced = may_take(&folder, name, expect)?;
        let replace = match expect {
            Expect::Nothing => Replace::Never,
            _ => Replace::Allowed,
        };
        whole.rename_to(&folder, name, replace).map_err(|error| fault(&error))?;
        Ok(replaced)
    };
    let replaced = match hold {
        Some(mut hold) => hold.stand(plan.size, named, |replaced| *replaced)?,
        None => named()?,
    };
    // The books are free again: nobody waits for this but who sent it.
    Whole::flush_to(&folder).map_err(|error| fault(&error))?;
    let stat = fstat(&*file).map_err(Fault::from_errno)?;
    Ok(Published { stat, replaced: replaced.is_some(), digest: None })
}

/// Under the first of its names that nobody has; hooks are told of that one.
fn moved_new(plan: &Plan, whole: &Whole, mut hold: Option<Hold>) -> Result<Published, Fault> {
    let Plan { shared, path, umask, .. } = plan;
    let file = whole.file().map_err(|error| fault(&error))?;
    let mode = Mode::from_raw_mode(0o666).difference(*umask);
    fchmod(&*file, mode).map_err(Fault::from_errno)?;
    let stat = fstat(&*file).map_err(Fault::from_errno)?;
    let (folder, wanted) = shared.root.parent_made(path, shared.durable)?;
    let parent = &path[..path.len() - wanted.len()];
    for number in 1..NUMBERS_MAX {
        let name = numbered(wanted, number);
        match may_take(&folder, &name, &Expect::Anything) {
            Ok(None) => {}
            Ok(Some(_)) | Err(Fault::IsDirectory) => continue,
            Err(fault) => return Err(fault),
        }
        let path = [parent, &name].concat();
        let promise = shared.will_stand(&path, &stat, None, Some(&plan.record))?;
        let named = || {
            let _lock = Lock::take(&folder)?;
            whole.rename_to(&folder, &name, Replace::Never).map_err(|error| fault(&error))
        };
        // The promise before it and the flush behind it wait for the disk, and nobody for them.
        let named = match &mut hold {
            Some(hold) => hold.stand(plan.size, named, |()| None),
            None => named(),
        };
        let named = named.and_then(|()| Whole::flush_to(&folder).map_err(|error| fault(&error)));
        settle(promise, &named);
        match named {
            Ok(()) => {
                shared.board.bump_path(&path);
                let stat = fstat(&*file).map_err(Fault::from_errno)?;
                return Ok(Published { stat, replaced: false, digest: None });
            }
            // Somebody who asks no lock was quicker.
            Err(Fault::Precondition) => {}
            Err(fault) => return Err(fault),
        }
    }
    Err(Fault::Exists)
}

/// The field value of `Repr-Digest`.
fn hashed(whole: &Whole, algorithm: Algorithm) -> Result<Vec<u8>, Fault> {
    let mut context = digest::Context::new(match algorithm {
        Algorithm::Sha256 => &digest::SHA256,
        Algorithm::Sha512 => &digest::SHA512,
    });
    each_piece(whole, |bytes| {
        context.update(bytes);
        Ok(())
    })?;
    let mut line = Vec::new();
    write_digest(algorithm, context.finish().as_ref(), &mut line);
    Ok(line)
}

const fn fault(error: &Error) -> Fault {
    match error {
        Error::Taken => Fault::Precondition,
        Error::OtherFileSystem => Fault::OtherFileSystem,
        Error::Full => Fault::Full,
        Error::Gone => Fault::NotFound,
        Error::Unavailable { retry_after_s } => {
            Fault::Unavailable { retry_after_s: *retry_after_s }
        }
        _ => Fault::Storage,
    }
}

/// What an upload holds of the quotas of its folder.
pub(super) fn held_by(record: &Record) -> Sum {
    Said::of(record).held.map(Sum::file).unwrap_or_default()
}

fn is_fresh(record: &Record) -> bool {
    Said::of(record).link.is_some_and(|link| link.fresh)
}

fn path_of(record: &Record) -> &[u8] {
    match &record.destination {
        Destination::File { path, .. } => path,
        _ => b"",
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(Fault::Storage))
}
