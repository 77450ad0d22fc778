//! Network namespaces for one test, joined by lines; gone when dropped.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A network namespace that lives as long as a process that does nothing.
#[derive(Debug)]
pub(crate) struct Space(Child);

impl Space {
    /// One with its loopback device up; `None` after saying what is missing.
    pub(crate) fn new() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return skip("network namespaces and raw sockets need root");
        }
        if !std::path::Path::new("/dev/net/tun").exists() {
            return skip("/dev/net/tun is not there");
        }
        let mut unshare = Command::new("unshare");
        unshare.args(["--net", "sleep", "600"]).stdin(Stdio::null()).stdout(Stdio::null());
        let Ok(child) = unshare.spawn() else { return skip("unshare is not installed") };
        let mut space = Self(child);
        let own = std::fs::read_link("/proc/self/ns/net").unwrap();
        let mut is_refused = false;
        wait_for("the namespace", || {
            is_refused = space.0.try_wait().unwrap().is_some();
            is_refused || std::fs::read_link(space.path()).is_ok_and(|name| name != own)
        });
        if is_refused {
            return skip("network namespaces are not allowed here");
        }
        space.run("ip link set lo up");
        Some(space)
    }

    fn path(&self) -> String {
        format!("/proc/{}/ns/net", self.0.id())
    }

    /// Runs a program that must succeed.
    pub(crate) fn run(&self, words: &str) {
        let words = words.to_owned();
        let run = move || {
            let mut all = words.split(' ');
            Command::new(all.next().unwrap()).args(all).output().unwrap()
        };
        let output = self.thread(run).join().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    /// A line to another namespace: 192.0.2.`net`.1 here and .2 there, as it were.
    pub(crate) fn join(&self, other: &Self, net: u8) {
        let peer = other.0.id();
        self.run(&format!("ip link add v{net} type veth peer name v0 netns {peer}"));
        let ends = [(self, format!("v{net}"), 1), (other, "v0".to_owned(), 2)];
        for (space, device, host) in ends {
            space.run(&format!("ip addr add 10.9.{net}.{host}/24 dev {device}"));
            space.run(&format!("ip link set {device} up"));
        }
    }

    /// Runs `inside` on a thread of the namespace.
    pub(crate) fn thread<T: Send + 'static>(
        &self,
        inside: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let path = self.path();
        std::thread::spawn(move || {
            let file = std::fs::File::open(path).unwrap();
            rustix::thread::move_into_link_name_space(file.as_fd(), None).unwrap();
            inside()
        })
    }

    /// A socket of the namespace.
    pub(crate) fn udp(&self, address: Ipv4Addr) -> UdpSocket {
        let socket = self.thread(move || UdpSocket::bind((address, 0)).unwrap()).join().unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        socket
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether a datagram of so many octets gets from one socket to the other within a while; it is
/// sent again and again.
pub(crate) fn arrives(from: &UdpSocket, to: &UdpSocket, octets: usize) {
    let target = to.local_addr().unwrap();
    let text = vec![7; octets];
    let mut buffer = [0; 2000];
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        assert!(Instant::now() < until, "nothing of {octets} octets came to {target}");
        // The route may not be there yet.
        let _ = from.send_to(&text, target);
        if let Ok((octets, sender)) = to.recv_from(&mut buffer)
            && buffer[..octets] == text
        {
            assert_eq!(sender, from.local_addr().unwrap());
            return;
        }
    }
}

/// Both ways between two inner addresses, small and as large as the tunnel bears.
pub(crate) fn both_ways(one: (&Space, IpAddr), other: (&Space, IpAddr)) {
    let (IpAddr::V4(here), IpAddr::V4(there)) = (one.1, other.1) else { unreachable!() };
    let (near, far) = (one.0.udp(here), other.0.udp(there));
    for octets in [20, 1300] {
        arrives(&near, &far, octets);
        arrives(&far, &near, octets);
    }
}

/// Says why a test is skipped; a failure where all peers are required.
#[expect(clippy::print_stderr, reason = "a test that is skipped must say so")]
fn skip<T>(why: &str) -> Option<T> {
    assert!(std::env::var_os("MENSHEN_REQUIRE_PEERS").is_none(), "{why}");
    eprintln!("SKIPPED: {why}");
    None
}

/// Waits until something is so; fails after a long while.
pub(crate) fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < until, "{what} did not come");
        std::thread::sleep(Duration::from_millis(10));
    }
}
