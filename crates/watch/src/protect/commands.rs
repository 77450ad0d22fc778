//! Which processes have a command line that a rule names, read by a thread of its own: reading one
//! takes a lock of the process it belongs to (`mmap_lock`, `get_mm_cmdline` of fs/proc/base.c),
//! and that process may be waiting for memory with it. Neither the kernel's log nor the ladder may
//! wait as well.
//!
//! How it fails: while one cannot be read, those behind it are answered as of the look before.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use menshen_guard_core::protect::matches;
use menshen_sys::proc::{self, Stat};

/// A process: its number and when it started.
pub(super) type Key = (u32, u64);

/// Asks for command lines.
#[derive(Debug)]
pub(super) struct Commands {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    wanted: Option<Vec<Key>>,
    /// A look is not done yet.
    busy: bool,
    ended: bool,
    /// Numbers of the rules that match, by process; without those that none matches.
    found: HashMap<Key, Vec<usize>>,
}

impl Commands {
    /// For these patterns, each with the number of its rule. `read` gives a command line; `None`:
    /// not now.
    pub(super) fn start(
        patterns: Vec<(usize, String)>,
        read: impl Fn(Key) -> Option<Vec<u8>> + Send + 'static,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("commands".into()).stack_size(STACK_BYTES);
        thread.spawn(move || theirs.run(&patterns, read))?;
        Ok(Self { shared })
    }

    /// The rules that match these processes, as far as it is known within a moment.
    pub(super) fn look(&self, wanted: Vec<Key>) -> HashMap<Key, Vec<usize>> {
        let mut state = self.shared.lock();
        if !state.busy {
            state.wanted = Some(wanted);
            state.busy = true;
            self.shared.changed.notify_all();
            let waited = self.shared.changed.wait_timeout_while(state, WAIT, |state| state.busy);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.found.clone()
    }
}

impl Drop for Commands {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn run(&self, patterns: &[(usize, String)], read: impl Fn(Key) -> Option<Vec<u8>>) {
        loop {
            let idle = |state: &mut State| state.wanted.is_none() && !state.ended;
            let state = self.changed.wait_while(self.lock(), idle);
            let mut state = state.unwrap_or_else(PoisonError::into_inner);
            if state.ended {
                return;
            }
            let wanted = state.wanted.take().unwrap_or_default();
            drop(state);
            for &key in &wanted {
                let Some(command) = read(key) else { continue };
                let named = patterns.iter().filter(|(_, p)| matches(p.as_bytes(), &command));
                let rules: Vec<usize> = named.map(|(rule, _)| *rule).collect();
                let mut state = self.lock();
                if rules.is_empty() {
                    state.found.remove(&key);
                } else {
                    state.found.insert(key, rules);
                }
            }
            let wanted: HashSet<Key> = wanted.into_iter().collect();
            let mut state = self.lock();
            state.found.retain(|key, _| wanted.contains(key));
            state.busy = false;
            drop(state);
            self.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The command line with blanks between its arguments; `None`: it is another process by now, or
/// one that sleeps in the kernel and may hold the lock.
pub(super) fn command_of((pid, start_ticks): Key) -> Option<Vec<u8>> {
    let stat = Stat::read(pid).ok()?;
    if stat.state == b'D' || stat.start_ticks != start_ticks {
        return None;
    }
    let mut line = proc::command_line(pid, COMMAND_BYTES_MAX).ok()?;
    while line.last() == Some(&0) {
        line.pop();
    }
    line.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b' ');
    Some(line)
}

/// How long a look waits for its answer: some thousand command lines are read in this time.
const WAIT: Duration = Duration::from_millis(200);
const COMMAND_BYTES_MAX: usize = 4096;
const STACK_BYTES: usize = 256 << 10;

#[cfg(test)]
mod tests {
    //! A process whose command line cannot be read now.
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn one_that_cannot_be_read_holds_up_nobody() {
        let (release, held) = mpsc::channel::<()>();
        let read = move |(pid, _): Key| {
            if pid == 2 {
                let _ = held.recv();
            }
            Some(format!("program {pid}").into_bytes())
        };
        let patterns = vec![(0, "program *".to_owned()), (3, "*3".to_owned())];
        let commands = Commands::start(patterns, read).unwrap();
        let wanted: Vec<Key> = (1..=3).map(|pid| (pid, 7)).collect();
        // Both come back although the thread stands at the second.
        assert_eq!(commands.look(wanted.clone()), HashMap::from([((1, 7), vec![0])]));
        assert_eq!(commands.look(wanted.clone()), HashMap::from([((1, 7), vec![0])]));
        drop(release);
        let whole = HashMap::from([((1, 7), vec![0]), ((2, 7), vec![0]), ((3, 7), vec![0, 3])]);
        while commands.look(wanted.clone()) != whole {
            std::thread::yield_now();
        }
        // Whoever is not asked for is forgotten.
        while commands.look(vec![(3, 7)]).len() != 1 {
            std::thread::yield_now();
        }
    }
}
