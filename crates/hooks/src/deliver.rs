//! The deliverer: takes what waits to its receivers, in the order of each path, until it is taken.
//!
//! Of all processes that share an outbox one delivers; the others look now and then whether it
//! still lives. A receiver that fails is asked ever more rarely, and by one event at a time when
//! it failed several times in a row; an event that fails alone holds up its own path alone.
//!
//! How it fails: killed between an answer and the removal of its event, the event is delivered
//! again, with the same id. What was tried too often or for too long is set aside and told.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::Uri;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::client::{Call, Failure, Sender};
use crate::event::unix_ms;
use crate::hook::{Hook, Target};
use crate::outbox::{Name, Outbox, Proof, Seen, Waiting};
use crate::pace;

/// When an event is given up; it is tried once in any case.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Attempts.
    pub attempts_max: u32,
    /// Its age, seconds.
    pub age_seconds_max: u64,
}

/// One of the [`Limits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// It was tried too often.
    Attempts,
    /// It is too old.
    Age,
}

/// What is told to whoever counts.
#[derive(Debug)]
pub enum Tally<'a> {
    /// A receiver took an event.
    Delivered,
    /// A delivery failed and will be tried again.
    Retried,
    /// A receiver failed for the first time in a row.
    Down {
        /// Its scheme, host and port.
        hook: &'a str,
        /// Why.
        why: &'a str,
    },
    /// An event was set aside.
    GivenUp {
        /// Its receiver.
        hook: &'a str,
        /// Why the last attempt failed.
        why: &'a str,
        /// By which limit.
        by: Bound,
    },
    /// What lies in the outbox now: events that wait, and those that were set aside.
    Lying {
        /// For whichever receiver, also of hooks that are not configured any more.
        waiting: u64,
        /// Kept until somebody removes or renames them.
        aside: u64,
    },
}

/// What a script is told, and of which site it is.
#[derive(Debug, Clone)]
pub struct ScriptCall {
    /// Host of the site.
    pub site: String,
    /// Path of the script.
    pub script: String,
    /// `created`, `finished` or `deleted`.
    pub event: String,
    /// Of the event.
    pub id: String,
    /// Shows the body to be ours, where the hook has a secret.
    pub signature: Option<String>,
    /// JSON.
    pub body: String,
}

/// Runs a script; `Err` says why it did not take the event. It is given up after the hook's time.
pub type RunScript = Rc<dyn Fn(ScriptCall) -> Pin<Box<dyn Future<Output = Result<(), String>>>>>;

/// Looks whether the proof of a path holds.
pub type HasHappened = Arc<dyn Fn(&str, Proof) -> bool + Send + Sync>;

