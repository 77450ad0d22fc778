//! Requests of RUFH (`draft-ietf-httpbis-resumable-upload`; sections are those of draft -11).
//!
//! This module must never take a part for the whole: a request elsewhere that says it has not all
//! bytes is either understood or refused, never handed on.

use menshen_web_core::head::Method;

use super::{Append, Ask, Concat, Content, Create, End, Intent, Place};
use crate::dialect::{Interop, Rules};
use crate::fields;
use crate::limits::LENGTH_MAX;
use crate::refusal::Refusal;

/// What a request of this version wants; `None` when it is no request of uploads.
pub(super) fn read(ask: &Ask<'_>, interop: Interop) -> Result<Option<Intent>, Refusal> {
    let rules = interop.rules();
    match (ask.place, ask.method) {
        (Place::Elsewhere, Method::Post | Method::Put | Method::Patch) => elsewhere(ask, rules),
        (Place::Elsewhere, _)
        | (Place::Creation, Method::Get | Method::Head)
        | (Place::Upload, Method::Get) => Ok(None),
        (Place::Creation | Place::Upload, Method::Options) => Ok(Some(Intent::Options)),
        (Place::Creation, Method::Post | Method::Put) => {
            let silent = rules.silent_end.filter(|end| *end == End::Here);
            let end = completeness(ask, rules)?.or(silent);
            let end = end.ok_or(Refusal::Missing(rules.completeness.0))?;
            create(ask, end).map(Some)
        }
        (Place::Upload, _) => match ask.method()? {
            Method::Head => bare(ask, rules).map(|()| Some(Intent::Look)),
            Method::Delete => bare(ask, rules).map(|()| Some(Intent::Cancel)),
            Method::Patch => append(ask, rules).map(Some),
            _ => Err(Refusal::Method(ask.place)),
        },
        (Place::Creation, _) => Err(Refusal::Method(ask.place)),
    }
}

/// An ordinary request that invites the door to make it an upload (§12.1.1). A field that says
/// nothing is ignored, as §4.1.2 wants.
fn elsewhere(ask: &Ask<'_>, rules: &Rules) -> Result<Option<Intent>, Refusal> {
    match completeness(ask, rules) {
        Ok(Some(end)) => create(ask, end).map(Some),
        Ok(None) => Ok(None),
        Err(refusal) => {
            let part = fields::boolean(ask.headers, "upload-complete") == Some(false)
                || fields::boolean(ask.headers, "upload-incomplete") == Some(true);
            if part { Err(refusal) } else { Ok(None) }
        }
    }
}

/// §4.1.2, and its opposite in draft -01.
fn completeness(ask: &Ask<'_>, rules: &Rules) -> Result<Option<End>, Refusal> {
    let (name, complete) = rules.completeness;
    let other = if complete { "upload-incomplete" } else { "upload-complete" };
    if ask.has(other) {
        return Err(Refusal::Mixed);
    }
    let said = fields::boolean(ask.headers, name);
    Ok(said.map(|said| if said == complete { End::Here } else { End::Later }))
}

/// §4.2.2
fn create(ask: &Ask<'_>, end: End) -> Result<Intent, Refusal> {
    pure(ask)?;
    // Draft -01 forbids it; in any version it belongs to another place than a beginning.
    if fields::integer(ask.headers, "upload-offset").is_some_and(|offset| offset > 0) {
        return Err(Refusal::Malformed("upload-offset"));
    }
    let metadata = ask.metadata()?;
    let named = ask.file_name()?;
    Ok(Intent::Create(Create {
        length: length(ask, 0, end)?,
        content: ask.content(),
        end,
        file_name: named.or_else(|| metadata.file_name().map(<[u8]>::to_vec)),
        metadata,
        checks: fields::checks(ask.headers)?,
        concat: Concat::None,
    }))
}

/// §4.4.2
fn append(ask: &Ask<'_>, rules: &Rules) -> Result<Intent, Refusal> {
    pure(ask)?;
    if rules.typed && !ask.is_type(MEDIA_TYPE)? {
        return Err(Refusal::MediaType);
    }
    let offset = fields::integer(ask.headers, "upload-offset");
    let offset = offset.ok_or(Refusal::Missing("upload-offset"))?;
    let end = completeness(ask, rules)?.or(rules.silent_end);
    let end = end.ok_or(Refusal::Missing(rules.completeness.0))?;
    Ok(Intent::Append(Append {
        offset,
        length: length(ask, offset, end)?,
        content: ask.content(),
        end,
        checks: fields::checks(ask.headers)?,
    }))
}

/// The length of the whole by its two indicators, which must agree (§4.1.3).
fn length(ask: &Ask<'_>, offset: u64, end: End) -> Result<Option<u64>, Refusal> {
    let declared = fields::integer(ask.headers, "upload-length");
    let reached = match ask.content() {
        Content::None => Some(offset),
        Content::Sized(bytes) => {
            let reached = offset.checked_add(bytes).filter(|reached| *reached <= LENGTH_MAX);
            Some(reached.ok_or(Refusal::TooLarge)?)
        }
        Content::Open => None,
    };
    match (declared, reached) {
        (Some(declared), Some(reached)) => {
            let fits = if end == End::Here { declared == reached } else { declared >= reached };
            if fits { Ok(Some(declared)) } else { Err(Refusal::Length) }
        }
        (Some(declared), None) if declared < offset => Err(Refusal::Length),
        (None, Some(reached)) if end == End::Here => Ok(Some(reached)),
        (declared, _) => Ok(declared),
    }
}

/// They would be promises nobody keeps: here these fields mean nothing, in tus a lot.
fn pure(ask: &Ask<'_>) -> Result<(), Refusal> {
    let promised = ask.has("upload-concat") || ask.has("upload-checksum");
    if promised { Err(Refusal::Mixed) } else { Ok(()) }
}

/// Until draft -05, looking and cancelling say nothing of bytes (§5 and §7 there).
fn bare(ask: &Ask<'_>, rules: &Rules) -> Result<(), Refusal> {
    let fields = ["upload-offset", "upload-complete", "upload-incomplete"];
    let found = fields.into_iter().find(|name| rules.bare_looks && ask.has(name));
    found.map_or(Ok(()), |name| Err(Refusal::Malformed(name)))
}

/// The type of appended bytes (§6).
pub(crate) const MEDIA_TYPE: &str = "application/partial-upload";

#[cfg(test)]
mod tests;
