//! Tests of the count of places: workers that race for the last one, here threads.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Barrier};

use menshen_sys::SlotState;

use super::*;

#[test]
fn the_last_place_is_never_given_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (board, _file) = Scoreboard::create(&folder.path().join("board")).unwrap();
    board.set_pool(0, "unix:/pool", 2);
    let start = Arc::new(Barrier::new(THREADS));
    // Of pages there may be two, of deliveries one.
    let inside = Arc::new([AtomicU32::new(0), AtomicU32::new(0)]);
    let threads = (0..THREADS).map(|number| {
        let (start, inside) = (Arc::clone(&start), Arc::clone(&inside));
        std::thread::spawn(move || {
            let slot = board.slot(number);
            slot.reset(0, 1, 0);
            slot.set_state(SlotState::Ready);
            let places = Places::new(board, slot, 0, 9);
            start.wait();
            let mut taken = 0;
            for round in 0..ROUNDS {
                let class = if round % 3 == 0 { Class::Delivery } else { Class::Page };
                if !places.take(class) {
                    continue;
                }
                taken += 1;
                let delivery = u32::from(class == Class::Delivery);
                let all = inside[0].fetch_add(1, SeqCst) + 1;
                let deliveries = inside[1].fetch_add(delivery, SeqCst) + delivery;
                assert!(all <= 2 && deliveries <= 1, "{all} of 2, {deliveries} deliveries");
                // Long enough that two inside meet.
                for _ in 0..round % 64 {
                    std::hint::spin_loop();
                }
                inside[0].fetch_sub(1, SeqCst);
                inside[1].fetch_sub(delivery, SeqCst);
                places.give(class);
            }
            taken
        })
    });
    let threads: Vec<_> = threads.collect();
    let taken: Vec<u32> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(taken.iter().all(|&count| count > 0), "{taken:?}");
    assert_eq!(board.view().pool_load(0), PoolLoad::default());
}

const THREADS: usize = 3;
const ROUNDS: u32 = 60_000;
