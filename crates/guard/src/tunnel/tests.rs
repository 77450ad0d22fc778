//! Tests of `tunnel`: when a worker is kept over a reload, what it is handed, users that change.

use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use super::*;

/// With a file of users in `folder`; `text` follows `[tunnel]`.
fn config(folder: &Path, text: &str) -> Config {
    let users = folder.join("users");
    if !users.exists() {
        write(&users, "alice:00112233445566778899aabbccddeeff\n", 0o600);
    }
    let text = format!("[tunnel]\nusers = \"{}\"\n{text}", users.display());
    menshen_config::parse(&text).config.unwrap()
}

fn write(path: &Path, text: &str, mode: u32) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

/// `None` where this process has not the rights of a tunnel door.
fn plan(config: &Config, number: u64, current: Option<&Plan>) -> Option<(Plan, Vec<&'static str>)> {
    if let Err(error) = rights() {
        eprintln!("SKIPPED: {}", error.render());
        return None;
    }
    let mut findings = Vec::new();
    let current = current.map(Plan::before);
    let plan = Plan::prepare(config, number, None, current, &mut findings).unwrap().unwrap();
    let codes = findings.iter().map(|finding| finding.code);
    // What this machine forwards and has for addresses is not the test's to say.
    let own = |code: &&str| !["tunnel-forwarding-off", "tunnel-addresses-taken"].contains(code);
    Some((plan, codes.filter(own).collect()))
}

/// The guard knows of no lines; this one knows one that is wrong.
fn check(octets: &[u8]) -> Result<(), String> {
    let is_wrong = |line: &[u8]| line == b"wrong";
    let at = octets.split(|octet| *octet == b'\n').position(is_wrong);
    at.map_or(Ok(()), |at| Err(format!("line {}: no hash", at + 1)))
}

fn text_of(fd: BorrowedFd<'_>) -> String {
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn without_users_there_is_no_door() {
    let none = Plan::prepare(&Config::default(), 1, None, None, &mut Vec::new());
    assert!(none.unwrap().is_none());
}

#[test]
fn a_reload_that_changes_nothing_here_keeps_the_worker() {
    let folder = tempfile::tempdir().unwrap();
    let accounting = folder.path().join("accounting");
    let text = format!(
        "accounting = \"{}\"\n[tunnel.pptp]\nlisten = [\"127.0.0.1:0\"]\n",
        accounting.display()
    );
    let first = config(folder.path(), &text);
    let Some((one, findings)) = plan(&first, 1, None) else { return };
    assert_eq!(findings, ["pptp-broken"]);
    let mode = accounting.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let mut other = first.clone();
    other.web.http2 = false;
    // Who may come in reaches the worker that runs.
    write(&folder.path().join("users"), "", 0o644);
    let (two, findings) = plan(&other, 2, Some(&one)).unwrap();
    assert_eq!(findings, ["pptp-broken", "tunnel-users-open"]);
    assert_eq!((one.since, two.since), (1, 1));
    assert!(two.users != one.users);

    // What was moved away is made anew, by another worker.
    std::fs::rename(&accounting, folder.path().join("old")).unwrap();
    let (three, _) = plan(&other, 3, Some(&two)).unwrap();
    assert_eq!(three.since, 3);
    assert!(accounting.exists());
    other.tunnel.sessions_max = 5;
    let (four, _) = plan(&other, 4, Some(&three)).unwrap();
    assert_eq!(four.since, 4);
    assert_eq!(four.doors[0].bound, one.doors[0].bound, "on the same socket");

    std::fs::remove_file(folder.path().join("users")).unwrap();
    let missing = Plan::prepare(&other, 5, None, Some(four.before()), &mut Vec::new()).unwrap_err();
    assert!(missing.render().contains("could not read the users"), "{}", missing.render());
}

#[test]
fn a_worker_is_handed_descriptors_and_nothing_of_the_users() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path(), "[tunnel.pptp]\nlisten = [\"127.0.0.1:0\"]\n");
    config.limits.drain_seconds_max = 9;
    let Some((plan, _)) = plan(&config, 4, None) else { return };
    let mut memory = Memory::create(check).unwrap();
    let desk = Desk::create(folder.path(), &plan, &mut memory, None).unwrap();
    let null = File::open("/dev/null").unwrap();
    let fd = null.as_fd();
    let handed =
        Handed { slot: 3, memory: &memory, scoreboard: fd, ready: fd, oom_score_adj: Some(5) };
    let (spec, keep) = plan.spec(&desk, handed);
    assert_eq!((spec.slot, spec.generation, spec.stop_seconds_max), (3, 4, 9));
    let numbers: Vec<i32> = keep.iter().map(AsRawFd::as_raw_fd).collect();
    let needed = spec.pptp.iter().map(|one| one.fd).chain(spec.sstp_fd);
    for fd in needed.chain([spec.control_fd, spec.users_fd, spec.leases_fd, spec.ready_fd]) {
        assert!(numbers.contains(&fd), "{fd} of {numbers:?}");
    }
    assert_eq!((spec.pptp.len(), spec.sstp_fd.is_some()), (1, true));
    let text = serde_json::to_string(&spec).unwrap();
    assert!(!text.contains("001122"), "{text}");
    assert!(!format!("{plan:?} {desk:?} {memory:?}").contains("001122"));
    serde_json::from_str::<TunnelSpec>(&text).unwrap();

    config.tunnel.sstp = false;
    let alone =
        Plan::prepare(&config, 5, None, Some(plan.before()), &mut Vec::new()).unwrap().unwrap();
    assert_eq!(alone.spec(&desk, handed).0.sstp_fd, None);
}

