//! Who accepts the development certificates, and that the constraints really bind: rustls and the
//! OpenSSL command line.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::version::TLS13;

use crate::dev_ca::Reason;
use crate::dev_ca::authority::Authority;
use crate::dev_ca::leaf::Leaf;
use crate::memory_handshake::{client, handshake, made_for, worker};
use crate::names;
use crate::state_folder::StateFolder;
use crate::ticket::unix_seconds;

fn server(chain_pem: &str, key_pem: &str) -> Arc<ServerConfig> {
    let (chain, key) = (chain_pem.as_bytes(), key_pem.as_bytes());
    worker(chain, key, [0; 32], &[b"http/1.1"])
}

/// A leaf for any name, as somebody with the stolen authority key could make it.
fn forged(state: &Path, configured: &[&str], name: &str) -> Leaf {
    let parse = |list: &[&str]| {
        names::parse(&list.iter().map(|&name| name.to_owned()).collect::<Vec<_>>()).unwrap()
    };
    let now = i64::try_from(unix_seconds()).unwrap();
    let folder = StateFolder::open(state).unwrap();
    let authority: Result<Authority, Reason> =
        Authority::read(&folder, &parse(configured), now).unwrap();
    let Ok(authority) = authority else { panic!("the authority is not usable") };
    Leaf::issue(&authority, &parse(&[name]), now).unwrap()
}

#[test]
fn rustls_accepts_the_configured_names_and_loopback() {
    let state = tempfile::tempdir().unwrap();
    let (made, ca) = made_for(state.path(), &["localhost", "*.dev.example", "192.0.2.1"]);
    let client = client(&ca, &TLS13);
    let server = server(&made.chain_pem, &made.key_pem);
    for name in ["localhost", "a.dev.example", "127.0.0.1", "::1", "192.0.2.1"] {
        handshake(&client, &server, name).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    for name in ["dev.example", "a.b.dev.example", "a.localhost", "127.0.0.2", "example.com"] {
        let error = handshake(&client, &server, name).unwrap_err();
        assert!(format!("{error:?}").contains("NotValidForName"), "{name}: {error:?}");
    }
}

#[test]
fn rustls_refuses_what_is_outside_the_constraints() {
    for configured in [&["localhost", "*.dev.example"][..], &["192.0.2.1"], &[]] {
        let state = tempfile::tempdir().unwrap();
        let (_, ca) = made_for(state.path(), configured);
        let client = client(&ca, &TLS13);
        for name in ["example.com", "192.0.2.2", "127.0.0.2", "2001:db8::1"] {
            let leaf = forged(state.path(), configured, name);
            let error = handshake(&client, &server(&leaf.chain_pem, &leaf.key_pem), name);
            let error = format!("{:?}", error.map(drop).unwrap_err());
            assert!(error.contains("NameConstraintViolation"), "{configured:?} {name}: {error}");
        }
        // The same way of making one is accepted inside, so it is the name that is refused.
        let leaf = forged(state.path(), configured, "127.0.0.1");
        handshake(&client, &server(&leaf.chain_pem, &leaf.key_pem), "127.0.0.1").unwrap();
    }
}

#[test]
fn another_authority_is_not_trusted() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (made, _) = made_for(one.path(), &["localhost"]);
    let (_, other) = made_for(two.path(), &["localhost"]);
    let server = server(&made.chain_pem, &made.key_pem);
    let error = handshake(&client(&other, &TLS13), &server, "localhost").unwrap_err();
    assert!(format!("{error:?}").contains("UnknownIssuer"), "{error:?}");
}

/// What `openssl verify` says, and whether it accepted.
fn openssl_verify(state: &Path, leaf: &Path, name_option: &str, name: &str) -> (bool, String) {
    let output = Command::new("openssl")
        .args(["verify", "-x509_strict", "-purpose", "sslserver", "-no-CApath", "-CAfile"])
        .arg(state.join("ca.pem"))
        .args([name_option, name])
        .arg(leaf)
        .output()
        .expect("the test needs the openssl command, Debian package openssl");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn openssl_accepts_what_is_inside_and_refuses_what_is_not() {
    let configured = ["localhost", "*.dev.example"];
    let state = tempfile::tempdir().unwrap();
    made_for(state.path(), &configured);
    let leaf = state.path().join("dev-cert.pem");
    for (option, name) in [
        ("-verify_hostname", "localhost"),
        ("-verify_hostname", "a.dev.example"),
        ("-verify_ip", "127.0.0.1"),
        ("-verify_ip", "::1"),
    ] {
        let (accepted, said) = openssl_verify(state.path(), &leaf, option, name);
        assert!(accepted, "{name}: {said}");
    }
    for (option, name) in [("-verify_hostname", "example.com"), ("-verify_ip", "192.0.2.1")] {
        let forged = forged(state.path(), &configured, name);
        let path = state.path().join("forged.pem");
        std::fs::write(&path, &forged.chain_pem).unwrap();
        let (accepted, said) = openssl_verify(state.path(), &path, option, name);
        assert!(!accepted && said.contains("permitted subtree violation"), "{name}: {said}");
    }
}
