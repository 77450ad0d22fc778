//! Reading the load client's line.

use super::*;

#[test]
fn processor_time_is_divided_by_the_requests_answered() {
    let line = "{\"reqs\":4,\"secs\":0.5,\"rps\":8.0,\"down_MBps\":1.0,\"up_MBps\":2.5,\
                \"p50_us\":10,\"p99_us\":20,\"err\":1}";
    let sample = sample(line, 8_000_000).unwrap();
    assert_eq!(sample.cpu_us, 2000.0);
    assert_eq!(sample.megabytes, 2.5);
    assert_eq!(sample.errors, 1.0);
}

#[test]
fn a_run_without_an_answer_is_an_error() {
    let line = "{\"reqs\":0,\"secs\":0.5,\"rps\":0,\"down_MBps\":0,\"up_MBps\":0,\
                \"p50_us\":0,\"p99_us\":0,\"err\":8}";
    assert!(sample(line, 1).unwrap_err().contains("no request"));
    assert!(sample("not json", 1).is_err());
    assert!(sample("{\"reqs\":1}", 1).unwrap_err().contains("secs"));
}
