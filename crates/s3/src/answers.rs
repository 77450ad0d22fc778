//! The XML answers of lists and multipart uploads, as bounded records. Foreign text: any octets may
//! come, and what does not parse is a fault of the protocol.
//!
//! Keys are asked for as they are: some servers say `EncodingType` and encode nothing, so a key
//! with a `+` or `%` could not be told. Ours have no control characters, which XML has none of.

use jiff::Timestamp;

use crate::error::{Cause, Code};
use crate::place::Place;
use crate::xml::{Step, escaped, walk};

/// One object of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key under the place's prefix.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// The tag, with its quotes; empty where the server names none.
    pub etag: String,
    /// When it was written, unix seconds; 0 where the server does not say.
    pub modified: i64,
}

/// A page of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Objects, in the order of their keys.
    pub entries: Vec<Entry>,
    /// Beginnings of keys up to the delimiter, if one was asked for.
    pub folders: Vec<String>,
    /// What the next page is asked for with; none at the end.
    pub next: Option<String>,
}

/// One part of a multipart upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// 1 to 10,000.
    pub number: u16,
    /// The tag, with its quotes.
    pub etag: String,
    /// Bytes; not sent when completing.
    pub size: u64,
}

/// A page of parts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartPage {
    /// Parts, in the order of their numbers.
    pub parts: Vec<Part>,
    /// After which number the next page begins; none at the end.
    pub next: Option<u16>,
}

/// A multipart upload that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The key under the place's prefix.
    pub key: String,
    /// The upload's id.
    pub upload: String,
    /// When it was begun, unix seconds; 0 where the server does not say.
    pub begun: i64,
}

/// A page of multipart uploads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PendingPage {
    /// The uploads.
    pub uploads: Vec<Pending>,
    /// Key and id after which the next page begins; none at the end.
    pub next: Option<(String, String)>,
}

pub(crate) fn page(text: &str, place: &Place) -> Result<Page, Cause> {
    let mut entry = Raw::default();
    let (mut entries, mut folders) = (Vec::new(), Vec::new());
    let (mut next, mut is_cut) = (None, false);
    walked(text, "ListBucketResult", |step| match step {
        Step::Leaf { parent: "Contents", name, text } => entry.set(name, text),
        Step::Leaf { parent: "CommonPrefixes", name: "Prefix", text } => {
            folders.push(text.to_owned());
        }
        Step::Leaf { parent: "ListBucketResult", name, text } => match name {
            "IsTruncated" => is_cut = text == "true",
            "NextContinuationToken" => next = Some(text.to_owned()),
            _ => {}
        },
        Step::Close("Contents") => entries.push(std::mem::take(&mut entry)),
        _ => {}
    })?;
    if is_cut && next.is_none() {
        return Err(Cause::Protocol("a list is cut and does not say where"));
    }
    let key = |raw: &str| place.own(raw).map(str::to_owned);
    Ok(Page {
        entries: entries
            .into_iter()
            .filter_map(|raw| {
                let key = key(&raw.key)?;
                Some(Entry { key, size: raw.size, etag: raw.etag, modified: raw.time })
            })
            .collect(),
        folders: folders.iter().filter_map(|raw| key(raw)).collect(),
        next: next.filter(|_| is_cut),
    })
}

pub(crate) fn parts(text: &str) -> Result<PartPage, Cause> {
    let mut part = Raw::default();
    let (mut parts, mut next, mut is_cut) = (Vec::new(), None, false);
    walked(text, "ListPartsResult", |step| match step {
        Step::Leaf { parent: "Part", name, text } => part.set(name, text),
        Step::Leaf { name: "IsTruncated", text, .. } => is_cut = text == "true",
        Step::Leaf { name: "NextPartNumberMarker", text, .. } => next = text.parse().ok(),
        Step::Close("Part") => {
            let raw = std::mem::take(&mut part);
            parts.push(Part { number: raw.number, etag: raw.etag, size: raw.size });
        }
        _ => {}
    })?;
    if parts.iter().any(|part| part.number == 0 || part.etag.is_empty()) {
        return Err(Cause::Protocol("a part has no number or no tag"));
    }
    Ok(PartPage { parts, next: next.filter(|_| is_cut) })
}

