//! Requests of tus 1.0.0 (tus.io/protocols/resumable-upload; sections by their names).

use alloc::vec::Vec;

use menshen_web_core::head::Method;

use super::{
    Append, Ask, CONCAT_PARTS_MAX, Checks, Concat, Content, Create, End, Intent,
    PART_URL_BYTES_MAX, Place,
};
use crate::checksum::Checksum;
use crate::fields;
use crate::limits::LENGTH_MAX;
use crate::refusal::Refusal;

/// What the request wants; `None` when it is no request of uploads.
pub(super) fn read(ask: &Ask<'_>) -> Result<Option<Intent>, Refusal> {
    // Which versions there are must be told to those who do not know them ("OPTIONS").
    if ask.method == Method::Options {
        return Ok(Some(Intent::Options));
    }
    if !matches!(fields::single(ask.headers, "tus-resumable"), Ok(Some(VERSION))) {
        return Err(Refusal::TusVersion);
    }
    match (ask.place, ask.method()?) {
        (Place::Creation, Method::Post) => create(ask).map(Some),
        (Place::Upload, Method::Head) => Ok(Some(Intent::Look)),
        (Place::Upload, Method::Patch) => append(ask).map(Some),
        (Place::Upload, Method::Delete) => Ok(Some(Intent::Cancel)),
        (_, Method::Get) | (Place::Creation, Method::Head) => Ok(None),
        _ => Err(Refusal::Method(ask.place)),
    }
}

/// "Creation", "Creation With Upload" and "Concatenation".
fn create(ask: &Ask<'_>) -> Result<Intent, Refusal> {
    let content = ask.content();
    if content != Content::None && !ask.is_type(MEDIA_TYPE)? {
        return Err(Refusal::MediaType);
    }
    let concat = concat(ask)?;
    let length = created_length(ask, &concat)?;
    if let Concat::Final(_) = concat
        && content != Content::None
    {
        return Err(Refusal::FinalConcat);
    }
    fits(0, content, length)?;
    let metadata = ask.metadata()?;
    Ok(Intent::Create(Create {
        length,
        content,
        end: End::AtLength,
        file_name: metadata.file_name().map(<[u8]>::to_vec),
        metadata,
        checks: checks(ask)?,
        concat,
    }))
}

/// `Upload-Length`, or `Upload-Defer-Length: 1`, or for a sum of others neither.
fn created_length(ask: &Ask<'_>, concat: &Concat) -> Result<Option<u64>, Refusal> {
    let length = fields::number(ask.headers, "upload-length")?;
    let deferred = fields::single(ask.headers, "upload-defer-length")?;
    if deferred.is_some_and(|value| value != b"1" || length.is_some()) {
        return Err(Refusal::Malformed("upload-defer-length"));
    }
    match (concat, length, deferred) {
        (Concat::Final(_), Some(_), _) => Err(Refusal::Malformed("upload-length")),
        (Concat::Final(_), None, _) | (_, _, Some(_)) => Ok(None),
        (_, None, None) => Err(Refusal::Missing("upload-length")),
        (_, Some(length), None) => Ok(Some(length)),
    }
}

fn concat(ask: &Ask<'_>) -> Result<Concat, Refusal> {
    let malformed = Refusal::Malformed("upload-concat");
    let Some(value) = fields::single(ask.headers, "upload-concat")? else {
        return Ok(Concat::None);
    };
    if value == b"partial" {
        return Ok(Concat::Partial);
    }
    let list = value.strip_prefix(b"final;").ok_or(malformed)?;
    let urls = list.split(|&byte| byte == b' ').filter(|url| !url.is_empty());
    let urls: Vec<&[u8]> = urls.take(CONCAT_PARTS_MAX + 1).collect();
    let possible =
        |url: &&[u8]| url.len() <= PART_URL_BYTES_MAX && url.iter().all(u8::is_ascii_graphic);
    if urls.is_empty() || urls.len() > CONCAT_PARTS_MAX || !urls.iter().all(possible) {
        return Err(malformed);
    }
    Ok(Concat::Final(urls.into_iter().map(<[u8]>::to_vec).collect()))
}

/// "PATCH", with the late length of "Creation".
fn append(ask: &Ask<'_>) -> Result<Intent, Refusal> {
    if !ask.is_type(MEDIA_TYPE)? {
        return Err(Refusal::MediaType);
    }
    let offset = fields::number(ask.headers, "upload-offset")?;
    let offset = offset.ok_or(Refusal::Missing("upload-offset"))?;
    let length = fields::number(ask.headers, "upload-length")?;
    let content = ask.content();
    fits(offset, content, length)?;
    let checks = checks(ask)?;
    Ok(Intent::Append(Append { offset, length, content, end: End::AtLength, checks }))
}

/// No byte beyond the length, as far as the head can tell.
fn fits(offset: u64, content: Content, length: Option<u64>) -> Result<(), Refusal> {
    let bytes = if let Content::Sized(bytes) = content { bytes } else { 0 };
    let reached = offset.checked_add(bytes).filter(|reached| *reached <= LENGTH_MAX);
    let reached = reached.ok_or(Refusal::TooLarge)?;
    if length.is_some_and(|length| reached > length) { Err(Refusal::Beyond) } else { Ok(()) }
}

/// "Checksum", and the digests all dialects share.
fn checks(ask: &Ask<'_>) -> Result<Checks, Refusal> {
    let mut checks = fields::checks(ask.headers)?;
    if let Some(text) = fields::single(ask.headers, "upload-checksum")? {
        checks.checksum = Some(Checksum::parse(text)?);
    }
    Ok(checks)
}

/// The only version there is.
pub(crate) const VERSION: &[u8] = b"1.0.0";

/// The type of appended bytes.
pub(crate) const MEDIA_TYPE: &str = "application/offset+octet-stream";

#[cfg(test)]
mod tests;
