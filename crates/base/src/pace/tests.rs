//! Healthy slow peers are kept, stalled and dripping ones are found in time.

use super::*;

const LIMITS: PaceLimits =
    PaceLimits { stall_ms: 15_000, rate_min_bytes_per_s: 1000, grace_ms: 10_000 };

/// Sweeps every second for `seconds`; `bytes` says what moves in each; when a breach is found.
fn run(start: u64, seconds: u64, bytes: impl Fn(u64) -> u64) -> Option<(u64, PaceBreach)> {
    let mut pace = Pace::new(start, &LIMITS);
    (1..=seconds).find_map(|second| {
        pace.moved(bytes(second));
        pace.judge(start + second * 1000, &LIMITS).map(|breach| (second, breach))
    })
}

#[test]
fn a_steady_peer_just_above_the_rate_is_never_cut() {
    assert_eq!(run(5, 100_000, |_| 1000), None);
}

#[test]
fn a_bursty_peer_above_the_rate_on_average_is_never_cut() {
    assert_eq!(run(0, 100_000, |second| if second % 10 == 0 { 10_000 } else { 0 }), None);
}

#[test]
fn a_silent_peer_stalls_just_after_the_limit() {
    assert_eq!(run(7, 1000, |_| 0), Some((16, PaceBreach::Stall)));
    let found = run(7, 1000, |second| if second < 100 { 9999 } else { 0 });
    assert_eq!(found, Some((115, PaceBreach::Stall)));
}

#[test]
fn a_drip_resets_the_stall_but_breaks_the_rate() {
    let found = run(0, 1000, |second| u64::from(second % 10 == 0));
    assert_eq!(found, Some((30, PaceBreach::Rate)), "grace and one window");
}

#[test]
fn what_moves_in_the_grace_period_does_not_shine_on_later() {
    let found = run(0, 1000, |second| if second <= 9 { 1 << 40 } else { 1 });
    assert_eq!(found, Some((30, PaceBreach::Rate)));
}

#[test]
fn a_burst_hides_a_drip_for_no_longer_than_a_window() {
    let found = run(
        0,
        1000,
        |second| if second == 45 { 1 << 40 } else { 999 + u64::from(second < 45) * 9 },
    );
    assert_eq!(found, Some((70, PaceBreach::Rate)), "the half window of the burst ends at 50");
}

#[test]
fn rules_can_be_switched_off() {
    let limits = PaceLimits { stall_ms: 0, rate_min_bytes_per_s: 0, grace_ms: 0 };
    let mut pace = Pace::new(0, &limits);
    assert!((1..100_000).all(|second| pace.judge(second * 1000, &limits).is_none()));
}

#[test]
fn the_turn_of_the_clock_bits_changes_nothing() {
    let turn = 1 << 32;
    for start in [turn - 5_000, turn - 15_000, turn - 35_000, 7 * turn - 1] {
        assert_eq!(run(start, 1000, |_| 1000), None);
        assert_eq!(run(start, 1000, |_| 900), Some((30, PaceBreach::Rate)));
        assert_eq!(run(start, 1000, |_| 0), run(0, 1000, |_| 0));
    }
}

#[test]
fn extremes_do_not_overflow() {
    let limits =
        PaceLimits { stall_ms: u32::MAX, rate_min_bytes_per_s: u32::MAX, grace_ms: u32::MAX };
    let mut pace = Pace::new(u64::MAX, &limits);
    pace.moved(u64::MAX);
    pace.moved(u64::MAX);
    assert_eq!(pace.judge(u64::MAX, &limits), None);
    let mut fast = Pace::new(0, &LIMITS);
    for second in 1..100 {
        fast.moved(u64::MAX);
        assert_eq!(fast.judge(second * 1000, &LIMITS), None);
    }
}

#[test]
fn waiting_for_us_counts_for_nothing_and_renews_no_grace() {
    // A minute of ours after each second of theirs: judged as if there had been none.
    let (mut pace, mut now) = (Pace::new(3, &LIMITS), 3);
    let found = (1..=1000).find_map(|second| {
        pace.moved(u64::from(second % 10 == 0));
        now += 1000;
        let breach = pace.judge(now, &LIMITS);
        pace.waited(60_000);
        now += 60_000;
        breach.map(|breach| (second, breach))
    });
    assert_eq!(found, Some((30, PaceBreach::Rate)), "as a drip without a wait");
    let (mut pace, mut now) = (Pace::new(3, &LIMITS), 3);
    let found = (1..=1000).find_map(|second| {
        now += 1000;
        let breach = pace.judge(now, &LIMITS);
        pace.waited(14_000);
        now += 14_000;
        breach.map(|breach| (second, breach))
    });
    assert_eq!(found, Some((16, PaceBreach::Stall)), "as silence without a wait");
    let (mut pace, mut now) = (Pace::new(3, &LIMITS), 3);
    for _ in 0..1000 {
        pace.moved(1000);
        now += 1000;
        assert_eq!(pace.judge(now, &LIMITS), None, "a healthy peer");
        pace.waited(600_000);
        now += 600_000;
    }
}
