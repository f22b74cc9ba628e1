//! How long audio lasts: by what the file states where that is true, else counted.

use std::{
    io::{self, Read, Seek},
    time::Duration,
};

use lofty::{file::AudioFile, file::TaggedFile};

use super::{
    bounded::Bounded,
    container::{Found, Kind},
    flac, frames, mp4, ogg, riff,
};

/// What a header states of its bytes may be off by so much, which are tags and padding.
const SLACK_BYTES: u64 = 16 << 10;

/// What was found to be so, whatever the file states.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Measured {
    /// `None` where it is not known.
    pub(super) lasts: Option<Duration>,
    /// The size of the audio, where the bit rate has to be told by it.
    pub(super) bytes: Option<u64>,
}

/// Measures the audio of a file. `None` where what was read of it is right, or as right as can be known.
pub(super) fn measure<R: Read + Seek + Send>(
    file: &mut Bounded<R>,
    found: &Found,
    tagged: &TaggedFile,
) -> io::Result<Option<Measured>> {
    // Time alone is the bound: memory is not used up by counting.
    file.allow(u64::MAX);
    match found.kind {
        Kind::Frames(frame) => frames(file, found.at, &frame),
        Kind::Flac => flac::measure(file, found.at),
        Kind::Ogg => ogg::measure(file, found.at),
        Kind::Riff | Kind::Aiff => riff::measure(file, found.at, tagged.properties().duration()),
        Kind::Mp4 => mp4::measure(file, found.at, tagged.properties().duration()),
        Kind::WavPack | Kind::Musepack | Kind::MonkeysAudio | Kind::Matroska => Ok(None),
    }
}

/// Frames have one length only if a header says so, and if it fits the file: joined files have one, too.
fn frames<R: Read + Seek>(
    file: &mut Bounded<R>,
    at: u64,
    frame: &frames::Frame,
) -> io::Result<Option<Measured>> {
    let end = frames::end(file)?;
    let stated = frames::stated(file, at, frame)?;
    if let Some(frames::Stated {
        frames,
        bytes: Some(bytes),
    }) = stated
        && frames > 0
        && bytes.abs_diff(end.saturating_sub(at)) <= SLACK_BYTES.max(bytes / 200)
    {
        let samples = frames * frame.samples;
        return Ok(Some(Measured {
            lasts: Some(of_samples(samples, frame.sample_rate)),
            bytes: Some(bytes),
        }));
    }
    let (lasts, bytes) = frames::count(file, at, end)?;
    Ok(Some(Measured {
        lasts: Some(lasts),
        bytes: Some(bytes),
    }))
}

/// How long so many samples last, to the millisecond.
pub(super) fn of_samples(samples: u64, rate: u32) -> Duration {
    let rate = u128::from(rate.max(1));
    let ms = (u128::from(samples) * 1000 + rate / 2) / rate;
    Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX))
}
