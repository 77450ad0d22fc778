//! What the tasks of all names share.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use menshen_config::AcmeChallenge;
use menshen_config::keeper::KeeperSpec;
use tokio::sync::{Semaphore, watch};

use crate::answers::Answers;
use crate::authority::Authority;
use crate::hook::Hook;
use crate::order::AUTHORITY_TIME;
use crate::outbox::Outbox;
use crate::proof::Means;

/// Shared by all names.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The authorities, the preferred one first.
    pub(crate) authorities: Vec<Rc<Authority>>,
    /// Configured ways to prove a name.
    pub(crate) challenges: Vec<AcmeChallenge>,
    /// The DNS hook, if there is one.
    pub(crate) hook: Option<PathBuf>,
    /// Own HTTPS addresses.
    pub(crate) https: Vec<SocketAddr>,
    /// What proofs are made with.
    pub(crate) means: Rc<Means>,
    /// The way to the guard.
    pub(crate) outbox: Outbox,
    /// One for each order that may run.
    pub(crate) places: Semaphore,
    /// Most time for one order.
    pub(crate) order_time: Duration,
    /// Turns true when this process is to end.
    pub(crate) ending: watch::Receiver<bool>,
}

impl Shared {
    /// Takes what orders need out of the specification.
    pub(crate) fn new(
        spec: &mut KeeperSpec,
        answers: Answers,
        outbox: Outbox,
        ending: watch::Receiver<bool>,
    ) -> Self {
        let authorities = std::mem::take(&mut spec.directories);
        let email = spec.email.as_deref();
        let authorities = (0..).zip(authorities).map(|(index, directory)| {
            Rc::new(Authority::new(index, directory, email, outbox.clone()))
        });
        let hook_time = Duration::from_secs(u64::from(spec.hook_seconds_max));
        let dns_wait = Duration::from_secs(u64::from(spec.dns_wait_seconds));
        let secret = spec.dns_secret.take();
        let hook = spec.dns_hook.clone();
        let runner = hook.clone().map(|program| Hook { program, secret, time: hook_time });
        let means = Means { answers, hook: runner, dns_wait, turns: <_>::default() };
        Self {
            authorities: authorities.collect(),
            challenges: std::mem::take(&mut spec.challenges),
            hook,
            https: std::mem::take(&mut spec.https),
            means: Rc::new(means),
            outbox,
            places: Semaphore::new(ORDERS_AT_ONCE),
            // Looking and issuing may take their time, and another name's record goes first.
            order_time: AUTHORITY_TIME * 3 + (hook_time + dns_wait) * 4,
            ending,
        }
    }

    /// Whether this process is to end.
    pub(crate) fn is_ending(&self) -> bool {
        *self.ending.borrow() || self.ending.has_changed().is_err()
    }

    /// Waits until this process is to end.
    pub(crate) async fn ended(&self) {
        let mut ending = self.ending.clone();
        // A sender that is gone means the same.
        let _ = ending.wait_for(|ending| *ending).await;
    }
}

/// Orders that run at the same time: one that hangs shall not hold up the others, and an authority
/// shall not be flooded.
const ORDERS_AT_ONCE: usize = 4;
