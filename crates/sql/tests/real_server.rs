//! Logins and sessions of a real MariaDB client through the relay to a real MariaDB server.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::{SocketAddr, TcpListener};
use std::process::Output;
use std::rc::Rc;
use std::sync::Arc;

use menshen_config::{Sql, SqlAddress, SqlSpec};
use menshen_sql::accept::{Listening, Stage, Thread};
use menshen_sql::door::Door;

#[path = "../../menshen/tests/support/mariadb.rs"]
#[expect(dead_code, reason = "shared with the program's tests, which use more of it")]
mod mariadb;
#[path = "../../menshen/tests/support/peers.rs"]
#[expect(dead_code, reason = "shared with the program's tests, which use more of it")]
mod peers;

/// What the shared modules expect beside them.
mod live {
    pub(crate) fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
        let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while !holds() {
            assert!(std::time::Instant::now() < until, "waited in vain for {what}");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

use mariadb::{Mariadb, text};

/// A door in front of `upstream` that runs as the system user `own`, until the test ends.
fn door(upstream: SqlAddress, own: &str, proxy_protocol: bool) -> SocketAddr {
    let config = Sql { upstream, upstream_proxy_protocol: proxy_protocol, ..Sql::default() };
    let spec = SqlSpec {
        index: 0,
        generation: 1,
        slot: 0,
        config,
        threads: 1,
        listeners: Vec::new(),
        words_fd: -1,
        control_fd: -1,
        scoreboard_fd: -1,
        posture_fd: None,
        ready_fd: -1,
        become_user: None,
        oom_score_adj: None,
        stop_seconds_max: 1,
        certificate: None,
        upstream_ca_pem: None,
        control_password: None,
    };
    let door = Arc::new(Door::new(&spec, 1024, Some(own.into()), 0).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (_stage, stages) = tokio::sync::watch::channel(Stage::Serving);
        let thread = Rc::new(Thread::new(door, 0));
        let served = thread.serve(vec![Listening::Tcp(listener)], stages, || {});
        tokio::task::LocalSet::new().block_on(&runtime, served)
    });
    address
}

fn ask(server: &Mariadb, at: SocketAddr, account: (&str, &str), statements: &str) -> Output {
    server.client_to(at, account.0, account.1).args(["-e", statements]).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_server_itself_decides_who_gets_in() {
    let Some(server) = Mariadb::start(&[]) else { return };
    server.make_shop("shop", "right");
    server.sql("INSTALL SONAME 'auth_ed25519'");
    server.sql("CREATE USER curve@'%' IDENTIFIED VIA ed25519 USING PASSWORD('point')");
    server.sql("CREATE USER secure@'%' IDENTIFIED BY 'x' REQUIRE SSL");
    for upstream in [SqlAddress::Tcp(server.address), SqlAddress::Unix(server.socket())] {
        let at = door(upstream, "door", false);
        let asked = "SELECT CURRENT_USER(); SELECT name FROM shop.goods WHERE id = 2";
        let ok = ask(&server, at, ("shop", "right"), asked);
        assert_eq!(text(&ok), "shop@%\npear\n", "{}", said(&ok));
        let ok = ask(&server, at, ("curve", "point"), "SELECT CURRENT_USER()");
        assert_eq!(text(&ok), "curve@%\n", "{}", said(&ok));
        for (user, password) in [("shop", "wrong"), ("curve", "wrong"), ("secure", "x")] {
            let refused = ask(&server, at, (user, password), "SELECT 1");
            assert!(said(&refused).contains("ERROR 1045 (28000)"), "{}", said(&refused));
        }
        let lost = ask(&server, at, ("shop", "right"), "USE nowhere");
        assert!(said(&lost).contains("ERROR 1044"), "{}", said(&lost));
    }
}

#[test]
fn nobody_gets_in_as_the_doors_own_user() {
    let Some(server) = Mariadb::start(&[]) else { return };
    let own = if rustix::process::geteuid().is_root() { "root" } else { return };
    server.sql("ALTER USER root@localhost IDENTIFIED VIA unix_socket");
    let at = door(SqlAddress::Unix(server.socket()), own, false);
    let refused = ask(&server, at, (own, ""), "SELECT CURRENT_USER()");
    assert!(said(&refused).contains("ERROR 1045 (28000)"), "{}", said(&refused));
    assert!(said(&refused).contains("menshen: this account"), "{}", said(&refused));
    // That it is the door who refuses: the server would not.
    assert_eq!(server.sql("SELECT CURRENT_USER()"), "root@localhost\n");
}

#[test]
fn the_server_is_told_where_the_client_is() {
    let Some(server) = Mariadb::start(&["--proxy-protocol-networks=localhost"]) else { return };
    server.sql("CREATE USER far@'127.0.0.1' IDENTIFIED BY 'x'");
    let at = door(SqlAddress::Unix(server.socket()), "door", true);
    let ok = ask(&server, at, ("far", "x"), "SELECT CURRENT_USER()");
    assert_eq!(text(&ok), "far@127.0.0.1\n", "{}", said(&ok));
}

#[test]
fn large_results_several_results_and_files_of_the_client_come_through() {
    let Some(server) = Mariadb::start(&["--max-allowed-packet=64M"]) else { return };
    server.make_shop("shop", "right");
    let at = door(SqlAddress::Unix(server.socket()), "door", false);
    let file = server.folder.path().join("goods.txt");
    let rows: String = (10..20_000).map(|id| format!("{id}\tgood {id}\n")).collect();
    std::fs::write(&file, rows).unwrap();
    let statements = format!(
        "LOAD DATA LOCAL INFILE '{}' INTO TABLE shop.goods; SELECT COUNT(*) FROM shop.goods; \
         SELECT LENGTH(REPEAT('x', 20000000)); SELECT REPEAT('y', 17000000)",
        file.display()
    );
    let mut client = server.client_to(at, "shop", "right");
    client.args(["--local-infile=1", "--max-allowed-packet=64M", "-e", &statements]);
    let output = client.output().unwrap();
    let lines = text(&output);
    let mut lines = lines.lines();
    assert_eq!(lines.next(), Some("19993"), "{}", said(&output));
    assert_eq!(lines.next(), Some("20000000"));
    assert!(lines.next().is_some_and(|row| row.len() == 17_000_000));
}
