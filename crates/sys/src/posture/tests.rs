//! What one side writes the other reads, and who may not write.

use std::process::Command;

use super::*;

#[test]
fn a_reader_sees_what_is_written_and_clearing_takes_back_what_asks() {
    let (posture, file) = Posture::private().unwrap();
    let view = PostureView::from_file(Posture::read_only(&file).unwrap()).unwrap();
    assert_eq!(view.refuses_uploads(), None);
    posture.set(Word::UploadsRefused, 7);
    posture.set(Word::RetryAfterSeconds, 12);
    posture.set(Word::PhpBytes, 1 << 20);
    posture.add(Word::ShrinkEpoch, 1);
    posture.step_taken(0, 7);
    posture.step_freed(0, 100);
    posture.step_freed(0, 20);
    assert_eq!(view.refuses_uploads(), Some(12));
    let step = StepView { since_unix_ms: 7, taken: 1, freed_last: 120, freed: 120 };
    assert_eq!(view.step(0), step);
    posture.clear();
    assert_eq!(view.refuses_uploads(), None);
    assert_eq!(view.get(Word::PhpBytes), 0);
    assert_eq!(view.get(Word::ShrinkEpoch), 1);
    assert_eq!(view.step(0), StepView { since_unix_ms: 0, ..step });
}

#[test]
fn workers_cannot_write() {
    let (_posture, file) = Posture::private().unwrap();
    let read_only = Posture::read_only(&file).unwrap();
    assert!(rustix::io::pwrite(&read_only, b"x", 32).is_err());
    assert!(Posture::from_file(&read_only).is_err(), "not even mapped");
}

#[test]
fn another_process_writes_and_this_one_reads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("posture");
    let (_posture, _file) = Posture::create(&path).unwrap();
    let view = PostureView::open(&path).unwrap();
    // Word 4, little-endian.
    let script = format!("printf '\\052' | dd of='{}' bs=1 seek=32 conv=notrunc", path.display());
    assert!(Command::new("sh").args(["-c", &script]).output().unwrap().status.success());
    assert_eq!(
        view.get(Word::UploadsRefused),
        if cfg!(target_endian = "little") { 42 } else { 42 << 56 }
    );
}

#[test]
fn a_short_or_foreign_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("posture");
    std::fs::write(&path, [0; 100]).unwrap();
    assert!(PostureView::open(&path).is_err());
    std::fs::write(&path, [0; 4096]).unwrap();
    assert!(PostureView::open(&path).is_err());
}
