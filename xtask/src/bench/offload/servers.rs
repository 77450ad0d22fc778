//! The servers of `bench offload`: menshen with each delivery, and its rivals.
//!
//! Every server has two workers, or as many threads as it wants, on one processor. A rival must
//! never be set up worse than its own documentation advises.

use std::fs;
use std::path::Path;

use super::super::lab::{Lab, Listener, Store};
use super::super::load::{SERVER_CPU, pinned};
use super::super::pool::{Folders, Pool};
use super::super::{Only, menshen, nginx};
use crate::server::Server;
use crate::shell;

/// A server with its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// menshen; the spooled file takes the place of PHP's own.
    Swap,
    /// The same as it is by default: a file is on the disk before PHP hears of it. No rival
    /// promises that.
    Durable,
    /// menshen; form fields tell of the file.
    Fields,
    /// menshen; the body is sent again.
    Replay,
    /// nginx with its defaults: bodies and answers are buffered.
    Nginx,
    /// nginx that buffers nothing.
    Unbuffered,
    /// Caddy's `php_fastcgi`, which buffers nothing.
    Caddy,
}

/// A running server with its pool; stopped when dropped, the server first.
#[derive(Debug)]
pub(super) struct Running {
    /// The server's processes.
    pub(super) server: Server,
    /// PHP.
    pub(super) pool: Pool,
    /// Where HTTPS is spoken.
    pub(super) port: u16,
}

impl Running {
    /// Processor seconds so far: of the server, and of PHP.
    pub(super) fn cpu_secs(&self) -> [f64; 2] {
        [&self.server, &self.pool.server].map(|server| server.cpu_ns() as f64 / 1e9)
    }

    /// Bytes that server and PHP have caused to be written to the disk so far.
    pub(super) fn written_bytes(&self) -> f64 {
        (self.server.written_bytes() + self.pool.server.written_bytes()) as f64
    }
}

impl Kind {
    /// In the order they are measured.
    pub(super) const ALL: [Self; 7] = [
        Self::Swap,
        Self::Durable,
        Self::Fields,
        Self::Replay,
        Self::Nginx,
        Self::Unbuffered,
        Self::Caddy,
    ];

    /// What it is called in tables.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Swap => "menshen swap",
            Self::Durable => "menshen swap, flushed",
            Self::Fields => "menshen fields",
            Self::Replay => "menshen replay",
            Self::Nginx => "nginx",
            Self::Unbuffered => "nginx unbuffered",
            Self::Caddy => "Caddy",
        }
    }

    /// Whose it is; Caddy goes with the rival.
    pub(super) const fn only(self) -> Only {
        if self.is_ours() { Only::Menshen } else { Only::Nginx }
    }

    /// Whether it is this project.
    pub(super) const fn is_ours(self) -> bool {
        matches!(self, Self::Swap | Self::Durable | Self::Fields | Self::Replay)
    }

    /// Starts it with a fresh pool.
    pub(super) fn start(self, lab: &Lab) -> Result<Running, String> {
        shell::run(std::process::Command::new("sync").arg("-f").arg(&lab.disk))?;
        let prepend = matches!(self, Self::Swap | Self::Durable).then(|| menshen::prepend(lab));
        let pool = Pool::start(lab, prepend.as_deref())?;
        let port = match self {
            _ if self.is_ours() => lab.tls_port(Store::Php),
            _ => lab.nginx_port(Listener::Tls),
        };
        let server = match self {
            Self::Swap | Self::Durable | Self::Fields | Self::Replay => {
                menshen::start_offload(lab, &self.configuration(lab).1)?
            }
            Self::Nginx | Self::Unbuffered => self.start_rival(lab, "nginx", |file, command| {
                command.arg("-p").arg(lab.conf()).arg("-c").arg(file);
            })?,
            Self::Caddy => self.start_rival(lab, "caddy", |file, command| {
                command.args(["run", "--adapter", "caddyfile", "--config"]).arg(file);
                let home = lab.conf().join("caddy");
                command.env("XDG_DATA_HOME", &home).env("XDG_CONFIG_HOME", &home);
            })?,
        };
        Ok(Running { server, pool, port })
    }

    fn start_rival(
        self,
        lab: &Lab,
        program: &str,
        arguments: impl Fn(&Path, &mut std::process::Command),
    ) -> Result<Server, String> {
        let found = shell::find(program);
        let found =
            found.ok_or_else(|| format!("no {program} in PATH; install the package {program}"))?;
        let (name, text) = self.configuration(lab);
        let file = lab.conf().join(name);
        let spool = Folders::new(lab).spool("nginx");
        let prepare = || {
            fs::create_dir_all(&spool)?;
            fs::write(&file, text)
        };
        prepare().map_err(|e| format!("could not write {}: {e}", file.display()))?;
        let mut command = pinned(SERVER_CPU, &found);
        arguments(&file, &mut command);
        let log = lab.conf().join(format!("{program}-offload.log"));
        let mut server = Server::start(program, &mut command, &log)?;
        server.wait_for(lab.nginx_port(Listener::Tls), &log)?;
        Ok(server)
    }

    /// Its configuration, with the file's name.
    pub(super) fn configuration(self, lab: &Lab) -> (String, String) {
        let (name, text) = match self {
            Self::Swap => ("menshen-swap.toml", menshen::offload(lab, "swap")),
            Self::Durable => {
                let text = menshen::offload(lab, "swap");
                ("menshen-flushed.toml", text.replace("durable = false", "durable = true"))
            }
            Self::Fields => ("menshen-fields.toml", menshen::offload(lab, "fields")),
            Self::Replay => ("menshen-replay.toml", menshen::offload(lab, "replay")),
            Self::Nginx => ("nginx-offload.conf", nginx_configuration(lab, "")),
            Self::Unbuffered => ("nginx-unbuffered.conf", nginx_configuration(lab, UNBUFFERED)),
            Self::Caddy => ("Caddyfile", caddy_configuration(lab)),
        };
        (name.to_owned(), text)
    }
}

