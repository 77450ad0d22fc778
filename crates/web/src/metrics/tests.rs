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

#[test]
fn each_door_tells_its_own_counters() {
    let folder = tempfile::tempdir().unwrap();
    let (board, _file) = Scoreboard::create(&folder.path().join("board")).unwrap();
    for (number, door) in [(0, SlotDoor::Web), (1, SlotDoor::Sql), (2, SlotDoor::Tunnel)] {
        let slot = board.slot(number);
        slot.reset(0, 1, 0);
        slot.set_door(door);
        slot.set(Counter::SqlHits, 7);
        slot.set(Counter::CacheShrinks, 2);
        slot.set(Counter::TunnelLogins, 5);
    }
    let text = text(&board.view());
    let told = |name: &str| -> Vec<&str> {
        let start = format!("menshen_{name}{{");
        text.lines().filter_map(|line| line.strip_prefix(&*start)).collect()
    };
    let (web, sql) = ("worker=\"0\",generation=\"1\",slot=\"0\"}", "generation=\"1\",slot=\"1\"}");
    assert_eq!(told("requests_total"), [format!("door=\"web\",{web} 0")]);
    assert_eq!(told("sql_qcache_hits_total"), [format!("door=\"sql\",worker=\"0\",{sql} 7")]);
    assert_eq!(told("cache_shrinks_total").len(), 2);
    let tunnel = "worker=\"0\",generation=\"1\",slot=\"2\"}";
    assert_eq!(told("tunnel_logins_total"), [format!("door=\"tunnel\",{tunnel} 5")]);
    for counter in ["hits", "inserts", "not_cached", "lowmem_prunes"] {
        assert_eq!(told(&format!("sql_qcache_{counter}_total")).len(), 1, "{counter}");
    }
    for gauge in ["queries_in_cache", "free_memory_bytes", "free_blocks", "total_blocks"] {
        assert_eq!(told(&format!("sql_qcache_{gauge}")).len(), 1, "{gauge}");
    }
}
