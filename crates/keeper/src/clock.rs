//! Clock and chance of this process; whoever decides anything gets them as arguments.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::schedule::Share;

/// Seconds since 1970; 0 under a clock that shows a time before.
pub(crate) fn unix_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// A share by chance. It only spreads load, so the middle does where the kernel gives none.
pub(crate) fn share() -> Share {
    let mut bytes = [0; 4];
    match rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::NONBLOCK) {
        Ok(4) => Share(u32::from_le_bytes(bytes)),
        _ => Share(1 << 31),
    }
}
