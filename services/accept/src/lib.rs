//! Accepts TCP connections. The servers for HTTP, for gRPC and for other nodes share the rule for errors.

use std::{io, net::SocketAddr, time::Duration};

use tokio::net::{TcpListener, TcpStream};

/// The first pause after the process or the machine has run out of something, such as open files. A
/// connection that ends may have freed it.
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// No pause is longer. Each pause in a row is twice as long as the one before.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// A listener that never gives up.
///
/// An error of the connection that was to be accepted is passed over at once. Any other error, such
/// as too many open files, would come again at once: it is logged and waited out.
#[derive(Debug)]
pub struct Acceptor {
    listener: TcpListener,
    pause: Duration,
}

impl Acceptor {
    /// Accepts the connections of this listener.
    #[must_use]
    pub fn new(listener: TcpListener) -> Acceptor {
        Acceptor {
            listener,
            pause: PAUSE_MIN,
        }
    }

    /// The next connection, and the address that it comes from. Dropping the future loses no
    /// connection.
    pub async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok(accepted) => {
                    self.pause = PAUSE_MIN;
                    return accepted;
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "cannot accept connections; trying again");
                    tokio::time::sleep(self.pause).await;
                    self.pause = (self.pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }
}

/// Whether an error of `accept` is about the connection that was to be accepted. The others, such
/// as too many open files, would come again at once.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_out_of_files_is_waited_for_and_a_lost_client_is_not() {
        let of = is_of_one_connection;
        assert!(of(&io::ErrorKind::ConnectionAborted.into()));
        for (name, number) in [
            ("EMFILE", 24),
            ("ENFILE", 23),
            ("ENOMEM", 12),
            ("ENOBUFS", 105),
        ] {
            assert!(!of(&io::Error::from_raw_os_error(number)), "{name}");
        }
    }
}
