//! The limit of what a server of point selects can do: one answer, made beforehand, sent for every
//! packet that arrives. One thread waits with epoll and does nothing else.
//!
//!     canned_sql PORT THREADS [SOCKET]
//!
//! SOCKET is the path of a Unix socket that is listened at besides.
//!
//! It never parses: one read is taken for one statement, which is true of the clients that are
//! measured. It must never be reachable from another machine.

#![expect(clippy::print_stderr, reason = "a command")]

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::process::ExitCode;
use std::thread;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::{Errno, read, write};
use rustix::net::{SocketFlags, accept_with};
use socket2::{Domain, Socket, Type};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (numbers, path) = arguments.split_at(arguments.len().min(2));
    let numbers: Vec<u16> = numbers.iter().filter_map(|text| text.parse().ok()).collect();
    let (&[port, threads], [] | [_]) = (numbers.as_slice(), path) else {
        eprintln!("usage: canned_sql PORT THREADS [SOCKET]");
        return ExitCode::from(2);
    };
    let local = match path.first().map(UnixListener::bind).transpose() {
        Ok(local) => local,
        Err(error) => {
            eprintln!("canned_sql: {error}");
            return ExitCode::FAILURE;
        }
    };
    let answer = answer();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                if let Err(error) = serve(port, local.as_ref(), &answer) {
                    eprintln!("canned_sql: {error}");
                }
            });
        }
    });
    ExitCode::FAILURE
}

/// A connection and how far it is.
struct Client {
    stream: OwnedFd,
    logged_in: bool,
}

fn serve(port: u16, local: Option<&UnixListener>, answer: &[u8]) -> io::Result<()> {
    let listener = listen(port)?;
    let poll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&poll, &listener, EventData::new_u64(TCP), EventFlags::IN)?;
    if let Some(local) = local {
        // All threads wait at it; who comes late finds nobody.
        local.set_nonblocking(true)?;
        epoll::add(&poll, local, EventData::new_u64(UNIX), EventFlags::IN)?;
    }
    let mut clients: HashMap<u64, Client> = HashMap::new();
    let mut events = Vec::with_capacity(256);
    let mut buffer = [0; 16 << 10];
    loop {
        events.clear();
        epoll::wait(&poll, spare_capacity(&mut events), None)?;
        for event in &events {
            let number = event.data.u64();
            let from = match number {
                TCP => Some(listener.as_fd()),
                UNIX => local.map(AsFd::as_fd),
                _ => None,
            };
            if let Some(from) = from {
                let Some(stream) = accept(from)? else { continue };
                if number == TCP {
                    rustix::net::sockopt::set_tcp_nodelay(&stream, true)?;
                }
                write(&stream, &greeting())?;
                let number = u64::from(stream.as_raw_fd().unsigned_abs());
                epoll::add(&poll, &stream, EventData::new_u64(number), EventFlags::IN)?;
                clients.insert(number, Client { stream, logged_in: false });
                continue;
            }
            let Some(client) = clients.get_mut(&number) else { continue };
            let count = read(&client.stream, &mut buffer).unwrap_or(0);
            // COM_QUIT is the only command of one byte that the clients send.
            if count == 0 || buffer[..count] == [1, 0, 0, 0, 1] {
                clients.remove(&number);
                continue;
            }
            let reply: &[u8] = if client.logged_in { answer } else { LOGGED_IN };
            client.logged_in = true;
            // So short an answer is written whole.
            if write(&client.stream, reply) != Ok(reply.len()) {
                clients.remove(&number);
            }
        }
    }
}

fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    socket.listen(1024)?;
    Ok(socket.into())
}

/// The next connection, unless another thread has taken it.
fn accept(from: BorrowedFd<'_>) -> io::Result<Option<OwnedFd>> {
    match accept_with(from, SocketFlags::CLOEXEC) {
        Ok(stream) => Ok(Some(stream)),
        Err(Errno::AGAIN) => Ok(None),
        Err(error) => Err(error.into()),
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

/// Numbers of listeners; those of connections are descriptors.
const TCP: u64 = 0;
const UNIX: u64 = u64::MAX;
/// OK, second packet of the login.
const LOGGED_IN: &[u8] = &[7, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0];
