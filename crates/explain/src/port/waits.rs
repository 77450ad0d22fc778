//! Whether a process waits for connections at a socket: what its threads are in
//! (proc_pid_syscall(5)) and what its epolls watch (proc_pid_fdinfo(5)).
//!
//! A process that works is not waiting at that moment, but what it registered with an epoll stays.

use std::io;
use std::os::unix::fs::FileExt;

use menshen_explain_core::port::Waits;
use menshen_sys::proc;

/// Whether the process waits for what comes to the socket, which it has as these descriptors.
pub(super) fn of(pid: u32, inode: u32, descriptors: &[u32]) -> Waits {
    let Ok(all) = proc::descriptors(pid) else { return Waits::Unknown };
    let mut perhaps = false;
    for (number, target) in all {
        match &*target {
            b"anon_inode:[eventpoll]" => {
                let info = proc::read(pid, &format!("fdinfo/{number}"), FDINFO_BYTES_MAX);
                if info.is_ok_and(|info| watches(&info, inode, descriptors)) {
                    return Waits::Watches;
                }
            }
            b"anon_inode:[io_uring]" => perhaps = true,
            _ => {}
        }
    }
    let Ok(threads) = proc::threads(pid) else { return Waits::Unknown };
    let mut seen = Waits::No;
    for thread in threads.into_iter().take(THREADS_MAX) {
        match proc::read(pid, &format!("task/{thread}/syscall"), SYSCALL_BYTES_MAX) {
            Ok(text) => match call(&text, pid, descriptors) {
                Waits::Accepts => return Waits::Accepts,
                Waits::Perhaps => perhaps = true,
                _ => {}
            },
            // Ended meanwhile.
            Err(error) if error.raw_os_error() == Some(ESRCH) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound && threads_file(pid) => {}
            Err(_) => seen = Waits::Unknown,
        }
    }
    if perhaps { Waits::Perhaps } else { seen }
}

/// Whether the kernel has the file at all.
fn threads_file(pid: u32) -> bool {
    std::path::Path::new(&format!("/proc/{pid}/syscall")).exists()
}

/// Lines `tfd: N events: … ino:HEX sdev:HEX`; kernels before 4.14 show no inode.
fn watches(info: &[u8], inode: u32, descriptors: &[u32]) -> bool {
    let info = String::from_utf8_lossy(info);
    info.lines().filter_map(|line| line.strip_prefix("tfd:")).any(|line| {
        match line.split_once("ino:") {
            Some((_, rest)) => {
                let hex = rest.split_whitespace().next().unwrap_or_default();
                u32::from_str_radix(hex, 16) == Ok(inode)
            }
            None => {
                let number = line.split_whitespace().next().and_then(|word| word.parse().ok());
                number.is_some_and(|number| descriptors.contains(&number))
            }
        }
    })
}

/// What a thread is in: `NUMBER ARGUMENT…`, `running`, or `-1 …`.
fn call(text: &[u8], pid: u32, descriptors: &[u32]) -> Waits {
    let text = String::from_utf8_lossy(text);
    let mut words = text.split_whitespace();
    let Some(number) = words.next().and_then(|word| word.parse::<i64>().ok()) else {
        return Waits::No;
    };
    let mut argument = || {
        let digits = words.next().and_then(|word| word.strip_prefix("0x"));
        digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(0)
    };
    let (first, second) = (argument(), argument());
    let seen = if ACCEPT.contains(&number) {
        let ours = u32::try_from(first).is_ok_and(|first| descriptors.contains(&first));
        Some(ours)
    } else if POLL.contains(&number) {
        polls(pid, first, second, descriptors)
    } else if SELECT.contains(&number) {
        selects(pid, first, second, descriptors)
    } else {
        Some(false)
    };
    match seen {
        Some(true) => Waits::Accepts,
        Some(false) => Waits::No,
        None => Waits::Perhaps,
    }
}

/// Whether an array of `struct pollfd` has one of the descriptors. `None`: it cannot be read.
fn polls(pid: u32, at: u64, count: u64, descriptors: &[u32]) -> Option<bool> {
    let bytes = memory(pid, at, count.checked_mul(POLLFD_BYTES)?)?;
    let mut numbers = bytes.chunks_exact(usize::try_from(POLLFD_BYTES).ok()?);
    Some(numbers.any(|one| {
        let number = one.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes));
        number.is_some_and(|number| descriptors.contains(&number))
    }))
}

/// Whether the first set of select(2) has one of the descriptors. `None`: it cannot be read.
fn selects(pid: u32, count: u64, at: u64, descriptors: &[u32]) -> Option<bool> {
    if at == 0 {
        return Some(false);
    }
    let bytes = memory(pid, at, count.div_ceil(64).checked_mul(8)?)?;
    Some(descriptors.iter().filter(|number| u64::from(**number) < count).any(|number| {
        let word = usize::try_from(number / 64).unwrap_or(usize::MAX);
        let word = bytes.chunks_exact(8).nth(word).and_then(<[u8]>::first_chunk);
        word.is_some_and(|word| u64::from_ne_bytes(*word) >> (number % 64) & 1 == 1)
    }))
}

