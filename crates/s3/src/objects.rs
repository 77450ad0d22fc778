//! Objects: put, get, head, delete, list.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, LAST_MODIFIED};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use jiff::fmt::rfc2822;
use md5::{Digest, Md5};
use rusty_s3::Method;
use tokio::time::timeout;

use crate::answers::{self, Page};
use crate::call::Call;
use crate::client::{Client, any};
use crate::content::Content;
use crate::error::{Cause, Error, Why};
use crate::tally::Tally;

/// Under which condition something is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Whatever is there.
    Always,
    /// Nothing is there (`If-None-Match: *`).
    Absent,
    /// What is there has this tag (`If-Match`).
    Tag(String),
}

/// What is kept with an object. Values are printable ASCII.
#[derive(Debug, Clone, Copy, Default)]
pub struct Labels<'a> {
    /// The media type.
    pub content_type: Option<&'a str>,
    /// The value of `x-amz-meta-menshen`.
    pub note: Option<&'a str>,
}

/// What is known of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Bytes of the whole object.
    pub size: u64,
    /// The tag, with its quotes.
    pub etag: String,
    /// The note it was written with (`Labels`).
    pub note: Option<String>,
    /// When it was written, unix seconds; 0 where the server does not say.
    pub modified: i64,
}

/// An object, or a range of it, that is being read.
#[derive(Debug)]
pub struct Object {
    /// What is known of it.
    pub facts: Facts,
    body: Incoming,
    idle: Duration,
    tally: Arc<Tally>,
}

impl Client {
    /// Writes an object; its tag.
    ///
    /// # Errors
    /// By cause. `Precondition` with `unsure` set may be this call's own success.
    pub async fn put(
        &self,
        key: &str,
        content: Content,
        condition: &Condition,
        labels: Labels<'_>,
    ) -> Result<String, Error> {
        let operation = "PutObject";
        let call = Call::new(operation, Method::Put, Some(self.key(operation, key)?));
        let call = labelled(conditional(call, condition), labels);
        let call = summed(call, &content);
        let (answer, unsure) = self.send(&call, content).await?;
        tag(answer.headers()).map_err(|cause| Error { cause, operation, unsure })
    }

    /// Begins to read an object, or a range of its bytes; with `tag`, only while it has that tag.
    ///
    /// # Errors
    /// By cause; `Range` if it begins after the end, `Precondition` if the tag is another one.
    pub async fn get(
        &self,
        key: &str,
        range: Option<Range<u64>>,
        tag: Option<&str>,
    ) -> Result<Object, Error> {
        let operation = "GetObject";
        let mut call = Call::new(operation, Method::Get, Some(self.key(operation, key)?));
        if let Some(range) = &range {
            if range.is_empty() {
                return Err(Error::new(operation, Cause::Input("the range is empty")));
            }
            call = call.head("range", format!("bytes={}-{}", range.start, range.end - 1));
        }
        if let Some(tag) = tag {
            call = call.head("if-match", tag);
        }
        let (answer, _) = self.send(&call, Content::whole(Bytes::new())).await?;
        if range.is_some() && answer.status().as_u16() != 206 {
            return Err(Error::new(operation, Cause::Protocol("a range was asked for")));
        }
        let facts = facts(answer.headers()).map_err(|cause| Error::new(operation, cause))?;
        let tally = Arc::clone(self.tally());
        Ok(Object { facts, body: answer.into_body(), idle: self.times().idle, tally })
    }

    /// What is known of an object.
    ///
    /// # Errors
    /// By cause.
    pub async fn head(&self, key: &str) -> Result<Facts, Error> {
        let operation = "HeadObject";
        let call = Call::new(operation, Method::Head, Some(self.key(operation, key)?));
        let (answer, _) = self.send(&call, Content::whole(Bytes::new())).await?;
        facts(answer.headers()).map_err(|cause| Error::new(operation, cause))
    }

    /// Removes an object. None to begin with is fine.
    ///
    /// # Errors
    /// By cause.
    pub async fn delete(&self, key: &str) -> Result<(), Error> {
        let operation = "DeleteObject";
        let call = Call::new(operation, Method::Delete, Some(self.key(operation, key)?));
        match self.send(&call, Content::whole(Bytes::new())).await {
            Err(error) if !error.is_missing() => Err(error),
            _ => Ok(()),
        }
    }

