//! What status says of the bucket of the file service.

use std::fmt::Write;

use menshen_base::{BucketMode, BucketWhy, Counter};
use menshen_sys::ScoreView;
use serde::Serialize;

use super::{bytes, living, sum};

/// The bucket, over all workers; figures since the guard began.
#[derive(Debug, Serialize)]
pub(super) struct Bucket {
    /// `asking`, `conditional`, `listed`, `away` or `refused`: what the worker that fares worst
    /// sees.
    mode: &'static str,
    /// What that means.
    meaning: &'static str,
    /// Why it is away or refused.
    why: Option<&'static str>,
    requests: u64,
    retries: u64,
    failures: u64,
    sent_bytes: u64,
    received_bytes: u64,
    reads_resumed: u64,
    answered_away: u64,
    buffer_waits: u64,
}

/// Reads what the scoreboard has; none where no worker has a bucket.
pub(super) fn read(board: ScoreView) -> Option<Bucket> {
    let seen = living(board).filter_map(|slot| {
        let mode = BucketMode::of(slot.get(Counter::S3Mode))?;
        Some((mode, BucketWhy::of(slot.get(Counter::S3Why))))
    });
    let (mode, why) = seen.max_by_key(|(mode, _)| rank(*mode))?;
    let sum = |counter| sum(board, counter);
    Some(Bucket {
        mode: mode.word(),
        meaning: mode.text(),
        why: why.map(BucketWhy::text),
        requests: sum(Counter::S3Requests),
        retries: sum(Counter::S3Retries),
        failures: sum(Counter::S3Failures),
        sent_bytes: sum(Counter::S3BytesOut),
        received_bytes: sum(Counter::S3BytesIn),
        reads_resumed: sum(Counter::S3Resumed),
        answered_away: sum(Counter::S3Away),
        buffer_waits: sum(Counter::S3Waits),
    })
}

/// As text for people.
pub(super) fn text(out: &mut String, bucket: Option<&Bucket>) {
    let Some(bucket) = bucket else { return };
    let _ = writeln!(out, "\nbucket     {}: it {}", bucket.mode, bucket.meaning);
    if let Some(why) = bucket.why {
        let _ = writeln!(out, "           why: {why}");
    }
    let _ = writeln!(
        out,
        "           {} requests, {} retries, {} failures, {} sent, {} received",
        bucket.requests,
        bucket.retries,
        bucket.failures,
        bytes(bucket.sent_bytes),
        bytes(bucket.received_bytes)
    );
    let _ = writeln!(
        out,
        "           {} reads resumed, {} requests answered 503, {} waits for buffers",
        bucket.reads_resumed, bucket.answered_away, bucket.buffer_waits
    );
}

const fn rank(mode: BucketMode) -> u32 {
    match mode {
        BucketMode::Conditional => 0,
        BucketMode::Listed => 1,
        BucketMode::Asking => 2,
        BucketMode::Away => 3,
        BucketMode::Refused => 4,
    }
}
