//! The answer to a request whose script named a file instead of sending it.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::rc::Rc;

use menshen_base::Counter;
use menshen_web_core::fields::Wanted;
use menshen_web_core::head::Method;

use super::head::{AnswerHead, Named, Offloaded};
use super::kept::Kept;
use crate::ask::{Ask, Wire};
use crate::door::Door;
use crate::plan::Plan;
use crate::reply::Reply;
use crate::site::{Offload, Script};

impl Door {
    /// Conditions, ranges and fields of a file that PHP named. A name that leads nowhere is a
    /// mistake of the application, and is told to the operator, not to the client.
    pub(crate) fn offload(
        &self,
        script: &Script,
        kept: &Kept,
        head: &AnswerHead,
        named: &Offloaded,
    ) -> Plan {
        let (target, name) = match &named.name {
            Named::Accel(path) => (Offload::Accel(path), path),
            Named::Sendfile(path) => (Offload::Sendfile(path), path),
        };
        let file = match script.site.offload(self, target) {
            Ok(file) => file,
            Err(refusal) => {
                self.notes.tell(&format!("finding php-offload-refused error: {refusal}"), name);
                self.slot.add(Counter::PhpFailed, 1);
                let text = "the application named a file that cannot be sent";
                let hint = "The operator finds the reason in the log of menshen.";
                return Reply::trouble(502, text, hint, Wanted::Either).into();
            }
        };
        let media_type = match &named.media_type {
            Some(chosen) => Cow::Owned(chosen.clone()),
            None => file.media_type.clone(),
        };
        let mut lines = head.lines.clone();
        lines.extend_from_slice(&script.extra_lines(&head.lines));
        let file = Rc::new(file.with(media_type, &lines));
        let unspecified: SocketAddr = ([0; 4], 0).into();
        let method = if kept.head_only { Method::Head } else { Method::Get };
        let ask = Ask {
            method,
            method_name: "",
            target: b"/",
            host: b"",
            headers: kept,
            interest: kept.interest,
            peer: unspecified.ip(),
            length: Some(0),
            wire: Wire {
                local: &|| unspecified,
                remote: unspecified,
                secure: true,
                protocol: "HTTP/1.1",
            },
        };
        self.file(&ask, file)
    }
}
