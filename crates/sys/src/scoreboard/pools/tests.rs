//! Tests of the pools' words: who counts, and that fields and places keep apart.

use super::*;

fn board() -> (tempfile::TempDir, Scoreboard) {
    let folder = tempfile::tempdir().unwrap();
    let (board, _file) = Scoreboard::create(&folder.path().join("scoreboard")).unwrap();
    (folder, board)
}

fn load(in_flight: u16, deliveries: u16, pages: u16, waiting: u16) -> PoolLoad {
    PoolLoad { in_flight, deliveries, waiting_pages: pages, waiting_deliveries: waiting }
}

#[test]
fn only_living_workers_count() {
    let (_folder, board) = board();
    let view = board.view();
    for number in [0, 5, SLOTS_MAX - 1] {
        let slot = board.slot(number);
        slot.set_pool_load(3, load(2, 1, 7, 9));
        slot.count_admitted(3);
        assert_eq!(view.pool_load(3), PoolLoad::default(), "a free slot counts");
        for state in [SlotState::Starting, SlotState::Ready, SlotState::Draining] {
            slot.set_state(state);
            assert_eq!(view.pool_load(3), load(2, 1, 7, 9), "{number} {state:?}");
            assert_eq!(view.pool_admitted(3), 1);
        }
        slot.set_state(SlotState::Ended);
        assert_eq!(view.pool_load(3), PoolLoad::default(), "a dead worker counts");
        assert_eq!(slot.pool_load(3), load(2, 1, 7, 9));
        slot.reset(0, 1, 0);
        assert_eq!(slot.pool_load(3), PoolLoad::default());
        assert_eq!(view.pool_admitted(3), 0);
        slot.set_state(SlotState::Free);
    }
}

#[test]
fn places_and_slots_do_not_touch() {
    let (_folder, board) = board();
    for number in 0..SLOTS_MAX {
        board.slot(number).reset(0, 1, 0);
    }
    for place in 0..POOLS_MAX {
        for number in 0..SLOTS_MAX {
            let seed = u16::try_from(place * SLOTS_MAX + number).unwrap();
            board.slot(number).set_pool_load(place, load(seed, seed + 1, seed + 2, seed + 3));
        }
        board.set_pool(place, &format!("unix:/{place}"), 4);
    }
    board.slot(0).transfer_begin(0, super::super::TransferKind::Upload, 1, None, b"/x");
    for place in 0..POOLS_MAX {
        for number in 0..SLOTS_MAX {
            let seed = u16::try_from(place * SLOTS_MAX + number).unwrap();
            let expected = load(seed, seed + 1, seed + 2, seed + 3);
            assert_eq!(board.view().slot(number).pool_load(place), expected);
        }
    }
    board.slot(2).reset(0, 2, 0);
    assert_ne!(board.slot(1).pool_load(0), PoolLoad::default());
    assert_ne!(board.slot(3).pool_load(0), PoolLoad::default());
    assert_eq!(board.view().pools().len(), POOLS_MAX);
}

#[test]
fn sums_saturate() {
    let most = load(u16::MAX, 1, u16::MAX, 0);
    assert_eq!(most.plus(most), load(u16::MAX, 2, u16::MAX, 0));
    assert_eq!(load(1, 0, 0, 0).minus(most), PoolLoad::default());
    assert_eq!(load(0, 0, 3, 4).waiting(), 7);
    assert_eq!(PoolLoad::of(load(1, 2, 3, 4).word()), load(1, 2, 3, 4));
}

#[test]
fn pools_have_names_and_limits() {
    let (_folder, board) = board();
    assert!(board.view().pools().is_empty());
    board.set_pool(2, "unix:/run/php/php8.2-fpm.sock", 5);
    board.set_pool_strangers(2, 1);
    board.set_text(&"t".repeat(2000));
    let pools = board.view().pools();
    let pool = &pools[0];
    assert_eq!((pools.len(), pool.place, pool.limit, pool.strangers), (1, 2, 5, 1));
    assert_eq!(pool.name, "unix:/run/php/php8.2-fpm.sock");
    // A reload that keeps it keeps them.
    board.set_pool(2, "unix:/run/php/php8.2-fpm.sock", 7);
    assert_eq!((board.view().pool_strangers(2), board.view().pool_limit(2)), (1, 7));
    // Cut between characters, and never into the neighbour.
    board.set_pool(2, &"文".repeat(500), 5);
    let pools = board.view().pools();
    assert_eq!(pools.len(), 1);
    assert_eq!(pools[0].name, "文".repeat(NAME_BYTES / 3));
    board.set_pool(2, "", 0);
    assert!(board.view().pools().is_empty());
    assert_eq!(board.view().pool_strangers(2), 0);
}
