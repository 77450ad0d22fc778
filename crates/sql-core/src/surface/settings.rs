//! The query cache's variables and counters as values, with the server's defaults and bounds.
//!
//! Source: MariaDB `sql/sys_vars.cc`, `sql/sql_cache.cc`. It never holds a cache itself. It cannot
//! fail.

use serde::{Deserialize, Serialize};

use crate::judge::CacheType;

/// One setting with its new value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// `query_cache_type`.
    CacheType(CacheType),
    /// `query_cache_size`, bytes.
    Size(u64),
    /// `query_cache_limit`, bytes.
    Limit(u64),
    /// `query_cache_min_res_unit`, bytes.
    MinResUnit(u64),
    /// `query_cache_wlock_invalidate`.
    WlockInvalidate(bool),
    /// `query_cache_strip_comments`.
    StripComments(bool),
}

/// The variables of all sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Globals {
    /// `query_cache_type` for new sessions; `Off` also stops all others.
    pub cache_type: CacheType,
    /// `query_cache_size` in bytes, a multiple of 1024; 0 is no cache.
    pub size: u64,
    /// `query_cache_limit`: the longest result kept, in bytes.
    pub limit: u64,
    /// `query_cache_min_res_unit` in bytes; kept for those who ask, without effect here.
    pub min_res_unit: u64,
    /// `query_cache_wlock_invalidate` for new sessions.
    pub wlock_invalidate: bool,
    /// `query_cache_strip_comments` for new sessions.
    pub strip_comments: bool,
    /// What `SET GLOBAL query_cache_type = DEFAULT` restores: the configuration's.
    pub cache_type_default: CacheType,
    /// What `SET GLOBAL query_cache_size = DEFAULT` restores: the configuration's.
    pub size_default: u64,
    /// What `SET GLOBAL query_cache_limit = DEFAULT` restores: the configuration's.
    pub limit_default: u64,
}

impl Globals {
    /// The server's default of `query_cache_min_res_unit`, bytes.
    pub const MIN_RES_UNIT: u64 = 4096;
    /// The least `query_cache_size` that is not taken for 0, bytes: as MariaDB 10.11 refuses it.
    pub const SIZE_MIN: u64 = 49 * 1024;
    /// The greatest `query_cache_size`, bytes; a greater one fails like an allocation in the
    /// server.
    pub const SIZE_MAX: u64 = 1 << 44;

    /// Changes one setting.
    pub const fn apply(&mut self, setting: Setting) {
        match setting {
            Setting::CacheType(value) => self.cache_type = value,
            Setting::Size(value) => self.size = value,
            Setting::Limit(value) => self.limit = value,
            Setting::MinResUnit(value) => self.min_res_unit = value,
            Setting::WlockInvalidate(value) => self.wlock_invalidate = value,
            Setting::StripComments(value) => self.strip_comments = value,
        }
    }

    /// The settings of the configuration.
    #[must_use]
    pub const fn new(cache_type: CacheType, size: u64, limit: u64) -> Self {
        Self {
            cache_type,
            size,
            limit,
            min_res_unit: Self::MIN_RES_UNIT,
            wlock_invalidate: false,
            strip_comments: false,
            cache_type_default: cache_type,
            size_default: size,
            limit_default: limit,
        }
    }
}

/// The variables of one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Locals {
    /// `@@session.query_cache_type`.
    pub cache_type: CacheType,
    /// `@@session.query_cache_wlock_invalidate`: `LOCK TABLES … WRITE` invalidates.
    pub wlock_invalidate: bool,
    /// `@@session.query_cache_strip_comments`: comments and repeated blanks are no part of the key.
    pub strip_comments: bool,
}

impl Locals {
    /// Changes one setting; those that no session has stay.
    pub const fn apply(&mut self, setting: Setting) {
        match setting {
            Setting::CacheType(value) => self.cache_type = value,
            Setting::WlockInvalidate(value) => self.wlock_invalidate = value,
            Setting::StripComments(value) => self.strip_comments = value,
            Setting::Size(_) | Setting::Limit(_) | Setting::MinResUnit(_) => {}
        }
    }

    /// The settings of a session that begins, or is reset.
    #[must_use]
    pub const fn new(globals: &Globals) -> Self {
        Self {
            cache_type: globals.cache_type,
            wlock_invalidate: globals.wlock_invalidate,
            strip_comments: globals.strip_comments,
        }
    }
}

/// The eight counters of the query cache, `SHOW STATUS LIKE 'Qcache%'`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Qcache {
    /// `Qcache_free_blocks`.
    pub free_blocks: u64,
    /// `Qcache_free_memory`, bytes.
    pub free_memory: u64,
    /// `Qcache_hits` since `FLUSH STATUS`.
    pub hits: u64,
    /// `Qcache_inserts` since `FLUSH STATUS`.
    pub inserts: u64,
    /// `Qcache_lowmem_prunes` since `FLUSH STATUS`.
    pub lowmem_prunes: u64,
    /// `Qcache_not_cached` since `FLUSH STATUS`.
    pub not_cached: u64,
    /// `Qcache_queries_in_cache`.
    pub queries_in_cache: u64,
    /// `Qcache_total_blocks`.
    pub total_blocks: u64,
}

/// The eight counters, and the hits that the server does not see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Status {
    /// The eight.
    pub qcache: Qcache,
    /// Hits since the process began, which `FLUSH STATUS` leaves alone.
    pub hits_ever: u64,
    /// Hits of this session since its `FLUSH STATUS`, for its `Com_select` and `Questions`.
    pub session_hits: u64,
}
