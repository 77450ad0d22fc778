//! Named steps at which a drill kills the process, as `kill -9` would: nothing is run, flushed or
//! said after it. Only in tests and with the feature `fault`.
//!
//! The environment variable `MENSHEN_STORE_FAULT` holds a step's name, and after a colon how often
//! it is passed before it strikes (`flush.written:3` strikes the third time).

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

macro_rules! points {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// A step.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Point { $($(#[$doc])* $name,)* }

        impl Point {
            /// All steps.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The step's name.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

points! {
    /// Before anything of a creation is there.
    CreateBegun = "create.begun",
    /// The record's file is there, empty.
    CreateRecordMade = "create.record-made",
    /// The data's file is there.
    CreateDataMade = "create.data-made",
    /// Room is reserved, nothing is written.
    CreateReserved = "create.reserved",
    /// The record is written.
    CreateWritten = "create.written",
    /// The files are flushed, their names are not.
    CreateFilesFlushed = "create.files-flushed",
    /// All is flushed.
    CreateNamesFlushed = "create.names-flushed",
    /// All is done, nothing said.
    CreateDone = "create.done",
    /// The lock is held, nothing is changed.
    ClaimLocked = "claim.locked",
    /// The older writer is fenced.
    ClaimFenced = "claim.fenced",
    /// What came before and was never acknowledged is cut off.
    ClaimCut = "claim.cut",
    /// An upload of an earlier boot: looked at, nothing changed.
    RecoverRead = "recover.read",
    /// Its bytes are cut to what is durable.
    RecoverCut = "recover.cut",
    /// That is flushed; the cell is old.
    RecoverFlushed = "recover.flushed",
    /// The lock is held, nothing is written.
    PushLocked = "push.locked",
    /// The bytes are written, the lock is held.
    PushWritten = "push.written",
    /// The lock is given back.
    PushDone = "push.done",
    /// Before anything of a flush.
    FlushBegun = "flush.begun",
    /// The data is flushed first (the order for large pieces).
    FlushDataFirst = "flush.data-first",
    /// The cell says that a record is on its way.
    FlushAnnounced = "flush.announced",
    /// The record is written.
    FlushWritten = "flush.written",
    /// The record is flushed, and the data.
    FlushFlushed = "flush.flushed",
    /// The cell says that the record counts; nothing is said.
    FlushConfirmed = "flush.confirmed",
    /// A flush failed; nothing is taken back yet.
    VoidBegun = "void.begun",
    /// The record of the failed flush is wiped.
    VoidWiped = "void.wiped",
    /// The data is cut to what is durable.
    VoidCut = "void.cut",
    /// The digests are right, the upload is not complete yet.
    CompleteChecked = "complete.checked",
    /// The whole has its new name; the folder is not flushed.
    PublishRenamed = "publish.renamed",
    /// The folder is flushed, the answer is not kept.
    PublishFlushed = "publish.flushed",
    /// The answer is kept, the data still there.
    AnswerKept = "answer.kept",
    /// The upload is marked as removed.
    RemoveMarked = "remove.marked",
    /// The record is removed, the data is not.
    RemoveRecordGone = "remove.record-gone",
    /// Both are removed; the folder is not flushed.
    RemoveDataGone = "remove.data-gone",
    /// The parts are copied, nothing of the record is written.
    ConcatCopied = "concat.copied",
}

/// Dies here if the environment says so.
pub(crate) fn at(point: Point) {
    static TARGET: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static PASSED: AtomicU64 = AtomicU64::new(0);
    let target = TARGET.get_or_init(|| {
        let text = std::env::var(VARIABLE).ok()?;
        let (word, times) = text.split_once(':').unwrap_or((&text, "1"));
        Some((word.to_owned(), times.parse().unwrap_or(1)))
    });
    let Some((word, times)) = target else { return };
    if word == point.word() && PASSED.fetch_add(1, Relaxed) + 1 == *times {
        let _ =
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

/// The environment variable.
pub const VARIABLE: &str = "MENSHEN_STORE_FAULT";
