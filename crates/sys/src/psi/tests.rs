//! The text, and triggers of the running kernel.
use super::*;

#[test]
fn both_lines_are_read() {
    let text = b"some avg10=0.12 avg60=1.00 avg300=100.00 total=77\n\
        full avg10=0.00 avg60=0.07 avg300=0.00 total=5\n";
    let found = parse(text).unwrap();
    assert_eq!((found.some.avg10_centi, found.some.avg300_centi), (12, 10_000));
    assert_eq!((found.some.total_micros, found.full.unwrap().avg60_centi), (77, 7));
    assert_eq!(parse(b"some avg10=1.00 total=3 later=x\nnew a=b\n").unwrap().full, None);
    for wrong in [&b""[..], b"full avg10=0.00", b"some avg10=x", b"some avg10=1.2", b"\xff", b"\n"]
    {
        assert_eq!(parse(wrong), None, "{}", wrong.escape_ascii());
    }
    for cut in 0..text.len() {
        let _ = parse(&text[..cut]);
    }
}

#[test]
fn the_kernel_takes_one_of_the_windows() {
    let memory = Path::new(MEMORY);
    let Some(readings) = read(memory).unwrap() else {
        eprintln!("SKIPPED: this kernel has no pressure information");
        return;
    };
    assert!(readings.full.is_some());
    let armed = match Trigger::arm(memory, Line::Some, 100, &WINDOWS) {
        Ok(Armed::Yes(trigger)) => trigger,
        Ok(Armed::Absent) => panic!("readable and yet absent"),
        Err(error) => {
            // Kernels before 6.4 want CAP_SYS_RESOURCE for every trigger.
            eprintln!("SKIPPED: no trigger is permitted here: {error}");
            return;
        }
    };
    assert!(WINDOWS.contains(&armed.window()));
    // A second trigger on one descriptor is refused, and not taken for a bad window.
    let again = arm(armed.as_fd(), Line::Some, 100, Duration::from_secs(2));
    assert_eq!(again, Err(Errno::BUSY));
    // The window decides, not the stall: 3 s is no multiple of 2 s, 11 s too long for anybody.
    let long = [Duration::from_secs(11)];
    let error = Trigger::arm(memory, Line::Full, 100, &long).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(Errno::INVAL.raw_os_error()));
}

#[test]
fn what_is_not_there_is_absent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("memory");
    assert_eq!(read(&path).unwrap(), None);
    assert!(matches!(Trigger::arm(&path, Line::Some, 100, &WINDOWS), Ok(Armed::Absent)));
}

#[test]
fn a_group_that_is_gone_is_told_from_pressure() {
    assert_eq!(Trigger::fired(PollFlags::PRI), Fired::Pressure);
    assert_eq!(Trigger::fired(PollFlags::PRI | PollFlags::ERR), Fired::Gone);
    assert_eq!(Trigger::fired(PollFlags::empty()), Fired::No);
}
