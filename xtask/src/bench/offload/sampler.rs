//! Memory of a server and busy workers of its pool over time, from a thread of its own.
//!
//! Reading memory costs the server a little (the kernel walks its pages): never look more often
//! than a figure needs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::servers::Running;

/// One look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    /// Milliseconds of Unix time.
    pub(super) at_ms: f64,
    /// Resident memory of all processes of the server (`Pss`), MiB.
    pub(super) memory_mib: f64,
    /// Busy workers; `None` when the status was not answered.
    pub(super) busy: Option<f64>,
}

/// Does `work` while looking `every` so often.
pub(super) fn during<T>(
    running: &Running,
    every: Duration,
    work: impl FnOnce() -> T,
) -> (T, Vec<Look>) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let looks = scope.spawn(|| {
            let mut looks = vec![look(running)];
            while !over.load(Ordering::Relaxed) {
                thread::sleep(every);
                looks.push(look(running));
            }
            looks
        });
        let done = work();
        over.store(true, Ordering::Relaxed);
        (done, looks.join().unwrap_or_default())
    })
}

/// The largest memory among these.
pub(super) fn peak_mib(looks: &[Look]) -> f64 {
    looks.iter().map(|look| look.memory_mib).fold(0.0, f64::max)
}

/// Milliseconds of Unix time.
pub(super) fn now_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1000.0
}

fn look(running: &Running) -> Look {
    let busy = running.pool.busy().ok();
    let memory_mib = running.server.shared_out_kib() as f64 / 1024.0;
    Look { at_ms: now_ms(), memory_mib, busy }
}
