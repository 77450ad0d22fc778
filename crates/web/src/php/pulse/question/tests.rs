//! Tests of the question, against servers that say the right thing, the wrong one or nothing.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Instant;

use menshen_web_core::fastcgi::STDIN_END;

use super::*;

/// Answers one connection with these bytes, after the request has come.
fn server(answer: Vec<u8>) -> PhpAddress {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut buffer = [0; 1024];
        while !request.ends_with(&STDIN_END) {
            let count = socket.read(&mut buffer).unwrap();
            request.extend_from_slice(&buffer[..count]);
        }
        // In small pieces: records are cut anywhere.
        for piece in answer.chunks(7) {
            if socket.write_all(piece).is_err() {
                break;
            }
        }
    });
    PhpAddress::Tcp(address)
}

fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&[1, kind, 0, 1, high, low, 0, 0], body].concat()
}

fn stdout(text: &str) -> Vec<u8> {
    let end = record(3, &[0; 8]);
    [record(7, b"noise"), record(6, text.as_bytes()), end].concat()
}

fn asked(address: &PhpAddress) -> Result<u32, Silence> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(ask(address, "/status"))
}

#[test]
fn the_number_of_busy_processes_is_read() {
    let text = "Expires: 0\r\nContent-Type: application/json\r\n\r\n\
                {\"pool\":\"www\",\"idle processes\":3,\"active processes\":11,\
                \"total processes\":3,\"processes\":[\
                {\"pid\":1,\"state\":\"Idle\"},{\"pid\":2,\"state\":\"Running\"},\
                {\"pid\":3,\"state\":\"Reading headers\"}]}";
    assert_eq!(asked(&server(stdout(text))), Ok(2));
}

#[test]
fn what_is_no_status_is_not_believed() {
    let head = "Content-Type: application/json\r\n\r\n";
    let table = [
        format!("Status: 404 Not Found\r\n{head}{{\"processes\":[]}}"),
        format!("{head}{{\"processes\":[{{}}]}}"),
        format!("{head}{{\"idle processes\":1}}"),
        format!("{head}<html>"),
        "no head at all".to_owned(),
        String::new(),
    ];
    for text in table {
        assert_eq!(asked(&server(stdout(&text))), Err(Silence::Failed), "{text}");
    }
    assert_eq!(asked(&server(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec())), Err(Silence::Failed));
    assert_eq!(asked(&server(record(6, b"cut"))), Err(Silence::Failed));
    let endless = record(6, &[b'x'; 60_000]).repeat(10);
    assert_eq!(asked(&server(endless)), Err(Silence::Failed));
    let missing = PhpAddress::Unix("/nonexistent/pool.sock".into());
    assert_eq!(asked(&missing), Err(Silence::Failed));
}

#[test]
fn silence_has_an_end() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let before = Instant::now();
    let answer = asked(&PhpAddress::Tcp(listener.local_addr().unwrap()));
    assert_eq!(answer, Err(Silence::TooLong));
    assert!(before.elapsed() < ANSWER_MAX * 2);
}
