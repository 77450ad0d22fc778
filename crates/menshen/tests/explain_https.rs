//! `menshen explain https` against servers of others: what it tells equals what tshark decodes from
//! the same connection, recorded by somebody else.

use crate::support::{live, peers};

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use menshen_config::failure::{Failure, FailureEnd, Piece, RECORD_BYTES, Sender};
use serde_json::Value;

use crate::support::live::command;
use crate::support::peers::find;
use crate::support::tls_relay::{ALERT, CHANGE_CIPHER_SPEC, Passed, Relay, tshark};
use crate::support::tls_servers::{EarlyData, certificates, gnutls, go, nginx, openssl};

/// The messages of a story; payload and what was not opened left out.
fn passed(story: &Value) -> Vec<Passed> {
    let messages = story["messages"].as_array().unwrap().iter().filter_map(|message| {
        let kind = match message["kind"].as_str().unwrap() {
            "hello-request" => 0,
            "client-hello" => 1,
            "server-hello" | "hello-retry-request" => 2,
            "new-session-ticket" => 4,
            "end-of-early-data" => 5,
            "encrypted-extensions" => 8,
            "certificate" => 11,
            "server-key-exchange" => 12,
            "certificate-request" => 13,
            "server-hello-done" => 14,
            "certificate-verify" => 15,
            "client-key-exchange" => 16,
            "finished" => 20,
            "certificate-status" => 22,
            "key-update" => 24,
            "change-cipher-spec" => CHANGE_CIPHER_SPEC,
            "alert" => ALERT,
            "application-data" => return None,
            other => panic!("{other} in {message}"),
        };
        let from_client = message["from"] == "client";
        Some(Passed { from_client, kind, bytes: message["bytes"].as_u64().unwrap() })
    });
    messages.collect()
}

fn kinds(passed: &[Passed]) -> Vec<u32> {
    passed.iter().map(|message| message.kind).collect()
}

fn explain(folder: &Path, arguments: &[&str]) -> (Value, Option<i32>) {
    let output = command(folder, &[&["explain", "https", "--json"], arguments].concat());
    let output = { output }.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let json = serde_json::from_str(&text)
        .unwrap_or_else(|_| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)));
    (json, output.status.code())
}

/// The lines of the key log inside a pcapng file.
fn keys_inside(pcapng: &Path) -> String {
    let bytes = std::fs::read(pcapng).unwrap();
    let lines = bytes.split(|byte| *byte == b'\n').filter_map(|line| {
        let text = String::from_utf8_lossy(line);
        let begin = text.rfind("CLIENT_").max(text.rfind("SERVER_"))?;
        let line = text.get(begin..)?.to_owned();
        line.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ').then_some(line + "\n")
    });
    lines.collect()
}

/// Looks at a server through the relay; the program's word on it, compared with tshark's on the
/// relay's recording, and with its own on that recording.
fn look(folder: &Path, server: SocketAddr, arguments: &[&str]) -> (Value, Option<i32>) {
    let relay = Relay::to(server);
    let target = format!("localhost:{}", relay.address.port());
    let connect = relay.address.to_string();
    let asked = [&*target, "--connect", &*connect, "--pcapng", "own.pcapng"];
    let (json, code) = explain(folder, &[&asked, arguments].concat());
    let (pcap, keys) = (folder.join("relay.pcap"), folder.join("keys.txt"));
    relay.write_pcap(&pcap);
    std::fs::write(&keys, keys_inside(&folder.join("own.pcapng"))).unwrap();
    let attempts = json["attempts"].as_array().unwrap();
    let told = attempts.iter().position(|attempt| attempt["told"] == true).unwrap();
    let theirs = tshark(&pcap, &keys, relay.address.port(), told);
    let ours = passed(&json["story"]);
    assert!(!ours.is_empty(), "{json}");
    // What both sides send at the same time has another order elsewhere on the way, so each side is
    // compared by itself.
    for from_client in [true, false] {
        let of_side = |all: &[Passed]| -> Vec<Passed> {
            all.iter().filter(|message| message.from_client == from_client).cloned().collect()
        };
        let (ours, theirs) = (of_side(&ours), of_side(&theirs));
        let (same, later) = theirs.split_at(theirs.len().min(ours.len()));
        assert_eq!(ours, same, "live, {arguments:?}");
        // A server may say goodbye after we have gone.
        assert!(later.iter().all(|message| message.kind == ALERT), "{later:?}");
    }
    let number = (told + 1).to_string();
    let file = ["--pcap", "relay.pcap", "--keylog", "keys.txt", "--stream", &number];
    let (captured, _) = explain(folder, &file);
    assert_eq!(passed(&captured["story"]), theirs, "captured, {arguments:?}");
    // The file for Wireshark holds the same, in the same order, and opens itself.
    let saved = tshark(&folder.join("own.pcapng"), Path::new("/dev/null"), server_port(&json), 0);
    assert_eq!(ours, saved, "saved, {arguments:?}");
    let (own, _) = explain(folder, &["--pcap", "own.pcapng"]);
    assert_eq!(passed(&own["story"]), ours, "saved, {arguments:?}");
    (json, code)
}

