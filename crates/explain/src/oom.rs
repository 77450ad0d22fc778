//! `menshen explain oom`: opens logs, reads them, and tells the night as text or JSON.
//!
//! Two steps, so that root can give up its rights in between: [`open`] opens everything with the
//! rights it was started with and looks into nothing; [`read`] reads, and needs no rights. What is
//! read is foreign and may be of any size: it streams, and memory is bounded by the reader's and
//! the collector's limits.
//!
//! Fails with [`OomError`] where an input that was named cannot be read at all. An input that
//! breaks off later is told of as far as it goes, and the gap becomes a doubt.

mod family;
mod input;
mod journal;
mod packed;
pub mod picture;
mod pump;
mod recorder;
mod text;

use std::io;

pub use menshen_explain_core::oom::{Night, Recorded, Report};

pub use self::input::{Input, Opened, open};
pub use self::pump::{Progress, read};
pub use self::text::text;

/// A night and what it comes to.
#[derive(Debug)]
pub struct Story {
    /// The facts.
    pub night: Night,
    /// The conclusions.
    pub report: Report,
    /// What a flight recorder told beside the kernel's words.
    pub recorded: Option<Recorded>,
}

impl Story {
    /// Whether there is nothing to tell: no kill, no finding.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.night.kills.is_empty()
            && self.night.kills_left_out == 0
            && self.report.findings.is_empty()
    }
}

/// The story as JSON, with a line end.
#[must_use]
pub fn json(story: &Story) -> String {
    menshen_explain_core::oom::json(&story.night, &story.report, story.recorded.as_ref())
}

/// Why there is no story.
#[derive(Debug, thiserror::Error)]
pub enum OomError {
    /// A file or folder cannot be opened or read.
    #[error("could not read {name}")]
    Unreadable {
        /// Its name.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// There is no file where the flight recorder should be.
    #[error("there is no flight recorder {name}")]
    RecorderAbsent {
        /// Its name.
        name: String,
    },
    /// A format that is not read here.
    #[error("{name} is {}", .kind.name())]
    Packed {
        /// Its name.
        name: String,
        /// Its format.
        kind: packed::Packed,
    },
    /// A folder without a file to read.
    #[error("there is no log in {name}")]
    NothingThere {
        /// Its name.
        name: String,
    },
    /// The file is no flight recorder, or nothing of it is left.
    #[error("{name} is no flight recorder")]
    NoRecorder {
        /// Its name.
        name: String,
    },
    /// The journal cannot be asked.
    #[error("could not read the journal")]
    Journal(#[source] io::Error),
    /// The kernel's ring cannot be read.
    #[error("could not read /dev/kmsg")]
    Ring(#[source] io::Error),
}

impl OomError {
    /// Whether another try can help: nothing has to be changed first.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        use io::ErrorKind::{IsADirectory, NotFound, PermissionDenied, Unsupported};
        match self {
            Self::Unreadable { source, .. } | Self::Journal(source) | Self::Ring(source) => {
                !matches!(source.kind(), NotFound | PermissionDenied | IsADirectory | Unsupported)
            }
            Self::Packed { .. }
            | Self::NothingThere { .. }
            | Self::NoRecorder { .. }
            | Self::RecorderAbsent { .. } => false,
        }
    }

    /// What to do; may be empty.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Packed { name, kind } => kind.hint(name),
            Self::NoRecorder { .. } => {
                "It is the file that guard.recorder names, made by `menshen serve` or `menshen \
                 guard`."
                    .into()
            }
            Self::NothingThere { .. } => {
                "Name files, or the folder that holds them, such as /var/log.".into()
            }
            Self::Journal(error) if error.kind() == io::ErrorKind::NotFound => {
                "There is no journalctl here: name log files such as /var/log/kern.log, or use \
                 --live."
                    .into()
            }
            Self::Journal(_) => {
                "Reading the kernel's journal takes root or the group systemd-journal; log files \
                 and --live are other ways."
                    .into()
            }
            Self::Ring(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                "With kernel.dmesg_restrict=1 that takes root (CAP_SYSLOG).".into()
            }
            Self::Unreadable { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "System logs can be read by root and by the group adm.".into()
            }
            Self::RecorderAbsent { .. } => {
                "`menshen serve` and `menshen guard` make it. `menshen status` says where; name \
                 that file: --recorder FILE."
                    .into()
            }
            Self::Unreadable { .. } | Self::Ring(_) => String::new(),
        }
    }
}
