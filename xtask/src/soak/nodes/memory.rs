//! The greatest memory of doors that come and go, read a few times a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::server;

/// Reads until it is dropped.
#[derive(Debug)]
pub(super) struct Watch {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    /// First processes of the doors; 0 where there is none.
    processes: Vec<AtomicU32>,
    peaks_kib: Vec<AtomicU64>,
    is_over: AtomicBool,
}

impl Watch {
    /// For so many doors, none of which runs yet.
    pub(super) fn start(doors: usize) -> Self {
        let shared = Arc::new(Shared {
            processes: (0..doors).map(|_| AtomicU32::new(0)).collect(),
            peaks_kib: (0..doors).map(|_| AtomicU64::new(0)).collect(),
            is_over: AtomicBool::new(false),
        });
        let seen = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            while !seen.is_over.load(Relaxed) {
                for (process, peak) in seen.processes.iter().zip(&seen.peaks_kib) {
                    let process = process.load(Relaxed);
                    if process != 0 {
                        peak.fetch_max(server::shared_out_kib_of(process), Relaxed);
                    }
                }
                thread::sleep(LOOK);
            }
        });
        Self { shared, thread: Some(thread) }
    }

    /// The first process of a door from now on; 0: there is none.
    pub(super) fn is_now(&self, door: usize, process: u32) {
        self.shared.processes[door].store(process, Relaxed);
    }

    /// The greatest of each door so far, KiB.
    pub(super) fn peaks_kib(&self) -> Vec<u64> {
        self.shared.peaks_kib.iter().map(|peak| peak.load(Relaxed)).collect()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

const LOOK: Duration = Duration::from_millis(200);
