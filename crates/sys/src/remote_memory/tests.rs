//! Our own memory, as that of another.
use super::*;

#[test]
fn what_is_mapped_is_read_and_the_rest_is_a_fault() {
    let text = *b"only here";
    let address = text.as_ptr().expose_provenance() as u64;
    let mut copy = [0; 9];
    read(std::process::id(), address, &mut copy).unwrap();
    assert_eq!(copy, text);
    read(std::process::id(), 0, &mut []).unwrap();
    for bad in [0, 1, u64::MAX - 3] {
        let error = read(std::process::id(), bad, &mut copy).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::FAULT.raw_os_error()), "{bad}");
    }
    let error = read(u32::MAX, address, &mut copy).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::SRCH.raw_os_error()));
}
