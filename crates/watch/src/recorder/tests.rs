//! What callers add is on the disk at the end; a queue that is full drops and says so.
use menshen_guard_core::recorder::{FileHead, Snapshot, read};

use super::*;

fn start(folder: &tempfile::TempDir) -> Writing {
    let head = FileHead { salt: 8, boot_id: [1; 16], started_micros: 0, host: Vec::new() };
    let file = RecorderFile::open(&folder.path().join("r"), 4 << 20, head).unwrap();
    Recorder::start(Some(file), |text| panic!("{text}")).unwrap()
}

#[test]
fn tables_come_back_whole_between_words() {
    let folder = tempfile::tempdir().unwrap();
    let writing = start(&folder);
    let recorder = writing.recorder();
    recorder.record(&Body::Note(b"before"));
    let rows = (1..=700).map(|pid| Process { pid, command_line: &[b'x'; 90], ..<_>::default() });
    let number = recorder.table(
        |number| Body::Snapshot(Snapshot { number, processes: 700, ..Snapshot::default() }),
        rows.clone(),
        |say, number| say(&Body::Note(number.to_string().as_bytes())),
    );
    recorder.show(|status| status.level = 2);
    writing.end();
    let bytes = std::fs::read(folder.path().join("r")).unwrap();
    let found = read(&bytes).unwrap();
    let all: Vec<_> = found
        .records
        .iter()
        .filter_map(|record| match &record.body {
            Body::Processes(rows) if rows.snapshot == number => Some(*rows),
            _ => None,
        })
        .flatten()
        .collect();
    assert!(all.iter().copied().eq(rows));
    assert!(matches!(found.records[0].body, Body::Note(b"before")));
    assert!(matches!(found.records.last().unwrap().body, Body::Note(b"1")));
    let status = found.status.unwrap();
    assert_eq!((status.level, status.dropped), (2, 0));
    assert_eq!(status.flushed_sequence, found.records.last().unwrap().stamp.sequence);
}

#[test]
fn what_finds_no_room_is_counted_and_the_count_recorded() {
    let mut queue = Queue {
        salt: Some(1),
        next_sequence: 1,
        next_snapshot: 1,
        words: Vec::new(),
        tables: Vec::new(),
        dropped: 0,
        body: Vec::new(),
        status: Status::default(),
        status_wanted: false,
        closing: false,
    };
    for _ in 0..100 {
        queue.say(&Body::Kernel(&[b'x'; 16_000]));
    }
    let kept = QUEUE_BYTES / 16_040;
    assert_eq!((queue.dropped, queue.status.dropped), (100 - kept as u64, 100 - kept as u64));
    assert!(queue.words.len() <= QUEUE_BYTES);
    queue.words.clear();
    queue.say(&Body::Note(b"room again"));
    let first = LaneWriter::record_bytes_at(&queue.words).unwrap();
    assert_eq!(queue.words[32], 10, "a loss is the first record");
    assert_eq!(LaneWriter::record_bytes_at(&queue.words[first..]).unwrap() % 8, 0);
    assert_eq!(queue.dropped, 0);
}
