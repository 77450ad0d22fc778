//! Resumable uploads over HTTP/1.1: opened on a blocking thread, told of at once (104), received.

use std::rc::Rc;

use menshen_base::Phase;
use menshen_net::clock;
use menshen_web_core::head::Version;
use menshen_web_core::response::ResponseHead;

use super::{Session, Ways, millis};
use crate::log::Outcome;
use crate::uploads::{Begun, Errand};

impl Session {
    /// Carries out what is asked of an upload.
    pub(super) async fn upload(&mut self, errand: Box<Errand>, ways: &mut Ways) -> Outcome {
        self.watched.enter(Phase::Store, 0);
        let begun_us = clock::micros();
        let door = Rc::clone(&self.door);
        let begun = errand.begin(&door).await;
        let opened_ms = millis(clock::micros().saturating_sub(begun_us));
        let mut outcome = match begun {
            Begun::Reply(reply) => self.answer(reply, ways).await,
            Begun::Receive(sink, interim) => {
                // RFC 9110 §15.2: a client of HTTP/1.0 knows no interim answers.
                if let Some(fields) = interim.filter(|_| ways.version == Version::Http11) {
                    let mut bytes = Vec::with_capacity(512);
                    let mut head = ResponseHead::begin(&mut bytes, INTERIM);
                    for (name, value) in &fields {
                        head = head.push(name, value);
                    }
                    head.finish();
                    self.watched.enter_paced(Phase::Send, door.pace());
                    // A client that is gone is noticed when its body is read.
                    let _ = self.send_all(&bytes).await;
                }
                self.receive(sink, ways).await
            }
        };
        outcome.store_ms = outcome.store_ms.max(0) + opened_ms;
        outcome
    }
}

/// Upload Resumption Supported.
const INTERIM: u16 = 104;
