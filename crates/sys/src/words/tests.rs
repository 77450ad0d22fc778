//! What one side writes the other reads, and what is refused.

use super::*;

#[test]
fn two_mappings_are_one_memory() {
    let (words, fd) = Words::create().unwrap();
    let other = Words::from_file(&fd).unwrap();
    assert_eq!(other.all().len(), HEADER_WORDS + SLOT_WORDS);
    assert!(other.all()[2..].iter().all(|word| word.load(Relaxed) == 0));
    words.all()[HEADER_WORDS + 65_535].fetch_add(7, Relaxed);
    assert_eq!(other.all()[HEADER_WORDS + 65_535].load(Relaxed), 7);
}

#[test]
fn nobody_can_shorten_it() {
    let (_words, fd) = Words::create().unwrap();
    let file = File::from(fd);
    assert!(file.set_len(4096).is_err());
    assert!(file.set_len(FILE_BYTES + 4096).is_err());
}

#[test]
fn a_short_or_foreign_file_is_refused() {
    let file = tempfile::tempfile().unwrap();
    file.set_len(4096).unwrap();
    assert!(Words::from_file(&file).is_err());
    file.set_len(FILE_BYTES).unwrap();
    assert!(Words::from_file(&file).is_err());
}
