//! The goal is judged by the median first byte, and the extremes stay visible.

use super::*;

fn times(first: &[f64]) -> Vec<Times> {
    first.iter().map(|&first| Times { connect: first / 2.0, first }).collect()
}

#[test]
fn a_slow_start_misses_the_goal_and_one_outlier_does_not() {
    let measured = [
        (Kind::Fresh, times(&[190.0, 200.0, 210.0])),
        (Kind::Kept, times(&[40.0, 50.0, 900.0])),
        (Kind::Nginx, times(&[25.0, 25.0, 25.0])),
    ];
    let rows = rows(&measured);
    let ratios: Vec<_> = rows.iter().map(|row| (row.ratio, row.goal)).collect();
    assert_eq!(ratios, [(0.5, Some(1.0)), (2.0, Some(1.0)), (0.125, None), (0.5, None)]);
    assert_eq!(
        rows[1].ours,
        "menshen: connect 20.0 / 25.0 / 450.0 ms, first byte 40.0 / 50.0 / 900.0 ms"
    );
}

#[test]
fn without_the_rival_only_the_goal_is_compared() {
    let rows = rows(&[(Kind::Kept, times(&[40.0]))]);
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].against, "goal 100 ms");
}
