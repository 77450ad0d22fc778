//! The one thing the watch must know of a report while it happens: who was killed.

use memchr::memmem;

/// A `Killed process` line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KillLine {
    /// Who was killed.
    pub pid: u32,
    /// A control group's limit was hit, as far as the line says.
    pub of_group: bool,
}

/// The kill that a record of `/dev/kmsg` with this priority and text tells of. The same words also
/// stand in rows of the table of processes, and in other lines, when a process has chosen them for
/// its name: those begin otherwise. Programs write with another facility than the kernel's.
#[must_use]
pub fn kill_line(priority: u32, text: &[u8]) -> Option<KillLine> {
    let named = text.starts_with(b"[") || text.starts_with(b"oom-kill:");
    if priority >= 8 || named || memmem::find(text, b" invoked oom-killer").is_some() {
        return None;
    }
    // "Killed process", and "killed process" of some vendors.
    let word = b"illed process ";
    let at = memmem::find(text, word)? + word.len();
    let digits = text.get(at..)?;
    let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    let pid = core::str::from_utf8(digits.get(..end)?).ok()?.parse().ok()?;
    Some(KillLine { pid, of_group: text.starts_with(b"Memory cgroup") })
}

#[cfg(test)]
mod tests {
    //! Lines of kernels and vendors, and names that look like them.
    use super::*;

    #[test]
    fn kills_of_the_kernel_are_found_and_names_are_not() {
        let line = b"Memory cgroup out of memory: Killed process 7 (a) total-vm:1kB";
        assert_eq!(kill_line(3, line), Some(KillLine { pid: 7, of_group: true }));
        let lines: [&[u8]; 4] = [
            b"Out of memory: Killed process 8 (x)",
            b"Killed process 8 (x)",
            b"Killed process 8, UID 0, (x) total-vm:1kB",
            b"Out of memory in UB 12: OOM killed process 8 (php-cgi) score 0 vm:1kB",
        ];
        for line in lines {
            assert_eq!(kill_line(3, line), Some(KillLine { pid: 8, of_group: false }));
        }
        let others: [&[u8]; 5] = [
            b"[   9]     0     9  100  5  0  0  0 Killed process 9",
            b"Killed process 9 invoked oom-killer: gfp_mask=0x1",
            b"oom-kill:constraint=X,task=Killed process 9,pid=1,uid=0",
            b"Killed process ",
            b"Kill process 9 (x) score 1 or sacrifice child",
        ];
        for line in others {
            assert_eq!(kill_line(3, line), None, "{}", line.escape_ascii());
        }
        assert_eq!(kill_line(14, b"Out of memory: Killed process 8 (x)"), None, "of a program");
    }
}
