//! Who comes in under which name, and how many at once.

use std::time::Duration;

use menshen_tunnel_core::ppp::Event;

use super::*;
use crate::fixture::{MemoryCarrier, MemoryDevice, carriers_to_bind, client_of};
use crate::server::fixture::door;

/// A client driven by hand, whose session at the server's end is not bound yet.
struct Hand {
    session: Session,
    carrier: MemoryCarrier,
    /// Whether the server took its proof.
    proved: bool,
}

impl Hand {
    /// Calls from `192.0.2.7`; the server's end runs by itself.
    fn call(door: &Rc<Door>, name: &str, password: &[u8]) -> Self {
        let client = [192, 0, 2, 7].into();
        let seat = door.seat(client, Bearer::Sstp, door.half_open(client).unwrap());
        let (carrier, far) = carriers_to_bind();
        let driver = Driver::new(Parts {
            session: Session::new(settings(door, Bearer::Sstp), None, &mut |octets| octets.fill(7)),
            carrier: far,
            device: MemoryDevice::default(),
            users: Guest { door: door.clone(), seat },
            clock: door.clock,
        });
        tokio::task::spawn_local(driver.run(std::future::pending()));
        let mut session = client_of(name.as_bytes(), Mppe::Off, password, 1);
        session.open(door.clock.now());
        Self { session, carrier, proved: false }
    }

    fn step(&mut self, door: &Door) {
        let (now, mut frame) = (door.clock.now(), Vec::new());
        while let Some(frame) = self.carrier.receive(now) {
            self.session.input(now, frame);
        }
        while let Some(event) = self.session.next_event() {
            self.proved |= matches!(event, Event::Authenticated { .. });
        }
        while self.session.next_frame(&mut frame) {
            let end = frame.len();
            self.carrier.send(now, &mut frame, 0..end);
        }
    }
}

/// Drives all of them until `is_so`.
async fn drive(door: &Door, hands: &mut [Hand], is_so: impl Fn(&[Hand]) -> bool) {
    while !is_so(hands) {
        hands.iter_mut().for_each(|hand| hand.step(door));
        tokio::task::yield_now().await;
    }
}

fn at_once(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let test = async { tokio::time::timeout(Duration::from_secs(60), test).await };
    tokio::task::LocalSet::new().block_on(&runtime, test).expect("it hangs");
}

/// As many proofs are there at once as the crowd has people, and no session is bound before the
/// last of them: the proofs hold, the logins are not complete.
fn crowd_comes_in(names: &[&str]) {
    let (_folder, door) = door(names, |settings| {
        settings.limits.half_open_per_source = CROWD;
        settings.limits.sessions_per_user = CROWD;
    });
    assert!(CROWD > 2 * usize::try_from(door.settings.limits.guesses_per_source).unwrap());
    at_once(async {
        let names = names.iter().cycle().take(CROWD);
        let mut hands: Vec<_> = names.map(|name| Hand::call(&door, name, b"testpass")).collect();
        let is_decided = |hand: &Hand| hand.proved || hand.session.cause().is_some();
        drive(&door, &mut hands, |hands| hands.iter().all(is_decided)).await;
        assert_eq!(hands.iter().filter(|hand| hand.proved).count(), CROWD);
        assert_eq!(door.snapshot().counters.logins, 0, "nobody is bound");
        hands.iter().for_each(|hand| hand.carrier.bind_other());
        let is_open = |hand: &Hand| hand.session.phase() == Phase::Open;
        drive(&door, &mut hands, |hands| hands.iter().all(is_open)).await;
        let counters = door.snapshot().counters;
        assert_eq!((counters.logins, counters.guesses_limited), (CROWD as u64, 0));
    });
}

#[test]
fn an_office_behind_one_address_comes_in_at_once() {
    let names: Vec<_> = (0..CROWD).map(|number| format!("user{number}")).collect();
    crowd_comes_in(&names.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn one_user_comes_in_many_times_at_once() {
    crowd_comes_in(&["anna"]);
}

#[test]
fn a_guesser_among_them_has_no_more_guesses_than_in_a_row() {
    let (_folder, door) = door(&["anna", "mallory"], |settings| {
        settings.limits.half_open_per_source = 2 * CROWD + 1;
        settings.limits.guesses_per_source = 100;
        // None is forgiven while the test runs.
        settings.limits.guesses_per_name = 3;
    });
    at_once(async {
        // His own password is right each time, and buys him nothing.
        let call = |number| match number % 2 {
            0 => Hand::call(&door, "mallory", b"testpass"),
            _ => Hand::call(&door, "anna", b"a guess"),
        };
        let mut hands: Vec<_> = (0..2 * CROWD).map(call).collect();
        let is_decided = |hand: &Hand| hand.proved || hand.session.cause().is_some();
        drive(&door, &mut hands, |hands| hands.iter().all(is_decided)).await;
        assert_eq!(hands.iter().filter(|hand| hand.proved).count(), CROWD, "all of mallory's");
        let limited = door.snapshot().counters.guesses_limited;
        assert_eq!(limited, CROWD as u64 - 3, "not looked at");
        let mut late = [Hand::call(&door, "anna", b"testpass")];
        drive(&door, &mut late, |hands| hands.iter().all(is_decided)).await;
        assert!(!late[0].proved, "right, and too late");
    });
}

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

#[test]
fn a_login_that_is_cut_after_its_proof_was_no_guess() {
    let (_folder, door) = door(&["anna"], |settings| settings.limits.guesses_per_source = 2);
    for _ in 0..CROWD {
        let client = [192, 0, 2, 7].into();
        let seat = door.seat(client, Bearer::Sstp, door.half_open(client).unwrap());
        let mut guest = Guest { door: door.clone(), seat: seat.clone() };
        assert!(matches!(guest.known(Method::MsChapV2, b"anna"), Known::NtHash(_)));
        guest.proved(b"OFFICE\\anna");
        door.leave(&seat);
    }
}

/// More than twice as many as may be wrong in a row.
const CROWD: usize = 40;
