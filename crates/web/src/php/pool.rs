//! One PHP pool, as one worker of the door sees it.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use menshen_base::{Counter, Finding};
use menshen_config::PoolSpec;
use menshen_config::model::{Delivery, PhpAddress};
use menshen_net::clock;
use menshen_sys::{Scoreboard, Slot, inherit};
use menshen_web_core::fastcgi::Connection;

use super::admission::{Admission, Class, Settings, Ticket};
use super::body::Body;
use super::call::Failure;
use super::delivery::{Delivered, How, Store};
use super::exchange::Stderr;
use super::line::Line;
use super::probe::{self, SwapState, decide};
use super::spool::PhpSpool;
use crate::door::Door;
use crate::log::{PhpNote, PhpWay};
use crate::site::Script;

/// A pool.
#[derive(Debug)]
pub(crate) struct Pool {
    spec: PoolSpec,
    pub(crate) admission: Rc<Admission<Line>>,
    pub(crate) spool: Arc<PhpSpool>,
    swap: RefCell<SwapState>,
    /// When it was asked, 0 for never.
    asked_ms: Cell<u64>,
    asking: tokio::sync::Mutex<()>,
    /// When a request last was for a script with a `.user.ini`, 0 for never.
    user_ini_ms: Cell<u64>,
    /// What the operator was told already; a finding is told once until something changes.
    told: RefCell<HashSet<String>>,
}

/// Whether a connection that served another request will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reuse {
    /// The request has no body and can be sent again as long as it was not read.
    Allowed,
    /// Once its body is on the way, it cannot.
    Refused,
}

impl Pool {
    /// Takes over what the guard opened for it.
    pub(crate) fn new(
        spec: &PoolSpec,
        instance: &str,
        board: Scoreboard,
        slot: Slot,
        limits: &menshen_config::Limits,
    ) -> io::Result<Self> {
        // All pools have one spool, so none of them may own the number.
        let folder = inherit::copy(spec.spool_fd)?;
        let spool = Arc::new(PhpSpool::open(folder, spec.spool_path.clone(), instance));
        spool.collect();
        let admission = Admission::new(
            board,
            slot,
            Settings {
                place: spec.place,
                workers: spec.workers,
                waiting_max: limits.php_queue_max,
                wait_max: Duration::from_secs(u64::from(limits.php_queue_seconds_max)),
                bell: inherit::adopt(spec.wake_fd)?,
            },
        );
        Ok(Self {
            spec: spec.clone(),
            admission,
            spool,
            swap: RefCell::new(SwapState::Unknown),
            asked_ms: Cell::new(0),
            asking: <_>::default(),
            user_ini_ms: Cell::new(0),
            told: RefCell::default(),
        })
    }

    /// What the guard said of it.
    pub(crate) fn spec(&self) -> &PoolSpec {
        &self.spec
    }

    /// A connection for the holder of `ticket`: one that another request just finished with, if
    /// that will do, or a new one.
    pub(super) async fn connect(
        &self,
        door: &Door,
        ticket: &mut Ticket<Line>,
        reuse: Reuse,
    ) -> Result<Line, Failure> {
        match ticket.take_connection() {
            Some(line) if reuse == Reuse::Allowed && line.is_quiet() => Ok(line),
            // Closed first: it keeps a PHP process.
            kept => {
                drop(kept);
                self.connect_anew(door).await
            }
        }
    }

    /// A new connection for the holder of a ticket.
    pub(super) async fn connect_anew(&self, door: &Door) -> Result<Line, Failure> {
        let seconds = u64::from(door.limits.php_connect_seconds_max);
        match Line::open(&self.spec.address, Duration::from_secs(seconds)).await {
            Ok(line) => Ok(line),
            Err(error) => {
                if error.kind() == io::ErrorKind::TimedOut {
                    door.slot.add(Counter::LimitPhpConnect, 1);
                }
                door.notes.tell(
                    &format!("finding php-unreachable error: {}: {error}", self.spec.address),
                    b"",
                );
                Err(Failure::Unreachable)
            }
        }
    }

