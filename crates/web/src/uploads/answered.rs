//! PHP's answer to an upload, taken whole, so that it can be kept and sent again.
//!
//! It is read to its end whatever the client does: the application must not run twice only because
//! somebody's connection broke. An answer too large to be held is read and forgotten; the client
//! is then told that the upload was delivered, with the application's status and fields.
//!
//! How it fails: PHP breaks off or falls silent behind its head; that is an answer 502 or 504, and
//! a final one, since the application may have done its work.

use std::future::poll_fn;

use menshen_store::Stored;

use crate::log::PhpNote;
use crate::php::answer::{Left, Streaming, Supply};
use crate::reply::{Body, Reply};

/// An answer in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answered {
    pub(super) status: u16,
    /// Names in lower case.
    pub(super) fields: Vec<(String, Vec<u8>)>,
    /// Empty where it was too large, or there is none.
    pub(super) body: Vec<u8>,
}

impl Answered {
    /// Reads PHP's answer to its end; with it comes what the log is told.
    pub(super) async fn hear(mut php: Box<Streaming>) -> (Self, PhpNote) {
        let answered = Self::take(&mut php).await;
        let answered = answered.unwrap_or_else(|status| Self::of(&broken(status)));
        (answered, php.leave(Left::Served))
    }

    /// The same, of an answer that broke the status that tells it.
    pub(crate) async fn heard(mut php: Box<Streaming>) -> Result<Self, u16> {
        let answered = Self::take(&mut php).await;
        php.leave(Left::Served);
        answered
    }

    async fn take(php: &mut Streaming) -> Result<Self, u16> {
        let head = php.take_head().ok_or(502_u16)?;
        if head.offload.is_some() {
            // A file is no answer to keep.
            let fields = fields(&head.lines);
            return Ok(Self { status: head.status, fields, body: Vec::new() });
        }
        let mut lines = head.lines;
        let extra = php.script.extra_lines(&lines);
        lines.extend_from_slice(&extra);
        let mut body = Vec::new();
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            match php.supply() {
                Supply::Bytes => {
                    let got = php.backlog().peek(&mut piece).map_err(|_| 502_u16)?;
                    php.backlog().advance(got);
                    if body.len() <= BODY_BYTES_MAX {
                        body.extend_from_slice(piece.get(..got).unwrap_or_default());
                    }
                }
                Supply::Waiting => {
                    let patience = php.patience();
                    let heard = poll_fn(|cx| php.poll_read(cx));
                    if tokio::time::timeout(patience, heard).await.is_err() && !php.take_heard() {
                        php.gave_up_waiting();
                        return Err(504);
                    }
                }
                Supply::Broken => return Err(502),
                Supply::Ended => break,
            }
        }
        if body.len() > BODY_BYTES_MAX {
            body = Vec::new();
        }
        Ok(Self { status: head.status, fields: fields(&lines), body })
    }

    /// As it is sent.
    pub(crate) fn reply(self) -> Reply {
        let mut reply = Reply::new(self.status);
        (reply.lines, reply.body) = (self.fields, Body::Owned(self.body));
        reply
    }

    /// One of ours.
    pub(super) fn of(reply: &Reply) -> Self {
        let field = |(name, value): &(&'static str, std::borrow::Cow<'static, [u8]>)| {
            ((*name).to_owned(), value.to_vec())
        };
        Self {
            status: reply.status,
            fields: reply.fields.iter().map(field).collect(),
            body: reply.body.bytes().to_vec(),
        }
    }

    /// As it is kept.
    pub(super) fn stored(&self) -> Stored {
        let fields = self.fields.iter();
        Stored {
            status: self.status,
            fields: fields.map(|(name, value)| (name.clone().into(), value.clone())).collect(),
            body: self.body.clone(),
        }
    }
}

fn broken(status: u16) -> Reply {
    let text = "the upload was delivered, but the application broke off its answer";
    Reply::trouble(status, text, "", menshen_web_core::fields::Wanted::Either)
}

/// Lines of a head, each ending in CRLF, as fields.
fn fields(lines: &[u8]) -> Vec<(String, Vec<u8>)> {
    let line = |line: &[u8]| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let at = line.iter().position(|&b| b == b':')?;
        let name = std::str::from_utf8(line.get(..at)?).ok()?.to_ascii_lowercase();
        Some((name, line.get(at + 1..)?.trim_ascii().to_vec()))
    };
    lines.split(|&b| b == b'\n').filter_map(line).collect()
}

/// Largest body of an answer that is held and kept, bytes.
const BODY_BYTES_MAX: usize = menshen_store::ANSWER_BODY_BYTES_MAX;
const PIECE_BYTES: usize = 16 << 10;
