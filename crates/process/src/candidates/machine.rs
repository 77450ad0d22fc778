//! The machine's memory (proc_meminfo(5)) and how its kernel is set to act
//! (Documentation/admin-guide/sysctl/vm.rst).

use std::fs::File;
use std::io::{self, Read};

use menshen_guard_core::forecast::Machine;

pub(super) fn read(page_bytes: u64) -> io::Result<Machine> {
    let text = text("/proc/meminfo")?;
    let mut machine = parse(&text, page_bytes).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, "meminfo is not in the form of proc(5)")
    })?;
    machine.kills_allocating_task = setting("oom_kill_allocating_task") != 0;
    machine.panic_on_oom = setting("panic_on_oom");
    Ok(machine)
}

/// How willing the kernel is to swap, 0..=200; v2 groups have no setting of their own.
pub(super) fn swappiness() -> u8 {
    setting("swappiness")
}

fn parse(text: &[u8], page_bytes: u64) -> Option<Machine> {
    let pages = |key: &str| {
        let line = text.split(|byte| *byte == b'\n').find_map(|line| {
            line.strip_prefix(key.as_bytes())?.strip_prefix(b":")?.strip_suffix(b" kB")
        })?;
        let kib: u64 = std::str::from_utf8(line.trim_ascii()).ok()?.parse().ok()?;
        kib.checked_mul(1024)?.checked_div(page_bytes)
    };
    let ram_pages = pages("MemTotal")?;
    Some(Machine {
        ram_pages,
        swap_pages: pages("SwapTotal").unwrap_or(0),
        // Before Linux 3.14 nobody estimated it.
        available_pages: pages("MemAvailable").or_else(|| pages("MemFree")).unwrap_or(0),
        swap_free_pages: pages("SwapFree").unwrap_or(0),
        ..Machine::default()
    })
}

/// A small number below `/proc/sys/vm`; 0 where it cannot be read.
fn setting(name: &str) -> u8 {
    let text = text(&format!("/proc/sys/vm/{name}")).unwrap_or_default();
    std::str::from_utf8(text.trim_ascii()).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn text(path: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(TEXT_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

const TEXT_BYTES_MAX: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    //! Texts of meminfo.
    use super::*;

    #[test]
    fn meminfo_in_pages_of_any_size() {
        let text = b"MemTotal:       24576000 kB\nMemFree:  1000 kB\nMemAvailable:  2000 kB\n\
            SwapTotal:  64 kB\nSwapFree: 32 kB\nHugePages_Total: 0\n";
        let machine = parse(text, 65536).unwrap();
        assert_eq!((machine.ram_pages, machine.available_pages), (384_000, 31));
        assert_eq!((machine.swap_pages, machine.swap_free_pages), (1, 0));
        assert_eq!(parse(b"MemTotal: 8 kB\nMemFree: 4 kB", 4096).unwrap().available_pages, 1);
        assert_eq!(parse(b"MemTotal: x kB\n", 4096), None);
        assert_eq!(parse(b"MemTotal: 18446744073709551615 kB\n", 4096), None);
        assert_eq!(parse(text, 0), None);
    }
}