    /// Whether a connection is to be kept behind the answer: only when somebody waits who could use
    /// it at once, since an idle one pins a PHP worker; and only where it can be told whether a
    /// request sent over it was read.
    pub(super) fn keeping(&self) -> Connection {
        let certain = matches!(self.spec.address, PhpAddress::Unix(_));
        if certain && self.admission.waiting() > 0 { Connection::Keep } else { Connection::Close }
    }

    /// Makes a body ready for PHP, by the delivery that is configured and possible.
    pub(super) async fn deliver(
        &self,
        door: &Rc<Door>,
        script: &Script,
        body: Body,
        note: &mut PhpNote,
    ) -> Result<Delivered, Failure> {
        let configured = script.settings.delivery;
        // Where fields tell of files, a form without one may still carry fields that pretend to.
        if configured != Delivery::Fields && !body.has_files() {
            return Ok(body.deliver(How::Replay)?);
        }
        let facts = body.facts();
        if matches!(configured, Delivery::Auto | Delivery::Swap) && facts.tokens > 0 {
            self.ask(door).await;
        }
        let mut swap = self.swap.borrow().clone().under(&script.user_ini);
        if matches!(&swap, SwapState::Works(facts) if !facts.locked) && self.had_user_ini() {
            swap = SwapState::Overridden;
        }
        let (delivery, reason) = decide(configured, &swap, facts);
        if let Some(reason) = reason {
            door.slot.add(Counter::PhpFallbacks, 1);
            self.tell_once(door, &format!("uploads are replayed: {}", reason.text()));
            if let SwapState::Broken(findings) = &swap {
                findings.iter().for_each(|finding| self.tell_finding(door, finding));
            }
        }
        let how = match delivery {
            Delivery::Swap => How::Swap { files_max: swap.files_max() },
            Delivery::Fields => match script.fields() {
                Some((fields, folder)) => {
                    let store = folder.zip(fields.store.as_deref());
                    let store = store.map(|(folder, path)| Store { folder, path });
                    How::Fields { fields, store }
                }
                None => How::Replay,
            },
            _ => How::Replay,
        };
        note.way = match how {
            How::Swap { .. } => PhpWay::Swap,
            How::Fields { .. } => PhpWay::Fields,
            How::Replay => PhpWay::Replay,
        };
        Ok(body.deliver(how)?)
    }

    /// A request for `script` comes by.
    pub(super) fn saw(&self, script: &Script) {
        if !script.user_ini.is_empty() {
            self.user_ini_ms.set(clock::coarse_ms().max(1));
        }
    }

    /// Whether a script of the pool had a `.user.ini` that PHP may still go by.
    fn had_user_ini(&self) -> bool {
        let seen = self.user_ini_ms.get();
        seen > 0 && clock::coarse_ms().saturating_sub(seen) < DISTRUST_MS
    }

    /// The prepend script did not do what it was told: nothing more is delivered that way until
    /// the pool has been asked again.
    pub(super) fn swap_failed(&self, door: &Door, script: &Script) {
        let mut swap = self.swap.borrow_mut();
        // Where a .user.ini can do that, one that is gone may: PHP looks for them now and then.
        let locked = !matches!(&*swap, SwapState::Works(facts) if !facts.locked);
        *swap = if locked { SwapState::Unknown } else { SwapState::Failed };
        self.asked_ms.set(if locked { 0 } else { clock::coarse_ms().max(1) });
        door.notes
            .tell("finding php-swap-failed error: the prepend script did not run", &script.name);
    }

