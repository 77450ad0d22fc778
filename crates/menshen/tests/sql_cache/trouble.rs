//! Trouble: the server restarts, the door's worker is killed, there is no binlog.

use std::time::{Duration, Instant};

use super::warm;
use crate::support::live::wait_for;
use crate::support::mariadb::BINLOG;
use crate::support::sql_client::Client;
use crate::support::sql_shop::Shop;
use rustix::process::Signal;

const GOODS: &str = "SELECT COUNT(*) FROM goods";

#[test]
fn without_a_binlog_the_setting_decides() {
    let Some(shop) = Shop::open(&["--skip-log-bin"], "") else { return };
    // By default nothing is served, and it is said.
    let mut client = shop.client("any");
    wait_for("the reason", || shop.status().contains("binlog     not followed"));
    let said = shop.status();
    assert!(said.contains("nothing is served from the cache"), "{said}");
    for _ in 0..5 {
        assert_eq!(client.one(GOODS).unwrap(), "3");
    }
    let hits = |shop: &Shop| shop.figure("Qcache_hits").unwrap();
    assert_eq!((hits(&shop), shop.figure("Qcache_inserts").unwrap()), (0, 0));

    shop.reload("without_binlog = \"ttl\"\nttl_ms = 1500");
    let mut client = shop.client("any");
    warm(&shop, &mut client, GOODS);
    // A write beside the door is not seen, for as long as was allowed.
    shop.server.sql("INSERT INTO shop.goods VALUES (4, 'fig')");
    let written = Instant::now();
    assert_eq!(client.one(GOODS).unwrap(), "3", "an entry that is young enough");
    wait_for("the end of its time", || client.one(GOODS).unwrap() == "4");
    assert!(written.elapsed() < Duration::from_secs(2), "{:?}", written.elapsed());
    // One through the door is seen at once.
    warm(&shop, &mut client, GOODS);
    client.run(&["DELETE FROM goods WHERE id=4"]);
    assert_eq!(client.one(GOODS).unwrap(), "3");
    drop(client);

    shop.reload("without_binlog = \"sole-door\"");
    let mut client = shop.client("any");
    warm(&shop, &mut client, GOODS);
    client.run(&["INSERT INTO goods VALUES (5, 'lime')"]);
    assert_eq!(client.one(GOODS).unwrap(), "4");
}

#[test]
fn a_restart_of_the_server_leaves_nothing_old() {
    let Some(mut shop) = Shop::open(BINLOG, "") else { return };
    shop.until_it_serves();
    let mut client = shop.client("any");
    client.run(&["CREATE TABLE fleeting (a INT) ENGINE=MEMORY", "INSERT INTO fleeting VALUES (1)"]);
    let rows = "SELECT COUNT(*) FROM fleeting";
    assert_eq!(warm(&shop, &mut client, rows)[0][0].as_deref(), Some("1"));
    warm(&shop, &mut client, GOODS);
    shop.server.end(Signal::KILL);
    wait_for("the session's end", || client.answers(GOODS).is_err());
    let refused = Client::tcp(shop.address, "any", "shop").map(|_| ()).unwrap_err();
    assert_eq!(refused.code, 2003, "{refused:?}");
    shop.server.begin_again();
    let mut client = shop.client("any");
    // A table in memory is empty after a restart, which no event tells.
    for _ in 0..5 {
        assert_eq!(client.one(rows).unwrap(), "0");
    }
    warm(&shop, &mut client, GOODS);
    shop.server.sql("INSERT INTO shop.goods VALUES (9, 'date')");
    wait_for("a write beside the door", || client.one(GOODS).unwrap() == "4");
}

#[test]
fn a_worker_that_is_killed_in_mid_write_leaves_nothing_old() {
    let Some(shop) = Shop::open(BINLOG, "") else { return };
    shop.until_it_serves();
    for commits in [false, true] {
        let (mut reader, mut writer) = (shop.client("any"), shop.client("any"));
        let before = warm(&shop, &mut reader, GOODS);
        writer.run(&["BEGIN", "INSERT INTO goods (id) VALUES (50)"]);
        if commits {
            // The door dies while the server commits.
            writer.run(&["ROLLBACK"]);
            writer.command(3, b"INSERT INTO goods SELECT 51, SLEEP(1)").unwrap();
            std::thread::sleep(Duration::from_millis(200));
        }
        shop.kill_worker();
        wait_for("the end of sessions", || reader.answers(GOODS).is_err());
        wait_for("the next worker", || Client::tcp(shop.address, "any", "shop").is_ok());
        let mut reader = shop.client("any");
        let until = Instant::now() + Duration::from_secs(2);
        let mut truth = shop.direct();
        let mut last = reader.rows(GOODS).unwrap();
        while Instant::now() < until {
            let at_least = truth.rows(GOODS).unwrap();
            std::thread::sleep(Duration::from_millis(50));
            last = reader.rows(GOODS).unwrap();
            assert!(last >= at_least || last == at_least, "{last:?} after {at_least:?}");
        }
        assert_eq!(warm(&shop, &mut reader, GOODS), last);
        assert_eq!(truth.rows(GOODS).unwrap(), last);
        assert_eq!(last != before, commits, "the server has gone on with its statement");
    }
}
