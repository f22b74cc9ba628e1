//! Bytes in, frames out.
//!
//! Memory follows the bytes that came, never the lengths that were announced: a connection holds
//! the buffer, which grows by doubling when it is full, and for a long attachment at most 16 times
//! what has arrived of it.

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::{
    envelope::{Envelope, Malformed, Parser},
    frame::{HEADER_BYTES, Header, SMALL_FRAME_BYTES_MAX},
};
use crate::message::Request;

/// How much is read at once, in bytes.
pub(crate) const BUFFER_BYTES: usize = 64 << 10;

/// An attachment up to this size is copied out of the buffer; a longer one gets memory of its own,
/// into which it is read. So nothing that is kept ever pins a whole buffer.
const COPIED_BYTES_MAX: usize = SMALL_FRAME_BYTES_MAX;

/// How much of an attachment is taken on trust for each byte of it that arrived.
const TRUST: usize = 16;

/// A frame that was read.
#[derive(Debug, PartialEq)]
pub(crate) struct Frame<Q: Request> {
    pub(crate) envelope: Envelope<Q>,
    pub(crate) attachment: Bytes,
}

/// The frames of one connection.
#[derive(Debug)]
pub(crate) struct FrameReader<Q: Request> {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    stage: Stage<Q>,
    parser: Parser,
}

impl<Q: Request> Default for FrameReader<Q> {
    fn default() -> FrameReader<Q> {
        FrameReader {
            buffer: Vec::new(),
            start: 0,
            end: 0,
            stage: Stage::Header,
            parser: Parser::default(),
        }
    }
}

/// The part of a frame that is read next.
#[derive(Debug)]
enum Stage<Q: Request> {
    Header,
    Json(Header),
    Attachment(Envelope<Q>, usize),
    /// The attachment goes into memory of its own.
    Body(Envelope<Q>, BytesMut, usize),
}

impl<Q: Request> FrameReader<Q> {
    /// Whether no byte of a next frame has arrived.
    pub(crate) fn is_between_frames(&self) -> bool {
        self.start == self.end && matches!(self.stage, Stage::Header)
    }

    /// Gives the buffer away, for others to use meanwhile. Only between frames.
    pub(crate) fn take_buffer(&mut self) -> Vec<u8> {
        debug_assert!(self.is_between_frames());
        (self.start, self.end) = (0, 0);
        std::mem::take(&mut self.buffer)
    }

    /// Takes a buffer to read into.
    pub(crate) fn give_buffer(&mut self, buffer: Vec<u8>) {
        debug_assert!(self.is_between_frames());
        (self.start, self.end) = (0, 0);
        self.buffer = buffer;
    }

    /// Reads once from the source, and says how many bytes came; 0 at its end. To be called only
    /// after [`FrameReader::next`] has given all that there was.
    pub(crate) async fn fill(
        &mut self,
        source: &mut (impl AsyncRead + Unpin),
    ) -> std::io::Result<usize> {
        if let Stage::Body(_, body, len) = &mut self.stage {
            let missing = *len - body.len();
            if body.len() == body.capacity() {
                body.reserve(missing.min(body.len() * (TRUST - 1)));
            }
            let room = missing.min(body.capacity() - body.len());
            return source.read_buf(&mut body.limit(room)).await;
        }
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if self.end == self.buffer.len() {
            let grown = (self.buffer.len() * 2).max(BUFFER_BYTES);
            self.buffer.resize(grown, 0);
        }
        let came = source.read(&mut self.buffer[self.end..]).await?;
        self.end += came;
        Ok(came)
    }

    /// The next frame, if it has arrived whole.
    pub(crate) fn next(&mut self) -> Result<Option<Frame<Q>>, Malformed> {
        loop {
            let arrived = &self.buffer[self.start..self.end];
            match std::mem::replace(&mut self.stage, Stage::Header) {
                Stage::Header => {
                    let Some(bytes) = arrived.first_chunk::<HEADER_BYTES>() else {
                        return Ok(None);
                    };
                    let header =
                        Header::read(*bytes).ok_or(Malformed("a length beyond its bound"))?;
                    self.start += HEADER_BYTES;
                    self.stage = Stage::Json(header);
                }
                Stage::Json(header) => {
                    let Some(json) = arrived.get(..header.json) else {
                        self.stage = Stage::Json(header);
                        return Ok(None);
                    };
                    let envelope = self.parser.parse(json)?;
                    self.start += header.json;
                    self.stage = Stage::Attachment(envelope, header.attachment);
                }
                Stage::Attachment(envelope, len) => {
                    if let Some(whole) = arrived.get(..len) {
                        let attachment = Bytes::copy_from_slice(whole);
                        self.start += len;
                        return Ok(Some(Frame {
                            envelope,
                            attachment,
                        }));
                    }
                    if arrived.len() < COPIED_BYTES_MAX {
                        self.stage = Stage::Attachment(envelope, len);
                        return Ok(None);
                    }
                    let mut body = BytesMut::with_capacity(len.min(arrived.len() * TRUST));
                    body.extend_from_slice(arrived);
                    self.start = self.end;
                    self.stage = Stage::Body(envelope, body, len);
                    return Ok(None);
                }
                Stage::Body(envelope, body, len) => {
                    if body.len() < len {
                        self.stage = Stage::Body(envelope, body, len);
                        return Ok(None);
                    }
                    return Ok(Some(Frame {
                        envelope,
                        attachment: body.freeze(),
                    }));
                }
            }
        }
    }

    /// How much memory is held, in bytes.
    #[cfg(test)]
    fn memory(&self) -> usize {
        let body = match &self.stage {
            Stage::Body(_, body, _) => body.capacity(),
            _ => 0,
        };
        self.buffer.capacity() + body
    }
}

#[cfg(test)]
mod tests;
