//! One attempt: a request sent and its answer's head read within the deadlines; faults told apart
//! by status and code. It must never wait without end, and never read an answer without end.

use std::error::Error as _;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http::header::RETRY_AFTER;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use tokio::time::{timeout, timeout_at};

use crate::answers::error_code;
use crate::call::Call;
use crate::client::Times;
use crate::content::{Content, Progress, Sending};
use crate::error::{Cause, Code, Missing, Why};
use crate::login::Login;
use crate::place::Place;

pub(crate) type Wire = legacy::Client<HttpsConnector<HttpConnector>, Sending>;

/// Sends once; the answer is a success.
pub(crate) async fn attempt(
    wire: &Wire,
    call: &Call,
    place: &Place,
    login: &Login,
    content: Content,
    times: &Times,
) -> Result<Response<Incoming>, Cause> {
    let progress = Progress::new();
    let length = content.1;
    let body = Sending::new(content, progress.clone());
    let request = call.signed(place, login, body, length)?;
    let answer = watched(wire.request(request), &progress, times).await?;
    let answer = answer.map_err(|error| {
        let is_ours = progress.is_broken();
        if is_ours { Cause::Content } else { fault(&error) }
    })?;
    if answer.status().is_success() {
        return Ok(answer);
    }
    Err(refusal(answer, call, times).await)
}

/// A whole answer of at most `limit` bytes.
pub(crate) async fn whole(
    answer: Response<Incoming>,
    limit: usize,
    times: &Times,
) -> Result<Bytes, Cause> {
    let mut body = Limited::new(answer.into_body(), limit);
    let mut bytes = Vec::new();
    loop {
        let frame = timeout(times.idle, body.frame()).await;
        match frame.map_err(|_| Cause::Unavailable(Why::Late))? {
            None => return Ok(bytes.into()),
            Some(Ok(frame)) => bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
            Some(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
                return Err(Cause::Protocol("the answer is too long"));
            }
            Some(Err(_)) => return Err(Cause::Unavailable(Why::Connection)),
        }
    }
}

async fn watched<T>(
    sent: impl Future<Output = T>,
    progress: &Progress,
    times: &Times,
) -> Result<T, Cause> {
    let mut sent = pin!(sent);
    let mut patience = None;
    loop {
        let wait = if progress.is_sent() { times.first_byte } else { times.idle };
        let deadline = patience.take().unwrap_or_else(|| progress.moved() + wait);
        if let Ok(answer) = timeout_at(deadline, sent.as_mut()).await {
            return Ok(answer);
        }
        if progress.is_waiting() {
            patience = Some(tokio::time::Instant::now() + wait);
            continue;
        }
        let wait = if progress.is_sent() { times.first_byte } else { times.idle };
        if progress.moved() + wait <= tokio::time::Instant::now() {
            return Err(Cause::Unavailable(Why::Late));
        }
    }
}

fn fault(error: &legacy::Error) -> Cause {
    let mut inner = error.source();
    while let Some(cause) = inner {
        if let Some(cause) = cause.downcast_ref::<hyper::Error>()
            && cause.is_parse()
        {
            return Cause::Protocol("the answer is not HTTP");
        }
        inner = cause.source();
    }
    Cause::Unavailable(Why::Connection)
}

async fn refusal(answer: Response<Incoming>, call: &Call, times: &Times) -> Cause {
    let status = answer.status().as_u16();
    let seconds = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let seconds = seconds.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    let text = timeout(times.first_byte, whole(answer, ERROR_BYTES_MAX, times)).await;
    let text = text.ok().and_then(Result::ok).unwrap_or_default();
    let code = std::str::from_utf8(&text).ok().and_then(error_code);
    cause(status, code.unwrap_or_else(|| Code::new("")), seconds, call)
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
pub(crate) fn cause(status: u16, code: Code, seconds: u64, call: &Call) -> Cause {
    match (status, code.as_str()) {
        (_, "SlowDown" | "ThrottlingException" | "TooManyRequests") | (429, _) => {
            Cause::SlowDown(seconds)
        }
        (503, _) if seconds > 0 => Cause::SlowDown(seconds),
        (_, "RequestTimeout") => Cause::Unavailable(Why::Late),
        (_, "BadDigest") => Cause::Unavailable(Why::Damaged),
        (_, "ConditionalRequestConflict" | "OperationAborted") => Cause::Unavailable(Why::Conflict),
        (_, "NotImplemented") | (501 | 405, _) => Cause::Unsupported,
        (_, "NoSuchUpload") => Cause::NotFound(Missing::Upload),
        (_, "NoSuchBucket") => Cause::NotFound(Missing::Bucket),
        (404, _) if call.query.iter().any(|(name, _)| *name == "uploadId") => {
            Cause::NotFound(Missing::Upload)
        }
        (404, _) => Cause::NotFound(Missing::Object),
        (412 | 304, _) => Cause::Precondition,
        (416, _) => Cause::Range,
        (401 | 403, _) => Cause::Denied(code),
        (500..=599, _) => Cause::Unavailable(Why::Status(status)),
        (400..=499, _) => Cause::Refused(status, code),
        _ => Cause::Protocol("the status is neither success nor error"),
    }
}

/// Longest text of an error that is looked at.
const ERROR_BYTES_MAX: usize = 16 << 10;
/// How long a connection nobody uses is kept.
pub(crate) const POOL_TIME: Duration = Duration::from_secs(15);
