//! What is kept around a report, and what counts as a kill.
use super::*;

fn head(priority: u32, sequence: u64, micros: u64) -> Head {
    Head { priority, sequence, micros }
}

#[test]
fn reports_are_kept_with_what_is_around_them_and_nothing_else_is() {
    let mut kept = Vec::new();
    let mut window = Window::default();
    let mut put = |sequence: u64, micros: u64, priority: u32, text: &str| {
        let line = format!("{sequence} {text}");
        window.offer(&head(priority, sequence, micros), line.as_bytes(), |record| {
            kept.push(String::from_utf8_lossy(record).into_owned());
        });
    };
    for sequence in 0..100 {
        put(sequence, sequence, 6, "nft: packet");
    }
    put(100, 100, 30, "a program says: x invoked oom-killer:");
    put(101, 101, 4, "hog invoked oom-killer: gfp_mask=0x0");
    put(102, 102, 6, "[ 9] row");
    put(103, 103 + QUIET_MICROS + 1, 6, "later");
    assert_eq!(kept.len(), BEFORE + 2, "{kept:?}");
    assert!(kept[0].starts_with("69 "), "{}", kept[0]);
    assert_eq!(kept[BEFORE], "101 hog invoked oom-killer: gfp_mask=0x0");
    assert_eq!(kept[BEFORE + 1], "102 [ 9] row");
}

#[test]
fn a_flood_behind_a_report_is_cut() {
    let mut window = Window::default();
    let mut kept = 0;
    window.offer(&head(3, 0, 0), b"Out of memory: Killed process 1 (x)", |_| kept += 1);
    for sequence in 1..100_000 {
        window.offer(&head(4, sequence, sequence), b"packet", |_| kept += 1);
    }
    assert_eq!(kept, AFTER);
}