    /// Counts a request that PHP is done with.
    pub(super) fn count(&self, door: &Door, note: &PhpNote) {
        let slot = &door.slot;
        slot.add(Counter::PhpRequests, 1);
        slot.add(Counter::PhpMicros, note.held_us);
        let (count, micros) = match note.way {
            PhpWay::Swap => (Counter::PhpSwap, Counter::PhpSwapMicros),
            PhpWay::Fields => (Counter::PhpFields, Counter::PhpFieldsMicros),
            PhpWay::Replay => (Counter::PhpReplay, Counter::PhpReplayMicros),
            PhpWay::Page | PhpWay::None => return,
        };
        slot.add(count, 1);
        slot.add(micros, note.held_us);
    }

    /// Tells the operator what PHP said on its error stream, and what went wrong.
    pub(super) fn tell(
        &self,
        door: &Door,
        script: &Script,
        stderr: &Stderr,
        failure: Option<Failure>,
    ) {
        if let Some(failure) = failure {
            let code = failure.code();
            let what = format!("finding {code} error: {}: {}", self.spec.address, failure.detail());
            door.notes.tell(&what, &script.name);
        }
        let lines = stderr.text.split(|&b| b == b'\n').filter(|line| !line.is_empty());
        for line in lines {
            door.slot.add(Counter::PhpStderr, 1);
            door.notes.tell("php", line);
        }
        if stderr.cut {
            door.slot.add(Counter::LimitPhpStderr, 1);
        }
    }

    /// Asks the pool whether swap works, unless it was asked a moment ago. One request asks; others
    /// that come meanwhile wait for the answer.
    async fn ask(&self, door: &Rc<Door>) {
        let _one = self.asking.lock().await;
        let now = clock::coarse_ms().max(1);
        let asked = self.asked_ms.get();
        let failed = *self.swap.borrow() == SwapState::Failed;
        let trust_ms = if failed { DISTRUST_MS } else { TRUST_MS };
        if asked > 0 && now.saturating_sub(asked) < trust_ms {
            return;
        }
        let found = self.probe(door).await.unwrap_or(SwapState::Unknown);
        self.asked_ms.set(now);
        if *self.swap.borrow() != found {
            self.told.borrow_mut().clear();
        }
        if let SwapState::Works(facts) = &found {
            facts.warnings.iter().for_each(|finding| self.tell_finding(door, finding));
        }
        *self.swap.borrow_mut() = found;
    }

    /// One swapped file for the probe script.
    async fn probe(&self, door: &Rc<Door>) -> Option<SwapState> {
        let probe = probe::request(&self.spec, &self.spool).ok()?;
        let client = std::net::Ipv4Addr::LOCALHOST.into();
        let mut ticket = self.admission.enter(Class::Page, client).await.ok()?;
        let line = self.connect(door, &mut ticket, Reuse::Refused).await.ok()?;
        let expected = probe.expected.clone();
        let (status, body) = probe::hear(line, probe).await?;
        drop(ticket);
        Some(probe::judge(&self.spec, &expected, status, &body))
    }

    fn tell_finding(&self, door: &Door, finding: &Finding) {
        let severity = finding.severity.word();
        let mut text =
            format!("finding {} {severity}: {}: {}", finding.code, finding.subject, finding.claim);
        if !finding.hint.is_empty() {
            text.push_str("; hint: ");
            text.push_str(&finding.hint);
        }
        self.tell_once(door, &text);
    }

    fn tell_once(&self, door: &Door, text: &str) {
        let mut told = self.told.borrow_mut();
        if told.len() >= TOLD_MAX {
            told.clear();
        }
        if told.insert(text.to_owned()) {
            door.notes.tell(text, b"");
        }
    }
}

/// How long an answer about swap is believed: pools are changed while the door runs.
const TRUST_MS: u64 = 10_000;
/// How long PHP may go by a `.user.ini` that is gone, and more (`user_ini.cache_ttl`).
const DISTRUST_MS: u64 = 310_000;
/// What was told is remembered of so many texts: what a pool says of itself is in them.
const TOLD_MAX: usize = 64;