fn server_port(json: &Value) -> u16 {
    json["address"].as_str().unwrap().parse::<SocketAddr>().unwrap().port()
}

/// A connection of openssl's client through the relay: what is told of the recording equals what
/// tshark decodes. The capture's connections, told with the keys.
fn watch(folder: &Path, server: SocketAddr, clients: &[&[&str]]) -> Vec<Value> {
    let relay = Relay::to(server);
    let _ = std::fs::remove_file(folder.join("keys.txt"));
    for (number, arguments) in clients.iter().enumerate() {
        let mut client = Command::new("openssl")
            .current_dir(folder)
            .args(["s_client", "-connect", &relay.address.to_string(), "-keylogfile", "keys.txt"])
            .args(["-servername", "localhost"])
            .args(*arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // It ends when its input does; tickets shall come before that.
        relay.wait_for_quiet(number);
        assert!(client.wait().unwrap().success(), "{arguments:?}");
    }
    let (pcap, keys) = (folder.join("relay.pcap"), folder.join("keys.txt"));
    relay.write_pcap(&pcap);
    let told = (0..clients.len()).map(|stream| {
        let number = (stream + 1).to_string();
        let file = ["--pcap", "relay.pcap", "--keylog", "keys.txt", "--stream", &number];
        let (json, _) = explain(folder, &file);
        let theirs = tshark(&pcap, &keys, relay.address.port(), stream);
        assert!(theirs.len() > 6, "{theirs:?}");
        assert_eq!(passed(&json["story"]), theirs, "{:?}", clients[stream]);
        json
    });
    told.collect()
}

fn checks(json: &Value) -> Vec<(String, String)> {
    let checks = json["story"]["checks"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    checks.map(|check| (text(&check["code"]), text(&check["result"]["verdict"]))).collect()
}

fn has(json: &Value, code: &str) -> bool {
    json["findings"].as_array().unwrap().iter().any(|finding| finding["code"] == code)
}

#[test]
fn tls_1_3_live() {
    if find("tshark").is_none() {
        return;
    }
    let folder = certificates();
    let here = folder.path();
    let (_peer, server) = openssl(here, &[]);
    let (json, code) = look(here, server, &[]);
    assert_eq!(json["story"]["version"]["name"], "TLS 1.3");
    assert_eq!(json["story"]["outcome"]["kind"], "done");
    assert_eq!(kinds(&passed(&json["story"]))[..5], [1, 2, CHANGE_CIPHER_SPEC, 8, 11]);
    let checks = checks(&json);
    let verdict = |code: &str| {
        let check = checks.iter().find(|check| check.0 == code);
        check.unwrap_or_else(|| panic!("{code} in {checks:?}")).1.clone()
    };
    assert_eq!(verdict("server-signature"), "ok");
    assert_eq!(verdict("server-finished"), "ok");
    assert_eq!(verdict("client-finished"), "ok");
    assert_eq!(verdict("name"), "ok");
    assert_eq!(verdict("trust-mozilla"), "failed");
    assert!(has(&json, "handshake-untrusted"));
    assert_eq!(code, Some(1));
}

#[test]
fn roots_of_the_house_are_judged_by_alone() {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    let folder = certificates();
    let here = folder.path();
    let mut root = CertificateParams::default();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    std::fs::write(here.join("root.pem"), root.self_signed(&key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(root, key);
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &issuer).unwrap();
    std::fs::write(here.join("leaf.pem"), leaf.pem()).unwrap();
    std::fs::write(here.join("leaf.key"), key.serialize_pem()).unwrap();
    let (_peer, server) = openssl(here, &["-cert", "leaf.pem", "-key", "leaf.key"]);
    let connect = server.to_string();
    let asked = ["localhost", "--connect", &*connect];
    let (json, code) = explain(here, &[&asked[..], &["--roots", "root.pem"]].concat());
    assert_eq!(code, Some(0), "{}", json["findings"]);
    let (json, code) = explain(here, &[&asked[..], &["--roots", "rsa.pem"]].concat());
    assert!(has(&json, "handshake-untrusted"));
    assert_eq!(code, Some(1));
}

#[test]
fn what_a_server_may_ask_for() {
    if find("tshark").is_none() {
        return;
    }
    let folder = certificates();
    let here = folder.path();
    let (_peer, server) = openssl(here, &["-groups", "P-384"]);
    let (json, _) = look(here, server, &[]);
    assert_eq!(json["story"]["messages"][1]["kind"], "hello-retry-request");
    let (_peer, server) = openssl(here, &["-verify", "1"]);
    let (json, _) = look(here, server, &[]);
    assert_eq!(json["story"]["client_certificate"]["state"], "none");
    let mine = ["--client-cert", "ec.pem", "--client-key", "ec.key"];
    let (json, _) = look(here, server, &mine);
    assert_eq!(json["story"]["client_certificate"]["state"], "sent");
    let (json, _) = look(here, server, &[&mine[..], &["--tls12"]].concat());
    assert_eq!(json["story"]["client_certificate"]["state"], "sent");
}

#[test]
fn a_session_is_taken_up_again() {
    if find("tshark").is_none() {
        return;
    }
    let folder = certificates();
    let here = folder.path();
    let (_peer, server) = openssl(here, &[]);
    let (json, _) = look(here, server, &["--resume"]);
    assert_eq!(json["story"]["resumed"], "psk");
    assert_eq!(json["attempts"].as_array().unwrap().len(), 2);
    let (json, _) = look(here, server, &["--resume", "--tls12"]);
    assert_eq!(json["story"]["resumed"], "ticket");
    assert!(!has(&json, "session-not-resumed"));
    let (_peer, server) = openssl(here, &["-tls1_2", "-no_ticket", "-no_cache"]);
    let (json, _) = look(here, server, &["--resume"]);
    assert!(has(&json, "session-not-resumed"));
}

#[test]
fn tls_1_2_live() {
    if find("tshark").is_none() {
        return;
    }
    let folder = certificates();
    let here = folder.path();
    for cipher in ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-CHACHA20-POLY1305"] {
        let (_peer, server) = openssl(here, &["-tls1_2", "-cipher", cipher]);
        let (json, _) = look(here, server, &[]);
        assert_eq!(json["story"]["key_exchange"]["kind"], "ecdhe");
        assert_eq!(json["story"]["outcome"]["kind"], "done");
    }
}

#[test]
fn servers_of_the_past_show_themselves_in_clear_text() {
    if find("tshark").is_none() {
        return;
    }
    let folder = certificates();
    let here = folder.path();
    let cases: &[(&[&str], &str, &str)] = &[
        (&["-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"], "TLS 1.2", "rsa"),
        (&["-tls1_2", "-cipher", "DHE-RSA-AES128-SHA:@SECLEVEL=0"], "TLS 1.2", "dhe"),
        (&["-tls1_1", "-cipher", "AES128-SHA:@SECLEVEL=0"], "TLS 1.1", "rsa"),
        (&["-tls1", "-cipher", "DHE-RSA-AES128-SHA:@SECLEVEL=0"], "TLS 1.0", "dhe"),
        (&["-tls1", "-cipher", "ECDHE-RSA-AES128-SHA:@SECLEVEL=0"], "TLS 1.0", "ecdhe"),
    ];
    for (arguments, version, exchange) in cases {
        let (_peer, server) = openssl(here, arguments);
        let (json, code) = look(here, server, &[]);
        let story = &json["story"];
        assert_eq!(story["version"]["name"], *version, "{arguments:?}");
        assert_eq!(story["key_exchange"]["kind"], *exchange, "{arguments:?}");
        assert_eq!(story["outcome"]["kind"], "unfinished", "{arguments:?}");
        assert_eq!(*kinds(&passed(story)).last().unwrap(), 14, "{arguments:?}");
        assert_eq!(json["expected"][0]["name"], "ClientKeyExchange");
        assert!(!has(&json, "handshake-unfinished"));
        assert_eq!(has(&json, "handshake-version-old"), *version != "TLS 1.2");
        assert_eq!(has(&json, "handshake-not-forward-secret"), *exchange == "rsa");
        assert!(json["attempts"].as_array().unwrap().len() <= 6);
        assert_eq!(code, Some(1));
    }
}

#[test]
fn servers_of_others() {
    if find("tshark").is_none() {
        return;
    }
    let folder = certificates();
    let here = folder.path();
    if let Some((_peer, server)) = nginx(here) {
        let (json, _) = look(here, server, &[]);
        assert_eq!(json["story"]["alpn"], "h2");
        look(here, server, &["--tls12"]);
        look(here, server, &["--tls12", "--resume"]);
    }
    for priority in ["NORMAL", "NORMAL:-VERS-TLS1.3", "NORMAL:-GROUP-ALL:+GROUP-SECP384R1"] {
        if let Some((_peer, server)) = gnutls(here, priority) {
            look(here, server, &[]);
        }
    }
    if let Some((_peer, server)) = go(here) {
        let (json, _) = look(here, server, &[]);
        assert_eq!(json["story"]["alpn"], "h2");
        look(here, server, &["--tls12"]);
        look(here, server, &["--resume"]);
    }
}

#[test]
fn captures_of_old_versions_are_opened_whole() {
    if find("tshark").is_none() {
        return;
    }
    let folder = certificates();
    let here = folder.path();
    let (_peer, server) = openssl(here, &["-cipher", "ALL:@SECLEVEL=0", "-verify", "1"]);
    let old: &[(&str, &str, &str)] = &[
        ("-tls1", "AES128-SHA", "rsa"),
        ("-tls1", "DHE-RSA-AES256-SHA", "dhe"),
        ("-tls1_1", "AES256-SHA", "rsa"),
        ("-tls1_1", "ECDHE-RSA-AES128-SHA", "ecdhe"),
        ("-tls1_2", "AES128-SHA256", "rsa"),
        ("-tls1_2", "AES256-GCM-SHA384", "rsa"),
        ("-tls1_2", "DHE-RSA-AES128-GCM-SHA256", "dhe"),
        ("-tls1_2", "ECDHE-RSA-AES256-SHA384", "ecdhe"),
    ];
    let suites: Vec<String> = old.iter().map(|case| format!("{}:@SECLEVEL=0", case.1)).collect();
    let mut clients: Vec<Vec<&str>> = Vec::new();
    for (index, (version, ..)) in old.iter().enumerate() {
        let mut client = vec![*version, "-cipher", &*suites[index]];
        if index % 2 == 1 {
            client.extend(["-cert", "rsa.pem", "-key", "rsa.key"]);
        }
        clients.push(client);
    }
    let clients: Vec<&[&str]> = clients.iter().map(Vec::as_slice).collect();
    for (told, (version, suite, exchange)) in watch(here, server, &clients).iter().zip(old) {
        assert_eq!(told["story"]["outcome"]["kind"], "done", "{version} {suite}");
        assert_eq!(told["story"]["key_exchange"]["kind"], *exchange, "{version} {suite}");
    }
}

#[test]
fn captures_with_keys_agreed_upon_before() {
    if find("tshark").is_none() {
        return;
    }
    let folder = certificates();
    let here = folder.path();
    let psk = ["-psk", "1a2b3c4d5e6f", "-psk_identity", "us"];
    let (_peer, server) = openssl(here, &[&psk[..], &["-nocert"]].concat());
    let told = watch(here, server, &[&[&psk[..], &["-tls1_3"]].concat()]);
    assert_eq!(told[0]["story"]["resumed"], "psk");
    let (_peer, server) = EarlyData::serve(here);
    std::fs::write(here.join("request"), "GET / HTTP/1.0\r\n\r\n").unwrap();
    let told = watch(
        here,
        server,
        &[&["-sess_out", "session"], &["-sess_in", "session", "-early_data", "request"]],
    );
    assert_eq!(told[1]["story"]["resumed"], "psk");
    assert_eq!(told[1]["story"]["early_data"], "accepted");
}

#[test]
fn every_format_of_a_capture_tells_the_same() {
    let (Some(_), Some(editcap)) = (find("tshark"), find("editcap")) else { return };
    let folder = certificates();
    let here = folder.path();
    let (_peer, server) = openssl(here, &[]);
    let told = watch(here, server, &[&[], &["-tls1_2"]]);
    let edit = |arguments: &[&str]| {
        let status = Command::new(&editcap).current_dir(here).args(arguments).status().unwrap();
        assert!(status.success());
    };
    let with_keys = ["--keylog", "keys.txt"];
    for format in ["pcap", "nsecpcap", "pcapng"] {
        edit(&["-F", format, "relay.pcap", "other"]);
        for (stream, known) in ["1", "2"].iter().zip(&told) {
            let asked = ["--pcap", "other", "--stream", stream];
            let (json, _) = explain(here, &[&asked[..], &with_keys].concat());
            assert_eq!(json["story"], known["story"], "{format}");
        }
    }
    // The keys may be in the file.
    edit(&["-F", "pcapng", "--inject-secrets", "tls,keys.txt", "relay.pcap", "other"]);
    let (json, _) = explain(here, &["--pcap", "other", "--host", "localhost"]);
    assert_eq!(json["story"], told[0]["story"]);
    assert_eq!(json["list"].as_array().unwrap().len(), 2);
    // Without keys, there are boxes of the right sizes.
    let (json, _) = explain(here, &["--pcap", "relay.pcap"]);
    let sealed = |message: &Value| message["kind"] == "sealed";
    assert!(json["story"]["messages"].as_array().unwrap().iter().any(sealed));
    // Cut packets and half a file are told, not guessed around.
    edit(&["-s", "600", "relay.pcap", "other"]);
    let (json, code) = explain(here, &["--pcap", "other"]);
    assert!(has(&json, "capture-incomplete"), "{json}");
    assert_eq!(code, Some(1));
}

#[test]
fn failed_clients_of_our_door() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let state = here.join("state");
    std::fs::create_dir(&state).unwrap();
    let asked = ["--clients", "--state", "state"];
    assert_eq!(explain(here, &asked).0["list"], serde_json::json!([]));
    let hello = hello_of("-tls1");
    let failure = |unix_ms, pieces| Failure {
        unix_ms,
        client: [192, 0, 2, 1].into(),
        local: ([192, 0, 2, 2], 443).into(),
        elapsed_us: 700,
        sni: Some("old.example".into()),
        error: "no version in common".into(),
        alert_received: None,
        alert_sent: Some(70),
        ended: FailureEnd::Tls,
        pieces,
        cut: false,
    };
    let piece = |from, at_us, bytes: &[u8]| Piece { from, at_us, bytes: bytes.to_vec() };
    let pieces =
        vec![piece(Sender::Client, 5, &hello), piece(Sender::Server, 9, &[21, 3, 1, 0, 2, 2, 70])];
    let mut file = vec![0; 3 * RECORD_BYTES];
    // What the client said was sealed, but the door could read it.
    let mut sealed = failure(1000, Vec::new());
    (sealed.alert_received, sealed.alert_sent) = (Some(48), None);
    for (place, failure) in [sealed, failure(2000, pieces)].iter().enumerate() {
        let record = failure.encode();
        let at = 2 * place * RECORD_BYTES;
        file[at..at + record.len()].copy_from_slice(&record);
    }
    std::fs::write(state.join("handshakes"), file).unwrap();
    let (json, code) = explain(here, &asked);
    assert_eq!(code, Some(1));
    let list = json["list"].as_array().unwrap();
    assert_eq!(list.len(), 2);
    assert_eq!((&list[0]["unix_ms"], &list[1]["unix_ms"]), (&2000.into(), &1000.into()));
    assert_eq!(list[0]["versions"], serde_json::json!(["TLS 1.0"]));
    assert_eq!(list[0]["sni"], "old.example");
    assert_eq!(list[0]["outcome"], "this client only speaks TLS 1.0 and older");
    assert!(list[1]["outcome"].as_str().unwrap().contains("does not trust"), "{}", list[1]);
    assert!(list[0]["ja4"].as_str().unwrap().starts_with("t10d"));
    let (json, _) = explain(here, &[&asked[..], &["--number", "1"]].concat());
    let [only] = &json["handshakes"].as_array().unwrap()[..] else { panic!("{json}") };
    assert_eq!(only["story"]["origin"], "door");
    assert_eq!(only["story"]["outcome"]["code"], 70);
    assert!(!only["findings"].as_array().unwrap().is_empty());
}

/// The first bytes openssl's client sends for old.example.
fn hello_of(version: &str) -> Vec<u8> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut client = Command::new("openssl")
        .args(["s_client", version, "-servername", "old.example", "-cipher", "ALL:@SECLEVEL=0"])
        .args(["-connect", &listener.local_addr().unwrap().to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut buffer = vec![0; 4096];
    let count = listener.accept().unwrap().0.read(&mut buffer).unwrap();
    client.wait().unwrap();
    buffer.truncate(count);
    buffer
}

#[test]
fn tls_that_begins_on_request() {
    let folder = certificates();
    let here = folder.path();
    let (_peer, server) = openssl(here, &[]);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let mail = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut buffer = [0; 1000];
        for answer in ["220 mail\r\n", "250-mail\r\n250 STARTTLS\r\n", "220 go\r\n"] {
            client.write_all(answer.as_bytes()).unwrap();
            if !answer.starts_with("220 go") {
                assert!(client.read(&mut buffer).unwrap() > 0);
            }
        }
        let mut server = TcpStream::connect(server).unwrap();
        let mut back = (server.try_clone().unwrap(), client.try_clone().unwrap());
        let answers = std::thread::spawn(move || std::io::copy(&mut back.0, &mut back.1));
        let _ = std::io::copy(&mut client, &mut server);
        let _ = server.shutdown(Shutdown::Both);
        let _ = answers.join();
    });
    let host = format!("smtp://127.0.0.1:{port}");
    let (json, _) = explain(here, &[&host, "--name", "localhost"]);
    assert_eq!(json["story"]["outcome"]["kind"], "done");
    assert_eq!(json["preface"][0]["line"], "220 mail");
    mail.join().unwrap();
}

