//! Capabilities: what server and client agree on in greeting and login.
//!
//! The low 32 bits are those of MySQL (`CLIENT_*` in `include/mysql_com.h`); the high 32 bits are
//! MariaDB's own, which stand in the last four reserved bytes of greeting and login and exist only
//! where [`Capabilities::MYSQL`] is *not* set.

use core::fmt;
use core::ops::{BitAnd, BitOr, Not};

/// A set of capabilities. What holds on a link is `greeting & login`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Capabilities(pub u64);

impl Capabilities {
    /// `CLIENT_LONG_PASSWORD`, for MariaDB `CLIENT_MYSQL`: set means "no MariaDB capabilities
    /// here".
    pub const MYSQL: Self = Self(1);
    /// Affected rows are found rows.
    pub const FOUND_ROWS: Self = Self(1 << 1);
    /// Column flags are two bytes.
    pub const LONG_FLAG: Self = Self(1 << 2);
    /// The login names a database.
    pub const CONNECT_WITH_DB: Self = Self(1 << 3);
    /// `database.table.column` is not allowed.
    pub const NO_SCHEMA: Self = Self(1 << 4);
    /// zlib compression of the whole stream.
    pub const COMPRESS: Self = Self(1 << 5);
    /// ODBC behaviour; nothing in the protocol.
    pub const ODBC: Self = Self(1 << 6);
    /// `LOAD DATA LOCAL INFILE`.
    pub const LOCAL_FILES: Self = Self(1 << 7);
    /// Blanks before `(` are ignored.
    pub const IGNORE_SPACE: Self = Self(1 << 8);
    /// The protocol of 4.1, the only one the door speaks.
    pub const PROTOCOL_41: Self = Self(1 << 9);
    /// `interactive_timeout` counts instead of `wait_timeout`.
    pub const INTERACTIVE: Self = Self(1 << 10);
    /// TLS.
    pub const SSL: Self = Self(1 << 11);
    /// The client ignores SIGPIPE; nothing in the protocol.
    pub const IGNORE_SIGPIPE: Self = Self(1 << 12);
    /// Status words are sent.
    pub const TRANSACTIONS: Self = Self(1 << 13);
    /// An old name of [`Self::PROTOCOL_41`].
    pub const RESERVED: Self = Self(1 << 14);
    /// Scrambles of 20 bytes.
    pub const SECURE_CONNECTION: Self = Self(1 << 15);
    /// Several statements in one `COM_QUERY`.
    pub const MULTI_STATEMENTS: Self = Self(1 << 16);
    /// Several results of one `COM_QUERY`.
    pub const MULTI_RESULTS: Self = Self(1 << 17);
    /// Several results of one `COM_STMT_EXECUTE`.
    pub const PS_MULTI_RESULTS: Self = Self(1 << 18);
    /// Authentication plugins are named.
    pub const PLUGIN_AUTH: Self = Self(1 << 19);
    /// The login carries connection attributes.
    pub const CONNECT_ATTRS: Self = Self(1 << 20);
    /// The answer to the scramble has a length-encoded length.
    pub const PLUGIN_AUTH_LENENC: Self = Self(1 << 21);
    /// The client can log in with an expired password.
    pub const EXPIRED_PASSWORDS: Self = Self(1 << 22);
    /// OK packets tell of changes of the session.
    pub const SESSION_TRACK: Self = Self(1 << 23);
    /// No EOF packets: none after the columns, an OK packet with 0xFE after the rows.
    pub const DEPRECATE_EOF: Self = Self(1 << 24);
    /// Column definitions may be left out (MySQL 8).
    pub const OPTIONAL_METADATA: Self = Self(1 << 25);
    /// zstd compression of the whole stream (MySQL 8).
    pub const ZSTD: Self = Self(1 << 26);
    /// `COM_QUERY` and `COM_STMT_EXECUTE` carry attributes, in another layout (MySQL 8).
    pub const QUERY_ATTRIBUTES: Self = Self(1 << 27);
    /// More than one factor of authentication (MySQL 8).
    pub const MULTI_FACTOR: Self = Self(1 << 28);
    /// Reserved for more capabilities (MySQL), `CLIENT_PROGRESS_OBSOLETE` (MariaDB).
    pub const EXTENSION: Self = Self(1 << 29);
    /// Certificates are verified; meant inside the client library only.
    pub const SSL_VERIFY: Self = Self(1 << 30);
    /// Options are remembered over a reconnect; meant inside the client library only.
    pub const REMEMBER_OPTIONS: Self = Self(1 << 31);
    /// MariaDB: progress reports.
    pub const PROGRESS: Self = Self(1 << 32);
    /// MariaDB: `COM_MULTI`, withdrawn.
    pub const COM_MULTI: Self = Self(1 << 33);
    /// MariaDB: `COM_STMT_BULK_EXECUTE`.
    pub const BULK: Self = Self(1 << 34);
    /// MariaDB: column definitions carry extended type information.
    pub const EXTENDED_METADATA: Self = Self(1 << 35);
    /// MariaDB: column definitions are left out when a statement is executed again.
    pub const CACHE_METADATA: Self = Self(1 << 36);
    /// MariaDB: one result for each row of a bulk execution.
    pub const BULK_UNIT_RESULTS: Self = Self(1 << 37);

    /// What the door lets through from the server's greeting to the client: everything whose
    /// layout it knows. Compression (the cache must read), query attributes, left-out column
    /// definitions (an entry must be complete) and unknown bits are not offered. TLS is not in it:
    /// the door offers it when it has a certificate of its own.
    pub const RELAYED: Self = Self(
        (0xffff_ffff
            & !(Self::COMPRESS.0
                | Self::SSL.0
                | Self::OPTIONAL_METADATA.0
                | Self::ZSTD.0
                | Self::QUERY_ATTRIBUTES.0))
            | Self::PROGRESS.0
            | Self::BULK.0
            | Self::EXTENDED_METADATA.0
            | Self::BULK_UNIT_RESULTS.0,
    );

    /// What changes the bytes of a reply; part of every key of the cache.
    pub const SHAPING: Self = Self(
        Self::LONG_FLAG.0
            | Self::PROTOCOL_41.0
            | Self::TRANSACTIONS.0
            | Self::MULTI_RESULTS.0
            | Self::PS_MULTI_RESULTS.0
            | Self::SESSION_TRACK.0
            | Self::DEPRECATE_EOF.0
            | Self::EXTENDED_METADATA.0
            | Self::CACHE_METADATA.0
            | Self::OPTIONAL_METADATA.0,
    );

    /// Whether every capability of `others` is in this set.
    #[must_use]
    pub const fn has(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// This set without `others`.
    #[must_use]
    pub const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// The 32 bits of MySQL.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the low half is what is asked for")]
    pub const fn low(self) -> u32 {
        self.0 as u32
    }

    /// The 32 bits of MariaDB.
    #[must_use]
    pub const fn high(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// From both halves; the high one does not count where [`Self::MYSQL`] is set.
    #[must_use]
    pub const fn from_halves(low: u32, high: u32) -> Self {
        let high = if low & 1 == 0 { high } else { 0 };
        Self(low as u64 | (high as u64) << 32)
    }
}

impl BitOr for Capabilities {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for Capabilities {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl Not for Capabilities {
    type Output = Self;

    fn not(self) -> Self {
        Self(!self.0)
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Capabilities({:#012x})", self.0)
    }
}
