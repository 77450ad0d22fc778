//! The journal, through journalctl(1): its files have many forms, and it reads them all.
//!
//! `-k` would mean this start of the machine only, so the kernel's lines are asked for by their
//! transport, together with the few programs that start others again.

use std::io::{self, Read};
use std::process::{Child, Command, Stdio};
use std::thread;

/// Starts it, with the rights we have.
pub(super) fn start() -> io::Result<Child> {
    let mut command = Command::new("journalctl");
    command.args(["--no-pager", "--quiet", "--output=export", "_TRANSPORT=kernel", "+", "_PID=1"]);
    for name in ["mysqld_safe", "mariadbd-safe", "supervisord"] {
        command.args(["+".to_owned(), format!("SYSLOG_IDENTIFIER={name}")]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
}

/// Reads all of it through `take`, and says why if it failed.
pub(super) fn drain(
    mut child: Child,
    take: &mut impl FnMut(&mut dyn Read) -> io::Result<()>,
) -> io::Result<()> {
    let stderr = child.stderr.take();
    let said = thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(stderr) = stderr {
            // The rest stays in the pipe; journalctl says no more than a line or two.
            let _ = stderr.take(STDERR_BYTES_MAX).read_to_end(&mut text);
        }
        text
    });
    let taken = match child.stdout.take() {
        Some(mut stdout) => take(&mut stdout),
        None => Ok(()),
    };
    let status = child.wait()?;
    let said = said.join().unwrap_or_default();
    taken?;
    if !status.success() {
        let said = String::from_utf8_lossy(&said);
        let reason = said.lines().next().unwrap_or("it gave no reason").trim().to_owned();
        return Err(io::Error::new(io::ErrorKind::Unsupported, format!("journalctl: {reason}")));
    }
    Ok(())
}

const STDERR_BYTES_MAX: u64 = 4096;
