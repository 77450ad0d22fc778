//! Resumable uploads over HTTP/2: opened on a blocking thread, told of at once (104), received.

use http::{HeaderName, HeaderValue, Response, StatusCode};
use menshen_net::clock;

use super::request::{Exchange, since};
use crate::log::Outcome;
use crate::php::asking::Asking;
use crate::uploads::{Begun, Errand};

impl Exchange<'_> {
    /// Carries out what is asked of an upload.
    pub(super) async fn upload(
        &mut self,
        errand: Box<Errand>,
        length: Option<u64>,
        expects: bool,
    ) -> Outcome {
        let storing = self.shared.store();
        let begun = errand.begin(&self.shared.door).await;
        drop(storing);
        match begun {
            Begun::Reply(reply) => self.answer(reply).await,
            Begun::Receive(sink, interim) => {
                if let Some(fields) = interim {
                    self.tell(fields);
                }
                self.receive(sink, length, expects).await
            }
        }
    }

    /// Asks the application whether a body may come, and receives it then.
    pub(super) async fn asked(
        &mut self,
        asking: Box<Asking>,
        length: Option<u64>,
        expects: bool,
    ) -> Outcome {
        let begun_us = clock::micros();
        let storing = self.shared.store();
        let begun = asking.begin(&self.shared.door).await;
        drop(storing);
        let asked_ms = since(begun_us);
        let mut outcome = match begun {
            Err(reply) => self.answer(reply).await,
            Ok(sink) => self.receive(sink, length, expects).await,
        };
        outcome.store_ms = outcome.store_ms.max(0) + asked_ms;
        outcome
    }

    /// Sends an interim answer with these fields; a client that is gone is noticed when its body
    /// is read.
    pub(super) fn tell(&mut self, fields: Vec<(&'static str, Vec<u8>)>) {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::from_u16(INTERIM).unwrap_or(StatusCode::CONTINUE);
        for (name, value) in fields {
            let value = HeaderValue::from_bytes(&value).unwrap_or(HeaderValue::from_static(""));
            response.headers_mut().append(HeaderName::from_static(name), value);
        }
        let _ = self.respond.send_informational(response);
    }
}

/// Upload Resumption Supported.
const INTERIM: u16 = 104;
