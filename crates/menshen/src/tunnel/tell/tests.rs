//! Lines for people.
use menshen_tunnel::driver::Counters;

use super::*;

#[test]
fn sizes_and_times_are_short() {
    let table = [
        (0.0, "0 B"),
        (999.0, "999 B"),
        (1000.0, "1.0 kB"),
        (1_500_000.0, "1.5 MB"),
        (123_456_789.0, "123 MB"),
        (2e15, "2000 TB"),
    ];
    for (count, text) in table {
        assert_eq!(scaled(count), text);
    }
    assert_eq!(clock(Duration::from_secs(3723)), "1:02:03");
}

#[test]
fn figures_are_one_line() {
    let counters = Counters { received_octets: 1_500_000, sent_octets: 999, ..Counters::default() };
    let figures = Figures {
        open_for: Duration::from_secs(61),
        counters,
        received_per_s: 12_345.0,
        sent_per_s: 0.0,
        round_trip: Some(Duration::from_micros(1500)),
    };
    let text = "0:01:01  received 1.5 MB (12.3 kB/s), sent 999 B (0 B/s), echo 1.5 ms";
    assert_eq!(figures_text(&figures), text);
}

#[test]
fn the_strength_is_said_of_what_is_dialled() {
    let address = |scheme: &str| Address::parse(&format!("{scheme}://a@h.test")).unwrap();
    let plain = [Proof::MsChapV2];
    assert_eq!(strength(&address("sstp"), Mppe::Require, &plain), "");
    assert!(strength(&address("pptp"), Mppe::Require, &plain).starts_with("PPTP is broken"));
    assert!(strength(&address("pptp"), Mppe::Off, &plain).contains("hides nothing"));
    assert!(strength(&address("auto"), Mppe::Require, &plain).starts_with("this tries PPTP first"));
    assert!(strength(&address("pptp"), Mppe::Off, &[Proof::Pap]).contains("the password itself"));
}
