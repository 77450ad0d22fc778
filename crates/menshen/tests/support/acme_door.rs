//! A menshen whose certificates are kept, the authority that issues them, and visitors that trust
//! nobody else.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use menshen_sys::{Slot, SlotState};
use menshen_tls::fingerprint;
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;
use tempfile::TempDir;

use super::live::{self, Live};
use super::pebble::{Pebble, Settings};
use super::peers::free_address;

/// A connection whose handshake is done.
pub(crate) type Secure = StreamOwned<ClientConnection, TcpStream>;

/// Where a door listens: authorities have to know before it is opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) https: SocketAddr,
    pub(crate) plain: SocketAddr,
}

impl Ports {
    pub(crate) fn new() -> Self {
        Self { https: free_address(), plain: free_address() }
    }

    /// An authority that looks for its answers there.
    pub(crate) fn pebble(self, life_seconds: Option<u64>) -> Option<Pebble> {
        Pebble::start(Settings {
            http_port: self.plain.port(),
            tls_port: self.https.port(),
            refused_nonces: 20,
            life_seconds,
            binding: None,
        })
    }

    /// Settings of a door there with names (`"a.test", "b.test"`) to be kept, and more lines of
    /// `[acme]`.
    pub(crate) fn settings(self, pebble: &Pebble, names: &str, acme: &str) -> String {
        let Self { https, plain } = self;
        let (url, roots) = (pebble.url(), pebble.path("root.pem"));
        let roots = roots.display();
        format!(
            "workers = 2\ntls = {{ acme = [{names}] }}\n[acme]\ndns_wait_seconds = 0\n{acme}\n\
             [[acme.directory]]\nurl = \"{url}\"\nroots = \"{roots}\"\n\
             [web]\nlisten = [\"{https}\"]\nplain_listen = [\"{plain}\"]\n\
             access_log = \"access.log\"\n[[web.public]]\npath = \"/\"\naccess = \"read\"\n\
             [admin]\nlisten = \"off\"\n"
        )
    }
}

/// A folder with these settings and the usual files; everybody may look into it, so what nobody
/// may read is closed by its own rights.
pub(crate) fn folder(settings: &str) -> TempDir {
    let folder = live::folder("");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open).unwrap();
    configure(folder.path(), settings);
    folder
}

/// Replaces the settings.
pub(crate) fn configure(folder: &Path, settings: &str) {
    std::fs::write(folder.join("menshen.toml"), settings).unwrap();
}

/// Starts it and waits until the door is open.
pub(crate) fn open(folder: TempDir) -> Live {
    let command = live::command(folder.path(), &["serve"]);
    Live::start_command(folder, command)
}

/// Ends with a failure that shows the log of `live`, if `condition` does not hold within a minute.
pub(crate) fn until(live: &Live, what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(
            Instant::now() < end,
            "waited in vain for {what}; status: {:#}; handshakes: {}; log: {}",
            status(live)["certificates"],
            String::from_utf8_lossy(&live.run(&["explain", "https", "--clients"]).stdout),
            live.log()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What `menshen status --json` says.
pub(crate) fn status(live: &Live) -> Value {
    let output = live.run(&["status", "--json"]);
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

/// What status says of a name; null when it says nothing.
pub(crate) fn row(live: &Live, name: &str) -> Value {
    let status = status(live);
    let rows = status["certificates"].as_array().into_iter().flatten();
    rows.into_iter().find(|row| row["name"] == name).cloned().unwrap_or_default()
}

/// Waits until the keeper saw a name's certificate served; what status says of it then.
pub(crate) fn until_served(live: &Live, name: &str) -> Value {
    until(live, name, || {
        let row = row(live, name);
        row["state"] == "kept" && row["served"] == true
    });
    row(live, name)
}

/// Process ids of the workers.
pub(crate) fn pids(live: &Live) -> Vec<u64> {
    live.workers(SlotState::Ready).iter().map(Slot::pid).collect()
}

/// The keeper's process id, a child of the guard.
pub(crate) fn keeper(live: &Live) -> Option<u32> {
    let guard = live.child.id();
    let children = std::fs::read_to_string(format!("/proc/{guard}/task/{guard}/children"));
    let children = children.unwrap_or_default();
    children.split_whitespace().filter_map(|pid| pid.parse().ok()).find(|pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.starts_with(b"menshen: keeper")
    })
}

/// A client that trusts only this root (PEM), and always shakes hands in full.
pub(crate) fn visitor(root_pem: &str) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(root_pem.as_bytes()).unwrap()).unwrap();
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.resumption = Resumption::disabled();
    Arc::new(config)
}

/// Connects and shakes hands as one who wants `name`.
pub(crate) fn visit(
    client: &Arc<ClientConfig>,
    address: SocketAddr,
    name: &str,
) -> io::Result<Secure> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(Duration::from_secs(30)))?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut tls = ClientConnection::new(Arc::clone(client), name).unwrap();
    while tls.is_handshaking() {
        tls.complete_io(&mut socket)?;
    }
    Ok(StreamOwned::new(tls, socket))
}

/// The fingerprint of the certificate a visitor was shown.
pub(crate) fn shown(visit: &Secure) -> String {
    fingerprint(&visit.conn.peer_certificates().unwrap()[0])
}

/// The text of a file as the workers' user may read it: none where it may not.
pub(crate) fn read_as_nobody(path: &Path) -> Option<Vec<u8>> {
    use std::os::unix::process::CommandExt;
    let output = Command::new("cat").arg(path).uid(65_534).gid(65_534).output().unwrap();
    output.status.success().then_some(output.stdout)
}
