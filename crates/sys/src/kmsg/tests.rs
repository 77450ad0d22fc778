//! Against the running kernel, and numbers of any bytes.
use rustix::event::{PollFd, PollFlags, poll};

use super::*;

#[test]
fn numbers_in_front_of_a_record() {
    let record = b"4,1209,5140900,-;oom-kill:constraint=X;y\n SUBSYSTEM=z\n";
    let found = head(record).unwrap();
    assert_eq!((found.priority, found.sequence, found.micros), (4, 1209, 5_140_900));
    assert_eq!(text(record), b"oom-kill:constraint=X;y");
    for wrong in [&b""[..], b";", b"4,1209;x", b"a,1,2,-;x", b"4,1209,5140900,-", b"-4,1,2;x"] {
        assert_eq!(head(wrong), None, "{}", wrong.escape_ascii());
    }
    assert_eq!(text(b"no numbers"), b"");
    assert_eq!(text(b"1,2,3,-;cut"), b"cut");
}

#[test]
fn the_ring_of_this_kernel_is_read_in_order_to_its_end() {
    let mut log = match KernelLog::open(Start::Oldest) {
        Ok(log) => log,
        Err(error) => return skipped(&error),
    };
    let (mut last, mut count) = (None, 0);
    loop {
        match log.next_record().unwrap() {
            Next::Record(record) => {
                let found = head(record).expect("a record of the kernel");
                assert!(last < Some(found.sequence), "{last:?} then {found:?}");
                last = Some(found.sequence);
                count += 1;
            }
            // Others may write meanwhile, faster than a debug build reads.
            Next::Overrun => {}
            Next::TooLong => panic!("longer than {RECORD_BYTES_MAX}"),
            Next::Nothing => break,
        }
    }
    assert!(count > 0);
}

#[test]
fn what_is_written_from_now_on_wakes_and_is_read() {
    let mut log = match KernelLog::open(Start::Now) {
        Ok(log) => log,
        Err(error) => return skipped(&error),
    };
    let mark = format!("menshen-sys test {}", std::process::id());
    if let Err(error) = std::fs::write("/dev/kmsg", format!("<14>{mark}\n")) {
        return skipped(&error);
    }
    loop {
        let timeout = rustix::time::Timespec { tv_sec: 10, tv_nsec: 0 };
        let ready = poll(&mut [PollFd::new(&log, PollFlags::IN)], Some(&timeout)).unwrap();
        assert_eq!(ready, 1, "no record within 10 s");
        if let Next::Record(record) = log.next_record().unwrap()
            && text(record) == mark.as_bytes()
        {
            // Facility user: a program cannot speak as the kernel.
            assert_eq!(head(record).unwrap().priority, 14);
            return;
        }
    }
}

fn skipped(error: &io::Error) {
    eprintln!("SKIPPED: /dev/kmsg cannot be used here: {error}");
}
