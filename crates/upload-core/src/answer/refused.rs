//! The status of every refusal in every dialect.

use super::{Answer, Facts, Problem, ProblemKind, allowed, rufh, tus};
use crate::dialect::{Dialect, Rules};
use crate::fields::decimal;
use crate::intent::Content;
use crate::refusal::Refusal;

pub(super) fn answer(dialect: Dialect, refusal: Refusal, facts: &Facts<'_>) -> Answer {
    let mut answer = Answer::new(status(dialect, refusal));
    dialect.sign(&mut answer.fields);
    match refusal {
        Refusal::TusVersion => answer.push("tus-version", tus::VERSION),
        Refusal::MediaType => answer.push("accept-patch", super::ACCEPT_PATCH),
        Refusal::Method(place) => answer.push("allow", allowed(place)),
        Refusal::Unavailable { retry_after_s } => {
            answer.fields.push(("retry-after", decimal(u64::from(retry_after_s))));
        }
        _ => {}
    }
    if let Dialect::Rufh(interop) = dialect {
        of_rufh(interop.rules(), refusal, facts, &mut answer);
    }
    let active = active(refusal, facts);
    match dialect {
        Dialect::Rufh(interop) => rufh_state(interop.rules(), refusal, facts, &mut answer),
        Dialect::Tus if active => answer.fields.push(("upload-offset", decimal(facts.offset))),
        Dialect::Segments if active => {
            let known = facts.spans.zip(facts.length);
            let field = known.map(|(spans, length)| ("range", super::ranges(spans, length)));
            answer.fields.extend(field);
        }
        Dialect::Tus | Dialect::Segments => {}
    }
    answer
}

/// Limits and problems.
fn of_rufh(rules: &Rules, refusal: Refusal, facts: &Facts<'_>, answer: &mut Answer) {
    match refusal {
        // §4.1.4: a 413 must tell the limits.
        Refusal::TooLarge
        | Refusal::TooSmall
        | Refusal::AppendTooLarge
        | Refusal::AppendTooSmall => rufh::limits(rules, facts, &mut answer.fields),
        _ => {}
    }
    if !rules.problems {
        return;
    }
    answer.problem = match refusal {
        Refusal::Offset { provided } => {
            let offsets = Some((facts.offset, provided));
            Some(Problem { kind: ProblemKind::Offset, offsets })
        }
        // §4.4.2: bytes for a complete upload are an inconsistent length since draft -09.
        Refusal::Complete(content) if content == Content::None || !rules.complete_is_length => {
            let known = !rules.whose;
            known.then_some(Problem { kind: ProblemKind::Complete, offsets: None })
        }
        Refusal::Complete(_) | Refusal::Length | Refusal::Beyond => {
            Some(Problem { kind: ProblemKind::Length, offsets: None })
        }
        _ => None,
    };
}

/// Whether the answer tells where the upload is: it goes on from there. Drafts -01 to -05 have the
/// offset in every answer of an active upload.
fn active(refusal: Refusal, facts: &Facts<'_>) -> bool {
    let silent = matches!(
        refusal,
        Refusal::Unknown
            | Refusal::Gone
            | Refusal::Forbidden
            | Refusal::Beyond
            | Refusal::Digest
            | Refusal::TusVersion
            | Refusal::FinalConcat
            | Refusal::ConcatPart
    );
    !silent && !facts.url.is_empty()
}

/// As [`rufh::state`], but a refusal never says complete: with an append that would make it the
/// answer of the application (§4.4.1). Until draft -11 it says nothing of a complete upload; since
/// then it says that it is no such answer (§4.1.2 there).
fn rufh_state(rules: &Rules, refusal: Refusal, facts: &Facts<'_>, answer: &mut Answer) {
    let hidden = matches!(refusal, Refusal::Unknown | Refusal::Gone | Refusal::Forbidden);
    let active = active(refusal, facts);
    if active && facts.complete && !rules.whose {
        answer.fields.push(("upload-offset", decimal(facts.offset)));
    } else if active {
        rufh::state(rules, &Facts { complete: false, ..*facts }, &mut answer.fields);
    } else if rules.whose && !hidden {
        answer.push(rules.completeness.0, b"?0");
    }
}

fn status(dialect: Dialect, refusal: Refusal) -> u16 {
    match refusal {
        Refusal::Mixed
        | Refusal::Malformed(_)
        | Refusal::Missing(_)
        | Refusal::ChecksumKind
        | Refusal::Length
        | Refusal::TooSmall
        | Refusal::AppendTooSmall
        | Refusal::ConcatPart
        | Refusal::Digest => 400,
        Refusal::Forbidden | Refusal::FinalConcat => 403,
        Refusal::Unknown => 404,
        Refusal::Method(_) => 405,
        Refusal::Offset { .. } | Refusal::Overlap | Refusal::Scattered | Refusal::Fenced => 409,
        Refusal::TusVersion => 412,
        Refusal::TooLarge | Refusal::AppendTooLarge => 413,
        Refusal::MediaType => 415,
        Refusal::Failed => 500,
        // tus names no status; tusd and @tus/server answer so, and clients go on without.
        Refusal::Unsupported => 501,
        Refusal::Unavailable { .. } => 503,
        Refusal::Full => 507,
        // tus: bytes that do not fit are too large for tusd and its clients. A client that missed
        // the last answer looks again after a 409, and finds that it is done.
        Refusal::Beyond => {
            if dialect == Dialect::Tus {
                413
            } else {
                400
            }
        }
        Refusal::Complete(_) => {
            if dialect == Dialect::Tus {
                409
            } else {
                400
            }
        }
        Refusal::Checksum => {
            if dialect == Dialect::Tus {
                CHECKSUM_MISMATCH
            } else {
                400
            }
        }
        Refusal::Gone => match dialect {
            Dialect::Rufh(interop) => interop.rules().gone,
            Dialect::Tus => 410,
            Dialect::Segments => 404,
        },
    }
}

/// Of tus, "Checksum".
const CHECKSUM_MISMATCH: u16 = 460;

#[cfg(test)]
mod tests;
