//! A private certificate authority made with openssl: a root, an intermediate with a database, and
//! leaves with any extensions.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use tempfile::TempDir;

use super::peers::{Peer, free_address};

/// A root with one intermediate.
pub(crate) struct Authority {
    pub(crate) folder: TempDir,
    /// Where the folder `public` is served over HTTP.
    pub(crate) http: SocketAddr,
    _server: Peer,
}

/// What a leaf is made of.
pub(crate) struct Leaf<'a> {
    /// Name of its files.
    pub(crate) file: &'a str,
    /// Such as `/CN=localhost`.
    pub(crate) subject: &'a str,
    /// Lines of extensions; `HTTP` stands for the authority's web address.
    pub(crate) extensions: &'a str,
    /// Begin and end as openssl writes them, `20260101000000Z`; None: 30 days from now.
    pub(crate) times: Option<(&'a str, &'a str)>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::create_dir(path.join("public")).unwrap();
        let http = free_address();
        let mut server = Command::new("python3");
        server.args(["-m", "http.server", "--bind", "127.0.0.1", &http.port().to_string()]);
        let server = Peer::serve(server.arg("--directory").arg(path.join("public")), http);
        let authority = Self { folder, http, _server: server };
        authority.write("index.txt", "");
        authority.write("serial", "1001\n");
        authority.write("crlnumber", "01\n");
        authority.write("ca.cnf", CA);
        authority.request("root", "/O=Menshen Test/CN=Test Root");
        let selfsign = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n\
            subjectKeyIdentifier=hash\n";
        authority.write("root.ext", selfsign);
        authority.openssl(
            "x509 -req -in root.csr -signkey root.key -days 3650 -extfile root.ext \
            -out root.pem",
        );
        authority.request("middle", "/O=Menshen Test/CN=Test Intermediate");
        authority.write("middle.ext", &format!("{selfsign}authorityKeyIdentifier=keyid\n"));
        authority.openssl(
            "x509 -req -in middle.csr -CA root.pem -CAkey root.key -set_serial 77 \
            -days 1800 -extfile middle.ext -out middle.pem",
        );
        authority.openssl("x509 -in middle.pem -outform DER -out public/middle.der");
        authority
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Issues a leaf: `FILE.key`, `FILE.pem` and `FILE.chain`, the latter with the intermediate.
    pub(crate) fn issue(&self, leaf: &Leaf<'_>) {
        let file = leaf.file;
        self.request(file, leaf.subject);
        let web = format!("http://{}", self.http);
        let mut extensions = String::from(
            "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n\
             extendedKeyUsage=serverAuth\nsubjectKeyIdentifier=hash\n\
             authorityKeyIdentifier=keyid\n",
        );
        let _ = writeln!(extensions, "{}", leaf.extensions.replace("HTTP", &web));
        self.write(&format!("{file}.ext"), &extensions);
        let times = match leaf.times {
            Some((begin, end)) => format!("-startdate {begin} -enddate {end}"),
            None => "-days 30".into(),
        };
        self.openssl(&format!(
            "ca -batch -notext -config ca.cnf -in {file}.csr -extfile {file}.ext {times} \
             -preserveDN -out {file}.pem"
        ));
        self.write(
            &format!("{file}.chain"),
            &[self.text(&format!("{file}.pem")), self.text("middle.pem")].concat(),
        );
    }

    /// Puts a fresh revocation list where `HTTP/list.crl` is.
    pub(crate) fn publish_list(&self) {
        self.openssl("ca -gencrl -config ca.cnf -crldays 7 -out list.pem");
        self.openssl("crl -in list.pem -outform DER -out public/list.crl");
    }

    /// An OCSP responder over the database. It must not be probed: one empty connection ends it.
    /// It signs with the key of `signer`.
    pub(crate) fn respond(&self, address: SocketAddr, signer: &str) -> Responder {
        let port = address.port().to_string();
        let mut command = Command::new("openssl");
        command.current_dir(self.folder.path()).args(["ocsp", "-index", "index.txt"]);
        command
            .args(["-CA", "middle.pem", "-rsigner", &format!("{signer}.pem")])
            .args(["-rkey", &format!("{signer}.key")]);
        command.args(["-ndays", "1", "-port", &port]).stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("waiting for OCSP client connections") {
            line.clear();
            assert_ne!(lines.read_line(&mut line).unwrap(), 0, "openssl ocsp ended");
        }
        Responder(child, lines)
    }

    /// Runs openssl in the folder; arguments are parted by blanks.
    pub(crate) fn openssl(&self, arguments: &str) {
        let output = Command::new("openssl")
            .current_dir(self.folder.path())
            .args(arguments.split_whitespace())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments}: {error}");
    }

    /// A server with the certificates of `chain` and more arguments; where it listens.
    pub(crate) fn serve(&self, chain: &str, key: &str, more: &str) -> (Peer, SocketAddr) {
        let address = free_address();
        let mut command = Command::new("openssl");
        command.current_dir(self.folder.path()).args(["s_server", "-quiet", "-naccept", "100"]);
        command.args(["-accept", &address.to_string(), "-cert", chain, "-key", key]);
        command.args(["-cert_chain", chain]).args(more.split_whitespace());
        (Peer::serve(&mut command, address), address)
    }

    fn request(&self, file: &str, subject: &str) {
        self.openssl(&format!("ecparam -name prime256v1 -genkey -noout -out {file}.key"));
        let output = Command::new("openssl")
            .current_dir(self.folder.path())
            .args(["req", "-new", "-key", &format!("{file}.key"), "-subj", subject, "-utf8"])
            .args(["-out", &format!("{file}.csr")])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A running OCSP responder; ended when dropped.
pub(crate) struct Responder(
    Child,
    #[expect(dead_code, reason = "open, so it can write")] BufReader<ChildStderr>,
);

impl Drop for Responder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The chain's parts in another order.
pub(crate) fn join(folder: &Path, out: &str, parts: &[&str]) {
    let text: Vec<String> =
        parts.iter().map(|part| fs::read_to_string(folder.join(part)).unwrap()).collect();
    fs::write(folder.join(out), text.concat()).unwrap();
}

const CA: &str = "
[ca]
default_ca = here
[here]
dir = .
database = ./index.txt
serial = ./serial
crlnumber = ./crlnumber
new_certs_dir = .
certificate = ./middle.pem
private_key = ./middle.key
default_md = sha256
policy = any
unique_subject = no
crl_extensions = list
[list]
authorityKeyIdentifier = keyid
[any]
countryName = optional
stateOrProvinceName = optional
localityName = optional
organizationName = optional
commonName = optional
businessCategory = optional
serialNumber = optional
";
