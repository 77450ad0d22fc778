//! A child's CPU time and memory are seen through its parent, and a server that ends is noticed.

use super::*;

#[test]
fn a_grandchild_is_counted_and_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let script = "while :; do :; done & echo started; wait";
    let mut command = Command::new("sh");
    let mut server = Server::start("sh", command.args(["-c", script]), &log).unwrap();
    let started = || fs::read_to_string(&log).unwrap_or_default().contains("started");
    server.wait_until(&log, started).unwrap();
    let processes = server.processes();
    assert_eq!(processes.len(), 2, "{processes:?}");
    let before = server.cpu_ns();
    let start = Instant::now();
    while server.cpu_ns() < before + 20_000_000 {
        assert!(start.elapsed() < Duration::from_secs(20), "the busy child is not counted");
    }
    assert!(server.private_kib() > 0);
    assert!(server.is_alive());
    let busy = processes[1].to_string();
    Command::new("kill").args(["-KILL", &busy]).status().unwrap();
    drop(server);
}

#[test]
fn a_server_that_ends_at_once_is_reported_with_its_words() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut command = Command::new("sh");
    let script = "echo no such folder >&2; exit 3";
    let mut server = Server::start("door", command.args(["-c", script]), &log).unwrap();
    let error = server.wait_until(&log, || false).unwrap_err();
    assert!(error.contains("door") && error.contains("no such folder"), "{error}");
}

#[test]
fn private_memory_is_clean_and_dirty_without_shared() {
    let rollup = "Rss: 900 kB\nPrivate_Clean:  12 kB\nPrivate_Dirty: 30 kB\nShared_Dirty: 7 kB\n";
    assert_eq!(sum_of(rollup, &["Private_Clean", "Private_Dirty"]), 42);
}

#[test]
fn free_ports_differ() {
    let mut ports = free_ports(20).unwrap();
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 20);
}

#[test]
fn bytes_taken_back_are_not_bytes_written() {
    let io = "wchar: 9\nread_bytes: 1\nwrite_bytes: 8192\ncancelled_write_bytes: 4096\n";
    assert_eq!(sum_of(io, &["write_bytes"]), 8192);
}
