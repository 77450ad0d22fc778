//! Sessions through a door whose both peers are played.

use menshen_sql_core::wire::greeting::Greeting;
use menshen_sql_core::wire::login::{First, Login, parse};

use super::*;
use crate::accept::Stage;
use crate::fixture::{Played, SERVER, accept, hear, listen, open, run, say};

const OK: &[u8] = &[0, 0, 0, 2, 0, 0, 0];
const OK_IN_TRANSACTION: &[u8] = &[0, 0, 0, 3, 0, 0, 0];

/// A session that has begun.
async fn session() -> (Played, Link, Link) {
    let (listener, upstream) = listen().await;
    let door = open(upstream, None, |_| {});
    let mut client = door.client().await;
    let mut server = accept(&listener).await;
    let mut greeting = Vec::new();
    Greeting {
        version: b"10.11.19-MariaDB".to_vec(),
        thread_id: 1,
        capabilities: SERVER,
        charset: 45,
        status: Status::AUTOCOMMIT,
        scramble: vec![b'x'; 20],
        plugin: b"mysql_native_password".to_vec(),
    }
    .encode(&mut greeting);
    say(&mut server, 0, &greeting).await;
    hear(&mut client).await.unwrap();
    let mut login = Vec::new();
    Login {
        capabilities: Capabilities::PROTOCOL_41
            | Capabilities::SECURE_CONNECTION
            | Capabilities::DEPRECATE_EOF
            | Capabilities::LOCAL_FILES,
        message_max: 1 << 24,
        charset: 45,
        user: b"anna".to_vec(),
        answer: vec![7; 20],
        database: None,
        plugin: None,
        attributes: None,
        rest: Vec::new(),
    }
    .encode(&mut login);
    say(&mut client, 1, &login).await;
    assert!(matches!(parse(&hear(&mut server).await.unwrap().1), Ok(First::Login(_))));
    say(&mut server, 2, OK).await;
    assert_eq!(hear(&mut client).await.unwrap(), (2, OK.to_vec()));
    (door, client, server)
}

#[test]
fn commands_sent_ahead_are_done_one_after_another() {
    run(async {
        let (_door, mut client, mut server) = session().await;
        for statement in [&b"\x03one"[..], b"\x03two"] {
            say(&mut client, 0, statement).await;
        }
        assert_eq!(hear(&mut server).await.unwrap().1, b"\x03one");
        // Before the first is answered the second does not go out.
        let early = std::time::Duration::from_millis(50);
        assert!(tokio::time::timeout(early, hear(&mut server)).await.is_err());
        say(&mut server, 1, OK).await;
        assert_eq!(hear(&mut server).await.unwrap().1, b"\x03two");
        say(&mut server, 1, b"\xff\x28\x04#42000no").await;
        assert_eq!(hear(&mut client).await.unwrap().1, OK);
        assert_eq!(hear(&mut client).await.unwrap().1, b"\xff\x28\x04#42000no");
    });
}

#[test]
fn a_client_that_ends_its_side_still_gets_its_reply_and_the_server_hears_of_it() {
    run(async {
        let (_door, mut client, mut server) = session().await;
        say(&mut client, 0, b"\x03select sleep(5)").await;
        hear(&mut server).await.unwrap();
        client.finish();
        assert_eq!(hear(&mut server).await, None);
        say(&mut server, 1, OK).await;
        assert_eq!(hear(&mut client).await.unwrap().1, OK);
        assert_eq!(hear(&mut client).await, None);
    });
}

#[test]
fn what_a_server_says_before_it_ends_a_silent_session_is_passed_on() {
    run(async {
        let (_door, mut client, mut server) = session().await;
        say(&mut server, 0, b"\xff\x87\x07#70100Connection was killed").await;
        drop(server);
        assert_eq!(hear(&mut client).await.unwrap().1, b"\xff\x87\x07#70100Connection was killed");
        assert_eq!(hear(&mut client).await, None);
    });
}

#[test]
fn a_file_of_the_client_goes_to_the_server_up_to_its_empty_packet() {
    run(async {
        let (_door, mut client, mut server) = session().await;
        say(&mut client, 0, b"\x03load data local").await;
        hear(&mut server).await.unwrap();
        say(&mut server, 1, b"\xfbgoods.txt").await;
        assert_eq!(hear(&mut client).await.unwrap(), (1, b"\xfbgoods.txt".to_vec()));
        say(&mut client, 2, &[b'g'; 100_000]).await;
        say(&mut client, 3, b"").await;
        say(&mut client, 0, b"\x0e").await;
        assert_eq!(hear(&mut server).await.unwrap(), (2, vec![b'g'; 100_000]));
        assert_eq!(hear(&mut server).await.unwrap(), (3, Vec::new()));
        say(&mut server, 4, OK).await;
        assert_eq!(hear(&mut client).await.unwrap(), (4, OK.to_vec()));
        assert_eq!(hear(&mut server).await.unwrap(), (0, vec![0x0e]));
    });
}

#[test]
fn a_door_that_stops_waits_for_a_transaction_and_then_lets_go() {
    run(async {
        let (door, mut client, mut server) = session().await;
        say(&mut client, 0, b"\x03begin").await;
        hear(&mut server).await.unwrap();
        say(&mut server, 1, OK_IN_TRANSACTION).await;
        hear(&mut client).await.unwrap();
        let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
        door.stage.send_replace(Stage::Stopping(until));
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        say(&mut client, 0, b"\x03commit").await;
        assert_eq!(hear(&mut server).await.unwrap().1, b"\x03commit");
        say(&mut server, 1, OK).await;
        assert_eq!(hear(&mut client).await.unwrap().1, OK);
        assert_eq!(hear(&mut client).await, None);
        door.served.await.unwrap().unwrap();
    });
}
