//! Clocks: a monotonic one in milliseconds for deadlines, the wall clock for logs and dates.

use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// Milliseconds of a monotonic clock, with the kernel's tick as resolution (about 4 ms).
#[must_use]
pub fn coarse_ms() -> u64 {
    millis(clock_gettime(ClockId::MonotonicCoarse))
}

/// Microseconds of a monotonic clock.
#[must_use]
pub fn micros() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000
        + u64::try_from(now.tv_nsec / 1000).unwrap_or(0)
}

/// Seconds since 1970.
#[must_use]
pub fn unix_s() -> u64 {
    u64::try_from(clock_gettime(ClockId::RealtimeCoarse).tv_sec).unwrap_or(0)
}

/// Milliseconds since 1970.
#[must_use]
pub fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(0)
}

/// Nanoseconds since 1970, for comparison with the times of files.
#[must_use]
pub fn unix_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

fn millis(time: rustix::time::Timespec) -> u64 {
    u64::try_from(time.tv_sec).unwrap_or(0) * 1000
        + u64::try_from(time.tv_nsec / 1_000_000).unwrap_or(0)
}
