//! How much memory an upload takes, and when.
use menshen_config::{S3Spec, Secret, model};
use menshen_sys::Scoreboard;

use super::*;

/// A bucket that was not asked yet.
pub(in crate::bucket) fn bucket(board: &Scoreboard) -> Rc<Bucket> {
    let config = model::S3 {
        endpoint: Some("http://127.0.0.1:1".into()),
        bucket: "b".into(),
        ..model::S3::default()
    };
    let spec = S3Spec { credentials: Secret("a\nb\n".into()), roots_pem: None };
    Rc::new(Bucket::new(&config, &spec, board.slot(0)))
}

impl Upload {
    /// Bytes of memory it has taken.
    pub(in crate::bucket) const fn room(&self) -> usize {
        self.buffer.capacity()
    }
}

fn begun(length: Option<u64>) -> Result<Upload, Fault> {
    let board = Scoreboard::private().unwrap();
    Upload::new(&bucket(&board), "a", Said { length, ..Said::default() })
}

#[test]
fn what_does_not_fit_into_the_numbers_is_refused_at_once() {
    for length in [LENGTH_MAX + 1, 9_000_000_000_000_000_000, u64::MAX] {
        assert_eq!(begun(Some(length)).unwrap_err(), Fault::TooLarge);
    }
    let longest = begun(Some(LENGTH_MAX)).unwrap();
    assert_eq!(longest.part_bytes(), 64 << 20);
}

#[test]
fn no_memory_is_reserved_before_there_is_a_share_and_then_for_one_part() {
    for length in [Some(LENGTH_MAX), Some(100), Some(70_000), None] {
        let mut upload = begun(length).unwrap();
        upload.take(b"12345").unwrap();
        assert!(upload.buffer.capacity() <= 8, "{length:?}: {}", upload.buffer.capacity());
        upload.share = Buffers::new(2).try_take(1);
        upload.take(b"6789").unwrap();
        let most = match length {
            Some(length) => length.min(upload.part_bytes() + TAKEN_AT_ONCE),
            None => 16,
        };
        let room = upload.buffer.capacity() as u64;
        assert!(room <= most, "{length:?}: {room}");
        assert!(length.is_none() || room >= most, "{length:?}: {room}, once and for all");
    }
    // Of a length that is not known, no more than a part and what comes at once.
    let mut upload = begun(None).unwrap();
    upload.share = Buffers::new(2).try_take(1);
    while !upload.is_due() {
        upload.take(&[0; 200_000]).unwrap();
    }
    let most = upload.part_bytes() + TAKEN_AT_ONCE;
    assert!(upload.buffer.capacity() as u64 <= most, "{}", upload.buffer.capacity());
}
