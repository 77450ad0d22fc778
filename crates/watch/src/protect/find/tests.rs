//! Strangers: command lines, pid files and units that anybody can make.

use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use menshen_config::Children;

use super::*;

fn rule(score: i32) -> Protect {
    Protect {
        name: "dear".into(),
        unit: None,
        command: None,
        cgroup: None,
        pid_file: None,
        user: None,
        score,
        children: Children::Reset,
    }
}

fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("SKIPPED: processes of other users need root");
    }
    root
}

/// A process of that user that calls itself as it likes.
fn sleeper(name: &str, uid: u32) -> Child {
    let mut command = Command::new("sleep");
    command.arg("1000").arg0(name).uid(uid).gid(uid);
    command.spawn().unwrap()
}

fn end(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

fn rule_of(finder: &Finder, pid: u32) -> (Option<usize>, Vec<(usize, u32)>) {
    let found = finder.look();
    let process = found.processes.iter().find(|process| process.pid == pid).unwrap();
    (process.rule, found.strangers)
}

#[test]
fn whoever_takes_the_name_is_not_protected() {
    if !is_root() {
        return;
    }
    let name = format!("menshen-dear-{}", std::process::id());
    let stranger = sleeper(&name, 54_321);
    let command = Some(format!("{name} *"));
    let by_name = |score, user: Option<&str>| {
        let user = user.map(str::to_owned);
        Finder::new(&[Protect { command: command.clone(), user, ..rule(score) }], |_| {})
    };
    let pid = stranger.id();
    assert_eq!(rule_of(&by_name(-500, None), pid), (None, vec![(0, 54_321)]));
    assert_eq!(rule_of(&by_name(0, None), pid), (None, vec![(0, 54_321)]));
    assert_eq!(rule_of(&by_name(-500, Some("root")), pid), (None, vec![(0, 54_321)]));
    assert_eq!(rule_of(&by_name(-500, Some("no such user")), pid).0, None);
    assert_eq!(rule_of(&by_name(-500, Some("54321")), pid), (Some(0), vec![]));
    assert_eq!(rule_of(&by_name(300, None), pid), (Some(0), vec![]));
    end(stranger);
    for uid in [0, 999] {
        let system = sleeper(&name, uid);
        assert_eq!(rule_of(&by_name(-500, None), system.id()), (Some(0), vec![]), "{uid}");
        end(system);
    }
}

#[test]
fn a_pid_file_names_processes_of_its_owner() {
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let theirs = sleeper("theirs", 54_321);
    let ours = sleeper("ours", 0);
    let finder = Finder::new(&[Protect { pid_file: Some(file.clone()), ..rule(-500) }], |_| {});
    for (owner, mode, pid, meant) in [
        (0, 0o644, theirs.id(), true),
        (54_321, 0o644, theirs.id(), true),
        (54_321, 0o644, ours.id(), false),
        (54_322, 0o644, theirs.id(), false),
        (0, 0o666, theirs.id(), false),
    ] {
        std::fs::write(&file, format!("{pid}\n")).unwrap();
        chown(&file, Some(owner), None).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(rule_of(&finder, pid).0.is_some(), meant, "{owner} {mode:o}");
        std::fs::remove_file(&file).unwrap();
    }
    end(theirs);
    end(ours);
}

#[test]
fn nothing_is_read_from_a_pid_file_that_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let pid = |file: &Path| pid_in(file).map(|found| found.pid);
    assert_eq!(pid(&file), None);
    assert_eq!(pid(folder.path()), None);
    for (text, wanted) in [("", None), ("12 \n", Some(12)), ("x", None), ("-1", None)] {
        std::fs::write(&file, text).unwrap();
        assert_eq!(pid(&file), wanted, "{text}");
    }
    std::fs::write(&file, "12").unwrap();
    let link = folder.path().join("link");
    symlink(&file, &link).unwrap();
    assert_eq!(pid(&link), None, "a link");
    assert_eq!(pid(Path::new("/proc/sys/kernel/pid_max")), None, "a file of the kernel");
    std::fs::write(&file, [0xff; 100]).unwrap();
    assert_eq!(pid(&file), None);
}

#[test]
fn a_unit_is_one_of_the_system() {
    let of = |path: &str, above: &str| {
        is_in_unit(path.as_bytes(), b"db.service", &[above.as_bytes().to_vec()])
    };
    assert!(of("/system.slice/db.service", ""));
    assert!(of("/system.slice/system-db.slice/db.service/inner", ""));
    assert!(of("/db.service", ""));
    assert!(of("/docker/12/system.slice/db.service", "/docker/12"));
    for path in [
        "/user.slice/user-1000.slice/user@1000.service/app.slice/db.service",
        "/user.slice/user-1000.slice/session-1.scope/db.service",
        "/docker/12/system.slice/db.service",
        "/system.slice/other.service/db.service",
        "/system.slice",
        "/",
        "",
    ] {
        assert!(!of(path, ""), "{path}");
    }
    assert!(!of("/docker/123/system.slice/db.service", "/docker/12"));
}

#[test]
fn users_by_name_and_number() {
    let passwd = "root:x:0:0::\n\nbroken\n77:x:5:5::\nmysql:x:112:119::";
    for (user, uid) in
        [("root", Some(0)), ("mysql", Some(112)), ("77", Some(5)), ("8", Some(8)), ("x", None)]
    {
        assert_eq!(uid_of(user, passwd), uid, "{user}");
    }
}
