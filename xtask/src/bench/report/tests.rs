//! Medians, and that a losing row stays in the table and says so.

use super::super::case::Target;
use super::super::lab::Store;
use super::*;

fn sample(cpu_us: f64, rate: f64, errors: f64) -> Sample {
    let (requests, secs, megabytes, p50_us, p99_us) = (10.0, 1.0, 1.0, 1.0, 1.0);
    Sample { requests, secs, rate, megabytes, cpu_us, p50_us, p99_us, errors }
}

fn case() -> Case {
    let target = |label, part| Target { label, part, load: Vec::new() };
    Case {
        name: "put",
        load: &[],
        is_large: false,
        is_on_disk: true,
        goal_default: 1.5,
        goal_tuned: 1.0,
        targets: vec![
            target("menshen", Part::Ours(Store::Disk)),
            target("nginx", Part::Default),
            target("nginx tuned", Part::Tuned),
            target("menshen durable", Part::OursAlone(Store::Durable)),
        ],
    }
}

#[test]
fn the_median_is_not_moved_by_one_bad_round() {
    assert_eq!(median(&[3.0, 1.0, 900.0], |v| *v), 3.0);
    assert_eq!(median(&[1.0, 2.0, 4.0, 900.0], |v| *v), 3.0);
    assert_eq!(median(&[], |v: &f64| *v), 0.0);
}

#[test]
fn each_rival_has_a_row_with_its_own_goal_and_a_losing_one_stays() {
    let samples = [
        vec![sample(10.0, 200.0, 0.0)],
        vec![sample(20.0, 100.0, 0.0)],
        vec![sample(9.0, 210.0, 0.0)],
        vec![sample(40.0, 50.0, 0.0)],
    ];
    let rows = rows_of(&case(), &samples);
    let shown: Vec<_> = rows.iter().map(|r| (&*r.ours, &*r.against, r.verdict())).collect();
    assert_eq!(
        shown,
        [
            ("menshen", "nginx", "met"),
            ("menshen", "nginx tuned", "not met"),
            ("menshen durable", "nginx", "own row"),
        ]
    );
    assert_eq!(rows[0].ratio, 2.0);
    assert_eq!(rows[0].rate_ratio, Some(2.0));
    let table = table(&rows);
    assert!(table.contains("| put | menshen | nginx tuned | 0.90 | 0.95 | 1.00 | not met |"));
    assert_eq!(verdict(&rows), "1 met, 1 not met, 0 with errors.");
}

#[test]
fn a_row_with_failed_connections_is_never_called_met() {
    let samples = [
        vec![sample(1.0, 1.0, 1.0)],
        vec![sample(20.0, 1.0, 0.0)],
        vec![sample(20.0, 1.0, 0.0)],
        vec![sample(1.0, 1.0, 0.0)],
    ];
    let rows = rows_of(&case(), &samples);
    assert_eq!(rows[0].verdict(), "connections failed");
}

#[test]
fn failures_are_those_of_the_rows_and_those_beside_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut report = Report::create(folder.path(), "first").unwrap();
    let one = |errors| vec![sample(1.0, 1.0, errors)];
    let clean = rows_of(&case(), &[one(0.0), one(0.0), one(0.0), one(0.0)]);
    assert!(report.failures(&clean).is_empty());
    report.add_failure("nginx: 2 errors".to_owned());
    let failed = rows_of(&case(), &[one(0.0), one(0.0), one(3.0), one(0.0)]);
    assert_eq!(report.failures(&failed), ["nginx: 2 errors", "put: 3 errors"]);
}

#[test]
fn a_second_run_of_the_day_is_added() {
    let folder = tempfile::tempdir().unwrap();
    for title in ["first", "second"] {
        let mut report = Report::create(folder.path(), title).unwrap();
        report.raw("put", "nginx", 0, &sample(1.0, 1.0, 0.0)).unwrap();
        report.raw_memory("held", "nginx", 0, (10.0, 2.5)).unwrap();
        report.raw_start("start", "nginx", 0, (10.0, 12.5)).unwrap();
        report.more("more.csv", "server,value", &["\"nginx\",1".to_owned()]).unwrap();
        report.add_text("a table of its own");
        report.finish(&[], "command", "machine\n", &[]).unwrap();
    }
    let read = |name| fs::read_to_string(folder.path().join(name)).unwrap();
    let raw = read("raw.csv");
    assert_eq!(raw.lines().count(), 7, "{raw}");
    let columns = |line: &str| line.split(',').count();
    assert!(raw.lines().all(|line| columns(line) == columns(RAW_HEADING)), "{raw}");
    assert_eq!(
        read("more.csv"),
        "run,server,value\n\"first\",\"nginx\",1\n\"second\",\"nginx\",1\n"
    );
    assert_eq!(read("summary.md").matches("a table of its own").count(), 2);
    assert!(read("summary.md").contains("## first") && read("summary.md").contains("## second"));
    assert_eq!(read("README.md").matches("# Benchmark runs").count(), 1);
}
