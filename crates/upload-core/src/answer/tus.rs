//! Answers of tus 1.0.0 (tus.io/protocols/resumable-upload; sections by their names).

use super::{Answer, Facts, expires};
use crate::dialect::Dialect;
use crate::fields::decimal;
use crate::intent::Concat;

pub(super) use crate::intent::TUS_VERSION as VERSION;

/// "Creation", "Creation With Upload", "Expiration"
pub(super) fn created(facts: &Facts<'_>) -> Answer {
    let mut answer = signed(201);
    answer.push("location", facts.url.as_bytes());
    answer.fields.push(("upload-offset", decimal(facts.offset)));
    answer.fields.extend(expires(facts).map(|date| ("upload-expires", date)));
    answer
}

/// "PATCH", "Expiration"
pub(super) fn appended(facts: &Facts<'_>) -> Answer {
    let mut answer = signed(204);
    answer.fields.push(("upload-offset", decimal(facts.offset)));
    answer.fields.extend(expires(facts).map(|date| ("upload-expires", date)));
    answer
}

/// "HEAD", "Creation", "Concatenation": a sum has an offset only once it is whole.
pub(super) fn looked(facts: &Facts<'_>) -> Answer {
    let mut answer = signed(200);
    let sum = matches!(facts.concat, Some(Concat::Final(_)));
    if !sum || facts.complete {
        answer.fields.push(("upload-offset", decimal(facts.offset)));
    }
    match facts.length {
        Some(length) => answer.fields.push(("upload-length", decimal(length))),
        None if sum => {}
        None => answer.push("upload-defer-length", b"1"),
    }
    if !facts.metadata.is_empty() {
        answer.push("upload-metadata", facts.metadata);
    }
    match facts.concat {
        Some(Concat::Partial) => answer.push("upload-concat", b"partial"),
        Some(Concat::Final(urls)) => {
            let value = [b"final;".as_slice(), &urls.join(&b' ')].concat();
            answer.fields.push(("upload-concat", value));
        }
        Some(Concat::None) | None => {}
    }
    answer.fields.extend(expires(facts).map(|date| ("upload-expires", date)));
    answer.push("cache-control", b"no-store");
    answer
}

fn signed(status: u16) -> Answer {
    let mut answer = Answer::new(status);
    Dialect::Tus.sign(&mut answer.fields);
    answer
}

/// The extensions that are there.
pub(super) const EXTENSIONS: &[u8] = b"creation,creation-with-upload,creation-defer-length,\
    termination,checksum,expiration";
/// One more, where uploads can be summed up.
pub(super) const SUMS: &[u8] = b",concatenation";

#[cfg(test)]
mod tests;
