//! Tests of the doors on loopback: sharing, steering, refusals, what a reload keeps.

use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::rc::Rc;

use socket2::{Domain, Socket, Type};

use super::*;

fn config(listen: &[&str]) -> Config {
    let mut config = Config::default();
    config.web.listen = listen.iter().map(|address| address.parse().unwrap()).collect();
    config.admin.listen = None;
    config
}

fn doors(config: &Config, workers: u32, current: &[Door], serving: u32) -> Vec<Door> {
    open_doors(config, workers, current, serving).unwrap().0
}

/// Connects and tells which socket number got it.
fn landed(door: &Door) -> usize {
    let stream = TcpStream::connect(door.bound).unwrap();
    let from = stream.local_addr().unwrap();
    let got = |socket: &Rc<OwnedFd>| {
        let accepted = socket2::SockRef::from(&**socket).accept();
        accepted.is_ok_and(|(_, peer)| peer.as_socket() == Some(from))
    };
    door.sockets.iter().position(got).unwrap()
}

fn spread(door: &Door) -> Vec<usize> {
    let mut counts = vec![0; door.made()];
    (0..100).for_each(|_| counts[landed(door)] += 1);
    counts
}

#[test]
fn port_zero_is_one_port_for_all_sockets_and_both_families() {
    let (doors, findings) = open_doors(&config(&["127.0.0.1:0", "[::1]:0"]), 3, &[], 0).unwrap();
    if TcpListener::bind("[::1]:0").is_err() {
        assert_eq!((doors.len(), findings[0].code), (1, "ipv6-unavailable"));
        return;
    }
    assert_eq!((doors.len(), findings.len()), (2, 0));
    assert_ne!(doors[0].bound.port(), 0);
    assert_eq!(doors[0].bound.port(), doors[1].bound.port());
    assert_eq!((doors[0].made(), doors[1].made()), (3, 3));
    assert!(spread(&doors[0]).iter().all(|&count| count > 0));
}

#[test]
fn a_port_somebody_listens_on_is_refused_by_name_even_in_a_group() {
    let foreign = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    foreign.set_reuse_port(true).unwrap();
    foreign.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    foreign.listen(1).unwrap();
    let address = foreign.local_addr().unwrap().as_socket().unwrap();
    let error = open_doors(&config(&[&address.to_string()]), 2, &[], 0).unwrap_err();
    let text = error.render();
    assert!(text.contains(&format!("could not bind web on \"{address}\"")), "{text}");
    assert!(text.contains(&format!("held by process {}", std::process::id())), "{text}");
    assert_eq!(error.exit_code(), 111);
}

#[test]
fn a_reload_keeps_sockets_and_opens_or_closes_only_what_changed() {
    let first = doors(&config(&["127.0.0.1:0"]), 2, &[], 0);
    let mut wanted = config(&["127.0.0.1:0"]);
    wanted.web.plain_listen = vec!["127.0.0.1:0".parse().unwrap()];
    let second = doors(&wanted, 2, &first, 2);
    assert!(Rc::ptr_eq(&first[0].sockets[0], &second[0].sockets[0]));
    assert_eq!(second[0].bound, first[0].bound);
    assert_eq!(second[1].role, ListenerRole::Plain);
    assert_ne!(second[1].bound, first[0].bound);
    let plain = second[1].bound;
    drop(second);
    assert!(TcpStream::connect(plain).is_err(), "its sockets are gone with the door");
    assert!(TcpStream::connect(first[0].bound).is_ok());
}

#[test]
fn growing_and_shrinking_never_leaves_a_socket_without_worker() {
    let two = doors(&config(&["127.0.0.1:0"]), 2, &[], 0);
    let four = doors(&config(&["127.0.0.1:0"]), 4, &two, 2);
    let counts = spread(&four[0]);
    assert_eq!(counts[2..], [0, 0], "nobody accepts on the new ones yet");
    four[0].steer(4).unwrap();
    assert!(spread(&four[0]).iter().all(|&count| count > 0));
    let three = doors(&config(&["127.0.0.1:0"]), 3, &four, 4);
    three[0].steer(3).unwrap();
    let counts = spread(&three[0]);
    assert_eq!(counts[3], 0, "{counts:?}");
    assert!(counts[..3].iter().all(|&count| count > 0), "{counts:?}");
    let held: usize = (0..3).map(|index| three[0].sockets_of(index, 3).count()).sum();
    assert_eq!(held, 4, "the retired socket's queue still has a worker");
    assert_eq!(three[0].sockets_of(0, 3).count(), 2);
}

#[test]
fn the_default_admin_address_may_be_taken_an_explicit_one_may_not() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = config(&["127.0.0.1:0"]);
    config.admin.listen = Some(other.local_addr().unwrap());
    let (doors, findings) = open_doors(&config, 1, &[], 0).unwrap();
    assert_eq!((doors.len(), findings.len()), (1, 1));
    assert_eq!(findings[0].code, "admin-unavailable");
    config.admin.explicit = true;
    let error = open_doors(&config, 1, &[], 0).unwrap_err();
    assert!(error.to_string().starts_with("could not bind admin"), "{error}");
}

#[test]
fn an_address_of_no_interface_says_so() {
    let error = open_doors(&config(&["192.0.2.1:0"]), 1, &[], 0).unwrap_err();
    assert!(error.render().contains("no interface has the address 192.0.2.1"), "{error}");
    let error = open_doors(&config(&[]), 1, &[], 0).unwrap_err();
    assert!(matches!(error, GuardError::ConfigNoAddress { .. }));
}

#[test]
fn a_port_below_1024_without_the_right_is_a_message_in_three_parts() {
    let source = io::Error::from(Errno::ACCESS);
    let error = bind_error("web", "0.0.0.0:443".parse().unwrap(), source);
    let uid = rustix::process::geteuid().as_raw();
    let text = format!(
        "menshen: could not bind web on \"0.0.0.0:443\": permission denied\n  detail: uid {uid} \
         lacks CAP_NET_BIND_SERVICE; ports below 1024 need it\n  hint: start as root (rights are \
         dropped after binding), or listen on a port above 1023"
    );
    assert_eq!(error.render(), text);
    assert_eq!(error.exit_code(), 100);
}
