//! nginx with a php-fpm pool of its own, as the applications' own documentation sets it up.
//!
//! Here for comparison only: a step that fails behind both servers is the application's failure.

use std::fs;
use std::path::Path;

use super::Front;
use super::application::Application;
use super::lab::{Lab, Place};
use crate::server::{Server, free_ports};
use crate::shell;

/// Starts both on a free port.
pub(crate) fn start(lab: &Lab, place: &Place, application: &Application) -> Result<Front, String> {
    let fpm = FPM.iter().find_map(|name| shell::find(name));
    let fpm = fpm.ok_or("no php-fpm in PATH; install the package php-fpm")?;
    let nginx = shell::find("nginx").ok_or("no nginx in PATH; install the package nginx")?;
    let port = free_ports(1)?[0];

    let pool = place.server.join("php-fpm.conf");
    write(&pool, &pool_configuration(place))?;
    let mut command = lab.account.command(&fpm);
    command.arg("--nodaemonize").arg("--fpm-config").arg(&pool);
    let fpm_log = place.server.join("php-fpm.log");
    let mut fpm = Server::start("php-fpm", &mut command, &fpm_log)?;
    let socket = place.server.join("php.sock");
    fpm.wait_until(&fpm_log, || socket.exists())?;

    let file = place.server.join("nginx.conf");
    write(&file, &configuration(lab, place, application, port))?;
    let mut command = lab.account.command(&nginx);
    command.arg("-p").arg(&place.server).arg("-c").arg(&file);
    let log = place.server.join("nginx.log");
    let mut server = Server::start("nginx", &mut command, &log)?;
    server.wait_for(port, &log)?;
    Ok(Front {
        servers: vec![server, fpm],
        port,
        status: Vec::new(),
        logs: vec![fpm_log, place.server.join("error.log"), place.server.join("access.log")],
    })
}

fn configuration(lab: &Lab, place: &Place, application: &Application, port: u16) -> String {
    let certificate = lab.certificate();
    format!(
        "daemon off;
worker_processes 2;
pid {server}/nginx.pid;
error_log {server}/error.log;
events {{ }}
http {{
  include /etc/nginx/mime.types;
  default_type application/octet-stream;
  access_log {server}/access.log;
  sendfile on; gzip on;
  client_max_body_size 2g;
  client_body_temp_path {server}/body;
  fastcgi_temp_path {server}/fastcgi;
  proxy_temp_path {server}/proxy; scgi_temp_path {server}/scgi; uwsgi_temp_path {server}/uwsgi;
  fastcgi_read_timeout 600s;
  server {{
    listen 127.0.0.1:{port} ssl http2;
    server_name {name}.localhost;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    root {root};
    index index.php index.html;
{lines}    location ~ ^.+?\\.php(/|$) {{
      fastcgi_split_path_info ^(.+?\\.php)(/.*)?$;
      if (!-f $document_root$fastcgi_script_name) {{ return 404; }}
      include /etc/nginx/fastcgi_params;
      # Debian's parameters name the host without its port.
      fastcgi_param HTTP_HOST $http_host;
      fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
      fastcgi_param PATH_INFO $fastcgi_path_info;
      fastcgi_pass unix:{server}/php.sock;
    }}
  }}
}}
",
        server = place.server.display(),
        name = application.name,
        certificate = certificate.display(),
        key = certificate.with_extension("key").display(),
        root = place.root.display(),
        lines = application.nginx,
    )
}

/// The pool; its limits are those of the guide.
fn pool_configuration(place: &Place) -> String {
    let server = place.server.display();
    format!(
        "[global]
pid = {server}/php-fpm.pid
error_log = {server}/php-fpm-error.log
[www]
listen = {server}/php.sock
pm = static
pm.max_children = 4
catch_workers_output = yes
php_admin_value[upload_max_filesize] = 2G
php_admin_value[post_max_size] = 2G
php_admin_value[max_execution_time] = 600
php_admin_value[memory_limit] = 512M
php_admin_value[error_log] = {server}/php-error.log
php_admin_flag[log_errors] = on
php_admin_value[upload_tmp_dir] = {server}
php_admin_value[session.save_path] = {server}
"
    )
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|e| format!("could not write {}: {e}", file.display()))
}

const FPM: [&str; 5] = ["php-fpm8.2", "php-fpm8.4", "php-fpm8.3", "php-fpm8.1", "php-fpm"];