/// Delivers for as long as it runs.
pub struct Deliverer {
    outbox: Outbox,
    hooks: Arc<Vec<Hook>>,
    limits: Limits,
    has_happened: HasHappened,
    run_script: Option<RunScript>,
    tell: Box<dyn Fn(Tally<'_>)>,
}

/// One of the receivers, as far as it is known to work.
#[derive(Debug)]
struct Receiver {
    sender: Option<Sender>,
    failures: u32,
    busy: usize,
    due: Instant,
}

#[derive(Debug)]
struct Item {
    hook: usize,
    waiting: Waiting,
    due: Instant,
    busy: bool,
}

/// Everything between two looks.
#[derive(Debug)]
struct Desk {
    items: BTreeMap<Name, Item>,
    receivers: Vec<Receiver>,
    running: JoinSet<(Name, Result<(), Failure>)>,
}

impl Deliverer {
    /// For `hooks` and what waits in `outbox`. `has_happened` looks, on a blocking thread, whether
    /// a promise of a dead process holds; `tell` counts.
    pub fn new(
        outbox: Outbox,
        hooks: Arc<Vec<Hook>>,
        limits: Limits,
        has_happened: HasHappened,
        tell: impl Fn(Tally<'_>) + 'static,
    ) -> Self {
        Self { outbox, hooks, limits, has_happened, run_script: None, tell: Box::new(tell) }
    }

    /// With somebody who runs scripts; [`Self::run`] must then be within a `LocalSet`.
    #[must_use]
    pub fn with_scripts(self, run_script: RunScript) -> Self {
        Self { run_script: Some(run_script), ..self }
    }

    /// Waits for its turn, then delivers; never returns. Dropped, it leaves its turn to others.
    pub async fn run(self) {
        let held = loop {
            let outbox = self.outbox.clone();
            match blocking(move || outbox.hold()).await {
                Ok(Some(held)) => break held,
                // Another has it, or the folder cannot be written now.
                Ok(None) | Err(_) => sleep(TURN).await,
            }
        };
        let mut desk = Desk::new(self.hooks.len());
        let (mut version, mut looked, mut recovered) = (None, None::<Instant>, None::<Instant>);
        loop {
            if recovered.is_none_or(|at| at.elapsed() >= RECOVER) {
                recovered = Some(Instant::now());
                let (outbox, happened) = (self.outbox.clone(), Arc::clone(&self.has_happened));
                let _ = blocking(move || outbox.recover(&*happened)).await;
            }
            let now = self.outbox.version().ok();
            if now != version || looked.is_none_or(|at| at.elapsed() >= RECOVER) {
                looked = Some(Instant::now());
                version = now;
                self.look(&mut desk).await;
            }
            self.start(&mut desk);
            if desk.running.is_empty() {
                sleep(LOOK).await;
            } else if let Ok(Some(done)) = timeout(LOOK, desk.running.join_next()).await {
                self.settle(&mut desk, done);
                while let Some(done) = desk.running.try_join_next() {
                    self.settle(&mut desk, done);
                }
            }
            // Held to here by whoever delivers.
            let _ = &held;
        }
    }

    async fn look(&self, desk: &mut Desk) {
        let outbox = self.outbox.clone();
        let keys: Vec<String> = self.hooks.iter().map(|hook| hook.key.clone()).collect();
        let known: BTreeSet<Name> = desk.items.keys().cloned().collect();
        let Ok(seen) = blocking(move || outbox.look(&keys, &known)).await else { return };
        let Seen { waiting, fresh, total, aside } = seen;
        (self.tell)(Tally::Lying { waiting: total, aside });
        // Somebody may remove a file by hand.
        desk.items.retain(|name, item| item.busy || waiting.contains(name));
        for waiting in fresh {
            let hook = self.hooks.iter().position(|hook| hook.key == waiting.name.key);
            let Some(hook) = hook else { continue };
            let item = Item { hook, due: Instant::now(), busy: false, waiting };
            desk.items.insert(item.waiting.name.clone(), item);
        }
    }

    /// Begins what is due: the first of each path, few at a time.
    fn start(&self, desk: &mut Desk) {
        let now = Instant::now();
        let mut paths = BTreeSet::new();
        for (name, item) in &mut desk.items {
            // Whatever is behind it on its path waits for it.
            let first = paths.insert((item.hook, item.waiting.envelope.path.clone()));
            let (Some(receiver), Some(hook)) =
                (desk.receivers.get_mut(item.hook), self.hooks.get(item.hook))
            else {
                continue;
            };
            let most = if receiver.failures == 0 { AT_ONCE } else { 1 };
            let due = item.due <= now && receiver.due <= now && receiver.busy < most;
            if !first || item.busy || !due {
                continue;
            }
            (item.busy, receiver.busy) = (true, receiver.busy + 1);
            let name = name.clone();
            match (&hook.target, &self.run_script) {
                (Target::Url(url), _) => match receiver.sender(hook, url) {
                    Ok(sender) => {
                        let call = call(hook, url, &item.waiting);
                        desk.running.spawn(async move { (name, sender.post(call).await) });
                    }
                    Err(failure) => {
                        desk.running.spawn(async move { (name, Err(failure)) });
                    }
                },
                (Target::Script(script), Some(run)) => {
                    let told = timeout(hook.timeout, run(script_call(hook, script, &item.waiting)));
                    desk.running.spawn_local(async move {
                        let told = told.await.map(|told| told.map_err(Failure::Script));
                        (name, told.unwrap_or(Err(Failure::Late)))
                    });
                }
                (Target::Script(_), None) => {
                    let failure = Failure::Script("nobody here runs scripts".to_owned());
                    desk.running.spawn(async move { (name, Err(failure)) });
                }
            }
        }
    }

    fn settle(
        &self,
        desk: &mut Desk,
        done: Result<(Name, Result<(), Failure>), tokio::task::JoinError>,
    ) {
        // A task that panicked: its event stays busy, and is found at the next start.
        let Ok((name, outcome)) = done else { return };
        let Some(mut item) = desk.items.remove(&name) else { return };
        let (Some(receiver), Some(hook)) =
            (desk.receivers.get_mut(item.hook), self.hooks.get(item.hook))
        else {
            return;
        };
        receiver.busy = receiver.busy.saturating_sub(1);
        let failure = match outcome {
            Ok(()) => {
                receiver.failures = 0;
                self.outbox.done(&name);
                return (self.tell)(Tally::Delivered);
            }
            Err(failure) => failure.to_string(),
        };
        let (shown, why) = (hook.shown(), failure.as_str());
        receiver.failures = receiver.failures.saturating_add(1);
        if receiver.failures == 1 {
            (self.tell)(Tally::Down { hook: &shown, why });
        }
        if receiver.failures >= DOWN {
            receiver.due = Instant::now() + pace::wait(receiver.failures - DOWN + 1, chance());
        }
        let name = self.outbox.again(&name);
        if let Some(by) = self.limits.bound(name.attempts, item.waiting.envelope.time) {
            self.outbox.set_aside(&name);
            return (self.tell)(Tally::GivenUp { hook: &shown, why, by });
        }
        (self.tell)(Tally::Retried);
        item.due = Instant::now() + pace::wait(name.attempts, chance());
        item.busy = false;
        item.waiting.name = name.clone();
        desk.items.insert(name, item);
    }
}

impl Limits {
    /// Which one an event has reached after `attempts`, made at `time` (Unix ms).
    fn bound(&self, attempts: u32, time: u64) -> Option<Bound> {
        let age = unix_ms().saturating_sub(time) / 1000;
        if attempts >= self.attempts_max {
            return Some(Bound::Attempts);
        }
        (age >= self.age_seconds_max).then_some(Bound::Age)
    }
}

impl Desk {
    fn new(hooks: usize) -> Self {
        let due = Instant::now();
        let receiver = || Receiver { sender: None, failures: 0, busy: 0, due };
        Self {
            items: BTreeMap::new(),
            receivers: std::iter::repeat_with(receiver).take(hooks).collect(),
            running: JoinSet::new(),
        }
    }
}

impl Receiver {
    fn sender(&mut self, hook: &Hook, url: &Uri) -> Result<Sender, Failure> {
        if let Some(sender) = &self.sender {
            return Ok(sender.clone());
        }
        let sender = Sender::new(hook, url)?;
        Ok(self.sender.insert(sender).clone())
    }
}

impl std::fmt::Debug for Deliverer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deliverer").field("limits", &self.limits).finish_non_exhaustive()
    }
}

