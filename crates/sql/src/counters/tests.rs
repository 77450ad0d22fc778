//! Sums over threads, and what `FLUSH STATUS` zeroes.

use super::*;

#[test]
fn threads_are_summed_and_wrap_around() {
    let counters = Counters::new(2);
    counters.count(0, Event::Hit);
    counters.add(1, Event::Hit, 4);
    counters.count(7, Event::Hit);
    counters.refused(0, 3);
    counters.refused(1, 3);
    counters.refused(1, 10_000);
    assert_eq!(counters.sum(Event::Hit), 6);
    assert_eq!(counters.sum(Event::HitBytes), 0);
    assert_eq!((counters.refusals(3), counters.refusals(REFUSALS_MAX - 1)), (2, 1));
}

#[test]
fn flush_status_zeroes_what_the_server_zeroes_and_nothing_else() {
    let counters = Counters::new(1);
    let zeroed = [Event::Hit, Event::Insert, Event::NotCached, Event::Prune];
    for event in zeroed.into_iter().chain([Event::Miss]) {
        counters.add(0, event, 5);
    }
    counters.flush_status();
    for event in zeroed {
        assert_eq!((counters.since_flush(event), counters.sum(event)), (0, 5));
    }
    assert_eq!(counters.since_flush(Event::Miss), 5);
    counters.count(0, Event::Insert);
    assert_eq!(counters.since_flush(Event::Insert), 1);
}

#[test]
fn threads_share_no_cache_line() {
    assert!(align_of::<Block>() >= 128);
    assert!(size_of::<Block>().is_multiple_of(128));
}
