//! What is refused, and how the client and the counters are told.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use menshen_tunnel_core::ppp::{Cause, Meaning};

use crate::client::{Who, pptp};
use crate::place::Place;
use crate::pptp::{call_request, plain};
use crate::space::{Space, both_ways};

const ANNA: Who<'static> = Who("anna", "testpass");
const BOB: Who<'static> = Who("bob", "testpass");

#[test]
fn wrong_passwords_are_refused_and_then_not_even_looked_at() {
    let (Some(space), Some(far)) = (Space::new(), Space::new()) else { return };
    space.join(&far, 1);
    let place = Place::new(&space, &["anna"], |settings| settings.limits.guesses_per_source = 2);
    for who in [Who("anna", "wrong"), Who("nobody", "testpass")] {
        let ended = pptp(&far, 1, who, plain()).end();
        assert!(matches!(ended.cause, Cause::Refused(_)), "{ended:?}");
    }
    // Right, and too late; a stranger cannot tell it from wrong.
    let ended = pptp(&far, 1, ANNA, plain()).end();
    assert!(matches!(ended.cause, Cause::Refused(_)), "{ended:?}");
    let counters = place.wait("the ends", |now| now.sessions.is_empty()).counters;
    assert_eq!((counters.logins_refused, counters.guesses_limited, counters.logins), (3, 1, 0));
    assert!(place.stop().is_empty());
}

#[test]
fn no_more_sessions_than_addresses_and_users_may_have() {
    let spaces = (Space::new(), Space::new(), Space::new());
    let (Some(space), Some(one), Some(two)) = spaces else { return };
    space.join(&one, 1);
    space.join(&two, 2);
    let place = Place::new(&space, &["anna", "bob"], |settings| {
        settings.addresses.1 = 30;
        settings.times.session = Some(Duration::from_secs(3600));
    });
    let anna = pptp(&one, 1, ANNA, plain());
    let (inner, ours) = anna.open();
    let second = pptp(&two, 2, ANNA, plain()).end();
    assert_eq!(second.text().1, "too many sessions of this user");
    let bob = pptp(&two, 2, BOB, plain()).end();
    assert_eq!(bob.text().1, "no address available");
    both_ways((&one, inner.into()), (&space, ours.into()));
    let counters = place.snapshot().counters;
    assert_eq!((counters.sessions_per_user_limited, counters.pool_empty), (1, 1));
    anna.close();
    place.wait("the end", |now| now.sessions.is_empty());
    let bob = pptp(&two, 2, BOB, plain());
    assert_eq!(bob.open().0, inner, "the only address is free again");
    // Ended by the administrator, and by the users' file.
    let id = place.snapshot().sessions[0].id;
    assert!(place.ask(move |server| server.disconnect(id)));
    assert_eq!(bob.end().text().1, "ended by the administrator");
    place.wait("the end", |now| now.sessions.is_empty());
    let bob = pptp(&two, 2, BOB, plain());
    bob.open();
    place.users(&["anna"]);
    assert_eq!(bob.end().text().1, "the user's entry has changed");
    let refused = pptp(&two, 2, BOB, plain()).end();
    assert!(matches!(refused.cause, Cause::Refused(_)), "{refused:?}");
    let lines = place.stop();
    let causes = ["user-request", "administrator", "user-changed"];
    for (line, cause) in lines.iter().skip(1).step_by(2).zip(causes) {
        assert!(line.contains(cause), "{lines:?}");
    }
}

#[test]
fn idle_sessions_end() {
    let (Some(space), Some(far)) = (Space::new(), Space::new()) else { return };
    space.join(&far, 1);
    let place = Place::new(&space, &["anna"], |settings| {
        settings.times.idle = Some(Duration::from_secs(1));
    });
    let client = pptp(&far, 1, ANNA, plain());
    let (inner, ours) = client.open();
    both_ways((&far, inner.into()), (&space, ours.into()));
    let ended = client.end();
    assert_eq!(ended.text(), (Meaning::Asked, "idle timer expired".to_owned()));
    let counters = place.wait("the end", |now| now.sessions.is_empty()).counters;
    assert_eq!((counters.idle_ended, counters.time_ended), (1, 0));
    assert!(place.stop()[1].contains("\"cause\":\"idle-limit\""));
}

