//! The machine's memory, again and again, from files that are open already: `/proc/meminfo`,
//! `/proc/vmstat`, `/proc/pressure/memory`.

use std::fs::File;
use std::os::unix::fs::FileExt;

use menshen_guard_core::recorder::Pressure;
use menshen_sys::psi;

/// The open files; what cannot be opened is not known.
#[derive(Debug)]
pub(crate) struct Sources {
    meminfo: Option<File>,
    vmstat: Option<File>,
    pressure: Option<File>,
    buffer: Vec<u8>,
}

impl Sources {
    /// Opens them.
    pub(crate) fn open() -> Self {
        let open = |path| File::open(path).ok();
        Self {
            meminfo: open("/proc/meminfo"),
            vmstat: open("/proc/vmstat"),
            pressure: open(psi::MEMORY),
            buffer: vec![0; TEXT_BYTES_MAX],
        }
    }

    /// Whether the kernel tells how long tasks wait.
    pub(crate) const fn has_pressure(&self) -> bool {
        self.pressure.is_some()
    }

    /// Reads all of it.
    pub(crate) fn read(&mut self) -> Pressure {
        let mut found = Pressure { oom_kills: self.oom_kills(), ..Pressure::default() };
        let text = read(self.meminfo.as_ref(), &mut self.buffer);
        fill(&mut found, text);
        let text = read(self.pressure.as_ref(), &mut self.buffer);
        if let Some(readings) = psi::parse(text) {
            found.some_avg10_centi = Some(u64::from(readings.some.avg10_centi));
            found.full_avg10_centi = readings.full.map(|full| u64::from(full.avg10_centi));
            found.some_total_micros = Some(readings.some.total_micros);
        }
        found.level = level(&found);
        found
    }

    /// How many processes the kernel has killed for want of memory since it started (4.13).
    pub(crate) fn oom_kills(&mut self) -> Option<u64> {
        value(read(self.vmstat.as_ref(), &mut self.buffer), b"oom_kill ")
    }
}

/// How bad it is, 0..=3: what is left without swapping, or how long tasks wait for memory.
fn level(found: &Pressure) -> u8 {
    let percent = found.available_kib.saturating_mul(100).checked_div(found.total_kib);
    let scarce = match percent {
        Some(0..=3) => 3,
        Some(4..=7) => 2,
        Some(8..=14) => 1,
        _ => 0,
    };
    let stalled = match found.some_avg10_centi {
        Some(4000..) => 2,
        Some(1000..) => 1,
        _ => 0,
    };
    scarce.max(stalled)
}

fn fill(found: &mut Pressure, text: &[u8]) {
    let kib = |key: &[u8]| value(text, key).unwrap_or(0);
    found.total_kib = kib(b"MemTotal:");
    found.free_kib = kib(b"MemFree:");
    // Before 3.14 nobody estimated it; free memory and files are the nearest.
    found.available_kib =
        value(text, b"MemAvailable:").unwrap_or_else(|| found.free_kib + kib(b"Cached:"));
    found.swap_total_kib = kib(b"SwapTotal:");
    found.swap_free_kib = kib(b"SwapFree:");
    found.shmem_kib = kib(b"Shmem:");
    found.slab_unreclaimable_kib = kib(b"SUnreclaim:");
    found.page_table_kib = kib(b"PageTables:");
}

fn read<'a>(file: Option<&File>, buffer: &'a mut [u8]) -> &'a [u8] {
    let Some(file) = file else { return &[] };
    let mut length = 0;
    // The kernel gives at most a page at once.
    while let Some(rest) = buffer.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, length as u64) {
            Ok(0) | Err(_) => break,
            Ok(more) => length += more,
        }
    }
    buffer.get(..length).unwrap_or_default()
}

/// The number behind `key` at the beginning of a line.
fn value(text: &[u8], key: &[u8]) -> Option<u64> {
    let line = text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(key))?;
    let digits = line.trim_ascii_start();
    let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    std::str::from_utf8(digits.get(..end)?).ok()?.parse().ok()
}

const TEXT_BYTES_MAX: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    //! The running kernel, and levels.
    use super::*;

    #[test]
    fn this_machine_is_read() {
        let mut sources = Sources::open();
        let found = sources.read();
        assert!(found.total_kib > 0 && found.available_kib <= found.total_kib);
        assert!(found.free_kib > 0 && found.page_table_kib > 0);
        assert_eq!(found.some_avg10_centi.is_some(), sources.has_pressure());
        assert_eq!(found.oom_kills.is_some(), sources.oom_kills().is_some());
    }

    #[test]
    fn levels_follow_from_what_is_left_and_from_waiting() {
        let at = |available_kib, some: Option<u64>| {
            let total_kib = 1000;
            level(&Pressure { total_kib, available_kib, some_avg10_centi: some, ..<_>::default() })
        };
        let table = [
            (500, None, 0),
            (149, None, 1),
            (79, Some(0), 2),
            (39, Some(9999), 3),
            (900, Some(999), 0),
            (900, Some(1000), 1),
            (900, Some(4000), 2),
        ];
        for (available, some, expected) in table {
            assert_eq!(at(available, some), expected, "{available} {some:?}");
        }
        assert_eq!(level(&Pressure::default()), 0, "nothing is known");
    }

    #[test]
    fn numbers_are_found_by_the_whole_key() {
        let text = b"oom_kill_other 3\noom_kill 69\nMemFree:   12 kB\n";
        assert_eq!(value(text, b"oom_kill "), Some(69));
        assert_eq!(value(text, b"MemFree:"), Some(12));
        assert_eq!(value(text, b"Shmem:"), None);
    }
}
