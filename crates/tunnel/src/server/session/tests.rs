//! Who comes in under which name.

use super::*;
use crate::server::fixture::door;

#[test]
fn a_user_is_who_proved_it_and_not_who_was_tried_last() {
    let (_folder, door) = door(&["mallory", "anna:10.77.0.200"], |_| {});
    let half_open = door.half_open([192, 0, 2, 7].into()).unwrap();
    let seat = door.seat([192, 0, 2, 7].into(), Bearer::Sstp, half_open);
    let mut guest = Guest { door: door.clone(), seat: seat.clone() };
    assert!(matches!(guest.known(Method::MsChapV2, b"mallory"), Known::NtHash(_)));
    assert!(matches!(guest.known(Method::MsChapV2, b"anna"), Known::NtHash(_)));
    assert!(guest.network(b"DOMAIN\\mallory").is_some());
    assert_eq!(seat.user.borrow().as_deref(), Some("mallory"));
    assert_ne!(seat.address.get(), Some([10, 77, 0, 200].into()));
}
