//! Lines of the kernel, and this process's own threads.
use proptest::prelude::*;

use super::*;

fn nothing(_: u64, _: &mut [u8]) -> Option<()> {
    None
}

#[test]
fn calls_in_words() {
    for (text, expected) in [
        ("0 0x0 0x7f00 0x1000 0x0 0x0 0x0 0x7ffd 0x7f12", Doing::Reads(0)),
        ("1 0x1 0x7f00 0x1000 0x0 0x0 0x0 0x7ffd 0x7f12", Doing::Writes(1)),
        ("16 0x2 0x5404 0x7ffe 0x0 0x0 0x0 0x7ffd 0x7f12", Doing::SetsTerminal(2)),
        ("16 0x2 0x5401 0x7ffe 0x0 0x0 0x0 0x7ffd 0x7f12", Doing::Other(16)),
        ("202 0x7f00 0x80 0x2 0x0 0x0 0x0 0x7ffd 0x7f12", Doing::Locks),
        ("202 0x7f00 0x80 0x2 0x7f11 0x0 0x0 0x7ffd 0x7f12", Doing::LocksForAWhile),
        ("56 0x4111 0x0 0x0 0x0 0x0 0x0 0x7ffd 0x7f12", Doing::Forks),
        ("7 0x7f00 0x2 0xffffffff 0x0 0x0 0x0 0x7ffd 0x7f12", Doing::Polls(Vec::new())),
        ("-1 0x7ffd 0x7f12", Doing::Runs),
    ] {
        assert_eq!(Call::parse(text).unwrap().doing(&nothing, X86_64), expected, "{text}");
    }
}

#[test]
fn what_is_waited_for_is_read_from_its_memory() {
    let entries = [3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 9, 0, 0, 0, 4, 0, 0, 0];
    let memory = |_: u64, bytes: &mut [u8]| {
        bytes.copy_from_slice(entries.get(..bytes.len())?);
        Some(())
    };
    assert_eq!(polled(&memory, 1, 3), [3, 0]);
    assert_eq!(polled(&memory, 1, u64::MAX), Vec::<i32>::new());
    let set = |_: u64, bytes: &mut [u8]| {
        bytes.copy_from_slice(&0b1_0000_0101_u64.to_le_bytes());
        Some(())
    };
    assert_eq!(selected(&set, 3, 1), [0, 2]);
    assert_eq!(selected(&set, u64::MAX, 1), [0, 2, 8]);
}

#[test]
fn a_child_that_waits_for_input() {
    let mut child =
        std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
    let expected = Some(Doing::Reads(0));
    let found = (0..1_000_000).any(|_| {
        std::thread::yield_now();
        doing(child.id(), child.id()) == expected
    });
    drop(child.stdin.take());
    child.wait().unwrap();
    assert!(found);
}

proptest! {
    #[test]
    fn any_line_is_read(line in ".{0,200}", numbers in "-?[0-9]{1,4}( 0x[0-9a-f]{1,16}){0,8}") {
        let _ = Call::parse(&line);
        let memory = |_: u64, bytes: &mut [u8]| { bytes.fill(0xff); Some(()) };
        if let Some(call) = Call::parse(&numbers) {
            for table in [X86_64, X86, ARM_64] {
                let _ = call.doing(&memory, table);
            }
        }
    }
}
