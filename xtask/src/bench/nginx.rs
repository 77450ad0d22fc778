//! The rival: nginx as most people run it, and tuned; and PHP-FPM behind it.
//!
//! Each tuned listener differs from the default one in what its name says and in nothing else, so
//! that a row says which setting it was measured against. It must never be set up worse than its
//! own documentation advises.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::lab::{Lab, Listener};
use super::load::SERVER_CPU;
use crate::server::Server;
use crate::shell;

/// Starts nginx with this many workers.
pub(crate) fn start(lab: &Lab, workers: usize) -> Result<Server, String> {
    let program = shell::find("nginx").ok_or("no nginx in PATH; install the package nginx")?;
    let conf = lab.conf();
    let file = conf.join("nginx.conf");
    write(&file, &configuration(lab, workers))?;
    let mut command = super::load::pinned(SERVER_CPU, &program);
    command.arg("-p").arg(&conf).arg("-c").arg(&file);
    let log = conf.join("nginx.log");
    let mut server = Server::start("nginx", &mut command, &log)?;
    server.wait_for(lab.nginx_port(Listener::Plain), &log)?;
    Ok(server)
}

/// Starts PHP-FPM on nginx's processor.
pub(crate) fn start_fpm(lab: &Lab) -> Result<Server, String> {
    let program = fpm_program()?;
    let file = lab.conf().join("php-fpm.conf");
    write(&file, &fpm_configuration(lab))?;
    write(&lab.files().join("form.php"), FORM_SCRIPT)?;
    write(&lab.files().join("one.php"), "<?php echo 1;")?;
    write(&lab.files().join("20k.php"), "<?php echo str_repeat('0123456789abcdef', 1280);")?;
    let mut command: Command = super::load::pinned(SERVER_CPU, &program);
    command.arg("--nodaemonize").arg("--fpm-config").arg(&file);
    if lab.is_root {
        command.arg("--allow-to-run-as-root");
    }
    let log = lab.conf().join("php-fpm.log");
    let sockets = ["php.sock", "php-kept.sock"].map(|name| lab.ram.join(name));
    let mut server = Server::start("php-fpm", &mut command, &log)?;
    server.wait_until(&log, || sockets.iter().all(|socket| socket.exists()))?;
    Ok(server)
}

/// The newest php-fpm that is installed, Debian's first.
pub(crate) fn fpm_program() -> Result<PathBuf, String> {
    let program = FPM.iter().find_map(|name| shell::find(name));
    program.ok_or_else(|| "no php-fpm in PATH; install the package php8.2-fpm".to_owned())
}

/// `nginx.conf` with all listeners.
pub(crate) fn configuration(lab: &Lab, workers: usize) -> String {
    let conf = lab.conf();
    let conf = conf.display();
    let certificate = lab.certificate();
    let key = certificate.with_extension("key");
    let user = if lab.is_root { "user root;\n" } else { "" };
    let temp: String = ["fastcgi", "proxy", "uwsgi", "scgi"]
        .map(|kind| format!("  {kind}_temp_path {conf}/{kind};\n"))
        .concat();
    let servers = [
        server(lab, Listener::Plain, &uploads(lab)),
        server(lab, Listener::PlainFileCache, FILE_CACHE),
        server(lab, Listener::PlainNoPush, "    tcp_nopush off;\n"),
        server(lab, Listener::Tls, &(uploads(lab) + &pages(lab))),
        server(lab, Listener::TlsFileCache, FILE_CACHE),
        server(lab, Listener::TlsLargeBuffers, &format!("{FILE_CACHE}{LARGE_BUFFERS}")),
    ]
    .concat();
    format!(
        "{user}daemon off;
worker_processes {workers};
worker_rlimit_nofile 20000;
pid {conf}/nginx.pid;
error_log {conf}/nginx-error.log crit;
events {{ worker_connections 19000; multi_accept off; use epoll; }}
http {{
  types {{ text/html html; }}
  default_type application/octet-stream;
  access_log off; server_tokens off;
  sendfile on; tcp_nopush on; tcp_nodelay on;
  keepalive_timeout 75; keepalive_requests 1000000000;
  client_max_body_size 0; client_body_timeout 600s;
  client_body_temp_path {ram}/nginx/.body;
{temp}  ssl_certificate {certificate}; ssl_certificate_key {key};
  ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:SSL:10m;
  upstream php_fresh {{ server unix:{ram}/php.sock; }}
  upstream php_kept {{ server unix:{ram}/php-kept.sock; keepalive 64; }}
{servers}}}
",
        ram = lab.ram.display(),
        certificate = certificate.display(),
        key = key.display(),
    )
}

/// The pools that take forms and pages: one for fresh connections, and its twin for kept ones,
/// which would hold the workers of a shared pool between their requests.
pub(crate) fn fpm_configuration(lab: &Lab) -> String {
    let conf = lab.conf();
    let conf = conf.display();
    let ram = lab.ram.display();
    let user = if lab.is_root { "user = root\ngroup = root\n" } else { "" };
    let pools = [("www", "php.sock"), ("kept", "php-kept.sock")].map(|(name, socket)| {
        format!(
            "[{name}]
{user}listen = {ram}/{socket}
listen.mode = 0666
pm = static
pm.max_children = {FPM_CHILDREN}
pm.max_requests = 0
php_admin_value[opcache.enable] = 1
php_admin_value[upload_max_filesize] = 1G
php_admin_value[post_max_size] = 1G
php_admin_value[memory_limit] = 256M
php_admin_value[upload_tmp_dir] = {ram}/nginx/form
"
        )
    });
    format!(
        "[global]
pid = {conf}/php-fpm.pid
error_log = {conf}/php-fpm-error.log
{}",
        pools.concat()
    )
}

