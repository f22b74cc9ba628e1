//! What can be read of a file from a stranger.

use std::{
    io::{Read, Seek},
    time::Instant,
};

use kadenza_contract::Error;
use serde::{Deserialize, Serialize};

use crate::{
    covers::{Decoded, decode},
    file::{Depth, PICTURE_BYTES_MAX},
    tags::{self, Tagged},
};

/// What is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Job {
    /// What audio says of itself.
    Describe,
    /// What is known of audio without its tags.
    Bare,
    /// The cover in audio, as it is there.
    Cover,
    /// The lyrics in audio.
    Lyrics,
    /// The pixels of a picture.
    Decode,
}

/// What was found.
#[derive(Debug)]
pub(crate) enum Answer {
    Tagged(Box<Tagged>),
    Cover(Option<Vec<u8>>),
    /// As they are written, with times or without.
    Lyrics(Option<String>),
    Picture(Decoded),
}

/// Why nothing was found. The file is at fault, not this machine.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It is not what it should be.
    Refused(String),
    /// It takes too much memory or time.
    Bounds,
}

/// Does the job. Waits for the disk, no longer than `deadline`.
pub(super) fn done(
    job: Job,
    mut file: impl Read + Seek + Send,
    deadline: Instant,
) -> Result<Answer, Failure> {
    let refused = |error| match error {
        Error::NotAudio { what } => Failure::Refused(what),
        other => Failure::Refused(other.chain()),
    };
    match job {
        Job::Describe => tags::read(file, Depth::Audio, deadline)
            .map(|tagged| Answer::Tagged(Box::new(tagged)))
            .map_err(refused),
        Job::Bare => tags::read(file, Depth::Bare, deadline)
            .map(|tagged| Answer::Tagged(Box::new(tagged)))
            .map_err(refused),
        Job::Cover => tags::read_cover(file, deadline)
            .map(Answer::Cover)
            .map_err(refused),
        Job::Lyrics => tags::read_lyrics(file, deadline)
            .map(Answer::Lyrics)
            .map_err(refused),
        Job::Decode => {
            let mut bytes = Vec::new();
            let read = file.by_ref().take(PICTURE_BYTES_MAX as u64);
            { read }
                .read_to_end(&mut bytes)
                .map_err(|error| Failure::Refused(error.to_string()))?;
            decode(&bytes)
                .map(Answer::Picture)
                .map_err(Failure::Refused)
        }
    }
}
