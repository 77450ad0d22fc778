//! Files and folders of the bucket removed, moved and made.
//!
//! A bucket keeps no condition on a removal everywhere: the tag is looked at right before, and who
//! writes in that very moment may lose what was written. A move is a copy within the bucket and a
//! removal; the source is looked at right before the removal, and one that is new by then stays,
//! beside what was copied.

use std::rc::Rc;

use bytes::Bytes;
use menshen_s3::{Client, Condition, Content, Facts, Labels};
use menshen_web_core::conditional::{Outcome, Purpose, evaluate};
use menshen_web_core::fields::{Wanted, media_type};

use super::fetch::validators;
use super::kept::Kept;
use super::{Answered, Bucket, MARKER, key_of, nonce};
use crate::door::Door;
use crate::fault::Fault;
use crate::reply::Reply;
use crate::root::Replace;

/// A change of names; paths as in the request, decoded.
#[derive(Debug)]
pub(crate) enum Change {
    Remove { path: String, kept: Kept },
    Move { from: String, to: String, kept: Kept, replace: Replace, wanted: Wanted },
    MakeFolder { path: String },
}

impl Change {
    pub(super) async fn run(self, door: &Rc<Door>, bucket: &Rc<Bucket>) -> Result<Answered, Fault> {
        let client = bucket.client().await?;
        let (work, door, bucket) = (Work { client }, door, bucket);
        let fault = |error: &menshen_s3::Error| door.bucket_fault(bucket, error);
        match self {
            Self::Remove { path, kept } => work.remove(&path, &kept, &fault).await,
            Self::MakeFolder { path } => {
                let condition = if bucket.abilities().conditional_create {
                    Condition::Absent
                } else {
                    Condition::Always
                };
                work.make_folder(&path, &condition, &fault).await
            }
            Self::Move { from, to, kept, replace, wanted } => {
                let condition = match replace {
                    Replace::Never if bucket.abilities().conditional_complete => Condition::Absent,
                    _ => Condition::Always,
                };
                if from.ends_with('/') || to.ends_with('/') {
                    return Ok(no_folder_moves(wanted));
                }
                let Some(facts) = work.facts(key_of(&from), &fault).await? else {
                    let is_folder = work.has(&format!("{}/", key_of(&from)), &fault).await?;
                    return if is_folder {
                        Ok(no_folder_moves(wanted))
                    } else {
                        Err(Fault::NotFound)
                    };
                };
                judge(&kept, Some(&facts))?;
                if from == to {
                    return Ok(Reply::new(204).into());
                }
                let target = work.facts(key_of(&to), &fault).await?;
                if target.is_some() && matches!(replace, Replace::Never) {
                    return Err(Fault::Exists);
                }
                work.copy(key_of(&from), &facts, key_of(&to), &condition, &fault).await?;
                match work.facts(key_of(&from), &fault).await? {
                    Some(now) if now.etag != facts.etag => return Ok(replaced_meanwhile(wanted)),
                    Some(_) => work.client.delete(key_of(&from)).await.map_err(|e| fault(&e))?,
                    // Somebody removed it: that is done.
                    None => {}
                }
                Ok(Reply::new(if target.is_some() { 204 } else { 201 }).into())
            }
        }
    }
}

struct Work {
    client: Client,
}

type Sorted<'a> = &'a dyn Fn(&menshen_s3::Error) -> Fault;

