//! A door of one thread: who is let in, and how it ends.

use menshen_sql_core::wire::Capabilities;
use menshen_sql_core::wire::greeting::Greeting;

use super::*;
use crate::fixture::{accept, hear, listen, open, run};

#[test]
fn one_client_too_many_is_told_so_in_the_servers_words() {
    run(async {
        let (listener, upstream) = listen().await;
        let door = open(upstream, None, |config| config.connections_max = 1);
        let first = door.client().await;
        let server = accept(&listener).await;
        let mut second = door.client().await;
        assert_eq!(
            hear(&mut second).await,
            Some((0, b"\xff\x10\x04Too many connections".to_vec()))
        );
        assert_eq!(hear(&mut second).await, None);
        assert_eq!(door.door.tally.sum(Counter::LimitSqlConnections), 1);
        drop((first, server));
        while door.door.open() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let _third = door.client().await;
        accept(&listener).await;
    });
}

#[test]
fn a_client_that_trickles_its_login_is_let_go_and_its_server_link_too() {
    run(async {
        let (listener, upstream) = listen().await;
        let door = open(upstream, None, |config| config.handshake_seconds_max = 1);
        let mut client = door.client().await;
        let mut server = accept(&listener).await;
        let mut greeting = Vec::new();
        let capabilities = Capabilities::PROTOCOL_41 | Capabilities::SECURE_CONNECTION;
        let (version, scramble, plugin) = (b"5.7".to_vec(), vec![b'x'; 20], Vec::new());
        let (thread_id, charset, status) = (1, 8, menshen_sql_core::wire::Status::AUTOCOMMIT);
        Greeting { version, thread_id, capabilities, charset, status, scramble, plugin }
            .encode(&mut greeting);
        crate::fixture::say(&mut server, 0, &greeting).await;
        hear(&mut client).await.unwrap();
        client.send(&[40, 0, 0, 1, 0]).await.unwrap();
        assert_eq!(hear(&mut client).await, None);
        assert_eq!(hear(&mut server).await, None);
        assert_eq!(door.door.tally.sum(Counter::LimitSqlHandshake), 1);
    });
}

#[test]
fn a_thread_that_stops_takes_no_more_clients_and_ends() {
    run(async {
        let (_listener, upstream) = listen().await;
        let door = open(upstream, None, |_| {});
        drop(door.client().await);
        door.stage.send_replace(Stage::Stopping(Instant::now() + Duration::from_secs(30)));
        door.served.await.unwrap().unwrap();
    });
}
