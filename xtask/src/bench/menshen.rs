//! This project's server, as it is measured: what differs from its defaults is what the rival has
//! too (no access log, everything open), and each row says whether uploads were flushed.
//!
//! It must never be given an advantage the rival's configuration does not get.

use std::fs;

use super::lab::{Lab, Store};
use super::load::{SERVER_CPU, pinned};
use crate::server::Server;

/// Starts a menshen on this store with this many workers.
pub(crate) fn start(lab: &Lab, store: Store, workers: usize) -> Result<Server, String> {
    let name = format!("menshen-{}", word(store));
    let folder = lab.disk.join("up").join(format!("state-{}", word(store)));
    let prepare = || {
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("menshen.toml"), configuration(lab, store, workers))
    };
    prepare().map_err(|e| format!("could not write {}: {e}", folder.display()))?;
    let mut command = pinned(SERVER_CPU, &lab.menshen);
    command.current_dir(&folder).args(["serve", "--config", "menshen.toml"]);
    let log = lab.conf().join(format!("{name}.log"));
    let mut server = Server::start(&name, &mut command, &log)?;
    server.wait_for(lab.plain_port(store), &log)?;
    server.wait_for(lab.tls_port(store), &log)?;
    Ok(server)
}

/// `menshen.toml` of a server under test.
pub(crate) fn configuration(lab: &Lab, store: Store, workers: usize) -> String {
    let certificate = lab.certificate();
    let key = certificate.with_extension("key");
    format!(
        "workers = {workers}

[web]
listen = [\"127.0.0.1:{tls}\"]
plain_listen = [\"127.0.0.1:{plain}\"]
plain = \"serve\"
root = \"{root}\"
durable = {durable}
access_log = \"off\"

[[web.public]]
path = \"/\"
access = \"write\"

[tls]
certificate = \"{certificate}\"
key = \"{key}\"

[admin]
listen = \"off\"

[limits]
connections_max = 19000
connections_per_address_max = 19000
",
        tls = lab.tls_port(store),
        plain = lab.plain_port(store),
        root = lab.root(store).display(),
        durable = store == Store::Durable,
        certificate = certificate.display(),
        key = key.display(),
    )
}

const fn word(store: Store) -> &'static str {
    match store {
        Store::Files => "files",
        Store::Ram => "ram",
        Store::Disk => "disk",
        Store::Durable => "durable",
    }
}