impl Work {
    async fn facts(&self, key: &str, fault: Sorted<'_>) -> Result<Option<Facts>, Fault> {
        match self.client.head(key).await {
            Ok(facts) => Ok(Some(facts)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(fault(&error)),
        }
    }

    /// Whether any key begins so.
    async fn has(&self, beginning: &str, fault: Sorted<'_>) -> Result<bool, Fault> {
        let page = self.client.list(beginning, Some('/'), None).await;
        let page = page.map_err(|error| fault(&error))?;
        Ok(!page.entries.is_empty() || !page.folders.is_empty())
    }

    async fn remove(&self, path: &str, kept: &Kept, fault: Sorted<'_>) -> Result<Answered, Fault> {
        let key = key_of(path);
        if key.is_empty() {
            return Err(Fault::Forbidden);
        }
        if !path.ends_with('/')
            && let Some(facts) = self.facts(key, fault).await?
        {
            judge(kept, Some(&facts))?;
            self.client.delete(key).await.map_err(|error| fault(&error))?;
            return Ok(Reply::new(204).into());
        }
        judge(kept, None)?;
        let folder = format!("{key}/");
        let page = self.client.list(&folder, Some('/'), None).await;
        let page = page.map_err(|error| fault(&error))?;
        if page.entries.is_empty() && page.folders.is_empty() {
            return Err(Fault::NotFound);
        }
        let marker = format!("{folder}{MARKER}");
        if !page.folders.is_empty() || page.entries.iter().any(|entry| entry.key != marker) {
            return Err(Fault::NotEmpty);
        }
        self.client.delete(&marker).await.map_err(|error| fault(&error))?;
        Ok(Reply::new(204).into())
    }

    async fn make_folder(
        &self,
        path: &str,
        condition: &Condition,
        fault: Sorted<'_>,
    ) -> Result<Answered, Fault> {
        let key = key_of(path);
        let taken = || Answered::from(Reply::new(405).text("allow", "GET, HEAD, DELETE"));
        if key.is_empty()
            || self.facts(key, fault).await?.is_some()
            || self.has(&format!("{key}/"), fault).await?
        {
            // RFC 4918 §9.3.1: MKCOL on something that exists.
            return Ok(taken());
        }
        let content = Content::whole(Bytes::new());
        let marker = format!("{key}/{MARKER}");
        match self.client.put(&marker, content, condition, Labels::default()).await {
            Ok(_) => Ok(Reply::new(201).into()),
            // By an attempt of ours whose answer was lost, or by somebody in between.
            Err(error) if error.is_precondition() && !error.unsure => Ok(taken()),
            Err(error) if error.is_precondition() => Ok(Reply::new(201).into()),
            Err(error) => Err(fault(&error)),
        }
    }

    /// Copies within the bucket, in parts, so that the target is seen whole or not at all.
    async fn copy(
        &self,
        from: &str,
        facts: &Facts,
        to: &str,
        condition: &Condition,
        fault: Sorted<'_>,
    ) -> Result<(), Fault> {
        let note = nonce()?;
        let name = to.rsplit('/').next().unwrap_or_default();
        let kind = Some(media_type(name.as_bytes()));
        let labels = Labels { content_type: kind, note: Some(&note) };
        let sorted = |error: menshen_s3::Error| fault(&error);
        let copied = if facts.size == 0 {
            self.client.put(to, Content::whole(Bytes::new()), condition, labels).await
        } else {
            let upload = self.client.begin(to, labels).await.map_err(sorted)?;
            let copied = self.copy_parts(from, facts, to, &upload, condition, fault).await;
            if !matches!(copied, Ok(Ok(_))) {
                let _ = self.client.abort(to, &upload).await;
            }
            copied?
        };
        match copied {
            Ok(_) => Ok(()),
            // The answer was lost: the note tells whose object it is.
            Err(error) if error.unsure => match self.facts(to, fault).await? {
                Some(facts) if facts.note.as_deref() == Some(&note) => Ok(()),
                _ => Err(fault(&error)),
            },
            Err(error) if error.is_precondition() => Err(Fault::Exists),
            Err(error) => Err(fault(&error)),
        }
    }

    async fn copy_parts(
        &self,
        from: &str,
        facts: &Facts,
        to: &str,
        upload: &str,
        condition: &Condition,
        fault: Sorted<'_>,
    ) -> Result<Result<String, menshen_s3::Error>, Fault> {
        let step = COPY_BYTES.max(facts.size.div_ceil(u64::from(menshen_s3::PART_NUMBER_MAX)));
        let (mut parts, mut at) = (Vec::new(), 0);
        for number in 1..=menshen_s3::PART_NUMBER_MAX {
            if at >= facts.size {
                break;
            }
            let end = facts.size.min(at + step);
            let etag = self.client.part_copied(to, upload, number, from, at..end).await;
            let etag = etag.map_err(|error| fault(&error))?;
            parts.push(menshen_s3::Part { number, etag, size: end - at });
            at = end;
        }
        // Parts of two versions would be neither.
        let now = self.facts(from, fault).await?;
        if now.is_none_or(|now| now.etag != facts.etag) {
            return Err(Fault::Precondition);
        }
        Ok(self.client.complete(to, upload, &parts, condition).await)
    }
}

/// Conditions of a write.
pub(crate) fn judge(kept: &Kept, facts: Option<&Facts>) -> Result<(), Fault> {
    let current = facts.map(validators);
    match evaluate(kept, Purpose::Write, current.as_ref()) {
        Outcome::Proceed => Ok(()),
        _ => Err(Fault::Precondition),
    }
}

fn no_folder_moves(wanted: Wanted) -> Answered {
    let hint = "Move its files one by one; a bucket has no folders that could be renamed.";
    Reply::trouble(409, "a folder in a bucket cannot be moved", hint, wanted).into()
}

fn replaced_meanwhile(wanted: Wanted) -> Answered {
    let hint = "What was there before stands under the new name; the newer file stays where it is.";
    Reply::trouble(412, "the file was replaced while it was moved", hint, wanted).into()
}

/// Copied with one request: what any server can do within its time to answer.
const COPY_BYTES: u64 = 256 << 20;
