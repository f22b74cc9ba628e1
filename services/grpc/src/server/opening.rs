//! How a connection begins: with a handshake where TLS is spoken, and with the first words of HTTP/2. hyper would
//! wait for both without a deadline.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use kadenza_tls::{Door, server::TlsStream};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
};
use tokio_util::either::Either;

/// The first words of a client that speaks HTTP/2 (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a client that speaks HTTP/2 without TLS is told: settings, of which there are none, and that the connection
/// ends for INADEQUATE_SECURITY, with a text of 41 bytes (RFC 9113, sections 6.5, 6.8 and 7).
const REFUSAL: &[u8] = b"\0\0\0\x04\0\0\0\0\0\
    \0\0\x31\x07\0\0\0\0\0\0\0\0\0\0\0\0\x0cThis port speaks TLS: ask again by grpcs.";
/// How much such a client is listened to, so that it hears the answer.
const REFUSED_BYTES_MAX: usize = 64 << 10;

/// What is spoken over.
pub(super) type Opened = Heard<Either<TcpStream, TlsStream<TcpStream>>>;

/// Shakes hands if there is a door, and waits for the first words. All of it has one deadline.
///
/// # Errors
///
/// If the other end says something else, or nothing.
pub(super) async fn opened(
    stream: TcpStream,
    door: Option<&Door>,
    deadline: Duration,
) -> io::Result<Opened> {
    let opening = async {
        let stream = match door {
            None => Either::Left(stream),
            Some(door) if door.is_knocked_at(&stream).await? => {
                Either::Right(door.accept(stream).await?)
            }
            Some(_) => return refuse(stream).await,
        };
        heard(stream).await
    };
    let in_time = tokio::time::timeout(deadline, opening).await;
    in_time.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

async fn heard<S: AsyncRead + Unpin>(mut stream: S) -> io::Result<Heard<S>> {
    let mut words = [0; PREFACE.len()];
    let mut length = 0;
    while length < PREFACE.len() {
        match stream.read(&mut words[length..]).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            more => length += more,
        }
        if !PREFACE.starts_with(&words[..length]) {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
    Ok(Heard {
        stream,
        again: PREFACE,
    })
}

/// Tells a client what is wrong. What it says meanwhile would be in the way of the answer if it were not read.
async fn refuse(mut stream: TcpStream) -> io::Result<Opened> {
    stream.write_all(REFUSAL).await?;
    stream.shutdown().await?;
    let mut rest = [0; 1024];
    let mut left = REFUSED_BYTES_MAX;
    while let read @ 1.. = stream.read(&mut rest).await? {
        left = left.saturating_sub(read);
        if left == 0 {
            break;
        }
    }
    let what = "a client that speaks no TLS";
    Err(io::Error::new(io::ErrorKind::InvalidData, what))
}

/// A stream whose first words were read, and which gives them once more.
#[derive(Debug)]
pub(super) struct Heard<S> {
    stream: S,
    /// What is to be given before the rest.
    again: &'static [u8],
}

impl<S: AsyncRead + Unpin> AsyncRead for Heard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.again.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buffer);
        }
        let (now, later) = self
            .again
            .split_at(self.again.len().min(buffer.remaining()));
        buffer.put_slice(now);
        self.again = later;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Heard<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
