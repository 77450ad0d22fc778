//! Two drivers against each other over carriers in memory.

use std::cell::RefCell;
use std::future::pending;
use std::rc::Rc;

use menshen_tunnel_core::auth::Secret;
use menshen_tunnel_core::mppe::Strength;
use menshen_tunnel_core::ppp::{Ciphers, Event, Mppe, Phase};

use super::*;
use crate::fixture::{
    Gone, MemoryCarrier, MemoryDevice, OneUser, both, carriers, carriers_to_bind, client,
    client_of, packet, server, while_running,
};

type End = Ending<MemoryCarrier, MemoryDevice>;

/// Both ends, and what a test sees of them.
struct Pair {
    client: Driver<MemoryCarrier, MemoryDevice, Nobody>,
    server: Driver<MemoryCarrier, MemoryDevice, OneUser>,
    near: MemoryDevice,
    far: MemoryDevice,
}

fn pair(mppe: Mppe, password: &'static [u8]) -> Pair {
    let (one, two) = carriers();
    let (near, far) = (MemoryDevice::default(), MemoryDevice::default());
    let clock = Clock::new();
    let client = Driver::new(Parts {
        session: client(mppe, b"secret"),
        carrier: one,
        device: near.clone(),
        users: Nobody,
        clock,
    });
    let server = Driver::new(Parts {
        session: server(mppe),
        carrier: two,
        device: far.clone(),
        users: OneUser(password),
        clock,
    });
    Pair { client, server, near, far }
}

