//! A relay that records what passes between a client and a server, independently of the program
//! under test, and writes it as a capture; and what tshark decodes from it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::live::wait_for;

/// Listens, and hands every connection on to a server.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    events: Arc<Mutex<Vec<Event>>>,
    open: Arc<AtomicUsize>,
}

struct Event {
    /// Which connection, by the client's port.
    client_port: u16,
    from_client: bool,
    micros: u64,
    what: What,
}

enum What {
    Open,
    Bytes(Vec<u8>),
    Close,
}

/// A message as tshark or the program tells it: who, what, and bytes with header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) from_client: bool,
    pub(crate) kind: u32,
    pub(crate) bytes: u64,
}

/// Nothing more is awaited after it.
const QUIET: Duration = Duration::from_millis(100);
/// [`Passed::kind`] of a ChangeCipherSpec; handshake messages have their own numbers.
pub(crate) const CHANGE_CIPHER_SPEC: u32 = 1020;
/// [`Passed::kind`] of an alert.
pub(crate) const ALERT: u32 = 1021;

impl Relay {
    /// Relays to `server` until the test ends.
    pub(crate) fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let events = Arc::new(Mutex::new(Vec::new()));
        let open = Arc::new(AtomicUsize::new(0));
        let relay = Self { address, events: Arc::clone(&events), open: Arc::clone(&open) };
        let begin = Instant::now();
        std::thread::spawn(move || {
            while let Ok((client, peer)) = listener.accept() {
                let server = TcpStream::connect(server).unwrap();
                for stream in [&client, &server] {
                    stream.set_nodelay(true).unwrap();
                }
                let note = |from_client| Note {
                    events: Arc::clone(&events),
                    client_port: peer.port(),
                    from_client,
                    begin,
                };
                note(true).add(What::Open);
                for (from, to, from_client) in [
                    (client.try_clone().unwrap(), server.try_clone().unwrap(), true),
                    (server, client, false),
                ] {
                    let (note, open) = (note(from_client), Arc::clone(&open));
                    open.fetch_add(1, Ordering::SeqCst);
                    std::thread::spawn(move || {
                        pass(from, to, &note);
                        open.fetch_sub(1, Ordering::SeqCst);
                    });
                }
            }
        });
        relay
    }

    /// Waits until the server has spoken on the connection with this number, from 0, and nothing
    /// more passed for a while.
    pub(crate) fn wait_for_quiet(&self, connection: usize) {
        let mut before = 0;
        wait_for("an answer and some quiet", || {
            std::thread::sleep(QUIET);
            let events = self.events.lock().unwrap();
            let is_open = |event: &&Event| matches!(event.what, What::Open);
            let ports: Vec<u16> =
                events.iter().filter(is_open).map(|event| event.client_port).collect();
            let answered = ports.get(connection).is_some_and(|port| {
                events.iter().any(|event| !event.from_client && event.client_port == *port)
            });
            let is_quiet = answered && events.len() == before;
            before = events.len();
            is_quiet
        });
    }

    /// Waits until all connections are closed, and writes what passed as pcap: raw IPv4, in
    /// segments of at most 1000 bytes.
    pub(crate) fn write_pcap(&self, path: &Path) {
        wait_for("the end of all connections", || self.open.load(Ordering::SeqCst) == 0);
        let mut file = Vec::new();
        for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 101] {
            file.extend(word.to_le_bytes());
        }
        let events = self.events.lock().unwrap();
        let mut numbers = std::collections::HashMap::new();
        for event in &*events {
            let own = (event.client_port, event.from_client);
            let other = (event.client_port, !event.from_client);
            match &event.what {
                What::Open => {
                    self.packet(&mut file, event, (99, 0), 0x02, b"");
                    let answer = Event {
                        client_port: event.client_port,
                        from_client: false,
                        micros: event.micros,
                        what: What::Open,
                    };
                    self.packet(&mut file, &answer, (99, 100), 0x12, b"");
                    numbers.insert(own, 100);
                    numbers.insert(other, 100);
                }
                What::Bytes(bytes) => {
                    for part in bytes.chunks(1000) {
                        let pair = (numbers[&own], numbers[&other]);
                        self.packet(&mut file, event, pair, 0x18, part);
                        *numbers.get_mut(&own).unwrap() += u32::try_from(part.len()).unwrap();
                    }
                }
                What::Close => {
                    let pair = (numbers[&own], numbers[&other]);
                    self.packet(&mut file, event, pair, 0x11, b"");
                }
            }
        }
        std::fs::write(path, file).unwrap();
    }

    fn packet(
        &self,
        file: &mut Vec<u8>,
        event: &Event,
        (own, other): (u32, u32),
        flags: u8,
        content: &[u8],
    ) {
        let (source, destination) = match event.from_client {
            true => (event.client_port, self.address.port()),
            false => (self.address.port(), event.client_port),
        };
        let length = u32::try_from(40 + content.len()).unwrap();
        let micros = 1_700_000_000_000_000 + event.micros;
        let words = [micros / 1_000_000, micros % 1_000_000, length.into(), length.into()];
        for word in words {
            file.extend(u32::try_from(word).unwrap().to_le_bytes());
        }
        file.extend([0x45, 0]);
        file.extend(u16::try_from(length).unwrap().to_be_bytes());
        file.extend([0, 0, 0x40, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
        file.extend(source.to_be_bytes());
        file.extend(destination.to_be_bytes());
        file.extend(own.to_be_bytes());
        file.extend(other.to_be_bytes());
        file.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        file.extend(content);
    }
}

struct Note {
    events: Arc<Mutex<Vec<Event>>>,
    client_port: u16,
    from_client: bool,
    begin: Instant,
}

impl Note {
    fn add(&self, what: What) {
        let micros = u64::try_from(self.begin.elapsed().as_micros()).unwrap();
        let Self { client_port, from_client, .. } = *self;
        self.events.lock().unwrap().push(Event { client_port, from_client, micros, what });
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, note: &Note) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        // Noted first: the answer to it cannot be noted before.
        note.add(What::Bytes(buffer[..count].to_vec()));
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    note.add(What::Close);
    let _ = to.shutdown(Shutdown::Write);
}

/// What tshark finds in one TCP connection of a capture, counted from 0.
pub(crate) fn tshark(pcap: &Path, keys: &Path, port: u16, stream: usize) -> Vec<Passed> {
    let output = Command::new("tshark")
        .arg("-r")
        .arg(pcap)
        .args(["-o", &format!("tls.keylog_file:{}", keys.display())])
        .args(["-d", &format!("tcp.port=={port},tls"), "-T", "pdml", "-J", "tcp tls"])
        .args(["-Y", &format!("tcp.stream=={stream}")])
        .stderr(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success());
    let mut passed = Vec::new();
    let (mut from_client, mut kind) = (true, 0);
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let Some(name) = attribute(line, "field name") else { continue };
        let number = || attribute(line, "show").unwrap().parse::<u32>().unwrap();
        match name {
            "tcp.srcport" => from_client = number() != u32::from(port),
            "tls.handshake.type" => kind = number(),
            "tls.handshake.length" => {
                passed.push(Passed { from_client, kind, bytes: u64::from(number()) + 4 });
            }
            "tls.change_cipher_spec" => {
                passed.push(Passed { from_client, kind: CHANGE_CIPHER_SPEC, bytes: 1 });
            }
            "tls.alert_message.desc" => passed.push(Passed { from_client, kind: ALERT, bytes: 2 }),
            _ => {}
        }
    }
    passed
}

fn attribute<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!("{name}=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}
