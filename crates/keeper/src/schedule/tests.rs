//! Tests of the plan.

use proptest::prelude::*;

use super::*;

const DAY: i64 = 86_400;

fn life(length: i64) -> Life {
    Life { not_before: 1_000_000, not_after: 1_000_000 + length }
}

#[test]
fn two_thirds_of_any_life() {
    for length in [60, 6 * DAY, 47 * DAY, 90 * DAY] {
        let latest = renewal(life(length), None, Share(0));
        let earliest = renewal(life(length), None, Share(u32::MAX));
        assert_eq!(latest, 1_000_000 + length * 2 / 3, "{length}");
        assert!((latest - length / 30..latest + 1).contains(&earliest), "{length}");
    }
}

#[test]
fn the_window_is_followed_but_not_beyond_five_sixths() {
    let life = life(90 * DAY);
    let at = |days: i64| 1_000_000 + days * DAY;
    assert_eq!(renewal(life, Some((at(10), at(12))), Share(1 << 31)), at(11));
    assert_eq!(renewal(life, Some((at(65), at(65))), Share(9)), at(65));
    assert_eq!(renewal(life, Some((at(80), at(89))), Share(0)), at(75));
    // A window that ends before it begins says nothing.
    assert_eq!(renewal(life, Some((at(12), at(10))), Share(0)), at(60));
}

#[test]
fn waits_double_up_to_a_day() {
    let wait = |failures| retry(0, failures, None, Share(1 << 31));
    assert_eq!(
        [1, 2, 3, 11, 12, 99, u32::MAX].map(wait),
        [60, 120, 240, 61_440, 86_400, 86_400, 86_400]
    );
    assert_eq!(retry(0, 1, None, Share(0)), 45);
    assert_eq!(retry(0, 1, None, Share(u32::MAX)), 74);
}

#[test]
fn a_certificate_near_its_end_is_tried_for_more_often() {
    let short = Life { not_before: 0, not_after: 60 };
    assert_eq!(retry(40, 1, Some(short), Share(0)), 42);
    assert_eq!(retry(58, 30, Some(short), Share(0)), 59);
    let six_days = Life { not_before: 0, not_after: 6 * DAY };
    assert_eq!(retry(4 * DAY, 30, Some(six_days), Share(0)), 4 * DAY + DAY / 5);
    // Near its end the wait of the first failure is the shortest, whatever is left.
    assert_eq!(retry(6 * DAY - 30, 30, Some(six_days), Share(0)), 6 * DAY + 30);
    // Once it is over there is nothing left to hurry for.
    assert_eq!(retry(7 * DAY, 30, Some(six_days), Share(1 << 31)), 8 * DAY);
}

#[test]
fn early_renewals_in_a_row_are_slowed() {
    let life = life(90 * DAY);
    let got = life.not_before + 5;
    assert_eq!(paced(got - 100, got, life, 0, Share(0)), got - 100);
    assert_eq!(paced(got - 100, got, life, 1, Share(1 << 31)), got + 60);
    assert_eq!(paced(got - 100, got, life, 3, Share(1 << 31)), got + 240);
    let late = got + 60 * DAY;
    assert_eq!(paced(late, got, life, 9, Share(0)), late);
}

#[test]
fn certificates_without_life_are_not_ordered_without_pause() {
    for length in [0, 1, 2, 14] {
        let life = life(length);
        let got = life.not_before;
        assert!(is_early(got + 4, got, life), "{length}");
        assert!(paced(got, got, life, 1, Share(1 << 31)) >= got + 60, "{length}");
    }
}

#[test]
fn a_restart_shortens_the_wait_but_not_what_the_authority_asked_for() {
    let past = Past { failures: 9, tried: Some(1000), next: Some(50_000), limited: false };
    assert_eq!(first(1100, 0, past), 1000 + RESTART_SECONDS);
    assert_eq!(first(1100, 0, Past { limited: true, ..past }), 50_000);
    assert_eq!(first(1100, 0, Past { next: Some(1200), ..past }), 1200);
    assert_eq!(first(1100, 7000, past), 7000);
    assert_eq!(first(1100, 7, Past { failures: 0, ..past }), 7);
    let wrong = Past { next: Some(i64::MAX), limited: true, ..past };
    assert_eq!(first(1100, 0, wrong), 1100 + EMBARGO_SECONDS_MAX);
}

#[test]
fn advice_about_the_window_is_bounded() {
    assert_eq!(
        [0, 60, 21_600, u64::MAX].map(|advice| next_window(0, advice)),
        [60, 60, 21_600, DAY]
    );
}

proptest! {
    #[test]
    fn nothing_overflows_and_retries_lie_ahead(
        now in any::<i64>(), failures in any::<u32>(), begin in any::<i64>(), end in any::<i64>(),
        share in any::<u32>(), window in any::<Option<(i64, i64)>>(), got in any::<i64>(),
    ) {
        let life = Life { not_before: begin, not_after: end };
        let again = retry(now, failures, Some(life), Share(share));
        prop_assert!(again > now || now == i64::MAX);
        prop_assert!(again.saturating_sub(now) <= RETRY_SECONDS_MAX * 5 / 4);
        let due = renewal(life, window, Share(share));
        prop_assert!(paced(due, got, life, failures, Share(share)) >= due);
        let past = Past { failures, tried: Some(got), next: Some(end), limited: false };
        prop_assert!(first(now, due, past) >= due);
    }

    #[test]
    fn renewal_lies_within_life_and_before_its_last_sixth(
        begin in 0_i64..4_000_000_000, length in 60_i64..400 * DAY, share in any::<u32>(),
    ) {
        let life = Life { not_before: begin, not_after: begin + length };
        let due = renewal(life, None, Share(share));
        prop_assert!(due >= begin + length * 3 / 5 - 2 && due <= begin + length * 2 / 3);
    }
}
