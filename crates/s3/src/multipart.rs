//! Multipart uploads: begun, filled in parts, completed with a list of parts, or aborted.
//!
//! A part sent twice under one number is the later one; which is later is the server's to say. So
//! two writers must never use the same number: that is the caller's to keep.

use std::ops::Range;

use bytes::Bytes;
use rusty_s3::Method;

use crate::answers::{self, Part, PartPage, PendingPage};
use crate::call::Call;
use crate::client::{Client, any};
use crate::content::Content;
use crate::error::{Cause, Code, Error};
use crate::objects::{Condition, Labels, PAGE_KEYS, conditional, labelled, summed, tag};
use crate::send::cause;
use crate::{PART_NUMBER_MAX, error::Why};

impl Client {
    /// Begins an upload to `key`; its id. Nothing is seen at the key until it is completed.
    ///
    /// # Errors
    /// By cause. With `unsure`, an upload nobody knows of may have been begun: `uploads` finds it.
    pub async fn begin(&self, key: &str, labels: Labels<'_>) -> Result<String, Error> {
        let operation = "CreateMultipartUpload";
        let call = Call::new(operation, Method::Post, Some(self.key(operation, key)?));
        let call = labelled(call.ask("uploads", ""), labels);
        let (text, unsure) = self.text(&call, Content::whole(Bytes::new()), any).await?;
        answers::upload_id(&text).map_err(|cause| Error { cause, operation, unsure })
    }

    /// Sends a part, 1 to 10,000; its tag.
    ///
    /// # Errors
    /// By cause; `NotFound(Upload)` once it was completed or aborted.
    pub async fn part(
        &self,
        key: &str,
        upload: &str,
        number: u16,
        content: Content,
    ) -> Result<String, Error> {
        let operation = "UploadPart";
        let call = self.part_call(operation, key, upload, number)?;
        let call = summed(call, &content);
        let (answer, unsure) = self.send(&call, content).await?;
        tag(answer.headers()).map_err(|cause| Error { cause, operation, unsure })
    }

    /// Makes a part of a range of another object of the same bucket; its tag.
    ///
    /// # Errors
    /// By cause; `NotFound(Upload)` also where the source is missing.
    pub async fn part_copied(
        &self,
        key: &str,
        upload: &str,
        number: u16,
        source: &str,
        range: Range<u64>,
    ) -> Result<String, Error> {
        let operation = "UploadPartCopy";
        if range.is_empty() {
            return Err(Error::new(operation, Cause::Input("the range is empty")));
        }
        let source = self.place().url(&self.key(operation, source)?);
        let base = self.place().base();
        let path = source.path().strip_prefix(base.path().trim_end_matches('/'));
        let path = path.unwrap_or_default();
        let call = self
            .part_call(operation, key, upload, number)?
            .head("x-amz-copy-source", format!("/{}{path}", self.place().bucket()))
            .head("x-amz-copy-source-range", format!("bytes={}-{}", range.start, range.end - 1));
        let (text, unsure) = self.text(&call, Content::whole(Bytes::new()), any).await?;
        let found = answers::result_etag(&text, "CopyPartResult");
        found.map_err(|found| Error { cause: hidden(&text, &call, found), operation, unsure })
    }

    /// Completes an upload with these parts, in this order; the object's tag.
    ///
    /// # Errors
    /// By cause. `NotFound(Upload)` or `Precondition` with `unsure` may be this call's own success.
    pub async fn complete(
        &self,
        key: &str,
        upload: &str,
        parts: &[Part],
        condition: &Condition,
    ) -> Result<String, Error> {
        let operation = "CompleteMultipartUpload";
        let grows = parts.windows(2).all(|pair| match pair {
            [one, next] => one.number < next.number,
            _ => true,
        });
        if parts.is_empty() || !grows {
            return Err(Error::new(operation, Cause::Input("the parts are not in order")));
        }
        let call = Call::new(operation, Method::Post, Some(self.key(operation, key)?));
        let call = conditional(call.ask("uploadId", upload), condition);
        let call = call.head("content-type", "application/xml");
        let content = Content::whole(answers::completion(parts).into());
        let (text, unsure) = self.text(&call, content, completed).await?;
        let found = answers::result_etag(&text, COMPLETED);
        found.map_err(|cause| Error { cause, operation, unsure })
    }

