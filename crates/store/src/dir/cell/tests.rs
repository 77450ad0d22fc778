//! Tests of the cell.

use super::*;

#[test]
fn a_cell_reads_back_in_its_boot_only() {
    let mut cell = Cell { boot: [3; 16], confirmed: 8, number: 9, ..Cell::default() };
    for at in 0..40 {
        cell.admit(10 * at, 10 * at + 10);
    }
    assert_eq!(cell.writers.len(), WRITERS_MAX as usize);
    assert!(cell.encode().len() <= CELL_BYTES);
    assert_eq!(Cell::decode(&cell.encode(), [3; 16]), Some(cell.clone()));
    assert_eq!(Cell::decode(&cell.encode(), [4; 16]), None);
    assert_eq!(Cell::decode(&[], [0; 16]), None);
}

#[test]
fn who_overlaps_is_fenced_and_nobody_else() {
    let mut cell = Cell::default();
    let (one, two) = (cell.admit(0, 10), cell.admit(10, 20));
    assert!(cell.lets(one) && cell.lets(two));
    let three = cell.admit(19, 30);
    assert!(cell.lets(one) && !cell.lets(two) && cell.lets(three));
    let all = cell.admit(0, u64::MAX);
    assert!(!cell.lets(one) && !cell.lets(three) && cell.lets(all));
    cell.removed = true;
    assert!(!cell.lets(all));
}

#[test]
fn numbers_never_take_the_place_of_what_counts() {
    for (confirmed, number) in [(1, 1), (1, 2), (2, 2), (2, 5), (4, 7)] {
        let mut cell = Cell { confirmed, number, ..Cell::default() };
        let next = cell.next_number();
        assert!(next > number && next % 2 != confirmed % 2);
    }
}
