//! Tests of `sql`: when a worker is kept over a reload, what it is handed, and versions that are
//! over.

use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::Ordering::SeqCst;

use super::*;

fn config(text: &str) -> Config {
    let text = format!(
        "[sql]\nlisten = [\"127.0.0.1:0\"]\ncontrol_user = \"menshen\"\nworkers = 2\n{text}"
    );
    menshen_config::parse(&text).config.unwrap()
}

fn plan(config: &Config, number: u64, current: Option<&Plan>) -> (Plan, Vec<&'static str>) {
    let mut findings = Vec::new();
    let current = current.map(Plan::before);
    let plan = Plan::prepare(config, number, None, current, &mut findings).unwrap().unwrap();
    (plan, findings.iter().map(|finding| finding.code).collect())
}

#[test]
fn without_an_address_there_is_no_door() {
    let none = Plan::prepare(&Config::default(), 1, None, None, &mut Vec::new());
    assert!(none.unwrap().is_none());
}

#[test]
fn a_reload_that_changes_nothing_here_keeps_the_worker() {
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, "secret\nsecond line\n").unwrap();
    std::fs::set_permissions(&password, PermissionsExt::from_mode(0o600)).unwrap();
    let mut first = config("");
    first.sql.control_password_file = Some(password.clone());
    let (one, findings) = plan(&first, 1, None);
    assert_eq!(findings, [""; 0]);
    let mut other = first.clone();
    other.web.http2 = false;
    let (two, _) = plan(&other, 2, Some(&one));
    assert_eq!((one.since, two.since), (1, 1));
    // What is in a file it names is part of the configuration.
    std::fs::write(&password, "another\n").unwrap();
    let (three, _) = plan(&other, 3, Some(&two));
    assert_eq!(three.since, 3);
    assert_eq!(three.doors[0].address(), one.doors[0].address(), "on the same socket");

    std::fs::set_permissions(&password, PermissionsExt::from_mode(0o644)).unwrap();
    assert_eq!(plan(&other, 4, None).1, ["sql-password-open"]);
    std::fs::remove_file(&password).unwrap();
    let missing = Plan::prepare(&other, 5, None, None, &mut Vec::new()).unwrap_err();
    assert!(missing.render().contains("could not read"), "{}", missing.render());
}

#[test]
fn a_worker_is_handed_sockets_secrets_and_no_path_to_them() {
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, "pass word\r\nmore").unwrap();
    let mut config = config("idle_seconds_max = 7\n");
    config.sql.control_password_file = Some(password);
    config.limits.drain_seconds_max = 9;
    let (plan, _) = plan(&config, 4, None);
    let desk = Desk::create(folder.path()).unwrap();
    let null = std::fs::File::open("/dev/null").unwrap();
    let fd = null.as_fd();
    let handed = Handed { slot: 3, scoreboard: fd, posture: fd, ready: fd, oom_score_adj: Some(5) };
    let (spec, keep) = plan.spec(&desk, handed);
    assert_eq!((spec.slot, spec.generation, spec.threads, spec.stop_seconds_max), (3, 4, 2, 9));
    assert_eq!(spec.config.idle_seconds_max, 7);
    assert_eq!(spec.control_password, Some(Secret("pass word".into())));
    assert!(!format!("{spec:?}").contains("pass word"));
    let threads: Vec<Option<u32>> = spec.listeners.iter().map(|one| one.thread).collect();
    assert_eq!(threads, [Some(0), Some(1)]);
    let numbers: Vec<i32> = keep.iter().map(AsRawFd::as_raw_fd).collect();
    let needed = spec.listeners.iter().map(|one| one.fd);
    for fd in needed.chain([spec.words_fd, spec.control_fd, spec.scoreboard_fd, spec.ready_fd]) {
        assert!(numbers.contains(&fd), "{fd} of {numbers:?}");
    }
    let text = serde_json::to_vec(&spec).unwrap();
    let read: SqlSpec = serde_json::from_slice(&text).unwrap();
    assert_eq!(read.control_password, spec.control_password);
}

#[test]
fn retired_versions_stay_so_and_the_next_ones_are_fresh() {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = Desk::create(folder.path()).unwrap();
    let (old, of_worker) = (desk.words, Words::from_file(&desk.words_fd).unwrap());
    let over = |words: &Words| words.all().iter().skip(2).any(|word| word.load(SeqCst) != 0);
    assert!(!over(&of_worker));
    desk.retire().unwrap();
    assert!(over(&of_worker), "a worker that has mapped them sees it");
    assert!(over(&old) && !over(&desk.words));
    assert!(sql_control_path(folder.path()).exists());
    sql_control(folder.path()).unwrap();
    drop(desk);
    assert!(!sql_control_path(folder.path()).exists());
}