#[test]
fn changed_users_reach_whoever_reads_them_and_lost_ones_stay() {
    let folder = tempfile::tempdir().unwrap();
    let users = folder.path().join("users");
    let config = config(folder.path(), "");
    let Some((plan, _)) = plan(&config, 1, None) else { return };
    let mut memory = Memory::create(check).unwrap();
    let mut desk = Desk::create(folder.path(), &plan, &mut memory, None).unwrap();
    let of_worker: OwnedFd = memory.users().try_clone_to_owned().unwrap();
    let seen = |fd: &OwnedFd| {
        let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
        let changed = std::fs::metadata(&path).unwrap().modified().unwrap();
        (std::fs::read_to_string(path).unwrap(), changed)
    };
    let (text, first) = seen(&of_worker);
    assert!(text.starts_with("alice:"));
    assert!(rustix::io::write(&of_worker, b"x").is_err(), "workers may not write");

    // Each look is one interval after the one before.
    let mut now = Instant::now();
    let mut look = |desk: &mut Desk| {
        now += Duration::from_secs(3);
        desk.look(now, &mut memory);
    };
    write(&users, "bob:00\n", 0o600);
    (0..3).for_each(|_| look(&mut desk));
    let (text, second) = seen(&of_worker);
    assert_eq!(text, "bob:00\n");
    assert!(second > first);
    write(&users, "bob:00\nwrong\n", 0o600);
    (0..3).for_each(|_| look(&mut desk));
    assert_eq!(seen(&of_worker), (text.clone(), second), "what was good stays");
    std::fs::remove_file(&users).unwrap();
    (0..3).for_each(|_| look(&mut desk));
    assert_eq!(seen(&of_worker), (text, second), "what was good stays");
    write(&users, "", 0o600);
    (0..3).for_each(|_| look(&mut desk));
    assert_eq!(seen(&of_worker).0, "");

    assert!(tunnel_control_path(folder.path()).exists());
    tunnel_control(folder.path()).unwrap();
    // As a web worker reaches it.
    let path = format!("/proc/self/fd/{}", desk.sstp_file().as_raw_fd());
    let stream = std::os::unix::net::UnixStream::connect(path).unwrap();
    let accepted = rustix::net::accept(desk.sstp()).unwrap();
    drop(stream);
    let mut octets = Vec::new();
    File::from(accepted).read_to_end(&mut octets).unwrap();
    drop(desk);
    assert!(!tunnel_control_path(folder.path()).exists());
}

