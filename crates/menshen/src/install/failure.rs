//! Failures as they are told: text, detail, hint, an exit code; the errors of the library to these.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use menshen_explain_core::stopped::shown;
use menshen_install::package::PackageError;
use menshen_install::place::PlaceError;
use menshen_install::source::SourceError;
use menshen_install::work::WorkError;

use crate::{EXIT_NO, EXIT_PERMANENT, EXIT_RETRY, out};

/// Why it did not go on.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    text: String,
    details: Vec<String>,
    hint: Option<String>,
    log: Option<PathBuf>,
}

impl Failure {
    pub(crate) fn new(code: u8, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), details: Vec::new(), hint: None, log: None }
    }

    /// An error with what caused it.
    pub(crate) fn of(code: u8, error: &(dyn Error + 'static)) -> Self {
        let mut failure = Self::new(code, error.to_string());
        let mut source = error.source();
        while let Some(cause) = source {
            failure.details.push(cause.to_string());
            source = cause.source();
        }
        failure
    }

    pub(crate) fn detail(mut self, text: impl Into<String>) -> Self {
        self.details.push(text.into());
        self
    }

    pub(crate) fn hint(mut self, text: impl Into<String>) -> Self {
        self.hint = Some(text.into());
        self
    }

    pub(crate) fn log(mut self, path: &Path) -> Self {
        self.log = Some(path.to_owned());
        self
    }

    /// Tells it.
    pub(crate) fn complain(&self) -> ExitCode {
        let mut text = format!("menshen: {}", shown(&self.text));
        for detail in &self.details {
            // A recipe's mistake has lines of its own.
            for line in detail.lines() {
                text.push_str(&format!("\n  detail: {}", shown(line)));
            }
        }
        if let Some(log) = &self.log {
            text.push_str(&format!("\n  log: {}", shown(&log.display().to_string())));
        }
        if let Some(hint) = &self.hint {
            text.push_str(&format!("\n  hint: {}", shown(hint)));
        }
        out::complain(&text);
        ExitCode::from(self.code)
    }

    /// The same for programs.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "event": "failed",
            "code": self.code,
            "error": self.text,
            "details": self.details,
            "hint": self.hint,
            "log": self.log,
        })
    }
}

/// How a failed build is told, apart from its log.
pub(super) fn of_source(error: &SourceError) -> Failure {
    match error {
        SourceError::Checksum { expected, found } => Failure::of(EXIT_PERMANENT, error)
            .detail(format!("expected {expected}"))
            .detail(format!("found    {found}"))
            .hint("Fetch the archive again, from its project; do not go on with this one."),
        SourceError::Fetch(failed) if failed.retry_helps() => {
            Failure::of(EXIT_RETRY, error).hint("The same command goes on with what was fetched.")
        }
        SourceError::Stopped(_) => {
            Failure::of(EXIT_RETRY, error).hint("The same command goes on from there.")
        }
        SourceError::Check(_) => Failure::of(EXIT_NO, error),
        SourceError::Work(why) => of_work(why),
        SourceError::Place(PlaceError::Taken(_)) => Failure::of(EXIT_PERMANENT, error)
            .hint("Name another --prefix, or move that file away. Nothing was replaced."),
        SourceError::Place(PlaceError::Changed(_)) => Failure::of(EXIT_PERMANENT, error)
            .hint("Move that file away, or give it back what it had. Nothing was replaced."),
        _ => Failure::of(EXIT_PERMANENT, error),
    }
}

pub(super) fn of_package(error: &PackageError) -> Failure {
    match error {
        PackageError::Stopped => Failure::of(EXIT_RETRY, error),
        PackageError::Work(why) => of_work(why),
        _ => Failure::of(EXIT_PERMANENT, error),
    }
}

fn of_work(error: &WorkError) -> Failure {
    match error {
        WorkError::Busy(_) => {
            Failure::of(EXIT_RETRY, error).hint("Wait for it to end, or name another --work.")
        }
        WorkError::Stopped => Failure::of(EXIT_RETRY, error),
        WorkError::Foreign(_) => Failure::of(EXIT_PERMANENT, error)
            .hint("What is built there is run: name a --work of your own."),
        WorkError::Above { .. } => Failure::of(EXIT_PERMANENT, error)
            .hint("Name a --work or a --prefix where all folders above are root's alone."),
        WorkError::Io(..) => Failure::of(EXIT_PERMANENT, error),
    }
}
