//! Resumable uploads over HTTP/1.1: opened on a blocking thread, told of at once (104), received.

use std::io;
use std::rc::Rc;

use menshen_base::Phase;
use menshen_net::clock;
use menshen_web_core::head::Version;
use menshen_web_core::response::ResponseHead;

use super::{Session, Ways, millis};
use crate::log::Outcome;
use crate::php::asking::Asking;
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
                if let Some(fields) = interim {
                    self.watched.enter_paced(Phase::Send, self.door.pace());
                    // A client that is gone is noticed when its body is read.
                    let _ = self.tell(&fields, ways.version).await;
                }
                self.receive(sink, ways).await
            }
        };
        outcome.store_ms = outcome.store_ms.max(0) + opened_ms;
        outcome
    }

    /// Asks the application whether a body may come, and receives it then.
    pub(super) async fn asked(&mut self, asking: Box<Asking>, ways: &mut Ways) -> Outcome {
        self.watched.enter(Phase::Php, 0);
        let begun_us = clock::micros();
        let door = Rc::clone(&self.door);
        let begun = asking.begin(&door).await;
        let asked_ms = millis(clock::micros().saturating_sub(begun_us));
        let mut outcome = match begun {
            Err(reply) => self.answer(reply, ways).await,
            Ok(sink) => self.receive(sink, ways).await,
        };
        outcome.store_ms = outcome.store_ms.max(0) + asked_ms;
        outcome
    }

    /// Sends an interim answer with these fields. The phase stays what it is: between two pieces of
    /// a body, a new one would begin the time of grace anew for each, and no body were too slow.
    pub(super) async fn tell(
        &mut self,
        fields: &[(&'static str, Vec<u8>)],
        version: Version,
    ) -> io::Result<()> {
        // RFC 9110 §15.2: a client of HTTP/1.0 knows no interim answers.
        if version != Version::Http11 {
            return Ok(());
        }
        let mut bytes = Vec::with_capacity(512);
        let mut head = ResponseHead::begin(&mut bytes, INTERIM);
        for (name, value) in fields {
            head = head.push(name, value);
        }
        head.finish();
        self.send_all(&bytes).await
    }
}

/// Upload Resumption Supported.
const INTERIM: u16 = 104;
