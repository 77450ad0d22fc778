//! Each thing a start would stumble over, and a site without any.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

use menshen_config::model::{NameValue, Site};

use super::*;

fn config(root: &Path, php: PhpBackend) -> Config {
    let site = Site { root: root.to_owned(), php, ..Site::default() };
    Config { sites: vec![site], ..Config::default() }
}

fn codes(config: &Config) -> Vec<&'static str> {
    survey(config).iter().map(|finding| finding.code).collect()
}

#[test]
fn folders_programs_and_settings_are_looked_at() {
    let top = tempfile::tempdir().unwrap();
    fs::set_permissions(top.path(), Permissions::from_mode(0o755)).unwrap();
    assert_eq!(codes(&Config::default()), [""; 0]);
    assert_eq!(codes(&config(top.path(), PhpBackend::Off)), [""; 0]);
    let missing = config(&top.path().join("none"), PhpBackend::Off);
    assert_eq!(codes(&missing), ["site-root-missing"]);
    let mut managed = config(top.path(), PhpBackend::Managed);
    managed.php.program = Some("/nonexistent/php-fpm".into());
    managed.php.settings.push(NameValue { name: "auto_prepend_file".into(), value: "x".into() });
    assert_eq!(codes(&managed), ["php-fpm-missing", "php-setting-refused"]);
    managed.php.program = Some("/bin/true".into());
    managed.php.settings.clear();
    assert_eq!(codes(&managed), [""; 0], "nothing is started to find out more");
}

#[test]
fn sockets_are_connected_to() {
    let top = tempfile::tempdir().unwrap();
    fs::set_permissions(top.path(), Permissions::from_mode(0o755)).unwrap();
    let path = top.path().join("fpm.sock");
    let unix = config(top.path(), PhpBackend::At(PhpAddress::Unix(path.clone())));
    assert_eq!(survey(&unix)[0].claim, "there is no such socket");
    let socket = UnixListener::bind(&path).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
    assert_eq!(codes(&unix), [""; 0]);
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    if rustix::process::geteuid().is_root() {
        assert_eq!(codes(&unix), ["php-socket-closed"]);
    }
    drop(socket);
    assert_eq!(survey(&unix)[0].claim, "nobody listens here");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let tcp = config(top.path(), PhpBackend::At(PhpAddress::Tcp(address)));
    assert_eq!(codes(&tcp), [""; 0]);
    drop(listener);
    assert_eq!(codes(&tcp), ["php-unreachable"]);
}
