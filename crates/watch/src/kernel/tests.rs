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

#[test]
fn kills_of_the_kernel_are_counted_and_names_are_not() {
    let kill = |priority, text: &[u8]| kill_line(&head(priority, 1, 1), text);
    let line = b"Memory cgroup out of memory: Killed process 7 (a) total-vm:1kB";
    assert_eq!(kill(3, line), Some(KillLine { pid: 7, of_group: true }));
    let lines: [&[u8]; 4] = [
        b"Out of memory: Killed process 8 (x)",
        b"Killed process 8 (x)",
        b"Killed process 8, UID 0, (x) total-vm:1kB",
        b"Out of memory in UB 12: OOM killed process 8 (php-cgi) score 0 vm:1kB",
    ];
    for line in lines {
        assert_eq!(kill(3, line), Some(KillLine { pid: 8, of_group: false }));
    }
    let others: [&[u8]; 5] = [
        b"[   9]     0     9  100  5  0  0  0 Killed process 9",
        b"Killed process 9 invoked oom-killer: gfp_mask=0x1",
        b"oom-kill:constraint=X,task=Killed process 9,pid=1,uid=0",
        b"Killed process ",
        b"Kill process 9 (x) score 1 or sacrifice child",
    ];
    for line in others {
        assert_eq!(kill(3, line), None, "{}", line.escape_ascii());
    }
    assert_eq!(kill(14, b"Out of memory: Killed process 8 (x)"), None, "of a program");
}
