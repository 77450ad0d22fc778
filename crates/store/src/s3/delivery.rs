//! What becomes of a whole upload in a bucket: its answer is kept, or an application gets it once.
//!
//! What has a target stands there as soon as it is whole, so nothing is left to be delivered twice:
//! only its answer has to be said. It must never say that something stands which was not completed.

use super::state::State;
use super::{Inner, S3, S3Whole};
use crate::{Aim, Begun, Error, Id, Outcome, Stage, Stored, Whole};

/// What [`S3::begin_delivery`] found.
#[derive(Debug)]
pub enum S3Begun {
    /// Deliver this, then say [`S3::answer`].
    Go {
        /// The bytes.
        whole: Box<S3Whole>,
        /// This attempt, counted from 1.
        attempt: u32,
    },
    /// It is an object under its target's name: say [`S3::answer`] with attempt 0.
    Stands(Box<S3Whole>),
    /// It was delivered before; this was the answer.
    Answered(Stored),
    /// An attempt was made, and nothing was heard of it for ten minutes.
    Interrupted {
        /// That attempt.
        attempt: u32,
        /// When it began, unix seconds.
        since: u64,
        /// What it aimed at.
        aim: Aim,
        /// What is known of it.
        outcome: Outcome,
    },
}

impl From<S3Begun> for Begun {
    fn from(begun: S3Begun) -> Self {
        match begun {
            S3Begun::Go { whole, attempt } => Self::Go { whole: Whole::of_s3(*whole), attempt },
            S3Begun::Stands(whole) => Self::Stands(whole),
            S3Begun::Answered(stored) => Self::Answered(stored),
            S3Begun::Interrupted { attempt, since, aim, outcome } => {
                Self::Interrupted { attempt, since, aim, file: (0, 0), outcome }
            }
        }
    }
}

impl S3 {
    /// Sets about delivering a whole upload, durably. Never gives [`S3Begun::Go`] twice, but after
    /// [`Self::release`]. What was sealed and not completed, is completed first.
    ///
    /// # Errors
    /// [`Error::Gone`], [`Error::Incomplete`], [`Error::Underway`] in the first ten minutes of
    /// somebody's attempt, [`Error::Taken`] and [`Error::Digest`] of what was not completed,
    /// [`Error::Unavailable`], [`Error::Storage`].
    pub async fn begin_delivery(
        &self,
        id: &Id,
        by: &str,
        aim: Aim,
        now: u64,
    ) -> Result<S3Begun, Error> {
        let seen = self.0.ledger.read(id).await?;
        if seen.is_sealed && seen.done.is_none() {
            match self.claim(id).await {
                // Another was faster, or we have completed it.
                Ok(_) | Err(Error::Complete) => {}
                Err(error) => return Err(error),
            }
        }
        if seen.target.is_some() && aim == Aim::Move {
            return self.0.standing(id, seen).await;
        }
        let mut begun = None;
        let change = |state: &mut State| {
            begun = None;
            match &state.record.stage {
                Stage::Receiving => Err(Error::Incomplete),
                Stage::Whole => {
                    let by = by.chars().take(crate::BY_BYTES_MAX / 4).collect();
                    let file = (0, 0);
                    state.record.stage =
                        Stage::Delivering { attempt: 1, by, since: now, aim, file };
                    Ok(())
                }
                Stage::Delivering { since, .. } if since + DELIVERY_S > now => Err(Error::Underway),
                Stage::Delivering { attempt, since, aim, .. } => {
                    begun = Some(S3Begun::Interrupted {
                        attempt: *attempt,
                        since: *since,
                        aim: *aim,
                        outcome: Outcome::Unknown,
                    });
                    Err(Error::Underway)
                }
                Stage::Answered(stored) => {
                    begun = Some(S3Begun::Answered(with_body(stored, &state.answer)));
                    Err(Error::Complete)
                }
            }
        };
        let claimed = self.0.ledger.claim(id, change).await;
        if let Some(begun) = begun {
            return Ok(begun);
        }
        let (state, _) = claimed?;
        Ok(S3Begun::Go { whole: Box::new(self.0.whole(&state)?), attempt: 1 })
    }

