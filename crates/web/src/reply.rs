//! Answers that fit in memory: status, fields, a small body. Both protocols write them.

use std::borrow::Cow;

use menshen_base::{EndReason, Phase, Who};
use menshen_web_core::fields::Wanted;
use serde::Serialize;

use crate::fault::Fault;

/// An answer.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(&'static str, Cow<'static, [u8]>)>,
    /// Fields of somebody else's answer, in lower case; each may be there more than once.
    pub(crate) lines: Vec<(String, Vec<u8>)>,
    pub(crate) body: Body,
    /// Whether the connection cannot be used for another request.
    pub(crate) close: bool,
    /// Why it is not the answer that was asked for, where the access log should say so.
    pub(crate) end: Option<EndReason>,
}

/// The body of an answer.
#[derive(Debug, Default)]
pub(crate) enum Body {
    #[default]
    Empty,
    Owned(Vec<u8>),
    Fixed(&'static [u8]),
}

/// What is said of an error; the page and scripts read it.
#[derive(Serialize)]
struct Trouble<'a> {
    error: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    hint: &'a str,
}

impl Reply {
    /// An answer without body.
    pub(crate) fn new(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// Adds a field.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Cow<'static, [u8]>>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// Adds a field with a text value.
    pub(crate) fn text(self, name: &'static str, value: &'static str) -> Self {
        self.with(name, value.as_bytes())
    }

    /// Sets the body and its type.
    pub(crate) fn body(mut self, media_type: &'static str, body: Body) -> Self {
        self.body = body;
        self.text("content-type", media_type)
    }

    /// The answer to a fault, in the form the client reads.
    pub(crate) fn fault(fault: Fault, wanted: Wanted) -> Self {
        let reply = Self::trouble(fault.status(), &fault.to_string(), fault.hint(), wanted);
        match fault {
            Fault::Busy => reply.text("retry-after", "1"),
            Fault::Unavailable { retry_after_s } => {
                reply.with("retry-after", retry_after_s.to_string().into_bytes())
            }
            Fault::NoTunnel => reply.text("retry-after", "2"),
            Fault::Shed { retry_after_s } => {
                let end = Some(EndReason::new(Who::Limit, Phase::Head));
                let reply = reply.with("retry-after", retry_after_s.to_string().into_bytes());
                Self { end, ..reply }
            }
            _ => reply,
        }
    }

    /// An error answer.
    pub(crate) fn trouble(status: u16, error: &str, hint: &str, wanted: Wanted) -> Self {
        let reply = Self::new(status).text("cache-control", "no-store");
        if wanted == Wanted::Json {
            let text = serde_json::to_vec(&Trouble { error, hint }).unwrap_or_default();
            return reply.body("application/json", Body::Owned(text));
        }
        let mut text = format!("{status}: {error}\n");
        if !hint.is_empty() {
            text.push_str(hint);
            text.push('\n');
        }
        reply.body("text/plain; charset=utf-8", Body::Owned(text.into_bytes()))
    }
}

impl Body {
    /// Its bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Empty => &[],
            Self::Owned(bytes) => bytes,
            Self::Fixed(bytes) => bytes,
        }
    }
}
