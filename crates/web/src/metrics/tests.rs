//! Tests of what `/metrics` says, on a scoreboard written here.

use menshen_sys::{PoolLoad, Scoreboard};

use super::*;

#[test]
fn pools_are_told_with_their_address() {
    let folder = tempfile::tempdir().unwrap();
    let (board, _file) = Scoreboard::create(&folder.path().join("board")).unwrap();
    assert!(!text(&board.view()).contains("php_pool"));
    board.set_pool(1, "unix:/run/a\"b\\c.sock", 5);
    board.set_pool(2, "127.0.0.1:9000", 3);
    board.set_pool_strangers(1, 2);
    for number in [0, 9] {
        let slot = board.slot(number);
        slot.reset(0, 1, 0);
        let load =
            PoolLoad { in_flight: 2, deliveries: 1, waiting_pages: 3, waiting_deliveries: 4 };
        slot.set_pool_load(1, load);
    }
    let text = text(&board.view());
    let pool = "{pool=\"unix:/run/a\\\"b\\\\c.sock\"}";
    for line in [
        &format!("menshen_php_pool_workers{pool} 5"),
        &format!("menshen_php_pool_requests{pool} 4"),
        &format!("menshen_php_pool_deliveries{pool} 2"),
        &format!("menshen_php_pool_waiting{pool} 14"),
        &format!("menshen_php_pool_strangers{pool} 2"),
        "menshen_php_pool_requests{pool=\"127.0.0.1:9000\"} 0",
        "# TYPE menshen_php_pool_waiting gauge",
    ] {
        assert!(text.lines().any(|other| other == line), "{line}\n{text}");
    }
    // A type stands once for each name.
    assert_eq!(text.matches("# TYPE menshen_php_pool_workers gauge").count(), 1);
}
