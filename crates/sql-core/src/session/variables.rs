//! The session's variables as the server reports them, and the text that a fingerprint stands for.
//!
//! The server is asked to report every change (`session_track_system_variables = '*'`), and once
//! the values that shape results ([`tracking`]). A variable this module has never heard of splits
//! the fingerprint, so it costs hits and never a wrong result; only those known not to shape a
//! cacheable result are left out.
//!
//! How it fails: an old server reports nothing; then the session is never cached.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::lexer::{Dialect, Server};

/// Session variables by name, as reported.
#[derive(Debug, Default, Clone)]
pub struct Variables {
    /// Sorted by name; names in lower case.
    known: Vec<(Name, Box<[u8]>)>,
    /// Read for every statement.
    level: Option<Isolation>,
    /// So is this: `sql_auto_is_null` is on.
    auto_is_null: bool,
    /// And this: `wait_timeout`, seconds, if it is a number above 0.
    wait_timeout: Option<u64>,
}

/// How fresh the reads of a session are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// `READ-COMMITTED`.
    ReadCommitted,
    /// `REPEATABLE-READ`.
    RepeatableRead,
    /// Any other.
    Other,
}

impl Variables {
    /// Takes a report; whether the text of a fingerprint changes with it.
    pub fn set(&mut self, name: &[u8], value: &[u8]) -> bool {
        let name = name.to_ascii_lowercase();
        let place = self.known.binary_search_by(|(known, _)| (**known).cmp(&name));
        let changed = match place {
            Ok(at) => match self.known.get_mut(at) {
                Some((_, old)) if **old != *value => {
                    *old = value.into();
                    true
                }
                _ => false,
            },
            Err(at) if self.known.len() < VARIABLES_MAX => {
                self.known.insert(at, (name.clone().into(), value.into()));
                true
            }
            Err(_) => false,
        };
        if changed && is_isolation(&name) {
            let value = self.get(b"transaction_isolation").or_else(|| self.get(b"tx_isolation"));
            self.level = value.map(Isolation::read);
        }
        if changed && name == b"sql_auto_is_null" {
            self.auto_is_null = value == b"ON";
        }
        if changed && name == b"wait_timeout" {
            self.wait_timeout = seconds(value).filter(|seconds| *seconds > 0);
        }
        changed && !is_noise(&name)
    }

    /// The value last reported; the name in lower case.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&[u8]> {
        let place = self.known.binary_search_by(|(known, _)| (**known).cmp(name)).ok()?;
        self.known.get(place).map(|(_, value)| &**value)
    }

    /// Whether the server reports at all: it has answered the first asking.
    #[must_use]
    pub fn are_tracked(&self) -> bool {
        self.get(b"session_track_system_variables") == Some(b"*")
            && self.get(b"sql_mode").is_some()
            && self.get(b"character_set_client").is_some()
            && self.isolation().is_some()
    }

    /// `transaction_isolation`, or `tx_isolation`.
    #[must_use]
    pub const fn isolation(&self) -> Option<Isolation> {
        self.level
    }

    /// Whether `sql_auto_is_null` is on.
    #[must_use]
    pub const fn auto_is_null(&self) -> bool {
        self.auto_is_null
    }

    /// `wait_timeout`, seconds, above 0.
    #[must_use]
    pub const fn wait_timeout(&self) -> Option<u64> {
        self.wait_timeout
    }

    /// Forgets all, as the server does at a reset.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Appends `name=value` of all that may shape results, exactly and without ambiguity.
    pub fn write(&self, text: &mut Vec<u8>) {
        for (name, value) in self.known.iter().filter(|(name, _)| !is_noise(name)) {
            for part in [name, value] {
                text.extend_from_slice(&part.len().to_le_bytes());
                text.extend_from_slice(part);
            }
        }
    }
}

impl Isolation {
    /// The level of this name.
    #[must_use]
    pub fn read(value: &[u8]) -> Self {
        match value {
            b"READ-COMMITTED" => Self::ReadCommitted,
            b"REPEATABLE-READ" => Self::RepeatableRead,
            _ => Self::Other,
        }
    }
}

fn seconds(text: &[u8]) -> Option<u64> {
    text.iter().try_fold(0_u64, |sum, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit & 15))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

/// In lower case.
type Name = Box<[u8]>;

