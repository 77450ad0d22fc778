//! A selection that comes in the body of a `POST ?zip`: too long for an address.
//!
//! The body is a form (`name=a&name=b`) or JSON (`{"names": ["a", "b"]}`) and is held in memory, up
//! to [`SELECTION_BYTES_MAX`]; there is no key for that, since no more names than
//! `limits.zip_entries_max` are of use. How it fails: a body that is neither, or names nothing, or
//! too long, is refused and no archive is made: all of the folder in its place would be a surprise.

use menshen_web_core::fields::Wanted;
use menshen_web_core::target::query_values;
use serde::Deserialize;

use super::{ByLink, Question, checked};
use crate::fault::Fault;

/// A selection on its way.
#[derive(Debug)]
pub(crate) struct Selection {
    question: Box<Question>,
    form: Form,
    body: Vec<u8>,
}

/// What the body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    UrlEncoded,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Names {
    names: Vec<String>,
}

impl Form {
    /// What a `Content-Type` says; `None`: neither.
    pub(crate) fn of(kind: &[u8]) -> Option<Self> {
        let essence = kind.split(|&b| b == b';').next().unwrap_or_default().trim_ascii();
        let is = |name: &[u8]| essence.eq_ignore_ascii_case(name);
        if is(b"application/json") {
            return Some(Self::Json);
        }
        is(b"application/x-www-form-urlencoded").then_some(Self::UrlEncoded)
    }
}

impl Selection {
    /// For a question that names nothing yet.
    pub(crate) const fn new(question: Box<Question>, form: Form) -> Self {
        Self { question, form, body: Vec::new() }
    }

    /// It comes by a link.
    pub(crate) fn by_link(&mut self, link: ByLink) {
        self.question.link = Some(Box::new(link));
    }

    /// Takes bytes of the body.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if self.body.len() + bytes.len() > SELECTION_BYTES_MAX {
            return Err(Fault::TooLarge);
        }
        self.body.extend_from_slice(bytes);
        Ok(())
    }

    /// The body is whole: what is asked for.
    pub(crate) fn finish(self) -> Result<Box<Question>, Fault> {
        let Self { mut question, form, body } = self;
        question.names = match form {
            Form::UrlEncoded => checked(query_values(&body, "name"))?,
            Form::Json => {
                let named: Names = serde_json::from_slice(&body)
                    .map_err(|_| Fault::BadRequest("the selection is not {\"names\": [...]}"))?;
                checked(named.names.into_iter().map(|name| name.into_bytes().into()))?
            }
        };
        if question.names.is_empty() {
            return Err(Fault::BadRequest("the selection names nothing"));
        }
        Ok(question)
    }

    /// The folder, for `menshen status`.
    pub(crate) fn path(&self) -> &[u8] {
        self.question.folder.as_bytes()
    }

    /// What form of error the client reads.
    pub(crate) const fn wanted(&self) -> Wanted {
        self.question.wanted
    }
}

/// Bytes of a selection.
pub(crate) const SELECTION_BYTES_MAX: usize = 1 << 20;