/// Memory of a process, which a system call of it points to; looked at only.
fn memory(pid: u32, at: u64, length: u64) -> Option<Vec<u8>> {
    let length = usize::try_from(length).ok().filter(|length| *length <= MEMORY_BYTES_MAX)?;
    let mut bytes = vec![0; length];
    let file = std::fs::File::open(format!("/proc/{pid}/mem")).ok()?;
    file.read_exact_at(&mut bytes, at).ok()?;
    Some(bytes)
}

// Numbers of system calls.
#[cfg(target_arch = "x86_64")]
mod numbers {
    /// accept, accept4.
    pub(super) const ACCEPT: &[i64] = &[43, 288];
    /// poll, ppoll.
    pub(super) const POLL: &[i64] = &[7, 271];
    /// select, pselect6.
    pub(super) const SELECT: &[i64] = &[23, 270];
}
#[cfg(any(target_arch = "aarch64", target_arch = "riscv64"))]
mod numbers {
    /// accept, accept4.
    pub(super) const ACCEPT: &[i64] = &[202, 242];
    /// ppoll.
    pub(super) const POLL: &[i64] = &[73];
    /// pselect6.
    pub(super) const SELECT: &[i64] = &[72];
}
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
mod numbers {
    /// Not known here: nobody is seen to accept.
    pub(super) const ACCEPT: &[i64] = &[];
    /// Not known here.
    pub(super) const POLL: &[i64] = &[];
    /// Not known here.
    pub(super) const SELECT: &[i64] = &[];
}
use numbers::{ACCEPT, POLL, SELECT};

const ESRCH: i32 = 3;
const FDINFO_BYTES_MAX: usize = 4 << 20;
const SYSCALL_BYTES_MAX: usize = 256;
const THREADS_MAX: usize = 4096;
const POLLFD_BYTES: u64 = 8;
const MEMORY_BYTES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    //! Real files, and a thread of this process that accepts.
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn epolls_are_read() {
        let info = b"pos:\t0\nflags:\t02\nmnt_id:\t15\nino:\t1055\n\
            tfd:        5 events:       19 data:                5  pos:0 ino:1f3 sdev:8\n";
        assert!(watches(info, 0x1f3, &[9]));
        assert!(!watches(info, 0x1055, &[5]));
        let old = b"tfd:        5 events:       19 data:                5\n";
        assert!(watches(old, 7, &[5]) && !watches(old, 5, &[6]));
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn calls_are_read() {
        let own = std::process::id();
        let call = |text: &[u8]| call(text, own, &[3, 70]);
        assert_eq!(call(b"288 0x3 0x7ffe 0x0 0x80000 0x0 0x0 0x7f 0x7f\n"), Waits::Accepts);
        assert_eq!(call(b"43 0x4 0x0"), Waits::No);
        assert_eq!(call(b"7 0x10 0x2 0x0"), Waits::Perhaps, "no memory is there");
        let polled = [9_u32, 1, 70, 1];
        let at = polled.as_ptr() as usize;
        assert_eq!(call(format!("7 {at:#x} 0x2 0x0").as_bytes()), Waits::Accepts);
        assert_eq!(call(format!("271 {at:#x} 0x1 0x0").as_bytes()), Waits::No);
        let set = [0_u64, 1 << 6];
        let at = set.as_ptr() as usize;
        assert_eq!(call(format!("23 0x47 {at:#x} 0x0").as_bytes()), Waits::Accepts);
        assert_eq!(call(format!("23 0x46 {at:#x} 0x0").as_bytes()), Waits::No, "below the count");
        assert_eq!(call(b"23 0x47 0x0 0x0"), Waits::No);
        assert_eq!(call(b"7 0x10 0xffffffffffffffff"), Waits::Perhaps);
        for other in [&b"running\n"[..], b"-1 0x7ffe 0x7f", b"", b"\xff"] {
            assert_eq!(call(other), Waits::No);
        }
    }

    #[test]
    fn a_thread_that_accepts_is_seen() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let inode = u32::try_from(rustix::fs::fstat(&socket).unwrap().st_ino).unwrap();
        let fd = u32::try_from(socket.as_raw_fd()).unwrap();
        let thread = std::thread::spawn(move || socket.accept().map(|_| ()));
        let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while of(std::process::id(), inode, &[fd]) != Waits::Accepts {
            assert!(std::time::Instant::now() < until);
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        let _ = std::net::TcpStream::connect(address);
        thread.join().unwrap().unwrap();
    }
}
