//! How long audio lasts: by what the file states where that is true, else counted.

use std::io::{self, Read, Seek};

use lofty::{file::AudioFile, file::TaggedFile};

use super::{
    bounded::Bounded,
    container::{Found, Kind},
    formats::{flac, mp4, ogg, riff, wavpack},
    frames,
    measured::{Measured, of_samples},
};

/// What a header states of its bytes may be off by so much, which are tags and padding.
const SLACK_BYTES: u64 = 16 << 10;

/// Measures the audio of a file. `None` where what was read of it is right, or as right as can be known.
pub(super) fn measure<R: Read + Seek + Send>(
    file: &mut Bounded<R>,
    found: &Found,
    tagged: &TaggedFile,
) -> io::Result<Option<Measured>> {
    // Time alone is the bound: memory is not used up by counting.
    file.allow_all();
    match found.kind {
        Kind::Frames(frame) => frames(file, found.at, &frame),
        Kind::Flac => flac::measure(file, found.at),
        Kind::Ogg => ogg::measure(file, found.at),
        Kind::Riff | Kind::Aiff => riff::measure(file, found.at, tagged.properties().duration()),
        Kind::Mp4 => mp4::measure(file, found.at, tagged.properties().duration()),
        Kind::WavPack => wavpack::measure(file, found.at, tagged.properties().sample_rate()),
        Kind::Musepack | Kind::MonkeysAudio | Kind::Matroska => Ok(None),
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
