//! A guard and workers, as far as a keeper needs them: a real `menshen keeper` gets its
//! specification and its descriptors, its messages are read, and its answers are given to
//! authorities on two ports, from the bulletin as workers do.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use menshen_config::AcmeChallenge;
use menshen_config::keeper::{
    Challenges, DirectorySpec, KeeperSpec, Message, MessageReader, Note, OrderSpec,
};
use menshen_sys::bulletin::{Bulletin, BulletinReader};
use menshen_sys::inherit;
use rustix::process::{Pid, Signal, kill_process};
use rustls::crypto::aws_lc_rs::{default_provider, sign::any_supported_type};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::Acceptor;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ServerConfig, StreamOwned};

use super::pebble::Pebble;

/// Certificate and key as they came.
pub(crate) type Pair = (String, String);

/// Where authorities look: one port for http-01, one for tls-alpn-01, which else shows the last
/// certificate.
pub(crate) struct Shop {
    /// Port of plain HTTP.
    pub(crate) http: SocketAddr,
    /// Port of HTTPS.
    pub(crate) https: SocketAddr,
    window: Arc<Window>,
}

#[derive(Default)]
struct Window {
    answers: Mutex<Option<BulletinReader>>,
    pair: Mutex<Option<Pair>>,
    /// Host names for which wrong answers are given.
    wrong: Mutex<Vec<String>>,
}

impl Shop {
    /// Opens both ports; answers come once a keeper runs.
    pub(crate) fn open() -> Self {
        let window = Arc::new(Window::default());
        let http = listen(Arc::clone(&window), answer_http);
        let https = listen(Arc::clone(&window), answer_tls);
        Self { http, https, window }
    }

    /// Gives wrong answers for a name from now on.
    pub(crate) fn mislead(&self, name: &str) {
        self.window.wrong.lock().unwrap().push(name.to_owned());
    }
}

fn listen(window: Arc<Window>, answer: fn(&Window, TcpStream) -> Option<()>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let (window, socket) = (Arc::clone(&window), socket.unwrap());
            socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            std::thread::spawn(move || answer(&window, socket));
        }
    });
    address
}

impl Window {
    fn challenges(&self) -> Option<Challenges> {
        let answers = self.answers.lock().unwrap();
        serde_json::from_slice(&answers.as_ref()?.read().ok()?.1).ok()
    }

    fn misleads(&self, name: &str) -> bool {
        self.wrong.lock().unwrap().iter().any(|wrong| wrong == name)
    }
}

fn answer_http(window: &Window, mut socket: TcpStream) -> Option<()> {
    let mut head = Vec::new();
    let mut piece = [0; 2048];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let count = socket.read(&mut piece).ok().filter(|count| *count > 0)?;
        head.extend_from_slice(&piece[..count]);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1)?;
    let token = path.strip_prefix("/.well-known/acme-challenge/")?;
    let host = head.lines().find_map(|line| line.strip_prefix("Host: "))?;
    let host = host.split(':').next()?;
    let challenges = window.challenges()?;
    let answer = challenges.http.iter().find(|answer| answer.token == token);
    let body = match answer {
        Some(answer) if !window.misleads(host) => answer.authorization.clone(),
        _ => "something else".to_owned(),
    };
    let length = body.len();
    let reply = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
    socket.write_all(reply.as_bytes()).ok()
}

fn answer_tls(window: &Window, mut socket: TcpStream) -> Option<()> {
    let mut acceptor = Acceptor::default();
    let accepted = loop {
        acceptor.read_tls(&mut socket).ok().filter(|count| *count > 0)?;
        if let Some(accepted) = acceptor.accept().ok()? {
            break accepted;
        }
    };
    let hello = accepted.client_hello();
    let name = hello.server_name().unwrap_or_default().to_owned();
    let is_challenge =
        hello.alpn().is_some_and(|mut protocols| protocols.any(|one| one == b"acme-tls/1"));
    let pair = if is_challenge && !window.misleads(&name) {
        let answer = window.challenges()?.alpn.into_iter().find(|one| one.name == name)?;
        (answer.certificate_pem, answer.key_pem)
    } else {
        window.pair.lock().unwrap().clone()?
    };
    let protocols = if is_challenge { vec![b"acme-tls/1".to_vec()] } else { Vec::new() };
    let config = server_config(&pair, protocols);
    let mut tls = accepted.into_connection(Arc::new(config)).ok()?;
    while tls.is_handshaking() {
        tls.complete_io(&mut socket).ok()?;
    }
    let _ = StreamOwned::new(tls, socket).read(&mut [0; 1]);
    Some(())
}

/// A server that shows this certificate.
pub(crate) fn server_config(pair: &Pair, protocols: Vec<Vec<u8>>) -> ServerConfig {
    let chain = CertificateDer::pem_slice_iter(pair.0.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(pair.1.as_bytes()).unwrap();
    let shown = CertifiedKey::new(chain, any_supported_type(&key).unwrap());
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(shown)));
    config.alpn_protocols = protocols;
    config
}

