//! Tests of `zip`: archives read back by a reader that knows only the format, cut anywhere, and
//! sizes that no disk here holds.

use alloc::string::{String, ToString};
use alloc::vec;

use proptest::prelude::*;

use super::*;

fn entry(name: &str, size: u64, mtime_unix_s: i64) -> Entry {
    Entry { name: name.into(), size, mtime_unix_s }
}

/// Bytes that are different in each file and at each place.
fn data(number: usize, size: u64) -> Vec<u8> {
    (0..size).map(|at| (at.wrapping_mul(31) + number as u64 * 7).to_le_bytes()[0]).collect()
}

/// Part `part` as it stands in the archive.
fn part(layout: &Layout, part: Part) -> Vec<u8> {
    let size = |number: usize| layout.entries()[number].size;
    let crc = |number: usize| crc32fast::hash(&data(number, size(number)));
    let mut out = Vec::new();
    match part {
        Part::Header(number) => layout.header(number, &mut out),
        Part::Data(number) => out = data(number, size(number)),
        Part::Descriptor(number) => layout.descriptor(number, crc(number), &mut out),
        Part::Row(number) => layout.row(number, crc(number), &mut out),
        Part::End => layout.finish(&mut out),
    }
    out
}

fn range(layout: &Layout, mut at: u64, end: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while at < end {
        let place = layout.at(at).unwrap();
        let bytes = part(layout, place.part);
        assert_eq!(place.skip + place.left, bytes.len() as u64, "{place:?} at {at}");
        let take = place.left.min(end - at);
        let start = usize::try_from(place.skip).unwrap();
        out.extend_from_slice(&bytes[start..][..usize::try_from(take).unwrap()]);
        at += take;
    }
    out
}

