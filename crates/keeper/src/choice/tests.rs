//! Tests of turns.

use std::collections::BTreeSet;
use std::path::Path;

use menshen_config::AcmeChallenge::{Dns01, Http01, TlsAlpn01};

use super::*;

const ALL: &[AcmeChallenge] = &[TlsAlpn01, Http01, Dns01];

#[test]
fn ways_that_cannot_work_are_left_out() {
    let hook = Some(Path::new("/hook"));
    let ways = |name: &str, hook| possible(&Name::new(name), ALL, hook);
    assert_eq!(ways("a.example", hook), ALL);
    assert_eq!(ways("a.example", None), [TlsAlpn01, Http01]);
    assert_eq!(ways("*.example.com", hook), [Dns01]);
    assert_eq!(ways("*.example.com", None), []);
    assert_eq!(ways("192.0.2.1", hook), [TlsAlpn01, Http01]);
    let own_order = possible(&Name::new("a.example"), &[Http01, TlsAlpn01, Http01], None);
    assert_eq!(own_order, [Http01, TlsAlpn01]);
}

#[test]
fn a_way_that_failed_gives_place() {
    let mut turn = Turn::default();
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push((turn.ways(ALL)[0], turn.authority(&[0, 0], 1).0));
        turn = turn.after(Blame::Proof, 3, 2);
    }
    assert_eq!(seen, [(TlsAlpn01, 0), (Http01, 0), (Dns01, 0), (TlsAlpn01, 1)]);
    assert_eq!(turn.after_success().authority(&[0, 0], 1).0, 0);
    assert_eq!(turn.after_success().ways(ALL), [Http01, Dns01, TlsAlpn01]);
}

#[test]
fn an_authority_that_failed_gives_place() {
    let turn = Turn::default().after(Blame::Authority, 3, 2);
    assert_eq!((turn.authority(&[0, 0], 1).0, turn.ways(ALL)[0]), (1, TlsAlpn01));
    assert_eq!(turn.after(Blame::Authority, 3, 2), Turn::default());
}

#[test]
fn an_authority_that_asked_to_wait_is_passed_over() {
    let turn = Turn::default();
    assert_eq!(turn.authority(&[100, 0], 50), (1, 0));
    assert_eq!(turn.authority(&[100, 0], 100), (0, 100));
    assert_eq!(turn.authority(&[100, 80], 50), (1, 80));
    assert_eq!(turn.authority(&[], 50).0, 0);
}

#[test]
fn every_pair_gets_its_turn_whoever_is_to_blame() {
    for blames in [[Blame::Proof, Blame::Proof], [Blame::Proof, Blame::Authority]] {
        let (mut turn, mut seen) = (Turn::default(), BTreeSet::new());
        for round in 0..12 {
            seen.insert(format!("{turn:?}"));
            turn = turn.after(blames[round % 2], 3, 2);
        }
        assert_eq!(seen.len(), 6, "{blames:?}");
    }
}

#[test]
fn nothing_to_choose_from_is_no_panic() {
    let turn = Turn::default().after(Blame::Proof, 0, 0);
    assert_eq!(turn.ways(&[]), []);
}
