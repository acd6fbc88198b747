//! Ports that refuse connections.

use std::net::SocketAddr;

use tokio::net::TcpSocket;

/// A port on which connections are refused for as long as the value exists.
///
/// The socket is bound and does not listen. A port of a listener that was closed is free: another
/// test's server may get it from the system, and then receives the requests of this test.
#[derive(Debug)]
pub struct ClosedPort {
    address: SocketAddr,
    _reserved: TcpSocket,
}

impl ClosedPort {
    /// Reserves a port of the loopback interface.
    pub fn reserve() -> ClosedPort {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        ClosedPort { address: socket.local_addr().unwrap(), _reserved: socket }
    }

    /// The address that refuses connections.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::ClosedPort;

    #[test]
    fn closed_port_refuses_connections_and_cannot_be_taken() {
        let port = ClosedPort::reserve();
        let refused = TcpStream::connect(port.address()).unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
        let taken = TcpListener::bind(port.address()).unwrap_err();
        assert_eq!(taken.kind(), std::io::ErrorKind::AddrInUse);
    }
}
