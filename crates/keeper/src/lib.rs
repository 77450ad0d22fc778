//! The keeper: the process that gets certificates from ACME authorities (RFC 8555) and renews them
//! in time.
//!
//! It is started by the guard, runs without rights, reads what authorities answer, and writes no
//! file: what it got goes to the guard over a pipe (`menshen_config::keeper::Message`), answers to
//! challenges to the workers over a bulletin.
//!
//! How this can fail, and what is done about it:
//! - An authority is down, hangs, limits, or forgot the account: each name backs off by itself
//!   (`schedule`), goes to the next authority (`choice`), and makes a new account.
//! - A proof is refused: the next way has its turn; the authority's words are noted (`fault`).
//! - A name hangs: a deadline for each request and each order, few orders at a time, and what was
//!   set up is taken down whatever happened (`proof`).
//! - The hook hangs or talks (`hook`); an authority answers without end (`web`).
//! - A returned certificate does not fit: it is refused before it replaces a working one (`chain`).
//! - It arrived, but is not served: a real handshake looks (`served`).
//! - The clock jumps or the machine sleeps: plans are moments, not durations (`schedule`).
//! - The guard is gone: the pipe, or the parent-death signal, ends this process.
//!
//! Others: certmagic retries one name for 30 days with growing waits, tries all issuers and ways
//! within one attempt, and renews by ARI or at two thirds; lego is run by a timer and ends with the
//! first name that fails. Taken from the first: names apart from each other, start with what there
//! is. Different here: waits follow what is left of the certificate, so short-lived ones are not
//! starved by a wait made for 90 days; a way or authority that failed gives place instead of
//! being asked again in the same breath, which is what rate limits count; an authority whose
//! windows lie always in the past is slowed down; and the answer to "is it served?" is looked for.

mod answers;
mod authority;
mod base64;
mod chain;
mod choice;
mod clock;
mod fault;
mod hook;
mod keep;
mod name;
mod order;
mod outbox;
mod proof;
mod race;
mod schedule;
mod served;
mod shared;
mod start;
mod web;
mod words;

use std::process::ExitCode;

/// Runs the keeper; its specification is read from standard input. Exit code 0 when the guard ended
/// it, 111 when it could not begin.
#[must_use]
pub fn run() -> ExitCode {
    start::run()
}
