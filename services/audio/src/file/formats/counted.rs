//! Counting packets with symphonia, which knows the containers, and decodes nothing here.

use std::{
    io::{self, Read, Seek, SeekFrom},
    time::Duration,
};

use parking_lot::Mutex;
use symphonia::core::{
    formats::{FormatReader, TrackType},
    io::{MediaSource, MediaSourceStream},
};

/// What symphonia reads. The lock is never taken: it makes the reader shareable, as symphonia wants it.
pub(super) struct Source<R> {
    inner: Mutex<R>,
    len: u64,
}

impl<R: Read + Seek> Source<R> {
    pub(super) fn new(mut inner: R) -> io::Result<Source<R>> {
        let len = inner.seek(SeekFrom::End(0))?;
        inner.rewind()?;
        Ok(Source {
            inner: Mutex::new(inner),
            len,
        })
    }

    /// A stream of it.
    pub(super) fn stream<'a>(self) -> MediaSourceStream<'a>
    where
        R: Send + 'a,
    {
        MediaSourceStream::new(Box::new(self), Default::default())
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.inner.get_mut().read(into)
    }
}

impl<R: Seek> Seek for Source<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.get_mut().seek(to)
    }
}

impl<R: Read + Seek + Send> MediaSource for Source<R> {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.len)
    }
}

/// How long the packets of the first audio track last, and how many bytes they have; `None` if it has none. Ends
/// where the file does, or where it is broken.
pub(super) fn count(reader: &mut dyn FormatReader) -> Option<(Duration, u64)> {
    let track = reader.first_track(TrackType::Audio)?;
    let (track, base) = (track.id, track.time_base?);
    let (mut lasts, mut bytes, mut end) = (0u64, 0u64, 0i64);
    let (mut begin, mut step) = (0i64, 0i64);
    while let Ok(Some(packet)) = reader.next_packet() {
        if packet.track_id == track {
            lasts = lasts.saturating_add(packet.dur.get());
            bytes += packet.data.len() as u64;
            end = end.max(packet.pts.saturating_add(packet.dur).get());
            let next = packet.pts.get();
            (begin, step) = (next, next.saturating_sub(begin));
        }
    }
    // Packets of Matroska do not tell how long they last, but when they begin. The last one is like that before it.
    let ticks = if lasts == 0 {
        u64::try_from(end.saturating_add(step.max(0))).unwrap_or(0)
    } else {
        lasts
    };
    let lasts = base.calc_duration(symphonia::core::units::Duration::new(ticks))?;
    let ms = u64::try_from(lasts.as_millis()).ok()?;
    (bytes > 0).then_some((Duration::from_millis(ms), bytes))
}
