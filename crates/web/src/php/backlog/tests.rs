//! Order, counts and the return to memory.
use super::*;

fn make() -> Result<OwnedFd, crate::fault::Fault> {
    Ok(tempfile::tempfile().unwrap().into())
}

#[test]
fn bytes_come_out_in_order_through_memory_and_file() {
    let mut backlog = Backlog::default();
    let (mut sent, mut got) = (Vec::new(), Vec::new());
    let mut seed = 7_u32;
    let mut out = vec![0; 50_000];
    for round in 0..400_u32 {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let size = usize::try_from(seed % 40_000).unwrap();
        let piece: Vec<u8> = (0..size).map(|i| u8::try_from((i + size) % 251).unwrap()).collect();
        backlog.push(&piece);
        sent.extend_from_slice(&piece);
        if round % 3 == 0 {
            backlog.settle(make);
        }
        let want = usize::try_from(seed % 47_111).unwrap();
        let n = backlog.peek(&mut out[..want]).unwrap();
        got.extend_from_slice(&out[..n]);
        backlog.advance(n);
        assert_eq!(backlog.len(), (sent.len() - got.len()) as u64);
    }
    assert!(backlog.spooled() > 0, "nothing ever rested on disk");
    while backlog.len() > 0 {
        let n = backlog.peek(&mut out).unwrap();
        got.extend_from_slice(&out[..n]);
        backlog.advance(n);
    }
    assert_eq!(got, sent);
    assert!(backlog.file.is_none() && backlog.memory.capacity() <= REST_BYTES);
}

#[test]
fn a_little_rests_in_memory_and_much_does_not() {
    let mut backlog = Backlog::default();
    backlog.push(&[1; REST_BYTES]);
    backlog.settle(|| panic!("no file for so little"));
    backlog.push(&[2; 1]);
    backlog.settle(make);
    assert_eq!(backlog.on_disk(), REST_BYTES as u64 + 1);
    assert!(backlog.memory.capacity() == 0);
}

/// A file that takes `bytes` and then no more.
fn full_after(bytes: u64) -> OwnedFd {
    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
    let file = memfd_create("full", MemfdFlags::ALLOW_SEALING | MemfdFlags::CLOEXEC).unwrap();
    ftruncate(&file, bytes).unwrap();
    fcntl_add_seals(&file, SealFlags::GROW).unwrap();
    file
}

fn noise(bytes: usize, seed: usize) -> Vec<u8> {
    (0..bytes).map(|at| u8::try_from((at * 31 + at / 251 + seed) % 251).unwrap()).collect()
}

fn drain(backlog: &mut Backlog, step: usize) -> Vec<u8> {
    let (mut all, mut out) = (Vec::new(), vec![0; step]);
    while backlog.len() > 0 {
        let n = backlog.peek(&mut out).unwrap();
        assert_eq!(n as u64, backlog.len().min(step as u64), "fewer than there are");
        all.extend_from_slice(&out[..n]);
        backlog.advance(n);
    }
    all
}

#[test]
fn a_full_disk_loses_nothing() {
    // The disk is full from the start, after a part of the first piece, and later.
    for room in [0, 4096, 40 << 10, 100 << 10, 120 << 10] {
        for step in [1000, 64 << 10, 1 << 20] {
            let mut backlog = Backlog::default();
            let [first, second, third] = [60 << 10, 50 << 10, 30 << 10].map(|n| noise(n, 1));
            backlog.push(&first);
            backlog.settle(|| Ok(full_after(room)));
            backlog.push(&second);
            backlog.push(&third);
            let sent = [first, second, third].concat();
            assert!(backlog.is_stuck(), "{room}");
            assert_eq!((backlog.len(), backlog.on_disk()), (sent.len() as u64, backlog.spooled()));
            assert!(backlog.spooled() <= room && (room == 0) == (backlog.spooled() == 0));
            backlog.settle(|| panic!("the disk is full"));
            assert!(drain(&mut backlog, step) == sent, "{room} {step}");
            // Once all is taken there is another chance.
            assert!(!backlog.is_stuck());
            backlog.push(&noise(20 << 10, 2));
            backlog.settle(make);
            assert!(!backlog.is_stuck() && backlog.on_disk() == 20 << 10);
        }
    }
}

#[test]
fn without_a_file_all_stays_in_memory() {
    let mut backlog = Backlog::default();
    let sent = noise(50 << 10, 3);
    backlog.push(&sent);
    backlog.advance(10);
    backlog.settle(|| Err(crate::fault::Fault::Storage));
    assert!(backlog.is_stuck() && backlog.on_disk() == 0);
    assert!(drain(&mut backlog, 777) == sent[10..]);
    assert!(!backlog.is_stuck());
}
