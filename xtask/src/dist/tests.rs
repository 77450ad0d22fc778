//! What is read from the program's table of symbols, and what the packages' scripts do where not
//! all is as usual. They run as they are, but for the places that they know.

use std::fs::File;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Output;

use tempfile::TempDir;

use super::*;

#[test]
fn the_newest_glibc_that_is_asked_for_is_the_floor() {
    let table = "0000 DF *UND* 0000 (GLIBC_2.2.5) read\n0000 DF *UND* 0000 (GLIBC_2.34) dlsym\n\
                 0000 DF *UND* 0000 (GLIBC_2.9) pipe2\n0000 DF *UND* 0000 (GCC_3.0) _Unwind\n\
                 0000 DF *UND* 0000 (GLIBC_PRIVATE) secret\n";
    assert_eq!(glibc_floor(table).as_deref(), Some("2.34"));
    assert_eq!(glibc_floor("GLIBC_2.4 GLIBC_2.3.4").as_deref(), Some("2.4"));
    assert_eq!(glibc_floor("nothing"), None);
}

const POSTINST: &str = include_str!("../../../packaging/deb/postinst");
const POSTRM: &str = include_str!("../../../packaging/deb/postrm");
const SPEC: &str = include_str!("../../../packaging/rpm/menshen.spec");

/// The script of the `.rpm` behind the installation.
fn post() -> String {
    let (_, from) = SPEC.split_once("\n%post\n").unwrap();
    from.split_once("\n%preun\n").unwrap().0.to_owned()
}

/// A root with a menshen that is asked; it answers nothing but `upgrade`, with this exit code.
fn root(upgrade: u8) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("var/lib/menshen/state")).unwrap();
    fs::create_dir_all(root.path().join("var/lib/menshen/files")).unwrap();
    fs::create_dir_all(root.path().join("bin")).unwrap();
    let menshen = format!(
        "echo \"$@\" >>{}/asked; [ \"$1\" = upgrade ] && exit {upgrade}; exit 1",
        root.path().display()
    );
    for (name, text) in
        [("menshen", menshen.as_str()), ("getent", ":"), ("deb-systemd-helper", ":")]
    {
        let path = root.path().join("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    }
    root
}

fn run(root: &Path, script: &str, arguments: &[&str]) -> Output {
    let at = root.display().to_string();
    let script = script
        .replace("/var/lib", &format!("{at}/var/lib"))
        .replace("/etc/menshen", &format!("{at}/etc/menshen"))
        .replace("/run/systemd", &format!("{at}/run/systemd"));
    let mut command = Command::new("sh");
    command.args(["-c", &script, "script"]).args(arguments);
    command.env("PATH", format!("{at}/bin:/usr/bin:/bin")).output().unwrap()
}

#[test]
fn who_runs_and_cannot_become_the_new_version_is_told_of_loudly() {
    for (script, arguments) in [(POSTINST.to_owned(), ["configure", "0.1.0"]), (post(), ["2", ""])]
    {
        // Nobody runs: a lock that nobody holds means nothing.
        let none = root(1);
        let pid_file = "var/lib/menshen/state/guard.pid";
        File::create(none.path().join(pid_file)).unwrap();
        let output = run(none.path(), &script, &arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !said.contains("restart"), "{output:?}");

        // It runs, and `menshen status` of the new version does not understand it.
        for (code, told) in [(1, true), (0, false)] {
            let root = root(code);
            let held = File::create(root.path().join(pid_file)).unwrap();
            held.try_lock().unwrap();
            let output = run(root.path(), &script, &arguments);
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{output:?}");
            assert_eq!(said.contains("systemctl restart menshen"), told, "{said}");
            let asked = fs::read_to_string(root.path().join("asked")).unwrap();
            let state = root.path().join("var/lib/menshen/state");
            let upgrade = format!("upgrade --state={}", state.display());
            assert!(asked.lines().any(|line| line == upgrade), "{asked}");
        }
    }
}

#[test]
fn a_purge_leaves_links_and_what_they_lead_to() {
    let root = root(1);
    let library = root.path().join("var/lib/menshen");
    let disk = root.path().join("disk");
    fs::create_dir(&disk).unwrap();
    fs::remove_dir(library.join("files")).unwrap();
    symlink(&disk, library.join("files")).unwrap();
    fs::write(library.join("state/owner-token"), "secret").unwrap();
    let output = run(root.path(), POSTRM, &["purge"]);
    assert!(output.status.success(), "{output:?}");
    assert!(!library.join("state").exists() && library.join("files").is_symlink());
    assert!(disk.is_dir());

    fs::write(disk.join("owner-token"), "secret").unwrap();
    symlink(&disk, library.join("state")).unwrap();
    let output = run(root.path(), POSTRM, &["purge"]);
    assert!(output.status.success() && disk.join("owner-token").exists(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("is a link"), "{output:?}");
}
