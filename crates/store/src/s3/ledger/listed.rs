//! Ownership where conditions on writes are ignored: nobody overwrites anybody.
//!
//! Every claim and every state is an object of its own: `EPOCH-NONCE.claim` and
//! `EPOCH-NONCE-SEQUENCE.state`. The greatest name counts. Who claims writes the claim first, then
//! looks at the list and takes the greatest state over. Who owns writes its state first, then looks
//! at the list, and may acknowledge only if there is no greater claim. So of a claim and an
//! acknowledgement at the same time at least one sees the other: either the owner sees the claim
//! and stays silent, or the claimant sees the state. No clock is part of it; a process that was
//! stopped for an hour finds the other's claim when it goes on, before it says anything.
//!
//! What it assumes: once a write was answered, every later read and list of any node shows it
//! (Garage: `consistency_mode = "consistent"`, its default, with a quorum of nodes).
//!
//! States are never written twice under one name, so a write that was given up and arrives late
//! cannot replace a newer one.

use bytes::Bytes;
use menshen_s3::{Condition, Content, Labels};

use super::super::state::State;
use super::{Held, Ledger, claim_word, folder, stamp};
use crate::{Error, Id};

/// The names in an upload's folder that have to do with ownership, as words.
#[derive(Debug, Default)]
struct Names {
    /// Of claims and states, the greatest.
    claim: Option<String>,
    /// Of states, the greatest; a key.
    state: Option<String>,
    /// All of them, keys.
    all: Vec<String>,
}

impl Ledger {
    /// The first state has epoch 0, which nobody owns: one that arrives late is smaller than any
    /// claim's, also than that of somebody who made the same upload again meanwhile.
    pub(super) async fn create_listed(&self, id: Id, state: &mut State) -> Result<Held, Error> {
        if self.names(&id).await?.claim.is_some() {
            return Err(Error::Exists);
        }
        let claim = stamp(state, 0)?;
        let mut held = Held { id, claim, etag: String::new(), sequence: 0, old: Vec::new() };
        match self.save_listed(&mut held, state).await {
            Err(Error::Fenced) => return Err(Error::Exists),
            other => other?,
        }
        let (claimed, held) = self.claim(&id, |_| Ok(())).await?;
        *state = claimed;
        Ok(held)
    }

    pub(super) async fn read_listed(&self, id: &Id) -> Result<State, Error> {
        for _ in 0..READS_MAX {
            let names = self.names(id).await?;
            let key = names.state.ok_or(Error::Gone)?;
            match self.fetch(&key).await {
                // Followed by a newer one meanwhile.
                Err(Error::Gone) => {}
                other => return other.map(|(state, _)| state),
            }
        }
        Err(Error::Unavailable { retry_after_s: 1 })
    }

    pub(super) async fn claim_listed(
        &self,
        id: &Id,
        change: &mut impl FnMut(&mut State) -> Result<(), Error>,
    ) -> Result<Option<(State, Held)>, Error> {
        let names = self.names(id).await?;
        // A claim without a state is what a create or a removal left behind.
        let greatest = names.claim.filter(|_| names.state.is_some()).ok_or(Error::Gone)?;
        let epoch = greatest.get(..16).and_then(|text| u64::from_str_radix(text, 16).ok());
        let claim = claim_word(epoch.ok_or(Error::Storage)?.checked_add(1).ok_or(Error::Storage)?)?;
        let own = format!("{}{claim}.claim", folder(id));
        let content = Content::whole(Bytes::from_static(b"claim"));
        let written = self.client.put(&own, content, &Condition::Always, Labels::default()).await;
        written.map_err(|error| self.sorted(&error))?;
        let mut is_sent = false;
        let taken = self.take(id, &claim, change, &mut is_sent).await;
        if taken.is_err() && !is_sent {
            // The owner may go on. Not so once a state was sent: it may arrive late, and must then
            // be smaller than that of any claim which saw this one.
            let _ = self.delete(&own).await;
        }
        taken
    }

