//! SSTP clients through a door that ends TLS and hands the connection over, as the web door does.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;

use menshen_net::handover::{self, Early, Handover, Kind};
use menshen_tunnel::server::Bearer;
use menshen_tunnel_core::auth::Method;
use menshen_tunnel_core::ppp::Cause;
use menshen_tunnel_core::sstp::Certificate;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::UnixStream;
use tokio_rustls::TlsAcceptor;

use crate::client::{Who, sstp};
use crate::place::Place;
use crate::pptp::{call_request, plain};
use crate::space::{Space, both_ways};

const ANNA: Who<'static> = Who("anna", "testpass");

/// A door's port and the root its certificate is signed by.
struct Front {
    port: u16,
    root: Vec<u8>,
}

/// Takes connections on a thread for as long as the test's process lives. `lies`: what is handed
/// over is the hash of another certificate.
fn front(space: &Space, to: PathBuf, lies: bool) -> Front {
    let mut root = CertificateParams::default();
    root.distinguished_name.push(DnType::CommonName, "a root for a test");
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root_key = KeyPair::generate().unwrap();
    let root_pem = root.self_signed(&root_key).unwrap().pem().into_bytes();
    let (issuer, key) = (Issuer::new(root, root_key), KeyPair::generate().unwrap());
    let leaf = CertificateParams::new(vec!["door.test".to_owned()]).unwrap();
    let leaf: CertificateDer<'static> = leaf.signed_by(&key, &issuer).unwrap().into();
    let shown = Certificate::of_der(if lies { b"another" } else { &leaf });
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (tell, port) = std::sync::mpsc::channel();
    space.thread(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build().unwrap().block_on(async {
            let listener = tokio::net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await.unwrap();
            tell.send(listener.local_addr().unwrap().port()).unwrap();
            loop {
                let (tcp, client) = listener.accept().await.unwrap();
                let mut tls = acceptor.accept(tcp).await.unwrap();
                let mut octets = vec![0; 20];
                tls.read_exact(&mut octets).await.unwrap();
                let early = Early { sha1: shown.sha1, sha256: shown.sha256, octets };
                let preface = handover::write(&Handover { client, kind: Kind::Sstp(early) });
                let mut door = UnixStream::connect(&to).await.unwrap();
                door.write_all(&preface).await.unwrap();
                tokio::spawn(async move {
                    // How it ends is the peers' business.
                    let _ = copy_bidirectional(&mut tls, &mut door).await;
                });
            }
        });
    });
    Front { port: port.recv().unwrap(), root: root_pem }
}

#[test]
fn packets_pass_with_both_methods() {
    let (Some(space), Some(far)) = (Space::new(), Space::new()) else { return };
    space.join(&far, 1);
    let place = Place::new(&space, &["anna"], |_| {});
    let front = front(&space, place.handovers(), false);
    for method in [Method::MsChapV2, Method::Pap] {
        let mut settings = plain();
        settings.methods = vec![method];
        let to = (1, front.port, front.root.clone());
        let client = sstp(&far, to, ANNA, settings);
        let (inner, ours) = client.open();
        both_ways((&far, inner.into()), (&space, ours.into()));
        let session = place.snapshot().sessions.remove(0);
        assert_eq!((session.bearer, session.client), (Bearer::Sstp, [10, 9, 1, 2].into()));
        assert_eq!(session.method.as_deref(), Some(method.name()));
        let ended = client.close();
        assert_eq!(ended.cause, Cause::Closed, "{ended:?}");
        place.wait("the end", |now| now.sessions.is_empty());
    }
    let lines = place.stop();
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(lines[3].contains("\"bearer\":\"sstp\""), "{lines:?}");
}

