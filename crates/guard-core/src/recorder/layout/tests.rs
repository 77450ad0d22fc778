//! A lane that goes round, and one that is gone on with.
use alloc::vec;
use alloc::vec::Vec;

use super::super::{Body, read};
use super::*;

const FILE: u64 = (HEAD_BYTES + 8 * SEGMENT_BYTES) as u64;

fn head() -> FileHead {
    FileHead { salt: 77, boot_id: [3; 16], started_micros: 5, host: b"door".to_vec() }
}

/// A file as a disk would hold it.
struct Disk(Vec<u8>);

impl Disk {
    fn new() -> Self {
        let mut bytes = vec![0; usize::try_from(FILE).unwrap()];
        let head = head().encode();
        bytes[..head.len()].copy_from_slice(&head);
        Self(bytes)
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), ()> {
        let at = usize::try_from(offset).unwrap();
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn add(&mut self, lane: &mut LaneWriter, sequence: u64, text: &[u8]) {
        let mut body = Vec::new();
        let kind = Body::Note(text).encode_into(&mut body);
        let mut record = Vec::new();
        let stamp = Stamp { sequence, wall_micros: sequence, mono_micros: 1 };
        encode_record(&mut record, 77, stamp, kind, &body);
        lane.add(&record, |offset, bytes| self.write(offset, bytes)).unwrap();
        lane.flush(&mut |offset, bytes: &[u8]| self.write(offset, bytes)).unwrap();
    }

    fn sequences(&self) -> Vec<u64> {
        read(&self.0).unwrap().records.iter().map(|record| record.stamp.sequence).collect()
    }
}

#[test]
fn a_full_lane_forgets_its_oldest_segment_and_no_other_lane() {
    let mut disk = Disk::new();
    let mut words = LaneWriter::new(Lane::Words, FILE, &head(), None);
    let mut tables = LaneWriter::new(Lane::Tables, FILE, &head(), None);
    disk.add(&mut words, 1, b"first");
    for sequence in 2..2000 {
        disk.add(&mut tables, sequence, &[b'x'; 1000]);
    }
    disk.add(&mut words, 2000, b"last");
    let found = disk.sequences();
    assert_eq!((found[0], *found.last().unwrap()), (1, 2000));
    // Four segments of 62 records of 1048 bytes each; the one being filled is not full.
    assert!((3 * 62..=4 * 62).contains(&(found.len() - 2)), "{}", found.len());
    assert!(found[1..].windows(2).all(|pair| pair[1] == pair[0] + 1), "a hole");
    assert_eq!(read(&disk.0).unwrap().damaged_bytes, 0);
}

#[test]
fn a_lane_is_gone_on_with_in_the_same_segment_in_the_same_life() {
    let mut disk = Disk::new();
    let mut words = LaneWriter::new(Lane::Words, FILE, &head(), None);
    for sequence in 1..=100 {
        disk.add(&mut words, sequence, &[b'x'; 900]);
    }
    for (boot, entered) in [([3; 16], 0), ([4; 16], 1)] {
        let copy = disk.0.clone();
        let recording = read(&copy).unwrap();
        let last = recording.last_segment(Lane::Words, &boot).unwrap();
        assert_eq!(last.image.is_some(), entered == 0);
        let before = last.number;
        let head = FileHead { boot_id: boot, ..head() };
        let mut again = LaneWriter::new(Lane::Words, FILE, &head, Some(last));
        let next = recording.records.last().unwrap().stamp.sequence + 1;
        disk.add(&mut again, next, b"again");
        assert_eq!(again.number, before + entered);
        assert_eq!(disk.sequences(), (1..=next).collect::<Vec<_>>());
    }
    let copy = disk.0.clone();
    let boots: Vec<_> = read(&copy).unwrap().records.iter().map(|one| one.boot_id).collect();
    assert_eq!((boots[0], boots[101]), (Some([3; 16]), Some([4; 16])));
}

#[test]
fn status_alternates_so_that_half_a_writing_loses_nothing() {
    let mut disk = Disk::new();
    for version in 1..=5 {
        let status = Status { version, pid: 9, oom_kills: None, level: 2, ..Status::default() };
        let (offset, bytes) = status.encode();
        disk.write(offset, &bytes).unwrap();
        assert_eq!(super::super::status(&disk.0), Some(status));
        let half = Status { version: version + 1, ..status };
        let (offset, bytes) = half.encode();
        disk.write(offset, &bytes[..bytes.len() / 2]).unwrap();
        assert_eq!(super::super::status(&disk.0), Some(status));
    }
    assert_eq!(super::super::head(&disk.0), Some(head()));
}
