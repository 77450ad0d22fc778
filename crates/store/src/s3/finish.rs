//! The end of an upload: the object made of its parts, its digests compared, its target written.
//!
//! Everything here may be done twice, by two nodes, or after an answer that was lost: what the
//! object's note says decides whether it is this upload's.

use menshen_s3::Cause;

use super::{
    Bytes, Condition, Content, Error, Held, Inner, Labels, PART_BYTES_MIN, PART_NUMBER_MAX,
    Replaced, S3Whole, Stage, State,
};
use crate::Running;

impl State {
    /// Where the whole is in the end.
    pub(super) fn home(&self) -> String {
        self.target.as_ref().map_or_else(|| self.key(), |target| target.key.clone())
    }

    fn is_copied(&self) -> bool {
        self.home() != self.key()
    }
}

impl Inner {
    /// Completes a sealed upload. `bytes` are all of a short one, if they are in memory.
    pub(super) async fn finish(
        &self,
        held: &mut Held,
        state: &mut State,
        bytes: Option<Bytes>,
    ) -> Result<S3Whole, Error> {
        let key = state.key();
        let last = self.condition(state).await?;
        let condition = if state.is_copied() { Condition::Always } else { last.clone() };
        let mut etag = if state.pieces.is_empty() {
            let bytes = match (bytes, &state.tail) {
                (Some(bytes), _) => bytes,
                (None, Some(tail)) => self.tail(tail).await?.into(),
                (None, None) => Bytes::new(),
            };
            let id = state.record.id.as_str().to_owned();
            let labels = labels(state, &id);
            let made = self.ledger.client().put(&key, Content::whole(bytes), &condition, labels);
            self.ours(state, &key, made.await).await?
        } else {
            let upload = state.upload.clone().ok_or(Error::Storage)?;
            let parts = state.parts();
            let made = self.ledger.client().complete(&key, &upload, &parts, &condition).await;
            self.ours(state, &key, made).await?
        };
        self.compare(state, &key).await?;
        if state.is_copied() {
            etag = self.copy(state, &key, &last).await?;
        }
        let tail = state.tail.take();
        state.pieces.clear();
        state.done = Some(etag);
        state.record.stage = Stage::Whole;
        self.ledger.save(held, state).await?;
        if let Some(tail) = tail {
            let _ = self.ledger.delete(&tail.key).await;
        }
        if state.is_copied() {
            let _ = self.ledger.delete(&key).await;
        }
        self.whole(state)
    }

    /// A write that failed, but whose object is there all the same, was a success.
    async fn ours(
        &self,
        state: &State,
        key: &str,
        made: Result<String, menshen_s3::Error>,
    ) -> Result<String, Error> {
        let error = match made {
            Ok(etag) => return Ok(etag),
            Err(error) => error,
        };
        if !error.is_precondition() && !error.is_missing() {
            return Err(self.ledger.sorted(&error));
        }
        match self.ledger.client().head(key).await {
            Ok(facts) if facts.note.as_deref() == Some(state.record.id.as_str()) => Ok(facts.etag),
            Err(other) if !other.is_missing() => Err(self.ledger.sorted(&other)),
            _ if error.is_precondition() => Err(Error::Taken),
            // The parts are gone, and there is no object of them.
            _ => Err(Error::Storage),
        }
    }

    /// The condition of the last write; looked up beforehand where the bucket does not keep it.
    async fn condition(&self, state: &mut State) -> Result<Condition, Error> {
        let condition = match state.target.as_ref().map(|target| &target.replace) {
            None => return Ok(Condition::Always),
            Some(Replaced::Anything) => Condition::Always,
            Some(Replaced::Nothing) => Condition::Absent,
            Some(Replaced::Tag(tag)) => Condition::Tag(tag.clone()),
        };
        let there = match self.ledger.client().head(&state.home()).await {
            Ok(facts) => Some(facts),
            Err(error) if error.is_missing() => None,
            Err(error) => return Err(self.ledger.sorted(&error)),
        };
        let is_ours = there
            .as_ref()
            .is_some_and(|facts| facts.note.as_deref() == Some(state.record.id.as_str()));
        // What a lost answer left is our own, and says nothing of what was there before.
        state.has_replaced |= there.is_some() && !is_ours;
        let holds = match (&condition, &there) {
            (Condition::Always, _) | (Condition::Absent, None) => true,
            (Condition::Tag(tag), Some(facts)) => facts.etag == *tag,
            _ => false,
        };
        if holds || is_ours { Ok(condition) } else { Err(Error::Taken) }
    }

    /// Compares what was promised with what is there, reading it back once.
    async fn compare(&self, state: &State, key: &str) -> Result<(), Error> {
        if state.record.promises.is_empty() {
            return Ok(());
        }
        let sorted = |error: menshen_s3::Error| self.ledger.sorted(&error);
        let mut object = self.ledger.client().get(key, None, None).await.map_err(sorted)?;
        let mut running = Running::of(&state.record.promises);
        while let Some(bytes) = object.next().await.map_err(sorted)? {
            running.update(&bytes);
        }
        if running.kept() { Ok(()) } else { Err(Error::Digest) }
    }

    /// Copies the finished object to its target, within the bucket.
    async fn copy(
        &self,
        state: &State,
        from: &str,
        condition: &Condition,
    ) -> Result<String, Error> {
        let client = self.ledger.client();
        let (to, id) = (state.home(), state.record.id.as_str().to_owned());
        let sorted = |error: menshen_s3::Error| self.ledger.sorted(&error);
        let labels = labels(state, &id);
        let size = state.record.offset;
        if size < PART_BYTES_MIN {
            let object = client.get(from, None, None).await.map_err(sorted)?;
            let limit = usize::try_from(PART_BYTES_MIN).unwrap_or(usize::MAX);
            let bytes = Bytes::from(object.whole(limit).await.map_err(sorted)?);
            let made = client.put(&to, Content::whole(bytes), condition, labels).await;
            return self.ours(state, &to, made).await;
        }
        let upload = client.begin(&to, labels).await.map_err(sorted)?;
        let mut parts = Vec::new();
        let mut start = 0;
        let made = loop {
            let Ok(number) = u16::try_from(parts.len() + 1) else { return Err(Error::Storage) };
            if number > PART_NUMBER_MAX {
                return Err(Error::Storage);
            }
            // The last two share what is left: none is too short.
            let rest = size - start;
            let end = start + if rest < 2 * COPY_BYTES { rest } else { COPY_BYTES };
            match client.part_copied(&to, &upload, number, from, start..end).await {
                Ok(etag) => parts.push(menshen_s3::Part { number, etag, size: end - start }),
                Err(error) => break Err(error),
            }
            if end == size {
                break client.complete(&to, &upload, &parts, condition).await;
            }
            start = end;
        };
        match made {
            Err(error) if !matches!(error.cause, Cause::Precondition | Cause::NotFound(_)) => {
                let _ = client.abort(&to, &upload).await;
                Err(sorted(error))
            }
            made => {
                let ours = self.ours(state, &to, made).await;
                if ours.is_err() {
                    let _ = client.abort(&to, &upload).await;
                }
                ours
            }
        }
    }
}

fn labels<'a>(state: &'a State, id: &'a str) -> Labels<'a> {
    let target = state.target.as_ref();
    let content_type = target.and_then(|target| target.content_type.as_deref());
    Labels { content_type, note: Some(id) }
}

/// Bytes copied at a time within the bucket.
const COPY_BYTES: u64 = 1 << 30;
