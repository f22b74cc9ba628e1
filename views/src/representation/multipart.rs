//! Several ranges in one answer: `multipart/byteranges` (RFC 9110, section 14.6).

use std::{
    fmt::Write,
    hash::{BuildHasher, Hasher, RandomState},
    ops::Range,
    sync::Arc,
};

use axum::http::HeaderValue;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use kadenza_contract::{AudioRequest, AudioStream, Error, MusicService};

use super::exact::Exact;
use crate::headers::value;

/// The parts of an answer and what stands between them.
#[derive(Debug)]
pub(crate) struct Multipart {
    boundary: String,
    /// The length of the whole body.
    pub(crate) length: u64,
    parts: Vec<(Bytes, Range<u64>)>,
    end: Bytes,
}

impl Multipart {
    /// An answer with these ranges of audio that has this size and media type.
    pub(crate) fn new(ranges: &[Range<u64>], size: u64, content_type: &str) -> Multipart {
        let boundary = boundary();
        let mut parts = Vec::with_capacity(ranges.len());
        let mut length = 0;
        for range in ranges {
            let mut head = String::with_capacity(160);
            let last = range.end - 1;
            write!(
                head,
                "\r\n--{boundary}\r\nContent-Type: {content_type}\r\n\
                 Content-Range: bytes {}-{last}/{size}\r\n\r\n",
                range.start
            )
            .expect("a string takes all text");
            length += head.len() as u64 + (range.end - range.start);
            parts.push((Bytes::from(head), range.clone()));
        }
        let end = Bytes::from(format!("\r\n--{boundary}--\r\n"));
        Multipart {
            boundary,
            length: length + end.len() as u64,
            parts,
            end,
        }
    }

    /// The header `Content-Type`.
    pub(crate) fn content_type(&self) -> HeaderValue {
        value(format_args!(
            "multipart/byteranges; boundary={}",
            self.boundary
        ))
    }

    /// The body. The audio of a part is opened when the part before is sent; `first`, that of the
    /// first part, is open already.
    pub(crate) fn stream(
        self,
        first: AudioStream,
        service: Arc<dyn MusicService>,
        request: AudioRequest,
    ) -> AudioStream {
        let mut first = Some(first);
        let parts = self.parts.into_iter().map(move |(head, range)| {
            let service = Arc::clone(&service);
            let request = AudioRequest {
                range: range.clone().into(),
                ..request.clone()
            };
            let open = first.take();
            let audio = async move {
                let audio = match open {
                    Some(audio) => Some(audio),
                    None => service.audio(&request).await?.map(|audio| audio.stream),
                };
                // It was there a moment ago, and songs are never deleted.
                let audio = audio.ok_or_else(|| Error::Damaged {
                    what: "the audio vanished while it was read".to_owned(),
                })?;
                Ok(Exact::new(audio, range.end - range.start))
            };
            stream::once(async { Ok(head) }).chain(stream::once(audio).try_flatten())
        });
        let end = self.end;
        stream::iter(parts)
            .flatten()
            .chain(stream::once(async { Ok(end) }))
            .boxed()
    }
}

/// A line that is in no audio, as nobody can know it beforehand: 128 bits of the randomness with
/// which the standard library seeds its hash tables.
fn boundary() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_differ() {
        assert_ne!(boundary(), boundary());
    }
}
