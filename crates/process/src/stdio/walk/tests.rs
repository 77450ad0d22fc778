//! Memory that is made up: whatever is in it, the walk ends and is bounded.
use std::cell::Cell;

use proptest::prelude::*;

use super::*;

/// Bytes from address 0 on, and how often they were read.
struct Bytes(Vec<u8>, Cell<usize>);

impl Memory for Bytes {
    fn read(&self, address: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.1.set(self.1.get() + 1);
        assert!(self.1.get() < 1_000_000, "it goes round and round");
        let start = usize::try_from(address).unwrap_or(usize::MAX);
        let from = start.checked_add(buffer.len()).and_then(|end| self.0.get(start..end));
        buffer.copy_from_slice(from.ok_or(io::ErrorKind::InvalidInput)?);
        Ok(())
    }
}

fn words(bytes: &mut [u8], at: usize, words: &[(usize, u64)]) {
    for (index, word) in words {
        let start = at + index * 8;
        bytes[start..start + 8].copy_from_slice(&word.to_le_bytes());
    }
}

/// A glibc record at `at` with `length` bytes stuck at 3000, and the next one at `next`.
fn record(bytes: &mut [u8], at: usize, length: u64, next: u64) {
    let magic = 0xfbad_2800_u64;
    let (start, end) = (3000, 3900);
    words(bytes, at, &[(0, magic), (4, start), (5, start + length), (7, start), (8, end)]);
    words(bytes, at, &[(13, next), (14, 7)]);
}

fn roots(library: Library, width: Width) -> Roots {
    let (stdout, stderr) = (Root::At(512), Some(Root::Through(1024)));
    Roots { library, width, stdout, stderr, list: Some(2048) }
}

#[test]
fn a_ring_of_streams_ends() {
    let mut bytes = vec![b'x'; 4096];
    for at in [512, 1200, 1600] {
        record(&mut bytes, at, 5, if at == 1200 { 1600 } else { 1200 });
    }
    words(&mut bytes, 1024, &[(0, 1600)]);
    words(&mut bytes, 2048, &[(0, 1200)]);
    let memory = Bytes(bytes, Cell::new(0));
    let look = walk(&memory, &roots(Library::Glibc, Width::Eight)).unwrap().unwrap();
    assert_eq!(look.stuck.len(), STUCK_MAX);
    assert_eq!((look.stuck[0].stream, look.stuck[1].stream), (Stream::Stdout, Stream::Stderr));
    assert!(look.stuck.iter().all(|stuck| stuck.text == b"xxxxx" && stuck.descriptor == 7));
}

#[test]
fn a_ring_of_streams_without_text_ends_too() {
    let mut bytes = vec![0; 4096];
    record(&mut bytes, 512, 0, 0);
    record(&mut bytes, 1200, 0, 1200);
    words(&mut bytes, 2048, &[(0, 1200)]);
    let memory = Bytes(bytes, Cell::new(0));
    let look = walk(&memory, &roots(Library::Glibc, Width::Eight)).unwrap().unwrap();
    assert!(look.stuck.is_empty());
}

#[test]
fn records_that_contradict_themselves_are_left_out() {
    for (base, pointer, start, end) in [
        (3000, 2999, 3000, 3900),
        (3000, 3901, 3000, 3900),
        (2999, 3001, 3000, 3900),
        (0, 10, 0, 100),
        (3000, 3000 + (1 << 40), 3000, 3000 + (1 << 41)),
        (5000, 5010, 5000, 5020),
    ] {
        let mut bytes = vec![0; 4096];
        record(&mut bytes, 512, 5, 0);
        words(&mut bytes, 512, &[(4, base), (5, pointer), (7, start), (8, end)]);
        let memory = Bytes(bytes, Cell::new(0));
        let look = walk(&memory, &roots(Library::Glibc, Width::Eight)).unwrap().unwrap();
        assert!(look.stuck.is_empty(), "{base} {pointer} {start} {end}: {:?}", look.stuck);
    }
    let no_magic = Bytes(vec![0; 4096], Cell::new(0));
    assert_eq!(walk(&no_magic, &roots(Library::Glibc, Width::Eight)).unwrap(), None);
}

#[test]
fn long_text_is_cut_and_counted_whole() {
    let mut bytes = vec![b'y'; 300_000];
    record(&mut bytes, 512, 0, 0);
    words(&mut bytes, 512, &[(5, 3000 + 200_000), (8, 3000 + 250_000)]);
    let memory = Bytes(bytes, Cell::new(0));
    let look = walk(&memory, &roots(Library::Glibc, Width::Eight)).unwrap().unwrap();
    assert_eq!((look.stuck[0].bytes, look.stuck[0].text.len()), (200_000, TEXT_BYTES_MAX));
}

proptest! {
    #[test]
    fn any_memory_is_walked_in_bounded_time(
        mut bytes in proptest::collection::vec(any::<u8>(), 2500..5000),
        pointers in proptest::collection::vec((0_usize..300, 0_u64..5000), 0..200),
        magic in any::<bool>(),
        musl in any::<bool>(),
        narrow in any::<bool>(),
    ) {
        // Small numbers everywhere, so that what looks like a pointer often is one.
        for (index, value) in &pointers {
            words(&mut bytes, 0, &[(*index, *value)]);
        }
        if magic {
            for at in [512, 1024] {
                words(&mut bytes, at, &[(0, 0xfbad_2000)]);
            }
        }
        let memory = Bytes(bytes, Cell::new(0));
        let library = if musl { Library::Musl } else { Library::Glibc };
        let width = if narrow { Width::Four } else { Width::Eight };
        if let Ok(Some(look)) = walk(&memory, &roots(library, width)) {
            prop_assert!(look.stuck.len() <= STUCK_MAX + 2);
            prop_assert!(look.stuck.iter().all(|stuck| stuck.text.len() <= TEXT_BYTES_MAX));
        }
        prop_assert!(memory.1.get() <= (STREAMS_MAX + 3) * (4 * TRIES));
    }
}
