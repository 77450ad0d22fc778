//! Goals are judged as written, and nothing unanswered is called met.

use super::*;

fn figures(values: &[(&str, f64)]) -> Vec<Figures> {
    let mut figures = Figures::default();
    for (key, value) in values {
        figures.set(key, *value);
    }
    vec![figures]
}

#[test]
fn goals_and_losing_rows_are_rows() {
    let ours = [
        ("page_idle_p99", 1.0),
        ("page_load_p99", 4.0),
        ("crowd_mib", 64.0),
        ("small_mib", 10.0),
        ("large_mib", 12.5),
        ("up_worker_secs", 0.005),
        ("up_written", 1.01),
    ];
    let theirs = [("page_load_p99", 2.0)];
    let all = [(Kind::Swap, figures(&ours)), (Kind::Nginx, figures(&theirs))];
    let rows = rows(&all);
    let met: Vec<(f64, Option<f64>)> = rows.iter().map(|row| (row.ratio, row.goal)).collect();
    assert_eq!(met[..4], [(0.5, Some(1.0)), (2.0, Some(1.0)), (1.0, Some(1.0)), (2.0, Some(1.0))]);
    assert!(met[4].0 > 1.0 && met[4].0 < 1.02, "{met:?}");
    let beside = rows.iter().find(|row| row.against == "nginx 2").unwrap();
    assert_eq!((beside.ratio, beside.goal), (0.5, None));
    assert!(table(&all).contains("| 4 |") || table(&all).contains("- / 4 / -"), "{}", table(&all));
}

#[test]
fn what_was_not_answered_is_an_error_and_named() {
    let all = [
        (Kind::Replay, figures(&[("up_unfinished", 2.0), ("bulk_failed", 1.0)])),
        (Kind::Swap, figures(&[("up_unfinished", 0.0)])),
        (Kind::Caddy, figures(&[("up_unfinished", 900.0)])),
    ];
    assert_eq!(failures(&all), ["menshen replay: 3 errors"]);
    assert!(rows(&all).iter().any(|row| row.errors == 3.0));
}

#[test]
fn percentiles_are_of_what_is_there() {
    let sorted: Vec<f64> = (1..=200_u32).map(f64::from).collect();
    assert_eq!(percentile(&sorted, 50.0), 100.0);
    assert_eq!(percentile(&sorted, 99.0), 198.0);
    assert_eq!(percentile(&sorted, 100.0), 200.0);
    assert!(percentile(&[], 99.0).is_nan());
    assert_eq!(per_gib(2.0, 512.0 * 1024.0 * 1024.0), 4.0);
}
