//! What is set up so that an authority can look: answers on the board, records in DNS.
//!
//! It outlives the order that needed it, so that it can be taken down after a failure, a deadline
//! or the end of the process. Names that share a record (`example.com` and `*.example.com`) take
//! turns: a hook that knows one value per record only works all the same.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use instant_acme::KeyAuthorization;
use menshen_config::AcmeChallenge;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::sleep;

use crate::answers::{Answers, Posted};
use crate::hook::{Action, Hook};
use crate::name::Name;

/// Everything proofs are made with; shared by all orders.
#[derive(Debug)]
pub(crate) struct Means {
    /// The board.
    pub(crate) answers: Answers,
    /// The DNS hook.
    pub(crate) hook: Option<Hook>,
    /// How long a record takes until everybody sees it.
    pub(crate) dns_wait: Duration,
    /// A turn for each record name.
    pub(crate) turns: RefCell<BTreeMap<String, std::sync::Arc<Mutex<()>>>>,
}

/// What one order has set up.
#[derive(Debug)]
pub(crate) struct Proofs {
    means: Rc<Means>,
    posted: RefCell<Vec<Posted>>,
    records: RefCell<Vec<Record>>,
}

#[derive(Debug)]
struct Record {
    name: String,
    value: String,
    _turn: OwnedMutexGuard<()>,
}

impl Proofs {
    /// Nothing yet.
    pub(crate) fn new(means: Rc<Means>) -> Self {
        Self { means, posted: RefCell::default(), records: RefCell::default() }
    }

    /// Sets up the answer and waits until it can be seen.
    ///
    /// # Errors
    /// Why it could not be set up, in words.
    pub(crate) async fn set(
        &self,
        name: &Name,
        way: AcmeChallenge,
        token: &str,
        answer: &KeyAuthorization,
    ) -> Result<(), String> {
        let answers = &self.means.answers;
        let posted = match way {
            AcmeChallenge::Dns01 => return self.set_record(name, answer).await,
            AcmeChallenge::Http01 => answers.http(token, answer.as_str()),
            AcmeChallenge::TlsAlpn01 => {
                let digest = answer.digest();
                let digest = <[u8; 32]>::try_from(digest.as_ref()).unwrap_or_default();
                answers.alpn(name.handshake_name(), name.text(), &digest)
            }
        };
        let posted = posted.map_err(|error| format!("the answer could not be posted: {error}"))?;
        self.posted.borrow_mut().push(posted);
        sleep(WORKERS_LOOK).await;
        Ok(())
    }

    /// Takes everything down. What a hook fails to remove stays in DNS, where it means nothing any
    /// more.
    pub(crate) async fn take_down(&self) {
        self.posted.borrow_mut().clear();
        let records = std::mem::take(&mut *self.records.borrow_mut());
        for record in records {
            if let Some(hook) = &self.means.hook {
                let _ = hook.run(Action::Remove, &record.name, &record.value).await;
            }
        }
    }

    async fn set_record(&self, name: &Name, answer: &KeyAuthorization) -> Result<(), String> {
        let Some(hook) = &self.means.hook else {
            return Err("dns-01 needs acme.dns_hook".to_owned());
        };
        let (name, value) = (name.record(), answer.dns_value());
        let turn =
            std::sync::Arc::clone(self.means.turns.borrow_mut().entry(name.clone()).or_default());
        let turn = turn.lock_owned().await;
        // Noted before it is set: a hook that fails or is cut short may have set it all the same.
        let record = Record { name: name.clone(), value: value.clone(), _turn: turn };
        self.records.borrow_mut().push(record);
        hook.run(Action::Set, &name, &value).await?;
        sleep(self.means.dns_wait).await;
        Ok(())
    }
}

/// Workers look at the board once a second.
const WORKERS_LOOK: Duration = Duration::from_millis(1200);
