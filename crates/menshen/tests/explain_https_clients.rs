//! `menshen explain https --clients` on the running door: real clients fail there in different
//! ways, and each cause is named.

use crate::support::live;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use live::{Live, wait_for};
use serde_json::Value;

fn s_client(live: &Live, name: &str, arguments: &[&str]) {
    let address = live.https.unwrap().to_string();
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &address, "-servername", name]).args(arguments);
    assert!(!command.stdin(Stdio::null()).output().unwrap().status.success(), "{name}");
}

/// curl's exit code, when it wants `name` of this door.
fn curl(live: &Live, name: &str, arguments: &[&str]) -> Option<i32> {
    let port = live.https.unwrap().port();
    let mut command = Command::new("curl");
    command.args(["-sS", "--noproxy", "*", "--resolve", &format!("{name}:{port}:127.0.0.1")]);
    let output = command.args(arguments).arg(format!("https://{name}:{port}/hello.txt")).output();
    output.unwrap().status.code()
}

/// What is said of the failures, the newest first, with the exit code.
fn gallery(live: &Live, more: &[&str]) -> (Option<i32>, Value) {
    let output = live.run(&[&["explain", "https", "--clients", "--json"], more].concat());
    let answer = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
        panic!("{}", String::from_utf8_lossy(&output.stderr));
    });
    (output.status.code(), answer)
}

/// Waits until `count` failures are kept: workers write them after the client is gone.
fn until(live: &Live, count: usize) -> Value {
    let mut answer = Value::Null;
    wait_for(&format!("{count} failures"), || {
        answer = gallery(live, &[]).1;
        answer["list"].as_array().unwrap().len() >= count
    });
    answer
}

#[test]
fn each_failure_at_the_running_door_is_named() {
    let live = Live::start("workers = 2\ntls.names = [\"www.example.test\", \"localhost\"]\n");
    let authority = live.path(".menshen/ca.pem");
    let authority = authority.to_str().unwrap();
    let trusting = curl(&live, "localhost", &["--cacert", authority]);
    assert_eq!(trusting, Some(0), "what works leaves nothing");
    assert_eq!(gallery(&live, &[]).0, Some(0));

    s_client(&live, "old.test", &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]);
    until(&live, 1);
    assert_eq!(curl(&live, "www.example.test", &[]), Some(60));
    until(&live, 2);
    let mut plain = TcpStream::connect(live.https.unwrap()).unwrap();
    plain.write_all(b"GET /hello.txt HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let _ = plain.read_to_end(&mut Vec::new());
    until(&live, 3);
    s_client(&live, "mail.test", &["-alpn", "postgresql"]);
    until(&live, 4);
    let strict = ["-verify_return_error", "-verify_hostname", "wrong.test", "-CAfile", authority];
    s_client(&live, "wrong.test", &strict);
    let answer = until(&live, 5);

    let list = answer["list"].as_array().unwrap();
    assert_eq!(list.len(), 5, "{list:#?}");
    let expected = [
        ("wrong.test", "certificate-refused", "the client does not accept the certificate"),
        (
            "mail.test",
            "no-common-protocol",
            "the server speaks none of the protocols offered (postgresql)",
        ),
        ("", "not-tls", "the client did not speak TLS: plain HTTP"),
        ("www.example.test", "client-does-not-trust", "the client does not trust the "),
        ("old.test", "client-too-old", "this client only speaks TLS 1.1 and older"),
    ];
    let told = answer["handshakes"].as_array().unwrap();
    for (place, (name, code, words)) in expected.into_iter().enumerate() {
        let (listed, told) = (&list[place], &told[place]);
        assert_eq!(listed["number"], place + 1);
        assert_eq!(listed["sni"].as_str().unwrap_or_default(), name, "{listed}");
        assert_eq!(listed["client"], "127.0.0.1");
        assert!(listed["outcome"].as_str().unwrap().starts_with(words), "{listed}");
        let finding = &told["findings"][0];
        assert_eq!(
            (&finding["code"], told["number"].as_u64()),
            (&code.into(), listed["number"].as_u64())
        );
        assert!(!finding["hint"].as_str().unwrap().is_empty());
        let (code, one) = gallery(&live, &["--number", &(place + 1).to_string()]);
        assert_eq!((code, &one["handshakes"][0]), (Some(1), told));
    }
    assert_eq!(list[4]["versions"], serde_json::json!(["TLS 1.1"]));
    let output = live.run(&["explain", "https", "--clients", "--number", "6"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(live.run(&["explain", "https", "--clients"]).stdout).unwrap();
    for (_, _, words) in expected {
        assert!(text.contains(words), "{words}: {text}");
    }
}
