//! Reading what php-fpm says.

use super::*;

#[test]
fn worker_time_is_summed_by_script() {
    let log = "1500 200 /a/up.php\n500 200 /a/page.php\n2500000 500 /a b/up.php\nbroken\n";
    assert_eq!(spent(log, "up.php"), Spent { requests: 2.0, worker_secs: 2.5015 });
    assert_eq!(spent(log, "page.php"), Spent { requests: 1.0, worker_secs: 0.0005 });
    assert_eq!(spent(log, "p.php"), Spent::default());
}

#[test]
fn only_standard_output_is_read_from_records() {
    let mut padded = record(STDOUT, b"X: 1\r\n\r\n{}");
    padded[6] = 2;
    padded.extend([0, 0]);
    let wire = [record(7, b"warning"), padded, record(STDOUT, b"!"), record(3, &[0; 8])].concat();
    assert_eq!(stdout_of(&wire), "X: 1\r\n\r\n{}!");
    // Cut off behind the last byte of output, then within the record before.
    assert_eq!(stdout_of(&wire[..wire.len() - 16]), "X: 1\r\n\r\n{}!");
    assert_eq!(stdout_of(&wire[..wire.len() - 28]), "X: 1\r\n\r\n{");
    assert_eq!(stdout_of(b"\x01\x06\x00"), "");
}

#[test]
fn busy_workers_are_counted_one_by_one() {
    let status = "{\"active processes\":11,\"processes\":[{\"state\":\"Idle\"},\
                  {\"state\":\"Running\"},{\"state\":\"Reading headers\"}]}";
    assert_eq!(busy_of(status).unwrap(), 2.0);
    assert!(busy_of("{\"active processes\":1}").is_err());
}