#[test]
fn a_thousand_half_open_calls_are_bounded_in_number_and_time() {
    let (Some(space), Some(far)) = (Space::new(), Space::new()) else { return };
    space.join(&far, 1);
    let place = Place::new(&space, &["anna"], |settings| {
        settings.limits.half_open_per_source = 20;
        settings.times.half_open = Duration::from_secs(3);
    });
    let began = Instant::now();
    let crowd = far.thread(|| {
        let mut crowd: Vec<_> =
            (0..1000).map(|_| TcpStream::connect("10.9.1.1:1723").unwrap()).collect();
        for (call, tcp) in (0..).zip(&mut crowd) {
            // Those without a place are closed already.
            let _ = tcp.write_all(&call_request(call));
        }
        crowd
    });
    let crowd = crowd.join().unwrap();
    let snapshot = place.snapshot();
    assert!(snapshot.half_open <= 20 && snapshot.sessions.len() <= 20, "{snapshot:?}");
    assert!(snapshot.control_connections <= 20, "{snapshot:?}");
    assert!(snapshot.counters.half_open_limited >= 900, "{:?}", snapshot.counters);
    let last = place.wait("their ends", |now| now.half_open == 0 && now.control_connections == 0);
    assert!(last.counters.half_open_timeouts > 0 && last.sessions.is_empty());
    assert!(began.elapsed() > Duration::from_secs(2));
    drop(crowd);
    // Honest clients have room again.
    let client = pptp(&far, 1, ANNA, plain());
    client.open();
    client.close();
    place.stop();
}

#[test]
fn calls_one_after_the_other_have_one_time() {
    let (Some(space), Some(far)) = (Space::new(), Space::new()) else { return };
    space.join(&far, 1);
    let place = Place::new(&space, &["anna"], |settings| {
        settings.times.half_open = Duration::from_secs(4);
    });
    let mut tcp = far.thread(|| TcpStream::connect("10.9.1.1:1723").unwrap()).join().unwrap();
    let (began, all) = (Instant::now(), call_request(7));
    let (start, call) = all.split_at(156);
    tcp.write_all(start).unwrap();
    // Declined at once, as there is no number for another one: each would begin the time anew.
    let mut ended = false;
    for number in 0..60u16 {
        let mut call = call.to_vec();
        call[12..14].copy_from_slice(&number.to_be_bytes());
        // A Call-Clear-Request (RFC 2637 section 2.12) ends it again.
        let mut clear = vec![0, 16, 0, 1, 0x1a, 0x2b, 0x3c, 0x4d, 0, 12, 0, 0];
        clear.extend(number.to_be_bytes());
        clear.extend([0, 0]);
        ended = tcp.write_all(&call).is_err() || tcp.write_all(&clear).is_err();
        if ended {
            break;
        }
        std::thread::sleep(Duration::from_millis(300));
    }
    assert!(ended, "it was never hung up on");
    assert!(began.elapsed() < Duration::from_secs(16), "{:?}", began.elapsed());
    place.wait("the end", |now| now.half_open == 0 && now.control_connections == 0);
    place.stop();
}

#[test]
fn a_server_that_retires_takes_no_more_calls() {
    let (Some(space), Some(far)) = (Space::new(), Space::new()) else { return };
    space.join(&far, 1);
    let mut place = Place::new(&space, &["anna"], |_| {});
    let client = pptp(&far, 1, ANNA, plain());
    client.open();
    let mut tcp = far.thread(|| TcpStream::connect("10.9.1.1:1723").unwrap()).join().unwrap();
    place.wait("the connection", |now| now.control_connections == 2);
    place.retire();
    tcp.write_all(&call_request(7)).unwrap();
    let mut answer = [0; 156 + 32];
    tcp.read_exact(&mut answer).unwrap();
    assert_eq!(answer[156 + 16..156 + 18], [2, 4], "general error, no resource");
    assert_eq!(place.snapshot().sessions.len(), 1);
    client.close();
    drop(tcp);
    place.stop();
}

#[test]
fn a_users_rate_is_kept_both_ways() {
    let (Some(space), Some(far)) = (Space::new(), Space::new()) else { return };
    space.join(&far, 1);
    let place = Place::new(&space, &["anna"], |settings| settings.rate = Some(20_000));
    let client = pptp(&far, 1, ANNA, plain());
    let (inner, ours) = client.open();
    let (near, end) = (far.udp(inner), space.udp(ours));
    let began = Instant::now();
    for (from, to) in [(&near, &end), (&end, &near)] {
        for _ in 0..100 {
            from.send_to(&[0; 1000], to.local_addr().unwrap()).unwrap();
        }
    }
    let counts = |now: &menshen_tunnel::server::Snapshot| {
        let session = &now.sessions[0];
        (session.received_octets, session.sent_octets)
    };
    let snapshot = place.wait("both bursts", |now| {
        let (received, sent) = counts(now);
        received >= 19_000 && sent >= 19_000
    });
    let most = 20_000.0 * (began.elapsed().as_secs_f64() + 1.0) + 2.0 * 1028.0;
    let (received, sent) = counts(&snapshot);
    assert!((received.max(sent) as f64) <= most, "{received}, {sent} of {most}");
    assert!(snapshot.sessions[0].over_rate > 50, "{snapshot:?}");
    client.close();
    place.stop();
}
