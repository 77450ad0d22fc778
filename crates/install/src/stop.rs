//! The wish to stop: Ctrl-C, SIGTERM or SIGHUP, kept until somebody looks.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether to stop.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// One that signals set from now on.
    ///
    /// # Errors
    /// The signals cannot be heard.
    pub fn on_signals() -> io::Result<Self> {
        let stop = Self::default();
        for signal in
            [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP]
        {
            signal_hook::flag::register(signal, Arc::clone(&stop.0))?;
        }
        Ok(stop)
    }

    /// Whether somebody wants it.
    #[must_use]
    pub fn wanted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Wants it.
    pub fn want(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
