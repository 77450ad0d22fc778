//! Sockets handed over by the service manager, `sd_listen_fds(3)`. They are used instead of own
//! ones; the name tells the role: `plain`, `admin`, anything else HTTPS.

use std::os::fd::{AsFd, OwnedFd};

use menshen_config::ListenerRole;
use socket2::SockRef;

use super::{Door, Group, door_name};
use crate::error::GuardError;

/// Takes over what was handed to this process; call it once.
pub(crate) fn take() -> Result<Vec<Door>, GuardError> {
    let given = sd_notify::listen_fds_with_names()
        .map_err(|source| GuardError::LocalSystem { action: "read LISTEN_FDS", source })?;
    given.map(|(number, name)| adopt(number, &name)).collect()
}

fn adopt(number: i32, name: &str) -> Result<Door, GuardError> {
    let refused = || GuardError::ConfigActivation { number, name: name.to_owned() };
    let socket = menshen_sys::inherit::adopt(number).map_err(|_| refused())?;
    door(socket, name).ok_or_else(refused)
}

fn door(socket: OwnedFd, name: &str) -> Option<Door> {
    let view = SockRef::from(&socket);
    let listening = rustix::net::sockopt::socket_acceptconn(socket.as_fd()).ok()?;
    let bound = view.local_addr().ok()?.as_socket().filter(|_| listening)?;
    view.set_nonblocking(true).ok()?;
    let role = match name {
        "plain" => ListenerRole::Plain,
        "admin" => ListenerRole::Admin,
        _ => ListenerRole::Https,
    };
    Some(Door { role, group: Group::activated(door_name(role), bound, socket) })
}

#[cfg(test)]
mod tests {
    //! What is accepted as a handed-over socket.
    use super::*;

    #[test]
    fn listening_tcp_sockets_get_the_role_of_their_name() {
        let rows = [
            ("plain", ListenerRole::Plain),
            ("admin", ListenerRole::Admin),
            ("unknown", ListenerRole::Https),
        ];
        for (name, role) in rows {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let door = door(listener.into(), name).unwrap();
            assert_eq!((door.role, door.bound), (role, address));
            assert_eq!(door.sockets_of(1, 2).count(), 1, "every worker gets it");
        }
    }

    #[test]
    fn other_descriptors_are_refused() {
        let (stream, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        assert!(door(stream.into(), "plain").is_none());
        let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(door(udp.into(), "plain").is_none());
        assert!(door(std::fs::File::open("/dev/null").unwrap().into(), "plain").is_none());
    }
}
