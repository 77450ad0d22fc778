//! What stands in front of the server: the door, haproxy, or nothing.
//!
//! Tests connect to `localhost`, which for the client library is a unix socket; so each has one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::backend::{self, Backend, CONTROL_PASSWORD, CONTROL_USER};
use super::{Cache, Through, suite};
use crate::server::{self, Server};
use crate::shell;

/// A running proxy.
#[derive(Debug)]
pub(crate) struct Front {
    /// Where the tests connect.
    pub(crate) socket: PathBuf,
    /// The same on the loopback address.
    pub(crate) port: u16,
    server: Option<Server>,
    through: Through,
}

impl Front {
    /// Starts it in front of `backend`, with its files in `folder`.
    pub(crate) fn start(
        through: Through,
        backend: &Backend,
        menshen: &Path,
        folder: &Path,
    ) -> Result<Self, String> {
        let socket = folder.join("front.sock");
        let log = folder.join("front.log");
        let port = server::free_ports(1)?.pop().ok_or("no free port")?;
        let mut command = match through {
            Through::Nothing => {
                let (socket, port) = (backend.socket.clone(), backend.port()?);
                return Ok(Self { socket, port, server: None, through });
            }
            Through::Haproxy => haproxy(&socket, port, backend, folder)?,
            Through::Menshen => door(&socket, port, backend, menshen, folder)?,
        };
        let mut server = Server::start(&format!("{through:?}"), &mut command, &log)?;
        server.wait_until(&log, || UnixStream::connect(&socket).is_ok())?;
        Ok(Self { socket, port, server: Some(server), through })
    }

    /// Brings the query cache's settings back to what the tests expect to find, or with its type
    /// as ON.
    pub(crate) fn make_ready(&mut self, backend: &Backend, cache: Cache) -> Result<(), String> {
        if let Some(server) = &mut self.server
            && !server.is_alive()
        {
            return Err(format!("{:?} has ended; its log says why", self.through));
        }
        // A fall of the process behind the listener would show here, not in the middle of a test.
        backend::sql(&self.socket, SETTINGS)?;
        if cache == Cache::On {
            backend::sql(&self.socket, "SET GLOBAL query_cache_type = ON")?;
        }
        if self.through == Through::Menshen {
            let own = backend.sql("SELECT @@global.query_cache_type, @@global.query_cache_size")?;
            if own.trim() != "OFF\t0" {
                return Err(format!("the server's own cache is not off: {}", own.trim()));
            }
        }
        Ok(())
    }
}

fn haproxy(socket: &Path, port: u16, backend: &Backend, folder: &Path) -> Result<Command, String> {
    let program = shell::find("haproxy").ok_or("no haproxy: apt-get install haproxy")?;
    let config = folder.join("haproxy.cfg");
    let text = format!(
        "global\n  maxconn 500\ndefaults\n  mode tcp\n  timeout connect 5s\n  \
         timeout client 1h\n  timeout server 1h\n\
         frontend f\n  bind unix@{}\n  bind 127.0.0.1:{port}\n  default_backend b\n\
         backend b\n  server s unix@{}\n",
        socket.display(),
        backend.socket.display(),
    );
    fs::write(&config, text).map_err(|e| format!("{}: {e}", config.display()))?;
    let mut command = Command::new(program);
    command.arg("-db").arg("-f").arg(config);
    Ok(command)
}

fn door(
    socket: &Path,
    port: u16,
    backend: &Backend,
    menshen: &Path,
    folder: &Path,
) -> Result<Command, String> {
    let config = folder.join("menshen.toml");
    let password = folder.join("control.password");
    let written = |file: &Path, text: &str| {
        fs::write(file, text).map_err(|e| format!("{}: {e}", file.display()))
    };
    written(&password, CONTROL_PASSWORD)?;
    fs::set_permissions(&password, fs::Permissions::from_mode(0o600))
        .map_err(|e| format!("{}: {e}", password.display()))?;
    // Nobody else writes to this server, so the door needs no binary log; the defaults of the
    // cache are the server's own, which the tests know. The certificate is that of their server.
    let certificates = suite::home()?.join("std_data");
    let text = format!(
        "state = \"state\"\n\n[web]\nlisten = [\"127.0.0.1:0\"]\n\n[admin]\nlisten = \"off\"\n\n\
         [sql]\nlisten = [\"unix:{}\", \"127.0.0.1:{port}\"]\nupstream = \"unix:{}\"\n\
         control_user = \"{CONTROL_USER}\"\ncontrol_password_file = \"{}\"\n\
         without_binlog = \"sole-door\"\ncache_type = \"off\"\ncache_bytes_max = \"1MiB\"\n\
         result_bytes_max = \"1MiB\"\n\
         certificate = \"{certificates}/server-cert.pem\"\n\
         key = \"{certificates}/server-key.pem\"\n",
        socket.display(),
        backend.socket.display(),
        password.display(),
        certificates = certificates.display(),
    );
    written(&config, &text)?;
    let mut command = Command::new(menshen);
    command.current_dir(folder).args(["serve", "--config", "menshen.toml"]);
    Ok(command)
}

/// The server's defaults, which some tests expect and others leave changed; a size and ON for the
/// test that wants them comes from its own options file, which `--extern` does not read.
const SETTINGS: &str = "SET GLOBAL query_cache_type = DEFAULT, query_cache_limit = DEFAULT, \
    query_cache_min_res_unit = DEFAULT, query_cache_wlock_invalidate = DEFAULT, \
    query_cache_strip_comments = DEFAULT, query_cache_size = 1048576; \
    RESET QUERY CACHE; FLUSH STATUS";
