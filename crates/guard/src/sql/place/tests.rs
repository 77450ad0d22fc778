//! Tests of `place`: whose file may be replaced, what stays over a reload, and what goes at the
//! end.

use std::io::ErrorKind;
use std::os::unix::net::UnixListener;

use super::*;

fn mode_of(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn addresses(texts: &[String]) -> Vec<SqlAddress> {
    let one = |text: &String| match text.strip_prefix("unix:") {
        Some(path) => SqlAddress::Unix(path.into()),
        None => SqlAddress::Tcp(text.parse().unwrap()),
    };
    texts.iter().map(one).collect()
}

#[test]
fn a_socket_has_its_permissions_and_goes_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/sql.sock");
    let door = UnixDoor::open(&path, 0o660).unwrap();
    assert_eq!(mode_of(&path), 0o660);
    door.allow(0o600).unwrap();
    assert_eq!(mode_of(&path), 0o600);
    connect(&path).unwrap();
    drop(door);
    assert!(!path.exists());
}

#[test]
fn nobody_gets_in_before_the_permissions_are_set() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sql.sock");
    let _socket = bind(&path).unwrap();
    assert_eq!(mode_of(&path), 0);
}

#[test]
fn only_what_nobody_listens_on_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sql.sock");
    let first = UnixListener::bind(&path).unwrap();
    let text = UnixDoor::open(&path, 0o600).unwrap_err().render();
    assert!(text.contains("another process listens there"), "{text}");
    // A process that is gone leaves its file.
    drop(first);
    assert!(path.exists());
    let door = UnixDoor::open(&path, 0o600).unwrap();
    connect(&path).unwrap();
    // The file is another's now: it stays.
    std::fs::remove_file(&path).unwrap();
    let other = UnixListener::bind(&path).unwrap();
    drop(door);
    assert!(path.exists());
    drop(other);

    let file = folder.path().join("file");
    std::fs::write(&file, "text").unwrap();
    let error = UnixDoor::open(&file, 0o600).unwrap_err();
    assert!(error.render().contains("no socket"), "{}", error.render());
    assert_eq!(error.exit_code(), 111);
    assert_eq!(std::fs::read(&file).unwrap(), b"text");
}

#[test]
fn a_path_longer_than_the_kernel_takes_can_be_listened_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a".repeat(120)).join("sql.sock");
    let door = UnixDoor::open(&path, 0o600).unwrap();
    connect(&path).unwrap();
    drop(door);
    assert_eq!(connect(&path).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_reload_keeps_the_sockets_of_addresses_that_stay() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    let unix = |path: &Path| format!("unix:{}", path.display());
    let first = addresses(&["127.0.0.1:0".into(), unix(&one)]);
    let old = open_doors(&first, 0o600, 2, &[], 0).unwrap();
    assert_eq!(old[0].sockets(2).len(), 2, "one for each thread");
    assert_eq!(old[1].sockets(2).len(), 1, "one for all");
    let second = addresses(&[unix(&two), "127.0.0.1:0".into()]);
    let new = open_doors(&second, 0o600, 3, &old, 2).unwrap();
    assert_eq!(new[1].address(), old[0].address());
    assert_eq!(new[1].sockets(3).len(), 3);
    // All sockets of a group are served, however few threads there are.
    let threads: Vec<Option<u32>> = new[1].sockets(1).iter().map(|(thread, _)| *thread).collect();
    assert_eq!(threads, [Some(0); 3]);
    assert!(one.exists() && two.exists());
    drop(old);
    assert!(!one.exists() && two.exists());
}

#[test]
fn a_port_of_somebody_else_is_refused_by_name() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = SqlAddress::Tcp(taken.local_addr().unwrap());
    let error = open_doors(&[address], 0o600, 1, &[], 0).unwrap_err();
    assert!(error.render().contains("could not bind sql on"), "{}", error.render());
}
