//! The interface that a carrier's own packets leave by: never the tunnel they bear.
//!
//! Routes of a tunnel may cover its server. So the carrier's sockets are bound to the interface
//! that leads to the server outside (`SO_BINDTODEVICE` of socket(7)): nothing has to be undone, and
//! no route that anybody adds can turn the carrier into itself. Where the kernel checks the way
//! back strictly (`rp_filter` 1), it would drop the server's answers; there a route to the server
//! alone is added, and taken back when [`HostRoute`] is dropped.

use std::io;
use std::net::{IpAddr, SocketAddr};

use menshen_sys::ways::{self, Way};
use menshen_sys::{NetlinkError, link};
use tokio::net::{TcpSocket, TcpStream};

/// The way outside to a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outer {
    /// The interface's name.
    pub name: String,
    way: Way,
}

impl Outer {
    /// The way to a server; `inner`: number of the tunnel's interface, which may have routes that
    /// cover the server. `None`: there is no way.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn find(server: IpAddr, inner: Option<u32>) -> Result<Option<Self>, NetlinkError> {
        let mut way = ways::way(server)?;
        if let (Some(found), Some(inner)) = (way, inner)
            && found.index == inner
        {
            way = ways::way_without(server, inner)?;
        }
        let named = |way: Way| Some(Self { name: ways::name(way.index).ok()?, way });
        Ok(way.and_then(named))
    }

    /// Whether the kernel takes packets from this interface only if the way back leads there, too.
    #[must_use]
    pub fn is_strict(&self) -> bool {
        let read = |name: &str| {
            let path = format!("/proc/sys/net/ipv4/conf/{name}/rp_filter");
            let text = std::fs::read_to_string(path).unwrap_or_default();
            text.trim().parse::<u8>().unwrap_or(0)
        };
        // The kernel takes the larger one (Documentation/networking/ip-sysctl.rst).
        read("all").max(read(&self.name)) == STRICT
    }

    /// A route to the server alone, outside.
    ///
    /// # Errors
    /// As [`link::add_host_route`].
    pub fn hold(&self, server: IpAddr) -> Result<HostRoute, NetlinkError> {
        link::add_host_route(self.way.index, server, self.way.gateway)?;
        Ok(HostRoute { way: self.way, server })
    }
}

/// A route to a server alone; gone when dropped.
#[derive(Debug)]
pub struct HostRoute {
    way: Way,
    server: IpAddr,
}

impl Drop for HostRoute {
    fn drop(&mut self) {
        // It may have gone with its interface.
        let _ = link::remove_host_route(self.way.index, self.server, self.way.gateway);
    }
}

/// TCP to an address, by this interface.
pub(crate) async fn connect(to: SocketAddr, outer: Option<&str>) -> io::Result<TcpStream> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    if let Some(outer) = outer {
        socket.bind_device(Some(outer.as_bytes()))?;
    }
    socket.connect(to).await
}

/// `rp_filter`: the best way back must lead out where the packet came in (RFC 3704 section 2.2).
const STRICT: u8 = 1;
