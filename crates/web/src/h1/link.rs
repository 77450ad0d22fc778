//! Answers over HTTP/1.1 that a signed link opened the way for.

use menshen_base::Phase;
use menshen_web_core::fields::Wanted;

use super::{Session, Ways};
use crate::fault::Fault;
use crate::links::Linked;
use crate::log::Outcome;
use crate::plan::Plan;
use crate::reply::Reply;

impl Session {
    /// Takes the use of a link, then does what it is for.
    pub(super) async fn linked(&mut self, linked: Box<Linked>, ways: &mut Ways) -> Outcome {
        let rate = linked.rate;
        self.watched.enter(Phase::Store, 0);
        let begun = linked.begin(&self.door).await;
        match begun {
            Err(reply) => self.answer(reply, ways).await,
            Ok((Plan::File(answer), charge)) => {
                self.rate = rate;
                let outcome = self.answer_file(answer, ways).await;
                self.rate = 0;
                if let Some(charge) = charge {
                    charge.sent(outcome.bytes_out, outcome.end);
                }
                outcome
            }
            Ok((Plan::Receive(sink), _)) => self.receive(sink, ways).await,
            Ok(_) => self.answer(Reply::fault(Fault::Storage, Wanted::Either), ways).await,
        }
    }
}
