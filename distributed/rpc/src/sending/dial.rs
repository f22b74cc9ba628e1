//! Making a connection.

use std::{io, net::SocketAddr, time::Duration};

use socket2::SockRef;
use tokio::{net::TcpStream, time::timeout};

/// How much the kernel may take that it cannot send yet, in bytes. Without a bound it takes several
/// MiB of bulk, and each small frame waits behind that.
const UNSENT_BYTES_MAX: u32 = 256 << 10;

/// A connection to this address, made within this time.
pub(crate) async fn dial(address: SocketAddr, patience: Duration) -> io::Result<TcpStream> {
    let stream = timeout(patience, TcpStream::connect(address))
        .await
        .map_err(|_late| {
            io::Error::new(io::ErrorKind::TimedOut, "nobody answers at this address")
        })??;
    refuse_itself(&stream)?;
    stream.set_nodelay(true)?;
    bound_unsent(&stream);
    Ok(stream)
}

/// A port of the ephemeral range at which nobody listens may be connected to itself, by the rules
/// of TCP for two sides that dial each other at once (RFC 9293, 3.5).
fn refuse_itself(stream: &TcpStream) -> io::Result<()> {
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn bound_unsent(stream: &TcpStream) {
    // Where the kernel knows no such bound, small frames wait longer behind bulk: no reason to fail.
    let _unbounded = SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_BYTES_MAX);
}

#[cfg(not(target_os = "linux"))]
fn bound_unsent(stream: &TcpStream) {
    let _unbounded = SockRef::from(stream).set_send_buffer_size(4 * UNSENT_BYTES_MAX as usize);
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpSocket;

    use super::*;

    fn anywhere() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    #[tokio::test]
    async fn a_connection_to_itself_counts_as_refused() {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(anywhere()).unwrap();
        let address = socket.local_addr().unwrap();
        let itself = socket.connect(address).await.unwrap();
        let error = refuse_itself(&itself).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
}
