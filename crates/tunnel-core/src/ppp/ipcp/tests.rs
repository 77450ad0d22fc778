//! Addresses asked for and given away.

use super::*;
use crate::ppp::layer::tests::{asked, give, next, refused, started};

const fn address(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, last)
}

fn giving() -> Addresses {
    let plan = AddressPlan::Give { local: address(1), peer: address(7) };
    let servers = NameServers { dns: [Some(address(53)), None], wins: [None, Some(address(42))] };
    Addresses::new(plan, servers)
}

fn asking(wish: Ipv4Addr) -> Addresses {
    Addresses::new(AddressPlan::Ask { wish }, NameServers::default())
}

#[test]
fn a_server_gives_what_it_has_and_rejects_what_it_has_not() {
    for (request, code, answer) in [
        (&[3, 6, 10, 0, 0, 7][..], 2, &[3, 6, 10, 0, 0, 7][..]),
        (&[3, 6, 0, 0, 0, 0], 3, &[3, 6, 10, 0, 0, 7]),
        (&[3, 6, 10, 0, 0, 8], 3, &[3, 6, 10, 0, 0, 7]),
        (&[], 3, &[3, 6, 10, 0, 0, 7]),
        (&[129, 6, 0, 0, 0, 0, 3, 6, 10, 0, 0, 7], 3, &[129, 6, 10, 0, 0, 53]),
        (&[132, 6, 0, 0, 0, 0, 3, 6, 10, 0, 0, 7], 3, &[132, 6, 10, 0, 0, 42]),
        (&[131, 6, 0, 0, 0, 0, 3, 6, 0, 0, 0, 0], 4, &[131, 6, 0, 0, 0, 0]),
        (&[130, 6, 0, 0, 0, 0], 4, &[130, 6, 0, 0, 0, 0]),
        (&[2, 6, 0, 0x2D, 15, 1, 3, 6, 10, 0, 0, 7], 4, &[2, 6, 0, 0x2D, 15, 1]),
        (&[1, 10, 1, 1, 1, 1, 2, 2, 2, 2], 4, &[1, 10, 1, 1, 1, 1, 2, 2, 2, 2]),
        (&[3, 4, 1, 1], 4, &[3, 4, 1, 1]),
    ] {
        assert_eq!(asked(giving(), request), (code, answer.to_vec()), "{request:?}");
    }
}

#[test]
fn a_client_takes_any_address_of_its_server_and_gives_none() {
    let any = [3, 6, 10, 0, 0, 1];
    assert_eq!(asked(asking(Ipv4Addr::UNSPECIFIED), &any), (2, any.to_vec()));
    for odd in [[3, 6, 0, 0, 0, 0], [129, 6, 0, 0, 0, 0]] {
        assert_eq!(asked(asking(Ipv4Addr::UNSPECIFIED), &odd), (4, odd.to_vec()));
    }
}

#[test]
fn a_client_repeats_what_it_was_told_and_leaves_out_what_was_rejected() {
    let told = [3, 6, 10, 0, 0, 7, 129, 6, 10, 0, 0, 53];
    let [first, second] = refused(asking(Ipv4Addr::UNSPECIFIED), 3, &told);
    assert_eq!(first, [3, 6, 0, 0, 0, 0, 129, 6, 0, 0, 0, 0, 131, 6, 0, 0, 0, 0]);
    assert_eq!(second, [&told[..], &[131, 6, 0, 0, 0, 0]].concat());
    let [_, second] = refused(asking(address(9)), 4, &first[6..]);
    assert_eq!(second, [3, 6, 10, 0, 0, 9]);
    let (mut layer, mut out) = started(asking(Ipv4Addr::UNSPECIFIED));
    let (_, id, request) = next(&mut out).unwrap();
    give(&mut layer, &mut out, 4, id, &request);
    assert_eq!(layer.failure(), Some(Cause::NoAddress));
    let (mut layer, mut out) = started(asking(address(9)));
    let (_, id, request) = next(&mut out).unwrap();
    give(&mut layer, &mut out, 4, id, &request);
    assert_eq!(layer.failure(), None, "a fixed address needs no agreement");
    assert_eq!(layer.options.link().local, address(9));
}

#[test]
fn a_server_keeps_its_address_whatever_is_proposed() {
    let [first, second] = refused(giving(), 3, &[3, 6, 1, 2, 3, 4, 129, 6, 1, 1, 1, 1]);
    assert_eq!((&first[..], &second[..]), (&[3, 6, 10, 0, 0, 1][..], &[3, 6, 10, 0, 0, 1][..]));
}
