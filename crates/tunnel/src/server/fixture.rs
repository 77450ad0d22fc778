//! For tests: a door without sockets, and users whose password is `testpass`.

use std::io::Write;
use std::path::Path;
use std::rc::Rc;

use menshen_tunnel_core::auth::{Method, Secret};
use menshen_tunnel_core::ppp::Mppe;
use tempfile::TempDir;

use super::door::Door;
use super::{Limits, Pptp, Settings, Times, users};

/// A door with these users, `name` or `name:address`; `change` has the last word on its settings.
pub(super) fn door(names: &[&str], change: impl FnOnce(&mut Settings)) -> (TempDir, Rc<Door>) {
    let folder = tempfile::tempdir().unwrap();
    write_users(folder.path(), names);
    let mut settings = Settings {
        users: folder.path().join("users"),
        addresses: ([10, 77, 0, 0].into(), 24),
        leases: None,
        dns: Vec::new(),
        routes: Vec::new(),
        domain: None,
        interface: "ms%d".to_owned(),
        mru: 1400,
        limits: Limits::default(),
        times: Times::default(),
        rate: None,
        pptp: Pptp { mppe: Mppe::Off, host: "door".to_owned(), vendor: "menshen".to_owned() },
        sstp_methods: vec![Method::MsChapV2],
        accounting: None,
    };
    change(&mut settings);
    (folder, Rc::new(Door::new(settings).unwrap()))
}

/// These are the users from now on.
pub(super) fn write_users(folder: &Path, names: &[&str]) {
    let lines = names.iter().map(|name| {
        let (name, address) = name
            .split_once(':')
            .map_or((*name, None), |(name, address)| (name, Some(address.parse().unwrap())));
        users::format(name, &Secret::new(b"testpass"), address) + "\n"
    });
    let mut file = tempfile::NamedTempFile::new_in(folder).unwrap();
    file.write_all(lines.collect::<String>().as_bytes()).unwrap();
    file.persist(folder.join("users")).unwrap();
}
