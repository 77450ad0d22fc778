//! A peer that asks and never listens.

use std::io::Write;
use std::net::Ipv4Addr;
use std::time::Duration;

use menshen_tunnel_core::pptp::call::{End, Limits, Role, Settings};
use menshen_tunnel_core::pptp::control::{Message, Start, Text};
use socket2::{Domain, Socket, Type};

use super::*;

/// TCP that holds little: the server's end, and a client's.
fn narrow_pair() -> (std::net::TcpStream, std::net::TcpStream) {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener.set_send_buffer_size(4096).unwrap();
    listener.bind(&std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    listener.listen(1).unwrap();
    let client = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    client.set_recv_buffer_size(4096).unwrap();
    client.connect(&listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    server.set_nonblocking(true).unwrap();
    (server.into(), client.into())
}

fn settings() -> Settings {
    let (host, vendor) = (Text::new("door"), Text::new("menshen"));
    let limits = Limits::default();
    Settings { role: Role::Server, host, vendor, firmware: 1, window: 64, limits }
}

#[test]
fn who_asks_and_does_not_listen_is_hung_up_on() {
    let (server, mut client) = narrow_pair();
    client.set_nonblocking(true).unwrap();
    let text = || Text::new("");
    let start = Start {
        version: 0x100,
        framing: 3,
        bearer: 3,
        channels_max: 0,
        firmware: 0,
        host: text(),
        vendor: text(),
    };
    let (mut first, mut echoes) = (Vec::new(), Vec::new());
    Message::StartRequest(start).encode(&mut first);
    for number in 0..256 {
        Message::EchoRequest(number).encode(&mut echoes);
    }
    client.write_all(&first).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (mut end, mut most) = (None, 0);
    runtime.block_on(async {
        let clock = Clock::new();
        let tcp = TcpStream::from_std(server).unwrap();
        let mut line = Line::new(tcp, Control::new(settings(), clock.now()), clock);
        // 2 MiB, in pieces: what one look at the connection finds is bounded anyway.
        for _ in 0..512 {
            client.write_all(&echoes).unwrap();
            while poll_fn(|cx| Poll::Ready(line.poll(cx))).await.is_pending() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            most = most.max(line.output.capacity());
            while let Some(event) = line.control.next_event() {
                if let Event::Down(why) = event {
                    end = Some(why);
                }
            }
            if end.is_some() {
                return;
            }
        }
    });
    assert_eq!(end, Some(End::Flooded));
    assert!(most <= 64 * 1024, "{most}");
}
