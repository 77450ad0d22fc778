//! The story as JSON. Names of fields and codes stay as they are; names of programs are plain
//! strings, with what was no text in them as `\xNN`.

use alloc::string::String;

use menshen_base::Finding;
use serde::Serialize;

use super::{
    Broken, Completeness, Counts, Entry, Killed, Night, Recorded, Report, Shortage, Source,
};

/// The night as JSON, with a line end.
#[must_use]
pub fn json(night: &Night, report: &Report, recorded: Option<&Recorded>) -> String {
    let whole = Whole {
        headline: &report.headline,
        complete: report.completeness.complete,
        kills: &night.kills,
        kills_left_out: night.kills_left_out,
        events: &night.entries,
        shortages: &night.shortages,
        findings: &report.findings,
        completeness: &report.completeness,
        counts: &night.counts,
        sources: &night.sources,
        broken: &night.broken,
        recorder: recorded,
    };
    // Strings and numbers only: nothing in it can fail to become JSON.
    serde_json::to_string_pretty(&whole).unwrap_or_default() + "\n"
}

#[derive(Serialize)]
struct Whole<'a> {
    headline: &'a str,
    complete: bool,
    kills: &'a [Killed],
    kills_left_out: u64,
    events: &'a [Entry],
    shortages: &'a [Shortage],
    findings: &'a [Finding],
    completeness: &'a Completeness,
    counts: &'a Counts,
    sources: &'a [Source],
    broken: &'a [Broken],
    #[serde(skip_serializing_if = "Option::is_none")]
    recorder: Option<&'a Recorded>,
}
