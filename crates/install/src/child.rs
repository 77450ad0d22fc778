//! A program that runs for us: its output into the log, its last line to who watches, and its whole
//! process group ended when the user wants to stop. A package manager is never cut: half-way it
//! leaves a system that has to be mended.
//!
//! It gets no input and no terminal. It keeps the lock of the work folder open, so that a second
//! `menshen install` sees whether something of a killed one still runs.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::show::{Event, Show};
use crate::stop::Stop;

/// How a program ended.
#[derive(Debug)]
pub enum End {
    /// With this.
    Status(ExitStatus),
    /// The user wanted to stop; its group is gone.
    Stopped,
}

/// What is started, and where its output goes.
#[derive(Debug)]
pub struct Plan<'a> {
    /// Program and arguments.
    pub words: &'a [String],
    /// Where it runs.
    pub folder: &'a Path,
    /// Set beside the environment.
    pub environment: Vec<(String, String)>,
    /// Gets all it prints.
    pub log: &'a mut File,
    /// Kept open by it.
    pub lock: Option<&'a File>,
    /// What becomes of it when the user wants to stop.
    pub on_stop: OnStop,
}

/// What becomes of a program when the user wants to stop, and of what it leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnStop {
    /// Its group is ended, and whatever is left of it when it has ended.
    End,
    /// It is waited for, and daemons it started go on.
    Wait,
}

/// Runs it to its end.
///
/// # Errors
/// It cannot be started, or the log cannot be written; then it is ended, too.
pub fn run(plan: Plan<'_>, show: &mut dyn Show, stop: &Stop) -> io::Result<End> {
    let (program, arguments) = plan.words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let (reader, writer) = io::pipe()?;
    writeln!(plan.log, "$ {}", shown(plan.words))?;
    let mut command = Command::new(program);
    command.args(arguments).current_dir(plan.folder).process_group(0);
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    command.envs(plan.environment);
    let mut child = {
        let _inherited = plan.lock.map(Inherited::new).transpose()?;
        command.spawn()?
    };
    // It holds the ends for writing.
    drop(command);
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let (send, lines) = sync_channel(LINES_WAITING_MAX);
    let copy = plan.log.try_clone()?;
    let reader = std::thread::spawn(move || copy_lines(reader, copy, &send));
    let mut watched =
        Watched { group, on_stop: plan.on_stop, asked: None, ended: None, told: false };
    let output = watched.watch(&lines, show, stop);
    drop(lines);
    let status = child.wait()?;
    if output == Output::Ended {
        let copied = reader.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()));
        if watched.asked.is_none() {
            copied?;
        }
    }
    Ok(if watched.asked.is_some() { End::Stopped } else { End::Status(status) })
}

/// A program that runs, and its group.
struct Watched {
    group: Option<Pid>,
    on_stop: OnStop,
    asked: Option<Instant>,
    ended: Option<Instant>,
    told: bool,
}

/// Whether its output has ended, or somebody it left behind holds it.
#[derive(Debug, PartialEq, Eq)]
enum Output {
    Ended,
    Held,
}

impl Watched {
    /// Until it and its output have ended.
    fn watch(&mut self, lines: &Receiver<String>, show: &mut dyn Show, stop: &Stop) -> Output {
        loop {
            match lines.recv_timeout(TICK) {
                Ok(line) => show.event(Event::Line(&line)),
                Err(RecvTimeoutError::Timeout) => {
                    show.event(Event::Tick);
                    if self.ended.is_some_and(|since| since.elapsed() > REST) {
                        return Output::Held;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => {
                    // Without output it may still run.
                    while !self.has_ended(stop) {
                        show.event(Event::Tick);
                        std::thread::sleep(TICK);
                    }
                    return Output::Ended;
                }
            }
            self.has_ended(stop);
            if self.on_stop == OnStop::Wait && stop.wanted() && !self.told {
                self.told = true;
                show.event(Event::Note("stopping once this command has ended"));
            }
        }
    }

    /// Whether it has ended; ends it where that is wanted.
    fn has_ended(&mut self, stop: &Stop) -> bool {
        if self.ended.is_none() && self.is_over() {
            self.ended = Some(Instant::now());
            // Whatever it left in its group would go on in the build. It is not reaped yet, so the
            // number is still its own.
            if self.on_stop == OnStop::End {
                signal(self.group, Signal::KILL);
            }
        }
        if self.ended.is_none() && self.on_stop == OnStop::End {
            match self.asked {
                None if stop.wanted() => {
                    signal(self.group, Signal::TERM);
                    self.asked = Some(Instant::now());
                }
                Some(since) if since.elapsed() > PATIENCE => signal(self.group, Signal::KILL),
                _ => {}
            }
        }
        self.ended.is_some()
    }

    fn is_over(&self) -> bool {
        let Some(pid) = self.group else { return true };
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(waitid(WaitId::Pid(pid), look), Ok(None))
    }
}

/// All bytes into the log, whole lines to who watches; a line too long is cut for them.
fn copy_lines(from: impl Read, mut log: File, to: &SyncSender<String>) -> io::Result<()> {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    loop {
        line.clear();
        if (&mut from).take(LINE_BYTES_MAX).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        log.write_all(&line)?;
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        // Who watches too slowly misses lines; the program is never held up.
        if !text.is_empty() {
            let _ = to.try_send(text);
        }
    }
}

fn signal(group: Option<Pid>, signal: Signal) {
    if let Some(group) = group {
        // It may be gone.
        let _ = kill_process_group(group, signal);
    }
}

/// A descriptor that the next program inherits.
struct Inherited<'a>(&'a File);

impl<'a> Inherited<'a> {
    fn new(file: &'a File) -> io::Result<Self> {
        rustix::io::fcntl_setfd(file.as_fd(), rustix::io::FdFlags::empty())?;
        Ok(Self(file))
    }
}

impl Drop for Inherited<'_> {
    fn drop(&mut self) {
        // Only this process has it then, as before.
        let _ = rustix::io::fcntl_setfd(self.0.as_fd(), rustix::io::FdFlags::CLOEXEC);
    }
}

