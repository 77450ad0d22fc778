//! TLS servers of others, with certificates made for the test.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::live::wait_for;
use super::peers::{Peer, find, free_address};

/// A folder with `rsa.pem`, `rsa.key`, `ec.pem`, `ec.key` for localhost, self-signed.
pub(crate) fn certificates() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, algorithm) in [("rsa", "rsa:2048"), ("ec", "ec")] {
        let mut command = Command::new("openssl");
        command.args(["req", "-x509", "-nodes", "-days", "30", "-newkey", algorithm]);
        if name == "ec" {
            command.args(["-pkeyopt", "ec_paramgen_curve:P-256"]);
        }
        command.args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]);
        command.args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")]);
        let output = command.current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    folder
}

/// `openssl s_server` with these arguments.
pub(crate) fn openssl(folder: &Path, arguments: &[&str]) -> (Peer, SocketAddr) {
    let address = free_address();
    let mut command = Command::new("openssl");
    command.current_dir(folder).args(["s_server", "-accept", &address.to_string(), "-www"]);
    command.args(["-cert", "rsa.pem", "-key", "rsa.key"]).args(arguments);
    (Peer::serve(&mut command, address), address)
}

/// A server that takes early data; ended when dropped. It reads its standard input, which must stay
/// open.
pub(crate) struct EarlyData(Child);

impl EarlyData {
    /// Starts it; -www and early data exclude each other.
    pub(crate) fn serve(folder: &Path) -> (Self, SocketAddr) {
        let address = free_address();
        let mut command = Command::new("openssl");
        command.current_dir(folder).args(["s_server", "-accept", &address.to_string()]);
        command.args(["-cert", "rsa.pem", "-key", "rsa.key", "-early_data", "-quiet"]);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Self(command.spawn().unwrap());
        wait_for("a server that serves", || TcpStream::connect(address).is_ok());
        (server, address)
    }
}

impl Drop for EarlyData {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// nginx with both kinds of certificates.
pub(crate) fn nginx(folder: &Path) -> Option<(Peer, SocketAddr)> {
    let nginx = find("nginx")?;
    let address = free_address();
    let here = folder.display();
    let text = format!(
        "daemon off; master_process off; pid {here}/nginx.pid; error_log {here}/error.log;\n\
         events {{}}\nhttp {{ access_log off; client_body_temp_path {here}/n1; \
         proxy_temp_path {here}/n2; fastcgi_temp_path {here}/n3; uwsgi_temp_path {here}/n4; \
         scgi_temp_path {here}/n5;\nserver {{ listen {address} ssl http2; server_name localhost; \
         ssl_certificate rsa.pem; ssl_certificate_key rsa.key; ssl_certificate ec.pem; \
         ssl_certificate_key ec.key; }} }}\n"
    );
    std::fs::write(folder.join("nginx.conf"), text).unwrap();
    let mut command = Command::new(nginx);
    command.current_dir(folder).arg("-p").arg(folder).arg("-c").arg(folder.join("nginx.conf"));
    Some((Peer::serve(&mut command, address), address))
}

/// GnuTLS's example server.
pub(crate) fn gnutls(folder: &Path, priority: &str) -> Option<(Peer, SocketAddr)> {
    let address = free_address();
    let mut command = Command::new(find("gnutls-serv")?);
    command.current_dir(folder).args(["--http", "--x509certfile=ec.pem", "--x509keyfile=ec.key"]);
    command.args([&format!("--port={}", address.port()), &format!("--priority={priority}")]);
    Some((Peer::serve(&mut command, address), address))
}

/// A server of Go's standard library, built here.
pub(crate) fn go(folder: &Path) -> Option<(Peer, SocketAddr)> {
    let go = find("go")?;
    let address = free_address();
    std::fs::write(folder.join("main.go"), GO_SERVER).unwrap();
    let output = Command::new(go)
        .current_dir(folder)
        .args(["build", "-o", "go-server", "main.go"])
        .env("GOCACHE", std::env::temp_dir().join("menshen-test-go"))
        .env("GO111MODULE", "off")
        .env("CGO_ENABLED", "0")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut command = Command::new(folder.join("go-server"));
    command.current_dir(folder).arg(address.to_string());
    Some((Peer::serve(&mut command, address), address))
}

const GO_SERVER: &str = r#"package main

import (
	"net/http"
	"os"
)

func main() {
	panic(http.ListenAndServeTLS(os.Args[1], "ec.pem", "ec.key", nil))
}
"#;
