//! Tests of a body that is dropped or flushed; its deliveries are tested next to them.

use crate::php::fixture::{Place, form, noise};
use crate::php::intake::FormUse;

#[test]
fn a_dropped_body_leaves_nothing() {
    let place = Place::new();
    let body = place.arrived(&form(&[("f", Some("f"), &noise(9000))]), FormUse::Files);
    assert!(body.has_spooled());
    body.flush().unwrap();
    assert_eq!(place.spooled().len(), 1);
    drop(body);
    assert!(place.spooled().is_empty());
}

#[test]
fn a_body_whose_file_vanished_is_not_delivered_as_whole() {
    let place = Place::new();
    let body = place.arrived(&form(&[("f", Some("f"), &noise(9000))]), FormUse::Files);
    std::fs::remove_file(place.path("spool").join(&place.spooled()[0])).unwrap();
    assert!(body.flush().is_err());
}
