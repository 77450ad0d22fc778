//! The pulse of a PHP pool: how many of its processes are busy with what no worker of ours has in
//! flight. Scripts that answered early (`fastcgi_finish_request`), those whose client is long gone,
//! and requests of other gateways hold processes that admission must not give away a second time.
//!
//! One worker asks the pool's status page while the pool is in use. Requests that begin or end
//! around a look would be taken for strangers, so one is believed only when it is seen in several
//! looks of two beats in a row. It only ever narrows admission, and never keeps it narrow for a
//! pool that does not answer.

use std::rc::Rc;
use std::time::Duration;

use menshen_config::PoolSpec;
use menshen_config::model::PhpAddress;
use menshen_sys::SlotState;

use super::admission::Admission;
use question::{Silence, ask};

mod question;

/// Where and how a pool is asked.
#[derive(Debug)]
pub(crate) struct Pulse {
    address: PhpAddress,
    path: String,
    /// Whether the answer comes from one of the processes that are counted.
    in_pool: bool,
}

impl Pulse {
    /// `None` where the pool has no status page that we know of.
    pub(crate) fn of(pool: &PoolSpec) -> Option<Self> {
        let (address, path) = pool.status.clone()?;
        let in_pool = address == pool.address;
        Some(Self { address, path, in_pool })
    }

    /// Looks for as long as the worker serves. Only one worker of a generation should.
    pub(crate) async fn run<C: 'static>(self, admission: Rc<Admission<C>>) {
        let mut beats = Beats::default();
        let (mut admitted, mut quiet) = (0, QUIET_BEATS);
        loop {
            tokio::time::sleep(BEAT).await;
            if admission.worker_state() == SlotState::Draining {
                // The next generation has a worker that looks.
                return;
            }
            let now = admission.admitted();
            let load = admission.load();
            let used = now != admitted || load.in_flight > 0 || load.waiting() > 0;
            admitted = now;
            quiet = if used { 0 } else { quiet + 1 };
            if quiet > QUIET_BEATS && beats.strangers == 0 {
                quiet = QUIET_BEATS;
                continue;
            }
            let look = self.look(&admission).await;
            admission.set_strangers(beats.add(look));
        }
    }

    /// Strangers that are there in each of a few looks.
    async fn look<C: 'static>(&self, admission: &Rc<Admission<C>>) -> Look {
        let mut fewest = u32::MAX;
        for pause in PAUSES {
            tokio::time::sleep(pause).await;
            let before = u32::from(admission.load().in_flight);
            let answer = ask(&self.address, &self.path).await;
            let after = u32::from(admission.load().in_flight);
            let ours = before.max(after);
            match answer {
                Ok(busy) => {
                    let not_asked = busy.saturating_sub(u32::from(self.in_pool));
                    fewest = fewest.min(not_asked.saturating_sub(ours));
                }
                // All its processes were busy for that long, or it would have answered.
                Err(Silence::TooLong) if self.in_pool => {
                    return Look::Seen(fewest.min(admission.workers().saturating_sub(ours)));
                }
                Err(Silence::TooLong | Silence::Failed) => return Look::Failed,
            }
            if fewest == 0 {
                break;
            }
        }
        Look::Seen(fewest)
    }
}

/// What one beat brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Seen(u32),
    /// No answer, or none that could be understood.
    Failed,
}

/// What is believed after the beats so far.
#[derive(Debug, Default)]
struct Beats {
    seen: u32,
    failed: u32,
    strangers: u32,
}

impl Beats {
    /// Takes in one beat; the strangers believed in from now on.
    fn add(&mut self, look: Look) -> u32 {
        match look {
            Look::Seen(now) => {
                self.strangers = now.min(self.seen);
                self.seen = now;
                self.failed = 0;
            }
            Look::Failed => {
                self.failed += 1;
                if self.failed >= FAILED_BEATS {
                    *self = Self { failed: self.failed, ..Self::default() };
                }
            }
        }
        self.strangers
    }
}

/// Between two beats.
const BEAT: Duration = Duration::from_millis(500);
/// Before each look of one beat.
const PAUSES: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_millis(20),
    Duration::from_millis(30),
    Duration::from_millis(50),
];
/// How long the pool is looked after beyond its last request, beats.
const QUIET_BEATS: u32 = 10;
/// Beats without an answer after which what was seen last is no longer believed.
const FAILED_BEATS: u32 = 3;

#[cfg(test)]
mod tests;