fn nginx_configuration(lab: &Lab, more: &str) -> String {
    let conf = lab.conf();
    let folders = Folders::new(lab);
    let spool = folders.spool("nginx");
    let certificate = lab.certificate();
    let user = if lab.is_root { "user www-data;\n" } else { "" };
    let temp: String = ["client_body", "fastcgi", "proxy", "uwsgi", "scgi"]
        .map(|kind| format!("  {kind}_temp_path {}/{kind};\n", spool.display()))
        .concat();
    format!(
        "{user}daemon off;
worker_processes 2;
worker_rlimit_nofile 20000;
pid {conf}/nginx-offload.pid;
error_log {conf}/nginx-offload-error.log crit;
events {{ worker_connections 19000; }}
http {{
  types {{ text/html html; }}
  default_type application/octet-stream;
  access_log off; server_tokens off;
  sendfile on; tcp_nopush on; tcp_nodelay on;
  keepalive_timeout 75; keepalive_requests 1000000000;
  client_max_body_size 0; client_body_timeout 600s; fastcgi_read_timeout 600s;
{temp}  ssl_certificate {certificate}; ssl_certificate_key {key};
  ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:SSL:10m;
  server {{
    listen 127.0.0.1:{port} ssl reuseport backlog=4096;
    root {site};
    location ~ \\.php$ {{
      fastcgi_pass unix:{socket};
      fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
{params}{more}    }}
    location /private/ {{ internal; root {outside}; }}
  }}
}}
",
        conf = conf.display(),
        certificate = certificate.display(),
        key = certificate.with_extension("key").display(),
        port = lab.nginx_port(Listener::Tls),
        site = folders.site().display(),
        socket = folders.socket().display(),
        params = nginx::FASTCGI_ALL,
        outside = folders.outside().display(),
    )
}

fn caddy_configuration(lab: &Lab) -> String {
    let folders = Folders::new(lab);
    let certificate = lab.certificate();
    format!(
        "{{
  admin off
  auto_https off
  log {{
    level ERROR
  }}
  servers {{
    protocols h1
  }}
}}
:{port} {{
  bind 127.0.0.1
  tls {certificate} {key}
  root * {site}
  php_fastcgi unix/{socket} {{
    @accel header X-Accel-Redirect *
    handle_response @accel {{
      root * {outside}
      rewrite * {{http.reverse_proxy.header.X-Accel-Redirect}}
      method * GET
      file_server
    }}
  }}
}}
",
        port = lab.nginx_port(Listener::Tls),
        certificate = certificate.display(),
        key = certificate.with_extension("key").display(),
        site = folders.site().display(),
        socket = folders.socket().display(),
        outside = folders.outside().display(),
    )
}

const UNBUFFERED: &str = "      fastcgi_request_buffering off; fastcgi_buffering off;\n";
