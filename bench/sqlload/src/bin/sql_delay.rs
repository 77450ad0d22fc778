//! A link that delays the binary log: what a replica is sent arrives late, everything else at once.
//!
//!     sql_delay LISTEN_SOCKET SERVER_SOCKET DELAY_FILE
//!
//! DELAY_FILE holds milliseconds; it is read again with every piece, so the delay changes as the
//! file does. A connection becomes a replica's with its COM_BINLOG_DUMP.

#![expect(clippy::print_stderr, reason = "a command")]

use std::fs::Permissions;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [listen, server, file] = arguments.as_slice() else {
        eprintln!("usage: sql_delay LISTEN_SOCKET SERVER_SOCKET DELAY_FILE");
        return ExitCode::from(2);
    };
    let open = Permissions::from_mode(0o777);
    // As the server's own socket: a door has few rights.
    let bound = UnixListener::bind(listen).and_then(|listener| {
        std::fs::set_permissions(listen, open)?;
        Ok(listener)
    });
    let listener = match bound {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("sql_delay: {error}");
            return ExitCode::FAILURE;
        }
    };
    for client in listener.incoming().flatten() {
        let (server, file) = (server.clone(), file.clone());
        thread::spawn(move || relay(&client, &server, &file));
    }
    ExitCode::FAILURE
}

fn relay(client: &UnixStream, server: &str, file: &str) {
    let Ok(server) = UnixStream::connect(server) else { return };
    let is_replica = Arc::new(AtomicBool::new(false));
    let both = || Some((client.try_clone().ok()?, server.try_clone().ok()?));
    let Some((from, to)) = both() else { return };
    let seen = Arc::clone(&is_replica);
    let up = thread::spawn(move || {
        copy(from, to, |piece| {
            if piece.get(3) == Some(&0) && piece.get(4) == Some(&COM_BINLOG_DUMP) {
                seen.store(true, SeqCst);
            }
        })
    });
    let Some((to, from)) = both() else { return };
    copy(from, to, |_| {
        if is_replica.load(SeqCst) {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            thread::sleep(Duration::from_millis(text.trim().parse().unwrap_or(0)));
        }
    });
    drop(up.join());
}

fn copy(mut from: UnixStream, mut to: UnixStream, mut before: impl FnMut(&[u8])) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        let piece = &buffer[..read];
        before(piece);
        if to.write_all(piece).is_err() {
            break;
        }
    }
    // The other direction has nobody to speak to any more.
    drop((from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both)));
}

const COM_BINLOG_DUMP: u8 = 0x12;
