//! What nobody needs any more: uploads that expired, and what lost answers and killed nodes left.
//!
//! Nothing is removed that a live writer may still name: what is not named by a state must be older
//! than `orphan_s` by the bucket's clock, and states are read after what they could name was
//! listed.

use std::collections::HashSet;

use menshen_s3::{PROBE_FOLDER, Pending};

use super::{Error, FOLDER, Held, Id, Inner, State, folder};

impl Inner {
    pub(super) async fn collect(&self, now: u64) -> Result<usize, Error> {
        // First what might be orphans, then the states: what is begun meanwhile is in neither.
        let pending = self.pending().await?;
        let mut named = HashSet::new();
        let mut targets = HashSet::new();
        let mut removed = 0;
        for id in self.ids().await? {
            let files = self.files(&id).await?;
            match self.ledger.read(&id).await {
                Ok(state) if state.record.expires <= now => {
                    targets.insert(state.key());
                    removed += usize::from(self.expire(&id, now).await?);
                }
                Ok(state) => {
                    removed += self.clear_tails(&state, &files, now).await?;
                    targets.insert(state.key());
                    named.extend(state.upload);
                }
                Err(Error::Gone) => removed += self.clear_folder(&files, now).await?,
                // A state that cannot be read is nobody's to throw away.
                Err(Error::Storage) => {}
                Err(error) => return Err(error),
            }
        }
        // Whoever died while it tried the bucket out.
        let probes = self.files_of(PROBE_FOLDER).await?;
        for (key, _) in probes.iter().filter(|(_, written)| self.is_old(*written, now)) {
            self.ledger.delete(key).await?;
            removed += 1;
        }
        for one in pending {
            let is_ours = [FOLDER, PROBE_FOLDER].iter().any(|own| one.key.starts_with(own))
                || targets.contains(&one.key);
            if is_ours && !named.contains(&one.upload) && self.is_old(one.begun, now) {
                let aborted = self.ledger.client().abort(&one.key, &one.upload).await;
                aborted.map_err(|error| self.ledger.sorted(&error))?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Removes all objects of an upload that is held, the state last.
    pub(super) async fn clear(&self, state: &State, held: &Held) -> Result<(), Error> {
        let client = self.ledger.client();
        if let Some(upload) = &state.upload
            && state.done.is_none()
        {
            let aborted = client.abort(&state.key(), upload).await;
            aborted.map_err(|error| self.ledger.sorted(&error))?;
        }
        for (key, _) in self.files(&held.id).await? {
            if !is_state(&key) {
                self.ledger.delete(&key).await?;
            }
        }
        self.ledger.remove(held).await
    }

    async fn expire(&self, id: &Id, now: u64) -> Result<bool, Error> {
        let claimed = self.ledger.claim(id, |state| {
            // Somebody gave it more time meanwhile.
            if state.record.expires > now { Err(Error::Underway) } else { Ok(()) }
        });
        match claimed.await {
            Ok((state, held)) => {
                self.clear(&state, &held).await?;
                self.books.strike(id);
                Ok(true)
            }
            Err(Error::Underway | Error::Gone) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn clear_tails(
        &self,
        state: &State,
        files: &[(String, i64)],
        now: u64,
    ) -> Result<usize, Error> {
        let own = state.tail.as_ref().map(|tail| tail.key.as_str());
        let mut removed = 0;
        for (key, modified) in files {
            let is_tail = key.rsplit('/').next().is_some_and(|name| name.starts_with("tail-"));
            if is_tail && Some(key.as_str()) != own && self.is_old(*modified, now) {
                self.ledger.delete(key).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    async fn clear_folder(&self, files: &[(String, i64)], now: u64) -> Result<usize, Error> {
        if files.iter().any(|(_, modified)| !self.is_old(*modified, now)) {
            return Ok(0);
        }
        for (key, _) in files {
            self.ledger.delete(key).await?;
        }
        Ok(files.len())
    }

    fn is_old(&self, written: i64, now: u64) -> bool {
        let written = u64::try_from(written).unwrap_or(0);
        written.saturating_add(self.options.orphan_s) <= now
    }

    async fn files(&self, id: &Id) -> Result<Vec<(String, i64)>, Error> {
        self.files_of(&folder(id)).await
    }

    /// Keys that begin so, and when they were written.
    async fn files_of(&self, beginning: &str) -> Result<Vec<(String, i64)>, Error> {
        let (mut files, mut after) = (Vec::new(), None);
        loop {
            let page = self.ledger.client().list(beginning, None, after.as_deref()).await;
            let page = page.map_err(|error| self.ledger.sorted(&error))?;
            files.extend(page.entries.into_iter().map(|entry| (entry.key, entry.modified)));
            match page.next {
                Some(next) if files.len() < FILES_MAX => after = Some(next),
                _ => return Ok(files),
            }
        }
    }

    /// All uploads there are, up to [`FILES_MAX`].
    async fn ids(&self) -> Result<Vec<Id>, Error> {
        let (mut ids, mut after) = (Vec::new(), None);
        loop {
            let (found, next) = self.names_behind(after.as_deref()).await?;
            ids.extend(found);
            match next {
                Some(next) if ids.len() < FILES_MAX => after = Some(next),
                _ => return Ok(ids),
            }
        }
    }

    async fn pending(&self) -> Result<Vec<Pending>, Error> {
        let (mut pending, mut after) = (Vec::new(), None);
        loop {
            let page = match self.ledger.client().uploads("", after.as_ref()).await {
                Ok(page) => page,
                // A bucket that cannot list them has rules of its own for what is left.
                Err(error) if !error.is_passing() => return Ok(pending),
                Err(error) => return Err(self.ledger.sorted(&error)),
            };
            pending.extend(page.uploads);
            match page.next {
                Some(next) if pending.len() < FILES_MAX => after = Some(next),
                _ => return Ok(pending),
            }
        }
    }
}

fn is_state(key: &str) -> bool {
    let name = key.rsplit('/').next().unwrap_or_default();
    name == "state" || name.ends_with(".state") || name.ends_with(".claim")
}

/// Objects of one upload, and multipart uploads, that are looked at in one pass.
const FILES_MAX: usize = 100_000;