/// Whether it is the name of the isolation level, which MySQL has given another one.
pub(super) fn is_isolation(name: &[u8]) -> bool {
    [&b"tx_isolation"[..], b"transaction_isolation"].iter().any(|it| name.eq_ignore_ascii_case(it))
}

/// The statement that makes the server report: once what shapes results, from then on every change.
///
/// Variables are assigned to themselves, which reports them and changes nothing; so are those in
/// `more`, which are names as [`is_plain`] says.
#[must_use]
pub(super) fn tracking(server: Server, more: &[Box<[u8]>]) -> Vec<u8> {
    let mut text =
        b"SET SESSION session_track_system_variables='*', session_track_state_change=1".to_vec();
    let isolation: &[u8] = match server.dialect {
        Dialect::Mysql if server.version >= 50_720 => b"transaction_isolation",
        _ => b"tx_isolation",
    };
    let names = SHAPING.iter().copied().chain([isolation]);
    let extra: &[&[u8]] = match server {
        Server { dialect: Dialect::Mariadb, version: 110_200.. } => {
            &[b"old_mode", b"character_set_collations", b"block_encryption_mode"]
        }
        Server { dialect: Dialect::Mariadb, version: 100_200.. } => &[b"old_mode"],
        Server { dialect: Dialect::Mysql, version: 50_700.. } => &[b"block_encryption_mode"],
        Server { .. } => &[],
    };
    for name in names.chain(extra.iter().copied()).chain(more.iter().map(|name| &**name)) {
        for part in [b", ", name, b"=@@", name] {
            text.extend_from_slice(part);
        }
    }
    text
}

/// Whether it may stand in a statement as it is.
pub(super) fn is_plain(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// Whether [`tracking`] makes the server report it on all servers.
#[must_use]
pub(super) fn is_reported_again(name: &[u8]) -> bool {
    SHAPING.contains(&name) || name.starts_with(b"session_track_") || is_noise(name)
}

/// Variables that do not shape what a cacheable SELECT returns. `timestamp` only shapes functions
/// that are not cacheable, and fixes them in other ways: see `Session`.
pub(super) fn is_noise(name: &[u8]) -> bool {
    name.starts_with(b"session_track_") || NOISE.binary_search(&name).is_ok()
}

/// What the query cache's key holds (`Query_cache_query_flags` in `sql/sql_cache.h`), what else
/// shapes results, and what the door itself needs to know.
const SHAPING: &[&[u8]] = &[
    b"sql_mode",
    b"time_zone",
    b"character_set_client",
    b"character_set_results",
    b"collation_connection",
    b"sql_select_limit",
    b"max_sort_length",
    b"group_concat_max_len",
    b"default_week_format",
    b"div_precision_increment",
    b"lc_time_names",
    b"sql_auto_is_null",
    b"wait_timeout",
];

/// Sorted.
const NOISE: &[&[u8]] = &[
    b"auto_increment_increment",
    b"auto_increment_offset",
    b"autocommit",
    b"binlog_format",
    b"binlog_row_image",
    b"character_set_server",
    b"collation_server",
    b"completion_type",
    b"debug_dbug",
    b"foreign_key_checks",
    b"gtid_domain_id",
    b"gtid_seq_no",
    b"identity",
    b"innodb_lock_wait_timeout",
    b"insert_id",
    b"interactive_timeout",
    b"last_gtid",
    b"last_insert_id",
    b"lock_wait_timeout",
    b"long_query_time",
    b"net_read_timeout",
    b"net_retry_count",
    b"net_write_timeout",
    b"profiling_history_size",
    b"pseudo_thread_id",
    b"query_cache_type",
    b"query_cache_wlock_invalidate",
    b"rand_seed1",
    b"rand_seed2",
    b"server_id",
    b"skip_replication",
    b"slow_query_log",
    b"sql_log_bin",
    b"sql_log_off",
    b"sql_quote_show_create",
    b"sql_safe_updates",
    b"timestamp",
    b"transaction_isolation",
    b"transaction_read_only",
    b"tx_isolation",
    b"tx_read_only",
    b"unique_checks",
    b"wait_timeout",
    b"warning_count",
];

/// Servers have fewer than a thousand.
const VARIABLES_MAX: usize = 2048;

#[cfg(test)]
mod tests;
