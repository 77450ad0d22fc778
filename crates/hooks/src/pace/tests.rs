//! Bounds of waits.

use super::*;

#[test]
fn waits_double_up_to_a_bound_and_differ() {
    let ms = |failures, chance| wait(failures, chance).as_millis();
    assert_eq!((ms(0, 0), ms(1, 0), ms(2, 0), ms(3, 0)), (1000, 1000, 2000, 4000));
    assert_eq!((ms(9, 0), ms(10, 0), ms(u32::MAX, 0)), (256_000, 300_000, 300_000));
    assert_eq!(ms(2, 500), 1500);
    assert!(ms(2, 999) > 1000 && ms(2, 999) < 1010);
}
