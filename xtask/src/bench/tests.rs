//! The command line in a run's README repeats the run, and the sets have their names.

use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Wrapped {
    #[command(flatten)]
    options: Options,
}

fn parsed(line: &str) -> Options {
    Wrapped::try_parse_from(line.split_whitespace()).unwrap().options
}

#[test]
fn the_command_line_is_repeated_as_given() {
    for line in [
        "downloads --rounds 7 --secs 1.5 --filter \"tls\" --only nginx --host vm2",
        "memory --short --host local",
        "uploads --rounds 5 --secs 0.6 --host local",
        "startup --rounds 10 --secs 0.6 --host local",
        "offload --rounds 1 --secs 0.6 --host local",
    ] {
        let options = parsed(&format!("bench {line}").replace('"', ""));
        assert_eq!(command_line(&options), format!("cargo xtask bench {line}"));
    }
}

#[test]
fn short_runs_are_one_round_and_a_host_is_a_word() {
    let options = parsed("bench downloads --short --rounds 9");
    assert_eq!(options.rounds(), 1);
    assert_eq!(parsed("bench startup --short").rounds(), 3);
    assert_eq!(parsed("bench downloads").rounds(), 5);
    assert_eq!(parsed("bench startup").rounds(), 10);
    let error = run(&parsed("bench downloads --host ../x")).unwrap_err();
    assert!(error.contains("--host"), "{error}");
    assert_eq!(
        names(),
        [
            "downloads",
            "handshake",
            "uploads",
            "memory",
            "offload",
            "fastcgi",
            "explain-cert",
            "explain-oom",
            "explain-tunnel",
            "sql",
            "startup",
            "resumable",
            "tunnel"
        ]
    );
}
