//! A new file, one gone on with, one of another size, and files that are no recorder.
use std::os::unix::fs::MetadataExt;

use super::*;

const BYTES: u64 = 4 << 20;

fn head(boot: u8) -> FileHead {
    FileHead { salt: 5, boot_id: [boot; 16], started_micros: 1, host: b"h".to_vec() }
}

fn add(file: &mut RecorderFile, text: &[u8]) {
    let mut body = Vec::new();
    let kind = Body::Kernel(text).encode_into(&mut body);
    let stamp = recorder::Stamp { sequence: file.next_sequence, ..recorder::Stamp::default() };
    let mut record = Vec::new();
    recorder::encode_record(&mut record, file.head.salt, stamp, kind, &body);
    let mut put = |offset: u64, bytes: &[u8]| file.durable.write_all_at(bytes, offset);
    file.words.add(&record, &mut put).unwrap();
    file.words.flush(&mut put).unwrap();
    file.next_sequence += 1;
}

#[test]
fn every_block_is_there_from_the_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recorder");
    let file = RecorderFile::open(&path, BYTES, head(1)).unwrap();
    let meta = file.plain.metadata().unwrap();
    assert_eq!((meta.mode() & 0o777, file.next_sequence), (0o600, 1));
    assert!(meta.len() <= BYTES && meta.len() > BYTES - SEGMENT_BYTES as u64);
    assert!(meta.blocks() * 512 >= meta.len(), "{} blocks", meta.blocks());
}

#[test]
fn one_watch_at_a_time_goes_on_where_the_last_ended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recorder");
    let mut file = RecorderFile::open(&path, BYTES, head(1)).unwrap();
    add(&mut file, b"3,41,7,-;one");
    add(&mut file, b"3,42,7,-;two");
    let busy = RecorderFile::open(&path, BYTES, head(1)).unwrap_err();
    assert!(matches!(busy, RecorderError::LocalInUse { .. }), "{busy}");
    drop(file);
    let salt = 99;
    let mut file = RecorderFile::open(&path, BYTES, FileHead { salt, ..head(1) }).unwrap();
    assert_eq!((file.head.salt, file.next_sequence, file.kernel_sequence), (5, 3, Some(42)));
    add(&mut file, b"3,43,7,-;three");
    drop(file);
    let file = RecorderFile::open(&path, BYTES, head(2)).unwrap();
    assert_eq!(file.kernel_sequence, None, "numbers of another life of the machine");
    assert_eq!(file.next_sequence, 4);
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(recorder::read(&bytes).unwrap().records.len(), 3);
}

#[test]
fn a_recorder_of_another_size_is_kept_beside_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recorder");
    add(&mut RecorderFile::open(&path, BYTES, head(1)).unwrap(), b"3,1,1,-;x");
    let file = RecorderFile::open(&path, 2 * BYTES, head(1)).unwrap();
    assert_eq!(file.next_sequence, 1);
    let old = std::fs::read(folder.path().join("recorder.old")).unwrap();
    assert_eq!(recorder::read(&old).unwrap().records.len(), 1);
}

#[test]
fn nothing_else_is_ever_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text");
    std::fs::write(&text, "somebody's").unwrap();
    let error = RecorderFile::open(&text, BYTES, head(1)).unwrap_err();
    assert!(matches!(error, RecorderError::ConfigNotARecording { .. }), "{error}");
    assert_eq!(std::fs::read(&text).unwrap(), b"somebody's");
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&text, &link).unwrap();
    for path in [link.as_path(), folder.path(), Path::new("/dev/null"), Path::new("/no/where")] {
        let error = RecorderFile::open(path, BYTES, head(1)).unwrap_err();
        assert!(matches!(error, RecorderError::LocalFile { action: "open", .. }), "{error}");
    }
}

#[test]
fn what_others_put_there_is_not_written_to_and_nobody_else_reads() {
    use std::os::unix::fs::{chown, symlink};
    let folder = tempfile::tempdir().unwrap();
    let (path, other) = (folder.path().join("recorder"), folder.path().join("other"));
    drop(RecorderFile::open(&other, BYTES, head(1)).unwrap());
    std::fs::set_permissions(&other, std::fs::Permissions::from_mode(0o644)).unwrap();
    let before = std::fs::read(&other).unwrap();
    symlink(&other, &path).unwrap();
    assert!(RecorderFile::open(&path, BYTES, head(2)).is_err(), "a link");
    std::fs::remove_file(&path).unwrap();
    std::fs::hard_link(&other, &path).unwrap();
    assert!(RecorderFile::open(&path, BYTES, head(2)).is_err(), "a second name");
    std::fs::remove_file(&path).unwrap();
    if chown(&other, Some(54_321), None).is_ok() {
        assert!(RecorderFile::open(&other, BYTES, head(2)).is_err(), "somebody else's");
        chown(&other, Some(rustix::process::geteuid().as_raw()), None).unwrap();
    } else {
        eprintln!("SKIPPED in part: giving a file away needs root");
    }
    assert_eq!(std::fs::read(&other).unwrap(), before);
    drop(RecorderFile::open(&other, BYTES, head(2)).unwrap());
    assert_eq!(std::fs::metadata(&other).unwrap().mode() & 0o777, 0o600);
}
