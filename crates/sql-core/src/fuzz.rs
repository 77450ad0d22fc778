//! Entry points for fuzzing: each takes any bytes and panics when an invariant of its module
//! breaks.
//!
//! The same functions serve the fuzz targets in `fuzz/`, the replay of the committed corpus
//! (`tests/corpus.rs`) and the property tests. Nothing else may call them. A new target is a
//! function here, a row in [`TARGETS`], a file in `fuzz/fuzz_targets/` and seeds in `fuzz/corpus/`,
//! all named with `sql-` before the function's name.

pub use binlog::binlog;
pub use judged::{catalog, digest, judge, surface};
pub use statement::{lexer, statement};
pub use wire::{login, packets, prepared, response, status};

mod binlog;
pub(crate) mod judged;
pub(crate) mod statement;
pub(crate) mod wire;

/// One fuzz target: checks the invariants on any bytes.
pub type Target = fn(&[u8]);

/// Every target by the name of its corpus folder.
pub const TARGETS: &[(&str, Target)] = &[
    ("sql-binlog", binlog),
    ("sql-catalog", catalog),
    ("sql-digest", digest),
    ("sql-judge", judge),
    ("sql-lexer", lexer),
    ("sql-login", login),
    ("sql-packets", packets),
    ("sql-prepared", prepared),
    ("sql-response", response),
    ("sql-statement", statement),
    ("sql-status", status),
    ("sql-surface", surface),
];
