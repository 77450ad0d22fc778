//! The way to a call: each step that fails is named, and the server half answers only SSTP.

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::*;

/// How a client's way ends at a door that does `door` with its next client.
fn fails(trust: impl FnOnce(&Made) -> Trust, door: impl AsyncFnOnce(TcpListener, &Made)) -> String {
    let made = made();
    runtime().block_on(async {
        let (listener, target) = listen().await;
        let patience = Patience { answer: Duration::from_secs(600), ..Patience::default() };
        let door = async {
            door(listener, &made).await;
            pending::<()>().await;
        };
        let error = while_running(connect(&target, &trust(&made), &patience), door).await;
        format!("{:?}", error.unwrap_err())
    })
}

fn root(made: &Made) -> Trust {
    Trust::Roots(made.root_pem.clone())
}

/// Reads SSTP's request and answers with `answer`.
async fn answered(listener: TcpListener, made: &Made, answer: &[u8]) -> TlsStream<TcpStream> {
    let mut stream = shaken(&listener, made).await;
    let mut came = Vec::new();
    while !came.ends_with(b"\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut came).await.unwrap(), 0);
    }
    stream.write_all(answer).await.unwrap();
    stream.flush().await.unwrap();
    stream
}

#[test]
fn an_ordinary_web_server_is_told_from_silence() {
    let answer = b"HTTP/1.1 404 Not Found\r\nServer: some\r\nContent-Length: 0\r\n\r\n";
    let web = async |listener: TcpListener, made: &Made| {
        let _open = answered(listener, made, answer).await;
        pending().await
    };
    let error = fails(root, web);
    assert_eq!(error, "NotSstp { code: 404, server: Some([115, 111, 109, 101]) }");
    let closes = async |listener: TcpListener, made: &Made| {
        drop(answered(listener, made, b"").await);
    };
    assert_eq!(fails(root, closes), "ClosedInstead");
    let other = async |listener: TcpListener, made: &Made| {
        let _open = answered(listener, made, b"220 mail.example ESMTP\r\n").await;
        pending().await
    };
    assert_eq!(fails(root, other), "NotHttp(Malformed)");
}

#[test]
fn a_server_that_never_answers_is_named() {
    let made = made();
    runtime().block_on(async {
        let (listener, target) = listen().await;
        let patience = Patience { answer: Duration::from_millis(1), ..Patience::default() };
        let silent = async {
            let _open = shaken(&listener, &made).await;
            pending::<()>().await;
        };
        let trust = root(&made);
        let error = while_running(connect(&target, &trust, &patience), silent).await;
        assert!(matches!(error, Err(ConnectError::Unanswered)), "{error:?}");
    });
}

#[test]
fn a_closed_port_is_named_with_its_address() {
    let error = runtime().block_on(async {
        let (listener, target) = listen().await;
        drop(listener);
        connect(&target, &Trust::Fingerprint([0; 32]), &Patience::default()).await.unwrap_err()
    });
    assert!(error.to_string().starts_with("no TCP connection to 127.0.0.1:"), "{error}");
}

#[test]
fn a_certificate_that_is_not_trusted_ends_the_way() {
    let shake = async |listener: TcpListener, made: &Made| {
        let (tcp, _) = listener.accept().await.unwrap();
        assert!(made.acceptor.accept(tcp).await.is_err());
    };
    let other = fails(|_| root(&made()), shake);
    assert_eq!(other, "Certificate(InvalidCertificate(UnknownIssuer))");
    let pinned = fails(|_| Trust::Fingerprint([7; 32]), shake);
    assert_eq!(pinned, "Certificate(InvalidCertificate(ApplicationVerificationFailure))");
    let none = fails(|_| Trust::Roots(b"no PEM".to_vec()), async |_, _| {});
    assert_eq!(none, "Trust(NoRoots)");
    let plain = async |listener: TcpListener, _: &Made| {
        let (mut tcp, _) = listener.accept().await.unwrap();
        tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        let _ = tcp.read_buf(&mut Vec::new()).await;
    };
    assert!(fails(root, plain).starts_with("Tls("));
}

#[test]
fn a_fingerprint_is_enough() {
    let made = made();
    runtime().block_on(async {
        let (listener, target) = listen().await;
        let trust = Trust::Fingerprint(made.shown.sha256);
        let patience = Patience::default();
        let server = async {
            let _open = serve(shaken(&listener, &made).await, Vec::new(), PATIENCE).await.unwrap();
            pending::<()>().await;
        };
        let connection = while_running(connect(&target, &trust, &patience), server).await.unwrap();
        assert_eq!(connection.facts.certificate, made.shown);
        assert_eq!(connection.facts.server.port(), target.port);
    });
}

#[test]
fn a_request_may_come_in_any_pieces_and_with_packets_behind_it() {
    let request = menshen_tunnel_core::sstp::http::write_request("vpn.test", [1; 16]).unwrap();
    let call = [0x10, 1, 0, 14, 0, 1, 0, 1, 0, 1, 0, 6, 0, 1];
    for read_before in [0, 5, request.len() - 1, request.len(), request.len() + 3] {
        runtime().block_on(async {
            let (mut near, far) = duplex(64);
            let all = [&*request, &call].concat();
            let (before, after) = all.split_at(read_before);
            let client = async {
                for piece in after.chunks(7) {
                    near.write_all(piece).await.unwrap();
                }
                let mut came = vec![0; ANSWER_OCTETS + 48];
                near.read_exact(&mut came).await.unwrap();
                came
            };
            let server = async {
                let accepted = serve(far, before.to_vec(), PATIENCE).await.unwrap();
                let clock = Clock::new();
                let shown = Certificate::of_der(b"");
                let mut call = accepted.start(clock.now(), shown, Hashes::ALL, Timers::default());
                loop {
                    std::future::poll_fn(|cx| call.poll_ready(cx)).await;
                    while call.receive(clock.now()).is_some() {}
                    while call.next_event().is_some() {}
                }
            };
            let came = while_running(client, server).await;
            let ack = came.get(ANSWER_OCTETS..ANSWER_OCTETS + 8);
            assert_eq!(ack, Some(&[0x10, 1, 0, 48, 0, 2, 0, 1][..]), "{read_before}");
        });
    }
}

#[test]
fn what_is_not_exactly_the_request_is_not_answered() {
    let ordinary = b"GET / HTTP/1.1\r\nHost: vpn.test\r\n\r\n".to_vec();
    let request = menshen_tunnel_core::sstp::http::write_request("vpn.test", [1; 16]).unwrap();
    let text = String::from_utf8(request).unwrap();
    let short = text.replace("18446744073709551615", "5").into_bytes();
    for head in [ordinary, short] {
        runtime().block_on(async {
            let (mut near, far) = duplex(4096);
            near.write_all(&head).await.unwrap();
            let error = serve(far, Vec::new(), PATIENCE).await.unwrap_err();
            assert!(matches!(error, ServeError::Refused(_)), "{error:?}");
            let mut answer = Vec::new();
            near.read_to_end(&mut answer).await.unwrap();
            assert!(answer.is_empty(), "{answer:?}");
        });
    }
    runtime().block_on(async {
        let (near, far) = duplex(64);
        drop(near);
        let error = serve(far, b"SSTP_DUPLEX_POST".to_vec(), PATIENCE).await.unwrap_err();
        assert!(matches!(error, ServeError::Closed), "{error:?}");
    });
}

const ANSWER_OCTETS: usize = menshen_tunnel_core::sstp::http::ANSWER.len();
