//! What reaches the scoreboard.

use menshen_sys::Scoreboard;

use super::*;

#[test]
fn sums_of_all_threads_reach_the_slot_and_gauges_fall_where_they_rose() {
    let tally = Tally::new(2);
    tally.add(0, Counter::SqlCommands, 3);
    tally.add(1, Counter::SqlCommands, 4);
    tally.add(1, Counter::SqlSessions, 2);
    tally.sub(1, Counter::SqlSessions, 1);
    tally.add(0, Counter::Requests, 9);
    let slot = Scoreboard::private().unwrap().slot(0);
    slot.set(Counter::Requests, 5);
    tally.post(&slot);
    let posted = [Counter::SqlCommands, Counter::SqlSessions, Counter::Requests];
    assert_eq!(posted.map(|counter| slot.get(counter)), [7, 1, 5]);
}