fn number(bytes: &[u8], at: usize, count: usize) -> u64 {
    bytes[at..at + count].iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

fn index(value: u64) -> usize {
    usize::try_from(value).unwrap()
}

/// What a row of the directory says.
#[derive(Debug, PartialEq, Eq)]
struct Read {
    name: String,
    size: u64,
    crc: u32,
    offset: u64,
    mtime: Option<i32>,
}

/// The zip64 numbers of an extra field, those that the fields of 32 bits leave to it.
fn extra(mut bytes: &[u8], size: &mut u64, offset: &mut u64) -> Option<i32> {
    let mut mtime = None;
    while !bytes.is_empty() {
        let (id, length) = (number(bytes, 0, 2), index(number(bytes, 2, 2)));
        let field = &bytes[4..4 + length];
        match id {
            1 => {
                let mut at = 0;
                if *size == WIDE {
                    *size = number(field, 0, 8);
                    assert_eq!(number(field, 8, 8), *size);
                    at = 16;
                }
                if *offset == WIDE {
                    *offset = number(field, at, 8);
                    at += 8;
                }
                assert_eq!(at, length, "nothing more is in it");
            }
            0x5455 => mtime = Some(i32::from_le_bytes(field[1..5].try_into().unwrap())),
            other => panic!("field {other:04x}"),
        }
        bytes = &bytes[4 + length..];
    }
    mtime
}

/// Reads the directory that ends in `tail`, of which the archive's first byte is `start`.
fn directory(tail: &[u8], start: u64) -> Vec<Read> {
    let end = tail.len() - 22;
    assert_eq!(number(tail, end, 4), 0x0605_4b50);
    let mut count = number(tail, end + 10, 2);
    let mut rows = number(tail, end + 16, 4);
    let mut rows_end = end;
    if count == 0xffff || rows == WIDE || number(tail, end + 12, 4) == WIDE {
        let locator = end - 20;
        assert_eq!(number(tail, locator, 4), 0x0706_4b50);
        rows_end = index(number(tail, locator + 8, 8) - start);
        assert_eq!(number(tail, rows_end, 4), 0x0606_4b50);
        assert_eq!(rows_end + 12 + index(number(tail, rows_end + 4, 8)), locator);
        count = number(tail, rows_end + 32, 8);
        rows = number(tail, rows_end + 48, 8);
    }
    let mut at = index(rows - start);
    let mut found = Vec::new();
    for _ in 0..count {
        assert_eq!(number(tail, at, 4), 0x0201_4b50);
        let (name, more) = (index(number(tail, at + 28, 2)), index(number(tail, at + 30, 2)));
        let (mut size, mut offset) = (number(tail, at + 24, 4), number(tail, at + 42, 4));
        let name_at = at + 46;
        let mtime = extra(&tail[name_at + name..][..more], &mut size, &mut offset);
        let text = core::str::from_utf8(&tail[name_at..name_at + name]).unwrap().to_string();
        let crc = u32::try_from(number(tail, at + 16, 4)).unwrap();
        found.push(Read { name: text, size, crc, offset, mtime });
        at = name_at + name + more;
    }
    assert_eq!(at, rows_end, "the rows are as long as the end says");
    found
}

fn check(entries: &[Entry]) -> Result<(), TestCaseError> {
    let layout = Layout::new(entries.to_vec()).unwrap();
    let whole = range(&layout, 0, layout.length());
    prop_assert_eq!(whole.len() as u64, layout.length());
    prop_assert_eq!(layout.at(layout.length()), None);
    let rows = directory(&whole, 0);
    prop_assert_eq!(rows.len(), entries.len());
    for (place, (row, entry)) in rows.iter().zip(entries).enumerate() {
        let size = if entry.is_folder() { 0 } else { entry.size };
        let bytes = data(place, size);
        prop_assert_eq!(row.name.as_str(), &*entry.name);
        prop_assert_eq!((row.size, row.crc), (size, crc32fast::hash(&bytes)));
        prop_assert_eq!(row.mtime, i32::try_from(entry.mtime_unix_s).ok());
        // The header in front of the data has the same name and manner.
        let at = index(row.offset);
        prop_assert_eq!(number(&whole, at, 4), 0x0403_4b50);
        let name = index(number(&whole, at + 26, 2));
        let more = index(number(&whole, at + 28, 2));
        prop_assert_eq!(&whole[at + 30..at + 30 + name], entry.name.as_bytes());
        let from = at + 30 + name + more;
        prop_assert_eq!(&whole[from..from + bytes.len()], &bytes[..]);
        let summed = number(&whole, at + 6, 2) & 8 != 0;
        prop_assert_eq!(summed, size > 0);
        if summed {
            let after = from + bytes.len();
            prop_assert_eq!(number(&whole, after, 4), 0x0807_4b50);
            prop_assert_eq!(number(&whole, after + 4, 4), u64::from(row.crc));
            prop_assert_eq!(number(&whole, after + 12, 4), size);
        }
    }
    Ok(())
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let mtime = prop_oneof![any::<i64>(), 0..5_000_000_000_i64];
    ("[a-zäß語 /&]{1,12}/?", 0..300_u64, mtime)
        .prop_map(|(name, size, mtime)| entry(&name, size, mtime))
}

proptest! {
    #[test]
    fn what_is_laid_out_is_read_back(entries in prop::collection::vec(any_entry(), 0..8)) {
        check(&entries)?;
    }

    #[test]
    fn any_cuts_make_the_same_whole(
        entries in prop::collection::vec(any_entry(), 0..6),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let layout = Layout::new(entries).unwrap();
        let mut cuts: Vec<u64> =
            cuts.iter().map(|cut| cut.index(index(layout.length())) as u64).collect();
        cuts.push(0);
        cuts.push(layout.length());
        cuts.sort_unstable();
        let pieces: Vec<u8> =
            cuts.windows(2).flat_map(|two| range(&layout, two[0], two[1])).collect();
        prop_assert_eq!(pieces, range(&layout, 0, layout.length()));
    }

    #[test]
    fn any_sizes_have_a_length_or_none(
        sizes in prop::collection::vec(any::<u64>(), 0..6),
        position in any::<u64>(),
    ) {
        let entries = sizes.iter().map(|size| entry("a", *size, 0)).collect();
        let Ok(layout) = Layout::new(entries) else { return Ok(()) };
        prop_assert_eq!(layout.at(position).is_some(), position < layout.length());
    }
}

#[test]
fn nothing_is_an_archive_too() {
    check(&[]).unwrap();
    assert_eq!(Layout::new(vec![]).unwrap().length(), 22);
}

/// The directory of an archive that is never whole in memory.
fn rows_of(layout: &Layout) -> Vec<Read> {
    let start = layout.first_row();
    directory(&range_of_rows(layout), start)
}

fn range_of_rows(layout: &Layout) -> Vec<u8> {
    let mut out = Vec::new();
    for number in 0..layout.entries().len() {
        layout.row(number, 7, &mut out);
    }
    layout.finish(&mut out);
    assert_eq!(out.len() as u64, layout.length() - layout.first_row());
    out
}

#[test]
fn four_gigabytes_and_more_are_said_in_zip64_and_less_is_not() {
    let (below, exact) = (WIDE - 1, WIDE);
    let sizes = [below, 5, exact, 1 << 40, 3];
    let layout = Layout::new(sizes.iter().map(|&size| entry("f", size, 0)).collect()).unwrap();
    let rows = rows_of(&layout);
    let mut at = 0;
    for (number, (row, size)) in rows.iter().zip(sizes).enumerate() {
        assert_eq!((row.size, row.offset), (size, at), "{number}");
        let wide = size >= WIDE;
        let mut header = Vec::new();
        layout.header(number, &mut header);
        assert_eq!(header.len(), 30 + 1 + 9 + if wide { 20 } else { 0 });
        assert_eq!(number_at(&header, 18), if wide { 0xffff_ffff } else { 0 });
        let mut descriptor = Vec::new();
        layout.descriptor(number, 7, &mut descriptor);
        assert_eq!(descriptor.len(), if wide { 24 } else { 16 });
        at += header.len() as u64 + size + descriptor.len() as u64;
    }
    assert_eq!(layout.first_row(), at);
    // The first two offsets fit in 32 bits, the others do not.
    let lengths: Vec<u64> = layout.rows.windows(2).map(|two| two[1] - two[0]).collect();
    let plain = 46 + 1 + 9;
    assert_eq!(lengths, [plain, plain + 12, plain + 28, plain + 28, plain + 12]);
}

fn number_at(bytes: &[u8], at: usize) -> u64 {
    number(bytes, at, 4)
}

#[test]
fn more_entries_than_sixteen_bits_are_said_in_zip64() {
    for count in [65_534_usize, 65_535, 70_000] {
        let layout = Layout::new(vec![entry("x/", 0, 0); count]).unwrap();
        let rows = rows_of(&layout);
        assert_eq!(rows.len(), count);
        let end = layout.length() - *layout.rows.last().unwrap();
        assert_eq!(end, if count < 65_535 { 22 } else { 22 + 76 });
    }
}

#[test]
fn what_no_zip_can_say_is_refused() {
    let long = "n".repeat(65_536);
    assert_eq!(Layout::new(vec![entry(&long, 0, 0)]).unwrap_err(), ZipError::NameTooLong);
    assert!(Layout::new(vec![entry(&long[1..], 0, 0)]).is_ok());
    let sizes = [u64::MAX - 10, u64::MAX / 2, u64::MAX];
    for size in sizes {
        let entries = vec![entry("a", size, 0), entry("b", size, 0)];
        assert_eq!(Layout::new(entries).unwrap_err(), ZipError::TooLong, "{size}");
    }
}

#[test]
fn times_of_dos_are_utc_and_stop_at_its_ends() {
    // 2026-11-22T13:04:49Z, by `date -u -d`.
    assert_eq!(dos_time(1_795_352_689), (13 << 11 | 4 << 5 | 24, 46 << 9 | 11 << 5 | 22));
    assert_eq!(dos_time(0), DOS_FIRST);
    assert_eq!(dos_time(315_532_800), DOS_FIRST, "1980-01-01T00:00:00Z");
    assert_eq!(dos_time(i64::MAX), DOS_LAST);
    assert_eq!(dos_time(4_354_819_199), DOS_LAST, "2107-12-31T23:59:59Z");
    assert_eq!(dos_time(i64::MIN), DOS_FIRST);
}
