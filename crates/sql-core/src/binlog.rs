//! Events of the binary log, MariaDB and MySQL, as far as they name tables.

/// A GTID of either kind; ordered within one domain or source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gtid {
    /// `domain-server-sequence`.
    MariaDb {
        /// The replication domain.
        domain: u32,
        /// The server that wrote it first.
        server: u32,
        /// Within the domain.
        sequence: u64,
    },
    /// `uuid:number`.
    MySql {
        /// The source's UUID.
        source: [u8; 16],
        /// Within the source.
        number: u64,
    },
}
