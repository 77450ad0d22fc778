//! Readers see whole posts only, also while the poster is at it or died in the middle.

use std::os::fd::{AsFd, OwnedFd};

use super::*;

fn reader(bulletin: &Bulletin) -> BulletinReader {
    BulletinReader::new(bulletin.as_fd().try_clone_to_owned().unwrap())
}

#[test]
fn what_is_posted_is_read_with_its_version() {
    let mut bulletin = Bulletin::create("test").unwrap();
    let reader = reader(&bulletin);
    assert_eq!(reader.read().unwrap(), (0, Vec::new()));
    assert_eq!(bulletin.post(b"a longer text").unwrap(), 2);
    assert_eq!(bulletin.post(b"short").unwrap(), 4);
    assert_eq!(reader.version().unwrap(), 4);
    assert_eq!(reader.read().unwrap(), (4, b"short".to_vec()));
    let length = bulletin.file.metadata().unwrap().len();
    assert_eq!(length, (HEAD_BYTES + 5) as u64, "nothing of the longer text is left");
}

#[test]
fn readers_never_see_half_a_post() {
    let mut bulletin = Bulletin::create("test").unwrap();
    let reader = reader(&bulletin);
    let writer = std::thread::spawn(move || {
        for round in 0..2000_usize {
            let letter = b'a' + u8::try_from(round % 26).unwrap();
            bulletin.post(&vec![letter; 1 + round * 37 % 9000]).unwrap();
        }
    });
    let mut last = 0;
    while !writer.is_finished() {
        let Ok((version, text)) = reader.read() else { continue };
        assert!(version >= last && version.is_multiple_of(2));
        assert!(text.windows(2).all(|pair| pair[0] == pair[1]), "mixed at {version}");
        last = version;
    }
    writer.join().unwrap();
    assert_eq!(reader.version().unwrap(), 4000);
}

#[test]
fn a_poster_that_died_in_the_middle_is_repaired_by_the_next() {
    let mut bulletin = Bulletin::create("test").unwrap();
    let reader = reader(&bulletin);
    bulletin.post(b"whole").unwrap();
    let half = Head { version: 3, length: 100, sum: 0 };
    bulletin.file.write_all_at(&half.bytes(), 0).unwrap();
    assert_eq!(reader.read().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    let fd: OwnedFd = bulletin.as_fd().try_clone_to_owned().unwrap();
    let mut heir = Bulletin::adopt(fd).unwrap();
    assert_eq!(heir.post(b"again").unwrap(), 6);
    assert_eq!(reader.read().unwrap(), (6, b"again".to_vec()));
}

#[test]
fn other_files_are_no_bulletins() {
    let file = tempfile::tempfile().unwrap();
    file.write_all_at(&[0; 64], 0).unwrap();
    assert!(Bulletin::adopt(file.into()).is_err());
    let too_long = vec![0; BULLETIN_BYTES_MAX + 1];
    assert!(Bulletin::create("test").unwrap().post(&too_long).is_err());
}
