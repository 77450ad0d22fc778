//! What pppd asks, and any octets.

use proptest::prelude::*;

use super::*;

#[test]
fn both_ends_open_and_echoes_are_told_by_their_length() {
    let mut lcp = Lcp::new([1, 2, 3, 4]);
    let ask = lcp.ask();
    assert_eq!(ask, [255, 3, 0xc0, 0x21, 1, 1, 0, 10, 5, 6, 1, 2, 3, 4]);
    let pppd = [255, 3, 0xc0, 0x21, 1, 9, 0, 13, 1, 4, 5, 0x78, 3, 5, 0xc2, 0x23, 0x81];
    let answer = lcp.take(&pppd).unwrap();
    assert_eq!((answer[4], &answer[5..]), (2, &pppd[5..]));
    assert!(!lcp.is_open() && lcp.mru() == 1400);
    assert_eq!(lcp.take(&[0xc0, 0x21, 2, 1, 0, 10, 5, 6, 1, 2, 3, 4]), None);
    assert!(lcp.is_open());
    let echo = lcp.echo(100);
    assert_eq!((echo.len(), echo[4]), (104, 9));
    lcp.take(&[0xc0, 0x21, 10, echo[5], 0, 8, 0, 0, 0, 0]);
    lcp.take(&[0xc0, 0x21, 10, 77, 0, 8, 0, 0, 0, 0]);
    assert_eq!(lcp.answered(), [100]);
}

#[test]
fn what_is_not_known_is_refused_and_nothing_is_authenticated() {
    let mut lcp = Lcp::new([0; 4]);
    let asks = [0xc0, 0x21, 1, 3, 0, 11, 13, 3, 6, 17, 4, 5, 0];
    assert_eq!(lcp.take(&asks).unwrap()[4..], [4, 3, 0, 11, 13, 3, 6, 17, 4, 5, 0]);
    assert_eq!(lcp.take(&[0xc2, 0x23, 1, 1, 0, 6, 1, 2]), None);
    assert!(!lcp.is_open());
}

proptest! {
    #[test]
    fn any_octets(octets in proptest::collection::vec(any::<u8>(), 0..64)) {
        let mut lcp = Lcp::new([9; 4]);
        let _ = lcp.take(&octets);
        let _ = lcp.take(&[&HEAD, &*octets].concat());
    }
}

/// A server's Configure-Request with this number, for this method.
fn asks(id: u8, method: &[u8]) -> Vec<u8> {
    let mut options = Vec::new();
    if !method.is_empty() {
        push_option(AUTHENTICATION, &[method], &mut options);
    }
    frame(Code::CONFIGURE_REQUEST, id, &options)
}

/// The answer without the head: code, number, and option 3 of a suggestion.
fn said(answer: Option<Vec<u8>>) -> (u8, u8, Vec<u8>) {
    let answer = answer.unwrap();
    let method = if answer[4] == 3 { answer[10..].to_vec() } else { Vec::new() };
    (answer[4], answer[5], method)
}

/// The server's Configure-Ack to our last request.
fn acks(lcp: &mut Lcp) {
    let ack = frame(Code::CONFIGURE_ACK, lcp.id, &[]);
    assert_eq!(lcp.take(&ack), None);
}

#[test]
fn methods_are_looked_for_in_negotiations_of_their_own() {
    let (ms2, ms1, pap) = ([0xc2, 0x23, 0x81], [0xc2, 0x23, 0x80], [0xc0, 0x23]);
    let mut lcp = Lcp::new([1, 2, 3, 4]);
    lcp.ask();
    assert_eq!(said(lcp.take(&asks(1, &ms2))).0, 2);
    assert_eq!(lcp.search(), None, "not before the link is open");
    acks(&mut lcp);
    assert_eq!(lcp.search().unwrap()[4], 1);
    // A copy from before is not the answer to that.
    assert_eq!(said(lcp.take(&asks(1, &ms2))), (2, 1, vec![]));
    assert!(!lcp.is_open() && lcp.methods().unwrap().asked.len() == 1);
    assert_eq!(said(lcp.take(&asks(2, &ms2))), (3, 2, ms1.to_vec()));
    // The Nak was lost.
    assert_eq!(said(lcp.take(&asks(2, &ms2))), (3, 2, ms1.to_vec()));
    assert_eq!(said(lcp.take(&asks(3, &pap))), (2, 3, vec![]));
    assert_eq!(lcp.anew(), None, "ours was not taken yet");
    // An Ack of the negotiation before does not count.
    assert_eq!(lcp.take(&frame(Code::CONFIGURE_ACK, lcp.id - 1, &[])), None);
    assert!(!lcp.is_open());
    acks(&mut lcp);
    assert_eq!(lcp.anew().unwrap()[4], 1);
    assert_eq!(said(lcp.take(&asks(4, &ms2))), (3, 4, vec![0xc2, 0x23, 5]));
    // It has none left, and is not let in without.
    assert_eq!(lcp.take(&asks(5, &[])), None);
    assert!(!lcp.searches() && !lcp.is_open());
    let methods = lcp.methods().unwrap();
    assert_eq!(methods.asked, ["MS-CHAPv2", "PAP"]);
    assert_eq!(methods.refused, ["MS-CHAP", "CHAP with MD5", "EAP"]);
}

#[test]
fn a_server_that_ends_the_link_has_no_other_method() {
    let mut lcp = Lcp::new([1, 2, 3, 4]);
    lcp.ask();
    lcp.take(&asks(1, &[0xc2, 0x23, 0x81]));
    acks(&mut lcp);
    lcp.search().unwrap();
    assert_eq!(said(lcp.take(&asks(2, &[0xc2, 0x23, 0x81]))).0, 3);
    assert_eq!(lcp.take(&frame(Code::TERMINATE_REQUEST, 3, b"no")).unwrap()[4], 6);
    let methods = lcp.methods().unwrap();
    assert_eq!((methods.asked.len(), methods.refused.len(), methods.whole), (1, 4, true));
}

#[test]
fn a_server_that_asks_for_no_proof_is_not_searched() {
    let mut lcp = Lcp::new([1, 2, 3, 4]);
    lcp.ask();
    lcp.take(&asks(1, &[]));
    acks(&mut lcp);
    assert_eq!((lcp.search(), lcp.methods()), (None, None));
}
