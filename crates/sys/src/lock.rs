//! Memory that stays: pages are not written out or moved away while there is none, and the heap
//! gives nothing back that it would have to ask for again (mlockall(2), mallopt(3)).
//!
//! It fails by `RLIMIT_MEMLOCK` without `CAP_IPC_LOCK`; the process then goes on unlocked.

use std::ffi::c_int;
use std::io;

use rustix::mm::{MlockAllFlags, mlockall};

/// Locks every page this process has touched and will touch, without touching any (`MCL_ONFAULT`,
/// 4.4): what is reserved but never used costs nothing.
///
/// # Errors
/// `ENOMEM`, `EPERM`: more than `RLIMIT_MEMLOCK`, without `CAP_IPC_LOCK`.
pub fn lock_memory() -> io::Result<()> {
    Ok(mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT)?)
}

/// Keeps what the heap has once got: no page is given back to the kernel, and large pieces come
/// from the heap too. Call it before threads are started; they share one heap afterwards.
pub fn keep_heap() {
    #[cfg(target_env = "gnu")]
    for (parameter, value) in
        [(M_ARENA_MAX, 1), (M_TRIM_THRESHOLD, c_int::MAX), (M_MMAP_THRESHOLD, MMAP_THRESHOLD_MAX)]
    {
        // SAFETY: three parameters of mallopt(3) with values it takes; one it refuses changes
        // nothing.
        unsafe { mallopt(parameter, value) };
    }
}

/// Writes to every page of `bytes` what is there, so that a locked one is there before it is
/// needed.
pub fn touch(bytes: &mut [u8]) {
    for page in bytes.chunks_mut(PAGE_BYTES_MIN) {
        if let Some(first) = page.first_mut() {
            // A write the compiler cannot leave out.
            *first = std::hint::black_box(*first);
        }
    }
}

#[cfg(target_env = "gnu")]
unsafe extern "C" {
    /// glibc's mallopt(3).
    fn mallopt(parameter: c_int, value: c_int) -> c_int;
}

#[cfg(target_env = "gnu")]
const M_TRIM_THRESHOLD: c_int = -1;
#[cfg(target_env = "gnu")]
const M_MMAP_THRESHOLD: c_int = -3;
#[cfg(target_env = "gnu")]
const M_ARENA_MAX: c_int = -8;
/// glibc's `DEFAULT_MMAP_THRESHOLD_MAX`, 32 MiB; it refuses more.
#[cfg(target_env = "gnu")]
const MMAP_THRESHOLD_MAX: c_int = 32 << 20;
const PAGE_BYTES_MIN: usize = 4096;

#[cfg(test)]
mod tests {
    //! The lock is for the whole process, other tests included; it does them no harm.
    use super::*;

    #[test]
    fn what_is_touched_after_the_lock_is_locked() {
        keep_heap();
        if let Err(error) = lock_memory() {
            eprintln!("SKIPPED: memory cannot be locked here: {error}");
            return;
        }
        let mut bytes = vec![0; 4 << 20];
        touch(&mut bytes);
        let locked = locked_kib(bytes.as_ptr().addr());
        std::hint::black_box(&bytes);
        rustix::mm::munlockall().unwrap();
        assert!(locked >= 4000, "{locked} KiB");
    }

    /// `Locked:` of the mapping that holds this address: pages that are there. Pages of files count
    /// less the more processes share them, so the sum over all mappings would not do.
    fn locked_kib(address: usize) -> u64 {
        let text = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut lines = text.lines().skip_while(|line| {
            let range = line.split(' ').next().and_then(|range| range.split_once('-'));
            let number = |hex: &str| usize::from_str_radix(hex, 16).ok();
            let range = range.and_then(|(from, to)| Some(number(from)?..number(to)?));
            !range.is_some_and(|range| range.contains(&address))
        });
        let line = lines.find_map(|line| line.strip_prefix("Locked:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}
