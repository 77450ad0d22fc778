//! Is copying slow when the destination lies a few bytes past the source modulo the page size?
//!
//! usage: `align_probe FILE` (FILE of at least 1 MiB, in the page cache)
//! For several offsets from a page boundary prints the best of 30 rates of (a) `pread` of 64 KiB
//! pieces of FILE and (b) a user-space copy of 16 KiB pieces from a page-aligned source. Run it on
//! every kind of machine before trusting an alignment rule. It must never write to FILE.

#![expect(clippy::print_stdout, reason = "a command: output is its result")]

use std::fs::File;
use std::hint::black_box;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::Instant;

fn main() -> io::Result<()> {
    let path =
        std::env::args().nth(1).ok_or_else(|| io::Error::other("usage: align_probe FILE"))?;
    let file = File::open(path)?;
    if file.metadata()?.len() < TOTAL_BYTES as u64 {
        return Err(io::Error::other("FILE is shorter than 1 MiB"));
    }
    let mut target = vec![1_u8; TOTAL_BYTES + 4 * PAGE_BYTES];
    let start = target.as_ptr().align_offset(PAGE_BYTES);
    let target = &mut target[start..];
    let source = vec![2_u8; COPY_BYTES + PAGE_BYTES];
    let start = source.as_ptr().align_offset(PAGE_BYTES);
    let source = &source[start..start + COPY_BYTES];

    println!("{:>6} {:>12} {:>12}", "offset", "pread GB/s", "copy GB/s");
    for offset in OFFSETS {
        let read = best_rate(|| {
            (0..TOTAL_BYTES).step_by(READ_BYTES).try_for_each(|at| {
                file.read_exact_at(&mut target[offset..offset + READ_BYTES], at as u64)
            })
        })?;
        let copy = best_rate(|| {
            for at in (0..TOTAL_BYTES).step_by(COPY_BYTES) {
                target[at + offset..at + offset + COPY_BYTES].copy_from_slice(black_box(source));
            }
            black_box(&target);
            Ok(())
        })?;
        println!("{offset:>6} {read:>12.1} {copy:>12.1}");
    }
    Ok(())
}

/// Best rate in GB/s of moving [`TOTAL_BYTES`].
fn best_rate(mut step: impl FnMut() -> io::Result<()>) -> io::Result<f64> {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        step()?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(TOTAL_BYTES as f64 / best / 1e9)
}

const OFFSETS: [usize; 13] = [0, 1, 5, 8, 16, 32, 59, 64, 128, 192, 255, 256, 2048];
const PAGE_BYTES: usize = 4096;
const TOTAL_BYTES: usize = 1 << 20;
const READ_BYTES: usize = 64 << 10;
const COPY_BYTES: usize = 16 << 10;
const ROUNDS: usize = 30;
