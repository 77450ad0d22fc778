//! From a fresh process to running tasks, and to its end.
//!
//! The order matters: the specification comes from the guard and may be read with all rights;
//! descriptors are taken over, rights given up, and only then anything is read that others wrote:
//! stored chains and notes, roots, answers from the network.

use std::io::{self, Read};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use menshen_config::keeper::{KeeperSpec, Message};
use menshen_sys::bulletin::Bulletin;
use menshen_sys::inherit;
use menshen_sys::process::{Rights, become_worker, could_not_begin, set_name, stdin_from_null};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::timeout;

use crate::answers::Answers;
use crate::keep::Keep;
use crate::outbox::{self, Outbox};
use crate::race::first;
use crate::shared::Shared;

/// Why the keeper could not begin.
#[derive(Debug, thiserror::Error)]
#[error("could not {0}")]
struct StartError(&'static str, #[source] Box<dyn std::error::Error>);

/// Runs the keeper to its end.
pub(crate) fn run() -> ExitCode {
    match begin() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => could_not_begin("keeper", &error),
    }
}

fn begin() -> Result<(), StartError> {
    let fail = |what| move |error: io::Error| StartError(what, error.into());
    let mut text = Vec::new();
    let read = io::stdin().take(SPEC_BYTES_MAX).read_to_end(&mut text);
    read.map_err(fail("read its specification"))?;
    let mut spec: KeeperSpec = serde_json::from_slice(&text)
        .map_err(|error| StartError("understand its specification", error.into()))?;
    drop(text);
    let board = inherit::adopt(spec.challenges_fd).map_err(fail("take over the bulletin"))?;
    let pipe = inherit::adopt(spec.messages_fd).map_err(fail("take over the pipe"))?;
    let rights = Rights { user: spec.become_user, oom_score_adj: spec.oom_score_adj };
    become_worker(&rights).map_err(|error| StartError("drop rights", error.into()))?;
    set_name("menshen-keeper");
    stdin_from_null().map_err(fail("close its input"))?;
    let bulletin = Bulletin::adopt(board).map_err(fail("use the bulletin"))?;
    let answers = Answers::new(bulletin).map_err(fail("clear the bulletin"))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .build()
        .map_err(fail("start the event loop"))?;
    let (outbox, messages) = Outbox::new();
    let (end, ending) = watch::channel(false);
    let shared = Rc::new(Shared::new(&mut spec, answers, outbox, ending));
    let ended = LocalSet::new().block_on(&runtime, serve(spec, shared, pipe, messages, end));
    // A name that is being looked up must not hold up the end.
    runtime.shutdown_background();
    ended.map_err(fail("write to the guard"))
}

async fn serve(
    spec: KeeperSpec,
    shared: Rc<Shared>,
    pipe: std::os::fd::OwnedFd,
    messages: mpsc::Receiver<Message>,
    end: watch::Sender<bool>,
) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut names = JoinSet::new();
    for (index, order) in (0..).zip(spec.orders) {
        let keep = Keep::new(index, order, Rc::clone(&shared));
        names.spawn_local(keep.run());
    }
    drop(shared);
    let signals = first(terminate.recv(), interrupt.recv());
    let written = match first(outbox::write(pipe, messages), signals).await {
        crate::race::First::One(result) => result,
        crate::race::First::Other(_) => Ok(()),
    };
    // Names take down what they set up; one whose hook hangs is not waited for.
    let _ = end.send(true);
    let _ = timeout(END_TIME, async { while names.join_next().await.is_some() {} }).await;
    written
}

/// Longest specification: thousands of names with their chains.
const SPEC_BYTES_MAX: u64 = 64 << 20;
/// For looks and name resolution.
const BLOCKING_THREADS_MAX: usize = 16;
/// How long names may take to take things down.
const END_TIME: Duration = Duration::from_secs(5);
