//! Audio of a declared length: exactly as many bytes, or an error that breaks the connection.
//!
//! A stream that ended early without an error would leave a listener with half a song that looks
//! whole to whoever stores it.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::HttpBody;
use bytes::Bytes;
use futures_util::Stream;
use http_body::{Frame, SizeHint};
use kadenza_contract::{AudioStream, Error, Result};

use crate::metrics::InFlight;

/// A stream that gives exactly as many bytes as were promised, or an error as its last item.
pub(crate) struct Exact {
    stream: AudioStream,
    left: u64,
    failed: bool,
}

impl Exact {
    pub(crate) fn new(stream: AudioStream, length: u64) -> Exact {
        Exact {
            stream,
            left: length,
            failed: false,
        }
    }

    fn broken(&mut self, what: &str) -> Error {
        self.failed = true;
        Error::Protocol {
            place: "the music service".to_owned(),
            what: format!("{what} than the audio has"),
        }
    }
}

impl Stream for Exact {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        if self.failed || self.left == 0 {
            return Poll::Ready(None);
        }
        loop {
            return match self.stream.as_mut().poll_next(cx) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Some(Ok(piece))) if piece.is_empty() => continue,
                Poll::Ready(Some(Ok(piece))) => match self.left.checked_sub(piece.len() as u64) {
                    Some(left) => {
                        self.left = left;
                        Poll::Ready(Some(Ok(piece)))
                    }
                    None => Poll::Ready(Some(Err(self.broken("it gave more bytes")))),
                },
                Poll::Ready(Some(Err(error))) => {
                    self.failed = true;
                    Poll::Ready(Some(Err(error)))
                }
                Poll::Ready(None) => Poll::Ready(Some(Err(self.broken("it gave fewer bytes")))),
            };
        }
    }
}

/// The body of an answer with audio.
pub(crate) struct AudioBody {
    /// The piece that was fetched before the head was sent.
    first: Option<Bytes>,
    rest: Exact,
    in_flight: InFlight,
}

impl AudioBody {
    pub(crate) fn new(first: Option<Bytes>, rest: Exact, in_flight: InFlight) -> AudioBody {
        AudioBody {
            first,
            rest,
            in_flight,
        }
    }
}

impl HttpBody for AudioBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>>>> {
        let piece = match self.first.take() {
            Some(piece) => Poll::Ready(Some(Ok(piece))),
            None => Pin::new(&mut self.rest).poll_next(cx),
        };
        match &piece {
            Poll::Ready(Some(Ok(piece))) => self.in_flight.metrics().audio_sent(piece.len()),
            Poll::Ready(Some(Err(error))) => {
                self.in_flight.metrics().audio_broke();
                tracing::error!(error = %error.chain(), "audio broke off; its connection is closed");
            }
            _ => {}
        }
        piece.map_ok(Frame::data)
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        let first = self.first.as_ref().map_or(0, Bytes::len) as u64;
        SizeHint::with_exact(first + self.rest.left)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt, stream};

    use super::*;

    async fn given(pieces: Vec<Result<Bytes>>, length: u64) -> Vec<Result<usize, String>> {
        let stream: AudioStream = stream::iter(pieces).boxed();
        let exact = Exact::new(stream, length);
        let pieces = exact.map(|piece| piece.map(|p| p.len()).map_err(|e| e.to_string()));
        pieces.collect().await
    }

    fn bytes(n: usize) -> Result<Bytes> {
        Ok(Bytes::from(vec![0; n]))
    }

    #[tokio::test]
    async fn a_short_stream_ends_in_an_error() {
        let pieces = given(vec![bytes(3), bytes(0), bytes(3)], 7).await;
        assert_eq!(pieces[..2], [Ok(3), Ok(3)]);
        assert!(
            pieces[2].as_ref().is_err_and(|e| e.contains("fewer")),
            "{pieces:?}"
        );
        assert_eq!(pieces.len(), 3);
    }

    #[tokio::test]
    async fn a_long_stream_ends_in_an_error_and_gives_nothing_beyond() {
        let pieces = given(vec![bytes(3), bytes(5), bytes(1)], 7).await;
        assert_eq!(pieces[0], Ok(3));
        assert!(
            pieces[1].as_ref().is_err_and(|e| e.contains("more")),
            "{pieces:?}"
        );
        assert_eq!(pieces.len(), 2);
    }

    #[tokio::test]
    async fn an_exact_stream_passes_unchanged() {
        assert_eq!(given(vec![bytes(3), bytes(4)], 7).await, [Ok(3), Ok(4)]);
    }
}
