//! Answers over HTTP/2 that a signed link opened the way for.

use menshen_web_core::fields::Wanted;

use super::request::Exchange;
use crate::fault::Fault;
use crate::links::Linked;
use crate::log::Outcome;
use crate::plan::Plan;
use crate::reply::Reply;

impl Exchange<'_> {
    /// Takes the use of a link, then does what it is for.
    pub(super) async fn linked(
        &mut self,
        linked: Box<Linked>,
        length: Option<u64>,
        expects: bool,
    ) -> Outcome {
        let rate = linked.rate;
        let storing = self.shared.store();
        let begun = linked.begin(&self.shared.door).await;
        drop(storing);
        match begun {
            Err(reply) => self.answer(reply).await,
            Ok((Plan::File(answer), charge)) => {
                self.rate = rate;
                let outcome = self.answer_file(answer).await;
                if let Some(charge) = charge {
                    charge.sent(outcome.bytes_out, outcome.end);
                }
                outcome
            }
            Ok((Plan::Receive(sink), _)) => self.receive(sink, length, expects).await,
            Ok(_) => self.answer(Reply::fault(Fault::Storage, Wanted::Either)).await,
        }
    }
}
