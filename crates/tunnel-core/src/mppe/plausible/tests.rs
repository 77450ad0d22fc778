//! What passes for a packet and what does not.

use super::*;

#[test]
fn network_protocols_pass_and_ip_only_with_its_version() {
    for (inner, passes) in [
        (&[0, 0x21, 0x45, 0][..], true),
        (&[0, 0x21, 0x60, 0], false),
        (&[0x21, 0x45], true),
        (&[0x21, 0x65], false),
        (&[0, 0x57, 0x60, 0], true),
        (&[0x57, 0x6F], true),
        (&[0x57, 0x45], false),
        // IPX; an even number; below and above the range that is encrypted; LCP.
        (&[0, 0x2B, 0xFF], true),
        (&[0, 0x2C, 0xFF], false),
        (&[0, 0x1F, 0xFF], false),
        (&[0, 0xFD, 0xFF], false),
        (&[0xC0, 0x21, 1], false),
        (&[0x2B, 0xFF, 0xFF], false),
        (&[0, 0x21], false),
        (&[0], false),
        (&[], false),
    ] {
        assert_eq!(perhaps(inner), passes, "{inner:02x?}");
    }
}

#[test]
fn a_sure_packet_has_the_length_that_ip_states() {
    for protocol in [&[0, 0x21][..], &[0x21]] {
        let packet = [protocol, &[0x45, 0, 0, 28, 0, 0]].concat();
        assert!(surely(&packet, protocol.len() + 28));
        assert!(!surely(&packet, protocol.len() + 27) && !surely(&packet, protocol.len() + 29));
    }
    let six = [0, 0x57, 0x60, 0, 0, 0, 0, 8];
    assert!(surely(&six, 2 + 48) && !surely(&six, 2 + 8));
    for short in 0..8 {
        assert!(!surely(&six[..short], 50), "{short}");
    }
    assert!(!surely(&[0; 40], 40));
}
