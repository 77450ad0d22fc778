//! MPPE's bits: what is asked for, what is taken, what is named instead.

use super::*;
use crate::ppp::layer::tests::{asked, refused};

fn cipher(strengths: u32, stateful: Stateful) -> Cipher {
    Cipher::new(Mppe::Required(Ciphers { strengths: Bits(strengths), stateful }))
}

fn option(bits: u32) -> Vec<u8> {
    [&[18, 6][..], &bits.to_be_bytes()].concat()
}

const H: u32 = 0x0100_0000;
const M: u32 = 0x80;
const S: u32 = 0x40;
const L: u32 = 0x20;
const D: u32 = 0x10;
const C: u32 = 0x01;

#[test]
fn one_strength_is_taken_and_anything_else_answered_with_the_best_common_one() {
    use Stateful::{Allowed, Refused};
    for (ours, stateful, request, code, answer) in [
        (S, Refused, H | S, 2, H | S),
        (S | L, Refused, H | S | L, 3, H | S),
        (L, Refused, H | M | S | L, 3, H | L),
        (S, Refused, H | M | S | D | C, 3, H | S),
        (S, Refused, H | S | 0x8000, 3, H | S),
        (S, Refused, H | L, 3, H | S),
        (S, Refused, H, 3, H | S),
        (S, Refused, S, 3, H | S),
        (S, Allowed, S, 2, S),
        (S | L, Allowed, S | L, 3, S),
    ] {
        let answered = asked(cipher(ours, stateful), &option(request));
        assert_eq!(answered, (code, option(answer)), "{ours:x} {request:x}");
    }
}

#[test]
fn compression_is_rejected_and_a_request_without_mppe_is_prompted() {
    let cipher = || cipher(S, Stateful::Refused);
    for odd in [&[26, 4, 0x78, 0][..], &[21, 3, 0x2F], &[17, 5, 0, 1, 3], &[18, 5, 1, 0, 0]] {
        assert_eq!(asked(cipher(), &[odd, &option(H | S)].concat()), (4, odd.to_vec()));
    }
    assert_eq!(asked(cipher(), &[]), (3, option(H | S)));
    let allowed = Cipher::new(Mppe::Allowed(Ciphers::BITS_128));
    assert_eq!(asked(allowed, &[]), (2, Vec::new()));
    assert_eq!(asked(Cipher::new(Mppe::Off), &option(H | S)), (4, option(H | S)));
}

#[test]
fn a_proposal_is_followed_only_to_what_the_settings_allow() {
    let [first, second] = refused(cipher(S | L, Stateful::Refused), 3, &option(H | L));
    assert_eq!((first, second), (option(H | S | L), option(H | L)));
    for proposal in [H | M, L, H, C] {
        let [_, second] = refused(cipher(S | L, Stateful::Refused), 3, &option(proposal));
        assert!(second.is_empty(), "{proposal:x}");
    }
    let [_, second] = refused(cipher(S | L, Stateful::Allowed), 3, &option(L));
    assert_eq!(second, option(L));
    // Both bits in a proposal: the stronger.
    let [_, second] = refused(cipher(S | L, Stateful::Refused), 3, &option(H | S | L));
    assert_eq!(second, option(H | S));
}
