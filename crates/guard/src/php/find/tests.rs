//! Names, the choice among several, what to install.

use super::*;

#[test]
fn names_tell_versions_and_other_programs_do_not() {
    let table = [
        ("php-fpm8.2", Some((8, 2))),
        ("php-fpm7.4", Some((7, 4))),
        ("php-fpm83", Some((8, 3))),
        ("php-fpm8.10", Some((8, 10))),
        ("php-fpm", Some((u32::MAX, 0))),
        ("php-fpm8", None),
        ("php-fpm-healthcheck", None),
        ("php-fpm8.2.conf", None),
        ("php-fpm99999.1", None),
        ("php8.2", None),
    ];
    for (name, version) in table {
        assert_eq!(version_of(name), version, "{name}");
    }
}

#[test]
fn the_newest_program_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let make = |name: &str, mode| {
        let path = folder.path().join(name);
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        path
    };
    let folders = [folder.path().join("missing"), folder.path().to_owned()];
    assert_eq!(newest(&folders), None);
    make("php-fpm8.9", 0o644);
    make("php-fpm7.4", 0o755);
    let best = make("php-fpm8.2", 0o755);
    assert_eq!(newest(&folders), Some(best), "one that cannot be started does not count");
    let chosen = make("php-fpm", 0o755);
    assert_eq!(newest(&folders), Some(chosen));
}

#[test]
fn the_hint_names_the_package_of_this_system() {
    let table = [
        ("ID=debian\n", "apt install php-fpm"),
        ("NAME=x\nID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", "apt install php-fpm"),
        ("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", "dnf install php-fpm"),
        ("ID=alpine\n", "apk add php83-fpm"),
        ("ID=manjaro\nID_LIKE=arch\n", "pacman -S php-fpm"),
        ("ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"\n", "zypper install php8-fpm"),
        ("ID=plan9\n", "install the package with php-fpm"),
        ("", "install the package with php-fpm"),
    ];
    for (os_release, part) in table {
        assert!(how_to_install(os_release).contains(part), "{os_release}");
    }
}

#[test]
fn settings_files_are_all_found() {
    let text = "PHP Version => 8.2.36\n\nLoaded Configuration File => /etc/php.ini\n\
        Scan this dir for additional .ini files => /etc/php.d\n\
        Additional .ini files parsed => /etc/php.d/a.ini,\n/etc/php.d/b.ini\n\nPHP API => 1\n";
    let files = settings_files(text);
    let names: Vec<&str> = files.iter().filter_map(|path| path.to_str()).collect();
    assert_eq!(names, ["/etc/php.ini", "/etc/php.d", "/etc/php.d/a.ini", "/etc/php.d/b.ini"]);
    let none = "Loaded Configuration File => (none)\nAdditional .ini files parsed => (none)\nx\n";
    assert!(settings_files(none).is_empty());
    assert!(settings_files("").is_empty());
}

#[test]
fn a_program_that_is_not_php_fpm_is_named() {
    let error = Program::find(Some(Path::new("/bin/false")), None).unwrap_err();
    assert!(error.render().contains("does not answer like php-fpm"), "{}", error.render());
    let error = Program::find(Some(Path::new("/nonexistent/php-fpm")), None).unwrap_err();
    assert!(error.render().contains("is no program"), "{}", error.render());
}
