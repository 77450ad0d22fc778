//! The sql door against what breaks the protocol, is large, slow or too much, and what it says when
//! the server is away.

use crate::support::{live, mariadb, sql_client, sql_shop};

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use live::wait_for;
use mariadb::BINLOG;
use menshen_sys::scoreboard::HeaderWord;
use rustix::process::Signal;
use sql_client::{Client, packet};
use sql_shop::Shop;

const GOODS: &str = "SELECT COUNT(*) FROM goods";

#[test]
fn garbage_and_halves_end_their_own_session_only() {
    let Some(shop) = Shop::open(BINLOG, "handshake_seconds_max = 2") else { return };
    shop.until_it_serves();
    let mut kept = shop.client("any");
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut noise = |bytes: usize| -> Vec<u8> {
        std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .take(bytes)
        .collect()
    };
    for round in 0..60 {
        let mut stream = TcpStream::connect(shop.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut greeting = [0; 16];
        stream.read_exact(&mut greeting).unwrap();
        let sent = match round % 4 {
            0 => noise(round * 40),
            1 => b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
            // A login that announces more than it brings, and one out of order.
            2 => [&[0xff, 0xff, 0x00, 1], &noise(200)[..]].concat(),
            _ => [&[40, 0, 0, 9], &noise(40)[..]].concat(),
        };
        // The door may have gone before all was written.
        let _ = stream.write_all(&sent);
        let _ = stream.shutdown(Shutdown::Write);
        let mut rest = Vec::new();
        let read = stream.read_to_end(&mut rest);
        assert!(read.is_ok() || read.unwrap_err().kind() == ErrorKind::ConnectionReset);
    }
    // Commands too, of sessions that have begun.
    for round in 0..40 {
        let mut client = shop.client("any");
        let body = noise(round * 11);
        let code = u8::try_from(round).unwrap().wrapping_mul(7);
        // Replication and shutdown are the server's to do, and it would do them.
        if matches!(code, 0x01 | 0x08 | 0x12..=0x15 | 0x1e) {
            continue;
        }
        client.raw(&packet(code, &body)).unwrap();
        client.raw(&noise(3)).unwrap();
    }
    // Silence instead of a login is not waited for without end.
    let mut silent = TcpStream::connect(shop.address).unwrap();
    silent.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut all = Vec::new();
    let began = Instant::now();
    let _ = silent.read_to_end(&mut all);
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert_eq!(kept.one(GOODS).unwrap(), "3");
    assert_eq!(shop.live.header(HeaderWord::Crashes), 0);
    shop.until_it_serves();
}

#[test]
fn packets_beyond_16_mib_pass_both_ways_and_slow_readers_hold_up_nobody() {
    let Some(shop) = Shop::open(BINLOG, "") else { return };
    shop.until_it_serves();
    let mut client = shop.client("any");
    client.run(&["CREATE TABLE large (id INT PRIMARY KEY, b LONGBLOB) ENGINE=InnoDB"]);
    for bytes in [0xff_ffff_usize - 40, 20 << 20] {
        let text = "x".repeat(bytes);
        client.run(&[&format!("REPLACE INTO large VALUES (1, '{text}')")]);
        for _ in 0..2 {
            let rows = client.answers("SELECT b, 7 FROM large").unwrap().remove(0).rows;
            // Lengths from 16 MiB on take nine bytes.
            let head = if bytes < 1 << 24 { 4 } else { 9 };
            assert_eq!((rows.len(), rows[0].len()), (1, head + bytes + 2), "lengths and a 7");
            assert!(rows[0].ends_with(b"xxx\x017"));
        }
    }
    // Exactly a full packet needs an empty one behind it.
    let statement = format!("SELECT LENGTH('{}')", "y".repeat(0xff_ffff - 1 - 17));
    assert_eq!(statement.len() + 1, 0xff_ffff);
    assert_eq!(client.one(&statement).unwrap(), (0xff_ffff - 18).to_string());

    let mut slow: Vec<Client> = (0..4).map(|_| shop.client("any")).collect();
    for client in &mut slow {
        client.command(3, b"SELECT b FROM large").unwrap();
    }
    let began = Instant::now();
    for _ in 0..50 {
        assert_eq!(client.one(GOODS).unwrap(), "3");
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    for client in &mut slow {
        assert_eq!(client.read_answers().unwrap()[0].rows[0].len(), 9 + (20 << 20));
    }
}

#[test]
fn one_client_too_many_is_told_so_and_lets_others_be() {
    let Some(shop) = Shop::open(BINLOG, "connections_max = 3") else { return };
    let mut clients: Vec<Client> = (0..3).map(|_| shop.client("any")).collect();
    let refused = Client::tcp(shop.address, "any", "shop").map(|_| ()).unwrap_err();
    assert_eq!((refused.code, &*refused.text), (1040, "Too many connections"));
    assert_eq!(clients[0].one(GOODS).unwrap(), "3");
    clients.pop();
    wait_for("a place", || Client::tcp(shop.address, "any", "shop").is_ok());
}

#[test]
fn what_the_server_says_is_passed_and_its_absence_is_said() {
    let Some(mut shop) = Shop::open(BINLOG, "") else { return };
    let error = |password: &str| {
        let at = |address| {
            let mut command = shop.server.client_to(address, "app", password);
            let output = command.args(["-e", "SELECT 1"]).output().unwrap();
            String::from_utf8_lossy(&output.stderr).into_owned()
        };
        (at(shop.address), at(shop.server.address))
    };
    let (door, straight) = error("guessed");
    assert!(door.contains("ERROR 1045 (28000): Access denied for user 'app'@'"), "{door}");
    assert!(straight.contains("ERROR 1045 (28000): Access denied for user 'app'@'"));
    assert_eq!(door.contains("using password: YES"), straight.contains("using password: YES"));
    let unknown = Client::tcp(shop.address, "any", "no_such_database").map(|_| ()).unwrap_err();
    assert_eq!((unknown.code, &*unknown.text), (1049, "Unknown database 'no_such_database'"));
    shop.server.end(Signal::KILL);
    let away = Client::tcp(shop.address, "any", "shop").map(|_| ()).unwrap_err();
    assert!(away.code >= 1000 && !away.text.is_empty(), "{away:?}");
    shop.server.begin_again();
    wait_for("it again", || Client::tcp(shop.address, "any", "shop").is_ok());
}

#[test]
fn the_socket_has_the_rights_that_were_set() {
    let Some(shop) = Shop::open(BINLOG, "socket_mode = \"0600\"") else { return };
    let mode = std::fs::metadata(&shop.socket).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let mut client = Client::unix(&shop.socket, "any", "shop").unwrap();
    assert_eq!(client.one(GOODS).unwrap(), "3");
}

#[test]
fn the_server_is_told_the_clients_address() {
    let options = [BINLOG, &["--proxy-protocol-networks=*"]].concat();
    let Some(shop) = Shop::open(&options, "upstream_proxy_protocol = true") else { return };
    shop.until_it_serves();
    let mut client = shop.client("any");
    let host = "SELECT host FROM information_schema.processlist WHERE id=CONNECTION_ID()";
    let seen = client.one(host).unwrap();
    assert!(seen.starts_with("127.0.0.1:"), "{seen}");
    assert_eq!(client.one("SELECT USER()").unwrap(), "any@127.0.0.1");
    // Through the socket it is the machine itself.
    let mut local = Client::unix(&shop.socket, "any", "shop").unwrap();
    assert_eq!(local.one("SELECT USER()").unwrap(), "any@localhost");
}
