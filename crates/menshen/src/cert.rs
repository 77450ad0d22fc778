//! `menshen cert`: orders of certificates, what comes back, and the development CA.
//!
//! Nothing here talks to a network, and no private key is ever printed.

pub(crate) mod dev;
pub(crate) mod install;
pub(crate) mod request;

use std::process::ExitCode;

use menshen_base::{Finding, Severity};
use menshen_guard::finding_text;
use menshen_tls::TlsError;

use crate::cli::CertCommand;
use crate::{EXIT_CONFIG, EXIT_RETRY, out};

/// Runs the command.
pub(crate) fn run(command: CertCommand) -> ExitCode {
    match command {
        CertCommand::Request(arguments) => request::run(&arguments),
        CertCommand::Install(arguments) => install::run(&arguments),
        CertCommand::Dev(arguments) => dev::run(&arguments),
    }
}

/// 0, or 1 with warnings, or 2 with errors.
fn exit_code(findings: &[Finding]) -> u8 {
    match findings.iter().map(|finding| finding.severity).max() {
        Some(Severity::Error) => EXIT_CONFIG,
        Some(Severity::Warning) => crate::EXIT_NO,
        Some(Severity::Note) | None => 0,
    }
}

/// Findings as text, one after the other.
fn findings_text(findings: &[Finding]) -> String {
    findings.iter().map(|finding| finding_text(finding) + "\n").collect()
}

/// Tells an error of the files; gives the exit code.
fn failed(error: &TlsError) -> ExitCode {
    let mut text = format!("menshen: {error}");
    let source = std::error::Error::source(error).map(ToString::to_string);
    for (name, more) in [("detail", error.detail().or(source)), ("hint", error.hint())] {
        text += &more.map(|more| format!("\n  {name}: {more}")).unwrap_or_default();
    }
    out::complain(&text);
    let is_local = matches!(error, TlsError::LocalFile { .. } | TlsError::LocalRandom);
    ExitCode::from(if is_local { EXIT_RETRY } else { EXIT_CONFIG })
}

/// Unix seconds now.
fn unix_now() -> i64 {
    i64::try_from(menshen_tls::ticket::unix_seconds()).unwrap_or(i64::MAX)
}
