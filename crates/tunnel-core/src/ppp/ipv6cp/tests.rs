//! Identifiers: never 0, never the same at both ends.

use super::*;
use crate::ppp::layer::tests::{asked, refused};

fn interfaces(local: Option<[u8; 8]>, peer: Option<[u8; 8]>) -> Interfaces {
    let lots = Lots::new(&mut |octets: &mut [u8]| octets.fill(9));
    Interfaces::new(Interface { local, peer }, lots)
}

fn option(identifier: [u8; 8]) -> Vec<u8> {
    [&[IDENTIFIER, 10][..], &identifier].concat()
}

const ONE: [u8; 8] = [0, 0, 0, 0, 0, 0, 0, 1];
const TWO: [u8; 8] = [0, 0, 0, 0, 0, 0, 0, 2];

#[test]
fn nought_and_our_own_are_naked_with_one_that_may_be() {
    for bad in [NONE, ONE] {
        let (code, data) = asked(interfaces(Some(ONE), Some(TWO)), &option(bad));
        assert_eq!((code, data), (3, option(TWO)));
        let (code, data) = asked(interfaces(Some(ONE), None), &option(bad));
        assert!(code == 3 && data[2..] != NONE && data[2..] != ONE, "{data:?}");
        assert_eq!(data[2] & UNIVERSAL, 0);
        // A plan that gives both ends the same is none.
        let (_, data) = asked(interfaces(Some(ONE), Some(ONE)), &option(bad));
        assert!(data[2..] != ONE);
    }
    assert_eq!(asked(interfaces(Some(ONE), None), &option(TWO)), (2, option(TWO)));
    let compression = [2, 4, 0, 0x61];
    assert_eq!(asked(interfaces(None, None), &compression), (4, compression.to_vec()));
}

#[test]
fn a_peer_that_keeps_to_its_own_may_have_it_in_the_end() {
    let mut interfaces = interfaces(Some(ONE), Some(TWO));
    let other = [5; 8];
    let choice = Choice { kind: IDENTIFIER, value: &other };
    for _ in 0..TOLD_MAX {
        assert_eq!(interfaces.opinion(choice), Opinion::Rather(TWO.to_vec()));
    }
    assert_eq!(interfaces.opinion(choice), Opinion::Take);
    assert_eq!(interfaces.link(), Ipv6Link { local: ONE, peer: other });
}

#[test]
fn what_the_peer_proposes_is_asked_for_if_it_may_be() {
    let [first, second] = refused(interfaces(None, None), 3, &option(TWO));
    assert!(first[2..] != NONE && second == option(TWO));
    let [_, second] = refused(interfaces(None, None), 3, &option(NONE));
    assert!(second[2..] != NONE);
}