/// A command as one would type it.
#[must_use]
pub fn shown(words: &[String]) -> String {
    let quoted = words.iter().map(|word| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_=./:+,@%{}~".contains(&b);
        if !word.is_empty() && word.bytes().all(plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

const LINE_BYTES_MAX: u64 = 16 << 10;
const LINES_WAITING_MAX: usize = 256;
const TICK: Duration = Duration::from_millis(200);
/// Between asking a group to end and ending it.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long output of what it left behind is waited for.
const REST: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    //! Real programs.
    use super::*;

    struct Lines(Vec<String>, Stop, &'static str);

    impl Show for Lines {
        fn event(&mut self, event: Event<'_>) {
            if let Event::Line(line) = event {
                self.0.push(line.to_owned());
                if !self.2.is_empty() && line.contains(self.2) {
                    self.1.want();
                }
            }
        }
    }

    fn sh(script: &str, lines: &mut Lines) -> (End, String, Duration) {
        sh_with(script, lines, OnStop::End)
    }

    fn sh_with(script: &str, lines: &mut Lines, on_stop: OnStop) -> (End, String, Duration) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut log = File::options().create(true).append(true).open(&path).unwrap();
        let words = ["sh", "-c", script].map(str::to_owned);
        let plan = Plan {
            words: &words,
            folder: folder.path(),
            environment: vec![("OWN".into(), "mine".into())],
            log: &mut log,
            lock: None,
            on_stop,
        };
        let stop = lines.1.clone();
        let began = Instant::now();
        let end = run(plan, lines, &stop).unwrap();
        (end, std::fs::read_to_string(path).unwrap(), began.elapsed())
    }

    #[test]
    fn all_output_is_in_the_log_and_the_end_is_told() {
        let mut lines = Lines(Vec::new(), Stop::default(), "");
        let (end, log, _) = sh("echo $OWN; echo err >&2; cat; printf end; exit 3", &mut lines);
        assert!(matches!(end, End::Status(status) if status.code() == Some(3)));
        assert!(log.starts_with("$ sh -c 'echo") && log.ends_with("mine\nerr\nend"), "{log}");
        assert_eq!(lines.0, ["mine", "err", "end"]);
    }

    #[test]
    fn stopping_ends_the_whole_group() {
        let mut lines = Lines(Vec::new(), Stop::default(), "ready");
        // The child of the child ignores what it is asked, and holds the output.
        let script = "sh -c 'trap \"\" TERM; echo ready; sleep 300' & wait";
        let (end, _, took) = sh(script, &mut lines);
        assert!(matches!(end, End::Stopped));
        assert!(took < Duration::from_secs(200), "{took:?}");
        let mut lines = Lines(Vec::new(), Stop::default(), "ready");
        let (end, ..) = sh("echo ready; sleep 300", &mut lines);
        assert!(matches!(end, End::Stopped));
    }

    #[test]
    fn who_holds_the_output_holds_nobody_up() {
        let mut lines = Lines(Vec::new(), Stop::default(), "");
        // A daemon of its own session, as a package's script may start one.
        let script = "setsid sleep 30 & echo started";
        let (end, log, took) = sh_with(script, &mut lines, OnStop::Wait);
        assert!(matches!(end, End::Status(status) if status.success()));
        assert!(log.ends_with("started\n") && took < Duration::from_secs(25), "{took:?}: {log}");
        // Closed long before its end, output is no end.
        let (end, ..) = sh("exec >&- 2>&-; sleep 0.5; exit 4", &mut lines);
        assert!(matches!(end, End::Status(status) if status.code() == Some(4)));
    }

    #[test]
    fn a_package_manager_is_waited_for() {
        let mut lines = Lines(Vec::new(), Stop::default(), "ready");
        let (end, log, _) = sh_with("echo ready; sleep 1; echo done", &mut lines, OnStop::Wait);
        assert!(matches!(end, End::Status(status) if status.success()));
        assert!(log.ends_with("done\n"), "{log}");
    }

    #[test]
    fn commands_are_shown_as_typed() {
        let words = ["make", "-j2", "CFLAGS=-O2 -g", "it's", ""].map(str::to_owned);
        assert_eq!(shown(&words), "make -j2 'CFLAGS=-O2 -g' 'it'\\''s' ''");
    }
}