pub(crate) fn pending(text: &str, place: &Place) -> Result<PendingPage, Cause> {
    let mut upload = Raw::default();
    let (mut uploads, mut is_cut) = (Vec::new(), false);
    let (mut key_next, mut id_next) = (None, None);
    walked(text, "ListMultipartUploadsResult", |step| match step {
        Step::Leaf { parent: "Upload", name, text } => upload.set(name, text),
        Step::Leaf { parent: "ListMultipartUploadsResult", name, text } => match name {
            "IsTruncated" => is_cut = text == "true",
            "NextKeyMarker" => key_next = Some(text.to_owned()),
            "NextUploadIdMarker" => id_next = Some(text.to_owned()),
            _ => {}
        },
        Step::Close("Upload") => uploads.push(std::mem::take(&mut upload)),
        _ => {}
    })?;
    let next = key_next.zip(id_next).filter(|_| is_cut);
    let uploads = uploads.into_iter().filter(|raw| fits_id(&raw.upload)).filter_map(|raw| {
        let key = place.own(&raw.key)?.to_owned();
        Some(Pending { key, upload: raw.upload, begun: raw.time })
    });
    Ok(PendingPage { uploads: uploads.collect(), next })
}

/// The id of a multipart upload that was made.
pub(crate) fn upload_id(text: &str) -> Result<String, Cause> {
    let id = leaf(text, "InitiateMultipartUploadResult", "UploadId")?;
    if fits_id(&id) { Ok(id) } else { Err(Cause::Protocol("an upload's id is odd")) }
}

/// The tag in the answer to `CompleteMultipartUpload` or `UploadPartCopy` (`root`).
pub(crate) fn result_etag(text: &str, root: &'static str) -> Result<String, Cause> {
    etag(&leaf(text, root, "ETag")?)
}

/// A tag as it may be sent back: quoted, printable, at most 256 octets.
pub(crate) fn etag(text: &str) -> Result<String, Cause> {
    let bare = text.trim_matches('"');
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"<>&".contains(&byte);
    if bare.is_empty() || bare.len() > 254 || !bare.bytes().all(plain) {
        return Err(Cause::Protocol("a tag is odd"));
    }
    Ok(format!("\"{bare}\""))
}

/// Code of an error, if the text is one.
pub(crate) fn error_code(text: &str) -> Option<Code> {
    let mut code = None;
    let mut is_error = false;
    walk(text, |step| match step {
        Step::Leaf { parent: "Error", name: "Code", text } => code = Some(Code::new(text)),
        Step::Close("Error") => is_error = true,
        _ => {}
    })?;
    code.filter(|_| is_error)
}

/// The body of `CompleteMultipartUpload`.
pub(crate) fn completion(parts: &[Part]) -> String {
    let mut body = String::from("<CompleteMultipartUpload>");
    for part in parts {
        let (etag, number) = (escaped(&part.etag), part.number);
        body.push_str(&format!(
            "<Part><ETag>{etag}</ETag><PartNumber>{number}</PartNumber></Part>"
        ));
    }
    body.push_str("</CompleteMultipartUpload>");
    body
}

/// What a record of any list may hold.
#[derive(Debug, Default)]
struct Raw {
    key: String,
    etag: String,
    upload: String,
    size: u64,
    number: u16,
    time: i64,
}

impl Raw {
    fn set(&mut self, name: &str, text: &str) {
        match name {
            "Key" => self.key = text.to_owned(),
            "ETag" => self.etag = etag(text).unwrap_or_default(),
            "UploadId" => self.upload = text.to_owned(),
            "Size" => self.size = text.parse().unwrap_or_default(),
            "PartNumber" => self.number = text.parse().unwrap_or_default(),
            "LastModified" | "Initiated" => {
                self.time = text.parse().map_or(0, |time: Timestamp| time.as_second());
            }
            _ => {}
        }
    }
}

fn fits_id(id: &str) -> bool {
    (1..=1024).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

fn walked(text: &str, root: &str, mut visit: impl FnMut(Step<'_>)) -> Result<(), Cause> {
    let mut is_root = false;
    let walked = walk(text, |step| {
        is_root = match &step {
            Step::Close(name) => *name == root,
            Step::Leaf { parent: "", name, .. } => *name == root,
            Step::Leaf { .. } => false,
        };
        visit(step);
    });
    if walked.is_none() || !is_root {
        return Err(Cause::Protocol("the answer is not the XML it should be"));
    }
    Ok(())
}

fn leaf(text: &str, root: &'static str, wanted: &str) -> Result<String, Cause> {
    let mut found = None;
    walked(text, root, |step| {
        if let Step::Leaf { parent, name, text } = step
            && parent == root
            && name == wanted
        {
            found = Some(text.to_owned());
        }
    })?;
    found.ok_or(Cause::Protocol("the answer lacks an element"))
}

#[cfg(test)]
mod tests;