/// What a keeper is told; [`Keeper::start`] adds the descriptors.
pub(crate) fn spec(pebble: &Pebble, shop: &Shop, names: &[&str]) -> KeeperSpec {
    let orders = names.iter().map(|name| OrderSpec {
        name: (*name).to_owned(),
        chain_pem: None,
        note: None,
    });
    KeeperSpec {
        orders: orders.collect(),
        directories: vec![DirectorySpec {
            url: pebble.url(),
            roots_pem: Some(pebble.root_pem.clone()),
            profile: None,
            binding: None,
            account: None,
        }],
        challenges: vec![AcmeChallenge::TlsAlpn01, AcmeChallenge::Http01],
        dns_hook: None,
        dns_secret: None,
        hook_seconds_max: 20,
        dns_wait_seconds: 0,
        email: Some("admin@example.com".to_owned()),
        https: vec![shop.https],
        challenges_fd: -1,
        messages_fd: -1,
        become_user: rustix::process::geteuid().is_root().then_some((65_534, 65_534)),
        oom_score_adj: None,
    }
}

/// A running keeper and what it sent; ended when dropped.
pub(crate) struct Keeper {
    child: Child,
    messages: Option<OwnedFd>,
    reader: MessageReader,
    shop: Arc<Window>,
    board: Bulletin,
    /// All certificates by name, the newest last.
    pub(crate) pairs: Vec<(u32, Pair)>,
    /// All notes.
    pub(crate) notes: Vec<(u32, Note)>,
    /// All accounts.
    pub(crate) accounts: Vec<(u32, String)>,
}

impl Keeper {
    /// Starts `menshen keeper`; authorities find its answers in the shop.
    pub(crate) fn start(mut spec: KeeperSpec, shop: &Shop) -> Self {
        let board = Bulletin::create("challenges").unwrap();
        let answers = BulletinReader::new(board.as_fd().try_clone_to_owned().unwrap());
        *shop.window.answers.lock().unwrap() = Some(answers);
        let (messages, theirs) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
        rustix::io::ioctl_fionbio(&messages, true).unwrap();
        let given = board.as_fd().try_clone_to_owned().unwrap();
        spec.challenges_fd = given.as_raw_fd();
        spec.messages_fd = theirs.as_raw_fd();
        for fd in [&given, &theirs] {
            inherit::keep_across_exec(fd).unwrap();
        }
        let mut child = Command::new(env!("CARGO_BIN_EXE_menshen"))
            .arg("keeper")
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&serde_json::to_vec(&spec).unwrap()).unwrap();
        drop((stdin, given, theirs));
        Self {
            child,
            messages: Some(messages),
            reader: MessageReader::default(),
            shop: Arc::clone(&shop.window),
            board,
            pairs: Vec::new(),
            notes: Vec::new(),
            accounts: Vec::new(),
        }
    }

    /// Takes messages until `done`; panics with the notes after a minute and a half.
    pub(crate) fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let end = Instant::now() + Duration::from_secs(90);
        loop {
            self.take();
            if done(self) {
                return;
            }
            assert!(Instant::now() < end, "never {what}; notes: {:#?}", self.notes);
            assert!(self.child.try_wait().unwrap().is_none(), "the keeper ended before {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The newest note of a name.
    pub(crate) fn note(&self, order: u32) -> Option<&Note> {
        self.notes.iter().rev().find(|(of, _)| *of == order).map(|(_, note)| note)
    }

    /// The newest certificate of a name.
    pub(crate) fn pair(&self, order: u32) -> Option<&Pair> {
        self.pairs.iter().rev().find(|(of, _)| *of == order).map(|(_, pair)| pair)
    }

    /// How many certificates a name got.
    pub(crate) fn count(&self, order: u32) -> usize {
        self.pairs.iter().filter(|(of, _)| *of == order).count()
    }

    /// What stands on the board.
    pub(crate) fn challenges(&self) -> Challenges {
        let reader = BulletinReader::new(self.board.as_fd().try_clone_to_owned().unwrap());
        let text = reader.read().unwrap().1;
        // A keeper that did not begin yet has posted nothing.
        if text.is_empty() { Challenges::default() } else { serde_json::from_slice(&text).unwrap() }
    }

    /// Ends it with a signal.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.wait()
    }

    /// Ends it by not listening any more.
    pub(crate) fn turn_away(&mut self) -> ExitStatus {
        self.messages = None;
        self.wait()
    }

    fn wait(&mut self) -> ExitStatus {
        let end = Instant::now() + Duration::from_secs(15);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "the keeper does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn take(&mut self) {
        let Some(pipe) = &self.messages else { return };
        let mut piece = [0; 4096];
        while let Ok(count @ 1..) = rustix::io::read(pipe, &mut piece) {
            for message in self.reader.push(&piece[..count]).unwrap() {
                let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
                match message {
                    Message::Certificate { order, chain_pem, key_pem } => {
                        let pair = (text(chain_pem), text(key_pem));
                        *self.shop.pair.lock().unwrap() = Some(pair.clone());
                        self.pairs.push((order, pair));
                    }
                    Message::Account { directory, credentials } => {
                        self.accounts.push((directory, text(credentials)));
                    }
                    Message::Note { order, json } => {
                        self.notes.push((order, serde_json::from_slice(&json).unwrap()));
                    }
                }
            }
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
