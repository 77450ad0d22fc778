//! Whether a peer moves a body fast enough: the stall rule and the minimum rate.
//!
//! Counting must cost an addition; judging happens in a periodic sweep over all sessions. Time
//! comes in as milliseconds of any steady clock; this module never reads one. Waiting that is not
//! the peer's fault (the disk, the application, a peer not yet allowed to send) must not be counted
//! against it: tell [`Pace::waited`], or begin a new [`Pace`] after it.
//!
//! For downloads, bytes handed to the kernel say little: a socket buffer of megabytes fills at once
//! and then drains for minutes at a modest but healthy rate. Feed [`Pace::moved`] with what the
//! peer has taken (sent minus still unsent in the socket), or a healthy slow reader will look
//! stalled.

/// What is too slow. The three rules of a door; shared by all its sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaceLimits {
    /// Longest time without any progress, in milliseconds; 0 switches the rule off.
    pub stall_ms: u32,
    /// Lowest average rate in bytes per second over [`WINDOW_MS`]; 0 switches the rule off.
    pub rate_min_bytes_per_s: u32,
    /// Time from the start in which the rate is not yet measured, in milliseconds; at most 2^30.
    pub grace_ms: u32,
}

/// Which rule a peer broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaceBreach {
    /// No byte for longer than `stall_ms`.
    Stall,
    /// Below `rate_min_bytes_per_s` on average over the window.
    Rate,
}

/// The pace of one body in one direction.
///
/// Times are kept as the low 32 bits of the milliseconds, which is unambiguous as long as sweeps
/// come more often than every 24 days.
#[derive(Debug, Clone)]
pub struct Pace {
    /// Bytes in the current half window; while in the grace period, since the last judgement.
    current_bytes: u64,
    /// `current_bytes` at the last judgement; a difference is progress.
    seen_bytes: u64,
    /// Bytes in the half window before; saturates, which is fast enough for any limit.
    previous_bytes: u32,
    /// How long the half window before really was; 0: there was none yet.
    previous_ms: u32,
    /// When the current half window began; in the future during the grace period.
    half_start: u32,
    /// When progress was last seen.
    progress_at: u32,
}

impl Pace {
    /// A body that begins at `now_ms`.
    #[must_use]
    pub fn new(now_ms: u64, limits: &PaceLimits) -> Self {
        let now = low_bits(now_ms);
        Self {
            current_bytes: 0,
            seen_bytes: 0,
            previous_bytes: 0,
            previous_ms: 0,
            half_start: now.wrapping_add(limits.grace_ms.min(GRACE_MS_MAX)),
            progress_at: now,
        }
    }

    /// Counts bytes that arrived, or that the peer has taken.
    #[inline]
    pub const fn moved(&mut self, bytes: u64) {
        self.current_bytes = self.current_bytes.saturating_add(bytes);
    }

    /// The last `ms` milliseconds were not the peer's, and it was not judged in them: they count
    /// for nothing. The time of grace is not renewed: nobody gains by making us wait often.
    pub fn waited(&mut self, ms: u64) {
        let ms = u32::try_from(ms).unwrap_or(u32::MAX);
        self.half_start = self.half_start.wrapping_add(ms);
        self.progress_at = self.progress_at.wrapping_add(ms);
    }

    /// Judges at `now_ms`; to be called every second or so, for the stall rule is only as fine as
    /// the calls are frequent: it may find a stall late by one interval, never early.
    pub fn judge(&mut self, now_ms: u64, limits: &PaceLimits) -> Option<PaceBreach> {
        let now = low_bits(now_ms);
        if self.current_bytes != self.seen_bytes {
            self.seen_bytes = self.current_bytes;
            self.progress_at = now;
        } else if limits.stall_ms > 0 && now.wrapping_sub(self.progress_at) > limits.stall_ms {
            return Some(PaceBreach::Stall);
        }
        self.judge_rate(now, limits.rate_min_bytes_per_s)
    }

    /// Judges the last two half windows together whenever one ends, so the window slides by half
    /// its length and a burst can hide a drip for no longer than one window.
    fn judge_rate(&mut self, now: u32, rate_min: u32) -> Option<PaceBreach> {
        let elapsed = now.wrapping_sub(self.half_start);
        if elapsed > i32::MAX.cast_unsigned() {
            // Still in the grace period: what moves now must not shine on the time after it.
            self.current_bytes = 0;
            self.seen_bytes = 0;
            return None;
        }
        if elapsed < HALF_WINDOW_MS {
            return None;
        }
        let bytes = u128::from(self.current_bytes) + u128::from(self.previous_bytes);
        let ms = u64::from(elapsed) + u64::from(self.previous_ms);
        let whole_window = self.previous_ms > 0;
        let too_slow = bytes * 1000 < u128::from(rate_min) * u128::from(ms);

        self.previous_bytes = u32::try_from(self.current_bytes).unwrap_or(u32::MAX);
        self.previous_ms = elapsed;
        self.half_start = now;
        self.current_bytes = 0;
        self.seen_bytes = 0;
        (whole_window && too_slow).then_some(PaceBreach::Rate)
    }
}

/// The low 32 bits.
fn low_bits(ms: u64) -> u32 {
    u32::try_from(ms & u64::from(u32::MAX)).unwrap_or_default()
}

/// Length of the window the rate is averaged over, in milliseconds.
pub const WINDOW_MS: u32 = 20_000;
const HALF_WINDOW_MS: u32 = WINDOW_MS / 2;
/// Keeps the end of the grace period distinguishable from the past.
const GRACE_MS_MAX: u32 = 1 << 30;

const _: () = assert!(size_of::<Pace>() <= 32, "every held connection has one");

#[cfg(test)]
mod tests;