/// Runs both ends and `test`, at whose end the client is closed.
fn run(pair: Pair, test: impl AsyncFnOnce(&MemoryDevice, &MemoryDevice)) -> (End, End) {
    let Pair { client, server, near, far } = pair;
    let (done, close) = tokio::sync::oneshot::channel();
    let close = async { close.await.unwrap_or_else(|_| "the test ended".to_owned()) };
    runtime().block_on(async {
        let test = async {
            test(&near, &far).await;
            let _ = done.send("User request".to_owned());
            pending::<()>().await;
        };
        while_running(both(client.run(close), server.run(pending())), test).await
    })
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

#[test]
fn packets_pass_encrypted_and_it_ends_in_good_order() {
    let pair = pair(Mppe::Required(Ciphers::BITS_128), b"secret");
    let mut status = pair.client.status();
    let (client, server) = run(pair, async |near, far| {
        status.wait_for(|status| status.opened.is_some()).await.unwrap();
        for number in 0..200 {
            near.push(&packet(1400, number));
            far.push(&packet(60, number));
        }
        for number in 0..200 {
            assert_eq!(far.pop().await, packet(1400, number));
            assert_eq!(near.pop().await, packet(60, number));
        }
    });
    assert_eq!(client.cause, Cause::Closed);
    assert!(matches!(server.cause, Cause::PeerTerminated { .. }), "{:?}", server.cause);
    let counters = client.status.counters;
    assert_eq!((counters.sent_packets, counters.sent_octets), (200, 200 * 1400));
    assert_eq!((counters.received_packets, counters.received_octets), (200, 200 * 60));
    assert_eq!((client.carrier.authenticated, server.carrier.authenticated), (1, 1));
    assert_eq!(server.status.user.as_deref(), Some(&b"user"[..]));
    let opened = client.device.opened().unwrap();
    assert_eq!(opened.sends.map(|(strength, _)| strength), Some(Strength::Bits128));
    assert_eq!(opened.ipv4.map(|link| link.local), Some([10, 78, 0, 2].into()));
    assert_eq!(client.status.phase, Phase::Terminate);
}

#[test]
fn a_wrong_password_ends_both() {
    let (client, server) = run(pair(Mppe::Off, b"other"), async |_, _| pending().await);
    assert!(matches!(client.cause, Cause::Refused(_)), "{:?}", client.cause);
    assert!(matches!(server.cause, Cause::PeerRefused { .. }), "{:?}", server.cause);
    assert_eq!(client.carrier.authenticated, 0);
    assert_eq!(client.device.opened(), None);
}

#[test]
fn a_device_that_vanishes_ends_the_session() {
    let pair = pair(Mppe::Off, b"secret");
    let mut status = pair.client.status();
    let (client, server) = run(pair, async |near, _| {
        status.wait_for(|status| status.opened.is_some()).await.unwrap();
        near.vanish();
        pending().await
    });
    assert_eq!(client.device_error.map(|error| error.kind()), Some(io::ErrorKind::NotFound));
    assert!(matches!(server.cause, Cause::PeerTerminated { .. }), "{:?}", server.cause);
}

#[test]
fn a_carrier_that_is_lost_ends_the_session() {
    let Pair { client, server, .. } = pair(Mppe::Off, b"secret");
    drop(server);
    let client = runtime().block_on(client.run(pending()));
    assert_eq!((client.cause, client.lost), (Cause::CarrierLost, Some(Gone)));
}

#[test]
fn what_cannot_pass_is_counted() {
    let pair = pair(Mppe::Off, b"secret");
    let mut status = pair.client.status();
    let (client, _) = run(pair, async |near, far| {
        status.wait_for(|status| status.opened.is_some()).await.unwrap();
        near.push(&packet(1501, 1));
        near.push(&[0x75; 40]);
        near.push(&packet(40, 2));
        assert_eq!(far.pop().await, packet(40, 2));
    });
    assert_eq!((client.status.counters.unsendable, client.status.counters.sent_packets), (2, 1));
}

/// Everybody's password is `secret`; who was given addresses is noted.
struct Noted(Rc<RefCell<Vec<Vec<u8>>>>);

impl Users for Noted {
    fn known(&mut self, _: Method, _: &[u8]) -> Known {
        Known::Password(Secret::new(b"secret"))
    }

    fn proved(&mut self, _: &[u8]) {}

    fn network(&mut self, user: &[u8]) -> Option<ppp::Network> {
        self.0.borrow_mut().push(user.to_vec());
        OneUser(b"").network(user)
    }
}

/// Drives a client's session by hand until something happens to it; what it would say then is not
/// said.
async fn by_hand(mut session: Session, carrier: &mut MemoryCarrier, is_so: impl Fn(Event) -> bool) {
    let (clock, mut frame) = (Clock::new(), Vec::new());
    session.open(clock.now());
    loop {
        let now = clock.now();
        while let Some(event) = session.next_event() {
            if is_so(event) {
                return;
            }
        }
        while session.next_frame(&mut frame) {
            let end = frame.len();
            carrier.send(now, &mut frame, 0..end);
        }
        if let Some(frame) = carrier.receive(now) {
            session.input(now, frame);
        }
        if session.cause().is_some() && is_so(Event::Suspended) {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[test]
fn nobody_gets_addresses_by_the_proof_of_another() {
    let (mut hand, carrier) = carriers_to_bind();
    let given = Rc::default();
    let server = Driver::new(Parts {
        session: server(Mppe::Off),
        carrier,
        device: MemoryDevice::default(),
        users: Noted(Rc::clone(&given)),
        clock: Clock::new(),
    });
    let test = async {
        let mallory = client_of(b"mallory", Mppe::Off, b"secret", 1);
        by_hand(mallory, &mut hand, |event| matches!(event, Event::Authenticated { .. })).await;
        // LCP begins anew, and another name with a wrong password; the end of LCP stays unanswered.
        let anna = client_of(b"anna", Mppe::Off, b"a guess", 3);
        by_hand(anna, &mut hand, |event| matches!(event, Event::Suspended)).await;
        hand.bind_other();
        while !hand.is_heard() {
            tokio::task::yield_now().await;
        }
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        drop(hand);
    };
    let all = async {
        let all = both(server.run(pending()), test);
        tokio::time::timeout(Duration::from_secs(60), all).await.expect("it hangs")
    };
    let (ending, ()) = runtime().block_on(all);
    assert!(matches!(&ending.cause, Cause::PeerRefused { user } if user == b"anna"), "{ending:?}");
    assert_eq!(*given.borrow(), Vec::<Vec<u8>>::new());
}