    /// After the claim is written: the greatest state becomes the claim's own.
    async fn take(
        &self,
        id: &Id,
        claim: &str,
        change: &mut impl FnMut(&mut State) -> Result<(), Error>,
        is_sent: &mut bool,
    ) -> Result<Option<(State, Held)>, Error> {
        let names = self.names(id).await?;
        if names.claim.as_deref().is_some_and(|other| other > claim) {
            return Ok(None);
        }
        let Some(key) = names.state else { return Err(Error::Gone) };
        let mut state = match self.fetch(&key).await {
            Err(Error::Gone) => return Ok(None),
            other => other?.0,
        };
        change(&mut state)?;
        let epoch = claim.get(..16).and_then(|text| u64::from_str_radix(text, 16).ok());
        stamp(&mut state, epoch.ok_or(Error::Storage)?)?;
        claim.clone_into(&mut state.claim);
        let mut held = Held {
            id: *id,
            claim: claim.to_owned(),
            etag: String::new(),
            sequence: 0,
            old: names.all.into_iter().filter(|old| !old.contains(claim)).collect(),
        };
        *is_sent = true;
        match self.save_listed(&mut held, &state).await {
            Err(Error::Fenced) => Ok(None),
            other => other.map(|()| Some((state, held))),
        }
    }

    pub(super) async fn save_listed(&self, held: &mut Held, state: &State) -> Result<(), Error> {
        let key = state_key(held, held.sequence);
        held.sequence += 1;
        // Also when it fails: it may arrive yet, and is then followed by the next.
        held.old.push(key.clone());
        let written = self.put(&key, state, &Condition::Always).await;
        written.map_err(|error| self.sorted(&error))?;
        let names = self.names(&held.id).await?;
        if names.claim.as_deref().is_some_and(|other| other > held.claim.as_str()) {
            return Err(Error::Fenced);
        }
        if names.state.as_deref() != Some(key.as_str()) {
            // Removed by whoever had claimed it.
            return Err(Error::Fenced);
        }
        // What is surely followed may go, whenever it comes to it: its name is not used again, and
        // whoever claims removes what is left.
        held.old.retain(|old| *old != key);
        self.forget(std::mem::take(&mut held.old));
        held.old.push(key);
        Ok(())
    }

    pub(super) async fn remove_listed(&self, id: &Id) -> Result<(), Error> {
        for key in self.names(id).await?.all {
            self.delete(&key).await?;
        }
        Ok(())
    }

    async fn names(&self, id: &Id) -> Result<Names, Error> {
        let mut names = Names::default();
        let mut after = None;
        for _ in 0..PAGES_MAX {
            let page = self.client.list(&folder(id), None, after.as_deref()).await;
            let page = page.map_err(|error| self.sorted(&error))?;
            for entry in page.entries {
                let Some(name) = entry.key.strip_prefix(&folder(id)) else { continue };
                let (word, is_state) = match name.split_once('.') {
                    Some((word, "state")) => (word, true),
                    Some((word, "claim")) => (word, false),
                    _ => continue,
                };
                let Some(claim) = word.get(..CLAIM_CHARS) else { continue };
                if names.claim.as_deref().is_none_or(|other| other < claim) {
                    names.claim = Some(claim.to_owned());
                }
                if is_state && names.state.as_deref().is_none_or(|other| other < &*entry.key) {
                    names.state = Some(entry.key.clone());
                }
                names.all.push(entry.key);
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(names),
            }
        }
        Err(Error::Storage)
    }
}

fn state_key(held: &Held, sequence: u64) -> String {
    format!("{}{}-{sequence:016x}.state", folder(&held.id), held.claim)
}

/// `EPOCH-NONCE`.
const CLAIM_CHARS: usize = 33;
/// How often a state is looked for that newer ones follow.
const READS_MAX: u32 = 8;
/// Pages of one upload's folder.
const PAGES_MAX: u32 = 8;
