//! Tests of what status shows, on a scoreboard written here.

use menshen_sys::Scoreboard;

use super::*;

#[test]
fn names_cannot_steer_the_terminal() {
    let table: [(&[u8], &str); 6] = [
        ("/文件/a b".as_bytes(), "/文件/a b"),
        (b"/a\x1b[31m\n", "/a\\x1b[31m\\x0a"),
        (b"/\xff\xfe", "/\\xff\\xfe"),
        ("/\u{202e}gpj.exe".as_bytes(), "/\\xe2\\x80\\xaegpj.exe"),
        ("/\u{85}".as_bytes(), "/\\xc2\\x85"),
        (b"", ""),
    ];
    for (bytes, text) in table {
        assert_eq!(escape_bytes(bytes), text);
    }
    assert_eq!(escape_text("a\nb\x1b"), "a\nb\\x1b");
}

#[test]
fn figures_have_three_digits_and_a_unit() {
    let table = [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "0.9 KiB"),
        (1536, "1.5 KiB"),
        (10 << 20, "10 MiB"),
        (1 << 30, "1.0 GiB"),
        (u64::MAX, "15 EiB"),
    ];
    for (count, text) in table {
        assert_eq!(bytes(count), text);
    }
    let table = [(59, "59 s"), (61, "1 min"), (3_720, "1 h 2 min"), (90_000, "1 d 1 h")];
    for (seconds, text) in table {
        assert_eq!(age(seconds), text);
    }
}

#[test]
fn living_workers_transfers_and_limits_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scoreboard");
    let (board, _file) = Scoreboard::create(&path).unwrap();
    board.set_header(HeaderWord::Crashes, 1);
    let dead = board.slot(0);
    dead.reset(0, 1, unix_millis());
    dead.add(Counter::LimitIdle, 2);
    dead.set_state(SlotState::Ended);
    let alive = board.slot(1);
    alive.reset(0, 2, unix_millis() - 5000);
    alive.set_pid(4711);
    alive.add(Counter::LimitIdle, 3);
    alive.set_state(SlotState::Ready);
    alive.transfer_begin(3, TransferKind::Upload, unix_millis() - 2000, Some(4000), b"/x\n");
    alive.transfer_moved(3, 2000);
    let status = read(board.view(), 99, folder.path());
    assert_eq!((status.guard_pid, status.crashes, status.workers.len()), (99, 1, 1));
    assert_eq!((status.workers[0].pid, status.workers[0].age_seconds), (4711, 5));
    assert_eq!(status.limits_hit.len(), 1);
    assert_eq!(
        (status.limits_hit[0].name, status.limits_hit[0].count),
        (Counter::LimitIdle.name(), 5)
    );
    let transfer = &status.transfers[0];
    assert_eq!((transfer.path.as_str(), transfer.current_bytes_per_second), ("/x\\x0a", 0));
    assert!((800..=1000).contains(&transfer.average_bytes_per_second), "{transfer:?}");
    let text = render::text(&status);
    assert!(text.contains("1.9 KiB / 3.9 KiB  50 %"), "{text}");
    assert!(text.contains("limit_idle_seconds_total"), "{text}");
}

#[test]
fn pools_and_deliveries_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    let (board, _file) = Scoreboard::create(&folder.path().join("scoreboard")).unwrap();
    let without = render::text(&read(board.view(), 1, folder.path()));
    assert!(!without.contains("php") && !without.contains("PHP"), "{without}");
    board.set_pool(0, "unix:/run/php/php8.2-fpm.sock", 4);
    board.set_pool_strangers(0, 1);
    board.set_pool(5, "127.0.0.1:9000\x1b[31m", 2);
    let slots = [board.slot(0), board.slot(1), board.slot(2)];
    for slot in slots {
        slot.reset(0, 1, unix_millis());
        slot.set_state(SlotState::Ready);
        let load = menshen_sys::PoolLoad {
            in_flight: 1,
            deliveries: 1,
            waiting_pages: 2,
            waiting_deliveries: 1,
        };
        slot.set_pool_load(0, load);
        slot.add(Counter::PhpSwap, 1000);
        slot.add(Counter::PhpSwapMicros, 840_000);
        slot.add(Counter::PhpQueueMicros, 500_000);
    }
    // Ended: its deliveries happened, its requests are gone.
    slots[2].set_state(SlotState::Ended);
    slots[2].add(Counter::PhpReplay, 1);
    slots[2].add(Counter::PhpReplayMicros, 2_500_000);
    let status = read(board.view(), 1, folder.path());
    let text = render::text(&status);
    let expected = "\nphp        unix:/run/php/php8.2-fpm.sock  busy 3 of 4 (1 other)  queued 6\n\
                    php        127.0.0.1:9000\\x1b[31m  busy 0 of 2  queued 0\n           \
                    waited for PHP in all: 1.5 s\n\n\
                    delivery       count      average     PHP time\n\
                    swap            3000      0.84 ms        2.5 s\n\
                    replay             1        2.5 s        2.5 s\n";
    assert!(text.contains(expected), "{text}\n{expected}");
    let json = serde_json::to_value(&status).unwrap();
    let pool = &json["php_pools"][0];
    assert_eq!(
        (&pool["busy"], &pool["busy_others"], &pool["queued"], &pool["queued_deliveries"]),
        (&3.into(), &1.into(), &6.into(), &2.into())
    );
    assert_eq!(json["deliveries"][0]["kind"], "swap");
    assert_eq!(json["php_queue_seconds"], 1.5);
}

#[test]
fn the_sql_door_is_not_asked_about_the_shelf() {
    let folder = tempfile::tempdir().unwrap();
    let (board, _file) = Scoreboard::create(&folder.path().join("scoreboard")).unwrap();
    board.set_header(HeaderWord::ShelfVersion, 2);
    for (number, door) in [(0, SlotDoor::Web), (1, SlotDoor::Sql)] {
        let slot = board.slot(number);
        slot.reset(0, 1, unix_millis());
        slot.set_door(door);
        slot.set_state(SlotState::Ready);
    }
    board.slot(0).set(Counter::ShelfVersion, 2);
    let text = || render::text(&read(board.view(), 1, folder.path()));
    assert!(!text().contains("not yet in all workers"), "{}", text());
    board.slot(0).set(Counter::ShelfVersion, 1);
    assert!(text().contains("serves version 1"), "{}", text());
}
