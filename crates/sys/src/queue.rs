//! What a TCP socket still holds for its peer.

use std::io;
use std::os::fd::AsFd;

use rustix::ioctl::{Getter, ioctl};

/// Bytes the peer has not acknowledged yet, `SIOCOUTQ` of tcp(7).
///
/// # Errors
/// When the descriptor is no TCP socket.
pub fn unacknowledged_bytes(socket: impl AsFd) -> io::Result<u64> {
    // SAFETY: SIOCOUTQ writes one C int, which the getter has room for, and changes nothing.
    let bytes = unsafe { ioctl(socket, Getter::<SIOCOUTQ, i32>::new())? };
    Ok(u64::try_from(bytes).unwrap_or(0))
}

/// `SIOCOUTQ` of `linux/sockios.h`, the same number as `TIOCOUTQ`.
const SIOCOUTQ: rustix::ioctl::Opcode = 0x5411;

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn a_full_socket_says_how_much_it_holds() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let _far = listener.accept().unwrap();
        assert_eq!(super::unacknowledged_bytes(&near).unwrap(), 0);
        near.set_nonblocking(true).unwrap();
        while near.write(&[0; 65536]).is_ok() {}
        assert!(super::unacknowledged_bytes(&near).unwrap() > 0);
    }
}
