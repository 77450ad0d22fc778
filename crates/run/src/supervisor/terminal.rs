//! The terminal we were started from, if any: its size, and whether it went away.

use rustix::fs::{Mode, OFlags};

use crate::plan::Stamps;

/// What is known of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terminal {
    /// Whether there was one.
    controlling: bool,
}

impl Terminal {
    pub(super) fn look() -> Self {
        Self { controlling: controlling() }
    }

    /// Whether it was there and is not any more: somebody closed the window.
    pub(super) fn was_lost(&self) -> bool {
        self.controlling && !controlling()
    }

    /// Columns and rows for the program, so that what it fits to them still fits with what stands
    /// before its lines; wide where nobody looks, since `ps` and others cut to it.
    #[expect(clippy::unused_self, reason = "it is the terminal's size")]
    pub(super) fn size(&self, name: &str, stamps: Stamps) -> (u16, u16) {
        let size = rustix::termios::tcgetwinsize(rustix::stdio::stdout());
        let Some(size) = size.ok().filter(|size| size.ws_col > 0) else { return WIDE };
        let before = match stamps {
            Stamps::Shown => STAMP_COLUMNS + name.len() + BRACKET_COLUMNS,
            Stamps::Plain => 0,
        };
        let before = u16::try_from(before).unwrap_or(u16::MAX);
        (size.ws_col.saturating_sub(before).max(COLUMNS_MIN), size.ws_row.max(1))
    }
}

fn controlling() -> bool {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    rustix::fs::open("/dev/tty", flags, Mode::empty()).is_ok()
}

const WIDE: (u16, u16) = (200, 50);
const COLUMNS_MIN: u16 = 40;
/// `2026-11-22T21:38:13.123+01:00` and a blank.
const STAMP_COLUMNS: usize = 30;
/// `[`, `] `.
const BRACKET_COLUMNS: usize = 3;