fn call(hook: &Hook, url: &Uri, waiting: &Waiting) -> Call {
    let Waiting { name, envelope } = waiting;
    Call {
        url: url.clone(),
        event: envelope.event.clone(),
        id: name.id.clone(),
        signature: hook.signature(envelope.body.as_bytes()),
        body: envelope.body.clone(),
        within: hook.timeout,
    }
}

fn script_call(hook: &Hook, script: &str, waiting: &Waiting) -> ScriptCall {
    let Waiting { name, envelope } = waiting;
    ScriptCall {
        site: envelope.site.clone().unwrap_or_default(),
        script: script.to_owned(),
        event: envelope.event.clone(),
        id: name.id.clone(),
        signature: hook.signature(envelope.body.as_bytes()),
        body: envelope.body.clone(),
    }
}

fn chance() -> u32 {
    let mut bytes = [0; 4];
    // Without chance all waits are whole.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    u32::from_ne_bytes(bytes)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(io::Error::other("the work panicked")))
}

/// How often others look whether the deliverer still lives.
const TURN: Duration = Duration::from_millis(500);
/// How often the folder is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How often promises of dead processes are looked for.
const RECOVER: Duration = Duration::from_secs(5);
/// Requests to one receiver at once.
const AT_ONCE: usize = 4;
/// Failures in a row after which a receiver is taken for down.
const DOWN: u32 = 3;

#[cfg(test)]
mod tests;