#[test]
fn users_of_a_next_configuration_wait_until_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let first = config(folder.path(), "");
    let Some((one, _)) = plan(&first, 1, None) else { return };
    let mut memory = Memory::create(check).unwrap();
    let mut desk = Desk::create(folder.path(), &one, &mut memory, None).unwrap();
    let other = folder.path().join("other");
    write(&other, "bob:00112233445566778899aabbccddeeff\n", 0o600);
    let mut next = first.clone();
    next.tunnel.users = Some(other.clone());
    let (two, _) = plan(&next, 2, Some(&one)).unwrap();
    assert!(text_of(memory.users()).starts_with("alice:"), "it may fail yet");
    // It is looked at as it holds, not as it was prepared.
    write(&other, "carol:00112233445566778899aabbccddeeff\n", 0o600);
    desk.take_over(&two, &mut memory);
    assert!(text_of(memory.users()).starts_with("carol:"));
    write(&other, "wrong\n", 0o600);
    let (wrong, _) = plan(&next, 3, Some(&two)).unwrap();
    let told = wrong.check_users(&memory).unwrap_err().render();
    assert!(told.contains("detail: line 1: no hash"), "{told}");
    two.check_users(&memory).unwrap();
    desk.take_over(&two, &mut memory);
    assert!(text_of(memory.users()).starts_with("bob:"), "what was read is good");

    // Where there is no door in between, whoever was retired still has the same files.
    let of_retired = [memory.users(), memory.leases()].map(same_file);
    drop(desk);
    let desk = Desk::create(folder.path(), &one, &mut memory, None).unwrap();
    let null = File::open("/dev/null").unwrap();
    let fd = null.as_fd();
    let handed =
        Handed { slot: 3, memory: &memory, scoreboard: fd, ready: fd, oom_score_adj: None };
    let (spec, keep) = one.spec(&desk, handed);
    let kept = |number: i32| *keep.iter().find(|fd| fd.as_raw_fd() == number).unwrap();
    assert_eq!([spec.users_fd, spec.leases_fd].map(|fd| same_file(kept(fd))), of_retired);
    assert!(text_of(memory.users()).starts_with("alice:"));
}

/// What tells files apart.
fn same_file(fd: BorrowedFd<'_>) -> (u64, u64) {
    let stat = rustix::fs::fstat(fd).unwrap();
    (stat.st_dev, stat.st_ino)
}

#[test]
fn addresses_of_clients_are_not_ours() {
    let tunnel = Tunnel::default();
    for (address, clients) in
        [("10.77.0.1", false), ("10.77.0.2", true), ("10.77.0.254", true), ("10.77.1.2", false)]
    {
        assert_eq!(is_clients(&tunnel, address.parse().unwrap()), clients, "{address}");
    }
}

#[test]
fn users_that_two_programs_wrote_in_turn_are_seen_each_time() {
    let mut first = Memory::create(check).unwrap();
    first.post(&Contents(b"one".to_vec())).unwrap();
    let next = || {
        let users = first.users.try_clone().unwrap();
        Memory::found(users, first.leases.try_clone().unwrap(), check).unwrap()
    };
    let seen = || {
        let file = first.users.metadata().unwrap();
        (text_of(first.users()), file.modified().unwrap())
    };
    let mut all = vec![seen()];
    next().post(&Contents(b"two".to_vec())).unwrap();
    all.push(seen());
    // It went back: what the one before was told is from before it wrote.
    next().post(&Contents(b"three".to_vec())).unwrap();
    all.push(seen());
    let texts: Vec<&str> = all.iter().map(|(text, _)| text.as_str()).collect();
    assert_eq!(texts, ["one", "two", "three"]);
    assert!(all[0].1 < all[1].1 && all[1].1 < all[2].1, "{all:?}");
}
