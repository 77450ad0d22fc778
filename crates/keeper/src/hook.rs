//! The program that sets and removes TXT records for dns-01.
//!
//! It is somebody else's program: it may hang, talk without end, leave children behind, or ignore
//! its input. It gets an environment of its own, a process group of its own, a bounded time after
//! which the whole group is killed, and of what it says only the last piece is kept, without the
//! secret it was given. It runs with this process's rights, which are few.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use menshen_config::keeper::Secret;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdin, Command};
use tokio::time::timeout;

use crate::words::{apart, clean, without};

/// The configured program.
#[derive(Debug)]
pub(crate) struct Hook {
    /// Where it is.
    pub(crate) program: PathBuf,
    /// What it reads on standard input.
    pub(crate) secret: Option<Secret>,
    /// How long it may take.
    pub(crate) time: Duration,
}

/// What the hook is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Add a TXT record; others of that name stay.
    Set,
    /// Remove that one record.
    Remove,
}

impl Hook {
    /// Runs the hook to its end.
    ///
    /// # Errors
    /// Why it did not do it, in words.
    pub(crate) async fn run(&self, action: Action, name: &str, value: &str) -> Result<(), String> {
        let action = match action {
            Action::Set => "set",
            Action::Remove => "remove",
        };
        let mut child = Command::new(&self.program)
            .args([action, name, value])
            .env_clear()
            .env("PATH", PATH)
            .env("LANG", "C.UTF-8")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| format!("the DNS hook could not be started: {error}"))?;
        let mut group = Group(child.id());
        let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
        let secret = self.secret.as_ref().map_or("", |secret| secret.0.as_str());
        let mut tail = Tail::default();
        let all = async {
            give(stdin, secret).await;
            tail.read(stderr).await;
        };
        let ended = timeout(self.time, ended(&mut child, all)).await;
        let Ok(status) = ended else {
            drop(group);
            let _ = child.wait().await;
            let said = tail.words(secret);
            return Err(format!("the DNS hook took longer than {:?}{said}", self.time));
        };
        // It was waited for: its number may belong to somebody else by now.
        group.0 = None;
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("the DNS hook ended with {status}{}", tail.words(secret))),
            Err(error) => Err(format!("the DNS hook was lost: {error}")),
        }
    }
}

/// Waits for the child; what it says is read meanwhile and shortly after, since a grandchild may
/// hold the pipe open for ever.
async fn ended(
    child: &mut Child,
    talk: impl Future<Output = ()>,
) -> std::io::Result<std::process::ExitStatus> {
    let mut talk = std::pin::pin!(talk);
    let mut talked = false;
    let status = {
        let mut wait = std::pin::pin!(child.wait());
        std::future::poll_fn(|context| {
            if !talked {
                talked = talk.as_mut().poll(context).is_ready();
            }
            wait.as_mut().poll(context)
        })
        .await
    };
    if !talked {
        let _ = timeout(LAST_WORDS, talk).await;
    }
    status
}

async fn give(stdin: Option<ChildStdin>, secret: &str) {
    if let Some(mut stdin) = stdin {
        // A hook need not read what it does not want.
        let _ = stdin.write_all(secret.as_bytes()).await;
    }
}

/// A process group that is killed when this is dropped while it still has its number.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        let pid = self.0.and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // It may have ended by itself.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

/// The end of what the hook said.
#[derive(Default)]
struct Tail {
    bytes: Vec<u8>,
    /// Something stood before it.
    cut: bool,
}

impl Tail {
    async fn read(&mut self, stderr: Option<ChildStderr>) {
        let Some(mut stderr) = stderr else { return };
        let mut piece = [0; TAIL_BYTES];
        while let Ok(count @ 1..) = stderr.read(&mut piece).await {
            self.bytes.extend_from_slice(piece.get(..count).unwrap_or_default());
            let surplus = self.bytes.len().saturating_sub(TAIL_BYTES);
            self.bytes.drain(..surplus);
            self.cut |= surplus > 0;
        }
    }

    fn words(&self, secret: &str) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        // The end of a secret would not be known for one: the first word is dropped where it may
        // have been longer.
        let whole =
            if self.cut { text.split_once(apart).map_or("", |(_, rest)| rest) } else { &text };
        let text = without(whole, secret);
        let text = clean(&text, TAIL_BYTES);
        if text.is_empty() { text } else { format!(": {text}") }
    }
}

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// How much of the end of what it said is shown.
const TAIL_BYTES: usize = 300;
const LAST_WORDS: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests;
