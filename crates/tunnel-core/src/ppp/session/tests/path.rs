//! A path that loses, copies and reorders: a session opens, or ends with a cause; never hangs.

use proptest::prelude::*;

use super::wire::*;
use crate::auth::Method;
use crate::ppp::session::Ip;
use crate::ppp::{Ciphers, Mppe};

const METHODS: [Method; 3] = [Method::Pap, Method::ChapMd5, Method::MsChapV2];

fn through(seed: u64, weather: Weather) -> Wire {
    let method = METHODS[usize::try_from(seed % 3).unwrap()];
    let mppe = match method {
        Method::MsChapV2 => Mppe::Required(Ciphers::BITS_128),
        Method::Pap | Method::ChapMd5 => Mppe::Allowed(Ciphers::BITS_128),
    };
    let mut wire = Wire::new(client(method, mppe), server(method, mppe)).seeded(seed, weather);
    wire.settle(seconds(400));
    wire
}

fn is_settled(wire: &Wire) -> bool {
    let both = |done: fn(&End) -> bool| done(&wire.client) && done(&wire.server);
    both(End::is_open) || both(|end| end.cause().is_some())
}

#[test]
fn a_bad_path_is_got_through() {
    let weather = Weather { lost: 15, copied: 10, late: 300 };
    let mut open = 0;
    for seed in 0..300 {
        let wire = through(seed, weather);
        assert!(is_settled(&wire), "seed {seed}: {:?} {:?}", wire.client, wire.server);
        open += u32::from(wire.client.is_open());
    }
    assert!(open >= 297, "{open} of 300");
}

#[test]
fn packets_that_come_are_those_that_were_sent() {
    let weather = Weather { lost: 10, copied: 10, late: 0 };
    let mut wire = through(5, weather);
    let ipv4_is_open = |end: &End| end.opened().is_some_and(|opened| opened.ipv4.is_some());
    wire.run(seconds(400), |wire| ipv4_is_open(&wire.client) && ipv4_is_open(&wire.server));
    for n in 0..250 {
        let packet = ipv4(usize::from(n), n);
        let frame = wire.client.frame(Ip::V4, &packet).unwrap();
        wire.post(true, &frame);
        wire.run(wire.now.0 + seconds(1), |wire| wire.server.packets.len() > usize::from(n));
    }
    let sent: alloc::vec::Vec<_> = (0..250).map(|n| (Ip::V4, ipv4(usize::from(n), n))).collect();
    assert!(wire.server.packets.len() > 200);
    assert!(wire.server.packets.iter().all(|packet| sent.contains(packet)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn any_path_leads_to_packets_or_to_a_cause(
        seed: u64, lost in 0u32..70, copied in 0u32..60, late in 0u32..5000
    ) {
        let wire = through(seed, Weather { lost, copied, late });
        prop_assert!(is_settled(&wire), "{:?} {:?}", wire.client, wire.server);
    }
}
