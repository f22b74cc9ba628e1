//! A connection that this node made, plain or encrypted. Envelopes are only ever written to it.

use std::{
    io::{self, IoSlice, Write},
    time::Duration,
};

use parking_lot::Mutex;
use rustls::ClientConnection;
use tokio::net::TcpStream;

use super::dial::dial;
use crate::{destination::Destination, security::tls::Tls};

/// How many bytes are encrypted at a time, at most: as much as the kernel may take that it cannot send yet.
const ENCRYPTED_BYTES_MAX: usize = 256 << 10;

/// A connection to another node.
#[derive(Debug)]
pub(crate) struct Link {
    tcp: TcpStream,
    /// The session of a connection that is encrypted.
    tls: Option<Mutex<ClientConnection>>,
}

impl Link {
    /// A connection to this destination, made within this time.
    ///
    /// # Errors
    ///
    /// Also if another node than that which is wanted lives at the address: then nothing was said to it.
    pub(crate) async fn to(
        to: &Destination,
        tls: Option<&Tls>,
        patience: Duration,
    ) -> io::Result<Link> {
        let tcp = dial(to.address, patience).await?;
        let Some(tls) = tls else {
            return Ok(Link { tcp, tls: None });
        };
        let (stream, id) = tls.connect(tcp, to.address.ip(), patience).await?;
        if to.id.is_some_and(|wanted| wanted != id) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "another node lives at this address",
            ));
        }
        let (tcp, mut session) = stream.into_inner();
        session.set_buffer_limit(Some(ENCRYPTED_BYTES_MAX));
        Ok(Link {
            tcp,
            tls: Some(Mutex::new(session)),
        })
    }

    /// Takes as many of these bytes as it can at once, and says how many. What it took it may still have to send:
    /// see [`Link::flush`].
    pub(crate) fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let Some(tls) = &self.tls else {
            return match parts {
                // Most batches are small frames alone; the plain call is the faster one.
                [small, rest @ ..] if rest.iter().all(|part| part.is_empty()) => {
                    self.tcp.try_write(small)
                }
                parts => self.tcp.try_write_vectored(parts),
            };
        };
        let mut tls = tls.lock();
        self.send(&mut tls)?;
        let taken = tls.writer().write_vectored(parts)?;
        self.send_some(&mut tls)?;
        Ok(taken)
    }

    /// Sends what it took; [`io::ErrorKind::WouldBlock`] if some of it has to wait.
    pub(crate) fn flush(&self) -> io::Result<()> {
        match &self.tls {
            None => Ok(()),
            Some(tls) => self.send(&mut tls.lock()),
        }
    }

    /// Whether it took something that waits to be sent.
    pub(crate) fn has_unsent(&self) -> bool {
        self.tls
            .as_ref()
            .is_some_and(|tls| tls.lock().wants_write())
    }

    fn send(&self, tls: &mut ClientConnection) -> io::Result<()> {
        while tls.wants_write() {
            match tls.write_tls(&mut AtOnce(&self.tcp)) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Sends what can be sent at once.
    fn send_some(&self, tls: &mut ClientConnection) -> io::Result<()> {
        match self.send(tls) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }

    /// Waits until the connection takes more.
    pub(crate) async fn writable(&self) -> io::Result<()> {
        self.tcp.writable().await
    }

    /// Waits until something came, or the connection ended.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.tcp.readable().await
    }

    /// Whether the peer is still there. It never says anything on this connection; if it does, it is no peer. Records
    /// of TLS itself, such as a new key, are taken.
    pub(crate) fn check(&self) -> io::Result<()> {
        let speaks = || {
            io::Error::new(
                io::ErrorKind::InvalidData,
                "the peer speaks on a connection that is not its own",
            )
        };
        let gone = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let Some(tls) = &self.tls else {
            return match self.tcp.try_read(&mut [0; 1]) {
                Ok(0) => Err(gone()),
                Ok(_) => Err(speaks()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
                Err(error) => Err(error),
            };
        };
        let mut tls = tls.lock();
        loop {
            match tls.read_tls(&mut AtOnce(&self.tcp)) {
                Ok(0) => return Err(gone()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
            let state = tls
                .process_new_packets()
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            if state.plaintext_bytes_to_read() > 0 {
                return Err(speaks());
            }
            if state.peer_has_closed() {
                return Err(gone());
            }
        }
        self.send_some(&mut tls)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(tls) = &mut self.tls {
            // So that the other end can tell an end from a cut. It notices either.
            tls.get_mut().send_close_notify();
            let _unsent = self.flush();
        }
    }
}

/// A socket as the session wants it: it fails where it would have to wait.
struct AtOnce<'a>(&'a TcpStream);

impl io::Read for AtOnce<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for AtOnce<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(parts)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
        time::timeout,
    };

    use super::*;
    use crate::{receiving::incoming::Incoming, security::NodeKey};

    const LONG: Duration = Duration::from_secs(30);

    async fn pair(tls: Option<&Tls>) -> (Link, Incoming) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = Destination {
            address: listener.local_addr().unwrap(),
            id: None,
        };
        let accepted = async {
            let (tcp, _) = listener.accept().await.unwrap();
            Incoming::accept(tcp, tls, LONG).await.unwrap()
        };
        let (link, incoming) = tokio::join!(Link::to(&to, tls, LONG), accepted);
        (link.unwrap(), incoming)
    }

    async fn write(link: &Link, mut bytes: &[u8]) {
        while !bytes.is_empty() || link.flush().is_err() {
            match link.write(&[IoSlice::new(bytes)]) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    link.writable().await.unwrap();
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    #[tokio::test]
    async fn new_keys_on_the_way_change_nothing_of_what_arrives() {
        let tls = Tls::of(&NodeKey::from_secret(&[1; 32])).unwrap();
        let (link, mut incoming) = pair(Some(&tls)).await;
        let sent: Vec<u8> = (0..4 << 20).map(|at: u32| (at >> 8) as u8).collect();
        let writing = async {
            for part in sent.chunks(1 << 20) {
                write(&link, part).await;
                let session = link.tls.as_ref().unwrap();
                session.lock().refresh_traffic_keys().unwrap();
                assert!(link.check().is_ok());
            }
        };
        let mut came = vec![0; sent.len()];
        let (came_in_time, ()) =
            tokio::join!(timeout(LONG, incoming.read_exact(&mut came)), writing);
        came_in_time.unwrap().unwrap();
        assert!(came == sent);
        // A new key of the other end is no word of it.
        let Incoming::Proven(stream, _) = &mut incoming else {
            panic!("it is encrypted");
        };
        stream.get_mut().1.refresh_traffic_keys().unwrap();
        stream.flush().await.unwrap();
        timeout(LONG, link.readable()).await.unwrap().unwrap();
        assert!(link.check().is_ok());
    }

    #[tokio::test]
    async fn the_end_of_a_peer_is_noticed_and_its_silence_is_no_end() {
        let tls = Tls::of(&NodeKey::from_secret(&[1; 32])).unwrap();
        for tls in [None, Some(&tls)] {
            let (link, incoming) = pair(tls).await;
            assert!(link.check().is_ok());
            drop(incoming);
            let mut ended = Ok(());
            while ended.is_ok() {
                timeout(LONG, link.readable()).await.unwrap().unwrap();
                ended = link.check();
            }
        }
    }
}
