//! From a name to what is below it (reads) and behind it (writes).

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{Acts, Catalog, Name, RoutineKind};

/// Why a read of a name is never cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uncacheable {
    /// There is no such table or view (or it is a temporary one).
    Absent,
    /// The catalog does not know it: not read, being changed, too many tables.
    Unknown,
    /// A sequence.
    Sequence,
    /// A table WITH SYSTEM VERSIONING.
    Versioned,
    /// Its rows come from elsewhere.
    Foreign,
    /// A table of the server itself.
    System,
    /// Changes of its database may be missing in the binary log.
    Blind,
    /// Views nested deeper, or naming more, than is looked at.
    Deep,
}

/// What a read depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Depends {
    /// These names (the one asked for among them), and for views the functions they call: each
    /// must be a built-in one that is allowed.
    On {
        /// Tables and views, each once.
        names: Vec<Name>,
        /// `(database if written, name)` of every call in the definitions of views.
        calls: Vec<(Option<Box<str>>, Box<str>)>,
        /// Whether all tables take part in transactions.
        transactional: bool,
    },
    /// Never cached.
    Not(Uncacheable),
}

/// What a write changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Affected {
    /// These names, each once.
    Names(Vec<Name>),
    /// Nobody can tell: everything.
    Everything,
}

pub(super) fn depends(_catalog: &Catalog, _db: &str, _table: &str) -> Depends {
    unimplemented!()
}

pub(super) fn affected(_catalog: &Catalog, _db: &str, _table: &str, _acts: Acts) -> Affected {
    unimplemented!()
}

pub(super) fn routine(
    _catalog: &Catalog,
    _kind: RoutineKind,
    _db: &str,
    _name: &str,
) -> Option<Affected> {
    unimplemented!()
}