    /// Takes an attempt back: the upload is whole as before.
    ///
    /// # Errors
    /// [`Error::Gone`], [`Error::Underway`] when another attempt was begun, [`Error::Unavailable`],
    /// [`Error::Storage`].
    pub async fn release(&self, id: &Id, attempt: u32) -> Result<(), Error> {
        let change = |state: &mut State| match state.record.stage {
            Stage::Delivering { attempt: own, .. } if own == attempt => {
                state.record.stage = Stage::Whole;
                Ok(())
            }
            _ => Err(Error::Underway),
        };
        self.0.ledger.claim(id, change).await.map(drop)
    }

    /// Keeps the answer of an attempt until the upload expires. The first answer stays: it is
    /// returned when there was one. Bytes that have no target of their own are removed.
    ///
    /// # Errors
    /// As [`Self::release`]; [`Error::TooLarge`].
    pub async fn answer(&self, id: &Id, attempt: u32, answer: Stored) -> Result<Stored, Error> {
        self.answer_until(id, attempt, answer, None).await
    }

    /// [`Self::answer`], and the upload expires at another time, unix seconds.
    ///
    /// # Errors
    /// As [`Self::answer`].
    pub async fn answer_until(
        &self,
        id: &Id,
        attempt: u32,
        answer: Stored,
        expires: Option<u64>,
    ) -> Result<Stored, Error> {
        let sum = |sum, field: &(Vec<u8>, Vec<u8>)| sum + field.0.len() + field.1.len();
        let fields: usize = answer.fields.iter().fold(0, sum);
        if answer.body.len() > crate::ANSWER_BODY_BYTES_MAX
            || fields > crate::ANSWER_FIELDS_BYTES_MAX
        {
            return Err(Error::TooLarge { what: "answer" });
        }
        let mut kept = None;
        let change = |state: &mut State| match &state.record.stage {
            Stage::Answered(stored) => {
                kept = Some(with_body(stored, &state.answer));
                Err(Error::Complete)
            }
            Stage::Receiving => Err(Error::Incomplete),
            stage => {
                let is_own = match stage {
                    Stage::Delivering { attempt: own, .. } => *own == attempt,
                    // It stands already, so there was no attempt.
                    _ => attempt == 0 && state.target.is_some(),
                };
                if !is_own {
                    return Err(Error::Underway);
                }
                state.answer.clone_from(&answer.body);
                state.record.stage = Stage::Answered(answer.clone());
                state.record.expires = expires.unwrap_or(state.record.expires);
                Ok(())
            }
        };
        let claimed = self.0.ledger.claim(id, change).await;
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let (state, _) = claimed?;
        if state.target.is_none() {
            let _ = self.0.ledger.delete(&state.key()).await;
        }
        self.0.books.close(id);
        Ok(answer)
    }
}

impl Inner {
    /// What an upload with a target came to; `seen` is its state before it was completed.
    async fn standing(&self, id: &Id, seen: State) -> Result<S3Begun, Error> {
        let state = if seen.done.is_some() { seen } else { self.ledger.read(id).await? };
        match &state.record.stage {
            Stage::Answered(stored) => Ok(S3Begun::Answered(with_body(stored, &state.answer))),
            _ if state.done.is_some() => Ok(S3Begun::Stands(Box::new(self.whole(&state)?))),
            _ => Err(Error::Incomplete),
        }
    }
}

fn with_body(stored: &Stored, body: &[u8]) -> Stored {
    Stored { body: body.to_vec(), ..stored.clone() }
}

/// How long an attempt to deliver is believed to be alive, seconds.
const DELIVERY_S: u64 = 600;
