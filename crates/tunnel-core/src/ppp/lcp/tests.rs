//! What is asked for, what is taken, what is proposed instead.

use alloc::vec::Vec;

use super::*;
use crate::ppp::layer::tests::{asked, give, next, refused, started};
use crate::ppp::outbox::Outbox;
use crate::ppp::settings::Mppe;

fn link(role: Role, methods: &[Method], mru: u16) -> Link {
    let settings = Settings { role, methods: methods.to_vec(), mru, ..Settings::client(Mppe::Off) };
    Link::new(&settings, Lots::new(&mut |octets: &mut [u8]| octets.fill(7)))
}

fn client() -> Link {
    link(Role::Client, &[Method::MsChapV2, Method::ChapMd5], 1500)
}

#[test]
fn a_client_asks_for_accm_magic_pfc_acfc_and_a_server_for_a_proof_too() {
    let kinds = |link: Link| {
        let mut out = Vec::new();
        link.request(&mut out);
        crate::ppp::packet::Choices::new(&out).map(|choice| choice.kind).collect::<Vec<_>>()
    };
    assert_eq!(kinds(client()), [2, 5, 7, 8]);
    assert_eq!(kinds(link(Role::Server, &[Method::Pap], 1400)), [1, 2, 3, 5, 7, 8]);
    assert_eq!(kinds(link(Role::Server, &[], 1500)), [2, 5, 7, 8]);
}

#[test]
fn what_pppd_and_windows_ask_for_is_taken_or_rejected_as_it_stands() {
    let fine = [1, 4, 5, 0x78, 2, 6, 0, 0xA, 0, 0, 3, 5, 0xC2, 0x23, 5, 5, 6, 1, 2, 3, 4];
    assert_eq!(asked(client(), &fine), (2, fine.to_vec()));
    let flags = [7, 2, 8, 2];
    assert_eq!(asked(client(), &flags), (2, flags.to_vec()));
    // Quality, callback, MRRU, short sequence numbers, endpoint, and one that nobody knows.
    for odd in [
        &[4, 8, 0xC0, 0x25, 0, 0, 0, 9][..],
        &[13, 3, 6],
        &[17, 4, 6, 0x4E],
        &[18, 2],
        &[19, 3, 0],
        &[200, 2],
    ] {
        let request = [odd, &flags, &[5, 6, 0, 0, 0, 0]].concat();
        assert_eq!(asked(client(), &request), (4, odd.to_vec()), "only what is rejected");
    }
    assert_eq!(asked(client(), &[1, 4, 0, 64]), (3, Vec::from([1, 4, 0, 128])));
    // A client does not ask its server for a proof; a server gives none.
    let request = [3, 4, 0xC0, 0x23];
    let server = link(Role::Server, &[Method::Pap], 1500);
    assert_eq!(asked(server, &request), (4, request.to_vec()));
    assert_eq!(asked(link(Role::Client, &[], 1500), &request), (4, request.to_vec()));
    let wanted = Vec::from([3, 5, 0xC2, 0x23, 0x81]);
    assert_eq!(asked(client(), &request), (3, wanted));
}

#[test]
fn refusals_change_the_next_request() {
    let large = || link(Role::Client, &[], 1400);
    let [first, second] = refused(large(), 3, &[1, 4, 2, 0x40]);
    assert_eq!((&first[..4], &second[..4]), (&[1, 4, 5, 0x78][..], &[1, 4, 2, 0x40][..]));
    let [_, second] = refused(large(), 3, &[1, 4, 0xFF, 0xFF]);
    assert_eq!(second[..4], [1, 4, 5, 0x78], "not more than we take");
    let [_, second] = refused(large(), 4, &first);
    assert!(second.is_empty());
    let [first, second] = refused(client(), 3, &[5, 6, 1, 1, 1, 1]);
    assert_eq!(first[6..8], second[6..8]);
    assert!(first[8..12] != second[8..12] && second[8..12] != [1; 4], "a magic number of our own");
}

#[test]
fn a_server_goes_through_its_methods_and_prefers_what_the_peer_names() {
    let all = [Method::MsChapV2, Method::ChapMd5, Method::Pap];
    let (mut layer, mut out) = started(link(Role::Server, &all, 1500));
    let asked_for = |out: &mut Outbox| {
        let (_, id, data) = next(out).unwrap();
        (id, data[8..].to_vec())
    };
    let (id, data) = asked_for(&mut out);
    assert_eq!(data[..3], [0xC2, 0x23, 0x81]);
    give(&mut layer, &mut out, 3, id, &[3, 4, 0xC0, 0x23]);
    let (id, data) = asked_for(&mut out);
    assert_eq!(data[..2], [0xC0, 0x23]);
    assert_eq!(layer.options.agreed().method, Some(Method::Pap));
    // EAP is none of ours: the next of ours.
    give(&mut layer, &mut out, 3, id, &[3, 4, 0xC2, 0x27]);
    let (id, data) = asked_for(&mut out);
    assert_eq!(data[..3], [0xC2, 0x23, 0x05]);
    assert_eq!(layer.failure(), None);
    give(&mut layer, &mut out, 3, id, &[3, 4, 0xC2, 0x27]);
    let theirs = Vec::from([0xC2, 0x27]);
    assert_eq!(layer.failure(), Some(Cause::NoCommonMethod { theirs }));
    assert_eq!(next(&mut out), None, "no request without authentication");

    let (mut layer, mut out) = started(link(Role::Server, &all, 1500));
    give(&mut layer, &mut out, 4, 1, &[3, 5, 0xC2, 0x23, 0x81]);
    assert!(matches!(layer.failure(), Some(Cause::NoCommonMethod { .. })));
}
