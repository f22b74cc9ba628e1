//! What a file from a stranger is, and what it says of itself.
//!
//! A parser reads through a [`Bounded`] reader, which ends after so many bytes or so long; its allocations are
//! bounded by lofty; a panic in it becomes a refusal. No field vetoes the audio: a file is read with its tags, and
//! where that fails without its pictures, then without the fields that fail, then without tags. Only what has no
//! audio that can be played is refused.

mod attempts;
mod bounded;
mod container;
mod formats;
mod frames;
mod id3;
mod limits;
mod measure;
mod measured;
mod packed;
mod plenty;
mod refusal;
mod spliced;
mod sung;
mod written;

use std::{
    io::{Read, Seek},
    time::Instant,
};

use kadenza_contract::{Format, Result};
use lofty::{
    config::{GlobalOptions, apply_global_options},
    file::{AudioFile, TaggedFile},
};

use crate::{config::IntakeConfig, guard::guarded};
use bounded::Bounded;
use formats::comments;
pub(crate) use limits::PICTURE_BYTES_MAX;
use limits::{ALLOCATION_BYTES_MAX, BYTE_S_MAX, READ_BYTES_MAX};
use measure::measure;
use measured::Measured;
use refusal::{refused, unreadable};
pub(crate) use written::{Date, number as written_number};

/// What was read of a file.
pub(crate) struct Parsed {
    pub(crate) format: Format,
    /// `None` where it is not known.
    pub(crate) duration_ms: Option<u64>,
    /// In kbit/s; `None` where it is not known.
    pub(crate) bit_rate: Option<u32>,
    /// Its tags, and what else its audio says.
    pub(crate) tagged: TaggedFile,
    /// The gains to the level of EBU R 128, of the track and of the album, in 1/256 of a decibel.
    pub(crate) r128_gains: [Option<i64>; 2],
}

/// How much of a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Its tags. How long it lasts is then what its head says, which may be wrong.
    Tags,
    /// All of its audio, where nothing less tells how long it lasts.
    Audio,
    /// Its audio without its tags, where those cannot be read within bounds.
    Bare,
}

/// Makes sure that a file begins as audio of a kind that is taken, without reading its tags: a client does not send
/// what does not. Waits for the disk, no longer than ten seconds.
///
/// # Errors
///
/// [`Error::NotAudio`](kadenza_contract::Error::NotAudio) as by an upload. What passes may still be refused.
pub fn recognise(file: impl Read + Seek + Send) -> Result<()> {
    let deadline = Instant::now() + IntakeConfig::default().tag_deadline;
    let found = guarded(|| {
        let mut file = Bounded::new(file, READ_BYTES_MAX, deadline).map_err(unreadable)?;
        container::find(&mut file).map(|_| ())
    });
    found.unwrap_or_else(|| Err(refused("it is broken in a way that cannot be read".into())))
}

/// Reads a file. Waits for the disk, no longer than `deadline`.
pub(crate) fn parse(
    file: impl Read + Seek + Send,
    depth: Depth,
    deadline: Instant,
) -> Result<Parsed> {
    let parsed = guarded(|| {
        apply_global_options(
            GlobalOptions::new()
                .use_custom_resolvers(false)
                .preserve_format_specific_items(false)
                .allocation_limit(ALLOCATION_BYTES_MAX),
        );
        let mut file = Bounded::new(file, READ_BYTES_MAX, deadline).map_err(unreadable)?;
        let found = container::find(&mut file)?;
        let is_bare =
            depth == Depth::Bare || plenty::are_too_many(&mut file, &found).unwrap_or(false);
        file.allow(READ_BYTES_MAX);
        let (tagged, format) = attempts::read(&mut file, &found, is_bare)?;
        let measured = match depth {
            Depth::Tags => None,
            // One that takes too long is not known.
            Depth::Audio | Depth::Bare => {
                measure(&mut file, &found, &tagged).unwrap_or(Some(Measured::default()))
            }
        };
        // Names and pictures are read without: that would read the comments, with a picture in them, once more.
        let r128_gains = match (format, depth) {
            (Format::Opus, Depth::Audio) if !is_bare => {
                file.allow(READ_BYTES_MAX);
                comments::gains(&mut file, found.at)
            }
            _ => [None; 2],
        };
        let parsed = described(tagged, format, measured, file.len());
        Ok(Parsed {
            r128_gains,
            ..parsed
        })
    });
    match parsed {
        Some(Err(_)) | None if Instant::now() >= deadline => {
            Err(refused("reading its tags takes too long".into()))
        }
        Some(parsed) => parsed,
        None => Err(refused("it is broken in a way that cannot be read".into())),
    }
}

fn described(tagged: TaggedFile, format: Format, measured: Option<Measured>, size: u64) -> Parsed {
    let properties = tagged.properties();
    let read = Measured {
        lasts: Some(properties.duration()),
        bytes: None,
    };
    let measured = measured.unwrap_or(read);
    let duration_ms = measured
        .lasts
        .filter(|lasts| lasts.as_secs() <= size.saturating_mul(BYTE_S_MAX))
        .and_then(|lasts| u64::try_from(lasts.as_millis()).ok())
        .filter(|ms| *ms > 0);
    let bit_rate = match (measured.bytes, duration_ms) {
        (Some(bytes), Some(ms)) => u32::try_from((bytes.saturating_mul(8) + ms / 2) / ms).ok(),
        (_, Some(_)) => properties.audio_bitrate().or(properties.overall_bitrate()),
        // It would be reckoned from the same unknown.
        (_, None) => None,
    };
    Parsed {
        format,
        duration_ms,
        bit_rate: bit_rate.filter(|rate| *rate > 0),
        tagged,
        r128_gains: [None; 2],
    }
}