#[test]
fn who_was_shown_another_certificate_does_not_come_in() {
    let (Some(space), Some(far)) = (Space::new(), Space::new()) else { return };
    space.join(&far, 1);
    let place = Place::new(&space, &["anna"], |_| {});
    let front = front(&space, place.handovers(), true);
    let ended = sstp(&far, (1, front.port, front.root), ANNA, plain()).end();
    assert!(ended.lost.is_some() && ended.status.opened.is_none(), "{ended:?}");
    let snapshot = place.wait("the end", |now| now.sessions.is_empty());
    assert_eq!((snapshot.counters.logins, snapshot.pool.taken), (0, 0));
    assert!(place.stop().is_empty());
}

#[test]
fn a_wrong_password_is_refused_and_a_stopping_server_says_so() {
    let (Some(space), Some(far)) = (Space::new(), Space::new()) else { return };
    space.join(&far, 1);
    let place = Place::new(&space, &["anna"], |_| {});
    let front = front(&space, place.handovers(), false);
    let to = || (1, front.port, front.root.clone());
    let ended = sstp(&far, to(), Who("anna", "wrong"), plain()).end();
    assert!(matches!(ended.cause, Cause::Refused(_)), "{ended:?}");
    let client = sstp(&far, to(), ANNA, plain());
    client.open();
    let lines = place.stop();
    assert_eq!(client.end().text().1, "server is stopping");
    assert!(lines[1].contains("\"cause\":\"server-stop\""), "{lines:?}");
}

#[test]
fn a_full_server_says_so_in_http() {
    let (Some(space), Some(far)) = (Space::new(), Space::new()) else { return };
    space.join(&far, 1);
    let place = Place::new(&space, &["anna"], |settings| settings.limits.sessions = 0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer = runtime.block_on(async {
        let mut door = UnixStream::connect(place.handovers()).await.unwrap();
        let early = Early { sha1: [0; 20], sha256: [0; 32], octets: b"SSTP_DUPLEX_POST".to_vec() };
        let client = ([10, 9, 1, 2], 4000).into();
        let preface = handover::write(&Handover { client, kind: Kind::Sstp(early) });
        door.write_all(&preface).await.unwrap();
        let mut answer = String::new();
        door.read_to_string(&mut answer).await.unwrap();
        answer
    });
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.ends_with("\r\n\r\n"), "{answer}");
    // And in PPTP, by the call's result.
    let mut tcp = far.thread(|| TcpStream::connect("10.9.1.1:1723").unwrap()).join().unwrap();
    tcp.write_all(&call_request(7)).unwrap();
    let mut reply = [0; 156 + 32];
    tcp.read_exact(&mut reply).unwrap();
    assert_eq!(reply[156 + 16..156 + 18], [2, 4], "general error, no resource");
    assert_eq!(place.snapshot().counters.sessions_limited, 2);
    place.stop();
}

#[test]
fn counts_of_gre_are_told_and_nonsense_is_not() {
    let (Some(space), Some(far)) = (Space::new(), Space::new()) else { return };
    space.join(&far, 1);
    let place = Place::new(&space, &["anna"], |_| {});
    let client = crate::client::pptp(&far, 1, ANNA, plain());
    client.open();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ask = |octets: Vec<u8>| {
        runtime.block_on(async {
            let mut door = UnixStream::connect(place.handovers()).await.unwrap();
            door.write_all(&octets).await.unwrap();
            let mut answer = String::new();
            // A door that closes with octets unread resets the connection.
            let _ = door.read_to_string(&mut answer).await;
            answer
        })
    };
    let question = |last| {
        let client = ([10, 9, 1, last], 4000).into();
        handover::write(&Handover { client, kind: Kind::GreCounts })
    };
    let answer = ask(question(2));
    let begin = "{\"calls\":[{\"call\":0,\"peer\":0,\"seen\":";
    assert!(answer.starts_with(begin) && answer.ends_with("}]}\n"), "{answer}");
    assert_eq!(ask(question(3)), "{\"calls\":[]}\n");
    assert_eq!(ask(b"GET / HTTP/1.1\r\n\r\n".to_vec()), "");
    assert_eq!(place.snapshot().counters.handovers_bad, 1);
    client.close();
    place.stop();
}
