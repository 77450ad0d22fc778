//! What is read of others' words, and which rows come of samples.

use super::*;

#[test]
fn iperfs_figures() {
    let text = r#"{"end":{"sum_sent":{"bytes":3,"retransmits":7},
        "sum_received":{"bytes":2000,"bits_per_second":5e6}}}"#;
    assert_eq!(ends::figures(text), Some((2000.0, 5.0, 7.0)));
    let none = r#"{"end":{"sum_received":{"bytes":0,"bits_per_second":0}}}"#;
    assert_eq!(ends::figures(none), None);
    assert_eq!(ends::figures(r#"{"error":"unable to connect"}"#), None);
}

#[test]
fn lines_of_the_idle_server_and_of_guests() {
    let line = "4.01s 998 open, VmRSS: 40960 kB, RssAnon: 30000 kB";
    assert_eq!(idle::read(line), Some((998, 40_960)));
    assert_eq!(idle::read("4.01s stopped, VmRSS: 40960 kB"), None);
    let console = "x\r\n[ 1.2] LAB RATE up 15.5\r\nLAB RATE -R 7\r\nLAB RATE up \r\n";
    assert_eq!(guests::rates(console), [("up".to_owned(), 15.5), ("-R".to_owned(), 7.0)]);
}

#[test]
fn a_rival_that_is_faster_has_its_row() {
    let sample = |megabits| vec![Sample { megabits, cpu: 2.0, retransmitted: 0.0 }];
    let samples = vec![
        (Kind::Pptp, Way::Up, sample(60.0)),
        (Kind::LimitPlain, Way::Up, sample(50.0)),
        (Kind::LimitBatched, Way::Up, sample(100.0)),
        (Kind::Tls, Way::Down, sample(9.0)),
    ];
    let rows = rows(&samples);
    let ratios: Vec<_> = rows.iter().map(|row| (row.ratio, row.goal)).collect();
    assert_eq!(ratios, [(1.2, Some(0.7)), (0.6, Some(0.7))]);
}

#[test]
fn a_tunnel_through_which_nothing_passed_fails_the_short_form() {
    let sample = |megabits| vec![Sample { megabits, cpu: 2.0, retransmitted: 0.0 }];
    let samples = vec![
        (Kind::Pptp, Way::Up, sample(60.0)),
        (Kind::Pptp, Way::Down, sample(60.0)),
        (Kind::Sstp, Way::Up, sample(0.0)),
    ];
    let rows = own_rows(&[Kind::Pptp, Kind::Sstp], &samples);
    let errors: Vec<f64> = rows.iter().map(|row| row.errors).collect();
    assert_eq!(errors, [0.0, 0.0, 1.0, 1.0]);
}
