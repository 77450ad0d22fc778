//! The follower: the door as a replica, so that writes that came another way are seen.

use std::time::Duration;

use menshen_sql_core::versions::Slot;

/// A MariaDB GTID, `domain-server-sequence`, or a MySQL one, `uuid:number`.
pub type Gtid = menshen_sql_core::binlog::Gtid;

/// Why the binary log is not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffReason {
    /// Kebab-case, stable.
    pub code: &'static str,
    /// What was found.
    pub claim: String,
    /// What to do.
    pub hint: &'static str,
}

/// How the follower is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FollowState {
    /// Up to date.
    Following,
    /// Connected or connecting, not yet up to date.
    Behind,
    /// Not following, and why.
    Off(OffReason),
}

/// Whether the cache may be used at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// No hits, no fills.
    Closed,
    /// Hits and fills.
    Open,
    /// Hits of entries that are younger than this, and fills.
    Young(Duration),
}

/// The handle sessions have.
#[derive(Clone, Debug)]
pub struct Follower {
    _shared: (),
}

impl Follower {
    /// One atomic load: asked before every hit and every fill.
    pub fn gate(&self) -> Gate {
        unimplemented!()
    }

    /// For status.
    pub fn state(&self) -> FollowState {
        unimplemented!()
    }

    /// A write through the door was acknowledged with this GTID (as the OK reported `last_gtid`)
    /// and is known to have changed these slots. To be called BEFORE `Versions::end` of them, on
    /// the session's thread; it takes one short lock.
    pub fn own_commit(&self, _gtid: &[u8], _slots: &[Slot]) {
        unimplemented!()
    }
}