    /// A page of the objects whose keys begin with `beginning`, at most 500; with `delimiter`,
    /// keys that have it later on are told by their beginnings. `after` is a page's `next`.
    ///
    /// # Errors
    /// By cause.
    pub async fn list(
        &self,
        beginning: &str,
        delimiter: Option<char>,
        after: Option<&str>,
    ) -> Result<Page, Error> {
        let operation = "ListObjectsV2";
        let mut call = Call::new(operation, Method::Get, None)
            .ask("list-type", "2")
            .ask("max-keys", PAGE_KEYS.to_string())
            .ask("prefix", self.place().begin(beginning));
        if let Some(delimiter) = delimiter {
            call = call.ask("delimiter", delimiter);
        }
        if let Some(after) = after {
            call = call.ask("continuation-token", after);
        }
        let (text, _) = self.text(&call, Content::whole(Bytes::new()), any).await?;
        answers::page(&text, self.place()).map_err(|cause| Error::new(operation, cause))
    }
}

impl Object {
    /// The next bytes; none at the end, which is the end that was announced.
    ///
    /// # Errors
    /// The connection broke, or nothing came within the deadline.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let fault = |why| Error::new("GetObject", Cause::Unavailable(why));
        loop {
            let frame = timeout(self.idle, self.body.frame()).await;
            match frame.map_err(|_| fault(Why::Late))? {
                None => return Ok(None),
                Some(Err(_)) => return Err(fault(Why::Connection)),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data()
                        && !data.is_empty()
                    {
                        self.tally.received(data.len());
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// All of it, if it is no longer than `limit` bytes.
    ///
    /// # Errors
    /// As `next`; `Protocol` if it is longer.
    pub async fn whole(mut self, limit: usize) -> Result<Vec<u8>, Error> {
        let mut all = Vec::new();
        while let Some(bytes) = self.next().await? {
            if bytes.len() > limit - all.len() {
                return Err(Error::new("GetObject", Cause::Protocol("the object is too long")));
            }
            all.extend_from_slice(&bytes);
        }
        Ok(all)
    }
}

pub(crate) fn conditional(call: Call, condition: &Condition) -> Call {
    match condition {
        Condition::Always => call,
        Condition::Absent => call.head("if-none-match", "*"),
        Condition::Tag(tag) => call.head("if-match", tag.as_str()),
    }
}

pub(crate) fn labelled(mut call: Call, labels: Labels<'_>) -> Call {
    if let Some(kind) = labels.content_type {
        call = call.head("content-type", kind);
    }
    if let Some(note) = labels.note {
        call = call.head(NOTE, note);
    }
    call
}

/// With `Content-MD5` of what is in memory, so that damage on the way is refused.
pub(crate) fn summed(call: Call, content: &Content) -> Call {
    match content.bytes() {
        Some(bytes) => call.head("content-md5", base64(&Md5::digest(bytes))),
        None => call,
    }
}

pub(crate) fn tag(headers: &HeaderMap) -> Result<String, Cause> {
    let tag = headers.get(ETAG).and_then(|tag| tag.to_str().ok());
    answers::etag(tag.ok_or(Cause::Protocol("the answer lacks a tag"))?)
}

fn facts(headers: &HeaderMap) -> Result<Facts, Cause> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let size = match text(CONTENT_RANGE.as_str()) {
        Some(range) => range.rsplit_once('/').map(|(_, size)| size),
        None => text(CONTENT_LENGTH.as_str()),
    };
    let size = size.and_then(|size| size.parse().ok());
    let size = size.ok_or(Cause::Protocol("the answer lacks a size"))?;
    let note = text(NOTE).filter(|note| note.len() <= 2048).map(str::to_owned);
    let modified = text(LAST_MODIFIED.as_str()).and_then(|text| rfc2822::parse(text).ok());
    let modified = modified.map_or(0, |time| time.timestamp().as_second());
    Ok(Facts { size, etag: tag(headers)?, note, modified })
}

/// RFC 4648 §4.
fn base64(bytes: &[u8]) -> String {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let octet = |place| u32::from(group.get(place).copied().unwrap_or(0));
        let bits = octet(0) << 16 | octet(1) << 8 | octet(2);
        for place in 0..4 {
            let digit = digits.get((bits >> (18 - 6 * place) & 63) as usize);
            let is_there = place <= group.len();
            text.push(digit.filter(|_| is_there).map_or('=', |digit| char::from(*digit)));
        }
    }
    text
}

/// Keys of a page of a list.
pub(crate) const PAGE_KEYS: usize = 500;
const NOTE: &str = "x-amz-meta-menshen";

#[cfg(test)]
mod tests;
