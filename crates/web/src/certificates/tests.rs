//! Tests of `certificates`.

use std::os::fd::AsFd;
use std::sync::Arc;

use menshen_base::Counter;
use menshen_config::{PairOrigin, Shelf, ShelfPair};
use menshen_sys::{Bulletin, Scoreboard, Slot};

use super::{Certificates, Look, Manner};
use crate::fixture::certificate;

fn post(bulletin: &mut Bulletin, pairs: &[(&[&str], PairOrigin)]) -> u64 {
    let pairs = pairs.iter().map(|&(names, origin)| {
        let (certificate_pem, key_pem) = certificate(names);
        ShelfPair { certificate_pem, key_pem, origin }
    });
    let shelf = Shelf { pairs: pairs.collect() };
    bulletin.post(&serde_json::to_vec(&shelf).unwrap()).unwrap()
}

#[test]
fn newer_ones_are_taken_and_bad_ones_refused() {
    let mut bulletin = Bulletin::create("shelf").unwrap();
    let slot = Scoreboard::private().unwrap().slot(0);
    let begin = |bulletin: &Bulletin| {
        let manner = Manner { ticket_key: &[1; 32], challenges: None, alpn: &[b"http/1.1"] };
        Certificates::new(bulletin.as_fd().try_clone_to_owned().unwrap(), manner, &slot)
    };
    begin(&bulletin).unwrap_err();
    let version = post(&mut bulletin, &[(&["a.test"], PairOrigin::Given)]);
    let (certificates, findings) = begin(&bulletin).unwrap();
    assert!(findings.is_empty());
    let first = certificates.current();
    assert_eq!(slot.get(Counter::ShelfVersion), version);
    assert!(matches!(look(&certificates, &slot), Look::Same));
    assert!(Arc::ptr_eq(&first, &certificates.current()));

    let version = post(&mut bulletin, &[(&["a.test"], PairOrigin::Acme)]);
    assert!(matches!(look(&certificates, &slot), Look::Taken(left) if left.is_empty()));
    let second = certificates.current();
    assert!(!Arc::ptr_eq(&first, &second));
    assert!(matches!(look(&certificates, &slot), Look::Same));

    for text in [&b"no JSON"[..], b"{\"pairs\":[]}", b""] {
        bulletin.post(text).unwrap();
        assert!(matches!(look(&certificates, &slot), Look::Refused(_)));
        assert!(matches!(look(&certificates, &slot), Look::Same), "it is told once");
        assert!(Arc::ptr_eq(&second, &certificates.current()));
    }
    assert_eq!(slot.get(Counter::ShelfVersion), version);
    assert_eq!((slot.get(Counter::ShelfSwaps), slot.get(Counter::ShelfRefused)), (1, 3));

    // One bad pair does not keep the good one out.
    let (certificate_pem, key_pem) = certificate(&["b.test"]);
    let good = ShelfPair { certificate_pem, key_pem, origin: PairOrigin::Found };
    let bad = ShelfPair { key_pem: String::new(), ..good.clone() };
    let text = serde_json::to_vec(&Shelf { pairs: vec![bad, good] }).unwrap();
    bulletin.post(&text).unwrap();
    let Look::Taken(left_out) = look(&certificates, &slot) else { panic!("not taken") };
    assert_eq!(left_out[0].code, "certificate-left-out");
    assert_eq!(slot.get(Counter::ShelfSwaps), 2);
}

#[test]
fn a_post_that_never_ends_changes_nothing() {
    use std::os::unix::fs::FileExt;
    let mut bulletin = Bulletin::create("shelf").unwrap();
    let slot = Scoreboard::private().unwrap().slot(0);
    post(&mut bulletin, &[(&["a.test"], PairOrigin::Given)]);
    let file = std::fs::File::from(bulletin.as_fd().try_clone_to_owned().unwrap());
    let manner = Manner { ticket_key: &[1; 32], challenges: None, alpn: &[] };
    let reader = bulletin.as_fd().try_clone_to_owned().unwrap();
    let (certificates, _) = Certificates::new(reader, manner, &slot).unwrap();
    // The version is odd while somebody posts.
    file.write_all_at(&3_u64.to_le_bytes(), 8).unwrap();
    assert!(matches!(look(&certificates, &slot), Look::Same));
    assert_eq!(slot.get(Counter::ShelfRefused), 0);
    let mut next = Bulletin::adopt(reader_of(&bulletin)).unwrap();
    post(&mut next, &[(&["a.test"], PairOrigin::Given)]);
    assert!(matches!(look(&certificates, &slot), Look::Taken(_)));
}

fn look(certificates: &Certificates, slot: &Slot) -> Look {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(certificates.look(slot))
}

fn reader_of(bulletin: &Bulletin) -> std::os::fd::OwnedFd {
    bulletin.as_fd().try_clone_to_owned().unwrap()
}
