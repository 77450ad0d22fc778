//! What a name's task does when something is due: an order, a question for the window, a look.

use std::rc::Rc;
use std::sync::Arc;

use menshen_config::keeper::{KeepState, Message};
use tokio::time::timeout;

use super::Keep;
use crate::choice::{Blame, possible};
use crate::clock::{share, unix_now};
use crate::fault::Fault;
use crate::order::{self, Got, Job};
use crate::outbox::Gone;
use crate::proof::Proofs;
use crate::race::{First, first};
use crate::schedule::{self, EMBARGO_SECONDS_MAX};
use crate::served;
use crate::web::Advice;
use crate::words::{WORDS_MAX, clean};

impl Keep {
    /// Orders a certificate; returns early when this process is to end, with everything taken down.
    pub(super) async fn order(&mut self) -> Result<(), Gone> {
        let shared = Rc::clone(&self.shared);
        let (place, free) = self.turn.authority(&self.embargoes, unix_now());
        if free > unix_now() {
            self.next_order = free;
            return Ok(());
        }
        let turn = first(shared.ended(), shared.places.acquire()).await;
        let (Some(authority), First::Other(_permit)) = (shared.authorities.get(place), turn) else {
            return Ok(());
        };
        self.note.state = KeepState::Ordering;
        self.tell().await?;
        let ways = possible(&self.name, &shared.challenges, shared.hook.as_deref());
        let advice = Arc::new(Advice::default());
        let renews_here = self.note.directory.as_deref() == Some(authority.url.as_str());
        let job = Job {
            name: &self.name,
            authority,
            ways: &self.turn.ways(&ways),
            replaces: self
                .held
                .as_ref()
                .and_then(|held| held.identifier.clone())
                .filter(|_| renews_here && self.note.window_unix.is_some()),
            advice: &advice,
        };
        let proofs = Rc::new(Proofs::new(Rc::clone(&shared.means)));
        let attempt = async {
            match order::run(&job, &proofs).await {
                // The account is forgotten by now; a new one may do at once.
                Err(fault) if fault.account_lost => order::run(&job, &proofs).await,
                result => result,
            }
        };
        let result = first(shared.ended(), timeout(shared.order_time, attempt)).await;
        proofs.take_down().await;
        let First::Other(result) = result else {
            return Ok(());
        };
        let late = "the order took longer than it may";
        let result = result.unwrap_or_else(|_| Err(Fault::new(Blame::Authority, late)));
        let url = authority.url.clone();
        self.note.tried_unix = Some(unix_now());
        match result {
            Ok(got) => self.succeeded(got, url).await?,
            Err(fault) => {
                let wait = fault.wait_seconds.max(advice.seconds());
                self.failed(&fault, place, wait, ways.len());
            }
        }
        Ok(())
    }

    async fn succeeded(&mut self, got: Got, url: String) -> Result<(), Gone> {
        let now = unix_now();
        let message = Message::Certificate {
            order: self.index,
            chain_pem: got.held.chain_pem.clone().into_bytes(),
            key_pem: got.key_pem.into_bytes(),
        };
        self.shared.outbox.send(message).await?;
        let was_early =
            self.held.as_ref().is_some_and(|old| schedule::is_early(now, self.got, old.life));
        self.early = if was_early { self.early.saturating_add(1) } else { 0 };
        self.turn = self.turn.after_success();
        self.share = share();
        self.got = now;
        self.held = Some(got.held);
        self.note.failures = 0;
        self.note.error = None;
        self.note.remark = got.remark.map(|remark| clean(&remark, WORDS_MAX));
        self.note.directory = Some(url);
        self.note.window_unix = None;
        self.note.window_explanation = None;
        self.note.served = None;
        self.next_window = Some(now);
        self.next_look = Some(now.saturating_add(1));
        self.looks = LOOKS_AT_FIRST;
        self.describe();
        self.plan();
        Ok(())
    }

    fn failed(&mut self, fault: &Fault, place: usize, wait_seconds: u64, ways: usize) {
        let now = unix_now();
        let authorities = self.shared.authorities.len();
        self.note.failures = self.note.failures.saturating_add(1);
        self.note.error = Some(fault.text.clone());
        self.turn = self.turn.after(fault.blame, ways, authorities);
        let wait = i64::try_from(wait_seconds).unwrap_or(i64::MAX).min(EMBARGO_SECONDS_MAX);
        if let Some(embargo) = self.embargoes.get_mut(place)
            && wait > 0
        {
            *embargo = now.saturating_add(wait);
        }
        let life = self.held.as_ref().map(|held| held.life);
        let again = schedule::retry(now, self.note.failures, life, share());
        self.describe();
        self.next_order = again.max(self.turn.authority(&self.embargoes, now).1);
    }

    /// Asks the authority when it would like the certificate to be renewed (RFC 9773). What goes
    /// wrong here costs nothing: two thirds of life stand.
    pub(super) async fn window(&mut self) {
        let now = unix_now();
        self.next_window = None;
        let (Some(held), Some(url)) = (&self.held, &self.note.directory) else { return };
        let authority = self.shared.authorities.iter().find(|one| one.url == *url);
        let (Some(authority), Some(identifier)) = (authority, &held.identifier) else { return };
        let advice = Arc::new(Advice::default());
        let Some(account) = authority.known_account(&advice).await else {
            self.next_window = Some(schedule::next_window(now, advice.seconds().max(FAILED_AGAIN)));
            return;
        };
        let asked = account.renewal_info(identifier).await;
        let (info, again) = match asked {
            Ok((info, again)) => (info, again.as_secs()),
            // No such thing there; another version of the authority may have it.
            Err(instant_acme::Error::Unsupported(_)) => {
                self.next_window = Some(schedule::next_window(now, u64::MAX));
                return;
            }
            Err(_) => {
                let wait = advice.seconds().max(FAILED_AGAIN);
                self.next_window = Some(schedule::next_window(now, wait));
                return;
            }
        };
        self.next_window = Some(schedule::next_window(now, again));
        let window = &info.suggested_window;
        let window = (window.start.unix_timestamp(), window.end.unix_timestamp());
        self.note.window_explanation = info.explanation_url.map(|url| clean(&url, URL_SHOWN));
        if self.note.window_unix != Some(window) {
            self.note.window_unix = Some(window);
            // A failing name keeps its pace.
            if self.note.failures == 0 {
                self.plan();
            }
        }
    }

    /// Looks whether the own addresses serve what is held.
    pub(super) async fn look(&mut self) {
        let now = unix_now();
        self.next_look = None;
        let Some(held) = &self.held else { return };
        let (addresses, name) = (self.shared.https.clone(), self.name.example());
        let fingerprint = held.fingerprint.clone();
        let look = move || served::look(&addresses, &name, &fingerprint);
        let served = tokio::task::spawn_blocking(look).await.unwrap_or(None);
        let Some(served) = served else { return };
        let fresh = self.looks > 0 && !served;
        self.looks = if fresh { self.looks - 1 } else { 0 };
        // While workers still take the certificate over, nothing is wrong yet.
        if !fresh {
            self.note.served = Some(served);
        }
        let pause = if fresh { 1 } else { LOOK_SECONDS };
        self.next_look = Some(now.saturating_add(pause));
    }
}

/// Looks at a new certificate, one a second, before it counts as not served.
const LOOKS_AT_FIRST: u32 = 60;
/// Seconds between later looks.
const LOOK_SECONDS: i64 = 3600;
/// Seconds until a question for the window that failed is asked again.
const FAILED_AGAIN: u64 = 3600;
const URL_SHOWN: usize = 300;
