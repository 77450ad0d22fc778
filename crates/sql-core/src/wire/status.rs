//! The status word of the server: 16 bits in every OK and EOF packet.
//!
//! Bits as in the server's `include/mysql_com.h` (`SERVER_STATUS_*`); those of MariaDB alone are
//! marked. Unknown bits are carried along unchanged.

use core::fmt;
use core::ops::{BitAnd, BitOr, Not};

/// The status word.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Status(pub u16);

impl Status {
    /// A transaction is open.
    pub const IN_TRANS: Self = Self(1);
    /// `autocommit` is on.
    pub const AUTOCOMMIT: Self = Self(1 << 1);
    /// Another result of the same command follows.
    pub const MORE_RESULTS: Self = Self(1 << 3);
    /// The statement used no good index.
    pub const NO_GOOD_INDEX_USED: Self = Self(1 << 4);
    /// The statement used no index.
    pub const NO_INDEX_USED: Self = Self(1 << 5);
    /// A cursor was opened: no rows follow, they are fetched.
    pub const CURSOR_EXISTS: Self = Self(1 << 6);
    /// The last row of a cursor was sent.
    pub const LAST_ROW_SENT: Self = Self(1 << 7);
    /// A database was dropped.
    pub const DB_DROPPED: Self = Self(1 << 8);
    /// A backslash in a string is a backslash: `sql_mode` has `NO_BACKSLASH_ESCAPES`.
    pub const NO_BACKSLASH_ESCAPES: Self = Self(1 << 9);
    /// A prepared statement was prepared again and its columns changed.
    pub const METADATA_CHANGED: Self = Self(1 << 10);
    /// The statement was slow.
    pub const QUERY_WAS_SLOW: Self = Self(1 << 11);
    /// This result holds the OUT parameters of a procedure.
    pub const PS_OUT_PARAMS: Self = Self(1 << 12);
    /// The open transaction is read only.
    pub const IN_TRANS_READONLY: Self = Self(1 << 13);
    /// The packet tells of changes of the session ([`Change`](super::Change)).
    pub const STATE_CHANGED: Self = Self(1 << 14);
    /// `sql_mode` has `ANSI_QUOTES` (MariaDB).
    pub const ANSI_QUOTES: Self = Self(1 << 15);

    /// Whether every bit of `bits` is set.
    #[must_use]
    pub const fn has(self, bits: Self) -> bool {
        self.0 & bits.0 == bits.0
    }

    /// These bits without `bits`.
    #[must_use]
    pub const fn without(self, bits: Self) -> Self {
        Self(self.0 & !bits.0)
    }
}

impl BitOr for Status {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for Status {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl Not for Status {
    type Output = Self;

    fn not(self) -> Self {
        Self(!self.0)
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Status({:#06x})", self.0)
    }
}