    /// Gives an upload up; its parts are removed. None to begin with is fine.
    ///
    /// # Errors
    /// By cause.
    pub async fn abort(&self, key: &str, upload: &str) -> Result<(), Error> {
        let operation = "AbortMultipartUpload";
        let call = Call::new(operation, Method::Delete, Some(self.key(operation, key)?));
        let call = call.ask("uploadId", upload);
        match self.send(&call, Content::whole(Bytes::new())).await {
            Err(error) if !error.is_missing() => Err(error),
            _ => Ok(()),
        }
    }

    /// A page of the parts that were sent, after number `after` (0 for the first page).
    ///
    /// # Errors
    /// By cause.
    pub async fn parts(&self, key: &str, upload: &str, after: u16) -> Result<PartPage, Error> {
        let operation = "ListParts";
        let call = Call::new(operation, Method::Get, Some(self.key(operation, key)?))
            .ask("uploadId", upload)
            .ask("max-parts", PAGE_KEYS.to_string())
            .ask("part-number-marker", after.to_string());
        let (text, _) = self.text(&call, Content::whole(Bytes::new()), any).await?;
        answers::parts(&text).map_err(|cause| Error::new(operation, cause))
    }

    /// A page of the uploads begun for keys that begin with `beginning`; `after` is a page's
    /// `next`.
    ///
    /// # Errors
    /// By cause.
    pub async fn uploads(
        &self,
        beginning: &str,
        after: Option<&(String, String)>,
    ) -> Result<PendingPage, Error> {
        let operation = "ListMultipartUploads";
        let mut call = Call::new(operation, Method::Get, None)
            .ask("uploads", "")
            .ask("max-uploads", PAGE_KEYS.to_string())
            .ask("prefix", self.place().begin(beginning));
        if let Some((key, upload)) = after {
            call = call.ask("key-marker", key).ask("upload-id-marker", upload);
        }
        let (text, _) = self.text(&call, Content::whole(Bytes::new()), any).await?;
        answers::pending(&text, self.place()).map_err(|cause| Error::new(operation, cause))
    }

    fn part_call(
        &self,
        operation: &'static str,
        key: &str,
        upload: &str,
        number: u16,
    ) -> Result<Call, Error> {
        if !(1..=PART_NUMBER_MAX).contains(&number) {
            return Err(Error::new(operation, Cause::Input("the part's number is out of range")));
        }
        Ok(Call::new(operation, Method::Put, Some(self.key(operation, key)?))
            .ask("partNumber", number.to_string())
            .ask("uploadId", upload))
    }
}

/// The status is sent before the outcome is known: an error may be in an answer of 200.
fn completed(text: &str, call: &Call) -> Result<(), Cause> {
    let found = answers::result_etag(text, COMPLETED);
    found.map(drop).map_err(|found| hidden(text, call, found))
}

/// The cause of an error that came with status 200, or `other` if the text is none.
fn hidden(text: &str, call: &Call, other: Cause) -> Cause {
    let Some(code) = answers::error_code(text) else { return other };
    let status = match code.as_str() {
        "PreconditionFailed" => 412,
        "SlowDown" => 503,
        "InternalError" | "ServiceUnavailable" => 500,
        "NoSuchKey" => 404,
        _ => 400,
    };
    match cause(status, code, 0, call) {
        Cause::Refused(_, code) if code == Code::new("") => Cause::Unavailable(Why::Status(200)),
        cause => cause,
    }
}

const COMPLETED: &str = "CompleteMultipartUploadResult";
