//! A connection that another node made, plain or encrypted. Envelopes are only ever read from it.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;

use crate::{peer::PeerId, security::tls::Tls};

/// A connection from another node.
pub(crate) enum Incoming {
    Plain(TcpStream),
    /// And who has proven to be at the other end.
    Proven(Box<TlsStream<TcpStream>>, PeerId),
}

impl Incoming {
    /// The connection, once the other end has proven who it is, if that is asked for.
    pub(crate) async fn accept(
        tcp: TcpStream,
        tls: Option<&Tls>,
        patience: Duration,
    ) -> io::Result<Incoming> {
        let Some(tls) = tls else {
            return Ok(Incoming::Plain(tcp));
        };
        let (stream, id) = tls.accept(tcp, patience).await?;
        Ok(Incoming::Proven(Box::new(stream), id))
    }

    /// Who has proven to be at the other end.
    pub(crate) fn proven(&self) -> Option<PeerId> {
        match self {
            Incoming::Plain(_) => None,
            Incoming::Proven(_, id) => Some(*id),
        }
    }

    /// Waits until something can be read, or the connection ended.
    pub(crate) async fn readable(&mut self) -> io::Result<()> {
        match self {
            Incoming::Plain(tcp) => tcp.readable().await,
            Incoming::Proven(stream, _) => stream.fill_buf().await.map(|_bytes| ()),
        }
    }
}

impl AsyncRead for Incoming {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Incoming::Plain(tcp) => Pin::new(tcp).poll_read(context, buffer),
            Incoming::Proven(stream, _) => Pin::new(&mut **stream).poll_read(context, buffer),
        }
    }
}
