//! The limit of what a server of point selects can do: one answer, made beforehand, sent for every
//! packet that arrives. One thread waits with epoll and does nothing else.
//!
//!     canned_sql PORT THREADS
//!
//! It never parses: one read is taken for one statement, which is true of the clients that are
//! measured. It must never be reachable from another machine.

#![expect(clippy::print_stderr, reason = "a command")]

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::process::ExitCode;
use std::thread;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use socket2::{Domain, Socket, Type};

fn main() -> ExitCode {
    let numbers: Vec<u16> =
        std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let &[port, threads] = numbers.as_slice() else {
        eprintln!("usage: canned_sql PORT THREADS");
        return ExitCode::from(2);
    };
    let answer = answer();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                if let Err(error) = serve(port, &answer) {
                    eprintln!("canned_sql: {error}");
                }
            });
        }
    });
    ExitCode::FAILURE
}

/// A connection and how far it is.
struct Client {
    stream: TcpStream,
    logged_in: bool,
}

fn serve(port: u16, answer: &[u8]) -> io::Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    socket.listen(1024)?;
    let listener = TcpListener::from(socket);
    let poll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&poll, &listener, EventData::new_u64(0), EventFlags::IN)?;
    let mut clients: HashMap<u64, Client> = HashMap::new();
    let mut events = Vec::with_capacity(256);
    let mut buffer = [0; 16 << 10];
    loop {
        events.clear();
        epoll::wait(&poll, spare_capacity(&mut events), None)?;
        for event in &events {
            let number = event.data.u64();
            if number == 0 {
                let (mut stream, _) = listener.accept()?;
                stream.set_nodelay(true)?;
                stream.write_all(&greeting())?;
                let number = u64::from(stream.as_raw_fd().unsigned_abs());
                epoll::add(&poll, &stream, EventData::new_u64(number), EventFlags::IN)?;
                clients.insert(number, Client { stream, logged_in: false });
                continue;
            }
            let Some(client) = clients.get_mut(&number) else { continue };
            let read = client.stream.read(&mut buffer).unwrap_or(0);
            // COM_QUIT is the only command of one byte that the clients send.
            if read == 0 || buffer[..read] == [1, 0, 0, 0, 1] {
                clients.remove(&number);
                continue;
            }
            let reply: &[u8] = if client.logged_in { answer } else { LOGGED_IN };
            client.logged_in = true;
            if client.stream.write_all(reply).is_err() {
                clients.remove(&number);
            }
        }
    }
}

fn greeting() -> Vec<u8> {
    let mut payload = vec![10];
    payload.extend_from_slice(b"10.11.0-MariaDB\0");
    payload.extend_from_slice(&[1, 0, 0, 0]);
    payload.extend_from_slice(b"12345678\0");
    // Protocol 4.1, long flags, secure connection, plugin, several results.
    payload.extend_from_slice(&[0x0f, 0xa2, 45, 2, 0, 0x0f, 0x00, 21]);
    payload.extend_from_slice(&[0; 10]);
    payload.extend_from_slice(b"123456789012\0mysql_native_password\0");
    packet(0, &payload)
}

/// One row of one column of 120 characters, as `SELECT c FROM sbtest1 WHERE id=1` gives it.
fn answer() -> Vec<u8> {
    let mut column = Vec::new();
    for text in ["def", "sbtest", "sbtest1", "sbtest1", "c", "c"] {
        column.push(u8::try_from(text.len()).unwrap_or(0));
        column.extend_from_slice(text.as_bytes());
    }
    column.extend_from_slice(&[12, 45, 0, 0xe0, 1, 0, 0, 254, 1, 0, 0, 0, 0]);
    let mut row = vec![119];
    row.extend_from_slice(&[b'8'; 119]);
    let eof = [0xfe, 0, 0, 2, 0];
    [packet(1, &[1]), packet(2, &column), packet(3, &eof), packet(4, &row), packet(5, &eof)]
        .concat()
}

fn packet(number: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(0);
    let mut packet = (length | u32::from(number) << 24).to_le_bytes().to_vec();
    packet.extend_from_slice(payload);
    packet
}

/// OK, second packet of the login.
const LOGGED_IN: &[u8] = &[7, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0];
