//! The limit of a tunnel in userland: packets of one TUN interface go into UDP datagrams as they
//! are, and out of them into the other end's interface. No PPP, no numbers, no order, no secret.
//!
//! `tunnel_limit serve|dial ADDRESS plain|batched`: `plain` is what such a program looks like at
//! first, one system call to read and one to write for each packet; `batched` uses the same
//! offloads and batches as the tunnel door, so that what is between them is the protocol alone. The
//! interface is `mt0` with 10.9.0.1 at the serving end and 10.9.0.2 at the other, MTU 1400. It must
//! never be run outside a namespace of a benchmark: it takes packets of anybody.

use std::error::Error;
use std::io::{self, IoSlice};
use std::net::{IpAddr, UdpSocket};
use std::os::fd::OwnedFd;

use menshen_sys::batch::{self, BATCH, Outgoing};
use menshen_sys::link::{self, Address};
use menshen_sys::tun::{self, Tun};
use menshen_tunnel_core::offload::{Came, Gather, Spare, came};
use rustix::event::{PollFd, PollFlags, poll};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [role, address, kind] = &words[..] else {
        return Err("tunnel_limit serve|dial ADDRESS plain|batched".into());
    };
    let is_plain = kind == "plain";
    let tun = if is_plain { tun::open("mt0")? } else { tun::open_with_offload("mt0")? };
    let socket = if role == "serve" {
        let socket = UdpSocket::bind(address)?;
        // The other end says first where it is.
        let (_, from) = socket.recv_from(&mut [0; 1])?;
        socket.connect(from)?;
        socket
    } else {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket.connect(address)?;
        socket.send(b"x")?;
        socket
    };
    let _ = rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, SOCKET_OCTETS);
    let _ = rustix::net::sockopt::set_socket_send_buffer_size_force(&socket, SOCKET_OCTETS);
    set_up(&tun, role == "serve")?;
    socket.set_nonblocking(true)?;
    if is_plain { plain(&tun.fd, &socket) } else { batched(&tun.fd, &socket) }
}

fn set_up(tun: &Tun, serves: bool) -> Result<(), Box<dyn Error>> {
    let [one, two] = [1, 2].map(|last| IpAddr::from([10, 9, 0, last]));
    let (own, peer) = if serves { (one, two) } else { (two, one) };
    let index = link::index(&tun.name)?;
    let _ = link::quiet(index);
    link::set_mtu(index, 1400)?;
    link::set_up(index)?;
    link::add_address(index, Address { address: own, prefix: 32, peer: Some(peer) })?;
    Ok(())
}

fn plain(tun: &OwnedFd, socket: &UdpSocket) -> Result<(), Box<dyn Error>> {
    let mut packet = vec![0; PACKET_OCTETS];
    loop {
        wait(tun, socket)?;
        for _ in 0..BATCH {
            let Some(octets) = some(socket.recv(&mut packet))? else { break };
            let _ = rustix::io::write(tun, &packet[..octets]);
        }
        for _ in 0..BATCH {
            let Some(octets) = some(rustix::io::read(tun, &mut packet[..]).map_err(Into::into))?
            else {
                break;
            };
            let _ = socket.send(&packet[..octets]);
        }
    }
}

fn batched(tun: &OwnedFd, socket: &UdpSocket) -> Result<(), Box<dyn Error>> {
    let mut large = vec![0; 66_000];
    let mut packet = vec![0; PACKET_OCTETS];
    let mut rooms: Vec<Vec<u8>> = vec![vec![0; PACKET_OCTETS]; BATCH];
    let mut lengths = [0; BATCH];
    let (mut gather, mut spare) = (Gather::default(), Spare::default());
    let (mut octets, mut waiting) = (Vec::new(), Vec::new());
    let mut write = |head: &[u8; 10], packet: &[u8]| {
        let _ = rustix::io::writev(tun, &[IoSlice::new(head), IoSlice::new(packet)]);
    };
    loop {
        wait(tun, socket)?;
        let count = some(batch::receive(socket, &mut rooms, &mut lengths))?.unwrap_or(0);
        for (room, length) in rooms.iter().zip(lengths).take(count) {
            gather.push(&room[..length], &mut spare, &mut write);
        }
        gather.flush(&mut spare, &mut write);
        while waiting.len() < BATCH {
            let read = rustix::io::read(tun, &mut large[..]).map_err(Into::into);
            let Some(length) = some(read)? else { break };
            let large = &mut large[..length];
            match came(large) {
                Some(Came::Packet(range)) => queue(&mut octets, &mut waiting, &large[range]),
                Some(Came::Segments(mut split)) => {
                    while let Some(length) = split.next(large, &mut packet) {
                        queue(&mut octets, &mut waiting, &packet[..length]);
                    }
                }
                None => {}
            }
        }
        let mut sent = 0;
        while sent < waiting.len() {
            match batch::send(socket, &octets, &waiting[sent..]) {
                Ok(more) => sent += more,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    poll(&mut [PollFd::new(socket, PollFlags::OUT)], None)?;
                }
                Err(_) => sent += 1,
            }
        }
        octets.clear();
        waiting.clear();
    }
}

fn queue(octets: &mut Vec<u8>, waiting: &mut Vec<Outgoing>, packet: &[u8]) {
    let start = octets.len();
    octets.extend_from_slice(packet);
    waiting.push(Outgoing { octets: start..octets.len(), to: None });
}

fn wait(tun: &OwnedFd, socket: &UdpSocket) -> io::Result<()> {
    let mut both = [PollFd::new(tun, PollFlags::IN), PollFd::new(socket, PollFlags::IN)];
    poll(&mut both, None)?;
    Ok(())
}

/// `None` where nothing is there now; what an ICMP message left behind is nothing, too.
fn some<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::ConnectionRefused
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

const PACKET_OCTETS: usize = 2048;
const SOCKET_OCTETS: usize = 4 << 20;
