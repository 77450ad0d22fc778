//! What is read from sysbench's report.

use super::*;

#[test]
fn the_report_of_sysbench_is_read() {
    let text = "SQL statistics:\n    queries performed:\n        read:                            \
                20\n        total:                           20\n    transactions:                \
                20     (10.00 per sec.)\n    queries:                             20     (12.50 \
                per sec.)\n    ignored errors:                      0      (0.00 per sec.)\n    \
                reconnects:                          1      (0.00 per sec.)\n\nLatency (ms):\n   \
                     min:                                    0.10\n         avg:                 \
                                   0.25\n         99th percentile:                        1.50\n";
    let (sample, queries) = read(text).unwrap();
    assert!((queries - 20.0).abs() < 1e-9);
    assert!((sample.queries_per_s - 12.5).abs() < 1e-9);
    assert!((sample.average_ms - 0.25).abs() < 1e-9);
    assert!((sample.p99_ms - 1.5).abs() < 1e-9);
    assert!((sample.errors - 1.0).abs() < 1e-9);
    assert!(read("FATAL: unable to connect").is_none());
}
