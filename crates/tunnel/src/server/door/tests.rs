//! Places, and what comes back.

use std::net::IpAddr;
use std::time::Duration;

use super::*;
use crate::server::fixture::{door, write_users};

fn source(address: &str) -> IpAddr {
    address.parse().unwrap()
}

#[test]
fn a_network_of_ipv6_has_the_places_of_one_source() {
    let (_folder, door) = door(&["anna"], |settings| settings.limits.half_open_per_source = 2);
    let one = door.half_open(source("2001:db8::1")).unwrap();
    let _two = door.half_open(source("2001:db8::2:2")).unwrap();
    assert!(door.half_open(source("2001:db8::3")).is_none());
    assert!(door.half_open(source("2001:db8:0:1::3")).is_some(), "another network");
    drop(one);
    assert!(door.half_open(source("2001:db8::4")).is_some());
}

#[test]
fn a_stranger_has_one_time_for_all_he_does() {
    let zero = Duration::ZERO;
    let (_folder, door) = door(&["anna"], |settings| settings.times.half_open = zero);
    let client = source("192.0.2.7");
    let seat = door.seat(client, Bearer::Sstp, door.half_open(client).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let ending = async {
        let ending = seat.clone().ending(door.clone());
        tokio::time::timeout(Duration::from_secs(60), ending).await
    };
    assert_eq!(runtime.block_on(ending).unwrap(), "setup takes too long");
    assert_eq!(seat.why(), Some(Why::HalfOpen));
    // Who is in is none any more.
    let seat = door.seat(client, Bearer::Sstp, door.half_open(client).unwrap());
    assert!(door.let_in(&seat, "anna").is_ok());
    assert_eq!(seat.known_by(), None);
}

#[test]
fn who_is_cut_off_is_written_down() {
    let (folder, door) = door(&["anna"], |settings| {
        let path = settings.users.with_file_name("accounting");
        let file = std::fs::File::options().append(true).create(true).open(path);
        settings.accounting = Some(file.unwrap());
    });
    let client = source("192.0.2.7");
    let seat = |is_open| {
        let seat = door.seat(client, Bearer::Sstp, door.half_open(client).unwrap());
        let (tell, told) = watch::channel(crate::driver::Status::default());
        tell.send_modify(|status| status.counters.sent_octets = 4711);
        *seat.status.borrow_mut() = Some(told);
        seat.opened.set(is_open);
        seat
    };
    let open = seat(Some(door.clock.now()));
    assert!(door.let_in(&open, "anna").is_ok());
    seat(None);
    door.stop();
    door.clear();
    let text = std::fs::read_to_string(folder.path().join("accounting")).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    for word in ["\"event\":\"stop\"", "\"sent_octets\":4711", "\"cause\":\"server-stop\""] {
        assert!(text.contains(word), "{text}");
    }
}

#[test]
fn who_is_denied_did_not_come_in() {
    let (_folder, door) = door(&["anna"], |settings| settings.limits.sessions_per_user = 1);
    let client = source("192.0.2.7");
    let seat = || door.seat(client, Bearer::Sstp, door.half_open(client).unwrap());
    assert!(door.let_in(&seat(), "anna").is_ok());
    assert_eq!(door.let_in(&seat(), "anna").unwrap_err(), Denied::SessionsOfUser);
    let counters = door.snapshot().counters;
    assert_eq!((counters.logins, counters.sessions_per_user_limited), (1, 1));
}

#[test]
fn nobody_stays_on_an_address_that_is_his_no_more() {
    let (folder, door) = door(&["anna", "bob:10.77.0.9", "carol:10.77.0.10"], |_| {});
    let client = source("192.0.2.7");
    let seats = ["anna", "bob", "carol"].map(|name| {
        let seat = door.seat(client, Bearer::Sstp, door.half_open(client).unwrap());
        assert!(door.let_in(&seat, name).is_ok());
        seat
    });
    let annas = seats[0].address.get().unwrap();
    std::thread::sleep(Duration::from_millis(1100));
    write_users(folder.path(), &["anna", "bob:10.77.0.8", "carol:10.77.0.10"]);
    std::thread::sleep(Duration::from_millis(100));
    door.refresh();
    let why = || seats.each_ref().map(|seat| seat.why());
    assert_eq!(why(), [None, Some(Why::UserChanged), None]);
    std::thread::sleep(Duration::from_millis(1100));
    write_users(
        folder.path(),
        &["anna", "bob:10.77.0.8", "carol:10.77.0.10", &format!("dave:{annas}")],
    );
    std::thread::sleep(Duration::from_millis(100));
    door.refresh();
    assert_eq!(why(), [Some(Why::UserChanged), Some(Why::UserChanged), None]);
}
