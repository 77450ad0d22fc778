//! A link to a server that can hold the binary log back: what a replica is sent waits until it is
//! let go; everything else passes at once.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// Whether the log is held back now.
#[derive(Clone, Default)]
pub(crate) struct Hold {
    held: Arc<(Mutex<bool>, Condvar)>,
}

impl Hold {
    /// Listens at `path` and passes on to `server`, until the process ends.
    pub(crate) fn between(path: &Path, server: &Path) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let (hold, server) = (Self::default(), server.to_owned());
        let relays = hold.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (hold, server) = (relays.clone(), server.clone());
                thread::spawn(move || hold.relay(&client, &server));
            }
        });
        hold
    }

    /// From now on nothing of the log arrives.
    #[allow(dead_code, reason = "not every test that uses this module holds the log back")]
    pub(crate) fn hold(&self) {
        *self.held.0.lock().unwrap() = true;
    }

    /// What was held arrives, and all that comes.
    pub(crate) fn release(&self) {
        *self.held.0.lock().unwrap() = false;
        self.held.1.notify_all();
    }

    fn relay(&self, client: &UnixStream, server: &PathBuf) {
        let Ok(server) = UnixStream::connect(server) else { return };
        let is_replica = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&is_replica);
        let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        let up = thread::spawn(move || {
            copy(from, to, |piece| {
                if piece.get(3..5) == Some(&[0, COM_BINLOG_DUMP]) {
                    seen.store(true, SeqCst);
                }
            });
        });
        let (from, to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
        copy(from, to, |_| {
            if is_replica.load(SeqCst) {
                let held = self.held.0.lock().unwrap();
                drop(self.held.1.wait_while(held, |held| *held));
            }
        });
        drop(up.join());
    }
}

fn copy(mut from: UnixStream, mut to: UnixStream, mut before: impl FnMut(&[u8])) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        before(&buffer[..read]);
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    drop((from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both)));
}

const COM_BINLOG_DUMP: u8 = 0x12;