fn server(lab: &Lab, listener: Listener, lines: &str) -> String {
    let tls = match listener {
        Listener::Tls | Listener::TlsFileCache | Listener::TlsLargeBuffers => " ssl",
        _ => "",
    };
    format!(
        "  server {{
    listen 127.0.0.1:{}{tls} reuseport backlog=4096;
    root {};
{lines}  }}
",
        lab.nginx_port(listener),
        lab.files().display()
    )
}

/// `put` in memory and `disk` on disk, each also with a large body buffer; `form` goes to PHP.
fn uploads(lab: &Lab) -> String {
    let folders = lab.nginx_folders();
    let mut lines = String::new();
    for (name, folder) in ["put", "disk"].iter().zip(&folders) {
        for (suffix, extra) in [("", ""), ("256", " client_body_buffer_size 256k;")] {
            // The temporary file on the target's own file system: else a copy replaces the rename.
            lines += &format!(
                "    location /{name}{suffix}/ {{ alias {folder}/put/; dav_methods PUT; \
                 client_body_temp_path {folder}/.body;{extra} }}\n",
                folder = folder.display()
            );
        }
    }
    let script = lab.files().join("form.php");
    let forms = [
        ("form", "php_fresh", ""),
        ("form-tuned", "php_kept", " fastcgi_keep_conn on; client_body_buffer_size 256k;"),
    ];
    for (name, upstream, extra) in forms {
        lines += &format!(
            "    location = /{name} {{ fastcgi_pass {upstream};{extra} \
             fastcgi_param SCRIPT_FILENAME {}; fastcgi_param TARGET {}/form; {FASTCGI} }}\n",
            script.display(),
            folders[0].display()
        );
    }
    lines
}

/// Small PHP pages, over a fresh FastCGI connection each and below `/kept/` over kept ones.
fn pages(lab: &Lab) -> String {
    let mut lines = String::new();
    for name in ["one.php", "20k.php"] {
        let kinds = [("", "php_fresh", ""), ("/kept", "php_kept", " fastcgi_keep_conn on;")];
        for (prefix, upstream, extra) in kinds {
            lines += &format!(
                "    location = {prefix}/{name} {{\n      fastcgi_pass {upstream};{extra}\n      \
                 fastcgi_param SCRIPT_FILENAME {};\n{FASTCGI_ALL}    }}\n",
                lab.files().join(name).display()
            );
        }
    }
    lines
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|e| format!("could not write {}: {e}", file.display()))
}

/// Workers of each pool.
pub(crate) const FPM_CHILDREN: u32 = 16;
const FPM: [&str; 5] = ["php-fpm8.2", "php-fpm8.4", "php-fpm8.3", "php-fpm8.1", "php-fpm"];
const FILE_CACHE: &str = "    open_file_cache max=1000 inactive=60s;\n    \
                          open_file_cache_valid 30s; open_file_cache_min_uses 1;\n";
const LARGE_BUFFERS: &str = "    ssl_buffer_size 64k; sendfile off; output_buffers 2 128k;\n";
const FASTCGI: &str = "fastcgi_param REQUEST_METHOD $request_method; \
                       fastcgi_param CONTENT_TYPE $content_type; \
                       fastcgi_param CONTENT_LENGTH $content_length; \
                       fastcgi_param QUERY_STRING $query_string; \
                       fastcgi_param REQUEST_URI $request_uri; \
                       fastcgi_param SERVER_PROTOCOL $server_protocol;";
/// Everything else of nginx's own `fastcgi.conf`, as an application expects it.
pub(crate) const FASTCGI_ALL: &str = "\
      fastcgi_param QUERY_STRING $query_string;
      fastcgi_param REQUEST_METHOD $request_method;
      fastcgi_param CONTENT_TYPE $content_type;
      fastcgi_param CONTENT_LENGTH $content_length;
      fastcgi_param SCRIPT_NAME $fastcgi_script_name;
      fastcgi_param REQUEST_URI $request_uri;
      fastcgi_param DOCUMENT_URI $document_uri;
      fastcgi_param DOCUMENT_ROOT $document_root;
      fastcgi_param SERVER_PROTOCOL $server_protocol;
      fastcgi_param REQUEST_SCHEME $scheme;
      fastcgi_param HTTPS $https if_not_empty;
      fastcgi_param GATEWAY_INTERFACE CGI/1.1;
      fastcgi_param SERVER_SOFTWARE nginx/$nginx_version;
      fastcgi_param REMOTE_ADDR $remote_addr;
      fastcgi_param REMOTE_PORT $remote_port;
      fastcgi_param SERVER_ADDR $server_addr;
      fastcgi_param SERVER_PORT $server_port;
      fastcgi_param SERVER_NAME $server_name;
      fastcgi_param REDIRECT_STATUS 200;
";
/// Keeps the file, as menshen does, and says so in a few bytes.
const FORM_SCRIPT: &str = "\
<?php
$file = $_FILES['f'] ?? null;
$target = $_SERVER['TARGET'] . '/' . basename($file['name'] ?? 'none');
if (!$file || !move_uploaded_file($file['tmp_name'], $target)) {
    http_response_code(500);
}
echo $file['size'] ?? 0;
";
