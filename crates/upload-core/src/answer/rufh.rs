//! Answers of RUFH (`draft-ietf-httpbis-resumable-upload`; sections are those of draft -11).

use alloc::vec::Vec;

use super::{Answer, Facts, Interim};
use crate::dialect::Rules;
use crate::fields::decimal;

/// §4.2.2
pub(super) fn created(rules: &Rules, facts: &Facts<'_>) -> Answer {
    let mut answer = Answer::new(201);
    answer.push("location", facts.url.as_bytes());
    state(rules, facts, &mut answer.fields);
    limits(rules, facts, &mut answer.fields);
    answer
}

/// §4.4.2
pub(super) fn appended(rules: &Rules, facts: &Facts<'_>) -> Answer {
    let mut answer = Answer::new(rules.appended);
    state(rules, facts, &mut answer.fields);
    answer
}

/// §4.3.2
pub(super) fn looked(rules: &Rules, facts: &Facts<'_>) -> Answer {
    let mut answer = Answer::new(204);
    state(rules, facts, &mut answer.fields);
    if let Some(length) = facts.length {
        answer.fields.push(("upload-length", decimal(length)));
    }
    limits(rules, facts, &mut answer.fields);
    answer.push("cache-control", b"no-store");
    answer
}

/// §5. The address comes once, progress without it (§4.4.2).
pub(super) fn interim(rules: &Rules, interim: Interim, facts: &Facts<'_>) -> Option<Answer> {
    let number = u64::try_from(rules.number?).ok()?;
    let mut answer = Answer::new(104);
    answer.fields.push(("upload-draft-interop-version", decimal(number)));
    match interim {
        Interim::Created => {
            answer.push("location", facts.url.as_bytes());
            limits(rules, facts, &mut answer.fields);
        }
        Interim::Progress if rules.progress => {
            answer.fields.push(("upload-offset", decimal(facts.offset)));
        }
        Interim::Progress => return None,
    }
    Some(answer)
}

/// Offset and completeness. Newer versions do without the offset in most answers, but clients that
/// exist (tus-js-client 4) read it in all of them.
pub(super) fn state(rules: &Rules, facts: &Facts<'_>, out: &mut Vec<(&'static str, Vec<u8>)>) {
    let (name, complete) = rules.completeness;
    let value: &[u8] = if facts.complete == complete { b"?1" } else { b"?0" };
    out.push((name, value.to_vec()));
    out.push(("upload-offset", decimal(facts.offset)));
}

/// `Upload-Limit` with what is left of the upload's life, where the version has it.
pub(super) fn limits(rules: &Rules, facts: &Facts<'_>, out: &mut Vec<(&'static str, Vec<u8>)>) {
    let Some(key) = rules.age else { return };
    let left = facts.expires.map(|expires| (key, expires.saturating_sub(facts.now)));
    out.push(("upload-limit", facts.limits.field(left)));
}

#[cfg(test)]
mod tests;
