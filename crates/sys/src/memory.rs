//! This process's own memory: what it has resident, and giving free pages back.

use std::ffi::c_int;
use std::io;

/// Gives pages that the allocator holds free back to the kernel, `malloc_trim(3)`. Whether there
/// were any is not said.
pub fn trim() {
    #[cfg(target_env = "gnu")]
    // SAFETY: the function has no precondition; it takes the allocator's own locks.
    unsafe {
        malloc_trim(0);
    }
}

/// What this process has resident, bytes.
///
/// # Errors
/// When `/proc` is missing.
pub fn own_resident_bytes() -> io::Result<u64> {
    Ok(crate::proc::Status::read(std::process::id())?.rss_kib * 1024)
}

#[cfg(target_env = "gnu")]
unsafe extern "C" {
    fn malloc_trim(pad: usize) -> c_int;
}

#[cfg(test)]
mod tests {
    //! Whether anything comes back.

    #[test]
    #[cfg(target_env = "gnu")]
    fn freed_memory_goes_back_to_the_kernel() {
        let small: Vec<Vec<u8>> = (0..200_000).map(|_| vec![1; 200]).collect();
        let full = super::own_resident_bytes().unwrap();
        let last = vec![1; 200];
        drop(small);
        super::trim();
        let after = super::own_resident_bytes().unwrap();
        assert!(after + (20 << 20) < full, "{full} {after}");
        drop(last);
    }
}
