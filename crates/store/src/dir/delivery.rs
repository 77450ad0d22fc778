//! Delivering a whole once.
//!
//! Who delivers holds the data's file locked as long as it is at it; the kernel takes the lock back
//! when the process ends. So one who finds `Delivering` in the record and gets the lock knows that
//! nobody is at it any more.

use std::sync::Arc;

use super::Inner;
use super::disk::Locking;
use super::pair::{Pair, data_name};
use crate::answer::{ANSWER_FIELDS_BYTES_MAX, BY_BYTES_MAX};
use crate::{ANSWER_BODY_BYTES_MAX, Aim, Error, Id, Outcome, Record, Stage, Stored};

/// What a beginning came to; the caller makes [`crate::Begun`] of it.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time, and it is taken apart")]
pub(crate) enum Beginning {
    Go { pair: Pair, record: Record, attempt: u32 },
    Answered(Stored),
    Interrupted { attempt: u32, since: u64, aim: Aim, file: (u64, u64), outcome: Outcome },
}

impl Inner {
    /// See [`crate::Store::begin_delivery`].
    pub(crate) fn begin_delivery(
        &self,
        id: Id,
        by: &str,
        aim: Aim,
        now: u64,
    ) -> Result<Beginning, Error> {
        if by.len() > BY_BYTES_MAX {
            return Err(Error::TooLarge { what: "deliverer" });
        }
        let pair = Pair::open(&self.folder, id)?;
        let seen = pair.hold()?.record()?;
        match &seen.stage {
            Stage::Receiving => return Err(Error::Incomplete),
            Stage::Answered(answer) => return Ok(Beginning::Answered(answer.clone())),
            Stage::Whole => {}
            Stage::Delivering { attempt, since, aim, file, .. } => {
                let gone = |outcome| Beginning::Interrupted {
                    attempt: *attempt,
                    since: *since,
                    aim: *aim,
                    file: *file,
                    outcome,
                };
                let Some(data) = &pair.data else {
                    let moved = *aim == Aim::Move;
                    return Ok(gone(if moved { Outcome::Done } else { Outcome::Unknown }));
                };
                if !data.try_lock(Locking::Exclusive).map_err(Error::from_errno)? {
                    return Err(Error::Underway);
                }
                if *aim != Aim::Move {
                    return Ok(gone(Outcome::Unknown));
                }
                // It is still here, so the attempt did nothing. But it may have ended between our
                // looks, the file renamed under us.
                if !self.folder.has(&data_name(&id)).map_err(Error::from_errno)? {
                    return Ok(gone(Outcome::Done));
                }
            }
        }
        let data = Arc::clone(pair.data()?);
        if !data.try_lock(Locking::Shared).map_err(Error::from_errno)? {
            return Err(Error::Underway);
        }
        let file = data.identity().map_err(Error::from_errno)?;
        let record = pair.amend(|record| {
            // Somebody else was faster.
            if record.stage != seen.stage {
                return Err(Error::Underway);
            }
            record.attempts = record.attempts.saturating_add(1);
            let attempt = record.attempts;
            record.stage = Stage::Delivering { attempt, by: by.to_owned(), since: now, aim, file };
            Ok(())
        })?;
        let attempt = record.attempts;
        Ok(Beginning::Go { pair, record, attempt })
    }

    /// See [`crate::Store::release`].
    pub(crate) fn release(&self, id: Id, of: u32) -> Result<(), Error> {
        let pair = Pair::open(&self.folder, id)?;
        pair.data()?;
        pair.amend(|record| match record.stage {
            Stage::Delivering { attempt, .. } if attempt == of => {
                record.stage = Stage::Whole;
                Ok(())
            }
            Stage::Answered(_) => Err(Error::Complete),
            _ => Err(Error::Underway),
        })?;
        Ok(())
    }

    /// See [`crate::Store::answer`].
    pub(crate) fn answer(&self, id: Id, of: u32, answer: &Stored) -> Result<Stored, Error> {
        let fields: usize =
            answer.fields.iter().map(|(name, value)| name.len() + value.len()).sum();
        if answer.body.len() > ANSWER_BODY_BYTES_MAX || fields > ANSWER_FIELDS_BYTES_MAX {
            return Err(Error::TooLarge { what: "answer" });
        }
        let pair = Pair::open(&self.folder, id)?;
        let mut earlier = None;
        let kept = pair.amend(|record| match &record.stage {
            Stage::Answered(first) => {
                earlier = Some(first.clone());
                // Nothing to write.
                Err(Error::Complete)
            }
            Stage::Receiving => Err(Error::Incomplete),
            Stage::Whole if of == 0 => {
                record.stage = Stage::Answered(answer.clone());
                Ok(())
            }
            Stage::Delivering { attempt, .. } if *attempt == of => {
                record.stage = Stage::Answered(answer.clone());
                Ok(())
            }
            Stage::Whole | Stage::Delivering { .. } => Err(Error::Underway),
        });
        if let Some(first) = earlier {
            return Ok(first);
        }
        kept?;
        crate::step!(AnswerKept);
        if pair.data.is_some() {
            // What stays is collected.
            let _ = self.folder.unlink(&data_name(&id));
        }
        Ok(answer.clone())
    }

    /// See [`crate::Store::expire_at`].
    pub(crate) fn expire_at(&self, id: Id, expires: u64) -> Result<(), Error> {
        let pair = Pair::open(&self.folder, id)?;
        pair.amend(|record| {
            record.expires = expires;
            Ok(())
        })?;
        Ok(())
    }
}
