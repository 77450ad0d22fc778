//! Signed links: whatever is taken has exactly one spelling, and a MAC over all of it.

use crate::link::tally::Tally;
use crate::link::{Sealed, TEXT_BYTES_MAX};

/// Links: what is read is written the same, and no other MAC verifies it.
pub fn link(data: &[u8]) {
    let _ = Tally::read(data);
    let Ok(sealed) = Sealed::read(data) else { return };
    assert!(data.len() <= TEXT_BYTES_MAX, "a long text was read");
    assert!(sealed.verify(|_| [0x5a; 32]).is_err() || data.len() > 20);
    let Ok(claims) = sealed.unverified() else { return };
    assert_eq!(claims.check(), Ok(()), "claims nobody would have sealed");
    // The MAC differs, everything before it is the same text.
    let again = claims.seal(sealed.key(), |_| [0; 32]).unwrap_or_default();
    let again = Sealed::read(again.as_bytes());
    let same = again.map(|again| again.unverified());
    assert_eq!(same, Ok(Ok(claims)), "a second spelling");
}