#[test]
fn what_does_not_come_to_a_handshake() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let said = |arguments: &[&str]| {
        let output = command(here, &[&["explain", "https"], arguments].concat()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let nobody = peers::free_address().to_string();
    let (code, text) = said(&[&nobody]);
    assert_eq!(code, Some(111));
    assert!(text.contains("connection refused"), "{text}");
    assert_eq!(said(&[]).0, Some(2));
    assert_eq!(said(&["a b"]).0, Some(2));
    std::fs::write(here.join("text"), "no capture").unwrap();
    let (code, text) = said(&["--pcap", "text"]);
    assert_eq!((code, &*text), (Some(2), "menshen: the file is neither pcap nor pcapng\n"));
    // A server that speaks plain HTTP.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let (json, code) = explain(here, &[&address]);
    assert_eq!(json["story"]["outcome"]["kind"], "not-tls");
    assert_eq!(json["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(code, Some(1));
}

#[test]
fn root_becomes_nobody_before_it_reads_a_capture() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut asked = command(folder.path(), &["explain", "https", "--pcap", "pipe"]);
    let mut child = asked.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let writer = std::fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    let status = format!("/proc/{}/status", child.id());
    live::wait_for("nobody", || {
        let status = std::fs::read_to_string(&status).unwrap();
        status.lines().any(|line| line == "Uid:\t65534\t65534\t65534\t65534")
            && status.lines().any(|line| line == "CapEff:\t0000000000000000")
    });
    assert!(child.try_wait().unwrap().is_none());
    drop(writer);
    child.wait().unwrap();
}
