//! This project's server, as it is measured: what differs from its defaults is what the rival has
//! too (no access log, everything open), and each row says whether uploads were flushed.
//!
//! It must never be given an advantage the rival's configuration does not get.

use std::fs;
use std::path::PathBuf;

use super::lab::{Lab, Store};
use super::load::{SERVER_CPU, pinned};
use super::nginx::FPM_CHILDREN;
use super::pool::{Folders, WORKERS};
use crate::server::Server;

/// Starts a menshen on this store with this many workers.
pub(crate) fn start(lab: &Lab, store: Store, workers: usize) -> Result<Server, String> {
    let mut ports = vec![lab.tls_port(store)];
    if store != Store::Php {
        ports.push(lab.plain_port(store));
    }
    start_with(lab, word(store), &configuration(lab, store, workers), &ports)
}

/// Starts a menshen with the configuration of `bench offload`.
pub(crate) fn start_offload(lab: &Lab, configuration: &str) -> Result<Server, String> {
    start_with(lab, "offload", configuration, &[lab.tls_port(Store::Php)])
}

/// Where a menshen started by [`start`] has its configuration, `menshen.toml`.
pub(crate) fn folder(lab: &Lab, store: Store) -> PathBuf {
    lab.disk.join("up").join(format!("state-{}", word(store)))
}

fn start_with(lab: &Lab, word: &str, configuration: &str, ports: &[u16]) -> Result<Server, String> {
    let name = format!("menshen-{word}");
    let folder = lab.disk.join("up").join(format!("state-{word}"));
    let prepare = || {
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("menshen.toml"), configuration)
    };
    prepare().map_err(|e| format!("could not write {}: {e}", folder.display()))?;
    let mut command = pinned(SERVER_CPU, &lab.menshen);
    command.current_dir(&folder).args(["serve", "--config", "menshen.toml"]);
    let log = lab.conf().join(format!("{name}.log"));
    let mut server = Server::start(&name, &mut command, &log)?;
    for port in ports {
        server.wait_for(*port, &log)?;
    }
    Ok(server)
}

/// `menshen.toml` of a server under test.
pub(crate) fn configuration(lab: &Lab, store: Store, workers: usize) -> String {
    if store == Store::Php {
        return pages(lab, workers);
    }
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

/// `menshen.toml` of `bench offload` with this delivery.
pub(crate) fn offload(lab: &Lab, delivery: &str) -> String {
    let folders = Folders::new(lab);
    let user = if lab.is_root { "user = \"www-data\"\n" } else { "" };
    let rule = if delivery == "fields" {
        "[[site.rule]]
path = \"/up.php\"
delivery = \"fields\"
fields = [\"${field_name}_path = $path\"]
"
        .to_owned()
    } else {
        format!("[[site.rule]]\npath = \"/up.php\"\ndelivery = \"{delivery}\"\n")
    };
    format!(
        "{user}workers = 2

[[site]]
root = \"{site}\"
php = \"unix:{socket}\"

{rule}
[[site.mount]]
path = \"/private/\"
root = \"{private}\"
internal = true

[php]
folder = \"{folder}\"

[[php.pool]]
address = \"unix:{socket}\"
workers = {WORKERS}
status_listen = \"unix:{status}\"
status_path = \"/status\"

{common}",
        site = folders.site().display(),
        socket = folders.socket().display(),
        private = folders.private().display(),
        folder = php_folder(lab).display(),
        status = folders.status().display(),
        common = php_common(lab),
    )
}

/// The script that PHP has to run before all others for `swap`.
pub(crate) fn prepend(lab: &Lab) -> PathBuf {
    php_folder(lab).join("prepend.php")
}

/// On the disk of PHP's upload folder, so that a file can be moved between them.
fn php_folder(lab: &Lab) -> PathBuf {
    Folders::new(lab).spool("menshen")
}

/// `menshen.toml` of `bench fastcgi`.
fn pages(lab: &Lab, workers: usize) -> String {
    let socket = lab.ram.join("php.sock");
    format!(
        "workers = {workers}

[[site]]
root = \"{root}\"
php = \"unix:{socket}\"

[[php.pool]]
address = \"unix:{socket}\"
workers = {FPM_CHILDREN}

{common}",
        root = lab.files().display(),
        socket = socket.display(),
        common = php_common(lab),
    )
}

fn php_common(lab: &Lab) -> String {
    let certificate = lab.certificate();
    format!(
        "[web]
listen = [\"127.0.0.1:{port}\"]
durable = false
access_log = \"off\"

[tls]
certificate = \"{certificate}\"
key = \"{key}\"

[admin]
listen = \"off\"

[limits]
connections_max = 19000
connections_per_address_max = 19000
",
        port = lab.tls_port(Store::Php),
        certificate = certificate.display(),
        key = certificate.with_extension("key").display(),
    )
}

const fn word(store: Store) -> &'static str {
    match store {
        Store::Files => "files",
        Store::Ram => "ram",
        Store::Disk => "disk",
        Store::Durable => "durable",
        Store::Php => "php",
    }
}
